// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/detail/fsq_thresholds.hpp>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "reference/finite_scalar.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
namespace fsq = tessera::testing::fsq;
using detail::from_order_key;
using detail::fsq_thresholds;
using detail::order_key;
using fsq::Real;
using tessera::testing::effort;
using tessera::testing::sanitized;

namespace {

/// The thresholds as numbers, derived once for all test cases.
template <class Scalar>
const std::vector<Scalar>& thresholds(FsqDialect dialect, int levels) {
  static std::map<std::pair<FsqDialect, int>, std::vector<Scalar>> derived;
  const auto [place, is_new] = derived.try_emplace({dialect, levels});
  if (is_new) {
    for (const auto key : fsq_thresholds<Scalar>(dialect, levels)) {
      place->second.push_back(from_order_key<Scalar>(key));
    }
  }
  return place->second;
}

/// Level counts up to 64 and a few large ones, those the dialect has.
std::vector<int> level_counts(FsqDialect dialect) {
  std::vector<int> counts;
  for (int L = 2; L <= (sanitized ? 20 : 64); ++L) counts.push_back(L);
  for (const int L : {100, 257, 513, 1000}) {
    if (!sanitized) counts.push_back(L);
  }
  std::erase_if(counts, [&](int L) { return !level_range(dialect).contains(L); });
  return counts;
}

/// 64-bit FNV-1a over bytes, the lowest first.
template <class Bits>
std::uint64_t fnv1a(std::uint64_t digest, Bits bits) {
  for (std::size_t byte = 0; byte < sizeof(Bits); ++byte) {
    digest = (digest ^ ((bits >> (8 * byte)) & 0xff)) * 0x100000001b3u;
  }
  return digest;
}

struct Digests {
  FsqDialect dialect;
  std::uint64_t narrow, wide;
};

// From tests/reference/finite_scalar_thresholds.py: the inverted formulas in decimal arithmetic of 60 digits, levels
// 2 ... 64, 100, 257, 513 and 1000.
constexpr std::array<Digests, 12> expected_digests = {{
    {FsqDialect::google, 0x81e4e4eb6d3133a0, 0x12b462ad4202f29c},
    {FsqDialect::lucidrains, 0x4ec5bdf9d73c02ce, 0xaa3ef31828f7d76c},
    {FsqDialect::legacy_double_bound, 0x01e92413020bc9bd, 0x9faca357892ebd60},
    {FsqDialect::symmetric, 0x30c089178eed5ef1, 0x9193f1b95a2e300e},
    {FsqDialect::stable_codec, 0x73e4d80919e9aec5, 0xc0a55aac2794c4da},
    {FsqDialect::hard_clamp, 0xb8c1833348cb5609, 0x8107369ebff779c1},
    {FsqDialect::residual_hard_clamp, 0x96ca6467071fec3f, 0x36e1f9a9451bb396},
    {FsqDialect::cosyvoice, 0xd0c8225ba23f5ae2, 0x90bf39dabd73280c},
    {FsqDialect::ifsq, 0x77189c45e9778b84, 0xe42f677a57936923},
    {FsqDialect::scale_round, 0x6be697e2921e7c56, 0x145f974159a47180},
    {FsqDialect::gaussian_cdf, 0x97dcbaa1afba42ae, 0xc8dcbf3a54c8a019},
    {FsqDialect::sigmoid, 0x95f1646b3b2debd1, 0x056d17442a371f9e},
}};

/// How many thresholds of a dialect are on the wrong side of the edge, or not the first number on the right side; and
/// of how many long double could not tell.
struct Verdict {
  int wrong = 0, undecided = 0, total = 0;
};

template <class Scalar>
Verdict against_edges(FsqDialect dialect) {
  Verdict verdict;
  for (const int L : level_counts(dialect)) {
    const auto found = thresholds<Scalar>(dialect, L);
    if (found.size() != static_cast<std::size_t>(L - 1)) return {.wrong = 1};
    for (int k = 1; k < L; ++k) {
      const fsq::Edge edge = fsq::edge(dialect, L, k);
      const Scalar first = found[static_cast<std::size_t>(k - 1)];
      const auto at = static_cast<Real>(first), below = static_cast<Real>(fsq::neighbour(first, -1));
      ++verdict.total;
      if (at < edge.value - edge.error || below > edge.value + edge.error) {
        ++verdict.wrong;
      } else if (!edge.exact() && (at < edge.value + edge.error || below > edge.value - edge.error)) {
        ++verdict.undecided;
      }
    }
  }
  return verdict;
}

/// The same by the formula as published, evaluated at the threshold and at the number below. What is rounded comes out
/// of it with an error of `units` long double units of L: nearer to the edge than that, nobody can tell.
template <class Scalar>
Verdict against_formula(FsqDialect dialect) {
  Verdict verdict;
  for (const int L : level_counts(dialect)) {
    const auto found = thresholds<Scalar>(dialect, L);
    for (int k = 1; k < L; ++k) {
      const fsq::Edge edge = fsq::edge(dialect, L, k);
      const Scalar first = found[static_cast<std::size_t>(k - 1)];
      const Real slope =
          fsq::derivative(dialect, L, edge.value) / (fsq::code(dialect, L, 1) - fsq::code(dialect, L, 0));
      const Real error = 16 * fsq::unit * (static_cast<Real>(L) / slope + std::abs(edge.value));
      for (const int by : {0, -1}) {
        const auto z = static_cast<Real>(fsq::neighbour(first, by));
        ++verdict.total;
        const bool tie = edge.exact() && z == edge.value;
        if (!tie && std::abs(z - edge.value) < error) {
          ++verdict.undecided;
        } else if ((fsq::level(dialect, L, z) >= k) != (by == 0)) {
          ++verdict.wrong;
        }
      }
    }
  }
  return verdict;
}

}  // namespace

