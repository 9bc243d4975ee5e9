// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/codebook.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::CodebookAverages;
using tessera::CodebookOptions;
using tessera::Grid;
using tessera::Index;
using tessera::Metric;
using tessera::RowMatrix;
using tessera::Tokens;
namespace testing = tessera::testing;

template <class Scalar>
using Codebook = tessera::Codebook<Scalar>;
template <class Scalar>
using Statistics = tessera::CodebookStatistics<Scalar>;

const float not_a_number = std::bit_cast<float>(std::uint32_t{0x7fc00000});
const double infinite = std::bit_cast<double>(std::uint64_t{0x7ff0000000000000});

template <class Scalar>
Statistics<Scalar> statistics_of(Index size, const RowMatrix<Scalar>& batch, const Tokens<>& tokens) {
  Statistics<Scalar> statistics(size, batch.cols(), Statistics<Scalar>::grid_for(64));
  statistics.accumulate(tessera::rows(batch), tessera::rows(tokens));
  return statistics;
}

template <class Scalar>
struct Assigned {
  RowMatrix<Scalar> batch;
  Tokens<> tokens;
  Assigned(Index count, Index dimension, Index codes, std::uint64_t seed)
      : batch(testing::random_normal<Scalar>(count, dimension, seed)), tokens(count, 1) {
    testing::SplitMix random(seed + 1);
    for (Index i = 0; i < count; ++i) tokens(i, 0) = random.below(codes);
  }
  Statistics<Scalar> statistics(Index size) const { return statistics_of(size, batch, tokens); }
};

/// Everything a codebook holds.
template <class Scalar>
struct State {
  RowMatrix<Scalar> codes;
  CodebookAverages averages;
  explicit State(const Codebook<Scalar>& codebook) : codes(codebook.codes()), averages(codebook.averages()) {}
  friend bool operator==(const State& a, const State& b) {
    return a.codes == b.codes && a.averages.counts == b.averages.counts && a.averages.sums == b.averages.sums &&
           a.averages.weights == b.averages.weights;
  }
};

template <class Scalar>
bool searches_its_codes(const Codebook<Scalar>& codebook) {
  return codebook.search().codes().matrix() == codebook.codes() &&
         codebook.search().metric() == codebook.options().metric;
}

}  // namespace

TEMPLATE_TEST_CASE("a codebook starts with the codes given and averages of zero", "[codebook]", float, double) {
  const auto codes = testing::random_normal<TestType>(7, 5, 1);
  const Codebook<TestType> codebook(tessera::rows(codes), {.decay = 0.5, .pseudo_count = 3});
  CHECK(codebook.codes() == codes);
  CHECK(codebook.size() == 7);
  CHECK(codebook.dimension() == 5);
  CHECK(codebook.options().decay == 0.5);
  CHECK(codebook.options().pseudo_count == 3);
  CHECK(codebook.averages().counts == Eigen::VectorXd::Zero(7));
  CHECK(codebook.averages().sums == RowMatrix<double>::Zero(7, 5));
  CHECK(codebook.averages().weights == Eigen::VectorXd::Zero(7));
  CHECK(codebook.usage() == Eigen::VectorXd::Zero(7));
  CHECK(searches_its_codes(codebook));
}

