// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The task: y[t] = u[t - delay] for white noise u of standard deviation 1/2, and what a kernel makes of it.

#include <cstdint>

#include <tessera/core/batch.hpp>
#include <tessera/core/random.hpp>
#include <tessera/fft/convolution.hpp>

namespace examples {

using tessera::Index;
using tessera::RowMatrix;

/// What every answer of zeros is wrong by.
inline constexpr double noise_deviation = 0.5;

class DelayTask {
 public:
  DelayTask(Index length, Index delay, Index batch);

  Index length() const { return convolution_.length(); }

  /// Draws a batch of sequences, filters it with `taps`, (1, length), and returns the mean squared error. `gradient`
  /// gets that of the taps, unless it is null.
  double loss(const RowMatrix<double>& taps, tessera::Random& random, RowMatrix<double>* gradient);

 private:
  Index delay_;
  tessera::CausalConvolution<double> convolution_;
  tessera::ConvolutionWorkspace<double> workspace_;
  tessera::KernelSpectrum<double> spectrum_;
  RowMatrix<double> input_, difference_;
};

}  // namespace examples
