// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/detail/exact_order.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "reference/nearest.hpp"
#include "support/catch.hpp"
#include "support/random_matrix.hpp"

namespace {

namespace detail = tessera::detail;
namespace testing = tessera::testing;
using tessera::Index;
using tessera::Metric;
using tessera::RowMatrix;

constexpr Metric metrics[] = {Metric::squared_euclidean, Metric::cosine};

/// Codes of which many tie or nearly do: integers, multiples of them, and neighbours by one unit in the last place.
template <class Scalar>
RowMatrix<Scalar> close_codes(Index dimension, std::uint64_t seed) {
  RowMatrix<Scalar> codes = testing::random_integers<Scalar>(24, dimension, seed, -3, 3);
  codes.row(7).setZero();
  for (Index k = 8; k < 12; ++k) codes.row(k) = codes.row(k - 8) * Scalar(3);
  for (Index k = 12; k < 16; ++k) {
    codes.row(k) = codes.row(k - 12);
    codes(k, 0) = std::nextafter(codes(k, 0), Scalar(5));
  }
  for (Index k = 16; k < 20; ++k) codes.row(k) = -codes.row(k - 16);
  return codes;
}

}  // namespace

TEMPLATE_TEST_CASE("exact comparisons agree with whole-number arithmetic", "[exact_order]", float, double) {
  for (const Index dimension : {1, 2, 9}) {
    const auto codes = close_codes<TestType>(dimension, 1);
    const auto queries = testing::random_integers<TestType>(8, dimension, 2, -3, 3);
    for (const Metric metric : metrics) {
      const testing::ExactNearest<TestType> exact(codes, metric);
      for (Index i = 0; i < queries.rows(); ++i) {
        const TestType* x = queries.row(i).data();
        for (Index a = 0; a < codes.rows(); ++a) {
          for (Index b = 0; b < codes.rows(); ++b) {
            const int order = detail::compare_exactly(metric, x, codes.row(a).data(), codes.row(b).data(), dimension);
            if ((order > 0) - (order < 0) != exact.compare_exactly(x, a, b)) {
              CAPTURE(tessera::metric_name(metric), dimension, i, a, b, order);
              FAIL("another order");
            }
          }
        }
      }
    }
  }
}

TEMPLATE_TEST_CASE("codes are totally ordered, ties by index", "[exact_order]", float, double) {
  const Index dimension = 5;
  const auto codes = close_codes<TestType>(dimension, 3);
  const auto queries = testing::random_integers<TestType>(10, dimension, 4, -3, 3);
  for (const Metric metric : metrics) {
    const testing::ExactNearest<TestType> exact(codes, metric);
    for (Index i = 0; i < queries.rows(); ++i) {
      const TestType* x = queries.row(i).data();
      std::vector<detail::Candidate> candidates;
      for (Index k = 0; k < codes.rows(); ++k) {
        candidates.push_back({k, detail::order_value(metric, x, codes.row(k).data(), dimension)});
      }
      const std::vector<Index> ranking = exact.ranking(x);
      std::vector<std::size_t> place(ranking.size());
      for (std::size_t r = 0; r < ranking.size(); ++r) place[static_cast<std::size_t>(ranking[r])] = r;
      for (std::size_t a = 0; a < candidates.size(); ++a) {
        for (std::size_t b = 0; b < candidates.size(); ++b) {
          const bool before =
              detail::comes_before(metric, x, tessera::rows(std::as_const(codes)), candidates[a], candidates[b]);
          if (before != (place[a] < place[b])) {
            CAPTURE(tessera::metric_name(metric), i, a, b, before);
            FAIL("another order");
          }
        }
      }
    }
  }
}

TEMPLATE_TEST_CASE("values in double are within their bounds of the truth, and the bounds are narrow", "[exact_order]",
                   float, double) {
  for (const double offset : {0.0, 1e5}) {
    for (const Index dimension : {1, 3, 64, 300}) {
      const auto codes = testing::random_normal<TestType>(20, dimension, 5, 1, offset);
      const auto queries = testing::random_normal<TestType>(20, dimension, 6, 1, offset);
      const testing::ExactNearest<TestType> distances(codes, Metric::squared_euclidean), cosines(codes, Metric::cosine);
      for (Index i = 0; i < 20; ++i) {
        const TestType *x = queries.row(i).data(), *c = codes.row(i).data();
        const auto square = distances.measure(x, i), cosine = cosines.measure(x, i);
        const detail::Bounded distance = detail::squared_distance(x, c, dimension);
        CHECK(std::abs(distance.value - square) <= distance.error);
        CHECK(distance.error <= 1e-12 * static_cast<double>(square) + 1e-30);
        const long double norm = std::sqrt(distances.measure(RowMatrix<TestType>::Zero(1, dimension).eval().data(), i));
        const long double length = queries.row(i).template cast<long double>().norm();
        CHECK(norm > 0);
        const detail::Bounded negative = detail::negative_cosine(x, c, dimension);
        CHECK(std::abs(negative.value + cosine * length) <= negative.error);
        CHECK(negative.error <= 1e-12 * static_cast<double>(length));
        CHECK(std::abs(detail::cosine_similarity(x, c, dimension) - cosine) < 1e-13);
      }
    }
  }
}

TEST_CASE("a zero code has cosine zero, and so has a zero query", "[exact_order]") {
  const double zero[] = {0, 0}, one[] = {1, 2};
  CHECK(detail::negative_cosine(one, zero, 2).value == 0);
  CHECK(detail::cosine_similarity(one, zero, 2) == 0);
  CHECK(detail::cosine_similarity(zero, one, 2) == 0);
  CHECK(detail::compare_exactly(Metric::cosine, one, one, zero, 2) == -1);
  CHECK(detail::compare_exactly(Metric::cosine, zero, one, zero, 2) == 0);
}

TEST_CASE("similarities of huge and tiny vectors do not overflow or vanish", "[exact_order]") {
  const double huge[] = {1e308, 1e308}, tiny[] = {3e-300, 0}, mixed[] = {1e308, 1e-300};
  CHECK(detail::cosine_similarity(huge, tiny, 2) == Catch::Approx(std::sqrt(0.5)).epsilon(1e-14));
  CHECK(detail::cosine_similarity(huge, huge, 2) == Catch::Approx(1).epsilon(1e-14));
  CHECK(detail::cosine_similarity(mixed, tiny, 2) == Catch::Approx(1).epsilon(1e-14));
  CHECK(detail::compare_exactly(Metric::squared_euclidean, huge, tiny, mixed, 2) == 1);
  CHECK(detail::compare_exactly(Metric::cosine, huge, tiny, mixed, 2) == 1);  // mixed points up a little
}

TEST_CASE("only values that are certain are certain", "[exact_order]") {
  using detail::certainly_less;
  CHECK(certainly_less({1, 0.25}, {2, 0.25}));
  CHECK_FALSE(certainly_less({1, 0.5}, {2, 0.5}));
  CHECK_FALSE(certainly_less({2, 0}, {1, 0}));
  CHECK_FALSE(certainly_less({1, 0}, {1, 0}));
  CHECK_FALSE(certainly_less({1e291, 0}, {1e300, 0}));
  CHECK_FALSE(certainly_less({-1e291, 0}, {1, 0}));
  CHECK_FALSE(certainly_less({1, 0}, {2, 1e291}));
}
