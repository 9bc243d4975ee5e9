// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/io/safetensors.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Bytes;
using tessera::FileError;
using tessera::Index;
using tessera::RowMatrix;
using tessera::Safetensors;
namespace testing = tessera::testing;

/// A file written by hand: the length of the header, the header, the data.
Bytes file_of(const std::string& header, const Bytes& data = {}) {
  Bytes bytes;
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<std::uint8_t>(std::uint64_t{header.size()} >> (8 * i)));
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

Safetensors parsed(const std::string& header, const Bytes& data = {}) {
  return tessera::parse_safetensors(file_of(header, data), "m.safetensors");
}

std::string parse_error(const Bytes& bytes) {
  return testing::message_of<FileError>([&] { tessera::parse_safetensors(bytes, "m.safetensors"); });
}
std::string parse_error(const std::string& header, const Bytes& data = {}) {
  return parse_error(file_of(header, data));
}

Safetensors example() {
  Safetensors file;
  file.add("b", (RowMatrix<float>(2, 1) << 1, -2).finished());
  file.add("a", Eigen::Matrix<std::uint8_t, 3, 1>(7, 8, 9));
  file.add("wide", (Eigen::Matrix2d() << 1, 2, 3, 4).finished());
  file.set_metadata("title", "a \"name\"\n");
  return file;
}

}  // namespace

TEST_CASE("a file is written as the reference implementation writes it", "[safetensors]") {
  std::string header = R"({"__metadata__":{"title":"a \"name\"\n"},)"
                       R"("wide":{"dtype":"F64","shape":[2,2],"data_offsets":[0,32]},)"
                       R"("b":{"dtype":"F32","shape":[2,1],"data_offsets":[32,40]},)"
                       R"("a":{"dtype":"U8","shape":[3],"data_offsets":[40,43]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const Bytes data = {0,    0,    0, 0, 0, 0, 0xF0, 0x3F, 0,    0,    0, 0, 0,    0,    0x00, 0x40, 0, 0,    0, 0, 0, 0,
                      0x08, 0x40, 0, 0, 0, 0, 0,    0,    0x10, 0x40, 0, 0, 0x80, 0x3F, 0,    0,    0, 0xC0, 7, 8, 9};
  CHECK(format_safetensors(example()) == file_of(header, data));
}

TEST_CASE("tensors and metadata are read as they were added", "[safetensors]") {
  const Safetensors file = tessera::parse_safetensors(format_safetensors(example()), "m.safetensors");
  CHECK(file.source() == "m.safetensors");
  CHECK(file.tensors().size() == 3);
  CHECK(file.contains("a"));
  CHECK_FALSE(file.contains("c"));
  CHECK(file.matrix<double>("wide") == (RowMatrix<double>(2, 2) << 1, 2, 3, 4).finished());
  CHECK(file.matrix<std::uint8_t>("a") == (RowMatrix<std::uint8_t>(1, 3) << 7, 8, 9).finished());
  CHECK(file.values<float>("b") == std::vector<float>{1, -2});
  CHECK(file.tensor("b").shape == std::vector<Index>{2, 1});
  CHECK(file.metadata("title") == "a \"name\"\n");
  CHECK(file.metadata().size() == 1);
}

TEST_CASE("every number type is told from the others", "[safetensors]") {
  Safetensors file;
  file.add<std::int8_t>("i8", {1}, std::vector<std::int8_t>{-1});
  file.add<std::int16_t>("i16", {1}, std::vector<std::int16_t>{-2});
  file.add<std::uint16_t>("u16", {1}, std::vector<std::uint16_t>{3});
  file.add<std::int32_t>("i32", {1}, std::vector<std::int32_t>{-4});
  file.add<std::uint32_t>("u32", {1}, std::vector<std::uint32_t>{5});
  file.add<std::int64_t>("i64", {1}, std::vector<std::int64_t>{-6});
  file.add<std::uint64_t>("u64", {1}, std::vector<std::uint64_t>{7});
  file.add<double>("empty", {0, 5}, {});
  file.add<float>("scalar", {}, std::vector<float>{8});
  const Safetensors read = tessera::parse_safetensors(format_safetensors(file), "m");
  CHECK(read.values<std::int8_t>("i8")[0] == -1);
  CHECK(read.values<std::int16_t>("i16")[0] == -2);
  CHECK(read.values<std::uint16_t>("u16")[0] == 3);
  CHECK(read.values<std::int32_t>("i32")[0] == -4);
  CHECK(read.values<std::uint32_t>("u32")[0] == 5);
  CHECK(read.values<std::int64_t>("i64")[0] == -6);
  CHECK(read.values<std::uint64_t>("u64")[0] == 7);
  CHECK(read.values<double>("empty").empty());
  CHECK(read.matrix<double>("empty").cols() == 5);
  CHECK(read.values<float>("scalar")[0] == 8);
  CHECK(read.tensor("u64").type == "U64");
}

