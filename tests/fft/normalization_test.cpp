// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/fft/normalization.hpp>

#include "support/catch.hpp"

using tessera::forward_factor;
using tessera::FourierScale;
using tessera::inverse_factor;

TEST_CASE("a round trip multiplies by the length without factors, and by one with any") {
  for (const tessera::Index length : {1, 2, 49, 1024}) {
    const auto n = static_cast<double>(length);
    CHECK(forward_factor(FourierScale::none, length) * inverse_factor(FourierScale::none, length) == 1);
    for (const FourierScale scale : {FourierScale::inverse, FourierScale::unitary, FourierScale::forward}) {
      CHECK(n * forward_factor(scale, length) * inverse_factor(scale, length) == Approx(1).epsilon(1e-15));
    }
    CHECK(forward_factor(FourierScale::inverse, length) == 1);
    CHECK(inverse_factor(FourierScale::forward, length) == 1);
    CHECK(forward_factor(FourierScale::unitary, length) == inverse_factor(FourierScale::unitary, length));
  }
}
