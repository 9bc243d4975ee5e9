// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Telling the few codes of a cell apart: |x - c|^2 (or -x.c/|c|) evaluated directly, the codes side by side. The
// difference form has a relative error bound, far tighter than the score of the scan.

#include <limits>

#include <tessera/core/batch.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The codes of one cell: `count` of them, `stride` apart, with zeros from `dimension` up to `stride`, a multiple of
/// simd::short_lanes. The answers are sets of bits, one per code: those that can be the nearest. A single bit is the
/// nearest, with certainty; there are no branches, because no processor predicts which code of a cell wins.
template <class Scalar, int count>
class CellOrder {
 public:
  CellOrder(const Scalar* codes, Index stride, Index dimension)
      : codes_(codes), stride_(stride), dimension_(dimension) {}

  TESSERA_INLINE unsigned nearest_by_distance(const Scalar* x) const {
    Values distances = sum(x, [](const auto& a, const auto& b) {
      const auto difference = a - b;
      return difference * difference;
    });
    const Scalar smallest = distances.smallest();
    const Scalar error = smallest * (Scalar(2.5) * terms() * unit_roundoff) + flushed * terms() * (1 + smallest);
    return distances.at_most(smallest + error);
  }

  /// `inverse_norms` belong to the codes, `step` apart, none above `largest_inverse`; `norm` is |x|.
  TESSERA_INLINE unsigned nearest_by_cosine(const Scalar* x, const Scalar* inverse_norms, Index step,
                                            Scalar largest_inverse, Scalar norm) const {
    Values cosines = sum(x, [](const auto& a, const auto& b) { return a * b; });
    Scalar factors[parts * short_lanes];
    TESSERA_UNROLL
    for (int i = 0; i < parts * short_lanes; ++i) factors[i] = inverse_norms[(i < count ? i : count - 1) * step];
    cosines.scale_and_negate(factors);
    const Scalar error =
        Scalar(4.5) * terms() * unit_roundoff * norm + flushed * terms() * (1 + norm) * (1 + largest_inverse);
    return cosines.at_most(cosines.smallest() + error);
  }

 private:
  using Short = simd::ShortVec<Scalar>;
  static constexpr int short_lanes = simd::short_lanes<Scalar>;
  static constexpr int parts = (count + short_lanes - 1) / short_lanes;
  static constexpr Scalar unit_roundoff = std::numeric_limits<Scalar>::epsilon() / 2;
  static constexpr Scalar flushed = 8 * std::numeric_limits<Scalar>::min();  // what taking subnormals for zero can lose

  /// One value per code; the lanes past the last repeat it.
  struct Values {
    Short part[parts];

    TESSERA_INLINE Scalar smallest() const {
      Short lanes = part[0];
      TESSERA_UNROLL
      for (int i = 1; i < parts; ++i) lanes = simd::min(lanes, part[i]);
      return simd::reduce_min(lanes);
    }

    TESSERA_INLINE unsigned at_most(Scalar limit) const {
      const Short limits = simd::broadcast_short(limit);
      unsigned bits = 0;
      TESSERA_UNROLL
      for (int i = 0; i < parts; ++i) bits |= simd::true_bits(part[i] <= limits) << (i * short_lanes);
      return bits & ((1u << count) - 1);
    }

    TESSERA_INLINE void scale_and_negate(const Scalar* factors) {
      TESSERA_UNROLL
      for (int i = 0; i < parts; ++i) part[i] = part[i] * -simd::load_short(factors + i * short_lanes);
    }
  };

  Scalar terms() const { return static_cast<Scalar>(dimension_ + 8); }

  /// Sums of `term(x[d], code[d])` for all codes: native vectors, then short ones, the last of them filled with zeros.
  template <class Term>
  TESSERA_INLINE Values sum(const Scalar* x, Term term) const {
    constexpr Index lanes = simd::lanes<Scalar>;
    Short sums[parts * short_lanes] = {};
    Index d = 0;
    if (dimension_ >= lanes) {
      simd::Vec<Scalar> wide[count] = {};
      for (; d + lanes <= dimension_; d += lanes) {
        const auto value = simd::load(x + d);
        TESSERA_UNROLL
        for (int i = 0; i < count; ++i) wide[i] += term(value, simd::load(codes_ + i * stride_ + d));
      }
      TESSERA_UNROLL
      for (int i = 0; i < count; ++i) sums[i] = simd::fold_to_short(wide[i]);
    }
    for (; d < dimension_; d += short_lanes) {
      const Short value = d + short_lanes <= dimension_ ? simd::load_short(x + d) : last_of(x, d);
      TESSERA_UNROLL
      for (int i = 0; i < count; ++i) sums[i] += term(value, simd::load_short(codes_ + i * stride_ + d));
    }
    TESSERA_UNROLL
    for (int i = count; i < parts * short_lanes; ++i) sums[i] = sums[count - 1];
    Values values;
    TESSERA_UNROLL
    for (int i = 0; i < parts; ++i) values.part[i] = simd::sum_each<Scalar>(sums + i * short_lanes);
    return values;
  }

  /// x[d], x[d + 1], ... up to the dimension, then zeros.
  TESSERA_INLINE Short last_of(const Scalar* x, Index d) const {
    Short value{};
    TESSERA_UNROLL
    for (int i = 0; i < short_lanes - 1; ++i) value[i] = d + i < dimension_ ? x[d + i] : Scalar(0);
    return value;
  }

  const Scalar* codes_;
  Index stride_;
  Index dimension_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
