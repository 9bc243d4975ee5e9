// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/nn/loss.hpp>

#include "support/catch.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::RowMatrix;
using tessera::rows;
namespace testing = tessera::testing;

}  // namespace

TEST_CASE("the mean squared error is the mean over all scalars", "[loss]") {
  const RowMatrix<float> prediction = (RowMatrix<float>(2, 3) << 1, 2, 3, 4, 5, 6).finished();
  const RowMatrix<float> target = (RowMatrix<float>(2, 3) << 1, 0, 3, 4, 5, 3).finished();
  CHECK(tessera::mean_squared_error(rows(prediction), rows(target)) == Catch::Approx(13.0 / 6).epsilon(1e-15));
  CHECK(tessera::mean_squared_error(tessera::Batch<const float>(nullptr, 0, 3),
                                    tessera::Batch<const float>(nullptr, 0, 3)) == 0);
}

TEST_CASE("the gradient of the mean squared error agrees with central differences", "[loss]") {
  const RowMatrix<double> prediction = testing::random_normal<double>(5, 19, 1);
  const RowMatrix<double> target = testing::random_normal<double>(5, 19, 2);
  const auto loss = [&](const RowMatrix<double>& at) {
    return 3 * tessera::mean_squared_error(rows(at), rows(target));
  };
  const RowMatrix<double> gradient = tessera::mean_squared_error_backward(rows(prediction), rows(target), 3.0);
  // A parabola: central differences are exact up to rounding, 1e-16 / 1e-5.
  CHECK(testing::largest_difference(gradient, testing::numeric_gradient(loss, prediction)) < 1e-9);
}

TEST_CASE("the mean squared error refuses different shapes", "[loss]") {
  const RowMatrix<double> a = RowMatrix<double>::Zero(2, 3);
  const RowMatrix<double> b = RowMatrix<double>::Zero(3, 2);
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::mean_squared_error(rows(a), rows(b)),
                       "mean_squared_error: expected a target of shape 2 x 3, found 3 x 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::mean_squared_error_backward(rows(a), rows(b)),
                       "mean_squared_error_backward_into: expected a target of shape 2 x 3, found 3 x 2");
}
