// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Systems of a known order and their responses, for tests of what finds such systems.

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <vector>

#include <Eigen/Core>
#include <Eigen/QR>

#include <tessera/ssm/filter_forms.hpp>

#include "reference/state_space.hpp"
#include "support/random_matrix.hpp"

namespace tessera::testing {

/// A real pole if the order is odd, the others in pairs; angles apart from one another, magnitudes in [least, most).
inline ModalForm random_system(Index order, double least, double most, std::uint64_t seed) {
  SplitMix random(seed);
  const Index pairs = order / 2, count = pairs + order % 2;
  ModalForm form{random.normal(), Eigen::VectorXcd(count), Eigen::VectorXcd(count)};
  for (Index i = 0; i < count; ++i) {
    const bool real = i == pairs;
    const double place = (static_cast<double>(i) + random.uniform(0.2, 0.8)) / static_cast<double>(pairs);
    const double magnitude = random.uniform(least, most);
    form.poles[i] = real ? std::complex<double>(magnitude) : std::polar(magnitude, std::numbers::pi * place);
    form.residues[i] = {random.normal() + (random.uniform() < 0.5 ? -1 : 1), real ? 0 : random.normal()};
  }
  return form;
}

/// The first taps in long double, rounded.
inline Eigen::VectorXd response_of(const ModalForm& form, Index length) {
  Eigen::VectorXcd weights = form.residues;
  for (Index i = 0; i < weights.size(); ++i) {
    if (form.poles[i].imag() == 0) weights[i] *= 0.5;  // naive_modes counts conjugates of real poles, too
  }
  const std::vector<long double> modes = naive_modes(form.poles, weights, length - 1);
  Eigen::VectorXd response(length);
  response[0] = form.skip;
  for (Index t = 1; t < length; ++t) response[t] = static_cast<double>(modes[static_cast<std::size_t>(t - 1)]);
  return response;
}

/// White noise whose energy is `level`^2 of the response's is added.
inline Eigen::VectorXd noisy(Eigen::VectorXd response, double level, std::uint64_t seed) {
  SplitMix random(seed);
  Eigen::VectorXd noise(response.size());
  for (double& sample : noise) sample = random.normal();
  return response + noise * (level * response.norm() / noise.norm());
}

/// The largest distance from a pole of `expected` to the nearest one of `found`.
inline double pole_distance(const Eigen::VectorXcd& found, const Eigen::VectorXcd& expected) {
  double worst = 0;
  for (const std::complex<double>& pole : expected) {
    double nearest = std::numeric_limits<double>::max();
    for (const std::complex<double>& other : found) nearest = std::min(nearest, std::abs(pole - other));
    worst = std::max(worst, nearest);
  }
  return worst;
}

/// The condition of the poles: how far the least squares of all modes move one, at most and to first order, for a
/// change of the response of norm |h|. From the columns of the modes and their derivatives by the poles.
inline double pole_condition(const ModalForm& form, Index length) {
  const Index n = form.order();
  Eigen::MatrixXd columns(length - 1, 2 * n);
  for (Index i = 0, at = 0; i < form.poles.size(); ++i) {
    const std::complex<double> pole = form.poles[i];
    const bool pair = pole.imag() != 0;
    std::complex<double> power = 1, slope = 0;
    for (Index t = 0; t < length - 1; ++t) {
      const std::complex<double> by_pole = form.residues[i] * slope;
      columns(t, at) = power.real();
      columns(t, n + at) = by_pole.real();
      if (pair) columns(t, at + 1) = -power.imag();
      if (pair) columns(t, n + at + 1) = -by_pole.imag();
      slope = slope * pole + power;
      power *= pole;
    }
    if (pair) columns.middleCols(at, 2) *= 2;
    if (pair) columns.middleCols(n + at, 2) *= 2;
    at += pair ? 2 : 1;
  }
  const Eigen::VectorXd norms = columns.colwise().norm().transpose();
  const Eigen::HouseholderQR<Eigen::MatrixXd> decomposition(columns * norms.cwiseInverse().asDiagonal());
  const Eigen::MatrixXd inverse = decomposition.solve(Eigen::MatrixXd::Identity(length - 1, length - 1));
  const Eigen::VectorXd moves = inverse.bottomRows(n).rowwise().norm().cwiseQuotient(norms.tail(n));
  return moves.maxCoeff() * response_of(form, length).norm();
}

/// How far rounding may move the poles of a method that does not lose much: the methods here are not least squares of
/// the modes, and lose some tens of roundings more.
inline double pole_rounding(const ModalForm& form, Index length) {
  return 1e-13 + 200 * std::numeric_limits<double>::epsilon() * pole_condition(form, length);
}

}  // namespace tessera::testing
