// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/expiry.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "reference/vector_quantizer.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Codebook;
using tessera::ExpiryReport;
using tessera::Index;
using tessera::MaskArray;
using tessera::Metric;
using tessera::Random;
using tessera::RowMatrix;
using tessera::Tokens;
namespace testing = tessera::testing;

const float not_a_number = std::bit_cast<float>(std::uint32_t{0x7fc00000});

/// One step with the nearest codes of a batch (of unit vectors, for the cosine metric).
template <class Scalar>
void step(Codebook<Scalar>& codebook, const RowMatrix<Scalar>& batch) {
  const Tokens<> tokens = codebook.search().search(tessera::rows(batch));
  tessera::CodebookStatistics<Scalar> statistics(codebook.size(), codebook.dimension(),
                                                 tessera::CodebookStatistics<Scalar>::grid_for(1024));
  statistics.accumulate(tessera::rows(batch), tessera::rows(tokens));
  codebook.apply(statistics);
}

/// Six codes of which 0, 1 and 2 lie among the data and 3, 4 and 5 far away; one step has been taken.
template <class Scalar>
struct HalfDead {
  RowMatrix<Scalar> batch = testing::random_normal<Scalar>(90, 3, 1);
  Codebook<Scalar> codebook = start();

  Codebook<Scalar> start() const {
    auto codes = testing::random_normal<Scalar>(6, 3, 2, 0.5);
    codes.bottomRows(3).array() += Scalar(100);
    Codebook<Scalar> result(tessera::rows(std::as_const(codes)), {.decay = 0.9});
    step(result, batch);
    return result;
  }
};

const std::vector<Index> far_codes = {3, 4, 5};

template <class Scalar>
bool same_state(const Codebook<Scalar>& a, const Codebook<Scalar>& b) {
  return a.codes() == b.codes() && a.averages().counts == b.averages().counts &&
         a.averages().sums == b.averages().sums && a.averages().weights == b.averages().weights;
}

}  // namespace

TEST_CASE("codes below a share of the mean usage are expired", "[expiry]") {
  const RowMatrix<float> codes = testing::random_normal<float>(5, 2, 3);
  Codebook<float> codebook(tessera::rows(codes));
  CHECK(tessera::expired_codes(codebook, 0.5).empty());  // before the first step nothing is known
  // Usages 10, 0, 1, 3, 6: the mean is 4. Half of it in weight leaves usage 20, 0, 2, 6, 12.
  tessera::CodebookAverages averages{Eigen::VectorXd(5), RowMatrix<double>::Zero(5, 2), Eigen::VectorXd::Ones(5)};
  averages.counts << 10, 0, 1, 3, 6;
  codebook.set_state(tessera::rows(codes), averages);
  const auto expired = [&](double threshold) { return tessera::expired_codes(codebook, threshold); };
  CHECK(expired(0).empty());
  CHECK(expired(0.1) == std::vector<Index>{1});
  CHECK(expired(0.25) == std::vector<Index>{1});  // 1 is not below a quarter of 4
  CHECK(expired(0.26) == std::vector<Index>{1, 2});
  CHECK(expired(0.76) == std::vector<Index>{1, 2, 3});
  averages.weights.setConstant(0.5);
  codebook.set_state(tessera::rows(codes), averages);
  CHECK(expired(0.26) == std::vector<Index>{1, 2});
  averages.weights << 0.5, 0.5, 0.125, 0.5, 0.5;  // usage, not the count, decides: 20, 0, 8, 6, 12
  codebook.set_state(tessera::rows(codes), averages);
  CHECK(expired(0.26) == std::vector<Index>{1});
}

