// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "reverb/scene.hpp"

#include <system_error>
#include <vector>

#include <fmt/core.h>

#include <tessera/core/error.hpp>

#include "reverb/room.hpp"

namespace examples {
namespace {

using tessera::FileError;
using tessera::raise;

Sound read_recording(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    raise<FileError>("{}: expected a recording of the package alsa-utils; install it, or use --input", path.string());
  return read_sound(path);
}

/// The spoken names of all loudspeakers, one after the other.
Sound read_speech() {
  std::vector<Sound> words;
  for (const char* name : recordings) words.push_back(read_recording(std::filesystem::path(recordings_folder) / name));
  const Index pause = Index{pause_seconds} * words[0].rate;
  Index length = -pause;
  for (const Sound& word : words) {
    if (word.rate != words[0].rate || word.channels() != words[0].channels())
      raise<FileError>("{}: expected recordings of one rate and number of channels, found others; use --input",
                       recordings_folder);
    length += word.length() + pause;
  }
  Sound speech{words[0].rate, RowMatrix<float>::Zero(words[0].channels(), length)};
  Index place = 0;
  for (const Sound& word : words) {
    speech.samples.middleCols(place, word.length()) = word.samples;
    place += word.length() + pause;
  }
  return speech;
}

void check_pair(const Options& options, const Scene& scene) {
  if (scene.room.rate != scene.dry.rate)
    raise<FileError>("{}: expected the rate of the input, {} samples per second, found {}", options.impulse.string(),
                     scene.dry.rate, scene.room.rate);
  const Index dry = scene.dry.channels(), room = scene.room.channels();
  if (dry != room && dry != 1 && room != 1)
    raise<FileError>("{}: expected 1 channel or the {} of the input, found {}", options.impulse.string(), dry, room);
  if (scene.length() > longest_sound / scene.channels())
    raise<FileError>("{}: expected at most {} samples of the wet sound, found {} in {} channels", scene.dry_name,
                     longest_sound, scene.length(), scene.channels());
}

}  // namespace

RowMatrix<double> Scene::dry_samples(Index length) const {
  RowMatrix<double> samples = RowMatrix<double>::Zero(channels(), length);
  for (Index c = 0; c < channels(); ++c)
    samples.row(c).head(dry.length()) = dry.samples.row(dry.channels() == 1 ? 0 : c).cast<double>();
  return samples;
}

Scene load_scene(const Options& options) {
  Scene scene;
  scene.dry_name = options.input.empty() ? fmt::format("{} recordings in {}", recordings.size(), recordings_folder)
                                         : options.input.string();
  scene.room_name =
      options.impulse.empty() ? fmt::format("synthetic room, seed {}", options.seed) : options.impulse.string();
  scene.dry = options.input.empty() ? read_speech() : read_sound(options.input);
  scene.room = options.impulse.empty() ? make_room(scene.dry.rate, scene.dry.channels(), options.seed)
                                       : read_sound(options.impulse);
  check_pair(options, scene);
  return scene;
}

}  // namespace examples
