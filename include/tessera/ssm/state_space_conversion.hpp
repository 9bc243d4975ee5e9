// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Between a dense state space and the other forms:
//
//   to modes      A = V P V^-1: residues (C V)_i (V^-1 B)_i, poles the diagonal of P. Condition
//                 |V|_F |V^-1|_F / n with columns of norm 1: the root mean square of the eigenvalues' condition
//                 numbers, 1 for a normal matrix
//   to a quotient the characteristic polynomial of a Hessenberg matrix by its recurrence, in long double (R. Rehman and
//                 I. C. F. Ipsen, Computing characteristic polynomials from eigenvalues, 2011, section 2: La Budde),
//                 and b_i = sum over j < i of a_j h[i - j], of the Markov parameters h[t] = C A^(t-1) B
//   from modes    blocks [Re p, -Im p; Im p, Re p], B and C of equal norm: exact but for rounding once
//   by similarity A <- T^-1 A T, B <- T^-1 B, C <- C T: the transfer function stays
//
// Cost O(n^3), and O(n^2) for every tap that the certificate compares.

#include <cmath>
#include <complex>
#include <concepts>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>

#include <tessera/core/error.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/certificate.hpp>
#include <tessera/ssm/detail/balancing.hpp>
#include <tessera/ssm/detail/certify.hpp>
#include <tessera/ssm/detail/form_checks.hpp>
#include <tessera/ssm/detail/long_polynomial.hpp>
#include <tessera/ssm/direct_form_conversion.hpp>
#include <tessera/ssm/filter_forms.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

using LongMatrix = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;

/// The modes of a state space and the condition of its eigenvectors.
struct ModesOfStates {
  ModalForm form;
  Eigen::VectorXcd poles;
  double condition = 1;
};

ModesOfStates modes_of_states(const char* who, std::same_as<StateSpaceForm> auto system) {
  const Index n = system.order();
  if (n == 0) return {{system.skip, {}, {}}, {}, 1};
  balance_states(system, false);
  const Eigen::EigenSolver<decltype(system.a)> solver(system.a);
  if (solver.info() != Eigen::Success)
    raise<NumericalError>("{}: expected the eigenvalues of a {} x {} matrix to converge, and they did not", who, n, n);
  const Eigen::MatrixXcd vectors = solver.eigenvectors();
  const Eigen::MatrixXcd inverse = vectors.partialPivLu().inverse();
  const Eigen::VectorXcd left = (system.c * vectors).transpose(), right = inverse * system.b;
  std::vector<std::complex<double>> poles, residues;
  for (Index i = 0; i < n; ++i) {
    const std::complex<double> pole = solver.eigenvalues()[i], r = left[i] * right[i];
    if (pole.imag() < 0) continue;
    poles.push_back(pole);
    residues.push_back(pole.imag() != 0 ? r : r.real());
  }
  const Index count = static_cast<Index>(poles.size());
  return {{system.skip, Eigen::Map<Eigen::VectorXcd>(poles.data(), count),
           Eigen::Map<Eigen::VectorXcd>(residues.data(), count)},
          solver.eigenvalues(),
          vectors.norm() * inverse.norm() / static_cast<double>(n)};
}

/// Blocks of one state or two, B and C of equal norm.
inline StateSpaceForm states_of_modes(const ModalForm& form) {
  const Index n = form.order();
  StateSpaceForm made{Eigen::MatrixXd::Zero(n, n), Eigen::VectorXd::Zero(n), Eigen::RowVectorXd::Zero(n), form.skip};
  for (Index k = 0, i = 0; k < form.poles.size(); ++k) {
    const std::complex<double> p = form.poles[k], r = form.residues[k];
    const double weight = p.imag() != 0 ? 2 : 1, size = std::sqrt(weight * std::abs(r));
    made.a(i, i) = p.real();
    made.b[i] = size;
    made.c[i] = size > 0 ? weight * r.real() / size : 0;
    if (p.imag() != 0) {
      made.a(i + 1, i + 1) = p.real();
      made.a(i + 1, i) = p.imag();
      made.a(i, i + 1) = -p.imag();
      made.c[i + 1] = size > 0 ? -weight * r.imag() / size : 0;
    }
    i += p.imag() != 0 ? 2 : 1;
  }
  return made;
}

/// det(z I - H) of an upper Hessenberg matrix: p_i = (z - h_ii) p_(i-1) - sum over m of h_(i-m,i) (the product of the
/// subdiagonal from row i - m + 1 to i) p_(i-m-1).
inline LongPolynomial hessenberg_polynomial(const LongMatrix& h) {
  std::vector<LongPolynomial> leading = {{1}};
  for (Index i = 0; i < h.rows(); ++i) {
    LongPolynomial next = polynomial_product({1, -h(i, i)}, leading.back());
    long double below = 1;
    for (Index k = i - 1; k >= 0 && below != 0; --k) {
      below *= h(k + 1, k);
      next =
          polynomial_sum(std::move(next), polynomial_product({-h(k, i) * below}, leading[static_cast<std::size_t>(k)]));
    }
    leading.push_back(std::move(next));
  }
  return leading.back();
}

LongPolynomial characteristic_polynomial(std::same_as<StateSpaceForm> auto system) {
  if (system.order() == 0) return {1};
  balance_states(system, false);
  const LongMatrix a = system.a.template cast<long double>();
  if (a.rows() == 1) return {1, -a(0, 0)};
  return hessenberg_polynomial(Eigen::HessenbergDecomposition<LongMatrix>(a).matrixH());
}