TEST_CASE("keys order numbers as the real line does, minus zero just below plus zero") {
  const std::array<float, 10> ascending = {-std::numeric_limits<float>::infinity(),
                                           -std::numeric_limits<float>::max(),
                                           -1.0f,
                                           -std::numeric_limits<float>::min(),
                                           std::bit_cast<float>(0x80000001u),
                                           std::bit_cast<float>(0x80000000u),
                                           0.0f,
                                           std::bit_cast<float>(0x00000001u),
                                           1.0f,
                                           std::numeric_limits<float>::max()};
  for (std::size_t i = 0; i + 1 < ascending.size(); ++i) {
    CAPTURE(i);
    CHECK(order_key(ascending[i]) < order_key(ascending[i + 1]));
  }
  CHECK(order_key(0.0f) - order_key(std::bit_cast<float>(0x80000000u)) == 1);
  CHECK(order_key(0.0) - order_key(std::bit_cast<double>(std::uint64_t{1} << 63)) == 1);

  testing::SplitMix random(1);
  for (int i = 0; i < 2000; ++i) {
    const auto value = std::bit_cast<double>(random.bits());
    const auto narrow = std::bit_cast<float>(static_cast<std::uint32_t>(random.bits()));
    CHECK(fsq::same_bits(from_order_key<double>(order_key(value)), value));
    CHECK(fsq::same_bits(from_order_key<float>(order_key(narrow)), narrow));
  }
}

TEST_CASE("thresholds of every dialect are those of arithmetic with 60 decimal digits") {
  if (sanitized) return;  // the digests are of all level counts; the comparisons below run reduced
  for (const Digests& expected : expected_digests) {
    std::uint64_t narrow = 0xcbf29ce484222325u, wide = narrow;
    for (const int L : level_counts(expected.dialect)) {
      for (const float t : thresholds<float>(expected.dialect, L)) {
        narrow = fnv1a(narrow, std::bit_cast<std::uint32_t>(t));
      }
      for (const double t : thresholds<double>(expected.dialect, L)) {
        wide = fnv1a(wide, std::bit_cast<std::uint64_t>(t));
      }
    }
    CAPTURE(dialect_name(expected.dialect));
    CHECK(narrow == expected.narrow);
    CHECK(wide == expected.wide);
  }
}

TEST_CASE("a threshold is the first number on the upper side of its edge") {
  for (const FsqDialect dialect : fsq_dialects) {
    CAPTURE(dialect_name(dialect));
    const Verdict narrow = against_edges<float>(dialect);
    const Verdict wide = against_edges<double>(dialect);
    CHECK(narrow.total > 0);
    CHECK(narrow.wrong == 0);
    CHECK(wide.wrong == 0);
    // An edge known to 8 units of 64 bits is that near to a double of 53 bits in some of 2^11 / 16 = 128 cases (more
    // where the edge is small and the error is not), and to a float once in 2^36: nearly all are decided.
    CHECK(narrow.undecided <= 1);
    CHECK(wide.undecided <= wide.total / 10 + 4);
  }
}

TEST_CASE("the published formula gives the level at its threshold and a lower one just below") {
  for (const FsqDialect dialect : fsq_dialects) {
    CAPTURE(dialect_name(dialect));
    const Verdict narrow = against_formula<float>(dialect);
    const Verdict wide = against_formula<double>(dialect);
    CHECK(narrow.wrong == 0);
    CHECK(wide.wrong == 0);
    // the subnormal number below an edge at zero, which even level counts have, is lost in tanh(z) + 1
    CHECK(narrow.undecided <= static_cast<int>(level_counts(dialect).size()));
  }
}

