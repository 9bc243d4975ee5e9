// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The header of a .npy file (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html): six bytes of
// magic, two of version, the length of the text (two bytes in version 1, four in versions 2 and 3), and a Python
// dictionary
//
//   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
//
// filled up with spaces and a line feed so that the data begin at a multiple of 64 bytes.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/io/byte_reader.hpp>
#include <tessera/io/byte_writer.hpp>
#include <tessera/io/file.hpp>
#include <tessera/io/shape.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// What the header of a .npy file says.
struct NpyHeader {
  std::string type;  // "f4": the kind and the bytes of a number
  std::endian order = std::endian::little;
  bool fortran_order = false;
  std::vector<Index> shape;
  std::uint64_t count = 0;  // numbers
  std::uint64_t bytes = 0;  // of all of them
};

inline constexpr std::string_view npy_types[] = {"b1", "i1", "i2", "i4", "i8", "u1",
                                                 "u2", "u4", "u8", "f2", "f4", "f8"};
inline constexpr std::array<std::uint8_t, 6> npy_magic = {0x93, 'N', 'U', 'M', 'P', 'Y'};
inline constexpr std::size_t npy_largest_axes = 64;

/// A cursor over the dictionary. Errors are FileError and name the source and the byte.
class NpyHeaderReader {
 public:
  NpyHeaderReader(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  NpyHeader read() {
    NpyHeader header;
    unsigned seen = 0;
    expect('{');
    while (peek() != '}') {
      const std::string key = string();
      const unsigned member = key == "descr" ? 1u : key == "fortran_order" ? 2u : key == "shape" ? 4u : 0u;
      if (member == 0 || (seen & member) != 0)
        fail("expected descr, fortran_order and shape once each, found '{}'", key);
      seen |= member;
      expect(':');
      if (member == 1) type(header);
      if (member == 2) header.fortran_order = boolean();
      if (member == 4) shape(header.shape);
      if (peek() != '}') expect(',');
    }
    expect('}');
    if (seen != 7) fail("expected descr, fortran_order and shape, found less");
    if (peek() != '\0' || position_ < text_.size()) fail("expected spaces up to the end, found {}", found());
    count(header);
    return header;
  }

 private:
  template <class... Arguments>
  [[noreturn, gnu::cold, gnu::noinline]] void fail(fmt::format_string<Arguments...> format,
                                                   Arguments&&... arguments) const {
    throw FileError(fmt::format("{}: header, byte {}: ", source_, position_) +
                    fmt::format(format, std::forward<Arguments>(arguments)...));
  }

  std::string found() const {
    if (position_ >= text_.size()) return "the end";
    const auto byte = static_cast<unsigned char>(text_[position_]);
    return byte > 0x20 && byte < 0x7F ? fmt::format("'{}'", text_[position_]) : fmt::format("byte 0x{:02x}", byte);
  }

  /// Skips white space and says what comes next; 0 at the end.
  char peek() {
    while (position_ < text_.size() && std::string_view(" \t\r\n").find(text_[position_]) != std::string_view::npos)
      ++position_;
    return position_ < text_.size() ? text_[position_] : '\0';
  }

  void expect(char character) {
    if (peek() != character || position_ == text_.size()) fail("expected '{}', found {}", character, found());
    ++position_;
  }

  /// Text in quotes of either kind; none that these headers need has escapes.
  std::string string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail("expected text in quotes, found {}", found());
    const std::size_t end = text_.find(quote, position_ + 1);
    if (end == std::string_view::npos) fail("expected the end of the text in quotes, found the end");
    std::string value(text_.substr(position_ + 1, end - position_ - 1));
    if (!std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c < '\x7f' && c != '\\'; }))
      fail("expected plain text in quotes, found other characters");
    position_ = end + 1;
    return value;
  }

  bool boolean() {
    peek();
    for (const auto& [word, value] : {std::pair<std::string_view, bool>{"True", true}, {"False", false}}) {
      if (text_.substr(position_, word.size()) != word) continue;
      position_ += word.size();
      return value;
    }
    fail("expected True or False, found {}", found());
  }

  /// '<f4': byte order, kind, bytes.
  void type(NpyHeader& header) {
    if (peek() == '[') fail("expected one number per element, found a structure");
    const std::string text = string();
    const char order = text.empty() ? '\0' : text.front();
    header.type = text.empty() ? text : text.substr(1);
    const bool known = std::find(std::begin(npy_types), std::end(npy_types), header.type) != std::end(npy_types);
    const bool one_byte = known && header.type[1] == '1';
    if (!known || !(order == '<' || order == '>' || (order == '|' && one_byte)))
      fail("expected numbers of type b1, i1 to i8, u1 to u8 or f2 to f8, found '{}'", text);
    header.order = order == '>' ? std::endian::big : std::endian::little;
  }

  /// (3, 4), (3,) or (). Python 2 wrote (3L, 4L).
  void shape(std::vector<Index>& extents) {
    expect('(');
    while (peek() != ')') {
      if (extents.size() == npy_largest_axes) fail("expected at most {} axes, found more", npy_largest_axes);
      extents.push_back(extent());
      if (peek() == 'L') ++position_;
      if (peek() == ')' && extents.size() > 1) break;
      expect(',');
    }
    expect(')');
  }

  Index extent() {
    if (peek() < '0' || peek() > '9') fail("expected an extent, found {}", found());
    Index value = 0;
    for (; position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9'; ++position_) {
      const Index digit = text_[position_] - '0';
      if (value > (std::numeric_limits<Index>::max() - digit) / 10) fail("expected an extent below 2^63, found more");
      value = 10 * value + digit;
    }
    return value;
  }

  void count(NpyHeader& header) const {
    const auto size = static_cast<std::uint64_t>(header.type[1] - '0');
    const auto count = shape_size(header.shape);
    if (!count || *count > static_cast<std::uint64_t>(std::numeric_limits<Index>::max()) / size)
      fail("expected fewer than 2^63 bytes of data, found a shape of more, {}", shape_text(header.shape));
    header.count = *count;
    header.bytes = *count * size;
  }

  std::string_view text_;
  const std::string& source_;
  std::size_t position_ = 0;
};

