// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The transposed direct form of high order (detail/direct_lanes.hpp) over blocks of m >= n samples, O(log m) a sample:
//
//   w = (b u + s) / A as power series,   s <- the parts of b u - a w that reach beyond the block,
//
// u and w delayed by one sample, s the numbers of the state one after the other. In double whatever the samples are.

#include <algorithm>
#include <cstddef>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/power_series.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

class DirectBlocks {
 public:
  explicit DirectBlocks(Index order)
      : order_(order),
        block_(power_of_two_from(std::max<Index>(order, 256))),
        reciprocal_(block_),
        inverse_(block_),
        forward_(block_),
        feedback_(block_) {
    window_.resize(static_cast<std::size_t>(block_));
    part_.resize(static_cast<std::size_t>(block_));
    state_.resize(static_cast<std::size_t>(order));
  }

  /// A channel of b_1 ... b_n and a_1 ... a_n.
  template <class Scalar>
  void set(const Scalar* numerator, const Scalar* denominator) {
    reciprocal_.run(denominator, order_, part_.data());
    inverse_.set(part_.data());
    set_factor(denominator, feedback_);
    set_factor(numerator, forward_);
  }

  /// Samples through the channel, from `state` on; results unless `output` is null, which may be `input`.
  template <class Scalar>
  void run(const Scalar* input, Scalar skip, Index length, Scalar* state, Scalar* output) {
    std::copy_n(state, order_, state_.begin());
    for (Index done = 0; done < length;) {
      const Index size = std::min(block_, length - done);
      run_block(input + done, static_cast<double>(skip), size, output == nullptr ? nullptr : output + done);
      done += size;
    }
    for (Index j = 0; j < order_; ++j) state[j] = static_cast<Scalar>(state_[at(j)]);
  }

 private:
  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }

  template <class Scalar>
  void set_factor(const Scalar* coefficients, SeriesProduct<double>& product) {
    std::fill(part_.begin(), part_.end(), 0.0);
    std::copy_n(coefficients, order_, part_.begin());
    product.set(part_.data());
  }

  /// A short block lies at the end of the window.
  template <class Scalar>
  void run_block(const Scalar* input, double skip, Index size, Scalar* output) {
    const Index begin = block_ - size;
    std::fill_n(window_.begin(), begin, 0.0);
    std::copy_n(input, size, window_.begin() + begin);
    const double* filtered = forward_.full(window_.data());
    for (Index t = 0; t < block_; ++t) {
      const Index since = t - begin;
      part_[at(t)] = (t > 0 ? filtered[t - 1] : 0) + (since >= 0 && since < order_ ? state_[at(since)] : 0);
    }
    inverse_.low(part_.data(), part_.data());
    for (Index t = 0; output != nullptr && t < size; ++t) {
      output[t] = static_cast<Scalar>(skip * window_[at(begin + t)] + part_[at(begin + t)]);
    }
    const double* fed_back = feedback_.full(part_.data());
    for (Index j = 0; j < order_; ++j) {
      const double left = j + size < order_ ? state_[at(j + size)] : 0;
      state_[at(j)] = left + filtered[block_ - 1 + j] - fed_back[block_ - 1 + j];
    }
  }

  Index order_ = 0;
  Index block_ = 1;
  ReciprocalSeries<double> reciprocal_;
  SeriesProduct<double> inverse_;
  SeriesProduct<double> forward_;
  SeriesProduct<double> feedback_;
  AlignedVector<double> window_;
  AlignedVector<double> part_;
  AlignedVector<double> state_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
