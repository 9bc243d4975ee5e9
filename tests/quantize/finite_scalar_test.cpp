// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/finite_scalar.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/simd.hpp>
#include <tessera/core/thread_pool.hpp>

#include "reference/finite_scalar_cases.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
namespace fsq = tessera::testing::fsq;
using fsq::all_are;
using fsq::column;
using fsq::levels_of;
using fsq::mixed_levels;
using fsq::naive_digits;
using fsq::naive_indices;
using fsq::quantizer_of;
using fsq::Real;
using fsq::rows_of;
using fsq::same;
using fsq::Scattered;
using tessera::testing::effort;
using tessera::testing::random_mask;
using tessera::testing::random_normal;
using tessera::testing::sanitized;

namespace {

const std::vector<Index> dimensions = {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17};

template <class Scalar>
Scalar smallest_subnormal() {
  if constexpr (sizeof(Scalar) == 4) {
    return std::bit_cast<float>(std::uint32_t{1});
  } else {
    return std::bit_cast<double>(std::uint64_t{1});
  }
}

}  // namespace

// ---- values ----

TEMPLATE_TEST_CASE("the example of the paper's notebook", "", float, double) {
  const auto quantizer = quantizer_of<TestType>(FsqDialect::google, {3, 5, 4});
  RowMatrix<TestType> z(1, 3), code(1, 3);
  z << TestType(0.25), TestType(0.6), TestType(-7);
  code << 0, TestType(0.5), -1;
  CHECK(quantizer.encode(rows(z))(0, 0) == 10);
  const Tokens<> ten = Tokens<>::Constant(1, 1, 10);
  CHECK(same(quantizer.decode(ten), code));
  const auto result = quantizer.forward(rows(z));
  CHECK(result.tokens(0, 0) == 10);
  CHECK(same(result.codes, code));
  CHECK(result.losses.total() == 0);
}

TEMPLATE_TEST_CASE("tokens are the formula's on normal latents, in every dialect and dimension", "", float, double) {
  for (const FsqDialect dialect : fsq_dialects) {
    for (const Index dimension : dimensions) {
      const auto seed = static_cast<std::uint64_t>(100 * static_cast<int>(dialect) + dimension);
      const auto levels = mixed_levels(dialect, dimension, seed);
      const auto quantizer = quantizer_of<TestType>(dialect, levels);
      const auto z = random_normal<TestType>(effort(151, 37), dimension, seed, 1.5);
      const RowMatrix<int> digits = naive_digits(dialect, levels, z);
      const auto result = quantizer.forward(rows(z));
      CAPTURE(dialect_name(dialect), dimension, levels);
      CHECK(same(quantizer.encode(rows(z)), naive_indices(levels, digits)));
      CHECK(same(result.tokens, naive_indices(levels, digits)));
      CHECK(same(result.codes, quantizer.decode(result.tokens)));
      double farthest = 0;
      for (Index i = 0; i < z.size(); ++i) {
        const int L = levels[static_cast<std::size_t>(i % dimension)];
        const Real code = fsq::code(dialect, L, digits.data()[i]);
        farthest =
            std::max(farthest, static_cast<double>(std::abs(result.codes.data()[i] - code) / (1 + std::abs(code))));
      }
      CHECK(farthest <= std::numeric_limits<TestType>::epsilon());  // rounded once
    }
  }
}

TEMPLATE_TEST_CASE("a threshold has its level and the number below it the level below", "", float, double) {
  for (const FsqDialect dialect : fsq_dialects) {
    for (const int L : {2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 17, 31, 32, 33, 34, 35, 64, 100}) {
      if (!level_range(dialect).contains(L) || (sanitized && L > 35)) continue;
      const auto quantizer = quantizer_of<TestType>(dialect, {L});
      const auto thresholds = quantizer.thresholds(0);
      REQUIRE(thresholds.size() == static_cast<std::size_t>(L - 1));
      std::vector<TestType> values = {std::numeric_limits<TestType>::lowest()};
      std::vector<int> expected = {0};
      for (int k = 1; k < L; ++k) {
        const TestType t = thresholds[static_cast<std::size_t>(k - 1)];
        values.insert(values.end(), {fsq::neighbour(t, -1), t, fsq::neighbour(t, 1)});
        expected.insert(expected.end(), {k - 1, k, k});
      }
      values.push_back(std::numeric_limits<TestType>::max());
      expected.push_back(L - 1);
      CAPTURE(dialect_name(dialect), L);
      CHECK(levels_of(quantizer, values) == expected);

      // the same in four dimensions of which the outer ones have other levels, and through forward
      const int other = dialect == FsqDialect::cosyvoice ? 3 : 5;
      const auto wide = quantizer_of<TestType>(dialect, {other, L, L, other});
      RowMatrix<TestType> z = RowMatrix<TestType>::Zero(static_cast<Index>(values.size()), 4);
      z.col(1) = column(values);
      z.col(2) = column(values).reverse();
      const Tokens<> tokens = wide.encode(rows(z));
      std::vector<int> second, third;
      std::vector<int> digits(4);
      for (Index i = 0; i < tokens.rows(); ++i) {
        wide.radix().digits(tokens(i, 0), digits.data());
        second.push_back(digits[1]);
        third.push_back(digits[2]);
      }
      std::reverse(third.begin(), third.end());
      CHECK(second == expected);
      CHECK(third == expected);
      CHECK(same(wide.forward(rows(z)).tokens, tokens));
    }
  }
}

