// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The numerator of a truncated impulse response at the roots of unity, and back. For B / A = b_1 z^-1 + ... over
// 1 + a_1 z^-1 + ..., the first L taps h_1 ... h_L have at z^L = 1 the same spectrum as B~ / A
// (ssm/truncation_mode.hpp), and in polynomials modulo p(x) = x^n + a_1 x^(n-1) + ... + a_n, with N(x) = b_1 x^(n-1) +
// ... + b_n,
//
//   N~ = (1 - x^L) N  mod p.
//
// For the row C = b of a companion realisation this is C (I - A^L) (Gu, Goel and Re 2022, appendix C.3), without a
// matrix. The way back is a system of n equations; note that the row C solves the transposed one,
// (I - A^L)^T c = b~. It fails only where a pole is an L-th root of unity: then taps repeat with period L, and
// nothing is left after the truncation. Everything is in double.

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <Eigen/Core>
#include <Eigen/LU>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/ssm/certificate.hpp>
#include <tessera/ssm/detail/quotient_ring.hpp>

namespace tessera::inline TESSERA_ISA {

/// A numerator with how well it was found: residual is the largest error of the equations relative to the largest
/// coefficient given, condition an estimate of that of the equations.
using CertifiedNumerator = Certified<Eigen::VectorXd>;

namespace detail {

inline void check_polynomials(const char* who, const Eigen::VectorXd& numerator, const Eigen::VectorXd& denominator,
                              Index length) {
  require(numerator.size() == denominator.size(),
          "{}: expected as many coefficients of the numerator as the order {}, found {}", who, denominator.size(),
          numerator.size());
  require(length >= 1, "{}: expected a length of at least 1, found {}", who, length);
  require(all_finite(numerator.data(), numerator.size()), "{}: expected a finite numerator", who);
  require(all_finite(denominator.data(), denominator.size()), "{}: expected a finite denominator", who);
}

/// b_1 ... b_n is the polynomial with b_n at x^0.
inline Eigen::VectorXd reversed(const Eigen::VectorXd& coefficients) { return coefficients.reverse(); }

}  // namespace detail

/// b~ of the first `length` taps after lag 0, from b. Throws std::invalid_argument on other sizes, a length below 1 and
/// coefficients that are not finite, NumericalError where a pole is so far outside the unit circle that its power
/// `length` leaves the range of double.
inline Eigen::VectorXd truncated_numerator(const Eigen::VectorXd& numerator, const Eigen::VectorXd& denominator,
                                           Index length) {
  detail::check_polynomials("truncated_numerator", numerator, denominator, length);
  if (numerator.size() == 0) return numerator;
  return detail::truncated(numerator, denominator, length);
}

/// Tap h_t, t >= 1, of B / A, in O(n log n log t).
inline double tap_at(const Eigen::VectorXd& numerator, const Eigen::VectorXd& denominator, Index t) {
  detail::check_polynomials("tap_at", numerator, denominator, t);
  return numerator.size() == 0 ? 0 : detail::tap_of(numerator, denominator, t);
}

/// b from b~: the inverse of truncated_numerator, O(n^3). Throws std::invalid_argument as that does, NumericalError
/// where the equations are singular in double.
inline CertifiedNumerator infinite_numerator(const Eigen::VectorXd& truncated, const Eigen::VectorXd& denominator,
                                             Index length) {
  detail::check_polynomials("infinite_numerator", truncated, denominator, length);
  const Index order = truncated.size();
  if (order == 0) return {truncated, {0, 1, length}};
  detail::QuotientRing ring(denominator);
  Eigen::VectorXd column = -ring.power(length);
  column[0] += 1;
  Eigen::MatrixXd factor(order, order);  // multiplication by 1 - x^L
  for (Index i = 0; i < order; ++i) {
    factor.col(i) = column;
    column = ring.shift(column);
  }
  const Eigen::VectorXd given = detail::reversed(truncated);
  const Eigen::PartialPivLU<Eigen::MatrixXd> decomposition(factor);
  const double reciprocal = decomposition.rcond();
  if (!(reciprocal > std::numeric_limits<double>::epsilon())) {
    raise<NumericalError>(
        "infinite_numerator: expected no pole at a root of unity of length {}, found the equations singular "
        "(reciprocal "
        "condition {:.1e})",
        length, reciprocal);
  }
  const Eigen::VectorXd found = decomposition.solve(given);
  const double scale = std::max(given.cwiseAbs().maxCoeff(), std::numeric_limits<double>::min());
  return {detail::reversed(found), {(factor * found - given).cwiseAbs().maxCoeff() / scale, 1 / reciprocal, length}};
}

/// b from the first n taps after lag 0 of the response, whatever they came from: b_i = sum over j < i of a_j h_(i-j),
/// a_0 = 1. O(n^2). Taken from a kernel of `length` > n taps that belongs to b~, it is the b of infinite_numerator.
inline Eigen::VectorXd numerator_of_taps(const Eigen::VectorXd& taps, const Eigen::VectorXd& denominator) {
  detail::check_polynomials("numerator_of_taps", taps, denominator, 1);
  return detail::numerator_from_taps(taps, denominator);
}

}  // namespace tessera::inline TESSERA_ISA
