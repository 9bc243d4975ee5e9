// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/nn/activation.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Index;
using tessera::RowMatrix;
using tessera::rows;
namespace testing = tessera::testing;

/// The formula in long double, through the standard library.
long double gelu_oracle(long double x) {
  const long double u = std::sqrt(2 / 3.14159265358979323846264338327950288L) * (x + 0.044715L * x * x * x);
  return x / (1 + std::exp(-2 * u));
}

}  // namespace

TEMPLATE_TEST_CASE("gelu is the tanh form to a few units in the last place", "[activation]", float, double) {
  std::vector<TestType> values;
  for (int i = -4000; i <= 4000; ++i) values.push_back(static_cast<TestType>(i) / TestType(317));
  for (const double extreme : {1e-30, 1e-6, 14.0, 15.9, 16.1, 100.0, 1e9, 1e12}) {
    values.push_back(static_cast<TestType>(extreme));
    values.push_back(static_cast<TestType>(-extreme));
  }
  const tessera::Batch<const TestType> batch(values.data(), 1, static_cast<Index>(values.size()));
  const RowMatrix<TestType> found = tessera::gelu(batch);
  double worst = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double expected = static_cast<double>(gelu_oracle(values[i]));
    const double scale = std::max(1.0, std::abs(static_cast<double>(values[i])));
    worst = std::max(worst, std::abs(static_cast<double>(found(0, static_cast<Index>(i))) - expected) / scale);
  }
  // The exponential is off by the rounding of its argument, at most 126 units, weighted with s (1 - s) <= 1/4 and
  // falling like exp(-|y|): below two units; the rest are a handful of single roundings.
  CHECK(worst < 4 * static_cast<double>(std::numeric_limits<TestType>::epsilon()));
}

TEST_CASE("gelu has the values of its published definition", "[activation]") {
  // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), computed with 40 digits
  const std::vector<double> x = {0, 1, -1, 0.5, 3};
  const tessera::Batch<const double> batch(x.data(), 5, 1);
  const RowMatrix<double> y = tessera::gelu(batch);
  CHECK(y(0) == 0);
  CHECK(std::abs(y(1) - 0.8411919906082768) < 1e-15);
  CHECK(std::abs(y(2) + 0.1588080093917232) < 1e-15);
  CHECK(std::abs(y(3) - 0.3457140098251439) < 1e-15);
  CHECK(std::abs(y(4) - 2.996362607918227) < 1e-14);
}

TEMPLATE_TEST_CASE("an activation's bits depend neither on the place in a row nor on the batch", "[activation]", float,
                   double) {
  const RowMatrix<TestType> x = testing::random_normal<TestType>(1, 200, 1, 3.0);
  const RowMatrix<TestType> whole = tessera::gelu(rows(x));
  for (const Index length : {1, 2, 7, 15, 16, 17, 31, 33}) {
    for (Index begin = 0; begin + length <= 200; begin += 13) {
      const RowMatrix<TestType> part = tessera::gelu(tessera::Batch<const TestType>(x.data() + begin, 1, length));
      const RowMatrix<TestType> expected = whole.middleCols(begin, length);
      REQUIRE(part == expected);
    }
  }
  const RowMatrix<TestType> strided = tessera::gelu(tessera::Batch<const TestType>(x.data(), 20, 7, 10));
  for (Index row = 0; row < 20; ++row) {
    for (Index i = 0; i < 7; ++i) REQUIRE(strided(row, i) == whole(row * 10 + i));
  }
}

TEST_CASE("gelu_backward agrees with central differences and the adjoint identity", "[activation]") {
  RowMatrix<double> x = testing::random_normal<double>(7, 5, 2, 2.0);
  x(0, 0) = 20;
  x(0, 1) = -20;
  const RowMatrix<double> w = testing::random_normal<double>(7, 5, 3);
  const RowMatrix<double> v = testing::random_normal<double>(7, 5, 4);
  RowMatrix<double> gradient(7, 5);
  tessera::gelu_backward_into(rows(x), rows(w), rows(gradient));
  const auto value = [&](const RowMatrix<double>& at) { return tessera::gelu(rows(at)).cwiseProduct(w).sum(); };
  // step 1e-5: truncation 1e-10 of f''' / 6, rounding 1e-16 / 1e-5 of |f| <= 100
  CHECK(testing::largest_difference(gradient, testing::numeric_gradient(value, x)) < 1e-8);
  const auto sides = testing::adjoint_sides([](const RowMatrix<double>& at) { return tessera::gelu(rows(at)); },
                                            [&](const RowMatrix<double>&) { return gradient; }, x, v, w);
  CHECK(sides.relative_error() < 1e-8);
}

TEST_CASE("relu and its backward pass follow the definition, zero included", "[activation]") {
  const std::vector<float> x = {-2, -0.0f, 0, 1e-30f, 3, std::numeric_limits<float>::infinity()};
  const std::vector<float> upstream = {1, 2, 3, 4, 5, 6};
  const tessera::Batch<const float> batch(x.data(), 2, 3);
  const RowMatrix<float> y = tessera::relu(batch);
  CHECK(y(0) == 0);
  CHECK(y(1) == 0);
  CHECK(y(2) == 0);
  CHECK(y(3) == 1e-30f);
  CHECK(y(4) == 3);
  RowMatrix<float> gradient(2, 3);
  tessera::relu_backward_into(batch, tessera::Batch<const float>(upstream.data(), 2, 3), rows(gradient));
  const RowMatrix<float> expected = (RowMatrix<float>(2, 3) << 0, 0, 0, 4, 5, 6).finished();
  CHECK(gradient == expected);
}

TEST_CASE("activations work in place, on empty batches, and refuse other shapes", "[activation]") {
  RowMatrix<double> x = testing::random_normal<double>(3, 17, 5);
  const RowMatrix<double> expected = tessera::gelu(rows(x));
  tessera::gelu_into(rows(x), rows(x));
  CHECK(x == expected);
  CHECK(tessera::gelu(tessera::Batch<const double>(nullptr, 0, 4)).rows() == 0);

  RowMatrix<double> small(3, 4);
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::gelu_into(rows(x), rows(small)),
                       "gelu_into: expected an output of shape 3 x 17, found 3 x 4");
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::relu_backward_into(rows(x), rows(small), rows(x)),
                       "relu_backward_into: expected grad_output of shape 3 x 17, found 3 x 4");
}
