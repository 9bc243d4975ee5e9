// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Training of all layers, and what is told of it.

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "long_memory/layer.hpp"
#include "long_memory/options.hpp"

namespace examples {

struct Result {
  Start start = Start::zeros;
  Index order = 0;
  std::vector<double> curve;  // root mean squared errors while training, evenly spaced
  double rmse = 0;            // on sequences that were not trained on
  double spectral_radius = 0;
  double recurrence_difference = -1;  // negative: there is no recurrence to be had
  double seconds = 0;
  std::vector<double> taps;
};

/// Trains a layer for every start and order, several at once. Results depend on the options alone.
std::vector<Result> train_all(const Options& options);

std::string result_table(const std::vector<Result>& results, Index delay);
nlohmann::ordered_json to_json(const Options& options, const std::vector<Result>& results);

/// Loss curves and learnt kernels, by gnuplot.
void plot_results(const std::filesystem::path& folder, const std::vector<Result>& results, const Options& options);

}  // namespace examples
