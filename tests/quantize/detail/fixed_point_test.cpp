// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/detail/fixed_point.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "support/catch.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using detail::Fixed;
using detail::log_ratio;
using detail::normal_integral;
using detail::normal_quantile;
using detail::tangent;

namespace {

__extension__ typedef unsigned __int128 Wide;

/// `units` 2^-192.
Fixed from_units(Wide units, bool negative = false) {
  Fixed::Limbs limbs{};
  for (std::size_t i = 0; i < 4; ++i) limbs[i] = static_cast<std::uint32_t>(units >> (32 * i));
  const Fixed value = Fixed::from_limbs(limbs);
  return negative ? -value : value;
}

/// The magnitude in units, for numbers below 2^-64.
Wide units_of(const Fixed& value) {
  Wide units = 0;
  for (std::size_t i = 0; i < 4; ++i) units |= static_cast<Wide>(value.magnitude()[i]) << (32 * i);
  for (std::size_t i = 4; i < 8; ++i) REQUIRE(value.magnitude()[i] == 0);
  return units;
}

/// value 2^-96.
Fixed narrow(std::int64_t value) {
  Fixed fixed(value);
  fixed.shift(-96);
  return fixed;
}

bool equal(const Fixed& a, const Fixed& b) { return (a - b).zero(); }

/// |a - b| < 2^-bits.
bool close(const Fixed& a, const Fixed& b, int bits) { return (a - b).top_bit() < Fixed::fraction_bits - bits; }

Fixed quotient(std::int64_t a, std::int64_t b) { return Fixed(a) / Fixed(b); }

// 192 bits behind the point, computed with 80 decimal digits (log 2 is 0x0.b17217f7d1cf79ab...). Lowest limb first.
constexpr Fixed::Limbs log_2 = {0x7298b62d, 0x40f34326, 0x03f2f6af, 0xc9e3b398, 0xd1cf79ab, 0xb17217f7, 0, 0};
constexpr Fixed::Limbs log_3_2 = {0x4547d7c2, 0x7d20ffb3, 0x01488606, 0xda35d9bd, 0xfe612fca, 0x67cc8fb2, 0, 0};
constexpr Fixed::Limbs log_10 = {0x6977e43a, 0x8a3fb3e7, 0x0b4c28a3, 0xa95b58ae, 0xaaa2b05b, 0x4d763776, 2, 0};
constexpr Fixed::Limbs log_1_000001 = {0xdb5f5a7f, 0x02279e07, 0xe2310199, 0xa9e65cd0, 0xf713f927, 0x000010c6, 0, 0};
constexpr Fixed::Limbs log_65535 = {0xf10fc3da, 0x72dc5078, 0x8bfc132e, 0x08e5b0f7, 0x9cf74567, 0x17207f7c, 11, 0};
constexpr Fixed::Limbs tan_1 = {0xc6cca992, 0x52257e8c, 0x3140b3b5, 0xcc7d4132, 0xee3a5b8a, 0x8eb245cb, 1, 0};
constexpr Fixed::Limbs tan_1_3 = {0x564ab165, 0x90220897, 0xf0e274af, 0xbc3b8169, 0x459735e7, 0x58a41297, 0, 0};
constexpr Fixed::Limbs tan_1000_999 = {0xc0908048, 0x8ec2b166, 0x1aa6c6b0, 0x37aa5cbc, 0x7b7a5ea9, 0x8f9357d6, 1, 0};
constexpr Fixed::Limbs tan_2_10 = {0xe0e6dd55, 0x54478230, 0x7b70a3ab, 0xde152153, 0x55555ddd, 0x00400001, 0, 0};
constexpr Fixed::Limbs integral_1 = {0x9aa1d79b, 0x97f246b7, 0xa9a43ea1, 0x209636ab, 0xd62fc96c, 0xdb0a333c, 0, 0};
constexpr Fixed::Limbs integral_5 = {0x1ea41687, 0xb2a84c05, 0x2f534bd7, 0x127c9e93, 0x538517cb, 0x40d925f1, 1, 0};
constexpr Fixed::Limbs integral_1_16 = {0x9c0601c9, 0xabe61aab, 0x34af8258, 0x05913597, 0xaf8c27ff, 0x0ffd55bb, 0, 0};
constexpr Fixed::Limbs quantile_3_4 = {0x89e9d306, 0xc7a472e4, 0x13a6b30c, 0x775c8287, 0x94524ab8, 0xacab5c3a, 0, 0};
constexpr Fixed::Limbs quantile_2_3 = {0x84fd4eb1, 0x1c862e71, 0x9130ca42, 0x8ce01186, 0xf7e8a750, 0x6e4424ef, 0, 0};
constexpr Fixed::Limbs quantile_top = {0x6e5ebb26, 0x26a0a9c6, 0xea4b0d7b, 0x42d7edf6, 0x30733d33, 0x2b68e52a, 4, 0};
constexpr Fixed::Limbs quantile_next = {0x3f87e4e3, 0x44790e8a, 0x0a3f8e10, 0x702504c6, 0x640164dc, 0x000281b2, 0, 0};

}  // namespace

