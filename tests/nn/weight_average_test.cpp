// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/nn/weight_average.hpp>

#include <cmath>
#include <stdexcept>
#include <vector>

#include <tessera/nn/adam.hpp>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Index;
namespace testing = tessera::testing;

template <class Scalar>
struct Model {
  std::vector<Scalar> values;
  tessera::Parameters<Scalar> parameters;
  explicit Model(std::vector<Scalar> start) : values(std::move(start)) {
    parameters.add({"w", {static_cast<Index>(values.size())}, values, {}});
  }
};

}  // namespace

TEST_CASE("the average is the unrolled sum a^n w_0 + (1 - a) sum of a^(n-k) w_k", "[weight_average]") {
  Model<double> model({2.0});
  tessera::WeightAverage<double> average(model.parameters, {.decay = 0.9, .warm_up = false});
  testing::SplitMix random(1);
  std::vector<double> path = {2.0};
  for (int n = 0; n < 30; ++n) {
    path.push_back(random.normal());
    model.values[0] = path.back();
    average.update(model.parameters);
  }
  long double expected = std::pow(0.9L, 30) * 2.0L;
  for (int k = 1; k <= 30; ++k) expected += 0.1L * std::pow(0.9L, 30 - k) * path[static_cast<std::size_t>(k)];
  CHECK(average.values()[0] == Catch::Approx(static_cast<double>(expected)).epsilon(1e-13));
  CHECK(average.updates() == 30);
}

TEST_CASE("on a straight path the average lags by v a / (1 - a)", "[weight_average]") {
  Model<double> model({0.0});
  tessera::WeightAverage<double> average(model.parameters, {.decay = 0.95, .warm_up = false});
  for (int n = 1; n <= 2000; ++n) {
    model.values[0] = 3.0 * n;
    average.update(model.parameters);
  }
  CHECK(average.values()[0] - model.values[0] == Catch::Approx(-3.0 * 0.95 / 0.05).epsilon(1e-9));
}

TEST_CASE("warm-up uses (1 + n) / (10 + n) until the decay is reached", "[weight_average]") {
  Model<double> model({0.0});
  tessera::WeightAverage<double> average(model.parameters, {.decay = 0.5, .warm_up = true});
  long double expected = 0;
  for (int n = 1; n <= 20; ++n) {
    model.values[0] = n;
    average.update(model.parameters);
    const long double a = std::min(0.5L, (1.0L + n) / (10.0L + n));
    expected = a * expected + (1 - a) * n;
    REQUIRE(average.values()[0] == Catch::Approx(static_cast<double>(expected)).epsilon(1e-13));
  }
}

TEST_CASE("the variance on the noisy quadratic is the closed form", "[weight_average][statistical]") {
  // w <- (1 - eta h) w - eta xi with eta h = 0.1, Var xi = 1: V = eta s^2 / (h (2 - eta h)), and the average has
  // V (1 - a) / (1 + a) (1 + a r) / (1 - a r), r = 1 - eta h.
  const double eta = 0.1, r = 0.9, a = 0.99;
  const double variance = eta * eta / (1 - r * r);
  const double expected = variance * (1 - a) / (1 + a) * (1 + a * r) / (1 - a * r);
  Model<double> model({0.0});
  tessera::WeightAverage<double> average(model.parameters, {.decay = a, .warm_up = false});
  testing::SplitMix random(2);
  double raw = 0, averaged = 0;
  constexpr int steps = 1'000'000, burn_in = 2000;
  for (int n = 0; n < steps + burn_in; ++n) {
    model.values[0] = r * model.values[0] - eta * random.normal();
    average.update(model.parameters);
    if (n < burn_in) continue;
    raw += model.values[0] * model.values[0] / steps;
    averaged += average.values()[0] * average.values()[0] / steps;
  }
  // Integrated autocorrelation of the squares: about 5 steps raw and 55 averaged, so relative deviations of
  // sqrt(2 * 2 * 5 / 1e6) = 0.45 % and 1.5 %; five of each are a false-alarm rate of 1e-6.
  CHECK(raw == Catch::Approx(variance).epsilon(0.0225));
  CHECK(averaged == Catch::Approx(expected).epsilon(0.075));
}

TEST_CASE("float weights do not stall the average", "[weight_average]") {
  // Steps of (1 - 0.9999) * 1e-4 = 1e-8 are below half a unit of a float near one: a float average would never move.
  Model<float> model({1.0f});
  tessera::WeightAverage<float> average(model.parameters, {.decay = 0.9999, .warm_up = false});
  model.values[0] = 1.0001f;
  for (int n = 0; n < 10000; ++n) average.update(model.parameters);
  const double target = static_cast<double>(1.0001f);
  const double expected = target + (1 - target) * std::pow(0.9999, 10000);
  CHECK(average.values()[0] == Catch::Approx(expected).epsilon(1e-12));
}

TEST_CASE("averaging does not change the optimiser's path", "[weight_average]") {
  const auto train = [](bool with_average) {
    std::vector<float> x = {5, -3, 2}, gradient(3);
    tessera::Parameters<float> parameters;
    parameters.add({"x", {3}, x, gradient});
    tessera::Adam<float> adam(parameters);
    tessera::WeightAverage<float> average(parameters);
    for (int step = 0; step < 100; ++step) {
      for (std::size_t i = 0; i < 3; ++i) gradient[i] = 2 * x[i] + static_cast<float>(step % 7);
      adam.step(parameters, 0.05);
      if (!with_average) continue;
      average.update(parameters);
      const auto guard = average.use(parameters);
    }
    return x;
  };
  CHECK(train(true) == train(false));
}

TEST_CASE("a guard holds the averages and restores the weights to the bit, also after an exception",
          "[weight_average]") {
  Model<float> model({1.0f, 0.1f, -3.7f});
  const std::vector<float> start = model.values;
  tessera::WeightAverage<float> average(model.parameters, {.decay = 0.5, .warm_up = false});
  model.values = {2.0f, 0.3f, 1.1f};
  const std::vector<float> weights = model.values;
  average.update(model.parameters);
  try {
    const auto guard = average.use(model.parameters);
    CHECK(model.values[0] == 1.5f);
    throw std::runtime_error("evaluation failed");
  } catch (const std::runtime_error&) {
  }
  CHECK(model.values == weights);
  {
    auto guard = average.use(model.parameters);
    guard.restore();
    CHECK(model.values == weights);
    model.values[0] = 9;
  }
  CHECK(model.values[0] == 9);  // a guard that has restored does nothing at its end
  average.apply(model.parameters);
  CHECK(model.values[0] == 1.5f);
}

TEST_CASE("weight averages refuse a decay out of range and lists of another size", "[weight_average]") {
  Model<float> model({1, 2}), other({1, 2, 3});
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::WeightAverage<float>(model.parameters, {.decay = 1}),
                       "WeightAverage: expected a decay in [0, 1), found 1");
  tessera::WeightAverage<float> average(model.parameters);
  CHECK_THROWS_MESSAGE(std::invalid_argument, average.update(other.parameters),
                       "WeightAverage: expected parameters of 2 scalars, found 3");
  CHECK(average.updates() == 0);
  CHECK_THROWS_MESSAGE(std::invalid_argument, average.use(other.parameters), "found 3");
}
