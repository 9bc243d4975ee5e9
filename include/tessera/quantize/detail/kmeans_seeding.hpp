// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The draws of k-means++: each next start is a sample drawn with probability proportional to its squared distance from
// the starts before it. The distances to the newest start are computed with lanes = samples, from a copy laid out so
// that the loop over dimensions has neither shuffles nor horizontal sums; sums are kept per chunk of samples, so that a
// draw reads few numbers. Chunks depend on the number of samples alone: threads change nothing.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/random.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class Scalar>
class KMeansSeeding {
 public:
  /// Samples must be finite; there is at least one. Samples whose squared distance is at most `same` count as equal.
  KMeansSeeding(Batch<const Scalar> samples, double same, Execution execution)
      : count_(samples.count()),
        dimension_(samples.dimension()),
        chunks_((count_ + chunk - 1) / chunk),
        execution_(execution),
        center_(static_cast<std::size_t>(dimension_)),
        sums_(static_cast<std::size_t>(chunks_), 0.0) {
    values_.assign(static_cast<std::size_t>(chunks_ * chunk * dimension_), Scalar(0));
    nearest_.assign(static_cast<std::size_t>(chunks_ * chunk), Scalar(0));  // of the padding: never drawn
    std::fill_n(nearest_.begin(), count_, std::numeric_limits<Scalar>::max());
    const double scale = scale_of(samples);
    same_ = static_cast<Scalar>(same * scale * scale);
    for (Index i = 0; i < count_; ++i) {
      for (Index d = 0; d < dimension_; ++d)
        *value(i, d) = static_cast<Scalar>(static_cast<double>(samples[i][d]) * scale);
    }
  }

  /// The next start, an index of a sample: uniform for the first one, and where every sample equals a start already.
  Index draw(Random& random) {
    double total = 0;
    for (const double sum : sums_) total += sum;
    const bool first = std::exchange(first_, false);
    if (!first && !(total > 0)) {
      ++copies_;
      return random.below(count_);
    }
    const Index drawn = first ? random.below(count_) : draw_far(random.uniform() * total);
    add(drawn);
    return drawn;
  }

  /// Starts drawn when every sample equalled one already.
  Index copies() const { return copies_; }

 private:
  static constexpr Index lanes = simd::lanes<Scalar>;
  static constexpr Index group = 4;               // vectors of samples at a time: enough chains to hide the latency
  static constexpr Index chunk = 512;             // samples per sum
  static constexpr Index task_scalars = 1 << 17;  // below this a thread is not worth its start
  static_assert(chunk % (group * lanes) == 0, "expected chunks of whole groups");

  /// A power of two that brings the largest magnitude near 1, so that no square overflows.
  static double scale_of(Batch<const Scalar> samples) {
    double largest = 0;
    for (Index i = 0; i < samples.count(); ++i) {
      for (Index d = 0; d < samples.dimension(); ++d) {
        largest = std::max(largest, std::abs(static_cast<double>(samples[i][d])));
      }
    }
    return largest > 0 ? std::ldexp(1.0, -std::clamp(std::ilogb(largest), -1000, 1000)) : 1;
  }

  /// [group][dimension][vector of the group][lane]
  Scalar* value(Index sample, Index d) {
    constexpr Index width = group * lanes;
    return values_.data() + sample / width * width * dimension_ + d * width + sample % width;
  }

  /// The sample at `rest` of the distances laid end to end. Rounding may leave something at an end: the last sample
  /// before it that has a distance is taken then.
  Index draw_far(double rest) const {
    Index last = 0;
    for (Index c = 0; c < chunks_; ++c) {
      const double sum = sums_[static_cast<std::size_t>(c)];
      if (sum > 0) last = c;
      if (rest < sum) break;
      rest -= sum;
    }
    Index drawn = last * chunk;
    for (Index i = last * chunk; i < (last + 1) * chunk; ++i) {
      const auto distance = static_cast<double>(nearest_[static_cast<std::size_t>(i)]);
      if (distance > 0) drawn = i;
      if (rest < distance) break;
      rest -= distance;
    }
    return drawn;
  }

  /// Takes in the distances to a new start.
  void add(Index start) {
    for (Index d = 0; d < dimension_; ++d) center_[static_cast<std::size_t>(d)] = *value(start, d);
    const Index grain = std::max<Index>(1, task_scalars / (chunk * dimension_));
    execution_.for_ranges(chunks_, grain, [&](Index begin, Index end) {
      for (Index c = begin; c < end; ++c) update_chunk(c);
    });
  }

  void update_chunk(Index c) {
    using Vec = simd::Vec<Scalar>;
    Vec sum{};
    for (Index first = c * chunk; first < (c + 1) * chunk; first += group * lanes) {
      const Scalar* values = values_.data() + first * dimension_;
      Vec distance[group]{};
      for (Index d = 0; d < dimension_; ++d, values += group * lanes) {
        const Vec center = simd::broadcast(center_[static_cast<std::size_t>(d)]);
        TESSERA_UNROLL
        for (Index v = 0; v < group; ++v) {
          const Vec difference = simd::load(values + v * lanes) - center;
          distance[v] = simd::multiply_add(difference, difference, distance[v]);
        }
      }
      Scalar* nearest = nearest_.data() + first;
      TESSERA_UNROLL
      for (Index v = 0; v < group; ++v) {
        Vec smaller = simd::min(distance[v], simd::load(nearest + v * lanes));
        smaller = simd::select(smaller > simd::broadcast(same_), smaller, Vec{});
        simd::store(nearest + v * lanes, smaller);
        sum += smaller;
      }
    }
    sums_[static_cast<std::size_t>(c)] = static_cast<double>(simd::reduce_add(sum));
  }

  Index count_;
  Index dimension_;
  Index chunks_;
  Index copies_ = 0;
  bool first_ = true;
  Scalar same_ = 0;
  Execution execution_;
  std::vector<Scalar> center_;
  std::vector<double> sums_;       // of `nearest_`, per chunk
  AlignedVector<Scalar> values_;   // the samples, scaled
  AlignedVector<Scalar> nearest_;  // squared distance from the nearest start
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