TEMPLATE_TEST_CASE("expired codes become different vectors of the batch, all other codes stay", "[expiry]", float,
                   double) {
  HalfDead<TestType> data;
  const auto before = data.codebook;
  Random random(4);
  REQUIRE(tessera::expired_codes(data.codebook, 0.1) == far_codes);
  const ExpiryReport report = tessera::expire(data.codebook, tessera::rows(data.batch), random);
  CHECK(report.replaced == far_codes);
  CHECK(report.left.empty());
  REQUIRE(report.vectors.size() == 3);
  CHECK(std::set<Index>(report.vectors.begin(), report.vectors.end()).size() == 3);
  for (std::size_t j = 0; j < 3; ++j) {
    CHECK(data.codebook.codes().row(far_codes[j]) == data.batch.row(report.vectors[j]));
  }
  CHECK(data.codebook.codes().topRows(3) == before.codes().topRows(3));
  CHECK(data.codebook.averages().counts.head(3) == before.averages().counts.head(3));
  CHECK(data.codebook.averages().sums.topRows(3) == before.averages().sums.topRows(3));
  CHECK(data.codebook.search().codes().matrix() == data.codebook.codes());
  // count U / (1 - threshold r / K) with U = 90 / 6.
  for (const Index k : far_codes) CHECK(data.codebook.usage()[k] == Catch::Approx(15 / (1 - 0.1 / 2)).epsilon(1e-12));
  CHECK(tessera::expired_codes(data.codebook, 0.1).empty());
  CHECK(tessera::expire(data.codebook, tessera::rows(data.batch), random).replaced.empty());
}

TEST_CASE("the count of a replaced code is relative to the mean usage", "[expiry]") {
  HalfDead<double> data;
  Random random(5);
  const auto report =
      tessera::expire(data.codebook, tessera::rows(data.batch), random, {.threshold = 0.2, .count = 0.5});
  REQUIRE(report.replaced == far_codes);
  for (const Index k : far_codes)
    CHECK(data.codebook.usage()[k] == Catch::Approx(0.5 * 15 / (1 - 0.2 / 2)).epsilon(1e-12));
}

TEMPLATE_TEST_CASE("a replaced code survives the next steps", "[expiry]", float, double) {
  HalfDead<TestType> data;
  Random random(6);
  const auto report = tessera::expire(data.codebook, tessera::rows(data.batch), random);
  REQUIRE(report.replaced == far_codes);
  const RowMatrix<TestType> replaced = data.codebook.codes();

  auto untouched = data.codebook;  // steps that give a replaced code nothing leave it to the bit
  const RowMatrix<TestType> elsewhere = replaced.topRows(1);
  for (int t = 0; t < 10; ++t) step(untouched, elsewhere);
  CHECK(untouched.codes().row(5) == replaced.row(5));

  step(data.codebook, data.batch);  // one that gives it vectors moves it by their share towards their mean
  for (const Index k : far_codes) {
    CHECK(data.codebook.usage()[k] > 1);
    CHECK((data.codebook.codes().row(k) - replaced.row(k)).norm() < 1);
    CHECK(data.codebook.codes().row(k).norm() > 0);
  }
  CHECK(tessera::expired_codes(data.codebook, 0.1).empty());
}

TEST_CASE("a replaced code that nothing reaches is not replaced before ln(threshold / count) / ln(decay) steps",
          "[expiry]") {
  for (const double threshold : {0.05, 0.1, 0.3, 0.5}) {
    for (const double count : {0.6, 1.0, 2.0}) {
      HalfDead<double> data;
      Random random(7);
      REQUIRE(
          tessera::expire(data.codebook, tessera::rows(data.batch), random, {.threshold = threshold, .count = count})
              .replaced == far_codes);
      // The same number of vectors a step, all on codes that stay.
      RowMatrix<double> others(90, 3);
      for (Index i = 0; i < 90; ++i) others.row(i) = data.codebook.codes().row(i % 3);
      int steps = 0;
      while (tessera::expired_codes(data.codebook, threshold).empty() && steps < 1000) {
        step(data.codebook, others);
        ++steps;
      }
      CAPTURE(threshold, count, steps);
      CHECK(steps >= std::log(threshold / count) / std::log(0.9) - 1e-9);
      CHECK(steps < 200);  // but then it is
    }
  }
}

