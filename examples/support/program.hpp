// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What every example does around its work: parse the command line, run, and turn an error into one clear line.

#include <functional>

#include <CLI/CLI.hpp>

namespace examples {

/// Parses, then calls `work`. Returns what main returns: 0, 1 after an error of the work, 2 after a wrong command line.
int run_program(CLI::App& app, int argc, char** argv, const std::function<void()>& work);

}  // namespace examples
