// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/codebook_statistics.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include <tessera/core/thread_pool.hpp>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Grid;
using tessera::Index;
using tessera::MaskArray;
using tessera::RowMatrix;
using tessera::Tokens;
namespace testing = tessera::testing;

template <class Scalar>
using Statistics = tessera::CodebookStatistics<Scalar>;

Tokens<> random_tokens(Index count, Index codebook_size, std::uint64_t seed, double masked = 0) {
  testing::SplitMix random(seed);
  Tokens<> tokens(count, 1);
  for (Index i = 0; i < count; ++i) tokens(i, 0) = random.uniform() < masked ? -1 : random.below(codebook_size);
  return tokens;
}

/// The statistics of a whole batch.
template <class Scalar, class Token>
Statistics<Scalar> of_batch(Index codebook_size, Grid grid, const RowMatrix<Scalar>& batch, const Tokens<Token>& tokens,
                            tessera::Mask mask = {}, tessera::Execution execution = {}) {
  Statistics<Scalar> statistics(codebook_size, batch.cols(), grid);
  statistics.accumulate(tessera::rows(batch), tessera::rows(tokens), mask, execution);
  return statistics;
}

/// The sum of the rounded vectors of each code, in steps of the grid; llround would not do, ties go to even.
template <class Scalar>
RowMatrix<std::int64_t> rounded_sums(Index codebook_size, Grid grid, const RowMatrix<Scalar>& batch,
                                     const Tokens<>& tokens) {
  RowMatrix<std::int64_t> sums = RowMatrix<std::int64_t>::Zero(codebook_size, batch.cols());
  for (Index i = 0; i < batch.rows(); ++i) {
    if (tokens(i, 0) < 0) continue;
    for (Index d = 0; d < batch.cols(); ++d) {
      const long double steps = std::ldexp(static_cast<long double>(batch(i, d)), -grid.exponent());
      sums(tokens(i, 0), d) += static_cast<std::int64_t>(std::nearbyint(steps));
    }
  }
  return sums;
}

const float not_a_number = std::bit_cast<float>(std::uint32_t{0x7fc00000});

}  // namespace

TEMPLATE_TEST_CASE("counts are counts, and each scalar is rounded once to the grid", "[codebook_statistics]", float,
                   double) {
  for (const Index dimension : {1, 2, 3, 5, 8, 17, 33}) {
    const Index size = 11;
    const auto batch = testing::random_normal<TestType>(203, dimension, 1, 3, 100);
    const Tokens<> tokens = random_tokens(203, size, 2, 0.1);
    for (const int exponent : {-44, -20, -3, 6}) {  // from finer than the data to coarser than it
      const Grid grid(exponent);
      const Statistics<TestType> statistics = of_batch(size, grid, batch, tokens);
      CAPTURE(dimension, exponent);
      CHECK(statistics.sums() == rounded_sums(size, grid, batch, tokens));
      for (Index k = 0; k < size; ++k) CHECK(statistics.counts()[k] == (tokens.array() == k).count());
      CHECK(statistics.total() == (tokens.array() >= 0).count());
      CHECK(statistics.sum(3, 0) == std::ldexp(static_cast<double>(statistics.sums()(3, 0)), exponent));
      CHECK(statistics.codebook_size() == size);
      CHECK(statistics.dimension() == dimension);
      CHECK(statistics.grid() == grid);
    }
  }
}

TEST_CASE("halves of a step go to the even step", "[codebook_statistics]") {
  RowMatrix<double> batch(1, 8);
  batch << 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.75, -0.25;
  const Tokens<> tokens = Tokens<>::Zero(1, 1);
  RowMatrix<std::int64_t> expected(1, 8);
  expected << 0, 2, 2, 0, -2, -2, 1, 0;
  CHECK(of_batch(1, Grid(0), batch, tokens).sums() == expected);
}

TEMPLATE_TEST_CASE("sums of integers are exact", "[codebook_statistics]", float, double) {
  const auto batch = testing::random_integers<TestType>(500, 6, 3, -1000, 1000);
  const Tokens<> tokens = random_tokens(500, 7, 4);
  const Grid grid = Statistics<TestType>::grid_for(1000);
  const Statistics<TestType> statistics = of_batch(7, grid, batch, tokens);
  RowMatrix<double> expected = RowMatrix<double>::Zero(7, 6);
  for (Index i = 0; i < 500; ++i) expected.row(tokens(i, 0)) += batch.row(i).template cast<double>();
  for (Index k = 0; k < 7; ++k) {
    for (Index d = 0; d < 6; ++d) CHECK(statistics.sum(k, d) == expected(k, d));
  }
}

