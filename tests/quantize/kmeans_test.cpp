// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/kmeans.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <tessera/core/thread_pool.hpp>

#include "reference/vector_quantizer.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Index;
using tessera::KMeansOptions;
using tessera::KMeansResult;
using tessera::MaskArray;
using tessera::Metric;
using tessera::RowMatrix;
using tessera::Tokens;
namespace testing = tessera::testing;

constexpr Metric metrics[] = {Metric::squared_euclidean, Metric::cosine};

const float not_a_number = std::bit_cast<float>(std::uint32_t{0x7fc00000});

/// Vectors around `clusters` centres that lie far apart.
template <class Scalar>
RowMatrix<Scalar> clustered(Index count, Index dimension, Index clusters, double spread, std::uint64_t seed) {
  const auto centres = testing::random_normal<Scalar>(clusters, dimension, seed, 10);
  auto batch = testing::random_normal<Scalar>(count, dimension, seed + 1, spread);
  for (Index i = 0; i < count; ++i) batch.row(i) += centres.row(i % clusters);
  return batch;
}

/// What must hold of every result: tokens are nearest codes, and counts, distortion and averages belong to them.
template <class Scalar>
void check_consistent(const RowMatrix<Scalar>& batch, const KMeansOptions& options,
                      const KMeansResult<Scalar>& result) {
  const Index size = options.codebook_size;
  REQUIRE(result.codes.rows() == size);
  REQUIRE(result.codes.cols() == batch.cols());
  REQUIRE(result.tokens.rows() == batch.rows());
  REQUIRE(tessera::all_finite(tessera::rows(result.codes)));
  CHECK(result.tokens == testing::ExactNearest<Scalar>(result.codes, options.metric).nearest(batch));
  REQUIRE(result.counts.size() == size);
  for (Index k = 0; k < size; ++k) CHECK(result.counts[k] == (result.tokens.array() == k).count());
  REQUIRE(!result.distortions.empty());
  CHECK(static_cast<Index>(result.distortions.size()) <= options.iterations + 1);
  if (options.metric == Metric::squared_euclidean) {
    const auto mean = static_cast<double>(testing::sum_of_squares(batch, result.codes, result.tokens)) /
                      static_cast<double>(batch.rows());
    CHECK(result.distortions.back() == Catch::Approx(mean).epsilon(1e-12).margin(1e-300));
  } else {
    for (Index k = 0; k < size; ++k) {
      CHECK(std::abs(result.codes.row(k).template cast<double>().norm() - 1) <
            4 * std::numeric_limits<Scalar>::epsilon());
    }
  }
  REQUIRE(result.averages.counts.size() == size);
  CHECK(result.averages.counts == result.counts.template cast<double>());
  CHECK((result.averages.weights.array() == 1).all());
  CHECK(result.averages.sums.rows() == size);
}

template <class Scalar>
void check_same(const KMeansResult<Scalar>& a, const KMeansResult<Scalar>& b) {
  CHECK(a.codes == b.codes);
  CHECK(a.tokens == b.tokens);
  CHECK(a.counts == b.counts);
  CHECK(a.distortions == b.distortions);
  CHECK(a.converged == b.converged);
  CHECK(a.duplicates == b.duplicates);
  CHECK(a.averages.sums == b.averages.sums);
}

}  // namespace

TEMPLATE_TEST_CASE("codes, tokens, counts and distortion belong together", "[kmeans]", float, double) {
  for (const Metric metric : metrics) {
    for (const Index size : {1, 2, 7, 33}) {
      for (const Index iterations : {0, 1, 3, 500}) {
        const auto batch = testing::random_normal<TestType>(150, 4, 1, 1, 2);
        const KMeansOptions options{.codebook_size = size, .metric = metric, .iterations = iterations, .seed = 5};
        const auto result = tessera::kmeans(tessera::rows(batch), options);
        CAPTURE(tessera::metric_name(metric), size, iterations);
        check_consistent(batch, options, result);
        CHECK(result.duplicates == 0);
        if (iterations == 500) CHECK(result.converged);
      }
    }
  }
}

