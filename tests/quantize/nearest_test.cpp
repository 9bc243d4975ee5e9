// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/nearest.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include <tessera/core/thread_pool.hpp>

#include "reference/nearest.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Index;
using tessera::Metric;
using tessera::NearestCode;
using tessera::RowMatrix;
using tessera::Tokens;
namespace testing = tessera::testing;

constexpr Metric metrics[] = {Metric::squared_euclidean, Metric::cosine};

/// Normal data with what makes ties: duplicate codes, a zero code, queries that are codes, midpoints of two codes,
/// zero.
template <class Scalar>
struct Data {
  RowMatrix<Scalar> codes;
  RowMatrix<Scalar> queries;

  Data(Index count, Index size, Index dimension, double offset, std::uint64_t seed = 1)
      : codes(testing::random_normal<Scalar>(size, dimension, seed, 1, offset)),
        queries(testing::random_normal<Scalar>(count, dimension, seed + 1000, 1, offset)) {
    testing::SplitMix random(seed + 2000);
    for (Index k = size / 2; k < size; k += 7) codes.row(k) = codes.row(random.below(size));
    if (size > 4) codes.row(random.below(size)).setZero();
    for (Index i = 0; i + 5 < count; i += 5) {
      queries.row(i) = codes.row(random.below(size));
      queries.row(i + 1) = codes.row(random.below(size)) / 2 + codes.row(random.below(size)) / 2;
    }
    if (count > 2) queries.row(count - 2).setZero();
  }
};

template <class Scalar>
void check_nearest(const RowMatrix<Scalar>& codes, const RowMatrix<Scalar>& queries, Metric metric) {
  const NearestCode<Scalar> nearest(tessera::rows(codes), metric);
  const Tokens<> expected = testing::ExactNearest<Scalar>(codes, metric).nearest(queries);
  const Tokens<> found = nearest.search(tessera::rows(queries));
  REQUIRE(found.rows() == expected.rows());
  for (Index i = 0; i < queries.rows(); ++i) {
    if (found(i, 0) == expected(i, 0)) continue;
    CAPTURE(tessera::metric_name(metric), codes.rows(), codes.cols(), queries.rows(), i, found(i, 0), expected(i, 0));
    FAIL("not the nearest code");
  }
}

/// `bits` as a Scalar; never through arithmetic, which may flush subnormal numbers.
float from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }
double from_bits(std::uint64_t bits) { return std::bit_cast<double>(bits); }

}  // namespace

TEMPLATE_TEST_CASE("the nearest code is that of exact arithmetic, whatever the offset of the data", "[nearest]", float,
                   double) {
  const double offset = GENERATE(0.0, 1.0, 1e2, 1e4, 1e6);
  for (const Index dimension : {1, 2, 3, 5, 8, 17, 64, 300}) {
    const Index size = dimension > 64 ? 37 : testing::effort(83, 37);
    const Index count = dimension > 64 ? 15 : testing::effort(37, 15);
    const Data<TestType> data(count, size, dimension, offset, static_cast<std::uint64_t>(dimension));
    CAPTURE(offset);
    for (const Metric metric : metrics) check_nearest(data.codes, data.queries, metric);
  }
}

TEMPLATE_TEST_CASE("integer-valued data gives the tokens of integer arithmetic, bit for bit", "[nearest]", float,
                   double) {
  for (const Index dimension : {1, 2, 3, 4, 5, 8, 16, 17, 33, 64, 300}) {
    for (const int bound : {1, 30, 4000, 1 << 23}) {
      const auto codes = testing::random_integers<TestType>(testing::effort(259, 67), dimension, 1, -bound, bound);
      const auto queries = testing::random_integers<TestType>(testing::effort(97, 29), dimension, 2, -bound, bound);
      const NearestCode<TestType> nearest(tessera::rows(codes));
      CAPTURE(dimension, bound);
      CHECK(nearest.search(tessera::rows(queries)) == testing::nearest_of_integers(queries, codes));
    }
  }
}

