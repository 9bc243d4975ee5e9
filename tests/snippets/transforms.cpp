// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <complex>

#include <tessera/core/batch.hpp>
#include <tessera/fft/real_fourier.hpp>

int main() {
  // [show]
  const tessera::RealFourierTransform<float, tessera::FourierScale::inverse> plan(1024);
  const tessera::RowMatrix<float> frames = tessera::RowMatrix<float>::Random(100, 1024);
  const tessera::RowMatrix<std::complex<float>> spectra = plan.forward(tessera::rows(frames));  // 100 x 513
  const tessera::RowMatrix<float> same = plan.inverse(tessera::rows(spectra));

  auto workspace = plan.workspace();  // with it, calls allocate nothing
  tessera::RowMatrix<std::complex<float>> result(100, 513);
  plan.forward_into(tessera::rows(frames), tessera::rows(result), {.workspace = &workspace});
  // [end]
  return (same - frames).cwiseAbs().maxCoeff() < 1e-5f && (result.array() == spectra.array()).all() ? 0 : 1;
}
