// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What is convolved with what: the dry sound and the response of the room.

#include <algorithm>
#include <array>
#include <string>

#include "reverb/options.hpp"
#include "support/sound.hpp"

namespace examples {

/// Where the distribution's package alsa-utils puts its spoken names of loudspeakers, and which of them are joined:
/// once around the listener.
inline constexpr const char* recordings_folder = "/usr/share/sounds/alsa";
inline constexpr std::array<const char*, 8> recordings = {"Front_Left.wav", "Front_Center.wav", "Front_Right.wav",
                                                          "Side_Right.wav", "Rear_Right.wav",   "Rear_Center.wav",
                                                          "Rear_Left.wav",  "Side_Left.wav"};
inline constexpr int pause_seconds = 1;

struct Scene {
  std::string dry_name;
  std::string room_name;
  Sound dry;
  Sound room;

  /// Of the wet sound.
  Index channels() const { return std::max(dry.channels(), room.channels()); }
  Index length() const { return dry.length() + room.length() - 1; }
  /// The dry sound in as many channels, with silence up to `length`, at least its own.
  RowMatrix<double> dry_samples(Index length) const;
};

/// Reads what is to be read and makes up the rest. Throws tessera::FileError on a file that cannot be used, and when
/// rates differ, or numbers of channels neither of which is 1.
Scene load_scene(const Options& options);

}  // namespace examples