TEST_CASE("sums and differences of fixed-point numbers are exact, signs included") {
  testing::SplitMix random(2);
  for (int i = 0; i < 500; ++i) {
    const Wide a = (static_cast<Wide>(random.bits() >> 2) << 64) | random.bits();
    const Wide b = (static_cast<Wide>(random.bits() >> 2) << 64) | random.bits();
    const bool a_negative = random.below(2) == 0, b_negative = random.below(2) == 0;
    const Fixed x = from_units(a, a_negative), y = from_units(b, b_negative);
    const Fixed sum = x + y;
    const bool same = a_negative == b_negative;
    CHECK(units_of(sum) == (same ? a + b : a > b ? a - b : b - a));
    CHECK(sum.negative() == (same || a > b ? a_negative : b_negative));
    CHECK(equal(sum - y, x));
    CHECK(equal(-(x - y), y - x));
    CHECK(compare_magnitude(x, y) == (a < b ? -1 : a > b ? 1 : 0));
  }
  CHECK((Fixed(3) - Fixed(3)).zero());
  CHECK(Fixed(0).zero());
  CHECK(Fixed(0).top_bit() == -1);
  CHECK(Fixed(1).top_bit() == Fixed::fraction_bits);
  CHECK(Fixed(-5).top_bit() == Fixed::fraction_bits + 2);
  CHECK(Fixed(-5).negative());
  CHECK(Fixed(-5).bit(Fixed::fraction_bits));
  CHECK_FALSE(Fixed(-5).bit(Fixed::fraction_bits + 1));
}

TEST_CASE("carries and borrows run through all limbs") {
  const Fixed one(1), unit = from_units(1);
  const Fixed below_one = one - unit;
  for (std::size_t i = 0; i < 6; ++i) CHECK(below_one.magnitude()[i] == 0xffffffffu);
  CHECK(below_one.magnitude()[6] == 0);
  CHECK(equal(below_one + unit, one));
  CHECK(equal(unit - one, -below_one));
}

TEST_CASE("products and quotients agree with 128-bit integers") {
  testing::SplitMix random(3);
  for (int i = 0; i < 500; ++i) {
    const auto a = static_cast<std::int64_t>(random.bits() >> 2), b = static_cast<std::int64_t>(random.bits() >> 2) + 1;
    const Wide product = static_cast<Wide>(a) * static_cast<Wide>(b);
    CHECK(units_of(narrow(a) * narrow(b)) == product);
    CHECK((narrow(-a) * narrow(b)).negative() == (a != 0));
    CHECK(equal((narrow(a) * narrow(b)) / narrow(b), narrow(a)));

    const auto divisor = static_cast<std::uint32_t>(random.bits() >> 40) + 1;
    CHECK(units_of(from_units(product) / divisor) == product / divisor);

    // a / b with small b: 62 bits before the point, 32 behind it by integers, the rest by multiplying back
    const std::int64_t small = 1 + random.below(1 << 20);
    const Fixed ratio = quotient(a, small);
    const Wide expected = (static_cast<Wide>(a) << 32) / static_cast<Wide>(small);
    const Wide found = (static_cast<Wide>(ratio.magnitude()[7]) << 64) |
                       (static_cast<Wide>(ratio.magnitude()[6]) << 32) | ratio.magnitude()[5];
    CHECK(found == expected);
    CHECK(close(ratio * Fixed(small), Fixed(a), 170));
  }
  CHECK(equal(Fixed(7) / 7u, Fixed(1)));
  CHECK(equal(Fixed(-7) / Fixed(2), -(Fixed(3) + quotient(1, 2))));
}

TEST_CASE("a double turns into the fixed-point number it is, and back") {
  for (const double value : {0.0, 1.0, -1.0, 0.5, -0x1.921fb54442d18p+1, 0x1p-100, 0x1.fffffffffffffp+59}) {
    CAPTURE(value);
    CHECK(Fixed::near(value).approximate() == Catch::Approx(value).epsilon(1e-9));
    CHECK(Fixed::near(value).negative() == (value < 0));
  }
  CHECK(equal(Fixed::near(0.75), quotient(3, 4)));
  CHECK(equal(Fixed::near(-0x1p-192), -from_units(1)));
  CHECK(Fixed::near(0x1p-193).zero());  // towards zero
  CHECK(equal(Fixed::near(0x1p40), Fixed(std::int64_t{1} << 40)));
}

