// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// A codebook laid out for scanning, and the bound that makes the scan's answer certain.
//
// The scan orders codes by s(c) = |c|^2/2 - x.c, which differs from |x - c|^2/2 by a term that all codes share; x and
// the codes are taken relative to the codebook's mean, so that a common offset costs no precision. With unit roundoff u
// and n dimensions the computed score differs from the exact one by at most
//
//     n' u (|x|^2/2 + 3 |c|^2/2),    n' = 1.1 (n + 5)
//
// (standard bounds for chains of n+1 roundings of |x||c| <= (|x|^2 + |c|^2)/2, for the rounding of x - mean, c - mean
// and of |c|^2/2 itself; Higham, "Accuracy and Stability of Numerical Algorithms", ch. 3). The code's share of the
// bound is subtracted from its start value, so that scores are lower bounds, up to a term of x alone. If the best score
// m belongs to code w, no code whose score exceeds m + n' u |x|^2 + 6 n' u |w|^2/2 can be as near as w.
//
// Cosine: scores are -x.c/|c| with codes normalised in double; their error is at most 2 n' u |x|.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/panel_tile.hpp>
#include <tessera/quantize/metric.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Codes that a scan with queries in lanes takes at a time, and the vectors of queries it holds: running sums, queries
/// and one broadcast code fit the registers.
template <class Scalar>
struct BlockShape {
#if defined(__AVX512F__)
  static constexpr int vectors = 3;
  static constexpr int codes = 8;
#elif defined(__FMA__)
  static constexpr int vectors = 2;
  static constexpr int codes = 6;
#else
  static constexpr int vectors = 3;
  static constexpr int codes = 3;
#endif
  static constexpr int queries = vectors * simd::lanes<Scalar>;
};

/// Panels of codes: column c of panel p is code p * width + c. Scans tell cells of codes apart, not the codes of one
/// cell. With codes in lanes a cell is a lane of a panel, `width` / `lanes` codes that are `lanes` apart; with queries
/// in lanes it is a block of consecutive codes.
template <class Scalar>
class CodePanels {
 public:
  using Shape = PanelShape<Scalar>;
  static constexpr Index width = Shape::width;
  static constexpr Index lanes = simd::lanes<Scalar>;
  static constexpr Index block = BlockShape<Scalar>::codes;
  static constexpr Index blocks = width / block;  // in a panel
  static_assert(width % block == 0, "CodePanels: expected blocks that fill a panel");
  /// Scores of real codes stay far below `padding`, which the lanes without a code hold.
  static constexpr Scalar largest_square = std::numeric_limits<Scalar>::max() / 64;
  static constexpr Scalar padding = std::numeric_limits<Scalar>::max() / 4;

  CodePanels() = default;

  CodePanels(Batch<const Scalar> codes, Metric metric)
      : metric_(metric),
        dimension_(codes.dimension()),
        size_(codes.count()),
        panels_((codes.count() + width - 1) / width),
        center_(static_cast<std::size_t>(dimension_), Scalar(0)) {
    const double terms = 1.1 * static_cast<double>(dimension_ + 5);
    slack_ = static_cast<Scalar>(terms * unit_roundoff);
    if (metric == Metric::squared_euclidean) set_center(codes);
    values_.assign(static_cast<std::size_t>(panels_ * width * dimension_), Scalar(0));
    start_.assign(static_cast<std::size_t>(panels_ * width), padding);
    lane_slack_.assign(static_cast<std::size_t>(panels_ * lanes), Scalar(0));
    block_slack_.assign(static_cast<std::size_t>(panels_ * blocks), Scalar(0));
    if (metric == Metric::cosine) inverse_norms_.assign(static_cast<std::size_t>(panels_ * width), Scalar(0));
    // Bounds of first order in n u, and squares that cannot overflow; what is outside is settled without the scan.
    reliable_ = terms * unit_roundoff < 1.0 / 64;
    double largest = 0;
    for (Index code = 0; code < size_; ++code) largest = std::max(largest, place(codes[code], code));
    if (!(largest < static_cast<double>(largest_square))) reliable_ = false;
    const auto flushed = static_cast<Scalar>(static_cast<double>(4 * dimension_ + 8) * (2 + std::sqrt(largest)) *
                                             static_cast<double>(std::numeric_limits<Scalar>::min()));
    for (Scalar& slack : lane_slack_) slack += flushed;
    for (Scalar& slack : block_slack_) slack += flushed;
  }

  Metric metric() const { return metric_; }
  Index dimension() const { return dimension_; }
  Index size() const { return size_; }
  Index panels() const { return panels_; }

  /// The bounds hold for a query with this |x - mean|^2. By bits: NaN and infinity are out, whatever the compiler
  /// assumes of them.
  TESSERA_INLINE bool is_reliable_for(Scalar square) const {
    return reliable_ && std::bit_cast<Bits>(square) <= std::bit_cast<Bits>(largest_square);
  }

  const Scalar* panel(Index i) const { return values_.data() + i * width * dimension_; }
  const Scalar* start(Index i) const { return start_.data() + i * width; }

  /// The prepared coordinates of the mean that queries are taken relative to.
  const Scalar* center() const { return center_.data(); }

