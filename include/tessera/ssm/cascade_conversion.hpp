// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Cascades of sections of order two from zeros, poles and gain, and back. Poles are paired with the zeros that they
// cancel best, as is usual for fixed-point filters (L. B. Jackson, Digital Filters and Signal Processing, chapter 11;
// SciPy's zpk2sos): of the poles that are left, the one closest to the unit circle takes its conjugate, or the real
// pole closest to the circle, and the zeros nearest to it. The section made first comes last in the cascade; the gain
// is in the first. Where zeros are missing, sections are delayed: their b0, or b0 and b1, are 0.
//
// It is the form for repeated poles, which have no modes, and for many poles near z = 1, which have no polynomial.

#include <algorithm>
#include <cmath>
#include <complex>
#include <concepts>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/certificate.hpp>
#include <tessera/ssm/detail/aberth.hpp>
#include <tessera/ssm/detail/certify.hpp>
#include <tessera/ssm/detail/form_checks.hpp>
#include <tessera/ssm/detail/section_pairing.hpp>
#include <tessera/ssm/filter_forms.hpp>
#include <tessera/ssm/zeros_poles_gain.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The roots of c0 z^2 + c1 z + c2, of lower degree where c0 is 0.
inline void append_roots(double c0, double c1, double c2, std::vector<std::complex<double>>& roots) {
  if (c0 != 0) {
    const long double lead = c0;
    for (const LongComplex& root : quadratic_roots(c1 / lead, c2 / lead)) roots.push_back(narrow(root));
  } else if (c1 != 0) {
    roots.push_back(-c2 / c1);
  }
}

struct SectionRoots {
  std::vector<std::complex<double>> zeros, poles;
  double gain = 1;
};

inline void append_section(const CascadeSection& s, SectionRoots& all) {
  append_roots(1, s.a1, s.a2, all.poles);
  append_roots(s.b0, s.b1, s.b2, all.zeros);
  all.gain *= s.b0 != 0 ? s.b0 : s.b1 != 0 ? s.b1 : s.b2;
}

/// Leaves out zeros and poles at exactly 0 as long as there are both.
inline void cancel_at_zero(SectionRoots& all) {
  while (true) {
    const auto zero = std::find(all.zeros.begin(), all.zeros.end(), 0.0);
    const auto pole = std::find(all.poles.begin(), all.poles.end(), 0.0);
    if (zero == all.zeros.end() || pole == all.poles.end()) return;
    all.zeros.erase(zero);
    all.poles.erase(pole);
  }
}

inline Eigen::VectorXcd as_vector(const std::vector<std::complex<double>>& values) {
  return Eigen::Map<const Eigen::VectorXcd>(values.data(), static_cast<Index>(values.size()));
}

}  // namespace detail

/// Throws std::invalid_argument on zeros or poles without their conjugates. Condition 1.
Certified<CascadeForm> to_cascade(const std::same_as<ZerosPolesGain> auto& form,
                                  const ConversionOptions& options = {}) {
  const char* who = "to_cascade";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  CascadeForm made = detail::pair_sections(detail::split_conjugates(who, "zeros", form.zeros),
                                           detail::split_conjugates(who, "poles", form.poles), form.gain);
  const Index length = detail::comparison_length(detail::largest_modulus(form.poles), form.poles.size(), options);
  return detail::certify(who, form, std::move(made), {length, 1, options.tolerance},
                         [&] { return detail::describe_crowd(form.poles); });
}

/// Through zeros, poles and gain; the residual is that of the whole way.
template <class Form>
requires requires(const Form& form) { to_zeros_poles_gain(form); }
Certified<CascadeForm> to_cascade(const Form& form, const ConversionOptions& options = {}) {
  const char* who = "to_cascade";
  const Certified<ZerosPolesGain> roots = to_zeros_poles_gain(form, options);
  Certified<CascadeForm> made = to_cascade(roots.form, options);
  return detail::certify(who, form, std::move(made.form), {roots.certificate.length, 1, options.tolerance},
                         [&] { return detail::describe_crowd(roots.form.poles); });
}

/// Zeros and poles at 0 that cancel are left out. Throws NumericalError where gains overflow.
Certified<ZerosPolesGain> to_zeros_poles_gain(const std::same_as<CascadeForm> auto& form,
                                              const ConversionOptions& options = {}) {
  const char* who = "to_zeros_poles_gain";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  detail::SectionRoots all;
  for (const CascadeSection& section : form.sections) detail::append_section(section, all);
  if (all.gain == 0) all.zeros.clear();
  detail::cancel_at_zero(all);
  return detail::certify_zeros(form, {detail::as_vector(all.zeros), detail::as_vector(all.poles), all.gain}, options);
}

/// The products of the sections' polynomials. Condition: ||a||_1 / min |A| over the unit circle.
Certified<DirectForm> to_direct_form(const std::same_as<CascadeForm> auto& form,
                                     const ConversionOptions& options = {}) {
  const char* who = "to_direct_form";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  detail::LongQuotient product{{1}, {1}};
  for (const CascadeSection& s : form.sections) {
    product.numerator = detail::polynomial_product(product.numerator, {s.b0, s.b1, s.b2});
    product.denominator = detail::polynomial_product(product.denominator, {1, s.a1, s.a2});
  }
  while (product.denominator.size() > 1 && product.denominator.back() == 0 && product.numerator.back() == 0) {
    product.denominator.pop_back();
    product.numerator.pop_back();
  }
  const DirectForm made = detail::direct_form(product.numerator, product.denominator);
  const Eigen::VectorXcd poles = to_zeros_poles_gain(form, options).form.poles;
  const Index length = detail::comparison_length(detail::largest_modulus(poles), poles.size(), options);
  const double condition = detail::direct_form_condition(poles, 1 + made.denominator.lpNorm<1>());
  return detail::certify(who, form, made, {length, condition, options.tolerance},
                         [&] { return detail::describe_crowd(poles); });
}

}  // namespace tessera::inline TESSERA_ISA