TEMPLATE_TEST_CASE("no iteration increases the distortion", "[kmeans]", float, double) {
  // The mean of the vectors in Scalar is off by a rounding, which costs the square of that rounding per vector.
  const double slack = 1 + 16.0 * std::numeric_limits<TestType>::epsilon();
  for (const Metric metric : metrics) {
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      RowMatrix<TestType> batch = testing::random_normal<TestType>(300, 3, seed + 10);
      if (seed % 3 == 1) batch = clustered<TestType>(300, 3, 9, 0.5, seed);
      if (seed % 3 == 2) batch = testing::random_integers<TestType>(300, 3, seed, -2, 2);  // many duplicates
      if (metric == Metric::cosine) batch.col(0).array() += TestType(0.25);                // no zero vectors
      const auto result = tessera::kmeans(tessera::rows(batch),
                                          {.codebook_size = 24, .metric = metric, .iterations = 100, .seed = seed});
      for (std::size_t t = 1; t < result.distortions.size(); ++t) {
        CHECK(result.distortions[t] <= result.distortions[t - 1] * slack + 1e-13);
      }
      CHECK(result.converged);
    }
  }
}

TEMPLATE_TEST_CASE("when converged, each code is the mean of its vectors", "[kmeans]", float, double) {
  const auto batch = testing::random_normal<TestType>(200, 5, 2);
  const auto result = tessera::kmeans(tessera::rows(batch), {.codebook_size = 11, .iterations = 1000});
  REQUIRE(result.converged);
  for (Index k = 0; k < 11; ++k) {
    testing::Wide sum = testing::Wide::Zero(1, 5);
    for (Index i = 0; i < 200; ++i) {
      if (result.tokens(i, 0) == k) sum += batch.row(i).template cast<long double>();
    }
    const testing::Wide mean = sum / static_cast<long double>(result.counts[k]);
    // Sums lie on a grid of 2^-39 of the largest scalar.
    const double bound = 2.0 * std::numeric_limits<TestType>::epsilon() + 1e-11;
    CHECK((result.codes.row(k).template cast<long double>() - mean).cwiseAbs().maxCoeff() < bound);
  }
}

TEMPLATE_TEST_CASE("codes and averages are a fixed point of the moving average, to the bit", "[kmeans]", float,
                   double) {
  for (const Metric metric : metrics) {
    const auto batch = testing::random_normal<TestType>(200, 5, 3);
    const auto result =
        tessera::kmeans(tessera::rows(batch), {.codebook_size = 13, .metric = metric, .iterations = 1000});
    REQUIRE(result.converged);
    tessera::Codebook<TestType> codebook(tessera::rows(result.codes), {.metric = metric, .decay = 0.9});
    codebook.set_state(tessera::rows(result.codes), result.averages);
    CHECK(codebook.codes() == result.codes);
    RowMatrix<TestType> points = batch;
    if (metric == Metric::squared_euclidean) {
      tessera::CodebookStatistics<TestType> statistics(
          13, 5,
          tessera::CodebookStatistics<TestType>::grid_for(tessera::largest_magnitude("test", tessera::rows(batch))));
      statistics.accumulate(tessera::rows(points), tessera::rows(result.tokens));
      for (int step = 0; step < 10; ++step) codebook.apply(statistics);
      CHECK(codebook.codes() == result.codes);
      CHECK(codebook.averages().sums == result.averages.sums);
      CHECK(codebook.averages().counts == result.averages.counts);
    }
  }
}

TEST_CASE("well separated clusters are found, whatever the seed", "[kmeans]") {
  // k-means++ misses a cluster with probability of about spread^2 / distance^2 = 1e-8 per draw.
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const auto batch = clustered<double>(400, 4, 20, 1e-3, 4);
    const auto result = tessera::kmeans(tessera::rows(batch), {.codebook_size = 20, .iterations = 20, .seed = seed});
    CHECK(result.converged);
    for (Index i = 20; i < 400; ++i) CHECK(result.tokens(i, 0) == result.tokens(i % 20, 0));
    CHECK(result.counts == decltype(result.counts)(decltype(result.counts)::Constant(20, 20)));
    CHECK(result.distortions.back() < 4 * 1.3e-6);
  }
}

