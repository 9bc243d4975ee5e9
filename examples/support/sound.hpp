// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Sound: read from WAV and whatever else libsndfile knows, written as WAV of 32-bit floats.

#include <filesystem>

#include <tessera/core/batch.hpp>

namespace examples {

using tessera::Index;
using tessera::RowMatrix;

/// Samples of all channels in the longest sound that is read or written, as many as fit into the 4 GiB of a WAV: a file
/// must not make us allocate what no sound needs.
inline constexpr Index longest_sound = (Index{1} << 30) - (Index{1} << 16);

/// Samples of several channels; full scale is 1.
struct Sound {
  int rate = 0;              // samples per second
  RowMatrix<float> samples;  // (channels, length)

  Index channels() const { return samples.rows(); }
  Index length() const { return samples.cols(); }
  double seconds() const { return static_cast<double>(length()) / rate; }
};

/// Reads a sound of any rate and number of channels. Throws tessera::FileError when the file cannot be read, is no
/// sound, holds no samples or more than `longest_sound`, or one that is not finite, or ends before it says it does.
Sound read_sound(const std::filesystem::path& path);

/// Writes a WAV of 32-bit floats, all or nothing; the same samples give the same bytes. Throws tessera::FileError when
/// it cannot, when a sample is not finite, and when there are more than `longest_sound`.
void write_wav(const std::filesystem::path& path, const Sound& sound);

}  // namespace examples
