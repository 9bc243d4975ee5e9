// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Named tensors and text metadata in the safetensors format (https://github.com/huggingface/safetensors): the length of
// the header as a little-endian 64-bit number, the header (JSON), the tensors (little-endian, row-major, without gaps).
// Nothing in such a file is ever executed, and Python, Rust and JavaScript read it too. What is written depends on the
// content alone: tensors stand in the order of the reference implementation (wider elements first, then by name),
// metadata in the order of its keys, the header is padded to a multiple of eight bytes.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/io/byte_reader.hpp>
#include <tessera/io/byte_writer.hpp>
#include <tessera/io/detail/json.hpp>
#include <tessera/io/file.hpp>
#include <tessera/io/shape.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

struct SafetensorsType {
  std::string_view name;
  std::uint64_t size;  // bytes
};

/// The element types of the format, in the order in which files hold them.
inline constexpr SafetensorsType safetensors_types[] = {
    {"U64", 8}, {"I64", 8}, {"F64", 8},     {"F32", 4},     {"U32", 4}, {"I32", 4}, {"BF16", 2}, {"F16", 2},
    {"U16", 2}, {"I16", 2}, {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"I8", 1},  {"U8", 1},  {"BOOL", 1}};

/// The place of a type in the table, or its size if it is unknown.
inline std::size_t safetensors_type_index(std::string_view name) {
  const auto* found = std::find_if(std::begin(safetensors_types), std::end(safetensors_types),
                                   [&](const SafetensorsType& type) { return type.name == name; });
  return static_cast<std::size_t>(found - std::begin(safetensors_types));
}

/// The bytes of a tensor of this type and shape; nothing if the type is unknown, an extent negative, or the bytes are
/// 2^63 or more.
inline std::optional<std::uint64_t> safetensors_bytes(std::string_view type, const std::vector<Index>& shape) {
  const std::size_t index = safetensors_type_index(type);
  if (index == std::size(safetensors_types)) return std::nullopt;
  const auto size = shape_size(shape);
  const std::uint64_t width = safetensors_types[index].size;
  if (!size || *size > static_cast<std::uint64_t>(std::numeric_limits<Index>::max()) / width) return std::nullopt;
  return *size * width;
}

template <FileNumber T>
std::string safetensors_type_name() {
  const char* kind = std::is_floating_point_v<T> ? "F" : std::is_signed_v<T> ? "I" : "U";
  return fmt::format("{}{}", kind, 8 * sizeof(T));
}

}  // namespace detail

/// The content of a safetensors file. Element types: integers of 8 to 64 bits, float and double; tensors of the other
/// types of the format are kept when a file is read and written again, but their values are not accessible. Asking for
/// what is not there, or is of another type or shape, throws FileError, since it is the file that is not the expected
/// one.
class Safetensors {
 public:
  struct Tensor {
    std::string type;  // "F32", "I64", ...
    std::vector<Index> shape;
    Bytes bytes;  // row-major, little-endian
  };

  Safetensors() = default;
  /// `source` is what errors name, usually the path.
  explicit Safetensors(std::string source) : source_(std::move(source)) {}

  /// Adds a tensor, row-major. Throws std::invalid_argument when the name is taken, reserved or not UTF-8, or when the
  /// shape does not fit the number of values.
  template <FileNumber T>
  void add(const std::string& name, std::vector<Index> shape, std::span<const T> values) {
    ByteWriter writer;
    writer.numbers(values);
    insert(name, {detail::safetensors_type_name<T>(), std::move(shape), writer.take()});
  }

  /// Adds a matrix of any storage order as a tensor of two axes, or a vector as one of one axis.
  template <class Derived>
  void add(const std::string& name, const Eigen::DenseBase<Derived>& matrix) {
    using T = typename Derived::Scalar;
    const RowMatrix<T> packed = matrix.derived();
    std::vector<Index> shape = {packed.rows(), packed.cols()};
    if constexpr (Derived::IsVectorAtCompileTime) shape = {packed.size()};
    add<T>(name, std::move(shape), std::span<const T>(packed.data(), static_cast<std::size_t>(packed.size())));
  }

  bool contains(const std::string& name) const { return tensors_.contains(name); }
  /// All tensors, by name.
  const std::map<std::string, Tensor>& tensors() const { return tensors_; }

