// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What there is to know of a filter before choosing a form for it, or a length for its kernel:
//
//   stable             all poles inside the unit circle
//   pole on a node     the pole closest to one of the L roots of unity, where a kernel by division of spectra is 0 / 0
//   tail               the share of the energy sum of h[t]^2 that lies beyond the first L taps. From modes, with r and
//   p
//                      over all poles, sum over i, j of r_i r_j (p_i p_j)^(L-1) / (1 - p_i p_j). Of states, x^T Q x
//                      with x = A^(L-1) B and the observability Gramian Q = A^T Q A + C^T C, solved by doubling (R. A.
//                      Smith, Matrix equation X A + B X = C, SIAM Journal on Applied Mathematics 16, 1968)
//   predicted error    of a kernel by division of spectra, relative to its peak: eps ||a||_1 / min |A| over the L nodes

#include <algorithm>
#include <cmath>
#include <complex>
#include <concepts>
#include <cstddef>
#include <limits>
#include <numbers>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/detail/balancing.hpp>
#include <tessera/ssm/detail/conjugates.hpp>
#include <tessera/ssm/detail/form_checks.hpp>
#include <tessera/ssm/detail/long_polynomial.hpp>
#include <tessera/ssm/direct_form_conversion.hpp>
#include <tessera/ssm/filter_forms.hpp>
#include <tessera/ssm/state_space_conversion.hpp>

