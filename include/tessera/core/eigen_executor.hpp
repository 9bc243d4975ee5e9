// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// An executor on Eigen's thread pool, for programs that already run one.

#include <condition_variable>
#include <exception>
#include <mutex>

#include <unsupported/Eigen/CXX11/ThreadPool>

#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {

/// Runs tasks on an Eigen::ThreadPoolInterface (Eigen::ThreadPool, or one's own), which must outlive it. The calling
/// thread waits; a task that calls run() from within the pool runs the inner tasks alone, so that waiting cannot
/// dead-lock.
class EigenExecutor {
 public:
  explicit EigenExecutor(Eigen::ThreadPoolInterface& pool) : pool_(&pool) {}

  Index concurrency() const { return pool_->NumThreads(); }

  /// Calls task(0) ... task(count - 1), each once, and returns when all have ended. The first exception is rethrown.
  void run(Index count, TaskRef task) const {
    if (pool_->CurrentThreadId() >= 0) {
      for (Index i = 0; i < count; ++i) task(i);
      return;
    }
    std::mutex mutex;
    std::condition_variable done;
    std::exception_ptr error = nullptr;
    Index left = count;
    for (Index i = 0; i < count; ++i) {
      pool_->Schedule([&, i] {
        std::exception_ptr failure = nullptr;
        try {
          task(i);
        } catch (...) {
          failure = std::current_exception();
        }
        const std::lock_guard lock(mutex);
        if (failure && !error) error = failure;
        if (--left == 0) done.notify_one();
      });
    }
    std::unique_lock lock(mutex);
    done.wait(lock, [&] { return left == 0; });
    if (error) std::rethrow_exception(error);
  }

 private:
  Eigen::ThreadPoolInterface* pool_;
};

}  // namespace tessera::inline TESSERA_ISA
