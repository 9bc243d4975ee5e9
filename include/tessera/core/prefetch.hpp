// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Asking for memory before it is needed, so that it comes while something else is computed. An address may be any, also
// one where nothing is; without compiler support nothing happens.

#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {

/// Asks for the lines of `scalars` scalars from `from` on: to read them, or with for_writing to have their lines when
/// results are stored.
template <bool for_writing, class Scalar>
TESSERA_INLINE void prefetch([[maybe_unused]] const Scalar* from, [[maybe_unused]] Index scalars) {
#if defined(__GNUC__)
  for (Index i = 0; i < scalars; i += 64 / static_cast<Index>(sizeof(Scalar))) {
    __builtin_prefetch(from + i, for_writing ? 1 : 0);
  }
#endif
}

}  // namespace tessera::inline TESSERA_ISA
