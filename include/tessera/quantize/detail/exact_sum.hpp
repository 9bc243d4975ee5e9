// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Sums of products of floats or doubles without any rounding: a fixed-point integer wide enough for every product of
// two finite doubles (Kulisch, "Computer Arithmetic and Validity", 2008, ch. 8). Only integer instructions touch the
// values, so that no compiler flag can spoil it. It decides what floating point cannot: which of two nearly equal
// distances is smaller.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// A natural number, least significant word first, no zero words on top. Its words stand in place: the comparison of
/// two cosines allocates nothing.
class Natural {
 public:
  static constexpr std::size_t capacity = 256;  // the product of three sums of products has fewer

  Natural() = default;
  Natural(std::size_t size, std::uint64_t word) : size_(size) { std::fill_n(words_, size, word); }
  Natural(const std::uint64_t* words, std::size_t size) : size_(size) { std::copy_n(words, size, words_); }
  Natural(std::initializer_list<std::uint64_t> words) : Natural(words.begin(), words.size()) {}
  Natural(const Natural& other) : Natural(other.words_, other.size_) {}
  Natural& operator=(const Natural& other) {
    size_ = other.size_;
    std::copy_n(other.words_, size_, words_);
    return *this;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::uint64_t& operator[](std::size_t i) { return words_[i]; }
  std::uint64_t operator[](std::size_t i) const { return words_[i]; }
  std::uint64_t* begin() { return words_; }
  std::uint64_t* end() { return words_ + size_; }

  /// Drops zero words on top.
  void trim() {
    while (size_ > 0 && words_[size_ - 1] == 0) --size_;
  }

  friend bool operator==(const Natural& a, const Natural& b) {
    return a.size_ == b.size_ && std::equal(a.words_, a.words_ + a.size_, b.words_);
  }

 private:
  std::size_t size_ = 0;
  std::uint64_t words_[capacity];
};

__extension__ typedef unsigned __int128 Word2;  // two words

/// The schoolbook product.
inline Natural multiply(const Natural& a, const Natural& b) {
  Natural product(a.size() + b.size(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::uint64_t carry = 0;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const Word2 sum = static_cast<Word2>(a[i]) * b[j] + product[i + j] + carry;
      product[i + j] = static_cast<std::uint64_t>(sum);
      carry = static_cast<std::uint64_t>(sum >> 64);
    }
    product[i + b.size()] = carry;
  }
  product.trim();
  return product;
}

/// -1, 0 or 1 as a is less than, equal to or greater than b.
inline int compare(const Natural& a, const Natural& b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  for (std::size_t i = a.size(); i-- > 0;) {
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}

/// The exact value of a running sum of products. Room for 2^60 products of any finite doubles.
class ExactSum {
 public:
  /// Adds sign * a * b * 2^shift; `sign` is 1 or -1, `shift` 0 or 1, a and b are finite.
  template <class Scalar>
  void add_product(Scalar a, Scalar b, int sign = 1, int shift = 0) {
    const Parts pa = split(a);
    const Parts pb = split(b);
    const Word2 product = static_cast<Word2>(pa.mantissa) * pb.mantissa;
    if (product == 0) return;
    const int bit = pa.exponent + pb.exponent + shift;  // >= 0: exponents count from the smallest subnormal
    const std::size_t word = static_cast<std::size_t>(bit / 64);
    const int offset = bit % 64;
    const Word2 low = product << offset;
    const std::uint64_t part[3] = {static_cast<std::uint64_t>(low), static_cast<std::uint64_t>(low >> 64),
                                   offset == 0 ? 0 : static_cast<std::uint64_t>(product >> (128 - offset))};
    if ((pa.negative != pb.negative) == (sign > 0)) {
      subtract(word, part);
    } else {
      add(word, part);
    }
  }

  /// -1, 0 or 1.
  int sign() const {
    if (words_[size - 1] >> 63 != 0) return -1;
    return std::any_of(words_, words_ + size, [](std::uint64_t w) { return w != 0; }) ? 1 : 0;
  }

  /// |sum| in units of 2^-2148.
  Natural magnitude() const {
    Natural n(words_, size);
    if (sign() < 0) {
      std::uint64_t carry = 1;
      for (std::uint64_t& word : n) {
        word = ~word + carry;
        carry = carry != 0 && word == 0 ? 1 : 0;
      }
    }
    n.trim();
    return n;
  }

 private:
  struct Parts {
    std::uint64_t mantissa;
    int exponent;  // of the mantissa's last bit, counted from that of the smallest subnormal
    bool negative;
  };

  static Parts split(float value) {  // by bits: a conversion to double may flush subnormals
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    const int field = static_cast<int>(bits >> 23 & 0xff);
    const std::uint32_t fraction = bits & ((std::uint32_t{1} << 23) - 1);
    constexpr int subnormal = 1074 - 149;
    return {field == 0 ? fraction : fraction | std::uint32_t{1} << 23, subnormal + (field == 0 ? 0 : field - 1),
            bits >> 31 != 0};
  }

  static Parts split(double value) {
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(value);
    const int field = static_cast<int>(bits >> 52 & 0x7ff);
    const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
    return {field == 0 ? fraction : fraction | std::uint64_t{1} << 52, field == 0 ? 0 : field - 1, bits >> 63 != 0};
  }

  void add(std::size_t word, const std::uint64_t (&part)[3]) {
    std::uint64_t carry = 0;
    for (std::size_t i = 0; word < size && (i < 3 || carry != 0); ++i, ++word) {
      const Word2 sum = static_cast<Word2>(words_[word]) + (i < 3 ? part[i] : 0) + carry;
      words_[word] = static_cast<std::uint64_t>(sum);
      carry = static_cast<std::uint64_t>(sum >> 64);
    }
  }

  void subtract(std::size_t word, const std::uint64_t (&part)[3]) {
    std::uint64_t borrow = 0;
    for (std::size_t i = 0; word < size && (i < 3 || borrow != 0); ++i, ++word) {
      const Word2 difference = static_cast<Word2>(words_[word]) - (i < 3 ? part[i] : 0) - borrow;
      words_[word] = static_cast<std::uint64_t>(difference);
      borrow = static_cast<std::uint64_t>(difference >> 64) & 1;
    }
  }

  // Products reach 2^(2 * 2045 + 106) in units of the square of the smallest subnormal; 62 bits above for sums and
  // sign.
  static constexpr std::size_t size = (2 * 2045 + 106 + 1 + 61 + 63) / 64;
  std::uint64_t words_[size] = {};
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