TEMPLATE_TEST_CASE("shards merge in any order into the statistics of the whole batch, to the bit",
                   "[codebook_statistics]", float, double) {
  const Index count = 301, size = 13, dimension = 5;
  auto batch = testing::random_normal<TestType>(count, dimension, 5);
  batch.topRows(100) *= TestType(1e-4);  // magnitudes that do not add up alike in floating point
  batch.bottomRows(100) *= TestType(1e4);
  const Tokens<> tokens = random_tokens(count, size, 6, 0.05);
  const Grid grid = Statistics<TestType>::grid_for(tessera::largest_magnitude("test", tessera::rows(batch)));
  const Statistics<TestType> whole = of_batch(size, grid, batch, tokens);

  testing::SplitMix random(7);
  for (int repetition = 0; repetition < 20; ++repetition) {
    // Each vector to a random shard; shards are merged in random order into random partners.
    std::vector<Statistics<TestType>> shards(1 + static_cast<std::size_t>(random.below(7)),
                                             Statistics<TestType>(size, dimension, grid));
    for (Index i = count; i-- > 0;) {
      auto& shard = shards[static_cast<std::size_t>(random.below(static_cast<Index>(shards.size())))];
      shard.accumulate(tessera::rows(batch).slice(i, i + 1), tessera::rows(tokens).slice(i, i + 1));
    }
    while (shards.size() > 1) {
      const auto victim = static_cast<std::size_t>(random.below(static_cast<Index>(shards.size())));
      const Statistics<TestType> shard = shards[victim];
      shards.erase(shards.begin() + static_cast<std::ptrdiff_t>(victim));
      shards[static_cast<std::size_t>(random.below(static_cast<Index>(shards.size())))].merge(shard);
    }
    CHECK(shards[0] == whole);
    CHECK(shards[0].sums() == whole.sums());
    CHECK(shards[0].counts() == whole.counts());
  }
}

TEST_CASE("statistics do not depend on threads", "[codebook_statistics]") {
  const auto batch = testing::random_normal<float>(5000, 3, 8);
  tessera::ThreadPool two(2), five(5);
  for (const Index size : {1, 2, 3, 100}) {
    const Tokens<> tokens = random_tokens(5000, size, 9, 0.1);
    const Grid grid = Statistics<float>::grid_for(10);
    const auto serial = of_batch(size, grid, batch, tokens);
    CHECK(of_batch(size, grid, batch, tokens, {}, two) == serial);
    CHECK(of_batch(size, grid, batch, tokens, {}, five) == serial);
  }
}

TEST_CASE("masked vectors and tokens -1 are as if absent, whatever is in them", "[codebook_statistics]") {
  auto batch = testing::random_normal<float>(200, 4, 10);
  Tokens<> tokens = random_tokens(200, 9, 11);
  const MaskArray mask = testing::random_mask(200, 12);
  RowMatrix<float> present(mask.count(), 4);
  Tokens<> present_tokens(mask.count(), 1);
  for (Index i = 0, j = 0; i < 200; ++i) {
    if (!mask[i]) continue;
    present.row(j) = batch.row(i);
    present_tokens(j++, 0) = tokens(i, 0);
  }
  const Grid grid = Statistics<float>::grid_for(8);
  const auto expected = of_batch(9, grid, present, present_tokens);

  CHECK(of_batch(9, grid, batch, tokens, mask) == expected);
  Tokens<> marked = tokens, foreign = tokens;
  for (Index i = 0; i < 200; ++i) {
    if (mask[i]) continue;
    marked(i, 0) = -1;
    foreign(i, 0) = 1000 - 1001 * (i % 2) * 5;  // nonsense, on both sides
    batch.row(i).setConstant(i % 3 == 0 ? not_a_number : 1e30f);
  }
  CHECK(of_batch(9, grid, batch, marked) == expected);
  CHECK(of_batch(9, grid, batch, foreign, mask) == expected);
  CHECK(of_batch(9, grid, batch, marked, mask) == expected);
  const MaskArray none = MaskArray::Constant(200, false);
  CHECK(of_batch(9, grid, batch, foreign, none) == Statistics<float>(9, 4, grid));
}

TEST_CASE("tokens come in any integer type; the largest value of an unsigned one is its -1", "[codebook_statistics]") {
  const auto batch = testing::random_normal<float>(150, 3, 13);
  const Tokens<> tokens = random_tokens(150, 100, 14, 0.2);
  const Grid grid = Statistics<float>::grid_for(8);
  const auto expected = of_batch(100, grid, batch, tokens);
  CHECK(of_batch(100, grid, batch, Tokens<std::int8_t>(tokens.cast<std::int8_t>())) == expected);
  CHECK(of_batch(100, grid, batch, Tokens<std::uint8_t>(tokens.cast<std::uint8_t>())) == expected);
  CHECK(of_batch(100, grid, batch, Tokens<std::uint16_t>(tokens.cast<std::uint16_t>())) == expected);
  CHECK(of_batch(100, grid, batch, Tokens<std::int32_t>(tokens.cast<std::int32_t>())) == expected);
  CHECK(of_batch(100, grid, batch, Tokens<std::uint64_t>(tokens.cast<std::uint64_t>())) == expected);
}

