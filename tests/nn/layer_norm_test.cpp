// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/nn/layer_norm.hpp>

#include "support/catch.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Index;
using tessera::RowMatrix;
using tessera::rows;
namespace testing = tessera::testing;

template <class Scalar>
tessera::LayerNorm<Scalar> random_layer(Index dimension, std::uint64_t seed) {
  tessera::LayerNorm<Scalar> layer({.dimension = dimension});
  layer.scale() = testing::random_normal<Scalar>(1, dimension, seed);
  layer.shift() = testing::random_normal<Scalar>(1, dimension, seed + 1);
  return layer;
}

/// The definition in long double.
template <class Scalar>
RowMatrix<double> layer_norm_oracle(const tessera::LayerNorm<Scalar>& layer, const RowMatrix<Scalar>& x) {
  RowMatrix<double> y(x.rows(), x.cols());
  const auto size = static_cast<long double>(x.cols());
  for (Index n = 0; n < x.rows(); ++n) {
    long double mean = 0;
    for (Index i = 0; i < x.cols(); ++i) mean += static_cast<long double>(x(n, i)) / size;
    long double variance = 0;
    for (Index i = 0; i < x.cols(); ++i) {
      const long double centred = static_cast<long double>(x(n, i)) - mean;
      variance += centred * centred / size;
    }
    for (Index i = 0; i < x.cols(); ++i) {
      const long double normal = (static_cast<long double>(x(n, i)) - mean) / std::sqrt(variance + 1e-5L);
      y(n, i) = static_cast<double>(normal * static_cast<long double>(layer.scale()(i)) +
                                    static_cast<long double>(layer.shift()(i)));
    }
  }
  return y;
}

}  // namespace

TEMPLATE_TEST_CASE("layer norm follows its definition for every size", "[layer_norm]", float, double) {
  for (const Index dimension : {1, 2, 7, 16, 17, 64, 101}) {
    const auto layer = random_layer<TestType>(dimension, 1);
    const RowMatrix<TestType> x = testing::random_normal<TestType>(5, dimension, 2, 1.5, 0.5);
    // A few roundings of numbers near one, each amplified by at most the 1/s of two close features (dimension 2).
    const double tolerance = 100 * static_cast<double>(std::numeric_limits<TestType>::epsilon());
    CHECK(testing::largest_difference(layer.forward(rows(x)), layer_norm_oracle(layer, x)) < tolerance);
  }
}

TEST_CASE("a large common offset costs only the digits the input lost", "[layer_norm]") {
  const auto layer = random_layer<float>(50, 3);
  const RowMatrix<float> x = testing::random_normal<float>(4, 50, 4, 1.0, 1000.0);
  // The mean is rounded to 1000 * 2^-24; E[x^2] - E[x]^2 would lose everything here.
  CHECK(testing::largest_difference(layer.forward(rows(x)), layer_norm_oracle(layer, x)) < 1e-3);
}

TEST_CASE("a normalised row has the same bits in every batch", "[layer_norm]") {
  const auto layer = random_layer<float>(37, 5);
  const RowMatrix<float> x = testing::random_normal<float>(20, 37, 6);
  const RowMatrix<float> whole = layer.forward(rows(x));
  for (Index row = 0; row < 20; ++row) {
    const RowMatrix<float> one = layer.forward(rows(x).slice(row, row + 1));
    const RowMatrix<float> expected = whole.row(row);
    REQUIRE(one == expected);
  }
}

TEST_CASE("layer norm's backward pass agrees with central differences", "[layer_norm]") {
  for (const Index dimension : {2, 5, 19}) {
    const auto layer = random_layer<double>(dimension, 7);
    const RowMatrix<double> x = testing::random_normal<double>(4, dimension, 8);
    const RowMatrix<double> w = testing::random_normal<double>(4, dimension, 9);
    auto gradient = layer.make_gradient();
    gradient.scale.setConstant(99);  // overwritten, not added to
    const RowMatrix<double> grad_input = layer.backward(rows(x), rows(w), gradient);

    const auto of_input = [&](const RowMatrix<double>& at) { return layer.forward(rows(at)).cwiseProduct(w).sum(); };
    // truncation h^2 f''' / 6 with h = 1e-5 and derivatives up to 1/s^3 ~ 100
    CHECK(testing::largest_difference(grad_input, testing::numeric_gradient(of_input, x)) < 1e-7);
    const auto of_scale = [&](const RowMatrix<double>& at) {
      auto moved = layer;
      moved.scale() = at.row(0);
      return moved.forward(rows(x)).cwiseProduct(w).sum();
    };
    CHECK(testing::largest_difference(gradient.scale, testing::numeric_gradient(of_scale, layer.scale())) < 1e-9);
    CHECK(testing::largest_difference(gradient.shift, RowMatrix<double>(w.colwise().sum())) < 1e-12);
  }
}

TEST_CASE("layer norm's backward pass satisfies the adjoint identity", "[layer_norm]") {
  const auto layer = random_layer<double>(33, 10);
  const RowMatrix<double> x = testing::random_normal<double>(6, 33, 11);
  const RowMatrix<double> v = testing::random_normal<double>(6, 33, 12);
  const RowMatrix<double> w = testing::random_normal<double>(6, 33, 13);
  auto gradient = layer.make_gradient();
  const auto sides = testing::adjoint_sides(
      [&](const RowMatrix<double>& at) { return layer.forward(rows(at)); },
      [&](const RowMatrix<double>& g) { return layer.backward(rows(x), rows(g), gradient); }, x, v, w);
  CHECK(sides.relative_error() < 1e-7);
}

TEST_CASE("layer norm works in place, on constant rows and on empty batches, and refuses wrong shapes",
          "[layer_norm]") {
  const auto layer = random_layer<double>(7, 14);
  RowMatrix<double> x = testing::random_normal<double>(3, 7, 15);
  x.row(1).setConstant(4);
  const RowMatrix<double> expected = layer.forward(rows(x));
  CHECK(expected.row(1) == layer.shift());
  layer.forward_into(rows(x), rows(x));
  CHECK(x == expected);
  CHECK(layer.forward(tessera::Batch<const double>(nullptr, 0, 7)).rows() == 0);

  const RowMatrix<double> wrong = RowMatrix<double>::Zero(2, 5);
  CHECK_THROWS_MESSAGE(std::invalid_argument, layer.forward(rows(wrong)),
                       "LayerNorm: expected an input of shape 2 x 7, found 2 x 5");
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::LayerNorm<float>({.dimension = 0}),
                       "LayerNorm: expected a dimension of at least 1, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::LayerNorm<float>({.dimension = 2, .epsilon = 0}),
                       "LayerNorm: expected a positive epsilon, found 0");
}
