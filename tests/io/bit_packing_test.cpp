// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/io/bit_packing.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Bytes;
using tessera::FileError;
using tessera::pack_bits;
using tessera::pack_radix;
using tessera::packed_radix_size;
using tessera::unpack_bits;
using tessera::unpack_radix;
namespace testing = tessera::testing;

template <class T = std::uint64_t>
std::vector<T> random_values(std::size_t count, std::uint64_t radix, std::uint64_t seed) {
  testing::SplitMix random(seed);
  std::vector<T> values(count);
  for (auto& value : values) value = static_cast<T>(radix == 0 ? random.bits() : random.bits() % radix);
  return values;
}

/// Bit b of the stream, from the definition of the order of bits.
bool bit(const Bytes& bytes, std::size_t b) { return ((bytes[b / 8] >> (b % 8)) & 1) != 0; }

/// A number of any size in bits, least significant first: arithmetic that takes no short cut.
class SlowNumber {
 public:
  void multiply_add(std::uint64_t factor, std::uint64_t addend) {
    for (auto& digit : digits_) {
      __extension__ const unsigned __int128 sum = static_cast<unsigned __int128>(digit) * factor + addend;
      digit = static_cast<std::uint32_t>(sum);
      addend = static_cast<std::uint64_t>(sum >> 32);
    }
    for (; addend != 0; addend >>= 32) digits_.push_back(static_cast<std::uint32_t>(addend));
  }
  std::size_t width() const {
    for (std::size_t b = 32 * digits_.size(); b-- > 0;) {
      if (at(b)) return b + 1;
    }
    return 0;
  }
  bool at(std::size_t b) const { return b / 32 < digits_.size() && ((digits_[b / 32] >> (b % 32)) & 1) != 0; }

 private:
  std::vector<std::uint32_t> digits_;
};

/// The stream of values in mixed radices, bit by bit, from the definition of the blocks.
std::vector<bool> slow_stream(const std::vector<std::uint64_t>& values, const std::vector<std::uint64_t>& radices) {
  std::vector<bool> stream;
  for (std::size_t begin = 0, end = 0; begin < values.size(); begin = end) {
    SlowNumber largest;
    for (SlowNumber next = largest; end < values.size(); ++end) {
      next = {};  // the largest number of the block with this value: every value at its largest
      for (std::size_t i = end + 1; i-- > begin;) next.multiply_add(radices[i], radices[i] - 1);
      if (next.width() > 256) break;
      largest = next;
    }
    SlowNumber number;
    for (std::size_t i = end; i-- > begin;) number.multiply_add(radices[i], values[i]);
    for (std::size_t b = 0; b < largest.width(); ++b) stream.push_back(number.at(b));
  }
  return stream;
}

bool is_stream(const Bytes& bytes, const std::vector<bool>& stream) {
  if (bytes.size() != (stream.size() + 7) / 8) return false;
  for (std::size_t b = 0; b < 8 * bytes.size(); ++b) {
    if (bit(bytes, b) != (b < stream.size() && stream[b])) return false;
  }
  return true;
}

template <class Action>
std::string file_error(Action&& action) {
  return testing::message_of<FileError>(std::forward<Action>(action));
}

constexpr std::uint64_t large_radix = std::uint64_t{1} << 63;

}  // namespace

