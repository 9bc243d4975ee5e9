// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// How long work tells how far it is. Whoever wants to know passes a callable; who does not pays nothing.

#include <concepts>
#include <memory>
#include <type_traits>

#include <tessera/core/execution.hpp>

namespace tessera {

/// One message: `done` of `total` steps of `stage`, a short English name such as "k-means".
struct ProgressReport {
  const char* stage = "";
  Index done = 0;
  Index total = 0;
};

/// A non-owning reference to a callable `void(const ProgressReport&)`; default-constructed, it does nothing. Reports
/// come on the calling thread, in order; what the callable throws ends the work and reaches the caller.
class Progress {
 public:
  Progress() = default;

  template <class Callable>
  requires(!std::same_as<std::remove_cvref_t<Callable>, Progress> && std::invocable<Callable&, const ProgressReport&>)
      Progress(Callable&& callable)
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, const ProgressReport& report) {
          (*static_cast<std::remove_reference_t<Callable>*>(object))(report);
        }) {}

  void operator()(const char* stage, Index done, Index total) const {
    if (call_ != nullptr) call_(object_, {stage, done, total});
  }

 private:
  void* object_ = nullptr;
  void (*call_)(void*, const ProgressReport&) = nullptr;
};

}  // namespace tessera
