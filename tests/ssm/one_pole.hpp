// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The smallest sequence models, for tests of what judges models: one real pole in every channel, x <- p x + u, y = x,
// and ways to break it.

#include <cmath>
#include <limits>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/ssm/model.hpp>

namespace tessera::testing {

enum class Defect {
  none,
  wrapped_kernel,   // the kernel is the response folded at its length
  wrapped_lag,      // the same of lag 0 alone
  sloppy_kernel,    // powers by repeated products, but of a pole rounded to 12 bits where the scalar is float
  scaled_kernel,    // by 1.01
  chunk_forgets,    // a chunk of more than 8 samples starts from nothing
  prefill_forgets,  // prefill leaves the state as it was
  infinite_kernel
};

template <class Real>
class OnePole {
 public:
  using Scalar = Real;
  using State = RowMatrix<Scalar>;
  static constexpr bool coupled = false;

  OnePole(Index channels, double pole, Defect defect = Defect::none)
      : channels_(channels), pole_(pole), defect_(defect) {}

  Index inputs() const { return channels_; }
  Index outputs() const { return channels_; }
  Index order() const { return 1; }
  double spectral_radius() const { return std::abs(pole_); }
  double predicted_error(Index) const { return 2 * std::numeric_limits<Scalar>::epsilon() / (1 - std::abs(pole_)); }

  RowMatrix<Scalar> kernel(Index length) const {
    RowMatrix<Scalar> taps(channels_, length);
    const double p = defect_ == Defect::sloppy_kernel && sizeof(Scalar) == 4 ? std::round(pole_ * 4096) / 4096 : pole_;
    const double whole = std::pow(pole_, static_cast<double>(length));
    for (Index t = 0; t < length; ++t) {
      double tap = std::pow(p, static_cast<double>(t));
      if (defect_ == Defect::wrapped_kernel) tap /= 1 - whole;
      if (defect_ == Defect::wrapped_lag && t == 0) tap += whole;
      if (defect_ == Defect::scaled_kernel) tap *= 1.01;
      if (defect_ == Defect::infinite_kernel && t == 3) tap = std::numeric_limits<double>::infinity();
      taps.col(t).setConstant(static_cast<Scalar>(tap));
    }
    return taps;
  }

  State initial_state() const { return State::Zero(channels_, 1); }

  void step(State& state, const Scalar* input, Scalar* output) const {
    for (Index c = 0; c < channels_; ++c) {
      state(c, 0) = static_cast<Scalar>(pole_) * state(c, 0) + input[c];
      output[c] = state(c, 0);
    }
  }

  void prefill(State& state, Signals<const Scalar> input) const {
    if (defect_ == Defect::prefill_forgets) return;
    for (Index c = 0; c < channels_; ++c) {
      for (Index t = 0; t < input.length(); ++t)
        state(c, 0) = static_cast<Scalar>(pole_) * state(c, 0) + input(0, c)[t];
    }
  }

  void chunk(State& state, Signals<const Scalar> input, Signals<Scalar> output) const {
    if (defect_ == Defect::chunk_forgets && input.length() > 8) state.setZero();
    for (Index c = 0; c < channels_; ++c) {
      for (Index t = 0; t < input.length(); ++t) {
        state(c, 0) = static_cast<Scalar>(pole_) * state(c, 0) + input(0, c)[t];
        output(0, c)[t] = state(c, 0);
      }
    }
  }

  template <class Other>
  OnePole<Other> cast() const {
    return {channels_, pole_, defect_};
  }

 private:
  Index channels_;
  double pole_;
  Defect defect_;
};

/// Two inputs, three outputs, y = M x with one pole of each input.
class CoupledPoles {
 public:
  using Scalar = double;
  using State = RowMatrix<double>;
  static constexpr bool coupled = true;

  explicit CoupledPoles(bool transposed = false) : transposed_(transposed) { mix_ << 1, 2, -3, 4, 0, 5; }

  Index inputs() const { return 2; }
  Index outputs() const { return 3; }
  Index order() const { return 2; }
  double predicted_error(Index) const { return 1e-15; }

  RowMatrix<double> kernel(Index length) const {
    RowMatrix<double> taps(6, length);
    for (Index o = 0; o < 3; ++o) {
      for (Index i = 0; i < 2; ++i) {
        double power = mix_(o, i);
        for (Index t = 0; t < length; ++t, power *= poles_[i]) taps(transposed_ ? i * 3 + o : o * 2 + i, t) = power;
      }
    }
    return taps;
  }

  State initial_state() const { return State::Zero(2, 1); }
  void step(State& state, const double* input, double* output) const {
    for (Index i = 0; i < 2; ++i) state(i, 0) = poles_[i] * state(i, 0) + input[i];
    for (Index o = 0; o < 3; ++o) output[o] = mix_(o, 0) * state(0, 0) + mix_(o, 1) * state(1, 0);
  }
  void prefill(State& state, Signals<const double> input) const {
    double output[3];
    for (Index t = 0; t < input.length(); ++t) {
      const double sample[2] = {input(0, 0)[t], input(0, 1)[t]};
      step(state, sample, output);
    }
  }
  void chunk(State& state, Signals<const double> input, Signals<double> output) const {
    for (Index t = 0; t < input.length(); ++t) {
      const double sample[2] = {input(0, 0)[t], input(0, 1)[t]};
      double result[3];
      step(state, sample, result);
      for (Index o = 0; o < 3; ++o) output(0, o)[t] = result[o];
    }
  }

 private:
  bool transposed_;
  double poles_[2] = {0.5, -0.25};
  Eigen::Matrix<double, 3, 2> mix_;
};

}  // namespace tessera::testing
