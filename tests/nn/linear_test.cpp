// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/nn/linear.hpp>

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
tessera::Linear<Scalar> random_layer(Index inputs, Index outputs, std::uint64_t seed) {
  testing::SplitMix random(seed);
  tessera::Linear<Scalar> layer({.inputs = inputs, .outputs = outputs}, random);
  for (Index o = 0; o < outputs; ++o) layer.bias()(o) = static_cast<Scalar>(random.normal());
  return layer;
}

/// W x + b from the definition, in long double.
template <class Scalar>
RowMatrix<double> linear_oracle(const tessera::Linear<Scalar>& layer, const RowMatrix<Scalar>& x) {
  RowMatrix<double> y(x.rows(), layer.outputs());
  for (Index n = 0; n < x.rows(); ++n) {
    for (Index o = 0; o < layer.outputs(); ++o) {
      long double sum = layer.bias()(o);
      for (Index i = 0; i < x.cols(); ++i) {
        sum += static_cast<long double>(layer.weights()(o, i)) * static_cast<long double>(x(n, i));
      }
      y(n, o) = static_cast<double>(sum);
    }
  }
  return y;
}

}  // namespace

TEMPLATE_TEST_CASE("forward and inference compute W x + b", "[linear]", float, double) {
  // Sums of up to 67 products of magnitude 1: the rounding of each addition, with room.
  const double tolerance = 100 * static_cast<double>(std::numeric_limits<TestType>::epsilon());
  for (const Index inputs : {1, 3, 16, 67}) {
    for (const Index outputs : {1, 5, 17, 70}) {
      const auto layer = random_layer<TestType>(inputs, outputs, static_cast<std::uint64_t>(inputs * 100 + outputs));
      const RowMatrix<TestType> x = testing::random_normal<TestType>(9, inputs, 11);
      const RowMatrix<double> expected = linear_oracle(layer, x);
      CHECK(testing::largest_difference(layer.forward(rows(x)), expected) < tolerance);
      CHECK(testing::largest_difference(layer.infer(rows(x)), expected) < tolerance);
    }
  }
}

TEST_CASE("an inferred row has the same bits in every batch", "[linear]") {
  const auto layer = random_layer<float>(37, 50, 3);
  const RowMatrix<float> x = testing::random_normal<float>(101, 37, 4);
  const RowMatrix<float> whole = layer.infer(rows(x));
  for (const Index count : {1, 2, 5, 64}) {
    for (Index begin = 0; begin + count <= 101; begin += 17) {
      const RowMatrix<float> part = layer.infer(rows(x).slice(begin, begin + count));
      const RowMatrix<float> expected = whole.middleRows(begin, count);
      REQUIRE(part == expected);
    }
  }
}

TEST_CASE("backward agrees with central differences for input, weights and bias", "[linear]") {
  auto layer = random_layer<double>(4, 3, 5);
  const RowMatrix<double> x = testing::random_normal<double>(6, 4, 6);
  const RowMatrix<double> w = testing::random_normal<double>(6, 3, 7);
  auto gradient = layer.make_gradient();
  gradient.weights.setConstant(99);  // overwritten, not added to
  const RowMatrix<double> grad_input = layer.backward(rows(x), rows(w), gradient);

  // The layer is linear in each: only rounding, 1e-16 / 1e-5 of sums of a few numbers near one.
  const double tolerance = 1e-9;
  const auto of_input = [&](const RowMatrix<double>& at) { return layer.forward(rows(at)).cwiseProduct(w).sum(); };
  CHECK(testing::largest_difference(grad_input, testing::numeric_gradient(of_input, x)) < tolerance);
  const auto of_weights = [&](const RowMatrix<double>& at) {
    auto moved = layer;
    moved.weights() = at;
    return moved.forward(rows(x)).cwiseProduct(w).sum();
  };
  CHECK(testing::largest_difference(gradient.weights, testing::numeric_gradient(of_weights, layer.weights())) <
        tolerance);
  const auto of_bias = [&](const RowMatrix<double>& at) {
    auto moved = layer;
    moved.bias() = at.row(0);
    return moved.forward(rows(x)).cwiseProduct(w).sum();
  };
  CHECK(testing::largest_difference(gradient.bias, testing::numeric_gradient(of_bias, layer.bias())) < tolerance);
}

TEST_CASE("backward satisfies the adjoint identity for random shapes", "[linear]") {
  testing::SplitMix random(8);
  for (int trial = 0; trial < 20; ++trial) {
    const Index count = 1 + random.below(20);
    const Index inputs = 1 + random.below(40);
    const Index outputs = 1 + random.below(40);
    const auto layer = random_layer<double>(inputs, outputs, random.bits());
    const RowMatrix<double> x = testing::random_normal<double>(count, inputs, random.bits());
    const RowMatrix<double> v = testing::random_normal<double>(count, inputs, random.bits());
    const RowMatrix<double> w = testing::random_normal<double>(count, outputs, random.bits());
    auto gradient = layer.make_gradient();
    const RowMatrix<double> back = layer.backward(rows(x), rows(w), gradient);
    // <J v, w> exactly: the layer without its bias
    const RowMatrix<double> forward = layer.forward(rows(v)).rowwise() - layer.bias();
    CHECK(std::abs(forward.cwiseProduct(w).sum() - back.cwiseProduct(v).sum()) <
          1e-12 * (1 + forward.norm() * w.norm()));
  }
}

TEST_CASE("a first layer may skip the gradient of its input", "[linear]") {
  const auto layer = random_layer<double>(4, 3, 9);
  const RowMatrix<double> x = testing::random_normal<double>(5, 4, 10);
  const RowMatrix<double> w = testing::random_normal<double>(5, 3, 11);
  auto with = layer.make_gradient();
  auto without = layer.make_gradient();
  layer.backward(rows(x), rows(w), with);
  layer.backward_into(rows(x), rows(w), without, {});
  CHECK(with.weights == without.weights);
  CHECK(with.bias == without.bias);
}

TEST_CASE("weights start with the deviation asked for and biases at zero", "[linear]") {
  testing::SplitMix random(12);
  const tessera::Linear<double> layer({.inputs = 100, .outputs = 200, .gain = 2}, random);
  // 20000 normal numbers: the sample deviation has relative error 1 / sqrt(40000); 2.5 % is five of those.
  const double deviation = std::sqrt(layer.weights().squaredNorm() / 20000);
  CHECK(deviation == Catch::Approx(0.2).epsilon(0.025));
  CHECK(layer.bias().isZero(0));
}

TEST_CASE("a linear layer handles empty batches and refuses wrong shapes", "[linear]") {
  const auto layer = random_layer<float>(4, 3, 13);
  CHECK(layer.forward(tessera::Batch<const float>(nullptr, 0, 4)).rows() == 0);
  CHECK(layer.infer(tessera::Batch<const float>(nullptr, 0, 4)).rows() == 0);
  const RowMatrix<float> wrong = RowMatrix<float>::Zero(2, 5);
  CHECK_THROWS_MESSAGE(std::invalid_argument, layer.forward(rows(wrong)),
                       "Linear: expected an input of shape 2 x 4, found 2 x 5");
  const RowMatrix<float> input = RowMatrix<float>::Zero(2, 4);
  auto gradient = layer.make_gradient();
  CHECK_THROWS_MESSAGE(std::invalid_argument, layer.backward(rows(input), rows(wrong), gradient),
                       "Linear: expected grad_output of shape 2 x 3, found 2 x 5");
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::Linear<float>({.inputs = 0, .outputs = 3}),
                       "Linear: expected at least one input and output, found 0 and 3");
}
