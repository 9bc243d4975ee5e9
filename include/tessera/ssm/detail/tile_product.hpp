// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// One register tile of a matrix product (core/panel_tile.hpp), from packed rows and a panel of columns to memory. It is
// no inline function on purpose: alone, its sums stay in registers whatever is around it.

#include <algorithm>

#include <tessera/core/panel_tile.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class Scalar>
struct TileProduct {
  using Shape = PanelShape<Scalar>;
  static constexpr int rows = Shape::rows, vectors = Shape::vectors, width = Shape::width;

  /// `packed` is [inner][rows], `panel` [inner][width]. Row r goes to `to + r * stride`; of each row at most `room` -
  /// r * stride scalars are written (the matrix, of `stride` columns, ends at to + room).
  [[gnu::noinline]] static void multiply(const Scalar* packed, const Scalar* panel, Index inner, Scalar* to,
                                         Index stride, Index room) {
    static constexpr Scalar zeros[static_cast<std::size_t>(width)] = {};
    constexpr int lanes = simd::lanes<Scalar>;
    PanelTile<Scalar, rows, vectors> tile(zeros);
    tile.accumulate(packed, panel, inner);
    const bool whole = (rows - 1) * stride + width <= room;
    Scalar copy[static_cast<std::size_t>(rows * width)];
    Scalar* from = whole ? to : copy;
    const Index step = whole ? stride : width;
    TESSERA_UNROLL
    for (int r = 0; r < rows; ++r) {
      TESSERA_UNROLL
      for (int v = 0; v < vectors; ++v) simd::store(from + r * step + v * lanes, tile.sum[r][v]);
    }
    if (whole) return;
    for (int r = 0; r < rows && r * stride < room; ++r)
      std::copy_n(copy + r * width, std::min<Index>(room - r * stride, width), to + r * stride);
  }
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
