// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/panel_product.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <tessera/core/thread_pool.hpp>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

template <class Scalar>
constexpr Index lanes = simd::lanes<Scalar>;
template <class Scalar>
constexpr Index width = PanelShape<Scalar>::width;

template <class Scalar>
PanelMatrix<Scalar> packed(const RowMatrix<Scalar>& weights, const RowMatrix<Scalar>& bias) {
  return PanelMatrix<Scalar>(rows(weights), rows(bias));
}

/// The largest error of y = W x + b against long double, in units of the bound on any order of summation:
/// (inputs + 1) epsilon times |b| + sum |w x| (Higham, "Accuracy and stability of numerical algorithms", section 3.1).
template <class Scalar>
double error_in_bounds(const RowMatrix<Scalar>& w, const RowMatrix<Scalar>& b, const RowMatrix<Scalar>& x,
                       const RowMatrix<Scalar>& y) {
  double worst = 0;
  for (Index i = 0; i < x.rows(); ++i) {
    for (Index o = 0; o < w.rows(); ++o) {
      long double exact = b(0, o), magnitude = std::abs(exact);
      for (Index d = 0; d < x.cols(); ++d) {
        const long double term = static_cast<long double>(w(o, d)) * static_cast<long double>(x(i, d));
        exact += term;
        magnitude += std::abs(term);
      }
      const long double bound = magnitude * static_cast<long double>(x.cols() + 1) *
                                static_cast<long double>(std::numeric_limits<Scalar>::epsilon());
      const long double error = std::abs(static_cast<long double>(y(i, o)) - exact);
      if (error > 0) worst = std::max(worst, static_cast<double>(error / bound));
    }
  }
  return worst;
}

}  // namespace

TEMPLATE_TEST_CASE("the product agrees with long double for every size", "", float, double) {
  using T = TestType;
  for (const Index outputs : {Index{0}, Index{1}, lanes<T>, lanes<T> + 1, width<T>, width<T> + 1, Index{101}}) {
    for (const Index inputs : {0, 1, 7, 64}) {
      const RowMatrix<T> w = random_normal<T>(outputs, inputs, 1), b = random_normal<T>(1, outputs, 2);
      const PanelMatrix<T> matrix = packed(w, b);
      CHECK((matrix.inputs() == inputs && matrix.outputs() == outputs));
      for (const Index count : {0, 1, 3, 13}) {
        const RowMatrix<T> x = random_normal<T>(count, inputs, 3);
        const RowMatrix<T> y = matrix.multiply(rows(x));
        CAPTURE(outputs, inputs, count);
        REQUIRE((y.rows() == count && y.cols() == outputs));
        CHECK(error_in_bounds(w, b, x, y) <= 1);
      }
    }
  }
}

TEMPLATE_TEST_CASE("products of integers are exact", "", float, double) {
  const RowMatrix<TestType> w = random_integers<TestType>(37, 19, 4, -50, 50);
  const RowMatrix<TestType> b = random_integers<TestType>(1, 37, 5, -50, 50);
  const RowMatrix<TestType> x = random_integers<TestType>(23, 19, 6, -50, 50);
  RowMatrix<std::int64_t> expected = x.template cast<std::int64_t>() * w.template cast<std::int64_t>().transpose();
  expected.rowwise() += b.template cast<std::int64_t>().row(0);
  CHECK(packed(w, b).multiply(rows(x)) == expected.template cast<TestType>());
}

TEMPLATE_TEST_CASE("a row has the same bits alone, anywhere in a batch, and whatever the others hold", "", float,
                   double) {
  using T = TestType;
  for (const Index outputs : {Index{3}, lanes<T>, width<T> + 5}) {
    const RowMatrix<T> w = random_normal<T>(outputs, 29, 7), b = random_normal<T>(1, outputs, 8);
    const PanelMatrix<T> matrix = packed(w, b);
    const RowMatrix<T> x = random_normal<T>(31, 29, 9);
    const RowMatrix<T> together = matrix.multiply(rows(x));
    for (Index i = 0; i < x.rows(); ++i) CHECK(matrix.multiply(rows(x.row(i))) == together.row(i));
    // In another place, among rows of huge numbers and of NaN.
    for (const Index count : {1, 2, 3, 5, 8, 17}) {
      RowMatrix<T> among = RowMatrix<T>::Constant(count, 29, std::numeric_limits<T>::quiet_NaN());
      among.topRows(count / 2).setConstant(std::numeric_limits<T>::max());
      for (Index place = 0; place < count; ++place) {
        RowMatrix<T> batch = among;
        batch.row(place) = x.row(4);
        CHECK(matrix.multiply(rows(batch)).row(place) == together.row(4));
      }
    }
  }
}

