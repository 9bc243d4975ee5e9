// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Whether numbers have the distribution that they are said to be drawn from.

#include <algorithm>
#include <cmath>
#include <vector>

#include <tessera/core/execution.hpp>

#include "support/catch.hpp"

namespace tessera::testing {

/// Mean, variance and correlation tests below take seven standard errors: a false alarm in 10^11 if the distribution is
/// right; and seeds are fixed.
inline constexpr double deviations = 7;

inline void check_moments(const std::vector<double>& values, double mean, double variance, double fourth) {
  const double count = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double value : values) {
    sum += value;
    squares += (value - mean) * (value - mean);
  }
  CHECK(std::abs(sum / count - mean) < deviations * std::sqrt(variance / count));
  CHECK(std::abs(squares / count - variance) < deviations * std::sqrt((fourth - variance * variance) / count));
}

inline void check_normal(const std::vector<double>& values, double variance) {
  check_moments(values, 0, variance, 3 * variance * variance);
}

inline void check_uniform(const std::vector<double>& values, double low, double high) {
  const double half = (high - low) / 2;
  check_moments(values, (low + high) / 2, half * half / 3, half * half * half * half / 5);
  CHECK(*std::min_element(values.begin(), values.end()) >= low);
  CHECK(*std::max_element(values.begin(), values.end()) <= high);
  const double edge = 20 * (high - low) / static_cast<double>(values.size());  // missed with probability e^-20
  CHECK(*std::min_element(values.begin(), values.end()) < low + edge);
  CHECK(*std::max_element(values.begin(), values.end()) > high - edge);
}

template <class Matrix>
std::vector<double> entries(const Matrix& matrix) {
  std::vector<double> values;
  for (Index i = 0; i < matrix.rows(); ++i) {
    for (Index j = 0; j < matrix.cols(); ++j) values.push_back(matrix(i, j));
  }
  return values;
}

}  // namespace tessera::testing
