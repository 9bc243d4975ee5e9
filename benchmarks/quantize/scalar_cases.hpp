// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Finite scalar quantization, the dialect of vector-quantize-pytorch.
//
//   fsq_encode/LEVELS/N            float32 in, int32 tokens out; counter `bytes`: bytes read plus bytes written
//   fsq_encode_threads/LEVELS/N    the same on two threads
//   fsq_encode_eigen/LEVELS/N      Eigen: the formula with tanh on whole arrays, in blocks that stay in the cache
//   fsq_decode/LEVELS/N            tokens to codes; counter `bytes` likewise
//   fsq_training/LEVELS/N          codes and tokens, then the gradient of the input; counter `bytes` likewise
//   fsq_training_eigen/LEVELS/N    the same by the formula and its derivative

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <Eigen/Core>

#include <tessera/core/thread_pool.hpp>
#include <tessera/quantize/finite_scalar.hpp>

#include "support/counters.hpp"
#include "support/data.hpp"

namespace tessera::benchmarks {

inline const RowMatrix<float>& latents_of(const ScalarShape& shape) {
  return normal_matrix(Role::latents, shape.count, static_cast<Index>(shape.levels.size()));
}

inline double encoded_bytes(const ScalarShape& shape) {
  return static_cast<double>(shape.count) *
         static_cast<double>(sizeof(float) * shape.levels.size() + sizeof(std::int32_t));
}

inline FiniteScalarQuantizer<float> scalar_quantizer(const ScalarShape& shape) {
  return FiniteScalarQuantizer<float>({.levels = shape.levels, .dialect = FsqDialect::lucidrains});
}

inline void fsq_encode(benchmark::State& state, ScalarShape shape, Execution execution = {}) {
  const RowMatrix<float>& latents = latents_of(shape);
  const auto quantizer = scalar_quantizer(shape);
  Tokens<std::int32_t> tokens = Tokens<std::int32_t>::Zero(shape.count, 1);
  for (auto _ : state) {
    quantizer.encode_into(rows(latents), rows(tokens), {.execution = execution});
    benchmark::ClobberMemory();
  }
  set_rate(state, "bytes", encoded_bytes(shape));
}

inline void fsq_decode(benchmark::State& state, ScalarShape shape) {
  const RowMatrix<float>& latents = latents_of(shape);
  const auto quantizer = scalar_quantizer(shape);
  Tokens<std::int32_t> tokens = quantizer.encode<std::int32_t>(rows(latents));
  RowMatrix<float> codes = RowMatrix<float>::Zero(shape.count, quantizer.dimension());
  for (auto _ : state) {
    quantizer.decode_into(rows(tokens), rows(codes));
    benchmark::ClobberMemory();
  }
  set_rate(state, "bytes", encoded_bytes(shape));
}

inline void fsq_training(benchmark::State& state, ScalarShape shape) {
  const RowMatrix<float>& latents = latents_of(shape);
  const RowMatrix<float>& grad_codes = normal_matrix(Role::gradient, latents.rows(), latents.cols());
  const auto quantizer = scalar_quantizer(shape);
  FiniteScalarQuantizer<float>::Result result;
  FiniteScalarQuantizer<float>::Gradients gradients;
  for (auto _ : state) {
    quantizer.forward_into(rows(latents), result);
    quantizer.backward_into(rows(latents), result, {.codes = rows(grad_codes)}, gradients);
    benchmark::ClobberMemory();
  }
  // read: latents twice, tokens, gradients; written: codes, tokens, gradients
  const double scalars = static_cast<double>(latents.size()), tokens = static_cast<double>(latents.rows());
  set_rate(state, "bytes", 5 * sizeof(float) * scalars + 2 * sizeof(std::int64_t) * tokens);
}

/// round(h tanh(z + s) - o), as published.
class ScalarFormula {
 public:
  explicit ScalarFormula(const std::vector<int>& levels)
      : half(static_cast<Index>(levels.size())),
        offset(half.size()),
        shift(half.size()),
        width(half.size()),
        basis(half.size()) {
    int product = 1;
    for (Index d = 0; d < half.size(); ++d) {
      const int count = levels[static_cast<std::size_t>(d)];
      half[d] = static_cast<float>((count - 1) * (1 + 1e-3) / 2);
      offset[d] = count % 2 == 0 ? 0.5f : 0.0f;
      shift[d] = std::atanh(offset[d] / half[d]);
      width[d] = static_cast<float>(count / 2);
      basis[d] = static_cast<float>(product);
      product *= count;
    }
  }

