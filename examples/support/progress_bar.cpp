// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "support/progress_bar.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <utility>

#include <fmt/core.h>

#include "support/clock.hpp"

namespace examples {

ProgressBar::ProgressBar(std::string title, Index total, bool tenths)
    : title_(std::move(title)),
      total_(std::max<Index>(total, 1)),
      terminal_(isatty(fileno(stderr)) != 0),
      tenths_(tenths),
      start_(now()) {}

ProgressBar::~ProgressBar() { erase(); }

void ProgressBar::advance(Index steps) {
  const std::lock_guard lock(mutex_);
  update(done_ + steps);
}

void ProgressBar::set(Index done) {
  const std::lock_guard lock(mutex_);
  update(done);
}

void ProgressBar::update(Index done) {
  done_ = std::min(done, total_);
  const double time = now();
  if (terminal_) {
    if (time - drawn_ > 0.1 || done_ == total_) draw(time);
  } else if (tenths_ && done_ * 10 / total_ > tenth_) {
    tenth_ = done_ * 10 / total_;
    fmt::print(stderr, "{}: {} %, {}\n", title_, 10 * tenth_, duration_text(time - start_));
  }
}

void ProgressBar::line(const std::string& text) {
  const std::lock_guard lock(mutex_);
  erase();
  fmt::print(stderr, "{}\n", text);
  if (terminal_) draw(now());
}

void ProgressBar::draw(double time) {
  constexpr Index width = 32;
  const Index filled = done_ * width / total_;
  const double elapsed = time - start_;
  const double fraction = static_cast<double>(done_) / static_cast<double>(total_);
  const std::string rest =
      fraction > 0.02 ? fmt::format(", {} left", duration_text(elapsed * (1 - fraction) / fraction)) : "";
  fmt::print(stderr, "\r\x1b[K{} [{}{}] {:3.0f} %  {}{}", title_, std::string(static_cast<std::size_t>(filled), '#'),
             std::string(static_cast<std::size_t>(width - filled), '.'), 100 * fraction, duration_text(elapsed), rest);
  std::fflush(stderr);
  drawn_ = time;
}

void ProgressBar::erase() {
  if (!terminal_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
}

}  // namespace examples
