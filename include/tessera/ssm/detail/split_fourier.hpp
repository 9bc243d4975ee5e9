// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The transform of M real numbers in R rows of K bins, M = R K, of which R / 2 + 1 are enough. Row r holds the bins
// r, r + R, r + 2 R, ..., and is itself a transform of K complex numbers:
//
//   X[r + R k] = sum over n < K of exp(-2 pi i n k / K) y_r[n],
//   y_r[n] = exp(-2 pi i n r / M) sum over q < R of x[n + K q] exp(-2 pi i q r / R)
//
// (the first step of Cooley and Tukey 1965, decimation in frequency). Row R - r has the conjugate bins of row r. So
// spectra of real numbers are multiplied and divided row by row without being put in order, rows are short enough for
// the nearest cache, and of a sequence of n numbers followed by zeros the sums over q have n / K terms. The inverse
// runs backward: rows are transformed, turned, and summed over r for each n.

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/fourier.hpp>
#include <tessera/ssm/detail/interleaved_lanes.hpp>
#include <tessera/ssm/detail/real_butterfly.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// How a transform of `points` is split: the first of 16, 15, ... 1 that divides it and leaves rows of a length which
/// a transform lays out within the row; else the first that leaves rows without large primes.
inline Index fourier_split(Index points, Index lanes) {
  Index chosen = 0;
  for (Index split = 16; split >= 1; --split) {
    if (points % split != 0) continue;
    Index length = points / split;
    const bool within = length % lanes == 0 && length >= lanes * lanes;
    for (const Index prime : {2, 3, 5, 7}) {
      while (length % prime == 0) length /= prime;
    }
    if (within && length == 1 && split >= 8) return split;
    if (chosen == 0 && length == 1) chosen = split;
  }
  return chosen == 0 ? 1 : chosen;
}

template <class Work>
class SplitFourier {
 public:
  using Complex = std::complex<Work>;
  using Vector = simd::Vec<Work>;
  using Plan = FourierTransform<Work, FourierScale::none>;
  using Workspace = FourierWorkspace<Work>;
  static constexpr Index lanes = simd::lanes<Work>;

  /// `points` >= 1.
  explicit SplitFourier(Index points)
      : points_(points), split_(fourier_split(points, lanes)), length_(points / split_), plan_(length_) {
    // A cache line more than whole vectors: rows of a power of two would share the same few places of the cache.
    pitch_ = (length_ + lanes - 1) / lanes * lanes + static_cast<Index>(64 / sizeof(Work));
    turns_.resize(static_cast<std::size_t>(2 * rows() * pitch_));
    for (Index r = 0; r < rows(); ++r) {
      for (Index n = 0; n < length_; ++n) place(turns_.data() + 2 * r * pitch_ + n, pitch_, n * r, points, 1);
    }
    circle_.resize(static_cast<std::size_t>(4 * split_ * rows()));
    for (Index q = 0; q < split_; ++q) {
      for (Index r = 0; r < rows(); ++r) {
        place(circle(q) + r, rows(), q * r, split_, 1);
        place(circle(q) + 2 * rows() + r, rows(), q * r, split_, r == 0 || 2 * r == split_ ? 1 : 2);
      }
    }
  }

  Index points() const { return points_; }
  Index rows() const { return split_ / 2 + 1; }
  /// Complex numbers of a row, and from one row to the next.
  Index row_length() const { return length_; }
  Index pitch() const { return pitch_; }
  /// How often each bin of row r stands in the whole spectrum.
  Index weight(Index r) const { return r == 0 || 2 * r == split_ ? 1 : 2; }
  /// The bin of the whole spectrum that is bin k of row r.
  Index bin(Index r, Index k) const { return r + split_ * k; }
  /// How many sequences are best transformed at once.
  Index at_once() const { return plan_.layout() == FourierLayout::within_row ? 1 : lanes; }
  /// Scalars that a sequence must have room for; those after its terms are zeros.
  Index sequence_size() const { return points_ + 2 * lanes; }
  Workspace workspace() const { return plan_.workspace(); }

  /// y_r of a sequence of `terms` <= points numbers.
  void spread(Index r, const Work* sequence, Index terms, Work* row) const {
    const Index used = std::min(terms, length_), sums = (terms + length_ - 1) / length_;
    Index n = 0;
    for (; n < used; n += lanes) {
      Vector re = simd::load(sequence + n), im{};
      for (Index q = 1; q < sums && n + length_ * q < terms; ++q) {
        const Vector x = simd::load(sequence + n + length_ * q);
        re = simd::multiply_add(x, simd::broadcast(circle(q)[r]), re);
        im = simd::multiply_add(x, simd::broadcast(-circle(q)[r + rows()]), im);
      }
      store_turned(row, r, n, {re, im});
    }
    if (n < length_) std::fill(row + 2 * n, row + 2 * length_, Work{0});
  }

  /// All y_r, rows `distance` scalars apart, of a sequence of as many terms as points.
  void spread_all(const Work* sequence, Work* rows, Index distance) const {
    if (split_ == 16) return spread_fixed<16>(sequence, rows, distance);
    if (split_ == 8) return spread_fixed<8>(sequence, rows, distance);
    for (Index r = 0; r <= split_ / 2; ++r) spread(r, sequence, points_, rows + r * distance);
  }