  /// Levels from 0 of one vector.
  template <class Latent>
  auto levels(const Latent& latent) const {
    return ((latent.array() + shift).tanh() * half - offset).round() + width;
  }

  Eigen::ArrayXf half, offset, shift, width, basis;
};

/// Blocks of vectors as columns: features contiguous, whole arrays per expression.
inline void fsq_encode_eigen(benchmark::State& state, ScalarShape shape) {
  constexpr Index block = 1024;
  const RowMatrix<float>& latents = latents_of(shape);
  const ScalarFormula formula(shape.levels);
  Tokens<std::int32_t> tokens = Tokens<std::int32_t>::Zero(shape.count, 1);
  Eigen::ArrayXXf z(latents.cols(), block);
  for (auto _ : state) {
    for (Index first = 0; first < shape.count; first += block) {
      const Index count = std::min(block, shape.count - first);
      auto part = z.leftCols(count);
      part = latents.middleRows(first, count).transpose().array().colwise() + formula.shift;
      part = part.tanh().colwise() * formula.half;
      part = (part.colwise() - formula.offset).round().colwise() + formula.width;
      part.colwise() *= formula.basis;
      tokens.middleRows(first, count).col(0).transpose() = part.colwise().sum().cast<std::int32_t>().matrix();
    }
    benchmark::ClobberMemory();
  }
}

inline void fsq_training_eigen(benchmark::State& state, ScalarShape shape) {
  constexpr Index block = 1024;
  const RowMatrix<float>& latents = latents_of(shape);
  const RowMatrix<float>& grad_codes = normal_matrix(Role::gradient, latents.rows(), latents.cols());
  const ScalarFormula formula(shape.levels);
  const Eigen::ArrayXf slope = formula.half / formula.width;
  Tokens<std::int64_t> tokens = Tokens<std::int64_t>::Zero(shape.count, 1);
  RowMatrix<float> codes(latents.rows(), latents.cols()), grad_input(latents.rows(), latents.cols());
  Eigen::ArrayXXf bounded(latents.cols(), block), levels(latents.cols(), block);
  for (auto _ : state) {
    for (Index first = 0; first < shape.count; first += block) {
      const Index count = std::min(block, shape.count - first);
      auto t = bounded.leftCols(count);
      auto level = levels.leftCols(count);
      t = (latents.middleRows(first, count).transpose().array().colwise() + formula.shift).tanh();
      level = ((t.colwise() * formula.half).colwise() - formula.offset).round();
      codes.middleRows(first, count).transpose() = (level.colwise() / formula.width).matrix();
      level = (level.colwise() + formula.width).colwise() * formula.basis;
      tokens.middleRows(first, count).col(0).transpose() = level.colwise().sum().cast<std::int64_t>().matrix();
      grad_input.middleRows(first, count).transpose() =
          (grad_codes.middleRows(first, count).transpose().array() * (1 - t.square())).colwise() * slope;
    }
    benchmark::ClobberMemory();
  }
}

inline void register_scalar() {
  for (const ScalarShape& shape : scalar_shapes) {
    const auto add = [&](const char* name, auto function) {
      const std::string full_name = fmt::format("{}/{}", name, shape.name());
      return benchmark::RegisterBenchmark(full_name.c_str(), function)->Unit(benchmark::kMillisecond);
    };
    add("fsq_encode", [=](benchmark::State& state) { fsq_encode(state, shape); });
    add("fsq_encode_eigen", [=](benchmark::State& state) { fsq_encode_eigen(state, shape); });
    add("fsq_decode", [=](benchmark::State& state) { fsq_decode(state, shape); });
    add("fsq_training", [=](benchmark::State& state) { fsq_training(state, shape); });
    add("fsq_training_eigen", [=](benchmark::State& state) { fsq_training_eigen(state, shape); });
    add("fsq_encode_threads", [=](benchmark::State& state) {
      ThreadPool pool(2);
      fsq_encode(state, shape, pool);
    })->UseRealTime();
  }
}

}  // namespace tessera::benchmarks
