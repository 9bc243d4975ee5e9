// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// A recording, kept by memories of a fixed size while it is played, and what they give back at its end.

#include <filesystem>
#include <string>
#include <vector>

#include <Eigen/Core>

#include <tessera/ssm/hippo_memory.hpp>

#include "kernel_zoo/curves.hpp"
#include "support/sound.hpp"

namespace examples {

struct Remembered {
  std::string name;
  Index order = 0;
  double span_seconds = 0;    // how far back the memory goes
  double relative_error = 0;  // of the past it spans, |difference| / |past|
  double nanoseconds = 0;     // for a sample
  Eigen::VectorXd past;       // from the oldest sample on
  Eigen::VectorXd recalled;
};

/// The first channel, by LegS (all of it) and by windows, at several orders.
std::vector<Remembered> remember(const Sound& sound);

/// The past in grey, what is recalled on top.
void draw_memories(const std::filesystem::path& path, const std::vector<Remembered>& memories, int rate);

}  // namespace examples
