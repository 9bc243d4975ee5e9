// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// N real numbers, N even, as M = N / 2 complex ones, z[n] = x[2n] + i x[2n + 1]. With w = exp(-2 pi i / N),
//
//   E = (Z[k] + conj Z[M - k]) / 2,  O = (Z[k] - conj Z[M - k]) / (2 i),
//   X[k] = E + w^k O,                X[M - k] = conj(E - w^k O)
//
// are the bins of x; and the way back, where S = X[k] + conj X[M - k] and D = X[k] - conj X[M - k]:
//
//   2 Z[k] = S + i w^-k D,           2 Z[M - k] = conj(S - i w^-k D).

#include <complex>
#include <cstddef>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/complex_lanes.hpp>
#include <tessera/fft/detail/roots.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class Scalar>
class RealUntangle {
 public:
  RealUntangle() = default;

  /// `length` is N.
  explicit RealUntangle(Index length) : half_(length / 2), paired_((half_ - 1) / 2 / lanes * lanes) {
    for (Index k = 1; k <= half_ / 2; ++k) {
      // As load_paired reads them, where pairs are taken a vector at a time.
      const Index block = (k - 1) / lanes * lanes;
      const Index number = k <= paired_ ? block + 1 + paired_lane<Scalar>(static_cast<int>(k - 1 - block)) : k;
      const std::complex<Scalar> root = unit_root<Scalar>(-number, length);
      cosine_.push_back(root.real());
      sine_.push_back(root.imag());
    }
  }

  /// Z in row[0] ... row[2 M - 1] becomes X in row[0] ... row[2 M + 1], times `outer` in bins 0 and M and `inner` in
  /// the others.
  void untangle(Scalar* row, Scalar outer, Scalar inner) const {
    const Scalar re = row[0], im = row[1];
    row[0] = (re + im) * outer;
    row[1] = 0;
    row[2 * half_] = (re - im) * outer;
    row[2 * half_ + 1] = 0;
    pairs<false>(row, row, inner * Scalar(0.5));
  }

  /// X in from[0] ... from[2 M + 1], its inner bins times `inner`, becomes 2 Z in to[0] ... to[2 M - 1].
  void tangle(const Scalar* from, Scalar* to, Scalar inner) const {
    const Scalar first = from[0], last = from[2 * half_];
    pairs<true>(from, to, inner);
    to[0] = first + last;
    to[1] = first - last;
  }

 private:
  static constexpr Index lanes = simd::lanes<Scalar>;

  /// (a, b) are bins k and M - k of one side, then of the other. V is a scalar, or a vector of as many pairs.
  template <bool back, class V>
  static TESSERA_INLINE void exchange(V& a_re, V& a_im, V& b_re, V& b_im, const V& w_re, const V& w_im,
                                      const V& factor) {
    const V sum_re = a_re + b_re, sum_im = a_im - b_im, re = a_re - b_re, im = a_im + b_im;
    V turned_re, turned_im;
    if constexpr (back) {
      turned_re = w_im * re - w_re * im;
      turned_im = w_re * re + w_im * im;
    } else {
      turned_re = w_re * im + w_im * re;
      turned_im = w_im * im - w_re * re;
    }
    a_re = (sum_re + turned_re) * factor;
    a_im = (sum_im + turned_im) * factor;
    b_re = (sum_re - turned_re) * factor;
    b_im = (turned_im - sum_im) * factor;
  }

  template <bool back>
  void pairs(const Scalar* from, Scalar* to, Scalar factor) const {
    for (Index i = 0; i < paired_; i += lanes) {
      const Index k = i + 1, other = half_ - k - lanes + 1;
      // The order of load_paired, reversed, is that of the reversed numbers.
      ComplexLanes<Scalar> a = load_paired(from + 2 * k), b = reversed(load_paired(from + 2 * other));
      exchange<back>(a.re, a.im, b.re, b.im, simd::load(cosine_.data() + i), simd::load(sine_.data() + i),
                     simd::broadcast(factor));
      store_paired(to + 2 * k, a);
      store_paired(to + 2 * other, reversed(b));
    }
    for (Index k = paired_ + 1; 2 * k <= half_; ++k) {
      const Index other = half_ - k;
      Scalar a_re = from[2 * k], a_im = from[2 * k + 1], b_re = from[2 * other], b_im = from[2 * other + 1];
      const auto at = static_cast<std::size_t>(k - 1);
      exchange<back>(a_re, a_im, b_re, b_im, cosine_[at], sine_[at], factor);
      to[2 * other] = b_re;
      to[2 * other + 1] = b_im;
      to[2 * k] = a_re;
      to[2 * k + 1] = a_im;
    }
  }

  static TESSERA_INLINE ComplexLanes<Scalar> reversed(const ComplexLanes<Scalar>& value) {
    return {reverse_lanes<Scalar>(value.re), reverse_lanes<Scalar>(value.im)};
  }

  Index half_ = 0;
  Index paired_ = 0;                     // pairs k = 1 ... that are taken a vector at a time
  AlignedVector<Scalar> cosine_, sine_;  // of w^k, from k = 1 up to M / 2
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
