// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "reverb/options.hpp"

#include <fmt/core.h>

#include "reverb/room.hpp"
#include "reverb/scene.hpp"

namespace examples {

void add_options(CLI::App& app, Options& options) {
  app.add_option("--input", options.input,
                 fmt::format("the dry sound, WAV or what else libsndfile reads (default: {} spoken recordings of the "
                             "package alsa-utils, front left to side left, {} s of silence between them)",
                             recordings.size(), pause_seconds));
  app.add_option("--impulse", options.impulse,
                 fmt::format("the response of a room, at the rate of the input: one channel for all, or one for each; "
                             "a mono input takes as many channels as it has (default: a synthetic room of {} s)",
                             room_seconds));
  app.add_option("--output", options.output, "the folder to write to")->capture_default_str();
  app.add_option("--block", options.block, "samples per block of the streamed convolution")
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, Index{1} << 40));
  app.add_option("--seed", options.seed, "of the synthetic room and of the shuffled block sizes")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
}

}  // namespace examples
