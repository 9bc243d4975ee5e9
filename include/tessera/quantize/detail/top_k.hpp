// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The k nearest codes of a query, in exact order: the scan's scores with their error bounds leave few candidates, which
// are then ordered exactly.

#include <algorithm>
#include <cstdint>
#include <vector>

#include <tessera/core/batch.hpp>
#include <tessera/quantize/detail/code_panels.hpp>
#include <tessera/quantize/detail/code_scan.hpp>
#include <tessera/quantize/detail/exact_order.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Finds the k nearest codes of one query after the other, with the memory for one.
template <class Scalar>
class TopK {
 public:
  /// `codes` are those of `panels`, and 1 <= k <= codes.count(). Both live longer than this.
  TopK(const CodePanels<Scalar>& panels, Batch<const Scalar> codes, Index k)
      : panels_(panels), codes_(codes), k_(k), packed_(static_cast<std::size_t>(codes.dimension())) {}

  /// Writes k tokens and their squared distances (cosine: similarities).
  void find(const Scalar* x, std::int64_t* tokens, double* distances) {
    collect(x);
    std::partial_sort(found_.begin(), found_.begin() + k_, found_.end(), [&](const Candidate& a, const Candidate& b) {
      return comes_before(panels_.metric(), x, codes_, a, b);
    });
    for (Index i = 0; i < k_; ++i) {
      const Candidate& found = found_[static_cast<std::size_t>(i)];
      tokens[i] = found.code;
      distances[i] =
          i > 0 && ties(x, found_[static_cast<std::size_t>(i - 1)], found) ? distances[i - 1] : distance(x, found);
    }
  }

 private:
  double distance(const Scalar* x, const Candidate& found) const {
    if (panels_.metric() == Metric::squared_euclidean) return found.order.value;
    return cosine_similarity(x, codes_[found.code], codes_.dimension());
  }

  /// Two codes exactly as near as each other have one distance, however sums round.
  bool ties(const Scalar* x, const Candidate& a, const Candidate& b) const {
    return !certainly_less(a.order, b.order) &&
           compare_exactly(panels_.metric(), x, codes_[a.code], codes_[b.code], codes_.dimension()) == 0;
  }

  /// Every code that can be among the k nearest: its lower bound is within the k-th smallest upper bound.
  void collect(const Scalar* x) {
    const bool scored = score(x);
    found_.clear();
    for (Index i = 0; i < codes_.count(); ++i) {
      if (scored && scores_[static_cast<std::size_t>(i)] > bounds_[static_cast<std::size_t>(k_ - 1)]) continue;
      found_.push_back({i, order_value(panels_.metric(), x, codes_[i], codes_.dimension())});
    }
  }

  /// Lower bounds of all codes' scores, and their upper bounds with the k-th smallest in its place; false where the
  /// bounds do not hold.
  bool score(const Scalar* x) {
    Scalar square = 0;
    for (Index d = 0; d < codes_.dimension(); ++d) {
      const Scalar value = panels_.query_value(x[d], d);
      packed_[static_cast<std::size_t>(d)] = value;
      square += value * value;
    }
    if (!panels_.is_reliable_for(square)) return false;
    scores_.clear();
    bounds_.clear();
    for_each_score(panels_, packed_.data(), [&](Index index, Scalar score) {
      scores_.push_back(score);
      bounds_.push_back(score + panels_.query_slack(square) + panels_.block_slack(index / CodePanels<Scalar>::block));
    });
    std::nth_element(bounds_.begin(), bounds_.begin() + (k_ - 1), bounds_.end());
    return true;
  }

  const CodePanels<Scalar>& panels_;
  Batch<const Scalar> codes_;
  Index k_;
  std::vector<Scalar> packed_;
  std::vector<Scalar> scores_;
  std::vector<Scalar> bounds_;
  std::vector<Candidate> found_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
