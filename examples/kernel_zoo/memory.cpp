// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "kernel_zoo/memory.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "support/clock.hpp"

namespace examples {
namespace {

using tessera::HippoMeasure;

constexpr double window_seconds = 0.02;

Remembered remember(const Sound& sound, HippoMeasure measure, Index order) {
  const Index length = sound.length();
  const bool whole = measure == HippoMeasure::legs;
  const Index window = std::min(length, std::max<Index>(2, static_cast<Index>(window_seconds * sound.rate)));
  tessera::HippoMemory memory(
      {.measure = measure, .order = order, .window = whole ? 0.0 : static_cast<double>(window)});
  const RowMatrix<float> samples = sound.samples.topRows(1);
  const double start = now();
  memory.push(tessera::signals(samples));
  const double seconds = now() - start;
  const Index span = whole ? length : window;
  Eigen::VectorXd ages(span);
  for (Index i = 0; i < span; ++i) ages[i] = static_cast<double>(span - i) - 0.5;  // the middles of the samples
  Remembered result;
  result.name = tessera::hippo_name(measure);
  result.order = order;
  result.span_seconds = static_cast<double>(span) / sound.rate;
  result.past = samples.row(0).tail(span).cast<double>().transpose();
  result.recalled = memory.reconstruct(ages).row(0).transpose();
  const double loudness = result.past.norm();
  result.relative_error = (result.recalled - result.past).norm() / (loudness > 0 ? loudness : 1);
  result.nanoseconds = 1e9 * seconds / static_cast<double>(length);
  return result;
}

/// At most `most` points: the largest of every few, so that no peak is lost.
Curve thinned(const std::string& name, const Eigen::VectorXd& samples, int rate, Index most) {
  const Index every = std::max<Index>(1, 2 * samples.size() / most), count = samples.size() / every;
  Curve curve{name, Eigen::VectorXd(2 * count), Eigen::VectorXd(2 * count)};
  for (Index i = 0; i < count; ++i) {
    const auto part = samples.segment(i * every, every);
    curve.x.segment(2 * i, 2).setConstant(static_cast<double>(i * every) / rate);
    curve.y[2 * i] = part.minCoeff();
    curve.y[2 * i + 1] = part.maxCoeff();
  }
  return curve;
}

}  // namespace

std::vector<Remembered> remember(const Sound& sound) {
  std::vector<Remembered> memories;
  for (const Index order : {32, 128, 512}) memories.push_back(remember(sound, HippoMeasure::legs, order));
  for (const Index order : {16, 64, 256}) memories.push_back(remember(sound, HippoMeasure::legt, order));
  for (const Index order : {16, 64, 256}) memories.push_back(remember(sound, HippoMeasure::fout, order));
  return memories;
}

void draw_memories(const std::filesystem::path& path, const std::vector<Remembered>& memories, int rate) {
  std::vector<Panel> panels;
  for (const Remembered& memory : memories) {
    panels.push_back(
        {fmt::format("{}, order {}: error {:.0f} %", memory.name, memory.order, 100 * memory.relative_error),
         "set xlabel 's'",
         "lines lw 1",
         {thinned("past", memory.past, rate, 3000), thinned("recalled", memory.recalled, rate, 3000)}});
  }
  draw_panels(path, panels, 3);
}

}  // namespace examples
