// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// A lazy tensor expression has no data to view: it is evaluated first.
// expect: no matching function for call to [^ ]*axis

#include <unsupported/Eigen/CXX11/Tensor>

#include <tessera/core/tensor.hpp>

using Tensor = Eigen::Tensor<float, 3, Eigen::RowMajor>;

void use(const Tensor& a, const Tensor& b) {
#if defined(MISTAKE)
  tessera::axis(a + b, 2);
#else
  const Tensor sum = a + b;
  tessera::axis(sum, 2);
#endif
}
