// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Decoding: as many samples as the kernels have taps, each made of the results before it; a kernel for each channel.
//
//   online/TAPS/CHANNELS           relaxed convolution
//   online_streaming/TAPS/CHANNELS partitioned convolution, a call for each sample
//   online_eigen/TAPS/CHANNELS     the loop over all taps: for each sample a dot product for each channel

#include <string>
#include <utility>

#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <Eigen/Core>

#include <tessera/core/thread_pool.hpp>
#include <tessera/fft/relaxed.hpp>
#include <tessera/fft/streaming.hpp>

#include "support/counters.hpp"
#include "support/data.hpp"

namespace tessera::benchmarks {

struct OnlineShape {
  Index taps;
  Index channels;
  std::string name() const { return fmt::format("{}/{}", taps, channels); }
};

/// Kernels whose results stay small when they are fed back.
inline RowMatrix<float> online_taps(const OnlineShape& shape) {
  RowMatrix<float> taps = table_rows(shape.channels, shape.taps);
  taps *= 0.5f / static_cast<float>(shape.taps);
  return taps;
}

/// The next samples from the last results: any function will do, as long as it waits for them.
inline void feed_back(RowMatrix<float>& samples) { samples = (samples.array() + 0.25f).matrix(); }

inline void online(benchmark::State& state, const OnlineShape& shape, Execution execution = {}) {
  const RowMatrix<float> taps = online_taps(shape);
  RelaxedConvolution<float> plan(rows(taps), {.channels = shape.channels, .slots = execution.concurrency()});
  RowMatrix<float> samples(1, shape.channels);
  for (auto _ : state) {
    plan.reset();
    samples.setZero();
    for (Index t = 0; t < shape.taps; ++t) {
      feed_back(samples);
      plan.step_into(rows(std::as_const(samples)), rows(samples), execution);
    }
    benchmark::ClobberMemory();
  }
  set_rate(state, "items", static_cast<double>(shape.channels * shape.taps));
}

inline void online_streaming(benchmark::State& state, const OnlineShape& shape) {
  const RowMatrix<float> taps = online_taps(shape);
  StreamingConvolution<float> plan(rows(taps), {.channels = shape.channels});
  RowMatrix<float> samples(1, shape.channels);
  const Signals<float> view(samples.data(), 1, shape.channels, 1);
  for (auto _ : state) {
    plan.reset();
    samples.setZero();
    for (Index t = 0; t < shape.taps; ++t) {
      feed_back(samples);
      plan.process(view, view);
    }
    benchmark::ClobberMemory();
  }
  set_rate(state, "items", static_cast<double>(shape.channels * shape.taps));
}

inline void online_eigen(benchmark::State& state, const OnlineShape& shape) {
  const RowMatrix<float> reversed = online_taps(shape).rowwise().reverse();
  RowMatrix<float> history(shape.channels, shape.taps), samples(1, shape.channels);
  for (auto _ : state) {
    samples.setZero();
    for (Index t = 0; t < shape.taps; ++t) {
      feed_back(samples);
      history.col(t) = samples.transpose();
      for (Index c = 0; c < shape.channels; ++c) {
        samples(0, c) = reversed.row(c).tail(t + 1).dot(history.row(c).head(t + 1));
      }
    }
    benchmark::ClobberMemory();
  }
  set_rate(state, "items", static_cast<double>(shape.channels * shape.taps));
}

inline void register_online() {
  using State = benchmark::State;
  for (const OnlineShape& shape : {OnlineShape{1024, 64}, {4096, 64}, {16384, 64}, {16384, 1}}) {
    const auto add = [&](const std::string& kind, auto function) {
      return benchmark::RegisterBenchmark((kind + "/" + shape.name()).c_str(), function)->Unit(benchmark::kMillisecond);
    };
    add("online", [=](State& state) { online(state, shape); });
    add("online_threads", [=](State& state) {
      ThreadPool pool(2);
      online(state, shape, pool);
    })->UseRealTime();
    add("online_streaming", [=](State& state) { online_streaming(state, shape); });
    add("online_eigen", [=](State& state) { online_eigen(state, shape); });
  }
}

}  // namespace tessera::benchmarks
