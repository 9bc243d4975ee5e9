// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// A view of a temporary tensor would dangle; a temporary TensorMap is a view of something that lives.
// expect: no matching function for call to [^ ]*last_axis

#include <unsupported/Eigen/CXX11/Tensor>

#include <tessera/core/tensor.hpp>

using Tensor = Eigen::Tensor<float, 3, Eigen::RowMajor>;

Tensor make();

tessera::Batch<float> use(float* data, Tensor& tensor) {
#if defined(MISTAKE)
  return tessera::last_axis(make());
#else
  tessera::last_axis(Eigen::TensorMap<Tensor>(data, 2, 2, 2));
  return tessera::last_axis(tensor);
#endif
}
