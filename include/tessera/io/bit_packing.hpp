// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Integers in as few bits as their range needs.
//
// Bit order: bit b of a stream is bit b mod 8 (counted from the least significant) of byte b / 8, and a value begins
// with its least significant bit. The last byte is filled up with zeros.
//
//   pack_bits, unpack_bits     values below 2^width, `width` bits each
//   pack_radix, unpack_radix   values below any K >= 1, less than 0.53 % above log2 K bits each, apart from the
//   stream's end
//
// A K that is no power of two wastes up to a whole bit per value when values stand alone (7 % for K = 4375). So a block
// of m values v_0 ... v_(m-1) is one number, v_0 + v_1 K + v_2 K^2 + ..., in the smallest number of bits that holds K^m
// - 1, m the largest with K^m <= 2^256. For K up to 2^64, K^m is above 2^192, and less than one bit in 192 is lost. The
// last block holds what is left over, in the bits which that needs. Where K is a power of two both packings are the
// same. Values of several radices follow one another in the same way: a block takes values as long as the product of
// their radices is at most 2^256. Values below 1 need no bits.
//
// How many values there are is not part of a stream. A stream has exactly the bytes its count needs, and the bits that
// carry nothing are zero: everything else is refused with FileError, so that no two streams mean the same values.

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tessera/core/error.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/io/byte_reader.hpp>
#include <tessera/io/byte_writer.hpp>
#include <tessera/io/detail/radix_block.hpp>
#include <tessera/io/file.hpp>

namespace tessera::inline TESSERA_ISA {

/// Integers of 8 to 64 bits.
template <class T>
concept PackedInteger = std::integral<T> && !std::same_as<T, bool> && sizeof(T) <= 8;

/// Bits into bytes.
class BitWriter {
 public:
  BitWriter() = default;
  /// Sets memory aside for so many bytes.
  explicit BitWriter(std::uint64_t bytes) { bytes_.reserve(static_cast<std::size_t>(bytes)); }

  /// Appends the lowest `width` bits of `value`, 0 to 64; the others must be zero.
  void write(std::uint64_t value, int width) {
    if (width == 0) return;
    word_ |= value << filled_;
    filled_ += width;
    if (filled_ < 64) return;
    const std::size_t size = bytes_.size();
    bytes_.resize(size + 8);
    store(word_, bytes_.data() + size);
    filled_ -= 64;
    word_ = filled_ > 0 ? value >> (width - filled_) : 0;
  }

  /// The bytes so far, the last one filled up with zeros. The writer starts anew.
  Bytes take() {
    for (; filled_ > 0; filled_ -= 8, word_ >>= 8) bytes_.push_back(static_cast<std::uint8_t>(word_));
    word_ = 0;
    filled_ = 0;
    return std::exchange(bytes_, {});
  }

 private:
  Bytes bytes_;
  std::uint64_t word_ = 0;
  int filled_ = 0;  // bits of word_, below 64
};

/// Bits out of bytes that belong to somebody else. The caller knows how many there are.
class BitReader {
 public:
  explicit BitReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  /// The next `width` bits, 0 to 64; zeros beyond the end.
  std::uint64_t read(int width) {
    if (width == 0) return 0;
    const std::uint64_t byte = position_ / 8;
    const int offset = static_cast<int>(position_ % 8);
    position_ += static_cast<std::uint64_t>(width);
    std::uint64_t value = 0;
    if (byte + 9 <= bytes_.size()) [[likely]] {
      const std::uint8_t* place = bytes_.data() + byte;
      value = (load<std::uint64_t>(place) >> offset) | ((std::uint64_t{place[8]} << 1) << (63 - offset));
    } else {
      value = (near_end(byte, 8) >> offset) | ((near_end(byte + 8, 1) << 1) << (63 - offset));
    }
    return value & (~std::uint64_t{0} >> (64 - width));
  }

  /// Whether the bits after the last one read, up to its byte's end, are zeros.
  bool rest_is_zero() const {
    const std::uint64_t byte = position_ / 8;
    return position_ % 8 == 0 || byte >= bytes_.size() ||
           (bytes_[static_cast<std::size_t>(byte)] >> (position_ % 8)) == 0;
  }

