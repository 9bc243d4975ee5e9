// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Polynomials modulo p(x) = x^n + a_1 x^(n-1) + ... + a_n, in double: what a companion matrix does, without the matrix.
// Multiplication by x is the matrix itself, so that its power L is x^L mod p, found by squaring: O(n log n log L), or
// O(n^2 log L) with small constants up to order 512. Transforms err by a share of the largest number around, which
// hurts where poles lie outside the unit circle: quotients there have coefficients as large as their powers n.

#include <algorithm>
#include <cstddef>
#include <optional>

#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/ssm/power_series.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Elements are n coefficients, that of x^i at i.
class QuotientRing {
 public:
  using Element = Eigen::VectorXd;

  /// `denominator` is a_1 ... a_n, n >= 1.
  explicit QuotientRing(const Eigen::VectorXd& denominator)
      : product_(2 * denominator.size() - 1), reversed_(denominator.reverse()) {
    if (size() <= transforms_above) return;
    quotient_.emplace(size());
    modulus_.emplace(size());
    factor_.emplace(size());
    quotient_->set(reciprocal_series(denominator, size()).data());
    modulus_->set(reversed_.data());
  }

  Index size() const { return reversed_.size(); }

  /// f g mod p.
  Element multiply(const Element& f, const Element& g) {
    if (factor_) return multiply_by_transforms(f, g);
    const Index n = size();
    product_.setZero();
    for (Index i = 0; i < n; ++i) product_.segment(i, n) += f[i] * g;
    for (Index d = 2 * n - 2; d >= n; --d) product_.segment(d - n, n) -= product_[d] * reversed_;
    return product_.head(n);
  }

  /// x f mod p.
  Element shift(const Element& f) const {
    const Index n = size();
    Element result(n);
    result[0] = 0;
    result.tail(n - 1) = f.head(n - 1);
    result -= f[n - 1] * reversed_;
    return result;
  }

  /// x^exponent mod p, exponent >= 0. Throws NumericalError where it leaves the range of double.
  Element power(Index exponent) {
    Element result = Element::Zero(size());
    result[0] = 1;
    for (int bit = 62; bit >= 0; --bit) {
      result = multiply(result, result);
      if ((exponent >> bit & 1) != 0) result = shift(result);
      if (!all_finite(result.data(), result.size())) {
        raise<NumericalError>(
            "x^L mod p: expected coefficients in the range of double, found them beyond it at L {}: a pole lies too "
            "far outside the unit circle",
            exponent >> bit);
      }
    }
    return result;
  }

 private:
  static constexpr Index transforms_above = 512;

  /// The quotient's coefficients, from the highest on, are those of the product times 1 / A.
  Element multiply_by_transforms(const Element& f, const Element& g) {
    const Index n = size();
    factor_->set(f.data());
    const double* product = factor_->full(g.data());
    Element high = Element::Zero(n), low = Eigen::Map<const Element>(product, n);
    for (Index i = 0; i < n - 1; ++i) high[i] = product[2 * n - 2 - i];
    quotient_->low(high.data(), high.data());
    high.head(n - 1).reverseInPlace();  // n - 1 coefficients, that of x^0 first
    high[n - 1] = 0;
    modulus_->low(high.data(), high.data());
    return low - high;
  }

  Eigen::VectorXd product_;
  Eigen::VectorXd reversed_;  // a_n ... a_1: p without its leading term
  std::optional<SeriesProduct<double>> quotient_;
  std::optional<SeriesProduct<double>> modulus_;
  std::optional<SeriesProduct<double>> factor_;
};

/// b~ of the first `length` taps of b / A, n >= 1: (1 - x^L) N mod p, where b_n ... b_1 are the coefficients of N.
inline Eigen::VectorXd truncated(const Eigen::VectorXd& numerator, const Eigen::VectorXd& denominator, Index length) {
  QuotientRing ring(denominator);
  const Eigen::VectorXd whole = numerator.reverse();
  return (whole - ring.multiply(ring.power(length), whole)).reverse();
}

/// b_i = sum over j < i of a_j h_(i-j), a_0 = 1, from h_1 ... h_n.
inline Eigen::VectorXd numerator_from_taps(const Eigen::VectorXd& taps, const Eigen::VectorXd& denominator) {
  Eigen::VectorXd numerator = taps;
  for (Index i = 1; i < taps.size(); ++i) numerator[i] += denominator.head(i).dot(taps.head(i).reverse());
  return numerator;
}

/// Tap h_t of b / A, n >= 1, t >= 1.
inline double tap_of(const Eigen::VectorXd& numerator, const Eigen::VectorXd& denominator, Index t) {
  QuotientRing ring(denominator);
  return ring.multiply(ring.power(t - 1), numerator.reverse())[numerator.size() - 1];
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
