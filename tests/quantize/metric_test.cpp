// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/metric.hpp>

#include <string_view>

#include "support/catch.hpp"

TEST_CASE("metrics have names", "[metric]") {
  using std::string_view;
  CHECK(string_view(tessera::metric_name(tessera::Metric::squared_euclidean)) == "squared_euclidean");
  CHECK(string_view(tessera::metric_name(tessera::Metric::cosine)) == "cosine");
}
