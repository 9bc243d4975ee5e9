// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Plots through a pipe to gnuplot, which need not be there.

#include <filesystem>
#include <string>

namespace examples {

/// Runs a script of gnuplot's, which finds its PNG terminal and output set. Returns whether the plot was written; if
/// not, one line on the standard error stream says why, and nothing stands at `output`.
bool plot(const std::filesystem::path& output, int width, int height, const std::string& script);

}  // namespace examples
