// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "long_memory/training.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <fmt/core.h>

#include <tessera/core/random.hpp>
#include <tessera/core/thread_pool.hpp>
#include <tessera/nn/adam.hpp>
#include <tessera/nn/schedule.hpp>

#include "long_memory/task.hpp"
#include "support/clock.hpp"
#include "support/progress_bar.hpp"

namespace examples {
namespace {

constexpr Index curve_points = 100;

/// The same sequences for every layer.
double test_error(DelayTask& task, Layer& layer, std::uint64_t seed) {
  constexpr Index batches = 8;
  tessera::Random random(seed, 100);
  double sum = 0;
  for (Index i = 0; i < batches; ++i) sum += task.loss(layer.taps(), random, nullptr);
  return std::sqrt(sum / batches);
}

Result train(Start start, Index order, const Options& options, ProgressBar& bar) {
  const double begin = now();
  Layer layer(start, order, options.length, options.seed);
  DelayTask task(options.length, options.delay, options.batch);
  tessera::Adam<double> adam(layer.parameters());
  const tessera::CosineSchedule rate({.peak = options.rate, .total_steps = options.steps});
  tessera::Random random(options.seed, 10);
  RowMatrix<double> gradient(1, options.length);
  Result result;
  result.start = start;
  result.order = order;
  const Index every = std::max<Index>(1, options.steps / curve_points);
  double sum = 0;
  for (Index step = 0; step < options.steps; ++step) {
    sum += task.loss(layer.taps(), random, &gradient);
    layer.backward(gradient);
    adam.step(layer.parameters(), rate(step));
    if ((step + 1) % every == 0) {
      result.curve.push_back(std::sqrt(sum / static_cast<double>(every)));
      sum = 0;
    }
    bar.advance();
  }
  result.rmse = test_error(task, layer, options.seed);
  const RowMatrix<double>& taps = layer.taps();
  result.taps.assign(taps.data(), taps.data() + taps.size());
  result.spectral_radius = layer.spectral_radius();
  result.recurrence_difference = layer.recurrence_difference();
  result.seconds = now() - begin;
  return result;
}

}  // namespace

std::vector<Result> train_all(const Options& options) {
  std::vector<Result> results;
  for (const Start start : starts) {
    for (const Index order : options.orders) {
      results.emplace_back();
      results.back().start = start;
      results.back().order = order;
    }
  }
  // Long ones first, so that no thread waits for a last one.
  std::vector<std::size_t> turns(results.size());
  for (std::size_t i = 0; i < turns.size(); ++i) turns[i] = i;
  std::stable_sort(turns.begin(), turns.end(), [&](std::size_t a, std::size_t b) {
    return results[a].order + 4096 * (results[a].start == Start::reflection) >
           results[b].order + 4096 * (results[b].start == Start::reflection);
  });
  ProgressBar bar("training", static_cast<Index>(results.size()) * options.steps, false);
  tessera::ThreadPool threads;
  const auto task = [&](Index i) {
    Result& result = results[turns[static_cast<std::size_t>(i)]];
    result = train(result.start, result.order, options, bar);
    bar.line(fmt::format("{} of order {}: error {:.4f}, {}", start_name(result.start), result.order, result.rmse,
                         duration_text(result.seconds)));
  };
  threads.run(static_cast<Index>(results.size()), task);
  return results;
}

}  // namespace examples