TEST_CASE("which codes are replaced does not depend on the size of the batch", "[expiry]") {
  const auto codes = testing::random_normal<float>(64, 4, 8);
  const auto batch = testing::random_normal<float>(100, 4, 9);
  const RowMatrix<float> four_times = batch.replicate(4, 1);
  Codebook<float> once(tessera::rows(codes), {.decay = 0.8}), often = once;
  for (int t = 0; t < 8; ++t) {
    step(once, batch);
    step(often, four_times);
    for (const double threshold : {0.1, 0.3, 0.7}) {
      CHECK(tessera::expired_codes(once, threshold) == tessera::expired_codes(often, threshold));
    }
  }
  Random a(10), b(10);
  const auto first = tessera::expire(once, tessera::rows(batch), a, {.threshold = 0.3});
  const auto second = tessera::expire(often, tessera::rows(batch), b, {.threshold = 0.3});
  CHECK_FALSE(first.replaced.empty());
  CHECK(first.replaced == second.replaced);
  CHECK(first.vectors == second.vectors);
  CHECK(once.codes() == often.codes());
  CHECK((often.usage() - 4 * once.usage()).cwiseAbs().maxCoeff() < 1e-10);
}

TEST_CASE("the draw is by the random numbers given", "[expiry]") {
  HalfDead<float> data;
  const auto start = data.codebook;
  std::set<std::vector<Index>> draws;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    auto one = start, two = start;
    Random a(seed), b(seed);
    const auto first = tessera::expire(one, tessera::rows(data.batch), a);
    CHECK(first.vectors == tessera::expire(two, tessera::rows(data.batch), b).vectors);
    CHECK(same_state(one, two));
    draws.insert(first.vectors);
  }
  CHECK(draws.size() > 15);  // of 704880 equally likely ones: two equal with probability 3e-4, five never
}

TEST_CASE("every vector is as likely to be drawn", "[expiry]") {
  HalfDead<float> data;
  const auto start = data.codebook;
  const RowMatrix<float> pool = data.batch.topRows(8);
  std::vector<double> counts(8, 0.0);
  const int draws = 2000;
  for (int seed = 0; seed < draws; ++seed) {
    auto codebook = start;
    Random random(static_cast<std::uint64_t>(seed), 3);
    for (const Index i : tessera::expire(codebook, tessera::rows(pool), random).vectors) {
      counts[static_cast<std::size_t>(i)] += 1;
    }
  }
  // Three of eight without replacement: sum (n - e)^2 / e * 7/5 is chi-squared with seven degrees of freedom, above 42
  // with probability 5e-7.
  double sum = 0;
  const double expected = draws * 3.0 / 8;
  for (const double count : counts) sum += (count - expected) * (count - expected) / expected;
  CHECK(sum * 7 / 5 < 42);
}

TEST_CASE("masked vectors become no codes, whatever is in them", "[expiry]") {
  HalfDead<float> data;
  MaskArray mask = MaskArray::Constant(90, false);
  mask[13] = mask[40] = mask[77] = true;
  auto batch = data.batch;
  for (Index i = 0; i < 90; ++i) {
    if (!mask[i]) batch(i, 0) = not_a_number;
  }
  Random random(11);
  auto report = tessera::expire(data.codebook, tessera::rows(batch), random, {.mask = mask});
  CHECK(report.replaced == far_codes);
  std::sort(report.vectors.begin(), report.vectors.end());
  CHECK(report.vectors == std::vector<Index>{13, 40, 77});
}