TEMPLATE_TEST_CASE("zero has one level, whatever its sign, and the dialect's rule decides ties", "", float, double) {
  const std::vector<TestType> zeros = {TestType(0), -TestType(0)};
  for (const FsqDialect dialect : fsq_dialects) {
    for (const int L : {2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 17, 34, 36}) {
      if (!level_range(dialect).contains(L)) continue;
      const bool to_even =
          dialect == FsqDialect::stable_codec || dialect == FsqDialect::ifsq || dialect == FsqDialect::sigmoid;
      const int lower = L / 2 - 1, upper = L / 2;
      const int expected = L % 2 == 1 ? (L - 1) / 2 : to_even ? (lower % 2 == 0 ? lower : upper) : upper;
      CAPTURE(dialect_name(dialect), L);
      CHECK(levels_of(quantizer_of<TestType>(dialect, {L}), zeros) == std::vector<int>{expected, expected});
      // and so says the formula, wherever zero is an edge
      CHECK(fsq::level(dialect, L, 0) == expected);
    }
  }
}

TEMPLATE_TEST_CASE("the smallest numbers either side of zero have the levels either side of an edge there", "", float,
                   double) {
  const std::vector<TestType> tiny = {-smallest_subnormal<TestType>(), smallest_subnormal<TestType>()};
  for (const FsqDialect dialect :
       {FsqDialect::symmetric, FsqDialect::stable_codec, FsqDialect::hard_clamp, FsqDialect::residual_hard_clamp,
        FsqDialect::ifsq, FsqDialect::gaussian_cdf, FsqDialect::sigmoid}) {
    for (const int L : {2, 4, 6, 8, 34}) {
      CAPTURE(dialect_name(dialect), L);
      CHECK(levels_of(quantizer_of<TestType>(dialect, {L}), tiny) == std::vector<int>{L / 2 - 1, L / 2});
    }
  }
}

TEST_CASE("dyadic edges of hard_clamp get the upper level") {
  const auto quantizer = quantizer_of<float>(FsqDialect::hard_clamp, {5});
  CHECK(levels_of<float>(quantizer, {-1.0f, -0.75f, -0.25f, 0.25f, 0.75f, 1.0f}) == std::vector<int>{0, 1, 2, 3, 4, 4});
  CHECK(levels_of<float>(quantizer, {-2.0f, -0.7500001f, -0.2500001f, 0.2499999f, 0.7499999f, 2.0f}) ==
        std::vector<int>{0, 0, 1, 2, 3, 4});
}

TEMPLATE_TEST_CASE("levels never fall as the input rises, and all are reached", "", float, double) {
  for (const FsqDialect dialect : fsq_dialects) {
    for (const int L : {2, 3, 5, 8, 33, 40}) {
      if (!level_range(dialect).contains(L)) continue;
      auto z = random_normal<TestType>(effort(3000, 500), 1, static_cast<std::uint64_t>(L), 3);
      std::vector<TestType> values(z.data(), z.data() + z.size());
      const auto quantizer = quantizer_of<TestType>(dialect, {L});
      for (const TestType t : quantizer.thresholds(0)) values.push_back(t);
      values.insert(values.end(), {TestType(-1e30), TestType(1e30), TestType(0)});
      std::sort(values.begin(), values.end());
      const std::vector<int> found = levels_of(quantizer, values);
      CAPTURE(dialect_name(dialect), L);
      CHECK(std::is_sorted(found.begin(), found.end()));
      std::vector<int> different = found;
      different.erase(std::unique(different.begin(), different.end()), different.end());
      CHECK(different.size() == static_cast<std::size_t>(L));
      CHECK(different.back() == L - 1);
    }
  }
}

// ---- nothing but the vector decides its token ----

TEST_CASE("float and double quantizers agree on numbers that both can hold") {
  for (const FsqDialect dialect : fsq_dialects) {
    const auto levels = mixed_levels(dialect, 5, 7);
    const auto narrow = quantizer_of<float>(dialect, levels);
    const auto wide = quantizer_of<double>(dialect, levels);
    RowMatrix<float> z = random_normal<float>(effort(4000, 400), 5, 8, 1.2);
    for (Index d = 0; d < 5; ++d) {  // the float thresholds, where the two are nearest to disagreeing
      const auto thresholds = narrow.thresholds(d);
      for (std::size_t k = 0; k < thresholds.size(); ++k) {
        if (std::abs(thresholds[k]) < std::numeric_limits<float>::min())
          continue;  // lost in conversions by -ffast-math
        z(static_cast<Index>(2 * k), d) = thresholds[k];
        z(static_cast<Index>(2 * k + 1), d) = fsq::neighbour(thresholds[k], -1);
      }
    }
    const RowMatrix<double> same_numbers = z.cast<double>();
    CAPTURE(dialect_name(dialect));
    CHECK(same(narrow.encode(rows(z)), wide.encode(rows(same_numbers))));
  }
}