TEST_CASE("asking for what is not there is an error of the file", "[safetensors]") {
  const Safetensors file = tessera::parse_safetensors(format_safetensors(example()), "m.safetensors");
  CHECK_THROWS_MESSAGE(FileError, file.tensor("c"), "m.safetensors: expected a tensor 'c', found none");
  CHECK_THROWS_MESSAGE(FileError, file.values<double>("b"), "m.safetensors: expected 'b' of type F64, found F32");
  CHECK_THROWS_MESSAGE(FileError, file.metadata("author"), "m.safetensors: expected metadata 'author', found none");
  const Safetensors deep = parsed(R"({"d":{"dtype":"U8","shape":[1,1,1],"data_offsets":[0,1]}})", {5});
  CHECK_THROWS_MESSAGE(FileError, deep.matrix<std::uint8_t>("d"), "expected 'd' with 1 or 2 axes, found 3");
  CHECK(deep.values<std::uint8_t>("d") == std::vector<std::uint8_t>{5});
}

TEST_CASE("what would not be well-formed is not added, and nothing changes", "[safetensors]") {
  Safetensors file = example();
  const Bytes before = format_safetensors(file);
  const std::vector<float> two(2);
  CHECK_THROWS_MESSAGE(std::invalid_argument, file.add<float>("b", {2}, two),
                       "Safetensors: expected a new name, found 'b' twice");
  CHECK_THROWS_MESSAGE(std::invalid_argument, file.add<float>("__metadata__", {2}, two), "expected a name in UTF-8");
  CHECK_THROWS_MESSAGE(std::invalid_argument, file.add<float>("\xFF", {2}, two), "expected a name in UTF-8");
  CHECK_THROWS_MESSAGE(std::invalid_argument, file.add<float>("c", {3}, two),
                       "Safetensors: expected the shape of 'c' to fit its 8 bytes of type F32, found another");
  CHECK_THROWS_MESSAGE(std::invalid_argument, file.add<float>("c", {-2}, two), "expected the shape of 'c'");
  CHECK_THROWS_MESSAGE(std::invalid_argument, file.insert("c", {"F3", {2}, Bytes(8)}), "of type F3, found another");
  CHECK_THROWS_MESSAGE(std::invalid_argument, file.set_metadata("\xC0\x80", "x"), "expected metadata in UTF-8");
  CHECK_THROWS_MESSAGE(std::invalid_argument, file.set_metadata("x", "\xED\xA0\x80"), "expected metadata in UTF-8");
  CHECK(format_safetensors(file) == before);
}

TEST_CASE("safetensors: headers as other writers lay them out are read", "[safetensors]") {
  const Safetensors file = parsed(
      " {\t\"x\" : {\"data_offsets\":[0,2],\r\n\"shape\":[ 2 ],\"dtype\":\"U8\"} ,"
      "\"__metadata__\":{\"\\u00e9\\ud83d\\ude00\\/\\b\\f\\r\\t\\\\\":\"\\u0041\xC3\xA9\"}}   ",
      {1, 2});
  CHECK(file.values<std::uint8_t>("x") == std::vector<std::uint8_t>{1, 2});
  CHECK(file.metadata("\xC3\xA9\xF0\x9F\x98\x80/\b\f\r\t\\") == "A\xC3\xA9");
  CHECK(parsed("{}").tensors().empty());
  CHECK(parsed("{\"__metadata__\":{}}").metadata().empty());
}