TEMPLATE_TEST_CASE("the first step moves each code to the mean of its vectors, whatever the decay", "[codebook]", float,
                   double) {
  for (const double decay : {0.0, 0.5, 0.99, 0.9999}) {
    const auto codes = testing::random_normal<TestType>(6, 4, 2, 1, 100);
    const Assigned<TestType> data(90, 4, 5, 3);  // code 5 gets nothing
    Codebook<TestType> codebook(tessera::rows(codes), {.decay = decay});
    codebook.apply(data.statistics(6));
    for (Index k = 0; k < 5; ++k) {
      Eigen::Matrix<long double, 1, Eigen::Dynamic> sum = Eigen::Matrix<long double, 1, Eigen::Dynamic>::Zero(4);
      long double count = 0;
      for (Index i = 0; i < 90; ++i) {
        if (data.tokens(i, 0) != k) continue;
        sum += data.batch.row(i).template cast<long double>();
        ++count;
      }
      for (Index d = 0; d < 4; ++d) {
        // One rounding to Scalar; the grid of statistics_of has steps of 2^-32.
        const double error = std::numeric_limits<TestType>::epsilon() * std::abs(static_cast<double>(sum[d] / count));
        CHECK(std::abs(codebook.codes()(k, d) - static_cast<double>(sum[d] / count)) <= error + 0x1p-32);
      }
      CHECK(codebook.averages().counts[k] == Catch::Approx((1 - decay) * static_cast<double>(count)).epsilon(1e-12));
      CHECK(codebook.averages().weights[k] == Catch::Approx(1 - decay).epsilon(1e-12));
      CHECK(codebook.usage()[k] == Catch::Approx(static_cast<double>(count)).epsilon(1e-12));
    }
    CHECK(codebook.codes().row(5) == codes.row(5));
    CHECK(codebook.usage()[5] == 0);
    CHECK(searches_its_codes(codebook));
  }
}

TEST_CASE("under constant assignment N is (1 - d^t) n, m is (1 - d^t) s, and the code stays s / n", "[codebook]") {
  const double decay = 0.9;
  const auto codes = testing::random_normal<double>(5, 3, 4);
  const Assigned<double> data(60, 3, 5, 5);
  const auto statistics = data.statistics(5);
  Codebook<double> codebook(tessera::rows(codes), {.decay = decay});
  for (int t = 1; t <= 40; ++t) {
    codebook.apply(statistics);
    const double weight = 1 - std::pow(decay, t);
    for (Index k = 0; k < 5; ++k) {
      const auto n = static_cast<double>(statistics.counts()[k]);
      CHECK(codebook.averages().counts[k] == Catch::Approx(weight * n).epsilon(1e-13));
      CHECK(codebook.averages().weights[k] == Catch::Approx(weight).epsilon(1e-13));
      CHECK(codebook.usage()[k] == Catch::Approx(n).epsilon(1e-13));
      for (Index d = 0; d < 3; ++d) {
        CHECK(codebook.averages().sums(k, d) == Catch::Approx(weight * statistics.sum(k, d)).epsilon(1e-13));
        CHECK(codebook.codes()(k, d) == Catch::Approx(statistics.sum(k, d) / n).epsilon(1e-13));
      }
    }
  }
}

TEMPLATE_TEST_CASE("many steps follow the recursion of counts, sums, weights and codes", "[codebook]", float, double) {
  const Index size = 8, dimension = 3;
  for (const double pseudo : {0.0, 2.5}) {
    const double decay = 0.8;
    const auto codes = testing::random_normal<TestType>(size, dimension, 6);
    Codebook<TestType> codebook(tessera::rows(codes), {.decay = decay, .pseudo_count = pseudo});
    using Wide = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;
    Wide place = codes.template cast<long double>(), sums = Wide::Zero(size, dimension), counts = Wide::Zero(size, 1),
         weights = Wide::Zero(size, 1);
    for (int t = 0; t < 30; ++t) {
      const Assigned<TestType> data(20, dimension, size, 100 + static_cast<std::uint64_t>(t));
      const auto statistics = data.statistics(size);
      codebook.apply(statistics);
      for (Index k = 0; k < size; ++k) {
        const auto n = static_cast<long double>(statistics.counts()[k]);
        counts(k, 0) = decay * counts(k, 0) + (1 - static_cast<long double>(decay)) * n;
        weights(k, 0) = decay * weights(k, 0) + (1 - static_cast<long double>(decay));
        for (Index d = 0; d < dimension; ++d) {
          sums(k, d) = decay * sums(k, d) + (1 - static_cast<long double>(decay)) * statistics.sum(k, d);
          if (n > 0) place(k, d) = (sums(k, d) + pseudo * place(k, d)) / (counts(k, 0) + pseudo);
        }
      }
    }
    // Errors of one step are damped by the later ones (pseudo-count) or absent (codes come from the averages).
    const double tolerance = 20.0 * std::numeric_limits<TestType>::epsilon();
    CHECK((codebook.codes().template cast<long double>() - place).cwiseAbs().maxCoeff() < tolerance);
    CHECK((codebook.averages().counts.template cast<long double>() - counts).cwiseAbs().maxCoeff() < 1e-13L);
    CHECK((codebook.averages().sums.template cast<long double>() - sums).cwiseAbs().maxCoeff() < 1e-13L);
    CHECK((codebook.averages().weights.template cast<long double>() - weights).cwiseAbs().maxCoeff() < 1e-13L);
  }
}

