// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Continuous systems x' = A x + B u, y = C x + D u, sampled at steps of dt, with dense matrices. With
// M = (I - alpha dt A)^-1:
//
//   generalized_bilinear   A' = M (I + (1 - alpha) dt A)   B' = dt M B    C' = C M   D' = D + alpha C B'    delayed
//   forward_euler, tustin, backward_euler                  alpha = 0, 1/2, 1                                delayed
//   s4_bilinear            A' = M (I + dt/2 A)             B' = dt M B    C' = C     D' = D (alpha = 1/2)   current
//   zero_order_hold        [A' B'; 0 I] = exp(dt [A B; 0 0])              C' = C     D' = D                 delayed
//   first_order_hold       [A' G1 G2; 0 I I; 0 0 I] = exp([dt A, dt B, 0; 0 0 I; 0 0 0])                    delayed
//                          B' = G1 - G2 + A' G2                           C' = C     D' = D + C G2
//   dirac                  A' = exp(dt A)                  B' = B         C' = C     D' = D                 current
//
// (G. Zhang, X. Chen and T. Chen, Digital redesign via the generalised bilinear transformation, 2009; C. Van Loan,
// Computing integrals involving the matrix exponential, 1978; Franklin, Powell and Workman, Digital Control of Dynamic
// Systems, section 6.3.2, for the triangle hold.) The first six give what scipy.signal.cont2discrete does. That of S4
// (A. Gu et al., 2022, equation 3) is not Tustin's: H_tustin(z) = (1 + z^-1) / 2 H_s4(z), it leaves out the average of
// two samples. The exponentials of blocks need no inverse of A: integrators are no special case. All is computed in
// double and rounded to Scalar at the end.

#include <limits>
#include <stdexcept>
#include <utility>

#include <fmt/core.h>
#include <Eigen/Core>
#include <Eigen/LU>
#include <unsupported/Eigen/MatrixFunctions>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/dense_system.hpp>
#include <tessera/ssm/detail/sampled_system.hpp>
#include <tessera/ssm/detail/step_check.hpp>
#include <tessera/ssm/timing.hpp>

