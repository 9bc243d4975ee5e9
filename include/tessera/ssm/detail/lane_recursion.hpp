// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Division of power series by the recursion
//
//   v[t] = u[t] - sum over j of a_j v[t - j],      0 <= t < length,
//
// each lane a channel of its own with its own a. Four results at once: what they take of results before them is
// summed together, so that a coefficient and an older result are loaded once for four products. Also the sums of
// products of two sequences at lags 1 ... n, which are the gradient of a.

#include <algorithm>
#include <cstddef>
#include <limits>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// x, but 0 where it is so small that products with it would be denormal: those take processors many times longer, and
/// a decaying recursion would never leave them.
template <class Scalar>
TESSERA_INLINE simd::Vec<Scalar> without_dust(const simd::Vec<Scalar>& x) {
  const auto dust = simd::broadcast(std::numeric_limits<Scalar>::min() * Scalar(0x1p24));
  return simd::select((x < dust) & (x > -dust), simd::Vec<Scalar>{}, x);
}

template <class Work>
class LaneRecursion {
 public:
  using Vector = simd::Vec<Work>;
  static constexpr Index lanes = simd::lanes<Work>;
  static constexpr Index block = 256;

  /// Memory for one task: coefficients, and a window of results with as many before them as the order.
  struct Slot {
    AlignedVector<Work> coefficients;
    AlignedVector<Work> window;
    AlignedVector<Work> other;
    AlignedVector<Work> sums;
  };

  explicit LaneRecursion(Index order) : order_(order), padded_((order + 3) / 4 * 4) {}

  Index order() const { return order_; }

  Slot slot() const {
    Slot slot;
    slot.coefficients.resize(static_cast<std::size_t>((padded_ + 4) * lanes));
    slot.window.resize(static_cast<std::size_t>((padded_ + block) * lanes));
    slot.other.resize(static_cast<std::size_t>((padded_ + block) * lanes));
    slot.sums.resize(static_cast<std::size_t>(padded_ * lanes));
    return slot;
  }

  /// v of `count` <= lanes channels, coefficients[i] being a_1 ... a_n of channel i. source(i, t, size, to) puts u[t],
  /// u[t + 1], ... of channel i to `to`, `lanes` apart; sink(i, t, size, from) takes as many of v.
  template <class Scalar, class Source, class Sink>
  void divide(const Scalar* const* coefficients, Index count, Index length, Source&& source, Sink&& sink,
              Slot& slot) const {
    load(coefficients, count, slot);
    std::fill(slot.window.begin(), slot.window.end(), Work{0});
    for (Index begin = 0; begin < length; begin += block) {
      const Index size = std::min(block, length - begin);
      Work* now = slot.window.data() + padded_ * lanes;
      for (Index i = 0; i < count; ++i) source(i, begin, size, now + i);
      for (Index t = 0; t < size; t += 4) four(slot.coefficients.data(), now + t * lanes);
      for (Index i = 0; i < count; ++i) sink(i, begin, size, static_cast<const Work*>(now + i));
      std::copy_n(slot.window.data() + size * lanes, padded_ * lanes, slot.window.data());
    }
  }

  /// Sums over t < length of q[t] k[t - j], j = 1 ... n, for `count` channels; k[t] = 0 for t < 0. Sources as above,
  /// but reading may begin and end outside: then they put zeros. result(i) is where the sums of channel i go.
  template <class SourceQ, class SourceK, class Result>
  void correlate(Index count, Index length, SourceQ&& source_q, SourceK&& source_k, Result&& result, Slot& slot) const {
    std::fill(slot.window.begin(), slot.window.end(), Work{0});
    std::fill(slot.other.begin(), slot.other.end(), Work{0});
    std::fill(slot.sums.begin(), slot.sums.end(), Work{0});
    Work* q = slot.window.data();
    Work* k = slot.other.data() + padded_ * lanes;
    for (Index begin = 0; begin < length; begin += block) {
      const Index size = std::min(block, length - begin);
      for (Index i = 0; i < count; ++i) {
        source_q(i, begin, size, q + i);
        source_k(i, begin, size, k + i);
      }
      for (Index j = 0; j < padded_; j += 4) four_sums(q, k - (j + 4) * lanes, size, slot.sums.data() + j * lanes);
      std::copy_n(slot.other.data() + size * lanes, padded_ * lanes, slot.other.data());
    }
    for (Index i = 0; i < count; ++i) {
      auto* to = result(i);
      for (Index j = 0; j < order_; ++j) {
        to[j] =
            static_cast<std::remove_reference_t<decltype(to[0])>>(slot.sums[static_cast<std::size_t>(j * lanes + i)]);
      }
    }
  }

 private:
  /// Coefficient a_j at j * lanes; those after the order are 0.
  template <class Scalar>
  void load(const Scalar* const* coefficients, Index count, Slot& slot) const {
    std::fill(slot.coefficients.begin(), slot.coefficients.end(), Work{0});
    for (Index i = 0; i < count; ++i) {
      for (Index j = 0; j < order_; ++j) {
        slot.coefficients[static_cast<std::size_t>(j * lanes + i)] = static_cast<Work>(coefficients[i][j]);
      }
    }
  }

  /// Results t ... t + 3 at `now`, in the place of their inputs.
  TESSERA_INLINE void four(const Work* coefficients, Work* now) const {
    Vector sum[4];
    TESSERA_UNROLL
    for (int i = 0; i < 4; ++i) sum[i] = simd::load(now + i * lanes);
    for (Index d = padded_; d > 0; d -= 4) {  // results d, d - 1, d - 2, d - 3 before t
      const Work* a = coefficients + (d - 4) * lanes;
      const Work* v = now - d * lanes;
      TESSERA_UNROLL
      for (int e = 0; e < 4; ++e) {
        const Vector value = simd::load(v + e * lanes);
        TESSERA_UNROLL
        for (int i = 0; i < 4; ++i) {  // a of index d - e + i
          sum[i] = simd::multiply_add(-simd::load(a + (3 - e + i) * lanes), value, sum[i]);
        }
      }
    }
    TESSERA_UNROLL
    for (int i = 0; i < 4; ++i) {
      TESSERA_UNROLL
      for (int e = 0; e < i; ++e) {
        sum[i] = simd::multiply_add(-simd::load(coefficients + (i - e - 1) * lanes), sum[e], sum[i]);
      }
      sum[i] = without_dust<Work>(sum[i]);
      simd::store(now + i * lanes, sum[i]);
    }
  }

  /// sums[i] += sum over t < size of q[t] k[t + 3 - i].
  static TESSERA_INLINE void four_sums(const Work* q, const Work* k, Index size, Work* sums) {
    Vector sum[4];
    TESSERA_UNROLL
    for (int i = 0; i < 4; ++i) sum[i] = simd::load(sums + i * lanes);
    for (Index t = 0; t < size; ++t) {
      const Vector value = simd::load(q + t * lanes);
      TESSERA_UNROLL
      for (int i = 0; i < 4; ++i) sum[i] = simd::multiply_add(value, simd::load(k + (t + 3 - i) * lanes), sum[i]);
    }
    TESSERA_UNROLL
    for (int i = 0; i < 4; ++i) simd::store(sums + i * lanes, sum[i]);
  }

  Index order_ = 0;
  Index padded_ = 0;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
