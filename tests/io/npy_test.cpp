// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/io/npy.hpp>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Bytes;
using tessera::FileError;
using tessera::format_npy;
using tessera::Index;
using tessera::NpyArray;
using tessera::parse_npy;
using tessera::parse_npy_matrix;
using tessera::RowMatrix;
using tessera::write_npy;
namespace testing = tessera::testing;

/// A file written by hand: the header's text as given, the data after it.
Bytes npy(const std::string& text, const Bytes& data, int version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += {static_cast<char>(version), '\0'};
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) bytes += static_cast<char>((text.size() >> (8 * i)) & 0xFF);
  bytes += text;
  bytes.append(data.begin(), data.end());
  return {bytes.begin(), bytes.end()};
}

Bytes npy(const std::string& type, bool fortran, const std::string& shape, const Bytes& data) {
  return npy(
      fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}\n", type, fortran ? "True" : "False", shape),
      data);
}

template <class T = double>
std::string parse_error(const Bytes& bytes) {
  return testing::message_of<FileError>([&] { parse_npy<T>(bytes, "a.npy"); });
}

template <class T>
std::vector<T> parsed(const std::string& type, const Bytes& data, const std::string& shape = "(1,)") {
  return parse_npy<T>(npy(type, false, shape, data), "a.npy").values;
}

template <class T>
Bytes bytes_of(T value, std::endian order) {
  Bytes bytes(sizeof(T));
  tessera::store(value, bytes.data(), order);
  return bytes;
}

}  // namespace

TEST_CASE("a matrix is written as numpy.save writes it", "[npy]") {
  RowMatrix<float> matrix(2, 3);
  matrix << 1, 2, 3, 4, 5, -6;
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  header += std::string(128 - 10 - 1 - header.size(), ' ') + "\n";
  const Bytes data = {0, 0, 0x80, 0x3F, 0, 0, 0,    0x40, 0, 0, 0x40, 0x40,
                      0, 0, 0x80, 0x40, 0, 0, 0xA0, 0x40, 0, 0, 0xC0, 0xC0};
  CHECK(format_npy(matrix) == npy(header, data));
  const Eigen::MatrixXf column_major = matrix;
  CHECK(format_npy(column_major) == npy(header, data));
  CHECK(format_npy(2 * matrix - matrix) == npy(header, data));
}

TEST_CASE("shapes and types of what is written", "[npy]") {
  const auto header = [](const Bytes& bytes) { return std::string(bytes.begin() + 10, bytes.begin() + 100); };
  const auto says = [&](const Bytes& bytes, const std::string& type, const std::string& shape) {
    return header(bytes).rfind(fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", type, shape),
                               0) == 0 &&
           bytes.size() >= 128 && bytes[127] == '\n';
  };
  CHECK(says(format_npy(tessera::Tokens<>(5, 1)), "<i8", "(5, 1)"));
  CHECK(says(format_npy(Eigen::VectorXd(5)), "<f8", "(5,)"));
  CHECK(says(format_npy(Eigen::RowVectorXi(5)), "<i4", "(5,)"));
  CHECK(says(format_npy(RowMatrix<std::uint8_t>(0, 3)), "|u1", "(0, 3)"));
  CHECK(says(format_npy(RowMatrix<std::uint16_t>(3, 0)), "<u2", "(3, 0)"));
  CHECK(says(format_npy(Eigen::Array<bool, Eigen::Dynamic, 1>::Constant(4, true)), "|b1", "(4,)"));
  const std::vector<std::int8_t> values(24, 1);
  const std::vector<Index> shape = {2, 3, 4};
  CHECK(says(format_npy<std::int8_t>(values, shape), "|i1", "(2, 3, 4)"));
  CHECK(says(format_npy<std::int8_t>(std::span(values).first(1), {}), "|i1", "()"));
}