TEMPLATE_TEST_CASE("tokens and codes do not depend on split, stride, alignment, threads or neighbours", "", float,
                   double) {
  ThreadPool pool(3);
  for (const Index dimension : dimensions) {
    const auto levels = mixed_levels(FsqDialect::lucidrains, dimension, static_cast<std::uint64_t>(dimension));
    const auto quantizer = quantizer_of<TestType>(FsqDialect::lucidrains, levels);
    const Index count = effort(1037, 133);
    const auto z = random_normal<TestType>(count, dimension, static_cast<std::uint64_t>(dimension) + 50);
    const auto whole = quantizer.forward(rows(z));
    CAPTURE(dimension, levels);

    for (const Index piece : {Index{1}, Index{3}, Index{simd::lanes<TestType> + 1}, Index{512}}) {
      Tokens<> tokens(count, 1);
      RowMatrix<TestType> codes(count, dimension);
      for (Index begin = 0; begin < count; begin += piece) {
        const Index size = std::min(piece, count - begin);
        const auto part = quantizer.forward(Batch<const TestType>(rows(z)).slice(begin, begin + size));
        tokens.middleRows(begin, size) = part.tokens;
        codes.middleRows(begin, size) = part.codes;
      }
      CAPTURE(piece);
      CHECK(same(tokens, whole.tokens));
      CHECK(same(codes, whole.codes));
    }

    for (const Index gap : {Index{1}, Index{5}}) {
      Scattered<TestType> scattered(z, dimension + gap, gap);
      CHECK(same(quantizer.encode(scattered.view()), whole.tokens));
      CHECK(same(quantizer.forward(scattered.view()).codes, whole.codes));
    }
    Scattered<TestType> shifted(z, dimension, 1);
    CHECK(same(quantizer.encode(shifted.view()), whole.tokens));

    const Batch<const TestType> reversed(z.row(count - 1).data(), count, dimension, -dimension);
    CHECK(same(quantizer.encode(reversed), Tokens<>(whole.tokens.colwise().reverse())));

    CHECK(same(quantizer.encode(rows(z), {.execution = pool}), whole.tokens));

    for (Index d = 0; d < dimension; ++d) {  // a dimension's level is that of a quantizer with this dimension alone
      const auto alone = quantizer_of<TestType>(FsqDialect::lucidrains, {levels[static_cast<std::size_t>(d)]});
      const Tokens<> digit = alone.encode(Batch<const TestType>(z.data() + d, 20, 1, dimension));
      std::vector<int> digits(levels.size());
      for (Index i = 0; i < 20; ++i) {
        quantizer.radix().digits(whole.tokens(i, 0), digits.data());
        CHECK(digits[static_cast<std::size_t>(d)] == digit(i, 0));
      }
    }
  }
}

TEST_CASE("many threads work on a large batch with the result of one") {
  ThreadPool pool(4);
  const auto quantizer = quantizer_of<float>(FsqDialect::google, {7, 5, 5, 5, 5});
  const auto z = random_normal<float>(effort(40001, 17001), 5, 77);
  const auto alone = quantizer.forward(rows(z));
  const auto together = quantizer.forward(rows(z), {.execution = pool});
  CHECK(same(together.tokens, alone.tokens));
  CHECK(same(together.codes, alone.codes));
  CHECK(same(quantizer.encode(rows(z), {.execution = pool}), alone.tokens));
  CHECK(same(quantizer.decode(alone.tokens, {.execution = pool}), alone.codes));
}

TEST_CASE("batches of every small size, empty ones included") {
  const auto quantizer = quantizer_of<float>(FsqDialect::symmetric, {8, 6, 5});
  const auto z = random_normal<float>(4 * simd::lanes<float> + 3, 3, 9);
  const Tokens<> whole = quantizer.encode(rows(z));
  for (Index count = 0; count <= z.rows(); ++count) {
    const RowMatrix<float> part = z.topRows(count);
    const auto result = quantizer.forward(rows(part));
    CAPTURE(count);
    CHECK(same(result.tokens, whole.topRows(count)));
    CHECK(result.codes.rows() == count);
    CHECK(result.codes.cols() == 3);
    CHECK(quantizer.decode(result.tokens).rows() == count);
    const RowMatrix<float> ones = RowMatrix<float>::Ones(count, 3);
    CHECK(quantizer.backward(rows(part), result, {.codes = rows(ones)}).grad_input.rows() == count);
  }
}

TEMPLATE_TEST_CASE("verbs read and write the vectors they are given and nothing between or behind them", "", float,
                   double) {
  for (const Index dimension : dimensions) {
    const auto levels = mixed_levels(FsqDialect::symmetric, dimension, 46);
    const auto quantizer = quantizer_of<TestType>(FsqDialect::symmetric, levels);
    for (const Index count : {Index{1}, Index{2}, Index{3}, Index{4}, Index{5}, Index{simd::lanes<TestType>},
                              Index{simd::lanes<TestType> + 1}, Index{16 * simd::lanes<TestType> + 3}, Index{67}}) {
      const auto z = random_normal<TestType>(count, dimension, static_cast<std::uint64_t>(count));
      const auto digits = naive_digits(FsqDialect::symmetric, levels, z);
      const auto expected = naive_indices(levels, digits);
      CAPTURE(dimension, count);
      for (const Index gap : {Index{0}, Index{1}, Index{3}, Index{4}}) {
        const Scattered<TestType> input(z, dimension + gap, 1);
        Tokens<std::int64_t> tokens = Tokens<std::int64_t>::Constant(count, 1 + gap, -9);
        quantizer.encode_into(input.view(), Batch<std::int64_t>(tokens.data(), count, 1, 1 + gap));
        CHECK(same(tokens.col(0), expected));
        CHECK(all_are(tokens.rightCols(gap), -9));

        const auto forward = quantizer.forward(input.view());
        CHECK(same(forward.tokens, expected));
        const RowMatrix<TestType> nines = RowMatrix<TestType>::Constant(count, dimension, 9);
        Scattered<TestType> output(nines, dimension + gap, 3);
        std::fill(output.memory.begin(), output.memory.end(), TestType(9));
        quantizer.decode_into(Batch<std::int64_t>(tokens.data(), count, 1, 1 + gap), output.batch);
        CHECK(same(RowMatrix<TestType>(output.batch.matrix()), forward.codes));
        const auto nine = static_cast<Index>(std::count(output.memory.begin(), output.memory.end(), TestType(9)));
        CHECK(nine == 3 + (count - 1) * gap);  // no code is nine
      }
    }
  }
}

