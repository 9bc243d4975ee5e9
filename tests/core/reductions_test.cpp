// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/reductions.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double largest = std::numeric_limits<double>::max();

std::vector<double> softmax(std::vector<double> logits) {
  softmax_into(logits, logits);
  return logits;
}

std::vector<double> normal_values(Index count, std::uint64_t seed, double scale) {
  SplitMix random(seed);
  std::vector<double> values(static_cast<std::size_t>(count));
  for (double& value : values) value = scale * random.normal();
  return values;
}

double exact_entropy_bits(const std::vector<std::int64_t>& counts) {
  long double total = 0, entropy = 0;
  for (const auto count : counts) total += static_cast<long double>(count);
  for (const auto count : counts) {
    const long double p = static_cast<long double>(count) / total;
    if (count != 0) entropy -= p * std::log2(p);
  }
  return static_cast<double>(entropy);
}

}  // namespace

TEST_CASE("log-sum-exp of n equal logits is the logit plus log n, however large") {
  for (const double logit : {0.0, -3.25, 800.0, -800.0, 1e6, 1e300, -1e300}) {
    for (const Index count : {1, 2, 7, 1000}) {
      const std::vector<double> logits(static_cast<std::size_t>(count), logit);
      const double expected = logit + std::log(static_cast<double>(count));
      CHECK(log_sum_exp(logits) == Catch::Approx(expected).epsilon(1e-15));
    }
  }
}

TEST_CASE("log-sum-exp and softmax agree with long double") {
  for (const Index count : {1, 2, 5, 101}) {
    const std::vector<double> logits = normal_values(count, 1, 8);
    long double sum = 0;
    for (const double logit : logits) sum += std::exp(static_cast<long double>(logit));
    // Rounding of each exponential, of the sum and of the logarithm: a few units, of a result of order ten.
    CHECK(std::abs(log_sum_exp(logits) - static_cast<double>(std::log(sum))) < 2e-14);
    const std::vector<double> p = softmax(logits);
    for (std::size_t i = 0; i < p.size(); ++i) {
      const auto expected = static_cast<double>(std::exp(static_cast<long double>(logits[i])) / sum);
      CHECK(p[i] == Catch::Approx(expected).epsilon(2e-14));  // logit - largest is rounded: 50 units of exp's argument
    }
    CHECK(std::accumulate(p.begin(), p.end(), 0.0) == Catch::Approx(1).epsilon(1e-14));
  }
}

TEST_CASE("extreme logits neither overflow nor lose small weights") {
  CHECK(log_sum_exp(std::vector<double>{1000, 0}) == 1000);
  CHECK(log_sum_exp(std::vector<double>{-1000, -1001}) == Catch::Approx(-1000 + std::log1p(std::exp(-1.0))));
  CHECK(log_sum_exp(std::vector<double>{largest, -largest}) == largest);
  CHECK(softmax({largest, -largest}) == std::vector<double>{1, 0});
  CHECK(softmax({-700, 0})[0] == Catch::Approx(std::exp(-700.0)).epsilon(1e-13));
  CHECK(softmax({1e300, 1e300}) == std::vector<double>{0.5, 0.5});
  CHECK(softmax({42}) == std::vector<double>{1});
}

TEST_CASE("a logit of minus infinity has weight zero") {
  CHECK(log_sum_exp(std::vector<double>{-infinity, 2, -infinity}) == 2);
  CHECK(softmax({-infinity, 1, 1, -infinity}) == std::vector<double>{0, 0.5, 0.5, 0});
  CHECK(log_sum_exp({}) == -largest);
  CHECK(log_sum_exp(std::vector<double>{-infinity, -infinity}) == -largest);
  CHECK(softmax({}).empty());
}

TEST_CASE("logits that are not numbers or infinite are refused, and no probability is written") {
  CHECK_THROWS_MESSAGE(std::invalid_argument, (log_sum_exp(std::vector<double>{0, not_a_number})),
                       "log_sum_exp: expected logits below infinity, found nan");
  CHECK_THROWS_MESSAGE(std::invalid_argument, (log_sum_exp(std::vector<double>{infinity, 0})),
                       "log_sum_exp: expected logits below infinity, found inf");
  const auto refuses = [](const std::vector<double>& logits, std::size_t size, const char* message) {
    std::vector<double> probabilities(size, 7);
    CHECK_THROWS_MESSAGE(std::invalid_argument, softmax_into(logits, probabilities), message);
    CHECK(probabilities == std::vector<double>(size, 7));
  };
  refuses({0, not_a_number}, 2, "softmax_into: expected logits below infinity, found nan");
  refuses({0, infinity}, 2, "softmax_into: expected logits below infinity, found inf");
  refuses({0, 1}, 3, "softmax_into: expected 2 probabilities, found 3");
  refuses({-infinity, -infinity}, 2, "softmax_into: expected at least one finite logit, found none among 2");
}

TEST_CASE("entropy: log2 of the number of equal counts, zero for a single symbol, the binary entropy of two") {
  using Counts = std::vector<std::int64_t>;
  for (const std::size_t size : {1u, 2u, 8u, 1000u}) {
    const Counts counts(size, 17);
    CHECK(entropy_bits(counts) == Catch::Approx(std::log2(static_cast<double>(size))).margin(1e-14));
    CHECK(perplexity(counts) == Catch::Approx(static_cast<double>(size)).epsilon(1e-13));
  }
  CHECK(entropy_bits(Counts{0, 5, 0}) == 0);
  CHECK(perplexity(Counts{0, 5, 0}) == 1);
  CHECK(entropy_bits(Counts{1, 3}) == Catch::Approx(2 - 0.75 * std::log2(3.0)).epsilon(1e-15));
  CHECK(entropy_bits(Counts{0, 1, 3, 0}) == entropy_bits(Counts{1, 3}));
  CHECK(entropy_bits({}) == 0);
  CHECK(entropy_bits(Counts{0, 0}) == 0);

  SplitMix random(5);
  Counts counts(1009);
  for (auto& count : counts) count = static_cast<std::int64_t>(random.bits() >> 20 >> random.below(44));
  CHECK(entropy_bits(counts) == Catch::Approx(exact_entropy_bits(counts)).epsilon(1e-13));
}

