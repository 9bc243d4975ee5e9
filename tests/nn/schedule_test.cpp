// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/nn/schedule.hpp>

#include "support/catch.hpp"
#include "support/message.hpp"

TEST_CASE("a constant schedule is constant", "[schedule]") {
  const tessera::ConstantSchedule rate(0.25);
  CHECK(rate(0) == 0.25);
  CHECK(rate(1'000'000) == 0.25);
}

TEST_CASE("a step schedule falls by its factor at every stage", "[schedule]") {
  const tessera::StepSchedule rate({.rate = 8, .factor = 0.5, .every = 10});
  CHECK(rate(0) == 8);
  CHECK(rate(9) == 8);
  CHECK(rate(10) == 4);
  CHECK(rate(35) == 1);
}

TEST_CASE("a cosine schedule warms up linearly and ends at its final rate", "[schedule]") {
  const tessera::CosineSchedule rate({.peak = 2, .final = 0.5, .warmup_steps = 4, .total_steps = 104});
  CHECK(rate(0) == 0.5);
  CHECK(rate(1) == 1);
  CHECK(rate(3) == 2);
  CHECK(rate(4) == 2);
  CHECK(rate(54) == Catch::Approx(1.25).epsilon(1e-12));                            // half way
  CHECK(rate(29) == Catch::Approx(0.5 + 1.5 * 0.8535533905932737).epsilon(1e-12));  // (1 + cos(pi/4)) / 2
  CHECK(rate(104) == Catch::Approx(0.5).epsilon(1e-12));
  CHECK(rate(1000) == Catch::Approx(0.5).epsilon(1e-12));
  for (int step = 4; step < 104; ++step) REQUIRE(rate(step + 1) < rate(step));
}

TEST_CASE("schedules refuse options out of range", "[schedule]") {
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::ConstantSchedule(-1),
                       "ConstantSchedule: expected a rate of at least 0, found -1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::StepSchedule({.every = 0}),
                       "StepSchedule: expected stages of at least 1 step, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, tessera::CosineSchedule({.warmup_steps = 5, .total_steps = 5}),
                       "CosineSchedule: expected more total steps than the 5 of the warm-up, found 5");
}
