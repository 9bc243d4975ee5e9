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
  std::uint64_t scalar_float;  // finite scalar quantization
  std::uint64_t scalar_double;
  std::uint64_t vector_float;  // a vector quantizer's tokens and the statistics of its batch
  double product;              // of the panel product: equal up to rounding only
  double convolution;          // and so are causal convolution
  double transform;            // and a transform of prime length
};
