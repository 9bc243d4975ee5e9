// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Every sequence model under verify(), at length 16384 and order 64, with poles as models start training: kernel, step,
// chunk and prefill agree within 4 times what the model predicts, and within 1e-10 in double and 1e-4 in float. The
// models are spread over several files, because each takes long to compile.

#include <cmath>
#include <complex>

#include <tessera/ssm/initialization.hpp>
#include <tessera/ssm/modal_system.hpp>
#include <tessera/ssm/verify.hpp>

#include "support/catch.hpp"
#include "support/effort.hpp"

namespace tessera::testing {

inline constexpr Index agreement_length = effort(16384, 2048);

template <class Scalar>
inline constexpr double agreement_bound = sizeof(Scalar) == 4 ? 1e-4 : 1e-10;

template <class Model>
Agreement checked(const Model& model, double limit) {
  Agreement agreement = verify(model, {.length = agreement_length, .splits = 2});
  INFO(agreement.description);
  CAPTURE(agreement.kernel * 1e9, agreement.chunk * 1e9, agreement.prefill * 1e9, agreement.predicted_error * 1e9);
  CHECK(agreement.agrees());
  CHECK(agreement.worst() <= limit);
  CHECK((agreement.cause == Disagreement::rounding || agreement.cause == Disagreement::none));
  CHECK(agreement.predicted_error > 0);
  CHECK(agreement.predicted_error < 0.1);  // a bound that says something
  return agreement;
}

template <class Scalar, class Values>
auto cast_values(const Values& values) {
  return values.template cast<Scalar>().eval();
}

/// S4D-Lin and S4D-Inv of order 64, one channel for every step, sampled by zero-order hold or the bilinear rule.
inline ModalParameters agreement_modes(DiagonalPoles kind, bool bilinear) {
  const double steps[] = {1e-3, 1e-2, 1e-1};
  const DiagonalInitialization start = initialize_diagonal({.poles = kind, .order = 64, .channels = 3});
  ModalParameters parameters{start.lambda, start.output, Eigen::VectorXd::Constant(3, 0.5)};
  for (Index c = 0; c < 3; ++c) {
    for (Index n = 0; n < 32; ++n) {
      const std::complex<double> d = steps[c] * start.lambda(c, n), half = d / 2.0;
      parameters.poles(c, n) = bilinear ? (1.0 + half) / (1.0 - half) : std::exp(d);
      parameters.weights(c, n) *= steps[c];
    }
  }
  return parameters;
}

/// One channel of these as a filter: the delayed form of K[t] = 2 Re sum of w p^t has residues w p, and tap 0 as skip.
inline ModalForm agreement_filter(const ModalParameters& parameters, Index channel) {
  ModalForm form;
  form.poles = parameters.poles.row(channel).transpose();
  form.residues =
      (parameters.weights.row(channel).array() * parameters.poles.row(channel).array()).matrix().transpose();
  form.skip = parameters.skip[channel] + 2 * parameters.weights.row(channel).sum().real();
  for (Index n = 0; n < form.poles.size(); ++n) {
    if (form.poles[n].imag() != 0) continue;
    form.residues[n] = 2 * form.residues[n].real();  // a real pole had half its weight
  }
  return form;
}

}  // namespace tessera::testing
