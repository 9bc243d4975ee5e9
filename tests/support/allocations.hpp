// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Counts allocations, for tests of what must not allocate: every operator new of a test program adds one
// (support/allocations.cpp). AddressSanitizer has operators of its own; there nothing is counted.

namespace tessera::testing {

/// How often operator new was called so far, by all threads.
long allocations();

/// How often it is called while `body` runs.
template <class Body>
long allocations_in(Body&& body) {
  const long before = allocations();
  body();
  return allocations() - before;
}

}  // namespace tessera::testing
