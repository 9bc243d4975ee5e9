// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The inner loop that the panel product and the nearest-code search share: a register tile of rows times columns.
//
// Columns (weights of an output, or a code) are stored in panels: `width` columns side by side, lane = column, so that
// the loop over the inner dimension needs no shuffles. Rows are packed a tile at a time, dimension by dimension. Every
// (row, column) pair is one chain of multiply-adds over d = 0, 1, ...: its value does not depend on the other rows of
// the tile, on how many there are, or on the width of the panel.

#include <algorithm>

#include <tessera/core/batch.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {

/// The register blocking: `rows` x `vectors` accumulators, `vectors` columns' vectors and one broadcast fit the
/// registers, and there are enough independent chains to hide the latency of the multiply-add.
template <class Scalar>
struct PanelShape {
#if defined(__AVX512F__)
  static constexpr int rows = 5;
  static constexpr int vectors = 4;
#elif defined(__FMA__)
  static constexpr int rows = 4;
  static constexpr int vectors = 3;
#else
  static constexpr int rows = 3;
  static constexpr int vectors = 3;
#endif
  /// Columns in a panel.
  static constexpr int width = vectors * simd::lanes<Scalar>;
};

/// `row_count` x `vectors` running sums, in registers when the loops below are unrolled.
template <class Scalar, int row_count, int vectors>
struct PanelTile {
  using Vector = simd::Vec<Scalar>;
  static constexpr int lanes = simd::lanes<Scalar>;

  Vector sum[row_count][vectors];

  /// All rows start from the panel's `vectors * lanes` initial values.
  TESSERA_INLINE explicit PanelTile(const Scalar* initial) {
    TESSERA_UNROLL
    for (int v = 0; v < vectors; ++v) {
      const Vector value = simd::load(initial + v * lanes);
      TESSERA_UNROLL
      for (int r = 0; r < row_count; ++r) sum[r][v] = value;
    }
  }

  /// Adds rows times columns over `inner` dimensions. `rows` is [inner][row_count], `panel` is [inner][vectors *
  /// lanes].
  TESSERA_INLINE void accumulate(const Scalar* rows, const Scalar* panel, Index inner) {
    for (Index d = 0; d < inner; ++d, rows += row_count, panel += vectors * lanes) step(rows, panel);
  }

  /// The same for one dimension.
  TESSERA_INLINE void step(const Scalar* rows, const Scalar* panel) {
    Vector column[vectors];
    TESSERA_UNROLL
    for (int v = 0; v < vectors; ++v) {
      column[v] = simd::load(panel + v * lanes);
      simd::keep_in_register(column[v]);
    }
    TESSERA_UNROLL
    for (int r = 0; r < row_count; ++r) {
      const Vector row = simd::broadcast(rows[r]);
      TESSERA_UNROLL
      for (int v = 0; v < vectors; ++v) sum[r][v] = simd::multiply_add(row, column[v], sum[r][v]);
    }
  }
};

/// Packs `count` <= `row_count` rows of a batch from `begin` on into [dimension][row_count], each scalar passed through
/// `transform(value, d)`; missing rows repeat the last one, so that every tile has the same shape.
template <int row_count, class Scalar, class Transform>
TESSERA_INLINE void pack_row_tile(Batch<const Scalar> batch, Index begin, Index count, Scalar* packed,
                                  Transform transform) {
  const Scalar* row[row_count];
  TESSERA_UNROLL
  for (int r = 0; r < row_count; ++r) row[r] = batch[begin + std::min<Index>(r, count - 1)];
  for (Index d = 0; d < batch.dimension(); ++d, packed += row_count) {
    TESSERA_UNROLL
    for (int r = 0; r < row_count; ++r) packed[r] = transform(row[r][d], d);
  }
}

}  // namespace tessera::inline TESSERA_ISA
