// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The straight-through estimator (Bengio, Leonard and Courville 2013, arXiv:1308.3432; as van den Oord et al. 2017,
// arXiv:1711.00937, section 3.2 use it): the code q(x) is piecewise constant in x, so its true derivative says nothing.
// Backward pretends that q(x) = x,
//
//     grad_input = grad_code.

#include <algorithm>
#include <type_traits>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/mask.hpp>

namespace tessera::inline TESSERA_ISA {

/// The gradient of the codes becomes that of the inputs; zero for masked vectors. `grad_input` may be `grad_codes`.
/// Throws std::invalid_argument when the shapes differ.
template <class Scalar>
void straight_through_backward_into(std::type_identity_t<Batch<const Scalar>> grad_codes, Batch<Scalar> grad_input,
                                    Mask mask = {}) {
  require(grad_codes.count() == grad_input.count() && grad_codes.dimension() == grad_input.dimension(),
          "straight_through_backward: expected grad_input of {} x {}, found {} x {}", grad_codes.count(),
          grad_codes.dimension(), grad_input.count(), grad_input.dimension());
  check_mask("straight_through_backward", mask, grad_codes.count());
  for (Index i = 0; i < grad_codes.count(); ++i) {
    if (!mask[i]) {
      std::fill_n(grad_input[i], grad_input.dimension(), Scalar(0));
    } else if (grad_input[i] != grad_codes[i]) {
      std::copy_n(grad_codes[i], grad_codes.dimension(), grad_input[i]);
    }
  }
}

/// The same into a new matrix.
template <class Element, class Scalar = std::remove_const_t<Element>>
RowMatrix<Scalar> straight_through_backward(Batch<Element> grad_codes, Mask mask = {}) {
  RowMatrix<Scalar> grad_input(grad_codes.count(), grad_codes.dimension());
  straight_through_backward_into(grad_codes, rows(grad_input), mask);
  return grad_input;
}

}  // namespace tessera::inline TESSERA_ISA
