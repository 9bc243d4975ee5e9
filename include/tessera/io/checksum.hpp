// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Two numbers that stand for bytes. CRC-32C (the polynomial of Castagnoli, 0x1EDC6F41, reflected, as in RFC 3720
// section 12.1) guards files: it finds every change of one to three bits in files of everyday size and every change
// confined to 32 consecutive bits. XXH64 (Y. Collet, the xxHash specification) tells models apart: 64 bits, so that two
// different codebooks share a fingerprint with probability 2^-64. Neither resists an attacker.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include <tessera/core/batch.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/io/byte_reader.hpp>
#include <tessera/io/byte_writer.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

using Crc32cTables = std::array<std::array<std::uint32_t, 256>, 8>;

/// Table k holds the remainders of a byte followed by k zero bytes: eight bytes are reduced at a time.
constexpr Crc32cTables make_crc32c_tables() {
  Crc32cTables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0x82F63B78u : 0u);
    tables[0][byte] = remainder;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

inline constexpr Crc32cTables crc32c_tables = make_crc32c_tables();

}  // namespace detail

/// The CRC-32C of `bytes`, or of `before` bytes followed by them: crc32c(ab) == crc32c(b, crc32c(a)).
inline std::uint32_t crc32c(std::span<const std::uint8_t> bytes, std::uint32_t before = 0) {
  const auto& tables = detail::crc32c_tables;
  std::uint32_t remainder = ~before;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    const std::uint64_t word = load<std::uint64_t>(bytes.data() + i) ^ remainder;
    remainder = 0;
    for (std::size_t k = 0; k < 8; ++k) remainder ^= tables[7 - k][(word >> (8 * k)) & 0xFF];
  }
  for (; i < bytes.size(); ++i) remainder = (remainder >> 8) ^ tables[0][(remainder ^ bytes[i]) & 0xFF];
  return ~remainder;
}

/// XXH64 of bytes that come in pieces of any size: the value does not depend on how they were cut.
class Hash64 {
 public:
  explicit Hash64(std::uint64_t seed = 0) : seed_(seed) {
    lanes_ = {seed + prime_1 + prime_2, seed + prime_2, seed, seed - prime_1};
  }

  /// Appends bytes.
  void add(std::span<const std::uint8_t> bytes) {
    total_ += bytes.size();
    if (buffered_ > 0) {
      const std::size_t taken = std::min(bytes.size(), buffer_.size() - buffered_);
      std::copy_n(bytes.begin(), taken, buffer_.begin() + static_cast<std::ptrdiff_t>(buffered_));
      buffered_ += taken;
      bytes = bytes.subspan(taken);
      if (buffered_ < buffer_.size()) return;
      add_stripe(buffer_.data());
    }
    for (; bytes.size() >= buffer_.size(); bytes = bytes.subspan(buffer_.size())) add_stripe(bytes.data());
    std::copy(bytes.begin(), bytes.end(), buffer_.begin());
    buffered_ = bytes.size();
  }

  /// The hash of all bytes so far.
  std::uint64_t value() const {
    std::uint64_t hash = total_ < buffer_.size() ? seed_ + prime_5 : merged_lanes();
    hash += total_;
    const std::uint8_t* byte = buffer_.data();
    std::size_t left = buffered_;
    for (; left >= 8; left -= 8, byte += 8)
      hash = std::rotl(hash ^ round(0, load<std::uint64_t>(byte)), 27) * prime_1 + prime_4;
    for (; left >= 4; left -= 4, byte += 4)
      hash = std::rotl(hash ^ (load<std::uint32_t>(byte) * prime_1), 23) * prime_2 + prime_3;
    for (; left > 0; --left, ++byte) hash = std::rotl(hash ^ (*byte * prime_5), 11) * prime_1;
    hash = (hash ^ (hash >> 33)) * prime_2;
    hash = (hash ^ (hash >> 29)) * prime_3;
    return hash ^ (hash >> 32);
  }

 private:
  static constexpr std::uint64_t prime_1 = 0x9E3779B185EBCA87;
  static constexpr std::uint64_t prime_2 = 0xC2B2AE3D27D4EB4F;
  static constexpr std::uint64_t prime_3 = 0x165667B19E3779F9;
  static constexpr std::uint64_t prime_4 = 0x85EBCA77C2B2AE63;
  static constexpr std::uint64_t prime_5 = 0x27D4EB2F165667C5;

  static std::uint64_t round(std::uint64_t lane, std::uint64_t word) {
    return std::rotl(lane + word * prime_2, 31) * prime_1;
  }

  void add_stripe(const std::uint8_t* bytes) {
    for (std::size_t k = 0; k < 4; ++k) lanes_[k] = round(lanes_[k], load<std::uint64_t>(bytes + 8 * k));
    buffered_ = 0;
  }

  std::uint64_t merged_lanes() const {
    constexpr int turns[] = {1, 7, 12, 18};
    std::uint64_t hash = 0;
    for (std::size_t k = 0; k < 4; ++k) hash += std::rotl(lanes_[k], turns[k]);
    for (const std::uint64_t lane : lanes_) hash = (hash ^ round(0, lane)) * prime_1 + prime_4;
    return hash;
  }

  std::uint64_t seed_;
  std::array<std::uint64_t, 4> lanes_;
  std::array<std::uint8_t, 32> buffer_{};
  std::size_t buffered_ = 0;
  std::uint64_t total_ = 0;
};

/// The fingerprint of a model: numbers, texts and batches of vectors, in order. What is added carries its type and its
/// size, so that ("ab", "c") and ("a", "bc") differ; equal values have equal fingerprints on every machine.
class Fingerprint {
 public:
  template <FileNumber T>
  Fingerprint& add(T value) {
    tag<T>(1);
    add_numbers(std::span<const T>(&value, 1));
    return *this;
  }

  Fingerprint& add(std::string_view text) {
    tag<char>(text.size());
    hash_.add({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    return *this;
  }
  Fingerprint& add(const char* text) { return add(std::string_view(text)); }

  /// Vectors, bit by bit: +0 and -0 differ. The stride does not matter.
  template <FileNumber T>
  Fingerprint& add(Batch<const T> vectors) {
    tag<T>(static_cast<std::uint64_t>(vectors.count()));
    tag<T>(static_cast<std::uint64_t>(vectors.dimension()));
    for (Index i = 0; i < vectors.count(); ++i)
      add_numbers(std::span<const T>(vectors[i], static_cast<std::size_t>(vectors.dimension())));
    return *this;
  }

  std::uint64_t value() const { return hash_.value(); }

 private:
  template <class T>
  void tag(std::uint64_t size) {
    std::array<std::uint8_t, 9> bytes{};
    store(size, bytes.data());
    const unsigned kind = std::is_floating_point_v<T> ? 1u : std::is_signed_v<T> ? 2u : 3u;
    bytes[8] = static_cast<std::uint8_t>(std::is_same_v<T, char> ? 0u : 16u * kind + sizeof(T));
    hash_.add(bytes);
  }

  template <class T>
  void add_numbers(std::span<const T> values) {
    std::array<std::uint8_t, 512> bytes;
    constexpr std::size_t block = bytes.size() / sizeof(T);
    while (!values.empty()) {
      const auto piece = values.first(std::min(block, values.size()));
      for (std::size_t i = 0; i < piece.size(); ++i) store(piece[i], bytes.data() + i * sizeof(T));
      hash_.add(std::span<const std::uint8_t>(bytes).first(piece.size_bytes()));
      values = values.subspan(piece.size());
    }
  }

  Hash64 hash_;
};

}  // namespace tessera::inline TESSERA_ISA