TEST_CASE("what is written is read again, to the bit", "[npy]") {
  const testing::TemporaryFolder folder;
  for (const auto& [rows, cols] :
       std::vector<std::pair<Index, Index>>{{1, 1}, {7, 3}, {0, 4}, {4, 0}, {0, 0}, {101, 1}}) {
    const RowMatrix<double> matrix = testing::random_normal<double>(rows, cols, 1);
    write_npy(folder / "a.npy", matrix);
    const RowMatrix<double> read = tessera::read_npy<double>(folder / "a.npy");
    CHECK(read.rows() == rows);
    CHECK(read.cols() == cols);
    CHECK(read == matrix);
  }
  const NpyArray<std::int16_t> array = {.shape = {2, 1, 3}, .values = {1, -2, 3, -4, 5, -6}};
  write_npy(folder / "a.npy", array);
  const auto read = tessera::read_npy_array<std::int16_t>(folder / "a.npy");
  CHECK(read.shape == array.shape);
  CHECK(read.values == array.values);
  const NpyArray<float> single = {.shape = {}, .values = {0.1f}};
  write_npy(folder / "a.npy", single);
  CHECK(tessera::read_npy_array<float>(folder / "a.npy").values == single.values);
  CHECK(tessera::read_npy_array<float>(folder / "a.npy").shape.empty());
  CHECK_THROWS_MESSAGE(FileError, tessera::read_npy<float>(folder / "b.npy"), "b.npy: cannot open it");
}

TEST_CASE("every type is read in either byte order", "[npy]") {
  for (const std::endian order : {std::endian::little, std::endian::big}) {
    const std::string sign = order == std::endian::little ? "<" : ">";
    CHECK(parsed<double>(sign + "f4", bytes_of(-1.5f, order))[0] == -1.5);
    CHECK(parsed<double>(sign + "f8", bytes_of(-1.25, order))[0] == -1.25);
    CHECK(parsed<float>(sign + "f8", bytes_of(-1.25, order))[0] == -1.25f);
    CHECK(parsed<float>(sign + "f2", bytes_of(std::uint16_t{0xC200}, order))[0] == -3.0f);
    CHECK(parsed<int>(sign + "i2", bytes_of(std::int16_t{-300}, order))[0] == -300);
    CHECK(parsed<int>(sign + "u2", bytes_of(std::uint16_t{40000}, order))[0] == 40000);
    CHECK(parsed<std::int64_t>(sign + "i4", bytes_of(std::int32_t{-300000}, order))[0] == -300000);
    CHECK(parsed<std::uint32_t>(sign + "u4", bytes_of(std::uint32_t{0xFFFFFFFF}, order))[0] == 0xFFFFFFFF);
    CHECK(parsed<std::int8_t>(sign + "i8", bytes_of(std::int64_t{-128}, order))[0] == -128);
    CHECK(parsed<std::uint64_t>(sign + "u8", bytes_of(~std::uint64_t{0}, order))[0] == ~std::uint64_t{0});
    CHECK(parsed<double>(sign + "i8", bytes_of(std::int64_t{-5}, order))[0] == -5.0);
  }
  CHECK(parsed<float>("|i1", {0x80})[0] == -128.0f);
  CHECK(parsed<float>("|u1", {0x80})[0] == 128.0f);
  CHECK(parsed<float>("|b1", {1, 0, 1}, "(3,)") == std::vector<float>{1, 0, 1});
  CHECK(parsed<std::uint8_t>("<u1", {200})[0] == 200);
}

TEST_CASE("every half-precision number has its value", "[npy]") {
  for (std::uint32_t half = 0; half < 65536; ++half) {
    const auto bits = static_cast<std::uint16_t>(half);
    const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
    const float value = parsed<float>("<f2", bytes_of(bits, std::endian::little))[0];
    const auto found = std::bit_cast<std::uint32_t>(value);
    REQUIRE((found >> 31) == (half >> 15));
    if (exponent == 31) {
      REQUIRE((found & 0x7FFFFFFF) == 0x7F800000u + (static_cast<std::uint32_t>(fraction) << 13));
    } else {
      const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
      REQUIRE(std::abs(static_cast<double>(value)) == magnitude);
    }
  }
}