TEMPLATE_TEST_CASE("every codebook size around the widths of vectors and panels", "[nearest]", float, double) {
  const auto codes = testing::random_integers<TestType>(530, 3, 1, -9, 9);
  const auto queries = testing::random_integers<TestType>(23, 3, 2, -9, 9);
  std::vector<Index> sizes = {127, 128, 129, 255, 256, 257, 511, 512, 513, 530};
  for (Index size = 1; size <= 100; ++size) sizes.push_back(size);
  for (const Index size : sizes) {
    const RowMatrix<TestType> part = codes.topRows(size);
    const NearestCode<TestType> nearest(tessera::rows(part));
    CAPTURE(size);
    CHECK(nearest.codebook_size() == size);
    CHECK(nearest.search(tessera::rows(queries)) == testing::nearest_of_integers(queries, part));
    if (size % 7 < 3) check_nearest(part, queries, Metric::cosine);
  }
}

TEMPLATE_TEST_CASE("every batch size around the rows of a tile", "[nearest]", float, double) {
  const auto codes = testing::random_integers<TestType>(45, 6, 1, -9, 9);
  const auto queries = testing::random_integers<TestType>(70, 6, 2, -9, 9);
  const NearestCode<TestType> nearest(tessera::rows(codes));
  const Tokens<> expected = testing::nearest_of_integers(queries, codes);
  for (Index count = 0; count <= queries.rows(); ++count) {
    const auto found = nearest.search(tessera::rows(queries).slice(0, count));
    CAPTURE(count);
    REQUIRE(found.rows() == count);
    REQUIRE(found.cols() == 1);
    CHECK(found == expected.topRows(count));
  }
}

TEMPLATE_TEST_CASE("large codebooks and batches pass through many chunks and tasks", "[nearest]", float, double) {
  const Index size = testing::effort(4099, 523), count = testing::effort(1501, 301);
  const auto codes = testing::random_integers<TestType>(size, 5, 1, -40, 40);
  const auto queries = testing::random_integers<TestType>(count, 5, 2, -40, 40);
  const NearestCode<TestType> nearest(tessera::rows(codes));
  CHECK(nearest.search(tessera::rows(queries)) == testing::nearest_of_integers(queries, codes));
}

TEMPLATE_TEST_CASE("a query beside the bisector of two codes goes to the nearer one, by one unit in the last place",
                   "[nearest]", float, double) {
  // The codes are q - v and q + v' where v' differs from v in the last bit of one component. All numbers are integers
  // of at most 23 (52) bits, so that each difference is exact: the scores tie in floating point, the distances do not.
  const int bits = sizeof(TestType) == 4 ? 22 : 50;
  const double scale = std::ldexp(1.0, bits);
  testing::SplitMix random(3);
  for (const Index dimension : {1, 2, 7, 16, 65}) {
    RowMatrix<TestType> codes(2, dimension), queries(1, dimension);
    for (int repetition = 0; repetition < 40; ++repetition) {
      for (Index d = 0; d < dimension; ++d) {
        const double q = std::floor(random.uniform(-scale, scale) / 2), v = std::floor(random.uniform(1, scale / 2));
        queries(0, d) = static_cast<TestType>(q);
        codes(0, d) = static_cast<TestType>(q - v);
        codes(1, d) = static_cast<TestType>(q + v);
      }
      const Index moved = random.below(dimension);
      const auto step = static_cast<TestType>(random.below(3) - 1);
      codes(1, moved) += step;
      const NearestCode<TestType> nearest(tessera::rows(codes));
      CHECK(nearest.search(tessera::rows(queries))(0, 0) == (step < 0 ? 1 : 0));
      check_nearest(codes, queries, Metric::cosine);
    }
  }
}

TEMPLATE_TEST_CASE("cosine: codes of nearly one direction and of very different lengths", "[nearest]", float, double) {
  for (const Index dimension : {2, 3, 8, 40}) {
    // Multiples of one integer vector tie exactly; moving a component by one unit breaks the tie by very little.
    auto codes = testing::random_integers<TestType>(60, dimension, 4, -50, 50);
    for (Index k = 1; k < 20; ++k) codes.row(k) = codes.row(0) * static_cast<TestType>(k * k);
    for (Index k = 20; k < 40; ++k) {
      codes.row(k) = codes.row(0) * static_cast<TestType>(4096);
      codes(k, k % dimension) += static_cast<TestType>(k % 3 - 1);
    }
    RowMatrix<TestType> queries(30, dimension);
    for (Index i = 0; i < 30; ++i) queries.row(i) = codes.row(i) * static_cast<TestType>(i % 2 == 0 ? 3 : -1);
    check_nearest(codes, queries, Metric::cosine);
  }
}

