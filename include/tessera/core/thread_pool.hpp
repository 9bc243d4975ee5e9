// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// An executor on standard threads, for programs that have no pool of their own.

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>

namespace tessera::inline TESSERA_ISA {

/// `threads` workers including the caller, who works too. Calls of run() from several threads, and from within tasks,
/// go on at once: each caller works on its own job, the other workers help where tasks are left. Nobody waits for more
/// than the tasks of its own job, so that pools nested in any way cannot dead-lock.
class ThreadPool {
 public:
  /// Throws std::invalid_argument unless threads >= 1, std::system_error when the system has no more threads. Default:
  /// one per processor.
  explicit ThreadPool(Index threads = default_threads()) : threads_(threads) {
    require(threads >= 1, "ThreadPool: expected at least one thread, found {}", threads);
    try {
      for (Index i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
    } catch (...) {
      stop();
      throw;
    }
  }

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  ~ThreadPool() { stop(); }

  Index concurrency() const { return threads_; }

  /// Calls task(0) ... task(count - 1), each once, and returns when all have ended. The first exception of a task is
  /// rethrown here; tasks that had not begun by then are skipped.
  void run(Index count, TaskRef task) {
    if (count <= 0) return;
    Job job{task, count};
    std::unique_lock lock(mutex_);
    open_.push_back(&job);
    wake_.notify_all();
    while (job.next < job.count) run_one(job, lock);
    done_.wait(lock, [&] { return job.running == 0; });
    if (job.error) std::rethrow_exception(job.error);
  }

 private:
  struct Job {
    TaskRef task;
    Index count;
    Index next = 0;     // the first task that has not begun
    Index running = 0;  // tasks begun and not ended
    std::exception_ptr error = nullptr;
  };

  static Index default_threads() {
    const unsigned hardware = std::thread::hardware_concurrency();
    return hardware == 0 ? 1 : static_cast<Index>(hardware);
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [&] { return stopping_ || !open_.empty(); });
      if (stopping_) return;
      run_one(*open_.back(), lock);  // the innermost first: an outer one waits for it
    }
  }

  /// Runs the next task of an open job, without the lock.
  void run_one(Job& job, std::unique_lock<std::mutex>& lock) {
    const Index i = job.next++;
    if (job.next == job.count) close(job);
    ++job.running;
    lock.unlock();
    std::exception_ptr error = nullptr;
    try {
      job.task(i);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (error && !job.error) job.error = error;
    if (error && job.next < job.count) close(job);
    if (--job.running == 0) done_.notify_all();
  }

  /// No further task of the job begins.
  void close(Job& job) {
    job.next = job.count;
    open_.erase(std::find(open_.begin(), open_.end(), &job));
  }

  Index threads_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;  // guards everything below, and the jobs
  std::condition_variable wake_;
  std::condition_variable done_;
  std::vector<Job*> open_;  // jobs with tasks that have not begun
  bool stopping_ = false;
};

}  // namespace tessera::inline TESSERA_ISA
