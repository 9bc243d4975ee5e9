// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Values in mixed radices, joined into numbers of up to 256 bits: v_0 + r_0 (v_1 + r_1 (v_2 + ...)) for values v_i
// below their radices r_i. A block takes as many values as keep the product of the radices at 2^256 or below, and
// occupies the bits that hold the product less one.
//
// Where all radices are the same K, j values at a time are joined in one 64-bit word, K^j < 2^64, and the words then in
// the number: that is the same sum, with a long multiplication for every j values only. Taking it apart divides by K^j
// and K with precomputed reciprocals (N. Moeller and T. Granlund, Improved division by invariant integers, 2011,
// algorithm 4).

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

__extension__ using Wide = unsigned __int128;

/// A number of 256 bits, least significant word first.
using Words256 = std::array<std::uint64_t, 4>;

/// number = number * factor + addend; returns what does not fit.
inline std::uint64_t multiply_add(Words256& number, std::uint64_t factor, std::uint64_t addend) {
  std::uint64_t carry = addend;
  for (std::uint64_t& word : number) {
    const Wide product = static_cast<Wide>(word) * factor + carry;
    word = static_cast<std::uint64_t>(product);
    carry = static_cast<std::uint64_t>(product >> 64);
  }
  return carry;
}

inline int bit_width(const Words256& number) {
  for (std::size_t i = number.size(); i-- > 0;) {
    if (number[i] != 0) return static_cast<int>(64 * i) + static_cast<int>(std::bit_width(number[i]));
  }
  return 0;
}

/// Divides by a number that is at least 2 again and again.
class Divisor {
 public:
  explicit Divisor(std::uint64_t divisor)
      : divisor_(divisor),
        quick_(~std::uint64_t{0} / divisor),
        shift_(static_cast<int>(std::countl_zero(divisor))),
        shifted_(divisor << shift_),
        reciprocal_(static_cast<std::uint64_t>(~Wide{0} / shifted_)) {}  // without its leading one, 2^64

  /// number = number / divisor; returns the remainder.
  std::uint64_t divide(std::uint64_t& number) const {
    std::uint64_t quotient = static_cast<std::uint64_t>((static_cast<Wide>(number) * quick_) >> 64);
    std::uint64_t remainder = number - quotient * divisor_;
    if (remainder >= divisor_) {  // the reciprocal is rounded down: the quotient is right or one too small
      remainder -= divisor_;
      ++quotient;
    }
    number = quotient;
    return remainder;
  }

  std::uint64_t divide(Words256& number) const {
    std::uint64_t remainder = high_bits(number[3]);
    for (std::size_t i = number.size(); i-- > 0;) {
      const std::uint64_t low = i > 0 ? high_bits(number[i - 1]) : 0;
      number[i] = step(remainder, (number[i] << shift_) | low);
    }
    return remainder >> shift_;
  }

 private:
  /// The bits that the normalising shift moves into the next word.
  std::uint64_t high_bits(std::uint64_t word) const { return (word >> 1) >> (63 - shift_); }

  /// One digit of the quotient of (remainder, low) by the shifted divisor.
  std::uint64_t step(std::uint64_t& remainder, std::uint64_t low) const {
    const Wide estimate = static_cast<Wide>(reciprocal_) * remainder + ((static_cast<Wide>(remainder) << 64) | low);
    std::uint64_t quotient = static_cast<std::uint64_t>(estimate >> 64) + 1;
    std::uint64_t rest = low - quotient * shifted_;
    if (rest > static_cast<std::uint64_t>(estimate)) {
      --quotient;
      rest += shifted_;
    }
    if (rest >= shifted_) [[unlikely]] {
      ++quotient;
      rest -= shifted_;
    }
    remainder = rest;
    return quotient;
  }

  std::uint64_t divisor_;
  std::uint64_t quick_;
  int shift_;
  std::uint64_t shifted_;
  std::uint64_t reciprocal_;
};

/// A block under construction, of radices that are at least 2 each.
class RadixBlock {
 public:
  /// Takes one more value of this radix; false, and nothing changed, when the block is full.
  bool add(std::uint64_t radix) {
    Words256 largest = largest_;  // (largest + 1) radix - 1
    if (multiply_add(largest, radix, radix - 1) != 0) return false;
    largest_ = largest;
    radices_[size_++] = radix;
    return true;
  }

  std::size_t size() const { return size_; }
  int width() const { return bit_width(largest_); }
  void clear() {
    size_ = 0;
    largest_ = {};
  }

  template <class T>
  Words256 join(const T* values) const {
    Words256 number = {};
    for (std::size_t i = size_; i-- > 0;) multiply_add(number, radices_[i], static_cast<std::uint64_t>(values[i]));
    return number;
  }

