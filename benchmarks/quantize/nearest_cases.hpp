// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Nearest-code search.
//
//   nearest/K/D/N          certified, one thread            nearest_threads/K/D/N   the same on two threads
//   nearest_double/K/D/N   in double                        nearest_cosine/K/D/N    the largest cosine
//   nearest_eigen/K/D/N    Eigen: product of a tile of 64 queries with the codebook, then minCoeff of each row
//   nearest_one/K/D        one vector a call; counter `bytes`: codebook bytes read per second
//   nearest_one_eigen/K/D  Eigen: product of the codebook with the vector, then minCoeff
//   nearest_memory/K/D/N   a search whose N x K table would take gigabytes; number `peak_memory`: of the
//                          program so far, in bytes

#include <algorithm>
#include <cstdint>
#include <string>

#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <Eigen/Core>

#include <tessera/core/thread_pool.hpp>
#include <tessera/quantize/nearest.hpp>

#include "support/counters.hpp"
#include "support/data.hpp"

namespace tessera::benchmarks {

/// Operations that the search cannot avoid: a multiply-add per scalar of each code for each query.
inline double search_operations(const SearchShape& shape) {
  return 2.0 * static_cast<double>(shape.codes) * static_cast<double>(shape.dimension) *
         static_cast<double>(shape.count);
}

template <class Scalar>
void nearest(benchmark::State& state, SearchShape shape, Metric metric, Execution execution = {}) {
  const RowMatrix<Scalar>& queries = normal_matrix<Scalar>(Role::queries, shape.count, shape.dimension);
  const RowMatrix<Scalar>& codebook = normal_matrix<Scalar>(Role::codebook, shape.codes, shape.dimension);
  const NearestCode<Scalar> search(rows(codebook), metric);
  Tokens<std::int64_t> tokens(shape.count, 1);
  for (auto _ : state) {
    search.search_into(rows(queries), rows(tokens), execution);
    benchmark::ClobberMemory();
  }
  set_rate(state, "flops", search_operations(shape));
}

inline void nearest_one(benchmark::State& state, SearchShape shape) {
  constexpr Index stream = 256;  // different vectors, so that no branch is learnt by heart
  const RowMatrix<float>& queries = normal_matrix(Role::queries, stream, shape.dimension);
  const RowMatrix<float>& codebook = normal_matrix(Role::codebook, shape.codes, shape.dimension);
  const NearestCode<float> search(rows(codebook));
  NearestCodeWorkspace<float> workspace(search);
  Tokens<std::int64_t> token(1, 1);
  Index next = 0;
  for (auto _ : state) {
    search.search_into(rows(queries).slice(next, next + 1), rows(token), workspace);
    benchmark::ClobberMemory();
    next = (next + 1) % stream;
  }
  set_rate(state, "bytes", static_cast<double>(codebook.size()) * sizeof(float));
}

/// argmin_k |c_k|^2 - 2 x.c_k, tile by tile.
inline void nearest_eigen(benchmark::State& state, SearchShape shape) {
  constexpr Index tile = 64;
  const RowMatrix<float>& queries = normal_matrix(Role::queries, shape.count, shape.dimension);
  const RowMatrix<float>& codebook = normal_matrix(Role::codebook, shape.codes, shape.dimension);
  const Eigen::RowVectorXf squares = codebook.rowwise().squaredNorm().transpose();
  RowMatrix<float> scores(tile, shape.codes);
  Tokens<std::int64_t> tokens(shape.count, 1);
  for (auto _ : state) {
    for (Index first = 0; first < shape.count; first += tile) {
      const Index count = std::min(tile, shape.count - first);
      scores.topRows(count).noalias() = -2.0f * queries.middleRows(first, count) * codebook.transpose();
      scores.topRows(count).rowwise() += squares;
      for (Index i = 0; i < count; ++i) {
        Index best = 0;
        scores.row(i).minCoeff(&best);
        tokens(first + i, 0) = best;
      }
    }
    benchmark::ClobberMemory();
  }
  set_rate(state, "flops", search_operations(shape));
}

inline void nearest_one_eigen(benchmark::State& state, SearchShape shape) {
  constexpr Index stream = 256;
  const RowMatrix<float>& queries = normal_matrix(Role::queries, stream, shape.dimension);
  const RowMatrix<float>& codebook = normal_matrix(Role::codebook, shape.codes, shape.dimension);
  const Eigen::VectorXf squares = codebook.rowwise().squaredNorm();
  Eigen::VectorXf scores(shape.codes);
  Index next = 0;
  for (auto _ : state) {
    scores.noalias() = codebook * queries.row(next).transpose();
    scores = squares - 2.0f * scores;
    Index best = 0;
    scores.minCoeff(&best);
    benchmark::DoNotOptimize(best);
    next = (next + 1) % stream;
  }
}

inline void register_nearest() {
  using benchmark::RegisterBenchmark;
  for (const SearchShape& shape : search_shapes) {
    const auto add = [&](const char* name, auto function) {
      const std::string full_name = fmt::format("{}/{}", name, shape.name());
      return RegisterBenchmark(full_name.c_str(), function)->Unit(benchmark::kMillisecond);
    };
    add("nearest", [=](benchmark::State& state) { nearest<float>(state, shape, Metric::squared_euclidean); });
    add("nearest_cosine", [=](benchmark::State& state) { nearest<float>(state, shape, Metric::cosine); });
    add("nearest_double", [=](benchmark::State& state) { nearest<double>(state, shape, Metric::squared_euclidean); });
    add("nearest_eigen", [=](benchmark::State& state) { nearest_eigen(state, shape); });
    add("nearest_threads", [=](benchmark::State& state) {
      ThreadPool pool(2);
      nearest<float>(state, shape, Metric::squared_euclidean, pool);
    })->UseRealTime();
  }
  for (const SearchShape& shape : streaming_shapes) {
    const std::string name = fmt::format("/{}/{}", shape.codes, shape.dimension);
    RegisterBenchmark(("nearest_one" + name).c_str(), [=](benchmark::State& state) { nearest_one(state, shape); });
    RegisterBenchmark(("nearest_one_eigen" + name).c_str(),
                      [=](benchmark::State& state) { nearest_one_eigen(state, shape); });
  }
  for (const SearchShape& shape : memory_shapes) {
    RegisterBenchmark(fmt::format("nearest_memory/{}", shape.name()).c_str(),
                      [=](benchmark::State& state) {
                        nearest<float>(state, shape, Metric::squared_euclidean);
                        set_number(state, "peak_memory", peak_memory());
                      })
        ->Iterations(1)
        ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace tessera::benchmarks