TEST_CASE("one code is the mean of all vectors", "[kmeans]") {
  const auto batch = testing::random_integers<double>(64, 3, 5, -50, 50);
  const auto result = tessera::kmeans(tessera::rows(batch), {.codebook_size = 1});
  CHECK((result.codes - batch.colwise().mean()).cwiseAbs().maxCoeff() < 1e-12);
  CHECK(result.converged);
}

TEST_CASE("the first codes are drawn by the law of k-means++", "[kmeans]") {
  // Points 0, 1 and 3: the first evenly, the second by squared distance from it.
  RowMatrix<double> batch(3, 1);
  batch << 0, 1, 3;
  const double law[] = {(1.0 / 10 + 1.0 / 5) / 3, (9.0 / 10 + 9.0 / 13) / 3, (4.0 / 5 + 4.0 / 13) / 3};
  const Index draws = testing::effort(6000, 1500);
  std::array<Index, 3> pairs{}, firsts{};
  for (Index seed = 0; seed < draws; ++seed) {
    const auto start = tessera::kmeans(tessera::rows(batch),
                                       {.codebook_size = 2, .iterations = 0, .seed = static_cast<std::uint64_t>(seed)});
    const double a = start.codes(0, 0), b = start.codes(1, 0);
    ++firsts[a == 0 ? 0 : a == 1 ? 1 : 2];
    ++pairs[a + b == 1 ? 0 : a + b == 3 ? 1 : 2];
  }
  const auto chi_squared = [&](const std::array<Index, 3>& counts, const double* probabilities) {
    double sum = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      const double expected = static_cast<double>(draws) * probabilities[j];
      sum += (static_cast<double>(counts[j]) - expected) * (static_cast<double>(counts[j]) - expected) / expected;
    }
    return sum;
  };
  const double even[] = {1.0 / 3, 1.0 / 3, 1.0 / 3};
  const double limit = 27.6;  // chi-squared with two degrees of freedom exceeds it with probability exp(-13.8) = 1e-6
  CHECK(chi_squared(pairs, law) < limit);
  CHECK(chi_squared(firsts, even) < limit);
  CHECK(chi_squared(pairs, even) > limit);  // the power: a start without the squares would be seen
}

TEST_CASE("on evenly spaced numbers of [0, 1] the distortion approaches 1 / (12 K^2)", "[kmeans]") {
  const Index count = 4000;
  RowMatrix<double> batch(count, 1);
  for (Index i = 0; i < count; ++i) batch(i, 0) = (static_cast<double>(i) + 0.5) / static_cast<double>(count);
  for (const Index size : {2, 5, 8}) {
    const auto result = tessera::kmeans(tessera::rows(batch), {.codebook_size = size, .iterations = 3000, .seed = 1});
    CHECK(result.converged);
    // K runs of count / K points each are the best (the cost of a run is convex in its length); at a fixed point
    // neighbouring runs differ by two points at most.
    const double run = static_cast<double>(count) / static_cast<double>(size);
    const double optimum = (1 - 1 / (run * run)) / (12.0 * static_cast<double>(size * size));
    CHECK(result.distortions.back() >= optimum * (1 - 1e-9));
    CHECK(result.distortions.back() <= optimum * 1.002);
  }
}

