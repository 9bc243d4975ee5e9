// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/io/checksum.hpp>

#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Bytes;
using tessera::Fingerprint;
using tessera::Hash64;
using tessera::Index;
namespace testing = tessera::testing;

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

Bytes random_bytes(std::size_t size, std::uint64_t seed) {
  testing::SplitMix random(seed);
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.bits());
  return bytes;
}

std::uint32_t slow_crc32c(const Bytes& bytes) {
  std::uint32_t remainder = 0xFFFFFFFFu;
  for (const std::uint8_t byte : bytes) {
    remainder ^= byte;
    for (int bit = 0; bit < 8; ++bit) remainder = (remainder >> 1) ^ ((remainder & 1u) != 0 ? 0x82F63B78u : 0u);
  }
  return ~remainder;
}

std::uint64_t hash_of(const Bytes& bytes, std::uint64_t seed = 0) {
  Hash64 hash(seed);
  hash.add(bytes);
  return hash.value();
}

}  // namespace

TEST_CASE("CRC-32C has its published values", "[checksum]") {
  CHECK(tessera::crc32c({}) == 0);
  CHECK(tessera::crc32c(bytes_of("123456789")) == 0xE3069283u);
  // RFC 3720, section B.4
  CHECK(tessera::crc32c(Bytes(32, 0x00)) == 0x8A9136AAu);
  CHECK(tessera::crc32c(Bytes(32, 0xFF)) == 0x62A8AB43u);
  Bytes rising(32), falling(32);
  for (std::size_t i = 0; i < 32; ++i) {
    rising[i] = static_cast<std::uint8_t>(i);
    falling[i] = static_cast<std::uint8_t>(31 - i);
  }
  CHECK(tessera::crc32c(rising) == 0x46DD794Eu);
  CHECK(tessera::crc32c(falling) == 0x113FDB5Cu);
}

TEST_CASE("CRC-32C is the remainder of the division bit by bit, and continues", "[checksum]") {
  for (std::size_t size = 0; size < 70; ++size) {
    const Bytes bytes = random_bytes(size, size);
    CHECK(tessera::crc32c(bytes) == slow_crc32c(bytes));
    const std::span<const std::uint8_t> all(bytes);
    for (std::size_t cut = 0; cut <= size; cut += 7)
      CHECK(tessera::crc32c(all.subspan(cut), tessera::crc32c(all.first(cut))) == slow_crc32c(bytes));
  }
}

TEST_CASE("XXH64 has its published values", "[checksum]") {
  CHECK(hash_of({}) == 0xEF46DB3751D8E999u);
  CHECK(hash_of(bytes_of("a")) == 0xD24EC4F1A98C6E5Bu);
  CHECK(hash_of(bytes_of("abc")) == 0x44BC2CF5AD770999u);
  CHECK(hash_of(bytes_of("Nobody inspects the spammish repetition")) == 0xFBCEA83C8A378BF1u);
}

TEST_CASE("XXH64 does not depend on how the bytes were cut", "[checksum]") {
  const Bytes bytes = random_bytes(200, 1);
  for (std::size_t size : {0u, 3u, 31u, 32u, 33u, 64u, 100u, 200u}) {
    const std::span<const std::uint8_t> all(bytes.data(), size);
    const std::uint64_t whole = hash_of(Bytes(all.begin(), all.end()), 5);
    for (std::size_t piece = 1; piece < 70; ++piece) {
      Hash64 hash(5);
      for (std::size_t i = 0; i < size; i += piece) hash.add(all.subspan(i, std::min(piece, size - i)));
      CHECK(hash.value() == whole);
      CHECK(hash.value() == whole);  // asking changes nothing
    }
  }
  CHECK(hash_of(bytes, 1) != hash_of(bytes, 2));
}

TEST_CASE("fingerprints tell apart what differs in value, type, order or division", "[checksum]") {
  const float numbers[] = {1, 2, 3, 4, 5, 6};
  const auto batch = [&](Index count, Index dimension) {
    return tessera::Batch<const float>(numbers, count, dimension);
  };
  std::set<std::uint64_t> found;
  found.insert(Fingerprint().value());
  found.insert(Fingerprint().add("").value());
  found.insert(Fingerprint().add("ab").add("c").value());
  found.insert(Fingerprint().add("a").add("bc").value());
  found.insert(Fingerprint().add("abc").value());
  found.insert(Fingerprint().add(std::int32_t{1}).value());
  found.insert(Fingerprint().add(std::uint32_t{1}).value());
  found.insert(Fingerprint().add(std::int64_t{1}).value());
  found.insert(Fingerprint().add(1.0f).value());
  found.insert(Fingerprint().add(1.0).value());
  found.insert(Fingerprint().add(0.0).value());
  found.insert(Fingerprint().add(-0.0).value());
  found.insert(Fingerprint().add(batch(2, 3)).value());
  found.insert(Fingerprint().add(batch(3, 2)).value());
  found.insert(Fingerprint().add(batch(1, 6)).value());
  found.insert(Fingerprint().add(batch(0, 6)).value());
  CHECK(found.size() == 16);
}

TEST_CASE("a fingerprint is that of the values: strides do not matter, and it never changes", "[checksum]") {
  const tessera::RowMatrix<double> matrix = testing::random_integers<double>(5, 70, 1, -9, 9);
  tessera::RowMatrix<double> wide = tessera::RowMatrix<double>::Constant(5, 80, 7);
  wide.leftCols(70) = matrix;
  const std::uint64_t value = Fingerprint().add(tessera::rows(matrix)).value();
  CHECK(Fingerprint().add(tessera::Batch<const double>(wide.data(), 5, 70, 80)).value() == value);
  wide(4, 69) += 1;
  CHECK(Fingerprint().add(tessera::Batch<const double>(wide.data(), 5, 70, 80)).value() != value);
  // From the definition: eight bytes of size, one of type, the bytes of the values.
  CHECK(Fingerprint().add("vq").value() == hash_of({2, 0, 0, 0, 0, 0, 0, 0, 0, 'v', 'q'}));
  CHECK(Fingerprint().add(std::uint16_t{258}).value() == hash_of({1, 0, 0, 0, 0, 0, 0, 0, 0x32, 2, 1}));
}