TEST_CASE("bits stand in the order the header describes", "[bit_packing]") {
  CHECK(pack_bits<int>(std::vector<int>{1, 2, 3, 4, 5}, 3) == Bytes{0b11010001, 0b01011000});
  CHECK(pack_bits<std::uint16_t>(std::vector<std::uint16_t>{0xABC, 0x123}, 12) == Bytes{0xBC, 0x3A, 0x12});
  CHECK(pack_bits<std::uint64_t>(std::vector<std::uint64_t>{0x0807060504030201}, 64) == Bytes{1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(pack_bits<int>({}, 5).empty());
}

TEST_CASE("packing and unpacking is the identity for every width and length, without ghost values", "[bit_packing]") {
  for (int width = 1; width <= 64; ++width) {
    for (const std::size_t count : {0u, 1u, 2u, 3u, 7u, 8u, 9u, 17u, 64u, 65u, 101u}) {
      CAPTURE(width, count);
      const auto values = random_values(count, width == 64 ? 0 : std::uint64_t{1} << width, count);
      const Bytes bytes = pack_bits<std::uint64_t>(values, width);
      REQUIRE(bytes.size() == (count * static_cast<std::size_t>(width) + 7) / 8);
      REQUIRE(tessera::packed_bits_size(count, width) == bytes.size());
      REQUIRE(unpack_bits<std::uint64_t>(bytes, width, count) == values);
      bool placed = true;
      for (std::size_t b = 0; b < 8 * bytes.size(); ++b) {
        const std::size_t i = b / static_cast<std::size_t>(width), k = b % static_cast<std::size_t>(width);
        placed = placed && bit(bytes, b) == (i < count && ((values[i] >> k) & 1) != 0);
      }
      REQUIRE(placed);
    }
  }
}

TEST_CASE("integers of every size and sign are packed alike", "[bit_packing]") {
  const auto values = random_values<std::uint8_t>(100, 100, 1);
  const Bytes bytes = pack_bits<std::uint8_t>(values, 7);
  CHECK(pack_bits<std::int8_t>(std::vector<std::int8_t>(values.begin(), values.end()), 7) == bytes);
  CHECK(pack_bits<std::int64_t>(std::vector<std::int64_t>(values.begin(), values.end()), 7) == bytes);
  CHECK(unpack_bits<std::int8_t>(bytes, 7, 100) == std::vector<std::int8_t>(values.begin(), values.end()));
  CHECK(unpack_bits<std::int32_t>(bytes, 7, 100) == std::vector<std::int32_t>(values.begin(), values.end()));
  const Bytes radix = pack_radix<std::uint8_t>(values, 100);
  CHECK(unpack_radix<std::int16_t>(radix, 100, 100) == std::vector<std::int16_t>(values.begin(), values.end()));
  CHECK(unpack_radix<std::int8_t>(radix, 100, 100) == std::vector<std::int8_t>(values.begin(), values.end()));
}

TEST_CASE("a writer and a reader of bits agree whatever the widths, and start anew", "[bit_packing]") {
  testing::SplitMix random(3);
  tessera::BitWriter writer;
  for (int round = 0; round < 2; ++round) {
    std::vector<std::uint64_t> values;
    std::vector<int> widths;
    for (int i = 0; i < 1000; ++i) {
      widths.push_back(static_cast<int>(random.below(65)));
      values.push_back(widths.back() == 0 ? 0 : random.bits() >> (64 - widths.back()));
      writer.write(values.back(), widths.back());
    }
    const Bytes bytes = writer.take();
    tessera::BitReader reader(bytes);
    bool good = true;
    for (std::size_t i = 0; i < values.size(); ++i) good = good && reader.read(widths[i]) == values[i];
    CHECK(good);
    CHECK(reader.rest_is_zero());
    reader.read(8);
    CHECK(reader.read(64) == 0);  // zeros beyond the end
    CHECK(reader.rest_is_zero());
  }
}

TEST_CASE("a block is the number that the values spell, in the bits of the largest", "[bit_packing]") {
  // 5 values below 10: 12345 reversed, 99999 has 17 bits
  CHECK(pack_radix<int>(std::vector<int>{5, 4, 3, 2, 1}, 10) == Bytes{0x39, 0x30, 0x00});
  const std::vector<std::uint64_t> radices = {2,
                                              3,
                                              5,
                                              6,
                                              7,
                                              10,
                                              17,
                                              255,
                                              257,
                                              1000,
                                              4375,
                                              65535,
                                              65537,
                                              0x7FFFFFFF,
                                              1u << 31,
                                              0xFFFFFFFF,
                                              0x100000001,
                                              0xFFFFFFFFF,
                                              0x123456789A,
                                              large_radix - 25,
                                              large_radix};
  for (const std::uint64_t radix : radices) {
    for (const std::size_t count : {1u, 3u, 4u, 5u, 40u, 163u, 300u}) {
      CAPTURE(radix, count);
      auto values = random_values(count, radix, radix);
      if (count > 1) values[1] = radix - 1;
      const Bytes bytes = pack_radix<std::uint64_t>(values, radix);
      REQUIRE(is_stream(bytes, slow_stream(values, std::vector<std::uint64_t>(count, radix))));
      REQUIRE(unpack_radix<std::uint64_t>(bytes, radix, count) == values);
      REQUIRE(packed_radix_size(count, radix) == bytes.size());
    }
  }
}

TEST_CASE("the largest and the smallest values of every radix survive", "[bit_packing]") {
  testing::SplitMix random(7);
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t radix =
        i < 600 ? static_cast<std::uint64_t>(i) + 1 : 2 + (random.bits() >> 1 >> random.below(62));
    CAPTURE(radix);
    std::vector<std::uint64_t> values(200 + static_cast<std::size_t>(random.below(100)), radix - 1);
    REQUIRE(unpack_radix<std::uint64_t>(pack_radix<std::uint64_t>(values, radix), radix, values.size()) == values);
    values.assign(values.size(), 0);
    REQUIRE(unpack_radix<std::uint64_t>(pack_radix<std::uint64_t>(values, radix), radix, values.size()) == values);
  }
}

TEST_CASE("powers of two are packed in their bits", "[bit_packing]") {
  for (int width = 1; width < 64; ++width) {
    const std::uint64_t radix = std::uint64_t{1} << width;
    const auto values = random_values(77, radix, 5);
    REQUIRE(pack_radix<std::uint64_t>(values, radix) == pack_bits<std::uint64_t>(values, width));
    const std::vector<std::uint64_t> twice = {radix, radix};
    REQUIRE(pack_radix<std::uint64_t>(std::span(values).first(76), twice) ==
            pack_bits<std::uint64_t>(std::span(values).first(76), width));
  }
}

TEST_CASE("values of several radices share blocks", "[bit_packing]") {
  testing::SplitMix random(11);
  for (int i = 0; i < 60; ++i) {
    const std::size_t each = static_cast<std::size_t>(random.below(i < 30 ? 8 : 150));
    std::vector<std::uint64_t> radices, all, values;
    for (tessera::Index r = random.below(6); r >= 0; --r) {
      radices.push_back(2 + (random.bits() >> 1 >> random.below(62)));
      all.insert(all.end(), each, radices.back());
      const auto some = random_values(each, radices.back(), random.bits());
      values.insert(values.end(), some.begin(), some.end());
    }
    CAPTURE(i, each, radices.size());
    const Bytes bytes = pack_radix<std::uint64_t>(values, radices);
    REQUIRE(is_stream(bytes, slow_stream(values, all)));
    REQUIRE(unpack_radix<std::uint64_t>(bytes, radices, values.size()) == values);
    REQUIRE(packed_radix_size(values.size(), radices) == bytes.size());
  }
}

TEST_CASE("from 1000 values on a stream is within 1 % of log2 K bits each, for every K", "[bit_packing]") {
  testing::SplitMix random(13);
  double worst = 0;
  const auto check = [&](std::uint64_t radix, std::uint64_t count) {
    const double ideal = std::log2(static_cast<double>(radix)) * static_cast<double>(count);
    worst = std::max(worst, 8.0 * static_cast<double>(packed_radix_size(count, radix).value()) / ideal);
  };
  for (std::uint64_t radix = 2; radix < 20000; ++radix) check(radix, 1000);
  for (std::uint64_t count = 1000; count < 1300; ++count) {
    for (const std::uint64_t radix : {2u, 3u, 5u, 61u, 1000u, 65535u}) check(radix, count);
  }
  for (int i = 0; i < 5000; ++i) check(2 + (random.bits() >> 1 >> random.below(62)), 1000);
  for (int bits = 15; bits < 63; ++bits) {
    for (std::uint64_t off = 1; off < 4; ++off) check((std::uint64_t{1} << bits) + off, 1000);
  }
  check(large_radix, 1000);
  CHECK(worst < 1.01);
}

TEST_CASE("values below 1 need no bits", "[bit_packing]") {
  CHECK(pack_radix<int>(std::vector<int>(50, 0), 1).empty());
  CHECK(unpack_radix<int>({}, 1, 50) == std::vector<int>(50, 0));
  std::vector<int> values(9, 7);
  tessera::unpack_radix_into<int>({}, 1, std::span(values));
  CHECK(values == std::vector<int>(9, 0));
  CHECK(file_error([] { unpack_radix<int>({}, 1, (1u << 24) + 1); }) ==
        "unpack_radix: expected at most 16777216 values below 1, found a count of 16777217");
  CHECK(file_error([] { unpack_radix<int>(Bytes(1), 1, 5); }) ==
        "unpack_radix: expected 0 bytes for 5 values, found 1");
}

TEST_CASE("counts are checked against the bytes before memory is set aside", "[bit_packing]") {
  const Bytes bytes(16);
  for (const std::uint64_t count :
       {std::uint64_t{1} << 40, std::uint64_t{1} << 60, large_radix, ~std::uint64_t{0}, ~std::uint64_t{0} / 9}) {
    CAPTURE(count);
    for (const int width : {1, 7, 8, 63, 64})
      CHECK_FALSE(file_error([&] { unpack_bits<std::uint64_t>(bytes, width, count); }).empty());
    for (const std::uint64_t radix :
         {std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{1000}, std::uint64_t{1024}, large_radix})
      CHECK_FALSE(file_error([&] { unpack_radix<std::uint64_t>(bytes, radix, count); }).empty());
  }
  CHECK(file_error([&] { unpack_bits<std::int8_t>(bytes, 7, ~std::uint64_t{0}, "a.bin"); }) ==
        "a.bin: expected values of fewer than 2^63 bits, found a count of 18446744073709551615");
  CHECK(file_error([&] { unpack_radix<std::int8_t>(bytes, 10, large_radix, "a.bin"); }) ==
        "a.bin: expected values of fewer than 2^63 bits, found a count of 9223372036854775808");
  CHECK_FALSE(tessera::packed_bits_size(large_radix, 1).has_value());
  CHECK(tessera::packed_bits_size(large_radix - 1, 1) == large_radix / 8);
  CHECK_FALSE(packed_radix_size(large_radix, 3).has_value());
}

TEST_CASE("one byte too few or too many is refused", "[bit_packing]") {
  Bytes bytes = pack_radix<int>(std::vector<int>{1, 2, 3, 4, 5}, 10);
  bytes.push_back(0);
  CHECK(file_error([&] { unpack_radix<int>(bytes, 10, 5); }) == "unpack_radix: expected 3 bytes for 5 values, found 4");
  bytes.resize(2);
  CHECK(file_error([&] { unpack_radix<int>(bytes, 10, 5); }) == "unpack_radix: expected 3 bytes for 5 values, found 2");
  CHECK(file_error([&] { unpack_bits<int>(bytes, 4, 5); }) == "unpack_bits: expected 3 bytes for 5 values, found 2");
}

TEST_CASE("bits that carry nothing must be zero", "[bit_packing]") {
  Bytes bytes = pack_bits<int>(std::vector<int>{1, 2, 3}, 3);
  bytes[1] = static_cast<std::uint8_t>(bytes[1] | 0x02);
  CHECK(file_error([&] { unpack_bits<int>(bytes, 3, 3); }) ==
        "unpack_bits: expected zeros after the last value, found other bits");
  bytes = pack_radix<int>(std::vector<int>{1, 2, 3, 4, 5}, 10);
  bytes[2] = static_cast<std::uint8_t>(bytes[2] | 0x80);
  CHECK(file_error([&] { unpack_radix<int>(bytes, 10, 5); }) ==
        "unpack_radix: expected zeros after the last value, found other bits");
}

TEST_CASE("a block beyond its values is refused, so that no two streams mean the same", "[bit_packing]") {
  CHECK(unpack_radix<int>(Bytes{0x9F, 0x86, 0x01}, 10, 5) == std::vector<int>(5, 9));  // 99999
  CHECK(file_error([] {
          unpack_radix<int>(Bytes{0xA0, 0x86, 0x01}, 10, 5);
        }) == "unpack_radix: expected values below their radices, found a block beyond all of them");
  for (const std::uint64_t radix : {std::uint64_t{3}, std::uint64_t{1000}, std::uint64_t{4375}, large_radix - 25}) {
    const std::size_t count = 600;  // whole blocks and a rest
    Bytes bytes(packed_radix_size(count, radix).value(), 0xFF);
    CHECK(
        testing::contains(file_error([&] { unpack_radix<std::uint64_t>(bytes, radix, count); }), "beyond all of them"));
  }
}

TEST_CASE("packing: wrong arguments are named", "[bit_packing]") {
  const std::vector<std::int64_t> values = {0, 9, 10, -1};
  CHECK_THROWS_MESSAGE(std::out_of_range, pack_radix<std::int64_t>(values, 10),
                       "pack_radix: expected values from 0 to 9, found 10 at position 2");
  CHECK_THROWS_MESSAGE(std::out_of_range, pack_radix<std::int64_t>(values, 11),
                       "pack_radix: expected values from 0 to 10, found -1 at position 3");
  CHECK_THROWS_MESSAGE(std::out_of_range, pack_bits<std::int64_t>(values, 3),
                       "pack_bits: expected values from 0 to 7, found 9 at position 1");
  const std::vector<std::uint64_t> radices = {10, 10}, bad = {10, 1}, none = {}, three = {2, 2, 2};
  CHECK_THROWS_MESSAGE(std::out_of_range, pack_radix<std::int64_t>(values, radices), "found 10 at position 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, pack_radix<std::int64_t>(values, bad),
                       "pack_radix: expected radices of at least 2, or a single 1, found 1 among 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, pack_radix<std::int64_t>(values, 0), "found 0 among 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, pack_radix<std::int64_t>(values, none), "4 values and 0 radices");
  CHECK_THROWS_MESSAGE(std::invalid_argument, unpack_radix<std::int64_t>(Bytes(1), three, 4), "4 values and 3 radices");
  for (const int width : {0, -1, 65}) {
    CHECK_THROWS_MESSAGE(std::invalid_argument, pack_bits<std::int64_t>(values, width),
                         "pack_bits: expected a width of 1 to 64 bits, found " + std::to_string(width));
    CHECK_THROWS_MESSAGE(std::invalid_argument, unpack_bits<std::int64_t>(Bytes(1), width, 1), "1 to 64 bits");
  }
  CHECK_THROWS_MESSAGE(std::invalid_argument, unpack_bits<std::int8_t>(Bytes(1), 8, 1),
                       "unpack_bits: expected an integer type that holds 255, found one of 8 bits");
  CHECK_THROWS_MESSAGE(std::invalid_argument, unpack_radix<std::int8_t>(Bytes(1), 129, 1), "holds 128");
  CHECK(unpack_radix<std::int8_t>(Bytes(1), 128, 1) == std::vector<std::int8_t>{0});
}
