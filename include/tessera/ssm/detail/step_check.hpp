// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Checks of a positive number that a caller gave: a step, a ratio. By reference: -ffast-math may take a value for
// finite.

#include <stdexcept>

#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Throws std::invalid_argument unless `value` is finite and above 0.
inline void require_positive(const char* who, const char* what, const double& value) {
  if (!is_finite(value)) {
    raise<std::invalid_argument>("{}: expected a finite {}, found {}", who, what, non_finite_name(value));
  }
  require(value > 0, "{}: expected a {} above 0, found {}", who, what, value);
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
