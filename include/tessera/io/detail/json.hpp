// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The part of JSON (RFC 8259) that headers of tensor files are made of: objects, strings and unsigned integers. The
// reader is a cursor driven by whoever knows the expected structure, so nesting is bounded by that structure and not by
// the text; everything else is an error.

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tessera/core/error.hpp>
#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The length of the UTF-8 sequence that `text` begins with; 0 if it is not well-formed (overlong, a surrogate, beyond
/// U+10FFFF, cut off).
inline std::size_t utf8_sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.empty()) return 0;
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0u) != 0x80) return 0;
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool surrogate = first == 0xED && byte(1) > 0x9F;
  const bool beyond = first == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || beyond ? 0 : length;
}

inline bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

inline void append_utf8(std::string& text, std::uint32_t code_point) {
  const auto put = [&](std::uint32_t byte) { text.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
  if (code_point < 0x80) return put(code_point);
  if (code_point < 0x800) {
    put(0xC0 | (code_point >> 6));
  } else if (code_point < 0x10000) {
    put(0xE0 | (code_point >> 12));
    put(0x80 | ((code_point >> 6) & 0x3F));
  } else {
    put(0xF0 | (code_point >> 18));
    put(0x80 | ((code_point >> 12) & 0x3F));
    put(0x80 | ((code_point >> 6) & 0x3F));
  }
  put(0x80 | (code_point & 0x3F));
}

/// Text as a JSON string. Everything but quotes, backslashes and control characters stays as it is.
inline void append_json_string(std::string& json, std::string_view text) {
  constexpr std::string_view plain = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt";
  json += '"';
  for (const char character : text) {
    if (const auto place = plain.find(character); place != std::string_view::npos) {
      json += '\\';
      json += letters[place];
    } else if (static_cast<unsigned char>(character) < 0x20) {
      json += fmt::format("\\u{:04x}", static_cast<unsigned>(character));
    } else {
      json += character;
    }
  }
  json += '"';
}

/// A cursor over JSON text. Errors are FileError and name the source and the byte.
class JsonReader {
 public:
  JsonReader(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  template <class... Arguments>
  [[noreturn, gnu::cold, gnu::noinline]] void fail(fmt::format_string<Arguments...> format,
                                                   Arguments&&... arguments) const {
    throw FileError(fmt::format("{}: header, byte {}: ", source_, position_) +
                    fmt::format(format, std::forward<Arguments>(arguments)...));
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

  /// Calls item() for every item of a list between `open` and `close`, separated by commas.
  template <class Item>
  void list(char open, char close, Item&& item) {
    expect(open);
    if (peek() == close) return expect(close);
    item();
    while (peek() == ',') {
      expect(',');
      item();
    }
    expect(close);
  }

  /// Calls member(key) before the value of every member of an object.
  template <class Member>
  void object(Member&& member) {
    list('{', '}', [&] {
      const std::string key = string();
      expect(':');
      member(key);
    });
  }

  std::string string() {
    expect('"');
    std::string value;
    for (;;) {
      if (position_ == text_.size()) fail("expected the end of a string, found {}", found());
      const char character = text_[position_];
      if (character == '"') break;
      if (character == '\\') {
        escape(value);
        continue;
      }
      const std::size_t length = utf8_sequence_length(text_.substr(position_));
      if (length == 0 || static_cast<unsigned char>(character) < 0x20) fail("expected UTF-8 text, found {}", found());
      value += text_.substr(position_, length);
      position_ += length;
    }
    ++position_;
    return value;
  }

  std::uint64_t unsigned_integer() {
    const char first = peek();
    if (first < '0' || first > '9') fail("expected an unsigned integer, found {}", found());
    std::uint64_t value = 0;
    const std::size_t begin = position_;
    for (; position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9'; ++position_) {
      const auto digit = static_cast<std::uint64_t>(text_[position_] - '0');
      if (value > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) fail("expected an integer below 2^64");
      value = 10 * value + digit;
    }
    if (first == '0' && position_ - begin > 1) fail("expected an integer without leading zeros");
    return value;
  }

  /// Only white space is left.
  void end() {
    if (peek() != '\0' || position_ < text_.size()) fail("expected the end, found {}", found());
  }

 private:
  std::string found() const {
    if (position_ >= text_.size()) return "the end";
    const auto byte = static_cast<unsigned char>(text_[position_]);
    return byte > 0x20 && byte < 0x7F ? fmt::format("'{}'", text_[position_]) : fmt::format("byte 0x{:02x}", byte);
  }

  void escape(std::string& value) {
    constexpr std::string_view letters = "\"\\/bfnrt", plain = "\"\\/\b\f\n\r\t";
    ++position_;
    if (position_ == text_.size()) fail("expected an escaped character, found the end");
    const char letter = text_[position_];
    if (letter == 'u') return unicode(value);
    const auto place = letters.find(letter);
    if (place == std::string_view::npos) fail("expected an escaped character, found {}", found());
    value += plain[place];
    ++position_;
  }

  void unicode(std::string& value) {
    std::uint32_t unit = code_unit();
    if (unit >= 0xDC00 && unit < 0xE000) fail("expected a code point, found half of a surrogate pair");
    if (unit >= 0xD800 && unit < 0xDC00) {
      const bool pair = text_.substr(position_, 2) == "\\u";
      if (pair) ++position_;
      const std::uint32_t low = pair ? code_unit() : 0;
      if (low < 0xDC00 || low >= 0xE000) fail("expected a code point, found half of a surrogate pair");
      unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(value, unit);
  }

  /// The four digits after the 'u' that the cursor stands on.
  std::uint32_t code_unit() {
    ++position_;
    std::uint32_t unit = 0;
    for (int i = 0; i < 4; ++i, ++position_) {
      constexpr std::string_view digits = "0123456789abcdef0123456789ABCDEF";
      const auto digit = position_ < text_.size() ? digits.find(text_[position_]) : std::string_view::npos;
      if (digit == std::string_view::npos) fail("expected four hexadecimal digits, found {}", found());
      unit = 16 * unit + static_cast<std::uint32_t>(digit % 16);
    }
    return unit;
  }

  std::string_view text_;
  const std::string& source_;
  std::size_t position_ = 0;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
