// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/finite_scalar_levels.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include <tessera/quantize/finite_scalar.hpp>

#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using tessera::testing::effort;

namespace {

__extension__ typedef __int128 Wide;
using Levels = std::vector<int>;

std::int64_t product(const Levels& levels) {
  return std::accumulate(levels.begin(), levels.end(), std::int64_t{1}, std::multiplies<>{});
}

int spread(const Levels& levels) { return levels.front() - levels.back(); }

/// -1, 0 or 1 as a is nearer to K by ratio than b, as near, or farther. With r(p) = max(p / K, K / p) in integers.
int compare_nearness(Wide a, Wide b, Wide K) {
  const bool a_below = a < K, b_below = b < K;
  // r(a) < r(b):  both above a < b; both below a > b; a above, b below a / K < K / b
  const Wide left = a_below == b_below ? (a_below ? b : a) : (a_below ? K * K : a * b);
  const Wide right = a_below == b_below ? (a_below ? a : b) : (a_below ? a * b : K * K);
  return left < right ? -1 : left > right ? 1 : 0;
}

/// Whether the rules prefer a to b, for equal nearness: the smaller spread, fewer dimensions, larger levels first.
bool preferred(const Levels& a, const Levels& b) {
  if (spread(a) != spread(b)) return spread(a) < spread(b);
  if (a.size() != b.size()) return a.size() < b.size();
  return a > b;
}

/// Every set of the rules in turn, and the best of them: levels of at least s, descending, none above twice another.
class Search {
 public:
  Search(std::int64_t K, int s, bool odd, int largest) : K_(K), s_(s), odd_(odd), largest_(largest) {
    int dimensions = 0;
    for (std::int64_t power = s; power <= K; power *= s) ++dimensions;
    for (const int D : {dimensions, dimensions + 1}) {
      if (D > 0) descend(D, largest_);
    }
  }
  const Levels& best() const { return best_; }

 private:
  void descend(int left, int most) {
    if (left == 0) return consider();
    std::int64_t rest = 1;
    for (int d = 1; d < left; ++d) rest *= s_;
    for (int level = s_; level <= most; ++level) {
      // s^D itself is within a factor of s: farther products are not the best
      if (product(levels_) * level * rest > s_ * K_) break;
      if (odd_ && level % 2 == 0) continue;
      if (!levels_.empty() && levels_.front() > 2 * level) continue;
      levels_.push_back(level);
      descend(left - 1, level);
      levels_.pop_back();
    }
  }
  void consider() {
    const int order = best_.empty() ? -1 : compare_nearness(product(levels_), product(best_), K_);
    if (order < 0 || (order == 0 && preferred(levels_, best_))) best_ = levels_;
  }

  std::int64_t K_;
  int s_;
  bool odd_;
  int largest_;
  Levels levels_, best_;
};

const std::vector<std::pair<Index, Levels>> usual = {{16, {4, 4}},
                                                     {64, {8, 8}},
                                                     {256, {8, 6, 5}},
                                                     {1024, {8, 5, 5, 5}},
                                                     {4096, {7, 5, 5, 5, 5}},
                                                     {16384, {8, 8, 8, 6, 5}},
                                                     {65536, {8, 8, 8, 5, 5, 5}}};

}  // namespace

TEST_CASE("the usual sizes have the levels of the paper") {
  for (const auto& [size, levels] : usual) {
    CAPTURE(size);
    CHECK(levels_for(size) == levels);
    CHECK(levels_for(size, FsqDialect::google) == levels);
    CHECK(levels_for(size, FsqDialect::hard_clamp) == levels);
    CHECK(levels_for(product(levels)) == levels);  // the set of a product is itself
  }
  CHECK(product(levels_for(256)) == 240);
  CHECK(product(levels_for(1024)) == 1000);
  CHECK(product(levels_for(4096)) == 4375);
  CHECK(product(levels_for(16384)) == 15360);
  CHECK(product(levels_for(65536)) == 64000);
}