TEMPLATE_TEST_CASE("a code that receives nothing stays, to the bit, for thousands of steps", "[codebook]", float,
                   double) {
  const auto codes = testing::random_normal<TestType>(4, 3, 7, 1, 10);
  for (const double pseudo : {0.0, 1.0}) {
    Codebook<TestType> codebook(tessera::rows(codes), {.decay = 0.9, .pseudo_count = pseudo});
    const Assigned<TestType> first(40, 3, 4, 8), later(40, 3, 3, 9);  // later leaves code 3 alone
    codebook.apply(first.statistics(4));
    const State<TestType> before(codebook);
    const auto statistics = later.statistics(4);
    for (int t = 0; t < 2000; ++t) codebook.apply(statistics);
    CHECK(codebook.codes().row(3) == before.codes.row(3));
    CHECK(codebook.averages().counts[3] < 1e-80);  // while its count fades
    CHECK(codebook.usage()[3] < 1e-80);
    CHECK(codebook.codes().row(0) != before.codes.row(0));
  }
}

TEMPLATE_TEST_CASE("a batch taken twice gives the same codes", "[codebook]", float, double) {
  const auto codes = testing::random_normal<TestType>(5, 6, 10);
  const Assigned<TestType> data(50, 6, 5, 11);
  const auto once = data.statistics(5);
  auto twice = once;
  twice.merge(once);
  for (const Metric metric : {Metric::squared_euclidean, Metric::cosine}) {
    Codebook<TestType> a(tessera::rows(codes), {.metric = metric}), b(tessera::rows(codes), {.metric = metric});
    for (int t = 0; t < 3; ++t) {
      a.apply(once);
      b.apply(twice);
    }
    CHECK(a.codes() == b.codes());  // doubling is exact
    CHECK(2 * a.averages().counts == b.averages().counts);
    CHECK(2 * a.averages().sums == b.averages().sums);
  }
}

TEMPLATE_TEST_CASE("merged shards move the codes as one batch does, to the bit", "[codebook]", float, double) {
  const auto codes = testing::random_normal<TestType>(6, 4, 12);
  const Assigned<TestType> data(80, 4, 6, 13);
  Codebook<TestType> whole(tessera::rows(codes)), sharded(tessera::rows(codes));
  for (int t = 0; t < 3; ++t) {
    whole.apply(data.statistics(6));
    Statistics<TestType> first(6, 4, Statistics<TestType>::grid_for(64)), second = first;
    first.accumulate(tessera::rows(data.batch).slice(0, 30), tessera::rows(data.tokens).slice(0, 30));
    second.accumulate(tessera::rows(data.batch).slice(30, 80), tessera::rows(data.tokens).slice(30, 80));
    second.merge(first);
    sharded.apply(second);
  }
  CHECK(State<TestType>(whole) == State<TestType>(sharded));
}

TEST_CASE("statistics of no vectors change nothing", "[codebook]") {
  const auto codes = testing::random_normal<float>(5, 3, 14);
  Codebook<float> codebook(tessera::rows(codes), {.decay = 0.5});
  codebook.apply(Assigned<float>(30, 3, 5, 15).statistics(5));
  const State<float> before(codebook);
  codebook.apply(Statistics<float>(5, 3, Grid(-30)));
  CHECK(State<float>(codebook) == before);
}

