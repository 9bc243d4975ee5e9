// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Signals of several rows side by side: a tile has, sample after sample, one vector with a lane for each row. Rows are
// turned into tiles and back a square of samples at a time, in registers.

#include <cstddef>
#include <cstring>
#include <utility>

#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class Scalar>
struct LaneTile {
  using Vector = simd::Vec<Scalar>;
  static constexpr int width = simd::lanes<Scalar>;
  using Bits = simd::detail::SignedOf<Scalar>;
  using Counts = simd::Vec<Bits>;  // how often each lane was not finite

  /// rows[i] + begin are the samples of lane i; a lane without a row (null) gets zeros. With `clean`, so does what is
  /// NaN or infinite; returns how many samples that were.
  template <bool clean = false>
  static Index load(const Scalar* const (&rows)[width], Index begin, Index count, Scalar* tile) {
    const Index whole = count - count % width;
    Counts found{};
    for (Index t = 0; t < whole; t += width) {
      Vector square[width];
      TESSERA_UNROLL
      for (int i = 0; i < width; ++i) square[i] = rows[i] == nullptr ? Vector{} : simd::load(rows[i] + begin + t);
      transpose<1>(square);
      TESSERA_UNROLL
      for (int i = 0; i < width; ++i)
        simd::store(tile + (t + i) * width, clean ? finite_or_zero(square[i], found) : square[i]);
    }
    for (Index t = whole; t < count; ++t) {
      for (int i = 0; i < width; ++i) tile[t * width + i] = rows[i] == nullptr ? Scalar{0} : rows[i][begin + t];
      if (clean) simd::store(tile + t * width, finite_or_zero(simd::load(tile + t * width), found));
    }
    return clean ? total(found) : 0;
  }

  /// The way back; lanes without a row are dropped. With `clean`, what is NaN or infinite becomes 0; returns how many
  /// that were.
  template <bool clean = false>
  static Index store(const Scalar* tile, Index count, Scalar* const (&rows)[width], Index begin) {
    const Index whole = count - count % width;
    Counts found{};
    for (Index t = 0; t < whole; t += width) {
      Vector square[width];
      TESSERA_UNROLL
      for (int i = 0; i < width; ++i) {
        square[i] = simd::load(tile + (t + i) * width);
        if (clean) square[i] = finite_or_zero(square[i], found);
      }
      transpose<1>(square);
      TESSERA_UNROLL
      for (int i = 0; i < width; ++i) {
        if (rows[i] != nullptr) simd::store(rows[i] + begin + t, square[i]);
      }
    }
    for (Index t = whole; t < count; ++t) {
      Vector vector = simd::load(tile + t * width);
      if (clean) vector = finite_or_zero(vector, found);
      for (int i = 0; i < width; ++i) {
        if (rows[i] != nullptr) rows[i][begin + t] = vector[i];
      }
    }
    return clean ? total(found) : 0;
  }

  /// The vector with 0 in the place of what is NaN or infinite. By bits, for -ffast-math.
  static TESSERA_INLINE Vector finite_or_zero(const Vector& vector, Counts& found) {
    Counts bits;
    std::memcpy(&bits, &vector, sizeof bits);
    const Counts bad = (bits & simd::broadcast(static_cast<Bits>(FiniteBits<Scalar>::magnitude))) >
                       simd::broadcast(static_cast<Bits>(FiniteBits<Scalar>::infinity - 1));
    found -= bad;
    bits = bits & ~bad;
    Vector result;
    std::memcpy(&result, &bits, sizeof result);
    return result;
  }
  static Index total(const Counts& found) { return static_cast<Index>(simd::reduce_add(found)); }

 private:
  template <int distance>
  static TESSERA_INLINE void transpose(Vector (&square)[width]) {
    if constexpr (distance < width) {
      constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(width)>();
      constexpr auto block = static_cast<std::size_t>(distance);
      TESSERA_UNROLL
      for (int i = 0; i < width; ++i) {
        if ((i & distance) != 0) continue;
        const Vector low = simd::detail::interleave<block, 0>(square[i], square[i + distance], all);
        const Vector high = simd::detail::interleave<block, block>(square[i], square[i + distance], all);
        square[i] = low;
        square[i + distance] = high;
      }
      transpose<2 * distance>(square);
    }
  }
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
