// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// S4D: channels of diagonal state space models in continuous time, sampled at steps exp(log_step) of their own,
//
//   x_n' = lambda_n x_n + B_n u,   y = 2 Re sum over n of C_n x_n + skip u,
//   K[t] = skip [t = 0] + 2 Re sum over n of C_n Bbar_n lambdabar_n^t
//
// with (lambdabar, Bbar) the pole and the weight of ssm/diagonal_discretization.hpp (A. Gu et al., On the
// Parameterization and Initialization of Diagonal State Space Models, 2022, equations 2 to 6). Every mode stands for
// itself and its conjugate. Sampled, the model is a ModalSystem, which runs it.
//
// Training keeps a mode stable by its parameters: lambda = -exp(log_decay) + i frequency (section 3.4 there), which
// decaying_lambda() makes and decaying_lambda_backward() differentiates.

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
#include <tessera/ssm/diagonal_discretization.hpp>
#include <tessera/ssm/modal_system.hpp>

namespace tessera {

struct S4DOptions {
  Discretization discretization = Discretization::zero_order_hold;  // any but first_order_hold
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// What defines S4D, or the gradient of a loss with respect to it; complex gradients are dL/dRe + i dL/dIm.
template <class Scalar>
struct S4DParameters {
  Eigen::Matrix<Scalar, Eigen::Dynamic, 1> log_step;  // channels: logarithms of the steps
  RowMatrix<std::complex<Scalar>> lambda;             // (channels, modes), 1 / time
  RowMatrix<std::complex<Scalar>> input;              // B, (channels, modes)
  RowMatrix<std::complex<Scalar>> output;             // C, (channels, modes)
  Eigen::Matrix<Scalar, Eigen::Dynamic, 1> skip;      // channels; empty for zeros
};

/// A sequence model (ssm/model.hpp) of channels that do not meet. Immutable: a new one is made of new parameters.
template <class ScalarType>
class S4D {
 public:
  using Scalar = ScalarType;
  using Complex = std::complex<Scalar>;
  using Parameters = S4DParameters<Scalar>;
  using System = ModalSystem<Scalar, Timing::current>;
  using State = typename System::State;
  static constexpr Timing timing = Timing::current;
  static constexpr bool coupled = false;

  /// Samples the system. Throws std::invalid_argument on shapes that do not fit, on what is not finite, on a step that
  /// is 0 or infinite, and on first_order_hold, and NumericalError where a sampled mode is not finite.
  explicit S4D(Parameters parameters, const S4DOptions& options = {})
      : options_(options), parameters_(checked(std::move(parameters), options)), system_(sampled()) {}

  Index channels() const { return system_.channels(); }
  Index modes() const { return system_.modes(); }
  Index inputs() const { return channels(); }
  Index outputs() const { return channels(); }
  /// Real numbers in the state of a channel: two for every mode.
  Index order() const { return system_.order(); }
  const Parameters& parameters() const { return parameters_; }
  const S4DOptions& options() const { return options_; }
  /// The sampled system, for streams and reports.
  const System& system() const { return system_; }

  // ---- the kernel ----

  /// The first taps, (channels, length); see ModalSystem::kernel.
  RowMatrix<Scalar> kernel(Index length, Execution execution = {}) const { return system_.kernel(length, execution); }

  /// The gradient of a loss from that of the kernel's taps, (channels, length). About twice the work of the kernel.
  /// Throws as ModalSystem::kernel_backward does.
  Parameters kernel_backward(const RowMatrix<Scalar>& gradient, Execution execution = {}) const {
    const ModalParameters taps = system_.kernel_backward(gradient, execution);
    Parameters result = zero_gradient();
    for (Index c = 0; c < channels(); ++c) {
      const double step = std::exp(static_cast<double>(parameters_.log_step[c]));
      double step_gradient = 0;
      for (Index n = 0; n < modes(); ++n) {
        const std::complex<double> b = wide(parameters_.input(c, n)), output = wide(parameters_.output(c, n));
        const std::complex<double> lambda = wide(parameters_.lambda(c, n)), weight_gradient = taps.weights(c, n);
        const DiscreteMode mode = discretize_mode(options_.discretization, lambda, b, step);
        const ModeGradient mode_gradient =
            discretize_mode_backward(options_.discretization, lambda, b, step,
                                     {taps.poles(c, n), detail::conjugate_product(output, weight_gradient), 0});
        result.output(c, n) = narrow(detail::conjugate_product(mode.weight, weight_gradient));
        result.input(c, n) = narrow(mode_gradient.b);
        result.lambda(c, n) = narrow(mode_gradient.lambda);
        step_gradient += mode_gradient.dt;
      }
      result.log_step[c] = static_cast<Scalar>(step * step_gradient);
      result.skip[c] = static_cast<Scalar>(taps.skip[c]);
    }
    return result;
  }

  // ---- running, as ModalSystem does ----

  State initial_state() const { return system_.initial_state(); }
  void step(State& state, const Scalar* input, Scalar* output) const { system_.step(state, input, output); }
  void prefill(State& state, Signals<const Scalar> input, Execution execution = {}) const {
    system_.prefill(state, input, execution);
  }
  void chunk(State& state, Signals<const Scalar> input, Signals<Scalar> output, Execution execution = {}) const {
    system_.chunk(state, input, output, execution);
  }
  double predicted_error(Index length) const { return system_.predicted_error(length); }
  double spectral_radius() const { return system_.spectral_radius(); }

