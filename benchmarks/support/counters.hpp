// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What the benchmarks count beside time.

#include <benchmark/benchmark.h>

namespace tessera::benchmarks {

/// Reports `amount` per iteration as a rate per second of real time.
inline void set_rate(benchmark::State& state, const char* name, double amount) {
  state.counters[name] = benchmark::Counter(amount * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

/// Reports a plain number.
inline void set_number(benchmark::State& state, const char* name, double value) { state.counters[name] = value; }

}  // namespace tessera::benchmarks
