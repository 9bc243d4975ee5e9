// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// The helpers other tests lean on, held to what they promise.

#include <cmath>
#include <stdexcept>

#include <tessera/core/error.hpp>

#include "support/catch.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera::testing;
using tessera::RowMatrix;

TEST_CASE("splitmix gives its published first values") {
  SplitMix random(1234567);
  CHECK(random.bits() == 6457827717110365317u);
  CHECK(random.bits() == 3203168211198807973u);
}

TEST_CASE("central differences find the gradient of a quadratic and spot a wrong one") {
  const RowMatrix<double> x = random_normal<double>(3, 4, 1);
  const auto gradient = numeric_gradient([](const auto& m) { return m.array().square().sum(); }, x, 1e-5);
  CHECK(largest_difference(gradient, 2 * x) < 1e-8);
  CHECK(largest_difference(gradient, 2.001 * x) > 1e-4);
}

TEST_CASE("the adjoint identity holds for a right backward pass and fails for a wrong one") {
  const RowMatrix<double> x = random_normal<double>(3, 4, 1), v = random_normal<double>(3, 4, 2);
  const RowMatrix<double> w = random_normal<double>(3, 4, 3);
  auto square = [](const auto& m) { return RowMatrix<double>(m.array().square()); };
  auto right = [&](const auto& g) { return RowMatrix<double>(2 * x.array() * g.array()); };
  auto wrong = [&](const auto& g) { return RowMatrix<double>(x.array() * g.array()); };
  CHECK(adjoint_sides(square, right, x, v, w).relative_error() < 1e-8);
  CHECK(adjoint_sides(square, wrong, x, v, w).relative_error() > 0.1);
}

TEST_CASE("messages are read, and an error of another type passes through") {
  auto refuse = [] { tessera::require(false, "Grid: expected {}", 7); };
  CHECK(message_of(refuse) == "Grid: expected 7");
  CHECK(message_of([] {}).empty());
  CHECK(throws_exactly<std::invalid_argument>(refuse));
  CHECK_FALSE(throws_exactly<std::logic_error>(refuse));
  CHECK_THROWS_AS(message_of<std::out_of_range>(refuse), std::invalid_argument);
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, refuse(), "expected 7");
}

TEST_CASE("random matrices repeat by seed and have the moments asked for") {
  const RowMatrix<float> x = random_normal<float>(1000, 100, 5, 2, 3);
  CHECK(x == random_normal<float>(1000, 100, 5, 2, 3));
  CHECK(x != random_normal<float>(1000, 100, 6, 2, 3));
  CHECK(std::abs(x.cast<double>().mean() - 3) < 5 * 2 / std::sqrt(1e5));  // five standard errors, seed fixed
  CHECK(random_integers<double>(50, 50, 7, -2, 2).cwiseAbs().maxCoeff() == 2);
}
