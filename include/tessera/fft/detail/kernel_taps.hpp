// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// A kernel of a convolution as it is given, as it is prepared, and its gradient. Taps at lags 0, 1, ... are forward
// ones; backward tap j is at lag -1 - j.

#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class Scalar>
struct KernelTaps {
  const Scalar* forward = nullptr;
  Index forward_count = 0;
  const Scalar* backward = nullptr;
  Index backward_count = 0;
};

/// What a method has made of a kernel, with its numbers of taps.
template <class Scalar>
struct PreparedKernel {
  const Scalar* values = nullptr;
  Index taps = 0;
  Index backward_taps = 0;
};

/// Where gradients of taps go; counts are 0 where they are not wanted.
template <class Scalar>
struct TapGradients {
  Scalar* forward = nullptr;
  Index forward_count = 0;
  Scalar* backward = nullptr;
  Index backward_count = 0;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
