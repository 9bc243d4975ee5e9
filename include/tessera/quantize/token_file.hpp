// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Tokens on disk (.tsr): what a quantizer made of a picture or any other grid of vectors, in log2 K bits a token, with
// the identity of the quantizer that alone can decode them and a checksum over everything. docs/token_file.md has the
// layout byte by byte.
//
// A file holds no codebook. It holds what tells one from another: the levels and the dialect of a finite scalar
// quantizer, the size and the fingerprint of a learned codebook, and, if a program gives one, the fingerprint of the
// network around it. A program that reads tokens compares that identity with its own model's: require_same_model.

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/io/bit_packing.hpp>
#include <tessera/io/byte_reader.hpp>
#include <tessera/io/byte_writer.hpp>
#include <tessera/io/checksum.hpp>
#include <tessera/io/file.hpp>
#include <tessera/io/shape.hpp>
#include <tessera/quantize/finite_scalar_dialect.hpp>
#include <tessera/quantize/mixed_radix.hpp>

namespace tessera {

/// What tells the quantizer of some tokens from others. quantizer_identity makes one.
struct QuantizerIdentity {
  std::string kind;                     ///< "fsq", "vq", ...: 1 to 255 characters of ASCII
  std::string dialect = {};             ///< the name of the formula, or nothing
  std::vector<int> levels = {};         ///< of each digit, at least 2 each; none for a learned codebook
  std::uint64_t codebook_size = 0;      ///< K, 1 to 2^63: the product of the levels, 0 where that is larger
  std::uint64_t fingerprint = 0;        ///< of the codebook; 0 if the levels say everything
  std::uint64_t model_fingerprint = 0;  ///< of what surrounds the quantizer, if a program sets it; else 0
  Index tokens_per_vector = 1;          ///< 1 (below K), or one per level

  friend bool operator==(const QuantizerIdentity&, const QuantizerIdentity&) = default;
};

/// The size of the picture that was tokenized, which the grid of its patches may exceed. All zero for anything else.
struct PictureShape {
  Index width = 0;  ///< in pixels, below 2^32, as the others
  Index height = 0;
  Index channels = 0;

