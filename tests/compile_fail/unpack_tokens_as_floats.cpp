// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// Tokens stay integers of their type on the way into a tensor: a float does not hold them all.
// expect: no matching function for call to [^ ]*unpack_axis

#include <unsupported/Eigen/CXX11/Tensor>

#include <tessera/core/tensor.hpp>

void use(const tessera::Tokens<>& tokens, const Eigen::Tensor<float, 3>& image) {
#if defined(MISTAKE)
  tessera::unpack_axis<float>(tokens, image, 0);
#else
  const Eigen::Tensor<std::int64_t, 3> tensor = tessera::unpack_axis(tokens, image, 0);
#endif
}
