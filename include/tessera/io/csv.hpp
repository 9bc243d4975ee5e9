// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Matrices as text: one row a line, numbers separated by commas (RFC 4180, numbers only).
//
// Numbers are written as the shortest text that reads back as the same number, and read to the nearest one, whatever
// the locale: floats and doubles survive to the bit, signed zeros and infinities included; every NaN is written as nan.
// (Subnormal numbers become zeros in a program whose processor takes them for zeros, as -ffast-math asks of the
// linker.)
//
// Read: a first line none of whose fields is a number is a header. All lines have as many fields as the first. Spaces
// and tabs around fields, quotes around them, the byte order mark of UTF-8, carriage returns before line feeds, and
// empty lines at the end do not matter. Empty fields, hexadecimal numbers and comments are errors, and so is a number
// too large for the type asked for: it never becomes infinite.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/io/byte_reader.hpp>
#include <tessera/io/file.hpp>

namespace tessera {

struct CsvOptions {
  char separator = ',';  ///< between fields: anything but a digit, a letter, a quote, '.', '+', '-' and the line's end
};

/// A matrix and the names of its columns: none, or one each.
template <class Scalar>
struct CsvTable {
  std::vector<std::string> names;
  RowMatrix<Scalar> values;
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {
namespace detail {

inline void check_csv_separator(const char* who, char separator) {
  const auto byte = static_cast<unsigned char>(separator);
  const bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
  require(!letter && std::string_view("\"'.+-\r\n\0", 8).find(separator) == std::string_view::npos && byte < 0x80,
          "{}: expected a separator such as ',', ';' or a tab, found byte 0x{:02x}", who, byte);
}

/// Whether a decimal number beyond the range of a type is too small rather than too large: the place of its first digit
/// that is not zero, counted from the point, and the exponent tell.
inline bool is_below_one(std::string_view text) {
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  const std::size_t mantissa = std::min(text.find_first_of("eE"), text.size());
  const std::string_view digits = text.substr(0, mantissa);
  const std::size_t point = std::min(digits.find('.'), digits.size());
  const std::size_t first = std::min(digits.find_first_not_of("0."), digits.size());
  long long exponent = 0;
  if (mantissa < text.size()) {
    text.remove_prefix(mantissa + 1);
    const bool negative = !text.empty() && text.front() == '-';
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), exponent);
    if (code == std::errc::result_out_of_range) exponent = std::numeric_limits<int>::max();
    exponent = std::min<long long>(exponent, std::numeric_limits<int>::max());
    if (negative) exponent = -exponent;
  }
  const auto place = first < point ? static_cast<long long>(point - first) - 1
                                   : static_cast<long long>(point) - static_cast<long long>(first);
  return place + exponent < 0;
}

enum class CsvNumber { good, none, too_large };

/// The number that is all of `text`.
template <FileNumber T>
CsvNumber parse_csv_number(std::string_view text, T& value) {
  if (text.size() > 1 && text.front() == '+' && text[1] != '-' && text[1] != '+') text.remove_prefix(1);
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code == std::errc::invalid_argument || end != text.data() + text.size()) return CsvNumber::none;
  if (code != std::errc::result_out_of_range) return CsvNumber::good;
  if (std::is_floating_point_v<T> && is_below_one(text)) {
    value = text.front() == '-' ? -T(0) : T(0);
    return CsvNumber::good;
  }
  return CsvNumber::too_large;
}

/// A cursor over the fields of the lines of a text.
class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& source, char separator)
      : text_(text), source_(source), separator_(separator) {
    if (text_.substr(0, 3) == "\xEF\xBB\xBF") text_.remove_prefix(3);
    while (!text_.empty() && is_blank(text_.back())) text_.remove_suffix(1);
  }

  bool at_end() const { return text_.empty(); }
  Index line() const { return line_; }

  /// The fields of the next line, as they stand there; quotes removed.
  const std::vector<std::string>& next() {
    ++line_;
    std::string_view rest = text_.substr(0, text_.find('\n'));
    text_.remove_prefix(std::min(rest.size() + 1, text_.size()));
    if (!rest.empty() && rest.back() == '\r') rest.remove_suffix(1);
    fields_.clear();
    for (bool more = true; more;) {
      trim_front(rest);
      std::string& field = fields_.emplace_back();
      if (!rest.empty() && rest.front() == '"') {
        quoted(rest, field);
      } else {
        std::string_view plain = rest.substr(0, rest.find(separator_));
        rest.remove_prefix(plain.size());
        while (!plain.empty() && is_space(plain.back())) plain.remove_suffix(1);
        field = plain;
      }
      more = !rest.empty();
      if (more) rest.remove_prefix(1);
    }
    return fields_;
  }

  template <class... Arguments>
  [[noreturn, gnu::cold, gnu::noinline]] void fail(std::size_t column, fmt::format_string<Arguments...> format,
                                                   Arguments&&... arguments) const {
    throw FileError(fmt::format("{}: line {}, column {}: ", source_, line_, column) +
                    fmt::format(format, std::forward<Arguments>(arguments)...));
  }

 private:
  bool is_space(char c) const { return (c == ' ' || c == '\t') && c != separator_; }
  bool is_blank(char c) const { return is_space(c) || c == '\r' || c == '\n'; }
  void trim_front(std::string_view& rest) const {
    while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
  }

  /// A field in quotes, in which two quotes stand for one. Leaves what follows it: a separator or nothing.
  void quoted(std::string_view& rest, std::string& field) const {
    for (rest.remove_prefix(1);; rest.remove_prefix(1)) {
      if (rest.empty()) fail(fields_.size(), "expected a closing quote, found the end of the line");
      if (rest.front() == '"') {
        if (rest.size() < 2 || rest[1] != '"') break;
        rest.remove_prefix(1);
      }
      field += rest.front();
    }
    rest.remove_prefix(1);
    trim_front(rest);
    if (!rest.empty() && rest.front() != separator_)
      fail(fields_.size(), "expected a separator after the closing quote, found '{}'", rest.front());
  }

  std::string_view text_;
  const std::string& source_;
  char separator_;
  Index line_ = 0;
  std::vector<std::string> fields_;
};

