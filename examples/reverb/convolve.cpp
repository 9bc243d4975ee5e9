// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "reverb/convolve.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include <tessera/core/random.hpp>
#include <tessera/fft/convolution.hpp>

#include "support/clock.hpp"

namespace examples {
namespace {

using tessera::signals;

/// Samples that are transformed together, if the response is not longer.
constexpr Index longest_part = Index{1} << 20;

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
  const Index channels = scene.channels(), tail = taps.cols() - 1;
  const Index length = std::max(taps.cols(), std::min(dry.cols(), longest_part));
  Wet wet{RowMatrix<double>::Zero(channels, scene.length()), {}, 0};
  RowMatrix<double> part(channels, length), result(channels, length + tail);
  const double start = now();
  const tessera::CausalConvolution<double> plan(length, {.channels = channels, .kernel_length = taps.cols()});
  const tessera::KernelSpectrum<double> spectrum = plan.spectrum(tessera::rows(taps));
  auto workspace = plan.workspace();
  for (Index begin = 0; begin < dry.cols(); begin += length) {
    const Index count = std::min(length, dry.cols() - begin);
    part.leftCols(count) = dry.middleCols(begin, count);
    part.rightCols(length - count).setZero();
    plan.convolve_into(signals(part), spectrum, signals(result),
                       {.range = tessera::ConvolutionRange::full, .workspace = &workspace});
    wet.samples.middleCols(begin, count + tail) += result.leftCols(count + tail);
  }
  wet.block_seconds.push_back(now() - start);
  wet.latency = scene.length() - 1;  // the first sample comes with the last
  return wet;
}

double max_difference(const Wet& a, const Wet& b, const Wet& c) {
  const double difference = std::max({distance(a, b), distance(a, c), distance(b, c)});
  return difference == 0 ? 0 : difference / std::max({peak(a), peak(b), peak(c)});
}

}  // namespace examples
