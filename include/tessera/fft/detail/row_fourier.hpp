// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Rows of complex numbers, as std::complex has them, through LaneTransform. Two layouts, a plan's choice:
//
//   across rows   lane r is row r: as many rows at once as there are lanes, transposed while they are read and written;
//                 any length
//   within a row  with N = W M, W the number of lanes, the first pass is one of radix W, while the row is read: sums
//                 over q of x[n + M q] exp(-2 pi i q k / W), turned by exp(-2 pi i n k / N) and transposed, are lane k
//                 of vector n, whose transform is X[k], X[k + W], X[k + 2 W], ...
//
// The inverse transform is the forward one between two exchanges of real and imaginary parts, which cost nothing where
// rows are read and written.

#include <algorithm>
#include <complex>
#include <cstddef>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/butterfly.hpp>
#include <tessera/fft/detail/complex_lanes.hpp>
#include <tessera/fft/detail/lane_transform.hpp>
#include <tessera/fft/detail/lane_transpose.hpp>
#include <tessera/fft/detail/roots.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class Scalar>
class RowFourier {
 public:
  static constexpr int lanes = simd::lanes<Scalar>;

  /// Whether a row of `length` can be laid out within itself.
  static constexpr bool fits_within(Index length) { return length % lanes == 0 && length / lanes >= lanes; }

  RowFourier() = default;

  RowFourier(Index length, bool within) : length_(length), within_(within) {
    lane_ = LaneTransform<Scalar>(within ? length / lanes : length);
    if (!within) return;
    turns_.resize(static_cast<std::size_t>((length / lanes + lanes - 1) / lanes * 2 * lanes * lanes));
    Scalar* turn = turns_.data();
    for (Index block = 0; block < length / lanes; block += lanes) {
      for (Index k = 0; k < lanes; ++k, turn += 2 * lanes) {
        for (int i = 0; i < lanes; ++i) {
          const std::complex<Scalar> root = unit_root<Scalar>(-k * (start(block) + number(i)), length);
          turn[i] = root.real();
          turn[i + lanes] = root.imag();
        }
      }
    }
  }

  Index length() const { return length_; }
  bool within() const { return within_; }
  /// How many rows a call of run() takes at most.
  Index rows_at_once() const { return within_ ? 1 : lanes; }
  /// Scalars of its work memory.
  Index work_size() const { return lane_.work_size(); }

  /// The transform of rows from[0] ... from[rows - 1] times `factor`, into to[0] ...; a row may be read and written at
  /// the same place.
  void run(const Scalar* const* from, Scalar* const* to, Index rows, bool inverse, Scalar factor, Scalar* work) const {
    if (within_) {
      read_within(from[0], inverse, work);
      lane_.run(work);
      write_within(work, inverse, factor, to[0]);
    } else {
      read_across(from, rows, inverse, work);
      lane_.run(work);
      write_across(work, inverse, factor, to, rows);
    }
  }

 private:
  using Vector = simd::Vec<Scalar>;
  using Lanes = ComplexLanes<Scalar>;

  static TESSERA_INLINE Lanes exchanged(const Lanes& value, bool exchange) {
    return exchange ? Lanes{value.im, value.re} : value;
  }

  /// Which of the numbers that load_paired reads lane i has.
  static constexpr int number(int i) { return paired_lane<Scalar>(i); }
  /// Where a block of W vectors begins: the last one may overlap the one before.
  Index start(Index block) const { return std::min(block, length_ / lanes - lanes); }

  /// Vectors of numbers in the order of load_paired to the places of these numbers, after a transpose.
  static TESSERA_INLINE void store_transposed(Vector (&re)[lanes], Vector (&im)[lanes], Scalar* work) {
    transpose_lanes(re);
    transpose_lanes(im);
    TESSERA_UNROLL
    for (int i = 0; i < lanes; ++i) store_complex(work + 2 * lanes * number(i), Lanes{re[i], im[i]});
  }