/// A field as messages show it.
inline std::string shown_field(const std::string& field) {
  if (field.empty()) return "nothing";
  std::string text = "'";
  for (const char c : field.substr(0, 40)) text += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return text + (field.size() > 40 ? "...'" : "'");
}

/// Appends the numbers of a line.
template <FileNumber Scalar>
void append_csv_numbers(const CsvReader& reader, const std::vector<std::string>& fields, std::vector<Scalar>& values) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const CsvNumber found = parse_csv_number(fields[i], values.emplace_back());
    if (found == CsvNumber::good) continue;
    const char* kind = std::is_floating_point_v<Scalar> ? "a number" : "an integer";
    if (found == CsvNumber::none) reader.fail(i + 1, "expected {}, found {}", kind, shown_field(fields[i]));
    reader.fail(i + 1, "expected {} in the range of the type of {} bytes asked for, found {}", kind, sizeof(Scalar),
                shown_field(fields[i]));
  }
}

inline bool is_csv_header(const std::vector<std::string>& fields) {
  double ignored = 0;
  const auto no_number = [&](const std::string& field) { return parse_csv_number(field, ignored) == CsvNumber::none; };
  const auto filled = [](const std::string& field) { return !field.empty(); };
  return std::all_of(fields.begin(), fields.end(), no_number) && std::any_of(fields.begin(), fields.end(), filled);
}

template <FileNumber T>
void append_csv_number(std::string& text, T value) {
  if constexpr (std::is_floating_point_v<T>) {
    if (!is_finite(value)) {
      text += non_finite_name(value);
      return;
    }
  }
  char buffer[64];
  const auto [end, code] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  text.append(buffer, end);
}

inline void append_csv_name(std::string& text, std::string_view name) {
  text += '"';
  for (const char c : name) text += c == '"' ? std::string_view("\"\"") : std::string_view(&c, 1);
  text += '"';
}

}  // namespace detail

