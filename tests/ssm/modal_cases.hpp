// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Diagonal systems for tests: random ones, their taps and outputs in long double, and the ways in which models are run
// and compared.

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <vector>

#include <Eigen/Core>

#include <tessera/ssm/modal_system.hpp>
#include <tessera/ssm/timing.hpp>

#include "reference/state_space.hpp"
#include "support/random_matrix.hpp"

namespace tessera::testing {

using Complex = std::complex<double>;

/// Poles of magnitudes in [low, high) and angles in (-3, 3), normal weights and skip.
inline ModalParameters random_modes(Index channels, Index modes, std::uint64_t seed, double low = 0.9,
                                    double high = 0.9999) {
  SplitMix random(seed);
  ModalParameters parameters{RowMatrix<Complex>(channels, modes), RowMatrix<Complex>(channels, modes),
                             Eigen::VectorXd(channels)};
  for (Index c = 0; c < channels; ++c) {
    for (Index n = 0; n < modes; ++n) {
      parameters.poles(c, n) = std::polar(random.uniform(low, high), random.uniform(-3, 3));
      parameters.weights(c, n) = Complex(random.normal(), random.normal());
    }
    parameters.skip[c] = random.normal();
  }
  return parameters;
}

/// The taps of channel c, straight from the definition.
inline std::vector<long double> naive_taps(const ModalParameters& parameters, Index c, Index length, Timing timing) {
  const Index lag = timing == Timing::delayed ? 1 : 0;
  std::vector<long double> taps(static_cast<std::size_t>(length), 0);
  const std::vector<long double> modes =
      naive_modes(parameters.poles.row(c), parameters.weights.row(c), std::max<Index>(length - lag, 0));
  for (std::size_t t = 0; t < modes.size(); ++t) taps[t + static_cast<std::size_t>(lag)] = modes[t];
  if (length > 0) taps[0] += static_cast<long double>(parameters.skip[c]);
  return taps;
}

/// The outputs of channel c to these samples, by the recurrence, from the state x, which moves on.
inline std::vector<long double> naive_outputs(const ModalParameters& parameters, Index c, Timing timing,
                                              std::vector<LongComplex>& x, const std::vector<long double>& input) {
  std::vector<long double> output;
  for (const long double u : input) {
    long double sum = static_cast<long double>(parameters.skip[c]) * u;
    for (Index n = 0; n < parameters.poles.cols(); ++n) {
      const LongComplex pole(parameters.poles(c, n)), weight(parameters.weights(c, n));
      LongComplex& state = x[static_cast<std::size_t>(n)];
      if (timing == Timing::delayed) sum += 2 * (weight * state).real();
      state = pole * state + u;
      if (timing == Timing::current) sum += 2 * (weight * state).real();
    }
    output.push_back(sum);
  }
  return output;
}

/// The largest difference from what is expected, relative to the largest number expected.
template <class Row>
double error_of_row(const Row& found, const std::vector<long double>& expected) {
  long double worst = 0, peak = 1e-300L;
  for (Index t = 0; t < found.size(); ++t) {
    const long double value = expected[static_cast<std::size_t>(t)];
    worst = std::max(worst, std::abs(static_cast<long double>(found[t]) - value));
    peak = std::max(peak, std::abs(value));
  }
  return static_cast<double>(worst / peak);
}

template <class Matrix>
bool same_bytes(const Matrix& a, const Matrix& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() &&
         (a.size() == 0 ||
          std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(*a.data())) == 0);
}

/// The first taps of every output, by single steps from rest, an impulse at every input.
template <class Model>
RowMatrix<typename Model::Scalar> stepped_kernel(const Model& model, Index length) {
  using Scalar = typename Model::Scalar;
  RowMatrix<Scalar> taps(model.outputs(), length);
  typename Model::State state = model.initial_state();
  Eigen::Matrix<Scalar, Eigen::Dynamic, 1> input(model.inputs()), output(model.outputs());
  for (Index t = 0; t < length; ++t) {
    input.setConstant(t == 0 ? Scalar(1) : Scalar(0));
    model.step(state, input.data(), output.data());
    taps.col(t) = output;
  }
  return taps;
}

/// The outputs to an input that comes in chunks of these lengths, over and over; the state moves on.
template <class Model>
RowMatrix<typename Model::Scalar> chunked(const Model& model, typename Model::State& state,
                                          const RowMatrix<typename Model::Scalar>& input,
                                          const std::vector<Index>& pieces) {
  RowMatrix<typename Model::Scalar> output(model.outputs(), input.cols());
  Index done = 0;
  for (std::size_t i = 0; done < input.cols(); ++i) {
    const Index piece = std::min(pieces[i % pieces.size()], input.cols() - done);
    model.chunk(state, signals(input.middleCols(done, piece)), signals(output.middleCols(done, piece)));
    done += piece;
  }
  return output;
}

/// One at the first sample of every channel.
template <class Scalar>
RowMatrix<Scalar> unit_impulse(Index channels, Index length) {
  RowMatrix<Scalar> impulse = RowMatrix<Scalar>::Zero(channels, length);
  if (length > 0) impulse.col(0).setOnes();
  return impulse;
}

/// The largest difference of two matrices relative to the largest entry of the second.
template <class A, class B>
double relative_difference(const A& a, const B& b) {
  return static_cast<double>((a - b).cwiseAbs().maxCoeff() / b.cwiseAbs().maxCoeff());
}

}  // namespace tessera::testing
