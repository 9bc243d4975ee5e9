// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "reverb/spectrogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>

#include <fmt/core.h>

#include <tessera/fft/real_fourier.hpp>

#include "reverb/lettering.hpp"

namespace examples {
namespace {

using tessera::rows;

constexpr Index panel_width = 1200, panel_height = 320, gap = 24;  // pixels
constexpr Index margin_left = 7 * letter_advance, margin_right = 24, margin_above = 28, margin_below = 32;
constexpr double frame_seconds = 0.04;  // about
using Plan = tessera::RealFourierTransform<double, tessera::FourierScale::none>;

/// Which part of a sound the columns of a panel show.
struct Axes {
  int rate;
  Index length;  // samples from the left to the right
  Index frame;   // samples of a transform

  double highest() const { return std::min(highest_seen, 0.5 * rate); }
  double seconds() const { return static_cast<double>(length) / rate; }
  /// The sample at the left of a column.
  Index begin(Index column) const { return column * length / panel_width; }
};

// ---- power ----

/// A row for each channel and each of the frames around a column, under Hann's window.
RowMatrix<double> frames_of(const Sound& sound, const Axes& axes, Index column) {
  const Index first = axes.begin(column), width = axes.begin(column + 1) - first;
  const Index count = 1 + 2 * width / axes.frame;  // at least half of a frame overlaps the next
  RowMatrix<double> frames = RowMatrix<double>::Zero(count * sound.channels(), axes.frame);
  for (Index row = 0; row < frames.rows(); ++row) {
    const Index begin = first + (2 * (row % count) + 1) * width / (2 * count) - axes.frame / 2;
    const Index from = std::max<Index>(begin, 0), end = std::min(begin + axes.frame, sound.length());
    for (Index n = from; n < end; ++n) {
      const double phase = (static_cast<double>(n - begin) + 0.5) / static_cast<double>(axes.frame);
      frames(row, n - begin) = (0.5 - 0.5 * std::cos(2 * std::numbers::pi * phase)) * sound.samples(row / count, n);
    }
  }
  return frames;
}

/// The power of each pixel of a panel, the lowest frequency in row 0: (panel_height, panel_width).
RowMatrix<double> power_of(const Sound& sound, const Axes& axes) {
  const Plan plan(axes.frame);
  RowMatrix<double> power(panel_height, panel_width);
  const double bins = axes.highest() * static_cast<double>(axes.frame) / axes.rate;  // in the height of the panel
  for (Index x = 0; x < panel_width; ++x) {
    const RowMatrix<double> frames = frames_of(sound, axes, x);
    const RowMatrix<std::complex<double>> spectra = plan.forward(rows(frames));
    const auto count = static_cast<double>(frames.rows() / sound.channels());
    const Eigen::RowVectorXd mean = spectra.cwiseAbs2().colwise().sum() / count;
    for (Index y = 0; y < panel_height; ++y) {
      const auto bin = static_cast<Index>((static_cast<double>(y) + 0.5) / panel_height * bins + 0.5);
      power(y, x) = mean[std::min(bin, plan.spectrum_length() - 1)];
    }
  }
  return power;
}

// ---- colour ----

/// From 0, black, to 1, light yellow, straight lines between a few colours.
void paint(std::uint8_t* pixel, double level) {
  constexpr int colours[][3] = {{0, 0, 0},      {40, 14, 88},   {120, 28, 110}, {196, 56, 78},
                                {240, 118, 34}, {252, 194, 70}, {255, 255, 196}};
  constexpr int last = 6;
  const double place = std::clamp(level, 0.0, 1.0) * last;
  const int i = std::min(static_cast<int>(place), last - 1);
  for (int c = 0; c < 3; ++c)
    pixel[c] = static_cast<std::uint8_t>(colours[i][c] + (place - i) * (colours[i + 1][c] - colours[i][c]) + 0.5);
}

void draw_panel(Image& image, Index top, const RowMatrix<double>& power, double peak) {
  for (Index y = 0; y < panel_height; ++y) {
    for (Index x = 0; x < panel_width; ++x) {
      const double ratio = peak > 0 ? power(y, x) / peak : 0;
      const double level = ratio > 0 ? 1 + 10 * std::log10(ratio) / seen_decibels : 0;
      paint(image.pixel(margin_left + x, top + panel_height - 1 - y), level);
    }
  }
}

// ---- axes ----

/// A step of 1, 2 or 5 times a power of ten with which `range` has at most `most` of them.
double round_step(double range, int most) {
  double step = std::pow(10, std::floor(std::log10(range / most)));
  for (const double factor : {2.0, 2.5, 2.0, 2.0}) {  // 1, 2, 5, 10, 20
    if (range / step <= most) break;
    step *= factor;
  }
  return step;
}

void mark(Image& image, Index x, Index y, Index width, Index height) {
  for (Index i = 0; i < width * height; ++i) std::fill_n(image.pixel(x + i % width, y + i / width), 3, std::uint8_t{0});
}

void label_frequencies(Image& image, Index top, const Axes& axes) {
  const double kilohertz = axes.highest() / 1000;
  const double step = round_step(kilohertz, 5);
  for (int i = 0; i * step <= kilohertz * 1.0001; ++i) {
    const auto up = static_cast<Index>(i * step / kilohertz * (panel_height - 1));
    const std::string text = fmt::format("{:.4g}", i * step);
    const Index y = top + panel_height - 1 - up;
    mark(image, margin_left - 6, y, 6, 1);
    write(image, margin_left - 10 - width_of(text), y - letter_height / 2, text);
  }
}

void label_times(Image& image, Index top, const Axes& axes) {
  const double step = round_step(axes.seconds(), 12);
  for (int i = 0; i * step <= axes.seconds() * 1.0001; ++i) {
    const auto x = margin_left + static_cast<Index>(i * step / axes.seconds() * (panel_width - 1));
    const std::string text = fmt::format("{:.4g}", i * step);
    mark(image, x, top, 1, 6);
    write(image, x - width_of(text) / 2, top + 10, text);
  }
  write(image, margin_left + panel_width + 4, top + 10, "s");
}

}  // namespace

Image spectrograms(const Sound& dry, const Sound& wet) {
  const auto samples = static_cast<std::uint64_t>(std::clamp(frame_seconds * wet.rate, 16.0, 65536.0));
  const Axes axes{wet.rate, wet.length(), static_cast<Index>(std::bit_ceil(samples))};
  const RowMatrix<double> dry_power = power_of(dry, axes), wet_power = power_of(wet, axes);
  constexpr Index tops[] = {margin_above, margin_above + panel_height + gap};
  Image image(margin_left + panel_width + margin_right, tops[1] + panel_height + margin_below, 255);
  const double peak = std::max(dry_power.maxCoeff(), wet_power.maxCoeff());
  draw_panel(image, tops[0], dry_power, peak);
  draw_panel(image, tops[1], wet_power, peak);
  for (const Index top : tops) {
    label_frequencies(image, top, axes);
    write(image, 0, top + panel_height / 2 - 2 * letter_height, top == tops[0] ? "dry" : "wet");
  }
  write(image, margin_left - 10 - width_of("kHz"), 0, "kHz");
  label_times(image, tops[1] + panel_height, axes);
  return image;
}

}  // namespace examples
