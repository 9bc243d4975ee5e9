// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/stream_status.hpp>

#include "support/catch.hpp"

using namespace tessera;

TEST_CASE("the shapes of a call say what is wrong with them, channels first", "[stream_status]") {
  float memory[24] = {};
  const auto problem = [&](const Signals<const float>& input, const Signals<float>& output) {
    return stream_problem<float>(input, output, 2);
  };
  const auto shaped = [&](Index batch, Index channels, Index length) {
    return Signals<float>(memory, batch, channels, length);
  };
  CHECK(problem(shaped(1, 2, 5), shaped(1, 2, 5)) == StreamProblem::none);
  CHECK(problem(shaped(1, 3, 5), shaped(1, 2, 5)) == StreamProblem::channels);
  CHECK(problem(shaped(1, 2, 5), shaped(1, 1, 5)) == StreamProblem::channels);
  CHECK(problem(shaped(2, 2, 5), shaped(1, 2, 5)) == StreamProblem::batch);
  CHECK(problem(shaped(1, 2, 5), shaped(0, 2, 5)) == StreamProblem::batch);
  CHECK(problem(shaped(1, 2, 5), shaped(1, 2, 4)) == StreamProblem::length);
  CHECK(problem(Signals<float>(nullptr, 1, 2, 5), shaped(1, 2, 5)) == StreamProblem::memory);
  CHECK(problem(shaped(1, 2, 5), Signals<float>(nullptr, 1, 2, 5)) == StreamProblem::memory);
  CHECK(problem(Signals<float>(nullptr, 1, 2, 0), Signals<float>(nullptr, 1, 2, 0)) == StreamProblem::none);
  CHECK(stream_problem<float>(Signals<const float>(nullptr, 1, 0, 5), Signals<float>(nullptr, 1, 0, 5), 0) ==
        StreamProblem::none);
}
