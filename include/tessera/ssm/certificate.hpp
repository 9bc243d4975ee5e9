// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What a conversion between forms of a filter says of itself. Conversions may be hopeless (the polynomials of many
// poles near z = 1 lose every digit), hence each compares the impulse responses of what it was given and of what it
// made, and refuses with the figure what is worse than the caller allows.

#include <utility>

#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>

namespace tessera {

/// How good a conversion is.
struct Certificate {
  double residual = 0;  // the largest difference of the two impulse responses, relative to the largest tap of the first
  double condition = 1;  // by how much the conversion may have amplified rounding; each conversion says what it takes
  Index length = 0;      // the taps that were compared
};

/// What conversions take beside the form.
struct ConversionOptions {
  double tolerance = 1e-6;  // on the residual, >= 0; beyond it NumericalError is thrown, which states the residual
  Index length = 0;  // taps to compare; 0: as many as until the slowest pole has decayed, at least four times the
                     // order and 64, at most 16384
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// A converted form with its certificate.
template <class Form>
struct Certified {
  Form form;
  Certificate certificate;
};

}  // namespace tessera::inline TESSERA_ISA