/// b_i = sum over j < i of a_j h[i - j].
inline DirectForm quotient_of_taps(const LongPolynomial& a, const TapVector<long double>& taps) {
  const Index n = static_cast<Index>(a.size()) - 1;
  DirectForm form{static_cast<double>(taps[0]), Eigen::VectorXd(n), Eigen::VectorXd(n)};
  for (Index i = 1; i <= n; ++i) {
    long double b = 0;
    for (Index j = 0; j < i; ++j) b += a[static_cast<std::size_t>(j)] * taps[i - j];
    form.numerator[i - 1] = static_cast<double>(b);
    form.denominator[i - 1] = static_cast<double>(a[static_cast<std::size_t>(i)]);
  }
  return form;
}

}  // namespace detail

/// Throws NumericalError on a matrix without a basis of eigenvectors, and on one whose eigenvectors are so close to
/// dependent that the modes cancel one another.
Certified<ModalForm> to_modal(const std::same_as<StateSpaceForm> auto& form, const ConversionOptions& options = {}) {
  const char* who = "to_modal";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  detail::ModesOfStates made = detail::modes_of_states(who, form);
  const Index length = detail::comparison_length(detail::largest_modulus(made.poles), form.order(), options);
  return detail::certify(who, form, std::move(made.form), {length, made.condition, options.tolerance}, [&] {
    const std::string condition = is_finite(made.condition) ? fmt::format("{:.2g}", made.condition) : "infinite";
    return fmt::format("the condition of the eigenvectors is {}; {}", condition, detail::modal_reason(made.poles));
  });
}

/// Condition: ||a||_1 / min |A| over the unit circle.
Certified<DirectForm> to_direct_form(const std::same_as<StateSpaceForm> auto& form,
                                     const ConversionOptions& options = {}) {
  const char* who = "to_direct_form";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  const Index n = form.order();
  const Eigen::VectorXcd poles = detail::matrix_eigenvalues(who, form.a);
  DirectForm made =
      detail::quotient_of_taps(detail::characteristic_polynomial(form), impulse_response<long double>(form, n + 1));
  const Index length = detail::comparison_length(detail::largest_modulus(poles), n, options);
  const double condition = detail::direct_form_condition(poles, 1 + made.denominator.lpNorm<1>());
  return detail::certify(who, form, std::move(made), {length, condition, options.tolerance},
                         [&] { return detail::describe_crowd(poles); });
}

/// Pairs of conjugates as blocks of two states; condition 1.
Certified<StateSpaceForm> to_state_space(const std::same_as<ModalForm> auto& form,
                                         const ConversionOptions& options = {}) {
  const char* who = "to_state_space";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  const Index length = detail::comparison_length(detail::largest_modulus(form.poles), form.order(), options);
  return detail::certify(who, form, detail::states_of_modes(form), {length, 1, options.tolerance},
                         [] { return std::string("taps beyond the range of double"); });
}

/// In the coordinates x' = T^-1 x. Condition: |T|_F |T^-1|_F / n. Throws NumericalError where T is singular.
Certified<StateSpaceForm> transform_states(const std::same_as<StateSpaceForm> auto& form, const Eigen::MatrixXd& t,
                                           const ConversionOptions& options = {}) {
  const char* who = "transform_states";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  const Index n = form.order();
  require(t.rows() == n && t.cols() == n, "{}: expected a transform {} x {}, found {} x {}", who, n, n, t.rows(),
          t.cols());
  detail::check_values(who, "transform", t.data(), t.size());
  if (n == 0) return {form, {}};
  const Eigen::MatrixXd inverse = t.partialPivLu().inverse();
  StateSpaceForm made{inverse * form.a * t, inverse * form.b, form.c * t, form.skip};
  const double condition = t.norm() * inverse.norm() / static_cast<double>(n);
  const Eigen::VectorXcd poles = detail::matrix_eigenvalues(who, form.a);
  const Index length = detail::comparison_length(detail::largest_modulus(poles), n, options);
  return detail::certify(who, form, std::move(made), {length, condition, options.tolerance}, [&] {
    return fmt::format("the condition of the transform is {}",
                       is_finite(condition) ? fmt::format("{:.2g}", condition) : "infinite");
  });
}

/// The same system with rows and columns of [A B; C 0] about equally large: a diagonal similarity by powers of two,
/// which rounds nothing. Condition: the largest factor over the smallest.
Certified<StateSpaceForm> balanced(const std::same_as<StateSpaceForm> auto& form,
                                   const ConversionOptions& options = {}) {
  const char* who = "balanced";
  detail::check_conversion(who, options);
  detail::check_form(who, form);
  StateSpaceForm made = form;
  const Eigen::VectorXd scale = detail::balance_states(made, true);
  const Eigen::VectorXcd poles = detail::matrix_eigenvalues(who, form.a);
  const Index length = detail::comparison_length(detail::largest_modulus(poles), form.order(), options);
  const double condition = form.order() == 0 ? 1 : scale.maxCoeff() / scale.minCoeff();
  return detail::certify(who, form, std::move(made), {length, condition, options.tolerance},
                         [] { return std::string("scaling left the range of double"); });
}

}  // namespace tessera::inline TESSERA_ISA
