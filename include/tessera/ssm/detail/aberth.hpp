// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Approximate roots of a real polynomial made as good as long double allows, all at once: Newton's step for each, away
// from the others (O. Aberth, Iteration methods for finding all zeros of a polynomial simultaneously, Mathematics of
// Computation 27, 1973),
//
//   z_i <- z_i - 1 / (p'(z_i) / p(z_i) - sum over j of 1 / (z_i - z_j)).
//
// Roots with an imaginary part stand for themselves and their conjugates, the others stay on the real axis.

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <vector>

#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/detail/long_polynomial.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Of a polynomial p at a place.
struct RootEvaluation {
  LongComplex slope;      // p' / p; of no meaning where p = 0
  long double size = 0;   // |p|
  long double noise = 0;  // what rounding may have changed p by
};

/// 1 / d, or 0 where roots coincide: then they do not push each other.
inline LongComplex repulsion(LongComplex d) {
  const long double square = std::norm(d);
  return square > 0 ? std::conj(d) / square : LongComplex(0);
}

/// The sum over the other roots, conjugates included.
inline LongComplex total_repulsion(const std::vector<LongComplex>& roots, std::size_t i) {
  LongComplex sum = 0;
  for (std::size_t j = 0; j < roots.size(); ++j) {
    if (j != i) sum += repulsion(roots[i] - roots[j]);
    if (roots[j].imag() != 0) sum += repulsion(roots[i] - std::conj(roots[j]));
  }
  return sum;
}

/// One step of root i, if it makes |p| smaller.
template <class Evaluate>
bool improve_root(std::vector<LongComplex>& roots, std::size_t i, const Evaluate& evaluate) {
  const RootEvaluation here = evaluate(roots[i]);
  if (!(here.size > here.noise)) return false;
  LongComplex next = roots[i] - repulsion(here.slope - total_repulsion(roots, i));
  if (roots[i].imag() == 0) next = next.real();
  const std::complex<double> place = narrow(next);
  if (!is_finite(place.real()) || !is_finite(place.imag())) return false;
  if (roots[i].imag() * next.imag() < 0 || (roots[i].imag() != 0 && next.imag() == 0)) return false;
  if (!(evaluate(next).size < here.size)) return false;
  roots[i] = next;
  return true;
}

template <class Evaluate>
void polish_roots(std::vector<LongComplex>& roots, const Evaluate& evaluate) {
  std::vector<bool> moving(roots.size(), true);
  for (int sweep = 0; sweep < 40 && std::find(moving.begin(), moving.end(), true) != moving.end(); ++sweep) {
    for (std::size_t i = 0; i < roots.size(); ++i) moving[i] = moving[i] && improve_root(roots, i, evaluate);
  }
}

/// x^2 + b x + c: one above the real axis and its conjugate, or two real ones.
inline std::vector<LongComplex> quadratic_roots(long double b, long double c) {
  const long double discriminant = b * b - 4 * c;
  if (discriminant < 0) {
    const long double height = std::sqrt(-discriminant) / 2;
    return {{-b / 2, height}, {-b / 2, -height}};
  }
  const long double far = -(b + std::copysign(std::sqrt(discriminant), b)) / 2;
  if (far == 0) return {0, 0};
  return {far, c / far};
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
