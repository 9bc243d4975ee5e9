// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Levels by comparison with thresholds, at the speed of memory. A chunk of vectors is laid out with vectors as lanes
// (detail/fsq_lanes.hpp); then the level of a lane is the number of thresholds of its dimension that it reaches, and
// the tokens are sums of levels times weights, no lane ever meeting another. Dimensions of many levels are searched by
// halving, one scalar at a time.
//
// Inputs are compared as integers. The bits of a float order as signed integers do among floats that are not negative,
// and a float below zero is below all of these: so a threshold that is not negative is compared with the bits
// themselves, a negative one with the key (detail/fsq_thresholds.hpp), which costs one exclusive or for all thresholds.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/mask.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/quantize/detail/fsq_lanes.hpp>
#include <tessera/quantize/detail/fsq_thresholds.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The digits of a token in parts, each an index below 2^21 of its own: index = part_1 + weight_2 part_2 + ... Where
/// the levels have no common index every dimension is a part.
struct FsqPart {
  Index first = 0, last = 0;  // dimensions
  std::int64_t weight = 1;    // of the part in the index
  std::int32_t size = 1;      // product of its levels
};

inline std::vector<FsqPart> fsq_parts(const std::vector<int>& levels, bool joined) {
  constexpr std::int64_t largest = std::int64_t{1} << 21;
  std::vector<FsqPart> parts;
  for (Index d = 0; d < static_cast<Index>(levels.size()); ++d) {
    const int base = levels[static_cast<std::size_t>(d)];
    if (parts.empty()) {
      parts.push_back({d, d, 1, 1});
    } else if (!joined || parts.back().size * std::int64_t{base} > largest) {
      parts.push_back({d, d, joined ? parts.back().weight * parts.back().size : 1, 1});
    }
    parts.back().size *= base;
    parts.back().last = d + 1;
  }
  return parts;
}

/// The thresholds and codes of every dimension, laid out for the loops below. Immutable.
template <class Scalar>
class FsqEncoder {
 public:
  using Key = OrderKey<Scalar>;
  using Keys = simd::Vec<Key>;
  static constexpr Index lanes = simd::lanes<Key>;
  static constexpr Index chunk = 4 * lanes;         // vectors at a time
  static constexpr std::size_t most_compared = 32;  // with more thresholds than this, halving is faster

  /// The memory of one task.
  struct Work {
    AlignedVector<Scalar> packed;  // a chunk that is short, masked, or not to be read as it lies
    AlignedVector<Scalar> rows;    // inputs, then codes: [dimension][vector of the chunk]
    AlignedVector<Key> parts;      // [part][vector of the chunk]
  };

  FsqEncoder() = default;

  /// Thresholds and codes per dimension.
  FsqEncoder(const std::vector<int>& levels, bool joined, const std::vector<std::vector<Key>>& thresholds,
             const std::vector<std::vector<Scalar>>& codes)
      : dimension_(static_cast<Index>(levels.size())), parts_(fsq_parts(levels, joined)), codes_(codes) {
    for (const FsqPart& part : parts_) {
      Key weight = 1;
      for (Index d = part.first; d < part.last; ++d) {
        axes_.push_back(make_axis(thresholds[static_cast<std::size_t>(d)], codes[static_cast<std::size_t>(d)], weight));
        weight *= levels[static_cast<std::size_t>(d)];
      }
    }
  }

  const std::vector<FsqPart>& parts() const { return parts_; }

  void prepare(Work& work) const {
    work.rows.resize(static_cast<std::size_t>(dimension_ * chunk));
    work.parts.resize(parts_.size() * static_cast<std::size_t>(chunk));
    work.packed.assign(static_cast<std::size_t>(dimension_ * chunk + Rows::overrun), Scalar(0));
  }

