// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What the command line of reverb can ask for.

#include <cstdint>
#include <filesystem>

#include <CLI/CLI.hpp>

#include <tessera/core/execution.hpp>

namespace examples {

using tessera::Index;

struct Options {
  std::filesystem::path input;    // empty: the recordings of alsa-utils, joined
  std::filesystem::path impulse;  // empty: a room made up
  std::filesystem::path output = "reverb-output";
  Index block = 256;
  std::uint64_t seed = 0;
};

/// Adds all options to the program's command line; `options` must outlive it.
void add_options(CLI::App& app, Options& options);

}  // namespace examples
