// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// A dense system that is known at its own steps alone, at steps `ratio` times as long. With the input held between
// samples, [x[t+1]; u] = [A B; 0 I] [x[t]; u], and so
//
//   [A' B'; 0 I] = [A B; 0 I]^ratio,        C' = C,   D' = D.
//
// Of a zero-order hold at dt this is the zero-order hold at ratio dt. Powers that are not whole go by the Schur-Pade
// algorithm (N. Higham and L. Lin, A Schur-Pade algorithm for fractional powers of a matrix, 2011). For modes of a
// diagonal system see resample_mode in ssm/diagonal_discretization.hpp.

#include <cmath>
#include <complex>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <unsupported/Eigen/MatrixFunctions>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/dense_system.hpp>
#include <tessera/ssm/detail/sampled_system.hpp>
#include <tessera/ssm/detail/step_check.hpp>
#include <tessera/ssm/timing.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The power of a matrix: whole parts by squaring, the rest by Schur-Pade. A template, as are other functions of this
/// room that are slow to compile, so that only those pay who call it.
template <class Matrix>
Matrix real_power(const char* who, const Matrix& a, double exponent) {
  const double whole = std::floor(exponent);
  const Matrix power = matrix_power(a, static_cast<Index>(whole));
  if (exponent == whole) return power;
  const Eigen::ComplexSchur<Matrix> schur(a, false);
  for (const std::complex<double>& value : schur.matrixT().diagonal()) {
    const bool zero = std::abs(value) < 1e-300;
    const bool negative = value.real() < 0 && std::abs(value.imag()) < 1e-9 * std::abs(value.real());
    if (zero || negative) {
      raise<NumericalError>(
          "{}: expected a whole ratio, or an A without an eigenvalue that is zero or negative, found "
          "ratio {} and eigenvalue {:.3g}",
          who, exponent, value.real());
    }
  }
  return power * Matrix(a.pow(exponent - whole));
}

}  // namespace detail

/// The system at steps `ratio` > 0 times as long. What is kept: the state, hence the response, under an input that is
/// held, at the samples both have, and the gain at frequency zero. A whole ratio takes any system; another needs the
/// principal logarithm, hence an A without eigenvalues at zero or on the negative axis, and cannot know of frequencies
/// beyond half the old rate. Where the continuous system is at hand, sample that instead. Throws std::invalid_argument
/// on a ratio that is not in (0, 2^40], NumericalError as said and where a result overflows.
template <class Scalar, Timing timing>
DenseSystem<Scalar, timing> resample(const DenseSystem<Scalar, timing>& system, const double& ratio) {
  detail::require_positive("resample", "ratio", ratio);
  require(ratio <= 0x1p40, "resample: expected a ratio of at most 2^40, found {}", ratio);
  const Index order = system.order(), inputs = system.inputs();
  Eigen::MatrixXd block = Eigen::MatrixXd::Identity(order + inputs, order + inputs);
  block.topLeftCorner(order, order) = system.a().template cast<double>();
  block.topRightCorner(order, inputs) = system.b().template cast<double>();
  const Eigen::MatrixXd power = detail::real_power("resample", block, ratio);
  return detail::sampled_system<Scalar, timing>("resample", power.topLeftCorner(order, order),
                                                power.topRightCorner(order, inputs), system.c().template cast<double>(),
                                                system.d().template cast<double>());
}

}  // namespace tessera::inline TESSERA_ISA
