// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Where the levels of a dialect begin: for level k the smallest float (or double) that gets level k or higher, derived
// from the dialect's formula in 192-bit fixed point and rounded up once. Encoding then only compares integers.
//
// Inputs are compared through keys: integers in the order of the floating numbers, -0 just below +0. Comparing keys
// needs no floating flags: subnormal numbers count even where the processor flushes them, -ffast-math changes nothing.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include <tessera/core/simd.hpp>
#include <tessera/quantize/detail/fixed_point.hpp>
#include <tessera/quantize/finite_scalar_dialect.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The integer as wide as the scalar.
template <class Scalar>
using OrderKey = simd::detail::SignedOf<Scalar>;

/// The magnitude bits of a key or of a bit pattern: all but the sign.
template <class Scalar>
inline constexpr OrderKey<Scalar> magnitude_bits = std::numeric_limits<OrderKey<Scalar>>::max();

template <class Scalar>
constexpr OrderKey<Scalar> order_key(Scalar value) {
  const auto pattern = std::bit_cast<OrderKey<Scalar>>(value);
  return pattern < 0 ? pattern ^ magnitude_bits<Scalar> : pattern;
}

template <class Scalar>
constexpr Scalar from_order_key(OrderKey<Scalar> key) {
  return std::bit_cast<Scalar>(key < 0 ? key ^ magnitude_bits<Scalar> : key);
}

/// Where level k begins on the real line.
struct FsqEdge {
  Fixed value;
  bool exact = false;     // `value` is the edge itself, a number that a float may hold; else within 2^-160 of it
  bool inclusive = true;  // the edge itself has level k
};

/// log(p / q) * numerator / denominator.
inline Fixed scaled_log(std::int64_t p, std::int64_t q, std::int64_t numerator, std::int64_t denominator) {
  return log_ratio(p, q) * Fixed(numerator) / static_cast<std::uint32_t>(denominator);
}

/// google: atanh(m / h) - tan(o / h), with h, m and o in units of 1/2000.
inline Fixed google_edge(std::int64_t levels, std::int64_t m) {
  const std::int64_t h = 999 * (levels - 1);
  const Fixed shift = levels % 2 == 0 ? tangent(Fixed(1000) / Fixed(h)) : Fixed(0);
  return scaled_log(h + m, h - m, 1, 2) - shift;
}

/// lucidrains: atanh(m / h) - atanh(o / h), one logarithm; legacy_double_bound: the same of the edge found so.
inline Fixed lucidrains_edge(std::int64_t levels, std::int64_t m, bool twice) {
  const std::int64_t h = 1001 * (levels - 1), o = levels % 2 == 0 ? 1000 : 0;
  const Fixed edge = scaled_log((h + m) * (h - o), (h - m) * (h + o), 1, 2);
  if (!twice) return edge;
  const Fixed ratio = (edge * Fixed(2000) + Fixed(o)) / Fixed(h);
  return log_ratio((Fixed(1) + ratio) * Fixed(h - o), (Fixed(1) - ratio) * Fixed(h + o)) / 2;
}

/// cosyvoice: atanh(m / h) for m = 1/2 or -1/2.
inline Fixed cosyvoice_edge(std::int64_t twice_m) {
  constexpr std::int64_t h = 9990000128746033, half = 5000000000000000;
  return scaled_log(h + twice_m * half, h - twice_m * half, 1, 2);
}

/// Where level k of L begins, for 0 < k < L and L in the dialect's range.
inline FsqEdge fsq_edge(FsqDialect dialect, std::int64_t L, std::int64_t k) {
  const std::int64_t m = 1000 * (2 * (k - L / 2) - 1 + (L % 2 == 0 ? 1 : 0));  // google and lucidrains, units of 1/2000
  const std::int64_t p = 2 * k - 1, q = 2 * L - 1 - 2 * k;  // (1 + t) / (1 - t) at t = (2 k - L) / (L - 1)
  FsqEdge edge;
  switch (dialect) {
    case FsqDialect::google:
      edge.value = google_edge(L, m);
      break;
    case FsqDialect::lucidrains:
      edge.value = lucidrains_edge(L, m, false);
      break;
    case FsqDialect::legacy_double_bound:
      edge.value = lucidrains_edge(L, m, true);
      break;
    case FsqDialect::symmetric:
    case FsqDialect::stable_codec:
    case FsqDialect::scale_round:
      edge.value = scaled_log(p, q, 1, 2);
      break;
    case FsqDialect::hard_clamp:
      edge.value = Fixed(2 * k - L) / static_cast<std::uint32_t>(L - 1);
      break;
    case FsqDialect::residual_hard_clamp:
      edge.value = scaled_log(k, L - k, L, 2 * (L - 1));
      break;
    case FsqDialect::cosyvoice:
      edge.value = cosyvoice_edge(2 * k - 3);
      break;
    case FsqDialect::ifsq:
      edge.value = scaled_log(p, q, 5, 8);
      break;
    case FsqDialect::gaussian_cdf:
      edge.value = normal_quantile(k, L);
      break;
    case FsqDialect::sigmoid:
      edge.value = scaled_log(p, q, 1, 1);
      break;
  }
  const bool even_wins =
      dialect == FsqDialect::stable_codec || dialect == FsqDialect::ifsq || dialect == FsqDialect::sigmoid;
  edge.inclusive = !even_wins || k % 2 == 0;
  const auto steps = static_cast<std::uint64_t>((L - 1) / std::gcd(2 * k - L, L - 1));
  edge.exact = edge.value.zero() || (dialect == FsqDialect::hard_clamp && std::has_single_bit(steps));
  return edge;
}

