// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// One pass over the panels of a codebook for a few queries, with codes in lanes: for a single query, and for vectors so
// long that a tile of query_scan.hpp would not fit the first-level cache. Per lane it keeps the best score, the panel
// it came from, and the second-best score among cells. Taking the minimum over the vectors of a panel first makes that
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
};

/// The same in registers.
template <class Scalar>
struct ScanRegisters {
  using Integer = typename ScanState<Scalar>::Integer;
  simd::Vec<Scalar> best, second;
  simd::MaskVec<Scalar> panel;

  TESSERA_INLINE explicit ScanRegisters(const ScanState<Scalar>& state)
      : best(simd::load(state.best)), second(simd::load(state.second)), panel(simd::load(state.panel)) {}

  TESSERA_INLINE void store(ScanState<Scalar>& state) const {
    simd::store(state.best, best);
    simd::store(state.second, second);
    simd::store(state.panel, panel);
  }

  /// Takes in the scores of panel `index`: the smallest of each lane.
  template <int vectors>
  TESSERA_INLINE void update(const simd::Vec<Scalar> (&scores)[vectors], Index index) {
    auto smallest = scores[0];
    TESSERA_UNROLL
    for (int v = 1; v < vectors; ++v) smallest = simd::min(smallest, scores[v]);
    const auto closer = smallest < best;
    second = simd::min(second, simd::max(smallest, best));
    panel = simd::select(closer, simd::broadcast(static_cast<Integer>(index)), panel);
    best = simd::min(smallest, best);
  }
};

/// The winner of a scan: a cell of `count` codes `first`, `first` + `step`, ..., its score, and what the caller needs
/// to prove that the nearest code is among them.
template <class Scalar, int step>
struct ScanWinner {
  static constexpr int count = step == 1 ? static_cast<int>(CodePanels<Scalar>::block) : PanelShape<Scalar>::vectors;
  Index first;
  Scalar score;
  Scalar runner_up;   // the best score of any other cell
  Scalar cell_slack;  // the cell's share of the bound
};

template <class Scalar>
TESSERA_INLINE ScanWinner<Scalar, simd::lanes<Scalar>> winner(const CodePanels<Scalar>& panels,
                                                              const ScanState<Scalar>& state) {
  using Integer = typename ScanState<Scalar>::Integer;
  constexpr int lanes = simd::lanes<Scalar>;
  const auto best = simd::load(state.best);
  const Scalar score = simd::reduce_min(best);
  const int lane = simd::first_true(best == simd::broadcast(score)) % lanes;  // within, whatever NaN does
  const auto is_winner = simd::iota<Integer>() == simd::broadcast(static_cast<Integer>(lane));
  const auto others = simd::select(is_winner, simd::load(state.second), best);
  const Index panel = static_cast<Index>(state.panel[lane]);
  return {panel * CodePanels<Scalar>::width + lane, score, simd::reduce_min(others), panels.lane_slack(panel, lane)};
}

/// Scans panels [begin, end) for `row_count` queries packed as [dimension][row_count].
template <int row_count, class Scalar>
void scan_codes(const CodePanels<Scalar>& panels, const Scalar* queries, Index begin, Index end,
                ScanState<Scalar>* states) {
  constexpr int vectors = PanelShape<Scalar>::vectors;
  for (Index i = begin; i < end; ++i) {
    PanelTile<Scalar, row_count, vectors> tile(panels.start(i));
    tile.accumulate(queries, panels.panel(i), panels.dimension());
    TESSERA_UNROLL
    for (int r = 0; r < row_count; ++r) {
      ScanRegisters<Scalar> found(states[r]);
      found.update(tile.sum[r], i);
      found.store(states[r]);
    }
    std::atomic_signal_fence(std::memory_order_seq_cst);  // keeps the states out of the registers that the sums need
  }
}

/// The same for one query: two panels at a time, so that there are enough independent chains of multiply-adds.
template <class Scalar>
void scan_codes_for_one(const CodePanels<Scalar>& panels, const Scalar* query, Index begin, Index end,
                        ScanState<Scalar>& state) {
  using Tile = PanelTile<Scalar, 1, PanelShape<Scalar>::vectors>;
  constexpr Index width = CodePanels<Scalar>::width;
  ScanRegisters<Scalar> found(state);
  Index i = begin;
  for (; i + 2 <= end; i += 2) {
    Tile first(panels.start(i)), second(panels.start(i + 1));
    const Scalar* from_first = panels.panel(i);
    const Scalar* from_second = panels.panel(i + 1);
    for (Index d = 0; d < panels.dimension(); ++d) {
      first.step(query + d, from_first + d * width);
      second.step(query + d, from_second + d * width);
    }
    found.update(first.sum[0], i);
    found.update(second.sum[0], i + 1);
  }
  if (i < end) {
    Tile last(panels.start(i));
    last.accumulate(query, panels.panel(i), panels.dimension());
    found.update(last.sum[0], i);
  }
  found.store(state);
}

/// The scores of all codes for one packed query, in code order: `visit(code, score)`.
template <class Scalar, class Visit>
void for_each_score(const CodePanels<Scalar>& panels, const Scalar* query, Visit visit) {
  constexpr int vectors = PanelShape<Scalar>::vectors;
  constexpr Index width = CodePanels<Scalar>::width;
  for (Index i = 0; i < panels.panels(); ++i) {
    PanelTile<Scalar, 1, vectors> tile(panels.start(i));
    tile.accumulate(query, panels.panel(i), panels.dimension());
    Scalar scores[width];
    for (Index v = 0; v < vectors; ++v) simd::store(scores + v * simd::lanes<Scalar>, tile.sum[0][v]);
    const Index first = i * width;
    for (Index k = 0; k < std::min(width, panels.size() - first); ++k) visit(first + k, scores[k]);
  }
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
