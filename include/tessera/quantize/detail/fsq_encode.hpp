// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Levels by comparison with thresholds, at the speed of memory. D native vectors of W scalars hold W vectors of the
// batch; the level of a lane is the number of thresholds it reaches. For D = 1, 2, 4 or 8 that divides W the levels
// become indices without leaving the registers: multiplied by their weights, then added over the D lanes of each vector
// by D - 1 sums of interleaved registers. Other D go through a block of levels in the first-level cache. Dimensions of
// many levels are searched by halving, one scalar at a time.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/quantize/detail/fsq_thresholds.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Lane t of the result is lane (t mod (W / D)) D + t / (W / D): undoes the order in which sum_groups leaves its sums.
template <int D, class V, std::size_t... I>
TESSERA_INLINE V order_groups(const V& v, std::index_sequence<I...>) {
  constexpr std::size_t per_vector = sizeof...(I) / D;
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return __builtin_shufflevector(v, v, static_cast<int>(I % per_vector * D + I / per_vector)...);
#else
  return V::each([&](int i) {
    const auto t = static_cast<std::size_t>(i);
    return v[static_cast<int>(t % per_vector * D + t / per_vector)];
  });
#endif
}

/// The sums over each D neighbouring lanes of D vectors, as one vector in the order of the groups.
template <int D, class V>
TESSERA_INLINE V sum_groups(V (&v)[D]) {
  constexpr auto all = std::make_index_sequence<sizeof(V) / sizeof(v[0][0])>();
  const auto join = [&]<std::size_t distance>(std::integral_constant<std::size_t, distance>) {
    TESSERA_UNROLL
    for (std::size_t i = 0; i + distance < D; i += 2 * distance) {
      v[i] = simd::detail::interleave<distance, 0>(v[i], v[i + distance], all) +
             simd::detail::interleave<distance, distance>(v[i], v[i + distance], all);
    }
  };
  if constexpr (D > 1) join(std::integral_constant<std::size_t, 1>());
  if constexpr (D > 2) join(std::integral_constant<std::size_t, 2>());
  if constexpr (D > 4) join(std::integral_constant<std::size_t, 4>());
  return order_groups<D>(v[0], all);
}

/// The thresholds of every dimension, laid out for the loops below. Immutable.
template <class Scalar>
class FsqEncoder {
 public:
  using Key = OrderKey<Scalar>;  // also the type of levels and of narrow indices
  using Keys = simd::Vec<Key>;
  static constexpr Index lanes = simd::lanes<Key>;
  static constexpr int most_compared = 32;  // with more levels than this, halving is faster

  FsqEncoder() = default;

  /// `weights` has one per dimension, or is empty when only levels are wanted.
  FsqEncoder(std::vector<std::vector<Key>> thresholds, const std::vector<std::int64_t>& weights, bool narrow)
      : dimension_(static_cast<Index>(thresholds.size())), thresholds_(std::move(thresholds)), weights_(weights) {
    std::size_t most = 0;
    for (const auto& keys : thresholds_) most = std::max(most, keys.size());
    compares_ = static_cast<Index>(most);
    if (compares_ >= most_compared) return;
    period_ = dimension_ / std::gcd(dimension_, lanes);
    lay_out();
    in_registers_ =
        narrow && period_ == 1 && dimension_ <= 8 && std::has_single_bit(static_cast<std::size_t>(dimension_));
  }

  /// The levels of `input`, D per vector. Returns whether all scalars were finite.
  bool levels(Batch<const Scalar> input, Key* levels) const {
    if (period_ == 0) return search_levels(input, levels);
    return in_groups(input, levels, dimension_, [&](const Scalar* from, Index groups, Key* to) {
      return compare_levels(from, groups * dimension_, to);
    });
  }