TEST_CASE("columns, blocks and maps are batches, too") {
  const auto quantizer = quantizer_of<double>(FsqDialect::ifsq, {5, 7});
  const auto z = random_normal<double>(23, 2, 10);
  const Tokens<> expected = quantizer.encode(rows(z));
  const Eigen::MatrixXd transposed = z.transpose();
  CHECK(same(quantizer.encode(columns(transposed)), expected));
  RowMatrix<double> wide = RowMatrix<double>::Constant(23, 6, 9);
  wide.middleCols(3, 2) = z;
  CHECK(same(quantizer.encode(rows(wide.middleCols(3, 2))), expected));
}

TEST_CASE("results are reused") {
  const auto quantizer = quantizer_of<float>(FsqDialect::lucidrains, {8, 5, 5, 5});
  const auto z = random_normal<float>(50, 4, 11);
  FiniteScalarQuantizer<float>::Result result;
  quantizer.forward_into(rows(z), result);
  const float* codes = result.codes.data();
  const std::int64_t* tokens = result.tokens.data();
  quantizer.forward_into(rows(z), result);
  CHECK(result.codes.data() == codes);
  CHECK(result.tokens.data() == tokens);
  FiniteScalarQuantizer<float>::Gradients gradients;
  const RowMatrix<float> ones = RowMatrix<float>::Ones(50, 4);
  quantizer.backward_into(rows(z), result, {.codes = rows(ones)}, gradients);
  const float* gradient = gradients.grad_input.data();
  quantizer.backward_into(rows(z), result, {.codes = rows(ones)}, gradients);
  CHECK(gradients.grad_input.data() == gradient);
}

// ---- sizes, indices, token types ----

TEST_CASE("sizes, bits, codes and steps of a quantizer") {
  const auto quantizer = quantizer_of<double>(FsqDialect::lucidrains, {7, 5, 5, 5, 5});
  CHECK(quantizer.dimension() == 5);
  CHECK(quantizer.tokens_per_vector() == 1);
  CHECK(quantizer.codebook_size() == 4375);
  CHECK(quantizer.bits_per_token() == Catch::Approx(12.0951).margin(5e-5));  // 12.095 published
  CHECK(quantizer.bits_per_vector() == quantizer.bits_per_token());
  CHECK(quantizer.levels() == std::vector<int>{7, 5, 5, 5, 5});
  CHECK(quantizer.dialect() == FsqDialect::lucidrains);
  CHECK(quantizer.radix().size() == 4375);
  for (const FsqDialect dialect : fsq_dialects) {
    for (const int L : {2, 3, 4, 5, 8, 19}) {
      if (!level_range(dialect).contains(L)) continue;
      const auto alone = quantizer_of<double>(dialect, {L});
      const auto codes = alone.level_codes(0);
      REQUIRE(codes.size() == static_cast<std::size_t>(L));
      CAPTURE(dialect_name(dialect), L);
      for (int k = 0; k < L; ++k) {
        const double code = codes[static_cast<std::size_t>(k)];
        CHECK(code == Catch::Approx(static_cast<double>(fsq::code(dialect, L, k))).margin(1e-15));
        if (k > 0) CHECK(code - codes[static_cast<std::size_t>(k - 1)] == Catch::Approx(alone.step(0)).epsilon(1e-12));
      }
    }
  }
}

TEST_CASE("every token decodes to its digits' codes, and encodes again where codes are latents of their own level") {
  const std::vector<int> levels = {8, 5, 3};
  for (const FsqDialect dialect : fsq_dialects) {
    const bool odd = level_range(dialect).odd_only;
    const auto quantizer = quantizer_of<float>(dialect, dialect == FsqDialect::cosyvoice ? std::vector<int>{3, 3, 3}
                                                        : odd                            ? std::vector<int>{9, 5, 3}
                                                                                         : levels);
    Tokens<> tokens(quantizer.codebook_size(), 1);
    for (Index k = 0; k < tokens.rows(); ++k) tokens(k, 0) = k;
    const RowMatrix<float> codes = quantizer.decode(tokens);
    int wrong = 0;
    std::vector<int> digits(3);
    for (Index k = 0; k < tokens.rows(); ++k) {
      quantizer.radix().digits(k, digits.data());
      for (Index d = 0; d < 3; ++d) {
        wrong += codes(k, d) != quantizer.level_codes(d)[static_cast<std::size_t>(digits[static_cast<std::size_t>(d)])];
      }
    }
    CAPTURE(dialect_name(dialect));
    CHECK(wrong == 0);
    if (dialect == FsqDialect::hard_clamp) CHECK(same(quantizer.encode(rows(codes)), tokens));
  }
}

