// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What a model's output parameters say. A rational transfer function sampled at the L roots of unity is the spectrum of
// its impulse response h wrapped around L,
//
//   k[t] = h[t] + h[t + L] + h[t + 2 L] + ...
//
// and not that of the first L taps, which has the output row C (I - A^L) in the place of C (Gu, Goel and Re 2022,
// section 3.2 and appendix C.3). Either the output parameters are the row C of the infinite system, and the corrected
// row is computed for every length; or they are the corrected row itself, as S4 and the rational transfer function are
// trained, and then they belong to one length.

namespace tessera {

enum class KernelTruncation {
  exact,    // the parameters are the infinite system: a kernel of length L is its first L taps
  periodic  // the parameters are those of the kernel of one length L: sampled at the L roots of unity they are its
            // spectrum
};

}  // namespace tessera
