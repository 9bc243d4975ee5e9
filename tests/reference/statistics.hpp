// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Goodness of fit for tests of random numbers. Every limit here is met by right numbers but for one seed in a million;
// tests fix the seed, and show with a broken variant that the limit can be missed.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace tessera::testing {

inline constexpr double false_alarm = 1e-6;

/// P(X > x) for chi-square with `freedom` degrees: the regularised upper incomplete gamma function Q(freedom / 2, x /
/// 2) by its power series (small x) or its continued fraction (Abramowitz and Stegun 6.5.29 and 6.5.31).
inline double chi_square_tail(double x, double freedom) {
  const double a = freedom / 2, z = x / 2;
  if (z <= 0) return 1;
  const double front = std::exp(a * std::log(z) - z - std::lgamma(a));
  if (z < a + 1) {
    double term = 1 / a, sum = term;
    for (double k = 1; term > 1e-17 * sum; ++k) sum += term *= z / (a + k);
    return 1 - front * sum;
  }
  double fraction = 0;  // z + (1-a)/(1 + 1/(z + (2-a)/(1 + 2/(z + ...)))) from the inside out
  for (double k = 400; k >= 1; --k) fraction = (k - a) / (1 + k / (z + fraction));
  return front / (z + fraction);
}

/// The probability that right draws miss the expected counts by as much as these did. Cells need 10 draws or more each.
inline double chi_square_p_value(const std::vector<double>& counts, const std::vector<double>& expected) {
  double square = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) square += std::pow(counts[i] - expected[i], 2) / expected[i];
  return chi_square_tail(square, static_cast<double>(counts.size()) - 1);
}

/// The same for cells that are all as likely.
inline double uniform_p_value(const std::vector<double>& counts) {
  double total = 0;
  for (const double count : counts) total += count;
  return chi_square_p_value(counts, std::vector<double>(counts.size(), total / static_cast<double>(counts.size())));
}

/// The largest distance between the distribution of the draws and `cdf` (Kolmogorov and Smirnov).
template <class Cdf>
double largest_cdf_distance(std::vector<double> draws, Cdf&& cdf) {
  std::sort(draws.begin(), draws.end());
  const auto count = static_cast<double>(draws.size());
  double largest = 0;
  for (std::size_t i = 0; i < draws.size(); ++i) {
    const double p = cdf(draws[i]), below = static_cast<double>(i) / count;
    largest = std::max({largest, p - below, below + 1 / count - p});
  }
  return largest;
}

/// The distance that right draws exceed with probability 1e-6 at most, whatever their number: P(D > d) is at most
/// 2 exp(-2 n d^2) (Massart, "The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality", 1990).
inline double cdf_distance_limit(std::size_t count) {
  return std::sqrt(std::log(2 / false_alarm) / (2 * static_cast<double>(count)));
}

/// Standard errors that a mean of many draws exceeds once in 10^7 (twenty of them in one test: 1e-6).
inline constexpr double standard_errors = 5.5;

}  // namespace tessera::testing
