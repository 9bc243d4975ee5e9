// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What the three convolutions took, and how far they agree: for programs and for people.

#include <string>

#include <nlohmann/json.hpp>

#include "reverb/convolve.hpp"

namespace examples {

struct Summary {
  int sample_rate = 0;  // per second
  Index input_samples = 0;
  Index impulse_samples = 0;
  // The streamed convolution:
  Index block = 0;
  Index latency_samples = 0;    // of its own, beside the time to collect a block
  double real_time_factor = 0;  // seconds of work per second of wet sound
  double worst_block_us = 0;
  double mean_block_us = 0;
  double max_difference = 0;  // between the three results, over the peak
};

Summary summarize(const Scene& scene, Index block, const Wet& at_once, const Wet& streamed, const Wet& shuffled);

nlohmann::ordered_json to_json(const Summary& summary);

/// A row for each of the three.
std::string summary_table(const Summary& summary, const Wet& at_once, const Wet& streamed, const Wet& shuffled);

}  // namespace examples
