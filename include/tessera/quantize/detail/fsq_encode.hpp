// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Levels by comparison with thresholds, at the speed of memory. A chunk of vectors is laid out with vectors as lanes
// (detail/fsq_lanes.hpp); then the level of a lane is the number of thresholds of its dimension that it reaches, and
// the tokens are sums of levels times weights, no lane ever meeting another. Dimensions of many levels are searched by
// halving, one scalar at a time.
//
// Inputs are compared as integers through their keys (detail/fsq_thresholds.hpp): no flag and no mode of floating
// arithmetic can change a level.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/mask.hpp>
#include <tessera/core/prefetch.hpp>
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
  static constexpr Index chunk = 16 * lanes;        // vectors at a time
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
  /// How many vectors to encode at a time: as many as stay in the first-level cache.
  Index vectors_at_once() const { return dimension_ <= 64 ? chunk : step; }

  void prepare(Work& work) const {
    work.rows.resize(static_cast<std::size_t>(dimension_ * chunk));
    work.parts.resize(parts_.size() * static_cast<std::size_t>(chunk));
  }

  /// Encodes vectors first ... first + count - 1, at most a chunk: work.parts gets the parts of their tokens and, with
  /// codes, work.rows their codes; masked vectors count as zeros. Returns whether all scalars were finite.
  template <bool with_codes>
  bool encode(Batch<const Scalar> batch, Mask mask, Index first, Index count, Work& work) const {
    const Index padded = (count + step - 1) / step * step;
    if (Rows::readable(batch, first, padded) && all_valid(mask, first, count)) {
      Rows::read(batch[first], batch.stride(), dimension_, padded, work.rows.data());
    } else {
      work.packed.resize(static_cast<std::size_t>(dimension_ * chunk + Rows::overrun));
      pack(batch, mask, first, count, padded, work.packed.data());
      Rows::read(work.packed.data(), dimension_, dimension_, padded, work.rows.data());
    }
    const bool comes_next = in_one_piece(batch, first + 2 * count, count);
    Keys bad{};
    Key* parts = work.parts.data();
    for (const FsqPart& part : parts_) {
      for (Index d = part.first; d < part.last; ++d) {
        const Axis& axis = axes_[static_cast<std::size_t>(d)];
        if (comes_next) prefetch<false>(batch[first + 2 * count] + d * count, count);
        const Row row{work.rows.data() + d * chunk, parts, padded, d == part.first};
        if (axis.sorted.empty()) {
          compare<with_codes>(axis, row, bad);
        } else {
          search<with_codes>(axis, codes_[static_cast<std::size_t>(d)], row, bad);
        }
      }
      parts += chunk;
    }
    return simd::true_bits(bad) == 0;
  }

  /// The tokens of what was encoded, into vectors first ... first + count - 1.
  template <class Token>
  void write_tokens(const Work& work, Batch<Token> all_tokens, Index first, Index count) const {
    if (in_one_piece(all_tokens, first + 2 * count, count)) prefetch<true>(all_tokens[first + 2 * count], count);
    const Batch<Token> tokens = all_tokens.slice(first, first + count);
    const Key* part = work.parts.data();
    if (std::is_same_v<Token, Key> && parts_.size() == 1 && tokens.contiguous()) {
      std::memcpy(tokens.data(), part, static_cast<std::size_t>(tokens.count()) * sizeof(Key));
    } else if (parts_.size() == 1) {
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

  void write_codes(const Work& work, Batch<Scalar> codes, Index first, Index count) const {
    if (in_one_piece(codes, first + 2 * count, count)) prefetch<true>(codes[first + 2 * count], count * dimension_);
    Rows::write(work.rows.data(), dimension_, codes[first], codes.stride(), count);
  }

 private:
  using Rows = LaneRows<Scalar, chunk>;
  static constexpr Index step = 4 * lanes;  // of the loops below

  /// A dimension. A threshold t is stored as t - 1 in every lane, since comparisons are strict.
  struct Axis {
    Index count = 0;               // of thresholds
    Key weight = 1;                // of a level in its part
    std::size_t table = 0;         // in vectors_: thresholds, then codes
    std::vector<Key> sorted = {};  // all thresholds, where there are too many to compare with each
  };

  /// A dimension of a chunk.
  struct Row {
    Scalar* values;  // inputs, then codes
    Key* part;       // what the levels are added to
    Index count;     // a multiple of the step
    bool begins;     // the first dimension of its part
  };

  Axis make_axis(const std::vector<Key>& thresholds, const std::vector<Scalar>& codes, Key weight) {
    Axis axis{.weight = weight, .table = vectors_.size()};
    if (thresholds.size() > most_compared) {
      axis.sorted = thresholds;
      return axis;
    }
    axis.count = static_cast<Index>(thresholds.size());
    const auto add = [&](Key key) { vectors_.insert(vectors_.end(), static_cast<std::size_t>(lanes), key); };
    for (const Key key : thresholds) add(key - 1);
    for (const Scalar code : codes) add(std::bit_cast<Key>(code));
    return axis;
  }

  static bool all_valid(Mask mask, Index first, Index count) {
    bool valid = true;
    for (Index i = 0; !mask.all() && i < count; ++i) valid = valid && mask[first + i];
    return valid;
  }

  void pack(Batch<const Scalar> batch, Mask mask, Index first, Index count, Index padded, Scalar* packed) const {
    for (Index i = 0; i < padded; ++i, packed += dimension_) {
      if (i < count && mask[first + i]) {
        std::copy_n(batch[first + i], dimension_, packed);
      } else {
        std::fill_n(packed, dimension_, Scalar(0));
      }
    }
  }

  /// The keys of inputs; `bad` becomes negative in lanes that are not finite.
  static TESSERA_INLINE Keys load_keys(const Scalar* from, Keys& bad) {
    static constexpr Key infinity = std::bit_cast<Key>(std::numeric_limits<Scalar>::infinity());
    Keys pattern;
    std::memcpy(&pattern, from, sizeof pattern);
    const Keys magnitude = pattern & simd::broadcast<Key>(magnitude_bits<Scalar>);
    bad |= simd::broadcast<Key>(infinity - 1) - magnitude;
    return magnitude ^ (pattern >> static_cast<int>(8 * sizeof(Key) - 1));
  }

  // A mask counts as -1, so that sums of masks are levels negated. Where masks have registers of their own, adding one
  // under a mask is an instruction less.
  static constexpr bool counts_up = simd::native_bytes == 64;

  static TESSERA_INLINE void count_above(const Keys& a, const Keys& b, Keys& level) {
    if constexpr (counts_up) {
      level = simd::select(a > b, level + simd::broadcast<Key>(1), level);
    } else {
      level += a > b;
    }
  }

  static TESSERA_INLINE void add_levels(const Keys& counted, const Keys& weight, Key* part, bool begins) {
    if (begins) {
      simd::store(part, counts_up ? counted : -counted);  // the first weight is one
    } else {
      const Keys sum = simd::load(static_cast<const Key*>(part));
      simd::store(part, counts_up ? sum + counted * weight : sum - counted * weight);
    }
  }

  /// Levels and codes of a row by comparison with all thresholds of its dimension. Few thresholds: a loop without
  /// branches for their number.
  template <bool with_codes>
  void compare(const Axis& axis, const Row& row, Keys& bad) const {
    switch (axis.count) {
      case 2:
        return compare_with<with_codes, 2>(axis, row, bad);
      case 3:
        return compare_with<with_codes, 3>(axis, row, bad);
      case 4:
        return compare_with<with_codes, 4>(axis, row, bad);
      case 5:
        return compare_with<with_codes, 5>(axis, row, bad);
      case 6:
        return compare_with<with_codes, 6>(axis, row, bad);
      case 7:
        return compare_with<with_codes, 7>(axis, row, bad);
      default:
        return compare_with<with_codes, 0>(axis, row, bad);
    }
  }

  /// `known` is the number of thresholds, or 0: as many as the axis says.
  template <bool with_codes, int known>
  TESSERA_INLINE void compare_with(const Axis& axis, const Row row, Keys& found_bad) const {
    Keys bad = found_bad;
    constexpr Index unrolled = with_codes && simd::register_count < 32 ? 2 : 4;
    const Index count = known == 0 ? axis.count : known;
    const Key* thresholds = vectors_.data() + axis.table;
    const Key* table = thresholds + count * lanes;
    const Keys weight = simd::broadcast<Key>(axis.weight);
    for (Index i = 0; i < row.count; i += unrolled * lanes) {
      Keys keys[unrolled], level[unrolled], codes[unrolled];
      TESSERA_UNROLL
      for (Index u = 0; u < unrolled; ++u) {
        keys[u] = load_keys(row.values + i + u * lanes, bad);
        level[u] = Keys{};
        if constexpr (with_codes) codes[u] = simd::load(table);
      }
      const auto compare_one = [&](Index k) {
        const Keys threshold = simd::load(thresholds + k * lanes);
        TESSERA_UNROLL
        for (Index u = 0; u < unrolled; ++u) count_above(keys[u], threshold, level[u]);
        if constexpr (with_codes) {
          const Keys code = simd::load(table + (k + 1) * lanes);
          TESSERA_UNROLL
          for (Index u = 0; u < unrolled; ++u) codes[u] = simd::select(keys[u] > threshold, code, codes[u]);
        }
      };
      if constexpr (known > 0) {
        TESSERA_UNROLL
        for (int k = 0; k < known; ++k) compare_one(k);
      } else {
        for (Index k = 0; k < count; ++k) compare_one(k);
      }
      TESSERA_UNROLL
      for (Index u = 0; u < unrolled; ++u) {
        add_levels(level[u], weight, row.part + i + u * lanes, row.begins);
        if constexpr (with_codes) std::memcpy(row.values + i + u * lanes, &codes[u], sizeof(Keys));
      }
    }
    found_bad = bad;
  }

  template <bool with_codes>
  static void search(const Axis& axis, const std::vector<Scalar>& codes, const Row& row, Keys& bad) {
    for (Index i = 0; i < row.count; ++i) {
      if (i % lanes == 0) load_keys(row.values + i, bad);
      const Key level = count_reached(axis.sorted, order_key(row.values[i]));
      row.part[i] = level * axis.weight + (row.begins ? 0 : row.part[i]);
      if constexpr (with_codes) row.values[i] = codes[static_cast<std::size_t>(level)];
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
