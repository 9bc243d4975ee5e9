// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
//
// What fft_benchmark does, through FFTW (measured plans, one thread), which is under the GPL: this program is built
// only where it is asked for (-DTESSERA_BENCHMARK_FFTW=ON), never installed, and nothing of tessera links FFTW.
//
//   fourier_fftw/N/R, real_fourier_fftw/N/R     one plan for all rows
//   fourier_fftw_rows/N/R, ...                  one plan, row by row
//   causal_fftw/L/B                             batched: all channels by one plan forward, product, one plan back
//   causal_fftw_rows/L/B                        channel by channel through buffers that stay in the cache
//   causal_kernel_fftw_rows/L/1                 the same with the kernel's transform in the call

#include <fftw3.h>

#include <algorithm>
#include <complex>
#include <string>
#include <vector>

#include "fft/convolution_cases.hpp"
#include "fft/transform_cases.hpp"
#include "support/main.hpp"

namespace tessera::benchmarks {
namespace {

using Complex = std::complex<float>;

fftwf_complex* raw(Complex* data) { return reinterpret_cast<fftwf_complex*>(data); }

/// Destroys the plan with itself.
class Plan {
 public:
  explicit Plan(fftwf_plan plan) : plan_(plan) {}
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() { fftwf_destroy_plan(plan_); }
  operator fftwf_plan() const { return plan_; }