TEMPLATE_TEST_CASE("averages that agree with the batch are a fixed point, to the bit", "[codebook]", float, double) {
  const Assigned<TestType> data(70, 5, 6, 16);
  const auto statistics = data.statistics(6);
  CodebookAverages averages{Eigen::VectorXd(6), RowMatrix<double>(6, 5), Eigen::VectorXd::Ones(6)};
  RowMatrix<TestType> codes(6, 5);
  for (Index k = 0; k < 6; ++k) {
    averages.counts[k] = static_cast<double>(statistics.counts()[k]);
    for (Index d = 0; d < 5; ++d) {
      averages.sums(k, d) = statistics.sum(k, d);
      codes(k, d) = static_cast<TestType>(averages.sums(k, d) / averages.counts[k]);
    }
  }
  for (const double decay : {0.0, 0.9, 0.99}) {
    Codebook<TestType> codebook(tessera::rows(codes), {.decay = decay});
    codebook.set_state(tessera::rows(codes), averages);
    const State<TestType> before(codebook);
    for (int t = 0; t < 100; ++t) codebook.apply(statistics);
    CHECK(State<TestType>(codebook).averages.counts == before.averages.counts);
    CHECK(State<TestType>(codebook).averages.sums == before.averages.sums);
    // The codes come from a division in double and a rounding, as above; compilers may divide by a reciprocal.
    CHECK((codebook.codes() - codes).cwiseAbs().maxCoeff() <= std::numeric_limits<TestType>::epsilon());
  }
}

TEST_CASE("with counts in equilibrium a step is one of gradient descent on the codebook loss", "[codebook]") {
  // e <- e - eta 2 beta (e - mean) with decay = 1 - 2 eta beta: N = n and m = n e before the step.
  const Assigned<double> data(50, 4, 5, 17);
  const auto statistics = data.statistics(5);
  const auto codes = testing::random_normal<double>(5, 4, 18);
  const double eta = 0.02, beta = 1.5, decay = 1 - 2 * eta * beta;
  CodebookAverages averages{statistics.counts().cast<double>(), RowMatrix<double>(5, 4), Eigen::VectorXd::Ones(5)};
  for (Index k = 0; k < 5; ++k) averages.sums.row(k) = averages.counts[k] * codes.row(k);
  Codebook<double> codebook(tessera::rows(codes), {.decay = decay});
  codebook.set_state(tessera::rows(codes), averages);
  codebook.apply(statistics);
  for (Index k = 0; k < 5; ++k) {
    for (Index d = 0; d < 4; ++d) {
      const double mean = statistics.sum(k, d) / static_cast<double>(statistics.counts()[k]);
      const double expected = codes(k, d) - eta * 2 * beta * (codes(k, d) - mean);
      CHECK(codebook.codes()(k, d) == Catch::Approx(expected).margin(1e-14));
    }
  }
}

TEST_CASE("a pseudo-count pulls a code towards its present place", "[codebook]") {
  RowMatrix<double> codes(2, 1), batch(3, 1);
  codes << 10, -4;
  batch << 1, 2, 3;
  const Tokens<> tokens = Tokens<>::Zero(3, 1);
  Codebook<double> codebook(tessera::rows(codes), {.decay = 0, .pseudo_count = 2});
  codebook.apply(statistics_of(2, batch, tokens));
  CHECK(codebook.codes()(0, 0) == Catch::Approx((6.0 + 2 * 10) / (3 + 2)).epsilon(1e-15));
  CHECK(codebook.codes()(1, 0) == -4);
}

TEMPLATE_TEST_CASE("new codes begin with new averages", "[codebook]", float, double) {
  const auto old = testing::random_normal<TestType>(5, 3, 19);
  Codebook<TestType> codebook(tessera::rows(old));
  const Assigned<TestType> data(30, 3, 5, 20);
  codebook.apply(data.statistics(5));
  const auto codes = testing::random_normal<TestType>(5, 3, 21);
  codebook.set_codes(tessera::rows(codes));
  CHECK(codebook.codes() == codes);
  CHECK(codebook.averages().counts.isZero(0));
  CHECK(codebook.averages().sums.isZero(0));
  CHECK(codebook.averages().weights.isZero(0));
  CHECK(searches_its_codes(codebook));
  codebook.apply(data.statistics(5));  // to the means at once
  Codebook<TestType> fresh(tessera::rows(codes));
  fresh.apply(data.statistics(5));
  CHECK(State<TestType>(codebook) == State<TestType>(fresh));
}

