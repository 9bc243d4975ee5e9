// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What the main function of every benchmark calls.

#include <benchmark/benchmark.h>

#include <tessera/core/isa.hpp>

namespace tessera::benchmarks {

/// Google Benchmark's own main function, with the instruction set in the context that it prints.
inline int run(int argc, char** argv) {
  benchmark::AddCustomContext("instruction_set", instruction_set);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace tessera::benchmarks
