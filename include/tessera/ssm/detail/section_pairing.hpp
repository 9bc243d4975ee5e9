// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Which zeros go with which poles in the sections of a cascade; see ssm/cascade_conversion.hpp.

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <utility>
#include <vector>

#include <tessera/core/isa.hpp>
#include <tessera/ssm/detail/conjugates.hpp>
#include <tessera/ssm/detail/long_polynomial.hpp>
#include <tessera/ssm/filter_forms.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

class SectionPairing {
 public:
  /// As many zeros as poles at most. An odd number of poles gets another pole and zero at 0, which cancel.
  SectionPairing(ConjugateSets zeros, ConjugateSets poles) : zeros_(std::move(zeros)), poles_(std::move(poles)) {
    at_infinity_ = poles_.size() - zeros_.size();
    if (poles_.size() % 2 == 0) return;
    poles_.reals.push_back(0);
    zeros_.reals.push_back(0);
  }

  /// In the order they are made in: the poles closest to the circle first.
  std::vector<CascadeSection> sections() {
    std::vector<CascadeSection> made;
    while (poles_.size() > 0) {
      const std::size_t pair = closest(poles_.pairs), real = closest(poles_.reals);
      const bool is_real = poles_.pairs.empty() ||
                           (!poles_.reals.empty() && distance(poles_.reals[real]) < distance(poles_.pairs[pair]));
      made.push_back(is_real ? real_section(real) : pair_section(pair));
    }
    return made;
  }

 private:
  static double distance(std::complex<double> z) { return std::abs(1 - std::abs(z)); }

  template <class Value>
  static std::size_t closest(const std::vector<Value>& values) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < values.size(); ++i) {
      if (distance(values[i]) < distance(values[best])) best = i;
    }
    return best;
  }

  template <class Value>
  static Value take(std::vector<Value>& values, std::size_t i) {
    const Value value = values[i];
    values.erase(values.begin() + static_cast<std::ptrdiff_t>(i));
    return value;
  }

  CascadeSection pair_section(std::size_t i) {
    const std::complex<double> pole = take(poles_.pairs, i);
    return section(two_zeros(pole), root_factor(pole));
  }

  /// With the real pole closest to the circle among the others.
  CascadeSection real_section(std::size_t i) {
    const double pole = take(poles_.reals, i), other = take(poles_.reals, closest(poles_.reals));
    return section(two_zeros(pole), polynomial_product(root_factor(pole), root_factor(other)));
  }

  /// The nearest zero with its conjugate, or another real one. Those at infinity count as real and come last: sections
  /// take them by twos, so that two are left or none is.
  LongPolynomial two_zeros(std::complex<double> pole) {
    const Index real = static_cast<Index>(zeros_.reals.size()) + at_infinity_;
    if (!zeros_.pairs.empty()) {
      const std::size_t i = nearest_value(zeros_.pairs, pole);
      const bool real_is_nearer =
          !zeros_.reals.empty() && std::abs(zeros_.reals[nearest_real(pole)] - pole) < std::abs(zeros_.pairs[i] - pole);
      if (!real_is_nearer || real < 2) return root_factor(take(zeros_.pairs, i));
    }
    const LongPolynomial first = one_zero(pole);
    return polynomial_product(first, one_zero(pole));
  }

  /// As a polynomial; a zero at infinity is a constant.
  LongPolynomial one_zero(std::complex<double> pole) {
    if (!zeros_.reals.empty()) return root_factor(take(zeros_.reals, nearest_real(pole)));
    --at_infinity_;
    return {1};
  }

  std::size_t nearest_real(std::complex<double> pole) const {
    std::size_t best = 0;
    for (std::size_t i = 1; i < zeros_.reals.size(); ++i) {
      if (std::abs(zeros_.reals[i] - pole) < std::abs(zeros_.reals[best] - pole)) best = i;
    }
    return best;
  }

  /// Of polynomials in z, the denominator of order two.
  static CascadeSection section(const LongPolynomial& zeros, const LongPolynomial& poles) {
    double b[3] = {0, 0, 0};
    for (std::size_t i = 0; i < zeros.size(); ++i) b[3 - zeros.size() + i] = static_cast<double>(zeros[i]);
    return {b[0], b[1], b[2], static_cast<double>(poles[1]), static_cast<double>(poles[2])};
  }

  ConjugateSets zeros_, poles_;
  Index at_infinity_ = 0;
};

/// At least one section, which has the gain.
inline CascadeForm pair_sections(ConjugateSets zeros, ConjugateSets poles, double gain) {
  CascadeForm form{SectionPairing(std::move(zeros), std::move(poles)).sections()};
  std::reverse(form.sections.begin(), form.sections.end());
  if (form.sections.empty()) form.sections.emplace_back();
  CascadeSection& first = form.sections.front();
  first.b0 *= gain;
  first.b1 *= gain;
  first.b2 *= gain;
  return form;
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
