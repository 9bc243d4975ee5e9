// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Clipping by the global norm: when |g|, over the gradients of all parameters together, exceeds `max_norm`, every
// gradient is multiplied by max_norm / |g| (Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent
// neural networks", algorithm 1).

#include <bit>
#include <cmath>
#include <cstdint>

#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/nn/detail/elementwise.hpp>
#include <tessera/nn/parameters.hpp>

namespace tessera::inline TESSERA_ISA {

/// The Euclidean norm of all gradients together. Tensors are summed in double.
/// Throws NumericalError, naming the tensor, when a gradient is not finite or its square overflows.
template <class Scalar>
double gradient_norm(const Parameters<Scalar>& parameters) {
  double sum = 0;
  for (const auto& tensor : parameters) {
    const auto square = [](const auto& g) { return g * g; };
    const auto squares = static_cast<double>(
        detail::sum_vectors<Scalar>(static_cast<Index>(tensor.gradients.size()), square, tensor.gradients.data()));
    // A test of the exponent's bits: comparisons with infinity do not survive -ffast-math.
    const bool finite = (std::bit_cast<std::uint64_t>(squares) >> 52 & 0x7ff) != 0x7ff;
    if (!finite) raise<NumericalError>("gradient_norm: expected finite gradients, found others in '{}'", tensor.name);
    sum += squares;
  }
  return std::sqrt(sum);
}

/// Scales all gradients so that their norm is at most `max_norm`; returns the norm before.
/// Throws std::invalid_argument unless max_norm is positive, NumericalError as gradient_norm; then nothing is changed.
template <class Scalar>
double clip_gradients(Parameters<Scalar>& parameters, double max_norm) {
  require(max_norm > 0, "clip_gradients: expected a positive norm, found {}", max_norm);
  const double norm = gradient_norm(parameters);
  if (norm <= max_norm) return norm;
  const auto factor = static_cast<Scalar>(max_norm / norm);
  for (const auto& tensor : parameters) {
    Eigen::Map<Eigen::ArrayX<Scalar>>(tensor.gradients.data(), static_cast<Index>(tensor.gradients.size())) *= factor;
  }
  return norm;
}

}  // namespace tessera::inline TESSERA_ISA
