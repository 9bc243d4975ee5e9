// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/io/csv.hpp>

#include <bit>
#include <clocale>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::CsvTable;
using tessera::FileError;
using tessera::format_csv;
using tessera::parse_csv;
using tessera::RowMatrix;
using tessera::write_csv;
namespace testing = tessera::testing;
using Names = std::vector<std::string>;

RowMatrix<double> values(const std::string& text) { return parse_csv<double>(text, "a.csv").values; }

RowMatrix<double> matrix(tessera::Index rows, const std::vector<double>& numbers) {
  return Eigen::Map<const RowMatrix<double>>(numbers.data(), rows, static_cast<tessera::Index>(numbers.size()) / rows);
}

template <class T = double>
std::string parse_error(const std::string& text, tessera::CsvOptions options = {}) {
  return testing::message_of<FileError>([&] { parse_csv<T>(text, "a.csv", options); });
}

/// Whether the processor computes with subnormal numbers. Programs linked with -ffast-math tell it to take them for
/// zero, and the standard library's conversions then do so too.
bool computes_subnormal() {
  volatile double smallest = std::numeric_limits<double>::min();
  return std::bit_cast<std::uint64_t>(smallest / 2) != 0;
}

template <class Scalar>
bool is_subnormal(Scalar value) {
  using Bits = typename tessera::detail::FiniteBits<Scalar>::Bits;
  return tessera::detail::FiniteBits<Scalar>::of(value) < std::bit_cast<Bits>(std::numeric_limits<Scalar>::min());
}

/// Any float or double, by its bits; subnormal ones only where they exist.
template <class Scalar, class Bits>
RowMatrix<Scalar> random_bits(tessera::Index count, std::uint64_t seed) {
  testing::SplitMix random(seed);
  RowMatrix<Scalar> result(count, 1);
  for (tessera::Index i = 0; i < count; ++i) {
    do result(i) = std::bit_cast<Scalar>(static_cast<Bits>(random.bits()));
    while (!tessera::is_finite(result(i)) || (!computes_subnormal() && is_subnormal(result(i))));
  }
  return result;
}

template <class Scalar, class Bits>
bool same_bits(const RowMatrix<Scalar>& a, const RowMatrix<Scalar>& b) {
  bool same = a.rows() == b.rows() && a.cols() == b.cols();
  for (tessera::Index i = 0; same && i < a.size(); ++i)
    same = std::bit_cast<Bits>(a.data()[i]) == std::bit_cast<Bits>(b.data()[i]);
  return same;
}

}  // namespace

TEST_CASE("a matrix as text", "[csv]") {
  CHECK(format_csv(matrix(2, {1, -0.5, 1e300, 0.1, 3, 1e-7})) == "1,-0.5,1e+300\n0.1,3,1e-07\n");
  CHECK(format_csv(RowMatrix<float>::Constant(1, 1, 0.1f)) == "0.1\n");
  CHECK(format_csv(RowMatrix<std::int8_t>::Constant(1, 2, -7)) == "-7,-7\n");
  CHECK(format_csv(matrix(2, {1, 2, 3, 4}), {"x", "say \"y\", z"}, {.separator = ';'}) ==
        "\"x\";\"say \"\"y\"\", z\"\n1;2\n3;4\n");
  CHECK(format_csv(RowMatrix<double>(0, 0)).empty());
  CHECK(format_csv(RowMatrix<double>(0, 2), {"a", "b"}) == "\"a\",\"b\"\n");
}

TEST_CASE("numbers are read in every form that is decimal", "[csv]") {
  CHECK(values("1,2\n3,4\n") == matrix(2, {1, 2, 3, 4}));
  CHECK(values("1,2\n3,4") == matrix(2, {1, 2, 3, 4}));
  CHECK(values("1,2\r\n3,4\r\n\r\n  \n\n") == matrix(2, {1, 2, 3, 4}));
  CHECK(values("\xEF\xBB\xBF 1 ,\t2\n+3,\"4\"\n") == matrix(2, {1, 2, 3, 4}));
  CHECK(values("1.,.5,-1e3,1E-2,+2e+1,007") == matrix(1, {1, 0.5, -1000, 0.01, 20, 7}));
  CHECK(parse_csv<double>("1;2", "a", {.separator = ';'}).values == matrix(1, {1, 2}));
  CHECK(parse_csv<double>("1\t 2", "a", {.separator = '\t'}).values == matrix(1, {1, 2}));
  CHECK(parse_csv<double>("1 2", "a", {.separator = ' '}).values == matrix(1, {1, 2}));
  CHECK(parse_csv<std::uint8_t>("0,255", "a").values(0, 1) == 255);
  CHECK(values("").size() == 0);
  CHECK(values("\n \r\n").size() == 0);
}

