// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/nn/parameters.hpp>

#include <vector>

#include <tessera/nn/layer_norm.hpp>
#include <tessera/nn/linear.hpp>

#include "support/catch.hpp"
#include "support/message.hpp"

TEST_CASE("layers list their tensors by name, with shapes and gradients", "[parameters]") {
  tessera::Linear<float> linear({.inputs = 3, .outputs = 2});
  tessera::LayerNorm<float> norm({.dimension = 2});
  auto linear_gradient = linear.make_gradient();
  auto norm_gradient = norm.make_gradient();
  tessera::Parameters<float> parameters;
  linear.add_to(parameters, "encoder.0", linear_gradient);
  norm.add_to(parameters, "encoder.1", norm_gradient);

  CHECK(parameters.count() == 4);
  CHECK(parameters.size() == 6 + 2 + 2 + 2);
  const auto* weight = parameters.find("encoder.0.weight");
  REQUIRE(weight != nullptr);
  CHECK(weight->shape == std::vector<tessera::Index>{2, 3});
  CHECK(weight->values.data() == linear.weights().data());
  CHECK(weight->gradients.data() == linear_gradient.weights.data());
  REQUIRE(parameters.find("encoder.1.bias") != nullptr);
  CHECK(parameters.find("encoder.1.bias")->shape == std::vector<tessera::Index>{2});
  CHECK(parameters.find("decoder.0.weight") == nullptr);
}

TEST_CASE("a parameter list refuses doubled names and shapes that do not fit", "[parameters]") {
  std::vector<double> values(6), gradients(5);
  tessera::Parameters<double> parameters;
  parameters.add({"a", {2, 3}, values, {}});
  CHECK_THROWS_MESSAGE(std::invalid_argument, parameters.add({"a", {6}, values, {}}),
                       "Parameters: expected a new name, found 'a' twice");
  CHECK_THROWS_MESSAGE(std::invalid_argument, parameters.add({"b", {2, 2}, values, {}}),
                       "Parameters: expected 4 values for the shape of 'b', found 6");
  CHECK_THROWS_MESSAGE(std::invalid_argument, parameters.add({"c", {6}, values, gradients}),
                       "Parameters: expected 6 gradients for 'c', found 5");
  CHECK(parameters.count() == 1);
}
