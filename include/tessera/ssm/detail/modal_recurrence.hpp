// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The recurrence of many modes, sample by sample,
//
//   x_n <- p_n x_n + u,      y = 2 Re sum over n of w_n x_n,
//
// in double: real and imaginary parts lie side by side in the state, as std::complex has them, and the product with a
// pole is two multiply-adds of whole vectors and one exchange of neighbouring lanes.

#include <algorithm>
#include <complex>
#include <utility>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/ssm/detail/double_lanes.hpp>
#include <tessera/ssm/timing.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Poles and weights of several channels, made ready. One object serves any number of threads.
class ModalRecurrence {
 public:
  ModalRecurrence() = default;

  /// `poles` and `weights` are (channels, modes), row-major.
  ModalRecurrence(Index channels, Index modes, const std::complex<double>* poles, const std::complex<double>* weights)
      : modes_(modes), vectors_(round_up(modes, pairs) / pairs) {
    table_.assign(static_cast<std::size_t>(channels * vectors_ * entry), 0);
    for (Index c = 0; c < channels; ++c) {
      for (Index n = 0; n < modes; ++n) fill(c, n, poles[c * modes + n], weights[c * modes + n]);
    }
  }

  /// One sample of channel c: moves its state and returns 2 Re sum of w x, of the state before or after.
  template <Timing timing>
  double step(Index c, std::complex<double>* state, double input) const {
    auto* x = reinterpret_cast<double*>(state);
    const double* table = table_.data() + c * vectors_ * entry;
    const DoubleVec u = simd::broadcast(input) * simd::load(real_lanes);
    constexpr int chains = 4;  // sums that need not wait for one another
    DoubleVec sum[chains] = {};
    Index left = modes_;
    for (; left >= chains * pairs; left -= chains * pairs, x += chains * double_lanes, table += chains * entry) {
      TESSERA_UNROLL
      for (int i = 0; i < chains; ++i) {
        double* part = x + i * double_lanes;
        simd::store(part, move<timing>(simd::load(part), table + i * entry, u, sum[i]));
      }
    }
    for (; left >= pairs; left -= pairs, x += double_lanes, table += entry)
      simd::store(x, move<timing>(simd::load(x), table, u, sum[0]));
    if (left > 0) {
      DoubleVec rest{};
      TESSERA_UNROLL
      for (int i = 0; i < double_lanes; ++i) {
        if (i < 2 * left) rest[i] = x[i];
      }
      rest = move<timing>(rest, table, u, sum[0]);
      TESSERA_UNROLL
      for (int i = 0; i < double_lanes; ++i) {
        if (i < 2 * left) x[i] = rest[i];
      }
    }
    return simd::reduce_add(DoubleVec((sum[0] + sum[1]) + (sum[2] + sum[3])));
  }

 private:
  static constexpr Index pairs = double_lanes / 2;  // complex numbers in a vector

  static constexpr int entry = 3 * double_lanes;  // scalars of the table for a vector
  static constexpr double real_lanes[8] = {1, 0, 1, 0, 1, 0, 1, 0};

  // One vector of the state after the sample; adds to the output.
  template <Timing timing>
  static TESSERA_INLINE DoubleVec move(const DoubleVec& before, const double* table, const DoubleVec& u,
                                       DoubleVec& sum) {
    const DoubleVec swapped = simd::detail::swap_lanes<1>(before, std::make_index_sequence<double_lanes>());
    const DoubleVec turned = simd::multiply_add(swapped, simd::load(table + double_lanes), u);
    const DoubleVec after = simd::multiply_add(before, simd::load(table), turned);
    sum = simd::multiply_add(timing == Timing::current ? after : before, simd::load(table + 2 * double_lanes), sum);
    return after;
  }

  void fill(Index c, Index n, const std::complex<double>& pole, const std::complex<double>& weight) {
    double* to = table_.data() + (c * vectors_ + n / pairs) * entry + n % pairs * 2;
    to[0] = to[1] = pole.real();
    to[double_lanes] = -pole.imag();
    to[double_lanes + 1] = pole.imag();
    to[2 * double_lanes] = 2 * weight.real();
    to[2 * double_lanes + 1] = -2 * weight.imag();
  }

  Index modes_ = 0, vectors_ = 0;
  AlignedVector<double> table_;  // [channel][vector]: real parts twice, imaginary parts with signs, weights
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
