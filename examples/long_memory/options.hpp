// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What the command line of long_memory can ask for.

#include <cstdint>
#include <filesystem>
#include <vector>

#include <CLI/CLI.hpp>

#include <tessera/core/execution.hpp>

namespace examples {

using tessera::Index;

struct Options {
  std::filesystem::path output = "long_memory-output";
  Index length = 4000;
  Index delay = 1000;
  std::vector<Index> orders = {64, 512, 1000, 1024, 2048};
  Index steps = 1500;
  Index batch = 8;
  double rate = 1e-2;
  std::uint64_t seed = 0;
};

/// Adds all options to the program's command line; `options` must outlive it.
void add_options(CLI::App& app, Options& options);

/// What ranges cannot say. Throws std::invalid_argument.
void check(const Options& options);

}  // namespace examples
