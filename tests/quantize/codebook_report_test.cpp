// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/codebook_report.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <tessera/core/thread_pool.hpp>

#include "reference/vector_quantizer.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::codebook_report;
using tessera::CodebookReport;
using tessera::Index;
using tessera::MaskArray;
using tessera::Metric;
using tessera::RowMatrix;
using tessera::rows;
using tessera::Tokens;
namespace testing = tessera::testing;

const float not_a_number = std::bit_cast<float>(std::uint32_t{0x7fc00000});
const float infinite = std::bit_cast<float>(std::uint32_t{0x7f800000});

Tokens<> random_tokens(Index count, Index size, std::uint64_t seed) {
  testing::SplitMix random(seed);
  Tokens<> tokens(count, 1);
  for (Index i = 0; i < count; ++i) tokens(i, 0) = random.below(size);
  return tokens;
}

}  // namespace

TEST_CASE("evenly used codes have perplexity K", "[codebook_report]") {
  for (const Index size : {1, 2, 3, 7, 64, 1000}) {
    const auto codes = testing::random_normal<float>(size, 2, 1);
    Tokens<> tokens(3 * size, 1);
    for (Index i = 0; i < 3 * size; ++i) tokens(i, 0) = i % size;
    const CodebookReport report = codebook_report(rows(codes), rows(tokens));
    CHECK(report.codebook_size == size);
    CHECK(report.vectors == 3 * size);
    CHECK(report.used == size);
    CHECK(report.usage == 1);
    CHECK(report.entropy_bits == Catch::Approx(std::log2(static_cast<double>(size))).margin(1e-13));
    CHECK(report.perplexity == Catch::Approx(static_cast<double>(size)).epsilon(1e-12));
    CHECK(report.counts == std::vector<std::int64_t>(static_cast<std::size_t>(size), 3));
    CHECK(report.dead.empty());
    CHECK(report.duplicates.empty());
    CHECK(report.non_finite.empty());
    CHECK_FALSE(report.has_distortion);
    CHECK(report.fragile == -1);
  }
}

TEST_CASE("one code alone has perplexity one", "[codebook_report]") {
  const auto codes = testing::random_normal<float>(5, 2, 2);
  const Tokens<> tokens = Tokens<>::Constant(40, 1, 3);
  const CodebookReport report = codebook_report(rows(codes), rows(tokens));
  CHECK(report.used == 1);
  CHECK(report.usage == Catch::Approx(0.2));
  CHECK(report.entropy_bits == 0);
  CHECK(report.perplexity == 1);
  CHECK(report.perplexity_corrected == Catch::Approx(1));
  CHECK(report.dead == std::vector<Index>{0, 1, 2, 4});
}

TEST_CASE("entropy and perplexity of known frequencies", "[codebook_report]") {
  // 1/2, 1/4, 1/8, 1/8: 1.75 bits; the correction is (4 - 1) / (2 16 ln 2) bits.
  const auto codes = testing::random_normal<float>(6, 2, 3);
  Tokens<> tokens(16, 1);
  tokens << 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 3, 3, 5, 5;
  const CodebookReport report = codebook_report(rows(codes), rows(tokens));
  CHECK(report.entropy_bits == Catch::Approx(1.75).epsilon(1e-14));
  CHECK(report.perplexity == Catch::Approx(std::exp2(1.75)).epsilon(1e-14));
  CHECK(report.perplexity_corrected == Catch::Approx(std::exp2(1.75 + 3 / (32 * std::log(2.0)))).epsilon(1e-13));
  CHECK(report.counts == std::vector<std::int64_t>{8, 0, 4, 2, 0, 2});
  CHECK(report.used == 4);
  CHECK(report.usage == Catch::Approx(4.0 / 6));
  CHECK(report.dead == std::vector<Index>{1, 4});

  const Tokens<> many = random_tokens(5000, 97, 4);
  const auto wide = testing::random_normal<float>(97, 2, 5);
  CHECK(codebook_report(rows(wide), rows(many)).perplexity ==
        Catch::Approx(static_cast<double>(testing::naive_perplexity(many, 97))).epsilon(1e-12));
}