TEST_CASE("on the unit square the distortion approaches 2 * 5 / (36 sqrt(3)) / K", "[kmeans]") {
  // One point in each cell of a grid, anywhere in the cell. No K codes do better on the square than K hexagons of area
  // 1 / K (Fejes Toth 1953); 2 K parameters fitted to N points gain a share of K / N = 0.5 % against that, and the
  // jitter of points inside cells less. Lloyd's local optima are known to lie within 10 % above.
  const Index side = testing::effort(110, 60), size = side * side / 200;
  testing::SplitMix random(6);
  RowMatrix<float> batch(side * side, 2);
  for (Index i = 0; i < batch.rows(); ++i) {
    batch(i, 0) = static_cast<float>((static_cast<double>(i % side) + random.uniform()) / static_cast<double>(side));
    batch(i, 1) = static_cast<float>((static_cast<double>(i / side) + random.uniform()) / static_cast<double>(side));
  }
  const auto result = tessera::kmeans(tessera::rows(batch), {.codebook_size = size, .iterations = 300, .seed = 2});
  const double hexagons = 2 * 0.0801875 / static_cast<double>(size);
  CAPTURE(result.distortions.back() / hexagons);
  CHECK(result.distortions.back() > 0.98 * hexagons);
  CHECK(result.distortions.back() < 1.10 * hexagons);
  CHECK(result.distortions.front() > 1.2 * hexagons);  // the start alone is not that good
}

TEMPLATE_TEST_CASE("fewer vectors than codes: every vector is a code, the surplus are copies without vectors",
                   "[kmeans]", float, double) {
  for (const Metric metric : metrics) {
    for (const Index count : {1, 2, 5, 11}) {
      const auto batch = testing::random_normal<TestType>(count, 3, 7);
      const KMeansOptions options{.codebook_size = 12, .metric = metric};
      const auto result = tessera::kmeans(tessera::rows(batch), options);
      CAPTURE(count, tessera::metric_name(metric));
      check_consistent(batch, options, result);
      CHECK(result.duplicates == 12 - count);
      CHECK(result.converged);
      // Means come from sums on a grid, 2^-39 of the largest scalar; in float that is nothing.
      const double grid = sizeof(TestType) == 4 ? 0 : std::ldexp(batch.cwiseAbs().maxCoeff(), -39);
      if (metric == Metric::squared_euclidean) {
        CHECK(result.distortions.back() <= 3 * grid * grid);
        for (Index k = 0; k < 12; ++k) {
          bool is_vector = false;
          for (Index i = 0; i < count; ++i) {
            is_vector = is_vector || (result.codes.row(k) - batch.row(i)).cwiseAbs().maxCoeff() <= grid;
          }
          CHECK(is_vector);
        }
      } else {
        CHECK(result.distortions.back() < 1e-13);
      }
      CHECK((result.counts.array() > 0).count() == count);
    }
  }
}

TEMPLATE_TEST_CASE("fewer different vectors than codes", "[kmeans]", float, double) {
  for (const Metric metric : metrics) {
    const auto distinct = testing::random_normal<TestType>(4, 6, 8);
    RowMatrix<TestType> batch(60, 6);
    for (Index i = 0; i < 60; ++i) batch.row(i) = distinct.row((i * i) % 4);  // two of the four, unevenly
    const KMeansOptions options{.codebook_size = 9, .metric = metric};
    const auto result = tessera::kmeans(tessera::rows(batch), options);
    check_consistent(batch, options, result);
    CHECK(result.duplicates == 7);
    CHECK(result.converged);
    CHECK((result.counts.array() > 0).count() == 2);
    CHECK(result.distortions.back() < 1e-13);
  }
  const RowMatrix<TestType> constant = RowMatrix<TestType>::Constant(30, 2, TestType(0.3f));
  const auto result = tessera::kmeans(tessera::rows(constant), {.codebook_size = 3});
  CHECK(result.codes == RowMatrix<TestType>::Constant(3, 2, TestType(0.3f)));
  CHECK(result.tokens.isZero());
  CHECK(result.duplicates == 2);
  CHECK(result.distortions.back() == 0);
}

