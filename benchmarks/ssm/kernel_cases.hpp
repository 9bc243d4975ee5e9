// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Kernels of 256 channels, and their backward passes. An order of n is n real numbers of state a channel.
//
//   rtf_kernel/LENGTH/ORDER        rational transfer functions as they are trained: periodic
//   rtf_kernel_exact/...           the truncated response
//   rtf_kernel_threads/...         on two threads
//   s4d_kernel/LENGTH/ORDER        diagonal systems, zero-order hold
//   s4d_kernel_eigen/...           baby and giant steps as one of Eigen's products a channel
//   s4_kernel/LENGTH/ORDER         diagonal plus rank one, C as it is trained
//   rtf_backward/..., s4d_backward/..., s4_backward/...   the gradients of all parameters

#include <cmath>
#include <complex>
#include <numbers>
#include <string>

#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <Eigen/Core>

#include <tessera/core/thread_pool.hpp>
#include <tessera/ssm/rational_kernel.hpp>
#include <tessera/ssm/s4.hpp>
#include <tessera/ssm/s4d.hpp>
#include <tessera/ssm/transfer_function.hpp>

#include "support/counters.hpp"
#include "support/data.hpp"

namespace tessera::benchmarks {

struct KernelShape {
  Index length;
  Index order;
  static constexpr Index channels = 256;
  std::string name() const { return fmt::format("{}/{}", length, order); }
  Index modes() const { return order / 2; }
  /// Multiply-adds of a real part count as two: 4 for each mode and tap.
  double vandermonde_operations() const { return 4.0 * channels * static_cast<double>(modes() * length); }
};

inline const RowMatrix<float>& unit_gradient(const KernelShape& shape) {
  static RowMatrix<float> gradient;
  gradient.setOnes(KernelShape::channels, shape.length);
  return gradient;
}

// ---- rational transfer functions ----

inline RationalTransferFunction<float> rational_model(const KernelShape& shape) {
  return RationalTransferFunction<float>(
      {table_rows(KernelShape::channels, shape.order, 31337),
       table_rows(KernelShape::channels, shape.order) * (0.5f / static_cast<float>(shape.order)),
       RowMatrix<float>::Ones(1, KernelShape::channels)});
}

inline void rtf_kernel(benchmark::State& state, const KernelShape& shape, KernelTruncation truncation,
                       Execution execution = {}) {
  const auto model = rational_model(shape);
  RationalKernel<float> plan(shape.length, shape.order, {.truncation = truncation, .slots = execution.concurrency()});
  RowMatrix<float> taps(KernelShape::channels, shape.length);
  for (auto _ : state) {
    plan.taps_into(model, rows(taps), execution);
    benchmark::ClobberMemory();
  }
  set_rate(state, "items", static_cast<double>(taps.size()));
}

inline void rtf_backward(benchmark::State& state, const KernelShape& shape) {
  const auto model = rational_model(shape);
  RationalKernel<float> plan(shape.length, shape.order, {.truncation = KernelTruncation::periodic});
  RowMatrix<float> taps(KernelShape::channels, shape.length);
  plan.taps_into(model, rows(taps));
  RowMatrix<float> numerator(KernelShape::channels, shape.order), denominator = numerator;
  RowMatrix<float> skip(1, KernelShape::channels);
  const RowMatrix<float>& gradient = unit_gradient(shape);
  for (auto _ : state) {
    plan.backward_into(model, rows(taps), rows(gradient),
                       {.numerator = rows(numerator), .denominator = rows(denominator), .skip = rows(skip)});
    benchmark::ClobberMemory();
  }
}

// ---- diagonal, and diagonal plus low rank ----

/// S4D-Lin, steps spread over [1e-3, 1e-1].
inline S4DParameters<float> diagonal_parameters(const KernelShape& shape) {
  const Index channels = KernelShape::channels, modes = shape.modes();
  S4DParameters<float> parameters;
  parameters.log_step = Eigen::VectorXf::LinSpaced(channels, std::log(1e-3f), std::log(1e-1f));
  parameters.lambda.resize(channels, modes);
  for (Index n = 0; n < modes; ++n)
    parameters.lambda.col(n).setConstant({-0.5f, std::numbers::pi_v<float> * static_cast<float>(n)});
  parameters.input.setConstant(channels, modes, 1.0f);
  const RowMatrix<float> output = table_rows(channels, 2 * modes);
  parameters.output = output.leftCols(modes).cast<std::complex<float>>() +
                      std::complex<float>(0, 1) * output.rightCols(modes).cast<std::complex<float>>();
  return parameters;
}

inline void s4d_kernel(benchmark::State& state, const KernelShape& shape, Execution execution = {}) {
  const S4D<float> model(diagonal_parameters(shape));
  RowMatrix<float> taps;
  for (auto _ : state) {
    model.system().kernel_into(shape.length, taps, execution);
    benchmark::ClobberMemory();
  }
  set_rate(state, "flops", shape.vandermonde_operations());
}

inline void s4d_backward(benchmark::State& state, const KernelShape& shape) {
  const S4D<float> model(diagonal_parameters(shape));
  const RowMatrix<float>& gradient = unit_gradient(shape);
  for (auto _ : state) benchmark::DoNotOptimize(model.kernel_backward(gradient));
}

/// Powers of poles by complex multiplication in double, one product of Eigen's for each channel.
inline void s4d_kernel_eigen(benchmark::State& state, const KernelShape& shape) {
  const S4D<float> model(diagonal_parameters(shape));
  const ModalParameters& modal = model.system().parameters();
  const Index modes = shape.modes(), small = 64, large = (shape.length + small - 1) / small;
  RowMatrix<float> taps(KernelShape::channels, large * small);
  RowMatrix<float> giant(large, 2 * modes), baby(2 * modes, small);
  for (auto _ : state) {
    for (Index c = 0; c < KernelShape::channels; ++c) {
      for (Index n = 0; n < modes; ++n) {
        const std::complex<double> pole = modal.poles(c, n), step = std::pow(pole, static_cast<double>(small));
        std::complex<double> power = 1, weight = 2.0 * modal.weights(c, n);
        for (Index i = 0; i < small; ++i, power *= pole) {
          baby(n, i) = static_cast<float>(power.real());
          baby(modes + n, i) = static_cast<float>(-power.imag());
        }
        for (Index q = 0; q < large; ++q, weight *= step) {
          giant(q, n) = static_cast<float>(weight.real());
          giant(q, modes + n) = static_cast<float>(weight.imag());
        }
      }
      Eigen::Map<RowMatrix<float>>(taps.row(c).data(), large, small).noalias() = giant * baby;
    }
    benchmark::ClobberMemory();
  }
}

inline S4<float> low_rank_model(const KernelShape& shape) {
  const S4DParameters<float> diagonal = diagonal_parameters(shape);
  const Index channels = KernelShape::channels, modes = shape.modes();
  const auto numbers = [&](Index offset, float scale) {
    const RowMatrix<float> table = table_rows(channels, 2 * modes, offset);
    RowMatrix<std::complex<float>> result(channels, modes);
    for (Index i = 0; i < result.size(); ++i)
      result.data()[i] = scale * std::complex<float>(table.data()[2 * i], table.data()[2 * i + 1]);
    return result;
  };
  S4Parameters<float> parameters;
  parameters.poles = diagonal.lambda;
  parameters.low_rank = numbers(777, 0.1f);
  parameters.input = numbers(999, 1);
  parameters.output = diagonal.output;
  parameters.dt = diagonal.log_step.array().exp().matrix();
  return S4<float>(parameters, {.truncation = KernelTruncation::periodic, .length = shape.length, .recurrence = false});
}

inline void s4_kernel(benchmark::State& state, const KernelShape& shape, Execution execution = {}) {
  const S4<float> model = low_rank_model(shape);
  RowMatrix<float> taps(KernelShape::channels, shape.length);
  for (auto _ : state) {
    model.kernel_into(rows(taps), execution);
    benchmark::ClobberMemory();
  }
}

inline void s4_backward(benchmark::State& state, const KernelShape& shape) {
  const S4<float> model = low_rank_model(shape);
  const RowMatrix<float>& gradient = unit_gradient(shape);
  for (auto _ : state) benchmark::DoNotOptimize(model.kernel_backward(rows(gradient)));
}

inline void register_kernels() {
  using State = benchmark::State;
  const auto add = [](const std::string& kind, const KernelShape& shape, auto function) {
    return benchmark::RegisterBenchmark((kind + "/" + shape.name()).c_str(), function)->Unit(benchmark::kMillisecond);
  };
  for (const Index length : {1024, 4096, 16384, 65536}) {
    for (const Index order : {16, 64, 256, 1024}) {
      const KernelShape shape{length, order};
      add("rtf_kernel", shape, [=](State& state) { rtf_kernel(state, shape, KernelTruncation::periodic); });
      add("rtf_kernel_exact", shape, [=](State& state) { rtf_kernel(state, shape, KernelTruncation::exact); });
      add("rtf_kernel_threads", shape, [=](State& state) {
        ThreadPool pool(2);
        rtf_kernel(state, shape, KernelTruncation::periodic, pool);
      })->UseRealTime();
      if (length > 16384) continue;
      add("rtf_backward", shape, [=](State& state) { rtf_backward(state, shape); });
      if (order > 256) continue;
      add("s4d_kernel", shape, [=](State& state) { s4d_kernel(state, shape); });
      add("s4d_kernel_threads", shape, [=](State& state) {
        ThreadPool pool(2);
        s4d_kernel(state, shape, pool);
      })->UseRealTime();
      add("s4d_kernel_eigen", shape, [=](State& state) { s4d_kernel_eigen(state, shape); });
      add("s4d_backward", shape, [=](State& state) { s4d_backward(state, shape); });
      add("s4_kernel", shape, [=](State& state) { s4_kernel(state, shape); });
      add("s4_kernel_threads", shape, [=](State& state) {
        ThreadPool pool(2);
        s4_kernel(state, shape, pool);
      })->UseRealTime();
      add("s4_backward", shape, [=](State& state) { s4_backward(state, shape); });
    }
  }
}

}  // namespace tessera::benchmarks
