// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/dialect_detector.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <tessera/core/thread_pool.hpp>

#include "reference/finite_scalar_cases.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
namespace fsq = tessera::testing::fsq;
using fsq::naive_digits;
using fsq::naive_indices;
using fsq::quantizer_of;
using tessera::testing::effort;
using tessera::testing::random_mask;
using tessera::testing::random_normal;

namespace {

/// Level counts the dialect has, odd and even ones where it can.
std::vector<int> levels_of_dialect(FsqDialect dialect) {
  if (dialect == FsqDialect::cosyvoice) return std::vector<int>(8, 3);
  if (dialect == FsqDialect::scale_round) return {19, 9, 7};
  return {8, 5, 6, 7};
}

const DialectFit& fit_of(const DialectReport& report, FsqDialect dialect) {
  return *std::find_if(report.fits.begin(), report.fits.end(), [&](const auto& fit) { return fit.dialect == dialect; });
}

std::set<FsqDialect> best_of(const DialectReport& report) {
  std::set<FsqDialect> best;
  for (Index i = 0; i < report.equally_good; ++i) best.insert(report.fits[static_cast<std::size_t>(i)].dialect);
  return best;
}

/// The dialects whose edges are those of `dialect` for these levels, to what a few thousand latents can tell apart:
/// half to even beside half up, and for three levels cosyvoice's 0.99900001287... beside google's 0.999.
std::set<FsqDialect> twins(FsqDialect dialect, const std::vector<int>& levels) {
  std::set<FsqDialect> found;
  for (const FsqDialect other : fsq_dialects) {
    bool alike = true;
    for (const int L : levels) {
      if (!level_range(other).contains(L)) {
        alike = false;
        break;
      }
      for (int k = 1; k < L; ++k) {
        alike = alike && std::abs(fsq::edge(other, L, k).value - fsq::edge(dialect, L, k).value) < 1e-7L;
      }
    }
    if (alike) found.insert(other);
  }
  return found;
}

}  // namespace

