// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What S4D and S5 ask of steps and sampled modes.

#include <cmath>
#include <complex>
#include <stdexcept>

#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/ssm/diagonal_discretization.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// A first-order hold has a second input weight, which these models do not have.
inline void require_hold(const char* who, Discretization method) {
  require(method != Discretization::first_order_hold,
          "{}: expected bilinear, zero_order_hold or dirac, found first_order_hold", who);
}

/// Throws std::invalid_argument unless exp(log_step) is positive and finite for every entry.
template <class Scalar>
void require_steps(const char* who, const Scalar* log_step, Index count) {
  for (Index i = 0; i < count; ++i) {
    if (!is_finite(log_step[i])) {
      raise<std::invalid_argument>("{}: expected a finite log_step, found {} at {}", who, non_finite_name(log_step[i]),
                                   i);
    }
    const auto value = static_cast<double>(log_step[i]);
    require(value >= -700 && value <= 700, "{}: expected a log_step of -700 to 700, found {} at {}", who, value, i);
  }
}

/// discretize_mode, or NumericalError where the result is not finite.
inline DiscreteMode sampled_mode(const char* who, Discretization method, const std::complex<double>& lambda,
                                 const std::complex<double>& b, double step) {
  const DiscreteMode mode = discretize_mode(method, lambda, b, step);
  const double parts[] = {mode.pole.real(), mode.pole.imag(), mode.weight.real(), mode.weight.imag()};
  if (!all_finite(parts, 4)) {
    raise<NumericalError>("{}: expected modes that the step can resolve, found lambda {} + {} i at step {}", who,
                          lambda.real(), lambda.imag(), step);
  }
  return mode;
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
