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

/// low + z high and low - z high. (With fused multiply-adds the second could be 2 low - (low + z high), six
/// instructions instead of eight; but all six for the units that multiply, while these eight go half to them and half
/// to the adders.)
template <class Lanes>
TESSERA_INLINE void halve(Lanes& low, Lanes& high, const Lanes& z) {
  const Lanes product = high * z;
  high = low - product;
  low = low + product;
}
/// With i z instead of z.
template <class Lanes>
TESSERA_INLINE void halve_turned(Lanes& low, Lanes& high, const Lanes& z) {
  const Lanes product = high * z;
  high = {low.re + product.im, low.im - product.re};
  low = {low.re - product.im, low.im + product.re};
}

// A radix above 4 does not fit into sixteen registers. So rings are split depth first, and done(r) is called as soon as
// residue r is there, to store it; merging calls begin(r) just before residue r is needed, to load it.

struct Nothing {
  TESSERA_INLINE void operator()(int) const {}
};

constexpr int factor_at(int level, int group) { return level == 0 ? 0 : (1 << level) / 2 + group / 2; }

/// Coefficient q of each lane's polynomial in v[q], to residues: v[r] belongs to ring r.
template <int radix, int level = 0, int group = 0, class Lanes, class Done = Nothing>
TESSERA_INLINE void split(Lanes (&v)[radix], const Lanes* factors, const Done& done = {}) {
  constexpr int size = radix >> level, first = group * size;
  if constexpr (size == 1) {
    done(first);
  } else {
    TESSERA_UNROLL
    for (int low = first; low < first + size / 2; ++low) {
      if constexpr (group % 2 == 0) {
        halve(v[low], v[low + size / 2], factors[factor_at(level, group)]);
      } else {
        halve_turned(v[low], v[low + size / 2], factors[factor_at(level, group)]);
      }
    }
    split<radix, level + 1, 2 * group>(v, factors, done);
    split<radix, level + 1, 2 * group + 1>(v, factors, done);
  }
}

/// The same for real coefficients, which are in the real parts.
template <int radix, class Lanes, class Done = Nothing>
TESSERA_INLINE void split_real(Lanes (&v)[radix], const Lanes* factors, const Done& done = {}) {
  TESSERA_UNROLL
  for (int low = 0; low < radix / 2; ++low) {
    const auto high = v[low + radix / 2].re;
    const Lanes product{high * factors[0].re, high * factors[0].im};
    v[low + radix / 2] = {v[low].re - product.re, -product.im};
    v[low] = {v[low].re + product.re, product.im};
  }
  split<radix, 1, 0>(v, factors, done);
  split<radix, 1, 1>(v, factors, done);
}

/// The inverse of `halve`, times 2.
template <class Lanes>
TESSERA_INLINE void join(Lanes& low, Lanes& high, const Lanes& z) {
  const Lanes difference = low - high;
  low = low + high;
  high = multiply_conjugate(difference, z);
}

/// The inverse of `halve_turned`, times 2.
template <class Lanes>
TESSERA_INLINE void join_turned(Lanes& low, Lanes& high, const Lanes& z) {
  const Lanes turned{low.im - high.im, high.re - low.re};
  low = low + high;
  high = multiply_conjugate(turned, z);
}

/// The inverse of `split`, times radix.
template <int radix, int level = 0, int group = 0, class Lanes, class Begin = Nothing>
TESSERA_INLINE void merge(Lanes (&v)[radix], const Lanes* factors, const Begin& begin = {}) {
  constexpr int size = radix >> level, first = group * size;
  if constexpr (size == 1) {
    begin(first);
  } else {
    merge<radix, level + 1, 2 * group>(v, factors, begin);
    merge<radix, level + 1, 2 * group + 1>(v, factors, begin);
    TESSERA_UNROLL
    for (int low = first; low < first + size / 2; ++low) {
      if constexpr (group % 2 == 0) {
        join(v[low], v[low + size / 2], factors[factor_at(level, group)]);
      } else {
        join_turned(v[low], v[low + size / 2], factors[factor_at(level, group)]);
      }
    }
  }
}

// A radix of four with the factors z, z^2 and z^3 of its coefficients 1, 2 and 3, and a transform of four points:
// residue r is the sum over q of (i^k z)^q v[q], k = 0, 2, 1, 3 for r = 0 ... 3. Three products instead of the four of
// two levels, for one more factor: it pays where factors are the same for many vectors.

template <class Lanes>
TESSERA_INLINE void split_powers(Lanes (&v)[4], const Lanes (&powers)[3]) {
  TESSERA_UNROLL
  for (int q = 1; q < 4; ++q) v[q] = v[q] * powers[q - 1];
  const Lanes even = v[0] + v[2], odd = v[1] + v[3], turned = v[1] - v[3], rest = v[0] - v[2];
  v[0] = even + odd;
  v[1] = even - odd;
  v[2] = {rest.re - turned.im, rest.im + turned.re};
  v[3] = {rest.re + turned.im, rest.im - turned.re};
}

/// Its inverse, times four.
template <class Lanes>
TESSERA_INLINE void merge_powers(Lanes (&v)[4], const Lanes (&powers)[3]) {
  const Lanes even = v[0] + v[1], odd = v[0] - v[1], rest = v[2] + v[3], turned = v[2] - v[3];
  v[0] = even + rest;
  v[1] = {odd.re + turned.im, odd.im - turned.re};
  v[2] = even - rest;
  v[3] = {odd.re - turned.im, odd.im + turned.re};
  TESSERA_UNROLL
  for (int q = 1; q < 4; ++q) v[q] = multiply_conjugate(v[q], powers[q - 1]);
}

/// The angle of power `q` of the factors of a ring, q = 1 ... 3.
inline Turn power_turn(Turn ring, int q) { return {q * ring.numerator, 4 * ring.denominator}; }

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
