// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Roots of real polynomials, and polynomials from roots,
//
//   c_0 x^n + c_1 x^(n-1) + ... + c_n  =  c_0 product over roots of (x - root).
//
// Roots are the eigenvalues of the balanced companion matrix, then moved by Aberth's iteration in long double. Each
// comes with the radius of a disc: the union of all discs has all the roots, and a disc apart from the others has one
// (B. T. Smith, Error bounds for zeros of a polynomial based upon Gerschgorin's theorems, Journal of the ACM 17, 1970).
// Multiple roots are what no method finds better than to eps^(1 / multiplicity); the polynomial from the roots found is
// close to the one given all the same.

#include <algorithm>
#include <cmath>
#include <complex>
#include <concepts>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/detail/aberth.hpp>
#include <tessera/ssm/detail/balancing.hpp>
#include <tessera/ssm/detail/conjugates.hpp>
#include <tessera/ssm/detail/long_polynomial.hpp>

namespace tessera::inline TESSERA_ISA {

struct PolynomialRoots {
  Eigen::VectorXcd roots;  // pairs first, each followed by its conjugate (to the bit); then the real ones
  Eigen::VectorXd errors;  // the radius of each root's disc
  double residual = 0;     // the largest difference of a coefficient of the product, relative to the largest of all
};

namespace detail {

/// Without leading zeros, divided by the first coefficient; the number of zeros at the end, which are dropped.
struct MonicPolynomial {
  LongPolynomial coefficients;
  Index roots_at_zero = 0;
};

inline MonicPolynomial monic(const char* who, const LongPolynomial& given) {
  const auto nonzero = [](long double c) { return c != 0; };
  const auto first = std::find_if(given.begin(), given.end(), nonzero);
  require(first != given.end(), "{}: expected a polynomial with a coefficient other than 0, found {} coefficients", who,
          given.size());
  const auto last = std::find_if(given.rbegin(), given.rend(), nonzero).base();
  MonicPolynomial result{LongPolynomial(first, last), static_cast<Index>(given.end() - last)};
  for (long double& c : result.coefficients) {
    c /= *first;
    const double rounded = static_cast<double>(c);
    if (!is_finite(rounded))
      raise<NumericalError>("{}: expected coefficients within 1e308 of the leading one, found {:.2g} to lead", who,
                            static_cast<double>(*first));
  }
  return result;
}

/// p by Horner's rule, with a bound of its rounding.
inline RootEvaluation evaluate_polynomial(const LongPolynomial& p, LongComplex z) {
  LongComplex value = 0, slope = 0;
  const long double radius = std::abs(z);
  long double bound = 0;
  for (const long double c : p) {
    slope = slope * z + value;
    value = value * z + c;
    bound = bound * radius + std::abs(value);
  }
  const long double size = std::abs(value);
  return {size > 0 ? slope / value : LongComplex(0), size, 4 * std::numeric_limits<long double>::epsilon() * bound};
}

/// One of each pair, and the real ones.
inline std::vector<LongComplex> upper_roots(const Eigen::VectorXcd& values) {
  std::vector<LongComplex> roots;
  for (const std::complex<double>& z : values) {
    if (z.imag() >= 0) roots.push_back(widen(z));
  }
  return roots;
}

/// As doubles. What is not on the real axis stays off it.
inline ConjugateSets rounded_roots(const std::vector<LongComplex>& roots) {
  ConjugateSets sets;
  for (const LongComplex& root : roots) {
    const std::complex<double> z = narrow(root);
    z.imag() != 0 ? sets.pairs.push_back(z) : sets.reals.push_back(z.real());
  }
  return sets;
}

inline double coefficient_residual(const LongPolynomial& p, const ConjugateSets& roots) {
  const LongPolynomial product = product_of_roots(roots);
  long double worst = 0, largest = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    worst = std::max(worst, std::abs(product[i] - p[i]));
    largest = std::max(largest, std::abs(p[i]));
  }
  return static_cast<double>(worst / largest);
}

Eigen::VectorXcd companion_eigenvalues(const char* who, const std::same_as<LongPolynomial> auto& p) {
  const Index n = static_cast<Index>(p.size()) - 1;
  Eigen::MatrixXd companion = Eigen::MatrixXd::Zero(n, n);
  for (Index i = 0; i < n; ++i) companion(0, i) = -static_cast<double>(p[static_cast<std::size_t>(i + 1)]);
  companion.diagonal(-1).setOnes();
  return matrix_eigenvalues(who, companion);
}

/// Of a monic polynomial without roots at 0.
ConjugateSets find_roots(const char* who, const std::same_as<LongPolynomial> auto& p) {
  if (p.size() < 2) return {};
  if (p.size() == 2) return {{}, {-static_cast<double>(p[1])}};
  if (p.size() == 3) {
    const std::vector<LongComplex> both = quadratic_roots(p[1], p[2]);
    return rounded_roots(both[0].imag() != 0 ? std::vector<LongComplex>{both[0]} : both);
  }
  std::vector<LongComplex> roots = upper_roots(companion_eigenvalues(who, p));
  const ConjugateSets found = rounded_roots(roots);
  polish_roots(roots, [&](LongComplex z) { return evaluate_polynomial(p, z); });
  const ConjugateSets polished = rounded_roots(roots);
  // Two that came to the same root have lost another one: then the eigenvalues, backward stable as a whole, are better.
  return coefficient_residual(p, polished) <= coefficient_residual(p, found) ? polished : found;
}

/// Smith's radius n |p(z_i) / product of (z_i - z_j)|, at most what Cauchy's bound of all roots allows.
inline double root_error(const LongPolynomial& p, const Eigen::VectorXcd& roots, Index i) {
  long double largest = 0, spread = 1;
  for (std::size_t k = 1; k < p.size(); ++k) largest = std::max(largest, std::abs(p[k]));
  const LongComplex z = widen(roots[i]);
  for (Index j = 0; j < roots.size(); ++j) {
    if (j != i) spread *= std::abs(z - widen(roots[j]));
  }
  const RootEvaluation here = evaluate_polynomial(p, z);
  const long double limit = 1 + largest + std::abs(z),
                    top = static_cast<long double>(roots.size()) * (here.size + here.noise);
  return static_cast<double>(top < limit * spread ? top / spread : limit);
}

PolynomialRoots find_polynomial_roots(const char* who, const std::same_as<LongPolynomial> auto& coefficients) {
  const MonicPolynomial p = monic(who, coefficients);
  ConjugateSets sets = find_roots(who, p.coefficients);
  PolynomialRoots result;
  result.residual = coefficient_residual(p.coefficients, sets);
  const Eigen::VectorXcd roots = join_conjugates(std::move(sets));
  const Index n = roots.size(), all = n + p.roots_at_zero;
  result.roots = Eigen::VectorXcd::Zero(all);
  result.errors = Eigen::VectorXd::Zero(all);
  result.roots.head(n) = roots;
  for (Index i = 0; i < n; ++i) result.errors[i] = root_error(p.coefficients, roots, i);
  return result;
}

}  // namespace detail

