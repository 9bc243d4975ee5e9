// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/random.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <vector>

#include "reference/statistics.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"

using namespace tessera::testing;
using tessera::Index;
using tessera::normal_quantile;
using tessera::philox;
using tessera::Random;

static_assert(std::uniform_random_bit_generator<Random>);

namespace {

const Index draws = effort(200'000, 20'000);

template <class Draw>
std::vector<double> draw_many(Draw&& draw) {
  std::vector<double> values(static_cast<std::size_t>(draws));
  for (double& value : values) value = draw();
  return values;
}

/// How many standard errors the means of the standardised draws' powers 1, 2, ... are off at most. `moments` are those
/// of the distribution, standardised, from power 1 on; with 2 K of them the first K powers are judged.
double worst_moment(const std::vector<double>& values, double mean, double deviation,
                    const std::vector<double>& moments) {
  double worst = 0;
  for (std::size_t power = 1; 2 * power <= moments.size(); ++power) {
    double sum = 0;
    for (const double value : values) sum += std::pow((value - mean) / deviation, static_cast<double>(power));
    const auto count = static_cast<double>(values.size());
    const double expected = moments[power - 1];
    const double error = std::sqrt((moments[2 * power - 1] - expected * expected) / count);
    worst = std::max(worst, std::abs(sum / count - expected) / error);
  }
  return worst;
}

/// Counts of draw() in 0 ... cells - 1.
template <class Draw>
std::vector<double> tally(Index cells, Draw&& draw) {
  std::vector<double> counts(static_cast<std::size_t>(cells));
  for (Index i = 0; i < draws; ++i) counts.at(static_cast<std::size_t>(draw())) += 1;
  return counts;
}

/// Counts of draw(), which gives an order or a choice, among the `cells` that are possible.
template <class Draw>
std::vector<double> tally_sequences(std::size_t cells, Draw&& draw) {
  std::map<std::vector<Index>, double> found;
  for (Index i = 0; i < draws / 4; ++i) found[draw()] += 1;
  std::vector<double> counts;
  for (const auto& [sequence, count] : found) counts.push_back(count);
  REQUIRE(counts.size() <= cells);
  counts.resize(cells);
  return counts;
}

/// Whether the pairs (first(), second()) fill the cells of a 16 x 16 board evenly.
template <class First, class Second>
double pair_p_value(First&& first, Second&& second) {
  return uniform_p_value(tally(256, [&] {
    const auto row = static_cast<Index>(first() * 16), column = static_cast<Index>(second() * 16);
    return 16 * row + column;
  }));
}

}  // namespace

TEST_CASE("chi-square tails are those of the tables") {
  // Abramowitz and Stegun, table 26.8: upper percentage points.
  CHECK(chi_square_tail(3.84146, 1) == Catch::Approx(0.05).epsilon(1e-5));
  CHECK(chi_square_tail(18.3070, 10) == Catch::Approx(0.05).epsilon(2e-5));
  CHECK(chi_square_tail(149.449, 100) == Catch::Approx(0.001).epsilon(1e-4));
  CHECK(chi_square_tail(67.3276, 100) == Catch::Approx(0.995).epsilon(1e-5));
  CHECK(chi_square_tail(20, 2) == Catch::Approx(std::exp(-10.0)));
}

TEST_CASE("the stream is philox at counters (block, stream) under the seed as key") {
  Random zero(0);
  for (const std::uint32_t word : {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}) CHECK(zero() == word);

  const std::uint64_t seed = 0x299f31d0a4093822, stream = 0x0370734413198a2e;
  Random random(seed, stream);
  for (const std::uint64_t block : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0x05a308d3243f6a88}}) {
    random.seek(4 * block);
    const tessera::PhiloxCounter expected =
        philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), 0x13198a2e, 0x03707344},
               {0xa4093822, 0x299f31d0});
    for (const std::uint32_t word : expected) CHECK(random.bits32() == word);
  }
}

TEST_CASE("wider bits and uniform numbers are made of the words, low word first") {
  const std::uint64_t bits = 0xe169c58d6627e8d5;  // the first two words of seed 0
  CHECK(Random(0).bits64() == bits);
  CHECK(Random(0).uniform() == static_cast<double>(bits >> 11) * 0x1p-53);
  CHECK(Random(0).uniform_positive() == static_cast<double>((bits >> 11) + 1) * 0x1p-53);
  CHECK(Random(0).uniform_open() == static_cast<double>((bits >> 11) | 1) * 0x1p-53);
  CHECK(Random(0).uniform() == 0.8805201978886142);  // the same on every machine
}

