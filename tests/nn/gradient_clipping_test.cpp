// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/nn/gradient_clipping.hpp>

#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/message.hpp"

namespace {

struct Model {
  std::vector<float> a_values = std::vector<float>(40), b_values = std::vector<float>(1);
  std::vector<float> a = std::vector<float>(40), b = std::vector<float>(1);
  std::vector<float> frozen = {7};

  Model() {
    a[3] = 3;
    a[39] = 12;
    b[0] = 4;
  }
  tessera::Parameters<float> parameters() {
    tessera::Parameters<float> list;
    list.add({"a", {40}, a_values, a});
    list.add({"frozen", {1}, frozen, {}});
    list.add({"b", {1}, b_values, b});
    return list;
  }
};

}  // namespace

TEST_CASE("the gradient norm runs over all tensors", "[gradient_clipping]") {
  Model model;
  CHECK(tessera::gradient_norm(model.parameters()) == 13);
}

TEST_CASE("clipping scales all gradients to the norm asked for and reports the norm before", "[gradient_clipping]") {
  Model model;
  auto parameters = model.parameters();
  CHECK(tessera::clip_gradients(parameters, 6.5) == 13);
  CHECK(model.a[3] == 1.5f);
  CHECK(model.a[39] == 6);
  CHECK(model.b[0] == 2);
  CHECK(model.frozen[0] == 7);
  CHECK(tessera::gradient_norm(parameters) == 6.5);
}

TEST_CASE("gradients within the norm stay as they are", "[gradient_clipping]") {
  Model model;
  auto parameters = model.parameters();
  CHECK(tessera::clip_gradients(parameters, 13) == 13);
  CHECK(model.a[39] == 12);
}

TEST_CASE("gradients that are not finite are named and nothing is changed", "[gradient_clipping]") {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Model model;
    model.b[0] = bad;
    auto parameters = model.parameters();
    CHECK_THROWS_MESSAGE(tessera::NumericalError, tessera::clip_gradients(parameters, 1.0),
                         "gradient_norm: expected finite gradients, found others in 'b'");
    CHECK(model.a[39] == 12);
  }
  Model model;
  auto parameters = model.parameters();
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::clip_gradients(parameters, 0.0),
                       "clip_gradients: expected a positive norm, found 0");
}
