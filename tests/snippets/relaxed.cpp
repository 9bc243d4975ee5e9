// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <utility>

#include <tessera/core/batch.hpp>
#include <tessera/fft/relaxed.hpp>

int main() {
  // [show]
  // Two layers of 64 channels, each with a kernel of its own: row l * 64 + c is that of channel c of layer l.
  const tessera::RowMatrix<float> taps = tessera::RowMatrix<float>::Random(2 * 64, 4096) / 4096;
  tessera::RelaxedConvolution<float> model(tessera::rows(taps), {.channels = 64, .layers = 2});

  tessera::RowMatrix<float> samples = tessera::RowMatrix<float>::Ones(1, 64);
  for (int t = 0; t < 1000; ++t) {
    for (int layer = 0; layer < 2; ++layer) {
      model.step_into(layer, tessera::rows(std::as_const(samples)), tessera::rows(samples));
      samples = samples.array().tanh();
    }
    model.catch_up();  // the work that full blocks have left, of both layers at once; takes an execution
  }
  // [end]
  return model.position(1) == 1000 ? 0 : 1;
}