TEST_CASE("vectors and tokens may lie apart", "[codebook_statistics]") {
  const auto batch = testing::random_normal<double>(60, 5, 15);
  const Tokens<> tokens = random_tokens(60, 4, 16, 0.1);
  const Grid grid = Statistics<double>::grid_for(8);
  RowMatrix<double> wide = RowMatrix<double>::Constant(60, 9, 1e200);
  wide.middleCols(3, 5) = batch;
  Tokens<> wide_tokens = Tokens<>::Constant(60, 2, 77);
  wide_tokens.col(1) = tokens;
  Statistics<double> statistics(4, 5, grid);
  statistics.accumulate(tessera::rows(wide.middleCols(3, 5)), tessera::rows(wide_tokens.rightCols(1)));
  CHECK(statistics == of_batch(4, grid, batch, tokens));
}

TEST_CASE("empty batches add nothing, and clear begins anew", "[codebook_statistics]") {
  const auto batch = testing::random_normal<float>(20, 3, 17);
  const Tokens<> tokens = random_tokens(20, 4, 18);
  const Grid grid(-30);
  auto statistics = of_batch(4, grid, batch, tokens);
  const auto before = statistics;
  statistics.accumulate(tessera::Batch<const float>(), tessera::Batch<const std::int64_t>());
  statistics.accumulate(tessera::rows(batch).slice(3, 3), tessera::rows(tokens).slice(3, 3));
  statistics.merge(Statistics<float>(4, 3, grid));
  CHECK(statistics == before);
  statistics.clear();
  CHECK(statistics == Statistics<float>(4, 3, grid));
  CHECK(statistics.total() == 0);
  CHECK(statistics.grid() == grid);
}

TEST_CASE("equality looks at sizes, grid, counts and sums", "[codebook_statistics]") {
  const auto batch = testing::random_normal<float>(20, 3, 19);
  const Tokens<> tokens = random_tokens(20, 4, 20);
  const auto statistics = of_batch(4, Grid(-30), batch, tokens);
  CHECK(statistics == of_batch(4, Grid(-30), batch, tokens));
  CHECK_FALSE(statistics == of_batch(4, Grid(-31), batch, tokens));
  CHECK_FALSE(statistics == of_batch(5, Grid(-30), batch, tokens));
  CHECK_FALSE(statistics == of_batch(4, Grid(-30), RowMatrix<float>(-batch), tokens));
  CHECK_FALSE(statistics == of_batch(4, Grid(-30), batch, random_tokens(20, 4, 21)));
}

TEST_CASE("the grid for a magnitude holds it, and 2^22 vectors of it", "[codebook_statistics]") {
  for (const double largest : {1e-30, 0.75, 1.0, 1000.0, 3e38}) {
    const Grid grid = Statistics<double>::grid_for(largest);
    CHECK(grid.contains(largest));
    CHECK(grid.spacing() / 2 <= std::ldexp(largest, -39));                      // the rounding error of an addend
    CHECK(std::ldexp(largest / grid.spacing() + 1, 22) < std::ldexp(1.0, 62));  // no overflow
    CHECK(Statistics<double>::grid_for(largest, Index{1} << 30).spacing() > grid.spacing());
    CHECK(Statistics<double>::grid_for(largest, 5) == grid);
  }
  CHECK(Statistics<double>::grid_for(0).contains(0.5));
}

TEST_CASE("the largest magnitude of the vectors that count", "[codebook_statistics]") {
  auto batch = testing::random_uniform<float>(30, 4, 22, -1, 1);
  batch(7, 2) = -5;
  batch(11, 0) = 4;
  CHECK(tessera::largest_magnitude("test", tessera::rows(batch)) == 5);
  MaskArray mask = MaskArray::Constant(30, true);
  mask[7] = false;
  CHECK(tessera::largest_magnitude("test", tessera::rows(batch), mask) == 4);
  batch(7, 1) = not_a_number;
  CHECK(tessera::largest_magnitude("test", tessera::rows(batch), mask) == 4);
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::largest_magnitude("Who", tessera::rows(batch)),
                       "Who: expected finite vectors, found nan at vector 7, component 1");
  CHECK(tessera::largest_magnitude("test", tessera::Batch<const float>()) == 0);
  mask.setConstant(false);
  CHECK(tessera::largest_magnitude("test", tessera::rows(batch), mask) == 0);
}

