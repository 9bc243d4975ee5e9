// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// For the tests of dense systems: the HiPPO matrices of scaled Legendre polynomials with closed forms of what they
// answer, systems at random, and kernels of several inputs and outputs in long double.

#include <cmath>
#include <complex>
#include <cstdint>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>

#include "reference/state_space.hpp"
#include "support/random_matrix.hpp"

namespace tessera::testing {

/// A_nk = -sqrt((2n+1)(2k+1)) below the diagonal, -(n+1) on it, 0 above.
inline Eigen::MatrixXd legs_matrix(Index order) {
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(order, order);
  for (Index n = 0; n < order; ++n) {
    for (Index k = 0; k < n; ++k) a(n, k) = -std::sqrt(static_cast<double>((2 * n + 1) * (2 * k + 1)));
    a(n, n) = -static_cast<double>(n + 1);
  }
  return a;
}

/// B_n = sqrt(2n+1).
inline Eigen::VectorXd legs_input(Index order) {
  Eigen::VectorXd b(order);
  for (Index n = 0; n < order; ++n) b[n] = std::sqrt(static_cast<double>(2 * n + 1));
  return b;
}

/// Entry n of the integral of e^(sA) B over s in [0, T], in closed form: e^(tA) B has the entries
/// sqrt(2n+1) e^-t P_n(2 e^-t - 1).
inline long double legs_step_response(Index n, long double time) {
  const long double y = 2 * std::exp(-time) - 1;
  if (n == 0) return -std::expm1(-time);
  return (legendre(n - 1, y) - legendre(n + 1, y)) / (2 * std::sqrt(static_cast<long double>(2 * n + 1)));
}

/// Entry n of (I - w A')^-1 B' for the bilinear A', B' of S4 at step dt:
/// 2 / (1 + w) sqrt(2n+1) / (s + 1) product over j < n of (s - j) / (s + j + 2), s = 2 / dt (1 - w) / (1 + w).
/// Multiplied through by 1 + w, which may be zero.
inline LongComplex legs_generating(Index n, LongComplex w, long double dt) {
  const LongComplex plus = 1.0L + w, scaled = 2.0L / dt * (1.0L - w);  // s = scaled / plus
  LongComplex value = 2.0L * std::sqrt(static_cast<long double>(2 * n + 1)) / (scaled + plus);
  for (Index j = 0; j < n; ++j) {
    const long double real = static_cast<long double>(j);
    value *= (scaled - real * plus) / (scaled + (real + 2) * plus);
  }
  return value;
}

/// n x n normal deviates, scaled to spectral radius near `radius` (a Gaussian matrix has sqrt(n)).
inline Eigen::MatrixXd random_square(Index order, std::uint64_t seed, double radius) {
  return random_normal<double>(order, order, seed, radius / std::sqrt(static_cast<double>(order)));
}

/// C A^t B for t < length in long double: (outputs * inputs, length), row o * inputs + i.
inline Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic> long_kernel(const Eigen::MatrixXd& a,
                                                                              const Eigen::MatrixXd& b,
                                                                              const Eigen::MatrixXd& c, Index length) {
  const LongMatrix matrix = a.cast<long double>(), output = c.cast<long double>();
  LongMatrix state = b.cast<long double>(), taps(c.rows() * b.cols(), length);
  for (Index t = 0; t < length; ++t) {
    const LongMatrix tap = output * state;
    for (Index o = 0; o < c.rows(); ++o) {
      for (Index i = 0; i < b.cols(); ++i) taps(o * b.cols() + i, t) = tap(o, i);
    }
    state = (matrix * state).eval();
  }
  return taps;
}

}  // namespace tessera::testing