TEMPLATE_TEST_CASE("the largest index of 2^63 codes is exact", "", float, double) {
  const auto quantizer = quantizer_of<TestType>(FsqDialect::google, std::vector<int>(21, 8));
  CHECK(quantizer.tokens_per_vector() == 1);
  CHECK(quantizer.bits_per_token() == Catch::Approx(63));
  CHECK_THROWS_MESSAGE(std::out_of_range, quantizer.codebook_size(), "FiniteScalarQuantizer");
  RowMatrix<TestType> z = random_normal<TestType>(40, 21, 12, 2);
  z.row(0).setConstant(9);
  z.row(1).setConstant(-9);
  z.row(2) = z.row(0);
  z(2, 0) = -9;
  const auto result = quantizer.forward(rows(z));
  CHECK(result.tokens(0, 0) == std::numeric_limits<std::int64_t>::max());
  CHECK(result.tokens(1, 0) == 0);
  CHECK(result.tokens(2, 0) == std::numeric_limits<std::int64_t>::max() - 7);
  CHECK(same(quantizer.encode(rows(z)),
             naive_indices(std::vector<int>(21, 8), naive_digits(FsqDialect::google, std::vector<int>(21, 8), z))));
  CHECK(same(quantizer.decode(result.tokens), result.codes));
}

TEMPLATE_TEST_CASE("indices that need all bits are exact in other radices, too", "", float, double) {
  for (const auto& levels :
       {std::vector<int>(27, 5), std::vector<int>{1000, 999, 998, 997, 996, 995}, std::vector<int>(39, 3)}) {
    const auto quantizer = quantizer_of<TestType>(FsqDialect::lucidrains, levels);
    REQUIRE(quantizer.tokens_per_vector() == 1);
    const auto z = random_normal<TestType>(200, static_cast<Index>(levels.size()), 13, 2);
    const auto digits = naive_digits(FsqDialect::lucidrains, levels, z);
    CAPTURE(levels.size());
    CHECK(same(quantizer.encode(rows(z)), naive_indices(levels, digits)));
    CHECK(same(quantizer.decode(quantizer.encode(rows(z))), quantizer.forward(rows(z)).codes));
  }
}

TEMPLATE_TEST_CASE("every token of two million codes decodes to the codes of its digits", "", float, double) {
  std::vector<std::vector<int>> sets = {{3, 5, 7, 11, 13, 9}};
  if (!sanitized) {
    sets.insert(sets.end(), {{1024, 2048}, {2047, 4, 255}});
    if (sizeof(TestType) == 4) sets.insert(sets.end(), {{1447, 1449}, std::vector<int>(13, 3), std::vector<int>(9, 5)});
  }
  for (const auto& levels : sets) {
    const auto quantizer = quantizer_of<TestType>(FsqDialect::symmetric, levels);
    const auto dimension = static_cast<Index>(levels.size());
    Tokens<std::int32_t> tokens(quantizer.codebook_size(), 1);
    for (Index k = 0; k < tokens.rows(); ++k) tokens(k, 0) = static_cast<std::int32_t>(k);
    const RowMatrix<TestType> codes = quantizer.decode(tokens);
    std::vector<int> counter(levels.size(), 0);
    Index wrong = 0;
    for (Index k = 0; k < tokens.rows(); ++k) {
      for (Index d = 0; d < dimension; ++d) {
        const auto at = static_cast<std::size_t>(d);
        wrong += codes(k, d) != quantizer.level_codes(d)[static_cast<std::size_t>(counter[at])];
      }
      for (std::size_t d = 0; d < levels.size() && ++counter[d] == levels[d]; ++d) counter[d] = 0;
    }
    CAPTURE(levels);
    CHECK(wrong == 0);
  }
}

TEMPLATE_TEST_CASE("random tokens of large codebooks decode to the codes of their digits", "", float, double) {
  testing::SplitMix random(47);
  for (int round = 0; round < effort(60, 15); ++round) {
    std::vector<int> levels;
    double bits = 0;
    while (levels.size() < 30) {
      const int most = round % 3 == 0 ? 9 : round % 3 == 1 ? 300 : 1500;
      const int L = 2 + static_cast<int>(random.below(most));
      if (bits + std::log2(L) > 62.9) break;
      bits += std::log2(L);
      levels.push_back(L);
    }
    const auto quantizer = quantizer_of<TestType>(FsqDialect::hard_clamp, levels);
    const auto dimension = static_cast<Index>(levels.size());
    RowMatrix<int> digits(130, dimension);
    for (Index i = 0; i < 130; ++i) {
      for (Index d = 0; d < dimension; ++d) {
        const int L = levels[static_cast<std::size_t>(d)];
        digits(i, d) = i == 0       ? L - 1
                       : i == 1     ? 0
                       : i % 4 == 0 ? L - 1 - static_cast<int>(random.below(2))
                                    : static_cast<int>(random.below(L));
      }
    }
    const Tokens<> tokens = naive_indices(levels, digits);
    const RowMatrix<TestType> codes = quantizer.decode(tokens);
    Index wrong = 0;
    for (Index i = 0; i < 130; ++i) {
      for (Index d = 0; d < dimension; ++d) {
        wrong += codes(i, d) != quantizer.level_codes(d)[static_cast<std::size_t>(digits(i, d))];
      }
    }
    CAPTURE(levels);
    CHECK(wrong == 0);
    CHECK(same(quantizer.encode(rows(codes)), tokens));  // codes of hard_clamp are latents of their level
  }
}

