// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Streaming convolution of 8 channels, a kernel each, float.
//
//   streaming/TAPS/BLOCK          one call with a block of samples
//   streaming_eigen/TAPS/BLOCK    direct: for each sample a dot product of the taps and the last samples

#include <string>

#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <Eigen/Core>

#include <tessera/fft/streaming.hpp>

#include "fft/transform_cases.hpp"
#include "support/counters.hpp"

namespace tessera::benchmarks {

struct StreamingShape {
  Index taps;
  Index block;
  std::string name() const { return fmt::format("{}/{}", taps, block); }
  /// Of the direct sum.
  double operations() const { return 2.0 * streaming_channels * static_cast<double>(taps * block); }

  static constexpr Index streaming_channels = 8;
};

inline void streaming(benchmark::State& state, const StreamingShape& shape) {
  constexpr Index channels = StreamingShape::streaming_channels, pieces = 64;
  const RowMatrix<float> taps = table_rows(channels, shape.taps);
  const RowMatrix<float> samples = table_rows(channels, shape.block * pieces);
  RowMatrix<float> results = RowMatrix<float>::Zero(channels, shape.block * pieces);
  StreamingConvolution<float> convolution(rows(taps), {.channels = channels});
  Index piece = 0;
  for (auto _ : state) {
    const Index begin = piece++ % pieces * shape.block;
    convolution.process(signals(samples).window(begin, begin + shape.block),
                        signals(results).window(begin, begin + shape.block));
    benchmark::ClobberMemory();
  }
  set_rate(state, "items", static_cast<double>(channels * shape.block));
}

inline void streaming_eigen(benchmark::State& state, const StreamingShape& shape) {
  constexpr Index channels = StreamingShape::streaming_channels;
  const RowMatrix<float> reversed = table_rows(channels, shape.taps);
  const RowMatrix<float> history = table_rows(channels, shape.taps + shape.block);
  RowMatrix<float> results = RowMatrix<float>::Zero(channels, shape.block);
  for (auto _ : state) {
    for (Index c = 0; c < channels; ++c) {
      for (Index n = 0; n < shape.block; ++n) {
        results(c, n) = reversed.row(c).dot(history.row(c).segment(n + 1, shape.taps));
      }
    }
    benchmark::ClobberMemory();
  }
  set_rate(state, "items", static_cast<double>(channels * shape.block));
}

inline void register_streaming() {
  using State = benchmark::State;
  for (const Index taps : {1024, 16384, 65536}) {
    for (const Index block : {1, 64, 512}) {
      const StreamingShape shape{taps, block};
      const auto add = [&](const std::string& kind, auto function) {
        benchmark::RegisterBenchmark((kind + "/" + shape.name()).c_str(), [=](State& state) {
          function(state, shape);
        })->Unit(benchmark::kMicrosecond);
      };
      add("streaming", streaming);
      add("streaming_eigen", streaming_eigen);
    }
  }
}

}  // namespace tessera::benchmarks
