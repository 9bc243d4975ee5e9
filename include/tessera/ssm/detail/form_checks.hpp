// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What forms must fulfil before they are converted, and their polynomials.

#include <algorithm>
#include <complex>
#include <concepts>

#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/detail/conjugates.hpp>
#include <tessera/ssm/detail/long_polynomial.hpp>
#include <tessera/ssm/filter_forms.hpp>
#include <tessera/ssm/polynomial_roots.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

inline void check_values(const char* who, const char* what, const double* values, Index size) {
  for (Index i = 0; i < size; ++i)
    require(is_finite(values[i]), "{}: expected finite {}, found {} at {}", who, what,
            is_finite(values[i]) ? "" : non_finite_name(values[i]), i);
}
inline void check_values(const char* who, const char* what, const Eigen::VectorXcd& values) {
  for (Index i = 0; i < values.size(); ++i) {
    const double parts[2] = {values[i].real(), values[i].imag()};
    require(all_finite(parts, 2), "{}: expected finite {}, found one that is not at {}", who, what, i);
  }
}

inline void check_form(const char* who, const DirectForm& form) {
  check_values(who, "skip", &form.skip, 1);
  check_values(who, "numerators", form.numerator.data(), form.numerator.size());
  check_values(who, "denominators", form.denominator.data(), form.denominator.size());
}

inline void check_form(const char* who, const ModalForm& form) {
  require(form.poles.size() == form.residues.size(), "{}: expected a residue for each of {} poles, found {}", who,
          form.poles.size(), form.residues.size());
  check_values(who, "skip", &form.skip, 1);
  check_values(who, "poles", form.poles);
  check_values(who, "residues", form.residues);
  for (Index i = 0; i < form.poles.size(); ++i)
    require(form.poles[i].imag() != 0 || form.residues[i].imag() == 0,
            "{}: expected a real residue of the real pole {}, found {}", who, i, describe_value(form.residues[i]));
}

inline void check_form(const char* who, const ParallelForm& form) {
  check_values(who, "skip", &form.skip, 1);
  for (const ParallelSection& s : form.sections) {
    const double values[4] = {s.b0, s.b1, s.a1, s.a2};
    check_values(who, "sections", values, 4);
  }
}

inline void check_form(const char* who, const CascadeForm& form) {
  for (const CascadeSection& s : form.sections) {
    const double values[5] = {s.b0, s.b1, s.b2, s.a1, s.a2};
    check_values(who, "sections", values, 5);
  }
}

inline void check_form(const char* who, const ZerosPolesGain& form) {
  check_values(who, "gain", &form.gain, 1);
  require(form.zeros.size() <= form.poles.size(), "{}: expected at most as many zeros as the {} poles, found {}", who,
          form.poles.size(), form.zeros.size());
}

inline void check_form(const char* who, const StateSpaceForm& form) {
  const Index n = form.a.rows();
  require(form.a.cols() == n && form.b.size() == n && form.c.size() == n,
          "{}: expected a square A with B and C of its size, found A {} x {}, B {} and C {}", who, n, form.a.cols(),
          form.b.size(), form.c.size());
  check_values(who, "skip", &form.skip, 1);
  check_values(who, "A", form.a.data(), form.a.size());
  check_values(who, "B", form.b.data(), n);
  check_values(who, "C", form.c.data(), n);
}

/// In powers of z, the highest first, of the least order that both polynomials fit. The numerator with skip, or
/// without.
inline LongQuotient quotient_of(const DirectForm& form, bool with_skip) {
  Index n = std::max(form.numerator.size(), form.denominator.size());
  const auto b = [&](Index i) { return i < form.numerator.size() ? form.numerator[i] : 0; };
  const auto a = [&](Index i) { return i < form.denominator.size() ? form.denominator[i] : 0; };
  while (n > 0 && a(n - 1) == 0 && b(n - 1) == 0) --n;
  const std::size_t size = static_cast<std::size_t>(n + 1);
  LongQuotient quotient{LongPolynomial(size), LongPolynomial(size)};
  const long double skip = with_skip ? form.skip : 0;
  quotient.denominator[0] = 1;
  quotient.numerator[0] = skip;
  for (Index i = 0; i < n; ++i) {
    quotient.denominator[static_cast<std::size_t>(i + 1)] = a(i);
    quotient.numerator[static_cast<std::size_t>(i + 1)] = b(i) + skip * a(i);
  }
  return quotient;
}

Eigen::VectorXcd poles_of(const char* who, const std::same_as<DirectForm> auto& form) {
  return find_polynomial_roots(who, quotient_of(form, false).denominator).roots;
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