  /// The bins of `count` rows, `distance` scalars apart, of their y, in place; and back.
  void forward(Work* first, Index count, Index distance, Workspace& workspace) const {
    const Batch<Complex> batch(reinterpret_cast<Complex*>(first), count, length_, distance / 2);
    plan_.forward_into(batch, batch, {.workspace = &workspace});
  }
  void inverse(Work* first, Index count, Index distance, Workspace& workspace) const {
    const Batch<Complex> batch(reinterpret_cast<Complex*>(first), count, length_, distance / 2);
    plan_.inverse_into(batch, batch, {.workspace = &workspace});
  }

  /// The first `terms` numbers, times `factor`, from the rows that inverse() left, `distance` scalars apart. There is
  /// room for a vector after the terms.
  void gather(const Work* rows, Index distance, Index terms, Work factor, Work* sequence) const {
    if (split_ == 16 && terms > 2 * length_) return gather_fixed<16>(rows, distance, factor, sequence);
    if (split_ == 8 && terms > 2 * length_) return gather_fixed<8>(rows, distance, factor, sequence);
    gather_few(rows, distance, terms, factor, sequence);
  }

 private:
  static void place(Work* at, Index distance, Index k, Index n, long double weight) {
    constexpr long double turn = 6.283185307179586476925286766559005768L;
    k %= n;
    if (2 * k > n) k -= n;
    const long double angle = turn * static_cast<long double>(k) / static_cast<long double>(n);
    at[0] = static_cast<Work>(weight * std::cos(angle));
    at[distance] = static_cast<Work>(weight * std::sin(angle));
  }

  /// Cosines, then sines, of 2 pi q r / R for all rows r; then both times the weights of the rows.
  Work* circle(Index q) { return circle_.data() + 4 * q * rows(); }
  const Work* circle(Index q) const { return circle_.data() + 4 * q * rows(); }

  /// Row r at n, turned back by exp(2 pi i n r / M).
  TESSERA_INLINE SplitComplex<Work> turned(const Work* row, Index r, Index n) const {
    const SplitComplex<Work> y = load_interleaved(row + 2 * n);
    const Work* turn = turns_.data() + 2 * r * pitch_ + n;
    const Vector c = simd::load(turn), s = simd::load(turn + pitch_);
    return {y.re * c - y.im * s, y.re * s + y.im * c};
  }

  /// Row r at n, turned by exp(-2 pi i n r / M).
  TESSERA_INLINE void store_turned(Work* row, Index r, Index n, const SplitComplex<Work>& y) const {
    const Work* turn = turns_.data() + 2 * r * pitch_ + n;
    const Vector c = simd::load(turn), s = simd::load(turn + pitch_);
    store_interleaved(row + 2 * n, SplitComplex<Work>{y.re * c + y.im * s, y.im * c - y.re * s});
  }

  /// `count` scalars of a vector.
  static TESSERA_INLINE void store_part(Work* to, const Vector& value, Index count) {
    if (count >= lanes) return simd::store(to, value);
    for (Index i = 0; i < count; ++i) to[i] = value[i];
  }

  void gather_few(const Work* from, Index distance, Index terms, Work factor, Work* sequence) const {
    const Vector scale = simd::broadcast(factor);
    for (Index q = 0; q * length_ < terms; ++q) {
      const Work* weights = circle(q) + 2 * rows();
      const Index count = std::min(length_, terms - q * length_);
      for (Index n = 0; n < count; n += lanes) {
        Vector sum{};
        for (Index r = 0; r < rows(); ++r) {
          const SplitComplex<Work> y = turned(from + r * distance, r, n);
          sum = simd::multiply_add(y.re, simd::broadcast(weights[r]), sum);
          sum = simd::multiply_add(y.im, simd::broadcast(-weights[r + rows()]), sum);
        }
        store_part(sequence + q * length_ + n, sum * scale, length_ - n);
      }
    }
  }

  /// With a split known to the compiler, all sums stay in registers.
  template <int split>
  [[gnu::noinline]] void gather_fixed(const Work* from, Index distance, Work factor, Work* sequence) const {
    const Vector scale = simd::broadcast(factor);
    for (Index n = 0; n < length_; n += lanes) {
      SplitComplex<Work> y[split / 2 + 1];
      Vector x[split];
      TESSERA_UNROLL
      for (Index r = 0; r <= split / 2; ++r) y[r] = turned(from + r * distance, r, n);
      real_numbers<split, 1, Work>(y, x);
      TESSERA_UNROLL
      for (Index q = 0; q < split; ++q) store_part(sequence + q * length_ + n, x[q] * scale, length_ - n);
    }
  }

  template <int split>
  [[gnu::noinline]] void spread_fixed(const Work* sequence, Work* to, Index distance) const {
    for (Index n = 0; n < length_; n += lanes) {
      SplitComplex<Work> y[split / 2 + 1];
      Vector x[split];
      TESSERA_UNROLL
      for (Index q = 0; q < split; ++q) x[q] = simd::load(sequence + q * length_ + n);
      real_bins<split, 1, Work>(x, y);
      TESSERA_UNROLL
      for (Index r = 0; r <= split / 2; ++r) store_turned(to + r * distance, r, n, y[r]);
    }
  }

  Index points_ = 1;
  Index split_ = 1;
  Index length_ = 1;
  Index pitch_ = 1;
  Plan plan_;
  AlignedVector<Work> turns_;   // cosines, then sines, of 2 pi n r / M for each row r
  AlignedVector<Work> circle_;  // of 2 pi q r / R
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