TEST_CASE("a stream goes on from any position, and a copy goes its own way") {
  Random random(7, 9);
  std::vector<std::uint32_t> words(41);
  for (auto& word : words) word = random();
  CHECK(random.position() == 41);
  for (const std::uint64_t position : {std::uint64_t{40}, std::uint64_t{0}, std::uint64_t{17}, std::uint64_t{3}}) {
    random.seek(position);
    CHECK(random.position() == position);
    for (std::size_t i = position; i < words.size(); ++i) REQUIRE(random() == words[i]);
  }
  random.seek(5);
  Random copy = random;
  CHECK(random() == words[5]);
  CHECK(random() == words[6]);
  CHECK(copy() == words[5]);
}

TEST_CASE("every distribution takes two words a draw, so that streams stay aligned") {
  Random random(1);
  const std::vector<double> weights = {1, 2, 3};
  random.uniform(), random.uniform_positive(), random.uniform_open(), random.normal();
  random.exponential(), random.gumbel(), random.bernoulli(0.5), random.categorical(weights), random.below(10);
  CHECK(random.position() == 18);
}

TEST_CASE("every bit of a word is set half of the time") {
  Random random(11);
  std::vector<double> set(32);
  for (Index i = 0; i < draws; ++i) {
    const std::uint32_t word = random();
    for (std::size_t bit = 0; bit < 32; ++bit) set[bit] += word >> bit & 1;
  }
  const auto count = static_cast<double>(draws);
  for (const double found : set) CHECK(std::abs(found - count / 2) < standard_errors * std::sqrt(count / 4));
}

TEST_CASE("uniform numbers have the distribution and the moments of [0, 1)", "[statistical]") {
  const auto cdf = [](double x) { return std::clamp(x, 0.0, 1.0); };
  const std::vector<double> moments = {0, 1, 0, 9.0 / 5, 0, 27.0 / 7, 0, 9};
  Random random(21);
  const double limit = cdf_distance_limit(static_cast<std::size_t>(draws));
  for (const int kind : {0, 1, 2}) {
    const std::vector<double> values = draw_many([&] {
      return kind == 0 ? random.uniform() : kind == 1 ? random.uniform_positive() : random.uniform_open();
    });
    CAPTURE(kind);
    CHECK(largest_cdf_distance(values, cdf) < limit);
    CHECK(worst_moment(values, 0.5, std::sqrt(1.0 / 12), moments) < standard_errors);
    CHECK(*std::min_element(values.begin(), values.end()) >= 0);
    CHECK(*std::max_element(values.begin(), values.end()) <= 1);
  }
  const std::vector<double> broken = draw_many([&] { return 0.5 * (random.uniform() + random.uniform()); });
  CHECK(largest_cdf_distance(broken, cdf) > limit);
}

TEST_CASE("normal numbers have the distribution and the moments of N(0, 1)", "[statistical]") {
  const auto cdf = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  const std::vector<double> moments = {0, 1, 0, 3, 0, 15, 0, 105};
  Random random(22);
  const std::vector<double> values = draw_many([&] { return random.normal(); });
  const double limit = cdf_distance_limit(values.size());
  CHECK(largest_cdf_distance(values, cdf) < limit);
  CHECK(worst_moment(values, 0, 1, moments) < standard_errors);
  // Too wide by a twentieth: the distance sees it. Twelve uniforms, a common shortcut, have kurtosis 2.9: the fourth
  // moment sees it (with all draws).
  const std::vector<double> wide = draw_many([&] { return 1.05 * random.normal(); });
  CHECK((sanitized || largest_cdf_distance(wide, cdf) > limit));
  const std::vector<double> twelve = draw_many([&] {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += random.uniform();
    return sum;
  });
  CHECK((sanitized || worst_moment(twelve, 0, 1, moments) > standard_errors));
}

TEST_CASE("exponential numbers have the distribution and the moments of mean 1", "[statistical]") {
  const auto cdf = [](double x) { return x <= 0 ? 0 : -std::expm1(-x); };
  Random random(23);
  const std::vector<double> values = draw_many([&] { return random.exponential(); });
  const double limit = cdf_distance_limit(values.size());
  CHECK(largest_cdf_distance(values, cdf) < limit);
  CHECK(worst_moment(values, 1, 1, {0, 1, 2, 9}) < standard_errors);
  CHECK(*std::min_element(values.begin(), values.end()) >= 0);
  const std::vector<double> broken = draw_many([&] { return 1.1 * random.exponential(); });
  CHECK(largest_cdf_distance(broken, cdf) > limit);
}