TEST_CASE("cosine: a zero code counts as zero, and so does everything for a zero query", "[nearest]") {
  RowMatrix<float> codes(4, 2);
  codes << -1, 0, 0, 0, 1, 1, 0, 0;
  RowMatrix<float> queries(4, 2);
  queries << 1, 0,  // 1 / sqrt(2) for code 2
      -1, -1,       // 1 / sqrt(2) for code 0
      1, -2,        // -1, 0, -1 / sqrt(2), 0
      0, 0;         // all tie
  const NearestCode<float> nearest(tessera::rows(codes), Metric::cosine);
  Tokens<> expected(4, 1);
  expected << 2, 0, 1, 0;
  CHECK(nearest.search(tessera::rows(queries)) == expected);

  const RowMatrix<float> zeros = RowMatrix<float>::Zero(19, 3);
  const auto others = testing::random_normal<float>(21, 3, 1);
  CHECK(NearestCode<float>(tessera::rows(zeros), Metric::cosine).search(tessera::rows(others)).isZero());
}

TEMPLATE_TEST_CASE("equal codes: the lowest index wins", "[nearest]", float, double) {
  const Index distinct = 29, dimension = 11;
  const auto base = testing::random_normal<TestType>(distinct, dimension, 5, 1, 3);
  RowMatrix<TestType> codes(3 * distinct, dimension);
  for (Index k = 0; k < codes.rows(); ++k) codes.row(k) = base.row(k % distinct);
  const auto queries = testing::random_normal<TestType>(101, dimension, 6, 1, 3);
  for (const Metric metric : metrics) {
    const NearestCode<TestType> all(tessera::rows(codes), metric), once(tessera::rows(base), metric);
    CHECK(all.search(tessera::rows(queries)) == once.search(tessera::rows(queries)));
    CHECK(all.margins(tessera::rows(queries)).isZero(0));
  }
  const RowMatrix<TestType> constant = RowMatrix<TestType>::Constant(53, dimension, TestType(0.1f));
  for (const Metric metric : metrics) {
    CHECK(NearestCode<TestType>(tessera::rows(constant), metric).search(tessera::rows(queries)).isZero());
    CHECK(NearestCode<TestType>(tessera::rows(constant), metric).search(tessera::rows(constant)).isZero());
  }
}

TEMPLATE_TEST_CASE("a query that is a code gets that code at distance zero", "[nearest]", float, double) {
  for (const double offset : {0.0, 1e5}) {
    const auto codes = testing::random_normal<TestType>(83, 9, 7, 1, offset);
    const NearestCode<TestType> nearest(tessera::rows(codes));
    const Tokens<> tokens = nearest.search(tessera::rows(codes));
    const auto neighbours = nearest.top_k(tessera::rows(codes), 1);
    for (Index k = 0; k < codes.rows(); ++k) {
      CHECK(codes.row(tokens(k, 0)) == codes.row(k));
      CHECK(neighbours.tokens(k, 0) == tokens(k, 0));
      CHECK(neighbours.distances(k, 0) == 0);
    }
  }
}

