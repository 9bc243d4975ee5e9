// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/execution.hpp>

#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace {

using tessera::Execution;
using tessera::Index;
using tessera::SerialExecutor;
using tessera::TaskRef;

/// Runs tasks backwards, which any executor may, and counts the calls of run().
struct Backwards {
  int runs = 0;
  Index concurrency() const { return 3; }
  void run(Index count, TaskRef task) {
    ++runs;
    for (Index i = count - 1; i >= 0; --i) task(i);
  }
};

std::vector<Index> order_of(Execution execution, Index count) {
  std::vector<Index> order;
  const auto task = [&](Index i) { order.push_back(i); };
  execution.run(count, task);
  return order;
}

using Ranges = std::vector<std::pair<Index, Index>>;

Ranges ranges_of(Execution execution, Index count, Index grain) {
  Ranges ranges;
  execution.for_ranges(count, grain, [&](Index begin, Index end) { ranges.emplace_back(begin, end); });
  return ranges;
}

}  // namespace

TEST_CASE("a task reference calls what it refers to, which keeps its state", "[execution]") {
  int sum = 0;
  auto add = [&sum, calls = 0](Index i) mutable { sum += static_cast<int>(i) * ++calls; };
  const TaskRef task = add;
  const TaskRef copy = task;
  task(3);
  copy(5);
  CHECK(sum == 3 * 1 + 5 * 2);
  const auto constant = [&](Index i) { sum = static_cast<int>(i); };
  TaskRef{constant}(7);
  CHECK(sum == 7);
}

TEST_CASE("execution is serial and in order unless an executor is given", "[execution]") {
  CHECK(Execution().concurrency() == 1);
  CHECK(order_of({}, 4) == std::vector<Index>{0, 1, 2, 3});
  CHECK(order_of({}, 0).empty());
  const SerialExecutor serial;
  CHECK(order_of(serial, 3) == std::vector<Index>{0, 1, 2});
}

TEST_CASE("execution refers to the executor it is given", "[execution]") {
  STATIC_REQUIRE(tessera::Executor<Backwards>);
  STATIC_REQUIRE(tessera::Executor<const SerialExecutor>);
  STATIC_REQUIRE_FALSE(tessera::Executor<int>);
  Backwards backwards;
  const Execution execution = backwards;
  CHECK(execution.concurrency() == 3);
  CHECK(order_of(execution, 3) == std::vector<Index>{2, 1, 0});
  CHECK(backwards.runs == 1);
  // A single task has nobody to share with: it runs where it is.
  CHECK(order_of(execution, 1) == std::vector<Index>{0});
  CHECK(order_of(execution, 0).empty());
  CHECK(backwards.runs == 1);
}

TEST_CASE("ranges cover everything once, in pieces that follow from size and grain alone", "[execution]") {
  CHECK(ranges_of({}, 10, 4) == Ranges{{0, 4}, {4, 8}, {8, 10}});
  CHECK(ranges_of({}, 8, 4) == Ranges{{0, 4}, {4, 8}});
  CHECK(ranges_of({}, 3, 4) == Ranges{{0, 3}});
  CHECK(ranges_of({}, 0, 4).empty());
  CHECK(ranges_of({}, 5, std::numeric_limits<Index>::max()) == Ranges{{0, 5}});
  Backwards backwards;
  CHECK(ranges_of(backwards, 10, 4) == Ranges{{8, 10}, {4, 8}, {0, 4}});
  for (Index count = 0; count < 40; ++count) {
    for (Index grain = 1; grain < 42; ++grain) {
      Index expected = 0;
      for (const auto& [begin, end] : ranges_of({}, count, grain)) {
        REQUIRE(begin == expected);
        REQUIRE((end - begin == grain || end == count));
        REQUIRE(end > begin);
        expected = end;
      }
      REQUIRE(expected == count);
    }
  }
}

TEST_CASE("what a task throws reaches the caller", "[execution]") {
  Backwards backwards;
  int begun = 0;
  const auto task = [&](Index i) {
    ++begun;
    if (i == 2) throw std::runtime_error("task 2");
  };
  CHECK_THROWS_AS(Execution().run(5, task), std::runtime_error);
  CHECK(begun == 3);
  CHECK_THROWS_AS(Execution(backwards).run(5, task), std::runtime_error);
}