  /// Encodes vectors first ... first + count - 1, at most a chunk: work.parts gets the parts of their tokens and, with
  /// codes, work.rows their codes; masked vectors count as zeros. Returns whether all scalars were finite.
  template <bool with_codes>
  bool encode(Batch<const Scalar> batch, Mask mask, Index first, Index count, Work& work) const {
    if (count == chunk && Rows::readable(batch, first) && all_valid(mask, first, count)) {
      Rows::read(batch[first], batch.stride(), dimension_, work.rows.data());
    } else {
      pack(batch, mask, first, count, work.packed.data());
      Rows::read(work.packed.data(), dimension_, dimension_, work.rows.data());
    }
    Keys bad{};
    Key* parts = work.parts.data();
    for (const FsqPart& part : parts_) {
      for (Index d = part.first; d < part.last; ++d) {
        const Axis& axis = axes_[static_cast<std::size_t>(d)];
        Scalar* row = work.rows.data() + d * chunk;
        if (axis.sorted.empty()) {
          constexpr Index unrolled = with_codes && simd::register_count < 32 ? 2 : 4;
          for (Index i = 0; i < chunk; i += unrolled * lanes) {
            compare<with_codes, unrolled>(axis, row + i, parts + i, d == part.first, bad);
          }
        } else {
          search<with_codes>(axis, codes_[static_cast<std::size_t>(d)], row, parts, d == part.first, bad);
        }
      }
      parts += chunk;
    }
    return simd::true_bits(bad) == 0;
  }

  /// The tokens of what was encoded, for the first tokens.count() vectors of the chunk.
  template <class Token>
  void write_tokens(const Work& work, Batch<Token> tokens) const {
    const Key* part = work.parts.data();
    if (parts_.size() == 1) {
      for (Index i = 0; i < tokens.count(); ++i) *tokens[i] = static_cast<Token>(part[i]);
    } else if (tokens.dimension() == 1) {
      for (Index i = 0; i < tokens.count(); ++i) {
        std::int64_t sum = part[i];
        for (std::size_t p = 1; p < parts_.size(); ++p)
          sum += parts_[p].weight * part[static_cast<Index>(p) * chunk + i];
        *tokens[i] = static_cast<Token>(sum);
      }
    } else {
      for (Index i = 0; i < tokens.count(); ++i) {
        for (Index t = 0; t < tokens.dimension(); ++t) tokens[i][t] = static_cast<Token>(part[t * chunk + i]);
      }
    }
  }

  void write_codes(const Work& work, Batch<Scalar> codes) const {
    Rows::write(work.rows.data(), dimension_, codes.data(), codes.stride(), codes.count());
  }

 private:
  using Rows = LaneRows<Scalar, chunk>;

  /// A dimension. A threshold t is stored as t - 1 in every lane, since comparisons are strict.
  struct Axis {
    Index upper = 0, lower = 0;    // thresholds that are not negative, and negative ones
    Key weight = 1;                // of a level in its part
    std::size_t table = 0;         // in vectors_: upper thresholds, lower thresholds; then, in the same order, codes
    std::vector<Key> sorted = {};  // all thresholds, where there are too many to compare with each
  };

  Axis make_axis(const std::vector<Key>& thresholds, const std::vector<Scalar>& codes, Key weight) {
    Axis axis{.weight = weight, .table = vectors_.size()};
    if (thresholds.size() > most_compared) {
      axis.sorted = thresholds;
      return axis;
    }
    const auto add = [&](Key key) { vectors_.insert(vectors_.end(), static_cast<std::size_t>(lanes), key); };
    const auto split = std::lower_bound(thresholds.begin(), thresholds.end(), Key(0));
    axis.lower = split - thresholds.begin();
    axis.upper = thresholds.end() - split;
    for (const Key key : thresholds) add(key - 1);
    for (const Scalar code : codes) add(std::bit_cast<Key>(code));
    return axis;
  }

  static bool all_valid(Mask mask, Index first, Index count) {
    bool valid = true;
    for (Index i = 0; !mask.all() && i < count; ++i) valid = valid && mask[first + i];
    return valid;
  }

  void pack(Batch<const Scalar> batch, Mask mask, Index first, Index count, Scalar* packed) const {
    for (Index i = 0; i < chunk; ++i, packed += dimension_) {
      if (i < count && mask[first + i]) {
        std::copy_n(batch[first + i], dimension_, packed);
      } else {
        std::fill_n(packed, dimension_, Scalar(0));
      }
    }
  }

  /// Makes lanes that are not finite negative.
  static TESSERA_INLINE void mark(const Keys& pattern, Keys& bad) {
    static constexpr Key infinity = std::bit_cast<Key>(std::numeric_limits<Scalar>::infinity());
    bad |= simd::broadcast<Key>(infinity - 1) - (pattern & simd::broadcast<Key>(magnitude_bits<Scalar>));
  }

