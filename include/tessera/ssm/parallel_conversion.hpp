// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Modes as real sections of order two, added up, and back,
//
//   r / (z - p) + conj  =  z^-1 (2 Re r - 2 Re(r conj p) z^-1) / (1 - 2 Re p z^-1 + |p|^2 z^-2),
//
// a real pole as a section of order one. Back, a section with two equal poles has no modes.

#include <complex>
#include <concepts>
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

namespace tessera::inline TESSERA_ISA {
namespace detail {

inline ParallelSection section_of_mode(std::complex<double> pole, std::complex<double> residue) {
  if (pole.imag() == 0) return {residue.real(), 0, -pole.real(), 0};
  const LongComplex p = widen(pole), r = widen(residue);
  return {static_cast<double>(2 * r.real()), static_cast<double>(-2 * (r * std::conj(p)).real()),
          static_cast<double>(-2 * p.real()), static_cast<double>(std::norm(p))};
}

/// The poles of a section that it does not cancel itself: those of a section of order one have no other at 0.
inline Eigen::VectorXcd poles_of_section(const ParallelSection& s) {
  Eigen::VectorXcd poles(s.a2 == 0 && s.b1 == 0 ? (s.a1 == 0 && s.b0 == 0 ? 0 : 1) : 2);
  if (poles.size() == 1) poles[0] = -s.a1;
  if (poles.size() < 2) return poles;
  const std::vector<LongComplex> both = quadratic_roots(s.a1, s.a2);
  poles << narrow(both[0]), narrow(both[1]);
  return poles;
}

inline ModalForm modes_of_section(const ParallelSection& s, const Eigen::VectorXcd& poles) {
  return modes_of(0, poles, [&](LongComplex z) {
    const long double b0 = s.b0, b1 = s.b1;
    return poles.size() == 1 ? LongComplex(b0) : b0 * z + b1;
  });
}

}  // namespace detail

/// One section for every stored pole, in their order. Condition 1.
Certified<ParallelForm> to_parallel(const std::same_as<ModalForm> auto& form, const ConversionOptions& options = {}) {
  const char* who = "to_parallel";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  ParallelForm made{form.skip, {}};
  for (Index i = 0; i < form.poles.size(); ++i)
    made.sections.push_back(detail::section_of_mode(form.poles[i], form.residues[i]));
  const Index length = detail::comparison_length(detail::largest_modulus(form.poles), form.order(), options);
  return detail::certify(who, form, std::move(made), {length, 1, options.tolerance},
                         [&] { return detail::describe_crowd(detail::all_poles(form)); });
}

/// Condition: the sum of |residues| relative to the largest tap. Throws NumericalError on a section with two equal
/// poles, and on poles so close that its modes cancel each other.
Certified<ModalForm> to_modal(const std::same_as<ParallelForm> auto& form, const ConversionOptions& options = {}) {
  const char* who = "to_modal";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  std::vector<std::complex<double>> poles, residues, all;
  for (const ParallelSection& section : form.sections) {
    const Eigen::VectorXcd both = detail::poles_of_section(section);
    const ModalForm modes = detail::modes_of_section(section, both);
    all.insert(all.end(), both.data(), both.data() + both.size());
    poles.insert(poles.end(), modes.poles.data(), modes.poles.data() + modes.poles.size());
    residues.insert(residues.end(), modes.residues.data(), modes.residues.data() + modes.residues.size());
  }
  const Index count = static_cast<Index>(poles.size());
  ModalForm made{form.skip, Eigen::Map<Eigen::VectorXcd>(poles.data(), count),
                 Eigen::Map<Eigen::VectorXcd>(residues.data(), count)};
  const Index length = detail::comparison_length(detail::largest_modulus(made.poles), made.order(), options);
  const double condition = detail::modal_condition(made, detail::peak_of(impulse_response(form, length)));
  return detail::certify(who, form, std::move(made), {length, condition, options.tolerance}, [&] {
    return detail::modal_reason(Eigen::Map<Eigen::VectorXcd>(all.data(), static_cast<Index>(all.size())));
  });
}

}  // namespace tessera::inline TESSERA_ISA