TEST_CASE("gumbel numbers have the standard Gumbel distribution and its moments", "[statistical]") {
  const auto cdf = [](double x) { return std::exp(-std::exp(-x)); };
  const double mean = 0.57721566490153286, deviation = 1.2825498301618641;  // Euler's constant, pi / sqrt(6)
  const std::vector<double> moments = {0, 1, 1.1395470994046487, 5.4};      // 12 sqrt(6) zeta(3) / pi^3, 3 + 12 / 5
  Random random(24);
  const std::vector<double> values = draw_many([&] { return random.gumbel(); });
  const double limit = cdf_distance_limit(values.size());
  CHECK(largest_cdf_distance(values, cdf) < limit);
  CHECK(worst_moment(values, mean, deviation, moments) < standard_errors);
  const std::vector<double> mirrored = draw_many([&] { return 2 * mean - random.gumbel(); });
  CHECK(largest_cdf_distance(mirrored, cdf) > limit);
}

TEST_CASE("pairs of draws, neighbouring streams and neighbouring seeds are independent", "[statistical]") {
  const auto check = [](Random first, Random second) {
    return pair_p_value([&] { return first.uniform(); }, [&] { return second.uniform(); });
  };
  CHECK(check(Random(5, 0), Random(5, 1)) > false_alarm);
  CHECK(check(Random(5, 1), Random(5, std::uint64_t{1} << 32 | 1)) > false_alarm);
  CHECK(check(Random(5), Random(6)) > false_alarm);
  CHECK(check(Random(5), Random(std::uint64_t{1} << 32 | 5)) > false_alarm);
  CHECK(check(Random(5), Random(5)) < false_alarm);
  Random random(5);
  CHECK(pair_p_value([&] { return random.uniform(); }, [&] { return random.uniform(); }) > false_alarm);
}

TEST_CASE("bernoulli is true with its probability, never at 0 and always at 1", "[statistical]") {
  Random random(31);
  double found = 0;
  for (Index i = 0; i < draws; ++i) {
    found += random.bernoulli(0.3) ? 1 : 0;
    REQUIRE_FALSE(random.bernoulli(0));
    REQUIRE(random.bernoulli(1));
  }
  const auto count = static_cast<double>(draws);
  CHECK(std::abs(found - 0.3 * count) < standard_errors * std::sqrt(0.21 * count));
}

TEST_CASE("every integer below a bound is as likely", "[statistical]") {
  Random random(32);
  for (const Index bound : {2, 3, 6, 7, 100}) {
    CAPTURE(bound);
    CHECK(uniform_p_value(tally(bound, [&] { return random.below(bound); })) > false_alarm);
  }
  CHECK(uniform_p_value(tally(7, [&] { return std::min<Index>(random.below(8), 6); })) < false_alarm);
  CHECK(Random(1).below(1) == 0);
}

TEST_CASE("no integer below a huge bound is favoured, as it is without rejection", "[statistical]") {
  // Of 2^64 words, 3 fall on every multiple of three and on its successor and 2 on the third, unless some are rejected;
  // the remainder of a division would favour the lower third instead.
  const Index bound = Index{3} << 61;
  Random random(33);
  CHECK(uniform_p_value(tally(3, [&] { return random.below(bound) % 3; })) > false_alarm);
  CHECK(uniform_p_value(tally(3, [&] { return random.below(bound) / (bound / 3); })) > false_alarm);
  // A quarter of the words is rejected: 2^64 mod bound = 2^62.
  Random rejecting(34);
  for (Index i = 0; i < draws; ++i) rejecting.below(bound);
  const double words = static_cast<double>(rejecting.position()) / 2, count = static_cast<double>(draws);
  CHECK(std::abs(words - count * 4 / 3) < standard_errors * std::sqrt(count * 4 / 9));  // variance q / p^2

  __extension__ typedef unsigned __int128 Wide;
  const auto product = [&] { return static_cast<Wide>(random.bits64()) * static_cast<std::uint64_t>(bound); };
  CHECK(uniform_p_value(tally(3, [&] { return static_cast<Index>(product() >> 64) % 3; })) < false_alarm);
  const auto remainder = [&] { return static_cast<Index>(random.bits64() % static_cast<std::uint64_t>(bound)); };
  CHECK(uniform_p_value(tally(3, [&] { return remainder() / (bound / 3); })) < false_alarm);

  const Index largest = std::numeric_limits<Index>::max();
  CHECK(uniform_p_value(tally(16, [&] { return random.below(largest) >> 59; })) > false_alarm);
}

