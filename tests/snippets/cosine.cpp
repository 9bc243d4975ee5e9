// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/batch.hpp>
#include <tessera/fft/cosine.hpp>
#include <tessera/fft/mdct.hpp>

int main() {
  // [show]
  using Cosine = tessera::CosineTransform<float, tessera::CosineType::two, tessera::CosineScale::orthonormal>;
  const tessera::RowMatrix<float> frames = tessera::RowMatrix<float>::Random(100, 80);
  const tessera::RowMatrix<float> cepstra = Cosine(80).forward(tessera::rows(frames));

  const tessera::ModifiedCosineTransform<float> plan({.frame_length = 512});
  const tessera::RowMatrix<float> stereo = tessera::RowMatrix<float>::Random(2, 44100);
  const auto coefficients = plan.forward(tessera::signals(stereo));  // (2 x 88 frames) x 512
  const auto same = plan.inverse(tessera::rows(coefficients), 44100);

  // A codec: 1024 samples in, of which 512 are new; 512 samples out, which are the older half.
  auto workspace = plan.workspace();  // with it, calls allocate nothing
  tessera::RowMatrix<float> block(2, 512), overlap = tessera::RowMatrix<float>::Zero(2, 512);
  const auto frame = tessera::signals(stereo).window(0, 1024);
  plan.analyze_into({frame.data(), 2, 1024, frame.channel_stride()}, tessera::rows(block), {.workspace = &workspace});
  plan.synthesize_into(tessera::rows(block), tessera::rows(overlap), tessera::rows(block), {.workspace = &workspace});
  // [end]
  return (same - stereo).cwiseAbs().maxCoeff() < 1e-5f && cepstra.cols() == 80 ? 0 : 1;
}
