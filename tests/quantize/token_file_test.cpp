// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/token_file.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <tessera/quantize/finite_scalar.hpp>
#include <tessera/quantize/vector.hpp>

#include "io/temporary_folder.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Bytes;
using tessera::FileError;
using tessera::Index;
using tessera::QuantizerIdentity;
using tessera::TokenFile;
using tessera::Tokens;
namespace testing = tessera::testing;

/// CRC-32C bit by bit, from the definition.
std::uint32_t slow_crc32c(const Bytes& bytes, std::size_t size) {
  std::uint32_t remainder = 0xFFFFFFFFu;
  for (std::size_t i = 0; i < size; ++i) {
    remainder ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) remainder = (remainder >> 1) ^ ((remainder & 1u) != 0 ? 0x82F63B78u : 0u);
  }
  return ~remainder;
}

void append(Bytes& bytes, std::uint64_t value, int size) {
  for (int i = 0; i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

/// The same bytes with a checksum that fits.
Bytes sealed(Bytes bytes) {
  bytes.resize(bytes.size() - 4);
  append(bytes, slow_crc32c(bytes, bytes.size()), 4);
  return bytes;
}

Tokens<> column(std::vector<std::int64_t> values) {
  Tokens<> tokens(static_cast<Index>(values.size()), 1);
  std::copy(values.begin(), values.end(), tokens.data());
  return tokens;
}

Tokens<> random_tokens(Index count, const std::vector<std::uint64_t>& radices, std::uint64_t seed) {
  testing::SplitMix random(seed);
  Tokens<> tokens(count, static_cast<Index>(radices.size()));
  for (Index i = 0; i < count; ++i) {
    for (Index t = 0; t < tokens.cols(); ++t)
      tokens(i, t) = static_cast<std::int64_t>(random.bits() % radices[static_cast<std::size_t>(t)]);
  }
  return tokens;
}

TokenFile small_file() {
  return {.identity = {.kind = "fsq", .dialect = "sigmoid", .levels = {3, 3}, .codebook_size = 9},
          .grid = {2, 2},
          .picture = {.width = 31, .height = 32, .channels = 3},
          .tokens = column({0, 8, 4, 1})};
}

TokenFile codebook_file(std::uint64_t size, Tokens<> tokens) {
  return {.identity = {.kind = "vq", .codebook_size = size, .fingerprint = 7},
          .grid = {tokens.rows()},
          .tokens = std::move(tokens)};
}

bool same(const TokenFile& a, const TokenFile& b) {
  return a.identity == b.identity && a.grid == b.grid && a.picture == b.picture && a.tokens.rows() == b.tokens.rows() &&
         a.tokens.cols() == b.tokens.cols() && a.tokens == b.tokens;
}

bool survives(const TokenFile& file) { return same(tessera::parse_token_file(format_token_file(file), "f"), file); }

std::size_t payload_size(const TokenFile& file) {
  const QuantizerIdentity& identity = file.identity;
  return format_token_file(file).size() - 48 - identity.kind.size() - identity.dialect.size() - 8 * file.grid.size() -
         4 * identity.levels.size() - 4;
}

std::string parse_error(const Bytes& bytes) {
  return testing::message_of<FileError>([&] { tessera::parse_token_file(bytes, "t.tsr"); });
}

std::string parse_error(TokenFile file, std::size_t place, std::vector<std::uint8_t> replacement) {
  Bytes bytes = format_token_file(file);
  std::copy(replacement.begin(), replacement.end(), bytes.begin() + static_cast<std::ptrdiff_t>(place));
  return parse_error(sealed(bytes));
}

}  // namespace

TEST_CASE("a token file has the bytes of the table in the documentation", "[token_file]") {
  Bytes expected = {0x89, 'T', 'S', 'R', 1, 3, 7, 2};
  append(expected, 2, 2);   // levels
  append(expected, 1, 2);   // tokens per vector
  append(expected, 31, 4);  // picture
  append(expected, 32, 4);
  append(expected, 3, 4);
  append(expected, 9, 8);                   // codes
  append(expected, 0x0123456789abcdef, 8);  // fingerprint
  append(expected, 0xfedcba9876543210, 8);  // of the model
  for (const char c : std::string("fsqsigmoid")) expected.push_back(static_cast<std::uint8_t>(c));
  append(expected, 2, 8);  // grid
  append(expected, 2, 8);
  append(expected, 3, 4);  // levels
  append(expected, 3, 4);
  append(expected, 0 + 8 * 9 + 4 * 81 + 1 * 729, 2);  // below 9^4 = 6561: 13 bits
  append(expected, slow_crc32c(expected, expected.size()), 4);

  TokenFile file = small_file();
  file.identity.fingerprint = 0x0123456789abcdef;
  file.identity.model_fingerprint = 0xfedcba9876543210;
  CHECK(format_token_file(file) == expected);
  const TokenFile read = tessera::parse_token_file(expected, "some.tsr");
  CHECK(same(read, file));
  CHECK(read.source == "some.tsr");
}

TEST_CASE("what is written is read again: any codebook, grid and number of tokens", "[token_file]") {
  for (const std::uint64_t size : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3}, std::uint64_t{1000},
                                   std::uint64_t{1024}, (std::uint64_t{1} << 63) - 25, std::uint64_t{1} << 63}) {
    for (const Index count : {0, 1, 2, 17, 64, 257}) {
      CAPTURE(size, count);
      CHECK(survives(codebook_file(size, random_tokens(count, {size}, static_cast<std::uint64_t>(count)))));
    }
  }
  TokenFile file = codebook_file(5, random_tokens(24, {5}, 1));
  for (const std::vector<Index>& grid : {std::vector<Index>{24}, {4, 6}, {2, 3, 4}, {1, 24, 1, 1, 1}}) {
    file.grid = grid;
    CHECK(survives(file));
  }
  file = codebook_file(5, column({3}));
  file.grid = {};  // a single vector has no axes
  CHECK(survives(file));
  file = codebook_file(5, column({}));
  file.grid = {0, std::numeric_limits<Index>::max()};
  CHECK(survives(file));
  file = codebook_file(5, column({1, 2}));
  file.picture = {.width = 0xFFFFFFFF, .height = 1, .channels = 0xFFFFFFFF};
  CHECK(survives(file));
}