TEST_CASE("beyond 2^63 codes the digits are the tokens") {
  const std::vector<int> levels(22, 8);
  const auto quantizer = quantizer_of<float>(FsqDialect::symmetric, levels);
  CHECK(quantizer.tokens_per_vector() == 22);
  CHECK(quantizer.bits_per_token() == Catch::Approx(3));
  CHECK(quantizer.bits_per_vector() == Catch::Approx(66));
  CHECK_THROWS_MESSAGE(std::out_of_range, quantizer.codebook_size(), "FiniteScalarQuantizer");
  const auto z = random_normal<float>(57, 22, 14);
  const auto result = quantizer.forward(rows(z));
  CHECK(same(result.tokens, naive_digits(FsqDialect::symmetric, levels, z).cast<std::int64_t>()));
  CHECK(same(quantizer.encode(rows(z)), result.tokens));
  CHECK(same(quantizer.decode(result.tokens), result.codes));
  CHECK(same(quantizer.encode<std::uint8_t>(rows(z)).cast<std::int64_t>(), result.tokens));

  const MaskArray mask = random_mask(57, 15);
  const Tokens<> masked = quantizer.encode(rows(z), {.mask = mask});
  for (Index i = 0; i < 57; ++i) {
    CHECK((mask[i] ? same(masked.row(i), result.tokens.row(i)) : all_are(masked.row(i), -1)));
  }
  Tokens<> bad = result.tokens;
  bad(31, 4) = 8;
  CHECK_THROWS_MESSAGE(std::out_of_range, quantizer.decode(bad), "8");
  bad(31, 4) = -1;
  CHECK_THROWS_MESSAGE(std::out_of_range, quantizer.decode(bad), "-1");
}

TEST_CASE("tokens come in any integer type that holds them") {
  const auto quantizer = quantizer_of<float>(FsqDialect::lucidrains, {16, 16});
  const auto z = random_normal<float>(300, 2, 16, 2);
  const Tokens<> tokens = quantizer.encode(rows(z));
  CHECK(same(quantizer.encode<std::uint8_t>(rows(z)).cast<std::int64_t>(), tokens));
  CHECK(same(quantizer.encode<std::int16_t>(rows(z)).cast<std::int64_t>(), tokens));
  CHECK(same(quantizer.encode<std::uint16_t>(rows(z)).cast<std::int64_t>(), tokens));
  CHECK(same(quantizer.encode<std::int32_t>(rows(z)).cast<std::int64_t>(), tokens));
  CHECK(same(quantizer.encode<std::uint32_t>(rows(z)).cast<std::int64_t>(), tokens));
  CHECK(same(quantizer.encode<std::uint64_t>(rows(z)).cast<std::int64_t>(), tokens));
  const Tokens<std::uint8_t> bytes = quantizer.encode<std::uint8_t>(rows(z));
  CHECK(same(quantizer.decode(bytes), quantizer.decode(tokens)));

  const auto tokens_of = [&](auto&& action) { return testing::message_of(action); };
  CHECK(
      testing::contains(tokens_of([&] { return quantizer.encode<std::int8_t>(rows(z)); }), "FiniteScalarQuantizer: "));
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.encode<std::int8_t>(rows(z)), "holds 255");
  const auto larger = quantizer_of<float>(FsqDialect::lucidrains, {257});
  const auto line = random_normal<float>(5, 1, 17);
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { return larger.encode<std::uint8_t>(rows(line)); }));
  const auto huge = quantizer_of<double>(FsqDialect::google, std::vector<int>(11, 8));
  const auto latents = random_normal<double>(5, 11, 18);
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { return huge.encode<std::int32_t>(rows(latents)); }));
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { return huge.encode<std::uint32_t>(rows(latents)); }));
}

TEST_CASE("unsigned tokens mark masked vectors by all bits set, where that is no token") {
  const auto z = random_normal<float>(30, 2, 44);
  const MaskArray mask = random_mask(30, 45);
  const auto quantizer = quantizer_of<float>(FsqDialect::lucidrains, {4, 5});
  const Tokens<> expected = quantizer.encode(rows(z), {.mask = mask});
  const auto bytes = quantizer.encode<std::uint8_t>(rows(z), {.mask = mask});
  const auto words = quantizer.encode<std::uint64_t>(rows(z), {.mask = mask});
  CHECK(same(bytes, expected.cast<std::uint8_t>()));
  CHECK(same(words, expected.cast<std::uint64_t>()));
  CHECK(same(quantizer.decode(bytes, {.mask = mask}), quantizer.decode(expected, {.mask = mask})));
  CHECK(testing::throws_exactly<std::out_of_range>([&] { return quantizer.decode(bytes); }));
  // 256 codes leave no byte to say "masked"
  const auto full = quantizer_of<float>(FsqDialect::lucidrains, {16, 16});
  const MaskArray all = MaskArray::Constant(30, true);
  CHECK_NOTHROW(full.encode<std::uint8_t>(rows(z), {.mask = all}));
  CHECK_THROWS_MESSAGE(std::invalid_argument, full.encode<std::uint8_t>(rows(z), {.mask = mask}), "8 bits");
}

TEST_CASE("tokens go to strided memory and nowhere else") {
  const auto quantizer = quantizer_of<float>(FsqDialect::lucidrains, {8, 5, 5, 5});
  const auto z = random_normal<float>(100, 4, 19);
  Tokens<std::int32_t> memory = Tokens<std::int32_t>::Constant(100, 3, -9);
  quantizer.encode_into(rows(z), Batch<std::int32_t>(memory.data() + 1, 100, 1, 3));
  CHECK(same(memory.col(1).cast<std::int64_t>(), quantizer.encode(rows(z))));
  CHECK(all_are(memory.col(0), -9));
  CHECK(all_are(memory.col(2), -9));
  RowMatrix<float> codes = RowMatrix<float>::Constant(100, 6, 5);
  quantizer.decode_into(Batch<std::int32_t>(memory.data() + 1, 100, 1, 3), Batch<float>(codes.data() + 1, 100, 4, 6));
  CHECK(same(codes.middleCols(1, 4), quantizer.forward(rows(z)).codes));
  CHECK(all_are(codes.col(0), 5));
  CHECK(all_are(codes.col(5), 5));
}

