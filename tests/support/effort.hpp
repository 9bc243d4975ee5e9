// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// How much a costly test does: everything in a normal build, less where every memory access is checked.

#include <Eigen/Core>

#include <tessera/core/batch.hpp>

#if defined(__SANITIZE_ADDRESS__)
#define TESSERA_TEST_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TESSERA_TEST_SANITIZED
#endif
#endif

namespace tessera::testing {

#if defined(TESSERA_TEST_SANITIZED)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

/// `full` draws, sizes or repetitions, or `reduced` under the sanitizers. Thresholds must follow from the number used.
inline constexpr Index effort(Index full, Index reduced) { return sanitized ? reduced : full; }

}  // namespace tessera::testing
