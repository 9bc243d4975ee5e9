// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// How far long work is: a bar that moves in one line of a terminal; elsewhere (a file, a log) plain lines.

#include <mutex>
#include <string>

#include <tessera/core/execution.hpp>

namespace examples {

using tessera::Index;

/// Written to the standard error stream. Every member may be called from any thread.
class ProgressBar {
 public:
  /// Without a terminal, a line at each tenth of the work, unless `tenths` is false.
  ProgressBar(std::string title, Index total, bool tenths = true);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// So many more steps are done.
  void advance(Index steps = 1);
  /// So many are done by now.
  void set(Index done);
  /// A line of its own, which stays.
  void line(const std::string& text);

 private:
  void update(Index done);
  void draw(double now);
  void erase();

  std::mutex mutex_;
  std::string title_;
  Index total_;
  bool terminal_;
  bool tenths_;
  Index done_ = 0;
  Index tenth_ = 0;  // the last one that had its line
  double start_;
  double drawn_ = 0;  // when the bar was drawn last
};

}  // namespace examples
