// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/eigen_executor.hpp>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/message.hpp"

namespace {

using tessera::EigenExecutor;
using tessera::Execution;
using tessera::Index;

std::vector<int> times_run(Execution execution, Index count) {
  std::vector<std::atomic<int>> times(static_cast<std::size_t>(count));
  const auto task = [&](Index i) { ++times[static_cast<std::size_t>(i)]; };
  execution.run(count, task);
  return {times.begin(), times.end()};
}

}  // namespace

TEST_CASE("each task runs once on Eigen's pool", "[eigen_executor]") {
  STATIC_REQUIRE(tessera::Executor<const EigenExecutor>);
  for (const int threads : {1, 2, 5}) {
    Eigen::ThreadPool pool(threads);
    const EigenExecutor executor(pool);
    CHECK(executor.concurrency() == threads);
    for (const Index count : {0, 1, 2, 7, 1000, 5000}) {  // more than the pool's queues hold
      REQUIRE(times_run(executor, count) == std::vector<int>(static_cast<std::size_t>(count), 1));
    }
  }
}

TEST_CASE("tasks run at once on the threads of Eigen's pool", "[eigen_executor]") {
  Eigen::ThreadPool pool(3);
  const EigenExecutor executor(pool);
  std::atomic<int> here{0}, met{0};
  const auto task = [&](Index) {
    ++here;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (here < 3 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    met += here == 3 ? 1 : 0;
  };
  executor.run(3, task);
  CHECK(met == 3);
}

TEST_CASE("an exception of a task on Eigen's pool reaches the caller after all have ended", "[eigen_executor]") {
  Eigen::ThreadPool pool(2);
  const EigenExecutor executor(pool);
  std::atomic<int> ended{0};
  const auto task = [&](Index i) {
    ++ended;
    if (i == 3) throw std::runtime_error("task 3");
  };
  CHECK(tessera::testing::message_of<std::runtime_error>([&] { executor.run(20, task); }) == "task 3");
  CHECK(ended == 20);
  CHECK(times_run(executor, 10) == std::vector<int>(10, 1));
}

TEST_CASE("a task on Eigen's pool may run tasks there", "[eigen_executor]") {
  Eigen::ThreadPool pool(2);
  const EigenExecutor executor(pool);
  std::atomic<int> inner{0};
  const auto count = [&](Index) { ++inner; };
  const auto outer = [&](Index) { executor.run(7, count); };
  executor.run(6, outer);  // every thread of the pool waits for tasks of its own
  CHECK(inner == 42);
}
