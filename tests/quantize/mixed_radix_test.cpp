// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/mixed_radix.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;

namespace {

__extension__ typedef unsigned __int128 Wide;

/// Horner's rule of the definition in 128 bits.
Wide spelled(const std::vector<int>& levels, const std::vector<int>& digits) {
  Wide index = 0;
  for (std::size_t d = levels.size(); d-- > 0;)
    index = index * static_cast<Wide>(levels[d]) + static_cast<Wide>(digits[d]);
  return index;
}

std::vector<int> digits_of(const MixedRadix& radix, std::int64_t index) {
  std::vector<int> digits(radix.levels().size());
  radix.digits(index, digits.data());
  return digits;
}

}  // namespace

TEST_CASE("the first digit is the least significant") {
  const std::vector<int> levels = {3, 5, 4};
  const MixedRadix radix(levels);
  CHECK(radix.size() == 60);
  CHECK(radix.dimension() == 3);
  CHECK(radix.levels() == levels);
  CHECK(radix.weights() == std::vector<std::int64_t>{1, 3, 15});
  CHECK(radix.bits() == Catch::Approx(std::log2(60.0)));
  // the code (0, 0.5, -1) of the paper's notebook: digits 1, 3, 0
  const std::array<int, 3> digits = {1, 3, 0};
  CHECK(radix.index(digits.data()) == 10);
  CHECK(digits_of(radix, 10) == std::vector<int>{1, 3, 0});
}

TEST_CASE("digits and indices are a bijection, exhaustively for small codebooks") {
  const std::vector<std::vector<int>> sets = {{2},          {7},          {8, 5, 5, 5},    {7, 5, 5, 5, 5}, {8, 6, 5},
                                              {1, 3, 1, 4}, {2, 2, 2, 2}, {3, 3, 3, 3, 3}, {16, 16, 16},    {4096}};
  for (const auto& levels : sets) {
    const MixedRadix radix(levels);
    const auto size = static_cast<std::int64_t>(radix.size());
    REQUIRE(size == std::accumulate(levels.begin(), levels.end(), 1, std::multiplies<>{}));
    std::vector<int> counter(levels.size(), 0);
    int wrong = 0;
    for (std::int64_t index = 0; index < size; ++index) {  // count as an odometer does, its first wheel fastest
      wrong += digits_of(radix, index) != counter;
      wrong += radix.index(counter.data()) != index;
      for (std::size_t d = 0; d < levels.size() && ++counter[d] == levels[d]; ++d) counter[d] = 0;
    }
    CAPTURE(levels);
    CHECK(wrong == 0);
  }
}

TEST_CASE("random digits up to a product of 2^63 come back, and spell what 128-bit arithmetic says") {
  testing::SplitMix random(5);
  int wrong = 0, tried = 0;
  for (int round = 0; round < 400; ++round) {
    std::vector<int> levels;
    Wide product = 1;
    const Wide limit = Wide{1} << 63;
    while (levels.size() < 64) {
      const int largest = std::array{2, 3, 8, 17, 1000, 65536}[static_cast<std::size_t>(random.below(6))];
      const int level = 1 + static_cast<int>(random.below(largest));
      if (product * static_cast<Wide>(level) > limit) break;
      product *= static_cast<Wide>(level);
      levels.push_back(level);
    }
    if (levels.empty()) continue;
    const MixedRadix radix(levels);
    REQUIRE(radix.has_index());
    REQUIRE(radix.size() == static_cast<std::uint64_t>(product));
    CHECK(radix.bits() == Catch::Approx(std::log2(static_cast<double>(product))).epsilon(1e-12));
    for (int i = 0; i < 20; ++i) {
      std::vector<int> digits;
      for (const int level : levels) digits.push_back(static_cast<int>(random.below(level)));
      const std::int64_t index = radix.index(digits.data());
      wrong += static_cast<Wide>(index) != spelled(levels, digits);
      wrong += digits_of(radix, index) != digits;
      std::vector<std::int64_t> wide(levels.size());
      radix.split(static_cast<std::uint64_t>(index), wide.data());
      wrong += !std::equal(wide.begin(), wide.end(), digits.begin());
      ++tried;
    }
  }
  CHECK(tried > 5000);
  CHECK(wrong == 0);
}