TEST_CASE("subnormal, tiny and huge numbers, alone and together", "[nearest]") {
  testing::SplitMix random(8);
  const auto check_magnitudes = [&]<class Scalar, class Bits>(Scalar, Bits exponents, int fraction_bits) {
    // Exponent fields 0 (subnormal numbers and zero), small, middle and largest; then all of them mixed.
    const std::vector<std::vector<Bits>> fields = {{0},
                                                   {0, 1, 2},
                                                   {exponents / 2},
                                                   {exponents},
                                                   {exponents - 3, exponents},
                                                   {0, 1, exponents / 4, exponents / 2, exponents}};
    for (const auto& choice : fields) {
      for (const Index dimension : {1, 4, 19}) {
        RowMatrix<Scalar> codes(21, dimension), queries(17, dimension);
        const auto fill = [&](RowMatrix<Scalar>& matrix) {
          for (Index i = 0; i < matrix.size(); ++i) {
            const Bits field = choice[static_cast<std::size_t>(random.below(static_cast<Index>(choice.size())))];
            const Bits fraction = static_cast<Bits>(random.bits() & ((Bits{1} << fraction_bits) - 1));
            const Bits sign = static_cast<Bits>(random.bits() & 1) << (sizeof(Bits) * 8 - 1);
            matrix.data()[i] = from_bits(static_cast<Bits>(sign | (field << fraction_bits) | fraction));
          }
        };
        fill(codes);
        fill(queries);
        codes.row(20) = codes.row(3);
        queries.row(5) = codes.row(20);
        for (const Metric metric : metrics) check_nearest(codes, queries, metric);
      }
    }
  };
  check_magnitudes(float(), std::uint32_t{254}, 23);
  check_magnitudes(double(), std::uint64_t{2046}, 52);
}

TEST_CASE("codes a subnormal step apart are told apart", "[nearest]") {
  RowMatrix<double> codes(3, 1), queries(4, 1);
  codes << from_bits(std::uint64_t{2}), from_bits(std::uint64_t{6}), from_bits(std::uint64_t{9});
  queries << from_bits(std::uint64_t{3}), from_bits(std::uint64_t{4}), from_bits(std::uint64_t{5}),
      from_bits(std::uint64_t{8});
  Tokens<> expected(4, 1);
  expected << 0, 0, 1, 2;  // 4 lies in the middle of 2 and 6
  CHECK(NearestCode<double>(tessera::rows(codes)).search(tessera::rows(queries)) == expected);
}

TEMPLATE_TEST_CASE("zero padding of the dimensions changes nothing", "[nearest]", float, double) {
  const Data<TestType> data(47, 59, 6, 100);
  for (const Metric metric : metrics) {
    const Tokens<> expected =
        NearestCode<TestType>(tessera::rows(data.codes), metric).search(tessera::rows(data.queries));
    for (const Index padding : {1, 2, 10, 27}) {
      RowMatrix<TestType> codes = RowMatrix<TestType>::Zero(59, 6 + padding);
      RowMatrix<TestType> queries = RowMatrix<TestType>::Zero(47, 6 + padding);
      codes.middleCols(padding / 2, 6) = data.codes;
      queries.middleCols(padding / 2, 6) = data.queries;
      CHECK(NearestCode<TestType>(tessera::rows(codes), metric).search(tessera::rows(queries)) == expected);
    }
  }
}

TEMPLATE_TEST_CASE("permuting the codes maps the tokens", "[nearest]", float, double) {
  const auto codes = testing::random_normal<TestType>(71, 7, 9, 1, 50);
  const auto queries = testing::random_normal<TestType>(113, 7, 10, 1, 50);
  RowMatrix<TestType> permuted(71, 7);
  const auto place = [](Index k) { return (k * 23 + 5) % 71; };
  for (Index k = 0; k < 71; ++k) permuted.row(place(k)) = codes.row(k);
  for (const Metric metric : metrics) {
    const NearestCode<TestType> nearest(tessera::rows(codes), metric);
    const Tokens<> tokens = nearest.search(tessera::rows(queries));
    const Tokens<> mapped = NearestCode<TestType>(tessera::rows(permuted), metric).search(tessera::rows(queries));
    const Eigen::VectorXd margins = nearest.margins(tessera::rows(queries));
    for (Index i = 0; i < 113; ++i) {
      if (margins[i] > 0) CHECK(mapped(i, 0) == place(tokens(i, 0)));
    }
  }
}

