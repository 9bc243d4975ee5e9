// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Rows of complex numbers, as std::complex has them, through LaneTransform. Two layouts, a plan's choice:
//
//   across rows   lane r is row r: as many rows at once as there are lanes, transposed while they are read and written;
//                 any length
//   within a row  lane j has x[j], x[j + W], x[j + 2 W], ..., W the number of lanes. With N = W M, k < M and q < W,
//                 X[k + M q] = sum over j of exp(-2 pi i j q / W) (exp(-2 pi i j k / N) Y_j[k]), Y_j the transform of
//                 lane j: one more butterfly, behind a transpose, while the row is written
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
    turns_.resize(static_cast<std::size_t>(2 * length));
    for (Index k = 0; k < length / lanes; ++k) {
      Scalar* turn = turns_.data() + 2 * lanes * k;
      for (Index j = 0; j < lanes; ++j) {
        const std::complex<Scalar> root = unit_root<Scalar>(-j * k, length);
        turn[j] = root.real();
        turn[j + lanes] = root.imag();
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

  void read_within(const Scalar* from, bool inverse, Scalar* work) const {
    for (Index n = 0; n < 2 * length_; n += 2 * lanes) {
      store_complex(work + n, exchanged(load_interleaved(from + n), inverse));
    }
  }

  void write_within(const Scalar* work, bool inverse, Scalar factor, Scalar* to) const {
    const Index part = length_ / lanes;
    const Vector scale = simd::broadcast(factor);
    for (Index begin = 0; begin < part; begin += lanes) {
      const Index k = std::min(begin, part - lanes);  // the last block may overlap the one before
      Vector re[lanes], im[lanes];
      TESSERA_UNROLL
      for (int i = 0; i < lanes; ++i) {
        const Lanes bin =
            load_complex(work + 2 * lanes * lane_.position(k + i)) * load_complex(turns_.data() + 2 * lanes * (k + i));
        re[i] = bin.re;
        im[i] = bin.im;
      }
      transpose_lanes(re);
      transpose_lanes(im);
      Lanes v[lanes];
      TESSERA_UNROLL
      for (int j = 0; j < lanes; ++j) v[j] = {re[j], im[j]};
      butterfly(v);
      TESSERA_UNROLL
      for (int q = 0; q < lanes; ++q) store_interleaved(to + 2 * (k + part * q), exchanged(v[q] * scale, inverse));
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
        const Lanes value = exchanged(load_interleaved(row[r] + 2 * n), inverse);
        re[r] = value.re;
        im[r] = value.im;
      }
      transpose_lanes(re);
      transpose_lanes(im);
      TESSERA_UNROLL
      for (int i = 0; i < lanes; ++i) store_complex(work + 2 * lanes * (n + i), Lanes{re[i], im[i]});
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
        const Lanes bin = exchanged(load_complex(work + 2 * lanes * lane_.position(k + i)) * scale, inverse);
        re[i] = bin.re;
        im[i] = bin.im;
      }
      transpose_lanes(re);
      transpose_lanes(im);
      TESSERA_UNROLL
      for (int r = 0; r < lanes; ++r) {
        if (r < rows) store_interleaved(to[r] + 2 * k, Lanes{re[r], im[r]});
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
  AlignedVector<Scalar> turns_;  // exp(-2 pi i j k / N): lane j of vector k
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