TEST_CASE("the tokens cost at most 1 % more than log2 K bits each from 1000 on", "[token_file]") {
  testing::SplitMix random(2);
  std::vector<std::uint64_t> sizes = {(std::uint64_t{1} << 63) - 1, std::uint64_t{1} << 63,
                                      (std::uint64_t{1} << 32) + 1};
  for (std::uint64_t size = 2; size < 300; ++size) sizes.push_back(size);
  for (int i = 0; i < 200; ++i) sizes.push_back(2 + (random.bits() >> 1 >> random.below(62)));
  for (const std::uint64_t size : sizes) {
    CAPTURE(size);
    const double bits = std::log2(static_cast<double>(size));
    for (const Index count : {Index{1000}, 1000 + random.below(1000)}) {
      const TokenFile file = codebook_file(size, random_tokens(count, {size}, size));
      CHECK(8.0 * static_cast<double>(payload_size(file)) <= 1.01 * bits * static_cast<double>(count));
    }
  }
  CHECK(payload_size(codebook_file(1, Tokens<>::Zero(1000, 1))) == 0);
}

TEST_CASE("tokens of several digits are packed together, each below its own level", "[token_file]") {
  for (const std::vector<int>& levels : {std::vector<int>(40, 3), std::vector<int>(17, 65535),
                                         std::vector<int>{1000, 2, 7, 65536, 999, 3, 1000, 5, 1000, 9}}) {
    const std::vector<std::uint64_t> radices(levels.begin(), levels.end());
    const auto digits = static_cast<Index>(levels.size());
    double bits = 0;
    for (const int level : levels) bits += std::log2(level);
    for (const Index count : {Index{0}, Index{1}, Index{3}, 1000 / digits + 1, Index{1000}}) {
      CAPTURE(digits, count);
      TokenFile file = {.identity = {.kind = "fsq",
                                     .dialect = "ifsq",
                                     .levels = levels,
                                     .codebook_size = bits > 63 ? 0 : tessera::MixedRadix(levels).size(),
                                     .tokens_per_vector = digits},
                        .grid = {count},
                        .tokens = random_tokens(count, radices, 3)};
      CHECK(survives(file));
      if (count * digits >= 1000)
        CHECK(8.0 * static_cast<double>(payload_size(file)) <= 1.01 * bits * static_cast<double>(count));
    }
  }
}

TEST_CASE("every beginning of a token file is refused", "[token_file]") {
  for (const TokenFile& file : {small_file(), codebook_file(1, Tokens<>::Zero(9, 1)),
                                codebook_file(std::uint64_t{1} << 40, random_tokens(9, {std::uint64_t{1} << 40}, 1))}) {
    const Bytes bytes = format_token_file(file);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      CAPTURE(size);
      CHECK_FALSE(parse_error(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size))).empty());
    }
    Bytes longer = bytes;
    longer.push_back(0);
    CHECK_FALSE(parse_error(longer).empty());
    longer.insert(longer.end(), 3, 0);
    CHECK_FALSE(parse_error(sealed(longer)).empty());
  }
}