TEST_CASE("a first line without numbers is a header", "[csv]") {
  const CsvTable<double> table = parse_csv<double>("x, \"y, \"\"z\"\"\" ,\n1,2,3\n", "a");
  CHECK(table.names == Names{"x", "y, \"z\"", ""});
  CHECK(table.values == matrix(1, {1, 2, 3}));
  CHECK(parse_csv<double>("a,b\n", "a").values.rows() == 0);
  CHECK(parse_csv<double>("a,b\n", "a").values.cols() == 2);
  CHECK(parse_csv<double>("1,2\n", "a").names.empty());
  CHECK(parse_error("x,2\n1,2\n") == "a.csv: line 1, column 1: expected a number, found 'x'");
  CHECK(parse_error("1,2\nx,y\n") == "a.csv: line 2, column 1: expected a number, found 'x'");
  CHECK(parse_error(",\n1,2\n") == "a.csv: line 1, column 1: expected a number, found nothing");
}

TEST_CASE("floats and doubles survive to the bit", "[csv]") {
  const RowMatrix<double> doubles = random_bits<double, std::uint64_t>(5000, 1);
  CHECK(same_bits<double, std::uint64_t>(parse_csv<double>(format_csv(doubles), "a").values, doubles));
  const RowMatrix<float> floats = random_bits<float, std::uint32_t>(5000, 2);
  CHECK(same_bits<float, std::uint32_t>(parse_csv<float>(format_csv(floats), "a").values, floats));
  std::vector<std::uint64_t> bits = {0, 0x8000000000000000, 0x7FEFFFFFFFFFFFFF, 0x7FF0000000000000, 0xFFF0000000000000};
  if (computes_subnormal()) bits.insert(bits.end(), {1, 0x000FFFFFFFFFFFFF, 0x8000000000000001});
  for (const std::uint64_t number : bits) {
    CAPTURE(number);
    const RowMatrix<double> special = RowMatrix<double>::Constant(1, 1, std::bit_cast<double>(number));
    CHECK(same_bits<double, std::uint64_t>(parse_csv<double>(format_csv(special), "a").values, special));
  }
  for (const std::uint64_t nan : {0x7FF8000000000000u, 0xFFF8000000000001u}) {
    const auto text =
        format_csv(RowMatrix<double>::Constant(1, 1, std::bit_cast<double>(static_cast<std::uint64_t>(nan))));
    CHECK(text == "nan\n");
    CHECK_FALSE(tessera::is_finite(parse_csv<double>(text, "a").values(0)));
  }
}

TEST_CASE("integers of every type survive", "[csv]") {
  RowMatrix<std::int64_t> whole(1, 3);
  whole << std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(), -1;
  CHECK(parse_csv<std::int64_t>(format_csv(whole), "a").values == whole);
  const RowMatrix<std::uint64_t> large = RowMatrix<std::uint64_t>::Constant(2, 1, ~std::uint64_t{0});
  CHECK(parse_csv<std::uint64_t>(format_csv(large), "a").values == large);
}

TEST_CASE("what is too small becomes zero, what is too large is an error", "[csv]") {
  for (const char* text : {"1e-400", "-1e-400", "0.00001e-399", "1e-99999999999999999999", "1000000e-500"}) {
    CAPTURE(text);
    CHECK(values(text)(0) == 0);
  }
  CHECK(parse_csv<float>("1e-60", "a").values(0) == 0);
  const std::string zeros(400, '0');  // the exponent alone does not tell
  CHECK(values("0." + zeros + "1e5")(0) == 0);
  CHECK(values("-0." + zeros + "1")(0) == 0);
  CHECK(testing::contains(parse_error("1" + zeros + "e-5"), "expected a number in the range"));
  CHECK(testing::contains(parse_error("1" + zeros + ".0"), "expected a number in the range"));
  CHECK(parse_error("1,1e400") ==
        "a.csv: line 1, column 2: expected a number in the range of the type of 8 bytes asked for, found '1e400'");
  for (const char* text : {"1e99999999999999999999", "-1e400", "0.001e400", "+1e309"})
    CHECK(testing::contains(parse_error(text), "expected a number in the range"));
  CHECK(testing::contains(parse_error<float>("1e39"), "of the type of 4 bytes asked for, found '1e39'"));
  CHECK(parse_error<std::int8_t>("1,128") ==
        "a.csv: line 1, column 2: expected an integer in the range of the type of 1 bytes asked for, found '128'");
}

