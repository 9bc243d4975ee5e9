// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// The table, the summary and the pictures of long_memory.

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <fmt/core.h>

#include "long_memory/task.hpp"
#include "long_memory/training.hpp"
#include "support/clock.hpp"
#include "support/gnuplot.hpp"
#include "support/table.hpp"

namespace examples {
namespace {

std::string difference_text(double difference) {
  return difference < 0 ? std::string("refused") : fmt::format("{:.0e}", difference);
}

/// What the published table has for this order (delay 1000 in 4000 samples; Parnichkun et al. 2024, table 2).
std::string published(const Result& result, Index delay) {
  if (delay != 1000 || result.start != Start::zeros) return "";
  return result.order == 64 ? "0.45" : result.order == 1024 ? "0.006" : "";
}

std::string block_name(const Result& result) { return fmt::format("${}_{}", start_name(result.start), result.order); }

std::string curve_block(const Result& result, Index steps) {
  std::string text = block_name(result) + "_curve << end\n";
  const double every = static_cast<double>(steps) / static_cast<double>(std::max<std::size_t>(result.curve.size(), 1));
  for (std::size_t i = 0; i < result.curve.size(); ++i)
    text += fmt::format("{} {}\n", every * static_cast<double>(i + 1), result.curve[i]);
  return text + "end\n";
}

/// Only taps around the delay and a thinned rest would be seen: the largest magnitude of every few.
std::string tap_block(const Result& result) {
  const std::size_t every = std::max<std::size_t>(1, result.taps.size() / 1000);
  std::string text = block_name(result) + "_taps << end\n";
  for (std::size_t t = 0; t + every <= result.taps.size(); t += every) {
    const auto first = result.taps.begin() + static_cast<std::ptrdiff_t>(t);
    const auto largest = std::max_element(first, first + static_cast<std::ptrdiff_t>(every),
                                          [](double a, double b) { return std::abs(a) < std::abs(b); });
    text += fmt::format("{} {}\n", t, *largest);
  }
  return text + "end\n";
}

std::string panels(const std::vector<Result>& results, const std::string& suffix, const std::string& style) {
  std::string text;
  for (const Start start : starts) {
    std::string lines;
    for (const Result& result : results) {
      if (result.start != start) continue;
      lines += fmt::format("{}{}{} with {} title 'order {}'", lines.empty() ? "plot " : ", ", block_name(result),
                           suffix, style, result.order);
    }
    text += fmt::format("set title 'start and denominators: {}'\n{}\n", start_name(start), lines);
  }
  return text;
}

}  // namespace

std::string result_table(const std::vector<Result>& results, Index delay) {
  Table table({"start", "order", "error", "published", "of zeros", "spectral radius", "recurrence", "trained"});
  for (const Result& result : results) {
    table.add({start_name(result.start), fmt::format("{}", result.order), fmt::format("{:.4f}", result.rmse),
               published(result, delay), fmt::format("{:.1f} %", 100 * result.rmse / noise_deviation),
               fmt::format("{:.5f}", result.spectral_radius), difference_text(result.recurrence_difference),
               duration_text(result.seconds)});
  }
  return table.text();
}

nlohmann::ordered_json to_json(const Options& options, const std::vector<Result>& results) {
  nlohmann::ordered_json runs = nlohmann::ordered_json::array();
  for (const Result& result : results) {
    nlohmann::ordered_json run = {{"start", start_name(result.start)},
                                  {"order", result.order},
                                  {"rmse", result.rmse},
                                  {"spectral_radius", result.spectral_radius},
                                  {"recurrence_difference", nullptr},
                                  {"train_seconds", result.seconds},
                                  {"curve", result.curve}};
    if (result.recurrence_difference >= 0) run["recurrence_difference"] = result.recurrence_difference;
    runs.push_back(std::move(run));
  }
  return {{"length", options.length}, {"delay", options.delay}, {"steps", options.steps}, {"batch", options.batch},
          {"rate", options.rate},     {"seed", options.seed},   {"runs", std::move(runs)}};
}

void plot_results(const std::filesystem::path& folder, const std::vector<Result>& results, const Options& options) {
  std::string curves, taps;
  for (const Result& result : results) {
    curves += curve_block(result, options.steps);
    taps += tap_block(result);
  }
  const std::string head = "set multiplot layout 2,2\nset grid\n";
  plot(folder / "loss.png", 1300, 900,
       curves + head +
           "set logscale y\nset xlabel 'step'\nset ylabel 'root mean squared error'\nset key bottom left\n" +
           panels(results, "_curve", "lines lw 2") + "unset multiplot\n");
  plot(folder / "kernels.png", 1300, 900,
       taps + head + "set xlabel 'lag'\nset ylabel 'tap'\nset yrange [-0.4:1.1]\n" + panels(results, "_taps", "lines") +
           "unset multiplot\n");
}

}  // namespace examples
