// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Numbers out of bytes, in a stated byte order on any machine, with every length checked against what is left: the
// cursor that all parsers of binary files share.

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tessera/core/error.hpp>
#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {

/// A number that files hold: an integer of 8 to 64 bits, float or double.
template <class T>
concept FileNumber = std::is_arithmetic_v<T> && !std::is_same_v<T, bool> && sizeof(T) <= 8;

namespace detail {

template <class T>
using WordOf = std::conditional_t<sizeof(T) == 1, std::uint8_t,
                                  std::conditional_t<sizeof(T) == 2, std::uint16_t,
                                                     std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>>;

/// The bytes of a word in the other order.
template <class Word>
constexpr Word reversed(Word word) {
  if constexpr (sizeof(Word) == 2) return __builtin_bswap16(word);
  if constexpr (sizeof(Word) == 4) return __builtin_bswap32(word);
  if constexpr (sizeof(Word) == 8) return __builtin_bswap64(word);
  return word;
}

}  // namespace detail

/// The number whose sizeof(T) bytes stand at `bytes`, which need not be aligned.
template <FileNumber T>
T load(const std::uint8_t* bytes, std::endian order = std::endian::little) {
  detail::WordOf<T> word = 0;
  std::memcpy(&word, bytes, sizeof(T));
  return std::bit_cast<T>(order == std::endian::native ? word : detail::reversed(word));
}

/// values[i] = the i-th number of `bytes`. There are sizeof(T) bytes per value.
template <FileNumber T>
void load_into(const std::uint8_t* bytes, std::span<T> values, std::endian order = std::endian::little) {
  if (order == std::endian::native) {
    if (!values.empty()) std::memcpy(values.data(), bytes, values.size_bytes());
    return;
  }
  for (T& value : values) {
    value = load<T>(bytes, order);
    bytes += sizeof(T);
  }
}

/// A cursor over bytes that belong to somebody else. Every read that would pass the end throws FileError and names the
/// source.
class ByteReader {
 public:
  /// `source` is what errors name, usually the path.
  ByteReader(std::span<const std::uint8_t> bytes, std::string source) : bytes_(bytes), source_(std::move(source)) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }
  const std::string& source() const { return source_; }

  /// Throws FileError: the source, then the reason.
  template <class... Arguments>
  [[noreturn, gnu::cold, gnu::noinline]] void fail(fmt::format_string<Arguments...> format,
                                                   Arguments&&... arguments) const {
    throw FileError(source_ + ": " + fmt::format(format, std::forward<Arguments>(arguments)...));
  }

  /// The next `size` bytes, as a view. `what` is named when they are not there.
  std::span<const std::uint8_t> bytes(std::uint64_t size, const char* what) {
    if (size > remaining()) [[unlikely]]
      fail("expected {} bytes of {} at byte {}, found {} (truncated?)", size, what, position_, remaining());
    const auto found = bytes_.subspan(position_, static_cast<std::size_t>(size));
    position_ += found.size();
    return found;
  }

  /// The next number, little-endian.
  template <FileNumber T>
  T number(const char* what) {
    return load<T>(bytes(sizeof(T), what).data());
  }

  /// The next `count` numbers, little-endian. Nothing is allocated before they are known to be there.
  template <FileNumber T>
  std::vector<T> numbers(std::uint64_t count, const char* what) {
    if (count > remaining() / sizeof(T)) [[unlikely]]
      fail("expected {} numbers of {} bytes ({}) at byte {}, found {} bytes (truncated?)", count, sizeof(T), what,
           position_, remaining());
    std::vector<T> values(static_cast<std::size_t>(count));
    load_into(bytes(count * sizeof(T), what).data(), std::span<T>(values));
    return values;
  }

  /// The next `size` bytes as text, whatever they are.
  std::string text(std::uint64_t size, const char* what) {
    const auto found = bytes(size, what);
    return {found.begin(), found.end()};
  }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t position_ = 0;
  std::string source_;
};

}  // namespace tessera::inline TESSERA_ISA
