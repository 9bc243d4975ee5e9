// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/prefetch.hpp>

#include <vector>

#include "support/catch.hpp"

TEST_CASE("asking for memory changes nothing, whatever lies there") {
  const std::vector<float> values(1000, 3.0f);
  tessera::prefetch<false>(values.data(), 1000);
  tessera::prefetch<true>(values.data(), 1000);
  tessera::prefetch<false>(static_cast<const double*>(nullptr), 1);
  tessera::prefetch<true>(values.data(), 0);
  CHECK(values == std::vector<float>(1000, 3.0f));
}