TEST_CASE("categorical draws follow the weights, and never take one of zero", "[statistical]") {
  const std::vector<double> weights = {0, 1, 2, 0, 4.5, 0.25, 0};
  Random random(41);
  const std::vector<double> counts = tally(7, [&] { return random.categorical(weights); });
  CHECK(counts[0] + counts[3] + counts[6] == 0);
  std::vector<double> found, expected;
  for (const std::size_t i : {1u, 2u, 4u, 5u}) {
    found.push_back(counts[i]);
    expected.push_back(weights[i] / 7.75 * static_cast<double>(draws));
  }
  CHECK(chi_square_p_value(found, expected) > false_alarm);
  std::swap(expected[1], expected[2]);
  CHECK(chi_square_p_value(found, expected) < false_alarm);
}

TEST_CASE("categorical draws do not depend on the scale of the weights") {
  const std::vector<double> weights = {0.1, 0.2, 0.3, 0.4};
  Random random(42);
  for (int exponent : {-900, -3, 5, 1000}) {
    std::vector<double> scaled = weights;
    for (double& weight : scaled) weight = std::ldexp(weight, exponent);
    Random first(42), second(42);
    for (int i = 0; i < 1000; ++i) REQUIRE(first.categorical(weights) == second.categorical(scaled));
  }
  const std::vector<double> only = {0, 0, 1e-300, 0};
  for (int i = 0; i < 100; ++i) REQUIRE(random.categorical(only) == 2);
}

TEST_CASE("the largest of log-weights plus gumbel numbers is a categorical draw", "[statistical]") {
  const std::vector<double> weights = {1, 2, 4.5, 0.25};
  Random random(43);
  const std::vector<double> counts = tally(4, [&] {
    std::vector<double> scores;
    for (const double weight : weights) scores.push_back(std::log(weight) + random.gumbel());
    return std::max_element(scores.begin(), scores.end()) - scores.begin();
  });
  std::vector<double> expected;
  for (const double weight : weights) expected.push_back(weight / 7.75 * static_cast<double>(draws));
  CHECK(chi_square_p_value(counts, expected) > false_alarm);
}

TEST_CASE("every order of a permutation is as likely", "[statistical]") {
  Random random(51);
  CHECK(uniform_p_value(tally_sequences(24, [&] { return random.permutation(4); })) > false_alarm);
  // Exchanging with any place, not only those still open, makes 4^4 = 256 paths to 24 orders: not even.
  const auto naive = [&] {
    std::vector<Index> order = {0, 1, 2, 3};
    for (std::size_t i = 0; i < 4; ++i) std::swap(order[i], order[static_cast<std::size_t>(random.below(4))]);
    return order;
  };
  CHECK(uniform_p_value(tally_sequences(24, naive)) < false_alarm);
}

TEST_CASE("a permutation holds every index once") {
  Random random(52);
  CHECK(random.permutation(0).empty());
  CHECK(random.permutation(1) == std::vector<Index>{0});
  std::vector<Index> order = random.permutation(101), identity(101);
  std::iota(identity.begin(), identity.end(), Index{0});
  CHECK(order != identity);
  std::sort(order.begin(), order.end());
  CHECK(order == identity);
}

TEST_CASE("every choice of integers is as likely", "[statistical]") {
  Random random(61);
  CHECK(uniform_p_value(tally_sequences(20, [&] { return random.choose(6, 3); })) > false_alarm);
  // A window of three at a random place: each integer may be chosen, but not each choice.
  const auto window = [&] {
    const Index first = random.below(4);
    return std::vector<Index>{first, first + 1, first + 2};
  };
  CHECK(uniform_p_value(tally_sequences(20, window)) < false_alarm);
}

TEST_CASE("chosen integers ascend, none to all of them") {
  Random random(62);
  CHECK(random.choose(0, 0).empty());
  CHECK(random.choose(5, 0).empty());
  CHECK(random.choose(4, 4) == std::vector<Index>{0, 1, 2, 3});
  const std::vector<Index> chosen = random.choose(1009, 97);
  CHECK(chosen.size() == 97);
  CHECK(std::adjacent_find(chosen.begin(), chosen.end(), std::greater_equal<>()) == chosen.end());
  CHECK((chosen.front() >= 0 && chosen.back() < 1009));
}