TEMPLATE_TEST_CASE("as many different vectors as codes: each is a code, at distance zero", "[kmeans]", float, double) {
  const auto batch = testing::random_normal<TestType>(17, 4, 9, 1, 100);
  const auto result = tessera::kmeans(tessera::rows(batch), {.codebook_size = 17});
  CHECK(result.distortions.front() == 0);
  CHECK(result.duplicates == 0);
  CHECK((result.counts.array() == 1).all());
  const double grid = sizeof(TestType) == 4 ? 0 : std::ldexp(batch.cwiseAbs().maxCoeff(), -39);  // of the sums
  for (Index i = 0; i < 17; ++i) {
    CHECK((result.codes.row(result.tokens(i, 0)) - batch.row(i)).cwiseAbs().maxCoeff() <= grid);
  }
}

TEST_CASE("the result depends on the seed and not on threads", "[kmeans]") {
  const auto batch = testing::random_normal<float>(testing::effort(9000, 5000), 3, 10);
  tessera::ThreadPool two(2), five(5);
  for (const Metric metric : metrics) {
    KMeansOptions options{.codebook_size = 40, .metric = metric, .iterations = 4, .seed = 11};
    const auto serial = tessera::kmeans(tessera::rows(batch), options);
    check_same(serial, tessera::kmeans(tessera::rows(batch), options));
    options.execution = two;
    check_same(serial, tessera::kmeans(tessera::rows(batch), options));
    options.execution = five;
    check_same(serial, tessera::kmeans(tessera::rows(batch), options));
    options.seed = 12;
    CHECK(tessera::kmeans(tessera::rows(batch), options).codes != serial.codes);
  }
}

TEMPLATE_TEST_CASE("k-means: masked vectors are as if absent", "[kmeans]", float, double) {
  auto batch = testing::random_normal<TestType>(120, 3, 13);
  const auto mask = testing::random_mask(120, 14);
  for (Index i = 0; i < 120; ++i) {
    if (!mask[i]) batch.row(i).setConstant(i % 2 == 0 ? static_cast<TestType>(not_a_number) : TestType(1e30f));
  }
  const RowMatrix<TestType> present = testing::present_rows(batch, mask);
  for (const Metric metric : metrics) {
    KMeansOptions options{.codebook_size = 10, .metric = metric, .iterations = 6, .seed = 15};
    auto expected = tessera::kmeans(tessera::rows(present), options);
    options.mask = mask;
    const auto result = tessera::kmeans(tessera::rows(batch), options);
    for (Index i = 0; i < 120; ++i) {
      if (!mask[i]) CHECK(result.tokens(i, 0) == -1);
    }
    CHECK(testing::present_rows(result.tokens, mask) == expected.tokens);
    expected.tokens = result.tokens;
    check_same(result, expected);
  }
}

TEST_CASE("vectors may lie apart, and views of constant and mutable vectors are the same", "[kmeans]") {
  auto batch = testing::random_normal<double>(50, 3, 16);
  RowMatrix<double> wide = RowMatrix<double>::Constant(50, 8, 1e300);
  wide.middleCols(4, 3) = batch;
  const KMeansOptions options{.codebook_size = 6};
  const auto expected = tessera::kmeans(tessera::rows(std::as_const(batch)), options);
  check_same(tessera::kmeans(tessera::rows(batch), options), expected);
  check_same(tessera::kmeans(tessera::rows(wide.middleCols(4, 3)), options), expected);
}

TEMPLATE_TEST_CASE("cosine: lengths have no say, and zero vectors become no code", "[kmeans]", float, double) {
  auto batch = testing::random_normal<TestType>(80, 4, 17);
  RowMatrix<TestType> scaled = batch;
  for (Index i = 0; i < 80; ++i) scaled.row(i) *= static_cast<TestType>(std::ldexp(1.0, static_cast<int>(i % 60) - 30));
  const KMeansOptions options{.codebook_size = 7, .metric = Metric::cosine, .iterations = 50};
  const auto expected = tessera::kmeans(tessera::rows(batch), options);
  check_same(tessera::kmeans(tessera::rows(scaled), options), expected);

  batch.row(3).setZero();
  batch.row(70).setZero();
  const auto result = tessera::kmeans(tessera::rows(batch), options);
  check_consistent(batch, options, result);
  CHECK(result.tokens(3, 0) == 0);  // all codes tie for a zero vector

  RowMatrix<TestType> few = RowMatrix<TestType>::Zero(5, 4);
  few(2, 1) = 3;
  const KMeansOptions three{.codebook_size = 3, .metric = Metric::cosine};
  const auto single = tessera::kmeans(tessera::rows(few), three);
  check_consistent(few, three, single);
  CHECK(single.duplicates == 2);
}