TEST_CASE("the correction removes the bias of a small sample", "[codebook_report]") {
  // 64 codes with frequencies proportional to 32 ... 95: plain entropy is low by (64 - 1) / (2 N ln 2) bits and by
  // (sum 1 / p - 1) / (12 N^2 ln 2) bits, of which the first is corrected (Harris 1975). The entropy of a sample varies
  // by sqrt(var(log2 p) / N).
  const Index size = 64, count = 1024, samples = testing::effort(400, 100);
  const auto codes = testing::random_normal<float>(size, 1, 6);
  double entropy = 0, square = 0, inverse = 0;
  std::vector<Index> urn;
  for (Index k = 0; k < size; ++k) {
    const double p = static_cast<double>(32 + k) / 4064;  // 64 * 32 + 63 * 32
    entropy -= p * std::log2(p);
    square += p * std::log2(p) * std::log2(p);
    inverse += 1 / p;
    for (Index copies = 0; copies < 32 + k; ++copies) urn.push_back(k);
  }
  REQUIRE(urn.size() == 4064);
  double plain = 0, corrected = 0;
  testing::SplitMix random(7);
  for (Index sample = 0; sample < samples; ++sample) {
    Tokens<> tokens(count, 1);
    for (Index i = 0; i < count; ++i) tokens(i, 0) = urn[static_cast<std::size_t>(random.below(4064))];
    const CodebookReport report = codebook_report(rows(codes), rows(tokens));
    plain += report.entropy_bits / static_cast<double>(samples);
    corrected += std::log2(report.perplexity_corrected) / static_cast<double>(samples);
  }
  const auto n = static_cast<double>(count);
  const double first = 63 / (2 * n * std::log(2.0)), second = (inverse - 1) / (12 * n * n * std::log(2.0));
  const double five_errors = 5 * std::sqrt((square - entropy * entropy) / n / static_cast<double>(samples));
  CHECK(std::abs(plain - (entropy - first - second)) < five_errors);
  CHECK(std::abs(corrected - (entropy - second)) < five_errors);
  CHECK(first > 5 * five_errors);  // the power: an uncorrected entropy would be seen
}

TEST_CASE("tokens that are masked or -1 are passed over", "[codebook_report]") {
  const auto codes = testing::random_normal<float>(9, 2, 7);
  Tokens<> tokens = random_tokens(200, 9, 8);
  const auto mask = testing::random_mask(200, 9);
  const Tokens<> present = testing::present_rows(tokens, mask);
  const CodebookReport expected = codebook_report(rows(codes), rows(present));
  const auto same = [&](const CodebookReport& report) {
    CHECK(report.counts == expected.counts);
    CHECK(report.vectors == expected.vectors);
    CHECK(report.entropy_bits == expected.entropy_bits);
    CHECK(report.perplexity_corrected == expected.perplexity_corrected);
  };
  same(codebook_report(rows(codes), rows(tokens), {.mask = mask}));
  for (Index i = 0; i < 200; ++i) {
    if (!mask[i]) tokens(i, 0) = -1;
  }
  same(codebook_report(rows(codes), rows(tokens)));
  const Tokens<std::int16_t> narrow = tokens.cast<std::int16_t>();
  same(codebook_report(rows(codes), rows(narrow)));
  const Tokens<std::uint8_t> bytes = tokens.cast<std::uint8_t>();  // 255 marks a masked vector
  same(codebook_report(rows(codes), rows(bytes)));
}

TEST_CASE("without tokens there is nothing to tell of their entropy", "[codebook_report]") {
  const auto codes = testing::random_normal<float>(4, 2, 10);
  const Tokens<> none(0, 1);
  for (const CodebookReport& report : {codebook_report(rows(codes)), codebook_report(rows(codes), rows(none))}) {
    CHECK(report.codebook_size == 4);
    CHECK(report.vectors == 0);
    CHECK(report.used == 0);
    CHECK(report.perplexity == 0);
    CHECK(report.perplexity_corrected == 0);
    CHECK(report.entropy_bits == 0);
  }
  CHECK(codebook_report(rows(codes), rows(none)).dead.size() == 4);
  CHECK(codebook_report(tessera::Batch<const float>()).codebook_size == 0);
}

TEST_CASE("duplicate and non-finite codes are listed", "[codebook_report]") {
  auto codes = testing::random_normal<double>(9, 3, 11);
  CHECK(codebook_report(rows(codes)).duplicates.empty());
  codes.row(4) = codes.row(1);
  codes.row(8) = codes.row(1);
  codes.row(7) = codes.row(6);
  codes(7, 2) += 1e-15;  // a neighbour is no duplicate
  codes(2, 1) = static_cast<double>(not_a_number);
  codes(5, 0) = -static_cast<double>(infinite);
  const CodebookReport report = codebook_report(rows(codes));
  CHECK(report.duplicates == std::vector<Index>{4, 8});
  CHECK(report.non_finite == std::vector<Index>{2, 5});
  const RowMatrix<float> constant = RowMatrix<float>::Zero(5, 2);
  CHECK(codebook_report(rows(constant)).duplicates == std::vector<Index>{1, 2, 3, 4});
}

