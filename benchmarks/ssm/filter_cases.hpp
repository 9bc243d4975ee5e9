// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Recurrences of 16 channels, in blocks of samples; an order of n is n numbers of state a channel.
//
//   filter_direct/ORDER/BLOCK            the transposed direct form
//   filter_cascade/ORDER/BLOCK           second-order sections one after the other
//   filter_cascade_parallel/ORDER/BLOCK  the same number of sections side by side
//   filter_cascade_modal/ORDER/BLOCK     complex modes side by side
//   prefill/LENGTH/ORDER                 the state of a direct form after so many samples
//   prefill_stepped/LENGTH/ORDER         the same by the recurrence
//
// The operations counted are two multiply-adds for each number of state.

#include <cmath>
#include <complex>
#include <numbers>
#include <string>

#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <tessera/ssm/biquad_cascade.hpp>
#include <tessera/ssm/biquad_stream.hpp>
#include <tessera/ssm/direct_form_stream.hpp>
#include <tessera/ssm/modal_stream.hpp>
#include <tessera/ssm/modal_system.hpp>
#include <tessera/ssm/parallel_biquads.hpp>
#include <tessera/ssm/transfer_function.hpp>

#include "support/counters.hpp"
#include "support/data.hpp"

namespace tessera::benchmarks {

struct FilterShape {
  Index order;
  Index block;
  static constexpr Index channels = 16;
  std::string name() const { return fmt::format("{}/{}", order, block); }
  Index sections() const { return order / 2; }
  double operations() const { return 4.0 * channels * static_cast<double>(order * block); }
};

/// Poles of modulus 0.9 at evenly spaced angles.
inline std::complex<double> filter_pole(const FilterShape& shape, Index section) {
  return std::polar(0.9,
                    std::numbers::pi * (static_cast<double>(section) + 0.5) / static_cast<double>(shape.sections()));
}

inline RationalTransferFunction<float> direct_model(Index channels, Index order) {
  return RationalTransferFunction<float>({table_rows(channels, order, 31337),
                                          table_rows(channels, order) * (0.5f / static_cast<float>(order)),
                                          RowMatrix<float>::Ones(1, channels)});
}

inline BiquadCascade<float> cascade_model(const FilterShape& shape) {
  CascadeForm form;
  for (Index i = 0; i < shape.sections(); ++i) {
    const std::complex<double> pole = filter_pole(shape, i);
    form.sections.push_back({1, 0.1, 0, -2 * pole.real(), std::norm(pole)});
  }
  return BiquadCascade<float>(std::vector<CascadeForm>(FilterShape::channels, form));
}

inline ParallelBiquads<float> parallel_model(const FilterShape& shape) {
  ParallelForm form;
  form.skip = 1;
  for (Index i = 0; i < shape.sections(); ++i) {
    const std::complex<double> pole = filter_pole(shape, i);
    form.sections.push_back({1, 0.1, -2 * pole.real(), std::norm(pole)});
  }
  return ParallelBiquads<float>(std::vector<ParallelForm>(FilterShape::channels, form));
}

inline ModalSystem<float> modal_model(const FilterShape& shape) {
  ModalParameters parameters;
  parameters.poles.resize(FilterShape::channels, shape.sections());
  parameters.weights.setConstant(FilterShape::channels, shape.sections(), {1, 0.1});
  for (Index i = 0; i < shape.sections(); ++i) parameters.poles.col(i).setConstant(filter_pole(shape, i));
  return ModalSystem<float>(parameters);
}

/// Blocks of a longer signal, again and again.
template <class Stream>
void run_filter(benchmark::State& state, const FilterShape& shape, Stream stream) {
  constexpr Index pieces = 64;
  const RowMatrix<float> samples = table_rows(FilterShape::channels, shape.block * pieces);
  RowMatrix<float> results = RowMatrix<float>::Zero(FilterShape::channels, shape.block * pieces);
  Index piece = 0;
  for (auto _ : state) {
    const Index begin = piece++ % pieces * shape.block;
    stream.process(signals(samples).window(begin, begin + shape.block),
                   signals(results).window(begin, begin + shape.block));
    benchmark::ClobberMemory();
  }
  set_rate(state, "items", static_cast<double>(FilterShape::channels * shape.block));
  set_rate(state, "flops", shape.operations());
}

template <class Body>
void prefill(benchmark::State& state, Index length, Index order, Body&& body) {
  const auto model = direct_model(FilterShape::channels, order);
  const RowMatrix<float> samples = table_rows(FilterShape::channels, length);
  auto memory = model.initial_state();
  for (auto _ : state) {
    memory.setZero();
    body(model, memory, samples);
    benchmark::ClobberMemory();
  }
  set_rate(state, "items", static_cast<double>(samples.size()));
}

inline void prefill_stepped(benchmark::State& state, Index length, Index order) {
  DirectFormStream<float> stream(direct_model(FilterShape::channels, order));
  const RowMatrix<float> samples = table_rows(FilterShape::channels, length);
  RowMatrix<float> results(FilterShape::channels, length);
  for (auto _ : state) {
    stream.reset();
    stream.process(signals(samples), signals(results));
    benchmark::ClobberMemory();
  }
  set_rate(state, "items", static_cast<double>(samples.size()));
}

inline void register_filters() {
  using State = benchmark::State;
  const auto add = [](const std::string& name, auto function) {
    benchmark::RegisterBenchmark(name.c_str(), function)->Unit(benchmark::kMicrosecond);
  };
  for (const Index order : {16, 64, 256}) {
    for (const Index block : {1, 64, 512}) {
      const FilterShape shape{order, block};
      add("filter_direct/" + shape.name(), [=](State& state) {
        run_filter(state, shape, DirectFormStream<float>(direct_model(FilterShape::channels, order)));
      });
      add("filter_cascade/" + shape.name(),
          [=](State& state) { run_filter(state, shape, BiquadStream<BiquadCascade<float>>(cascade_model(shape))); });
      add("filter_cascade_parallel/" + shape.name(),
          [=](State& state) { run_filter(state, shape, BiquadStream<ParallelBiquads<float>>(parallel_model(shape))); });
      add("filter_cascade_modal/" + shape.name(),
          [=](State& state) { run_filter(state, shape, ModalStream<float>(modal_model(shape))); });
    }
  }
  for (const Index length : {4096, 65536}) {
    for (const Index order : {16, 64, 256, 1024}) {
      const std::string name = fmt::format("{}/{}", length, order);
      add("prefill/" + name, [=](State& state) {
        prefill(state, length, order, [](const auto& model, auto& memory, const RowMatrix<float>& samples) {
          model.prefill(memory, signals(samples));
        });
      });
      add("prefill_stepped/" + name, [=](State& state) { prefill_stepped(state, length, order); });
    }
  }
}

}  // namespace tessera::benchmarks
