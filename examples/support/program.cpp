// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "support/program.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include <fmt/core.h>

namespace examples {
namespace {

int report(const CLI::App& app, std::string message, int code) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  fmt::print(stderr, "{}: error: {}\n", app.get_name(), message);
  return code;
}

}  // namespace

int run_program(CLI::App& app, int argc, char** argv, const std::function<void()>& work) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    return report(app, fmt::format("{} (--help shows the options)", error.what()), 2);
  }
  try {
    work();
    return 0;
  } catch (const std::bad_alloc&) {
    return report(app, "there is not enough memory for that", 1);
  } catch (const std::exception& error) {
    return report(app, error.what(), 1);
  }
}

}  // namespace examples