/// Reads everything before the data, and checks that exactly the data follow.
inline NpyHeader read_npy_header(ByteReader& reader) {
  const auto magic = reader.bytes(npy_magic.size(), "magic");
  if (!std::equal(magic.begin(), magic.end(), npy_magic.begin()))
    reader.fail("expected a .npy file, found another first six bytes");
  const int version = reader.number<std::uint8_t>("version");
  const int minor = reader.number<std::uint8_t>("version");
  if (version < 1 || version > 3 || minor != 0)
    reader.fail("expected version 1.0, 2.0 or 3.0, found {}.{}", version, minor);
  const std::uint64_t size = version == 1 ? reader.number<std::uint16_t>("length of the header")
                                          : reader.number<std::uint32_t>("length of the header");
  const auto text = reader.bytes(size, "header");
  NpyHeader header = NpyHeaderReader({reinterpret_cast<const char*>(text.data()), text.size()}, reader.source()).read();
  if (header.bytes != reader.remaining())
    reader.fail("expected {} bytes of data, found {}{}", header.bytes, reader.remaining(),
                header.bytes > reader.remaining() ? " (truncated?)" : "");
  return header;
}

/// The header of little-endian numbers in C order, as version 1.0. `type` is '<f4' or the like.
inline Bytes format_npy_header(std::string_view type, std::span<const Index> shape) {
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': (", type);
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    text += fmt::format("{}{}", axis > 0 ? ", " : "", shape[axis]);
  text += shape.size() == 1 ? ",), }" : "), }";
  const std::size_t before = npy_magic.size() + 4;
  while ((before + text.size() + 1) % 64 != 0) text += ' ';
  text += '\n';
  ByteWriter writer;
  writer.bytes(npy_magic);
  writer.number(std::uint8_t{1});
  writer.number(std::uint8_t{0});
  writer.number(static_cast<std::uint16_t>(text.size()));
  writer.text(text);
  return writer.take();
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
