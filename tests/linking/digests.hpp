// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What each unit reports: plain numbers, so that nothing but this crosses from one instruction set to another.

#include <cstdint>

struct Digests {
  const char* instruction_set;
  std::uint64_t nearest_float;
  std::uint64_t nearest_double;
  std::uint64_t cosine_float;
  double product;  // of the panel product: equal up to rounding only
};
