// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// A transform of every lane at once: M complex vectors in planar memory, M a product of 2, 3, 5 and 7, become the M
// bins of each lane, in place. A pass of radix r takes a block of r m vectors apart (decimation in frequency, Gentleman
// and Sande 1966): sums over vectors m apart, turned by exp(-2 pi i n k / (r m)), are blocks of m whose transforms are
// the bins k, k + r, k + 2 r, ... Nothing is put in order on the way: position(k) tells where bin k lies. Blocks are
// finished one after the other, so that small ones stay in the nearest cache.

#include <algorithm>
#include <array>
#include <bit>
#include <complex>
#include <cstddef>
#include <vector>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/butterfly.hpp>
#include <tessera/fft/detail/complex_lanes.hpp>
#include <tessera/fft/detail/roots.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The largest factor of `length` that has no prime above 7, divided out: 1 for the lengths that LaneFourier takes.
inline Index rough_part(Index length) {
  for (const Index prime : {2, 3, 5, 7}) {
    while (length % prime == 0) length /= prime;
  }
  return length;
}

template <class Scalar>
class LaneFourier {
 public:
  static constexpr Index lanes = simd::lanes<Scalar>;

  LaneFourier() = default;

  /// `length` >= 1 has no prime factor above 7.
  explicit LaneFourier(Index length) : length_(length) {
    Index block = length;
    for (const int radix : radices(length)) {
      add_pass(radix, block / radix);
      block /= radix;
    }
    order_.resize(static_cast<std::size_t>(length));
    arrange(0, 0, 0, 1);
  }

  Index length() const { return length_; }

  /// Which vector holds bin k after run().
  Index position(Index k) const { return order_[static_cast<std::size_t>(k)]; }

  /// Transforms `work`, 2 length vectors, without a factor.
  void run(Scalar* work) const { descend(work, 0); }

 private:
  using Lanes = ComplexLanes<Scalar>;

  static constexpr Index level_by_level = 4096 / (2 * sizeof(Scalar));  // blocks of up to so many complex numbers

  struct Pass {
    int radix = 2;
    Index part = 1;            // vectors of a block's parts
    std::size_t twiddles = 0;  // where the factors begin
  };

  /// How many factors of two the next pass takes: two, or three where there are registers for a radix of 8. An odd one
  /// out goes into a radix of 8 at the end, where nothing is turned, rather than into a pass of its own.
  static int next_levels(int levels) {
    if (levels <= 2) return levels;
    if constexpr (simd::register_count >= 32) return levels == 4 ? 2 : 3;
    return levels == 3 ? 3 : 2;
  }

  static std::vector<int> radices(Index length) {
    std::vector<int> result;
    int levels = std::countr_zero(static_cast<std::size_t>(length));
    length >>= levels;
    for (int next; (next = next_levels(levels)) < levels; levels -= next) result.push_back(1 << next);
    for (const int radix : {7, 5, 3}) {
      for (; length % radix == 0; length /= radix) result.push_back(radix);
    }
    if (levels > 0) result.push_back(1 << levels);
    return result;
  }

  void add_pass(int radix, Index part) {
    passes_.push_back({radix, part, twiddles_.size()});
    if (part == 1) return;
    for (Index n = 0; n < part; ++n) {
      for (int k = 1; k < radix; ++k) {
        const std::complex<Scalar> root = unit_root<Scalar>(-n * k, part * radix);
        twiddles_.push_back(root.real());
        twiddles_.push_back(root.imag());
      }
    }
  }

  /// The block that begins at `position` when passes from `pass` on are to come holds bins first, first + step, ...
  void arrange(std::size_t pass, Index position, Index first, Index step) {
    if (pass == passes_.size()) {
      order_[static_cast<std::size_t>(first)] = position;
      return;
    }
    const Pass& split = passes_[pass];
    for (int k = 0; k < split.radix; ++k) {
      arrange(pass + 1, position + k * split.part, first + k * step, step * split.radix);
    }
  }

  void descend(Scalar* work, std::size_t pass) const {
    if (pass == passes_.size()) return;
    const Pass& split = passes_[pass];
    const Index block = split.radix * split.part;
    if (block * lanes <= level_by_level) {
      for (Index blocks = 1; pass < passes_.size(); ++pass) {
        apply(passes_[pass], work, blocks);
        blocks *= passes_[pass].radix;
      }
      return;
    }
    apply(split, work, 1);
    for (int k = 0; k < split.radix; ++k) descend(work + 2 * lanes * k * split.part, pass + 1);
  }

  void apply(const Pass& pass, Scalar* work, Index blocks) const {
    switch (pass.radix) {
      case 2:
        return apply<2>(pass, work, blocks);
      case 3:
        return apply<3>(pass, work, blocks);
      case 4:
        return apply<4>(pass, work, blocks);
      case 5:
        return apply<5>(pass, work, blocks);
      case 7:
        return apply<7>(pass, work, blocks);
      default:
        return apply<8>(pass, work, blocks);
    }
  }

  template <int radix>
  [[gnu::noinline]] void apply(const Pass& pass, Scalar* work, Index blocks) const {
    const Index stride = 2 * lanes * pass.part;
    if (pass.part == 1) {
      for (Index b = 0; b < blocks; ++b, work += radix * stride) step<radix, false>(work, stride, nullptr);
      return;
    }
    for (Index b = 0; b < blocks; ++b, work += radix * stride) {
      const Scalar* twiddles = twiddles_.data() + pass.twiddles;
      for (Index n = 0; n < stride; n += 2 * lanes, twiddles += 2 * (radix - 1)) {
        step<radix, true>(work + n, stride, twiddles);
      }
    }
  }

  template <int radix, bool turned>
  static TESSERA_INLINE void step(Scalar* work, Index stride, [[maybe_unused]] const Scalar* twiddles) {
    Lanes v[radix];
    TESSERA_UNROLL
    for (int q = 0; q < radix; ++q) v[q] = load_complex(work + q * stride);
    butterfly(v);
    store_complex(work, v[0]);
    TESSERA_UNROLL
    for (int k = 1; k < radix; ++k) {
      if constexpr (turned) v[k] = v[k] * broadcast_complex(twiddles[2 * k - 2], twiddles[2 * k - 1]);
      store_complex(work + k * stride, v[k]);
    }
  }

  Index length_ = 0;
  std::vector<Pass> passes_;
  std::vector<Index> order_;
  AlignedVector<Scalar> twiddles_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