 private:
  /// The `count` bytes from `byte` on, zeros beyond the end.
  std::uint64_t near_end(std::uint64_t byte, int count) const {
    std::uint64_t word = 0;
    for (int i = 0; i < count && byte + static_cast<std::uint64_t>(i) < bytes_.size(); ++i)
      word |= std::uint64_t{bytes_[static_cast<std::size_t>(byte) + static_cast<std::size_t>(i)]} << (8 * i);
    return word;
  }

  std::span<const std::uint8_t> bytes_;
  std::uint64_t position_ = 0;  // in bits
};

namespace detail {

/// Throws std::out_of_range unless all values are in [0, largest].
template <PackedInteger T>
void check_packed_values(const char* who, std::span<const T> values, std::uint64_t largest, std::uint64_t first = 0) {
  bool good = true;
  for (const T value : values) good &= static_cast<std::uint64_t>(value) <= largest;
  if (good) [[likely]]
    return;
  std::size_t i = 0;
  while (static_cast<std::uint64_t>(values[i]) <= largest) ++i;
  raise<std::out_of_range>("{}: expected values from 0 to {}, found {} at position {}", who, largest, values[i],
                           first + i);
}

/// The 2^k that values of one radix are below, as a width; nothing for other radices.
inline std::optional<int> bits_of_radix(std::uint64_t radix) {
  if (!std::has_single_bit(radix)) return std::nullopt;
  return static_cast<int>(std::countr_zero(radix));
}

/// `count` values split evenly into runs. Values below 1 are left out: they must be all of the values.
inline std::vector<RadixRun> radix_runs(const char* who, std::uint64_t count, std::span<const std::uint64_t> radices) {
  require(!radices.empty() && count % radices.size() == 0,
          "{}: expected as many values of each of at least one radix, found {} values and {} radices", who, count,
          radices.size());
  std::vector<RadixRun> runs;
  for (const std::uint64_t radix : radices) {
    require(radix >= 2 || (radix == 1 && radices.size() == 1),
            "{}: expected radices of at least 2, or a single 1, found {} among {}", who, radix, radices.size());
    if (radix >= 2) runs.push_back({radix, count / radices.size()});
  }
  return runs;
}

/// Bytes for bits; nothing for a number of bits that does not exist.
inline std::optional<std::uint64_t> bytes_for(std::optional<std::uint64_t> bits) {
  if (!bits) return std::nullopt;
  return (*bits + 7) / 8;
}

template <PackedInteger T>
void check_packed_type(const char* who, std::uint64_t largest) {
  require(largest <= static_cast<std::uint64_t>(std::numeric_limits<T>::max()),
          "{}: expected an integer type that holds {}, found one of {} bits", who, largest, 8 * sizeof(T));
}

inline void check_packed_size(std::string_view source, std::size_t found, std::optional<std::uint64_t> expected,
                              std::uint64_t count) {
  if (!expected) raise<FileError>("{}: expected values of fewer than 2^63 bits, found a count of {}", source, count);
  if (found != *expected)
    raise<FileError>("{}: expected {} bytes for {} values, found {}", source, *expected, count, found);
}

inline void check_padding(std::string_view source, const BitReader& reader) {
  if (!reader.rest_is_zero()) raise<FileError>("{}: expected zeros after the last value, found other bits", source);
}

inline Words256 read_number(BitReader& reader, int width) {
  Words256 number = {};
  for (std::size_t i = 0; width > 0; ++i, width -= 64) number[i] = reader.read(std::min(width, 64));
  return number;
}

inline void write_number(BitWriter& writer, const Words256& number, int width) {
  for (std::size_t i = 0; width > 0; ++i, width -= 64) writer.write(number[i], std::min(width, 64));
}

inline void check_width(const char* who, int width) {
  require(width >= 1 && width <= 64, "{}: expected a width of 1 to 64 bits, found {}", who, width);
}

}  // namespace detail

// ---- a fixed number of bits each ----

/// The bytes of `count` values of `width` bits; nothing when the bits are 2^63 or more.
inline std::optional<std::uint64_t> packed_bits_size(std::uint64_t count, int width) {
  detail::check_width("packed_bits_size", width);
  constexpr std::uint64_t limit = (std::uint64_t{1} << 63) - 1;
  if (count > limit / static_cast<std::uint64_t>(width)) return std::nullopt;
  return detail::bytes_for(count * static_cast<std::uint64_t>(width));
}

/// Values below 2^width, `width` bits each: `pack_bits<std::int64_t>(tokens, 10)`. Throws std::invalid_argument unless
/// `width` is 1 to 64 and std::out_of_range, naming the position, on a value that does not fit.
template <PackedInteger T>
Bytes pack_bits(std::span<const T> values, int width) {
  detail::check_width("pack_bits", width);
  detail::check_packed_values("pack_bits", values, ~std::uint64_t{0} >> (64 - width));
  BitWriter writer(packed_bits_size(values.size(), width).value());
  for (const T value : values) writer.write(static_cast<std::uint64_t>(value), width);
  return writer.take();
}

/// The inverse, as many values as `values` has room for. Throws FileError, naming `source`, unless `bytes` are exactly
/// those of so many values, and std::invalid_argument when `T` does not hold them; `values` are then unspecified.
template <PackedInteger T>
void unpack_bits_into(std::span<const std::uint8_t> bytes, int width, std::span<T> values,
                      std::string_view source = "unpack_bits") {
  detail::check_width("unpack_bits", width);
  detail::check_packed_type<T>("unpack_bits", ~std::uint64_t{0} >> (64 - width));
  detail::check_packed_size(source, bytes.size(), packed_bits_size(values.size(), width), values.size());
  BitReader reader(bytes);
  for (T& value : values) value = static_cast<T>(reader.read(width));
  detail::check_padding(source, reader);
}
/// The same, returned: `unpack_bits<std::int64_t>(bytes, 10, count)`. The count is checked before anything is
/// allocated.
template <PackedInteger T>
std::vector<T> unpack_bits(std::span<const std::uint8_t> bytes, int width, std::uint64_t count,
                           std::string_view source = "unpack_bits") {
  detail::check_packed_size(source, bytes.size(), packed_bits_size(count, width), count);
  std::vector<T> values(static_cast<std::size_t>(count));
  unpack_bits_into(bytes, width, std::span<T>(values), source);
  return values;
}

// ---- any radix ----

/// The most values below 1 that unpack_radix returns: they need no bytes that their count could be checked against.
inline constexpr std::uint64_t largest_count_of_ones = std::uint64_t{1} << 24;

/// The bytes of as many values below each of `radices`, `count` in all; nothing when the bits are 2^63 or more. Throws
/// std::invalid_argument like pack_radix.
inline std::optional<std::uint64_t> packed_radix_size(std::uint64_t count, std::span<const std::uint64_t> radices) {
  return detail::bytes_for(detail::radix_bits(detail::radix_runs("packed_radix_size", count, radices)));
}
/// The same for values of one radix.
inline std::optional<std::uint64_t> packed_radix_size(std::uint64_t count, std::uint64_t radix) {
  return packed_radix_size(count, std::span(&radix, 1));
}

/// Values in several radices: the first values.size() / radices.size() below radices[0], as many below radices[1], and
/// so on. Throws std::invalid_argument unless the radices are at least 2 (or one radix of 1) and their number divides
/// that of the values, and std::out_of_range, naming the position, on a value that is not below its radix.
template <PackedInteger T>
Bytes pack_radix(std::span<const T> values, std::span<const std::uint64_t> radices) {
  const auto runs = detail::radix_runs("pack_radix", values.size(), radices);
  const std::size_t each = values.size() / radices.size();
  for (std::size_t r = 0; r < radices.size(); ++r)
    detail::check_packed_values("pack_radix", values.subspan(r * each, each), radices[r] - 1, r * each);
  if (radices.size() == 1) {
    const auto width = detail::bits_of_radix(radices[0]);
    if (width) return *width > 0 ? pack_bits(values, *width) : Bytes();
  }
  BitWriter writer(detail::bytes_for(detail::radix_bits(runs)).value());
  const auto full = [&](const detail::UniformBlock& block, std::uint64_t first, std::uint64_t blocks) {
    const T* place = values.data() + first;
    for (; blocks > 0; --blocks, place += block.size()) detail::write_number(writer, block.join(place), block.width());
  };
  const auto mixed = [&](const detail::RadixBlock& block, std::uint64_t first) {
    detail::write_number(writer, block.join(values.data() + first), block.width());
  };
  detail::for_each_block(runs, full, mixed);
  return writer.take();
}
/// Values below `radix`: `pack_radix<std::int64_t>(tokens, 4375)`.
template <PackedInteger T>
Bytes pack_radix(std::span<const T> values, std::uint64_t radix) {
  return pack_radix(values, std::span<const std::uint64_t>(&radix, 1));
}

/// The inverse, as many values as `values` has room for. Throws FileError, naming `source`, unless `bytes` are exactly
/// those of so many values, and std::invalid_argument when `T` does not hold them; `values` are then unspecified.
template <PackedInteger T>
void unpack_radix_into(std::span<const std::uint8_t> bytes, std::span<const std::uint64_t> radices, std::span<T> values,
                       std::string_view source = "unpack_radix") {
  const auto runs = detail::radix_runs("unpack_radix", values.size(), radices);
  for (const std::uint64_t radix : radices) detail::check_packed_type<T>("unpack_radix", radix - 1);
  if (radices.size() == 1) {
    const auto width = detail::bits_of_radix(radices[0]);
    if (width && *width > 0) return unpack_bits_into(bytes, *width, values, source);
  }
  detail::check_packed_size(source, bytes.size(), detail::bytes_for(detail::radix_bits(runs)), values.size());
  if (runs.empty()) std::fill(values.begin(), values.end(), T(0));
  BitReader reader(bytes);
  bool good = true;
  const auto full = [&](const detail::UniformBlock& block, std::uint64_t first, std::uint64_t blocks) {
    T* place = values.data() + first;
    for (; blocks > 0; --blocks, place += block.size())
      good &= block.split(detail::read_number(reader, block.width()), place);
  };
  const auto mixed = [&](const detail::RadixBlock& block, std::uint64_t first) {
    good &= block.split(detail::read_number(reader, block.width()), values.data() + first);
  };
  detail::for_each_block(runs, full, mixed);
  if (!good) raise<FileError>("{}: expected values below their radices, found a block beyond all of them", source);
  detail::check_padding(source, reader);
}
/// The same for values of one radix.
template <PackedInteger T>
void unpack_radix_into(std::span<const std::uint8_t> bytes, std::uint64_t radix, std::span<T> values,
                       std::string_view source = "unpack_radix") {
  unpack_radix_into(bytes, std::span<const std::uint64_t>(&radix, 1), values, source);
}

/// The same, returned: `unpack_radix<std::int64_t>(bytes, 4375, count)`. The count is checked before anything is
/// allocated: against the bytes, or, for values below 1, against largest_count_of_ones.
template <PackedInteger T>
std::vector<T> unpack_radix(std::span<const std::uint8_t> bytes, std::span<const std::uint64_t> radices,
                            std::uint64_t count, std::string_view source = "unpack_radix") {
  detail::check_packed_size(source, bytes.size(), packed_radix_size(count, radices), count);
  if (radices[0] == 1 && count > largest_count_of_ones)
    raise<FileError>("{}: expected at most {} values below 1, found a count of {}", source, largest_count_of_ones,
                     count);
  std::vector<T> values(static_cast<std::size_t>(count));
  unpack_radix_into(bytes, radices, std::span<T>(values), source);
  return values;
}
template <PackedInteger T>
std::vector<T> unpack_radix(std::span<const std::uint8_t> bytes, std::uint64_t radix, std::uint64_t count,
                            std::string_view source = "unpack_radix") {
  return unpack_radix<T>(bytes, std::span<const std::uint64_t>(&radix, 1), count, source);
}

}  // namespace tessera::inline TESSERA_ISA
