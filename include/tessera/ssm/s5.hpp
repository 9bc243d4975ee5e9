// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// S5: one diagonal state space model with many inputs and outputs, whose modes have steps exp(log_step) of their own,
//
//   x[t] = lambdabar x[t-1] + Bbar u[t],   y[t] = 2 Re(C x[t]) + D u[t],
//
// with (lambdabar, Bbar) the poles and weights of ssm/diagonal_discretization.hpp (J. Smith, A. Warrington and S.
// Linderman, Simplified State Space Layers for Sequence Modeling, 2023, equations 2, 3 and 6). Every mode stands for
// itself and its conjugate. D has one entry for each output, which hears the input of its number.
//
// Samples are scanned one after the other, modes across lanes, in chunks that may run in parallel (detail/s5_scan.hpp):
// 2 modes (inputs + outputs) + 4 modes multiply-adds a sample, the products with B and C near the peak rate. States are
// double whatever the scalar, as in ModalSystem.

#include <algorithm>
#include <cmath>
#include <complex>
#include <utility>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/ssm/detail/diagonal_sampling.hpp>
#include <tessera/ssm/detail/modal_checks.hpp>
#include <tessera/ssm/detail/modal_reports.hpp>
#include <tessera/ssm/detail/s5_backward.hpp>
#include <tessera/ssm/detail/s5_scan.hpp>
#include <tessera/ssm/detail/vandermonde.hpp>
#include <tessera/ssm/diagonal_discretization.hpp>
#include <tessera/ssm/timing.hpp>

namespace tessera {

struct S5Options {
  Discretization discretization = Discretization::zero_order_hold;  // any but first_order_hold
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// What defines S5, or the gradient of a loss with respect to it; complex gradients are dL/dRe + i dL/dIm.
template <class Scalar>
struct S5Parameters {
  Eigen::Matrix<Scalar, Eigen::Dynamic, 1> log_step;              // modes: logarithms of the steps
  Eigen::Matrix<std::complex<Scalar>, Eigen::Dynamic, 1> lambda;  // modes, 1 / time
  RowMatrix<std::complex<Scalar>> input;                          // B, (modes, inputs)
  RowMatrix<std::complex<Scalar>> output;                         // C, (outputs, modes)
  Eigen::Matrix<Scalar, Eigen::Dynamic, 1>
      skip;  // D, outputs; empty for zeros, and where there are more or less inputs
};

/// What S5::backward returns.
template <class Scalar>
struct S5Gradient {
  S5Parameters<Scalar> parameters;
  RowMatrix<Scalar> input;                // (inputs, length)
  RowMatrix<std::complex<double>> state;  // of the initial state, (1, modes)
};

/// A sequence model (ssm/model.hpp) all of whose outputs hear every input. Immutable: a new one is made of new
/// parameters.
template <class ScalarType>
class S5 {
 public:
  using Scalar = ScalarType;
  using Complex = std::complex<Scalar>;
  using Parameters = S5Parameters<Scalar>;
  using Gradient = S5Gradient<Scalar>;
  using State = RowMatrix<std::complex<double>>;  // (1, modes): x after the last sample
  static constexpr Timing timing = Timing::current;
  static constexpr bool coupled = true;

  /// Samples the system. Throws std::invalid_argument on shapes that do not fit, on what is not finite, on a step that
  /// is 0 or infinite, and on first_order_hold, and NumericalError where a sampled mode is not finite.
  explicit S5(Parameters parameters, const S5Options& options = {})
      : options_(options), parameters_(checked(std::move(parameters), options)) {
    sample();
  }

  Index modes() const { return parameters_.lambda.size(); }
  Index inputs() const { return parameters_.input.cols(); }
  Index outputs() const { return parameters_.output.rows(); }
  /// Real numbers in the state: two for every mode.
  Index order() const { return 2 * modes(); }
  const Parameters& parameters() const { return parameters_; }
  const S5Options& options() const { return options_; }
  /// lambdabar.
  const Eigen::VectorXcd& poles() const { return weights_.poles; }

