// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Vectors of a batch as lanes: a chunk of C vectors of D scalars, scattered in memory as a batch is, is turned into D
// rows of C scalars, one row per dimension, and back. Transposing happens inside pieces of 16 bytes: four vectors of
// four floats (two of two doubles) are read as four registers and interleaved twice. A dimension that is no multiple of
// four is covered by pieces that overlap: 0 ... 3 and 1 ... 4 for five.

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <tessera/core/batch.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Whether vectors first ... first + count - 1 exist and lie in one piece.
template <class Scalar>
TESSERA_INLINE bool in_one_piece(Batch<Scalar> batch, Index first, Index count) {
  return batch.contiguous() && first + count <= batch.count();
}

/// a, then b, in a vector twice as long.
template <class V, std::size_t... I>
TESSERA_INLINE auto concatenate(const V& a, const V& b, std::index_sequence<I...>) {
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return __builtin_shufflevector(a, b, static_cast<int>(I)...);
#else
  using Scalar = std::remove_cvref_t<decltype(a[0])>;
  constexpr int half = static_cast<int>(sizeof...(I)) / 2;
  return simd::detail::PlainVector<Scalar, 2 * sizeof(V)>::each([&](int i) { return i < half ? a[i] : b[i - half]; });
#endif
}

/// The `count` pieces of 16 bytes at from, from + distance, from + 2 distance, ... as one vector.
template <std::size_t count, class Scalar>
TESSERA_INLINE auto load_pieces(const Scalar* from, Index distance) {
  if constexpr (count == 1) {
    return simd::load_short(from);
  } else {
    const auto low = load_pieces<count / 2>(from, distance);
    const auto high = load_pieces<count / 2>(from + static_cast<Index>(count / 2) * distance, distance);
    return concatenate(low, high, std::make_index_sequence<2 * sizeof(low) / sizeof(Scalar)>());
  }
}

/// The reverse.
template <class Scalar, class V>
TESSERA_INLINE void store_pieces(Scalar* to, Index distance, const V& vector) {
  if constexpr (sizeof(V) == 16) {
    simd::store(to, vector);
  } else {
    constexpr std::size_t half = sizeof(V) / sizeof(Scalar) / 2;
    store_pieces(to, distance, simd::detail::part<0>(vector, std::make_index_sequence<half>()));
    store_pieces(to + static_cast<Index>(sizeof(V) / 32) * distance, distance,
                 simd::detail::part<half>(vector, std::make_index_sequence<half>()));
  }
}

/// In each piece of 16 bytes: the scalars of a and b at `first` (0: lower, 1: upper half), alternating in runs of
/// `run`.
template <int first, int run, class V, std::size_t... I>
TESSERA_INLINE V weave(const V& a, const V& b, std::index_sequence<I...>) {
  constexpr std::size_t piece = 16 / sizeof(a[0]);
  constexpr auto source = [](std::size_t i) {
    const std::size_t in = i % piece, from_b = in / run % 2, turn = in / run / 2;
    return i - in + first * piece / 2 + turn * run + in % run + from_b * sizeof...(I);
  };
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return __builtin_shufflevector(a, b, static_cast<int>(source(I))...);
#else
  return V::each([&](int i) {
    const std::size_t from = source(static_cast<std::size_t>(i));
    return from < sizeof...(I) ? a[static_cast<int>(from)] : b[static_cast<int>(from - sizeof...(I))];
  });
#endif
}

template <int first, int run, class V>
TESSERA_INLINE V weave(const V& a, const V& b) {
  return weave<first, run>(a, b, std::make_index_sequence<sizeof(V) / sizeof(a[0])>());
}

/// In each piece: row r of the square matrix whose rows the vectors hold becomes column r.
template <class V>
TESSERA_INLINE void transpose_pieces(V (&v)[2]) {
  const V upper = weave<1, 1>(v[0], v[1]);
  v[0] = weave<0, 1>(v[0], v[1]);
  v[1] = upper;
}
template <class V>
TESSERA_INLINE void transpose_pieces(V (&v)[4]) {
  const V a = weave<0, 1>(v[0], v[1]), b = weave<1, 1>(v[0], v[1]);
  const V c = weave<0, 1>(v[2], v[3]), d = weave<1, 1>(v[2], v[3]);
  v[0] = weave<0, 2>(a, c);
  v[1] = weave<1, 2>(a, c);
  v[2] = weave<0, 2>(b, d);
  v[3] = weave<1, 2>(b, d);
}

