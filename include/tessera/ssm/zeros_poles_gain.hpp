// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Zeros, poles and gain of the other forms, and back to a quotient or to modes,
//
//   H(z) = gain product of (z - zeros) / product of (z - poles).
//
//   from a quotient     the roots of both polynomials
//   from states         poles are the eigenvalues of A; zeros, with the first tap h[d] = C A^(d-1) B that is not 0
//                       (d = 0: skip), are eigenvalues of A - B C A^d / h[d], of which d are 0 and left out
//                       (the inverse system; L. M. Silverman 1969)
//   from modes          the same, and then Aberth's iteration on the sum of the modes itself: no polynomial is formed,
//                       and poles that crowd near z = 1 do no harm

#include <algorithm>
#include <cmath>
#include <complex>
#include <concepts>
#include <limits>
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
#include <tessera/ssm/direct_form_conversion.hpp>
#include <tessera/ssm/filter_forms.hpp>
#include <tessera/ssm/polynomial_roots.hpp>
#include <tessera/ssm/state_space_conversion.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The first tap that is more than rounding, and its index; the index is order + 1 where there is none.
struct LeadingTap {
  Index delay = 0;
  double gain = 0;
  Eigen::RowVectorXd row;  // C A^delay
};

inline LeadingTap leading_tap(const StateSpaceForm& form) {
  const double eps = 4 * static_cast<double>(form.order()) * std::numeric_limits<double>::epsilon();
  LeadingTap lead{0, form.skip, form.c};
  double scale = 0;  // skip is what it is
  while (std::abs(lead.gain) <= eps * scale && lead.delay <= form.order()) {
    ++lead.delay;
    lead.gain = lead.row.dot(form.b);
    scale = lead.row.cwiseAbs().dot(form.b.cwiseAbs());
    lead.row = (lead.row * form.a).eval();
  }
  if (lead.delay > form.order()) lead.gain = 0;
  return lead;
}

/// Those of a system whose first tap is `lead`.
Eigen::VectorXcd zeros_of_states(const char* who, const std::same_as<StateSpaceForm> auto& form,
                                 const LeadingTap& lead) {
  if (lead.gain == 0) return {};
  Eigen::VectorXcd values = matrix_eigenvalues(who, form.a - form.b * (lead.row / lead.gain));
  std::stable_sort(values.data(), values.data() + values.size(),
                   [](const auto& a, const auto& b) { return std::norm(a) > std::norm(b); });
  Index count = form.order() - lead.delay;
  if (count > 0 && values[count - 1].imag() > 0)
    values[count - 1] = values[count - 1].real();  // its partner is left out
  return values.head(count);
}

/// N(z) = (skip + sum of modes) product of (z - poles): only p' / p and the size relative to rounding matter.
inline RootEvaluation evaluate_modes(const ModalForm& form, LongComplex z) {
  LongComplex value = form.skip, slope = 0, poles = 0;
  long double bound = std::abs(form.skip), product = 1;
  for (Index i = 0; i < form.poles.size(); ++i) {
    const bool pair = form.poles[i].imag() != 0;
    for (int side = 0; side < (pair ? 2 : 1); ++side) {
      const LongComplex p = widen(side == 0 ? form.poles[i] : std::conj(form.poles[i]));
      const LongComplex r = widen(side == 0 ? form.residues[i] : std::conj(form.residues[i]));
      const LongComplex inverse = repulsion(z - p);
      value += r * inverse;
      slope -= r * inverse * inverse;
      poles += inverse;
      bound += std::abs(r * inverse);
      product *= std::abs(z - p);
    }
  }
  const long double size = std::abs(value) * product, eps = std::numeric_limits<long double>::epsilon();
  return {size > 0 ? slope / value + poles : LongComplex(0), size, 8 * eps * bound * product};
}

/// Without the modes that are not heard.
inline ModalForm audible(const ModalForm& form) {
  ModalForm kept{form.skip, form.poles, form.residues};
  Index count = 0;
  for (Index i = 0; i < form.poles.size(); ++i) {
    if (form.residues[i] == 0.0) continue;
    kept.poles[count] = form.poles[i];
    kept.residues[count++] = form.residues[i];
  }
  kept.poles.conservativeResize(count);
  kept.residues.conservativeResize(count);
  return kept;
}

/// The first that is not 0; 0 when none is.
inline double leading_coefficient(const LongPolynomial& p) {
  for (const long double c : p) {
    if (c != 0) return static_cast<double>(c);
  }
  return 0;
}

/// With as many zeros as poles skip is the gain, and it vanishes from the numerator at the poles.
inline ModalForm modes_of_zeros(double gain, const ConjugateSets& zeros, const Eigen::VectorXcd& poles) {
  const double skip = zeros.size() == poles.size() ? gain : 0;
  return modes_of(skip, poles, [&](LongComplex z) {
    LongComplex value = gain;
    for (const std::complex<double>& zero : zeros.pairs) value *= (z - widen(zero)) * (z - widen(std::conj(zero)));
    for (const double zero : zeros.reals) value *= z - static_cast<long double>(zero);
    return value;
  });
}

