// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/legs_operator.hpp>

#include <cmath>
#include <limits>

#include "reference/state_space.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

/// The matrix entry by entry.
LongMatrix legs(Index order) {
  LongMatrix a = LongMatrix::Zero(order, order);
  for (Index n = 0; n < order; ++n) {
    for (Index k = 0; k < n; ++k) a(n, k) = -std::sqrt(static_cast<long double>((2 * n + 1) * (2 * k + 1)));
    a(n, n) = -static_cast<long double>(n + 1);
  }
  return a;
}

/// The largest difference of a row from what it should be, relative to that row's largest entry in `scale`.
template <class Scalar>
double worst_row(const RowMatrix<Scalar>& found, const LongMatrix& expected, const LongMatrix& scale) {
  double worst = 0;
  for (Index i = 0; i < found.rows(); ++i) {
    const long double difference = (found.row(i).template cast<long double>() - expected.row(i)).cwiseAbs().maxCoeff();
    worst = std::max(worst, static_cast<double>(difference / scale.row(i).cwiseAbs().maxCoeff()));
  }
  return worst;
}

}  // namespace

TEMPLATE_TEST_CASE("products with LegS in linear time are those of the dense matrix", "[hippo]", float, double) {
  const double epsilon = static_cast<double>(std::numeric_limits<TestType>::epsilon());
  for (const Index order : {1, 2, 5, 31, 32, 33, 64, 257}) {
    for (const Index count : {Index{1}, Index{3}, Index{simd::lanes<TestType>}, Index{simd::lanes<TestType> + 1}}) {
      CAPTURE(order, count);
      const LegSOperator<TestType> op(order);
      REQUIRE(op.order() == order);
      const RowMatrix<TestType> v = random_normal<TestType>(count, order, 1);
      const LongMatrix a = legs(order), x = v.template cast<long double>();
      // A running sum of `order` terms errs by order * epsilon of the sum of magnitudes at worst, by far less than
      // order * epsilon / 2 of it with random signs.
      const LongMatrix size = x.cwiseAbs() * a.cwiseAbs().transpose();
      const double tolerance = epsilon * static_cast<double>(order + 4) / 2;
      CHECK(worst_row<TestType>(op.multiply(rows(v)), x * a.transpose(), size) < tolerance);
      CHECK(worst_row<TestType>(op.multiply_transposed(rows(v)), x * a, x.cwiseAbs() * a.cwiseAbs()) < tolerance);
    }
  }
}

TEMPLATE_TEST_CASE("solutions with LegS in linear time satisfy the dense equations", "[hippo]", float, double) {
  const double epsilon = static_cast<double>(std::numeric_limits<TestType>::epsilon());
  for (const Index order : {1, 2, 7, 32, 64, 100, 257}) {
    const LegSOperator<TestType> op(order);
    const RowMatrix<TestType> v = random_normal<TestType>(5, order, 2);
    for (const double lambda : {0.0, 1e-4, 0.01, 0.5, 3.0}) {
      CAPTURE(order, lambda);
      const TestType rate = static_cast<TestType>(lambda);
      const LongMatrix m = LongMatrix::Identity(order, order) - static_cast<long double>(rate) * legs(order);
      // Substitution is backward stable: what is left over is at most order * epsilon of |M| |z| (Higham, Accuracy and
      // Stability of Numerical Algorithms, theorem 8.5), here of its largest entry.
      const double tolerance = epsilon * static_cast<double>(order + 4) / 2;
      const RowMatrix<TestType> z = op.solve(rate, rows(v)), w = op.solve_transposed(rate, rows(v));
      const LongMatrix zl = z.template cast<long double>(), wl = w.template cast<long double>();
      CHECK(worst_row<TestType>(v, zl * m.transpose(), zl.cwiseAbs() * m.cwiseAbs().transpose()) < tolerance);
      CHECK(worst_row<TestType>(v, wl * m, wl.cwiseAbs() * m.cwiseAbs()) < tolerance);
    }
  }
}