TEST_CASE("Fortran order is turned into C order", "[npy]") {
  // element (i, j, k) has the value 100 i + 10 j + k; the first index runs fastest in the file
  Bytes data;
  for (int k = 0; k < 4; ++k) {
    for (int j = 0; j < 3; ++j) {
      for (int i = 0; i < 2; ++i) data.push_back(static_cast<std::uint8_t>(100 * i + 10 * j + k));
    }
  }
  for (const bool convert : {false, true}) {
    std::vector<int> values;
    const Bytes file = npy("|u1", true, "(2, 3, 4)", data);
    if (convert) {
      values = parse_npy<int>(file, "a").values;
    } else {
      const auto same = parse_npy<std::uint8_t>(file, "a").values;
      values.assign(same.begin(), same.end());
    }
    REQUIRE(values.size() == 24);
    bool good = true;
    for (int n = 0; n < 24; ++n)
      good = good && values[static_cast<std::size_t>(n)] == 100 * (n / 12) + 10 * (n / 4 % 3) + n % 4;
    CHECK(good);
  }
  const RowMatrix<int> matrix = parse_npy_matrix<int>(npy("|u1", true, "(2, 3)", {1, 4, 2, 5, 3, 6}), "a");
  CHECK(matrix == (RowMatrix<int>(2, 3) << 1, 2, 3, 4, 5, 6).finished());
  CHECK(parse_npy<int>(npy("|u1", true, "(3,)", {1, 2, 3}), "a").values == std::vector<int>{1, 2, 3});
  CHECK(parse_npy<int>(npy("|u1", true, "()", {9}), "a").values == std::vector<int>{9});
  CHECK(parse_npy<int>(npy("|u1", true, "(3, 0)", {}), "a").values.empty());
}

TEST_CASE("a matrix has one or two axes; one is a column", "[npy]") {
  const RowMatrix<int> column = parse_npy_matrix<int>(npy("|u1", false, "(3,)", {1, 2, 3}), "a");
  CHECK(column.rows() == 3);
  CHECK(column.cols() == 1);
  for (const char* shape : {"()", "(1, 1, 1)"})
    CHECK_THROWS_MESSAGE(FileError, parse_npy_matrix<int>(npy("|u1", false, shape, {1}), "a"),
                         "a: expected an array of 1 or 2 axes, found ");
}

TEST_CASE("arrays: headers as other writers lay them out are read", "[npy]") {
  for (const std::string text : {"{\"shape\":(2,),\"descr\":\"|u1\",\"fortran_order\":False}",
                                 "{'shape': (2L,), 'fortran_order': False, 'descr': '|u1',}",
                                 "  { 'descr' : '|u1' , 'fortran_order' : True , 'shape' : ( 2 , ) }  \n",
                                 "{'descr':'|u1','fortran_order':False,'shape':(2, 1)}",
                                 "{'descr':'|u1','fortran_order':False,'shape':(2, 1,)}"}) {
    for (const int version : {1, 2, 3}) {
      CAPTURE(text, version);
      CHECK(parse_npy<int>(npy(text, {7, 8}, version), "a").values == std::vector<int>{7, 8});
    }
  }
}

TEST_CASE("conversions lose nothing but the rounding of fractions", "[npy]") {
  const auto little = std::endian::little;
  CHECK(parsed<float>("<f8", bytes_of(0.1, little))[0] == 0.1f);
  CHECK(parsed<float>("<i4", bytes_of(std::int32_t{1 << 24}, little))[0] == 16777216.0f);
  CHECK(parsed<double>("<i8", bytes_of(std::numeric_limits<std::int64_t>::min(), little))[0] == -0x1p63);
  CHECK(
      parse_error<float>(npy("<i4", false, "(1,)", bytes_of(std::int32_t{(1 << 24) + 1}, little))) ==
      "a.npy: expected numbers that the floating-point type of 4 bytes asked for can hold, found 16777217 at element 0 "
      "(type i4)");
  CHECK(testing::contains(parse_error<double>(npy("<u8", false, "(1,)", bytes_of(~std::uint64_t{0}, little))),
                          "found 18446744073709551615"));
  CHECK(
      testing::contains(parse_error<double>(npy("<i8", false, "(1,)", bytes_of(-(std::int64_t{1} << 53) - 1, little))),
                        "found -9007199254740993"));
  CHECK(testing::contains(parse_error<float>(npy("<f8", false, "(1,)", bytes_of(1e39, little))),
                          "a.npy: expected numbers that the floating-point type of 4 bytes"));
  CHECK(parse_error<std::uint8_t>(npy("<i4", false, "(2,)", {5, 0, 0, 0, 255, 255, 255, 255})) ==
        "a.npy: expected numbers that the integer type of 1 bytes asked for can hold, found -1 at element 1 (type i4)");
  CHECK(testing::contains(parse_error<std::int8_t>(npy("|u1", false, "(1,)", {128})), "found 128"));
  CHECK(parse_error<int>(npy("<f4", false, "(0,)", {})) ==
        "a.npy: expected integers, found floating-point numbers (type f4)");
  CHECK(parse_error<int>(npy("|b1", false, "(2,)", {1, 2})) ==
        "a.npy: expected booleans of 0 or 1, found 2 at element 1");
}