TEST_CASE("every single flipped bit, and every flipped pair within 4 bytes, is found", "[token_file]") {
  const Bytes bytes = format_token_file(small_file());
  for (std::size_t first = 0; first < 8 * bytes.size(); ++first) {
    Bytes damaged = bytes;
    damaged[first / 8] = static_cast<std::uint8_t>(damaged[first / 8] ^ (1u << (first % 8)));
    CAPTURE(first);
    CHECK_FALSE(parse_error(damaged).empty());
    for (std::size_t second = first + 1; second < std::min(first + 32, 8 * bytes.size()); ++second) {
      Bytes twice = damaged;
      twice[second / 8] = static_cast<std::uint8_t>(twice[second / 8] ^ (1u << (second % 8)));
      if (parse_error(twice).empty()) FAIL("bits " << first << " and " << second << " were not missed");
    }
  }
}

TEST_CASE("a file whose checksum fits and whose content does not is refused with the reason", "[token_file]") {
  const TokenFile file = small_file();
  // magic 0, version 4, lengths 5, numbers of levels 8 and tokens 10, picture 12, codes 24, prints 32, texts 48,
  // grid 58, levels 74, tokens 82
  CHECK(parse_error(file, 0, {'x'}) == "t.tsr: expected a token file, found another first four bytes");
  CHECK(parse_error(file, 4, {2}) == "t.tsr: expected version 1, found 2");
  CHECK(parse_error(Bytes{0x89, 'T', 'S', 'R', 1, 0}) == "t.tsr: expected a checksum, found 1 bytes (truncated?)");
  CHECK(parse_error(file, 5, {0}) ==
        "t.tsr: expected a kind and a dialect of at most 255 printable characters, found others");
  CHECK(testing::contains(parse_error(file, 5, {255}), "t.tsr: expected 255 bytes of kind"));
  CHECK(testing::contains(parse_error(file, 7, {255}), "numbers of 8 bytes (grid)"));
  CHECK(testing::contains(parse_error(file, 8, {0xFF, 0xFF}), "numbers of 4 bytes (levels)"));
  CHECK(parse_error(file, 10, {0}) == "t.tsr: expected one token per vector below 2^63 or one per level, found 0");
  CHECK(parse_error(file, 10, {3}) == "t.tsr: expected one token per vector below 2^63 or one per level, found 3");
  CHECK(parse_error(file, 12, {0}) ==
        "t.tsr: expected a picture with sides and channels from 1 to 2^32 - 1, or none, found (0, 32, 3)");
  CHECK(parse_error(file, 24, {8}) == "t.tsr: expected a codebook of 9 codes by its levels, found 8");
  CHECK(testing::contains(parse_error(file, 48, {'\n'}), "printable characters"));
  CHECK(parse_error(file, 74, {1}) == "t.tsr: expected levels of at least 2, found 1");
  CHECK(parse_error(file, 74, {0, 0, 0, 0x80}) == "t.tsr: expected levels of at least 2, found -2147483648");
  CHECK(parse_error(file, 82, {0xA1, 0x19}) ==
        "t.tsr: expected values below their radices, found a block beyond all of them");  // 9^4 = 0x19A1
  CHECK(parse_error(file, 83, {0x24}) == "t.tsr: expected zeros after the last value, found other bits");
  CHECK(parse_error(file, 58, {3}) == "t.tsr: expected 3 bytes of tokens, found 2");  // 9^6 - 1 has 20 bits
  const std::string huge = parse_error(file, 58, {0, 0, 0, 0, 0, 0, 0, 0x20});
  CHECK(testing::contains(huge, "t.tsr: expected"));
  CHECK(testing::contains(parse_error(file, 58, {0, 0, 0, 0, 0, 0, 0, 0x80}), "fewer than 2^63 tokens"));
  CHECK(testing::contains(parse_error(file, 58, {0, 0, 0, 0, 0, 0, 0, 0x40}), "fewer than 2^63 tokens"));
}

