// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Arrays of numbers in NumPy's .npy format (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
//
// Read: versions 1 to 3, C and Fortran order, either byte order, booleans, integers of 8 to 64 bits, floating-point
// numbers of 16 to 64. Nothing in a file is executed; objects, structures, complex numbers and texts are refused.
// Written: version 1, C order, little-endian, the type of the values: what numpy.load maps into memory as it is.
//
// Numbers are converted to the type asked for, where nothing but the rounding of a fraction can get lost:
//
//   to an integer     from integers and booleans, each of which must be in range; never from floating-point numbers
//   to float, double  from floating-point numbers, rounded to nearest, none of which may become infinite by it (what is
//                     infinite or NaN stays so); from integers, each of which must be represented exactly

#include <algorithm>
#include <bit>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/io/byte_reader.hpp>
#include <tessera/io/byte_writer.hpp>
#include <tessera/io/detail/npy_header.hpp>
#include <tessera/io/file.hpp>
#include <tessera/io/shape.hpp>

namespace tessera {

/// Numbers and their shape. The values are in C order: the last index runs fastest.
template <class T>
struct NpyArray {
  std::vector<Index> shape;
  std::vector<T> values;
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Two element types of files that C++20 has no number for, and the number that each type becomes.
struct NpyHalf {};
struct NpyBool {};
template <class From>
struct NpyNumber : std::type_identity<From> {};
template <>
struct NpyNumber<NpyHalf> : std::type_identity<float> {};
template <>
struct NpyNumber<NpyBool> : std::type_identity<std::uint8_t> {};

/// The value of IEEE 754 binary16 bits, exact.
inline float half_value(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 31u;
  const std::uint32_t fraction = half & 1023u;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | (fraction << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(static_cast<float>(fraction) * 0x1p-24f));
}

/// The number of type `From` at `bytes`; false when it is none (a boolean that is neither 0 nor 1).
template <class From>
bool load_npy(const std::uint8_t* bytes, std::endian order, typename NpyNumber<From>::type& value) {
  if constexpr (std::is_same_v<From, NpyHalf>) {
    value = half_value(load<std::uint16_t>(bytes, order));
  } else if constexpr (std::is_same_v<From, NpyBool>) {
    value = *bytes;
    return value <= 1;
  } else {
    value = load<From>(bytes, order);
  }
  return true;
}

/// Whether an integer has no more significant bits than `To` holds.
template <class To, class From>
bool is_exact(From value) {
  const auto bits = static_cast<std::uint64_t>(value);
  const std::uint64_t magnitude = value < From(0) ? 0 - bits : bits;
  const auto width = static_cast<int>(std::bit_width(magnitude));
  return magnitude == 0 || width - std::countr_zero(magnitude) <= std::numeric_limits<To>::digits;
}

/// to = from, by the rules at the top; false when they forbid it.
template <class To, class From>
bool convert_npy(From from, To& to) {
  if constexpr (std::is_floating_point_v<To> && std::is_floating_point_v<From>) {
    to = static_cast<To>(from);
    return is_finite(to) || !is_finite(from);
  } else if constexpr (std::is_floating_point_v<To>) {
    to = static_cast<To>(from);
    return is_exact<To>(from);
  } else if constexpr (std::is_floating_point_v<From>) {
    to = 0;
    return false;
  } else {
    to = static_cast<To>(from);
    return std::in_range<To>(from);
  }
}

/// Goes through the elements of an array in C order and tells where they stand in one in Fortran order.
class FortranOrder {
 public:
  explicit FortranOrder(std::span<const Index> shape) : shape_(shape), at_(shape.size(), 0) {
    std::uint64_t stride = 1;
    for (const Index extent : shape) {
      strides_.push_back(stride);
      stride *= static_cast<std::uint64_t>(extent);
    }
  }

  std::uint64_t place() const { return place_; }

  void advance() {
    for (std::size_t axis = shape_.size(); axis-- > 0;) {
      place_ += strides_[axis];
      if (++at_[axis] < shape_[axis]) return;
      place_ -= strides_[axis] * static_cast<std::uint64_t>(shape_[axis]);
      at_[axis] = 0;
    }
  }

