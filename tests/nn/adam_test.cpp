// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/nn/adam.hpp>

#include <cmath>
#include <vector>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Index;
namespace testing = tessera::testing;

/// Algorithm 2 of the AdamW paper for one scalar, in long double.
struct AdamOracle {
  long double m = 0, v = 0, w = 0;
  int t = 0;
  void step(long double g, long double rate, long double b1, long double b2, long double epsilon, long double decay) {
    ++t;
    m = b1 * m + (1 - b1) * g;
    v = b2 * v + (1 - b2) * g * g;
    const long double mean = m / (1 - std::pow(b1, static_cast<long double>(t)));
    const long double square = v / (1 - std::pow(b2, static_cast<long double>(t)));
    w = w - rate * decay * w - rate * mean / (std::sqrt(square) + epsilon);
  }
};

template <class Scalar>
struct Model {
  std::vector<Scalar> values, gradients;
  tessera::Parameters<Scalar> parameters;
  explicit Model(std::size_t size) : values(size), gradients(size) {
    const std::size_t half = size / 2;
    const auto part = [&](std::vector<Scalar>& all, bool first) {
      return first ? std::span<Scalar>(all).first(half) : std::span<Scalar>(all).subspan(half);
    };
    parameters.add({"a", {static_cast<Index>(half)}, part(values, true), part(gradients, true)});
    parameters.add({"b", {static_cast<Index>(size - half)}, part(values, false), part(gradients, false)});
  }
};

}  // namespace

TEMPLATE_TEST_CASE("Adam follows the published algorithm, weight decay included", "[adam]", float, double) {
  constexpr std::size_t size = 2500;  // more than two pieces, with a tail
  Model<TestType> model(size);
  std::vector<AdamOracle> oracle(size);
  testing::SplitMix random(1);
  for (std::size_t i = 0; i < size; ++i) {
    model.values[i] = static_cast<TestType>(random.normal());
    oracle[i].w = static_cast<long double>(model.values[i]);
  }
  const tessera::AdamOptions options{.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-6, .weight_decay = 0.1};
  tessera::Adam<TestType> adam(model.parameters, options);
  for (int step = 0; step < 12; ++step) {
    const double rate = 0.01 * (step + 1);
    for (std::size_t i = 0; i < size; ++i) {
      model.gradients[i] = static_cast<TestType>(random.normal());
      oracle[i].step(static_cast<long double>(model.gradients[i]), rate, 0.8L, 0.95L, 1e-6L, 0.1L);
    }
    adam.step(model.parameters, rate);
  }
  double worst = 0;
  for (std::size_t i = 0; i < size; ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(model.values[i]) - static_cast<double>(oracle[i].w)));
  }
  // Twelve steps, each a handful of roundings of numbers near one.
  CHECK(worst < 50 * static_cast<double>(std::numeric_limits<TestType>::epsilon()));
  CHECK(adam.steps() == 12);
}

TEST_CASE("Adam's first step has the length of the rate, whatever the gradient", "[adam]") {
  Model<double> model(6);
  model.gradients = {1e-3, -1e3, 5, 1, -1, 0};
  tessera::Adam<double> adam(model.parameters);
  adam.step(model.parameters, 0.5);
  // m / sqrt(v) is the sign of g after the bias corrections, up to epsilon / |g|
  CHECK(model.values[0] == Catch::Approx(-0.5).epsilon(2e-5));
  CHECK(model.values[1] == Catch::Approx(0.5).epsilon(1e-10));
  CHECK(model.values[5] == 0);
}

TEST_CASE("Adam leaves tensors without gradients alone and finds a minimum", "[adam]") {
  std::vector<double> x = {5, -3}, gradient(2), frozen = {1, 2, 3};
  tessera::Parameters<double> parameters;
  parameters.add({"frozen", {3}, frozen, {}});
  parameters.add({"x", {2}, x, gradient});
  tessera::Adam<double> adam(parameters);
  for (int step = 0; step < 2000; ++step) {
    gradient = {2 * (x[0] - 1), 20 * (x[1] - 2)};
    adam.step(parameters, 0.05 * (1 - step / 2000.0));
  }
  CHECK(x[0] == Catch::Approx(1).margin(1e-3));
  CHECK(x[1] == Catch::Approx(2).margin(1e-3));
  CHECK(frozen == std::vector<double>{1, 2, 3});
}

TEST_CASE("Adam refuses options out of range and lists of another size", "[adam]") {
  Model<double> model(4), other(5);
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::Adam<double>(model.parameters, {.beta1 = 1}),
                       "Adam: expected beta1 and beta2 in [0, 1), found 1 and 0.999");
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::Adam<double>(model.parameters, {.epsilon = 0}),
                       "Adam: expected a positive epsilon and a weight decay of at least 0, found 0 and 0");
  tessera::Adam<double> adam(model.parameters);
  CHECK_THROWS_MESSAGE(std::invalid_argument, adam.step(other.parameters, 0.1),
                       "Adam: expected parameters of 4 scalars, found 5");
  CHECK(adam.steps() == 0);
}
