// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// How the work of a streaming convolution is cut and when each piece is done. Taps before 2 B are summed directly as
// samples come. The rest is cut into partitions of B taps, those from 2 C on, if there are so many, into partitions of
// C > B taps (W. G. Gardner, Efficient convolution without input-output delay, JAES 43(3), 1995). Block m, samples
// m B ... (m + 1) B - 1, meets a partition that begins at tap S in results from m B + S on, and S >= 2 B: there are B
// samples of time for its transforms and products. They are cut into units, each of which has a sample position of its
// own: the result depends on the position alone and not on calls.
//
// Units come in order: the transform of the block, items of one pass after the other; the products, for each vector of
// the spectrum a few partitions at a time; the inverse transform.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <vector>

#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/right_angle.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Partitions of one size: `partitions` of `block` taps each, from `first_tap` on.
template <class Scalar>
class StreamingLevel {
 public:
  static constexpr Index lanes = simd::lanes<Scalar>;
  static constexpr Index partitions_at_once = 8;

  StreamingLevel(Index block, Index first_tap, Index partitions)
      : ring_(std::max(block, RightAngle<Scalar>::smallest_length)),
        block_(block),
        first_tap_(first_tap),
        partitions_(partitions) {
    for (int pass = 0; pass < ring_.passes(); ++pass) phases_.push_back(phases_.back() + ring_.items(pass));
    phases_.push_back(phases_.back() + ring_.length() / lanes * turns());
    for (int pass = ring_.passes() - 1; pass >= 0; --pass) phases_.push_back(phases_.back() + ring_.items(pass));
  }

  const RightAngle<Scalar>& ring() const { return ring_; }
  Index block() const { return block_; }
  Index first_tap() const { return first_tap_; }
  Index partitions() const { return partitions_; }
  /// Into how many units the products of one vector are cut.
  Index turns() const { return (partitions_ + partitions_at_once - 1) / partitions_at_once; }

  // Phases: as many as passes, the products, as many as passes.
  int products_phase() const { return ring_.passes(); }
  int pass_of(int phase) const { return phase < ring_.passes() ? phase : 2 * ring_.passes() - phase; }
  /// The units before `phase`.
  Index units_before(int phase) const { return phases_[static_cast<std::size_t>(phase)]; }
  Index units() const { return phases_.back(); }

  /// Multiplications of a unit.
  Index unit_work(int phase, Index unit) const {
    if (phase != products_phase()) return ring_.item_multiplications(pass_of(phase));
    const Index begin = (unit - units_before(phase)) % turns() * partitions_at_once;
    return 4 * lanes * std::min(partitions_at_once, partitions_ - begin);
  }
  /// Those of a block.
  static Index block_work(Index ring_length, Index partitions) {
    const int levels = std::countr_zero(static_cast<std::size_t>(ring_length));
    return ring_length * (2 * 2 * levels + 4 * partitions);
  }

  /// The first unit that is done at position `offset` of a block or later.
  Index first_unit(Index offset) const { return first_unit_[static_cast<std::size_t>(offset)]; }
  /// The phase in which that unit is.
  int first_phase(Index offset) const { return first_phase_[static_cast<std::size_t>(offset)]; }
  /// Multiplications at a position of a block.
  Index work(Index offset) const { return work_[static_cast<std::size_t>(offset)]; }

  /// Spreads the units over the positions of a block, so that together with what is done there anyway, which is
  /// `base(offset)`, the work is as even as it can be: each position is filled up to the same height.
  template <class Base>
  void spread(Base&& base) {
    const double height = fill_height(base);
    first_unit_.assign(1, 0);
    first_phase_.assign(1, 0);
    work_.assign(static_cast<std::size_t>(block_), 0);
    double room = 0;
    Index done = 0, unit = 0;
    int phase = 0;
    for (Index offset = 0; offset < block_; ++offset) {
      room += std::max(0.0, height - static_cast<double>(base(offset)));
      for (; unit < units() && (offset == block_ - 1 || static_cast<double>(done) < room); ++unit) {
        while (unit >= units_before(phase + 1)) ++phase;
        done += unit_work(phase, unit);
        work_[static_cast<std::size_t>(offset)] += unit_work(phase, unit);
      }
      while (unit < units() && unit >= units_before(phase + 1)) ++phase;
      first_unit_.push_back(unit);
      first_phase_.push_back(phase);
    }
  }

 private:
  /// Up to which height positions are to be filled to hold all work: by bisection, always to the same number.
  template <class Base>
  double fill_height(Base&& base) const {
    const auto total = static_cast<double>(block_work(ring_.length(), partitions_));
    double low = 0, high = total;
    for (Index offset = 0; offset < block_; ++offset) high = std::max(high, total + static_cast<double>(base(offset)));
    for (int i = 0; i < 40; ++i) {
      const double middle = (low + high) / 2;
      double room = 0;
      for (Index offset = 0; offset < block_; ++offset) {
        room += std::max(0.0, middle - static_cast<double>(base(offset)));
      }
      (room < total ? low : high) = middle;
    }
    return high;
  }

