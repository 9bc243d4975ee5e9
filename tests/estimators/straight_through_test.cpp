// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/estimators/straight_through.hpp>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

TEMPLATE_TEST_CASE("the gradient of the code is that of the input, for every size", "", float, double) {
  for (const Index count : {0, 1, 5}) {
    for (const Index dimension : {0, 1, 7, 33}) {
      const RowMatrix<TestType> g = random_normal<TestType>(count, dimension, 1);
      CHECK(straight_through_backward(rows(g)) == g);
    }
  }
}

TEST_CASE("masked rows receive zeros, whatever their gradient holds") {
  RowMatrix<double> g = random_normal<double>(6, 3, 2);
  MaskArray mask(6);
  mask << true, false, true, true, false, true;
  RowMatrix<double> expected = g;
  expected.row(1).setZero();
  expected.row(4).setZero();
  g.row(1).setConstant(std::numeric_limits<double>::infinity());
  CHECK(straight_through_backward(rows(g), mask) == expected);
  straight_through_backward_into(rows(g), rows(g), mask);  // in place
  CHECK(g == expected);
}

TEST_CASE("gradients may have strides, and what lies between the rows stays") {
  const RowMatrix<float> g = random_normal<float>(4, 3, 3);
  RowMatrix<float> from = RowMatrix<float>::Constant(4, 5, 9), to = from;
  from.rightCols(3) = g;
  straight_through_backward_into(rows(from.rightCols(3)), rows(to.leftCols(3)));
  CHECK(to.leftCols(3) == g);
  CHECK(to.rightCols(2) == RowMatrix<float>::Constant(4, 2, 9));
}

TEST_CASE("shapes that differ are refused by the straight-through estimator, and nothing is written") {
  const RowMatrix<double> g = random_normal<double>(4, 3, 4);
  RowMatrix<double> small = RowMatrix<double>::Constant(4, 2, 9), same = RowMatrix<double>::Constant(4, 3, 9);
  CHECK_THROWS_MESSAGE(std::invalid_argument, straight_through_backward_into(rows(g), rows(small)),
                       "straight_through_backward: expected grad_input of 4 x 3, found 4 x 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, straight_through_backward_into(rows(g).slice(1, 4), rows(same)),
                       "straight_through_backward: expected grad_input of 3 x 3, found 4 x 3");
  const MaskArray mask = MaskArray::Constant(5, true);
  CHECK_THROWS_MESSAGE(std::invalid_argument, straight_through_backward_into(rows(g), rows(same), mask),
                       "straight_through_backward: expected a mask of 4 bools, one per vector, found 5");
  CHECK(small == RowMatrix<double>::Constant(4, 2, 9));
  CHECK(same == RowMatrix<double>::Constant(4, 3, 9));
}