/// Rows of a chunk of C scalars per dimension: row d begins at rows + d C. C is a multiple of the lanes.
template <class Scalar, Index chunk>
class LaneRows {
 public:
  static constexpr Index piece = 16 / static_cast<Index>(sizeof(Scalar));  // scalars in 16 bytes
  static constexpr Index lanes = simd::lanes<Scalar>;
  static constexpr std::size_t pieces = simd::native_bytes / 16;

  /// Whether `read` may read `count` vectors from `first` on where they lie. What is shorter than a piece is
  /// read in whole pieces: then vectors must be free of gaps, and three scalars need a fourth behind them.
  static bool readable(Batch<const Scalar> batch, Index first, Index count) {
    if (batch.dimension() == 1 || batch.dimension() >= piece) return first + count <= batch.count();
    return batch.contiguous() && first + count + (batch.dimension() == 3 ? 1 : 0) <= batch.count();
  }
  /// Scalars behind a chunk that `read` may touch.
  static constexpr Index overrun = piece;

  /// rows[d][i] = from[i * stride + d] for the first `count` vectors, rounded up to whole native vectors.
  static void read(const Scalar* from, Index stride, Index dimension, Index count, Scalar* rows) {
    if (dimension == 1) {
      for (Index i = 0; i < count; ++i) rows[i] = from[i * stride];
    } else if (dimension >= piece) {
      for (Index d = 0; d < dimension; d += piece) {
        const Index first = std::min(d, dimension - piece);
        switch (d - first) {
          case 0:
            read_piece<0, piece>(from + first, stride, count, rows + first * chunk);
            break;
          case 1:
            read_piece<1, piece>(from + first, stride, count, rows + first * chunk);
            break;
          case 2:
            read_piece<2 % piece, piece>(from + first, stride, count, rows + first * chunk);
            break;
          default:
            read_piece<3 % piece, piece>(from + first, stride, count, rows + first * chunk);
        }
      }
    } else if constexpr (piece == 4) {
      if (dimension == 2) {
        read_pairs(from, count, rows);
      } else {
        read_piece<0, 3>(from, stride, count, rows);
      }
    }
  }

  /// Dimensions begin ... end - 1 of those that a piece holds.
  template <Index begin, Index end>
  static void read_piece(const Scalar* from, Index stride, Index count, Scalar* rows) {
    for (Index i = 0; i < count; i += lanes, from += lanes * stride) {
      simd::Vec<Scalar> v[piece];
      TESSERA_UNROLL
      for (Index r = 0; r < piece; ++r) v[r] = load_pieces<pieces>(from + r * stride, piece * stride);
      transpose_pieces(v);
      TESSERA_UNROLL
      for (Index r = begin; r < end; ++r) simd::store(rows + r * chunk + i, v[r]);
    }
  }

  static void read_pairs(const Scalar* from, Index count, Scalar* rows) {
    for (Index i = 0; i < count; i += lanes, from += 2 * lanes) {
      const auto a = load_pieces<pieces>(from, 2 * piece), b = load_pieces<pieces>(from + piece, 2 * piece);
      const auto low = weave<0, 1>(a, b), high = weave<1, 1>(a, b);  // the compiler joins these into one shuffle each
      simd::store(rows + i, weave<0, 1>(low, high));
      simd::store(rows + chunk + i, weave<1, 1>(low, high));
    }
  }

  /// to[i * stride + d] = rows[d][i] for the first `count` vectors.
  static void write(const Scalar* rows, Index dimension, Scalar* to, Index stride, Index count) {
    if (dimension < piece || count % lanes != 0) {
      for (Index i = 0; i < count; ++i) {
        for (Index d = 0; d < dimension; ++d) to[i * stride + d] = rows[d * chunk + i];
      }
      return;
    }
    for (Index d = 0; d < dimension; d += piece) {
      const Index first = std::min(d, dimension - piece);
      for (Index i = 0; i < count; i += lanes) {
        simd::Vec<Scalar> v[piece];
        TESSERA_UNROLL
        for (Index r = 0; r < piece; ++r) v[r] = simd::load(rows + (first + r) * chunk + i);
        transpose_pieces(v);
        TESSERA_UNROLL
        for (Index r = 0; r < piece; ++r) store_pieces(to + (i + r) * stride + first, piece * stride, v[r]);
      }
    }
  }
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
