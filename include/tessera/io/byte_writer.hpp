// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Numbers into bytes, in a stated byte order on any machine: the counterpart of io/byte_reader.hpp.

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include <tessera/core/error.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/io/byte_reader.hpp>
#include <tessera/io/file.hpp>

namespace tessera::inline TESSERA_ISA {

/// Writes the sizeof(T) bytes of `value` to `bytes`, which need not be aligned.
template <FileNumber T>
void store(T value, std::uint8_t* bytes, std::endian order = std::endian::little) {
  auto word = std::bit_cast<detail::WordOf<T>>(value);
  if (order != std::endian::native) word = detail::reversed(word);
  std::memcpy(bytes, &word, sizeof(T));
}

/// Bytes that grow. Numbers are little-endian.
class ByteWriter {
 public:
  std::size_t size() const { return bytes_.size(); }
  std::span<const std::uint8_t> view() const { return bytes_; }
  /// What was written; the writer starts anew.
  Bytes take() { return std::exchange(bytes_, {}); }

  void bytes(std::span<const std::uint8_t> values) { append(values.data(), values.size()); }
  void text(std::string_view value) { append(value.data(), value.size()); }

  template <FileNumber T>
  void number(T value) {
    store(value, grow(sizeof(T)));
  }

  template <FileNumber T>
  void numbers(std::span<const T> values) {
    std::uint8_t* place = grow(values.size_bytes());
    if constexpr (std::endian::native == std::endian::little) {
      if (!values.empty()) std::memcpy(place, values.data(), values.size_bytes());
    } else {
      for (const T value : values) {
        store(value, place);
        place += sizeof(T);
      }
    }
  }

  /// Appends `fill` until the size is a multiple of `alignment`, or one short of it by `short_of`.
  void pad(std::size_t alignment, std::uint8_t fill, std::size_t short_of = 0) {
    while ((bytes_.size() + short_of) % alignment != 0) bytes_.push_back(fill);
  }

 private:
  void append(const void* from, std::size_t size) {
    if (size > 0) std::memcpy(grow(size), from, size);
  }

  std::uint8_t* grow(std::size_t size) {
    bytes_.resize(bytes_.size() + size);
    return bytes_.data() + (bytes_.size() - size);
  }

  Bytes bytes_;
};

}  // namespace tessera::inline TESSERA_ISA