TEST_CASE("errors say what was expected, and change nothing", "[codebook_statistics]") {
  const auto batch = testing::random_normal<float>(20, 3, 23);
  const Tokens<> tokens = random_tokens(20, 4, 24);
  auto statistics = of_batch(4, Grid(-30), batch, tokens);
  const auto before = statistics;
  const auto add = [&](const auto& vectors, const auto& with, tessera::Mask mask = {}) {
    statistics.accumulate(tessera::rows(vectors), tessera::rows(with), mask);
  };

  CHECK_THROWS_MESSAGE(std::invalid_argument, Statistics<float>(0, 3, Grid(-30)),
                       "CodebookStatistics: expected positive sizes, found 0 codes of 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Statistics<float>(3, 0, Grid(-30)), "found 3 codes of 0");

  const auto wider = testing::random_normal<float>(20, 5, 23);
  CHECK_THROWS_MESSAGE(std::invalid_argument, add(wider, tokens),
                       "CodebookStatistics: expected vectors of dimension 3, found 5 (batch of 20)");
  CHECK_THROWS_MESSAGE(std::invalid_argument, add(batch, random_tokens(19, 4, 1)),
                       "CodebookStatistics: expected tokens of 20 x 1, found 19 x 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, add(batch, Tokens<>::Zero(20, 2).eval()), "found 20 x 2");
  const MaskArray short_mask = MaskArray::Constant(19, true);
  CHECK_THROWS_MESSAGE(std::invalid_argument, add(batch, tokens, short_mask),
                       "CodebookStatistics: expected a mask of 20 bools, one per vector, found 19");

  auto high = tokens, negative = tokens;
  high(13, 0) = 4;
  negative(5, 0) = -2;
  CHECK_THROWS_MESSAGE(std::out_of_range, add(batch, high),
                       "CodebookStatistics: expected tokens below 4, found 4 for vector 13");
  CHECK_THROWS_MESSAGE(std::out_of_range, add(batch, negative), "found -2 for vector 5");

  auto broken = batch;
  broken(17, 1) = not_a_number;
  CHECK_THROWS_MESSAGE(std::invalid_argument, add(broken, tokens),
                       "CodebookStatistics: expected finite vectors, found nan at vector 17, component 1");
  broken(17, 1) = -static_cast<float>(Grid(-30).limit());
  CHECK_THROWS_MESSAGE(std::invalid_argument, add(broken, tokens),
                       "CodebookStatistics: expected scalars below 2097152 in magnitude, found 2097152");

  CHECK_THROWS_MESSAGE(std::invalid_argument, statistics.merge(Statistics<float>(5, 3, Grid(-30))),
                       "CodebookStatistics: expected statistics of 4 codes of dimension 3, found 5 of 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, statistics.merge(Statistics<float>(4, 2, Grid(-30))), "found 4 of 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, statistics.merge(Statistics<float>(4, 3, Grid(-29))),
                       "CodebookStatistics: expected sums on a grid of spacing 2^-30, found 2^-29");
  CHECK(statistics == before);
}

TEST_CASE("sums that might overflow are refused before they do, and nothing changes", "[codebook_statistics]") {
  // On the grid of integers, 2^12 vectors of 2^50 reach 2^62.
  const RowMatrix<double> batch = RowMatrix<double>::Constant(3000, 1, 0x1p50);
  const Tokens<> tokens = Tokens<>::Zero(3000, 1);
  auto statistics = of_batch(2, Grid(0), batch, tokens);
  const auto before = statistics;
  CHECK(statistics.sum(0, 0) == 3000 * 0x1p50);
  CHECK_THROWS_MESSAGE(tessera::NumericalError, statistics.accumulate(tessera::rows(batch), tessera::rows(tokens)),
                       "CodebookStatistics: expected sums below 2^62 steps of 2^0, 6000 vectors may exceed them");
  CHECK(statistics == before);
  auto other = before;
  CHECK_THROWS_MESSAGE(tessera::NumericalError, other.merge(statistics),
                       "CodebookStatistics: expected merged sums below 2^62 steps of 2^0");
  CHECK(other == before);
  statistics.accumulate(tessera::rows(batch).slice(0, 1000), tessera::rows(tokens).slice(0, 1000));
  CHECK(statistics.sum(0, 0) == 4000 * 0x1p50);
  statistics.clear();  // there is room again
  statistics.accumulate(tessera::rows(batch), tessera::rows(tokens));
  CHECK(statistics == before);

  // A coarser grid helps.
  auto coarse = of_batch(2, Grid(10), batch, tokens);
  coarse.accumulate(tessera::rows(batch), tessera::rows(tokens));
  CHECK(coarse.sum(0, 0) == 6000 * 0x1p50);
}
