// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Whole files in and out of memory. A file is written under a temporary name beside its own and then renamed, so that
// a reader, or a program that was interrupted, sees the old content or the new one and never a part of it.

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <tessera/core/error.hpp>
#include <tessera/core/isa.hpp>

namespace tessera {

/// The content of a file.
using Bytes = std::vector<std::uint8_t>;

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {
namespace detail {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using FileHandle = std::unique_ptr<std::FILE, CloseFile>;

[[noreturn]] inline void raise_system(const std::filesystem::path& path, const char* action, int code) {
  raise<FileError>("{}: cannot {} ({})", path.string(), action, std::generic_category().message(code));
}

/// Writes all bytes to an open file and closes it. Returns 0 or what went wrong.
inline int write_and_close(FileHandle file, std::span<const std::uint8_t> bytes) {
  errno = 0;
  const bool written = bytes.empty() || std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size();
  const int code = errno;
  const bool closed = std::fclose(file.release()) == 0;
  if (!written) return code != 0 ? code : EIO;
  if (!closed) return errno != 0 ? errno : EIO;
  return 0;
}

/// Opens a new file beside `target`, under a name that nobody has.
inline FileHandle open_beside(const std::filesystem::path& target, std::filesystem::path& name) {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    name = target;
    name += fmt::format(".{}.tmp", attempt);
    FileHandle file(std::fopen(name.string().c_str(), "wbx"));
    if (file || errno != EEXIST) return file;
  }
  return nullptr;
}

}  // namespace detail

/// The content of a file. Throws FileError, naming the file and the reason, when it cannot be read or is larger than
/// `largest` bytes.
inline Bytes read_file(const std::filesystem::path& path, std::uint64_t largest = std::uint64_t{1} << 36) {
  const detail::FileHandle file(std::fopen(path.string().c_str(), "rb"));
  if (!file) detail::raise_system(path, "open it", errno);
  std::error_code ignored;
  const std::uintmax_t size = std::filesystem::is_regular_file(path, ignored) ? file_size(path, ignored) : 0;
  if (!ignored && size > largest)
    raise<FileError>("{}: expected at most {} bytes, found {}", path.string(), largest, size);
  Bytes bytes;
  bytes.reserve(ignored ? 0 : static_cast<std::size_t>(size) + 1);
  // What is read decides, not the size: pipes and devices have none, and a file may grow meanwhile.
  std::size_t block = std::max<std::size_t>(bytes.capacity(), 65536);
  for (std::size_t found = 0, filled = 0;; block = std::max<std::size_t>(filled, 65536)) {
    bytes.resize(filled + block);
    errno = 0;
    found = std::fread(bytes.data() + filled, 1, block, file.get());
    filled += found;
    if (found < block && std::ferror(file.get()) != 0) detail::raise_system(path, "read it", errno);
    if (filled > largest) raise<FileError>("{}: expected at most {} bytes, found more", path.string(), largest);
    bytes.resize(filled);
    if (found < block) return bytes;
  }
}

/// Makes `bytes` the content of a file: all or nothing. A file that exists keeps its permissions, a symbolic link stays
/// and its target is replaced; a device or a pipe is written directly. Throws FileError, and leaves what was there.
inline void write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  std::error_code ignored;
  const std::filesystem::path target = is_symlink(path, ignored) ? canonical(path, ignored) : path;
  if (target.empty()) raise<FileError>("{}: cannot write it (a link to nothing)", path.string());
  const auto status = std::filesystem::status(target, ignored);
  if (is_directory(status)) detail::raise_system(path, "write it", EISDIR);
  const bool replaceable = is_regular_file(status) || !exists(status);
  std::filesystem::path name = target;
  detail::FileHandle file =
      replaceable ? detail::open_beside(target, name) : detail::FileHandle(std::fopen(target.string().c_str(), "wb"));
  if (!file) detail::raise_system(path, "write it", errno);
  int code = detail::write_and_close(std::move(file), bytes);
  if (!replaceable && code == 0) return;
  if (code == 0) {
    if (exists(status)) permissions(name, status.permissions(), ignored);
    std::error_code renamed;
    rename(name, target, renamed);
    code = renamed.value();
  }
  if (code == 0) return;
  if (replaceable) remove(name, ignored);
  detail::raise_system(path, "write it", code);
}

}  // namespace tessera::inline TESSERA_ISA