TEMPLATE_TEST_CASE("a common offset that the numbers can represent changes no token", "[nearest]", float, double) {
  const auto codes = testing::random_integers<TestType>(67, 13, 11, -100, 100);
  const auto queries = testing::random_integers<TestType>(101, 13, 12, -100, 100);
  const Tokens<> expected = NearestCode<TestType>(tessera::rows(codes)).search(tessera::rows(queries));
  for (const int offset : {1, 1000, 1 << 20, (1 << 24) - 200}) {
    const RowMatrix<TestType> moved_codes = codes.array() + static_cast<TestType>(offset);
    const RowMatrix<TestType> moved_queries = queries.array() + static_cast<TestType>(offset);
    CHECK(NearestCode<TestType>(tessera::rows(moved_codes)).search(tessera::rows(moved_queries)) == expected);
  }
}

TEMPLATE_TEST_CASE("tokens do not depend on the split of the batch, on threads or on the workspace", "[nearest]", float,
                   double) {
  const Index count = testing::effort(5000, 1700);
  // An offset that makes many near ties: a search that depended on its surroundings would show it.
  const Data<TestType> data(count, 90, 4, sizeof(TestType) == 4 ? 1e4 : 1e12);
  const NearestCode<TestType> nearest(tessera::rows(data.codes));
  const Tokens<> expected = nearest.search(tessera::rows(data.queries));
  const auto queries = tessera::rows(data.queries);

  tessera::ThreadPool two(2), five(5);
  CHECK(nearest.search(queries, two) == expected);
  CHECK(nearest.search(queries, five) == expected);

  typename NearestCode<TestType>::Workspace workspace(nearest);
  for (const Index piece : {1, 3, 64, 1023}) {
    Tokens<> found(count, 1);
    for (Index begin = 0; begin < count; begin += piece) {
      const Index end = std::min(count, begin + piece);
      nearest.search_into(queries.slice(begin, end), tessera::rows(found).slice(begin, end), workspace);
    }
    CAPTURE(piece);
    CHECK(found == expected);
  }
}

TEST_CASE("vectors may lie apart, backwards and in columns", "[nearest]") {
  const auto codes = testing::random_integers<float>(40, 5, 13, -9, 9);
  const auto queries = testing::random_integers<float>(30, 5, 14, -9, 9);
  const Tokens<> expected = testing::nearest_of_integers(queries, codes);

  RowMatrix<float> wide_codes = RowMatrix<float>::Constant(40, 9, 77),
                   wide_queries = RowMatrix<float>::Constant(30, 8, 77);
  wide_codes.middleCols(2, 5) = codes;
  wide_queries.leftCols(5) = queries;
  const NearestCode<float> nearest(tessera::rows(wide_codes.middleCols(2, 5)));
  CHECK(nearest.search(tessera::rows(wide_queries.leftCols(5))) == expected);

  const Eigen::MatrixXf in_columns = queries.transpose();
  CHECK(nearest.search(tessera::columns(in_columns)) == expected);

  const tessera::Batch<const float> backwards(queries.row(29).data(), 30, 5, -5);
  CHECK(nearest.search(backwards) == expected.colwise().reverse());

  Tokens<std::int64_t> spread = Tokens<std::int64_t>::Constant(30, 3, -7);
  nearest.search_into(tessera::rows(queries), tessera::rows(spread.middleCols(1, 1)));
  CHECK(spread.col(1) == expected.col(0));
  CHECK((spread.col(0).array() == -7).all());
  CHECK((spread.col(2).array() == -7).all());
}

TEST_CASE("tokens come in the caller's integer type", "[nearest]") {
  const auto codes = testing::random_integers<float>(128, 3, 15, -9, 9);
  const auto queries = testing::random_integers<float>(50, 3, 16, -9, 9);
  const NearestCode<float> nearest(tessera::rows(codes));
  const Tokens<> expected = nearest.search(tessera::rows(queries));
  const auto check_type = [&]<class Token>(Token) {
    CHECK(nearest.search<Token>(tessera::rows(queries)).template cast<std::int64_t>() == expected);
  };
  check_type(std::int8_t());
  check_type(std::uint8_t());
  check_type(std::int16_t());
  check_type(std::uint16_t());
  check_type(std::int32_t());
  check_type(std::uint32_t());
  check_type(std::uint64_t());
}