TEST_CASE("tensors of types without a C++ number are kept", "[safetensors]") {
  const std::string header = R"({"h":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}         )";
  const Safetensors file = parsed(header, {1, 2, 3, 4});
  CHECK(file.tensor("h").bytes == Bytes{1, 2, 3, 4});
  const Safetensors again = tessera::parse_safetensors(format_safetensors(file), "m");
  CHECK(again.tensor("h").type == "BF16");
  CHECK(again.tensor("h").bytes == Bytes{1, 2, 3, 4});
}

TEST_CASE("texts of any kind survive as names and metadata", "[safetensors]") {
  Safetensors file;
  const std::string all = [] {
    std::string text;
    for (char c = 1; c < 127; ++c) text += c;
    return text + std::string(1, '\0') + "\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF4\x8F\xBF\xBF";
  }();
  file.add<float>(all, {1}, std::vector<float>{1});
  file.set_metadata(all, all);
  const Safetensors read = tessera::parse_safetensors(format_safetensors(file), "m");
  CHECK(read.contains(all));
  CHECK(read.metadata(all) == all);
}

TEST_CASE("safetensors: files that are not well-formed are refused with the reason", "[safetensors]") {
  const auto contains = [](const std::string& error, const std::string& part) {
    return error.rfind("m.safetensors: ", 0) == 0 && testing::contains(error, part);
  };
  CHECK(contains(parse_error(Bytes(7)), "expected 8 bytes of header length at byte 0, found 7 (truncated?)"));
  CHECK(contains(parse_error(Bytes(8, 0xFF)),
                 "expected a header of at most 100000000 bytes, found 18446744073709551615"));
  CHECK(contains(parse_error(Bytes{9, 0, 0, 0, 0, 0, 0, 0, '{'}), "expected 9 bytes of header at byte 8, found 1"));
  CHECK(contains(parse_error(""), "header, byte 0: expected '{', found the end"));
  CHECK(contains(parse_error("[]"), "header, byte 0: expected '{', found '['"));
  CHECK(contains(parse_error("{} x"), "header, byte 3: expected the end, found 'x'"));
  CHECK(contains(parse_error("{}" + std::string(1, '\0')), "header, byte 2: expected the end, found byte 0x00"));
  CHECK(contains(parse_error("{\"x\""), "header, byte 4: expected ':', found the end"));
  CHECK(contains(parse_error("{\"x"), "expected the end of a string, found the end"));
  CHECK(contains(parse_error("{\"\x01\""), "expected UTF-8 text, found byte 0x01"));
  CHECK(contains(parse_error("{\"\xC0\x80\""), "expected UTF-8 text, found byte 0xc0"));
  CHECK(contains(parse_error("{\"\\x"), "expected an escaped character, found 'x'"));
  CHECK(contains(parse_error("{\"\\"), "expected an escaped character, found the end"));
  CHECK(contains(parse_error("{\"\\u12g4"), "expected four hexadecimal digits, found 'g'"));
  CHECK(contains(parse_error("{\"\\ud800\""), "expected a code point, found half of a surrogate pair"));
  CHECK(contains(parse_error("{\"\\udc00\""), "expected a code point, found half of a surrogate pair"));
  CHECK(contains(parse_error("{\"\\ud800\\u0041\""), "expected a code point, found half of a surrogate pair"));
  CHECK(
      contains(parse_error(R"({"__metadata__":{},"__metadata__":{}})"), "header, byte 34: expected __metadata__ once"));
  CHECK(contains(parse_error(R"({"__metadata__":{"a":"b","a":"c"}})"), "header, byte 29: expected metadata 'a' once"));
  CHECK(contains(parse_error(R"({"__metadata__":{"a":1}})"), "header, byte 21: expected '\"', found '1'"));
  const auto entry = [&](const std::string& members, const Bytes& data = {1, 2}) {
    return parse_error("{\"x\":{" + members + "}}", data);
  };
  CHECK(entry(R"("dtype":"U8","shape":[2],"data_offsets":[0,2])").empty());
  CHECK(contains(entry(R"("dtype":"U8","shape":[2])"),
                 "header, byte 31: expected dtype, shape and two data_offsets of 'x'"));
  CHECK(contains(entry(R"("dtype":"U8","shape":[2],"data_offsets":[0])"),
                 "header, byte 50: expected dtype, shape and two"));
  CHECK(contains(entry(R"("dtype":"U8","shape":[2],"data_offsets":[0,2,2])"),
                 "header, byte 54: expected dtype, shape and two"));
  CHECK(contains(entry(R"("dtype":"U8","dtype":"U8")"),
                 "header, byte 27: expected dtype, shape and data_offsets of 'x' once each, found 'dtype'"));
  CHECK(contains(entry(R"("strides":[1])"),
                 "header, byte 16: expected dtype, shape and data_offsets of 'x' once each, found 'strides'"));
  CHECK(
      contains(entry(R"("dtype":"U7","shape":[2],"data_offsets":[0,2])"), "expected a known type of 'x', found 'U7'"));
  CHECK(contains(entry(R"("dtype":"U8","shape":[3],"data_offsets":[0,2])"),
                 "expected the shape of 'x' to fit its bytes 0 to 2, found another size"));
  CHECK(contains(entry(R"("dtype":"U8","shape":[2],"data_offsets":[1,3])"),
                 "expected 'x' to begin at byte 0 of the data, found 1"));
  CHECK(contains(entry(R"("dtype":"U8","shape":[2],"data_offsets":[2,0])"),
                 "expected 'x' to begin at byte 0 of the data, found 2"));
  CHECK(contains(entry(R"("dtype":"U8","shape":[2],"data_offsets":[0,2])", {1}),
                 "expected 2 bytes of tensors, found 1 (truncated?)"));
  CHECK(contains(entry(R"("dtype":"U8","shape":[2],"data_offsets":[0,2])", {1, 2, 3}),
                 "expected 2 bytes of tensors, found 3"));
  CHECK(contains(entry(R"("dtype":"U8","shape":[-2])"), "header, byte 28: expected an unsigned integer, found '-'"));
  CHECK(contains(entry(R"("dtype":"U8","shape":[02])"), "expected an integer without leading zeros"));
  CHECK(contains(entry(R"("dtype":"U8","shape":[2.0])"), "expected ']', found '.'"));
  CHECK(contains(entry(R"("dtype":"U8","shape":[18446744073709551616])"), "expected an integer below 2^64"));
  CHECK(contains(entry(R"("dtype":"U8","shape":[9223372036854775808])"),
                 "expected numbers below 2^63, found 9223372036854775808"));
  CHECK(contains(entry(R"("dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0])", {}),
                 "expected the shape of 'x' to fit"));
  CHECK(contains(entry(R"("dtype":"U8","shape":[4611686018427387904],"data_offsets":[0,4611686018427387904])", {}),
                 "expected 4611686018427387904 bytes of tensors, found 0 (truncated?)"));
}

