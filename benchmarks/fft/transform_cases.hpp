// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Transforms of rows, float.
//
//   fourier/N/R               forward, complex, R rows of N
//   real_fourier/N/R          forward, real
//   ..._threads/N/R           two threads
//   ..._eigen/N/R             the same through Eigen's FFT

#include <algorithm>
#include <cmath>
#include <complex>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <Eigen/Core>
#include <unsupported/Eigen/FFT>

#include <tessera/core/thread_pool.hpp>
#include <tessera/fft/fourier.hpp>
#include <tessera/fft/real_fourier.hpp>

#include "support/counters.hpp"
#include "support/data.hpp"

namespace tessera::benchmarks {

struct TransformShape {
  Index length;
  Index rows;
  std::string name() const { return fmt::format("{}/{}", length, rows); }
  /// By the usual count, whatever computes them; real transforms take half.
  double operations() const {
    return static_cast<double>(rows) * 5.0 * static_cast<double>(length) * std::log2(static_cast<double>(length));
  }
};

inline const std::vector<TransformShape> transform_shapes{{256, 256},   {1000, 256},  {1009, 256}, {1024, 256},
                                                          {4096, 256},  {16384, 256}, {65536, 64}, {44100, 64},
                                                          {1048576, 4}, {1024, 1},    {65536, 1}};

inline void fourier(benchmark::State& state, const TransformShape& shape, Execution execution = {}) {
  const RowMatrix<float> input = table_rows(shape.rows, 2 * shape.length);
  RowMatrix<std::complex<float>> output(shape.rows, shape.length);
  output.setZero();
  const FourierTransform<float, FourierScale::none> plan(shape.length);
  auto workspace = plan.workspace(execution.concurrency());
  const Batch<const std::complex<float>> samples(reinterpret_cast<const std::complex<float>*>(input.data()), shape.rows,
                                                 shape.length);
  for (auto _ : state) {
    plan.forward_into(samples, rows(output), {execution, &workspace});
    benchmark::ClobberMemory();
  }
  set_rate(state, "flops", shape.operations());
}

inline void real_fourier(benchmark::State& state, const TransformShape& shape, Execution execution = {}) {
  const RowMatrix<float> input = table_rows(shape.rows, shape.length);
  RowMatrix<std::complex<float>> output(shape.rows, shape.length / 2 + 1);
  output.setZero();
  const RealFourierTransform<float, FourierScale::none> plan(shape.length);
  auto workspace = plan.workspace(execution.concurrency());
  for (auto _ : state) {
    plan.forward_into(rows(input), rows(output), {execution, &workspace});
    benchmark::ClobberMemory();
  }
  set_rate(state, "flops", shape.operations() / 2);
}

inline void fourier_eigen(benchmark::State& state, const TransformShape& shape) {
  const RowMatrix<float> input = table_rows(shape.rows, 2 * shape.length);
  RowMatrix<std::complex<float>> output(shape.rows, shape.length);
  output.setZero();
  Eigen::FFT<float> fft;
  for (auto _ : state) {
    for (Index r = 0; r < shape.rows; ++r) {
      fft.fwd(&output(r, 0), reinterpret_cast<const std::complex<float>*>(&input(r, 0)), shape.length);
    }
    benchmark::ClobberMemory();
  }
  set_rate(state, "flops", shape.operations());
}

inline void real_fourier_eigen(benchmark::State& state, const TransformShape& shape) {
  const RowMatrix<float> input = table_rows(shape.rows, shape.length);
  RowMatrix<std::complex<float>> output(shape.rows, shape.length / 2 + 1);
  output.setZero();
  Eigen::FFT<float> fft;
  fft.SetFlag(Eigen::FFT<float>::HalfSpectrum);
  for (auto _ : state) {
    for (Index r = 0; r < shape.rows; ++r) fft.fwd(&output(r, 0), &input(r, 0), shape.length);
    benchmark::ClobberMemory();
  }
  set_rate(state, "flops", shape.operations() / 2);
}

inline void register_transforms() {
  const auto add = [](const std::string& name, auto function) {
    return benchmark::RegisterBenchmark(name.c_str(), function)->Unit(benchmark::kMicrosecond);
  };
  using State = benchmark::State;
  for (const TransformShape& shape : transform_shapes) {
    add("fourier/" + shape.name(), [=](State& state) { fourier(state, shape); });
    add("fourier_eigen/" + shape.name(), [=](State& state) { fourier_eigen(state, shape); });
    add("real_fourier/" + shape.name(), [=](State& state) { real_fourier(state, shape); });
    add("real_fourier_eigen/" + shape.name(), [=](State& state) { real_fourier_eigen(state, shape); });
    if (shape.rows == 1) continue;
    add("fourier_threads/" + shape.name(), [=](State& state) {
      ThreadPool pool(2);
      fourier(state, shape, pool);
    })->UseRealTime();
  }
}

}  // namespace tessera::benchmarks
