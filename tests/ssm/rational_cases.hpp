// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Random rational transfer functions for tests, and their responses by other means than those under test.

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/ssm/filter_forms.hpp>
#include <tessera/ssm/stability.hpp>

#include "reference/state_space.hpp"
#include "support/random_matrix.hpp"

namespace tessera::testing {

inline Eigen::MatrixXd companion_matrix(const Eigen::VectorXd& denominator) {
  const Index order = denominator.size();
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(order, order);
  if (order > 0) a.row(0) = -denominator.transpose();
  for (Index i = 1; i < order; ++i) a(i, i - 1) = 1;
  return a;
}

/// Random coefficients N(0, 1 / n), then a_j s^j with s such that the largest pole has modulus `radius`.
inline Eigen::VectorXd random_denominator(Index order, double radius, std::uint64_t seed) {
  SplitMix random(seed);
  Eigen::VectorXd a(order);
  for (Index j = 0; j < order; ++j) a[j] = random.normal() / std::sqrt(static_cast<double>(order));
  if (order == 0) return a;
  const double largest = pole_radius(a);
  for (Index j = 0; j < order; ++j) a[j] *= std::pow(radius / largest, static_cast<double>(j + 1));
  return a;
}

inline DirectForm random_filter(Index order, double radius, std::uint64_t seed) {
  DirectForm form;
  form.denominator = random_denominator(order, radius, seed);
  const RowMatrix<double> b = random_normal<double>(1, order + 1, seed + 1000);
  form.numerator = b.row(0).head(order);
  form.skip = b(0, order);
  return form;
}

/// 1 + a_1 z^-1 + ... with pairs of poles radius exp(+- i angle).
inline Eigen::VectorXd denominator_of_pairs(const std::vector<double>& angles, double radius) {
  std::vector<long double> p{1};
  for (const double angle : angles) {
    const long double r = radius, c = -2 * r * std::cos(static_cast<long double>(angle)), d = r * r;
    std::vector<long double> q(p.size() + 2, 0);
    for (std::size_t i = 0; i < p.size(); ++i) {
      q[i] += p[i];
      q[i + 1] += c * p[i];
      q[i + 2] += d * p[i];
    }
    p = q;
  }
  Eigen::VectorXd a(static_cast<Index>(p.size()) - 1);
  for (Index j = 0; j < a.size(); ++j) a[j] = static_cast<double>(p[static_cast<std::size_t>(j + 1)]);
  return a;
}

inline std::vector<long double> impulse_of(const DirectForm& form, Index length) {
  return naive_impulse(form.numerator, form.denominator, form.skip, length);
}

/// The response of a stable filter wrapped around `length`: h[t] + h[t + L] + ... until it has died away.
inline std::vector<long double> wrapped_impulse(const DirectForm& form, Index length, Index until) {
  const std::vector<long double> taps = impulse_of(form, until);
  std::vector<long double> wrapped(static_cast<std::size_t>(length), 0);
  for (std::size_t t = 0; t < taps.size(); ++t) wrapped[t % wrapped.size()] += taps[t];
  return wrapped;
}

/// The largest difference of a row from what was expected, relative to the largest of that.
template <class Row>
double worst_difference(const Row& found, const std::vector<long double>& expected) {
  long double worst = 0, peak = 1e-300L;
  for (std::size_t t = 0; t < expected.size(); ++t) {
    worst = std::max(worst, std::abs(static_cast<long double>(found[static_cast<Index>(t)]) - expected[t]));
    peak = std::max(peak, std::abs(expected[t]));
  }
  return static_cast<double>(worst / peak);
}

}  // namespace tessera::testing
