// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// An Execution refers to its executor: a temporary one would be gone before the first task.
// expect: cannot bind non-const lvalue|no viable conversion

#include <tessera/core/thread_pool.hpp>

void use() {
#if defined(MISTAKE)
  tessera::Execution execution = tessera::ThreadPool(2);
#else
  tessera::ThreadPool pool(2);
  tessera::Execution execution = pool;
#endif
  static_cast<void>(execution);
}