TEMPLATE_TEST_CASE("batch splits and threads change no bit", "", float, double) {
  using T = TestType;
  const Index count = 1201;
  const RowMatrix<T> w = random_normal<T>(width<T> + 3, 11, 10), b = random_normal<T>(1, width<T> + 3, 11);
  const PanelMatrix<T> matrix = packed(w, b);
  const RowMatrix<T> x = random_normal<T>(count, 11, 12);
  const RowMatrix<T> whole = matrix.multiply(rows(x));
  for (const Index threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    CHECK(matrix.multiply(rows(x), Execution(pool)) == whole);
  }
  SplitMix random(13);
  for (int repetition = 0; repetition < 5; ++repetition) {
    RowMatrix<T> pieces = RowMatrix<T>::Zero(count, whole.cols());
    for (Index begin = 0; begin < count;) {
      const Index end = std::min(count, begin + 1 + random.below(300));
      matrix.multiply_into(rows(x).slice(begin, end), rows(pieces).slice(begin, end));
      begin = end;
    }
    CHECK(pieces == whole);
  }
}

#ifndef __FAST_MATH__  // under which a compiler may sum in another order
TEMPLATE_TEST_CASE("an output has the same bits whatever other outputs the matrix has", "", float, double) {
  using T = TestType;
  const RowMatrix<T> w = random_normal<T>(2 * width<T> + 1, 23, 14), b = random_normal<T>(1, 2 * width<T> + 1, 15);
  const RowMatrix<T> x = random_normal<T>(9, 23, 16);
  const RowMatrix<T> whole = packed(w, b).multiply(rows(x));
  for (const Index outputs : {Index{1}, lanes<T>, lanes<T> + 1, width<T>, width<T> + 1}) {
    const RowMatrix<T> some = w.topRows(outputs), some_bias = b.leftCols(outputs);
    CHECK(packed(some, some_bias).multiply(rows(x)) == whole.leftCols(outputs));
  }
}
#endif

TEST_CASE("inputs and outputs may have strides, and nothing is written between the rows") {
  const RowMatrix<float> w = random_normal<float>(5, 3, 17), b = random_normal<float>(1, 5, 18);
  const RowMatrix<float> x = random_normal<float>(7, 3, 19);
  const PanelMatrix<float> matrix = packed(w, b);
  RowMatrix<float> wide_x = RowMatrix<float>::Constant(7, 9, 5), wide_y = wide_x;
  wide_x.middleCols(2, 3) = x;
  matrix.multiply_into(rows(wide_x.middleCols(2, 3)), rows(wide_y.middleCols(1, 5)));
  CHECK(wide_y.middleCols(1, 5) == matrix.multiply(rows(x)));
  CHECK(wide_y.col(0) == RowMatrix<float>::Constant(7, 1, 5));
  CHECK(wide_y.rightCols(3) == RowMatrix<float>::Constant(7, 3, 5));

  RowMatrix<float> wide_w = RowMatrix<float>::Constant(5, 4, 5);
  wide_w.leftCols(3) = w;
  const PanelMatrix<float> from_strided(rows(wide_w.leftCols(3)), rows(b));
  CHECK(from_strided.multiply(rows(x)) == matrix.multiply(rows(x)));
}

TEST_CASE("a bias is a row, a column or none") {
  const RowMatrix<double> w = random_normal<double>(6, 3, 20), b = random_normal<double>(1, 6, 21);
  const RowMatrix<double> x = random_normal<double>(4, 3, 22), column = b.transpose();
  CHECK(packed(w, column).multiply(rows(x)) == packed(w, b).multiply(rows(x)));
  const RowMatrix<double> zero = RowMatrix<double>::Zero(1, 6);
  CHECK(PanelMatrix<double>(rows(w)).multiply(rows(x)) == packed(w, zero).multiply(rows(x)));
}

TEST_CASE("a matrix made without weights maps nothing to nothing") {
  const PanelMatrix<double> matrix;
  const RowMatrix<double> x(3, 0);
  CHECK((matrix.inputs() == 0 && matrix.outputs() == 0));
  CHECK(matrix.multiply(rows(x)).size() == 0);
}

TEST_CASE("sizes that do not fit are refused, and nothing is written") {
  const RowMatrix<double> w = random_normal<double>(6, 3, 23), x = random_normal<double>(4, 3, 24);
  const RowMatrix<double> short_bias(1, 5), square_bias(2, 3);
  CHECK_THROWS_MESSAGE(std::invalid_argument, packed(w, short_bias),
                       "PanelMatrix: expected a bias of 6 scalars, one per output, found 1 x 5");
  CHECK_THROWS_MESSAGE(std::invalid_argument, packed(w, square_bias),
                       "PanelMatrix: expected a bias of 6 scalars, one per output, found 2 x 3");
  const PanelMatrix<double> matrix(rows(w));
  RowMatrix<double> narrow_input(4, 2), y = RowMatrix<double>::Constant(4, 6, 5), before = y;
  RowMatrix<double> narrow_output(4, 5), short_output(3, 6);
  CHECK_THROWS_MESSAGE(std::invalid_argument, matrix.multiply_into(rows(narrow_input), rows(y)),
                       "PanelMatrix: expected rows of dimension 3, found 2 (batch of 4)");
  CHECK_THROWS_MESSAGE(std::invalid_argument, matrix.multiply_into(rows(x), rows(narrow_output)),
                       "PanelMatrix: expected an output of 4 x 6, found 4 x 5");
  CHECK_THROWS_MESSAGE(std::invalid_argument, matrix.multiply_into(rows(x), rows(short_output)),
                       "PanelMatrix: expected an output of 4 x 6, found 3 x 6");
  CHECK(y == before);
}