  friend bool operator==(const PictureShape&, const PictureShape&) = default;
};

/// The content of a token file.
struct TokenFile {
  QuantizerIdentity identity = {};
  std::vector<Index> grid = {};  ///< the axes along which the vectors lie: {rows, columns}, {frames}, ... Product N
  PictureShape picture = {};
  Tokens<> tokens = {};  ///< (N, identity.tokens_per_vector), the last axis of the grid fastest; none masked
  std::string source = "TokenFile";  ///< what errors name: the path, once read. Not part of the file
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class Quantizer>
concept LevelQuantizer = requires(const Quantizer& quantizer) {
  { quantizer.dialect() } -> std::convertible_to<FsqDialect>;
  quantizer.levels().size();
  quantizer.tokens_per_vector();
};

template <class Quantizer>
concept CodebookQuantizer = requires(const Quantizer& quantizer) {
  quantizer.codebook().codes().rows();
};

}  // namespace detail

/// The identity of a finite scalar quantizer: dialect and levels, whatever the scalar type.
template <detail::LevelQuantizer Quantizer>
QuantizerIdentity quantizer_identity(const Quantizer& quantizer) {
  const MixedRadix radix(quantizer.levels());
  return {.kind = "fsq",
          .dialect = dialect_name(quantizer.dialect()),
          .levels = {quantizer.levels().begin(), quantizer.levels().end()},
          .codebook_size = radix.has_index() ? radix.size() : 0,
          .tokens_per_vector = quantizer.tokens_per_vector()};
}

/// The identity of a vector quantizer: its codes, to the bit.
template <detail::CodebookQuantizer Quantizer>
QuantizerIdentity quantizer_identity(const Quantizer& quantizer) {
  const auto& codes = quantizer.codebook().codes();
  return {.kind = "vq",
          .codebook_size = static_cast<std::uint64_t>(codes.rows()),
          .fingerprint = Fingerprint().add("vq").add(rows(codes)).value()};
}

/// An identity in words, for messages and tables: "fsq lucidrains (8, 5, 5, 5)".
inline std::string identity_text(const QuantizerIdentity& identity) {
  std::string text = identity.kind;
  if (!identity.dialect.empty()) text += " " + identity.dialect;
  if (identity.levels.empty()) text += fmt::format(" of {} codes", identity.codebook_size);
  if (!identity.levels.empty()) {
    const std::vector<Index> levels(identity.levels.begin(), identity.levels.end());
    text += " " + shape_text(levels);
  }
  if (identity.tokens_per_vector != 1) text += fmt::format(", {} tokens a vector", identity.tokens_per_vector);
  if (identity.fingerprint != 0) text += fmt::format(", codebook {:016x}", identity.fingerprint);
  if (identity.model_fingerprint != 0) text += fmt::format(", model {:016x}", identity.model_fingerprint);
  return text;
}

/// Throws FileError, naming both, unless the tokens of a file are those of this quantizer (and model).
inline void require_same_model(const TokenFile& file, const QuantizerIdentity& identity) {
  if (file.identity == identity) return;
  raise<FileError>("{}: expected tokens of {}, found tokens of {}", file.source, identity_text(identity),
                   identity_text(file.identity));
}

namespace detail {

inline constexpr std::uint8_t token_file_magic[4] = {0x89, 'T', 'S', 'R'};
inline constexpr std::uint8_t token_file_version = 1;

inline bool is_plain_text(std::string_view text, std::size_t smallest) {
  return text.size() >= smallest && text.size() <= 255 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

/// The number of tokens of an identity's radices; nothing if they are 2^63 or more.
inline std::optional<std::uint64_t> token_count(const TokenFile& file) {
  const Index shape[] = {static_cast<Index>(shape_size(file.grid).value_or(0)), file.identity.tokens_per_vector};
  return shape_size(shape);
}

/// What is wrong with an identity: the end of the sentence that begins with "expected"; empty if nothing.
inline std::string identity_problem(const QuantizerIdentity& identity) {
  if (!is_plain_text(identity.kind, 1) || !is_plain_text(identity.dialect, 0))
    return "a kind and a dialect of at most 255 printable characters, found others";
  if (identity.levels.size() > 65535) return fmt::format("at most 65535 levels, found {}", identity.levels.size());
  for (const int levels : identity.levels) {
    if (levels < 2) return fmt::format("levels of at least 2, found {}", levels);
  }
  constexpr std::uint64_t limit = std::uint64_t{1} << 63;
  std::uint64_t size = identity.codebook_size;
  if (identity.levels.empty()) {
    if (size == 0 || size > limit) return fmt::format("a codebook of 1 to 2^63 codes, found {}", size);
  } else {
    const MixedRadix radix(identity.levels);
    size = radix.has_index() ? radix.size() : 0;
    if (size != identity.codebook_size)
      return fmt::format("a codebook of {} codes by its levels, found {}", size, identity.codebook_size);
  }
  const auto digits = static_cast<Index>(identity.levels.size());
  const Index found = identity.tokens_per_vector;
  if (!(found == 1 && size > 0) && !(found == digits && digits > 0))
    return fmt::format("one token per vector below 2^63 or one per level, found {}", found);
  return {};
}

/// The same for all of a token file but its tokens.
inline std::string token_file_problem(const TokenFile& file) {
  if (std::string problem = identity_problem(file.identity); !problem.empty()) return problem;
  if (file.grid.size() > 255 || !shape_size(file.grid) || !token_count(file))
    return fmt::format("a grid of at most 255 axes and fewer than 2^63 tokens, found {}", shape_text(file.grid));
  if (file.identity.codebook_size == 1 && *shape_size(file.grid) > largest_count_of_ones)
    return fmt::format("at most {} tokens of a codebook of one code, found a grid of {}", largest_count_of_ones,
                       shape_text(file.grid));
  const PictureShape& picture = file.picture;
  const Index sizes[] = {picture.width, picture.height, picture.channels};
  const auto in_range = [](Index size) { return size >= 1 && size <= Index{0xFFFFFFFF}; };
  if (picture != PictureShape{} && !std::all_of(std::begin(sizes), std::end(sizes), in_range))
    return fmt::format("a picture with sides and channels from 1 to 2^32 - 1, or none, found {}", shape_text(sizes));
  return {};
}

/// What the tokens are below, column by column.
inline std::vector<std::uint64_t> token_radices(const QuantizerIdentity& identity) {
  if (identity.tokens_per_vector == 1) return {identity.codebook_size};
  return {identity.levels.begin(), identity.levels.end()};
}

using ColumnTokens = Eigen::Matrix<std::int64_t, Eigen::Dynamic, Eigen::Dynamic>;

/// The tokens column by column, packed. A single column is as it stands in memory.
inline Bytes pack_tokens(const TokenFile& file) {
  const std::vector<std::uint64_t> radices = token_radices(file.identity);
  const auto size = static_cast<std::size_t>(file.tokens.size());
  if (file.tokens.cols() == 1) return pack_radix(std::span<const std::int64_t>(file.tokens.data(), size), radices);
  const ColumnTokens columns = file.tokens;
  return pack_radix(std::span<const std::int64_t>(columns.data(), size), radices);
}

/// The inverse, once the size of the payload is known to be right.
inline void unpack_tokens(std::span<const std::uint8_t> payload, TokenFile& file) {
  const std::vector<std::uint64_t> radices = token_radices(file.identity);
  const auto count = static_cast<Index>(shape_size(file.grid).value());
  const auto unpack = [&](auto& tokens) {
    tokens.resize(count, file.identity.tokens_per_vector);
    const std::span<std::int64_t> values(tokens.data(), static_cast<std::size_t>(tokens.size()));
    unpack_radix_into(payload, radices, values, file.source);
  };
  if (file.identity.tokens_per_vector == 1) return unpack(file.tokens);
  ColumnTokens columns;
  unpack(columns);
  file.tokens = columns;
}

/// Throws FileError unless the bytes begin and end as those of a token file do; returns what is between.
inline std::span<const std::uint8_t> token_file_body(std::span<const std::uint8_t> bytes, const std::string& source) {
  ByteReader reader(bytes, source);
  const auto magic = reader.bytes(std::size(token_file_magic), "magic");
  if (!std::equal(magic.begin(), magic.end(), std::begin(token_file_magic)))
    reader.fail("expected a token file, found another first four bytes");
  const int version = reader.number<std::uint8_t>("version");
  if (version != token_file_version) reader.fail("expected version {}, found {}", int{token_file_version}, version);
  if (reader.remaining() < 4) reader.fail("expected a checksum, found {} bytes (truncated?)", reader.remaining());
  const std::size_t size = bytes.size() - 4;
  const std::uint32_t stored = load<std::uint32_t>(bytes.data() + size);
  const std::uint32_t computed = crc32c(bytes.first(size));
  if (stored != computed)
    reader.fail("expected the checksum {:08x}, found {:08x} (truncated or damaged?)", computed, stored);
  return bytes.subspan(reader.position(), size - reader.position());
}

/// Reads everything before the tokens.
inline TokenFile read_token_header(ByteReader& reader) {
  TokenFile file;
  QuantizerIdentity& identity = file.identity;
  const std::size_t kind = reader.number<std::uint8_t>("length of the kind");
  const std::size_t dialect = reader.number<std::uint8_t>("length of the dialect");
  const std::size_t axes = reader.number<std::uint8_t>("number of axes");
  const std::size_t levels = reader.number<std::uint16_t>("number of levels");
  identity.tokens_per_vector = reader.number<std::uint16_t>("tokens per vector");
  for (Index* size : {&file.picture.width, &file.picture.height, &file.picture.channels})
    *size = reader.number<std::uint32_t>("shape of the picture");
  identity.codebook_size = reader.number<std::uint64_t>("size of the codebook");
  identity.fingerprint = reader.number<std::uint64_t>("fingerprint");
  identity.model_fingerprint = reader.number<std::uint64_t>("fingerprint of the model");
  identity.kind = reader.text(kind, "kind");
  identity.dialect = reader.text(dialect, "dialect");
  file.grid = reader.numbers<Index>(axes, "grid");
  identity.levels = reader.numbers<int>(levels, "levels");
  file.source = reader.source();
  return file;
}

}  // namespace detail

/// The tokens in bytes that are in memory already. Throws FileError, naming `source` and the reason, unless they are
/// exactly those of a token file: magic, version, checksum, sizes that fit, tokens below their radices.
inline TokenFile parse_token_file(std::span<const std::uint8_t> bytes, const std::string& source) {
  ByteReader reader(detail::token_file_body(bytes, source), source);
  TokenFile file = detail::read_token_header(reader);
  if (const std::string problem = detail::token_file_problem(file); !problem.empty())
    reader.fail("expected {}", problem);

  const auto payload = reader.bytes(reader.remaining(), "tokens");
  const auto expected = packed_radix_size(detail::token_count(file).value(), detail::token_radices(file.identity));
  if (!expected || *expected != payload.size())
    reader.fail("expected {} bytes of tokens, found {}", expected.value_or(std::numeric_limits<std::uint64_t>::max()),
                payload.size());
  detail::unpack_tokens(payload, file);
  return file;
}

/// The bytes of a token file: the inverse of parse_token_file. Throws std::invalid_argument when something about the
/// content does not fit together (the grid must have as many places as there are rows of tokens), and std::out_of_range
/// on a token outside the codebook, -1 included: masked vectors have no place in a file.
inline Bytes format_token_file(const TokenFile& file) {
  const QuantizerIdentity& identity = file.identity;
  const std::string problem = detail::token_file_problem(file);
  require(problem.empty(), "format_token_file: expected {}", problem);
  require(shape_size(file.grid) == static_cast<std::uint64_t>(file.tokens.rows()) &&
              file.tokens.cols() == identity.tokens_per_vector,
          "format_token_file: expected {} tokens for each place of the grid {}, found {} x {}",
          identity.tokens_per_vector, shape_text(file.grid), file.tokens.rows(), file.tokens.cols());

  ByteWriter writer;
  writer.bytes(detail::token_file_magic);
  writer.number(detail::token_file_version);
  writer.number(static_cast<std::uint8_t>(identity.kind.size()));
  writer.number(static_cast<std::uint8_t>(identity.dialect.size()));
  writer.number(static_cast<std::uint8_t>(file.grid.size()));
  writer.number(static_cast<std::uint16_t>(identity.levels.size()));
  writer.number(static_cast<std::uint16_t>(identity.tokens_per_vector));
  for (const Index size : {file.picture.width, file.picture.height, file.picture.channels})
    writer.number(static_cast<std::uint32_t>(size));
  writer.number(identity.codebook_size);
  writer.number(identity.fingerprint);
  writer.number(identity.model_fingerprint);
  writer.text(identity.kind);
  writer.text(identity.dialect);
  writer.numbers(std::span<const Index>(file.grid));
  writer.numbers(std::span<const int>(identity.levels));
  writer.bytes(detail::pack_tokens(file));
  writer.number(crc32c(writer.view()));
  return writer.take();
}

/// Reads a token file. Throws FileError when it cannot be read or is not well-formed.
inline TokenFile read_token_file(const std::filesystem::path& path) {
  return parse_token_file(read_file(path), path.string());
}

/// Writes a token file, all or nothing.
inline void write_token_file(const std::filesystem::path& path, const TokenFile& file) {
  write_file(path, format_token_file(file));
}

}  // namespace tessera::inline TESSERA_ISA
