// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Causal convolution of 256 channels with a kernel each, as long as the signals.
//
//   causal/L/B            kernel spectra given; B examples
//   causal_kernel/L/1     spectra made in the call
//   causal_backward/L/1   gradients of input and kernel
//   causal_threads/L/B    two threads
//   causal_eigen/L/1      the same through Eigen's FFT, real transforms of 2 L, spectra given
//
// and of 64 channels with kernels of K taps, shorter than the signals: short_kernel/L/K, short_kernel_threads/L/K.

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
#include <tessera/fft/convolution.hpp>

#include "support/counters.hpp"
#include "support/data.hpp"

namespace tessera::benchmarks {

struct ConvolutionShape {
  Index length;
  Index batch;
  Index channels;
  std::string name() const { return fmt::format("{}/{}", length, batch); }
  /// Of two real transforms of twice the length, by the usual count, whatever computes them.
  double operations() const {
    return static_cast<double>(batch * channels) * 10.0 * static_cast<double>(length) *
           std::log2(2.0 * static_cast<double>(length));
  }
};

/// Channels are fewer where 256 of them would not fit into the memory of a small machine.
inline std::vector<ConvolutionShape> convolution_shapes() {
  std::vector<ConvolutionShape> shapes;
  for (Index length = 256; length <= Index{1} << 20; length *= 4) {
    const Index channels = length <= 65536 ? 256 : length <= 262144 ? 64 : 16;
    shapes.push_back({length, 1, channels});
    if (length <= 16384) shapes.push_back({length, 8, channels});
  }
  return shapes;
}

/// Signals, kernels and results of one shape.
struct ConvolutionData {
  RowMatrix<float> input, taps, output;