  void read_within(const Scalar* from, bool inverse, Scalar* work) const {
    const Index part = length_ / lanes;
    const Scalar* turn = turns_.data();
    for (Index block = 0; block < part; block += lanes, turn += 2 * lanes * lanes) {
      const Index n = start(block);
      Lanes v[lanes];
      TESSERA_UNROLL
      for (int q = 0; q < lanes; ++q) v[q] = exchanged(load_paired(from + 2 * (n + part * q)), inverse);
      butterfly(v);
      Vector re[lanes], im[lanes];
      TESSERA_UNROLL
      for (int i = 0; i < lanes; ++i) {
        const int k = number(i);  // so that store_paired finds its order
        const Lanes turned = k == 0 ? v[0] : v[k] * load_complex(turn + 2 * lanes * k);
        re[i] = turned.re;
        im[i] = turned.im;
      }
      store_transposed(re, im, work + 2 * lanes * n);
    }
  }

  void write_within(const Scalar* work, bool inverse, Scalar factor, Scalar* to) const {
    const Vector scale = simd::broadcast(factor);
    for (Index m = 0; m < length_ / lanes; ++m) {
      const Lanes bins = load_complex(work + 2 * lanes * lane_.position(m)) * scale;
      store_paired(to + 2 * lanes * m, exchanged(bins, inverse));
    }
  }

  /// Lanes without a row take the first one's: their results are not written.
  void read_across(const Scalar* const* from, Index rows, bool inverse, Scalar* work) const {
    const Scalar* row[lanes];
    for (int r = 0; r < lanes; ++r) row[r] = from[r < rows ? r : 0];
    const Index whole = length_ / lanes * lanes;
    for (Index n = 0; n < whole; n += lanes) {
      Vector re[lanes], im[lanes];
      TESSERA_UNROLL
      for (int r = 0; r < lanes; ++r) {
        const Lanes value = exchanged(load_paired(row[r] + 2 * n), inverse);
        re[r] = value.re;
        im[r] = value.im;
      }
      store_transposed(re, im, work + 2 * lanes * n);
    }
    for (Index n = whole; n < length_; ++n) {
      Scalar* at = work + 2 * lanes * n;
      for (int r = 0; r < lanes; ++r) {
        at[r] = row[r][2 * n + (inverse ? 1 : 0)];
        at[r + lanes] = row[r][2 * n + (inverse ? 0 : 1)];
      }
    }
  }

  void write_across(const Scalar* work, bool inverse, Scalar factor, Scalar* const* to, Index rows) const {
    const Vector scale = simd::broadcast(factor);
    const Index whole = length_ / lanes * lanes;
    for (Index k = 0; k < whole; k += lanes) {
      Vector re[lanes], im[lanes];
      TESSERA_UNROLL
      for (int i = 0; i < lanes; ++i) {
        const Lanes bin = exchanged(load_complex(work + 2 * lanes * lane_.position(k + number(i))) * scale, inverse);
        re[i] = bin.re;
        im[i] = bin.im;
      }
      transpose_lanes(re);
      transpose_lanes(im);
      TESSERA_UNROLL
      for (int r = 0; r < lanes; ++r) {
        if (r < rows) store_paired(to[r] + 2 * k, Lanes{re[r], im[r]});
      }
    }
    for (Index k = whole; k < length_; ++k) {
      const Scalar* at = work + 2 * lanes * lane_.position(k);
      for (Index r = 0; r < rows; ++r) {
        to[r][2 * k] = at[r + (inverse ? lanes : 0)] * factor;
        to[r][2 * k + 1] = at[r + (inverse ? 0 : lanes)] * factor;
      }
    }
  }

  Index length_ = 0;
  bool within_ = false;
  LaneTransform<Scalar> lane_;
  AlignedVector<Scalar> turns_;  // exp(-2 pi i n k / N): for each block of W numbers n, vectors k
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