  /// level + 1 where a > b. A mask counts as -1, but costs an instruction more where masks have registers of their own.
  static TESSERA_INLINE void count_above(const Keys& a, const Keys& b, Keys& level) {
    if constexpr (simd::native_bytes == 64) {
      level = simd::select(a > b, level + simd::broadcast<Key>(1), level);
    } else {
      level -= a > b;
    }
  }

  /// Compares `unrolled` vectors of a row with all thresholds of its dimension; adds to the part, or begins it.
  template <bool with_codes, Index unrolled>
  static TESSERA_INLINE void compare_with(const Key*& threshold, const Key*& code, Index count,
                                          const Keys (&keys)[unrolled], Keys (&level)[unrolled],
                                          Keys (&codes)[unrolled]) {
    for (Index k = 0; k < count; ++k, threshold += lanes) {
      const Keys t = simd::load(threshold);
      TESSERA_UNROLL
      for (Index u = 0; u < unrolled; ++u) count_above(keys[u], t, level[u]);
      if constexpr (with_codes) {
        code += lanes;
        const Keys c = simd::load(code);
        TESSERA_UNROLL
        for (Index u = 0; u < unrolled; ++u) codes[u] = simd::select(keys[u] > t, c, codes[u]);
      }
    }
  }

  template <bool with_codes, Index unrolled>
  void compare(const Axis& axis, Scalar* row, Key* part, bool begins, Keys& bad) const {
    const Key* threshold = vectors_.data() + axis.table;
    const Key* code = threshold + (axis.lower + axis.upper) * lanes;
    Keys pattern[unrolled], keys[unrolled], level[unrolled], codes[unrolled];
    TESSERA_UNROLL
    for (Index u = 0; u < unrolled; ++u) {
      std::memcpy(&pattern[u], row + u * lanes, sizeof(Keys));
      mark(pattern[u], bad);
      keys[u] = pattern[u] ^ simd::broadcast<Key>(magnitude_bits<Scalar>);
      level[u] = Keys{};
      codes[u] = with_codes ? simd::load(code) : Keys{};
    }
    compare_with<with_codes, unrolled>(threshold, code, axis.lower, keys, level, codes);
    compare_with<with_codes, unrolled>(threshold, code, axis.upper, pattern, level, codes);
    const Keys weight = simd::broadcast<Key>(axis.weight);
    TESSERA_UNROLL
    for (Index u = 0; u < unrolled; ++u) {
      if (begins) {
        simd::store(part + u * lanes, level[u]);  // the first weight is one
      } else {
        simd::store(part + u * lanes, simd::load(static_cast<const Key*>(part + u * lanes)) + level[u] * weight);
      }
      if constexpr (with_codes) std::memcpy(row + u * lanes, &codes[u], sizeof(Keys));
    }
  }

  template <bool with_codes>
  static void search(const Axis& axis, const std::vector<Scalar>& codes, Scalar* row, Key* part, bool begins,
                     Keys& bad) {
    for (Index i = 0; i < chunk; ++i) {
      if (i % lanes == 0) {
        Keys pattern;
        std::memcpy(&pattern, row + i, sizeof(Keys));
        mark(pattern, bad);
      }
      const Key level = count_reached(axis.sorted, order_key(row[i]));
      part[i] = level * axis.weight + (begins ? 0 : part[i]);
      if constexpr (with_codes) row[i] = codes[static_cast<std::size_t>(level)];
    }
  }

  /// How many of the sorted thresholds are at most `key`: halving whose steps are conditional moves.
  static Key count_reached(const std::vector<Key>& thresholds, Key key) {
    const Key* first = thresholds.data();
    std::size_t size = thresholds.size();
    while (size > 1) {
      const std::size_t half = size / 2;
      first = first[half - 1] <= key ? first + half : first;
      size -= half;
    }
    return static_cast<Key>(first - thresholds.data()) + (*first <= key ? 1 : 0);
  }

  Index dimension_ = 0;
  std::vector<FsqPart> parts_;
  std::vector<Axis> axes_;
  std::vector<std::vector<Scalar>> codes_;
  AlignedVector<Key> vectors_;  // tables of the axes, each entry in all lanes
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
