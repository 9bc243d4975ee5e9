// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Vector quantization with a codebook that learns.
//
//   vq_encode/K/D/N         VectorQuantizer::encode: the search with the checks of its input
//   vq_training/K/D/N       forward with losses, update of the codebook by moving averages, backward
//   ema_update/K/D/N        statistics of a batch whose tokens are known, and one step of the averages
//   ema_update_eigen/K/D/N  Eigen: counts and sums row by row, then averages, smoothing and division on whole arrays
//   kmeans_iteration/K/D/N  assignment of every vector and new means: the time between iterations of one call
//   kmeans_start/K/D/N      the draws of k-means++

#include <chrono>
#include <cstdint>

#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <Eigen/Core>

#include <tessera/quantize/kmeans.hpp>
#include <tessera/quantize/vector.hpp>

#include "quantize/nearest_cases.hpp"
#include "support/data.hpp"

namespace tessera::benchmarks {

inline VectorQuantizer<float> vector_quantizer(const SearchShape& shape) {
  return VectorQuantizer<float>(rows(normal_matrix(Role::codebook, shape.codes, shape.dimension)), {.decay = 0.99});
}

inline void vq_encode(benchmark::State& state, SearchShape shape) {
  const RowMatrix<float>& queries = normal_matrix(Role::queries, shape.count, shape.dimension);
  const auto quantizer = vector_quantizer(shape);
  Tokens<> tokens(shape.count, 1);
  for (auto _ : state) {
    quantizer.encode_into(rows(queries), rows(tokens));
    benchmark::ClobberMemory();
  }
  set_rate(state, "flops", search_operations(shape));
}

inline void vq_training(benchmark::State& state, SearchShape shape) {
  const RowMatrix<float>& queries = normal_matrix(Role::queries, shape.count, shape.dimension);
  const RowMatrix<float>& grad_codes = normal_matrix(Role::gradient, shape.count, shape.dimension);
  auto quantizer = vector_quantizer(shape);
  VectorQuantizer<float>::Result result;
  VectorQuantizer<float>::Gradients gradients;
  for (auto _ : state) {
    quantizer.forward_into(rows(queries), result);
    quantizer.update(rows(queries), result.tokens);
    quantizer.backward_into(rows(queries), result, {.codes = rows(grad_codes)}, gradients);
    benchmark::ClobberMemory();
  }
}

inline void ema_update(benchmark::State& state, SearchShape shape) {
  const RowMatrix<float>& queries = normal_matrix(Role::queries, shape.count, shape.dimension);
  auto quantizer = vector_quantizer(shape);
  const Tokens<> tokens = quantizer.encode(rows(queries));
  for (auto _ : state) {
    quantizer.update(rows(queries), tokens);
    benchmark::ClobberMemory();
  }
}

inline void ema_update_eigen(benchmark::State& state, SearchShape shape) {
  const RowMatrix<float>& queries = normal_matrix(Role::queries, shape.count, shape.dimension);
  RowMatrix<float> codes = normal_matrix(Role::codebook, shape.codes, shape.dimension);
  const Tokens<> tokens = vector_quantizer(shape).encode(rows(queries));
  Eigen::ArrayXf counts = Eigen::ArrayXf::Ones(shape.codes), received(shape.codes);
  RowMatrix<float> sums = codes, totals(shape.codes, shape.dimension);
  for (auto _ : state) {
    received.setZero();
    totals.setZero();
    for (Index i = 0; i < shape.count; ++i) {
      received[tokens(i, 0)] += 1;
      totals.row(tokens(i, 0)) += queries.row(i);
    }
    counts += 0.01f * (received - counts);
    sums += 0.01f * (totals - sums);
    const float total = counts.sum();
    const Eigen::ArrayXf smoothed = (counts + 1e-5f) / (total + 1e-5f * static_cast<float>(shape.codes)) * total;
    codes = sums.array().colwise() / smoothed;
    benchmark::ClobberMemory();
  }
}

using Clock = std::chrono::steady_clock;

/// The mean time of iterations, or that of the start, as the stages report them.
inline void kmeans_stage(benchmark::State& state, SearchShape shape, bool start) {
  constexpr Index iterations = 5;
  const RowMatrix<float>& queries = normal_matrix(Role::queries, shape.count, shape.dimension);
  for (auto _ : state) {
    const Clock::time_point begin = Clock::now();
    Clock::time_point started = begin, first = begin, last = begin;
    const auto note = [&](const ProgressReport& report) {
      const bool is_start = report.stage[std::char_traits<char>::length("k-means")] == '+';
      (is_start ? started : report.done == 1 ? first : last) = Clock::now();
    };
    const auto found =
        kmeans(rows(queries),
               {.codebook_size = shape.codes, .iterations = start ? 0 : iterations, .seed = 1, .progress = note});
    benchmark::DoNotOptimize(found.codes.data());
    const std::chrono::duration<double> seconds = start ? started - begin : (last - first) / (iterations - 1);
    state.SetIterationTime(seconds.count());
  }
}

inline void register_vector() {
  const auto add = [](const char* name, const SearchShape& shape, auto function) {
    const std::string full_name = fmt::format("{}/{}", name, shape.name());
    return benchmark::RegisterBenchmark(full_name.c_str(), [=](benchmark::State& state) { function(state, shape); })
        ->Unit(benchmark::kMillisecond);
  };
  for (const SearchShape& shape : search_shapes) add("vq_encode", shape, vq_encode);
  for (const SearchShape& shape : training_shapes) {
    add("vq_training", shape, vq_training);
    add("ema_update", shape, ema_update);
    add("ema_update_eigen", shape, ema_update_eigen);
    add("kmeans_iteration", shape, [](benchmark::State& state, const SearchShape& each) {
      kmeans_stage(state, each, false);
    })->UseManualTime();
    add("kmeans_start", shape, [](benchmark::State& state, const SearchShape& each) {
      kmeans_stage(state, each, true);
    })->UseManualTime();
  }
}

}  // namespace tessera::benchmarks