  /// The first taps, (outputs * inputs, length), row o * inputs + i. Throws std::invalid_argument on a negative length,
  /// and NumericalError where an unstable system may overflow.
  RowMatrix<Scalar> kernel(Index length) const {
    require(length >= 0, "S5: expected a length of at least 0, found {}", length);
    RowMatrix<Scalar> taps(outputs() * inputs(), length);
    if (length == 0) return taps;
    detail::Vandermonde<Scalar> table(modes(), length);
    for (Index row = 0; row < taps.rows(); ++row) {
      const Eigen::VectorXcd weights = row_weights(row);
      const Index beyond = detail::overflowing_mode<Scalar>(modes(), poles().data(), weights.data(), length);
      if (beyond >= 0) {
        raise<NumericalError>("S5: expected {} taps within range, found a pole of modulus {}", length,
                              std::abs(poles()[beyond]));
      }
      table.taps(poles().data(), weights.data(), taps.data() + row * length);
      const Index o = row / inputs();
      if (row % inputs() == o) taps(row, 0) += parameters_.skip[o];
    }
    return taps;
  }

  // ---- running ----

  State initial_state() const { return State::Zero(1, modes()); }

  /// One sample: `input` has as many scalars as inputs, `output` as outputs; they must not overlap. Allocates nothing.
  /// Throws std::invalid_argument on a state of another shape or a sample that is not finite, before the state has
  /// changed.
  void step(State& state, const Scalar* input, Scalar* output) const {
    check_state(state);
    require(all_finite(input, inputs()), "S5: expected finite samples");
    for (Index n = 0; n < modes(); ++n) state.data()[n] = detail::complex_product(poles()[n], state.data()[n]);
    Eigen::Map<Eigen::RowVectorXd> x(reinterpret_cast<double*>(state.data()), 2 * modes());
    for (Index i = 0; i < inputs(); ++i) x += static_cast<double>(input[i]) * weights_.b.row(i);
    for (Index o = 0; o < outputs(); ++o) {
      const double through = o < inputs() ? weights_.skip[o] * static_cast<double>(input[o]) : 0;
      output[o] = static_cast<Scalar>(weights_.c.row(o).dot(x) + through);
    }
  }

  /// Many samples, (1, inputs, samples), of which only the state is wanted. Throws as chunk() does.
  void prefill(State& state, Signals<const Scalar> input, Execution execution = {}) const {
    check_state(state);
    detail::check_signals("S5", input, inputs());
    scan_.run(state.data(), input, nullptr, execution);
  }

  /// Many samples: `output` is (1, outputs, samples) and must not overlap with `input`. The same bits for any number of
  /// threads; pieces of one sequence give what the whole gives, up to rounding. Throws std::invalid_argument on other
  /// shapes and on samples that are not finite, before anything changes.
  void chunk(State& state, Signals<const Scalar> input, Signals<Scalar> output, Execution execution = {}) const {
    check_state(state);
    detail::check_signals("S5", input, inputs());
    require(output.batch() == 1 && output.channels() == outputs() && output.length() == input.length(),
            "S5: expected an output of batch 1, {} channels and {} samples, found {}, {} and {}", outputs(),
            input.length(), output.batch(), output.channels(), output.length());
    scan_.run(state.data(), input, &output, execution);
  }

  /// The gradient of a loss from that of the outputs, (1, outputs, samples), and of the last state (empty: zeros), for
  /// samples that began with `state`. Holds 2 order sqrt(L) doubles for a length L, and sqrt(L) samples of inputs and
  /// outputs, beside results (work_size() of them); computed in double. Throws std::invalid_argument on other shapes
  /// and on what is not finite.
  Gradient backward(const State& state, Signals<const Scalar> input, Signals<const Scalar> gradient,
                    const State& state_gradient = {}) const {
    check_state(state);
    if (state_gradient.size() != 0) check_state(state_gradient);
    detail::check_signals("S5", input, inputs());
    detail::check_signals("S5", gradient, outputs());
    require(gradient.length() == input.length(), "S5: expected the gradient of {} samples, found {}", input.length(),
            gradient.length());
    Gradient result;
    result.input.setZero(inputs(), input.length());
    result.state = state_gradient.size() != 0 ? state_gradient : initial_state();
    detail::S5Backward<Scalar> sums(weights_, input.length());
    sums.run(state.data(), input, gradient, result.state.data(), result.input);
    result.parameters = continuous(sums);
    return result;
  }

