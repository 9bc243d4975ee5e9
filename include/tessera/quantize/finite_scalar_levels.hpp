// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Levels for a wanted codebook size K. A finite scalar quantizer has as many codes as the product of its levels, so
// that not every size is to be had. For the powers of two of the paper's figures (Mentzer et al. 2023, arXiv
// 2309.15505, table 1, and two smaller ones) the usual sets are taken:
//
//   16  [4,4]       256  [8,6,5]        4096  [7,5,5,5,5]       65536  [8,8,8,5,5,5]
//   64  [8,8]      1024  [8,5,5,5]     16384  [8,8,8,6,5]
//
// For every other K: at least s levels in each dimension, s = 5 as the paper advises (fewer cost accuracy, more cost
// little); D dimensions, D the largest with s^D <= K, or D + 1; no level above twice another. Among these sets
//
//   1. the product nearest to K by ratio, |log(product) - log(K)| smallest;
//   2. of those as near (the same product, or one above and one below) the smaller spread, largest minus smallest
//   level;
//   3. then fewer dimensions, then larger levels first.
//
// The levels come in descending order. K below 5 gives one dimension, of K levels where the dialect has them. The set
// of a product is itself: levels_for(1000) and levels_for(1024) are both [8,5,5,5].

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/quantize/finite_scalar_dialect.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The search of the rules above: levels in descending order, each prefix completed with the smallest. As the smallest
/// ones already come within a factor s of the wanted product, few sets are tried.
class LevelSearch {
 public:
  LevelSearch(std::int64_t wanted, int smallest, FsqLevelRange range)
      : wanted_(static_cast<Wide>(wanted)), smallest_(smallest), range_(range) {}

  /// Tries the sets of `dimensions` levels.
  void run(Index dimensions) {
    levels_.assign(static_cast<std::size_t>(dimensions), smallest_);
    std::int64_t product = 1;
    for (const int level : levels_) {
      if (product > largest_product / level) return;
      product *= level;
    }
    consider(product);
    raise_from(0, product);
  }

  const std::vector<int>& best() const { return best_; }

 private:
  __extension__ typedef unsigned __int128 Wide;
  static constexpr std::int64_t largest_product = std::numeric_limits<std::int64_t>::max();

  /// Tries more levels in dimension d, then in those behind it; stops at the first product that reaches the wanted one.
  void raise_from(std::size_t d, std::int64_t product) {
    if (d == levels_.size() || static_cast<Wide>(product) >= wanted_) return;
    const int limit = d == 0 ? range_.largest : std::min(range_.largest, levels_[d - 1]);
    const std::int64_t rest = product / smallest_;
    bool below = true;
    for (int level = smallest_ + 1; below && level <= limit && rest <= largest_product / level; ++level) {
      if (!range_.contains(level)) continue;
      levels_[d] = level;
      consider(rest * level);
      raise_from(d + 1, rest * level);
      below = static_cast<Wide>(rest * level) < wanted_;
    }
    levels_[d] = smallest_;
  }

  void consider(std::int64_t product) {
    if (levels_.front() > 2 * levels_.back()) return;
    const int order =
        best_.empty() ? -1 : compare_nearness(static_cast<Wide>(product), static_cast<Wide>(best_product_));
    if (order > 0 || (order == 0 && !preferred())) return;
    best_ = levels_;
    best_product_ = product;
  }

  /// Rules 2 and 3.
  bool preferred() const {
    const auto spread = [](const std::vector<int>& levels) { return levels.front() - levels.back(); };
    if (spread(levels_) != spread(best_)) return spread(levels_) < spread(best_);
    return levels_.size() != best_.size() ? levels_.size() < best_.size() : levels_ > best_;
  }

  /// Negative when product a is nearer to the wanted one than b, zero when they are as near: exact.
  int compare_nearness(Wide a, Wide b) const {
    const bool above = a >= wanted_;
    Wide left = a, right = b;  // both above: the smaller is nearer; both below: the larger
    if (above != (b >= wanted_)) {
      left = a * b;  // a / wanted against wanted / b
      right = wanted_ * wanted_;
    }
    if (left == right) return 0;
    return (left < right) == above ? -1 : 1;
  }

  Wide wanted_;
  int smallest_;
  FsqLevelRange range_;
  std::vector<int> levels_, best_;
  std::int64_t best_product_ = 0;
};

/// The usual set of that size; empty where there is none.
inline std::vector<int> usual_levels(Index codebook_size) {
  switch (codebook_size) {
    case 16:
      return {4, 4};
    case 64:
      return {8, 8};
    case 256:
      return {8, 6, 5};
    case 1024:
      return {8, 5, 5, 5};
    case 4096:
      return {7, 5, 5, 5, 5};
    case 16384:
      return {8, 8, 8, 6, 5};
    case 65536:
      return {8, 8, 8, 5, 5, 5};
    default:
      return {};
  }
}

}  // namespace detail

/// Levels whose product is near `codebook_size`, by the rules above, all in the range of the dialect: one that has odd
/// levels only gets odd ones (and no usual set), cosyvoice threes (s = 3). Throws std::invalid_argument on a codebook
/// size below 2.
inline std::vector<int> levels_for(Index codebook_size, FsqDialect dialect = FsqDialect::lucidrains) {
  require(codebook_size >= 2, "levels_for: expected a codebook size of at least 2, found {}", codebook_size);
  const FsqLevelRange range = level_range(dialect);
  const std::vector<int> usual = detail::usual_levels(codebook_size);
  const auto allowed = [&](int level) { return range.contains(level); };
  if (!usual.empty() && std::all_of(usual.begin(), usual.end(), allowed)) return usual;

  const bool tiny = codebook_size < 5;
  const int smallest = tiny ? range.smallest : std::clamp(5, range.smallest, range.largest);
  Index dimensions = 0;
  for (Index rest = codebook_size; rest >= smallest; rest /= smallest) ++dimensions;
  detail::LevelSearch search(codebook_size, smallest, range);
  search.run(tiny ? 1 : std::max<Index>(dimensions, 1));
  if (!tiny) search.run(dimensions + 1);
  return search.best();
}

}  // namespace tessera::inline TESSERA_ISA