TEST_CASE("levels of every other size are the best that exhaustive search finds") {
  const auto is_usual = [](Index size) {
    return std::any_of(usual.begin(), usual.end(),
                       [&](const auto& set) { return size == set.first || size == product(set.second); });
  };
  std::vector<Index> sizes;
  for (Index K = 5; K <= effort(1500, 200); ++K) sizes.push_back(K);
  for (const Index K :
       {Index{625}, Index{999}, Index{1001}, Index{1296}, Index{2048}, Index{3000}, Index{3125}, Index{8192}}) {
    if (!testing::sanitized) sizes.push_back(K);
  }
  for (const Index K : sizes) {
    CAPTURE(K);
    if (!is_usual(K)) CHECK(levels_for(K) == Search(K, 5, false, 1000).best());
    if (!is_usual(K)) CHECK(levels_for(K, FsqDialect::symmetric) == Search(K, 5, false, 65536).best());
    CHECK(levels_for(K, FsqDialect::scale_round) == Search(K, 5, true, 65535).best());
    CHECK(levels_for(K, FsqDialect::cosyvoice) == Search(K, 3, true, 3).best());
  }
}

TEST_CASE("sizes below five give one dimension") {
  CHECK(levels_for(3) == Levels{3});
  CHECK(levels_for(4) == Levels{4});
  CHECK(levels_for(2) == Levels{3});  // lucidrains has no two levels
  CHECK(levels_for(2, FsqDialect::google) == Levels{2});
  CHECK(levels_for(2, FsqDialect::symmetric) == Levels{2});
  CHECK(levels_for(3, FsqDialect::scale_round) == Levels{3});
  CHECK(levels_for(2, FsqDialect::scale_round) == Levels{3});
  CHECK(levels_for(4, FsqDialect::scale_round).size() == 1);
  CHECK(levels_for(2, FsqDialect::cosyvoice) == Levels{3});
  CHECK(levels_for(4, FsqDialect::cosyvoice) == Levels{3});
}

TEST_CASE("cosyvoice gets its eight threes") {
  CHECK(levels_for(6561, FsqDialect::cosyvoice) == Levels(8, 3));
  CHECK(levels_for(6000, FsqDialect::cosyvoice) == Levels(8, 3));
}

TEST_CASE("levels of any size keep the promises, in every dialect") {
  testing::SplitMix random(61);
  for (const FsqDialect dialect : fsq_dialects) {
    for (int i = 0; i < effort(60, 10); ++i) {
      const double log_size = random.uniform(std::log(5.0), std::log(0x1p62));
      const auto K = static_cast<Index>(std::exp(log_size));
      const Levels levels = levels_for(K, dialect);
      CAPTURE(dialect_name(dialect), K, levels);
      CHECK_NOTHROW(check_levels("levels_for", dialect, levels));
      CHECK(std::is_sorted(levels.rbegin(), levels.rend()));
      double log_product = 0;
      for (const int L : levels) log_product += std::log(L);
      const bool small_set = K == 16;  // [4,4]
      const bool threes = dialect == FsqDialect::cosyvoice;
      if (!small_set && !threes) CHECK(levels.back() >= 5);
      CHECK(levels.front() <= 2 * levels.back());
      // one step of the smallest level is the coarsest grid: a factor of (s + 1) / s, (s + 2) / s for odd levels, s for
      // threes, of which half is the farthest
      const double factor = threes ? 3 : level_range(dialect).odd_only ? 7.0 / 5 : 6.0 / 5;
      CHECK(std::abs(log_product - std::log(static_cast<double>(K))) <= 0.5 * std::log(factor) + 1e-9);
      CHECK(levels_for(K, dialect) == levels);
    }
  }
}

TEST_CASE("large sizes are met within a fraction of a percent, up to the largest") {
  for (const Index K : {Index{1} << 20, Index{1} << 24, Index{1} << 30, Index{1} << 40, Index{1} << 50}) {
    const double ratio = static_cast<double>(product(levels_for(K))) / static_cast<double>(K);
    CAPTURE(K, levels_for(K));
    CHECK(std::abs(ratio - 1) < 0.02);
  }
  const Levels largest = levels_for(std::numeric_limits<Index>::max());
  double bits = 0;
  for (const int L : largest) bits += std::log2(L);
  CHECK(bits <= 63);
  CHECK(bits > 62.9);
  CHECK(FiniteScalarQuantizer<float>({.levels = largest}).tokens_per_vector() == 1);
}

TEST_CASE("a codebook has two codes at least") {
  for (const Index bad : {Index{1}, Index{0}, Index{-1024}}) {
    CHECK_THROWS_MESSAGE(std::invalid_argument, levels_for(bad), "levels_for: expected");
    CHECK_THROWS_MESSAGE(std::invalid_argument, levels_for(bad), "found " + std::to_string(bad));
  }
}
