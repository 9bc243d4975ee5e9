// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// An executor on standard threads, for programs that have no pool of their own.

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>

namespace tessera::inline TESSERA_ISA {

/// `threads` workers including the caller, who works too while waiting. One job runs at a time: calls from several
/// threads take turns, and a task that calls run() on its own pool runs the inner job alone, on its own thread.
class ThreadPool {
 public:
  /// Throws std::invalid_argument unless threads >= 1. Default: one per processor.
  explicit ThreadPool(Index threads = default_threads()) : threads_(threads) {
    require(threads >= 1, "ThreadPool: expected at least one thread, found {}", threads);
    workers_.reserve(static_cast<std::size_t>(threads - 1));
    for (Index i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
  }

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  ~ThreadPool() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  Index concurrency() const { return threads_; }

  /// Calls task(0) ... task(count - 1), each once, and returns when all have ended. The first exception of a task is
  /// rethrown here; tasks that had not begun by then are skipped.
  void run(Index count, TaskRef task) {
    if (count <= 0) return;
    if (running_on_this_thread() == this) {
      for (Index i = 0; i < count; ++i) task(i);
      return;
    }
    const std::lock_guard turn(turn_);
    Job job{task, count};
    {
      const std::lock_guard lock(mutex_);
      job_ = &job;
      ++generation_;
    }
    wake_.notify_all();
    take_part(job);
    std::unique_lock lock(mutex_);
    job_ = nullptr;
    done_.wait(lock, [&] { return job.workers == 0; });
    if (job.error) std::rethrow_exception(job.error);
  }

 private:
  struct Job {
    TaskRef task;
    Index count;
    Index next = 0;
    Index workers = 0;  // threads of the pool, without the caller, that are in it
    std::exception_ptr error = nullptr;
  };

  static Index default_threads() {
    const unsigned hardware = std::thread::hardware_concurrency();
    return hardware == 0 ? 1 : static_cast<Index>(hardware);
  }

  /// The pool whose task this thread is in, if any.
  static const ThreadPool*& running_on_this_thread() {
    thread_local const ThreadPool* pool = nullptr;
    return pool;
  }

  void work() {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [&] { return stopping_ || (job_ != nullptr && generation_ != seen); });
      if (stopping_) return;
      seen = generation_;
      Job& job = *job_;
      ++job.workers;
      lock.unlock();
      take_part(job);
      lock.lock();
      if (--job.workers == 0) done_.notify_all();
    }
  }

  void take_part(Job& job) {
    const ThreadPool* outer = std::exchange(running_on_this_thread(), this);
    while (true) {
      Index i;
      {
        const std::lock_guard lock(mutex_);
        if (job.next == job.count) break;
        i = job.next++;
      }
      try {
        job.task(i);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!job.error) job.error = std::current_exception();
        job.next = job.count;
      }
    }
    running_on_this_thread() = outer;
  }

  Index threads_;
  std::vector<std::thread> workers_;
  std::mutex turn_;   // held by the caller whose job runs
  std::mutex mutex_;  // guards everything below, and the job
  std::condition_variable wake_;
  std::condition_variable done_;
  Job* job_ = nullptr;
  std::uint64_t generation_ = 0;
  bool stopping_ = false;
};

}  // namespace tessera::inline TESSERA_ISA
