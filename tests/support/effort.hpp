// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// How much a costly test does: everything in a normal build, less where every memory access is checked.

#include <Eigen/Core>

#include <tessera/core/batch.hpp>

#include "support/sanitized.hpp"

namespace tessera::testing {

/// `full` draws, sizes or repetitions, or `reduced` under the sanitizers. Thresholds must follow from the number used.
inline constexpr Index effort(Index full, Index reduced) { return sanitized ? reduced : full; }

}  // namespace tessera::testing
