// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Scans of whole batches: queries in groups whose packed copies stay in the second-level cache, the codebook in chunks
// that stay in the first-level cache while all tiles of a group pass over them. Full tiles run with queries in lanes
// (query_scan.hpp); what is left over, and vectors too long for such a tile, with codes in lanes (code_scan.hpp). Which
// of the two scans found a winner does not matter: the caller proves it, or looks closer.

#include <algorithm>
#include <vector>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/panel_tile.hpp>
#include <tessera/quantize/detail/code_panels.hpp>
#include <tessera/quantize/detail/code_scan.hpp>
#include <tessera/quantize/detail/query_scan.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The scans of one group of queries after the other, with the memory for one. Never allocates after construction.
template <class Scalar>
class GroupScan {
 public:
  using Panels = CodePanels<Scalar>;
  static constexpr Index tile_queries = BlockShape<Scalar>::queries;
  static constexpr Index tile_rows = PanelShape<Scalar>::rows;

  explicit GroupScan(Index dimension)
      : dimension_(dimension),
        queries_in_lanes_(dimension * tile_queries * Index{sizeof(Scalar)} <= lane_tile_bytes),
        group_size_(group_size(dimension)),
        packed_(static_cast<std::size_t>(group_size_ * dimension)),
        squares_(static_cast<std::size_t>(group_size_)),
        tiles_(static_cast<std::size_t>(queries_in_lanes_ ? group_size_ / tile_queries : 0)),
        rows_(static_cast<std::size_t>(queries_in_lanes_ ? tile_queries : group_size_)),
        one_query_(static_cast<std::size_t>(dimension)) {}

  /// Room for one query, for who must look at one again.
  Scalar* one_query() { return one_query_.data(); }

  /// The most queries of a group.
  Index group_size() const { return group_size_; }

  /// Scans all panels for `count` <= group_size() queries of a batch from `first` on, then calls
  /// `settle(i, winner, square)` for each, with |x - mean|^2 as far as the panels are concerned.
  template <class Settle>
  void scan(const Panels& panels, Batch<const Scalar> queries, Index first, Index count, Settle&& settle) {
    const Index in_lanes = queries_in_lanes_ ? full_tiles(count) * tile_queries : 0;
    const Index covered = std::min(in_lanes, count);
    for (Index i = 0; i < covered; i += tile_queries) {
      pack_query_tile(panels, queries, first + i, std::min(tile_queries, count - i), packed(i), squares(i));
      tiles_[static_cast<std::size_t>(i / tile_queries)].reset();
    }
    for_each_row_tile(covered, count, [&]<int row_count>(Index i) {
      pack_rows<row_count>(panels, queries, first + i, std::min<Index>(row_count, count - i), i);
      for (Index r = 0; r < row_count; ++r) row_state(i - covered + r).reset();
    });
    const Index chunk = chunk_panels();
    for (Index panel = 0; panel < panels.panels(); panel += chunk) {
      const Index end = std::min(panels.panels(), panel + chunk);
      for (Index i = 0; i < covered; i += tile_queries) {
        scan_blocks(panels, packed(i), panel, end, tiles_[static_cast<std::size_t>(i / tile_queries)]);
      }
      for_each_row_tile(covered, count, [&]<int row_count>(Index i) {
        if constexpr (row_count == 1) {
          scan_codes_for_one(panels, packed(i), panel, end, row_state(i - covered));
        } else {
          scan_codes<row_count>(panels, packed(i), panel, end, &row_state(i - covered));
        }
      });
    }
    for (Index i = 0; i < covered; ++i) {
      settle(i, tiles_[static_cast<std::size_t>(i / tile_queries)].winner(panels, i % tile_queries), *squares(i));
    }
    for (Index i = covered; i < count; ++i) settle(i, winner(panels, row_state(i - covered)), *squares(i));
  }

 private:
  static constexpr Index lane_tile_bytes = Index{1} << 13;  // a quarter of the first-level cache
  static constexpr Index group_bytes = Index{1} << 18;      // of the second-level cache
  static constexpr Index chunk_bytes = Index{1} << 14;      // of the first-level cache

  /// Whole tiles of both kinds.
  static Index group_size(Index dimension) {
    const Index bytes = dimension * Index{sizeof(Scalar)} + Index{sizeof(ScanState<Scalar>)};
    constexpr Index unit = tile_queries * tile_rows;
    return std::clamp<Index>(group_bytes / (bytes * unit), 1, 8) * unit;
  }

  /// Panels per chunk: a chunk is read once for all tiles of a group.
  Index chunk_panels() const {
    return std::max<Index>(1, chunk_bytes / (Panels::width * std::max<Index>(1, dimension_) * Index{sizeof(Scalar)}));
  }

  /// A tile costs the same however few of its lanes are queries: a rest of up to one row tile runs without it.
  static Index full_tiles(Index count) { return count / tile_queries + (count % tile_queries > tile_rows ? 1 : 0); }

  /// `body.operator()<rows>(i)` for each tile of queries [begin, end). One query runs alone: it would waste most of a
  /// full tile.
  template <class Body>
  static void for_each_row_tile(Index begin, Index end, Body body) {
    for (Index i = begin; i < end; i += tile_rows) {
      if (end - i == 1) {
        body.template operator()<1>(i);
      } else {
        body.template operator()<static_cast<int>(tile_rows)>(i);
      }
    }
  }

  template <int row_count>
  void pack_rows(const Panels& panels, Batch<const Scalar> queries, Index first, Index count, Index position) {
    Scalar* values = packed(position);
    pack_row_tile<row_count>(queries, first, count, values,
                             [&](Scalar x, Index d) { return panels.query_value(x, d); });
    Scalar sums[row_count] = {};
    for (Index d = 0; d < dimension_; ++d, values += row_count) {
      TESSERA_UNROLL
      for (int r = 0; r < row_count; ++r) sums[r] += values[r] * values[r];
    }
    std::copy_n(sums, row_count, squares(position));
  }

  Scalar* packed(Index query) { return packed_.data() + query * dimension_; }
  Scalar* squares(Index query) { return squares_.data() + query; }
  ScanState<Scalar>& row_state(Index i) { return rows_[static_cast<std::size_t>(i)]; }

  Index dimension_;
  bool queries_in_lanes_;
  Index group_size_;
  AlignedVector<Scalar> packed_;   // [tile][dimension][query of the tile]
  AlignedVector<Scalar> squares_;  // |x - mean|^2 of each query
  AlignedVector<QueryTileState<Scalar>> tiles_;
  AlignedVector<ScanState<Scalar>> rows_;
  AlignedVector<Scalar> one_query_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
