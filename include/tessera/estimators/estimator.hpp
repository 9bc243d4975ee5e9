// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// How a gradient passes a discrete choice: one name per estimator and one function that applies the named one.
//
// An estimator of this kind turns (input, code, gradient of the code) into the gradient of the input, vector by vector.
// To add one: write its backward beside the others in a header of its own, give it a name here, and a case in
// `estimator_name` and in `estimator_backward_into`; every quantizer offers it from then on. An estimator that needs
// more than these three (noise it drew, a temperature, the distances to all codes) is a function with arguments of its
// own, which the quantizer that has them calls; what it drew belongs into the result of that quantizer's forward.

#include <type_traits>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/mask.hpp>
#include <tessera/estimators/rotation_trick.hpp>
#include <tessera/estimators/straight_through.hpp>

namespace tessera {

enum class GradientEstimator {
  straight_through,  ///< the gradient of the code, unchanged
  rotation_trick,    ///< rotated and scaled as the input is onto its code
};

/// The name used in files and messages.
constexpr const char* estimator_name(GradientEstimator estimator) {
  return estimator == GradientEstimator::rotation_trick ? "rotation_trick" : "straight_through";
}

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// The gradient of the inputs under the named estimator, from that of their codes; zero for masked vectors. All batches
/// are N x D; `grad_input` may be `grad_codes`. Throws std::invalid_argument when shapes differ.
template <class Scalar>
void estimator_backward_into(GradientEstimator estimator, std::type_identity_t<Batch<const Scalar>> inputs,
                             std::type_identity_t<Batch<const Scalar>> codes,
                             std::type_identity_t<Batch<const Scalar>> grad_codes, Batch<Scalar> grad_input,
                             Mask mask = {}) {
  detail::check_rotation_shapes("estimator_backward", inputs, codes, grad_codes, grad_input, mask);
  switch (estimator) {
    case GradientEstimator::straight_through:
      return straight_through_backward_into(grad_codes, grad_input, mask);
    case GradientEstimator::rotation_trick:
      return rotation_trick_backward_into(inputs, codes, grad_codes, grad_input, mask);
  }
  raise<std::invalid_argument>("estimator_backward: expected a known estimator, found {}", static_cast<int>(estimator));
}

/// The same into a new matrix.
template <class Element, class Scalar = std::remove_const_t<Element>>
RowMatrix<Scalar> estimator_backward(GradientEstimator estimator, Batch<Element> inputs,
                                     std::type_identity_t<Batch<const Scalar>> codes,
                                     std::type_identity_t<Batch<const Scalar>> grad_codes, Mask mask = {}) {
  RowMatrix<Scalar> grad_input(grad_codes.count(), grad_codes.dimension());
  estimator_backward_into(estimator, inputs, codes, grad_codes, rows(grad_input), mask);
  return grad_input;
}

}  // namespace tessera::inline TESSERA_ISA