TEST_CASE("what cannot be drawn from is refused, and nothing is consumed") {
  Random random(71);
  const auto refuses = [&](const char* message, std::vector<double> weights) {
    REQUIRE_THROWS_MESSAGE(std::invalid_argument, random.categorical(weights), message);
  };
  const double infinity = std::numeric_limits<double>::infinity(), largest = std::numeric_limits<double>::max();
  refuses("Random: expected finite weights of at least 0, found -1 at 1", {1, -1});
  refuses("Random: expected finite weights of at least 0, found nan at 2",
          {1, 2, std::numeric_limits<double>::quiet_NaN()});
  refuses("Random: expected finite weights of at least 0, found inf at 0", {infinity, 2});
  refuses("Random: expected a positive finite sum of weights, found 0 (2 weights)", {0, 0});
  refuses("Random: expected a positive finite sum of weights, found 0 (0 weights)", {});
  refuses("Random: expected a positive finite sum of weights, found inf (2 weights)", {largest, largest});
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, random.below(0), "Random: expected a bound of at least 1, found 0");
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, random.below(-3), "Random: expected a bound of at least 1, found -3");
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, random.permutation(-1),
                         "Random: expected a non-negative size, found -1");
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, random.choose(3, 4),
                         "Random: expected a count between 0 and 3, found 4");
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, random.choose(3, -1),
                         "Random: expected a count between 0 and 3, found -1");
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, random.choose(-2, 0), "Random: expected a non-negative size, found -2");
  CHECK(random.position() == 0);
}

namespace {

/// P(X <= x) solved for x in long double, by Newton's method from the value under test.
long double reference_quantile(double p, double start) {
  const long double root_two = std::sqrt(2.0L), density_factor = 0.398942280401432677939946059934L;
  long double x = start;
  for (int i = 0; i < 3; ++i) {
    // From the nearer end, where erfc keeps its digits.
    const long double error = p < 0.5 ? std::erfc(-x / root_two) / 2 - static_cast<long double>(p)
                                      : (1 - static_cast<long double>(p)) - std::erfc(x / root_two) / 2;
    x -= error / (density_factor * std::exp(-x * x / 2));
  }
  return x;
}

}  // namespace

TEST_CASE("normal quantiles agree with the inverse of erfc in long double") {
  // AS 241 claims 1e-16; evaluated in double, rounding adds a few units of the last place (2.2e-16 each).
  const double tolerance = 1e-15;
  double worst = 0;
  const auto judge = [&](double p) {
    const double x = normal_quantile(p);
    const long double expected = reference_quantile(p, x);
    if (expected != 0)
      worst = std::max(worst, static_cast<double>(std::abs((static_cast<long double>(x) - expected) / expected)));
  };
  for (int i = 1; i < 4000; ++i) judge(i / 4000.0);
  for (int exponent = 2; exponent <= 1000; ++exponent) judge(std::ldexp(1.0, -exponent));
  for (int exponent = 2; exponent <= 53; ++exponent) judge(1 - std::ldexp(1.0, -exponent));
  for (const double edge : {0.075, 0.925, std::exp(-25.0), 1 - std::exp(-25.0), 0.5 + 1e-9, 0.5 - 0x1p-54}) {
    judge(std::nextafter(edge, 0.0));
    judge(edge);
    judge(std::nextafter(edge, 1.0));
  }
  CAPTURE(worst);
  CHECK(worst < tolerance);
  CHECK(normal_quantile(0.975) == Catch::Approx(1.959963984540054235).epsilon(tolerance));  // published
}

TEST_CASE("normal quantiles are zero at one half, antisymmetric and ascending") {
  CHECK(normal_quantile(0.5) == 0);
  double before = normal_quantile(1e-6);
  for (int i = 1; i <= 1000; ++i) {
    const double p = i * 0x1p-10, x = normal_quantile(p);  // 1 - p is exact
    if (i < 1000) CHECK(normal_quantile(1 - p) == -x);
    CHECK(x > before);
    before = x;
  }
}

TEST_CASE("normal quantiles are defined between 0 and 1 only") {
  for (const double p : {0.0, 1.0, -0.5, 2.0}) {
    CHECK_THROWS_MESSAGE(std::invalid_argument, normal_quantile(p),
                         "normal_quantile: expected a probability between 0 and 1, both excluded, found");
  }
  CHECK_THROWS_MESSAGE(std::invalid_argument, normal_quantile(std::numeric_limits<double>::quiet_NaN()), "found nan");
}