namespace tessera::inline TESSERA_ISA {

/// x' = A x + B u, y = C x + D u. D may be left empty, for zeros.
struct ContinuousSystem {
  Eigen::MatrixXd a;  // n x n
  Eigen::MatrixXd b;  // n x inputs
  Eigen::MatrixXd c;  // outputs x n
  Eigen::MatrixXd d;  // outputs x inputs
};

namespace detail {

/// The system with its D, checked.
inline ContinuousSystem checked_system(const char* who, ContinuousSystem system, const double& dt) {
  require_positive(who, "dt", dt);
  if (system.d.size() == 0) system.d = Eigen::MatrixXd::Zero(system.c.rows(), system.b.cols());
  require(
      system.a.rows() == system.a.cols() && system.b.rows() == system.a.rows() && system.c.cols() == system.a.rows() &&
          system.d.rows() == system.c.rows() && system.d.cols() == system.b.cols(),
      "{}: expected A n x n, B n x inputs, C outputs x n and D outputs x inputs, found A {} x {}, B {} x {}, C {} x "
      "{} and D {} x {}",
      who, system.a.rows(), system.a.cols(), system.b.rows(), system.b.cols(), system.c.rows(), system.c.cols(),
      system.d.rows(), system.d.cols());
  const std::pair<const char*, const Eigen::MatrixXd*> parts[] = {
      {"A", &system.a}, {"B", &system.b}, {"C", &system.c}, {"D", &system.d}};
  for (const auto& part : parts) {
    require(all_finite(part.second->data(), part.second->size()), "{}: expected a finite {}", who, part.first);
  }
  return system;
}

/// (I - alpha dt A)^-1. This and the exponential are templates so that only those who call them wait for the compiler.
template <class Matrix>
Matrix resolvent(const char* who, const Matrix& a, double dt, double alpha) {
  const Index order = a.rows();
  if (order == 0) return a;
  const Eigen::PartialPivLU<Matrix> factors(Matrix::Identity(order, order) - alpha * dt * a);
  const double condition = factors.rcond();
  if (!(condition > static_cast<double>(order) * std::numeric_limits<double>::epsilon())) {
    raise<NumericalError>(
        "{}: expected I - {} dt A to be invertible at dt {}, found it singular (reciprocal condition "
        "{:.1e})",
        who, alpha, dt, condition);
  }
  return factors.inverse();
}

/// The exponential of a square matrix, and of an empty one.
template <class Matrix>
Matrix exponential(const Matrix& a) {
  return a.size() == 0 ? a : Matrix(a.exp());
}

}  // namespace detail

/// SciPy's gbt. Throws as all of these do: std::invalid_argument on dt <= 0, on shapes that do not fit, on what is not
/// finite and on alpha outside [0, 1]; NumericalError where I - alpha dt A is singular or a result overflows.
template <class Scalar = double>
DenseSystem<Scalar, Timing::delayed> generalized_bilinear(const ContinuousSystem& system, const double& dt,
                                                          const double& alpha,
                                                          const char* who = "generalized_bilinear") {
  if (!is_finite(alpha) || alpha < 0 || alpha > 1) {
    raise<std::invalid_argument>("{}: expected an alpha in [0, 1], found {}", who,
                                 is_finite(alpha) ? fmt::format("{}", alpha) : detail::non_finite_name(alpha));
  }
  const auto [a, b, c, d] = detail::checked_system(who, system, dt);
  const Eigen::MatrixXd inverse = detail::resolvent(who, a, dt, alpha);
  const Eigen::MatrixXd identity = Eigen::MatrixXd::Identity(a.rows(), a.rows());
  const Eigen::MatrixXd input = dt * (inverse * b);
  return detail::sampled_system<Scalar, Timing::delayed>(who, inverse * (identity + (1 - alpha) * dt * a), input,
                                                         c * inverse, d + alpha * (c * input));
}

/// x[t+1] = x[t] + dt x'[t]: stable for dt small enough only.
template <class Scalar = double>
DenseSystem<Scalar, Timing::delayed> forward_euler(const ContinuousSystem& system, const double& dt) {
  return generalized_bilinear<Scalar>(system, dt, 0, "forward_euler");
}
/// The trapezoidal rule, s = 2 / dt (z - 1) / (z + 1).
template <class Scalar = double>
DenseSystem<Scalar, Timing::delayed> tustin(const ContinuousSystem& system, const double& dt) {
  return generalized_bilinear<Scalar>(system, dt, 0.5, "tustin");
}
/// x[t+1] = x[t] + dt x'[t+1].
template <class Scalar = double>
DenseSystem<Scalar, Timing::delayed> backward_euler(const ContinuousSystem& system, const double& dt) {
  return generalized_bilinear<Scalar>(system, dt, 1, "backward_euler");
}

/// The bilinear rule as S4 has it: C and D stay, and the state does not lag.
template <class Scalar = double>
DenseSystem<Scalar, Timing::current> s4_bilinear(const ContinuousSystem& system, const double& dt) {
  const auto [a, b, c, d] = detail::checked_system("s4_bilinear", system, dt);
  const Eigen::MatrixXd inverse = detail::resolvent("s4_bilinear", a, dt, 0.5);
  const Eigen::MatrixXd identity = Eigen::MatrixXd::Identity(a.rows(), a.rows());
  return detail::sampled_system<Scalar, Timing::current>("s4_bilinear", inverse * (identity + 0.5 * dt * a),
                                                         dt * (inverse * b), c, d);
}

/// Exact at the samples for an input that keeps each sample's value until the next.
template <class Scalar = double>
DenseSystem<Scalar, Timing::delayed> zero_order_hold(const ContinuousSystem& system, const double& dt) {
  const auto [a, b, c, d] = detail::checked_system("zero_order_hold", system, dt);
  const Index order = a.rows(), inputs = b.cols();
  Eigen::MatrixXd block = Eigen::MatrixXd::Zero(order + inputs, order + inputs);
  block.topLeftCorner(order, order) = dt * a;
  block.topRightCorner(order, inputs) = dt * b;
  const Eigen::MatrixXd power = detail::exponential(block);
  return detail::sampled_system<Scalar, Timing::delayed>("zero_order_hold", power.topLeftCorner(order, order),
                                                         power.topRightCorner(order, inputs), c, d);
}

/// Exact at the samples for an input that joins the samples by straight lines.
template <class Scalar = double>
DenseSystem<Scalar, Timing::delayed> first_order_hold(const ContinuousSystem& system, const double& dt) {
  const auto [a, b, c, d] = detail::checked_system("first_order_hold", system, dt);
  const Index order = a.rows(), inputs = b.cols(), size = order + 2 * inputs;
  Eigen::MatrixXd block = Eigen::MatrixXd::Zero(size, size);
  block.topLeftCorner(order, order) = dt * a;
  block.block(0, order, order, inputs) = dt * b;
  block.block(order, order + inputs, inputs, inputs).setIdentity();
  const Eigen::MatrixXd power = detail::exponential(block);
  const Eigen::MatrixXd state = power.topLeftCorner(order, order);
  const Eigen::MatrixXd level = power.block(0, order, order, inputs), ramp = power.topRightCorner(order, inputs);
  return detail::sampled_system<Scalar, Timing::delayed>("first_order_hold", state, level - ramp + state * ramp, c,
                                                         d + c * ramp);
}

/// Samples are impulses of their area: K[t] = C exp(t dt A) B, the impulse response itself at the samples. What SciPy
/// calls impulse is dt times that.
template <class Scalar = double>
DenseSystem<Scalar, Timing::current> dirac(const ContinuousSystem& system, const double& dt) {
  const auto [a, b, c, d] = detail::checked_system("dirac", system, dt);
  return detail::sampled_system<Scalar, Timing::current>("dirac", detail::exponential(Eigen::MatrixXd(dt * a)), b, c,
                                                         d);
}

}  // namespace tessera::inline TESSERA_ISA
