// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The functions of which holds are made,
//
//   phi1(z) = (e^z - 1) / z     = integral over [0, 1] of e^(z s) ds                 phi1(0) = 1
//   phi2(z) = (phi1(z) - 1) / z = integral over [0, 1] of (1 - s) e^(z s) ds         phi2(0) = 1/2
//
// (Hochbruck and Ostermann, Exponential integrators, Acta Numerica 2010), with their derivatives, for real and complex
// float and double. Written as they stand they lose all digits near zero: in float (e^z - 1) / z is off by 5 % at
// z = 1e-6. Here
//
//   e^z - 1 = (e^x - 1) cos y - 2 sin^2(y / 2) + i e^x sin y,       z = x + i y,
//
// and within |z| < 2.5 series, beyond it the quotients, in which nothing cancels there. Everything is computed in
// double. For Re z <= 0 errors stay below 4 units in the last place of the modulus (doubles; a float is rounded once);
// where a function has a zero near, below as many units of |phi1(z)| / max(1, |z|).

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <concepts>
#include <cstddef>
#include <type_traits>

#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// a / b without intermediate overflow. By hand, as the compiler's division checks for NaN in every call.
inline std::complex<double> phi_quotient(const std::complex<double>& a, const std::complex<double>& b) {
  const double scale = 1 / std::max(std::abs(b.real()), std::abs(b.imag()));
  const double x = b.real() * scale, y = b.imag() * scale;
  const double factor = scale / (x * x + y * y);
  return {(a.real() * x + a.imag() * y) * factor, (a.imag() * x - a.real() * y) * factor};
}

/// The series of derivative m of phi_j: m! / (j + m)! (1 + r_1 z (1 + r_2 z (1 + ...))) with the ratios
/// r_k = (k + m) / (k (k + j + m)).
template <int j, int m>
std::complex<double> phi_series(const std::complex<double>& z, double size) {
  constexpr int longest = 27;
  constexpr auto ratios = [] {
    std::array<double, longest + 1> table{};
    for (int k = 1; k <= longest; ++k) table[static_cast<std::size_t>(k)] = double(k + m) / (k * (k + j + m));
    return table;
  }();
  constexpr double first = [] {
    double value = 1;
    for (int k = m + 1; k <= j + m; ++k) value /= k;
    return value;
  }();
  const int terms = size < 0.02 ? 7 : size < 0.1 ? 10 : size < 0.3 ? 13 : size < 0.8 ? 19 : longest;
  double real = 1, imag = 0;
  for (int k = terms; k >= 1; --k) {
    const double ratio = ratios[static_cast<std::size_t>(k)];
    const double next = 1 + ratio * (z.real() * real - z.imag() * imag);
    imag = ratio * (z.real() * imag + z.imag() * real);
    real = next;
  }
  return {first * real, first * imag};
}

