// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/io/byte_writer.hpp>

#include <cstdint>
#include <vector>

#include "support/catch.hpp"

namespace {
using tessera::Bytes;
using tessera::ByteWriter;
}  // namespace

TEST_CASE("numbers are written little-endian, texts and bytes as they are", "[byte_writer]") {
  ByteWriter writer;
  writer.number(std::uint8_t{0xAB});
  writer.number(std::int16_t{-2});
  writer.number(std::uint32_t{0x01020304});
  writer.number(1.0);
  writer.text("hi");
  writer.bytes(std::vector<std::uint8_t>{7, 8});
  const std::vector<std::uint16_t> numbers = {0x0102, 0x0304};
  writer.numbers(std::span<const std::uint16_t>(numbers));
  writer.numbers(std::span<const double>());
  const Bytes expected = {0xAB, 0xFE, 0xFF, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 'h', 'i', 7, 8, 2, 1, 4, 3};
  CHECK(writer.size() == expected.size());
  CHECK(Bytes(writer.view().begin(), writer.view().end()) == expected);
  CHECK(writer.take() == expected);
  CHECK(writer.size() == 0);
  writer.number(std::uint8_t{1});
  CHECK(writer.take() == Bytes{1});
}

TEST_CASE("padding fills up to a multiple, or to some bytes before one", "[byte_writer]") {
  ByteWriter writer;
  writer.pad(8, 9);
  CHECK(writer.size() == 0);
  writer.number(std::uint8_t{1});
  writer.pad(4, 9);
  CHECK(writer.take() == Bytes{1, 9, 9, 9});
  writer.pad(4, 0, 1);
  CHECK(writer.take() == Bytes{0, 0, 0});
}

TEST_CASE("what is stored is loaded again, in either byte order", "[byte_writer]") {
  std::uint8_t bytes[9] = {};
  for (const std::endian order : {std::endian::little, std::endian::big}) {
    tessera::store(std::int64_t{-0x0123456789ABCDEF}, bytes + 1, order);
    CHECK(tessera::load<std::int64_t>(bytes + 1, order) == -0x0123456789ABCDEF);
    tessera::store(-0.0f, bytes + 1, order);
    CHECK(tessera::load<std::uint32_t>(bytes + 1, order) == 0x80000000u);
  }
  tessera::store(std::uint32_t{0x01020304}, bytes, std::endian::big);
  CHECK(Bytes(bytes, bytes + 4) == Bytes{1, 2, 3, 4});
}