// ---- errors ----

TEST_CASE("levels that no codebook has are refused") {
  CHECK(testing::message_of([] { quantizer_of<float>(FsqDialect::lucidrains, {}); }) ==
        "FiniteScalarQuantizer: expected at least one dimension, found no levels");
  CHECK(testing::message_of([] {
          quantizer_of<float>(FsqDialect::symmetric, {8, 1, 5});
        }) ==
        "FiniteScalarQuantizer: expected levels between 2 and 65536 for dialect symmetric, found 1 in dimension 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer_of<double>(FsqDialect::google, {1001}), "found 1001");
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer_of<double>(FsqDialect::lucidrains, {1001}), "found 1001");
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer_of<double>(FsqDialect::lucidrains, {5, 2}), "found 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer_of<double>(FsqDialect::scale_round, {8}), "odd levels");
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer_of<double>(FsqDialect::cosyvoice, {3, 5}), "found 5");
  CHECK_NOTHROW(quantizer_of<float>(FsqDialect::google, {1000, 2}));
  CHECK_NOTHROW(quantizer_of<float>(FsqDialect::lucidrains, {1000, 3}));
}

TEST_CASE("batches of another dimension are refused") {
  const auto quantizer = quantizer_of<float>(FsqDialect::lucidrains, {8, 5, 5});
  const auto z = random_normal<float>(100, 4, 20);
  const std::string expected = "FiniteScalarQuantizer: expected vectors of dimension 3, found 4 (batch of 100)";
  CHECK(testing::message_of([&] { quantizer.encode(rows(z)); }) == expected);
  CHECK(testing::message_of([&] { quantizer.forward(rows(z)); }) == expected);
  CHECK(testing::message_of([&] { quantizer.bound(rows(z)); }) == expected);
  const RowMatrix<float> right = z.leftCols(3);
  Tokens<> wrong(99, 1), wider(100, 2);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.encode_into(rows(right), rows(wrong)), "99");
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.encode_into(rows(right), rows(wider)), "2");
  const Tokens<> tokens = quantizer.encode(rows(right));
  RowMatrix<float> codes(100, 4);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.decode_into(rows(tokens), rows(codes)), "4");
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.decode(Tokens<>::Zero(5, 2).eval()), "2");
  const MaskArray mask = MaskArray::Constant(99, true);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.encode(rows(right), {.mask = mask}), "99");
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.decode(tokens, {.mask = mask}), "99");
}

TEST_CASE("tokens outside the codebook are errors before anything is written, minus one included") {
  const auto quantizer = quantizer_of<double>(FsqDialect::google, {8, 5, 5, 5});
  Tokens<> tokens = Tokens<>::Constant(50, 1, 999);
  for (const std::int64_t bad : {std::int64_t{-1}, std::int64_t{1000}, std::int64_t{-1000},
                                 std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    tokens(41, 0) = bad;
    RowMatrix<double> codes = RowMatrix<double>::Constant(50, 4, 7);
    CAPTURE(bad);
    CHECK_THROWS_MESSAGE(std::out_of_range, quantizer.decode_into(rows(tokens), rows(codes)), std::to_string(bad));
    CHECK_THROWS_MESSAGE(std::out_of_range, quantizer.decode_into(rows(tokens), rows(codes)), "41");
    CHECK(all_are(codes, 7));
  }
  const Tokens<std::uint64_t> unsigned_bad =
      Tokens<std::uint64_t>::Constant(1, 1, std::numeric_limits<std::uint64_t>::max());
  CHECK(testing::throws_exactly<std::out_of_range>([&] { return quantizer.decode(unsigned_bad); }));
  const Tokens<std::int8_t> narrow_bad = Tokens<std::int8_t>::Constant(1, 1, -1);
  CHECK(testing::throws_exactly<std::out_of_range>([&] { return quantizer.decode(narrow_bad); }));
}

TEMPLATE_TEST_CASE("a number that is not finite is named by its position", "", float, double) {
  ThreadPool pool(2);
  const std::vector<std::pair<TestType, std::string>> kinds = {{std::numeric_limits<TestType>::quiet_NaN(), "nan"},
                                                               {std::numeric_limits<TestType>::infinity(), "inf"},
                                                               {-std::numeric_limits<TestType>::infinity(), "-inf"}};
  for (const auto& levels :
       {std::vector<int>{8, 5, 5, 5}, std::vector<int>{5}, std::vector<int>(17, 4), std::vector<int>{64, 5, 3}}) {
    const auto dimension = static_cast<Index>(levels.size());
    const auto quantizer = quantizer_of<TestType>(FsqDialect::lucidrains, levels);
    for (const auto& [value, name] : kinds) {
      RowMatrix<TestType> z = random_normal<TestType>(40, dimension, 21);
      z(17, dimension - 1) = value;
      z(30, 0) = value;
      const std::string place = "found " + name + " at vector 17, component " + std::to_string(dimension - 1);
      CAPTURE(levels, name);
      CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.encode(rows(z)), "FiniteScalarQuantizer: ");
      CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.encode(rows(z)), place);
      CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.forward(rows(z)), place);
      CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.forward(rows(z), {.execution = pool}), place);
      CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.bound(rows(z)), "vector 17");
    }
  }
  // far into a batch of many tasks, the first of two
  const auto quantizer = quantizer_of<TestType>(FsqDialect::lucidrains, {8, 5, 5, 5});
  RowMatrix<TestType> z = random_normal<TestType>(20000, 4, 22);
  z(16999, 2) = kinds[0].first;
  z(9001, 3) = kinds[1].first;
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.encode(rows(z), {.execution = pool}),
                       "inf at vector 9001, component 3");
}

