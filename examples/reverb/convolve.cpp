// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "reverb/convolve.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include <tessera/core/random.hpp>
#include <tessera/fft/overlap_save.hpp>

#include "support/clock.hpp"

namespace examples {
namespace {

using tessera::signals;

double peak(const Wet& wet) { return wet.samples.cwiseAbs().maxCoeff(); }

double distance(const Wet& a, const Wet& b) { return (a.samples - b.samples).cwiseAbs().maxCoeff(); }

}  // namespace

double Wet::seconds() const { return std::accumulate(block_seconds.begin(), block_seconds.end(), 0.0); }

BlockSizes shuffled_sizes(std::uint64_t seed) {
  constexpr std::uint64_t stream = std::uint64_t{1} << 32;  // the room has those of its channels
  const auto random = std::make_shared<tessera::Random>(seed, stream);
  const double logarithm = std::log(static_cast<double>(largest_shuffled + 1));
  return [=] {
    return std::clamp(static_cast<Index>(std::exp(logarithm * random->uniform())), Index{1}, largest_shuffled);
  };
}

Wet convolve_at_once(const Scene& scene) {
  const RowMatrix<double> dry = scene.dry_samples(scene.dry.length());
  const RowMatrix<double> taps = scene.room.samples.cast<double>();
  Wet wet{RowMatrix<double>::Zero(scene.channels(), scene.length()), {}, 0};
  const double start = now();
  tessera::OverlapSave<double> convolution(tessera::rows(taps), {.channels = scene.channels()});
  const Index early = convolution.results(dry.cols());
  convolution.push_into(signals(dry), signals(wet.samples.leftCols(early)));
  convolution.finish_into(signals(wet.samples.rightCols(scene.length() - early)));
  wet.block_seconds.push_back(now() - start);
  wet.latency = scene.length() - 1;  // the first sample comes with the last
  return wet;
}

double max_difference(const Wet& a, const Wet& b, const Wet& c) {
  const double difference = std::max({distance(a, b), distance(a, c), distance(b, c)});
  return difference == 0 ? 0 : difference / std::max({peak(a), peak(b), peak(c)});
}

}  // namespace examples