  explicit ConvolutionData(const ConvolutionShape& shape)
      : input(table_rows(shape.batch * shape.channels, shape.length)),
        taps(table_rows(shape.channels, shape.length, 31337)),
        output(RowMatrix<float>::Zero(shape.batch * shape.channels, shape.length)) {}
  Signals<const float> signals(const ConvolutionShape& s) const {
    return {input.data(), s.batch, s.channels, s.length};
  }
  Signals<float> results(const ConvolutionShape& s) { return {output.data(), s.batch, s.channels, s.length}; }
};

inline void causal(benchmark::State& state, const ConvolutionShape& shape, Execution execution = {}) {
  ConvolutionData data(shape);
  const CausalConvolution<float> plan(shape.length, {.channels = shape.channels});
  const KernelSpectrum<float> spectrum = plan.spectrum(rows(data.taps));
  auto workspace = plan.workspace(execution.concurrency());
  for (auto _ : state) {
    plan.convolve_into(data.signals(shape), spectrum, data.results(shape),
                       {.execution = execution, .workspace = &workspace});
    benchmark::ClobberMemory();
  }
  set_rate(state, "flops", shape.operations());
}

inline void causal_kernel(benchmark::State& state, const ConvolutionShape& shape) {
  ConvolutionData data(shape);
  const CausalConvolution<float> plan(shape.length, {.channels = shape.channels});
  KernelSpectrum<float> spectrum;
  auto workspace = plan.workspace();
  for (auto _ : state) {
    plan.spectrum_into(rows(data.taps), {}, spectrum, {}, &workspace);
    plan.convolve_into(data.signals(shape), spectrum, data.results(shape), {.workspace = &workspace});
    benchmark::ClobberMemory();
  }
  set_rate(state, "flops", 1.5 * shape.operations());
}

inline void causal_backward(benchmark::State& state, const ConvolutionShape& shape) {
  ConvolutionData data(shape);
  const CausalConvolution<float> plan(shape.length, {.channels = shape.channels});
  const KernelSpectrum<float> spectrum = plan.spectrum(rows(data.taps));
  RowMatrix<float> grad_kernel(shape.channels, shape.length);
  auto workspace = plan.workspace();
  for (auto _ : state) {
    plan.backward_into(data.signals(shape), spectrum, data.signals(shape),
                       {.input = data.results(shape), .kernel = rows(grad_kernel)}, {.workspace = &workspace});
    benchmark::ClobberMemory();
  }
  set_rate(state, "flops", 2.5 * shape.operations());
}

inline void causal_eigen(benchmark::State& state, const ConvolutionShape& shape) {
  ConvolutionData data(shape);
  Eigen::FFT<float> fft;
  fft.SetFlag(Eigen::FFT<float>::HalfSpectrum);
  const auto size = static_cast<std::size_t>(2 * shape.length);
  std::vector<float> padded(size, 0.0f), result(size);
  std::vector<std::vector<std::complex<float>>> spectra(static_cast<std::size_t>(shape.channels));
  std::vector<std::complex<float>> product;
  const auto pad = [&](const float* row) { std::copy_n(row, shape.length, padded.data()); };
  for (Index c = 0; c < shape.channels; ++c) {
    pad(&data.taps(c, 0));
    fft.fwd(spectra[static_cast<std::size_t>(c)], padded);
  }
  for (auto _ : state) {
    for (Index c = 0; c < shape.channels; ++c) {
      pad(&data.input(c, 0));
      fft.fwd(product, padded);
      const auto& kernel = spectra[static_cast<std::size_t>(c)];
      for (std::size_t i = 0; i < product.size(); ++i) product[i] *= kernel[i];
      fft.inv(result, product, 2 * shape.length);
      std::copy_n(result.data(), shape.length, &data.output(c, 0));
    }
    benchmark::ClobberMemory();
  }
  set_rate(state, "flops", shape.operations());
}

inline void short_kernel(benchmark::State& state, Index length, Index taps, Execution execution = {}) {
  const ConvolutionShape shape{length, 1, 64};
  const RowMatrix<float> input = table_rows(shape.channels, length);
  const RowMatrix<float> kernels = table_rows(shape.channels, taps, 31337);
  RowMatrix<float> output = RowMatrix<float>::Zero(shape.channels, length);
  const CausalConvolution<float> plan(length, {.channels = shape.channels, .kernel_length = taps});
  const KernelSpectrum<float> spectrum = plan.spectrum(rows(kernels));
  auto workspace = plan.workspace(execution.concurrency());
  for (auto _ : state) {
    plan.convolve_into(signals(input), spectrum, signals(output), {.execution = execution, .workspace = &workspace});
    benchmark::ClobberMemory();
  }
  set_rate(state, "bytes", 8.0 * static_cast<double>(input.size()));
  set_rate(state, "items", static_cast<double>(input.size()));
}

inline void register_convolution() {
  const auto add = [](const std::string& name, auto function) {
    return benchmark::RegisterBenchmark(name.c_str(), function)->Unit(benchmark::kMillisecond);
  };
  for (const ConvolutionShape& shape : convolution_shapes()) {
    add("causal/" + shape.name(), [=](benchmark::State& state) { causal(state, shape); });
    add("causal_threads/" + shape.name(), [=](benchmark::State& state) {
      ThreadPool pool(2);
      causal(state, shape, pool);
    })->UseRealTime();
    if (shape.batch > 1) continue;
    add("causal_kernel/" + shape.name(), [=](benchmark::State& state) { causal_kernel(state, shape); });
    add("causal_backward/" + shape.name(), [=](benchmark::State& state) { causal_backward(state, shape); });
    add("causal_eigen/" + shape.name(), [=](benchmark::State& state) { causal_eigen(state, shape); });
  }
  for (const Index taps : {4, 32, 64, 512, 4096}) {
    const Index length = 65536;
    const std::string name = fmt::format("/{}/{}", length, taps);
    add("short_kernel" + name, [=](benchmark::State& state) { short_kernel(state, length, taps); });
    add("short_kernel_threads" + name, [=](benchmark::State& state) {
      ThreadPool pool(2);
      short_kernel(state, length, taps, pool);
    })->UseRealTime();
  }
}

}  // namespace tessera::benchmarks