TEMPLATE_TEST_CASE("a replaced code has averages that keep it in its place", "[codebook]", float, double) {
  const auto codes = testing::random_normal<TestType>(6, 3, 22);
  const double decay = 0.9;
  Codebook<TestType> codebook(tessera::rows(codes), {.decay = decay});
  const Assigned<TestType> data(40, 3, 3, 23);  // codes 3, 4, 5 are dead
  codebook.apply(data.statistics(6));
  const State<TestType> before(codebook);
  const auto vectors = testing::random_normal<TestType>(2, 3, 24);
  const std::vector<Index> indices = {5, 3};
  codebook.replace(indices, tessera::rows(vectors), 2.5);

  CHECK(codebook.codes().row(5) == vectors.row(0));
  CHECK(codebook.codes().row(3) == vectors.row(1));
  for (const Index k : {0, 1, 2, 4}) {
    CHECK(codebook.codes().row(k) == before.codes.row(k));
    CHECK(codebook.averages().counts[k] == before.averages.counts[k]);
    CHECK(codebook.averages().sums.row(k) == before.averages.sums.row(k));
    CHECK(codebook.averages().weights[k] == before.averages.weights[k]);
  }
  CHECK(codebook.usage()[5] == Catch::Approx(2.5).epsilon(1e-15));
  CHECK(codebook.averages().weights[5] == 1);
  CHECK(codebook.averages().counts[5] == 2.5);
  for (Index d = 0; d < 3; ++d) {
    CHECK(codebook.averages().sums(5, d) == Catch::Approx(2.5 * static_cast<double>(vectors(0, d))).epsilon(1e-15));
  }
  CHECK(searches_its_codes(codebook));

  codebook.apply(data.statistics(6));  // it survives a step that gives it nothing
  CHECK(codebook.codes().row(5) == vectors.row(0));
  CHECK(codebook.averages().counts[5] == Catch::Approx(decay * 2.5).epsilon(1e-14));

  // One vector at x moves it by the share of that vector.
  RowMatrix<TestType> one(1, 3);
  one << 1, 2, 3;
  const double count = codebook.averages().counts[5];
  codebook.apply(statistics_of(6, one, Tokens<>(Tokens<>::Constant(1, 1, 5))));
  for (Index d = 0; d < 3; ++d) {
    const double expected =
        (decay * count * static_cast<double>(vectors(0, d)) + (1 - decay) * static_cast<double>(one(0, d))) /
        (decay * count + (1 - decay));
    CHECK(static_cast<double>(codebook.codes()(5, d)) ==
          Catch::Approx(expected).epsilon(4.0 * std::numeric_limits<TestType>::epsilon()).margin(1e-7));
  }

  // An index given twice: the last counts. None: nothing happens.
  const std::vector<Index> twice = {1, 1}, none;
  codebook.replace(twice, tessera::rows(vectors), 1);
  CHECK(codebook.codes().row(1) == vectors.row(1));
  CHECK(codebook.averages().sums.row(1) == vectors.row(1).template cast<double>());
  const State<TestType> last(codebook);
  codebook.replace(none, tessera::Batch<const TestType>(), 1);
  CHECK(State<TestType>(codebook) == last);
}

TEMPLATE_TEST_CASE("cosine: codes have length one, and steps keep it", "[codebook]", float, double) {
  const double ulps = 4.0 * std::numeric_limits<TestType>::epsilon();
  auto codes = testing::random_normal<TestType>(5, 7, 25, 3);
  codes.row(1) *= TestType(1e-30);
  codes.row(2) *= TestType(1e30);
  Codebook<TestType> codebook(tessera::rows(codes), {.metric = Metric::cosine, .decay = 0.5});
  const auto check_lengths = [&] {
    for (Index k = 0; k < 5; ++k) {
      CHECK(std::abs(codebook.codes().row(k).template cast<long double>().norm() - 1) <= ulps);
    }
  };
  check_lengths();
  for (Index k = 0; k < 5; ++k) {  // of the same direction
    const auto code = codes.row(k).template cast<long double>().eval();
    const long double norm = code.norm();
    for (Index d = 0; d < 7; ++d) CHECK(std::abs(codebook.codes()(k, d) - code[d] / norm) <= ulps);
  }
  Assigned<TestType> data(40, 7, 5, 26);
  data.batch.rowwise().normalize();
  const auto statistics = data.statistics(5);
  codebook.apply(statistics);
  check_lengths();
  for (Index k = 0; k < 5; ++k) {
    Eigen::Matrix<long double, 1, Eigen::Dynamic> sum(7);
    for (Index d = 0; d < 7; ++d) sum[d] = statistics.sum(k, d);
    const long double norm = sum.norm();
    for (Index d = 0; d < 7; ++d) CHECK(std::abs(codebook.codes()(k, d) - sum[d] / norm) <= ulps);
  }
  CHECK(searches_its_codes(codebook));

  // Setting a state with the codes as they are changes no bit: they have length one already.
  const State<TestType> before(codebook);
  codebook.set_state(tessera::rows(before.codes), before.averages);
  CHECK(State<TestType>(codebook) == before);
}