TEST_CASE("each dialect is found from tokens of its own formula") {
  for (const FsqDialect dialect : fsq_dialects) {
    const auto levels = levels_of_dialect(dialect);
    const auto z = random_normal<float>(effort(2000, 600), static_cast<Index>(levels.size()), 101);
    const Tokens<> tokens = naive_indices(levels, naive_digits(dialect, levels, z));
    const DialectReport report = detect_dialect(rows(z), rows(tokens), levels);
    CAPTURE(dialect_name(dialect), levels, report.text());
    REQUIRE_FALSE(report.fits.empty());
    CHECK(report.vectors == z.rows());
    const DialectFit& own = fit_of(report, dialect);
    CHECK(own.mismatches == 0);
    CHECK(own.near_misses == 0);
    CHECK(own.first_mismatch == -1);
    CHECK(own.explains());
    // the best are the dialect and those that have its edges, no more
    CHECK(best_of(report) == twins(dialect, levels));
    CHECK(report.ambiguous() == (twins(dialect, levels).size() > 1));
    CHECK(report.explaining >= report.equally_good);
    // the numbers of the others are those of a count
    int wrong = 0;
    for (const DialectFit& fit : report.fits) {
      const Tokens<> theirs = naive_indices(levels, naive_digits(fit.dialect, levels, z));
      Index mismatches = 0, first = -1;
      for (Index i = 0; i < z.rows(); ++i) {
        if (theirs(i, 0) == tokens(i, 0)) continue;
        ++mismatches;
        if (first < 0) first = i;
      }
      wrong += fit.mismatches != mismatches;
      wrong += fit.near_misses == 0 && fit.first_mismatch != first;
      wrong += fit.explains() != (fit.near_misses == fit.mismatches);
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("every dialect that is defined for the levels is held against the sample, the best first") {
  const std::vector<int> levels = {8, 5, 5, 5};
  const auto z = random_normal<float>(3000, 4, 102);
  const Tokens<> tokens = naive_indices(levels, naive_digits(FsqDialect::google, levels, z));
  const DialectReport report = detect_dialect(rows(z), rows(tokens), levels);
  std::set<FsqDialect> named;
  for (std::size_t i = 0; i < report.fits.size(); ++i) {
    named.insert(report.fits[i].dialect);
    if (i == 0) continue;
    const auto far = [](const DialectFit& fit) { return fit.mismatches - fit.near_misses; };
    const DialectFit &before = report.fits[i - 1], &fit = report.fits[i];
    CHECK(std::tuple(far(before), before.mismatches, before.dialect) <
          std::tuple(far(fit), fit.mismatches, fit.dialect));
  }
  CHECK(named.size() == report.fits.size());
  CHECK(named.size() == 10);  // all but cosyvoice and scale_round
  CHECK(named.count(FsqDialect::cosyvoice) == 0);
  CHECK(named.count(FsqDialect::scale_round) == 0);
  CHECK(report.fits[0].dialect == FsqDialect::google);
  // lucidrains comes next: 1.02 % of the tokens, 31 of 3000 and five deviations of 5.5 either way
  CHECK(report.fits[1].dialect == FsqDialect::lucidrains);
  CHECK(report.fits[1].mismatches > 3);
  CHECK(report.fits[1].mismatches < 58);
  const std::string text = report.text();
  CHECK(std::count(text.begin(), text.end(), '\n') >= static_cast<std::ptrdiff_t>(report.fits.size() - 1));
  CHECK(text.find("google") < text.find("lucidrains"));
}

TEST_CASE("dialects that agree on a sample are reported as ambiguous, and zero tells two of them apart") {
  const std::vector<int> levels = {6, 6};
  RowMatrix<double> z = random_normal<double>(500, 2, 103);
  const Tokens<> tokens = naive_indices(levels, naive_digits(FsqDialect::stable_codec, levels, z));
  const DialectReport report = detect_dialect(rows(z), rows(tokens), levels);
  CHECK(report.ambiguous());
  CHECK(best_of(report) == std::set<FsqDialect>{FsqDialect::symmetric, FsqDialect::stable_codec});

  z(77, 1) = 0;  // half to even: level 2 of 6; half up: level 3
  const Tokens<> with_tie = naive_indices(levels, naive_digits(FsqDialect::stable_codec, levels, z));
  const DialectReport decided = detect_dialect(rows(z), rows(with_tie), levels);
  CHECK(decided.fits[0].dialect == FsqDialect::stable_codec);
  CHECK(fit_of(decided, FsqDialect::symmetric).mismatches == 1);
  CHECK(fit_of(decided, FsqDialect::symmetric).near_misses == 1);  // the latent is on the edge
  CHECK_FALSE(decided.ambiguous());
  CHECK(decided.equally_good == 1);
  CHECK(decided.explaining == 2);
}

TEST_CASE("a few vectors far from all edges leave several dialects") {
  const std::vector<int> levels = {5};
  RowMatrix<float> z(3, 1);
  z << -8.0f, 0.0f, 8.0f;
  const Tokens<> tokens = (Tokens<>(3, 1) << 0, 2, 4).finished();
  const DialectReport report = detect_dialect(rows(z), rows(tokens), levels);
  CHECK(report.ambiguous());
  CHECK(report.explaining == static_cast<Index>(report.fits.size()));
  CHECK(report.equally_good == report.explaining);
}

TEMPLATE_TEST_CASE("tokens on the wrong side of a near edge are near misses, others are not", "", float, double) {
  const FsqDialect dialect = FsqDialect::lucidrains;
  const std::vector<int> levels = {8, 5, 5};
  const auto quantizer = quantizer_of<TestType>(dialect, levels);
  RowMatrix<TestType> z = random_normal<TestType>(1000, 3, 104);
  for (Index d = 0; d < 3; ++d) {  // latents on thresholds, where a float pipeline may say the level below
    const auto thresholds = quantizer.thresholds(d);
    for (std::size_t k = 0; k < thresholds.size(); ++k) z(static_cast<Index>(40 * k) + d, d) = thresholds[k];
  }
  RowMatrix<int> digits = naive_digits(dialect, levels, z);
  Index flipped = 0;
  for (Index d = 0; d < 3; ++d) {
    for (Index k = 0; k + 1 < levels[static_cast<std::size_t>(d)]; ++k) {
      CHECK(digits(40 * k + d, d) == k + 1);
      digits(40 * k + d, d) = static_cast<int>(k);
      ++flipped;
    }
  }
  Tokens<> tokens = naive_indices(levels, digits);
  const DialectReport report = detect_dialect(rows(z), rows(tokens), levels);
  const DialectFit near = fit_of(report, dialect);
  CAPTURE(report.text());
  CHECK(near.mismatches == flipped);
  CHECK(near.near_misses == flipped);
  CHECK(near.explains());
  CHECK(near.first_mismatch == -1);
  CHECK(near.farthest < 1e-6);
  CHECK(report.fits[0].dialect == dialect);

  // one more vector that no edge excuses
  Index far = 500;
  while (std::abs(z(far, 1)) > 0.1) ++far;  // the middle of the middle level of five
  tokens(far, 0) += quantizer.radix().weights()[1];
  const DialectFit off = fit_of(detect_dialect(rows(z), rows(tokens), levels), dialect);
  CHECK(off.mismatches == flipped + 1);
  CHECK(off.near_misses == flipped);
  CHECK_FALSE(off.explains());
  CHECK(off.first_mismatch == far);
  // unless the tolerance is as wide as the level: the edge of the middle level is a quarter of half a range away
  const DialectFit wide = fit_of(detect_dialect(rows(z), rows(tokens), levels, {.tolerance = 0.3}), dialect);
  CHECK(wide.near_misses == flipped + 1);
  CHECK(wide.explains());
  CHECK(wide.farthest > 0.1);
  CHECK(wide.farthest <= 0.3);
}

TEST_CASE("two levels off is no near miss, however wide the tolerance") {
  const std::vector<int> levels = {8};
  const RowMatrix<double> z = RowMatrix<double>::Constant(1, 1, 0.01);
  Tokens<> tokens = naive_indices(levels, naive_digits(FsqDialect::symmetric, levels, z));
  tokens(0, 0) += 2;
  const DialectFit fit =
      fit_of(detect_dialect(rows(z), rows(tokens), levels, {.tolerance = 10}), FsqDialect::symmetric);
  CHECK(fit.mismatches == 1);
  CHECK(fit.near_misses == 0);
  CHECK(fit.first_mismatch == 0);
}

TEST_CASE("tokens of a pipeline that computes in float are explained by its dialect") {
  // the published formula, evaluated in float arithmetic with the float tanh
  const std::vector<int> levels = {8, 5, 5, 5};
  const auto quantizer = quantizer_of<float>(FsqDialect::google, levels);
  RowMatrix<float> z = random_normal<float>(4000, 4, 105);
  for (Index i = 0; i < 400; ++i) {  // many within a few units of an edge
    const Index d = i % 4;
    const auto thresholds = quantizer.thresholds(d);
    z(i, d) =
        fsq::neighbour(thresholds[static_cast<std::size_t>(i) % thresholds.size()], static_cast<int>(i / 4 % 7) - 3);
  }
  RowMatrix<int> digits(z.rows(), 4);
  for (Index i = 0; i < z.rows(); ++i) {
    for (Index d = 0; d < 4; ++d) {
      const int L = levels[static_cast<std::size_t>(d)];
      const float h = static_cast<float>(L - 1) * 0.999f / 2, o = L % 2 == 0 ? 0.5f : 0.0f;
      const float y = h * std::tanh(z(i, d) + std::tan(o / h)) - o;
      digits(i, d) = static_cast<int>(fsq::half_to_even(static_cast<fsq::Real>(y))) + L / 2;
    }
  }
  const Tokens<> tokens = naive_indices(levels, digits);
  const DialectReport report = detect_dialect(rows(z), rows(tokens), levels);
  CAPTURE(report.text());
  CHECK(report.fits[0].dialect == FsqDialect::google);
  CHECK(report.fits[0].explains());
  CHECK(report.fits[0].mismatches > 0);
  CHECK(report.explaining == 1);
  CHECK_FALSE(report.ambiguous());
}

TEST_CASE("digits serve as tokens, of any integer type") {
  const std::vector<int> levels = {7, 5, 9};
  const auto z = random_normal<float>(1500, 3, 106);
  const RowMatrix<int> digits = naive_digits(FsqDialect::ifsq, levels, z);
  const Tokens<> tokens = naive_indices(levels, digits);
  const Tokens<std::uint8_t> bytes = digits.cast<std::uint8_t>();
  const DialectReport by_index = detect_dialect(rows(z), rows(tokens), levels);
  const DialectReport by_digit = detect_dialect(rows(z), rows(bytes), levels);
  CHECK(by_index.fits[0].dialect == FsqDialect::ifsq);
  REQUIRE(by_digit.fits.size() == by_index.fits.size());
  for (std::size_t i = 0; i < by_index.fits.size(); ++i) {
    CHECK(by_digit.fits[i].dialect == by_index.fits[i].dialect);
    CHECK(by_digit.fits[i].mismatches == by_index.fits[i].mismatches);
    CHECK(by_digit.fits[i].near_misses == by_index.fits[i].near_misses);
  }
  const std::vector<int> many(22, 8);  // beyond 2^63
  const auto wide = random_normal<float>(600, 22, 107);
  const RowMatrix<int> wide_digits = naive_digits(FsqDialect::google, many, wide);
  CHECK(detect_dialect(rows(wide), rows(wide_digits), many).fits[0].dialect == FsqDialect::google);
}

TEST_CASE("masked vectors and tokens of minus one do not count; threads change nothing") {
  ThreadPool pool(2);
  const std::vector<int> levels = {8, 5, 5};
  const Index count = effort(20000, 2000);
  RowMatrix<double> z = random_normal<double>(count, 3, 108);
  Tokens<> tokens = naive_indices(levels, naive_digits(FsqDialect::lucidrains, levels, z));
  const MaskArray mask = random_mask(count, 109);
  Index counted = 0;
  for (Index i = 0; i < count; ++i) {
    if (!mask[i]) tokens(i, 0) = i % 2 == 0 ? -5 : 3;  // nonsense, which nobody looks at
    if (!mask[i] && i % 3 == 0) z(i, 2) = std::numeric_limits<double>::quiet_NaN();
    if (mask[i] && i % 7 == 0) tokens(i, 0) = -1;
    counted += mask[i] && i % 7 != 0;
  }
  const DialectReport report = detect_dialect(rows(z), rows(tokens), levels, {.mask = mask});
  CHECK(report.vectors == counted);
  CHECK(report.fits[0].dialect == FsqDialect::lucidrains);
  CHECK(report.fits[0].mismatches == 0);
  const DialectReport threaded = detect_dialect(rows(z), rows(tokens), levels, {.mask = mask, .execution = pool});
  REQUIRE(threaded.fits.size() == report.fits.size());
  for (std::size_t i = 0; i < report.fits.size(); ++i) {
    CHECK(threaded.fits[i].dialect == report.fits[i].dialect);
    CHECK(threaded.fits[i].mismatches == report.fits[i].mismatches);
    CHECK(threaded.fits[i].near_misses == report.fits[i].near_misses);
    CHECK(threaded.fits[i].first_mismatch == report.fits[i].first_mismatch);
  }
}

TEST_CASE("an empty sample says nothing") {
  const RowMatrix<float> none(0, 2);
  const Tokens<> no_tokens(0, 1);
  const DialectReport report = detect_dialect(rows(none), rows(no_tokens), {8, 5});
  CHECK(report.vectors == 0);
  CHECK(report.ambiguous());
}

TEST_CASE("samples that do not fit are refused") {
  const std::vector<int> levels = {8, 5};
  RowMatrix<float> z = random_normal<float>(20, 2, 110);
  Tokens<> tokens = Tokens<>::Zero(20, 1);
  const auto detect = [&](const auto& latents, const auto& given, const std::vector<int>& of,
                          DialectDetectorOptions options = {}) {
    return detect_dialect(rows(latents), rows(given), of, options);
  };
  const auto wider = random_normal<float>(20, 3, 111);
  const Tokens<> fewer = Tokens<>::Zero(19, 1), triple = Tokens<>::Zero(20, 3);
  CHECK_THROWS_MESSAGE(std::invalid_argument, detect(wider, tokens, levels), "3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, detect(z, fewer, levels), "19");
  CHECK_THROWS_MESSAGE(std::invalid_argument, detect(z, triple, levels), "3");
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { detect(z, tokens, {8, 1}); }));
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { detect(z, tokens, {8, 70000}); }));
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { detect(z, tokens, {}); }));
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { detect(z, tokens, levels, {.tolerance = -1}); }));
  const MaskArray shorter = MaskArray::Constant(19, true);
  CHECK_THROWS_MESSAGE(std::invalid_argument, detect(z, tokens, levels, {.mask = shorter}), "19");
  tokens(11, 0) = 40;
  CHECK_THROWS_MESSAGE(std::out_of_range, detect(z, tokens, levels), "40");
  tokens(11, 0) = -2;
  CHECK_THROWS_MESSAGE(std::out_of_range, detect(z, tokens, levels), "-2");
  tokens(11, 0) = 0;
  z(17, 1) = std::numeric_limits<float>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, detect(z, tokens, levels), "vector 17");
  // levels that only some dialects have are held against those: 2 excludes lucidrains
  const auto line = random_normal<float>(50, 1, 112);
  const Tokens<> binary = naive_indices({2}, naive_digits(FsqDialect::google, {2}, line));
  const DialectReport report = detect(line, binary, {2});
  CHECK(report.fits[0].dialect == FsqDialect::google);
  for (const DialectFit& fit : report.fits) CHECK(fit.dialect != FsqDialect::lucidrains);
}
