// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "support/gnuplot.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <system_error>

#include <fmt/core.h>

namespace examples {
namespace {

bool installed(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access((folder + "/" + program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

/// A string of gnuplot's in single quotes.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("''") : std::string(1, c);
  return result + "'";
}

bool send(const std::string& script) {
  auto* previous = std::signal(SIGPIPE, SIG_IGN);  // a gnuplot that ends early is an error, not our end
  std::FILE* pipe = popen("gnuplot 2> /dev/null", "w");
  bool good = pipe != nullptr;
  if (good) {
    good = std::fwrite(script.data(), 1, script.size(), pipe) == script.size();
    good = pclose(pipe) == 0 && good;
  }
  std::signal(SIGPIPE, previous);
  return good;
}

}  // namespace

bool plot(const std::filesystem::path& output, int width, int height, const std::string& script) {
  std::error_code ignored;
  std::filesystem::remove(output, ignored);
  if (!installed("gnuplot")) {
    fmt::print(stderr, "{} is left out: gnuplot is not installed\n", output.string());
    return false;
  }
  const std::string whole = fmt::format("set terminal pngcairo size {},{} font 'DejaVu Sans,11'\nset output {}\n{}\n",
                                        width, height, quoted(output.string()), script);
  if (send(whole) && std::filesystem::file_size(output, ignored) > 0 && !ignored) return true;
  fmt::print(stderr, "{} is left out: gnuplot failed\n", output.string());
  std::filesystem::remove(output, ignored);
  return false;
}

}  // namespace examples
