// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The mean squared error over all scalars of a batch, mean((prediction - target)^2), and its gradient
// 2 (prediction - target) / (N D).

#include <type_traits>

#include <tessera/core/batch.hpp>
#include <tessera/nn/detail/elementwise.hpp>

namespace tessera::inline TESSERA_ISA {

/// The mean over vectors and features, vectors summed in double; 0 for an empty batch.
/// Throws std::invalid_argument when the shapes differ.
template <class Scalar, class Target>
double mean_squared_error(Batch<Scalar> prediction, Batch<Target> target) {
  using Value = std::remove_const_t<Scalar>;
  detail::require_same_shape("mean_squared_error", "a target", prediction, target);
  double sum = 0;
  for (Index i = 0; i < prediction.count(); ++i) {
    sum += static_cast<double>(detail::sum_vectors<Value>(
        prediction.dimension(), [](const auto& p, const auto& t) { return (p - t) * (p - t); }, prediction[i],
        target[i]));
  }
  const Index scalars = prediction.count() * prediction.dimension();
  return scalars == 0 ? 0 : sum / static_cast<double>(scalars);
}

/// grad_prediction = upstream * 2 (prediction - target) / (N D); may be one of the inputs. With
/// respect to the target the gradient is the opposite. Throws std::invalid_argument when the shapes differ.
template <class Scalar, class Target>
void mean_squared_error_backward_into(Batch<Scalar> prediction, Batch<Target> target,
                                      std::type_identity_t<std::remove_const_t<Scalar>> upstream,
                                      Batch<std::remove_const_t<Scalar>> grad_prediction) {
  using Value = std::remove_const_t<Scalar>;
  detail::require_same_shape("mean_squared_error_backward_into", "a target", prediction, target);
  detail::require_same_shape("mean_squared_error_backward_into", "grad_prediction", prediction, grad_prediction);
  if (prediction.count() * prediction.dimension() == 0) return;
  const auto factor = simd::broadcast(2 * upstream / static_cast<Value>(prediction.count() * prediction.dimension()));
  detail::map_batches(
      grad_prediction, [&](const auto& p, const auto& t) { return (p - t) * factor; }, prediction, target);
}

/// The same, returned.
template <class Scalar, class Target>
RowMatrix<std::remove_const_t<Scalar>> mean_squared_error_backward(
    Batch<Scalar> prediction, Batch<Target> target, std::type_identity_t<std::remove_const_t<Scalar>> upstream = 1) {
  RowMatrix<std::remove_const_t<Scalar>> gradient(prediction.count(), prediction.dimension());
  mean_squared_error_backward_into(prediction, target, upstream, rows(gradient));
  return gradient;
}

}  // namespace tessera::inline TESSERA_ISA