TEST_CASE("gaps, overlaps and names that appear twice are refused", "[safetensors]") {
  const auto two = [&](const std::string& second, const std::string& begin, const std::string& end) {
    return parse_error(R"({"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},")" + second +
                           R"(":{"dtype":"U8","shape":[2],"data_offsets":[)" + begin + "," + end + "]}}",
                       Bytes(4));
  };
  CHECK(two("y", "2", "4").empty());
  CHECK(testing::contains(two("y", "1", "3"), "expected 'y' to begin at byte 2 of the data, found 1"));
  CHECK(testing::contains(two("y", "3", "5"), "expected 'y' to begin at byte 2 of the data, found 3"));
  CHECK(testing::contains(two("y", "0", "2"), "to begin at byte 2 of the data, found 0"));
  CHECK(testing::contains(two("x", "2", "4"), "expected the tensor 'x' once, found it twice"));
}

TEST_CASE("safetensors: every beginning of a file is refused", "[safetensors]") {
  const Bytes bytes = format_safetensors(example());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(parse_error(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size))).empty());
}

TEST_CASE("nesting is bounded by the format, not by the text", "[safetensors]") {
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "{\"a\":";
  CHECK_FALSE(parse_error(deep).empty());
  CHECK_FALSE(parse_error(std::string(100000, '[')).empty());
}

TEST_CASE("safetensors on disk", "[safetensors]") {
  const testing::TemporaryFolder folder;
  write_safetensors(folder / "m.safetensors", example());
  const Safetensors read = tessera::read_safetensors(folder / "m.safetensors");
  CHECK(format_safetensors(read) == format_safetensors(example()));
  CHECK(read.source() == (folder / "m.safetensors").string());
  CHECK_THROWS_MESSAGE(FileError, tessera::read_safetensors(folder / "n"), "cannot open it");
}