  /// The same system in continuous time, sampled at steps `ratio` > 0 times as long. Throws std::invalid_argument on
  /// another ratio.
  S4D resampled(double ratio) const {
    detail::require_positive("S4D", "ratio", ratio);
    Parameters changed = parameters_;
    changed.log_step.array() += static_cast<Scalar>(std::log(ratio));
    return S4D(std::move(changed), options_);
  }

  /// The same parameters in another scalar.
  template <class Other>
  S4D<Other> cast() const {
    using OtherComplex = std::complex<Other>;
    return S4D<Other>({parameters_.log_step.template cast<Other>(), parameters_.lambda.template cast<OtherComplex>(),
                       parameters_.input.template cast<OtherComplex>(),
                       parameters_.output.template cast<OtherComplex>(), parameters_.skip.template cast<Other>()},
                      options_);
  }

 private:
  static std::complex<double> wide(const Complex& value) {
    return {static_cast<double>(value.real()), static_cast<double>(value.imag())};
  }
  static Complex narrow(const std::complex<double>& value) {
    return {static_cast<Scalar>(value.real()), static_cast<Scalar>(value.imag())};
  }

  Parameters zero_gradient() const {
    const auto zeros = RowMatrix<Complex>::Zero(channels(), modes());
    using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;
    return {Vector::Zero(channels()), zeros, zeros, zeros, Vector::Zero(channels())};
  }

  static Parameters checked(Parameters parameters, const S4DOptions& options) {
    detail::require_hold("S4D", options.discretization);
    const Index channels = parameters.lambda.rows(), modes = parameters.lambda.cols();
    if (parameters.skip.size() == 0) parameters.skip.setZero(channels);
    const std::pair<const char*, const RowMatrix<Complex>*> parts[] = {
        {"lambda", &parameters.lambda}, {"input weights", &parameters.input}, {"output weights", &parameters.output}};
    for (const auto& part : parts) {
      require(part.second->rows() == channels && part.second->cols() == modes,
              "S4D: expected {} of {} x {}, as there are lambda, found {} x {}", part.first, channels, modes,
              part.second->rows(), part.second->cols());
      detail::require_finite_modes("S4D", part.first, *part.second);
    }
    require(parameters.log_step.size() == channels && parameters.skip.size() == channels,
            "S4D: expected a log_step and a skip for each of {} channels, found {} and {}", channels,
            parameters.log_step.size(), parameters.skip.size());
    require(all_finite(parameters.skip.data(), channels), "S4D: expected a finite skip");
    detail::require_steps("S4D", parameters.log_step.data(), channels);
    return parameters;
  }

  System sampled() const {
    const Index channels = parameters_.lambda.rows(), modes = parameters_.lambda.cols();
    ModalParameters result{RowMatrix<std::complex<double>>(channels, modes),
                           RowMatrix<std::complex<double>>(channels, modes), parameters_.skip.template cast<double>()};
    for (Index c = 0; c < channels; ++c) {
      const double step = std::exp(static_cast<double>(parameters_.log_step[c]));
      for (Index n = 0; n < modes; ++n) {
        const DiscreteMode mode = detail::sampled_mode("S4D", options_.discretization, wide(parameters_.lambda(c, n)),
                                                       wide(parameters_.input(c, n)), step);
        result.poles(c, n) = mode.pole;
        result.weights(c, n) = detail::complex_product(wide(parameters_.output(c, n)), mode.weight);
      }
    }
    return System(std::move(result));
  }

  S4DOptions options_;
  Parameters parameters_;
  System system_;
};

// ---- modes that decay ----

/// -exp(log_decay) + i frequency, entry by entry. Throws std::invalid_argument on different sizes.
template <class Scalar>
RowMatrix<std::complex<Scalar>> decaying_lambda(const RowMatrix<Scalar>& log_decay,
                                                const RowMatrix<Scalar>& frequency) {
  require(log_decay.rows() == frequency.rows() && log_decay.cols() == frequency.cols(),
          "decaying_lambda: expected as many frequencies as log_decay, {} x {}, found {} x {}", log_decay.rows(),
          log_decay.cols(), frequency.rows(), frequency.cols());
  RowMatrix<std::complex<Scalar>> lambda(log_decay.rows(), log_decay.cols());
  for (Index i = 0; i < lambda.size(); ++i) lambda.data()[i] = {-std::exp(log_decay.data()[i]), frequency.data()[i]};
  return lambda;
}

/// Gradients of what decaying_lambda takes.
template <class Scalar>
struct DecayGradient {
  RowMatrix<Scalar> log_decay, frequency;
};

/// From `lambda`, as decaying_lambda returned it, and the gradient of a loss with respect to it.
template <class Scalar>
DecayGradient<Scalar> decaying_lambda_backward(const RowMatrix<std::complex<Scalar>>& lambda,
                                               const RowMatrix<std::complex<Scalar>>& gradient) {
  require(lambda.rows() == gradient.rows() && lambda.cols() == gradient.cols(),
          "decaying_lambda_backward: expected a gradient of {} x {}, found {} x {}", lambda.rows(), lambda.cols(),
          gradient.rows(), gradient.cols());
  return {gradient.real().cwiseProduct(lambda.real()), gradient.imag()};
}

}  // namespace tessera::inline TESSERA_ISA
