// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// One pass over the panels of a codebook for a tile of queries, with queries in lanes. The scores of a block of codes
// stay in registers; what is kept of them per query (the best score, its block, the second-best score among blocks)
// costs operations per block, not per code, and no lane ever meets another: nothing is reduced at the end.

#include <algorithm>
#include <atomic>
#include <limits>

#include <tessera/core/batch.hpp>
#include <tessera/quantize/detail/code_panels.hpp>
#include <tessera/quantize/detail/code_scan.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// What a scan knows of the queries of one tile.
template <class Scalar>
struct QueryTileState {
  using Integer = simd::detail::SignedOf<Scalar>;
  static constexpr int queries = BlockShape<Scalar>::queries;

  alignas(simd::native_bytes) Scalar best[queries];
  alignas(simd::native_bytes) Scalar second[queries];  // the best of the other blocks
  alignas(simd::native_bytes) Integer block[queries];  // where `best` was found

  void reset() {
    std::fill_n(best, queries, std::numeric_limits<Scalar>::max());
    std::fill_n(second, queries, std::numeric_limits<Scalar>::max());
    std::fill_n(block, queries, Integer(0));
  }

  /// Takes in the smallest scores in block `index` of the queries from `first` on.
  TESSERA_INLINE void update(int first, const simd::Vec<Scalar>& smallest, const simd::MaskVec<Scalar>& index) {
    const auto old_best = simd::load(best + first);
    const auto closer = smallest < old_best;
    simd::store(second + first, simd::min(simd::load(second + first), simd::max(smallest, old_best)));
    simd::store(block + first, simd::select(closer, index, simd::load(block + first)));
    simd::store(best + first, simd::min(smallest, old_best));
  }

  ScanWinner<Scalar, 1> winner(const CodePanels<Scalar>& panels, Index query) const {
    const Index found = static_cast<Index>(block[query]);
    return {found * CodePanels<Scalar>::block, best[query], second[query], panels.block_slack(found)};
  }
};

/// Packs `count` queries of a batch from `begin` on into [dimension][queries], as the panels want them; missing queries
/// repeat the last one. `squares[q]` becomes |x - mean|^2.
template <class Scalar>
void pack_query_tile(const CodePanels<Scalar>& panels, Batch<const Scalar> batch, Index begin, Index count,
                     Scalar* packed, Scalar* squares) {
  constexpr int queries = BlockShape<Scalar>::queries;
  constexpr int vectors = BlockShape<Scalar>::vectors;
  constexpr int lanes = simd::lanes<Scalar>;
  for (int q = 0; q < queries; ++q) {
    const Scalar* x = batch[begin + std::min<Index>(q, count - 1)];
    for (Index d = 0; d < panels.dimension(); ++d) packed[d * queries + q] = x[d];
  }
  simd::Vec<Scalar> sum[vectors] = {};
  for (Index d = 0; d < panels.dimension(); ++d, packed += queries) {
    const auto center = simd::broadcast(panels.center()[d]);
    TESSERA_UNROLL
    for (int v = 0; v < vectors; ++v) {
      const auto value = center - simd::load(packed + v * lanes);
      sum[v] = simd::multiply_add(value, value, sum[v]);
      simd::store(packed + v * lanes, value);
    }
  }
  for (int v = 0; v < vectors; ++v) simd::store(squares + v * lanes, sum[v]);
}

/// Scans panels [begin, end) for a packed tile.
template <class Scalar>
void scan_blocks(const CodePanels<Scalar>& panels, const Scalar* packed, Index begin, Index end,
                 QueryTileState<Scalar>& state) {
  using Panels = CodePanels<Scalar>;
  using Shape = BlockShape<Scalar>;
  using Vector = simd::Vec<Scalar>;
  using Integer = typename QueryTileState<Scalar>::Integer;
  constexpr int lanes = simd::lanes<Scalar>;
  const Scalar* start = panels.start(begin);
  auto index = simd::broadcast(static_cast<Integer>(begin * Panels::blocks));
  for (Index i = begin * Panels::blocks; i < end * Panels::blocks; ++i, start += Shape::codes) {
    const Scalar* code = panels.panel(i / Panels::blocks) + i % Panels::blocks * Shape::codes;
    const Scalar* query = packed;
    Vector sum[Shape::codes][Shape::vectors];
    TESSERA_UNROLL
    for (int c = 0; c < Shape::codes; ++c) {
      TESSERA_UNROLL
      for (int v = 0; v < Shape::vectors; ++v) sum[c][v] = simd::broadcast(start[c]);
    }
    for (Index d = 0; d < panels.dimension(); ++d, query += Shape::queries, code += Panels::width) {
      Vector x[Shape::vectors];
      TESSERA_UNROLL
      for (int v = 0; v < Shape::vectors; ++v) {
        x[v] = simd::load(query + v * lanes);
        simd::keep_in_register(x[v]);
      }
      TESSERA_UNROLL
      for (int c = 0; c < Shape::codes; ++c) {
        Vector value = simd::broadcast(code[c]);
        simd::keep_in_register(value);
        TESSERA_UNROLL
        for (int v = 0; v < Shape::vectors; ++v) sum[c][v] = simd::multiply_add(x[v], value, sum[c][v]);
      }
    }
    TESSERA_UNROLL
    for (int v = 0; v < Shape::vectors; ++v) {
      Vector smallest = sum[0][v];
      TESSERA_UNROLL
      for (int c = 1; c < Shape::codes; ++c) smallest = simd::min(smallest, sum[c][v]);
      state.update(v * lanes, smallest, index);
    }
    index += simd::broadcast(Integer(1));
    std::atomic_signal_fence(std::memory_order_seq_cst);  // keeps the state out of the registers that the sums need
  }
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
