// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// One mode of a diagonal system, x' = lambda x + b u, at steps of dt:
//
//   x[t] = pole x[t-1] + weight u[t] + previous u[t-1],        d = lambda dt,
//
//   bilinear           pole = (1 + d/2) / (1 - d/2)   weight = dt b / (1 - d/2)    previous = 0   (S4; see below)
//   zero_order_hold    pole = e^d                     weight = dt b phi1(d)        previous = 0   (S4D, S5)
//   first_order_hold   pole = e^d                     weight = dt b phi2(d)        previous = dt b phi1'(d)
//   dirac              pole = e^d                     weight = b                   previous = 0
//
// (A. Gu et al., On the Parameterization and Initialization of Diagonal State Space Models, 2022, section 3; J. Smith
// et al., Simplified State Space Layers for Sequence Modeling, 2023, equation 6; M. Schoene et al., Scalable
// Event-by-event Processing of Neuromorphic Sensory Signals, 2024, for dirac.) A zero-order hold keeps a sample for one
// step; a first-order hold joins two samples by a straight line; with dirac a sample is an impulse of that area.
// Textbooks let the state lag by one sample (Timing::delayed), the models named above do not: the same pole and weight
// serve both. Of a first-order hold the delayed form has the weight previous + pole weight, and c weight passes
// directly. The bilinear rule of S4 leaves out the average of two samples, (1 + z^-1) / 2, that Tustin's has.
//
// lambda = 0 is an integrator and no special case. All is computed in double, the phase Im(lambda) dt reduced by the
// library's sine and cosine; gradients are dL/dRe + i dL/dIm.

#include <cmath>
#include <complex>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/detail/step_check.hpp>
#include <tessera/ssm/phi.hpp>