  /// The tensor of that name.
  const Tensor& tensor(const std::string& name) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) raise<FileError>("{}: expected a tensor '{}', found none", source_, name);
    return found->second;
  }

  /// Its values, row-major.
  template <FileNumber T>
  std::vector<T> values(const std::string& name) const {
    const Tensor& found = typed<T>(name);
    std::vector<T> result(found.bytes.size() / sizeof(T));
    load_into(found.bytes.data(), std::span<T>(result));
    return result;
  }

  /// A tensor of two axes as a matrix; one of one axis becomes a single row.
  template <FileNumber T>
  RowMatrix<T> matrix(const std::string& name) const {
    const Tensor& found = typed<T>(name);
    const std::size_t axes = found.shape.size();
    if (axes != 1 && axes != 2) raise<FileError>("{}: expected '{}' with 1 or 2 axes, found {}", source_, name, axes);
    RowMatrix<T> result(axes == 2 ? found.shape[0] : 1, found.shape[axes - 1]);
    load_into(found.bytes.data(), std::span<T>(result.data(), static_cast<std::size_t>(result.size())));
    return result;
  }

  /// Adds or replaces a line of metadata. Throws std::invalid_argument unless both are UTF-8.
  void set_metadata(const std::string& key, const std::string& value) {
    require(detail::is_utf8(key) && detail::is_utf8(value),
            "Safetensors: expected metadata in UTF-8, found other bytes");
    metadata_[key] = value;
  }
  /// The metadata under a key.
  const std::string& metadata(const std::string& key) const {
    const auto found = metadata_.find(key);
    if (found == metadata_.end()) raise<FileError>("{}: expected metadata '{}', found none", source_, key);
    return found->second;
  }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// What errors name.
  const std::string& source() const { return source_; }

  /// Adds a tensor of any type of the format, as it stands in a file. Throws std::invalid_argument like the others.
  void insert(const std::string& name, Tensor tensor) {
    require(detail::is_utf8(name) && name != "__metadata__", "Safetensors: expected a name in UTF-8, found '{}'", name);
    require(!contains(name), "Safetensors: expected a new name, found '{}' twice", name);
    require(detail::safetensors_bytes(tensor.type, tensor.shape) == tensor.bytes.size(),
            "Safetensors: expected the shape of '{}' to fit its {} bytes of type {}, found another", name,
            tensor.bytes.size(), tensor.type);
    tensors_.emplace(name, std::move(tensor));
  }

 private:
  template <FileNumber T>
  const Tensor& typed(const std::string& name) const {
    const Tensor& found = tensor(name);
    const std::string type = detail::safetensors_type_name<T>();
    if (found.type != type) raise<FileError>("{}: expected '{}' of type {}, found {}", source_, name, type, found.type);
    return found;
  }

  std::string source_ = "Safetensors";
  std::map<std::string, Tensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

namespace detail {

struct SafetensorsEntry {
  std::string name, type;
  std::vector<Index> shape;
  std::uint64_t begin = 0, end = 0;
};

inline constexpr std::uint64_t largest_safetensors_header = 100'000'000;  // as in the reference implementation

/// {"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}: each member once, no others.
inline SafetensorsEntry read_safetensors_entry(JsonReader& json, std::string name) {
  SafetensorsEntry entry{.name = std::move(name), .type = {}, .shape = {}};
  std::vector<std::uint64_t> offsets;
  unsigned seen = 0;
  json.object([&](const std::string& key) {
    const unsigned member = key == "dtype" ? 1u : key == "shape" ? 2u : key == "data_offsets" ? 4u : 0u;
    if (member == 0 || (seen & member) != 0)
      json.fail("expected dtype, shape and data_offsets of '{}' once each, found '{}'", entry.name, key);
    seen |= member;
    if (member == 1) {
      entry.type = json.string();
    } else {
      json.list('[', ']', [&] {
        const std::uint64_t value = json.unsigned_integer();
        if (value > static_cast<std::uint64_t>(std::numeric_limits<Index>::max()))
          json.fail("expected numbers below 2^63, found {}", value);
        if (member == 2) entry.shape.push_back(static_cast<Index>(value));
        if (member == 4) offsets.push_back(value);
      });
    }
  });
  if (seen != 7 || offsets.size() != 2)
    json.fail("expected dtype, shape and two data_offsets of '{}', found less or more", entry.name);
  entry.begin = offsets[0];
  entry.end = offsets[1];
  return entry;
}

/// Every tensor begins where the one before it ends, the last one at the end of the file.
inline void check_safetensors_entries(const std::vector<SafetensorsEntry>& entries, const ByteReader& reader) {
  std::uint64_t end = 0;
  for (const SafetensorsEntry& entry : entries) {
    if (safetensors_type_index(entry.type) == std::size(safetensors_types))
      reader.fail("expected a known type of '{}', found '{}'", entry.name, entry.type);
    if (entry.begin != end)
      reader.fail("expected '{}' to begin at byte {} of the data, found {}", entry.name, end, entry.begin);
    if (entry.end < entry.begin || safetensors_bytes(entry.type, entry.shape) != entry.end - entry.begin)
      reader.fail("expected the shape of '{}' to fit its bytes {} to {}, found another size", entry.name, entry.begin,
                  entry.end);
    end = entry.end;
  }
  if (end != reader.remaining())
    reader.fail("expected {} bytes of tensors, found {} (truncated?)", end, reader.remaining());
}

}  // namespace detail

