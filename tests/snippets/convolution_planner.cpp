// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <cstdio>

#include <tessera/fft/convolution_planner.hpp>

int main() {
  // [show]
  const tessera::ConvolutionAdvice advice =
      tessera::advise_convolution({.taps = 16384, .length = 16384, .feedback = true, .order = 1000, .channels = 64});
  std::fputs(describe(advice).c_str(), stdout);
  // [end]
  return advice.method() == tessera::ConvolutionMethod::relaxed ? 0 : 1;
}
