// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Integers in as few bits as their range needs.
//
// Bit order: bit b of a stream is bit b mod 8 (counted from the least significant) of byte b / 8, and a value begins with
// its least significant bit. The last byte is filled up with zeros.
//
//   pack_bits, unpack_bits   values below 2^width, `width` bits each
//   pack_radix, unpack_radix values below any K >= 2, less than 0.53 % above log2 K bits each, apart from the stream's end
//
// A K that is no power of two wastes up to a whole bit per value when values stand alone (7 % for K = 4375). So a block of
// m values v_0 ... v_(m-1) is one number, v_0 + v_1 K + v_2 K^2 + ..., in the smallest number of bits that holds K^m - 1.
// The block is as long as four 64-bit words allow: j is the largest number of values with K^j <= 2^64, g the largest with
// (K^j)^g <= 2^256, m = g j. Then K^m > 2^192, and less than one bit in 192 is lost. The last block holds what is left
// over, in the bits which that needs. Where K is a power of two both packings are the same.
//
// How many values there are is not part of a stream. A stream has exactly the bytes its count needs, and the bits that
// carry nothing are zero: everything else is refused with FileError.

#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include <tessera/core/error.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/io/file.hpp>

namespace tessera::inline TESSERA_ISA {

/// Bits into bytes.
class BitWriter {
 public:
  /// Appends the lowest `width` <= 64 bits of `value`; the others must be zero.
  void write(std::uint64_t value, int width) {
    if (width == 0) return;
    word_ |= value << filled_;
    if (filled_ + width < 64) {
      filled_ += width;
      return;
    }
    const int written = 64 - filled_;
    flush(8);
    word_ = written < 64 ? value >> written : 0;
    filled_ = width - written;
  }

  /// The bytes so far, the last one filled up with zeros. The writer starts anew.
  Bytes take() {
    flush((filled_ + 7) / 8);
    word_ = 0;
    filled_ = 0;
    return std::exchange(bytes_, {});
  }

 private:
  void flush(int count) {
    for (int i = 0; i < count; ++i) bytes_.push_back(static_cast<std::uint8_t>(word_ >> (8 * i)));
  }

  Bytes bytes_;
  std::uint64_t word_ = 0;
  int filled_ = 0;  // bits of word_, below 64
};

/// Bits out of bytes that belong to somebody else. The caller knows how many there are.
class BitReader {
 public:
  explicit BitReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  /// The next `width` <= 64 bits; zeros beyond the end.
  std::uint64_t read(int width) {
    std::uint64_t value = 0;
    for (int filled = 0; filled < width;) {
      const int offset = static_cast<int>(position_ % 8);
      const int taken = std::min(8 - offset, width - filled);
      const std::uint64_t byte = position_ / 8 < bytes_.size() ? bytes_[static_cast<std::size_t>(position_ / 8)] : 0u;
      value |= ((byte >> offset) & ((1u << taken) - 1)) << filled;
      filled += taken;
      position_ += static_cast<std::uint64_t>(taken);
    }
    return value;
  }

  /// Whether the bits after the last one read, up to its byte's end, are zeros.
  bool rest_is_zero() const {
    return position_ % 8 == 0 || (bytes_[static_cast<std::size_t>(position_ / 8)] >> (position_ % 8)) == 0;
  }

 private:
  std::span<const std::uint8_t> bytes_;
  std::uint64_t position_ = 0;
};

namespace detail {

using Words256 = std::array<std::uint64_t, 4>;  // least significant first
__extension__ using Wide = unsigned __int128;

/// number = number * factor + addend; the result fits.
inline void multiply_add(Words256& number, std::uint64_t factor, std::uint64_t addend) {
  std::uint64_t carry = addend;
  for (std::uint64_t& word : number) {
    const Wide product = static_cast<Wide>(word) * factor + carry;
    word = static_cast<std::uint64_t>(product);
    carry = static_cast<std::uint64_t>(product >> 64);
  }
}

/// number = number / divisor; returns the remainder.
inline std::uint64_t divide(Words256& number, std::uint64_t divisor) {
  std::uint64_t remainder = 0;
  for (std::size_t i = number.size(); i-- > 0;) {
    if (remainder == 0) {  // also spares the leading zeros the slow division
      remainder = number[i] % divisor;
      number[i] /= divisor;
      continue;
    }
    const Wide part = (static_cast<Wide>(remainder) << 64) | number[i];
    number[i] = static_cast<std::uint64_t>(part / divisor);
    remainder = static_cast<std::uint64_t>(part % divisor);
  }
  return remainder;
}

inline int bit_width(const Words256& number) {
  for (std::size_t i = number.size(); i-- > 0;) {
    if (number[i] != 0) return static_cast<int>(64 * i) + static_cast<int>(std::bit_width(number[i]));
  }
  return 0;
}

/// The bits that hold K^count - 1, where K^count <= 2^256.
inline int radix_width(std::uint64_t radix, std::uint64_t count) {
  Words256 largest = {};  // K^(i+1) - 1 = (K^i - 1) K + (K - 1)
  for (std::uint64_t i = 0; i < count; ++i) multiply_add(largest, radix, radix - 1);
  return bit_width(largest);
}

/// How blocks of values below `radix` are made up.
struct RadixBlocks {
  std::uint64_t radix = 2;
  std::uint64_t digits = 0;   // values in a group: radix^digits <= 2^64
  std::uint64_t groups = 0;   // groups in a block
  std::uint64_t power = 0;    // radix^digits, 0 standing for 2^64
  int width = 0;              // bits of a block

  explicit RadixBlocks(std::uint64_t k) : radix(k) {
    Wide product = 1;
    constexpr Wide limit = static_cast<Wide>(1) << 64;
    for (; product * radix <= limit; ++digits) product *= radix;
    power = static_cast<std::uint64_t>(product);
    groups = 4;
    if (power != 0) {  // (power^groups - 1 still fits, and one more group does not)
      Words256 largest = {};
      for (groups = 0; room_for(largest); ++groups) multiply_add(largest, power, power - 1);
    }
    width = power == 0 ? 256 : radix_width(power, groups);
  }

  std::uint64_t block() const { return digits * groups; }

  /// The bytes of `count` values; nothing when their number of bits would be 2^63 or more.
  bool bytes_for(std::uint64_t count, std::uint64_t& bytes) const {
    const std::uint64_t blocks = count / block();
    constexpr std::uint64_t limit = (std::uint64_t{1} << 63) - 512;
    if (blocks > limit / static_cast<std::uint64_t>(width)) return false;
    const auto rest = static_cast<std::uint64_t>(radix_width(radix, count % block()));
    bytes = (blocks * static_cast<std::uint64_t>(width) + rest + 7) / 8;
    return true;
  }

 private:
  /// Whether (largest + 1) * power <= 2^256, for largest + 1 a power of `power`.
  bool room_for(const Words256& largest) const {
    Words256 quotient = {~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0}};
    divide(quotient, power);  // floor((2^256 - 1) / power); largest <= quotient - 1 leaves room
    for (std::size_t i = 4; i-- > 0;) {
      if (largest[i] != quotient[i]) return largest[i] < quotient[i];
    }
    return (power & (power - 1)) == 0 ? false : false;
  }
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