namespace tessera {

enum class Discretization { bilinear, zero_order_hold, first_order_hold, dirac };

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// A mode of a sampled system. `previous` is not zero for first_order_hold alone.
struct DiscreteMode {
  std::complex<double> pole, weight, previous;
};

/// Gradients of a loss with respect to what discretize_mode takes; b's is that of b itself, dt's that of dt itself.
struct ModeGradient {
  std::complex<double> lambda, b;
  double dt = 0;
};

namespace detail {

/// The pole, and the weights of b = 1.
inline DiscreteMode unit_mode(Discretization method, const std::complex<double>& lambda, double dt) {
  const std::complex<double> d = dt * lambda;
  if (method == Discretization::bilinear) {
    const std::complex<double> below(1 - 0.5 * d.real(), -0.5 * d.imag());
    return {phi_quotient({1 + 0.5 * d.real(), 0.5 * d.imag()}, below), phi_quotient({dt, 0}, below), 0};
  }
  const PhiPoint phi(d);
  if (method == Discretization::zero_order_hold) return {phi.exponential, dt * phi.phi1(), 0};
  if (method == Discretization::dirac) return {phi.exponential, 1, 0};
  return {phi.exponential, dt * phi.phi2(), dt * phi.phi1_derivative()};
}

/// The same with the derivatives of the three with respect to lambda and to dt.
struct DifferentiatedMode {
  DiscreteMode unit, by_lambda, by_dt;
};

inline DifferentiatedMode differentiated_mode(Discretization method, const std::complex<double>& lambda, double dt) {
  const std::complex<double> d = dt * lambda;
  if (method == Discretization::bilinear) {
    const std::complex<double> inverse = phi_quotient({1, 0}, {1 - 0.5 * d.real(), -0.5 * d.imag()});
    const std::complex<double> square = phi_product(inverse, inverse);
    return {unit_mode(method, lambda, dt),
            {dt * square, 0.5 * dt * dt * square, 0},
            {phi_product(lambda, square), square, 0}};
  }
  const PhiPoint phi(d);
  DifferentiatedMode result{
      {phi.exponential, 1, 0}, {dt * phi.exponential, 0, 0}, {phi_product(lambda, phi.exponential), 0, 0}};
  if (method == Discretization::zero_order_hold) {
    result.unit.weight = dt * phi.phi1();
    result.by_lambda.weight = dt * dt * phi.phi1_derivative();
    result.by_dt.weight = phi.exponential;
  } else if (method == Discretization::first_order_hold) {
    const std::complex<double> slope = phi.phi1_derivative();
    result.unit.weight = dt * phi.phi2();
    result.unit.previous = dt * slope;
    result.by_lambda.weight = dt * dt * phi.phi2_derivative();
    result.by_lambda.previous = dt * dt * phi.phi1_second_derivative();
    result.by_dt.weight = slope;
    result.by_dt.previous = phi.exponential - slope;
  }
  return result;
}

inline std::complex<double> conjugate_product(const std::complex<double>& a, const std::complex<double>& b) {
  return {a.real() * b.real() + a.imag() * b.imag(), a.real() * b.imag() - a.imag() * b.real()};
}

inline std::complex<double> mode_product(const DiscreteMode& derivative, const DiscreteMode& gradient) {
  return conjugate_product(derivative.pole, gradient.pole) + conjugate_product(derivative.weight, gradient.weight) +
         conjugate_product(derivative.previous, gradient.previous);
}

}  // namespace detail

/// One mode, unchecked: 1 - d/2 = 0 (bilinear, an unstable lambda = 2 / dt) and an overflow give what is not finite.
inline DiscreteMode discretize_mode(Discretization method, const std::complex<double>& lambda,
                                    const std::complex<double>& b, double dt) {
  const DiscreteMode unit = detail::unit_mode(method, lambda, dt);
  return {unit.pole, b * unit.weight, b * unit.previous};
}

/// The gradient of lambda, b and dt, from that of the pole and the weights.
inline ModeGradient discretize_mode_backward(Discretization method, const std::complex<double>& lambda,
                                             const std::complex<double>& b, double dt, const DiscreteMode& gradient) {
  const detail::DifferentiatedMode mode = detail::differentiated_mode(method, lambda, dt);
  const DiscreteMode inner{gradient.pole, detail::conjugate_product(b, gradient.weight),
                           detail::conjugate_product(b, gradient.previous)};
  return {detail::mode_product(mode.by_lambda, inner),
          detail::conjugate_product(mode.unit.weight, gradient.weight) +
              detail::conjugate_product(mode.unit.previous, gradient.previous),
          detail::mode_product(mode.by_dt, inner).real()};
}

/// Modes of a sampled system, or gradients of them.
struct DiscreteModes {
  Eigen::VectorXcd poles, weights, previous;
  DiscreteMode operator[](Index n) const { return {poles[n], weights[n], previous[n]}; }
};

/// Gradients with respect to what discretize_modes takes, of the same sizes.
struct ModeGradients {
  Eigen::VectorXcd lambda, b;
  Eigen::VectorXd dt;
};

namespace detail {

inline void check_modes(const char* who, const Eigen::VectorXcd& lambda, const Eigen::VectorXcd& b,
                        const Eigen::VectorXd& dt) {
  const Index count = lambda.size();
  require(b.size() == count, "{}: expected as many b as lambda, {}, found {}", who, count, b.size());
  require(dt.size() == 1 || dt.size() == count, "{}: expected 1 dt or one for each of {} modes, found {}", who, count,
          dt.size());
  require(all_finite(reinterpret_cast<const double*>(lambda.data()), 2 * count), "{}: expected finite lambda", who);
  require(all_finite(reinterpret_cast<const double*>(b.data()), 2 * count), "{}: expected finite b", who);
  for (const double& step : dt) require_positive(who, "dt", step);
}

}  // namespace detail

/// All modes of a system, with one dt for all or one for each. Throws std::invalid_argument on other sizes, on what is
/// not finite and on dt <= 0, and NumericalError where a result is not finite.
inline DiscreteModes discretize_modes(Discretization method, const Eigen::VectorXcd& lambda, const Eigen::VectorXcd& b,
                                      const Eigen::VectorXd& dt) {
  detail::check_modes("discretize_modes", lambda, b, dt);
  const Index count = lambda.size();
  DiscreteModes modes{Eigen::VectorXcd(count), Eigen::VectorXcd(count), Eigen::VectorXcd(count)};
  for (Index n = 0; n < count; ++n) {
    const double step = dt[dt.size() == 1 ? 0 : n];
    const DiscreteMode mode = discretize_mode(method, lambda[n], b[n], step);
    const double parts[] = {mode.pole.real(),   mode.pole.imag(),     mode.weight.real(),
                            mode.weight.imag(), mode.previous.real(), mode.previous.imag()};
    if (!all_finite(parts, 6)) {
      raise<NumericalError>(
          "discretize_modes: expected modes that dt can resolve, found mode {} with lambda {} + {} i "
          "and dt {}, whose result is not finite",
          n, lambda[n].real(), lambda[n].imag(), step);
    }
    modes.poles[n] = mode.pole;
    modes.weights[n] = mode.weight;
    modes.previous[n] = mode.previous;
  }
  return modes;
}

/// The gradients of lambda, b and dt, from those of the modes; `previous` may be left empty. A dt for all modes has the
/// sum over them. Throws std::invalid_argument as discretize_modes does, and on gradients of another size.
inline ModeGradients discretize_modes_backward(Discretization method, const Eigen::VectorXcd& lambda,
                                               const Eigen::VectorXcd& b, const Eigen::VectorXd& dt,
                                               const DiscreteModes& gradient) {
  detail::check_modes("discretize_modes_backward", lambda, b, dt);
  const Index count = lambda.size();
  require(
      gradient.poles.size() == count && gradient.weights.size() == count &&
          (gradient.previous.size() == count || gradient.previous.size() == 0),
      "discretize_modes_backward: expected gradients of {} modes, found {} of poles, {} of weights and {} of previous "
      "weights",
      count, gradient.poles.size(), gradient.weights.size(), gradient.previous.size());
  ModeGradients result{Eigen::VectorXcd(count), Eigen::VectorXcd(count), Eigen::VectorXd::Zero(dt.size())};
  for (Index n = 0; n < count; ++n) {
    const Index i = dt.size() == 1 ? 0 : n;
    const std::complex<double> previous = gradient.previous.size() == 0 ? 0 : gradient.previous[n];
    const ModeGradient one =
        discretize_mode_backward(method, lambda[n], b[n], dt[i], {gradient.poles[n], gradient.weights[n], previous});
    result.lambda[n] = one.lambda;
    result.b[n] = one.b;
    result.dt[i] += one.dt;
  }
  return result;
}

/// The mode at steps `ratio` > 0 times as long, for a system that is known at its own steps alone: pole^ratio, by the
/// principal logarithm q of the pole, and weights times (e^(ratio q) - 1) / (e^q - 1). What is kept: the response to an
/// input that is held, and with it the gain at frequency zero; that of a zero-order hold is the hold at the other step,
/// exactly. Of a first-order hold the sum of the weights is kept, which is then a hold. A ratio below 1 cannot know of
/// frequencies beyond half the old rate, and one above 1 folds those beyond half the new one. Throws
/// std::invalid_argument on a ratio that is not finite or not positive.
inline DiscreteMode resample_mode(const DiscreteMode& mode, const double& ratio) {
  detail::require_positive("resample_mode", "ratio", ratio);
  const std::complex<double> weight = mode.weight + mode.previous;
  if (mode.pole == 0.0) return {0, weight, 0};
  const std::complex<double> q(std::log(std::abs(mode.pole)), std::arg(mode.pole));
  const detail::PhiPoint longer(ratio * q);
  const std::complex<double> gain = detail::phi_quotient(longer.phi1(), detail::PhiPoint(q).phi1());
  return {longer.exponential, weight * (ratio * gain), 0};
}

}  // namespace tessera::inline TESSERA_ISA
