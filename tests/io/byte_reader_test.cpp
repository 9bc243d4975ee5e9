// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/io/byte_reader.hpp>

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/message.hpp"

namespace {

using tessera::ByteReader;
using tessera::FileError;
namespace testing = tessera::testing;

const std::vector<std::uint8_t> bytes = {0x01, 0x82, 0x03, 0x84, 0x05, 0x86, 0x07, 0x88, 0x09};

}  // namespace

TEST_CASE("numbers are loaded in either byte order from any address", "[byte_reader]") {
  CHECK(tessera::load<std::uint8_t>(bytes.data() + 1) == 0x82);
  CHECK(tessera::load<std::int8_t>(bytes.data() + 1) == -126);
  CHECK(tessera::load<std::uint16_t>(bytes.data() + 1) == 0x0382);
  CHECK(tessera::load<std::uint16_t>(bytes.data() + 1, std::endian::big) == 0x8203);
  CHECK(tessera::load<std::int16_t>(bytes.data() + 1, std::endian::big) == 0x8203 - 0x10000);
  CHECK(tessera::load<std::uint32_t>(bytes.data() + 1) == 0x05840382);
  CHECK(tessera::load<std::uint32_t>(bytes.data() + 1, std::endian::big) == 0x82038405);
  CHECK(tessera::load<std::uint64_t>(bytes.data() + 1) == 0x0988078605840382);
  CHECK(tessera::load<std::uint64_t>(bytes.data() + 1, std::endian::big) == 0x8203840586078809);
  const std::uint8_t one[] = {0x3F, 0xF0, 0, 0, 0, 0, 0, 0};
  CHECK(tessera::load<double>(one, std::endian::big) == 1.0);
  const std::uint8_t minus_two[] = {0, 0, 0, 0xC0};
  CHECK(tessera::load<float>(minus_two) == -2.0f);
}

TEST_CASE("many numbers are loaded as one by one", "[byte_reader]") {
  for (const std::endian order : {std::endian::little, std::endian::big}) {
    std::vector<std::uint16_t> values(4);
    tessera::load_into(bytes.data() + 1, std::span(values), order);
    for (std::size_t i = 0; i < 4; ++i)
      CHECK(values[i] == tessera::load<std::uint16_t>(bytes.data() + 1 + 2 * i, order));
  }
  tessera::load_into(nullptr, std::span<double>());
}

TEST_CASE("a reader goes through the bytes and says where it is", "[byte_reader]") {
  ByteReader reader(bytes, "a.bin");
  CHECK(reader.source() == "a.bin");
  CHECK(reader.remaining() == 9);
  CHECK(reader.number<std::uint16_t>("a") == 0x8201);
  CHECK(reader.position() == 2);
  CHECK(reader.numbers<std::int8_t>(2, "b") == std::vector<std::int8_t>{3, -124});
  CHECK(reader.text(1, "c") == "\x05");
  CHECK(reader.bytes(3, "d").data() == bytes.data() + 5);
  CHECK(reader.bytes(0, "e").empty());
  CHECK(reader.numbers<double>(0, "f").empty());
  CHECK(reader.remaining() == 1);
}

TEST_CASE("a read that would pass the end throws, names everything, and moves nothing", "[byte_reader]") {
  ByteReader reader(bytes, "a.bin");
  reader.number<std::uint32_t>("start");
  const std::string whole = "a.bin: expected 8 bytes of sum at byte 4, found 5 (truncated?)";
  CHECK(testing::message_of<FileError>([&] { reader.number<double>("sum"); }) == whole);
  CHECK(testing::message_of<FileError>([&] { reader.text(~std::uint64_t{0}, "name"); }) ==
        "a.bin: expected 18446744073709551615 bytes of name at byte 4, found 5 (truncated?)");
  CHECK(testing::message_of<FileError>([&] { reader.numbers<std::uint32_t>(2, "rows"); }) ==
        "a.bin: expected 2 numbers of 4 bytes (rows) at byte 4, found 5 bytes (truncated?)");
  // 2^62 + 1 numbers of four bytes: the product of the two is 4 in 64 bits
  CHECK_THROWS_MESSAGE(FileError, reader.numbers<std::uint32_t>((std::uint64_t{1} << 62) + 1, "rows"),
                       "expected 4611686018427387905 numbers");
  CHECK(reader.position() == 4);
  CHECK(testing::message_of<FileError>([&] { reader.fail("expected {}, found {}", 1, "two"); }) ==
        "a.bin: expected 1, found two");
}
