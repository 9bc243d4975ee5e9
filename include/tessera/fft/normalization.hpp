// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Where a discrete Fourier transform of N points puts its factor. The sums are
//
//   X[k] = f sum over n of x[n] exp(-2 pi i k n / N),      x[n] = g sum over k of X[k] exp(2 pi i k n / N)
//
// and libraries differ in f and g. In tessera the choice is part of a plan's type, and there is no default.

#include <cmath>

#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>

namespace tessera {

enum class FourierScale {
  none,     // f = 1, g = 1: a round trip multiplies by N (FFTW)
  inverse,  // f = 1, g = 1 / N (NumPy, SciPy, PyTorch)
  unitary,  // f = g = 1 / sqrt(N): energies are kept
  forward   // f = 1 / N, g = 1: bins are amplitudes
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// The factor f of the forward transform of `length` points.
inline double forward_factor(FourierScale scale, Index length) {
  if (scale == FourierScale::unitary) return 1 / std::sqrt(static_cast<double>(length));
  return scale == FourierScale::forward ? 1 / static_cast<double>(length) : 1;
}

/// The factor g of the inverse transform.
inline double inverse_factor(FourierScale scale, Index length) {
  if (scale == FourierScale::unitary) return 1 / std::sqrt(static_cast<double>(length));
  return scale == FourierScale::inverse ? 1 / static_cast<double>(length) : 1;
}

}  // namespace tessera::inline TESSERA_ISA
