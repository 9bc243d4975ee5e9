// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "support/sound.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include <sndfile.h>

#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/io/file.hpp>

namespace examples {
namespace {

using tessera::FileError;
using tessera::raise;

// ---- a file in memory, as libsndfile calls it; nothing here throws through its C ----

struct Memory {
  tessera::Bytes bytes;
  sf_count_t place = 0;

  sf_count_t size() const { return static_cast<sf_count_t>(bytes.size()); }
};

Memory& memory_of(void* user) { return *static_cast<Memory*>(user); }

sf_count_t memory_size(void* user) { return memory_of(user).size(); }

sf_count_t seek_memory(sf_count_t offset, int whence, void* user) {
  Memory& memory = memory_of(user);
  const sf_count_t from = whence == SEEK_CUR ? memory.place : whence == SEEK_END ? memory.size() : 0;
  if (offset < -from || offset > memory.size() - from) return -1;
  return memory.place = from + offset;
}

sf_count_t read_memory(void* target, sf_count_t count, void* user) {
  Memory& memory = memory_of(user);
  count = std::min(count, memory.size() - memory.place);
  if (count <= 0) return 0;
  std::memcpy(target, memory.bytes.data() + memory.place, static_cast<std::size_t>(count));
  memory.place += count;
  return count;
}

/// Grows up to what was reserved, so that it never allocates.
sf_count_t write_memory(const void* source, sf_count_t count, void* user) {
  Memory& memory = memory_of(user);
  const auto end = static_cast<std::size_t>(memory.place + count);
  if (count <= 0 || end > memory.bytes.capacity()) return 0;
  if (end > memory.bytes.size()) memory.bytes.resize(end);
  std::memcpy(memory.bytes.data() + memory.place, source, static_cast<std::size_t>(count));
  memory.place += count;
  return count;
}

sf_count_t tell_memory(void* user) { return memory_of(user).place; }

struct CloseSound {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using SoundHandle = std::unique_ptr<SNDFILE, CloseSound>;

SoundHandle open_memory(Memory& memory, int mode, SF_INFO& info) {
  SF_VIRTUAL_IO calls{memory_size, seek_memory, read_memory, write_memory, tell_memory};
  return SoundHandle(sf_open_virtual(&calls, mode, &info, &memory));
}

// ---- checks ----

/// A RIFF file says how long it is after its first word; libsndfile does not mind if the end is missing. Programs that
/// write to a pipe put a number there that is larger than any file of theirs.
void check_whole(const std::filesystem::path& path, const tessera::Bytes& bytes) {
  constexpr std::uint64_t unknown = 0x7ff00000u;
  if (bytes.size() < 8 || std::memcmp(bytes.data(), "RIFF", 4) != 0) return;
  std::uint64_t said = 0;
  for (std::size_t i = 0; i < 4; ++i) said |= std::uint64_t{bytes[4 + i]} << (8 * i);
  // An odd chunk's last byte is padding, which some programs count and do not write.
  if (said < unknown && said + 8 > bytes.size() + 1)
    raise<FileError>("{}: expected a WAV of {} bytes, found {} (truncated?)", path.string(), said + 8, bytes.size());
}

void check_finite(const std::filesystem::path& path, const RowMatrix<float>& samples) {
  if (const std::optional<tessera::Position> found = tessera::first_non_finite(tessera::rows(samples)))
    raise<FileError>("{}: expected finite samples, found {} at sample {} of channel {}", path.string(),
                     tessera::detail::non_finite_name(samples(found->vector, found->component)), found->component,
                     found->vector);
}

/// All samples, channels side by side. What is read decides how many there are, not what the file says.
std::vector<float> read_frames(const std::filesystem::path& path, SNDFILE* file, Index channels) {
  constexpr Index frames_at_once = 65536;
  std::vector<float> samples;
  for (sf_count_t found = frames_at_once; found == frames_at_once;) {
    const std::size_t filled = samples.size();
    samples.resize(filled + static_cast<std::size_t>(frames_at_once * channels));
    found = std::clamp<sf_count_t>(sf_readf_float(file, samples.data() + filled, frames_at_once), 0, frames_at_once);
    samples.resize(filled + static_cast<std::size_t>(found * channels));
    if (sf_error(file) != SF_ERR_NO_ERROR)
      raise<FileError>("{}: expected a sound that can be decoded, found: {}", path.string(), sf_strerror(file));
    if (static_cast<Index>(samples.size()) > longest_sound)
      raise<FileError>("{}: expected at most {} samples, found more", path.string(), longest_sound);
  }
  return samples;
}

}  // namespace

Sound read_sound(const std::filesystem::path& path) {
  Memory memory{tessera::read_file(path)};
  check_whole(path, memory.bytes);
  SF_INFO info{};
  const SoundHandle file = open_memory(memory, SFM_READ, info);
  if (file == nullptr)
    raise<FileError>("{}: expected a sound (WAV, or what else libsndfile reads), found: {}", path.string(),
                     sf_strerror(nullptr));
  const Index channels = info.channels;
  const std::vector<float> frames = read_frames(path, file.get(), channels);
  if (frames.empty()) raise<FileError>("{}: expected samples, found none", path.string());
  const auto length = static_cast<Index>(frames.size()) / channels;
  Sound sound{info.samplerate, Eigen::Map<const RowMatrix<float>>(frames.data(), length, channels).transpose()};
  check_finite(path, sound.samples);
  return sound;
}

void write_wav(const std::filesystem::path& path, const Sound& sound) {
  constexpr std::size_t headers = 4096;  // bytes at most
  check_finite(path, sound.samples);
  if (sound.samples.size() > longest_sound)
    raise<FileError>("{}: expected at most {} samples, found {}", path.string(), longest_sound, sound.samples.size());
  Memory memory;
  memory.bytes.reserve(headers + sizeof(float) * static_cast<std::size_t>(sound.samples.size()));
  SF_INFO info{};
  info.samplerate = sound.rate;
  info.channels = static_cast<int>(sound.channels());
  info.format = SF_FORMAT_WAV | SF_FORMAT_FLOAT;
  SoundHandle file = open_memory(memory, SFM_WRITE, info);
  if (file == nullptr) raise<FileError>("{}: cannot write it ({})", path.string(), sf_strerror(nullptr));
  sf_command(file.get(), SFC_SET_ADD_PEAK_CHUNK, nullptr, SF_FALSE);  // it would hold the time of day
  const RowMatrix<float> frames = sound.samples.transpose();
  if (sf_writef_float(file.get(), frames.data(), sound.length()) != sound.length())
    raise<FileError>("{}: cannot write it ({})", path.string(), sf_strerror(file.get()));
  if (sf_close(file.release()) != 0) raise<FileError>("{}: cannot write it (no end)", path.string());
  tessera::write_file(path, memory.bytes);
}

}  // namespace examples