TEST_CASE("the largest index of a product of 2^63 is the largest 64-bit integer") {
  for (const auto& levels :
       {std::vector<int>(21, 8), std::vector<int>(63, 2), std::vector<int>{32768, 32768, 32768, 32768, 8}}) {
    const MixedRadix radix(levels);
    CHECK(radix.has_index());
    CHECK(radix.size() == std::uint64_t{1} << 63);
    CHECK(radix.bits() == 63);
    std::vector<int> top;
    for (const int level : levels) top.push_back(level - 1);
    CHECK(radix.index(top.data()) == std::numeric_limits<std::int64_t>::max());
    CHECK(digits_of(radix, std::numeric_limits<std::int64_t>::max()) == top);
    CHECK(digits_of(radix, 0) == std::vector<int>(levels.size(), 0));
  }
}

TEST_CASE("beyond 2^63 there are digits only") {
  for (const auto& levels : {std::vector<int>(22, 8), std::vector<int>(64, 2), std::vector<int>(200, 65536),
                             std::vector<int>{3, 1 << 30, 1 << 30, 4}}) {
    const MixedRadix radix(levels);
    std::vector<int> digits(levels.size(), 0);
    CAPTURE(levels.size());
    CHECK_FALSE(radix.has_index());
    CHECK(testing::throws_exactly<std::out_of_range>([&] { return radix.size(); }));
    CHECK(testing::throws_exactly<std::out_of_range>([&] { return radix.index(digits.data()); }));
    CHECK(testing::throws_exactly<std::out_of_range>([&] { radix.digits(0, digits.data()); }));
    double bits = 0;
    for (const int level : levels) bits += std::log2(level);
    CHECK(radix.bits() == Catch::Approx(bits).epsilon(1e-12));
  }
}

TEST_CASE("digits of any integer type are read and written") {
  const MixedRadix radix(std::vector<int>{8, 5, 5, 5});
  std::array<std::int8_t, 4> narrow{};
  std::array<std::uint64_t, 4> wide{};
  radix.digits(777, narrow.data());
  radix.digits(777, wide.data());
  CHECK(narrow == std::array<std::int8_t, 4>{1, 2, 4, 3});  // 777 = 1 + 8 (2 + 5 (4 + 5 * 3))
  CHECK(wide == std::array<std::uint64_t, 4>{1, 2, 4, 3});
  CHECK(radix.index(narrow.data()) == 777);
  CHECK(radix.index(wide.data()) == 777);
}

TEST_CASE("digits and indices out of range are errors, and nothing is written") {
  const MixedRadix radix(std::vector<int>{3, 5, 4});
  std::array<int, 3> digits = {7, 7, 7};
  CHECK_THROWS_MESSAGE(std::out_of_range, radix.digits(60, digits.data()), "found 60");
  CHECK_THROWS_MESSAGE(std::out_of_range, radix.digits(-1, digits.data()), "found -1");
  CHECK(digits == std::array<int, 3>{7, 7, 7});
  for (const auto& bad : {std::array<int, 3>{3, 0, 0}, {0, 5, 0}, {0, 0, 4}, {-1, 0, 0}, {0, 0, -1}}) {
    CHECK(testing::throws_exactly<std::out_of_range>([&] { return radix.index(bad.data()); }));
  }
  const std::array<std::uint64_t, 3> wrapped = {0, 0, std::numeric_limits<std::uint64_t>::max()};
  CHECK(testing::throws_exactly<std::out_of_range>([&] { return radix.index(wrapped.data()); }));
}

TEST_CASE("bases below one, and no bases, are refused") {
  CHECK_THROWS_MESSAGE(std::invalid_argument, MixedRadix(std::vector<int>{}), "MixedRadix: expected at least one");
  CHECK_THROWS_MESSAGE(std::invalid_argument, MixedRadix(std::vector<int>{3, 0, 2}), "found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, MixedRadix(std::vector<int>{-4}), "found -4");
}