  /// The indices of `input`, one per vector, by way of levels in `work` (input.count() * D of them; unused with keys).
  bool indices(Batch<const Scalar> input, std::int64_t* indices, Key* work) const {
    const bool finite = levels(input, work);
    switch (dimension_) {
      case 3:
        join_levels<3>(work, input.count(), indices);
        break;
      case 4:
        join_levels<4>(work, input.count(), indices);
        break;
      case 5:
        join_levels<5>(work, input.count(), indices);
        break;
      case 6:
        join_levels<6>(work, input.count(), indices);
        break;
      default:
        join_levels<0>(work, input.count(), indices);
    }
    return finite;
  }

  /// Indices fit a key and are joined in registers: `narrow_indices` may be used.
  bool in_registers() const { return in_registers_; }

  bool narrow_indices(Batch<const Scalar> input, Key* indices) const {
    return in_groups(input, indices, 1, [&](const Scalar* from, Index groups, Key* to) {
      switch (dimension_) {
        case 1:
          return join_groups<1>(from, groups, to);
        case 2:
          return join_groups<2>(from, groups, to);
        case 4:
          return join_groups<4>(from, groups, to);
        default:
          return join_groups<8>(from, groups, to);
      }
    });
  }

 private:
  /// Lane l of vector v belongs to dimension (v W + l) mod D. A dimension with fewer thresholds is filled up with the
  /// largest key, which no finite input exceeds. Comparisons are strict, so thresholds are stored one lower.
  void lay_out() {
    compared_.assign(static_cast<std::size_t>(std::max<Index>(compares_, 1) * period_ * lanes), magnitude_bits<Scalar>);
    lane_weights_.assign(static_cast<std::size_t>(lanes), 0);
    for (Index lane = 0; lane < period_ * lanes; ++lane) {
      const auto d = static_cast<std::size_t>(lane % dimension_);
      for (std::size_t k = 0; k < thresholds_[d].size(); ++k) {
        compared_[k * static_cast<std::size_t>(period_ * lanes) + static_cast<std::size_t>(lane)] =
            thresholds_[d][k] - 1;
      }
      if (lane < lanes && !weights_.empty())
        lane_weights_[static_cast<std::size_t>(lane)] = static_cast<Key>(weights_[d]);
    }
  }

  /// Runs `work(from, groups, to)` over groups of W contiguous vectors; vectors that are not contiguous, or too few to
  /// fill a group, are copied into one padded with zeros. `outputs` values per vector are written to `to`.
  template <class Work>
  bool in_groups(Batch<const Scalar> input, Key* to, Index outputs, Work&& work) const {
    const Index whole = input.contiguous() ? input.count() / lanes : 0;
    bool finite = whole == 0 || work(input.data(), whole, to);
    if (whole * lanes == input.count()) return finite;
    AlignedVector<Scalar> packed(static_cast<std::size_t>(lanes * dimension_), Scalar(0));
    AlignedVector<Key> results(static_cast<std::size_t>(lanes * outputs));
    for (Index first = whole * lanes; first < input.count(); first += lanes) {
      const Index count = std::min(lanes, input.count() - first);
      for (Index i = 0; i < count; ++i) std::copy_n(input[first + i], dimension_, packed.data() + i * dimension_);
      std::fill_n(packed.data() + count * dimension_, (lanes - count) * dimension_, Scalar(0));
      finite = work(packed.data(), 1, results.data()) && finite;
      std::copy_n(results.data(), count * outputs, to + first * outputs);
    }
    return finite;
  }

  /// The keys of `lanes` scalars; lanes that are not finite are marked in `bad`.
  static TESSERA_INLINE Keys load_keys(const Scalar* from, Keys& bad) {
    static constexpr Key infinity = std::bit_cast<Key>(std::numeric_limits<Scalar>::infinity());
    Keys pattern;
    std::memcpy(&pattern, from, sizeof pattern);
    const Keys magnitude = pattern & simd::broadcast<Key>(magnitude_bits<Scalar>);
    bad |= magnitude > simd::broadcast<Key>(infinity - 1);
    return pattern ^
           ((pattern >> static_cast<int>(8 * sizeof(Key) - 1)) & simd::broadcast<Key>(magnitude_bits<Scalar>));
  }

