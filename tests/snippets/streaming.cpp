// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/batch.hpp>
#include <tessera/fft/streaming.hpp>

int main() {
  // [show]
  const tessera::RowMatrix<float> response = tessera::RowMatrix<float>::Random(1, 16384);  // shared by both channels
  tessera::StreamingConvolution<float> room(tessera::rows(response), {.channels = 2});

  tessera::RowMatrix<float> block = tessera::RowMatrix<float>::Random(2, 64);  // samples in, results out
  const tessera::StreamingStatus status = room.process(tessera::signals(block), tessera::signals(block));

  const tessera::RowMatrix<float> drier = 0.5f * response;
  room.set_kernel(tessera::rows(drier));  // not on the real-time thread; fades in
  // [end]
  return status.samples == 64 && status.non_finite == 0 ? 0 : 1;
}
