// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The certified nearest code: for each query x the index of
//
//     argmin_k |x - c_k|^2      or, for the cosine metric,      argmax_k x.c_k / |c_k|
//
// as exact arithmetic of the given numbers decides it, the lowest index on ties. Tokens are therefore the same for
// every batch split, thread count, instruction set and compiler flag, and for any common offset of the data that the
// numbers can represent.
//
// A scan at the machine's multiply-add rate finds, per query, the best cell of a few codes and the best score outside
// it (detail/code_scan.hpp). If the gap exceeds a proven bound on the rounding error (detail/code_panels.hpp), the
// nearest code is in that cell; the few queries whose gap does not are settled among the codes within the bound, in
// double, and what double cannot separate, in integers (detail/exact_order.hpp).

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <tessera/core/batch.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/quantize/detail/cell_order.hpp>
#include <tessera/quantize/detail/code_panels.hpp>
#include <tessera/quantize/detail/code_scan.hpp>
#include <tessera/quantize/detail/exact_order.hpp>
#include <tessera/quantize/detail/top_k.hpp>
#include <tessera/quantize/metric.hpp>

namespace tessera::inline TESSERA_ISA {

/// The k nearest codes of each query, nearest first; equally near ones by index.
struct Neighbours {
  Tokens<std::int64_t> tokens;  ///< (N, k)
  RowMatrix<double> distances;  ///< (N, k): squared distances, or cosine similarities for the cosine metric
};

template <class Scalar>
class NearestCode;

/// The work memory of a search. Kept by the caller, it makes `search_into` free of allocations.
template <class Scalar>
class NearestCodeWorkspace {
 public:
  explicit NearestCodeWorkspace(const NearestCode<Scalar>& search);

 private:
  friend class NearestCode<Scalar>;
  AlignedVector<Scalar> packed;                     // [tile][dimension][row]
  std::vector<Scalar> squares;                      // |x - mean|^2 of each query
  AlignedVector<detail::ScanState<Scalar>> states;  // one per query
};

/// Exact nearest-code search in a codebook of K codes of D dimensions, float or double.
///
/// Construction copies and packs the codebook (O(K D)); the object is immutable and may serve many threads. A search
/// costs N K D multiply-adds; no memory grows as N x K. Queries must be finite: quantizers check theirs, others may
/// call require_finite. A query that is not finite gets some valid token.
template <class Scalar>
class NearestCode {
 public:
  using Workspace = NearestCodeWorkspace<Scalar>;

  /// Each vector of `codebook` is a code. Throws std::invalid_argument on an empty or non-finite codebook.
  explicit NearestCode(Batch<const Scalar> codebook, Metric metric = Metric::squared_euclidean)
      : size_(checked(codebook).count()),
        dimension_(codebook.dimension()),
        stride_((dimension_ + simd::short_lanes<Scalar> - 1) / simd::short_lanes<Scalar> * simd::short_lanes<Scalar>),
        codes_(static_cast<std::size_t>(cells() * cell_size * stride_), Scalar(0)),
        panels_(codebook, metric) {
    for (Index i = 0; i < cells() * cell_size; ++i) {  // the last cell is filled up with its last code
      std::copy_n(codebook[std::min(i, size_ - 1)], dimension_, codes_.data() + i * stride_);
    }
  }

  Index codebook_size() const { return size_; }
  Index dimension() const { return dimension_; }
  Metric metric() const { return panels_.metric(); }
  /// The codebook as given.
  Batch<const Scalar> codes() const { return {codes_.data(), size_, dimension_, stride_}; }

  /// The nearest code of each query, into an (N, 1) batch of any integer type that holds the codebook's indices.
  /// Throws std::invalid_argument on wrong sizes or a token type too small.
  template <class Token>
  void search_into(Batch<const Scalar> queries, Batch<Token> tokens, Execution execution = {}) const {
    check(queries, tokens);
    execution.for_ranges(queries.count(), task_size, [&](Index begin, Index end) {
      Workspace workspace(*this);
      search_range(queries, tokens, begin, end, workspace);
    });
  }

  /// The same on this thread, without allocating.
  template <class Token>
  void search_into(Batch<const Scalar> queries, Batch<Token> tokens, Workspace& workspace) const {
    check(queries, tokens);
    search_range(queries, tokens, 0, queries.count(), workspace);
  }

  /// The nearest code of each query, (N, 1).
  template <class Token = std::int64_t>
  Tokens<Token> search(Batch<const Scalar> queries, Execution execution = {}) const {
    Tokens<Token> tokens(queries.count(), 1);
    search_into(queries, Batch<Token>(tokens.data(), tokens.rows(), 1), execution);
    return tokens;
  }