TEST_CASE("the codes stay available as given, and the search outlives what it was made from", "[nearest]") {
  auto codes = testing::random_normal<float>(19, 6, 17);
  const RowMatrix<float> original = codes;
  const NearestCode<float> nearest(tessera::rows(codes), Metric::cosine);
  codes.setZero();
  const NearestCode<float> copy = nearest;
  CHECK(copy.codes().matrix() == original);
  CHECK(copy.codebook_size() == 19);
  CHECK(copy.dimension() == 6);
  CHECK(copy.metric() == Metric::cosine);
  const Tokens<> tokens = copy.search(tessera::rows(original));
  CHECK(tokens == testing::ExactNearest<float>(original, Metric::cosine).nearest(original));
}

TEMPLATE_TEST_CASE("top_k is the beginning of all codes in exact order, with their distances", "[nearest]", float,
                   double) {
  const double offset = GENERATE(0.0, 1e4);
  for (const Index dimension : {1, 3, 16, 65}) {
    const Data<TestType> data(testing::effort(17, 9), 35, dimension, offset);
    for (const Metric metric : metrics) {
      const NearestCode<TestType> nearest(tessera::rows(data.codes), metric);
      const testing::ExactNearest<TestType> exact(data.codes, metric);
      const auto all = nearest.top_k(tessera::rows(data.queries), 35);
      Index misplaced = 0, inaccurate = 0;
      for (Index i = 0; i < data.queries.rows(); ++i) {
        const TestType* x = data.queries.row(i).data();
        const std::vector<Index> expected = exact.ranking(x);
        for (Index j = 0; j < 35; ++j) {
          misplaced += all.tokens(i, j) != expected[static_cast<std::size_t>(j)] ? 1 : 0;
          const auto measure = static_cast<double>(exact.measure(x, all.tokens(i, j)));
          // A few roundings per dimension of positive terms, or of terms that cancel within |x| |c|.
          const double scale = metric == Metric::cosine ? 1.0 : measure;
          const double error = std::abs(all.distances(i, j) - measure);
          inaccurate += error > scale * 0x1p-52 * static_cast<double>(dimension + 8) ? 1 : 0;
        }
      }
      CAPTURE(offset, dimension, tessera::metric_name(metric));
      CHECK(misplaced == 0);
      CHECK(inaccurate == 0);
      CHECK(all.tokens.col(0) == nearest.search(tessera::rows(data.queries)).col(0));
      for (const Index k : {1, 2, 7}) {
        const auto first = nearest.top_k(tessera::rows(data.queries), k);
        CHECK(first.tokens == all.tokens.leftCols(k));
        CHECK(first.distances == all.distances.leftCols(k));
      }
    }
  }
}

TEST_CASE("top_k does not depend on threads", "[nearest]") {
  const Data<float> data(2100, 50, 5, 1e3);
  const NearestCode<float> nearest(tessera::rows(data.codes));
  tessera::ThreadPool pool(3);
  const auto serial = nearest.top_k(tessera::rows(data.queries), 4);
  const auto parallel = nearest.top_k(tessera::rows(data.queries), 4, pool);
  CHECK(serial.tokens == parallel.tokens);
  CHECK(serial.distances == parallel.distances);
  CHECK(nearest.margins(tessera::rows(data.queries)) == nearest.margins(tessera::rows(data.queries), pool));
}

TEMPLATE_TEST_CASE("the margin is the gap to the second nearest code", "[nearest]", float, double) {
  const Index dimension = 9;
  const auto codes = testing::random_normal<TestType>(37, dimension, 18);
  const auto queries = testing::random_normal<TestType>(41, dimension, 19);
  for (const Metric metric : metrics) {
    const NearestCode<TestType> nearest(tessera::rows(codes), metric);
    const testing::ExactNearest<TestType> exact(codes, metric);
    const Eigen::VectorXd margins = nearest.margins(tessera::rows(queries));
    REQUIRE(margins.size() == 41);
    for (Index i = 0; i < 41; ++i) {
      const TestType* x = queries.row(i).data();
      const std::vector<Index> order = exact.ranking(x);
      const long double first = exact.measure(x, order[0]), second = exact.measure(x, order[1]);
      const auto expected = static_cast<double>(metric == Metric::cosine ? first - second : second - first);
      CHECK(std::abs(margins[i] - expected) <= 0x1p-50 * (dimension + 8) * std::max(1.0, static_cast<double>(second)));
      CHECK(margins[i] >= 0);
    }
  }
}