  RightAngle<Scalar> ring_;
  Index block_, first_tap_, partitions_;
  std::vector<Index> phases_{0};
  std::vector<Index> first_unit_, work_;
  std::vector<int> first_phase_;
};

/// The sizes of partitions; 0 stands for none.
struct PartitionSizes {
  Index first = 0;
  Index second = 0;
};

/// The whole plan for kernels of up to `kernel_length` taps.
template <class Scalar>
class StreamingSchedule {
 public:
  using Level = StreamingLevel<Scalar>;
  static constexpr Index lanes = simd::lanes<Scalar>;

  /// With these sizes, powers of two with 0 <= first < second or second == 0. Sizes are left out where there are too
  /// few taps for them.
  StreamingSchedule(Index kernel_length, PartitionSizes sizes) : kernel_length_(kernel_length) {
    sizes = needed(kernel_length, sizes);
    head_taps_ = head_taps(kernel_length, sizes);
    for (const Cut& cut : cuts(kernel_length, sizes)) levels_.emplace_back(cut.block, 2 * cut.block, cut.partitions);
    for (std::size_t l = 0; l < levels_.size(); ++l) {
      levels_[l].spread([&](Index offset) { return l == 0 ? Index{0} : levels_[0].work(offset % sizes.first); });
    }
  }

  /// With the sizes that take the fewest multiplications, among those that nowhere take more than three times the mean.
  static StreamingSchedule choose(Index kernel_length) {
    std::vector<PartitionSizes> candidates = {{}};
    constexpr Index smallest = RightAngle<Scalar>::smallest_length;
    for (Index first = smallest; first <= 8 * smallest && 2 * first < kernel_length; first *= 2) {
      candidates.push_back({first, 0});
      for (Index second = 2 * first; second <= largest_block && 2 * second < kernel_length; second *= 2) {
        candidates.push_back({first, second});
      }
    }
    std::stable_sort(candidates.begin(), candidates.end(), [&](const PartitionSizes& a, const PartitionSizes& b) {
      return mean_work(kernel_length, a) < mean_work(kernel_length, b);
    });
    for (const PartitionSizes& sizes : candidates) {
      StreamingSchedule schedule(kernel_length, sizes);
      if (schedule.is_flat()) return schedule;
    }
    return {kernel_length, {}};
  }

  Index kernel_length() const { return kernel_length_; }
  Index head_taps() const { return head_taps_; }
  /// Vectors of results on which a vector of samples has a part through the head.
  Index head_vectors() const { return head_vectors(head_taps_); }
  /// Scalars of the head's taps, or of its sums: these vectors, after one that is done.
  Index head_size() const { return (1 + head_vectors()) * lanes; }
  const std::vector<Level>& levels() const { return levels_; }
  /// The larger size, or `lanes` where there is none: what happens at multiples of it happens between all blocks.
  Index period() const { return levels_.empty() ? lanes : levels_.back().block(); }

  /// Multiplications for one channel at a position.
  Index work(Index position) const {
    Index sum = head_vectors() * lanes;
    for (const Level& level : levels_) sum += level.work(position % level.block());
    return sum;
  }
  /// On average.
  double mean_work() const {
    double sum = 0;
    for (Index position = 0; position < period(); ++position) sum += static_cast<double>(work(position));
    return sum / static_cast<double>(period());
  }

 private:
  static constexpr Index largest_block = Index{1} << 16;

  static Index head_vectors(Index taps) { return (taps + lanes - 1) / lanes + 1; }

  static PartitionSizes needed(Index kernel_length, PartitionSizes sizes) {
    if (2 * sizes.second >= kernel_length) sizes.second = 0;
    if (2 * sizes.first >= kernel_length) sizes = {};
    return sizes;
  }

  struct Cut {
    Index block;
    Index partitions;
  };

  static Index head_taps(Index kernel_length, PartitionSizes sizes) {
    return sizes.first == 0 ? kernel_length : 2 * sizes.first;
  }
  /// Partitions of each size, from twice the size on.
  static std::vector<Cut> cuts(Index kernel_length, PartitionSizes sizes) {
    std::vector<Cut> result;
    const auto add = [&](Index block, Index end) {
      if (block > 0) result.push_back({block, (end - 2 * block + block - 1) / block});
    };
    add(sizes.first, sizes.second == 0 ? kernel_length : 2 * sizes.second);
    add(sizes.second, kernel_length);
    return result;
  }

  static double mean_work(Index kernel_length, PartitionSizes sizes) {
    auto sum = static_cast<double>(lanes * head_vectors(head_taps(kernel_length, sizes)));
    for (const Cut& cut : cuts(kernel_length, sizes)) {
      const Index ring = std::max(cut.block, RightAngle<Scalar>::smallest_length);
      sum += static_cast<double>(Level::block_work(ring, cut.partitions)) / static_cast<double>(cut.block);
    }
    return sum;
  }

  bool is_flat() const {
    Index sum = 0, largest = 0;
    for (Index position = 0; position < period(); ++position) {
      sum += work(position);
      largest = std::max(largest, work(position));
    }
    return largest * period() <= 3 * sum;
  }

  Index kernel_length_ = 0;
  Index head_taps_ = 0;
  std::vector<Level> levels_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