TEMPLATE_TEST_CASE("the distortion is the mean squared distance, for the cosine metric that of directions",
                   "[codebook_report]", float, double) {
  const auto codes = testing::random_normal<TestType>(7, 4, 12, 1, 2);
  const auto batch = testing::random_normal<TestType>(50, 4, 13, 1, 2);
  const Tokens<> tokens = random_tokens(50, 7, 14);
  const auto mask = testing::random_mask(50, 15);
  const auto squares = codebook_report(rows(codes), rows(batch), rows(tokens));
  CHECK(squares.has_distortion);
  CHECK(squares.distortion ==
        Catch::Approx(static_cast<double>(testing::sum_of_squares(batch, codes, tokens)) / 50).epsilon(1e-13));
  CHECK(squares.perplexity == codebook_report(rows(codes), rows(tokens)).perplexity);

  const auto cosine = codebook_report(rows(codes), rows(batch), rows(tokens), {.metric = Metric::cosine, .mask = mask});
  long double sum = 0;
  const testing::ExactNearest<TestType> exact(codes, Metric::cosine);
  for (Index i = 0; i < 50; ++i) {
    if (mask[i]) sum += 2 - 2 * exact.measure(batch.row(i).data(), tokens(i, 0));
  }
  CHECK(cosine.distortion == Catch::Approx(static_cast<double>(sum / mask.count())).epsilon(1e-13));
  tessera::ThreadPool pool(3);
  CHECK(codebook_report(rows(codes), rows(batch), rows(tokens), {.execution = pool}).distortion == squares.distortion);
}

TEST_CASE("fragile tokens are counted when asked for", "[codebook_report]") {
  RowMatrix<double> codes(3, 1), batch(5, 1);
  codes << 0, 1, 10;
  batch << 0.5, 0.499, 0.1, 5.5, 9;  // margins |1 - 2 x| between 0 and 1: 0, 0.002, 0.8; 81 - 20.25 ...
  const tessera::NearestCode<double> nearest(rows(codes));
  const Tokens<> tokens = nearest.search(rows(batch));
  const auto fragile = [&](double margin) {
    return codebook_report(rows(codes), rows(batch), rows(tokens), {.fragile_margin = margin}).fragile;
  };
  CHECK(fragile(-1) == -1);
  CHECK(fragile(0) == 2);  // 0.5, and 5.5 between 1 and 10
  CHECK(fragile(0.01) == 3);
  CHECK(fragile(0.9) == 4);
  CHECK(fragile(1e6) == 5);
  MaskArray mask = MaskArray::Constant(5, true);
  mask[0] = false;
  CHECK(codebook_report(rows(codes), rows(batch), rows(tokens), {.mask = mask, .fragile_margin = 0}).fragile == 1);
}

TEST_CASE("the text has a line for each fact", "[codebook_report]") {
  const auto codes = testing::random_normal<float>(6, 2, 16);
  const Tokens<> tokens = random_tokens(100, 5, 17);
  const auto batch = testing::random_normal<float>(100, 2, 18);
  const std::string plain = tessera::codebook_report_text(codebook_report(rows(codes), rows(tokens)));
  const std::string full = tessera::codebook_report_text(codebook_report(rows(codes), rows(batch), rows(tokens)));
  for (const char* word : {"perplexity", "entropy", "dead", "duplicate", "finite", "6", "100"}) {
    CAPTURE(word, plain);
    CHECK(testing::contains(plain, word));
  }
  CHECK_FALSE(testing::contains(plain, "distortion"));
  CHECK(testing::contains(full, "distortion"));
  CHECK(plain.back() == '\n');
  CHECK_FALSE(tessera::codebook_report_text(codebook_report(rows(codes))).empty());
}

TEST_CASE("reports: wrong arguments are named", "[codebook_report]") {
  const auto codes = testing::random_normal<float>(6, 2, 19);
  auto batch = testing::random_normal<float>(30, 2, 20);
  Tokens<> tokens = random_tokens(30, 6, 21);
  const Tokens<> few = tokens.topRows(29), wide = Tokens<>::Zero(30, 2);
  const auto narrow = testing::random_normal<float>(30, 1, 22);
  const MaskArray mask = MaskArray::Constant(7, true);
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { codebook_report(rows(codes), rows(wide)); }));
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { codebook_report(rows(codes), rows(batch), rows(few)); }));
  CHECK_THROWS_MESSAGE(std::invalid_argument, codebook_report(rows(codes), rows(narrow), rows(tokens)), "found 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, codebook_report(rows(codes), rows(tokens), {.mask = mask}), "found 7");
  batch(17, 1) = not_a_number;
  CHECK_THROWS_MESSAGE(std::invalid_argument, codebook_report(rows(codes), rows(batch), rows(tokens)),
                       "found nan at vector 17, component 1");
  tokens(17, 0) = -1;
  CHECK(codebook_report(rows(codes), rows(batch), rows(tokens)).vectors == 29);  // it does not count
  tokens(3, 0) = 6;
  CHECK_THROWS_MESSAGE(std::out_of_range, codebook_report(rows(codes), rows(tokens)), "found 6");
  tokens(3, 0) = -2;
  CHECK_THROWS_MESSAGE(std::out_of_range, codebook_report(rows(codes), rows(batch), rows(tokens)), "found -2");
}
