// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Native vectors of doubles, real and complex, and their way to and from memory of floats or doubles: tables and states
// of diagonal models are made in double whatever the models' scalar is.

#include <complex>
#include <cstring>

#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

inline constexpr int double_lanes = simd::lanes<double>;
using DoubleVec = simd::Vec<double>;

/// The smallest multiple of `step` that is at least `size`.
constexpr Index round_up(Index size, Index step) { return (size + step - 1) / step * step; }

/// As many scalars of another type as a vector of doubles has lanes.
template <class Scalar>
using BesideDouble = typename simd::detail::VectorOf<Scalar, double_lanes * sizeof(Scalar)>::type;

/// `double_lanes` scalars as doubles, from any address.
template <class Scalar>
TESSERA_INLINE DoubleVec load_double(const Scalar* from) {
  if constexpr (sizeof(Scalar) == sizeof(double)) {
    return simd::load(from);
  } else {
    BesideDouble<Scalar> vector;
    std::memcpy(&vector, from, sizeof vector);
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
    return __builtin_convertvector(vector, DoubleVec);
#else
    return DoubleVec::each([&](int i) { return static_cast<double>(vector[i]); });
#endif
  }
}

/// `double_lanes` doubles, rounded, to any address.
template <class Scalar>
TESSERA_INLINE void store_double(Scalar* to, const DoubleVec& vector) {
  if constexpr (sizeof(Scalar) == sizeof(double)) {
    simd::store(to, vector);
  } else {
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
    const BesideDouble<Scalar> rounded = __builtin_convertvector(vector, BesideDouble<Scalar>);
#else
    const auto rounded = BesideDouble<Scalar>::each([&](int i) { return static_cast<Scalar>(vector[i]); });
#endif
    std::memcpy(to, &rounded, sizeof rounded);
  }
}

/// a * b, by hand: the compiler's product of complex numbers checks for NaN in every call.
inline std::complex<double> complex_product(const std::complex<double>& a, const std::complex<double>& b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

/// base^exponent by squaring; an error of at most exponent + log2(exponent) roundings.
inline std::complex<double> integer_power(std::complex<double> base, Index exponent) {
  std::complex<double> power = 1;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 != 0) power = complex_product(power, base);
    if (exponent > 1) base = complex_product(base, base);
  }
  return power;
}

/// Complex lanes, real and imaginary parts apart.
struct ModeLanes {
  DoubleVec real, imag;

  static TESSERA_INLINE ModeLanes all(const std::complex<double>& value) {
    return {simd::broadcast(value.real()), simd::broadcast(value.imag())};
  }
};

TESSERA_INLINE ModeLanes operator*(const ModeLanes& a, const ModeLanes& b) {
  return {simd::multiply_add(-a.imag, b.imag, a.real * b.real), simd::multiply_add(a.imag, b.real, a.real * b.imag)};
}

/// a * b + c.
TESSERA_INLINE ModeLanes multiply_add(const ModeLanes& a, const ModeLanes& b, const ModeLanes& c) {
  return {simd::multiply_add(-a.imag, b.imag, simd::multiply_add(a.real, b.real, c.real)),
          simd::multiply_add(a.imag, b.real, simd::multiply_add(a.real, b.imag, c.imag))};
}

/// first * ratio^i for i = 0, 1, ... in lanes: `consume(i, lanes)` for i = 0, double_lanes, 2 double_lanes, ... <
/// count. Two chains, so that one product need not wait for the last. Returns first * ratio^count if `count` is a
/// multiple of double_lanes.
template <class Consume>
TESSERA_INLINE std::complex<double> geometric_series(const std::complex<double>& first,
                                                     const std::complex<double>& ratio, Index count, Consume consume) {
  constexpr int n = double_lanes;
  std::complex<double> power[2 * n + 1] = {1, ratio};
  for (int i = 2; i <= 2 * n; ++i) power[i] = complex_product(power[i / 2], power[i - i / 2]);
  double real[n], imag[n];
  for (int i = 0; i < n; ++i) {
    real[i] = power[i].real();
    imag[i] = power[i].imag();
  }
  ModeLanes even = ModeLanes::all(first) * ModeLanes{simd::load(real), simd::load(imag)};
  ModeLanes odd = even * ModeLanes::all(power[n]);
  const ModeLanes step = ModeLanes::all(power[2 * n]);
  Index i = 0;
  for (; i + n < count; i += 2 * n) {
    consume(i, even);
    consume(i + n, odd);
    even = even * step;
    odd = odd * step;
  }
  if (i >= count) return {even.real[0], even.imag[0]};
  consume(i, even);
  return {odd.real[0], odd.imag[0]};
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