 private:
  fftwf_plan plan_;
};

/// Memory as FFTW wants it.
template <class T>
class Buffer {
 public:
  explicit Buffer(Index size) : data_(static_cast<T*>(fftwf_malloc(static_cast<std::size_t>(size) * sizeof(T)))) {
    std::fill_n(data_, size, T(0));
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { fftwf_free(data_); }
  T* data() const { return data_; }

 private:
  T* data_;
};

Plan complex_plan(int n, int rows, Complex* in, Complex* out) {
  return Plan(fftwf_plan_many_dft(1, &n, rows, raw(in), nullptr, 1, n, raw(out), nullptr, 1, n, FFTW_FORWARD,
                                  FFTW_MEASURE | FFTW_PRESERVE_INPUT));
}
Plan real_plan(int n, int rows, float* in, Complex* out) {
  return Plan(fftwf_plan_many_dft_r2c(1, &n, rows, in, nullptr, 1, n, raw(out), nullptr, 1, n / 2 + 1,
                                      FFTW_MEASURE | FFTW_PRESERVE_INPUT));
}
Plan inverse_plan(int n, int rows, Complex* in, float* out) {
  return Plan(fftwf_plan_many_dft_c2r(1, &n, rows, raw(in), nullptr, 1, n / 2 + 1, out, nullptr, 1, n, FFTW_MEASURE));
}

void fourier_fftw(benchmark::State& state, const TransformShape& shape, bool by_rows) {
  Buffer<Complex> in(shape.rows * shape.length), out(shape.rows * shape.length);
  const auto n = static_cast<int>(shape.length);
  const Plan plan = complex_plan(n, by_rows ? 1 : static_cast<int>(shape.rows), in.data(), out.data());
  const RowMatrix<float> samples = table_rows(shape.rows, 2 * shape.length);
  std::copy_n(reinterpret_cast<const Complex*>(samples.data()), shape.rows * shape.length, in.data());
  for (auto _ : state) {
    for (Index r = 0; r < (by_rows ? shape.rows : 1); ++r) {
      fftwf_execute_dft(plan, raw(in.data() + r * shape.length), raw(out.data() + r * shape.length));
    }
    benchmark::ClobberMemory();
  }
}

void real_fourier_fftw(benchmark::State& state, const TransformShape& shape, bool by_rows) {
  const Index bins = shape.length / 2 + 1;
  // Rows begin at multiples of 16 bytes, which plans for one row expect.
  const Index in_stride = (shape.length + 3) / 4 * 4, out_stride = (bins + 1) / 2 * 2;
  Buffer<float> in(shape.rows * in_stride);
  Buffer<Complex> out(shape.rows * out_stride);
  const auto n = static_cast<int>(shape.length);
  const Plan plan = real_plan(n, by_rows ? 1 : static_cast<int>(shape.rows), in.data(), out.data());
  const RowMatrix<float> samples = table_rows(shape.rows, shape.length);
  std::copy_n(samples.data(), samples.size(), in.data());
  for (auto _ : state) {
    for (Index r = 0; r < (by_rows ? shape.rows : 1); ++r) {
      fftwf_execute_dft_r2c(plan, in.data() + r * in_stride, raw(out.data() + r * out_stride));
    }
    benchmark::ClobberMemory();
  }
}

/// out = a * b / n.
void multiply(Complex* out, const Complex* b, Index count, float scale) {
  float* x = reinterpret_cast<float*>(out);
  const float* y = reinterpret_cast<const float*>(b);
  for (Index i = 0; i < 2 * count; i += 2) {
    const float re = x[i] * y[i] - x[i + 1] * y[i + 1], im = x[i] * y[i + 1] + x[i + 1] * y[i];
    x[i] = re * scale;
    x[i + 1] = im * scale;
  }
}

void causal_fftw(benchmark::State& state, const ConvolutionShape& shape) {
  ConvolutionData data(shape);
  const Index rows = shape.batch * shape.channels, size = 2 * shape.length, bins = shape.length + 1;
  Buffer<float> padded(rows * size), result(rows * size);
  Buffer<Complex> spectrum(rows * bins), kernels(shape.channels * bins);
  const auto n = static_cast<int>(size);
  const Plan forward = real_plan(n, static_cast<int>(rows), padded.data(), spectrum.data());
  const Plan inverse = inverse_plan(n, static_cast<int>(rows), spectrum.data(), result.data());
  const Plan one = real_plan(n, 1, padded.data(), spectrum.data());
  std::fill_n(padded.data(), rows * size, 0.0f);
  for (Index c = 0; c < shape.channels; ++c) {
    std::copy_n(&data.taps(c, 0), shape.length, padded.data());
    fftwf_execute_dft_r2c(one, padded.data(), raw(spectrum.data()));
    std::copy_n(spectrum.data(), bins, kernels.data() + c * bins);
  }
  for (auto _ : state) {
    for (Index r = 0; r < rows; ++r) std::copy_n(&data.input(r, 0), shape.length, padded.data() + r * size);
    fftwf_execute(forward);
    for (Index r = 0; r < rows; ++r) {
      multiply(spectrum.data() + r * bins, kernels.data() + r % shape.channels * bins, bins,
               1 / static_cast<float>(size));
    }
    fftwf_execute(inverse);
    for (Index r = 0; r < rows; ++r) std::copy_n(result.data() + r * size, shape.length, &data.output(r, 0));
    benchmark::ClobberMemory();
  }
}

void causal_fftw_rows(benchmark::State& state, const ConvolutionShape& shape, bool with_kernel) {
  ConvolutionData data(shape);
  const Index rows = shape.batch * shape.channels, size = 2 * shape.length, bins = shape.length + 1;
  const Index stride = (bins + 1) / 2 * 2;
  Buffer<float> padded(size), result(size);
  Buffer<Complex> spectrum(stride), kernels(shape.channels * stride);
  const auto n = static_cast<int>(size);
  const Plan forward = real_plan(n, 1, padded.data(), spectrum.data());
  const Plan inverse = inverse_plan(n, 1, spectrum.data(), result.data());
  std::fill_n(padded.data(), size, 0.0f);
  const auto transform_kernel = [&](Index c) {
    std::copy_n(&data.taps(c, 0), shape.length, padded.data());
    fftwf_execute_dft_r2c(forward, padded.data(), raw(kernels.data() + c * stride));
  };
  for (Index c = 0; c < shape.channels; ++c) transform_kernel(c);
  for (auto _ : state) {
    for (Index r = 0; r < rows; ++r) {
      if (with_kernel) transform_kernel(r % shape.channels);
      std::copy_n(&data.input(r, 0), shape.length, padded.data());
      fftwf_execute(forward);
      multiply(spectrum.data(), kernels.data() + r % shape.channels * stride, bins, 1 / static_cast<float>(size));
      fftwf_execute(inverse);
      std::copy_n(result.data(), shape.length, &data.output(r, 0));
    }
    benchmark::ClobberMemory();
  }
}

void register_fftw() {
  const auto add = [](const std::string& name, auto function) {
    benchmark::RegisterBenchmark(name.c_str(), function)->Unit(benchmark::kMicrosecond);
  };
  using State = benchmark::State;
  for (const TransformShape& shape : transform_shapes) {
    add("fourier_fftw/" + shape.name(), [=](State& state) { fourier_fftw(state, shape, false); });
    add("real_fourier_fftw/" + shape.name(), [=](State& state) { real_fourier_fftw(state, shape, false); });
    if (shape.rows == 1) continue;
    add("fourier_fftw_rows/" + shape.name(), [=](State& state) { fourier_fftw(state, shape, true); });
    add("real_fourier_fftw_rows/" + shape.name(), [=](State& state) { real_fourier_fftw(state, shape, true); });
  }
  for (const ConvolutionShape& shape : convolution_shapes()) {
    add("causal_fftw/" + shape.name(), [=](State& state) { causal_fftw(state, shape); });
    add("causal_fftw_rows/" + shape.name(), [=](State& state) { causal_fftw_rows(state, shape, false); });
    if (shape.batch > 1) continue;
    add("causal_kernel_fftw_rows/" + shape.name(), [=](State& state) { causal_fftw_rows(state, shape, true); });
  }
}

}  // namespace
}  // namespace tessera::benchmarks

int main(int argc, char** argv) {
  tessera::benchmarks::register_fftw();
  return tessera::benchmarks::run(argc, argv);
}
