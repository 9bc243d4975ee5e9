// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Impulse responses and closed forms of linear systems in long double, written straight from the equations.

#include <complex>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/execution.hpp>

namespace tessera::testing {

using LongComplex = std::complex<long double>;
using LongMatrix = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;

/// h of skip + (b_1 z^-1 + ...) / (1 + a_1 z^-1 + ...), by the difference equation.
inline std::vector<long double> naive_impulse(const Eigen::VectorXd& numerator, const Eigen::VectorXd& denominator,
                                              double skip, Index length) {
  std::vector<long double> taps(static_cast<std::size_t>(length));
  for (Index t = 0; t < length; ++t) {
    long double tap = t == 0 ? skip : t <= numerator.size() ? numerator[t - 1] : 0;
    for (Index j = 1; j <= denominator.size() && j < t; ++j)
      tap -= static_cast<long double>(denominator[j - 1]) * taps[static_cast<std::size_t>(t - j)];
    taps[static_cast<std::size_t>(t)] = tap;
  }
  return taps;
}

/// C A^t B for t < length.
inline std::vector<long double> naive_markov(const Eigen::MatrixXd& a, const Eigen::VectorXd& b,
                                             const Eigen::VectorXd& c, Index length) {
  const LongMatrix matrix = a.cast<long double>();
  LongMatrix state = b.cast<long double>();
  std::vector<long double> taps(static_cast<std::size_t>(length));
  for (long double& tap : taps) {
    tap = (c.cast<long double>().transpose() * state)(0, 0);
    state = (matrix * state).eval();
  }
  return taps;
}

/// 2 Re sum of w p^t for t < length.
inline std::vector<long double> naive_modes(const Eigen::VectorXcd& poles, const Eigen::VectorXcd& weights,
                                            Index length) {
  std::vector<long double> taps(static_cast<std::size_t>(length), 0);
  for (Index n = 0; n < poles.size(); ++n) {
    LongComplex mode(weights[n].real(), weights[n].imag());
    const LongComplex pole(poles[n].real(), poles[n].imag());
    for (long double& tap : taps) {
      tap += 2 * mode.real();
      mode *= pole;
    }
  }
  return taps;
}

/// The Legendre polynomial P_n(x), by its recurrence.
inline long double legendre(Index n, long double x) {
  long double before = 0, value = 1;
  for (Index k = 0; k < n; ++k) {
    const long double next = ((2 * k + 1) * x * value - k * before) / (k + 1);
    before = value;
    value = next;
  }
  return value;
}

}  // namespace tessera::testing
