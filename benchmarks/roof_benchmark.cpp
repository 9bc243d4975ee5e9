// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
//
// The limits of this machine, which every other figure is held against: multiply-adds per second on one thread, and
// bytes per second read and copied, in each level of the memory.
//
//   fma/<scalar>        counter `flops`: floating-point operations per second, a multiply-add being two
//   read/<bytes>        counter `bytes`: bytes read per second
//   copy/<bytes>        counter `bytes`: bytes read plus bytes written per second, by memcpy from one half to the other
//   stream_copy/<bytes> the same with a plain loop of vector loads and stores

#include <cstdint>
#include <cstring>

#include <benchmark/benchmark.h>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/simd.hpp>

#include "support/counters.hpp"
#include "support/main.hpp"

namespace {

using namespace tessera;

// Two units of four cycles' latency need eight chains in flight; twelve and the two constants fit sixteen registers.
constexpr int chains = 12;

/// `steps` multiply-adds in each of the chains; the factor below one keeps the values finite and normal.
template <class Scalar>
simd::Vec<Scalar> multiply_add_chains(int steps) {
  using Vec = simd::Vec<Scalar>;
  Scalar constants[] = {static_cast<Scalar>(0.75), static_cast<Scalar>(0.5)};
  benchmark::DoNotOptimize(constants);  // or the compiler computes the whole chain
  const Vec factor = simd::broadcast(constants[0]);
  const Vec addend = simd::broadcast(constants[1]);
  Vec chain[chains];
  for (int i = 0; i < chains; ++i) chain[i] = simd::broadcast(static_cast<Scalar>(i));
  for (int step = 0; step < steps; ++step) {
    TESSERA_UNROLL
    for (int i = 0; i < chains; ++i) chain[i] = simd::multiply_add(chain[i], factor, addend);
  }
  Vec sum = chain[0];
  for (int i = 1; i < chains; ++i) sum += chain[i];
  return sum;
}

template <class Scalar>
void fma(benchmark::State& state) {
  constexpr int steps = 10000;
  for (auto _ : state) benchmark::DoNotOptimize(simd::reduce_add(multiply_add_chains<Scalar>(steps)));
  benchmarks::set_rate(state, "flops", 2.0 * steps * chains * simd::lanes<Scalar>);
}
BENCHMARK_TEMPLATE(fma, float)->Name("fma/float");
BENCHMARK_TEMPLATE(fma, double)->Name("fma/double");

AlignedVector<float> filled(std::int64_t bytes) {
  return AlignedVector<float>(static_cast<std::size_t>(bytes) / sizeof(float), 1.0f);
}

void read(benchmark::State& state) {
  constexpr int streams = 8;
  constexpr int lanes = simd::lanes<float>;
  const AlignedVector<float> memory = filled(state.range(0));
  const std::size_t size = memory.size();
  for (auto _ : state) {
    simd::Vec<float> sum[streams]{};
    for (std::size_t i = 0; i + streams * lanes <= size; i += streams * lanes) {
      TESSERA_UNROLL
      for (std::size_t k = 0; k < streams; ++k) sum[k] += simd::load(memory.data() + i + k * lanes);
    }
    for (int k = 1; k < streams; ++k) sum[0] += sum[k];
    benchmark::DoNotOptimize(simd::reduce_add(sum[0]));
  }
  benchmarks::set_rate(state, "bytes", static_cast<double>(state.range(0)));
}

void copy(benchmark::State& state) {
  AlignedVector<float> memory = filled(state.range(0));
  const std::size_t half = memory.size() / 2;
  for (auto _ : state) {
    std::memcpy(memory.data() + half, memory.data(), half * sizeof(float));
    benchmark::ClobberMemory();
  }
  benchmarks::set_rate(state, "bytes", static_cast<double>(state.range(0)));
}

void stream_copy(benchmark::State& state) {
  AlignedVector<float> memory = filled(state.range(0));
  const std::size_t half = memory.size() / 2;
  const float* from = memory.data();
  float* to = memory.data() + half;
  for (auto _ : state) {
    for (std::size_t i = 0; i < half; i += simd::lanes<float>) simd::store(to + i, simd::load(from + i));
    benchmark::ClobberMemory();
  }
  benchmarks::set_rate(state, "bytes", static_cast<double>(state.range(0)));
}

// The sizes of the codebooks that nearest_one/... reads; the traffic of an FSQ batch of 4 Mi vectors; main memory.
constexpr std::int64_t sizes[] = {32 << 10, 256 << 10, 1 << 20, 16 << 20, 80 << 20, 512 << 20};
void all_sizes(benchmark::internal::Benchmark* benchmark) {
  for (const std::int64_t bytes : sizes) benchmark->Arg(bytes);
}
BENCHMARK(read)->Apply(all_sizes);
BENCHMARK(copy)->Apply(all_sizes);
BENCHMARK(stream_copy)->Apply(all_sizes);

}  // namespace

int main(int argc, char** argv) { return tessera::benchmarks::run(argc, argv); }
