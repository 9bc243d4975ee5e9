// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Finite or not, by bits: a number is NaN or infinite exactly when all bits of its exponent are set. Comparisons of
// floating-point numbers would not do, since -ffast-math lets the compiler assume that neither exists, not even as an
// argument passed by value: functions here take references.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <type_traits>

#include <tessera/core/batch.hpp>
#include <tessera/core/mask.hpp>

namespace tessera {

/// Where something is in a batch.
struct Position {
  Index vector = 0;
  Index component = 0;
  friend bool operator==(const Position&, const Position&) = default;
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The bits of a float or double without its sign, and those of infinity.
template <class Scalar>
struct FiniteBits {
  static_assert(std::is_same_v<Scalar, float> || std::is_same_v<Scalar, double>, "expected float or double");
  using Bits = std::conditional_t<sizeof(Scalar) == 4, std::uint32_t, std::uint64_t>;
  static constexpr Bits magnitude = static_cast<Bits>(~Bits{0}) >> 1;
  static constexpr Bits infinity =
      sizeof(Scalar) == 4 ? static_cast<Bits>(0x7f800000u) : static_cast<Bits>(0x7ff0000000000000u);

  static Bits of(const Scalar& value) { return std::bit_cast<Bits>(value) & magnitude; }
};

/// The largest magnitude as bits: a plain loop over integers, which every compiler turns into vectors.
template <class Scalar>
typename FiniteBits<Scalar>::Bits largest_bits(const Scalar* values, Index size) {
  using Signed = std::make_signed_t<typename FiniteBits<Scalar>::Bits>;
  Signed largest = 0;
  for (Index i = 0; i < size; ++i) largest = std::max(largest, static_cast<Signed>(FiniteBits<Scalar>::of(values[i])));
  return static_cast<typename FiniteBits<Scalar>::Bits>(largest);
}

/// "nan", "inf" or "-inf": formatting a number may go through arithmetic that assumes it finite.
template <class Scalar>
const char* non_finite_name(const Scalar& value) {
  using Bits = typename FiniteBits<Scalar>::Bits;
  if (FiniteBits<Scalar>::of(value) != FiniteBits<Scalar>::infinity) return "nan";
  return (std::bit_cast<Bits>(value) & ~FiniteBits<Scalar>::magnitude) != 0 ? "-inf" : "inf";
}

}  // namespace detail

/// True unless NaN or infinite.
template <class Scalar>
bool is_finite(const Scalar& value) {
  return detail::FiniteBits<Scalar>::of(value) < detail::FiniteBits<Scalar>::infinity;
}

/// True when each of `size` scalars is finite.
template <class Scalar>
bool all_finite(const Scalar* values, Index size) {
  return detail::largest_bits(values, size) < detail::FiniteBits<Scalar>::infinity;
}

/// True when every scalar of the batch is finite. One pass at the speed of memory.
template <class Scalar>
bool all_finite(Batch<Scalar> batch) {
  if (batch.contiguous()) return all_finite(batch.data(), batch.count() * batch.dimension());
  for (Index i = 0; i < batch.count(); ++i) {
    if (!all_finite(batch[i], batch.dimension())) return false;
  }
  return true;
}

/// The first scalar of the unmasked vectors that is not finite, if there is one.
template <class Scalar>
std::optional<Position> first_non_finite(Batch<Scalar> batch, Mask mask = {}) {
  if (mask.all() && all_finite(batch)) return std::nullopt;
  for (Index i = 0; i < batch.count(); ++i) {
    if (!mask[i] || all_finite(batch[i], batch.dimension())) continue;
    Index d = 0;
    while (is_finite(batch[i][d])) ++d;
    return Position{i, d};
  }
  return std::nullopt;
}

/// Throws std::invalid_argument that names the position and the value of the first scalar that is not finite:
/// `VectorQuantizer: expected finite vectors, found nan at vector 17, component 3`.
template <class Scalar>
void require_finite(const char* who, const char* argument, Batch<Scalar> batch, Mask mask = {}) {
  const std::optional<Position> found = first_non_finite(batch, mask);
  if (!found) return;
  raise<std::invalid_argument>("{}: expected finite {}, found {} at vector {}, component {}", who, argument,
                               detail::non_finite_name(batch[found->vector][found->component]), found->vector,
                               found->component);
}

/// For each vector whether it counts and all its scalars are finite: the mask of what can be used.
template <class Scalar>
MaskArray finite_rows(Batch<Scalar> batch, Mask mask = {}) {
  MaskArray finite(batch.count());
  for (Index i = 0; i < batch.count(); ++i) finite[i] = mask[i] && all_finite(batch[i], batch.dimension());
  return finite;
}

}  // namespace tessera::inline TESSERA_ISA