TEST_CASE("a count that nothing vouches for is refused before memory is set aside for it", "[token_file]") {
  TokenFile file = codebook_file(1, Tokens<>::Zero(9, 1));
  CHECK(testing::contains(parse_error(file, 50, {0, 0, 0, 0, 0, 0, 0, 0x20}),
                          "t.tsr: expected at most 16777216 tokens of a codebook of one code, found a grid of"));
  CHECK(parse_error(file, 24, {0}) == "t.tsr: expected a codebook of 1 to 2^63 codes, found 0");
  CHECK(testing::contains(parse_error(file, 24, {1, 0, 0, 0, 0, 0, 0, 0x80}), "found 9223372036854775809"));
  file = codebook_file(2, Tokens<>::Zero(9, 1));
  CHECK(testing::contains(parse_error(file, 50, {0, 0, 0, 0, 0, 0, 0, 0x20}), "bytes of tokens, found 2"));
  file = codebook_file(std::uint64_t{1} << 62, Tokens<>::Zero(2, 1));
  CHECK(testing::contains(parse_error(file, 50, {0, 0, 0, 0, 0, 0, 0, 0x20}), "bytes of tokens, found 16"));
  file.grid = {1, 2};
  CHECK(testing::contains(parse_error(file, 50, {0, 0, 0, 0, 0, 0, 0, 0x40}), "fewer than 2^63 tokens"));
}

TEST_CASE("a file that would not be well-formed is not written", "[token_file]") {
  const auto refusal = [](auto&& change) {
    TokenFile file = small_file();
    change(file);
    return testing::message_of<std::invalid_argument>([&] { format_token_file(file); });
  };
  CHECK(testing::contains(refusal([](TokenFile& f) { f.identity.kind = ""; }), "format_token_file: expected a kind"));
  CHECK(testing::contains(refusal([](TokenFile& f) { f.identity.kind = "a b"; }), "printable"));
  CHECK(testing::contains(refusal([](TokenFile& f) { f.identity.dialect = std::string(256, 'x'); }), "at most 255"));
  CHECK(refusal([](TokenFile& f) { f.identity.levels[1] = 1; }) ==
        "format_token_file: expected levels of at least 2, found 1");
  CHECK(refusal([](TokenFile& f) { f.identity.levels.assign(65536, 2); }) ==
        "format_token_file: expected at most 65535 levels, found 65536");
  CHECK(refusal([](TokenFile& f) { f.identity.codebook_size = 10; }) ==
        "format_token_file: expected a codebook of 9 codes by its levels, found 10");
  CHECK(refusal([](TokenFile& f) { f.identity.tokens_per_vector = 2; }) ==
        "format_token_file: expected 2 tokens for each place of the grid (2, 2), found 4 x 1");
  CHECK(refusal([](TokenFile& f) { f.grid = {}; }) ==
        "format_token_file: expected 1 tokens for each place of the grid (), found 4 x 1");
  CHECK(testing::contains(refusal([](TokenFile& f) { f.grid = {-2, -2}; }), "found (-2, -2)"));
  CHECK(testing::contains(refusal([](TokenFile& f) { f.grid.resize(256, 1); }), "at most 255 axes"));
  CHECK(testing::contains(refusal([](TokenFile& f) { f.picture.width = 0; }), "found (0, 32, 3)"));
  CHECK(testing::contains(refusal([](TokenFile& f) { f.picture.width = Index{1} << 32; }), "from 1 to 2^32 - 1"));
  for (const std::int64_t token : {std::int64_t{-1}, std::int64_t{9}}) {
    TokenFile file = small_file();
    file.tokens(2, 0) = token;
    CHECK_THROWS_MESSAGE(std::out_of_range, format_token_file(file), "expected values from 0 to 8, found");
    CHECK_THROWS_MESSAGE(std::out_of_range, format_token_file(file), "at position 2");
  }
  const TokenFile large = codebook_file(1, Tokens<>::Zero((1 << 24) + 1, 1));
  CHECK_THROWS_MESSAGE(std::invalid_argument, format_token_file(large), "at most 16777216 tokens");
}