TEST_CASE("where the batch has too few different vectors, the remaining codes stay", "[expiry]") {
  HalfDead<float> data;
  const auto before = data.codebook;
  RowMatrix<float> batch(6, 3);
  batch.row(0) = before.codes().row(0);  // equal to a code that stays: no use
  batch.row(1) = batch.row(0);
  batch.row(2).setConstant(0.25f);
  batch.row(3).setConstant(0.25f);
  batch.row(4).setConstant(0.5f);
  batch.row(5) = batch.row(2);
  Random random(12);
  const auto report = tessera::expire(data.codebook, tessera::rows(batch), random);
  REQUIRE(report.replaced.size() == 2);
  REQUIRE(report.left.size() == 1);
  std::set<Index> all(report.replaced.begin(), report.replaced.end());
  all.insert(report.left[0]);
  CHECK(all == std::set<Index>{3, 4, 5});
  std::set<float> values;
  for (const Index k : report.replaced) values.insert(data.codebook.codes()(k, 0));
  CHECK(values == std::set<float>{0.25f, 0.5f});
  CHECK(data.codebook.codes().row(report.left[0]) == before.codes().row(report.left[0]));
  CHECK(data.codebook.averages().counts[report.left[0]] == before.averages().counts[report.left[0]]);

  auto unchanged = before;
  const auto nothing = tessera::expire(unchanged, tessera::Batch<const float>(), random);
  CHECK(nothing.replaced.empty());
  CHECK(nothing.left == far_codes);
  CHECK(same_state(unchanged, before));
}

TEST_CASE("cosine: directions become codes, and zero vectors do not", "[expiry]") {
  RowMatrix<double> codes(4, 2), batch(5, 2);
  codes << 1, 0, 0, 1, -1, 0, 0, -1;
  Codebook<double> codebook(tessera::rows(codes), {.metric = Metric::cosine, .decay = 0.5});
  RowMatrix<double> seen(2, 2);
  seen << 1, 0, 0, 1;
  step(codebook, seen);
  batch << 0, 0, 3, 0, 5, 5, 10, 10, -0.0, 0;  // only one new direction: 3 x (1, 0) is code 0
  Random random(13);
  const auto report = tessera::expire(codebook, tessera::rows(batch), random);
  REQUIRE(report.replaced.size() == 1);
  CHECK(report.left.size() == 1);
  const Index k = report.replaced[0];
  CHECK(std::abs(codebook.codes()(k, 0) - std::sqrt(0.5)) < 1e-15);
  CHECK(std::abs(codebook.codes()(k, 1) - std::sqrt(0.5)) < 1e-15);
  CHECK(codebook.usage()[k] == Catch::Approx(0.5 / (1 - 0.1 / 4)));  // two vectors a step on four codes
}

TEST_CASE("expiry: wrong arguments are named, and nothing changes", "[expiry]") {
  HalfDead<float> data;
  const auto before = data.codebook;
  Random random(14);
  const auto run = [&](const RowMatrix<float>& batch, const tessera::ExpiryOptions& options = {}) {
    tessera::expire(data.codebook, tessera::rows(batch), random, options);
  };
  const auto narrow = testing::random_normal<float>(7, 2, 15);
  CHECK_THROWS_MESSAGE(std::invalid_argument, run(narrow), "expected vectors of dimension 3, found 2 (batch of 7)");
  const MaskArray mask = MaskArray::Constant(9, true);
  CHECK_THROWS_MESSAGE(std::invalid_argument, run(data.batch, {.mask = mask}),
                       "expected a mask of 90 bools, one per vector, found 9");
  auto broken = data.batch;
  broken(17, 1) = not_a_number;
  CHECK_THROWS_MESSAGE(std::invalid_argument, run(broken), "found nan at vector 17, component 1");
  for (const double threshold : {-0.1, 1.0, 2.0}) {
    CHECK(
        testing::throws_exactly<std::invalid_argument>([&] { run(data.batch, {.threshold = threshold, .count = 3}); }));
    CHECK(testing::throws_exactly<std::invalid_argument>([&] { tessera::expired_codes(data.codebook, threshold); }));
  }
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { run(data.batch, {.threshold = 0.5, .count = 0.5}); }));
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { run(data.batch, {.threshold = 0.5, .count = -1}); }));
  const double nan = std::bit_cast<double>(std::uint64_t{0x7ff8000000000000});
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { run(data.batch, {.threshold = nan}); }));
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { run(data.batch, {.count = nan}); }));
  CHECK(same_state(data.codebook, before));
}