TEST_CASE("cosine: opposite vectors that cancel leave the code where it is", "[codebook]") {
  RowMatrix<float> codes(2, 2), batch(2, 2);
  codes << 0.6f, 0.8f, 1, 0;
  batch << 0, 1, 0, -1;
  Codebook<float> codebook(tessera::rows(codes), {.metric = Metric::cosine});
  const State<float> before(codebook);
  codebook.apply(statistics_of(2, batch, Tokens<>(Tokens<>::Zero(2, 1))));
  CHECK(codebook.codes() == before.codes);
  CHECK(codebook.usage()[0] == Catch::Approx(2));
}

TEST_CASE("a state is set whole", "[codebook]") {
  const auto codes = testing::random_normal<double>(3, 2, 27), others = testing::random_normal<double>(3, 2, 28);
  Codebook<double> codebook(tessera::rows(codes), {.decay = 0.75});
  const CodebookAverages averages{Eigen::Vector3d(1, 2, 0), testing::random_normal<double>(3, 2, 29),
                                  Eigen::Vector3d(0.5, 1, 0)};
  codebook.set_state(tessera::rows(others), averages);
  CHECK(codebook.codes() == others);
  CHECK(codebook.averages().counts == averages.counts);
  CHECK(codebook.averages().sums == averages.sums);
  CHECK(codebook.averages().weights == averages.weights);
  CHECK(codebook.usage() == Eigen::Vector3d(2, 2, 0));
  CHECK(searches_its_codes(codebook));
}

