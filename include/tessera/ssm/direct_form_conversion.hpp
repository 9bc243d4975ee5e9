// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Between a quotient of polynomials and its modes, and to the companion matrix:
//
//   companion   A = [-a; I 0], B = e_1, C = b, D = skip (controller form): exact
//   to modes    poles p are the roots of A(z), residues b(p_i) / product over j of (p_i - p_j)
//   from modes  the quotient of polynomials that the modes add up to
//
// Coefficients of polynomials whose roots crowd say little of the roots: what a quotient amplifies rounding by is
// ||a||_1 / min |A| over the unit circle, and that is the condition of from-modes. A multiple pole has no modes.

#include <algorithm>
#include <cmath>
#include <complex>
#include <concepts>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/certificate.hpp>
#include <tessera/ssm/detail/certify.hpp>
#include <tessera/ssm/detail/form_checks.hpp>
#include <tessera/ssm/detail/long_polynomial.hpp>
#include <tessera/ssm/filter_forms.hpp>
#include <tessera/ssm/polynomial_roots.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The modes of numerator(z) / product of (z - poles): residues numerator(p_i) / product of (p_i - p_j). The numerator
/// is anything that can be called; poles are in full.
template <class Numerator>
ModalForm modes_of(double skip, const Eigen::VectorXcd& poles, const Numerator& numerator) {
  std::vector<std::complex<double>> kept, residues;
  for (Index i = 0; i < poles.size(); ++i) {
    if (poles[i].imag() < 0) continue;
    const LongComplex p = widen(poles[i]);
    LongComplex r = numerator(p);
    for (Index j = 0; j < poles.size(); ++j) {
      if (j == i) continue;
      const LongComplex distance = p - widen(poles[j]);
      r = std::norm(distance) > 0 ? r / distance : r * std::numeric_limits<long double>::max();
    }
    kept.push_back(poles[i]);
    residues.push_back(poles[i].imag() != 0 ? narrow(r) : narrow(r).real());
  }
  const Index count = static_cast<Index>(kept.size());
  return {skip, Eigen::Map<Eigen::VectorXcd>(kept.data(), count), Eigen::Map<Eigen::VectorXcd>(residues.data(), count)};
}

inline ModalForm modes_of_quotient(double skip, const LongQuotient& quotient, const Eigen::VectorXcd& poles) {
  return modes_of(skip, poles, [&](LongComplex z) {
    LongComplex value = 0;
    for (const long double c : quotient.numerator) value = value * z + c;
    return value;
  });
}

/// The sum of |residues| relative to the largest tap: what the modes amplify rounding by.
inline double modal_condition(const ModalForm& form, double peak) {
  double sum = std::abs(form.skip);
  for (Index i = 0; i < form.poles.size(); ++i) sum += (form.poles[i].imag() != 0 ? 2 : 1) * std::abs(form.residues[i]);
  return peak > 0 ? std::max(1.0, sum / peak) : 1;
}

inline std::string modal_reason(const Eigen::VectorXcd& poles) {
  return describe_crowd(poles) + "; modes need simple poles apart from one another, to_cascade takes repeated ones";
}

inline double peak_of(const Eigen::VectorXd& taps) { return taps.size() == 0 ? 0 : taps.cwiseAbs().maxCoeff(); }

inline StateSpaceForm companion_form(const DirectForm& form) {
  const Index n = std::max(form.numerator.size(), form.denominator.size());
  StateSpaceForm made{Eigen::MatrixXd::Zero(n, n), Eigen::VectorXd::Zero(n), Eigen::RowVectorXd::Zero(n), form.skip};
  if (n > 0) {
    made.a.row(0).head(form.order()) = -form.denominator.transpose();
    made.a.diagonal(-1).setOnes();
    made.b[0] = 1;
    made.c.head(form.numerator.size()) = form.numerator.transpose();
  }
  return made;
}

}  // namespace detail

/// The order is that of the longer polynomial. Exact; condition 1.
Certified<StateSpaceForm> to_state_space(const std::same_as<DirectForm> auto& form,
                                         const ConversionOptions& options = {}) {
  const char* who = "to_state_space";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  const double radius = detail::largest_modulus(detail::poles_of(who, form));
  StateSpaceForm made = detail::companion_form(form);
  const Index length = detail::comparison_length(radius, made.order(), options);
  return detail::certify(who, form, std::move(made), {length, 1, options.tolerance},
                         [] { return std::string("taps beyond the range of double"); });
}

/// Condition: the sum of |residues| relative to the largest tap. Poles at 0 that numerator and denominator share are
/// left out. Throws NumericalError on multiple poles, and on poles so close that the modes cancel one another.
Certified<ModalForm> to_modal(const std::same_as<DirectForm> auto& form, const ConversionOptions& options = {}) {
  const char* who = "to_modal";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  const detail::LongQuotient quotient = detail::quotient_of(form, false);
  const Eigen::VectorXcd poles = detail::find_polynomial_roots(who, quotient.denominator).roots;
  ModalForm made = detail::modes_of_quotient(form.skip, quotient, poles);
  const Index length = detail::comparison_length(detail::largest_modulus(poles), poles.size(), options);
  const double condition = detail::modal_condition(made, detail::peak_of(impulse_response(form, length)));
  return detail::certify(who, form, std::move(made), {length, condition, options.tolerance},
                         [&] { return detail::modal_reason(poles); });
}

/// Condition: ||a||_1 / min |A| over the unit circle.
Certified<DirectForm> to_direct_form(const std::same_as<ModalForm> auto& form, const ConversionOptions& options = {}) {
  const char* who = "to_direct_form";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  const detail::LongQuotient sum = detail::sum_of_modes(form);
  DirectForm made = detail::direct_form(sum.numerator, sum.denominator);
  made.skip = form.skip;
  const Eigen::VectorXcd poles = detail::all_poles(form);
  const Index length = detail::comparison_length(detail::largest_modulus(poles), poles.size(), options);
  const double condition = detail::direct_form_condition(poles, 1 + made.denominator.lpNorm<1>());
  return detail::certify(who, form, std::move(made), {length, condition, options.tolerance},
                         [&] { return detail::describe_crowd(poles); });
}

}  // namespace tessera::inline TESSERA_ISA