  /// The k nearest codes of each query with their distances (computed in double), in exact order.
  /// Throws std::invalid_argument unless 1 <= k <= codebook_size().
  Neighbours top_k(Batch<const Scalar> queries, Index k, Execution execution = {}) const {
    require(k >= 1 && k <= codebook_size(), "NearestCode: expected k between 1 and the codebook size {}, found {}",
            codebook_size(), k);
    check_dimension(queries);
    Neighbours result{Tokens<std::int64_t>(queries.count(), k), RowMatrix<double>(queries.count(), k)};
    execution.for_ranges(queries.count(), task_size, [&](Index begin, Index end) {
      detail::TopK<Scalar> work(panels_, codes(), k);
      for (Index i = begin; i < end; ++i) work.find(queries[i], &result.tokens(i, 0), &result.distances(i, 0));
    });
    return result;
  }

  /// How safe each token is: the second-smallest squared distance minus the smallest (cosine: the largest similarity
  /// minus the second-largest), never negative, 0 for an exact tie; the largest double where there is one code only.
  Eigen::VectorXd margins(Batch<const Scalar> queries, Execution execution = {}) const {
    if (codebook_size() == 1) {
      check_dimension(queries);
      return Eigen::VectorXd::Constant(queries.count(), std::numeric_limits<double>::max());
    }
    const RowMatrix<double> distances = top_k(queries, 2, execution).distances;
    return (distances.col(1) - distances.col(0)).cwiseAbs();
  }

 private:
  friend NearestCodeWorkspace<Scalar>;
  using Panels = detail::CodePanels<Scalar>;
  using State = detail::ScanState<Scalar>;

  static constexpr Index tile_rows = Panels::Shape::rows;
  static constexpr Index task_size = 256 * tile_rows;  // queries per task: large beside the set-up of a workspace

  /// Queries that share one pass over a chunk of panels: their packed copies and states stay in the second-level cache.
  Index group_tiles() const {
    const Index bytes_per_query = dimension() * Index{sizeof(Scalar)} + Index{sizeof(State)};
    return std::clamp<Index>(group_bytes / (bytes_per_query * tile_rows), 4, 64);
  }

  /// Panels per chunk: a chunk is read once for all tiles of a group.
  Index chunk_panels() const {
    return std::max<Index>(1, chunk_bytes / (Panels::width * std::max<Index>(1, dimension()) * Index{sizeof(Scalar)}));
  }

  static constexpr Index group_bytes = Index{1} << 18;  // of the second-level cache
  static constexpr Index chunk_bytes = Index{1} << 14;  // of the first-level cache

  static constexpr int cell_size = static_cast<int>(Panels::codes_per_cell);
  Index cells() const { return (size_ + cell_size - 1) / cell_size; }
  const Scalar* code(Index index) const { return codes_.data() + index * stride_; }

  static Batch<const Scalar> checked(Batch<const Scalar> codebook) {
    require(!codebook.empty(), "NearestCode: expected a codebook of at least one code, found an empty one");
    require_finite("NearestCode", "codebook", codebook);
    return codebook;
  }

  void check_dimension(Batch<const Scalar> queries) const {
    require(queries.dimension() == dimension() || queries.empty(),
            "NearestCode: expected queries of dimension {}, found {} (batch of {})", dimension(), queries.dimension(),
            queries.count());
  }

  template <class Token>
  void check(Batch<const Scalar> queries, Batch<Token> tokens) const {
    check_dimension(queries);
    require(tokens.count() == queries.count() && (tokens.dimension() == 1 || tokens.empty()),
            "NearestCode: expected tokens of {} x 1, found {} x {}", queries.count(), tokens.count(),
            tokens.dimension());
    require(static_cast<std::uint64_t>(codebook_size() - 1) <=
                static_cast<std::uint64_t>(std::numeric_limits<Token>::max()),
            "NearestCode: expected a token type that holds {}, found one of {} bytes", codebook_size() - 1,
            sizeof(Token));
  }

  template <class Token>
  void search_range(Batch<const Scalar> queries, Batch<Token> tokens, Index begin, Index end,
                    Workspace& workspace) const {
    const Index group = group_tiles() * tile_rows;
    for (Index first = begin; first < end; first += group) {
      const Index count = std::min(group, end - first);
      scan_group(queries, first, count, workspace);
      for (Index i = 0; i < count; ++i) {
        *tokens[first + i] =
            static_cast<Token>(settle(queries[first + i], workspace.states[static_cast<std::size_t>(i)],
                                      workspace.squares[static_cast<std::size_t>(i)]));
      }
    }
  }

  /// Packs `count` queries from `first` on and scans all panels for them, chunk by chunk.
  void scan_group(Batch<const Scalar> queries, Index first, Index count, Workspace& workspace) const {
    for_each_tile(count, [&]<int row_count>(Index i) {
      pack_tile<row_count>(queries, first + i, std::min<Index>(row_count, count - i), workspace, i);
      for (Index r = 0; r < row_count; ++r) workspace.states[static_cast<std::size_t>(i + r)].reset();
    });
    const Index chunk = chunk_panels();
    for (Index panel = 0; panel < panels_.panels(); panel += chunk) {
      const Index panel_end = std::min(panels_.panels(), panel + chunk);
      for_each_tile(count, [&]<int row_count>(Index i) {
        const Scalar* packed = workspace.packed.data() + i * dimension();
        detail::scan_codes<row_count>(panels_, packed, panel, panel_end, workspace.states.data() + i);
      });
    }
  }

