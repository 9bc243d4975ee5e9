// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Oracles for the HiPPO systems, in long double: the exponential of a matrix, integrals by Gauss and Legendre's rule,
// explicit sums for polynomials.

#include <cmath>
#include <numbers>
#include <vector>

#include <Eigen/Core>

#include "reference/state_space.hpp"

namespace tessera::testing {

/// e^A by scaling, its series and squaring. Small matrices only.
inline LongMatrix long_exponential(const LongMatrix& a) {
  int squarings = 0;
  long double norm = a.cwiseAbs().rowwise().sum().maxCoeff();
  for (; norm > 0.25L; norm /= 2) ++squarings;
  const LongMatrix m = a * std::ldexp(1.0L, -squarings);
  LongMatrix term = LongMatrix::Identity(a.rows(), a.cols()), sum = term;
  for (int k = 1; k < 20; ++k) {
    term = (term * m / static_cast<long double>(k)).eval();
    sum += term;
  }
  for (int i = 0; i < squarings; ++i) sum = (sum * sum).eval();
  return sum;
}

struct QuadratureRule {
  std::vector<long double> nodes, weights;
};

/// Exact on [0, 1] for polynomials of degree 2 count - 1.
inline QuadratureRule gauss_legendre(Index count) {
  QuadratureRule rule;
  for (Index i = 0; i < count; ++i) {
    long double x = std::cos(std::numbers::pi_v<long double> * (static_cast<long double>(i) + 0.75L) /
                             (static_cast<long double>(count) + 0.5L));
    long double slope = 1;
    for (int step = 0; step < 30; ++step) {
      const long double value = legendre(count, x);
      slope = static_cast<long double>(count) * (x * value - legendre(count - 1, x)) / (x * x - 1);
      x -= value / slope;
    }
    rule.nodes.push_back((1 + x) / 2);
    rule.weights.push_back(1 / ((1 - x * x) * slope * slope));
  }
  return rule;
}

/// L_n^(alpha)(x) = sum over i of (-1)^i binomial(n + alpha, n - i) x^i / i!.
inline long double laguerre(Index n, long double alpha, long double x) {
  long double sum = 0;
  for (Index i = 0; i <= n; ++i) {
    long double term = i % 2 == 0 ? 1 : -1;
    for (Index j = 1; j <= n - i; ++j) term *= (static_cast<long double>(i + j) + alpha) / static_cast<long double>(j);
    for (Index j = 1; j <= i; ++j) term *= x / static_cast<long double>(j);
    sum += term;
  }
  return sum;
}

/// The largest difference of two vectors or matrices.
template <class A, class B>
double apart(const Eigen::MatrixBase<A>& found, const Eigen::MatrixBase<B>& expected) {
  return (found - expected).cwiseAbs().maxCoeff();
}

}  // namespace tessera::testing