  bool compare_levels(const Scalar* from, Index vectors, Key* to) const {
    Keys bad{};
    Index phase = 0;
    for (Index v = 0; v < vectors; ++v) {
      const Keys keys = load_keys(from + v * lanes, bad);
      Keys level{};
      const Key* threshold = compared_.data() + phase * lanes;
      for (Index k = 0; k < compares_; ++k, threshold += period_ * lanes) level -= keys > simd::load<Key>(threshold);
      simd::store<Key>(to + v * lanes, level);
      phase = phase + 1 == period_ ? 0 : phase + 1;
    }
    return simd::true_bits(bad) == 0;
  }

  template <int D>
  bool join_groups(const Scalar* from, Index groups, Key* to) const {
    if constexpr (D > lanes) {
      return false;  // never called: a dimension that does not divide the lanes
    } else {
      return join_whole_groups<D>(from, groups, to);
    }
  }

  template <int D>
  bool join_whole_groups(const Scalar* from, Index groups, Key* to) const {
    Keys bad{};
    const Keys weights = simd::load<Key>(lane_weights_.data());
    for (Index g = 0; g < groups; ++g, from += D * lanes) {
      Keys keys[D], level[D];
      TESSERA_UNROLL
      for (int i = 0; i < D; ++i) keys[i] = load_keys(from + i * lanes, bad);
      TESSERA_UNROLL
      for (int i = 0; i < D; ++i) level[i] = Keys{};
      for (Index k = 0; k < compares_; ++k) {
        const Keys threshold = simd::load<Key>(compared_.data() + k * lanes);
        TESSERA_UNROLL
        for (int i = 0; i < D; ++i) level[i] -= keys[i] > threshold;
      }
      TESSERA_UNROLL
      for (int i = 0; i < D; ++i) level[i] *= weights;
      simd::store<Key>(to + g * lanes, sum_groups<D>(level));
    }
    return simd::true_bits(bad) == 0;
  }

  /// The dot products of levels and weights, for a dimension known at compile time (0: any).
  template <int D>
  void join_levels(const Key* levels, Index count, std::int64_t* indices) const {
    const std::int64_t* weights = weights_.data();
    const Index dimension = D == 0 ? dimension_ : D;
    for (Index i = 0; i < count; ++i, levels += dimension) {
      std::int64_t sum = levels[0];  // the first weight is one
      if constexpr (D == 0) {
        for (Index d = 1; d < dimension; ++d) sum += levels[d] * weights[d];
      } else {
        TESSERA_UNROLL
        for (int d = 1; d < D; ++d) sum += levels[d] * weights[d];
      }
      indices[i] = sum;
    }
  }

  bool search_levels(Batch<const Scalar> input, Key* levels) const {
    static constexpr Key infinity = std::bit_cast<Key>(std::numeric_limits<Scalar>::infinity());
    bool finite = true;
    for (Index i = 0; i < input.count(); ++i) {
      for (Index d = 0; d < dimension_; ++d) {
        const Key key = order_key(input[i][d]);
        finite = finite && key < infinity && key > -infinity - 1;
        *levels++ = count_reached(thresholds_[static_cast<std::size_t>(d)], key);
      }
    }
    return finite;
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
  Index compares_ = 0;  // thresholds of the dimension that has most
  Index period_ = 0;    // vectors after which the dimensions of the lanes repeat; 0: search instead
  bool in_registers_ = false;
  AlignedVector<Key> compared_;      // [threshold][vector of the period][lane]
  AlignedVector<Key> lane_weights_;  // weights of the lanes where the period is 1
  std::vector<std::vector<Key>> thresholds_;
  std::vector<std::int64_t> weights_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