TEST_CASE("shifting multiplies by a power of two and drops what leaves") {
  Fixed x(5);
  x.shift(-1);
  CHECK(equal(x, quotient(5, 2)));
  x.shift(33);
  CHECK(equal(x, Fixed(std::int64_t{5} << 32)));
  Fixed unit = from_units(3);
  unit.shift(-1);
  CHECK(units_of(unit) == 1);
}

TEST_CASE("logarithms agree with 192 published bits") {
  const auto expected = [](const Fixed::Limbs& limbs) { return Fixed::from_limbs(limbs); };
  CHECK(close(log_ratio(Fixed(2), Fixed(1)), expected(log_2), 160));
  CHECK(close(log_ratio(Fixed(3), Fixed(2)), expected(log_3_2), 160));
  CHECK(close(log_ratio(Fixed(10), Fixed(1)), expected(log_10), 160));
  CHECK(close(log_ratio(Fixed(1000001), Fixed(1000000)), expected(log_1_000001), 160));
  CHECK(close(log_ratio(Fixed(65535), Fixed(1)), expected(log_65535), 160));
  CHECK(close(log_ratio(Fixed(1), Fixed(65535)), -expected(log_65535), 160));
  CHECK(log_ratio(Fixed(12), Fixed(12)).zero());
  CHECK(log_ratio(quotient(1, 3), quotient(1, 3)).zero());
}

TEST_CASE("logarithms of products are sums") {
  testing::SplitMix random(4);
  for (int i = 0; i < 40; ++i) {
    const std::int64_t a = 1 + random.below(1 << 20), b = 1 + random.below(1 << 20), c = 1 + random.below(1 << 20);
    const Fixed ab = log_ratio(Fixed(a), Fixed(b)), bc = log_ratio(Fixed(b), Fixed(c));
    CHECK(close(ab + bc, log_ratio(Fixed(a), Fixed(c)), 158));
    CHECK(close(ab, -log_ratio(Fixed(b), Fixed(a)), 158));
    CHECK(ab.approximate() == Catch::Approx(std::log(static_cast<double>(a) / static_cast<double>(b))).margin(1e-12));
  }
}

TEST_CASE("tangents agree with 192 published bits, and with the double-angle formula") {
  CHECK(close(tangent(Fixed(1)), Fixed::from_limbs(tan_1), 160));
  CHECK(close(tangent(quotient(1, 3)), Fixed::from_limbs(tan_1_3), 160));
  CHECK(close(tangent(quotient(1000, 999)), Fixed::from_limbs(tan_1000_999), 160));
  CHECK(close(tangent(quotient(1, 1024)), Fixed::from_limbs(tan_2_10), 160));
  CHECK(tangent(Fixed(0)).zero());
  for (int i = 1; i <= 20; ++i) {
    const Fixed t = tangent(quotient(i, 40));  // tan 2x = 2 t / (1 - t^2), 2x up to 1
    const Fixed twice = (t + t) / (Fixed(1) - t * t);
    CAPTURE(i);
    CHECK(close(tangent(quotient(i, 20)), twice, 156));
    CHECK(close(tangent(-quotient(i, 40)), -t, 160));
  }
}

TEST_CASE("the normal integral agrees with 192 published bits") {
  CHECK(close(normal_integral(Fixed(1)), Fixed::from_limbs(integral_1), 160));
  CHECK(close(normal_integral(Fixed(5)), Fixed::from_limbs(integral_5), 160));
  CHECK(close(normal_integral(quotient(1, 16)), Fixed::from_limbs(integral_1_16), 160));
  CHECK(close(normal_integral(Fixed(-1)), -Fixed::from_limbs(integral_1), 160));
  CHECK(normal_integral(Fixed(0)).zero());
}

TEST_CASE("normal quantiles agree with 192 published bits, and mirror") {
  CHECK(close(normal_quantile(3, 4), Fixed::from_limbs(quantile_3_4), 156));
  CHECK(close(normal_quantile(2, 3), Fixed::from_limbs(quantile_2_3), 156));
  CHECK(close(normal_quantile(32769, 65536), Fixed::from_limbs(quantile_next), 156));
  CHECK(close(normal_quantile(65535, 65536), Fixed::from_limbs(quantile_top), 150));
  CHECK(close(normal_quantile(1, 65536), -Fixed::from_limbs(quantile_top), 150));
  CHECK(normal_quantile(1, 2).zero());
  CHECK(normal_quantile(500, 1000).zero());
  for (int part = 1; part < 17; ++part) {
    CAPTURE(part);
    CHECK(close(normal_quantile(part, 17), -normal_quantile(17 - part, 17), 156));
    CHECK(close(normal_quantile(part, 17), normal_quantile(3 * part, 51), 156));
  }
}
