// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Threads come only from the caller. An executor runs `count` independent tasks and returns when all are done; tessera
// splits work into tasks by size alone, never by the number of threads, so that results do not depend on it.

#include <concepts>
#include <memory>
#include <type_traits>

#include <Eigen/Core>

namespace tessera {

using Index = Eigen::Index;

/// A non-owning reference to something callable as `void(Index task)`; valid while the callable lives.
class TaskRef {
 public:
  template <class Callable>
  requires(!std::same_as<std::remove_cvref_t<Callable>, TaskRef> && std::invocable<Callable&, Index>)
      TaskRef(Callable&& callable)
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, Index task) { (*static_cast<std::remove_reference_t<Callable>*>(object))(task); }) {}

  void operator()(Index task) const { call_(object_, task); }

 private:
  void* object_;
  void (*call_)(void*, Index);
};

/// What a model provides:
///   concurrency()      how many tasks it may run at once (at least 1): a hint for the size of tasks;
///   run(count, task)   calls task(0) ... task(count - 1), each once, in any order and on any thread, and returns when
///                      all have ended. An exception of a task reaches the caller (any one of them, when several fail).
template <class T>
concept Executor = requires(T& executor, Index count, TaskRef task) {
  { executor.concurrency() } -> std::convertible_to<Index>;
  executor.run(count, task);
};

/// Runs everything on the calling thread, in order.
struct SerialExecutor {
  Index concurrency() const { return 1; }
  void run(Index count, TaskRef task) const {
    for (Index i = 0; i < count; ++i) task(i);
  }
};

/// A non-owning reference to any executor, as functions take it; serial unless the caller gives one. It is how options
/// carry threads without making every algorithm a template of its executor.
class Execution {
 public:
  Execution() = default;

  template <Executor E>
  requires(!std::same_as<std::remove_cvref_t<E>, Execution>) Execution(E& executor)
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(executor)))),
        concurrency_(executor.concurrency()),
        run_([](void* object, Index count, TaskRef task) { static_cast<E*>(object)->run(count, task); }) {}

  Index concurrency() const { return concurrency_; }

  /// As the executor does, or serially without one. Always inlined, as other units share its name.
  [[gnu::always_inline]] void run(Index count, TaskRef task) const {
    if (run_ == nullptr || count <= 1) {
      SerialExecutor().run(count, task);
    } else {
      run_(object_, count, task);
    }
  }

  /// Splits [0, count) into pieces of `grain` >= 1 (the last may be shorter) and calls `range(begin, end)` for each.
  /// The pieces depend on `count` and `grain` alone.
  template <class Range>
  void for_ranges(Index count, Index grain, Range&& range) const {
    const Index pieces = count / grain + (count % grain != 0 ? 1 : 0);
    auto piece = [&](Index i) {
      const Index begin = i * grain;
      range(begin, count - begin < grain ? count : begin + grain);
    };
    run(pieces, piece);
  }

 private:
  void* object_ = nullptr;
  Index concurrency_ = 1;
  void (*run_)(void*, Index, TaskRef) = nullptr;
};

}  // namespace tessera
