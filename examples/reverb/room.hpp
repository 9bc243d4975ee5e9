// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// A room made up: the direct sound, and after a short gap noise that dies away, high frequencies before low ones, as
// walls and air take them.

#include <array>
#include <cstdint>

#include "support/sound.hpp"

namespace examples {

inline constexpr int room_seconds = 2;
/// Samples per second of the fastest sound for which a room is made.
inline constexpr int fastest_room = 1 << 20;

/// Seconds in which sound at a frequency in Hz loses 60 dB (RT60).
struct Decay {
  double frequency;
  double rt60;
};

/// An octave apart; straight lines between them, level beyond both ends.
inline constexpr std::array<Decay, 7> room_decays = {
    {{125, 1.8}, {250, 1.6}, {500, 1.4}, {1000, 1.2}, {2000, 1.0}, {4000, 0.7}, {8000, 0.4}}};

/// The response of the room, of `room_seconds`. The reverberation differs between channels; each channel has energy 1,
/// a quarter of it in the direct sound: the wet sound is about as loud as the dry one. The seed decides all of it.
/// Throws std::invalid_argument unless the rate is in [1, fastest_room].
Sound make_room(int rate, Index channels, std::uint64_t seed);

}  // namespace examples
