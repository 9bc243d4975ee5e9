// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/fft/convolution_call.hpp>

#include <tessera/fft/convolution.hpp>

#include "support/catch.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;

TEST_CASE("a spectrum tells what it was made of", "[convolution]") {
  const KernelSpectrum<float> none;
  CHECK(none.length() == 0);
  CHECK(none.kernels() == 0);
  const RowMatrix<float> taps = testing::random_normal<float>(3, 5, 1),
                         backward = testing::random_normal<float>(3, 2, 2);
  const CausalConvolution<float> plan(100, {.channels = 3, .kernel_length = 7});
  const KernelSpectrum<float> spectrum = plan.spectrum(rows(taps), rows(backward));
  CHECK(spectrum.length() == 100);
  CHECK(spectrum.kernel_length() == 7);
  CHECK(spectrum.kernels() == 3);
  CHECK(spectrum.taps() == 5);
  CHECK(spectrum.backward_taps() == 2);
}

TEST_CASE("a workspace has the slots that were asked for", "[convolution]") {
  CHECK(ConvolutionWorkspace<float>().slots() == 0);
  CHECK(CausalConvolution<float>(64).workspace(3).slots() == 3);
}