  /// Doubles that backward() holds for a length, beside its results.
  Index work_size(Index length) const {
    require(length >= 0, "S5: expected a length of at least 0, found {}", length);
    return detail::S5Backward<Scalar>::work_size(weights_, length);
  }

  /// How far kernel, step and chunk may differ by rounding, relative to the largest tap below `length` of the same row
  /// of the kernel: at most 1, which stands for a row that has no correct digit or overflows. Costs a kernel.
  double predicted_error(Index length) const {
    require(length >= 0, "S5: expected a length of at least 0, found {}", length);
    double worst = 0;
    if (length == 0) return worst;
    detail::Vandermonde<Scalar> table(modes(), length);
    RowMatrix<Scalar> taps(1, length);
    for (Index row = 0; row < outputs() * inputs(); ++row) {
      const Eigen::VectorXcd weights = row_weights(row);
      if (detail::overflowing_mode<Scalar>(modes(), poles().data(), weights.data(), length) >= 0) return 1;
      table.taps(poles().data(), weights.data(), taps.data());
      if (row % inputs() == row / inputs()) taps(0, 0) += parameters_.skip[row / inputs()];
      worst = std::max(worst, detail::modal_rounding<Scalar>(modes(), poles().data(), weights.data(), length,
                                                             static_cast<double>(taps.cwiseAbs().maxCoeff())));
    }
    return worst;
  }

  /// The largest modulus of a pole.
  double spectral_radius() const { return modes() == 0 ? 0 : poles().cwiseAbs().maxCoeff(); }

  /// The same system in continuous time, sampled at steps `ratio` > 0 times as long. Throws std::invalid_argument on
  /// another ratio.
  S5 resampled(double ratio) const {
    detail::require_positive("S5", "ratio", ratio);
    Parameters changed = parameters_;
    changed.log_step.array() += static_cast<Scalar>(std::log(ratio));
    return S5(std::move(changed), options_);
  }

  /// The same parameters in another scalar.
  template <class Other>
  S5<Other> cast() const {
    using OtherComplex = std::complex<Other>;
    return S5<Other>({parameters_.log_step.template cast<Other>(), parameters_.lambda.template cast<OtherComplex>(),
                      parameters_.input.template cast<OtherComplex>(), parameters_.output.template cast<OtherComplex>(),
                      parameters_.skip.template cast<Other>()},
                     options_);
  }

 private:
  static std::complex<double> wide(const Complex& value) {
    return {static_cast<double>(value.real()), static_cast<double>(value.imag())};
  }
  static Complex narrow(const std::complex<double>& value) {
    return {static_cast<Scalar>(value.real()), static_cast<Scalar>(value.imag())};
  }
  double step_of(Index n) const { return std::exp(static_cast<double>(parameters_.log_step[n])); }

  static Parameters checked(Parameters parameters, const S5Options& options) {
    detail::require_hold("S5", options.discretization);
    const Index modes = parameters.lambda.size(), outputs = parameters.output.rows();
    require(
        parameters.input.rows() == modes && parameters.output.cols() == modes && parameters.log_step.size() == modes,
        "S5: expected B of {} rows, C of {} columns and as many log_step, as there are lambda, found {}, {} and {}",
        modes, modes, parameters.input.rows(), parameters.output.cols(), parameters.log_step.size());
    require(parameters.skip.size() == 0 || (parameters.skip.size() == outputs && parameters.input.cols() == outputs),
            "S5: expected a skip for each of {} outputs with as many inputs, or none, found {} and {} inputs", outputs,
            parameters.skip.size(), parameters.input.cols());
    if (parameters.skip.size() == 0) parameters.skip.setZero(outputs);
    detail::require_finite_modes<Scalar>("S5", "lambda", RowMatrix<Complex>(parameters.lambda.transpose()));
    detail::require_finite_modes("S5", "input weights", parameters.input);
    detail::require_finite_modes("S5", "output weights", parameters.output);
    require(all_finite(parameters.skip.data(), outputs), "S5: expected a finite skip");
    detail::require_steps("S5", parameters.log_step.data(), modes);
    return parameters;
  }