TEST_CASE("a product and a solution of LegS undo each other", "[hippo]") {
  const Index order = 64;
  const LegSOperator<double> op(order);
  const RowMatrix<double> v = random_normal<double>(9, order, 3);
  const double lambda = 0.02;
  RowMatrix<double> w = v - lambda * op.multiply(rows(v));
  op.solve_into(lambda, rows(w), rows(w));  // in place
  // The matrix has a condition number near 100.
  CHECK((w - v).cwiseAbs().maxCoeff() < 1e-12);
}

TEST_CASE("the transposed operations of LegS are the adjoints", "[hippo]") {
  const LegSOperator<double> op(50);
  const RowMatrix<double> v = random_normal<double>(4, 50, 4), w = random_normal<double>(4, 50, 5);
  const auto adjoint = [&](const RowMatrix<double>& forward, const RowMatrix<double>& backward) {
    const double one = forward.cwiseProduct(w).sum(), other = v.cwiseProduct(backward).sum();
    return std::abs(one - other) / std::max(std::abs(one), std::abs(other));
  };
  CHECK(adjoint(op.multiply(rows(v)), op.multiply_transposed(rows(w))) < 1e-13);
  CHECK(adjoint(op.solve(0.1, rows(v)), op.solve_transposed(0.1, rows(w))) < 1e-13);
}

TEST_CASE("the result of LegS for a vector does not depend on the vectors beside it", "[hippo]") {
  const LegSOperator<float> op(77);
  const RowMatrix<float> v = random_normal<float>(40, 77, 6);
  const RowMatrix<float> product = op.multiply(rows(v)), solution = op.solve(0.3f, rows(v));
  for (Index i = 0; i < v.rows(); ++i) {
    const RowMatrix<float> single = v.row(i);
    REQUIRE(op.multiply(rows(single)) == product.row(i));
    REQUIRE(op.solve(0.3f, rows(single)) == solution.row(i));
  }
}

TEST_CASE("LegS takes an empty batch and vectors with gaps, and allocates nothing", "[hippo]") {
  const LegSOperator<double> op(10);
  const RowMatrix<double> none(0, 10);
  CHECK(op.multiply(rows(none)).rows() == 0);
  const RowMatrix<double> wide = random_normal<double>(3, 15, 7), narrow = wide.middleCols(2, 10);
  RowMatrix<double> result = RowMatrix<double>::Constant(3, 15, 5.0);
  const long before = allocations();
  op.multiply_into(Batch<const double>(&wide(0, 2), 3, 10, 15), Batch<double>(&result(0, 2), 3, 10, 15));
  if (!sanitized) CHECK(allocations() == before);
  CHECK(result.middleCols(2, 10) == op.multiply(rows(narrow)));
  CHECK((result.leftCols(2).array() == 5).all());
  CHECK((result.rightCols(3).array() == 5).all());
}

TEST_CASE("misuse of LegS is refused in words", "[hippo]") {
  CHECK_THROWS_MESSAGE(std::invalid_argument, LegSOperator<float>(0),
                       "LegSOperator: expected an order of at least 1, found 0");
  const LegSOperator<float> op(4);
  RowMatrix<float> v = RowMatrix<float>::Ones(2, 4), other(1, 4), narrow(2, 3);
  CHECK_THROWS_MESSAGE(std::invalid_argument, op.multiply(rows(narrow)),
                       "LegSOperator: expected vectors of dimension 4, found 3 (batch of 2)");
  CHECK_THROWS_MESSAGE(std::invalid_argument, op.multiply_into(rows(v), rows(other)),
                       "LegSOperator: expected a result of 2 x 4, found 1 x 4");
  CHECK_THROWS_MESSAGE(std::invalid_argument, op.solve(-0.5f, rows(v)),
                       "LegSOperator: expected a finite lambda of at least 0, found -0.5");
  v(1, 2) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, op.solve_transposed(1, rows(v)),
                       "LegSOperator: expected finite vectors, found nan at vector 1, component 2");
}
