// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// The wet sound as a program gets it that has only the samples up to now: the one place that knows how blocks are fed
// to a streaming convolution.

#include <algorithm>

#include <tessera/core/error.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/fft/streaming.hpp>

#include "reverb/convolve.hpp"
#include "support/clock.hpp"

namespace examples {
namespace {

using tessera::Signals;
using tessera::signals;
using Convolution = tessera::StreamingConvolution<double>;

/// What a call of the convolution took, in seconds. It reports what is wrong, and throws nothing.
double process(Convolution& convolution, Signals<const double> input, Signals<double> output) {
  const double start = now();
  const tessera::StreamingStatus status = convolution.process(input, output);
  const double seconds = now() - start;
  tessera::require(status.problem == tessera::StreamingProblem::none && status.samples == input.length(),
                   "convolve_in_blocks: expected {} samples to be done, found {} (problem {})", input.length(),
                   status.samples, static_cast<int>(status.problem));
  return seconds;
}

/// Brings code and kernel into the caches, as in a program that has been running for a while.
void warm_up(Convolution& convolution, RowMatrix<double>& output, Index samples, Index block) {
  samples = std::min(samples, output.cols());
  for (Index begin = 0; begin < samples; begin += block) {
    const Index count = std::min(block, samples - begin);
    const Signals<double> piece = signals(output).window(begin, begin + count);
    process(convolution, piece, piece);
  }
  convolution.reset();
}

}  // namespace

Wet convolve_in_blocks(const Scene& scene, const BlockSizes& next_size, ProgressBar& bar) {
  const RowMatrix<double> dry = scene.dry_samples(scene.length());  // silence at the end
  const RowMatrix<double> taps = scene.room.samples.cast<double>();
  Convolution convolution(tessera::rows(taps), {.channels = scene.channels()});
  Wet wet{RowMatrix<double>::Zero(scene.channels(), scene.length()), {}, Convolution::latency()};
  warm_up(convolution, wet.samples, scene.dry.rate, next_size());
  for (Index begin = 0, count = 0; begin < dry.cols(); begin += count) {
    count = std::min(next_size(), dry.cols() - begin);
    wet.block_seconds.push_back(process(convolution, signals(dry).window(begin, begin + count),
                                        signals(wet.samples).window(begin, begin + count)));
    bar.advance(count);
  }
  return wet;
}

}  // namespace examples