  /// False when the number is not below the product of the radices.
  template <class T>
  bool split(Words256 number, T* values) const {
    for (std::size_t i = 0; i < size_; ++i) values[i] = static_cast<T>(Divisor(radices_[i]).divide(number));
    return number == Words256{};
  }

 private:
  std::array<std::uint64_t, 256> radices_{};
  std::size_t size_ = 0;
  Words256 largest_ = {};
};

/// A full block of one radix K >= 2.
class UniformBlock {
 public:
  explicit UniformBlock(std::uint64_t radix) : radix_(radix), divisor_(radix), group_divisor_(group_power(radix)) {
    RadixBlock block;
    while (block.add(radix)) continue;
    size_ = block.size();
    width_ = block.width();
    group_ = 0;
    for (std::uint64_t power = group_power(radix); power > 1; power /= radix) ++group_;
  }

  std::size_t size() const { return size_; }
  int width() const { return width_; }

  template <class T>
  Words256 join(const T* values) const {
    const std::size_t groups = size_ / group_;
    Words256 number = {word(values + groups * group_, size_ % group_), 0, 0, 0};
    const std::uint64_t power = group_power_;
    for (std::size_t g = groups; g-- > 0;) multiply_add(number, power, word(values + g * group_, group_));
    return number;
  }

  /// False when the number is not below the power of the radix.
  template <class T>
  bool split(Words256 number, T* values) const {
    const std::size_t groups = size_ / group_;
    for (std::size_t g = 0; g < groups; ++g) {
      std::uint64_t rest = group_divisor_.divide(number);
      split_word(rest, values + g * group_, group_);
    }
    split_word(number[0], values + groups * group_, size_ % group_);
    return number == Words256{};
  }

 private:
  /// The largest power below 2^64.
  static std::uint64_t group_power(std::uint64_t radix) {
    std::uint64_t power = radix;
    while (power <= ~std::uint64_t{0} / radix) power *= radix;
    return power;
  }

  template <class T>
  std::uint64_t word(const T* values, std::size_t count) const {
    std::uint64_t sum = 0;
    for (std::size_t i = count; i-- > 0;) sum = sum * radix_ + static_cast<std::uint64_t>(values[i]);
    return sum;
  }

  template <class T>
  void split_word(std::uint64_t& word, T* values, std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<T>(divisor_.divide(word));
  }

  std::uint64_t radix_;
  std::uint64_t group_power_ = group_power(radix_);
  Divisor divisor_;
  Divisor group_divisor_;
  std::size_t group_ = 1;  // values in a word
  std::size_t size_ = 0;
  int width_ = 0;
};

/// So many values of a radix.
struct RadixRun {
  std::uint64_t radix = 2;
  std::uint64_t count = 0;
};

/// Goes through the blocks of values that come in runs: calls full(block, first, blocks) for `blocks` full blocks of
/// one radix after another that begin with value `first`, and mixed(block, first) for a block that is shorter or spans
/// runs.
template <class Full, class Mixed>
void for_each_block(std::span<const RadixRun> runs, Full&& full, Mixed&& mixed) {
  RadixBlock block;
  std::uint64_t first = 0;  // value of `block`
  const auto finish = [&] {
    if (block.size() == 0) return;
    mixed(block, first);
    first += block.size();
    block.clear();
  };
  for (const RadixRun& run : runs) {
    std::uint64_t left = run.count;
    while (block.size() > 0 && left > 0 && block.add(run.radix)) --left;
    if (left == 0) continue;
    finish();
    const UniformBlock uniform(run.radix);
    const std::uint64_t blocks = (left - 1) / uniform.size();  // the last one may have room for values of the next run
    if (blocks > 0) full(uniform, first, blocks);
    first += blocks * uniform.size();
    for (left -= blocks * uniform.size(); left > 0; --left) block.add(run.radix);
  }
  finish();
}

/// The bits of all blocks; nothing when they are 2^63 or more.
inline std::optional<std::uint64_t> radix_bits(std::span<const RadixRun> runs) {
  constexpr std::uint64_t limit = std::uint64_t{1} << 63;
  std::uint64_t bits = 0;
  for_each_block(
      runs,
      [&](const UniformBlock& block, std::uint64_t, std::uint64_t blocks) {
        const auto width = static_cast<std::uint64_t>(block.width());
        bits = blocks < (limit - bits) / width ? bits + blocks * width : limit;
      },
      [&](const RadixBlock& block, std::uint64_t) {
        const auto width = static_cast<std::uint64_t>(block.width());
        bits = width < limit - bits ? bits + width : limit;
      });
  if (bits >= limit) return std::nullopt;
  return bits;
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
