// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Polynomials in long double, the highest power first: c_0 x^n + c_1 x^(n-1) + ... + c_n.

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/isa.hpp>
#include <tessera/ssm/detail/conjugates.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

using LongComplex = std::complex<long double>;
using LongPolynomial = std::vector<long double>;

inline LongComplex widen(std::complex<double> z) { return {z.real(), z.imag()}; }
inline std::complex<double> narrow(LongComplex z) {
  return {static_cast<double>(z.real()), static_cast<double>(z.imag())};
}

inline LongPolynomial polynomial_product(const LongPolynomial& a, const LongPolynomial& b) {
  LongPolynomial product(a.size() + b.size() - 1, 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < b.size(); ++j) product[i + j] += a[i] * b[j];
  }
  return product;
}

/// a + b, the constant terms aligned.
inline LongPolynomial polynomial_sum(LongPolynomial a, LongPolynomial b) {
  if (a.size() < b.size()) std::swap(a, b);
  const std::size_t shift = a.size() - b.size();
  for (std::size_t i = 0; i < b.size(); ++i) a[shift + i] += b[i];
  return a;
}

/// x - root, or the product of that and its conjugate.
inline LongPolynomial root_factor(std::complex<double> root) {
  const LongComplex z = widen(root);
  if (root.imag() == 0) return {1, -z.real()};
  return {1, -2 * z.real(), std::norm(z)};
}

/// An order in which the product of many factors stays small: each next root is the one farthest from all before, by
/// the product of distances (L. Reichel, Newton interpolation at Leja points, BIT 30, 1990).
inline std::vector<std::size_t> leja_order(const std::vector<std::complex<double>>& roots) {
  std::vector<std::size_t> order;
  std::vector<double> score(roots.size());
  for (std::size_t i = 0; i < roots.size(); ++i) score[i] = std::abs(roots[i]);
  std::vector<bool> taken(roots.size(), false);
  for (std::size_t k = 0; k < roots.size(); ++k) {
    std::size_t best = roots.size();
    for (std::size_t i = 0; i < roots.size(); ++i) {
      if (!taken[i] && (best == roots.size() || score[i] > score[best])) best = i;
    }
    taken[best] = true;
    order.push_back(best);
    for (std::size_t i = 0; i < roots.size(); ++i) {
      const double distance = std::abs(roots[i] - roots[best]) * std::abs(roots[i] - std::conj(roots[best]));
      score[i] = (k == 0 ? 0 : score[i]) + std::log(distance + std::numeric_limits<double>::min());
    }
  }
  return order;
}

/// The product of x - root over all roots, a real polynomial.
inline LongPolynomial product_of_roots(const ConjugateSets& sets) {
  std::vector<std::complex<double>> roots = sets.pairs;
  roots.insert(roots.end(), sets.reals.begin(), sets.reals.end());
  LongPolynomial product = {1};
  for (const std::size_t i : leja_order(roots)) product = polynomial_product(product, root_factor(roots[i]));
  return product;
}

/// A quotient of polynomials.
struct LongQuotient {
  LongPolynomial numerator = {0};
  LongPolynomial denominator = {1};
};

/// The sum over poles of r / (x - p), conjugates included.
inline LongQuotient sum_of_modes(const ModalForm& form) {
  const std::vector<std::complex<double>> poles(form.poles.data(), form.poles.data() + form.poles.size());
  LongQuotient sum;
  for (const std::size_t i : leja_order(poles)) {
    const LongComplex r = widen(form.residues[static_cast<Index>(i)]), p = widen(poles[i]);
    const LongPolynomial bottom = root_factor(poles[i]);
    LongPolynomial top = {r.real()};
    if (poles[i].imag() != 0) top = {2 * r.real(), -2 * (r * std::conj(p)).real()};
    sum.numerator = polynomial_sum(polynomial_product(sum.numerator, bottom), polynomial_product(top, sum.denominator));
    sum.denominator = polynomial_product(sum.denominator, bottom);
  }
  return sum;
}

/// Both with leading zeros to one length, as coefficients of z^-1, denominators starting with 1: skip, b and a.
inline DirectForm direct_form(const LongPolynomial& numerator, const LongPolynomial& denominator) {
  const Index order = static_cast<Index>(denominator.size()) - 1;
  const std::size_t lead = denominator.size() - numerator.size();
  const auto top = [&](Index i) -> long double {
    const std::size_t at = static_cast<std::size_t>(i);
    return at < lead ? 0 : numerator[at - lead];
  };
  DirectForm form{static_cast<double>(top(0)), Eigen::VectorXd(order), Eigen::VectorXd(order)};
  for (Index i = 1; i <= order; ++i) {
    const long double a = denominator[static_cast<std::size_t>(i)];
    form.denominator[i - 1] = static_cast<double>(a);
    form.numerator[i - 1] = static_cast<double>(top(i) - top(0) * a);
  }
  return form;
}

/// ||a||_1 / min |A| over the unit circle, at the angles of the poles and 512 others: by how much the quotient
/// amplifies the rounding of its coefficients.
inline double direct_form_condition(const Eigen::VectorXcd& poles, double norm) {
  constexpr Index nodes = 512;
  double smallest = std::numeric_limits<double>::max();
  for (Index k = 0; k < nodes + poles.size(); ++k) {
    const double angle = k < nodes ? std::numbers::pi * static_cast<double>(k) / nodes : std::arg(poles[k - nodes]);
    const std::complex<double> w(std::cos(angle), std::sin(angle));
    double size = 1;
    for (const std::complex<double>& pole : poles) size *= std::abs(w - pole);
    smallest = std::min(smallest, size);
  }
  return smallest > norm * 1e-300 ? norm / smallest : std::numeric_limits<double>::max();
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