TEST_CASE("thresholds ascend, and double thresholds lie between the float ones and their neighbours below") {
  for (const FsqDialect dialect : fsq_dialects) {
    for (const int L : level_counts(dialect)) {
      const auto narrow = thresholds<float>(dialect, L);
      const auto wide = thresholds<double>(dialect, L);
      REQUIRE(narrow.size() == static_cast<std::size_t>(L - 1));
      bool ascending = true, between = true;
      for (std::size_t i = 0; i < narrow.size(); ++i) {
        if (i > 0) ascending = ascending && order_key(narrow[i - 1]) < order_key(narrow[i]);
        // an edge at zero has its own test, and -ffast-math loses its subnormal numbers when it converts them
        if (std::abs(narrow[i]) < std::numeric_limits<float>::min()) continue;
        const auto above = order_key(static_cast<double>(narrow[i]));
        const auto below = order_key(static_cast<double>(fsq::neighbour(narrow[i], -1)));
        between = between && below < order_key(wide[i]) && order_key(wide[i]) <= above;
      }
      CAPTURE(dialect_name(dialect), L);
      CHECK(ascending);
      CHECK(between);
    }
  }
}

TEST_CASE("an edge at zero belongs to the level its dialect says") {
  const float minus_zero = std::bit_cast<float>(0x80000000u), least = std::bit_cast<float>(0x00000001u);
  for (const int L : {2, 4, 6, 8, 16, 62, 64}) {
    const auto middle = static_cast<std::size_t>(L / 2 - 1);  // where level L / 2 begins
    CAPTURE(L);
    for (const auto dialect :
         {FsqDialect::symmetric, FsqDialect::residual_hard_clamp, FsqDialect::gaussian_cdf, FsqDialect::hard_clamp}) {
      CAPTURE(dialect_name(dialect));
      CHECK(fsq::same_bits(thresholds<float>(dialect, L)[middle], minus_zero));
      CHECK(fsq::same_bits(thresholds<double>(dialect, L)[middle], -0.0));
    }
    for (const auto dialect : {FsqDialect::stable_codec, FsqDialect::ifsq, FsqDialect::sigmoid}) {
      CAPTURE(dialect_name(dialect));
      CHECK(fsq::same_bits(thresholds<float>(dialect, L)[middle], L / 2 % 2 == 0 ? minus_zero : least));
      CHECK(fsq::same_bits(thresholds<double>(dialect, L)[middle],
                           L / 2 % 2 == 0 ? -0.0 : std::bit_cast<double>(std::uint64_t{1})));
    }
  }
}

TEST_CASE("dyadic edges of hard_clamp belong to the upper level") {
  // edges (2 k - L) / (L - 1): L = 3: -1/2, 1/2; L = 5: -3/4, -1/4, 1/4, 3/4; L = 7 has the odd sixths, of which -1/2,
  // 1/2
  CHECK(thresholds<float>(FsqDialect::hard_clamp, 3) == std::vector<float>{-0.5f, 0.5f});
  CHECK(thresholds<double>(FsqDialect::hard_clamp, 5) == std::vector<double>{-0.75, -0.25, 0.25, 0.75});
  const auto sixths = thresholds<double>(FsqDialect::hard_clamp, 7);
  CHECK(sixths[1] == -0.5);
  CHECK(sixths[4] == 0.5);
  CHECK(sixths[5] >= 5.0 / 6);  // 5/6 is no double: the first one above
  CHECK(fsq::neighbour(sixths[5], -1) < 5.0L / 6);
}

TEST_CASE("codes are the formula's, rounded once") {
  for (const FsqDialect dialect : fsq_dialects) {
    for (const int L : level_counts(dialect)) {
      int narrow = 0, wide = 0;
      for (int k = 0; k < L; ++k) {
        const Real code = fsq::code(dialect, L, k);
        // the long double is itself rounded: where that could change the double, one unit of the double is allowed
        const double found = detail::fsq_code<double>(dialect, L, k);
        const Real unit = 0x1p-53L * std::max(std::abs(code), 0x1p-60L);
        wide += std::abs(static_cast<Real>(found) - code) > unit * (1 + 0x1p-8L);
        narrow += !fsq::same_bits(detail::fsq_code<float>(dialect, L, k), static_cast<float>(code));
      }
      CAPTURE(dialect_name(dialect), L);
      CHECK(narrow == 0);
      CHECK(wide == 0);
    }
  }
}

TEST_CASE("the largest level counts have thresholds, too") {
  const int L = sanitized ? 1000 : 4099;
  for (const auto dialect : {FsqDialect::symmetric, FsqDialect::hard_clamp, FsqDialect::gaussian_cdf}) {
    const auto found = thresholds<double>(dialect, L);
    REQUIRE(found.size() == static_cast<std::size_t>(L - 1));
    int wrong = 0;
    for (int k = 1; k < L; ++k) {
      const fsq::Edge edge = fsq::edge(dialect, L, k);
      const double first = found[static_cast<std::size_t>(k - 1)];
      wrong += static_cast<Real>(first) < edge.value - edge.error;
      wrong += static_cast<Real>(fsq::neighbour(first, -1)) > edge.value + edge.error;
    }
    CAPTURE(dialect_name(dialect));
    CHECK(wrong == 0);
  }
}