  void check_state(const State& state) const {
    require(state.rows() == 1 && state.cols() == modes(), "S5: expected a state of 1 x {}, found {} x {}", modes(),
            state.rows(), state.cols());
  }

  void sample() {
    RowMatrix<std::complex<double>> b(modes(), inputs()), c(outputs(), modes());
    weights_ = {Eigen::VectorXcd(modes()), RowMatrix<double>(inputs(), order()), RowMatrix<double>(outputs(), order()),
                parameters_.skip.template cast<double>()};
    for (Index n = 0; n < modes(); ++n) {
      const DiscreteMode mode =
          detail::sampled_mode("S5", options_.discretization, wide(parameters_.lambda[n]), 1, step_of(n));
      weights_.poles[n] = mode.pole;
      for (Index i = 0; i < inputs(); ++i) {
        b(n, i) = detail::complex_product(mode.weight, wide(parameters_.input(n, i)));
        weights_.b(i, 2 * n) = b(n, i).real();
        weights_.b(i, 2 * n + 1) = b(n, i).imag();
      }
      for (Index o = 0; o < outputs(); ++o) {
        c(o, n) = wide(parameters_.output(o, n));
        weights_.c(o, 2 * n) = 2 * c(o, n).real();
        weights_.c(o, 2 * n + 1) = -2 * c(o, n).imag();
      }
    }
    scan_ = {weights_.poles, b, c, weights_.skip};
  }

  // C_on Bbar_ni for all n, of row o * inputs + i of the kernel.
  Eigen::VectorXcd row_weights(Index row) const {
    const Index o = row / inputs(), i = row % inputs();
    Eigen::VectorXcd result(modes());
    for (Index n = 0; n < modes(); ++n) {
      result[n] =
          detail::complex_product(wide(parameters_.output(o, n)), {weights_.b(i, 2 * n), weights_.b(i, 2 * n + 1)});
    }
    return result;
  }

  // From gradients of lambdabar, Bbar, C and D to those of the parameters.
  Parameters continuous(const detail::S5Backward<Scalar>& sums) const {
    Parameters result = parameters_;
    for (Index n = 0; n < modes(); ++n) {
      const std::complex<double> lambda = wide(parameters_.lambda[n]);
      const DiscreteMode mode = discretize_mode(options_.discretization, lambda, 1, step_of(n));
      std::complex<double> weight = 0;
      for (Index i = 0; i < inputs(); ++i) {
        const std::complex<double> gradient(sums.b()(i, 2 * n), sums.b()(i, 2 * n + 1));
        weight += detail::conjugate_product(wide(parameters_.input(n, i)), gradient);
        result.input(n, i) = narrow(detail::conjugate_product(mode.weight, gradient));
      }
      const ModeGradient gradient =
          discretize_mode_backward(options_.discretization, lambda, 1, step_of(n), {sums.poles()[n], weight, 0});
      result.lambda[n] = narrow(gradient.lambda);
      result.log_step[n] = static_cast<Scalar>(step_of(n) * gradient.dt);
      for (Index o = 0; o < outputs(); ++o)
        result.output(o, n) = narrow({2 * sums.c()(o, 2 * n), -2 * sums.c()(o, 2 * n + 1)});
    }
    result.skip = sums.skip().template cast<Scalar>();
    return result;
  }

  S5Options options_;
  Parameters parameters_;
  detail::S5Weights weights_;
  detail::S5Scan<Scalar> scan_;
};

}  // namespace tessera::inline TESSERA_ISA