 private:
  std::span<const Index> shape_;
  std::vector<Index> at_;
  std::vector<std::uint64_t> strides_;
  std::uint64_t place_ = 0;
};

/// Converts the elements of type `From`, in C order. `values` has room for all of them.
template <class From, FileNumber To>
void convert_npy_elements(const NpyHeader& header, ByteReader& reader, To* values) {
  const std::uint64_t size = header.bytes / std::max<std::uint64_t>(header.count, 1);
  const std::uint8_t* data = reader.bytes(header.bytes, "data").data();
  if constexpr (std::is_same_v<From, To>) {
    if (!header.fortran_order)
      return load_into(data, std::span<To>(values, static_cast<std::size_t>(header.count)), header.order);
  }
  FortranOrder fortran(header.shape);
  for (std::uint64_t i = 0; i < header.count; ++i) {
    typename NpyNumber<From>::type value{};
    const std::uint64_t place = header.fortran_order ? fortran.place() : i;
    if (!load_npy<From>(data + place * size, header.order, value))
      reader.fail("expected booleans of 0 or 1, found {} at element {}", value, i);
    if (!convert_npy(value, values[i]))
      reader.fail("expected numbers that the {} of {} bytes asked for can hold, found {} at element {} (type {})",
                  std::is_floating_point_v<To> ? "floating-point type" : "integer type", sizeof(To), value, i,
                  header.type);
    if (header.fortran_order) fortran.advance();
  }
}

/// Converts the data, whatever their type.
template <FileNumber To>
void convert_npy_data(const NpyHeader& header, ByteReader& reader, To* values) {
  const auto convert = [&]<class From>(std::type_identity<From>) {
    convert_npy_elements<From>(header, reader, values);
  };
  const std::string& type = header.type;
  if (type[0] == 'f' && !std::is_floating_point_v<To>)
    reader.fail("expected integers, found floating-point numbers (type {})", type);
  if (type == "b1") return convert(std::type_identity<NpyBool>{});
  if (type == "i1") return convert(std::type_identity<std::int8_t>{});
  if (type == "i2") return convert(std::type_identity<std::int16_t>{});
  if (type == "i4") return convert(std::type_identity<std::int32_t>{});
  if (type == "i8") return convert(std::type_identity<std::int64_t>{});
  if (type == "u1") return convert(std::type_identity<std::uint8_t>{});
  if (type == "u2") return convert(std::type_identity<std::uint16_t>{});
  if (type == "u4") return convert(std::type_identity<std::uint32_t>{});
  if (type == "u8") return convert(std::type_identity<std::uint64_t>{});
  if (type == "f2") return convert(std::type_identity<NpyHalf>{});
  if (type == "f4") return convert(std::type_identity<float>{});
  convert(std::type_identity<double>{});
}

template <class T>
std::string npy_type_name() {
  const char kind = std::is_same_v<T, bool> ? 'b' : std::is_floating_point_v<T> ? 'f' : std::is_signed_v<T> ? 'i' : 'u';
  return fmt::format("{}{}{}", sizeof(T) == 1 ? '|' : '<', kind, sizeof(T));
}

}  // namespace detail

/// The array in a .npy file that is in memory already. Throws FileError, naming `source` and the reason, unless the
/// file is well-formed, its data end where the file ends, and every number can be converted.
template <FileNumber T>
NpyArray<T> parse_npy(std::span<const std::uint8_t> bytes, const std::string& source) {
  ByteReader reader(bytes, source);
  detail::NpyHeader header = detail::read_npy_header(reader);
  NpyArray<T> array;
  array.values.resize(static_cast<std::size_t>(header.count));
  detail::convert_npy_data(header, reader, array.values.data());
  array.shape = std::move(header.shape);
  return array;
}

/// The same as a matrix: an array of two axes as it is, one of one axis as a column (one number a row, as tokens are).
/// Throws FileError on any other number of axes too; parse_npy reads them.
template <FileNumber T>
RowMatrix<T> parse_npy_matrix(std::span<const std::uint8_t> bytes, const std::string& source) {
  ByteReader reader(bytes, source);
  const detail::NpyHeader header = detail::read_npy_header(reader);
  const std::size_t axes = header.shape.size();
  if (axes != 1 && axes != 2) reader.fail("expected an array of 1 or 2 axes, found {}", axes);
  const Index columns = axes == 2 ? header.shape[1] : 1;
  if (header.count == 0) return RowMatrix<T>(header.shape[0], columns);
  RowMatrix<T> matrix(header.shape[0], columns);
  detail::convert_npy_data(header, reader, matrix.data());
  return matrix;
}

/// The array in a file, of any number of axes. Throws FileError as parse_npy does, and when the file cannot be read.
template <FileNumber T>
NpyArray<T> read_npy_array(const std::filesystem::path& path) {
  return parse_npy<T>(read_file(path), path.string());
}

/// The matrix in a file: `read_npy<float>("latents.npy")`. Throws FileError as parse_npy_matrix does, and when the file
/// cannot be read.
template <FileNumber Scalar>
RowMatrix<Scalar> read_npy(const std::filesystem::path& path) {
  return parse_npy_matrix<Scalar>(read_file(path), path.string());
}

/// The bytes of a .npy file: the inverse of parse_npy. Throws std::invalid_argument when the shape does not fit the
/// number of values or has more than 64 axes.
template <FileNumber T>
Bytes format_npy(std::span<const T> values, std::span<const Index> shape) {
  require(shape.size() <= detail::npy_largest_axes, "format_npy: expected at most {} axes, found {}",
          detail::npy_largest_axes, shape.size());
  require(shape_size(shape) == values.size(), "format_npy: expected a shape of {} values, found {}", values.size(),
          shape_text(shape));
  ByteWriter writer;
  writer.bytes(detail::format_npy_header(detail::npy_type_name<T>(), shape));
  writer.numbers(values);
  return writer.take();
}

/// The same for a matrix of any storage order (an array of two axes), a vector (one axis) or an expression, of numbers
/// or booleans.
template <class Derived>
Bytes format_npy(const Eigen::DenseBase<Derived>& matrix) {
  using T = typename Derived::Scalar;
  using Stored = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;
  const RowMatrix<Stored> packed = matrix.derived().matrix().template cast<Stored>();
  std::vector<Index> shape = {packed.rows(), packed.cols()};
  if constexpr (Derived::IsVectorAtCompileTime) shape = {packed.size()};
  ByteWriter writer;
  writer.bytes(detail::format_npy_header(detail::npy_type_name<T>(), shape));
  writer.numbers(std::span<const Stored>(packed.data(), static_cast<std::size_t>(packed.size())));
  return writer.take();
}

/// Writes a matrix, a vector or an expression to a file, all or nothing.
template <class Derived>
void write_npy(const std::filesystem::path& path, const Eigen::DenseBase<Derived>& matrix) {
  write_file(path, format_npy(matrix));
}

/// Writes an array of any number of axes, the values in C order.
template <FileNumber T>
void write_npy(const std::filesystem::path& path, const NpyArray<T>& array) {
  write_file(path, format_npy(std::span<const T>(array.values), std::span<const Index>(array.shape)));
}

}  // namespace tessera::inline TESSERA_ISA
