// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What the benchmarks count beside time.

#include <fstream>
#include <string>

#include <benchmark/benchmark.h>

namespace tessera::benchmarks {

/// Reports `amount` per iteration as a rate per second of real time.
inline void set_rate(benchmark::State& state, const char* name, double amount) {
  state.counters[name] =
      benchmark::Counter(amount * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

/// Reports a plain number.
inline void set_number(benchmark::State& state, const char* name, double value) { state.counters[name] = value; }

/// The most memory, in bytes, that this process has held; 0 where the system does not tell.
inline double peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return 1024 * std::stod(line.substr(6));
  }
  return 0;
}

}  // namespace tessera::benchmarks
