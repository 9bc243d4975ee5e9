// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
//
// What every room stands on.
//
//   normal/N, normal_standard/N             normal numbers: ours; std::mt19937_64 with std::normal_distribution
//   all_finite/D/N, all_finite_eigen/D/N    is every scalar finite
//   grid_sums/D/N, grid_sums_eigen/D/N      the sum of all vectors: on a grid, in any order the same; Eigen's
//   colwise().sum()

#include <cstdint>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <Eigen/Core>

#include <tessera/core/finite.hpp>
#include <tessera/core/grid.hpp>
#include <tessera/core/random.hpp>

#include "support/counters.hpp"
#include "support/data.hpp"
#include "support/main.hpp"

namespace tessera::benchmarks {
namespace {

constexpr Index drawn = 1 << 16;

void normal(benchmark::State& state) {
  Random random(1);
  std::vector<double> numbers(drawn);
  for (auto _ : state) {
    for (double& number : numbers) number = random.normal();
    benchmark::ClobberMemory();
  }
}

void normal_standard(benchmark::State& state) {
  std::mt19937_64 engine(1);
  std::normal_distribution<double> distribution;
  std::vector<double> numbers(drawn);
  for (auto _ : state) {
    for (double& number : numbers) number = distribution(engine);
    benchmark::ClobberMemory();
  }
}

/// Times `body(matrix)`, which reads a matrix once.
template <class Body>
void read_matrix(benchmark::State& state, LayerShape shape, Body body) {
  const RowMatrix<float>& matrix = normal_matrix(Role::queries, shape.count, shape.inputs);
  for (auto _ : state) {
    body(matrix);
    benchmark::ClobberMemory();
  }
  set_rate(state, "bytes", sizeof(float) * static_cast<double>(matrix.size()));
}

void sum_on_grid(const RowMatrix<float>& matrix) {
  const Grid grid = Grid::covering(8, matrix.rows());
  std::vector<std::int64_t> sums(static_cast<std::size_t>(matrix.cols()));
  for (Index i = 0; i < matrix.rows(); ++i) grid.add(matrix.row(i).data(), matrix.cols(), sums.data());
  benchmark::DoNotOptimize(sums.data());
}

void sum_of_eigen(const RowMatrix<float>& matrix) {
  const Eigen::RowVectorXf sums = matrix.colwise().sum();
  benchmark::DoNotOptimize(sums.data());
}

void register_core() {
  const auto add = [](const std::string& name, auto function) { benchmark::RegisterBenchmark(name.c_str(), function); };
  add(fmt::format("normal/{}", drawn), normal);
  add(fmt::format("normal_standard/{}", drawn), normal_standard);
  for (const LayerShape& shape : {LayerShape{0, 8, 16384}, LayerShape{0, 64, 16384}, LayerShape{0, 256, 16384}}) {
    const std::string name = fmt::format("/{}/{}", shape.inputs, shape.count);
    const auto reads = [=](auto body) { return [=](benchmark::State& state) { read_matrix(state, shape, body); }; };
    add("all_finite" + name, reads([](const auto& matrix) { benchmark::DoNotOptimize(all_finite(rows(matrix))); }));
    add("all_finite_eigen" + name, reads([](const auto& matrix) { benchmark::DoNotOptimize(matrix.allFinite()); }));
    add("grid_sums" + name, reads(sum_on_grid));
    add("grid_sums_eigen" + name, reads(sum_of_eigen));
  }
}

}  // namespace
}  // namespace tessera::benchmarks

int main(int argc, char** argv) {
  tessera::benchmarks::register_core();
  return tessera::benchmarks::run(argc, argv);
}