TEST_CASE("what is infinite or not a number in the file stays so", "[npy]") {
  for (const std::uint64_t bits : {0x7FF0000000000000u, 0xFFF0000000000000u, 0x7FF8000000000000u}) {
    const Bytes file = npy("<f8", false, "(1,)", bytes_of(static_cast<std::uint64_t>(bits), std::endian::little));
    CHECK(std::bit_cast<std::uint64_t>(parse_npy<double>(file, "a").values[0]) == bits);
    CHECK_FALSE(tessera::is_finite(parse_npy<float>(file, "a").values[0]));
  }
}

TEST_CASE("arrays: files that are not well-formed are refused with the reason", "[npy]") {
  const auto header_error = [](const std::string& text) { return parse_error(npy(text, {1, 2})); };
  CHECK(parse_error({}) == "a.npy: expected 6 bytes of magic at byte 0, found 0 (truncated?)");
  CHECK(parse_error({'P', 'K', 3, 4, 5, 6, 7, 8}) == "a.npy: expected a .npy file, found another first six bytes");
  Bytes bytes = npy("|u1", false, "(2,)", {1, 2});
  bytes[6] = 4;
  CHECK(parse_error(bytes) == "a.npy: expected version 1.0, 2.0 or 3.0, found 4.0");
  bytes[6] = 1;
  bytes[7] = 1;
  CHECK(parse_error(bytes) == "a.npy: expected version 1.0, 2.0 or 3.0, found 1.1");
  CHECK(parse_error(npy("|u1", false, "(3,)", {1, 2})) == "a.npy: expected 3 bytes of data, found 2 (truncated?)");
  CHECK(parse_error(npy("|u1", false, "(1,)", {1, 2})) == "a.npy: expected 1 bytes of data, found 2");
  CHECK(parse_error(npy("<c8", false, "(2,)", {})) ==
        "a.npy: header, byte 15: expected numbers of type b1, i1 to i8, u1 to u8 or f2 to f8, found '<c8'");
  for (const char* type : {"|O", "<U5", "<f16", "|V3", "f4", "", "<", "|f4", "=f4", "<f", "<f40", "<i3", "<M8[ns]"})
    CHECK(testing::contains(parse_error(npy(type, false, "(2,)", {})), fmt::format("found '{}'", type)));
  CHECK(header_error("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}") ==
        "a.npy: header, byte 10: expected one number per element, found a structure");
  CHECK(header_error("") == "a.npy: header, byte 0: expected '{', found the end");
  CHECK(header_error("{}") == "a.npy: header, byte 2: expected descr, fortran_order and shape, found less");
  CHECK(header_error("{'descr': '|u1', 'descr': '|u1'}") ==
        "a.npy: header, byte 24: expected descr, fortran_order and shape once each, found 'descr'");
  CHECK(testing::contains(header_error("{'extra': 1}"), "found 'extra'"));
  CHECK(testing::contains(header_error("{'descr': '|u1' 'shape'"), "expected ',', found '''"));
  CHECK(testing::contains(header_error("{descr"), "expected text in quotes, found 'd'"));
  CHECK(testing::contains(header_error("{'descr"), "expected the end of the text in quotes"));
  CHECK(testing::contains(header_error("{'de\\scr'"), "expected plain text in quotes"));
  const auto with = [&](const std::string& fortran, const std::string& shape, const std::string& rest = "") {
    return header_error("{'descr': '|u1', 'fortran_order': " + fortran + ", 'shape': " + shape + "}" + rest);
  };
  CHECK(with("False", "(2,)").empty());
  CHECK(testing::contains(with("false", "(2,)"), "expected True or False, found 'f'"));
  CHECK(testing::contains(with("1", "(2,)"), "expected True or False, found '1'"));
  CHECK(testing::contains(with("False", "[2]"), "expected '(', found '['"));
  CHECK(testing::contains(with("False", "(2)"), "expected ',', found ')'"));
  CHECK(testing::contains(with("False", "(-2,)"), "expected an extent, found '-'"));
  CHECK(testing::contains(with("False", "(,)"), "expected an extent, found ','"));
  CHECK(testing::contains(with("False", "(2,"), "expected an extent, found '}'"));
  CHECK(testing::contains(with("False", "(2,)", " x"), "expected spaces up to the end, found 'x'"));
  CHECK(
      testing::contains(with("False", "(2,)", std::string(1, '\0')), "expected spaces up to the end, found byte 0x00"));
  CHECK(testing::contains(with("False", "(9223372036854775808,)"), "expected an extent below 2^63"));
  CHECK(testing::contains(with("False", "(99999999999999999999,)"), "expected an extent below 2^63"));
  CHECK(testing::contains(with("False", "(4294967296, 2147483648)"), "expected fewer than 2^63 bytes of data"));
  std::string ones = "(";
  for (int i = 0; i < 65; ++i) ones += "1, ";
  CHECK(testing::contains(with("False", ones + ")"), "expected at most 64 axes, found more"));
}

