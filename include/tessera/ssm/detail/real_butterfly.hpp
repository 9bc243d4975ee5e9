// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Transforms of 2, 4, 8 or 16 real numbers in registers, each lane its own, to the bins 0 ... N / 2 that are all, and
// back:
//
//   y_r = sum over q of x_q exp(-2 pi i q r / N),      x_q = sum over all N bins of y_r exp(2 pi i q r / N)
//
// Even bins are the transform of sums over q and q + N / 2, odd ones need their differences, of which q and N / 2 - q
// meet the same cosines and sines but for a sign.

#include <tessera/core/simd.hpp>
#include <tessera/ssm/detail/interleaved_lanes.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// cos(2 pi k / 16) for any k >= 0.
constexpr long double sixteenth_cosine(int k) {
  constexpr long double first[] = {1, 0.923879532511286756128183189396788933L, 0.707106781186547524400844362104849039L,
                                   0.382683432365089771728459984030398867L, 0};
  k %= 16;
  if (k > 8) k = 16 - k;
  return k <= 4 ? first[k] : -first[8 - k];
}
constexpr long double sixteenth_sine(int k) { return sixteenth_cosine(k + 12); }

/// The bins of x, to y[0], y[stride], y[2 stride], ... y[N / 2 stride].
template <int N, int stride, class Work>
TESSERA_INLINE void real_bins(simd::Vec<Work> (&x)[N], SplitComplex<Work>* y) {
  using Vector = simd::Vec<Work>;
  if constexpr (N == 2) {
    y[0] = {x[0] + x[1], Vector{}};
    y[stride] = {x[0] - x[1], Vector{}};
  } else {
    constexpr int half = N / 2, quarter = N / 4;
    Vector even[half], odd[half];
    TESSERA_UNROLL
    for (int q = 0; q < half; ++q) {
      even[q] = x[q] + x[q + half];
      odd[q] = x[q] - x[q + half];
    }
    real_bins<half, 2 * stride, Work>(even, y);
    TESSERA_UNROLL
    for (int q = 1; q < quarter; ++q) {
      const Vector sum = odd[q] + odd[half - q];
      odd[q] = odd[q] - odd[half - q];
      odd[half - q] = sum;
    }
    TESSERA_UNROLL
    for (int r = 1; r < half; r += 2) {
      Vector re = odd[0], im = r % 4 == 1 ? -odd[quarter] : odd[quarter];
      TESSERA_UNROLL
      for (int q = 1; q < quarter; ++q) {
        const int angle = q * r * (16 / N);
        re = simd::multiply_add(odd[q], simd::broadcast(static_cast<Work>(sixteenth_cosine(angle))), re);
        im = simd::multiply_add(odd[half - q], simd::broadcast(static_cast<Work>(-sixteenth_sine(angle))), im);
      }
      y[r * stride] = {re, im};
    }
  }
}

/// x from its bins y[0], y[stride], ...
template <int N, int stride, class Work>
TESSERA_INLINE void real_numbers(const SplitComplex<Work>* y, simd::Vec<Work> (&x)[N]) {
  using Vector = simd::Vec<Work>;
  if constexpr (N == 2) {
    x[0] = y[0].re + y[stride].re;
    x[1] = y[0].re - y[stride].re;
  } else {
    constexpr int half = N / 2, quarter = N / 4;
    Vector even[half], odd[half];
    TESSERA_UNROLL
    for (int q = 0; q <= quarter; ++q) {  // sums over odd r of Re y_r cos and Im y_r sin
      Vector cosines{}, sines{};
      TESSERA_UNROLL
      for (int r = 1; r < half; r += 2) {
        const int angle = q * r * (16 / N);
        if (q < quarter) {
          cosines = simd::multiply_add(y[r * stride].re,
                                       simd::broadcast(static_cast<Work>(2 * sixteenth_cosine(angle))), cosines);
        }
        if (q > 0) {
          sines = simd::multiply_add(y[r * stride].im, simd::broadcast(static_cast<Work>(2 * sixteenth_sine(angle))),
                                     sines);
        }
      }
      odd[q] = cosines - sines;
      if (q > 0 && q < quarter) odd[half - q] = -(cosines + sines);
    }
    real_numbers<half, 2 * stride, Work>(y, even);
    TESSERA_UNROLL
    for (int q = 0; q < half; ++q) {
      x[q] = even[q] + odd[q];
      x[q + half] = even[q] - odd[q];
    }
  }
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
