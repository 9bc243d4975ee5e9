// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What the streams of this room say of a call of process(): it takes one example, (1, channels, samples), of as many
// channels as the stream has and of any length, into an output of the same shape, and does all of it or nothing.

#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/fft/signal.hpp>

namespace tessera {

/// Why a call of process() did nothing.
enum class StreamProblem {
  none,
  channels,  // input or output has not the channels of the stream
  batch,     // of another size than 1
  length,    // of input and output differ
  memory     // a view of samples that points nowhere
};

/// What a call of process() did.
struct StreamStatus {
  Index samples = 0;     // of each channel, all or none
  Index non_finite = 0;  // samples of all channels that were NaN or infinite and counted as 0
  StreamProblem problem = StreamProblem::none;
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// What is wrong with the shapes for a stream of `channels`.
template <class Scalar>
StreamProblem stream_problem(const Signals<const Scalar>& input, const Signals<Scalar>& output, Index channels) {
  if (input.channels() != channels || output.channels() != channels) return StreamProblem::channels;
  if (input.batch() != 1 || output.batch() != 1) return StreamProblem::batch;
  if (input.length() != output.length()) return StreamProblem::length;
  const bool samples = channels > 0 && input.length() > 0;
  if (samples && (input.data() == nullptr || output.data() == nullptr)) return StreamProblem::memory;
  return StreamProblem::none;
}

}  // namespace tessera::inline TESSERA_ISA