  /// `body.operator()<rows>(first)` for each tile of a group. A tile of one query runs alone: it would waste most of a
  /// full one.
  template <class Body>
  static void for_each_tile(Index count, Body body) {
    for (Index i = 0; i < count; i += tile_rows) {
      if (count - i == 1) {
        body.template operator()<1>(i);
      } else {
        body.template operator()<static_cast<int>(tile_rows)>(i);
      }
    }
  }

  /// Packs one tile at `position` of the workspace, with the squares that bound its rounding errors.
  template <int row_count>
  void pack_tile(Batch<const Scalar> queries, Index first, Index count, Workspace& workspace, Index position) const {
    Scalar* packed = workspace.packed.data() + position * dimension();
    const auto relative = [&](Scalar x, Index d) { return panels_.query_value(x, d); };
    pack_row_tile<row_count>(queries, first, count, packed, relative);
    std::array<Scalar, row_count> squares{};
    for (Index d = 0; d < dimension(); ++d, packed += row_count) {
      TESSERA_UNROLL
      for (std::size_t r = 0; r < row_count; ++r) squares[r] += packed[r] * packed[r];
    }
    std::copy(squares.begin(), squares.end(), workspace.squares.begin() + position);
  }

  /// The nearest code of x, given what the scan found.
  TESSERA_INLINE Index settle(const Scalar* x, const State& state, Scalar square) const {
    if (!panels_.is_reliable_for(square)) [[unlikely]]
      return nearest_of_range(x, 0, codebook_size());
    const detail::ScanWinner<Scalar> found = detail::winner(state);
    const Scalar limit = found.score + panels_.slack(square, found.cell);
    if (!(found.runner_up > limit)) [[unlikely]]
      return nearest_below(x, limit);
    const Index first = found.cell * cell_size;
    const Index valid = std::min<Index>(cell_size, codebook_size() - first);
    const unsigned nearest = nearest_in_cell(x, first, square) & ((1u << valid) - 1);
    if (!std::has_single_bit(nearest)) [[unlikely]]
      return nearest_of_range(x, first, first + valid);
    return first + std::countr_zero(nearest);
  }

  /// The codes of a cell that can be the nearest, as bits.
  TESSERA_INLINE unsigned nearest_in_cell(const Scalar* x, Index first, Scalar square) const {
    const detail::CellOrder<Scalar, cell_size> order(code(first), stride_, dimension_);
    if (metric() == Metric::squared_euclidean) return order.nearest_by_distance(x);
    return order.nearest_by_cosine(x, panels_.inverse_norms(first), panels_.largest_inverse_norm(), std::sqrt(square));
  }

  [[gnu::noinline, gnu::cold]] Index nearest_of_range(const Scalar* x, Index begin, Index end) const {
    detail::Candidate best = candidate(x, begin);
    for (Index index = begin + 1; index < end; ++index) improve(x, best, index);
    return best.code;
  }

  /// The nearest among the codes whose score does not exceed `limit`: the exact nearest is one of them.
  [[gnu::noinline, gnu::cold]] Index nearest_below(const Scalar* x, Scalar limit) const {
    std::vector<Scalar> packed(static_cast<std::size_t>(dimension()));
    for (Index d = 0; d < dimension(); ++d) packed[static_cast<std::size_t>(d)] = panels_.query_value(x[d], d);
    detail::Candidate best;
    detail::for_each_score(panels_, packed.data(), [&](Index index, Scalar score) {
      if (!(score > limit)) improve(x, best, index);
    });
    return best.code;
  }

  detail::Candidate candidate(const Scalar* x, Index index) const {
    return {index, detail::order_value(metric(), x, code(index), dimension())};
  }

  void improve(const Scalar* x, detail::Candidate& best, Index index) const {
    const detail::Candidate other = candidate(x, index);
    if (best.code < 0 || detail::comes_before(metric(), x, codes(), other, best)) best = other;
  }

  Index size_;
  Index dimension_;
  Index stride_;                 // of codes_: the dimension, rounded up to short vectors
  AlignedVector<Scalar> codes_;  // whole cells
  Panels panels_;
};

template <class Scalar>
NearestCodeWorkspace<Scalar>::NearestCodeWorkspace(const NearestCode<Scalar>& search)
    : packed(static_cast<std::size_t>(search.group_tiles() * search.tile_rows * search.dimension())),
      squares(static_cast<std::size_t>(search.group_tiles() * search.tile_rows)),
      states(static_cast<std::size_t>(search.group_tiles() * search.tile_rows)) {}

}  // namespace tessera::inline TESSERA_ISA
