// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What the tests of convolutions have in common: the sum over lags, and comparisons.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include <tessera/core/batch.hpp>
#include <tessera/fft/convolution.hpp>
#include <tessera/fft/signal.hpp>

#include "support/catch.hpp"
#include "support/random_matrix.hpp"

namespace tessera::testing {

/// Sample n of the sum over lags, in long double; lag -1 - j has backward[j].
template <class Scalar>
long double exact(const Scalar* u, Index length, const Scalar* taps, Index count, const Scalar* backward,
                  Index backward_count, Index n) {
  long double sum = 0;
  for (Index j = 0; j < count; ++j) {
    if (n - j >= 0 && n - j < length) sum += static_cast<long double>(taps[j]) * static_cast<long double>(u[n - j]);
  }
  for (Index j = 0; j < backward_count; ++j) {
    if (n + 1 + j < length) sum += static_cast<long double>(backward[j]) * static_cast<long double>(u[n + 1 + j]);
  }
  return sum;
}

/// Of a signal, of the kernels that the plan is made for (0: as long as the signal), and of the kernel.
struct ConvolutionSizes {
  Index length;
  Index kernel_length;
  Index taps;
};

/// The largest error of the full convolution over its peak, at every `step`-th sample.
template <class Scalar>
double error_of_peak(const ConvolutionSizes& sizes, Index step, std::uint64_t seed) {
  const auto [length, kernel_length, taps] = sizes;
  const RowMatrix<Scalar> u = random_normal<Scalar>(1, length, seed);
  const RowMatrix<Scalar> k = random_normal<Scalar>(1, taps, seed + 1);
  const CausalConvolution<Scalar> plan(length, {.kernel_length = kernel_length});
  const RowMatrix<Scalar> y = plan.convolve(signals(u), plan.spectrum(rows(k)), {.range = ConvolutionRange::full});
  REQUIRE(y.cols() == length + taps - 1);
  long double worst = 0, peak = 0;
  for (Index n = 0; n < y.cols(); n += step) {
    const long double expected = exact<Scalar>(u.data(), length, k.data(), taps, nullptr, 0, n);
    worst = std::max(worst, std::abs(expected - static_cast<long double>(y(0, n))));
    peak = std::max(peak, std::abs(expected));
  }
  return static_cast<double>(worst / peak);
}

template <class Scalar>
bool same_bits(const RowMatrix<Scalar>& a, const RowMatrix<Scalar>& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() &&
         std::equal(a.data(), a.data() + a.size(), b.data(),
                    [](const Scalar& x, const Scalar& y) { return std::memcmp(&x, &y, sizeof x) == 0; });
}

template <class Scalar>
Signals<Scalar> batched(RowMatrix<Scalar>& matrix, Index batch) {
  return {matrix.data(), batch, matrix.rows() / batch, matrix.cols()};
}
template <class Scalar>
Signals<const Scalar> batched(const RowMatrix<Scalar>& matrix, Index batch) {
  return {matrix.data(), batch, matrix.rows() / batch, matrix.cols()};
}

inline double dot(const RowMatrix<double>& a, const RowMatrix<double>& b) { return a.cwiseProduct(b).sum(); }

}  // namespace tessera::testing
