// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "reverb/summary.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include <fmt/core.h>

#include "support/table.hpp"

namespace examples {
namespace {

double worst(const Wet& wet) { return *std::max_element(wet.block_seconds.begin(), wet.block_seconds.end()); }
double mean(const Wet& wet) { return wet.seconds() / static_cast<double>(wet.block_seconds.size()); }

/// What 999 blocks of 1000 do not exceed.
double quantile(const Wet& wet) {
  std::vector<double> sorted = wet.block_seconds;
  const auto place = sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() * 999 + 999) / 1000 - 1);
  std::nth_element(sorted.begin(), place, sorted.end());
  return *place;
}

std::string microseconds(double seconds) { return fmt::format("{:.1f}", 1e6 * seconds); }

/// Seconds of work per second of sound.
double load(const Wet& wet, int rate) { return wet.seconds() * rate / static_cast<double>(wet.samples.cols()); }

void add_row(Table& table, const std::string& name, const std::string& blocks, const Wet& wet, int rate) {
  table.add({name, blocks, fmt::format("{}", wet.latency), fmt::format("{:.5f}", load(wet, rate)),
             microseconds(mean(wet)), microseconds(quantile(wet)), microseconds(worst(wet))});
}

}  // namespace

Summary summarize(const Scene& scene, Index block, const Wet& at_once, const Wet& streamed, const Wet& shuffled) {
  return {.sample_rate = scene.dry.rate,
          .input_samples = scene.dry.length(),
          .impulse_samples = scene.room.length(),
          .block = block,
          .latency_samples = streamed.latency,
          .real_time_factor = load(streamed, scene.dry.rate),
          .worst_block_us = 1e6 * worst(streamed),
          .mean_block_us = 1e6 * mean(streamed),
          .max_difference = max_difference(at_once, streamed, shuffled)};
}

nlohmann::ordered_json to_json(const Summary& summary) {
  return {{"sample_rate", summary.sample_rate},         {"input_samples", summary.input_samples},
          {"impulse_samples", summary.impulse_samples}, {"block", summary.block},
          {"latency_samples", summary.latency_samples}, {"real_time_factor", summary.real_time_factor},
          {"worst_block_us", summary.worst_block_us},   {"mean_block_us", summary.mean_block_us},
          {"max_difference", summary.max_difference}};
}

std::string summary_table(const Summary& summary, const Wet& at_once, const Wet& streamed, const Wet& shuffled) {
  Table table({"convolution", "block", "latency", "real-time factor", "mean us", "99.9 % us", "worst us"});
  add_row(table, "one-shot", "all", at_once, summary.sample_rate);
  add_row(table, "streamed", fmt::format("{}", summary.block), streamed, summary.sample_rate);
  add_row(table, "shuffled", fmt::format("1-{}", largest_shuffled), shuffled, summary.sample_rate);
  return table.text() +
         fmt::format(
             "\nBlocks and latency in samples; a block of {} lasts {} us. The real-time factor is seconds of\n"
             "work per second of sound, on one thread. The three differ by {:.1e} of the peak at most.\n",
             summary.block, microseconds(static_cast<double>(summary.block) / summary.sample_rate),
             summary.max_difference);
}

}  // namespace examples