/// A magnitude cut to the scalar's digits: mantissa * 2^exponent <= magnitude, and what is left over.
struct FixedCut {
  std::uint64_t mantissa = 0;
  int exponent = 0;
  Fixed rest, room;  // rest + room = one unit of the mantissa
};

inline FixedCut cut(const Fixed& value, int digits) {
  const int low = value.top_bit() - digits + 1;
  FixedCut result;
  Fixed::Limbs rest{};
  for (int i = 0; i < low; ++i) rest[static_cast<std::size_t>(i / 32)] |= (value.bit(i) ? 1u : 0u) << (i % 32);
  for (int i = 0; i < digits && low + i >= 0; ++i) result.mantissa |= std::uint64_t{value.bit(low + i)} << i;
  result.exponent = low - Fixed::fraction_bits;
  result.rest = Fixed::from_limbs(rest);
  Fixed unit(1);
  unit.shift(result.exponent);
  result.room = unit - result.rest;
  return result;
}

/// The key of the smallest scalar on the upper side of the edge. Throws NumericalError when the edge is so close to a
/// scalar that 192 bits do not separate the two: no dialect has such an edge among the level counts tested.
template <class Scalar>
OrderKey<Scalar> smallest_reaching(const FsqEdge& edge) {
  if (edge.value.zero()) return edge.inclusive ? order_key(Scalar(-0.0)) : OrderKey<Scalar>(1);
  const FixedCut part = cut(edge.value, std::numeric_limits<Scalar>::digits);
  const bool clear =
      compare_magnitude(part.rest, decision_margin()) > 0 && compare_magnitude(part.room, decision_margin()) > 0;
  if (!edge.exact && !clear)
    raise<NumericalError>("finite scalar quantization: expected an edge apart from any scalar");
  const auto magnitude = static_cast<Scalar>(std::ldexp(static_cast<double>(part.mantissa), part.exponent));
  const OrderKey<Scalar> key = order_key(edge.value.negative() ? -magnitude : magnitude);  // truncated towards zero
  if (part.rest.zero()) return key + (edge.inclusive ? 0 : 1);
  return key + (edge.value.negative() ? 0 : 1);
}

/// The keys of levels 1 ... L - 1.
template <class Scalar>
std::vector<OrderKey<Scalar>> fsq_thresholds(FsqDialect dialect, int levels) {
  std::vector<OrderKey<Scalar>> keys;
  keys.reserve(static_cast<std::size_t>(levels - 1));
  for (int k = 1; k < levels; ++k) keys.push_back(smallest_reaching<Scalar>(fsq_edge(dialect, levels, k)));
  return keys;
}

/// The scalar nearest to a fixed-point number, ties to even.
template <class Scalar>
Scalar nearest_scalar(const Fixed& value) {
  if (value.zero()) return Scalar(0);
  const FixedCut part = cut(value, std::numeric_limits<Scalar>::digits);
  const int order = compare_magnitude(part.rest, part.room);
  const bool up = order > 0 || (order == 0 && part.mantissa % 2 == 1);
  const auto magnitude =
      static_cast<Scalar>(std::ldexp(static_cast<double>(part.mantissa + (up ? 1 : 0)), part.exponent));
  return value.negative() ? -magnitude : magnitude;
}

/// The code of level k, rounded once.
template <class Scalar>
Scalar fsq_code(FsqDialect dialect, std::int64_t L, std::int64_t k) {
  static constexpr Fixed::Limbs root_twelve{0xa7b48f31, 0x4bb06998, 0xf1707712, 0x4ae85ae0,
                                            0x09954e76, 0x76cf5d0b, 0x00000003, 0};
  const auto ratio = [](std::int64_t p, std::int64_t q) {
    return nearest_scalar<Scalar>(Fixed(p) / static_cast<std::uint32_t>(q));
  };
  switch (dialect) {
    case FsqDialect::google:
    case FsqDialect::lucidrains:
    case FsqDialect::legacy_double_bound:
      return ratio(k - L / 2, L / 2);
    case FsqDialect::cosyvoice:
      return static_cast<Scalar>(k - 1);
    case FsqDialect::sigmoid:
      return static_cast<Scalar>(k);
    case FsqDialect::gaussian_cdf:
      return nearest_scalar<Scalar>(Fixed(2 * k + 1 - L) * Fixed::from_limbs(root_twelve) /
                                    static_cast<std::uint32_t>(2 * L));
    default:
      return ratio(2 * k - (L - 1), L - 1);
  }
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
