// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The piece of JSON that a safetensors header consists of: an object whose values are objects, of strings, or of a
// type, a shape and two offsets. Anything else is an error, not a surprise.

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// A string as JSON writes it.
inline std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      result += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      result += c;
    }
  }
  return result + "\"";
}

class JsonHeader {
 public:
  struct Entry {
    std::string type;
    std::vector<Index> shape;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  std::map<std::string, Entry> entries;
  std::map<std::string, std::string> metadata;

  /// Throws FileError, with `name` in front and the position, on anything unexpected.
  static JsonHeader parse(std::string_view text, const std::string& name) {
    JsonHeader header;
    Parser parser{text, name};
    bool has_metadata = false;
    parser.object([&](std::string key) {
      if (key == "__metadata__") {
        if (std::exchange(has_metadata, true)) parser.fail("one __metadata__");
        parser.object([&](std::string k) {
          if (!header.metadata.emplace(std::move(k), parser.string()).second) parser.fail("a new metadata key");
        });
      } else if (!header.entries.emplace(std::move(key), parser.entry()).second) {
        parser.fail("a new tensor name");
      }
    });
    parser.end();
    return header;
  }

 private:
  struct Parser {
    std::string_view text;
    const std::string& name;
    std::size_t at = 0;

    [[noreturn]] void fail(const char* expected) const {
      if (at >= text.size())
        raise<FileError>("{}: expected {} at byte {} of the header, found its end", name, expected, at);
      raise<FileError>("{}: expected {} at byte {} of the header, found '{}'", name, expected, at,
                       static_cast<unsigned char>(text[at]) < 0x20 ? '?' : text[at]);
    }

    void space() {
      while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r')) ++at;
    }

    bool next_is(char c) {
      space();
      if (at >= text.size() || text[at] != c) return false;
      ++at;
      return true;
    }

    void expect(char c, const char* what) {
      if (!next_is(c)) fail(what);
    }

    void end() {
      space();
      if (at != text.size()) fail("nothing more");
    }

    /// `member(key)` parses each value.
    template <class Member>
    void object(Member member) {
      expect('{', "an object");
      if (next_is('}')) return;
      do {
        std::string key = string();
        expect(':', "a colon");
        member(std::move(key));
      } while (next_is(','));
      expect('}', "a comma or the end of the object");
    }

    std::uint64_t number() {
      space();
      constexpr std::uint64_t largest = std::numeric_limits<std::int64_t>::max();
      const std::size_t first = at;
      std::uint64_t value = 0;
      for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
        const auto digit = static_cast<std::uint64_t>(text[at] - '0');
        if (value > (largest - digit) / 10) fail("a number below 2^63");
        value = value * 10 + digit;
      }
      if (at == first || (text[first] == '0' && at != first + 1)) fail("a natural number");
      return value;
    }

    std::vector<std::uint64_t> numbers() {
      std::vector<std::uint64_t> values;
      expect('[', "an array");
      if (next_is(']')) return values;
      do values.push_back(number());
      while (next_is(','));
      expect(']', "a comma or the end of the array");
      return values;
    }

    Entry entry() {
      Entry result;
      int seen = 0;
      object([&](const std::string& key) {
        if (key == "dtype" && (seen & 1) == 0) {
          result.type = string();
          seen |= 1;
        } else if (key == "shape" && (seen & 2) == 0) {
          for (const std::uint64_t extent : numbers()) result.shape.push_back(static_cast<Index>(extent));
          seen |= 2;
        } else if (key == "data_offsets" && (seen & 4) == 0) {
          const std::vector<std::uint64_t> offsets = numbers();
          if (offsets.size() != 2) fail("two data_offsets before");
          result.begin = offsets[0];
          result.end = offsets[1];
          seen |= 4;
        } else {
          fail("dtype, shape and data_offsets, once each, before");
        }
      });
      if (seen != 7) fail("dtype, shape and data_offsets before");
      return result;
    }

    std::string string() {
      expect('"', "a string");
      std::string result;
      while (true) {
        if (at >= text.size() || static_cast<unsigned char>(text[at]) < 0x20) fail("the end of the string");
        const char c = text[at++];
        if (c == '"') return result;
        if (c == '\\') {
          escape(result);
        } else {
          result += c;
        }
      }
    }

    void escape(std::string& result) {
      static constexpr std::string_view letters = "\"\\/bfnrt";
      static constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
      if (at >= text.size()) fail("an escape");
      const char c = text[at++];
      if (c == 'u') {
        code_point(result);
      } else if (const std::size_t i = letters.find(c); i != std::string_view::npos) {
        result += meanings[i];
      } else {
        fail("an escape before");
      }
    }

    std::uint32_t hex4() {
      std::uint32_t value = 0;
      for (int i = 0; i < 4; ++i, ++at) {
        static constexpr std::string_view digits = "0123456789abcdef";
        const char c = at < text.size() ? text[at] : ' ';
        const std::size_t digit = digits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
        if (digit == std::string_view::npos) fail("four hexadecimal digits");
        value = value << 4 | static_cast<std::uint32_t>(digit);
      }
      return value;
    }

    /// \uXXXX, or two of them for a code point beyond 16 bits, as UTF-8.
    void code_point(std::string& result) {
      std::uint32_t code = hex4();
      if (code >= 0xD800 && code < 0xDC00) {
        if (text.substr(at, 2) != "\\u") fail("the second half of a surrogate pair");
        at += 2;
        const std::uint32_t low = hex4();
        if (low < 0xDC00 || low > 0xDFFF) fail("the second half of a surrogate pair before");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      } else if (code >= 0xDC00 && code <= 0xDFFF) {
        fail("the first half of a surrogate pair before");
      }
      const auto add = [&](std::uint32_t byte) { result += static_cast<char>(byte); };
      if (code < 0x80) {
        add(code);
      } else if (code < 0x800) {
        add(0xC0 | code >> 6), add(0x80 | (code & 0x3F));
      } else if (code < 0x10000) {
        add(0xE0 | code >> 12), add(0x80 | (code >> 6 & 0x3F)), add(0x80 | (code & 0x3F));
      } else {
        add(0xF0 | code >> 18), add(0x80 | (code >> 12 & 0x3F)), add(0x80 | (code >> 6 & 0x3F)),
            add(0x80 | (code & 0x3F));
      }
    }
  };
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