TEST_CASE("sizes that nothing vouches for are refused before memory is set aside", "[npy]") {
  CHECK(parse_error(npy("<f8", false, "(1152921504606846976,)", {})) ==
        "a.npy: header, byte 76: expected fewer than 2^63 bytes of data, found a shape of more, (1152921504606846976)");
  CHECK(parse_error(npy("|u1", false, "(1152921504606846976,)", {})) ==
        "a.npy: expected 1152921504606846976 bytes of data, found 0 (truncated?)");
  Bytes bytes = npy("", {}, 2);
  for (std::size_t i = 8; i < 12; ++i) bytes[i] = 0xFF;
  CHECK(testing::contains(parse_error(bytes), "expected 4294967295 bytes of header"));
}

TEST_CASE("arrays: every beginning of a file is refused", "[npy]") {
  for (const Bytes& bytes : {format_npy(RowMatrix<float>::Ones(2, 2)), npy("|u1", true, "(2, 2)", {1, 2, 3, 4})}) {
    for (std::size_t size = 0; size < bytes.size(); ++size)
      CHECK_FALSE(parse_error(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size))).empty());
  }
}

TEST_CASE("arrays whose shape does not fit are not written", "[npy]") {
  const std::vector<float> values(6);
  const std::vector<Index> shape = {2, 4}, negative = {-2, -3}, many(65, 1);
  CHECK_THROWS_MESSAGE(std::invalid_argument, format_npy<float>(values, shape),
                       "format_npy: expected a shape of 6 values, found (2, 4)");
  CHECK_THROWS_MESSAGE(std::invalid_argument, format_npy<float>(values, negative), "found (-2, -3)");
  CHECK_THROWS_MESSAGE(std::invalid_argument, format_npy<float>(values, many),
                       "format_npy: expected at most 64 axes, found 65");
}

TEST_CASE("NumPy, where there is one, reads what is written and writes what is read", "[npy]") {
  if (std::system("python3 -c 'import numpy' > /dev/null 2>&1") != 0) return;
  const testing::TemporaryFolder folder;
  write_npy(folder / "a.npy", testing::random_normal<float>(5, 7, 1));
  write_npy(folder / "b.npy", testing::random_integers<std::int64_t>(9, 1, 2, -99, 99));
  const std::string program =
      "import numpy, sys; d = sys.argv[1]; a = numpy.load(d + '/a.npy'); b = numpy.load(d + '/b.npy'); "
      "assert a.dtype == numpy.float32 and a.shape == (5, 7) and b.dtype == numpy.int64 and b.shape == (9, 1); "
      "numpy.save(d + '/c.npy', numpy.asfortranarray(a.astype('>f8'))); numpy.save(d + '/d.npy', b.astype('>i2')[:, "
      "0])";
  REQUIRE(std::system(fmt::format("python3 -c \"{}\" {}", program, folder.path().string()).c_str()) == 0);
  CHECK(tessera::read_npy<float>(folder / "c.npy") == testing::random_normal<float>(5, 7, 1));
  CHECK(tessera::read_npy<std::int64_t>(folder / "d.npy") == testing::random_integers<std::int64_t>(9, 1, 2, -99, 99));
}
