// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/progress.hpp>

#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace {

using tessera::Index;
using tessera::Progress;
using tessera::ProgressReport;

/// Long work, as functions of the library report it.
Index work(Index total, Progress progress = {}) {
  Index done = 0;
  while (done < total) progress("work", ++done, total);
  return done;
}

}  // namespace

TEST_CASE("whoever passes a callable hears of every step", "[progress]") {
  std::vector<Index> steps;
  const auto listen = [&](const ProgressReport& report) {
    CHECK(report.stage == std::string("work"));
    CHECK(report.total == 3);
    steps.push_back(report.done);
  };
  CHECK(work(3, listen) == 3);
  CHECK(steps == std::vector<Index>{1, 2, 3});
}

TEST_CASE("without a callable nothing is called", "[progress]") {
  CHECK(work(3) == 3);
  CHECK(work(3, Progress()) == 3);
}

TEST_CASE("a progress refers to its callable, whose state is the caller's", "[progress]") {
  struct Counter {
    int calls = 0;
    void operator()(const ProgressReport&) { ++calls; }
  } counter;
  const Progress progress = counter;
  const Progress copy = progress;
  progress("a", 1, 2);
  copy("b", 2, 2);
  CHECK(counter.calls == 2);
}

TEST_CASE("what the callable throws ends the work", "[progress]") {
  int steps = 0;
  const auto stop = [&](const ProgressReport& report) {
    ++steps;
    if (report.done == 2) throw std::runtime_error("enough");
  };
  CHECK_THROWS_AS(work(5, stop), std::runtime_error);
  CHECK(steps == 2);
}
