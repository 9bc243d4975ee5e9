// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
//
// The trainable layers.
//
//   linear/O/I/N, linear_threads, linear_eigen      inference through the panel product; Eigen's product and bias
//   linear_training/O/I/N                           forward, and backward to weights, bias and input
//   gelu/D/N, gelu_eigen                            the tanh form
//   layer_norm/D/N, layer_norm_eigen

#include <cmath>

#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <Eigen/Core>

#include <tessera/core/panel_product.hpp>
#include <tessera/core/thread_pool.hpp>
#include <tessera/nn/activation.hpp>
#include <tessera/nn/layer_norm.hpp>
#include <tessera/nn/linear.hpp>

#include "support/counters.hpp"
#include "support/data.hpp"
#include "support/main.hpp"

namespace tessera::benchmarks {
namespace {

double operations(const LayerShape& shape) {
  return 2.0 * static_cast<double>(shape.outputs) * static_cast<double>(shape.inputs) *
         static_cast<double>(shape.count);
}

void linear(benchmark::State& state, LayerShape shape, Execution execution = {}) {
  const RowMatrix<float>& weights = normal_matrix(Role::weights, shape.outputs, shape.inputs);
  const RowMatrix<float>& input = normal_matrix(Role::queries, shape.count, shape.inputs);
  const PanelMatrix<float> panels(rows(weights));
  RowMatrix<float> output(shape.count, shape.outputs);
  for (auto _ : state) {
    panels.multiply_into(rows(input), rows(output), execution);
    benchmark::ClobberMemory();
  }
  set_rate(state, "flops", operations(shape));
}

void linear_eigen(benchmark::State& state, LayerShape shape) {
  const RowMatrix<float>& weights = normal_matrix(Role::weights, shape.outputs, shape.inputs);
  const RowMatrix<float>& input = normal_matrix(Role::queries, shape.count, shape.inputs);
  const Eigen::RowVectorXf bias = Eigen::RowVectorXf::Zero(shape.outputs);
  RowMatrix<float> output(shape.count, shape.outputs);
  for (auto _ : state) {
    output.noalias() = input * weights.transpose();
    output.rowwise() += bias;
    benchmark::ClobberMemory();
  }
  set_rate(state, "flops", operations(shape));
}

void linear_training(benchmark::State& state, LayerShape shape) {
  const RowMatrix<float>& input = normal_matrix(Role::queries, shape.count, shape.inputs);
  const RowMatrix<float>& grad_output = normal_matrix(Role::gradient, shape.count, shape.outputs);
  Linear<float> layer({.inputs = shape.inputs, .outputs = shape.outputs});
  layer.weights() = normal_matrix(Role::weights, shape.outputs, shape.inputs);
  auto gradient = layer.make_gradient();
  RowMatrix<float> output(shape.count, shape.outputs), grad_input(shape.count, shape.inputs);
  for (auto _ : state) {
    layer.forward_into(rows(input), rows(output));
    layer.backward_into(rows(input), rows(grad_output), gradient, rows(grad_input));
    benchmark::ClobberMemory();
  }
  set_rate(state, "flops", 3 * operations(shape));
}

/// Times `body(input, output)` on matrices of one shape.
template <class Body>
void map_matrix(benchmark::State& state, LayerShape shape, Body body) {
  const RowMatrix<float>& input = normal_matrix(Role::queries, shape.count, shape.inputs);
  RowMatrix<float> output(shape.count, shape.inputs);
  for (auto _ : state) {
    body(input, output);
    benchmark::ClobberMemory();
  }
  set_rate(state, "bytes", 2.0 * sizeof(float) * static_cast<double>(input.size()));
}

void gelu_of_eigen(const RowMatrix<float>& input, RowMatrix<float>& output) {
  const auto x = input.array();
  output = 0.5f * x * (1.0f + (0.7978845608f * (x + 0.044715f * x.cube())).tanh());
}

void layer_norm_of_eigen(const RowMatrix<float>& input, RowMatrix<float>& output) {
  const Eigen::VectorXf mean = input.rowwise().mean();
  output = input.colwise() - mean;
  const Eigen::VectorXf scale = (output.rowwise().squaredNorm() / static_cast<float>(input.cols())).array() + 1e-5f;
  output.array().colwise() *= scale.array().rsqrt();
}

template <class Function>
auto add(const std::string& name, Function function) {
  return benchmark::RegisterBenchmark(name.c_str(), function)->Unit(benchmark::kMicrosecond);
}

void register_linear(const LayerShape& shape) {
  add("linear/" + shape.name(), [=](benchmark::State& state) { linear(state, shape); });
  add("linear_eigen/" + shape.name(), [=](benchmark::State& state) { linear_eigen(state, shape); });
  add("linear_training/" + shape.name(), [=](benchmark::State& state) { linear_training(state, shape); });
  add("linear_threads/" + shape.name(), [=](benchmark::State& state) {
    ThreadPool pool(2);
    linear(state, shape, pool);
  })->UseRealTime();
}

void register_elementwise(const LayerShape& shape) {
  const std::string name = fmt::format("{}/{}", shape.inputs, shape.count);
  add("gelu/" + name, [=](benchmark::State& state) {
    map_matrix(state, shape, [](const auto& input, auto& output) { gelu_into(rows(input), rows(output)); });
  });
  add("gelu_eigen/" + name, [=](benchmark::State& state) { map_matrix(state, shape, gelu_of_eigen); });
  add("layer_norm/" + name, [=](benchmark::State& state) {
    const LayerNorm<float> layer({.dimension = shape.inputs});
    map_matrix(state, shape, [&](const auto& input, auto& output) { layer.forward_into(rows(input), rows(output)); });
  });
  add("layer_norm_eigen/" + name, [=](benchmark::State& state) { map_matrix(state, shape, layer_norm_of_eigen); });
}

}  // namespace
}  // namespace tessera::benchmarks

int main(int argc, char** argv) {
  using namespace tessera::benchmarks;
  for (const LayerShape& shape : layer_shapes) register_linear(shape);
  for (const LayerShape& shape : elementwise_shapes) register_elementwise(shape);
  return run(argc, argv);
}