namespace tessera {

/// In which a filter may be run.
enum class RecurrenceForm { direct, modal, cascade };

struct FilterReportOptions {
  Index length = 1024;      // of the kernel, L >= 1
  double tolerance = 1e-5;  // what a recommended form may lose in float, relative to the largest tap; > 0
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

struct FilterReport {
  Index order = 0;
  double spectral_radius = 0;
  bool stable = true;
  double node_distance = 1;      // |p - exp(2 pi i node / L)|, the least over all poles; 1 without poles
  Index node = 0;                // in 0 ... L - 1
  std::optional<double> energy;  // none where the sum diverges
  std::optional<double> tail;    // of it, beyond L taps: 0 to 1
  double predicted_float_error = 0;
  double predicted_double_error = 0;
  double modal_condition = 1;  // the sum of |residues| relative to the largest tap; huge where poles coincide
  RecurrenceForm recommended = RecurrenceForm::direct;  // direct where it loses no more than the tolerance, modal where
                                                        // that does, and else cascade
};

namespace detail {

inline void check_report(const char* who, const FilterReportOptions& options) {
  require(options.length >= 1, "{}: expected a length of at least 1, found {}", who, options.length);
  require(is_finite(options.tolerance) && options.tolerance > 0, "{}: expected a positive finite tolerance", who);
}

inline void find_node(const Eigen::VectorXcd& poles, Index length, FilterReport& report) {
  const double step = 2 * std::numbers::pi / static_cast<double>(length);
  for (Index i = 0; i < poles.size(); ++i) {
    const Index k = static_cast<Index>(std::round(std::arg(poles[i]) / step));
    const double distance = std::abs(poles[i] - std::polar(1.0, step * static_cast<double>(k)));
    if (i > 0 && distance >= report.node_distance) continue;
    report.node_distance = distance;
    report.node = (k % length + length) % length;
  }
}

/// The least |A| over the nodes, as the product of the distances to the poles.
inline double smallest_on_nodes(const Eigen::VectorXcd& poles, Index length) {
  double smallest = std::numeric_limits<double>::max();
  for (Index k = 0; k <= length / 2; ++k) {
    const std::complex<double> w =
        std::polar(1.0, 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(length));
    double square = 1;
    for (const std::complex<double>& pole : poles) square *= std::norm(w - pole);
    smallest = std::min(smallest, square);
  }
  return std::sqrt(smallest);
}

/// Of energy beyond the taps 1 ... length - 1 by modes, in full.
inline double modal_tail(const ModalForm& form, Index length) {
  std::vector<LongComplex> poles, weights;
  const auto add = [&](std::complex<double> pole, std::complex<double> residue) {
    poles.push_back(widen(pole));
    weights.push_back(widen(residue) * std::pow(widen(pole), static_cast<long double>(length - 1)));
  };
  for (Index i = 0; i < form.poles.size(); ++i) {
    add(form.poles[i], form.residues[i]);
    if (form.poles[i].imag() != 0) add(std::conj(form.poles[i]), std::conj(form.residues[i]));
  }
  LongComplex sum = 0;
  for (std::size_t i = 0; i < poles.size(); ++i) {
    for (std::size_t j = 0; j < poles.size(); ++j) sum += weights[i] * weights[j] / (1.0L - poles[i] * poles[j]);
  }
  return std::max(0.0, static_cast<double>(sum.real()));
}

/// The same of states. A is squared until nothing is left of it; its powers take B to A^(length-1) B on the way.
template <class Matrix = LongMatrix>
double states_tail(const StateSpaceForm& form, Index length) {
  Matrix power = form.a.cast<long double>(), state = form.b.cast<long double>();
  const Matrix row = form.c.cast<long double>();
  Matrix gramian = row.transpose() * row;
  for (Index steps = length - 1, k = 0; k < 62; ++k, steps /= 2) {
    if (steps % 2 != 0) state = (power * state).eval();
    gramian += (power.transpose() * gramian * power).eval();
    power = (power * power).eval();
    if (power.norm() == 0 && steps < 2) break;
  }
  return std::max(0.0, static_cast<double>((state.transpose() * gramian * state)(0, 0)));
}

/// What poles alone say, the order and the norm of the denominator.
inline FilterReport report_on_poles(const Eigen::VectorXcd& poles, double norm, const FilterReportOptions& options) {
  FilterReport report;
  report.order = poles.size();
  report.spectral_radius = largest_modulus(poles);
  report.stable = report.spectral_radius < 1;
  find_node(poles, options.length, report);
  const double smallest = smallest_on_nodes(poles, options.length), largest = std::numeric_limits<double>::max();
  const double ratio = smallest > norm * 1e-200 ? norm / smallest : 1e200;
  report.predicted_double_error = std::min(largest, std::numeric_limits<double>::epsilon() * ratio);
  report.predicted_float_error = std::min(largest, static_cast<double>(std::numeric_limits<float>::epsilon()) * ratio);
  return report;
}

template <class Tail>
void report_energy(double skip, const FilterReportOptions& options, const Tail& tail, FilterReport& report) {
  if (!report.stable) return;
  const double energy = skip * skip + tail(1), rest = tail(options.length);
  if (!is_finite(energy) || !is_finite(rest)) return;
  report.energy = energy;
  report.tail = energy > 0 ? std::min(1.0, rest / energy) : 0;
}

inline void recommend(const ModalForm& modes, double peak, const FilterReportOptions& options, FilterReport& report) {
  const double condition = modal_condition(modes, peak), largest = std::numeric_limits<double>::max();
  report.modal_condition = is_finite(condition) ? condition : largest;
  const double modal = static_cast<double>(std::numeric_limits<float>::epsilon()) * report.modal_condition;
  report.recommended = report.predicted_float_error <= options.tolerance ? RecurrenceForm::direct
                       : modal <= options.tolerance                      ? RecurrenceForm::modal
                                                                         : RecurrenceForm::cascade;
}

}  // namespace detail

/// Throws std::invalid_argument on a form that is not finite, and on options out of range; NumericalError where the
/// poles cannot be found.
inline FilterReport filter_report(const ModalForm& form, const FilterReportOptions& options = {}) {
  const char* who = "filter_report";
  detail::check_report(who, options);
  detail::check_form(who, form);
  const Eigen::VectorXcd poles = detail::all_poles(form);
  const double norm = 1 + detail::direct_form({0}, detail::sum_of_modes(form).denominator).denominator.lpNorm<1>();
  FilterReport report = detail::report_on_poles(poles, norm, options);
  detail::report_energy(
      form.skip, options, [&](Index length) { return detail::modal_tail(form, length); }, report);
  detail::recommend(form, detail::peak_of(impulse_response(form, options.length)), options, report);
  return report;
}

FilterReport filter_report(const std::same_as<StateSpaceForm> auto& form, const FilterReportOptions& options = {}) {
  const char* who = "filter_report";
  detail::check_report(who, options);
  detail::check_form(who, form);
  const detail::ModesOfStates modes = detail::modes_of_states(who, form);
  double norm = 0;
  for (const long double a : detail::characteristic_polynomial(form)) norm += static_cast<double>(std::abs(a));
  FilterReport report = detail::report_on_poles(modes.poles, norm, options);
  detail::report_energy(
      form.skip, options, [&](Index length) { return detail::states_tail(form, length); }, report);
  detail::recommend(modes.form, detail::peak_of(impulse_response(form, options.length)), options, report);
  return report;
}

FilterReport filter_report(const std::same_as<DirectForm> auto& form, const FilterReportOptions& options = {}) {
  const char* who = "filter_report";
  detail::check_report(who, options);
  detail::check_form(who, form);
  const detail::LongQuotient quotient = detail::quotient_of(form, false);
  const Eigen::VectorXcd poles = detail::find_polynomial_roots(who, quotient.denominator).roots;
  FilterReport report = detail::report_on_poles(poles, 1 + form.denominator.template lpNorm<1>(), options);
  const StateSpaceForm states = detail::companion_form(form);
  detail::report_energy(
      form.skip, options, [&](Index length) { return detail::states_tail(states, length); }, report);
  const ModalForm modes = detail::modes_of_quotient(form.skip, quotient, poles);
  detail::recommend(modes, detail::peak_of(impulse_response(form, options.length)), options, report);
  return report;
}

/// One line of text.
inline std::string describe(const FilterReport& report) {
  const char* names[] = {"direct", "modal", "cascade"};
  const std::string tail = report.tail ? fmt::format("{:.2g} of the energy lies beyond the kernel", *report.tail)
                                       : std::string("its energy is infinite");
  return fmt::format(
      "order {}, spectral radius {:.8g} ({}), {}, a pole {:.2g} from node {}, predicted error {:.2g} in float and "
      "{:.2g} in "
      "double, recommended form {}",
      report.order, report.spectral_radius, report.stable ? "stable" : "not stable", tail, report.node_distance,
      report.node, report.predicted_float_error, report.predicted_double_error,
      names[static_cast<int>(report.recommended)]);
}

}  // namespace tessera::inline TESSERA_ISA
