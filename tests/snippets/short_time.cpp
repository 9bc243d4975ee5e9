// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <complex>

#include <tessera/core/batch.hpp>
#include <tessera/fft/short_time.hpp>

int main() {
  // [show]
  const tessera::ShortTimeFourier<float, tessera::FourierScale::inverse> plan(
      {.frame_length = 1024, .hop = 256, .padding = tessera::ShortTimePadding::whole});
  const tessera::RowMatrix<float> audio = tessera::RowMatrix<float>::Random(2, 48000);  // two channels

  tessera::RowMatrix<std::complex<float>> spectra =
      plan.forward(tessera::signals(audio));  // 2 * 191 frames of 513 bins
  const tessera::RowMatrix<float> same = plan.inverse(tessera::rows(spectra), audio.cols());

  spectra.leftCols(10).setZero();  // no signal has these spectra: the inverse is the one with the nearest
  const tessera::RowMatrix<float> filtered = plan.inverse(tessera::rows(spectra), audio.cols());
  // [end]
  const bool frames = spectra.rows() == 2 * 191 && plan.frames(audio.cols()) == 191;
  return frames && (same - audio).cwiseAbs().maxCoeff() < 1e-5f && filtered.norm() < audio.norm() ? 0 : 1;
}
