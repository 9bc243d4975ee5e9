// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/estimators/estimator.hpp>

#include <string>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

TEST_CASE("estimators have the names that files and messages use") {
  CHECK(std::string(estimator_name(GradientEstimator::straight_through)) == "straight_through");
  CHECK(std::string(estimator_name(GradientEstimator::rotation_trick)) == "rotation_trick");
}

TEST_CASE("the estimator asked for is the one applied, with its mask") {
  const RowMatrix<float> x = random_normal<float>(8, 5, 1), q = random_normal<float>(8, 5, 2);
  const RowMatrix<float> g = random_normal<float>(8, 5, 3);
  const MaskArray mask = random_mask(8, 4);
  CHECK(estimator_backward(GradientEstimator::straight_through, rows(x), rows(q), rows(g)) == g);
  CHECK(estimator_backward(GradientEstimator::straight_through, rows(x), rows(q), rows(g), mask) ==
        straight_through_backward(rows(g), mask));
  const RowMatrix<float> rotated = rotation_trick_backward(rows(x), rows(q), rows(g), mask);
  CHECK(estimator_backward(GradientEstimator::rotation_trick, rows(x), rows(q), rows(g), mask) == rotated);
  CHECK((rotated - g).norm() > 0.1f);

  RowMatrix<float> in_place = g;
  estimator_backward_into(GradientEstimator::rotation_trick, rows(x), rows(q), rows(in_place), rows(in_place), mask);
  CHECK(in_place == rotated);
}

TEST_CASE("empty batches have empty gradients") {
  const RowMatrix<double> none(0, 4);
  for (const auto estimator : {GradientEstimator::straight_through, GradientEstimator::rotation_trick})
    CHECK(estimator_backward(estimator, rows(none), rows(none), rows(none)).rows() == 0);
}

TEST_CASE("shapes that differ and unknown estimators are refused, and nothing is written") {
  const RowMatrix<double> x = random_normal<double>(4, 3, 5), other = random_normal<double>(5, 3, 6);
  RowMatrix<double> result = RowMatrix<double>::Constant(4, 3, 9);
  const MaskArray mask = MaskArray::Constant(5, true);
  for (const auto estimator : {GradientEstimator::straight_through, GradientEstimator::rotation_trick}) {
    CHECK_THROWS_MESSAGE(std::invalid_argument,
                         estimator_backward_into(estimator, rows(other), rows(x), rows(x), rows(result)),
                         "estimator_backward: expected four batches of 5 x 3, found codes 4 x 3, vectors 4 x 3, "
                         "results 4 x 3");
    CHECK_THROWS_MESSAGE(std::invalid_argument,
                         estimator_backward_into(estimator, rows(x), rows(other), rows(x), rows(result)),
                         "found codes 5 x 3");
    CHECK_THROWS_MESSAGE(std::invalid_argument,
                         estimator_backward_into(estimator, rows(x), rows(x), rows(other), rows(result)),
                         "vectors 5 x 3");
    CHECK_THROWS_MESSAGE(std::invalid_argument,
                         estimator_backward_into(estimator, rows(x), rows(x), rows(x), rows(result), mask),
                         "estimator_backward: expected a mask of 4 bools, one per vector, found 5");
  }
  const auto unknown = static_cast<GradientEstimator>(7);
  CHECK_THROWS_MESSAGE(std::invalid_argument, estimator_backward_into(unknown, rows(x), rows(x), rows(x), rows(result)),
                       "estimator_backward: expected a known estimator, found 7");
  CHECK(result == RowMatrix<double>::Constant(4, 3, 9));
}
