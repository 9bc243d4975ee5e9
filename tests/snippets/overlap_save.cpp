// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/batch.hpp>
#include <tessera/fft/overlap_save.hpp>

int main() {
  // [show]
  const tessera::RowMatrix<float> taps = tessera::RowMatrix<float>::Random(1, 4096);  // shared by both channels
  tessera::OverlapSave<float> feed(tessera::rows(taps), {.channels = 2});

  tessera::Index samples = 0;
  for (int piece = 0; piece < 20; ++piece) {  // pieces of any length, from a file, say
    const tessera::RowMatrix<float> signal = tessera::RowMatrix<float>::Random(2, 10000);
    samples += feed.push(tessera::signals(signal)).cols();  // those results that are complete
  }
  samples += feed.finish().cols();  // the rest, to the last tap of the last sample
  // [end]
  return samples == 20 * 10000 + 4095 ? 0 : 1;
}
