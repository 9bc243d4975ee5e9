// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The discrete Fourier transform written from its sum, in long double: X[k] = sum over n of x[n] exp(sign 2 pi i k n /
// N). The index of a root is reduced in integers, so that no angle is large.

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <vector>

#include <tessera/core/batch.hpp>

namespace tessera::testing {

using LongComplex = std::complex<long double>;

/// exp(sign 2 pi i k / length), 0 <= k < length.
inline LongComplex circle_point(Index k, Index length, int sign) {
  constexpr long double two_pi = 6.283185307179586476925286766559005768L;
  const long double angle = two_pi * static_cast<long double>(k) / static_cast<long double>(length);
  return {std::cos(angle), static_cast<long double>(sign) * std::sin(angle)};
}

/// All of them.
inline std::vector<LongComplex> circle(Index length, int sign) {
  std::vector<LongComplex> roots;
  for (Index k = 0; k < length; ++k) roots.push_back(circle_point(k, length, sign));
  return roots;
}

/// Bin k, from the roots of the whole circle.
template <class Sample>
LongComplex naive_bin(const Sample* samples, const std::vector<LongComplex>& roots, Index k) {
  const auto length = static_cast<Index>(roots.size());
  long double re = 0, im = 0;
  Index at = 0;
  for (Index n = 0; n < length; ++n) {
    const LongComplex x(samples[n]), root = roots[static_cast<std::size_t>(at)];
    re += x.real() * root.real() - x.imag() * root.imag();
    im += x.real() * root.imag() + x.imag() * root.real();
    at += k;
    if (at >= length) at -= length;
  }
  return {re, im};
}

/// Roots of a long circle, as products of those of two short tables.
class LongCircle {
 public:
  LongCircle(Index length, int sign) : length_(length) {
    for (Index k = 0; k < short_length; ++k) fine_.push_back(circle_point(k, length, sign));
    for (Index k = 0; k <= length / short_length; ++k) coarse_.push_back(circle_point(k * short_length, length, sign));
  }

  /// exp(sign 2 pi i k / length), 0 <= k < length.
  LongComplex root(Index k) const {
    const LongComplex a = coarse_[static_cast<std::size_t>(k / short_length)];
    const LongComplex b = fine_[static_cast<std::size_t>(k % short_length)];
    return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
  }

  /// Bin k of a transform.
  template <class Sample>
  LongComplex bin(const Sample* samples, Index k) const {
    long double re = 0, im = 0;
    Index at = 0;
    for (Index n = 0; n < length_; ++n) {
      const LongComplex x(samples[n]), turn = root(at);
      re += x.real() * turn.real() - x.imag() * turn.imag();
      im += x.real() * turn.imag() + x.imag() * turn.real();
      at += k;
      if (at >= length_) at -= length_;
    }
    return {re, im};
  }

 private:
  static constexpr Index short_length = 1024;
  Index length_;
  std::vector<LongComplex> fine_, coarse_;
};

/// The first `bins` bins.
template <class Sample>
std::vector<LongComplex> naive_fourier(const Sample* samples, Index length, int sign, Index bins) {
  const std::vector<LongComplex> roots = circle(length, sign);
  std::vector<LongComplex> result;
  for (Index k = 0; k < bins; ++k) result.push_back(naive_bin(samples, roots, k));
  return result;
}

/// The largest error relative to the largest expected magnitude.
template <class Found>
double peak_error(const Found* found, const std::vector<LongComplex>& expected, long double factor = 1) {
  long double error = 0, peak = 0;
  for (std::size_t k = 0; k < expected.size(); ++k) {
    error = std::max(error, std::abs(LongComplex(found[k]) - factor * expected[k]));
    peak = std::max(peak, std::abs(factor * expected[k]));
  }
  return static_cast<double>(peak == 0 ? error : error / peak);
}

/// What a transform of `length` points may be wrong by, relative to its peak: a few units in the last place for each
/// level.
template <class Scalar>
double fourier_tolerance(Index length) {
  return (sizeof(Scalar) == 4 ? 4e-7 : 1e-15) * std::max(1.0, std::log2(static_cast<double>(length)));
}

}  // namespace tessera::testing
