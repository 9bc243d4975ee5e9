// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The forms that one filter of a single channel, of order n, may take, in double whatever the models' scalar is: what
// conversions and distillation work on. Each names the transfer function that it stands for, and impulse_response()
// gives the first taps of any of them by its own recurrence, so that forms can be compared.
//
//   DirectForm           H(z) = skip + (b_1 z^-1 + ... + b_n z^-n) / (1 + a_1 z^-1 + ... + a_n z^-n)
//   ModalForm            H(z) = skip + sum over poles of r / (z - p), pairs of conjugates stored once
//   ParallelForm         H(z) = skip + sum over sections of z^-1 (b0 + b1 z^-1) / (1 + a1 z^-1 + a2 z^-2)
//   CascadeForm          H(z) = product over sections of (b0 + b1 z^-1 + b2 z^-2) / (1 + a1 z^-1 + a2 z^-2)
//   LatticeForm          1 / A(z) by reflection coefficients, tapped by a ladder (Gray and Markel 1973)
//   ZerosPolesGain       H(z) = gain product of (z - zeros) / product of (z - poles)
//   StateSpaceForm       H(z) = skip + C (z I - A)^-1 B

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {

/// A quotient of polynomials in z^-1. The state of its recurrence is as long as the denominator.
struct DirectForm {
  double skip = 0;
  Eigen::VectorXd numerator;    // b_1 ... b_n
  Eigen::VectorXd denominator;  // a_1 ... a_n; a_0 = 1
  Index order() const { return denominator.size(); }
};

/// h[0] = skip; h[t] = sum over real poles of r p^(t-1), plus sum over the others of 2 Re(r p^(t-1)).
struct ModalForm {
  double skip = 0;
  Eigen::VectorXcd poles;     // a real pole has imaginary part 0; of a pair of conjugates the one above the real axis
  Eigen::VectorXcd residues;  // those of real poles are real
  Index order() const { return poles.size() + (poles.array().imag() != 0).count(); }
};

/// z^-1 (b0 + b1 z^-1) / (1 + a1 z^-1 + a2 z^-2). A single real pole has b1 = a2 = 0.
struct ParallelSection {
  double b0 = 0, b1 = 0, a1 = 0, a2 = 0;
};
struct ParallelForm {
  double skip = 0;
  std::vector<ParallelSection> sections;
};

/// (b0 + b1 z^-1 + b2 z^-2) / (1 + a1 z^-1 + a2 z^-2).
struct CascadeSection {
  double b0 = 1, b1 = 0, b2 = 0, a1 = 0, a2 = 0;
};
struct CascadeForm {
  std::vector<CascadeSection> sections;
};

/// Reflection coefficients k_1 ... k_n of the denominator, A_m(z) = A_(m-1)(z) + k_m z^-m A_(m-1)(1/z), and taps
/// v_0 ... v_n on the backward predictors: H(z) = sum over m of v_m z^-m A_m(1/z) / A_n(z).
struct LatticeForm {
  Eigen::VectorXd reflection;
  Eigen::VectorXd taps;
  Index order() const { return reflection.size(); }
};

/// Zeros and poles in full, conjugates included; at most as many zeros as poles.
struct ZerosPolesGain {
  Eigen::VectorXcd zeros;
  Eigen::VectorXcd poles;
  double gain = 1;
};

/// With delayed timing (ssm/timing.hpp).
struct StateSpaceForm {
  Eigen::MatrixXd a;     // n x n
  Eigen::VectorXd b;     // n
  Eigen::RowVectorXd c;  // n
  double skip = 0;
  Index order() const { return a.rows(); }
};

namespace detail {

template <class Real>
using TapVector = Eigen::Matrix<Real, Eigen::Dynamic, 1>;

/// signal <- signal filtered by (1 - zero z^-1) / (1 - pole z^-1), or by 1 / (1 - pole z^-1).
template <class Real>
void filter_by_pole(std::complex<double> pole, const std::complex<double>* zero, TapVector<Real>& re,
                    TapVector<Real>& im) {
  const Real p = pole.real(), q = pole.imag();
  const Real a = zero == nullptr ? 0 : zero->real(), b = zero == nullptr ? 0 : zero->imag();
  Real x = 0, y = 0, u = 0, v = 0;  // the output and the input before
  for (Index t = 0; t < re.size(); ++t) {
    const Real next_x = re[t] - (a * u - b * v) + (p * x - q * y);
    const Real next_y = im[t] - (a * v + b * u) + (p * y + q * x);
    u = re[t];
    v = im[t];
    re[t] = x = next_x;
    im[t] = y = next_y;
  }
}

/// The index of the value nearest to `place`.
inline std::size_t nearest_value(const std::vector<std::complex<double>>& values, std::complex<double> place) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (std::norm(values[i] - place) < std::norm(values[best] - place)) best = i;
  }
  return best;
}

}  // namespace detail