  /// 1 / |code| from `code` on, cosine only; 0 for a zero code. There are as many as columns in all panels.
  const Scalar* inverse_norms(Index code) const { return inverse_norms_.data() + code; }
  Scalar largest_inverse_norm() const { return largest_inverse_norm_; }

  /// The scan's view of one scalar of a query: negated, so that multiply-adds subtract x.c.
  Scalar query_value(Scalar x, Index d) const { return center_[static_cast<std::size_t>(d)] - x; }

  /// How far above the best score, found in a cell, the score of a nearest code can lie: a share of the query, whose
  /// |x - mean|^2 is `square`, and one of the cell.
  TESSERA_INLINE Scalar query_slack(Scalar square) const {
    return metric_ == Metric::cosine ? 4 * slack_ * std::sqrt(square) : slack_ * square;
  }
  TESSERA_INLINE Scalar lane_slack(Index panel, Index lane) const {
    return lane_slack_[static_cast<std::size_t>(panel * lanes + lane)];
  }
  TESSERA_INLINE Scalar block_slack(Index i) const { return block_slack_[static_cast<std::size_t>(i)]; }

 private:
  using Bits = std::conditional_t<sizeof(Scalar) == 4, std::uint32_t, std::uint64_t>;
  static constexpr double unit_roundoff = static_cast<double>(std::numeric_limits<Scalar>::epsilon()) / 2;

  void set_center(Batch<const Scalar> codes) {
    for (Index d = 0; d < dimension_; ++d) {
      double mean = 0;  // scaled first: a sum of huge codes must not overflow
      for (Index code = 0; code < size_; ++code)
        mean += static_cast<double>(codes[code][d]) / static_cast<double>(size_);
      center_[static_cast<std::size_t>(d)] = static_cast<Scalar>(mean);
    }
  }

  /// Writes one code into its panel; returns the square of its (centred) norm.
  double place(const Scalar* code, Index index) {
    const Index panel = index / width;
    const Index column = index % width;
    Scalar* values = values_.data() + panel * width * dimension_ + column;
    const double scale = metric_ == Metric::cosine ? inverse_norm_of(code) : 1;
    if (metric_ == Metric::cosine) {
      inverse_norms_[static_cast<std::size_t>(index)] = static_cast<Scalar>(scale);
      largest_inverse_norm_ = std::max(largest_inverse_norm_, static_cast<Scalar>(scale));
    }
    double square = 0;
    for (Index d = 0; d < dimension_; ++d) {
      const auto value = metric_ == Metric::cosine ? static_cast<Scalar>(static_cast<double>(code[d]) * scale)
                                                   : code[d] - center_[static_cast<std::size_t>(d)];
      values[d * width] = value;
      square += static_cast<double>(value) * static_cast<double>(value);
    }
    start_[static_cast<std::size_t>(index)] = 0;
    if (metric_ == Metric::squared_euclidean) {
      start_[static_cast<std::size_t>(index)] = static_cast<Scalar>(square / 2 * (1 - 3 * static_cast<double>(slack_)));
      const auto share = static_cast<Scalar>(3 * static_cast<double>(slack_) * square);
      Scalar& of_lane = lane_slack_[static_cast<std::size_t>(panel * lanes + column % lanes)];
      of_lane = std::max(of_lane, share);
      Scalar& of_block = block_slack_[static_cast<std::size_t>(index / block)];
      of_block = std::max(of_block, share);
    }
    return square;
  }

  /// 1 / |code|, or 0 for a zero code, without overflow of the squares. A code so small that subnormals matter gets no
  /// trustworthy direction: the scan is given up.
  double inverse_norm_of(const Scalar* code) {
    constexpr double smallest = sizeof(Scalar) == 4 ? 0x1p-90 : 0x1p-960;
    double largest = 0;
    for (Index d = 0; d < dimension_; ++d) largest = std::max(largest, std::abs(static_cast<double>(code[d])));
    if (largest < smallest) {
      for (Index d = 0; d < dimension_; ++d) reliable_ = reliable_ && is_zero(code[d]);
      return 0;
    }
    double square = 0;
    for (Index d = 0; d < dimension_; ++d) {
      const double value = static_cast<double>(code[d]) / largest;
      square += value * value;
    }
    return 1 / largest / std::sqrt(square);
  }

  /// By bits: a comparison may take subnormals for zero.
  static bool is_zero(Scalar value) { return std::bit_cast<Bits>(value) << 1 == 0; }

  Metric metric_ = Metric::squared_euclidean;
  Index dimension_ = 0;
  Index size_ = 0;
  Index panels_ = 0;
  bool reliable_ = false;
  Scalar slack_ = 0;
  Scalar largest_inverse_norm_ = 0;
  std::vector<Scalar> center_;         // subtracted from queries and codes; zero for cosine
  AlignedVector<Scalar> values_;       // [panel][dimension][width]
  AlignedVector<Scalar> start_;        // [panel][width]: the code's own part of its score, lowered by its error
  std::vector<Scalar> inverse_norms_;  // of each code, cosine only
  std::vector<Scalar> lane_slack_;     // [panel][lane]: the largest share of the bound among the cell's codes
  std::vector<Scalar> block_slack_;    // [block]: the same
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
