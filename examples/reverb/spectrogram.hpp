// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Sounds as pictures: time to the right, frequency upward, power as colour from black over red to light yellow.

#include "support/image.hpp"
#include "support/sound.hpp"

namespace examples {

/// Decibels below the loudest spot of both sounds that are still seen.
inline constexpr double seen_decibels = 80;
/// Hz, or half the rate where that is less.
inline constexpr double highest_seen = 10000;

/// The dry sound above the wet one, which is not shorter, on the same axes and with the same colours. Channels are
/// added.
Image spectrograms(const Sound& dry, const Sound& wet);

}  // namespace examples