/// The content of a safetensors file that is in memory already. Throws FileError, naming `source` and the reason,
/// unless it is well-formed: header of at most 100 MB, known members and types, no name twice, tensors without gaps or
/// overlaps, nothing after the last.
inline Safetensors parse_safetensors(std::span<const std::uint8_t> bytes, const std::string& source) {
  ByteReader reader(bytes, source);
  const auto header_size = reader.number<std::uint64_t>("header length");
  if (header_size > detail::largest_safetensors_header)
    reader.fail("expected a header of at most {} bytes, found {}", detail::largest_safetensors_header, header_size);
  const auto header = reader.bytes(header_size, "header");
  detail::JsonReader json({reinterpret_cast<const char*>(header.data()), header.size()}, source);

  Safetensors file(source);
  std::vector<detail::SafetensorsEntry> entries;
  bool has_metadata = false;
  json.object([&](const std::string& name) {
    if (name != "__metadata__") return entries.push_back(detail::read_safetensors_entry(json, name));
    if (std::exchange(has_metadata, true)) json.fail("expected __metadata__ once, found it twice");
    json.object([&](const std::string& key) {
      if (file.metadata().contains(key)) json.fail("expected metadata '{}' once, found it twice", key);
      file.set_metadata(key, json.string());
    });
  });
  json.end();

  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  detail::check_safetensors_entries(entries, reader);
  for (auto& entry : entries) {
    if (file.contains(entry.name)) reader.fail("expected the tensor '{}' once, found it twice", entry.name);
    const auto data = reader.bytes(entry.end - entry.begin, "tensors");
    file.insert(entry.name, {std::move(entry.type), std::move(entry.shape), Bytes(data.begin(), data.end())});
  }
  return file;
}

/// The bytes of a safetensors file: the inverse of parse_safetensors.
inline Bytes format_safetensors(const Safetensors& file) {
  using Item = const std::pair<const std::string, Safetensors::Tensor>*;
  std::vector<Item> items;
  for (const auto& item : file.tensors()) items.push_back(&item);
  std::stable_sort(items.begin(), items.end(), [](Item a, Item b) {
    return detail::safetensors_type_index(a->second.type) < detail::safetensors_type_index(b->second.type);
  });

  std::string header = "{";
  const auto member = [&](std::string_view key) {
    if (header.back() != '{') header += ',';
    detail::append_json_string(header, key);
    header += ':';
  };
  if (!file.metadata().empty()) {
    member("__metadata__");
    header += '{';
    for (const auto& [key, value] : file.metadata()) {
      member(key);
      detail::append_json_string(header, value);
    }
    header += '}';
  }
  std::uint64_t offset = 0;
  for (const Item item : items) {
    const Safetensors::Tensor& tensor = item->second;
    member(item->first);
    header += fmt::format("{{\"dtype\":\"{}\",\"shape\":[", tensor.type);
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) header += fmt::format("{}{}", i ? "," : "", tensor.shape[i]);
    header += fmt::format("],\"data_offsets\":[{},{}]}}", offset, offset + tensor.bytes.size());
    offset += tensor.bytes.size();
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');

  ByteWriter writer;
  writer.number(static_cast<std::uint64_t>(header.size()));
  writer.text(header);
  for (const Item item : items) writer.bytes(item->second.bytes);
  return writer.take();
}

/// Reads a file. Throws FileError when it cannot be read or is not well-formed.
inline Safetensors read_safetensors(const std::filesystem::path& path) {
  return parse_safetensors(read_file(path), path.string());
}

/// Writes a file, all or nothing.
inline void write_safetensors(const std::filesystem::path& path, const Safetensors& file) {
  write_file(path, format_safetensors(file));
}

}  // namespace tessera::inline TESSERA_ISA