/// The table in a text that is in memory already. Throws FileError, naming `source`, the line and the column, on
/// anything that is no number of the type asked for and on lines of different lengths; std::invalid_argument on the
/// options.
template <FileNumber Scalar>
CsvTable<Scalar> parse_csv(std::string_view text, const std::string& source, const CsvOptions& options = {}) {
  detail::check_csv_separator("parse_csv", options.separator);
  detail::CsvReader reader(text, source, options.separator);
  CsvTable<Scalar> table;
  std::vector<Scalar> values;
  std::size_t columns = 0;
  while (!reader.at_end()) {
    const auto& fields = reader.next();
    if (reader.line() == 1) columns = fields.size();
    if (reader.line() == 1 && detail::is_csv_header(fields)) {
      table.names = fields;
      continue;
    }
    if (fields.size() != columns)
      reader.fail(std::min(fields.size(), columns) + 1, "expected {} fields as in the first line, found {}", columns,
                  fields.size());
    detail::append_csv_numbers(reader, fields, values);
  }
  const auto width = static_cast<Index>(columns);
  const Index height = width > 0 ? static_cast<Index>(values.size()) / width : 0;
  table.values = Eigen::Map<const RowMatrix<Scalar>>(values.data(), height, width);
  return table;
}

/// The table in a file. Throws as parse_csv does, and FileError when the file cannot be read.
template <FileNumber Scalar>
CsvTable<Scalar> read_csv_table(const std::filesystem::path& path, const CsvOptions& options = {}) {
  const Bytes bytes = read_file(path);
  return parse_csv<Scalar>({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string(), options);
}

/// Its matrix: `read_csv<float>("latents.csv")`.
template <FileNumber Scalar>
RowMatrix<Scalar> read_csv(const std::filesystem::path& path, const CsvOptions& options = {}) {
  return read_csv_table<Scalar>(path, options).values;
}

/// A matrix as text, the inverse of parse_csv; with a header line if there are names, in quotes. Throws
/// std::invalid_argument unless there is a name for each column or none, on a name that is empty, reads as a number or
/// holds a line's end, on rows without columns (a line without fields cannot be told from one without numbers), and on
/// the options.
template <class Derived>
std::string format_csv(const Eigen::DenseBase<Derived>& matrix, const std::vector<std::string>& names = {},
                       const CsvOptions& options = {}) {
  using T = typename Derived::Scalar;
  detail::check_csv_separator("format_csv", options.separator);
  const RowMatrix<T> packed = matrix.derived().matrix();
  require(names.empty() || static_cast<Index>(names.size()) == packed.cols(),
          "format_csv: expected a name for each of {} columns or none, found {}", packed.cols(), names.size());
  require(packed.rows() == 0 || packed.cols() > 0, "format_csv: expected at least one column, found {} rows of none",
          packed.rows());
  double ignored = 0;
  std::string text;
  for (const std::string& name : names) {
    require(!name.empty() && name.find_first_of("\r\n") == std::string::npos &&
                detail::parse_csv_number(name, ignored) == detail::CsvNumber::none,
            "format_csv: expected names in one line that are no numbers, found '{}'", name);
    if (&name != names.data()) text += options.separator;
    detail::append_csv_name(text, name);
  }
  if (!names.empty()) text += '\n';
  for (Index i = 0; i < packed.rows(); ++i) {
    for (Index j = 0; j < packed.cols(); ++j) {
      if (j > 0) text += options.separator;
      detail::append_csv_number(text, packed(i, j));
    }
    text += '\n';
  }
  return text;
}

/// Writes a matrix to a file, all or nothing.
template <class Derived>
void write_csv(const std::filesystem::path& path, const Eigen::DenseBase<Derived>& matrix,
               const std::vector<std::string>& names = {}, const CsvOptions& options = {}) {
  const std::string text = format_csv(matrix, names, options);
  write_file(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace tessera::inline TESSERA_ISA
