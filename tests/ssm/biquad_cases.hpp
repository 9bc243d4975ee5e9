// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Filters of second-order sections for tests, and what they do in long double, written straight from the difference
// equations of one section after or beside the other.

#include <cmath>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>

#include "support/random_matrix.hpp"

namespace tessera::testing {

/// (channels, 4 sections + 1): pairs of poles of radius below `radius`, well off the real axis, numerators near one.
template <class Scalar>
RowMatrix<Scalar> random_parallel(Index channels, Index sections, double radius, std::uint64_t seed) {
  SplitMix random(seed);
  RowMatrix<Scalar> c(channels, 4 * sections + 1);
  for (Index i = 0; i < channels; ++i) {
    for (Index s = 0; s < sections; ++s) {
      const double r = radius * std::sqrt(random.uniform(0.3, 1)), angle = random.uniform(0.3, 2.8);
      c(i, 4 * s) = static_cast<Scalar>(random.normal());
      c(i, 4 * s + 1) = static_cast<Scalar>(random.normal());
      c(i, 4 * s + 2) = static_cast<Scalar>(-2 * r * std::cos(angle));
      c(i, 4 * s + 3) = static_cast<Scalar>(r * r);
    }
    c(i, 4 * sections) = static_cast<Scalar>(random.normal());
  }
  return c;
}

/// (channels, 5 sections): poles as above, zeros near them, so that no section amplifies much.
template <class Scalar>
RowMatrix<Scalar> random_cascade(Index channels, Index sections, double radius, std::uint64_t seed) {
  SplitMix random(seed);
  RowMatrix<Scalar> c(channels, 5 * sections);
  for (Index i = 0; i < channels; ++i) {
    for (Index s = 0; s < sections; ++s) {
      const double r = radius * std::sqrt(random.uniform(0.3, 1)), angle = random.uniform(0.3, 2.8);
      const double zero = r * random.uniform(0.9, 1), turn = angle + random.uniform(-0.05, 0.05);
      const double gain = random.uniform(0.9, 1.1);
      c(i, 5 * s) = static_cast<Scalar>(gain);
      c(i, 5 * s + 1) = static_cast<Scalar>(-2 * gain * zero * std::cos(turn));
      c(i, 5 * s + 2) = static_cast<Scalar>(gain * zero * zero);
      c(i, 5 * s + 3) = static_cast<Scalar>(-2 * r * std::cos(angle));
      c(i, 5 * s + 4) = static_cast<Scalar>(r * r);
    }
  }
  return c;
}

using LongRow = std::vector<long double>;

/// y of one channel by y[t] = b0 x[t] + b1 x[t-1] + b2 x[t-2] - a1 y[t-1] - a2 y[t-2], section after section.
template <class Scalar>
LongRow naive_cascade(const Scalar* c, Index sections, LongRow x) {
  for (Index s = 0; s < sections; ++s, c += 5) {
    LongRow y(x.size());
    for (std::size_t t = 0; t < x.size(); ++t) {
      y[t] = static_cast<long double>(c[0]) * x[t];
      for (std::size_t j = 1; j <= 2 && j <= t; ++j)
        y[t] += static_cast<long double>(c[j]) * x[t - j] - static_cast<long double>(c[j + 2]) * y[t - j];
    }
    x = y;
  }
  return x;
}

/// The sum over sections of y[t] = b0 x[t-1] + b1 x[t-2] - a1 y[t-1] - a2 y[t-2], and skip x.
template <class Scalar>
LongRow naive_parallel(const Scalar* c, Index sections, const LongRow& x) {
  LongRow sum(x.size());
  for (std::size_t t = 0; t < x.size(); ++t) sum[t] = static_cast<long double>(c[4 * sections]) * x[t];
  for (Index s = 0; s < sections; ++s, c += 4) {
    LongRow y(x.size(), 0);
    for (std::size_t t = 1; t < x.size(); ++t) {
      for (std::size_t j = 1; j <= 2 && j <= t; ++j)
        y[t] += static_cast<long double>(c[j - 1]) * x[t - j] - static_cast<long double>(c[j + 1]) * y[t - j];
      sum[t] += y[t];
    }
  }
  return sum;
}

inline LongRow unit_impulse(Index length) {
  LongRow x(static_cast<std::size_t>(length), 0);
  if (length > 0) x[0] = 1;
  return x;
}
template <class Scalar>
LongRow long_row(const Scalar* samples, Index length) {
  return LongRow(samples, samples + length);
}

/// The largest difference from `expected`, relative to its largest entry.
template <class Scalar>
double relative_error(const Scalar* found, const LongRow& expected) {
  long double worst = 0, peak = 0;
  for (std::size_t t = 0; t < expected.size(); ++t) {
    worst = std::max(worst, std::abs(static_cast<long double>(found[t]) - expected[t]));
    peak = std::max(peak, std::abs(expected[t]));
  }
  return static_cast<double>(peak > 0 ? worst / peak : worst);
}

/// Butterworth, order 4, cut-off at 0.2 of the Nyquist frequency, as sections: poles of the prototype at
/// exp(i pi (2 k + 5) / 8), moved by the bilinear transform with w = tan(0.1 pi).
inline std::vector<double> butterworth_sections() {
  const double pi = 3.14159265358979323846, w = std::tan(0.1 * pi);
  std::vector<double> sections;
  for (int k = 0; k < 2; ++k) {
    const double d = 2 * std::sin(pi * (2 * k + 1) / 8);  // s^2 + d s + 1
    const double a0 = 1 + d * w + w * w, b = w * w / a0;
    for (const double value : {b, 2 * b, b, 2 * (w * w - 1) / a0, (1 - d * w + w * w) / a0}) sections.push_back(value);
  }
  return sections;
}

}  // namespace tessera::testing