// ---- masks ----

TEMPLATE_TEST_CASE("masked vectors are as if absent: minus one, zeros, and whatever they hold", "", float, double) {
  for (const Index dimension : dimensions) {
    const auto levels = mixed_levels(FsqDialect::lucidrains, dimension, 23);
    const auto quantizer = quantizer_of<TestType>(FsqDialect::lucidrains, levels);
    const Index count = 77;
    const MaskArray mask = random_mask(count, 24);
    RowMatrix<TestType> z = random_normal<TestType>(count, dimension, 25);
    RowMatrix<TestType> upstream = random_normal<TestType>(count, dimension, 26);
    std::vector<Index> kept;
    for (Index i = 0; i < count; ++i) {
      if (mask[i]) {
        kept.push_back(i);
      } else {
        z.row(i).setConstant(std::numeric_limits<TestType>::quiet_NaN());
        upstream.row(i).setConstant(std::numeric_limits<TestType>::quiet_NaN());
      }
    }
    const RowMatrix<TestType> present = rows_of(z, kept);
    const RowMatrix<TestType> present_upstream = rows_of(upstream, kept);
    const auto expected = quantizer.forward(rows(present));
    const auto expected_gradient = quantizer.backward(rows(present), expected, {.codes = rows(present_upstream)});
    const auto expected_bound = quantizer.bound(rows(present));

    const auto found = quantizer.forward(rows(z), {.mask = mask});
    const auto gradient = quantizer.backward(rows(z), found, {.codes = rows(upstream)});
    const auto bounded = quantizer.bound(rows(z), mask);
    const auto decoded = quantizer.decode(found.tokens, {.mask = mask});
    CAPTURE(dimension);
    CHECK(same(quantizer.encode(rows(z), {.mask = mask}), found.tokens));
    CHECK(same(rows_of(found.tokens, kept), expected.tokens));
    CHECK(same(rows_of(found.codes, kept), expected.codes));
    CHECK(same(rows_of(gradient.grad_input, kept), expected_gradient.grad_input));
    CHECK(same(rows_of(bounded, kept), expected_bound));
    CHECK(same(decoded, found.codes));
    for (Index i = 0; i < count; ++i) {
      if (mask[i]) continue;
      CHECK(found.tokens(i, 0) == -1);
      CHECK(all_are(found.codes.row(i), 0));
      CHECK(all_are(gradient.grad_input.row(i), 0));
      CHECK(all_are(bounded.row(i), 0));
    }
    // without the mask -1 is an error
    CHECK(testing::throws_exactly<std::out_of_range>([&] { return quantizer.decode(found.tokens); }));
  }
}

TEST_CASE("a batch with nothing but masked vectors") {
  const auto quantizer = quantizer_of<float>(FsqDialect::lucidrains, {8, 5});
  const RowMatrix<float> z = RowMatrix<float>::Constant(10, 2, std::numeric_limits<float>::infinity());
  const MaskArray none = MaskArray::Constant(10, false);
  const auto result = quantizer.forward(rows(z), {.mask = none});
  CHECK(all_are(result.tokens, -1));
  CHECK(all_are(result.codes, 0));
}

TEST_CASE("mask_non_finite treats vectors that are not finite as a mask does") {
  ThreadPool pool(2);
  for (const auto& levels : {std::vector<int>{8, 5, 5, 5}, std::vector<int>{7, 3, 40}}) {
    const auto quantizer = quantizer_of<float>(FsqDialect::lucidrains, levels);
    const auto dimension = static_cast<Index>(levels.size());
    RowMatrix<float> z = random_normal<float>(9000, dimension, 27);
    MaskArray given = random_mask(9000, 28, 0.9);
    MaskArray expected_mask = given;
    for (const Index i : {Index{0}, Index{17}, Index{511}, Index{512}, Index{8999}}) {
      z(i, i % dimension) =
          i % 2 == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
      expected_mask[i] = false;
    }
    const auto expected = quantizer.forward(rows(z), {.mask = expected_mask});
    const auto found = quantizer.forward(rows(z), {.mask = given, .mask_non_finite = true});
    CHECK(same(found.tokens, expected.tokens));
    CHECK(same(found.codes, expected.codes));
    const auto threaded = quantizer.forward(rows(z), {.mask = given, .execution = pool, .mask_non_finite = true});
    CHECK(same(threaded.tokens, expected.tokens));
    CHECK(same(quantizer.encode(rows(z), {.mask = given, .mask_non_finite = true}), expected.tokens));
    const RowMatrix<float> ones = RowMatrix<float>::Ones(9000, dimension);
    const auto gradient = quantizer.backward(rows(z), found, {.codes = rows(ones)});
    CHECK(same(gradient.grad_input, quantizer.backward(rows(z), expected, {.codes = rows(ones)}).grad_input));
    CHECK(all_are(gradient.grad_input.row(17), 0));
    // without a mask of one's own
    const Tokens<> alone = quantizer.encode(rows(z), {.mask_non_finite = true});
    CHECK((alone.array() == -1).count() == 5);
    CHECK(alone(17, 0) == -1);
    CHECK(testing::throws_exactly<std::invalid_argument>([&] { return quantizer.encode(rows(z), {.mask = given}); }));
  }
}