TEST_CASE("the corrected entropy adds (used - 1) / (2 N ln 2) bits, up to log2 of the number of symbols") {
  using Counts = std::vector<std::int64_t>;
  const Counts counts = {10, 20, 0, 30};
  CHECK(entropy_bits_corrected(counts) ==
        Catch::Approx(exact_entropy_bits(counts) + 2 / (2 * 60 * 0.69314718055994531)).epsilon(1e-14));
  CHECK(perplexity_corrected(counts) == Catch::Approx(std::exp2(entropy_bits_corrected(counts))).epsilon(1e-14));
  CHECK(entropy_bits_corrected(Counts{1, 1, 1, 1}) == 2);  // 2 + 3 / (8 ln 2) is more than four symbols can have
  CHECK(entropy_bits_corrected(Counts{0, 9}) == 0);
  CHECK(entropy_bits_corrected(Counts{0, 0}) == 0);
  CHECK(entropy_bits_corrected({}) == 0);
  CHECK(perplexity_corrected({}) == 1);
}

TEST_CASE("the correction removes the bias of the entropy of few draws", "[statistical]") {
  // K = 64 equal symbols, N = 320 draws: the plug-in entropy is (K - 1) / (2 N ln 2) = 0.142 bits low on average, and
  // what the first-order correction leaves is O(1 / N^2). One draw deviates by about 0.018 bits, the mean of 400 by
  // 0.0009.
  SplitMix random(6);
  double plain = 0, corrected = 0;
  constexpr int repetitions = 400;
  for (int r = 0; r < repetitions; ++r) {
    std::vector<std::int64_t> counts(64);
    for (int i = 0; i < 320; ++i) ++counts[static_cast<std::size_t>(random.below(64))];
    plain += entropy_bits(counts) / repetitions;
    corrected += entropy_bits_corrected(counts) / repetitions;
  }
  CHECK(plain - 6 == Catch::Approx(-63 / (640 * std::log(2.0))).margin(0.02));
  CHECK(std::abs(corrected - 6) < 0.02);
}

TEST_CASE("negative counts are refused") {
  const std::vector<std::int64_t> counts = {5, -5};
  const char* message = "expected non-negative counts, found -5";
  CHECK_THROWS_MESSAGE(std::invalid_argument, entropy_bits(counts), message);
  CHECK_THROWS_MESSAGE(std::invalid_argument, entropy_bits_corrected(counts), message);
  CHECK_THROWS_MESSAGE(std::invalid_argument, perplexity(counts), message);
  CHECK_THROWS_MESSAGE(std::invalid_argument, perplexity_corrected(counts), message);
}

TEST_CASE("a sum has the same bits in any order, and is right to 2^-50 of the largest term each") {
  for (const double scale : {1.0, 1e-290, 1e300, 1e-200}) {
    std::vector<double> values = normal_values(1009, 7, scale);
    long double exact = 0;
    double top = 0;
    for (const double value : values) {
      exact += value;
      top = std::max(top, std::abs(value));
    }
    const double sum = order_independent_sum(values);
    CAPTURE(scale);
    // At 1e-290 the grid ends at 2^-1000 before it reaches 2^-50 of the largest.
    const double error = std::max(top * 0x1p-50, 0x1p-1001) * 1009 + std::abs(static_cast<double>(exact)) * 0x1p-53;
    CHECK(std::abs(sum - static_cast<double>(exact)) <= error);
    SplitMix random(8);
    for (int repetition = 0; repetition < 20; ++repetition) {
      for (std::size_t i = values.size() - 1; i > 0; --i)
        std::swap(values[i], values[static_cast<std::size_t>(random.below(static_cast<Index>(i) + 1))]);
      REQUIRE(order_independent_sum(values) == sum);
    }
  }
}

TEST_CASE("sums of integers are exact, of nothing zero, and terms that cancel leave nothing") {
  CHECK(order_independent_sum({}) == 0);
  CHECK(order_independent_sum(std::vector<double>{0, 0}) == 0);
  CHECK(order_independent_sum(std::vector<double>{0.1}) == Catch::Approx(0.1).epsilon(0x1p-50));
  CHECK(order_independent_sum(std::vector<double>{1e17, 3, -1e17}) == Catch::Approx(3).margin(3 * 1e17 * 0x1p-50));
  CHECK(order_independent_sum(std::vector<double>{largest, -largest, 0x1p1022}) == 0x1p1022);
  std::vector<double> values(5000);
  std::iota(values.begin(), values.end(), -1000.0);
  CHECK(order_independent_sum(values) == 5000.0 * 2999 / 2);
}

TEST_CASE("values that are not finite are not summed") {
  CHECK_THROWS_MESSAGE(std::invalid_argument, (order_independent_sum(std::vector<double>{1, not_a_number})),
                       "order_independent_sum: expected finite values, found nan");
  CHECK_THROWS_MESSAGE(std::invalid_argument, (order_independent_sum(std::vector<double>{-infinity, 1})),
                       "order_independent_sum: expected finite values, found -inf");
}
