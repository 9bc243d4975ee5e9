// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Real polynomials have their roots in pairs of conjugates: what is told apart here, and put together again.

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/filter_forms.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Those on the real axis, and of each pair the one above it.
struct ConjugateSets {
  std::vector<std::complex<double>> pairs;
  std::vector<double> reals;
  Index size() const { return static_cast<Index>(2 * pairs.size() + reals.size()); }
};

inline std::string describe_value(std::complex<double> value) {
  if (value.imag() == 0) return fmt::format("{:.6g}", value.real());
  return fmt::format("{:.6g}{:+.6g}i", value.real(), value.imag());
}

/// Partners may differ by rounding, 100 eps of their size; each becomes the mean of itself and its partner's conjugate.
/// Throws std::invalid_argument on a value without partner, and on one that is not finite.
inline ConjugateSets split_conjugates(const char* who, const char* what, const Eigen::VectorXcd& values) {
  constexpr double eps = 100 * std::numeric_limits<double>::epsilon();
  ConjugateSets sets;
  std::vector<std::complex<double>> below;
  for (const std::complex<double>& z : values) {
    const double parts[2] = {z.real(), z.imag()};
    require(all_finite(parts, 2), "{}: expected finite {}", who, what);
    if (std::abs(z.imag()) <= eps * std::abs(z)) {
      sets.reals.push_back(z.real());
    } else {
      (z.imag() > 0 ? sets.pairs : below).push_back(z);
    }
  }
  for (std::complex<double>& z : sets.pairs) {
    const std::size_t partner = below.empty() ? 0 : nearest_value(below, std::conj(z));
    require(!below.empty() && std::abs(below[partner] - std::conj(z)) <= eps * std::abs(z),
            "{}: expected {} in pairs of conjugates, found {} without its own", who, what, describe_value(z));
    z = 0.5 * (z + std::conj(below[partner]));
    below.erase(below.begin() + static_cast<std::ptrdiff_t>(partner));
  }
  require(below.empty(), "{}: expected {} in pairs of conjugates, found {} without its own", who, what,
          describe_value(below.empty() ? 0 : below.front()));
  return sets;
}

/// Pairs first, each followed by its conjugate, the largest first.
inline Eigen::VectorXcd join_conjugates(ConjugateSets sets) {
  std::stable_sort(sets.pairs.begin(), sets.pairs.end(), [](const auto& a, const auto& b) {
    return std::norm(a) != std::norm(b) ? std::norm(a) > std::norm(b) : a.real() > b.real();
  });
  std::stable_sort(sets.reals.begin(), sets.reals.end(), [](double a, double b) { return std::abs(a) > std::abs(b); });
  Eigen::VectorXcd values(sets.size());
  Index i = 0;
  for (const std::complex<double>& z : sets.pairs) {
    values[i++] = z;
    values[i++] = std::conj(z);
  }
  for (const double z : sets.reals) values[i++] = z;
  return values;
}

/// The poles of a modal form in full.
inline Eigen::VectorXcd all_poles(const ModalForm& form) {
  Eigen::VectorXcd poles(form.order());
  Index i = 0;
  for (const std::complex<double>& pole : form.poles) {
    poles[i++] = pole;
    if (pole.imag() != 0) poles[i++] = std::conj(pole);
  }
  return poles;
}

inline double largest_modulus(const Eigen::VectorXcd& values) {
  double largest = 0;
  for (const std::complex<double>& z : values) largest = std::max(largest, std::abs(z));
  return largest;
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
