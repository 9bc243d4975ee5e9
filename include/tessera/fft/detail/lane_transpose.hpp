// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// A square of scalars transposed in registers: as many vectors as a vector has lanes, exchanged block by block, blocks
// of 1, 2, 4, ... lanes.

#include <cstddef>
#include <utility>

#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <int distance, class V, int size>
TESSERA_INLINE void transpose_blocks(V (&rows)[size]) {
  if constexpr (distance < size) {
    constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(size)>();
    constexpr auto block = static_cast<std::size_t>(distance);
    TESSERA_UNROLL
    for (int i = 0; i < size; ++i) {
      if ((i & distance) != 0) continue;
      const V low = simd::detail::interleave<block, 0>(rows[i], rows[i + distance], all);
      const V high = simd::detail::interleave<block, block>(rows[i], rows[i + distance], all);
      rows[i] = low;
      rows[i + distance] = high;
    }
    transpose_blocks<2 * distance>(rows);
  }
}

/// Lane j of vector i becomes lane i of vector j. There are as many vectors as lanes.
template <class V, int size>
TESSERA_INLINE void transpose_lanes(V (&rows)[size]) {
  static_assert(size * sizeof(rows[0][0]) == sizeof(V), "transpose_lanes: expected as many vectors as lanes");
  transpose_blocks<1>(rows);
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