/// Leading zeros lower the degree, zeros at the end are roots at exactly 0; a constant has no roots. O(n^3). Throws
/// std::invalid_argument on coefficients that are not finite or all zero, NumericalError when the eigenvalues do not
/// converge or a leading coefficient is too small to divide by.
template <class Derived>
PolynomialRoots polynomial_roots(const Eigen::MatrixBase<Derived>& given) {
  const Eigen::VectorXd coefficients = given;
  require(all_finite(coefficients.data(), coefficients.size()), "polynomial_roots: expected finite coefficients");
  return detail::find_polynomial_roots(
      "polynomial_roots", detail::LongPolynomial(coefficients.data(), coefficients.data() + coefficients.size()));
}

/// 1, c_1, ..., c_n. Roots must come in pairs of conjugates, which may differ by rounding.
inline Eigen::VectorXd polynomial_from_roots(const Eigen::VectorXcd& roots) {
  const detail::LongPolynomial p =
      detail::product_of_roots(detail::split_conjugates("polynomial_from_roots", "roots", roots));
  Eigen::VectorXd coefficients(roots.size() + 1);
  for (Index i = 0; i <= roots.size(); ++i) coefficients[i] = static_cast<double>(p[static_cast<std::size_t>(i)]);
  return coefficients;
}

}  // namespace tessera::inline TESSERA_ISA
