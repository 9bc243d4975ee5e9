// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
//
// The quantizers, one thread unless the name says otherwise, each beside Eigen written the obvious way.

#include <cstdint>

#include <benchmark/benchmark.h>

#include "quantize/nearest_cases.hpp"
#include "quantize/scalar_cases.hpp"
#include "quantize/vector_cases.hpp"
#include "support/main.hpp"

int main(int argc, char** argv) {
  tessera::benchmarks::register_nearest();
  tessera::benchmarks::register_scalar();
  tessera::benchmarks::register_vector();
  return tessera::benchmarks::run(argc, argv);
}
