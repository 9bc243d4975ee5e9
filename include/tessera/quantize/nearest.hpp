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
// it (detail/group_scan.hpp). If the gap exceeds a proven bound on the rounding error (detail/code_panels.hpp), the
// nearest code is in that cell; the few queries whose gap does not are settled among the codes within the bound, in
// double, and what double cannot separate, in integers (detail/exact_order.hpp).

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include <tessera/core/batch.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/quantize/detail/cell_order.hpp>
#include <tessera/quantize/detail/code_panels.hpp>
#include <tessera/quantize/detail/exact_order.hpp>
#include <tessera/quantize/detail/group_scan.hpp>
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
  explicit NearestCodeWorkspace(const NearestCode<Scalar>& search) : scan(search.dimension()) {}

 private:
  friend class NearestCode<Scalar>;
  detail::GroupScan<Scalar> scan;
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
        codes_(static_cast<std::size_t>(columns() * stride_), Scalar(0)),
        panels_(codebook, metric) {
    for (Index i = 0; i < columns(); ++i) {  // the last panel is filled up with its last code
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
    if (codebook_size() == 1 || queries.empty()) {
      check_dimension(queries);
      return Eigen::VectorXd::Constant(queries.count(), std::numeric_limits<double>::max());
    }
    const RowMatrix<double> distances = top_k(queries, 2, execution).distances;
    return (distances.col(1) - distances.col(0)).cwiseAbs();
  }

 private:
  using Panels = detail::CodePanels<Scalar>;

  static constexpr Index task_size = 256;  // queries per task: large beside the set-up of a workspace

  Index columns() const { return (size_ + Panels::width - 1) / Panels::width * Panels::width; }
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
    detail::GroupScan<Scalar>& scan = workspace.scan;
    for (Index first = begin; first < end; first += scan.group_size()) {
      const Index count = std::min(scan.group_size(), end - first);
      scan.scan(panels_, queries, first, count, [&](Index i, const auto& found, Scalar square) {
        *tokens[first + i] = static_cast<Token>(settle(queries[first + i], found, square, scan.one_query()));
      });
    }
  }

  /// The nearest code of x, given what the scan found: `step` tells the codes of the winning cell. `work` has room for
  /// one query.
  template <int step>
  TESSERA_INLINE Index settle(const Scalar* x, const detail::ScanWinner<Scalar, step>& found, Scalar square,
                              Scalar* work) const {
    if (!panels_.is_reliable_for(square)) [[unlikely]]
      return nearest_of(x, 0, 1, codebook_size());
    const Scalar limit = found.score + panels_.query_slack(square) + found.cell_slack;
    if (!(found.runner_up > limit)) [[unlikely]]
      return nearest_below(x, limit, work);
    constexpr int count = detail::ScanWinner<Scalar, step>::count;
    const Index valid = std::min<Index>(count, (codebook_size() - found.first + step - 1) / step);
    const unsigned nearest = nearest_in_cell<count>(x, found.first, step, square) & ((1u << valid) - 1);
    if (!std::has_single_bit(nearest)) [[unlikely]]
      return nearest_of(x, found.first, step, valid);
    return found.first + step * std::countr_zero(nearest);
  }

  /// The codes of a cell that can be the nearest, as bits.
  template <int count>
  TESSERA_INLINE unsigned nearest_in_cell(const Scalar* x, Index first, Index step, Scalar square) const {
    const detail::CellOrder<Scalar, count> order(code(first), step * stride_, dimension_);
    if (metric() == Metric::squared_euclidean) return order.nearest_by_distance(x);
    return order.nearest_by_cosine(x, panels_.inverse_norms(first), step, panels_.largest_inverse_norm(),
                                   std::sqrt(square));
  }

  /// The nearest of codes `first`, `first` + `step`, ..., `count` of them.
  [[gnu::noinline, gnu::cold]] Index nearest_of(const Scalar* x, Index first, Index step, Index count) const {
    detail::Candidate best = candidate(x, first);
    for (Index i = 1; i < count; ++i) improve(x, best, first + i * step);
    return best.code;
  }

  /// The nearest among the codes whose score does not exceed `limit`: the exact nearest is one of them.
  [[gnu::noinline, gnu::cold]] Index nearest_below(const Scalar* x, Scalar limit, Scalar* work) const {
    for (Index d = 0; d < dimension(); ++d) work[d] = panels_.query_value(x[d], d);
    detail::Candidate best;
    detail::for_each_score(panels_, work, [&](Index index, Scalar score) {
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
  AlignedVector<Scalar> codes_;  // whole panels
  Panels panels_;
};

}  // namespace tessera::inline TESSERA_ISA