/// The first `length` taps, by the form's own recurrence, in double or in what else `Real` says.
template <class Real = double>
detail::TapVector<Real> impulse_response(const DirectForm& form, Index length) {
  const Index order = form.order();
  detail::TapVector<Real> taps(length);
  for (Index t = 0; t < length; ++t) {
    Real tap = t == 0 ? form.skip : t <= form.numerator.size() ? form.numerator[t - 1] : 0;
    for (Index j = 1; j <= order && j < t; ++j) tap -= static_cast<Real>(form.denominator[j - 1]) * taps[t - j];
    taps[t] = tap;
  }
  return taps;
}

template <class Real = double>
detail::TapVector<Real> impulse_response(const ModalForm& form, Index length) {
  detail::TapVector<Real> taps = detail::TapVector<Real>::Zero(length);
  if (length > 0) taps[0] = form.skip;
  for (Index i = 0; i < form.poles.size(); ++i) {
    const Real weight = form.poles[i].imag() != 0 ? 2 : 1;
    const Real p = form.poles[i].real(), q = form.poles[i].imag();
    Real re = weight * form.residues[i].real(), im = weight * form.residues[i].imag();
    for (Index t = 1; t < length; ++t) {
      taps[t] += re;
      const Real turned = p * re - q * im;
      im = p * im + q * re;
      re = turned;
    }
  }
  return taps;
}

template <class Real = double>
detail::TapVector<Real> impulse_response(const ParallelForm& form, Index length) {
  detail::TapVector<Real> taps = detail::TapVector<Real>::Zero(length);
  if (length > 0) taps[0] = form.skip;
  for (const ParallelSection& s : form.sections) {
    Real one = 0, two = 0;  // the section's last taps
    for (Index t = 1; t < length; ++t) {
      const Real tap = (t == 1 ? s.b0 : t == 2 ? s.b1 : 0) - s.a1 * one - s.a2 * two;
      taps[t] += tap;
      two = one;
      one = tap;
    }
  }
  return taps;
}

template <class Real = double>
detail::TapVector<Real> impulse_response(const CascadeForm& form, Index length) {
  detail::TapVector<Real> taps = detail::TapVector<Real>::Zero(length);
  if (length > 0) taps[0] = 1;
  for (const CascadeSection& s : form.sections) {
    Real first = 0, second = 0;  // transposed direct form II
    for (Index t = 0; t < length; ++t) {
      const Real input = taps[t], output = s.b0 * input + first;
      first = s.b1 * input - s.a1 * output + second;
      second = s.b2 * input - s.a2 * output;
      taps[t] = output;
    }
  }
  return taps;
}

template <class Real = double>
detail::TapVector<Real> impulse_response(const LatticeForm& form, Index length) {
  const Index order = form.order();
  detail::TapVector<Real> taps(length), backward = detail::TapVector<Real>::Zero(order + 1);  // g_m[t - 1]
  for (Index t = 0; t < length; ++t) {
    Real forward = t == 0 ? 1 : 0, tap = 0;
    for (Index m = order; m >= 1; --m) {
      const Real k = form.reflection[m - 1];
      forward -= k * backward[m - 1];
      backward[m] = k * forward + backward[m - 1];  // g_m[t], of f_(m-1)[t] and g_(m-1)[t - 1]
      tap += form.taps[m] * backward[m];
    }
    backward[0] = forward;
    taps[t] = tap + form.taps[0] * forward;
  }
  return taps;
}

/// Has no recurrence of its own: one complex section for every pole, those closest to the unit circle first, each with
/// the nearest of the zeros that are left.
template <class Real = double>
detail::TapVector<Real> impulse_response(const ZerosPolesGain& form, Index length) {
  detail::TapVector<Real> re = detail::TapVector<Real>::Zero(length), im = re;
  const Index delay = form.poles.size() - form.zeros.size();
  if (delay < length) re[delay] = form.gain;
  std::vector<std::complex<double>> zeros(form.zeros.data(), form.zeros.data() + form.zeros.size());
  std::vector<std::complex<double>> poles(form.poles.data(), form.poles.data() + form.poles.size());
  std::stable_sort(poles.begin(), poles.end(),
                   [](const auto& a, const auto& b) { return std::abs(1 - std::abs(a)) < std::abs(1 - std::abs(b)); });
  for (const std::complex<double>& pole : poles) {
    if (zeros.empty()) {
      detail::filter_by_pole<Real>(pole, nullptr, re, im);
    } else {
      const auto zero = zeros.begin() + static_cast<std::ptrdiff_t>(detail::nearest_value(zeros, pole));
      detail::filter_by_pole<Real>(pole, &*zero, re, im);
      zeros.erase(zero);
    }
  }
  return re;
}

template <class Real = double>
detail::TapVector<Real> impulse_response(const StateSpaceForm& form, Index length) {
  const Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic> a = form.a.template cast<Real>();
  const detail::TapVector<Real> c = form.c.transpose().template cast<Real>();
  detail::TapVector<Real> taps(length), state = form.b.template cast<Real>();
  for (Index t = 0; t < length; ++t) {
    taps[t] = t == 0 ? static_cast<Real>(form.skip) : c.dot(state);
    if (t > 0) state = (a * state).eval();
  }
  return taps;
}

}  // namespace tessera::inline TESSERA_ISA