TEST_CASE("tokens of another scalar quantizer are refused", "[token_file]") {
  const tessera::FiniteScalarQuantizer<float> quantizer({.levels = {8, 5, 5, 5}});
  const QuantizerIdentity identity = quantizer_identity(quantizer);
  CHECK(identity ==
        QuantizerIdentity{.kind = "fsq", .dialect = "lucidrains", .levels = {8, 5, 5, 5}, .codebook_size = 1000});
  const tessera::RowMatrix<float> latents = testing::random_normal<float>(12, 4, 1);
  const TokenFile file = {.identity = identity, .grid = {3, 4}, .tokens = quantizer.encode(tessera::rows(latents))};
  const TokenFile read = tessera::parse_token_file(format_token_file(file), "a.tsr");
  REQUIRE_NOTHROW(require_same_model(read, identity));
  CHECK(quantizer.decode(read.tokens) == quantizer.decode(file.tokens));
  REQUIRE_NOTHROW(
      require_same_model(read, quantizer_identity(tessera::FiniteScalarQuantizer<double>({.levels = {8, 5, 5, 5}}))));

  const auto refusal = [&](const QuantizerIdentity& other) {
    return testing::message_of<FileError>([&] { require_same_model(read, other); });
  };
  CHECK(refusal(quantizer_identity(tessera::FiniteScalarQuantizer<float>({.levels = {5, 8, 5, 5}}))) ==
        "a.tsr: expected tokens of fsq lucidrains (5, 8, 5, 5), found tokens of fsq lucidrains (8, 5, 5, 5)");
  CHECK(refusal(quantizer_identity(
            tessera::FiniteScalarQuantizer<float>({.levels = {8, 5, 5, 5}, .dialect = tessera::FsqDialect::google}))) ==
        "a.tsr: expected tokens of fsq google (8, 5, 5, 5), found tokens of fsq lucidrains (8, 5, 5, 5)");
  QuantizerIdentity network = identity;
  network.model_fingerprint = 0xAB;
  CHECK(testing::contains(refusal(network), "(8, 5, 5, 5), model 00000000000000ab, found"));
}

TEST_CASE("a scalar quantizer beyond 2^63 has a token per level", "[token_file]") {
  const tessera::FiniteScalarQuantizer<float> quantizer({.levels = std::vector<int>(16, 17)});
  const QuantizerIdentity identity = quantizer_identity(quantizer);
  CHECK(identity.codebook_size == 0);
  CHECK(identity.tokens_per_vector == 16);
  const tessera::RowMatrix<float> latents = testing::random_normal<float>(21, 16, 1);
  const TokenFile file = {.identity = identity, .grid = {21}, .tokens = quantizer.encode(tessera::rows(latents))};
  CHECK(survives(file));
  CHECK(testing::contains(tessera::identity_text(identity), ", 16 tokens a vector"));
  const tessera::FiniteScalarQuantizer<float> largest({.levels = std::vector<int>(21, 8)});  // 2^63
  CHECK(quantizer_identity(largest).codebook_size == std::uint64_t{1} << 63);
}

TEST_CASE("tokens of another codebook are refused, however little it differs", "[token_file]") {
  tessera::RowMatrix<float> codes = testing::random_normal<float>(6, 3, 1);
  const tessera::VectorQuantizer<float> quantizer(tessera::rows(codes), tessera::VectorQuantizerOptions{});
  const QuantizerIdentity identity = quantizer_identity(quantizer);
  CHECK(identity.kind == "vq");
  CHECK(identity.codebook_size == 6);
  CHECK(identity == quantizer_identity(tessera::VectorQuantizer<float>(tessera::rows(codes), {})));
  const tessera::RowMatrix<float> x = testing::random_normal<float>(10, 3, 2);
  const TokenFile file = {.identity = identity, .grid = {10}, .tokens = quantizer.encode(tessera::rows(x))};
  const TokenFile read = tessera::parse_token_file(format_token_file(file), "a.tsr");
  REQUIRE_NOTHROW(require_same_model(read, identity));

  codes(5, 2) = std::nextafter(codes(5, 2), 9.0f);
  const QuantizerIdentity other = quantizer_identity(tessera::VectorQuantizer<float>(tessera::rows(codes), {}));
  CHECK(
      testing::message_of<FileError>([&] { require_same_model(read, other); }) ==
      fmt::format("a.tsr: expected tokens of vq of 6 codes, codebook {:016x}, found tokens of vq of 6 codes, codebook "
                  "{:016x}",
                  other.fingerprint, identity.fingerprint));
}

TEST_CASE("token files on disk", "[token_file]") {
  const testing::TemporaryFolder folder;
  write_token_file(folder / "a.tsr", small_file());
  const TokenFile read = tessera::read_token_file(folder / "a.tsr");
  CHECK(same(read, small_file()));
  CHECK(read.source == (folder / "a.tsr").string());
  CHECK_THROWS_MESSAGE(FileError, tessera::read_token_file(folder / "b.tsr"), "cannot open it");
  TokenFile broken = small_file();
  broken.tokens(0, 0) = 9;
  CHECK_THROWS_MESSAGE(std::out_of_range, write_token_file(folder / "a.tsr", broken), "found 9");
  CHECK(same(tessera::read_token_file(folder / "a.tsr"), small_file()));
}