TEST_CASE("the margin of an exact tie is zero, though the distances round apart", "[nearest]") {
  // Codes whose components are permutations of one another are equally far from zero, and from any constant query.
  testing::SplitMix random(20);
  const Index dimension = 12;
  RowMatrix<double> codes(2, dimension);
  RowMatrix<double> queries(2, dimension);
  queries.row(0).setZero();
  queries.row(1).setConstant(1);
  Index positive = 0;
  for (int repetition = 0; repetition < 50; ++repetition) {
    for (Index d = 0; d < dimension; ++d) codes(0, d) = random.normal();
    for (Index d = 0; d < dimension; ++d) codes(1, d) = codes(0, (5 * d + 3) % dimension);
    const NearestCode<double> nearest(tessera::rows(codes));
    CHECK(nearest.search(tessera::rows(queries)).isZero());
    positive += (nearest.margins(tessera::rows(queries)).array() > 0).count();
  }
  CHECK(positive == 0);
}

TEST_CASE("one code: every query gets it, with the largest margin", "[nearest]") {
  const auto code = testing::random_normal<float>(1, 3, 21);
  const auto queries = testing::random_normal<float>(18, 3, 22);
  for (const Metric metric : metrics) {
    const NearestCode<float> nearest(tessera::rows(code), metric);
    CHECK(nearest.search(tessera::rows(queries)).isZero());
    CHECK((nearest.margins(tessera::rows(queries)).array() == std::numeric_limits<double>::max()).all());
    CHECK(nearest.top_k(tessera::rows(queries), 1).tokens.isZero());
  }
}

TEST_CASE("a search with a workspace does not allocate", "[nearest]") {
  const auto codes = testing::random_normal<float>(200, 24, 22, 1, 1);
  const auto queries = testing::random_normal<float>(300, 24, 23, 1, 1);
  const NearestCode<float> nearest(tessera::rows(codes));
  NearestCode<float>::Workspace workspace(nearest);
  Tokens<> tokens(300, 1);
  const auto output = tessera::rows(tokens);
  const auto input = tessera::rows(queries);
  CHECK(testing::allocations_in([&] {
          nearest.search_into(input, output, workspace);
          nearest.search_into(input.slice(0, 1), output.slice(0, 1), workspace);
          nearest.search_into(input.slice(0, 0), output.slice(0, 0), workspace);
        }) == 0);
  // the counter does count
  if (!testing::sanitized) CHECK(testing::allocations_in([&] { nearest.search_into(input, output); }) > 0);
}

TEST_CASE("nor does it where codes tie", "[nearest]") {
  const Data<float> data(300, 200, 24, 1e6);
  for (const Metric metric : metrics) {
    const NearestCode<float> nearest(tessera::rows(data.codes), metric);
    NearestCode<float>::Workspace workspace(nearest);
    Tokens<> tokens(300, 1);
    CHECK(testing::allocations_in(
              [&] { nearest.search_into(tessera::rows(data.queries), tessera::rows(tokens), workspace); }) == 0);
  }
}

TEST_CASE("an empty batch gives an empty result, whatever its dimension", "[nearest]") {
  const auto codes = testing::random_normal<float>(5, 3, 24);
  const NearestCode<float> nearest(tessera::rows(codes));
  const RowMatrix<float> none(0, 3), other(0, 7);
  CHECK(nearest.search(tessera::rows(none)).rows() == 0);
  CHECK(nearest.search(tessera::rows(other)).rows() == 0);
  CHECK(nearest.search(tessera::Batch<const float>()).rows() == 0);
  CHECK(nearest.top_k(tessera::rows(none), 2).tokens.cols() == 2);
  CHECK(nearest.margins(tessera::rows(none)).size() == 0);
}

