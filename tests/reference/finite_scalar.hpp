// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Finite scalar quantization written straight from the formula of each dialect, in long double, one scalar at a time:
// the oracle of the fast one. Two independent ways to a level: `level` evaluates the formula and rounds; `edge` inverts
// the formula by hand and says with what error, so that a comparison knows when long double cannot decide.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <type_traits>
#include <vector>

#include <tessera/quantize/finite_scalar_dialect.hpp>

namespace tessera::testing::fsq {

using Real = long double;

// ---- neighbours in the order of the real numbers, by bits: no flag makes subnormal numbers vanish ----

/// The number next above (`by` = 1) or below (-1); -0 and +0 are one number.
template <class Scalar>
Scalar neighbour(Scalar value, int by) {
  using Bits = std::conditional_t<sizeof(Scalar) == 4, std::int32_t, std::int64_t>;
  Bits bits = std::bit_cast<Bits>(value);
  if (bits < 0) bits = std::numeric_limits<Bits>::min() - bits;  // now ascending with the value; both zeros are 0
  bits = static_cast<Bits>(bits + by);
  if (bits < 0) bits = std::numeric_limits<Bits>::min() - bits;
  return std::bit_cast<Scalar>(bits);
}
template <class Scalar>
bool same_bits(Scalar a, Scalar b) {
  using Bits = std::conditional_t<sizeof(Scalar) == 4, std::uint32_t, std::uint64_t>;
  return std::bit_cast<Bits>(a) == std::bit_cast<Bits>(b);
}

// ---- rounding ----

inline Real half_to_even(Real y) {
  const Real below = std::floor(y);
  const Real rest = y - below;
  if (rest != 0.5L) return rest < 0.5L ? below : below + 1;
  return std::floor(below / 2) * 2 == below ? below : below + 1;
}
inline Real half_up(Real y) { return std::floor(y + 0.5L); }

// ---- the formulas ----

inline Real offset(int L) { return L % 2 == 0 ? 0.5L : 0.0L; }
inline int half_width(int L) { return L / 2; }
inline Real google_height(int L) { return (L - 1) * 999 / 2000.0L; }
inline Real lucidrains_height(int L) { return (L - 1) * 1001 / 2000.0L; }
inline Real google_shift(int L) { return std::tan(offset(L) / google_height(L)); }
inline Real lucidrains_shift(int L) { return std::atanh(offset(L) / lucidrains_height(L)); }
inline Real residual_reach(int L) { return static_cast<Real>(L) / (L - 1); }
inline constexpr Real cosyvoice_height = 0.9990000128746033;  // the double that published code multiplies with
inline Real normal_cdf(Real z) { return std::erfc(-z / std::sqrt(2.0L)) / 2; }

inline Real google_bound(int L, Real z) { return google_height(L) * std::tanh(z + google_shift(L)) - offset(L); }
inline Real lucidrains_bound(int L, Real z) {
  return lucidrains_height(L) * std::tanh(z + lucidrains_shift(L)) - offset(L);
}

/// The level of z: the formula as the table of dialects has it.
inline int level(FsqDialect dialect, int L, Real z) {
  const Real w = half_width(L);
  const auto whole = [&](Real k) { return static_cast<int>(std::clamp(k, Real{0}, static_cast<Real>(L - 1))); };
  switch (dialect) {
    case FsqDialect::google:
      return whole(half_to_even(google_bound(L, z)) + w);
    case FsqDialect::lucidrains:
      return whole(half_to_even(lucidrains_bound(L, z)) + w);
    case FsqDialect::legacy_double_bound:
      return whole(half_to_even(lucidrains_bound(L, lucidrains_bound(L, z))) + w);
    case FsqDialect::symmetric:
      return whole(half_up((L - 1) * (std::tanh(z) + 1) / 2));
    case FsqDialect::stable_codec:
      return whole(half_to_even((L - 1) * (std::tanh(z) + 1) / 2));
    case FsqDialect::hard_clamp:
      return whole(half_up((L - 1) * (std::clamp(z, -1.0L, 1.0L) + 1) / 2));
    case FsqDialect::residual_hard_clamp: {
      const Real reach = residual_reach(L);
      return level(FsqDialect::hard_clamp, L, reach * std::tanh(z / reach));
    }
    case FsqDialect::cosyvoice:
      return whole(half_to_even(cosyvoice_height * std::tanh(z)) + 1);
    case FsqDialect::ifsq:
      return whole(half_to_even((L - 1) * (std::tanh(0.8L * z) + 1) / 2));
    case FsqDialect::scale_round:
      return whole(half_to_even((L - 1) / 2 * std::tanh(z)) + (L - 1) / 2);
    case FsqDialect::gaussian_cdf:
      return whole(std::floor(L * normal_cdf(z)));
    case FsqDialect::sigmoid:
      return whole(half_to_even((L - 1) / (1 + std::exp(-z))));
  }
  return -1;
}

/// The number a decoder sees for level k.
inline Real code(FsqDialect dialect, int L, int k) {
  switch (dialect) {
    case FsqDialect::google:
    case FsqDialect::lucidrains:
    case FsqDialect::legacy_double_bound:
      return static_cast<Real>(k - half_width(L)) / half_width(L);
    case FsqDialect::cosyvoice:
      return k - 1;
    case FsqDialect::scale_round:
      return static_cast<Real>(k - (L - 1) / 2) / ((L - 1) / 2);
    case FsqDialect::gaussian_cdf:
      return std::sqrt(12.0L) * (2 * k + 1 - L) / (2 * L);
    case FsqDialect::sigmoid:
      return k;
    default:
      return 2.0L * k / (L - 1) - 1;
  }
}

/// What is rounded, in the units of the codes.
inline Real bound(FsqDialect dialect, int L, Real z) {
  const Real reach = residual_reach(L);
  switch (dialect) {
    case FsqDialect::google:
      return google_bound(L, z) / half_width(L);
    case FsqDialect::lucidrains:
      return lucidrains_bound(L, z) / half_width(L);
    case FsqDialect::legacy_double_bound:
      return lucidrains_bound(L, lucidrains_bound(L, z)) / half_width(L);
    case FsqDialect::hard_clamp:
      return std::clamp(z, -1.0L, 1.0L);
    case FsqDialect::residual_hard_clamp:
      return std::clamp(reach * std::tanh(z / reach), -1.0L, 1.0L);
    case FsqDialect::cosyvoice:
      return cosyvoice_height * std::tanh(z);
    case FsqDialect::ifsq:
      return std::tanh(0.8L * z);
    case FsqDialect::gaussian_cdf:
      return std::sqrt(12.0L) * (normal_cdf(z) - 0.5L);
    case FsqDialect::sigmoid:
      return (L - 1) / (1 + std::exp(-z));
    default:
      return std::tanh(z);
  }
}

/// 1 - tanh^2 u without the cancellation.
inline Real squared_secant(Real u) {
  const Real e = std::exp(-2 * std::abs(u));
  return 4 * e / ((1 + e) * (1 + e));
}

/// The derivative of `bound`, in closed form.
inline Real derivative(FsqDialect dialect, int L, Real z) {
  const Real w = half_width(L);
  const Real h = lucidrains_height(L);
  const Real s = lucidrains_shift(L);
  const Real reach = residual_reach(L);
  switch (dialect) {
    case FsqDialect::google:
      return google_height(L) / w * squared_secant(z + google_shift(L));
    case FsqDialect::lucidrains:
      return h / w * squared_secant(z + s);
    case FsqDialect::legacy_double_bound:
      return h * h / w * squared_secant(lucidrains_bound(L, z) + s) * squared_secant(z + s);
    case FsqDialect::hard_clamp:
      return std::abs(z) < 1 ? 1 : 0;
    case FsqDialect::residual_hard_clamp:
      return reach * std::abs(std::tanh(z / reach)) < 1 ? squared_secant(z / reach) : 0;
    case FsqDialect::cosyvoice:
      return cosyvoice_height * squared_secant(z);
    case FsqDialect::ifsq:
      return 0.8L * squared_secant(0.8L * z);
    case FsqDialect::gaussian_cdf:
      return std::sqrt(6 / 3.141592653589793238462643383279502884L) * std::exp(-z * z / 2);
    case FsqDialect::sigmoid:
      return (L - 1) * squared_secant(z / 2) / 4;
    default:
      return squared_secant(z);
  }
}

// ---- the formulas, inverted ----

/// Where level k begins, and how far off that may be.
struct Edge {
  Real value = 0;
  Real error = 0;
  bool exact() const { return error == 0; }
};

inline constexpr Real unit = std::numeric_limits<Real>::epsilon();

/// atanh(p / q) = log((q + p) / (q - p)) / 2 of integers, written so that nothing cancels: 2 units of the result.
inline Real inverse_tanh(std::int64_t p, std::int64_t q) {
  if (p < 0) return -inverse_tanh(-p, q);
  return std::log1p(2 * static_cast<Real>(p) / static_cast<Real>(q - p)) / 2;
}

/// atanh(m / h) - atanh(o / h), as one logarithm of a ratio of integers below 2^62.
inline Real inverse_tanh_difference(std::int64_t m, std::int64_t o, std::int64_t h) {
  if (m < o) return -inverse_tanh_difference(o, m, h);
  return std::log1p(2 * static_cast<Real>(h * (m - o)) / static_cast<Real>((h - m) * (h + o))) / 2;
}

/// The x with Phi(x) = part / whole: bisection of the complementary error function in the lower half, then mirrored.
inline Real normal_quantile(int part, int whole) {
  if (2 * part == whole) return 0;
  if (2 * part > whole) return -normal_quantile(whole - part, whole);
  const Real target = static_cast<Real>(part) / whole;
  Real low = -6, high = 0;
  for (int i = 0; i < 80; ++i) {
    const Real middle = (low + high) / 2;
    (normal_cdf(middle) < target ? low : high) = middle;
  }
  return (low + high) / 2;
}

/// Where level k of L begins, 0 < k < L. m is what the bound has there, in units of 1/2000.
inline Edge edge(FsqDialect dialect, int L, int k) {
  const std::int64_t m = 2000 * (k - half_width(L)) - (L % 2 == 0 ? 0 : 1000);
  const std::int64_t H = 1001 * static_cast<std::int64_t>(L - 1), o = L % 2 == 0 ? 1000 : 0;
  const Real symmetric = inverse_tanh(2 * k - L, L - 1);
  const auto relative = [](Real value) { return Edge{value, 6 * unit * std::abs(value)}; };
  switch (dialect) {
    case FsqDialect::google: {
      const Real a = inverse_tanh(m, 999 * static_cast<std::int64_t>(L - 1));
      const Real s = google_shift(L);
      return {a - s, 6 * unit * (std::abs(a) + s)};
    }
    case FsqDialect::lucidrains:
      return relative(inverse_tanh_difference(m, o, H));
    case FsqDialect::legacy_double_bound: {
      const Edge inner = edge(FsqDialect::lucidrains, L, k);
      const Real a = std::atanh((inner.value + offset(L)) / lucidrains_height(L));
      const Real s = lucidrains_shift(L);
      return {a - s, 8 * unit * (std::abs(a) + s)};
    }
    case FsqDialect::hard_clamp: {
      const Real value = static_cast<Real>(2 * k - L) / (L - 1);
      const auto denominator = static_cast<unsigned>((L - 1) / std::gcd(2 * k - L, L - 1));
      return {value, std::has_single_bit(denominator) ? 0 : std::abs(value) * unit};
    }
    case FsqDialect::residual_hard_clamp:
      return relative(residual_reach(L) * inverse_tanh(2 * k - L, L));
    case FsqDialect::cosyvoice:
      return relative(std::atanh((k == 1 ? -0.5L : 0.5L) / cosyvoice_height));
    case FsqDialect::ifsq:
      return relative(1.25L * symmetric);
    case FsqDialect::gaussian_cdf: {
      const Real value = normal_quantile(k, L);
      return {value, 2 * k == L ? 0 : 8 * unit * (1 + std::abs(value))};
    }
    case FsqDialect::sigmoid:
      return relative(2 * symmetric);
    default:
      return relative(symmetric);
  }
}

/// The edges of levels 1 ... L - 1.
inline std::vector<Real> edges(FsqDialect dialect, int L) {
  std::vector<Real> values;
  for (int k = 1; k < L; ++k) values.push_back(edge(dialect, L, k).value);
  return values;
}

// ---- what N(0, 1) latents make of edges ----

/// The probability of each level.
inline std::vector<Real> occupancies(const std::vector<Real>& edges) {
  std::vector<Real> masses;
  Real before = 0;
  for (const Real edge : edges) {
    masses.push_back(normal_cdf(edge) - before);
    before = normal_cdf(edge);
  }
  masses.push_back(1 - before);
  return masses;
}

inline Real entropy_bits(const std::vector<Real>& masses) {
  Real sum = 0;
  for (const Real mass : masses) sum -= mass > 0 ? mass * std::log2(mass) : 0;
  return sum;
}

/// The probability that two sets of as many edges give different levels.
inline Real disagreement(const std::vector<Real>& a, const std::vector<Real>& b) {
  Real agree = 0;
  for (std::size_t k = 0; k <= a.size(); ++k) {
    const Real low = k == 0 ? 0 : normal_cdf(std::max(a[k - 1], b[k - 1]));
    const Real high = k == a.size() ? 1 : normal_cdf(std::min(a[k], b[k]));
    agree += std::max(high - low, Real{0});
  }
  return 1 - agree;
}

}  // namespace tessera::testing::fsq
