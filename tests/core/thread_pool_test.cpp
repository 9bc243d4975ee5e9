// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/message.hpp"

namespace {

using tessera::Execution;
using tessera::Index;
using tessera::ThreadPool;

/// Waits until `count` tasks are here at once; false after ten seconds, so that a failure is not a hang.
class Meeting {
 public:
  bool wait_for(int count) {
    ++here_;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (here_ < count) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

 private:
  std::atomic<int> here_{0};
};

/// How often each task ran.
std::vector<int> times_run(Execution execution, Index count) {
  std::vector<std::atomic<int>> times(static_cast<std::size_t>(count));
  const auto task = [&](Index i) { ++times[static_cast<std::size_t>(i)]; };
  execution.run(count, task);
  return {times.begin(), times.end()};
}

}  // namespace

TEST_CASE("each task runs once, for any number of tasks and threads", "[thread_pool]") {
  STATIC_REQUIRE(tessera::Executor<ThreadPool>);
  for (const Index threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    CHECK(pool.concurrency() == threads);
    for (const Index count : {0, 1, 2, 7, 1000}) {
      REQUIRE(times_run(pool, count) == std::vector<int>(static_cast<std::size_t>(count), 1));
    }
  }
  CHECK(ThreadPool().concurrency() >= 1);
}

TEST_CASE("tasks run at once on as many threads as the pool has, the caller's among them", "[thread_pool]") {
  ThreadPool pool(4);
  Meeting meeting;
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::atomic<bool> met{true};
  const auto task = [&](Index) {
    if (!meeting.wait_for(4)) met = false;
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
  };
  pool.run(4, task);
  CHECK(met);
  CHECK(threads.size() == 4);
  CHECK(threads.count(std::this_thread::get_id()) == 1);
}

TEST_CASE("a pool runs one job after another", "[thread_pool]") {
  ThreadPool pool(3);
  std::atomic<Index> sum{0};
  const auto task = [&](Index i) { sum += i; };
  for (int job = 0; job < 2000; ++job) pool.run(5, task);
  CHECK(sum == 2000 * 10);
}

TEST_CASE("an exception reaches the caller, the rest is skipped and the pool goes on", "[thread_pool]") {
  for (const Index threads : {1, 3}) {
    ThreadPool pool(threads);
    std::atomic<int> begun{0};
    const auto failing = [&](Index i) {
      ++begun;
      if (i == 4) throw std::runtime_error("task 4");
    };
    CHECK(tessera::testing::message_of<std::runtime_error>([&] { pool.run(1000000, failing); }) == "task 4");
    CHECK(begun >= 5);
    CHECK(begun < 1000000);
    const auto all_failing = [&](Index i) { throw std::runtime_error(std::to_string(i)); };
    CHECK_THROWS_AS(pool.run(50, all_failing), std::runtime_error);
    // The last task of a job: nothing is left to skip.
    const auto last_failing = [&](Index i) {
      if (i == 9) throw std::runtime_error("last");
    };
    CHECK_THROWS_AS(pool.run(10, last_failing), std::runtime_error);
    CHECK(times_run(pool, 100) == std::vector<int>(100, 1));
  }
}

TEST_CASE("a task may run tasks on its own pool, and their exceptions pass through it", "[thread_pool]") {
  ThreadPool pool(3);
  std::atomic<int> inner{0};
  const auto innermost = [&](Index) { ++inner; };
  const auto middle = [&](Index) { pool.run(4, innermost); };
  const auto outer = [&](Index) { pool.run(3, middle); };
  pool.run(5, outer);
  CHECK(inner == 5 * 3 * 4);
  const auto failing = [&](Index i) {
    if (i == 2) throw std::runtime_error("inner");
  };
  const auto passing = [&](Index) { pool.run(4, failing); };
  CHECK_THROWS_AS(pool.run(5, passing), std::runtime_error);
}

TEST_CASE("workers that have nothing to do help inside a task", "[thread_pool]") {
  ThreadPool pool(2);
  Meeting meeting;
  std::atomic<int> met{0};
  const auto inner = [&](Index) { met += meeting.wait_for(2) ? 1 : 0; };
  const auto outer = [&](Index i) {
    if (i == 0) pool.run(2, inner);
  };
  pool.run(2, outer);
  CHECK(met == 2);
}

TEST_CASE("two pools nested in each other do not dead-lock", "[thread_pool]") {
  ThreadPool first(2), second(2);
  std::atomic<int> innermost{0};
  const auto count = [&](Index) { ++innermost; };
  const auto back_to_first = [&](Index) { first.run(2, count); };
  const auto to_second = [&](Index) { second.run(3, back_to_first); };
  first.run(4, to_second);
  CHECK(innermost == 4 * 3 * 2);
}

TEST_CASE("several threads use one pool at once, and none waits for the job of another", "[thread_pool]") {
  ThreadPool pool(2);
  Meeting meeting;
  std::atomic<int> met{0};
  const auto wait_for_others = [&](Index) { met += meeting.wait_for(6) ? 1 : 0; };
  std::atomic<int> done{0};
  const auto count = [&](Index) { ++done; };
  std::vector<std::thread> callers;
  for (int c = 0; c < 6; ++c) {
    callers.emplace_back([&] {
      pool.run(1, wait_for_others);  // holds the thread until all six callers are in their jobs
      for (int job = 0; job < 200; ++job) pool.run(7, count);
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(met == 6);
  CHECK(done == 6 * 200 * 7);
}

TEST_CASE("a pool without threads is refused", "[thread_pool]") {
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, ThreadPool(0), "ThreadPool: expected at least one thread, found 0");
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, ThreadPool(-3), "ThreadPool: expected at least one thread, found -3");
}