TEST_CASE("a query that is not finite gets some valid token", "[nearest]") {
  const auto codes = testing::random_normal<float>(35, 3, 25);
  auto queries = testing::random_normal<float>(9, 3, 26);
  queries(1, 0) = from_bits(std::uint32_t{0x7fc00000});
  queries(3, 1) = from_bits(std::uint32_t{0x7f800000});
  queries(5, 2) = from_bits(std::uint32_t{0xff800000});
  auto finite = queries;
  for (const Index i : {1, 3, 5}) finite.row(i).setOnes();
  for (const Metric metric : metrics) {
    const NearestCode<float> nearest(tessera::rows(codes), metric);
    const Tokens<> tokens = nearest.search(tessera::rows(queries));
    CHECK((tokens.array() >= 0 && tokens.array() < 35).all());
    const Tokens<> expected = nearest.search(tessera::rows(finite));
    for (const Index i : {0, 2, 4, 6, 7, 8}) CHECK(tokens(i, 0) == expected(i, 0));  // the others do not notice
  }
}

TEST_CASE("errors name what was expected and what was found", "[nearest]") {
  const auto codes = testing::random_normal<float>(257, 4, 27);
  const NearestCode<float> nearest(tessera::rows(codes));
  const auto queries = testing::random_normal<float>(100, 3, 28);
  const auto right = testing::random_normal<float>(10, 4, 29);

  CHECK_THROWS_MESSAGE(std::invalid_argument, NearestCode<float>(tessera::Batch<const float>()),
                       "NearestCode: expected a codebook of at least one code, found an empty one");
  const RowMatrix<float> empty(0, 4);
  CHECK_THROWS_MESSAGE(std::invalid_argument, NearestCode<float>(tessera::rows(empty)),
                       "NearestCode: expected a codebook of at least one code, found an empty one");
  auto broken = codes;
  broken(17, 2) = from_bits(std::uint32_t{0x7fc00000});
  CHECK_THROWS_MESSAGE(std::invalid_argument, NearestCode<float>(tessera::rows(broken)),
                       "NearestCode: expected finite codebook, found nan at vector 17, component 2");
  broken(17, 2) = from_bits(std::uint32_t{0xff800000});
  CHECK_THROWS_MESSAGE(std::invalid_argument, NearestCode<float>(tessera::rows(broken), Metric::cosine),
                       "found -inf at vector 17, component 2");

  const char* dimension = "NearestCode: expected queries of dimension 4, found 3 (batch of 100)";
  CHECK_THROWS_MESSAGE(std::invalid_argument, nearest.search(tessera::rows(queries)), dimension);
  CHECK_THROWS_MESSAGE(std::invalid_argument, nearest.top_k(tessera::rows(queries), 1), dimension);
  CHECK_THROWS_MESSAGE(std::invalid_argument, nearest.margins(tessera::rows(queries)), dimension);
  const NearestCode<float> single(tessera::rows(codes).slice(0, 1));
  CHECK_THROWS_MESSAGE(std::invalid_argument, single.margins(tessera::rows(queries)), dimension);

  CHECK_THROWS_MESSAGE(std::invalid_argument, nearest.search<std::uint8_t>(tessera::rows(right)),
                       "NearestCode: expected a token type that holds 256, found one of 1 bytes");
  CHECK_THROWS_MESSAGE(std::invalid_argument, nearest.search<std::int8_t>(tessera::rows(right)),
                       "NearestCode: expected a token type that holds 256, found one of 1 bytes");
  const NearestCode<float> fits(tessera::rows(codes).slice(0, 256));
  CHECK(fits.search<std::uint8_t>(tessera::rows(right)).cast<std::int64_t>() == fits.search(tessera::rows(right)));

  Tokens<> few(9, 1), wide(10, 2);
  CHECK_THROWS_MESSAGE(std::invalid_argument, nearest.search_into(tessera::rows(right), tessera::rows(few)),
                       "NearestCode: expected tokens of 10 x 1, found 9 x 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, nearest.search_into(tessera::rows(right), tessera::rows(wide)),
                       "NearestCode: expected tokens of 10 x 1, found 10 x 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, nearest.top_k(tessera::rows(right), 0),
                       "NearestCode: expected k between 1 and the codebook size 257, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, nearest.top_k(tessera::rows(right), 258),
                       "NearestCode: expected k between 1 and the codebook size 257, found 258");
}
