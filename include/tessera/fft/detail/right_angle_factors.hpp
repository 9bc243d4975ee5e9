// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The factors of the splits that take the ring of t^N = i apart (detail/right_angle.hpp), in the order of their use.

#include <array>
#include <bit>
#include <complex>
#include <cstddef>
#include <utility>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/ring_split.hpp>
#include <tessera/fft/detail/roots.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// How a ring of t^length = i is split: `first_levels` while reading, then `middle_levels` at a time until a ring is a
/// vector; then within vectors, four at a time.
template <class Scalar>
class RightAngleFactors {
 public:
  static constexpr int lanes = simd::lanes<Scalar>;
  static constexpr int lane_levels = std::countr_zero(static_cast<unsigned>(lanes));
  static constexpr int middle_levels = simd::register_count >= 32 ? 3 : 2;
  static constexpr int middle_radix = 1 << middle_levels;
  static constexpr bool odd_levels = lane_levels % 2 == 1;  // then the first level within vectors goes alone
  /// Vectors of complex factors for four vectors of residues.
  static constexpr int within_factors = 2 * (lane_levels / 2) + (odd_levels ? 2 : 0);
  static constexpr Index smallest_length = 4 * Index{lanes};

  RightAngleFactors() = default;

  explicit RightAngleFactors(Index length) {
    const int levels = std::countr_zero(static_cast<std::size_t>(length)) - lane_levels;
    first_levels_ = levels % middle_levels;
    if (first_levels_ == 0 || (first_levels_ == 1 && middle_levels == 2)) first_levels_ += middle_levels;
    for (int i = 0; i < (1 << first_levels_) / 2; ++i) append(first_, factor_turn(right_angle, i));
    for (int depth = first_levels_; depth < levels; depth += middle_levels) make_middle(depth);
    make_within(levels - 2);
  }

  int first_levels() const { return first_levels_; }
  const Scalar* first() const { return first_.data(); }
  /// Of ring r of those that `splits` splits of middle_radix leave: middle_radix / 2 complex numbers.
  const Scalar* middle(int splits, Index r) const {
    return middle_.data() + offsets_[static_cast<std::size_t>(splits)] + r * middle_radix;
  }
  /// Of the four vectors number r.
  const Scalar* within(Index r) const { return within_.data() + 2 * lanes * within_factors * r; }

 private:
  static constexpr Turn right_angle{1, 4};

  using Roots = std::array<std::complex<long double>, static_cast<std::size_t>(lanes)>;
  using Rings = std::array<Turn, static_cast<std::size_t>(lanes)>;

  /// For a vector of factors: how often the angle of the ring is halved, and the lanes for a ring of angle 0.
  struct WithinFactor {
    int halvings = 0;
    Roots roots{};
  };

  static void append(AlignedVector<Scalar>& table, Turn turn) {
    const std::complex<Scalar> root = unit_root<Scalar>(turn.numerator, turn.denominator);
    table.push_back(root.real());
    table.push_back(root.imag());
  }

  /// The rings of one depth are numbered in the order of memory.
  static Turn ring(Index index, int depth) { return right_angle.child(static_cast<int>(index), depth); }

  void make_middle(int depth) {
    offsets_[static_cast<std::size_t>(depth / middle_levels - first_levels_ / middle_levels)] =
        static_cast<Index>(middle_.size());
    for (Index r = 0; r < Index{1} << depth; ++r) {
      for (int i = 0; i < middle_radix / 2; ++i) append(middle_, factor_turn(ring(r, depth), i));
    }
  }

  void make_within(int depth) {
    const auto factors = WithinMaker().make();
    within_.reserve(static_cast<std::size_t>(2 * lanes * within_factors) << depth);
    for (Index r = 0; r < Index{1} << depth; ++r) {
      const Turn turn = ring(r, depth);
      for (const WithinFactor& factor : factors) {
        const auto root = unit_root<long double>(turn.numerator, turn.denominator << factor.halvings);
        for (const auto& lane : factor.roots) within_.push_back(static_cast<Scalar>((root * lane).real()));
        for (const auto& lane : factor.roots) within_.push_back(static_cast<Scalar>((root * lane).imag()));
      }
    }
  }

  /// Follows the rings through the splits within four vectors, which are those of one ring of angle 0.
  struct WithinMaker {
    std::array<Rings, 4> rings{};
    std::array<WithinFactor, static_cast<std::size_t>(within_factors)> factors{};
    std::size_t count = 0;
    int done = 2;  // levels

    auto make() {
      for (std::size_t i = 0; i < 4; ++i) rings[i].fill(Turn{}.child(static_cast<int>(i), 2));
      std::size_t distance = static_cast<std::size_t>(lanes) / 2;
      if (odd_levels) {
        exchange(distance, 0, 1);
        exchange(distance, 2, 3);
        split_vectors(0, 1);
        split_vectors(2, 1);
        distance /= 2;
        ++done;
      }
      for (; distance >= 2; distance /= 4, done += 2) {
        exchange(distance, 0, 2);
        exchange(distance, 1, 3);
        exchange(distance / 2, 0, 1);
        exchange(distance / 2, 2, 3);
        split_vectors(0, 2);
      }
      return factors;
    }

    void exchange(std::size_t distance, std::size_t low, std::size_t high) {
      for (std::size_t lane = 0; lane < rings[low].size(); ++lane) {
        if ((lane & distance) == 0) std::swap(rings[low][lane + distance], rings[high][lane]);
      }
    }

    void split_vectors(std::size_t first, int levels) {
      const Rings parents = rings[first];
      for (int i = 0; i < (1 << levels) / 2; ++i, ++count) {
        factors[count].halvings = done + factor_level(i) + 1;
        for (std::size_t lane = 0; lane < parents.size(); ++lane) {
          const Turn turn = factor_turn(parents[lane], i);
          factors[count].roots[lane] = unit_root<long double>(turn.numerator, turn.denominator);
        }
      }
      for (int i = 0; i < 1 << levels; ++i) {
        Rings& children = rings[first + static_cast<std::size_t>(i)];
        for (std::size_t lane = 0; lane < parents.size(); ++lane) children[lane] = parents[lane].child(i, levels);
      }
    }
  };

  int first_levels_ = 0;
  std::array<Index, 32> offsets_{};  // in middle_, of each number of splits
  AlignedVector<Scalar> first_, middle_, within_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