TEST_CASE("codebooks: wrong arguments are named, and nothing changes", "[codebook]") {
  const auto codes = testing::random_normal<float>(5, 3, 30);
  const auto build = [](const RowMatrix<float>& given, CodebookOptions options = {}) {
    return Codebook<float>(tessera::rows(given), options);
  };
  auto broken = codes, zero = codes;
  broken(3, 1) = not_a_number;
  zero.row(2).setZero();
  CHECK_THROWS_MESSAGE(std::invalid_argument, build(RowMatrix<float>(0, 3)), "codebook of at least one code");
  CHECK_THROWS_MESSAGE(std::invalid_argument, build(broken), "found nan at vector 3, component 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, build(zero, {.metric = Metric::cosine}),
                       "Codebook: expected codes with a direction for the cosine metric, found zero at code 2");
  CHECK(build(zero).size() == 5);
  CHECK_THROWS_MESSAGE(std::invalid_argument, build(codes, {.decay = 1}),
                       "Codebook: expected a decay in [0, 1), found 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, build(codes, {.decay = -0.1}),
                       "Codebook: expected a decay in [0, 1), found -0.1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, build(codes, {.pseudo_count = -1}),
                       "Codebook: expected a pseudo-count of at least 0, found -1");
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { build(codes, {.pseudo_count = infinite}); }));
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { build(codes, {.decay = infinite}); }));
  const double not_a_decay = std::bit_cast<double>(std::uint64_t{0x7ff8000000000000});
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { build(codes, {.decay = not_a_decay}); }));

  for (const Metric metric : {Metric::squared_euclidean, Metric::cosine}) {
    auto codebook = build(codes, {.metric = metric});
    codebook.apply(Assigned<float>(30, 3, 5, 31).statistics(5));
    const State<float> before(codebook);

    CHECK_THROWS_MESSAGE(std::invalid_argument, codebook.apply(Statistics<float>(4, 3, Grid(-30))),
                         "Codebook: expected statistics of 5 codes of dimension 3, found 4 of 3");
    CHECK_THROWS_MESSAGE(std::invalid_argument, codebook.apply(Statistics<float>(5, 2, Grid(-30))), "found 5 of 2");

    const auto few = testing::random_normal<float>(4, 3, 32), narrow = testing::random_normal<float>(5, 2, 32);
    CHECK_THROWS_MESSAGE(std::invalid_argument, codebook.set_codes(tessera::rows(few)),
                         "Codebook: expected 5 codes of dimension 3, found 4 of 3");
    CHECK_THROWS_MESSAGE(std::invalid_argument, codebook.set_codes(tessera::rows(narrow)), "found 5 of 2");
    CHECK_THROWS_MESSAGE(std::invalid_argument, codebook.set_codes(tessera::rows(broken)),
                         "found nan at vector 3, component 1");
    if (metric == Metric::cosine) {
      CHECK_THROWS_MESSAGE(std::invalid_argument, codebook.set_codes(tessera::rows(zero)), "found zero at code 2");
    }

    const CodebookAverages right = before.averages;
    const auto refuses = [&](const RowMatrix<float>& given, const CodebookAverages& averages) {
      return testing::throws_exactly<std::invalid_argument>(
          [&] { codebook.set_state(tessera::rows(given), averages); });
    };
    CHECK(refuses(few, right));
    CHECK(refuses(broken, right));
    auto wrong = right;
    wrong.counts.conservativeResize(4);
    CHECK(refuses(codes, wrong));
    wrong = right;
    wrong.counts[2] = -1;
    CHECK(refuses(codes, wrong));
    wrong = right;
    wrong.counts[2] = infinite;
    CHECK(refuses(codes, wrong));
    wrong = right;
    wrong.sums.conservativeResize(5, 2);
    CHECK(refuses(codes, wrong));
    wrong = right;
    wrong.sums(1, 1) = infinite;
    CHECK(refuses(codes, wrong));
    wrong = right;
    wrong.weights[0] = 1.5;
    CHECK(refuses(codes, wrong));
    wrong = right;
    wrong.weights[0] = -0.5;
    CHECK(refuses(codes, wrong));
    wrong = right;
    wrong.weights.conservativeResize(6);
    CHECK(refuses(codes, wrong));

    const std::vector<Index> two = {0, 4}, outside = {0, 5}, negative = {-1, 2};
    const auto vectors = testing::random_normal<float>(2, 3, 33), flat = testing::random_normal<float>(2, 4, 33);
    auto bad = vectors;
    bad(1, 2) = not_a_number;
    CHECK_THROWS_MESSAGE(std::out_of_range, codebook.replace(outside, tessera::rows(vectors), 1),
                         "Codebook: expected a code below 5, found 5");
    CHECK_THROWS_MESSAGE(std::out_of_range, codebook.replace(negative, tessera::rows(vectors), 1), "found -1");
    CHECK_THROWS_MESSAGE(std::invalid_argument, codebook.replace(two, tessera::rows(few), 1),
                         "Codebook: expected 2 vectors of dimension 3, found 4 of 3");
    CHECK_THROWS_MESSAGE(std::invalid_argument, codebook.replace(two, tessera::rows(flat), 1), "found 2 of 4");
    CHECK_THROWS_MESSAGE(std::invalid_argument, codebook.replace(two, tessera::rows(bad), 1), "component 2");
    CHECK(testing::throws_exactly<std::invalid_argument>([&] { codebook.replace(two, tessera::rows(vectors), -1); }));
    CHECK(testing::throws_exactly<std::invalid_argument>(
        [&] { codebook.replace(two, tessera::rows(vectors), infinite); }));
    if (metric == Metric::cosine) {
      bad = vectors;
      bad.row(0).setZero();
      CHECK(testing::throws_exactly<std::invalid_argument>([&] { codebook.replace(two, tessera::rows(bad), 1); }));
    }
    CHECK(State<float>(codebook) == before);
    CHECK(searches_its_codes(codebook));
  }
}
