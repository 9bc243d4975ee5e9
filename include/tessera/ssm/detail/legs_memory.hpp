// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The steps of the scaled LegS system for samples that are held, in the coordinates y_n = x_n / sqrt(2 n + 1), the
// plain moments y_n = (1 / T) integral over [0, T] of u(s) P_n(2 s / T - 1) ds. There the system has integers only,
//
//   T y_n' = u - (n + 1) y_n - sum over k < n of (2 k + 1) y_k.
//
// Each step computes the change of the state, not the state: from the k-th sample on it is of size 1 / k, and keeps its
// relative precision. A constant input gives the change zero exactly.

#include <algorithm>
#include <cstddef>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// How the state of an implicit or explicit step moves: (I - implicit A) change = rate (A y + B u).
struct LegsRates {
  double rate = 0;
  double implicit = 0;
};

/// The states of `width` channels, a multiple of the lanes: entry n of all channels, then entry n + 1.
class LegsMemory {
 public:
  LegsMemory() = default;
  LegsMemory(Index order, Index width) : order_(order), width_(width) {
    reciprocals_.resize(static_cast<std::size_t>(order));
    for (AlignedVector<double>* row : {&before_, &row_, &after_}) row->resize(static_cast<std::size_t>(order + 2));
  }

  /// Before the first sample is over, the past is that sample alone.
  void first(const double* sample, double* after) const {
    std::copy_n(sample, width_, after);
    std::fill_n(after + width_, (order_ - 1) * width_, 0.0);
  }

  /// One pass over the state: two running sums multiply by A and solve with it.
  void step(const LegsRates& rates, const double* before, const double* sample, double* after) {
    for (Index n = 0; n < order_; ++n)
      reciprocals_[static_cast<std::size_t>(n)] = 1 / (1 + rates.implicit * static_cast<double>(n + 1));
    Index c = 0;
    for (; c + 4 * lanes <= width_; c += 4 * lanes) step_tile<4>(rates, before + c, sample + c, after + c);
    for (; c < width_; c += lanes) step_tile<1>(rates, before + c, sample + c, after + c);
  }

  /// The solution for a held sample, from time T to T / (1 - shrink): what was a function on [0, 1] is squeezed into
  /// [0, 1 - shrink], where the sample follows. O(order^2).
  ///
  /// Row m of the squeezing has the coefficients of P_m(2 (1 - shrink) z - 1) in the P_n(2 z - 1), less one on the
  /// diagonal; the recurrence of the Legendre polynomials makes a row of the two before it.
  void exact_step(double shrink, const double* before, const double* sample, double* after) {
    for (AlignedVector<double>* row : {&before_, &row_, &after_}) std::fill(row->begin(), row->end(), 0.0);
    for (Index m = 0; m < order_; ++m) {
      for (Index c = 0; c < width_; c += lanes) squeeze(m, shrink, before + c, sample + c, after + c);
      next_row(m, shrink);
    }
  }

 private:
  using Vector = simd::Vec<double>;
  static constexpr Index lanes = simd::lanes<double>;

  template <int tiles>
  void step_tile(const LegsRates& rates, const double* before, const double* sample, double* after) const {
    const Vector rate = simd::broadcast(rates.rate), implicit = simd::broadcast(-rates.implicit);
    Vector rest[tiles], changes[tiles];  // u less the sum over states, and the sum over their changes
    TESSERA_UNROLL
    for (int i = 0; i < tiles; ++i) {
      rest[i] = simd::load<double>(sample + i * lanes);
      changes[i] = simd::broadcast(0.0);
    }
    for (Index n = 0; n < order_; ++n) {
      const Vector diagonal = simd::broadcast(-static_cast<double>(n + 1));
      const Vector weight = simd::broadcast(static_cast<double>(2 * n + 1));
      const Vector reciprocal = simd::broadcast(reciprocals_[static_cast<std::size_t>(n)]);
      TESSERA_UNROLL
      for (int i = 0; i < tiles; ++i) {
        const Vector state = simd::load<double>(before + n * width_ + i * lanes);
        const Vector slope = rate * simd::multiply_add(diagonal, state, rest[i]);
        const Vector right = simd::multiply_add(implicit, changes[i], slope);
        rest[i] = simd::multiply_add(-weight, state, rest[i]);
        changes[i] = simd::multiply_add(weight, reciprocal * right, changes[i]);
        simd::store(after + n * width_ + i * lanes, simd::multiply_add(reciprocal, right, state));
      }
    }
  }

  /// Entry m of the state after an exact step.
  void squeeze(Index m, double shrink, const double* before, const double* sample, double* after) const {
    const Vector held = simd::load<double>(sample);
    const auto state = [&](Index n) {
      const Vector value = simd::load<double>(before + n * width_);
      return n == 0 ? value - held : value;
    };
    Vector even = simd::broadcast(0.0), odd = even;
    for (Index n = 0; n <= m; n += 2)
      even = simd::multiply_add(simd::broadcast(row_[static_cast<std::size_t>(n)]), state(n), even);
    for (Index n = 1; n <= m; n += 2)
      odd = simd::multiply_add(simd::broadcast(row_[static_cast<std::size_t>(n)]), state(n), odd);
    const Vector kept = simd::broadcast(1 - shrink) * (even + odd);
    const Vector change = simd::multiply_add(simd::broadcast(-shrink), state(m), kept);
    simd::store(after + m * width_, simd::load<double>(before + m * width_) + change);
  }

  /// From rows m - 1 and m of the squeezing to row m + 1.
  void next_row(Index m, double shrink) {
    const double degree = static_cast<double>(m), twice = 2 * degree + 1;
    for (Index n = 0; n <= m + 1; ++n) {
      const std::size_t i = static_cast<std::size_t>(n);
      const double k = static_cast<double>(n);
      const double below = n == 0 ? 0 : row_[i - 1] * (k / (2 * k - 1));
      const double above = n > m ? 0 : row_[i + 1] * ((k + 1) / (2 * k + 3));
      after_[i] = twice * ((1 - shrink) * (below + above) - shrink * row_[i]) - degree * before_[i];
    }
    const std::size_t last = static_cast<std::size_t>(m);
    after_[last + 1] -= shrink * (degree + 1);
    after_[last] -= shrink * twice;
    if (m > 0) after_[last - 1] -= shrink * degree;
    for (Index n = 0; n <= m + 1; ++n) after_[static_cast<std::size_t>(n)] /= degree + 1;
    before_.swap(row_);
    row_.swap(after_);
  }

  Index order_ = 1;
  Index width_ = lanes;
  AlignedVector<double> reciprocals_;
  AlignedVector<double> before_, row_, after_;  // rows of the squeezing, less the identity
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
