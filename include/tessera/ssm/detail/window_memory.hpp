// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Steps x <- A x + B u of one dense system for several channels: products with a matrix whose rows lie in lanes, every
// entry one chain of multiply-adds in the order of the columns, so that a channel's bits depend on nothing else.

#include <algorithm>
#include <cstddef>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// States lie channel after channel, `stride()` apart; what pads them stays zero.
class WindowMemory {
 public:
  WindowMemory() = default;

  /// `step` is [A B], order x (order + 1).
  explicit WindowMemory(const RowMatrix<double>& step)
      : order_(step.rows()), stride_((order_ + lanes - 1) / lanes * lanes) {
    columns_.assign(static_cast<std::size_t>(stride_ * (order_ + 1)), 0.0);
    for (Index n = 0; n < order_; ++n) {
      columns_[static_cast<std::size_t>(n)] = step(n, order_);
      for (Index k = 0; k < order_; ++k) columns_[static_cast<std::size_t>((k + 1) * stride_ + n)] = step(n, k);
    }
  }

  Index stride() const { return stride_; }

  void step(Index channels, const double* before, const double* sample, double* after) const {
    for (Index c = 0; c < channels; ++c) {
      Index n = 0;
      for (; n + 4 * lanes <= stride_; n += 4 * lanes)
        step_tile<4>(n, before + c * stride_, sample[c], after + c * stride_);
      for (; n < stride_; n += lanes) step_tile<1>(n, before + c * stride_, sample[c], after + c * stride_);
    }
  }

 private:
  using Vector = simd::Vec<double>;
  static constexpr Index lanes = simd::lanes<double>;

  template <int tiles>
  void step_tile(Index n, const double* before, double sample, double* after) const {
    const double* column = columns_.data() + n;
    Vector sum[tiles];
    const Vector input = simd::broadcast(sample);
    TESSERA_UNROLL
    for (int i = 0; i < tiles; ++i) sum[i] = input * simd::load<double>(column + i * lanes);
    for (Index k = 0; k < order_; ++k) {
      column += stride_;
      const Vector state = simd::broadcast(before[k]);
      TESSERA_UNROLL
      for (int i = 0; i < tiles; ++i)
        sum[i] = simd::multiply_add(state, simd::load<double>(column + i * lanes), sum[i]);
    }
    TESSERA_UNROLL
    for (int i = 0; i < tiles; ++i) simd::store(after + n + i * lanes, sum[i]);
  }

  Index order_ = 1;
  Index stride_ = lanes;
  AlignedVector<double> columns_;  // B, then those of A
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