template <class Form>
Certified<ZerosPolesGain> certify_zeros(const Form& form, ZerosPolesGain made, const ConversionOptions& options) {
  const Eigen::VectorXcd zeros = made.zeros, poles = made.poles;
  const Index length = comparison_length(largest_modulus(poles), poles.size(), options);
  return certify("to_zeros_poles_gain", form, std::move(made), {length, 1, options.tolerance},
                 [&] { return fmt::format("zeros: {}; poles: {}", describe_crowd(zeros), describe_crowd(poles)); });
}

}  // namespace detail

/// Condition 1: nothing is solved but for the roots. Throws NumericalError where the zeros found are not good enough.
Certified<ZerosPolesGain> to_zeros_poles_gain(const std::same_as<DirectForm> auto& form,
                                              const ConversionOptions& options = {}) {
  const char* who = "to_zeros_poles_gain";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  const detail::LongQuotient quotient = detail::quotient_of(form, true);
  ZerosPolesGain made{{}, detail::find_polynomial_roots(who, quotient.denominator).roots, 0};
  made.gain = detail::leading_coefficient(quotient.numerator);
  if (made.gain != 0) made.zeros = detail::find_polynomial_roots(who, quotient.numerator).roots;
  return detail::certify_zeros(form, std::move(made), options);
}

Certified<ZerosPolesGain> to_zeros_poles_gain(const std::same_as<StateSpaceForm> auto& form,
                                              const ConversionOptions& options = {}) {
  const char* who = "to_zeros_poles_gain";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  StateSpaceForm system = form;
  detail::balance_states(system, true);
  const detail::LeadingTap lead = detail::leading_tap(system);
  ZerosPolesGain made{{}, detail::matrix_eigenvalues(who, system.a), lead.gain};
  made.zeros = detail::zeros_of_states(who, system, lead);
  return detail::certify_zeros(form, std::move(made), options);
}

/// Poles are kept as they are; modes with residue 0 are left out.
Certified<ZerosPolesGain> to_zeros_poles_gain(const std::same_as<ModalForm> auto& form,
                                              const ConversionOptions& options = {}) {
  const char* who = "to_zeros_poles_gain";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  const ModalForm modes = detail::audible(form);
  const StateSpaceForm system = detail::states_of_modes(modes);
  const detail::LeadingTap lead = detail::leading_tap(system);
  std::vector<detail::LongComplex> zeros = detail::upper_roots(detail::zeros_of_states(who, system, lead));
  detail::polish_roots(zeros, [&](detail::LongComplex z) { return detail::evaluate_modes(modes, z); });
  ZerosPolesGain made{detail::join_conjugates(detail::rounded_roots(zeros)), detail::all_poles(modes), lead.gain};
  return detail::certify_zeros(form, std::move(made), options);
}

/// Condition: ||a||_1 / min |A| over the unit circle.
Certified<DirectForm> to_direct_form(const std::same_as<ZerosPolesGain> auto& form,
                                     const ConversionOptions& options = {}) {
  const char* who = "to_direct_form";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  detail::LongPolynomial numerator = detail::product_of_roots(detail::split_conjugates(who, "zeros", form.zeros));
  for (long double& c : numerator) c *= form.gain;
  const DirectForm made =
      detail::direct_form(numerator, detail::product_of_roots(detail::split_conjugates(who, "poles", form.poles)));
  const Index length = detail::comparison_length(detail::largest_modulus(form.poles), form.poles.size(), options);
  const double condition = detail::direct_form_condition(form.poles, 1 + made.denominator.lpNorm<1>());
  return detail::certify(who, form, made, {length, condition, options.tolerance},
                         [&] { return detail::describe_crowd(form.poles); });
}

/// Condition: the sum of |residues| relative to the largest tap. Throws NumericalError on multiple poles, and on poles
/// so close that the modes cancel one another.
Certified<ModalForm> to_modal(const std::same_as<ZerosPolesGain> auto& form, const ConversionOptions& options = {}) {
  const char* who = "to_modal";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  const Eigen::VectorXcd poles = detail::join_conjugates(detail::split_conjugates(who, "poles", form.poles));
  const detail::ConjugateSets zeros = detail::split_conjugates(who, "zeros", form.zeros);
  ModalForm made = detail::modes_of_zeros(form.gain, zeros, poles);
  const Index length = detail::comparison_length(detail::largest_modulus(poles), poles.size(), options);
  const double condition = detail::modal_condition(made, detail::peak_of(impulse_response(form, length)));
  return detail::certify(who, form, std::move(made), {length, condition, options.tolerance},
                         [&] { return detail::modal_reason(poles); });
}

}  // namespace tessera::inline TESSERA_ISA
