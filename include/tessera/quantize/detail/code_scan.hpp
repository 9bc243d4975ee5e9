// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// One pass over the panels of a codebook for a register tile of queries. Per lane it keeps the best score, the panel it
// came from, and the second-best score among cells. Taking the minimum over the vectors of a panel first makes that
// cost less than one operation per vector of codes: the panel's codes that share a lane (a cell) are told apart
// afterwards, only for the winner.

#include <algorithm>
#include <atomic>
#include <limits>
#include <vector>

#include <tessera/core/batch.hpp>
#include <tessera/core/panel_tile.hpp>
#include <tessera/quantize/detail/code_panels.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// What a scan knows of one query, lane by lane.
template <class Scalar>
struct ScanState {
  using Integer = simd::detail::SignedOf<Scalar>;
  static constexpr int lanes = simd::lanes<Scalar>;

  alignas(simd::native_bytes) Scalar best[lanes];
  alignas(simd::native_bytes) Scalar second[lanes];  // the best of the lane's other panels
  alignas(simd::native_bytes) Integer panel[lanes];  // where `best` was found

  void reset() {
    std::fill_n(best, lanes, std::numeric_limits<Scalar>::max());
    std::fill_n(second, lanes, std::numeric_limits<Scalar>::max());
    std::fill_n(panel, lanes, Integer(0));
  }

  /// Takes in the smallest score per lane of panel `index`.
  TESSERA_INLINE void update(const simd::Vec<Scalar>& smallest, Index index) {
    const auto old_best = simd::load(best);
    const auto closer = smallest < old_best;
    simd::store(second, simd::min(simd::load(second), simd::max(smallest, old_best)));
    simd::store(panel, simd::select(closer, simd::broadcast(static_cast<Integer>(index)), simd::load(panel)));
    simd::store(best, simd::min(smallest, old_best));
  }
};

/// The winner of a scan: a cell, its score, and the best score of any other cell.
template <class Scalar>
struct ScanWinner {
  Index cell;
  Scalar score;
  Scalar runner_up;
};

template <class Scalar>
TESSERA_INLINE ScanWinner<Scalar> winner(const ScanState<Scalar>& state) {
  using Integer = typename ScanState<Scalar>::Integer;
  constexpr int lanes = simd::lanes<Scalar>;
  const auto best = simd::load(state.best);
  const Scalar score = simd::reduce_min(best);
  const int lane = simd::first_true(best == simd::broadcast(score)) % lanes;  // within, whatever NaN does
  const auto is_winner = simd::iota<Integer>() == simd::broadcast(static_cast<Integer>(lane));
  const auto others = simd::select(is_winner, simd::load(state.second), best);
  const Index panel = static_cast<Index>(state.panel[lane]);
  return {panel * lanes + lane, score, simd::reduce_min(others)};
}

/// Scans panels [begin, end) for `row_count` queries packed as [dimension][row_count].
template <int row_count, class Scalar>
void scan_codes(const CodePanels<Scalar>& panels, const Scalar* queries, Index begin, Index end,
                ScanState<Scalar>* states) {
  constexpr int vectors = CodePanels<Scalar>::Shape::vectors;
  for (Index i = begin; i < end; ++i) {
    PanelTile<Scalar, row_count, vectors> tile(panels.start(i));
    tile.accumulate(queries, panels.panel(i), panels.dimension());
    TESSERA_UNROLL
    for (int r = 0; r < row_count; ++r) {
      auto smallest = tile.sum[r][0];
      TESSERA_UNROLL
      for (int v = 1; v < vectors; ++v) smallest = simd::min(smallest, tile.sum[r][v]);
      states[r].update(smallest, i);
    }
    std::atomic_signal_fence(std::memory_order_seq_cst);  // keeps the states out of the registers that the sums need
  }
}

/// The scores of all codes for one packed query, in code order: `visit(code, score)`.
template <class Scalar, class Visit>
void for_each_score(const CodePanels<Scalar>& panels, const Scalar* query, Visit visit) {
  constexpr Index vectors = CodePanels<Scalar>::codes_per_cell;
  constexpr Index cells = CodePanels<Scalar>::cells;
  for (Index i = 0; i < panels.panels(); ++i) {
    PanelTile<Scalar, 1, static_cast<int>(vectors)> tile(panels.start(i));
    tile.accumulate(query, panels.panel(i), panels.dimension());
    Scalar scores[vectors * cells];
    for (Index v = 0; v < vectors; ++v) simd::store(scores + v * cells, tile.sum[0][v]);
    const Index first = i * vectors * cells;
    for (Index k = 0; k < std::min(vectors * cells, panels.size() - first); ++k) {
      visit(first + k, scores[k % vectors * cells + k / vectors]);
    }
  }
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