TEST_CASE("codes that lose their vectors move to others", "[kmeans]") {
  // Whatever the start, with more different vectors than codes no code ends without vectors.
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const auto batch = testing::random_integers<double>(60, 2, seed, -3, 3);
    std::set<std::pair<double, double>> distinct;
    for (Index i = 0; i < 60; ++i) distinct.insert({batch(i, 0), batch(i, 1)});
    const auto size = static_cast<Index>(distinct.size()) - 2;
    const auto result = tessera::kmeans(tessera::rows(batch), {.codebook_size = size, .iterations = 200, .seed = seed});
    CHECK((result.counts.array() > 0).all());
    CHECK(result.duplicates == 0);
    CHECK(result.converged);
  }
}

TEST_CASE("progress is told", "[kmeans]") {
  const auto batch = testing::random_normal<float>(100, 3, 18);
  std::set<std::string> stages;
  Index last = 0, total = 0;
  bool ordered = true;
  const auto listen = [&](const tessera::ProgressReport& report) {
    if (stages.insert(report.stage).second) last = 0;
    ordered = ordered && report.done >= last && report.done <= report.total;
    last = report.done;
    total = report.total;
  };
  const auto result = tessera::kmeans(tessera::rows(batch), {.codebook_size = 5, .iterations = 6, .progress = listen});
  CHECK(stages == std::set<std::string>{"k-means", "k-means++"});
  CHECK(ordered);
  CHECK(total == 6);
  CHECK(last >= static_cast<Index>(result.distortions.size()) - 1);
  struct Stop {};
  const auto stop = [](const tessera::ProgressReport&) { throw Stop(); };
  CHECK_THROWS_AS(tessera::kmeans(tessera::rows(batch), {.codebook_size = 5, .progress = stop}), Stop);
}

TEST_CASE("huge and tiny vectors", "[kmeans]") {
  for (const double scale : {1e-150, 1e-20, 1e20, 1e140}) {
    const RowMatrix<double> batch = scale * clustered<double>(60, 3, 6, 1e-3, 19);
    const auto result = tessera::kmeans(tessera::rows(batch), {.codebook_size = 6, .iterations = 20});
    CHECK(result.converged);
    CHECK((result.counts.array() == 10).all());
    CHECK(result.distortions.back() < 1e-5 * scale * scale);
  }
}

TEST_CASE("k-means: wrong arguments are named", "[kmeans]") {
  auto batch = testing::random_normal<float>(30, 3, 20);
  const auto message = [&](const KMeansOptions& options) {
    return testing::message_of<std::invalid_argument>([&] { tessera::kmeans(tessera::rows(batch), options); });
  };
  const RowMatrix<float> none(0, 3);
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::kmeans(tessera::rows(none)), "expected at least one vector");
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::kmeans(tessera::Batch<const float>()), "kmeans: expected");
  const MaskArray nobody = MaskArray::Constant(30, false), shorter = MaskArray::Constant(29, true);
  CHECK(testing::contains(message({.mask = nobody}), "expected at least one vector"));
  CHECK(testing::contains(message({.mask = shorter}), "expected a mask of 30 bools, one per vector, found 29"));
  CHECK(testing::contains(message({.codebook_size = 0}), "found 0"));
  CHECK(testing::contains(message({.codebook_size = -2}), "found -2"));
  CHECK(testing::contains(message({.iterations = -1}), "found -1"));
  batch(17, 2) = not_a_number;
  CHECK(message({}) == "kmeans: expected finite vectors, found nan at vector 17, component 2");
  batch.setZero();
  CHECK(testing::contains(message({.metric = Metric::cosine}), "kmeans: expected"));
  CHECK(message({}).empty());
}