TEST_CASE("errors name the line and the column", "[csv]") {
  CHECK(parse_error("1,2\n3,4\n5,abc\n") == "a.csv: line 3, column 2: expected a number, found 'abc'");
  CHECK(parse_error("1,2\n3\n") == "a.csv: line 2, column 2: expected 2 fields as in the first line, found 1");
  CHECK(parse_error("1,2\n3,4,5\n") == "a.csv: line 2, column 3: expected 2 fields as in the first line, found 3");
  CHECK(parse_error("a,b\n1\n") == "a.csv: line 2, column 2: expected 2 fields as in the first line, found 1");
  CHECK(parse_error("1\n\n2\n") == "a.csv: line 2, column 1: expected a number, found nothing");
  CHECK(parse_error("1,,2\n") == "a.csv: line 1, column 2: expected a number, found nothing");
  CHECK(parse_error("1,2,\n") == "a.csv: line 1, column 3: expected a number, found nothing");
  CHECK(parse_error("1,\"2\n") == "a.csv: line 1, column 2: expected a closing quote, found the end of the line");
  CHECK(parse_error("1,\"2\" x\n") ==
        "a.csv: line 1, column 2: expected a separator after the closing quote, found 'x'");
  CHECK(parse_error<int>("1,2.0") == "a.csv: line 1, column 2: expected an integer, found '2.0'");
  CHECK(parse_error<unsigned>("1,-2") == "a.csv: line 1, column 2: expected an integer, found '-2'");
  CHECK(parse_error("1\n" + std::string(50, 'x')) ==
        "a.csv: line 2, column 1: expected a number, found '" + std::string(40, 'x') + "...'");
  for (const char* text : {"0x10", "1e", "1 2", "--1", "+-1", "1,2", "1_000", "1d3", ".", "-", "\x01"})
    CHECK(testing::contains(parse_error("0\n" + std::string(text)), "a.csv: line 2, column "));
}

TEST_CASE("the locale does not matter", "[csv]") {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  bool found = false;
  for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"}) {
    found = found || std::setlocale(LC_ALL, name) != nullptr;
  }
  CHECK(values("1.5,2") == matrix(1, {1.5, 2}));
  CHECK(format_csv(matrix(1, {1.5, 12345678})) == "1.5,12345678\n");
  std::setlocale(LC_ALL, before.c_str());
}

TEST_CASE("CSV: wrong arguments are named", "[csv]") {
  for (const char separator : {'1', 'e', '.', '-', '+', '"', '\n', '\r', '\0', '\xC3'}) {
    CHECK_THROWS_MESSAGE(std::invalid_argument, parse_csv<double>("1", "a", {.separator = separator}),
                         "parse_csv: expected a separator such as ',', ';' or a tab, found byte 0x");
    CHECK_THROWS_MESSAGE(std::invalid_argument, format_csv(matrix(1, {1}), {}, {.separator = separator}),
                         "format_csv: expected a separator");
  }
  CHECK_THROWS_MESSAGE(std::invalid_argument, format_csv(matrix(1, {1, 2}), {"a"}),
                       "format_csv: expected a name for each of 2 columns or none, found 1");
  for (const char* name : {"12", "nan", "", "a\nb", "-inf"})
    CHECK_THROWS_MESSAGE(std::invalid_argument, format_csv(matrix(1, {1}), {name}),
                         "format_csv: expected names in one line that are no numbers, found '");
  CHECK_THROWS_MESSAGE(std::invalid_argument, format_csv(RowMatrix<double>(3, 0)),
                       "format_csv: expected at least one column, found 3 rows of none");
}

TEST_CASE("tables in files", "[csv]") {
  const testing::TemporaryFolder folder;
  const RowMatrix<float> numbers = testing::random_normal<float>(20, 3, 1);
  write_csv(folder / "a.csv", numbers, {"a", "b b", "c"});
  CHECK(tessera::read_csv<float>(folder / "a.csv") == numbers);
  CHECK(tessera::read_csv_table<float>(folder / "a.csv").names == Names{"a", "b b", "c"});
  write_csv(folder / "a.csv", numbers.transpose(), {}, {.separator = '\t'});
  CHECK(tessera::read_csv<float>(folder / "a.csv", {.separator = '\t'}) == numbers.transpose());
  CHECK_THROWS_MESSAGE(FileError, tessera::read_csv<float>(folder / "b.csv"), "b.csv: cannot open it");
  CHECK_THROWS_MESSAGE(FileError, tessera::read_csv<int>(folder / "a.csv", {.separator = '\t'}),
                       "a.csv: line 1, column 1: expected an integer, found");
}