inline std::complex<double> phi_product(const std::complex<double>& a, const std::complex<double>& b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

/// The functions at one point, which share their exponential. The phase is reduced by the library's sine and cosine,
/// for any size, and cos y = 1 - 2 sin^2(y / 2), sin y = 2 sin(y / 2) cos(y / 2).
struct PhiPoint {
  std::complex<double> z, exponential, minus_one;  // e^z, e^z - 1
  double size;                                     // the larger part of z

  explicit PhiPoint(const std::complex<double>& at) : z(at), size(std::max(std::abs(at.real()), std::abs(at.imag()))) {
    const double growth = std::expm1(z.real()), radius = z.real() < -0.5 ? std::exp(z.real()) : growth + 1;
    if (z.imag() == 0) {  // where e^x overflows, infinity times 0 would be NaN
      exponential = radius;
      minus_one = growth;
      return;
    }
    const double half = 0.5 * z.imag(), sine = std::sin(half), cosine = std::cos(half);
    const double below_one = 2 * sine * sine, imag = radius * (2 * sine * cosine);
    exponential = {radius * (1 - below_one), imag};
    minus_one = {growth * (1 - below_one) - below_one, imag};
  }

  /// Whether the series is taken: |z| < 2.5. Beyond, the quotients lose less than two bits.
  bool near() const { return size < 1.75; }

  std::complex<double> phi1() const {
    if (size < 1e-8) return {1 + 0.5 * z.real(), 0.5 * z.imag()};
    return phi_quotient(minus_one, z);
  }
  std::complex<double> phi2() const { return near() ? phi_series<2, 0>(z, size) : phi_quotient(phi1() - 1.0, z); }
  std::complex<double> phi1_derivative() const {
    return near() ? phi_series<1, 1>(z, size) : phi_quotient(exponential - phi1(), z);
  }
  std::complex<double> phi2_derivative() const {
    return near() ? phi_series<2, 1>(z, size) : phi_quotient(phi1_derivative() - phi2(), z);
  }
  std::complex<double> phi1_second_derivative() const {
    return near() ? phi_series<1, 2>(z, size) : phi_quotient(exponential - 2.0 * phi1_derivative(), z);
  }
};

template <class T>
concept Real = std::same_as<T, float> || std::same_as<T, double>;

template <class T>
std::complex<T> phi_cast(const std::complex<double>& value) {
  return {static_cast<T>(value.real()), static_cast<T>(value.imag())};
}

template <class T>
std::complex<double> phi_argument(const std::complex<T>& z) {
  return {static_cast<double>(z.real()), static_cast<double>(z.imag())};
}

}  // namespace detail

/// e^z - 1, with small error relative to its modulus, near the zeros 2 pi i k as well.
template <detail::Real T>
std::complex<T> expm1(const std::complex<T>& z) {
  return detail::phi_cast<T>(detail::PhiPoint(detail::phi_argument(z)).minus_one);
}

/// (e^z - 1) / z, and 1 at 0.
template <detail::Real T>
std::complex<T> phi1(const std::complex<T>& z) {
  return detail::phi_cast<T>(detail::PhiPoint(detail::phi_argument(z)).phi1());
}
template <detail::Real T>
T phi1(T x) {
  return static_cast<T>(detail::PhiPoint({static_cast<double>(x), 0}).phi1().real());
}

/// (phi1(z) - 1) / z, and 1/2 at 0.
template <detail::Real T>
std::complex<T> phi2(const std::complex<T>& z) {
  return detail::phi_cast<T>(detail::PhiPoint(detail::phi_argument(z)).phi2());
}
template <detail::Real T>
T phi2(T x) {
  return static_cast<T>(detail::PhiPoint({static_cast<double>(x), 0}).phi2().real());
}

/// phi1'(z) = phi1(z) - phi2(z) = (e^z - phi1(z)) / z, and 1/2 at 0.
template <detail::Real T>
std::complex<T> phi1_derivative(const std::complex<T>& z) {
  return detail::phi_cast<T>(detail::PhiPoint(detail::phi_argument(z)).phi1_derivative());
}
template <detail::Real T>
T phi1_derivative(T x) {
  return static_cast<T>(detail::PhiPoint({static_cast<double>(x), 0}).phi1_derivative().real());
}

/// phi2'(z) = (phi1'(z) - phi2(z)) / z, and 1/6 at 0.
template <detail::Real T>
std::complex<T> phi2_derivative(const std::complex<T>& z) {
  return detail::phi_cast<T>(detail::PhiPoint(detail::phi_argument(z)).phi2_derivative());
}
template <detail::Real T>
T phi2_derivative(T x) {
  return static_cast<T>(detail::PhiPoint({static_cast<double>(x), 0}).phi2_derivative().real());
}

/// phi1''(z) = (e^z - 2 phi1'(z)) / z, and 1/3 at 0.
template <detail::Real T>
std::complex<T> phi1_second_derivative(const std::complex<T>& z) {
  return detail::phi_cast<T>(detail::PhiPoint(detail::phi_argument(z)).phi1_second_derivative());
}
template <detail::Real T>
T phi1_second_derivative(T x) {
  return static_cast<T>(detail::PhiPoint({static_cast<double>(x), 0}).phi1_second_derivative().real());
}

}  // namespace tessera::inline TESSERA_ISA
