// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/detail/exact_sum.hpp>

#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

#include "reference/nearest.hpp"
#include "support/catch.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::detail::ExactSum;
using tessera::detail::Natural;
namespace testing = tessera::testing;

/// The words of the reference, two by two.
Natural natural(const testing::Whole& whole) {
  Natural words((whole.words().size() + 1) / 2, 0u);
  for (std::size_t i = 0; i < whole.words().size(); ++i) {
    words[i / 2] |= static_cast<std::uint64_t>(whole.words()[i]) << (i % 2 == 0 ? 0 : 32);
  }
  return words;
}

/// A number of any magnitude, with its bits drawn evenly; `field` of the exponent in [low, high].
double any_double(testing::SplitMix& random, tessera::Index low, tessera::Index high) {
  const auto field = static_cast<std::uint64_t>(low + random.below(high - low + 1));
  return std::bit_cast<double>((random.bits() & 0x800fffffffffffffu) | (field << 52));
}

/// a b 2^shift in units of 2^-2148, the square of the smallest subnormal double.
testing::Whole product(double a, double b, int shift) {
  const testing::Whole whole = testing::Dyadic(a).whole(-1074) * testing::Dyadic(b).whole(-1074);
  return shift == 0 ? whole : whole + whole;
}

}  // namespace

TEST_CASE("sums of products of any doubles have the magnitude and sign of whole-number arithmetic", "[exact_sum]") {
  testing::SplitMix random(1);
  const tessera::Index ranges[][2] = {{0, 2046}, {1000, 1046}, {0, 2}, {2044, 2046}};
  for (const auto& range : ranges) {
    for (int repetition = 0; repetition < 20; ++repetition) {
      ExactSum sum;
      testing::Whole expected;
      for (int term = 0; term < 12; ++term) {
        const double a = any_double(random, range[0], range[1]), b = any_double(random, range[0], range[1]);
        const int sign = random.below(2) == 0 ? 1 : -1, shift = static_cast<int>(random.below(2));
        sum.add_product(a, b, sign, shift);
        expected = sign > 0 ? expected + product(a, b, shift) : expected - product(a, b, shift);
      }
      REQUIRE(sum.sign() == expected.sign());
      REQUIRE(sum.magnitude() == natural(expected));
    }
  }
}

TEST_CASE("floats count for what they are, subnormal ones too", "[exact_sum]") {
  testing::SplitMix random(2);
  for (int repetition = 0; repetition < 200; ++repetition) {
    const auto field = static_cast<std::uint32_t>(random.below(255)) << 23;
    const auto a = std::bit_cast<float>((static_cast<std::uint32_t>(random.bits()) & 0x807fffffu) | field);
    const auto b = std::bit_cast<float>(static_cast<std::uint32_t>(random.bits()) & 0x807fffffu);  // subnormal
    ExactSum sum;
    sum.add_product(a, b);
    const testing::Whole expected = testing::Dyadic(a).whole(-1074) * testing::Dyadic(b).whole(-1074);
    REQUIRE(sum.sign() == expected.sign());
    REQUIRE(sum.magnitude() == natural(expected));
  }
}

TEST_CASE("what is added and taken away again leaves nothing, in any order", "[exact_sum]") {
  testing::SplitMix random(3);
  std::vector<double> values;
  for (int i = 0; i < 40; ++i) values.push_back(any_double(random, 0, 2046));
  ExactSum sum;
  for (std::size_t i = 0; i < values.size(); ++i) sum.add_product(values[i], values[(i + 1) % 40], 1, 1);
  for (std::size_t i = values.size(); i-- > 0;) {
    sum.add_product(values[(i + 1) % 40], values[i], -1, 0);
    CHECK(sum.sign() != 0);
    sum.add_product(-values[i], values[(i + 1) % 40]);
  }
  CHECK(sum.sign() == 0);
  CHECK(sum.magnitude().empty());
}

TEST_CASE("an empty sum, zeros and the smallest and largest products", "[exact_sum]") {
  CHECK(ExactSum().sign() == 0);
  CHECK(ExactSum().magnitude().empty());
  ExactSum zero;
  zero.add_product(0.0, 5.0);
  zero.add_product(-0.0, std::numeric_limits<double>::max(), -1, 1);
  CHECK(zero.sign() == 0);

  const double smallest = std::bit_cast<double>(std::uint64_t{1}), largest = std::numeric_limits<double>::max();
  ExactSum sum;
  sum.add_product(smallest, smallest, -1);
  CHECK(sum.sign() == -1);
  CHECK(sum.magnitude() == Natural{1});
  for (int i = 0; i < 1000; ++i) sum.add_product(largest, largest, 1, 1);
  CHECK(sum.sign() == 1);
  for (int i = 0; i < 1000; ++i) sum.add_product(largest, -largest, 1, 1);
  CHECK(sum.sign() == -1);
  CHECK(sum.magnitude() == Natural{1});
}

TEST_CASE("natural numbers are multiplied and compared", "[exact_sum]") {
  using tessera::detail::compare;
  using tessera::detail::multiply;
  testing::SplitMix random(4);
  CHECK(multiply({}, {}).empty());
  CHECK(multiply({5}, {}).empty());
  const std::uint64_t all = ~std::uint64_t{0};
  CHECK(multiply({all, all}, {all, all}) == Natural{1, 0, all - 1, all});  // (2^128 - 1)^2
  for (int repetition = 0; repetition < 100; ++repetition) {
    const auto draw = [&] {
      testing::Whole whole;
      const int parts = static_cast<int>(random.below(5));
      for (int i = 0; i < parts; ++i) whole = whole + testing::Whole(random.bits(), 61 * i);
      return whole;
    };
    const testing::Whole a = draw(), b = draw();
    CHECK(multiply(natural(a), natural(b)) == natural(a * b));
    CHECK(compare(natural(a), natural(b)) == (a - b).sign());
    CHECK(compare(natural(a), natural(a)) == 0);
  }
}
