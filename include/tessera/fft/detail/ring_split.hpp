// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Polynomials modulo t^M = exp(i a), split into polynomials modulo t^(M/R) = exp(i a_r), and merged again: the
// butterflies of a transform that never permutes, since it has the products of residues in mind and not their order.
//
// One level halves: with z = exp(i a / 2), t^M - z^2 = (t^(M/2) - z)(t^(M/2) + z), so coefficients (low, high) become
// low + z high and low - z high, of angles a / 2 and a / 2 + pi. A radix of R does log2 R levels in registers. In level
// l group 2h has some factor, and group 2h + 1 the same times i: radix / 2 factors in all, at 0 for level 0 and at
// 2^(l-1) + h for level l.

#include <bit>
#include <cstdint>
#include <type_traits>

#include <tessera/fft/detail/complex_lanes.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// An angle of numerator / denominator turns.
struct Turn {
  std::int64_t numerator = 0;
  std::int64_t denominator = 1;

  Turn half() const { return {numerator, 2 * denominator}; }
  /// Of ring `index` among the 2^levels into which a ring of this angle is split.
  Turn child(int index, int levels) const {
    Turn angle = *this;
    for (int bit = levels - 1; bit >= 0; --bit) {
      const bool odd = ((index >> bit) & 1) != 0;
      angle = {angle.numerator + (odd ? angle.denominator : 0), 2 * angle.denominator};
    }
    return angle;
  }
};

/// The level of factor `i`, and its group 2h in that level.
constexpr int factor_level(int i) { return static_cast<int>(std::bit_width(static_cast<unsigned>(i))); }
constexpr int factor_group(int i) { return i == 0 ? 0 : 2 * (i - (1 << (factor_level(i) - 1))); }

/// The angle of factor `i` for a ring of angle `ring`.
inline Turn factor_turn(Turn ring, int i) { return ring.child(factor_group(i), factor_level(i)).half(); }

// low + z high and low - z high. With a fused multiply-add the second is 2 low - (low + z high), six instructions in
// all instead of eight.
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
template <class Lanes>
TESSERA_INLINE void halve(Lanes& low, Lanes& high, const Lanes& z) {
  const auto two = simd::broadcast(static_cast<std::remove_cvref_t<decltype(low.re[0])>>(2));
  const Lanes sum{low.re + high.re * z.re - high.im * z.im, low.im + high.re * z.im + high.im * z.re};
  high = {two * low.re - sum.re, two * low.im - sum.im};
  low = sum;
}
/// With i z instead of z.
template <class Lanes>
TESSERA_INLINE void halve_turned(Lanes& low, Lanes& high, const Lanes& z) {
  const auto two = simd::broadcast(static_cast<std::remove_cvref_t<decltype(low.re[0])>>(2));
  const Lanes sum{low.re - high.re * z.im - high.im * z.re, low.im + high.re * z.re - high.im * z.im};
  high = {two * low.re - sum.re, two * low.im - sum.im};
  low = sum;
}
#else
template <class Lanes>
TESSERA_INLINE void halve(Lanes& low, Lanes& high, const Lanes& z) {
  const Lanes product = high * z;
  high = low - product;
  low = low + product;
}
/// With i z instead of z.
template <class Lanes>
TESSERA_INLINE void halve_turned(Lanes& low, Lanes& high, const Lanes& z) {
  const Lanes product = times_i(high * z);
  high = low - product;
  low = low + product;
}
#endif

/// Coefficient q of each lane's polynomial in v[q], to residues: v[r] belongs to ring r.
template <int radix, int level = 0, class Lanes>
TESSERA_INLINE void split(Lanes (&v)[radix], const Lanes* factors) {
  constexpr int half = radix >> (level + 1);
  if constexpr (half > 0) {
    TESSERA_UNROLL
    for (int pair = 0; pair < radix / 2; ++pair) {
      const int group = pair / half, low = group * half + pair;
      const Lanes& factor = factors[level == 0 ? 0 : (1 << level) / 2 + group / 2];
      if (group % 2 == 0) {
        halve(v[low], v[low + half], factor);
      } else {
        halve_turned(v[low], v[low + half], factor);
      }
    }
    split<radix, level + 1>(v, factors);
  }
}

/// The first level for real coefficients, which are in the real parts.
template <int radix, class Lanes>
TESSERA_INLINE void split_real(Lanes (&v)[radix], const Lanes* factors) {
  TESSERA_UNROLL
  for (int low = 0; low < radix / 2; ++low) {
    const auto high = v[low + radix / 2].re;
    const Lanes product{high * factors[0].re, high * factors[0].im};
    v[low + radix / 2] = {v[low].re - product.re, -product.im};
    v[low] = {v[low].re + product.re, product.im};
  }
  split<radix, 1>(v, factors);
}

/// The inverse of `halve`, times 2.
template <class Lanes>
TESSERA_INLINE void join(Lanes& low, Lanes& high, const Lanes& z) {
  const Lanes difference = low - high;
  low = low + high;
  high = multiply_conjugate(difference, z);
}

/// The inverse of `split`, times radix.
template <int radix, int level = 0, class Lanes>
TESSERA_INLINE void merge(Lanes (&v)[radix], const Lanes* factors) {
  constexpr int half = radix >> (level + 1);
  if constexpr (half > 0) {
    merge<radix, level + 1>(v, factors);
    TESSERA_UNROLL
    for (int pair = 0; pair < radix / 2; ++pair) {
      const int group = pair / half, low = group * half + pair;
      Lanes difference = v[low] - v[low + half];
      if (group % 2 == 1) difference = times_minus_i(difference);
      v[low] = v[low] + v[low + half];
      v[low + half] = multiply_conjugate(difference, factors[level == 0 ? 0 : (1 << level) / 2 + group / 2]);
    }
  }
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
