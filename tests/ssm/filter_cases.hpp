// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Filters of one channel for the tests of conversions, and the impulse responses they must have, in long double, by
// recurrences of their own.

#include <algorithm>
#include <cmath>
#include <complex>
#include <vector>

#include <Eigen/Core>
#include <Eigen/LU>

#include <tessera/ssm/filter_forms.hpp>

#include "reference/state_space.hpp"
#include "support/random_matrix.hpp"

namespace tessera::testing {

/// Poles inside a circle: pairs, and one real pole or two when asked for.
inline ModalForm random_modes(Index pairs, Index reals, double radius, SplitMix& random) {
  ModalForm form{random.normal(), Eigen::VectorXcd(pairs + reals), Eigen::VectorXcd(pairs + reals)};
  for (Index i = 0; i < pairs + reals; ++i) {
    const double size = radius * std::sqrt(random.uniform(0.05, 1));
    const double angle = random.uniform(0.05, 0.95) * 3.141592653589793;
    form.poles[i] = i < pairs ? std::polar(size, angle) : std::complex<double>(i % 2 == 0 ? size : -size);
    form.residues[i] = {random.normal(), i < pairs ? random.normal() : 0};
  }
  return form;
}

/// h[0] = skip, and from one tap on the sum of modes.
inline std::vector<long double> naive_modal(const ModalForm& form, Index length) {
  Eigen::VectorXcd halved = form.residues;
  for (Index i = 0; i < halved.size(); ++i)
    if (form.poles[i].imag() == 0) halved[i] *= 0.5;
  std::vector<long double> taps = naive_modes(form.poles, halved, length);
  taps.insert(taps.begin(), static_cast<long double>(form.skip));
  taps.resize(static_cast<std::size_t>(length));
  return taps;
}

inline std::vector<long double> naive_states(const StateSpaceForm& form, Index length) {
  std::vector<long double> taps = naive_markov(form.a, form.b, form.c.transpose(), length);
  taps.insert(taps.begin(), static_cast<long double>(form.skip));
  taps.resize(static_cast<std::size_t>(length));
  return taps;
}

/// By expanding all sections of a cascade one after the other.
inline std::vector<long double> naive_cascade(const CascadeForm& form, Index length) {
  std::vector<long double> taps(static_cast<std::size_t>(length), 0);
  if (length > 0) taps[0] = 1;
  for (const CascadeSection& s : form.sections) {
    std::vector<long double> out(taps.size());
    for (std::size_t t = 0; t < taps.size(); ++t) {
      out[t] = s.b0 * taps[t];
      if (t >= 1) out[t] += s.b1 * taps[t - 1] - s.a1 * out[t - 1];
      if (t >= 2) out[t] += s.b2 * taps[t - 2] - s.a2 * out[t - 2];
    }
    taps = out;
  }
  return taps;
}

/// The largest difference relative to the largest tap of the first.
inline double relative(const std::vector<long double>& expected, const std::vector<long double>& found) {
  long double worst = 0, peak = 0;
  for (std::size_t t = 0; t < expected.size(); ++t) {
    worst = std::max(worst, std::abs(expected[t] - found[t]));
    peak = std::max(peak, std::abs(expected[t]));
  }
  return static_cast<double>(worst / (peak > 0 ? peak : 1));
}
inline double relative(const std::vector<long double>& expected, const Eigen::VectorXd& found) {
  return relative(expected, std::vector<long double>(found.data(), found.data() + found.size()));
}

/// HiPPO-LegS (Gu, Dao, Ermon, Rudra and Re 2020) by the bilinear rule, all outputs added up with weights c.
inline StateSpaceForm bilinear_legs(Index order, double dt) {
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(order, order);
  Eigen::VectorXd b(order);
  Eigen::RowVectorXd c(order);
  for (Index n = 0; n < order; ++n) {
    const double row = 2.0 * static_cast<double>(n) + 1;
    b[n] = std::sqrt(row);
    c[n] = (n % 2 == 0 ? 1.0 : -1.0) / static_cast<double>(n + 1);
    for (Index k = 0; k < n; ++k) a(n, k) = -std::sqrt(row * (2.0 * static_cast<double>(k) + 1));
    a(n, n) = -static_cast<double>(n + 1);
  }
  const Eigen::MatrixXd one = Eigen::MatrixXd::Identity(order, order);
  const Eigen::MatrixXd inverse = (one - dt / 2 * a).inverse();
  return {inverse * (one + dt / 2 * a), dt * inverse * b, c, 0.25};
}

/// Butterworth, order 4, cutoff 0.2 of the Nyquist frequency, as printed by the usual tools.
struct Butterworth {
  double gain = 0.0048243433577162317;
  Eigen::VectorXd denominator =
      (Eigen::VectorXd(4) << -2.3695130071820376, 2.31398841441588, -1.0546654058785676, 0.18737949236818494)
          .finished();
  Eigen::VectorXd impulse =
      (Eigen::VectorXd(9) << 0.00482434335771623, 0.0307287177680858, 0.0905946819548829, 0.167944821844737,
       0.224641271344028, 0.2334571878676, 0.193512552162805, 0.123765243571015, 0.0496036031380575)
          .finished();
  DirectForm direct() const {
    const Eigen::VectorXd binomial = (Eigen::VectorXd(4) << 4, 6, 4, 1).finished();
    return {gain, gain * (binomial - denominator), denominator};
  }
  /// By the formula of the filter, not from its coefficients.
  ZerosPolesGain zeros_poles_gain() const {
    const double pi = 3.141592653589793, warped = std::tan(0.1 * pi);
    ZerosPolesGain form{Eigen::VectorXcd::Constant(4, -1), Eigen::VectorXcd(4), 1};
    for (Index i = 0; i < 4; ++i) {
      const std::complex<double> s = warped * std::polar(1.0, pi * (5.0 + 2.0 * static_cast<double>(i)) / 8);
      form.poles[i] = (1.0 + s) / (1.0 - s);
    }
    std::complex<double> at_one = 1;  // H(1) = 1
    for (const std::complex<double>& pole : form.poles) at_one *= (1.0 - pole) / 2.0;
    form.gain = at_one.real();
    return form;
  }
};

}  // namespace tessera::testing
