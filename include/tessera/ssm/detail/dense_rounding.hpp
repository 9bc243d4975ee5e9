// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Powers of a dense matrix, its spectral radius, and how rounding grows along its Krylov sequence.
//
// Rounding, after Higham and Mary (A new approach to probabilistic rounding error analysis, 2019): each rounding of a
// partial sum s is a random number of mean zero, of variance (0.045 epsilon^2) s^2 (uniform within half a unit in the
// last place, the significand of s spread logarithmically). The error of tap T has therefore the variance
//
//   sum over t < T and entries i of (C A^(T-1-t))_i^2 variance_i(A x[t])  +  variance(C x[T]).

#include <algorithm>
#include <cmath>
#include <limits>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// A^exponent, exponent >= 0, by squaring.
template <class Scalar>
Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> matrix_power(
    const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>& a, Index exponent) {
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  Matrix power = Matrix::Identity(a.rows(), a.rows()), square = a;
  for (Index rest = exponent; rest > 0; rest /= 2) {
    if (rest % 2 == 1) power = (power * square).eval();
    if (rest > 1) square = (square * square).eval();
  }
  if (!all_finite(power.data(), power.size())) {
    raise<NumericalError>("matrix_power: expected powers within range, found A^{} to overflow", exponent);
  }
  return power;
}

/// The limit of |A^m|^(1/m) for m = 2^50. Every square is scaled to norm 1, and the logarithms of the scales add up.
template <class Matrix>
double spectral_radius(Matrix a) {
  if (a.size() == 0) return 0;
  double logarithm = 0, weight = 1;
  for (int squaring = 0;; ++squaring) {
    const double largest = a.cwiseAbs().maxCoeff();
    if (largest == 0) return 0;
    a /= largest;  // first, as the norm of what is large or small would overflow or vanish
    const double norm = a.norm();
    a /= norm;
    logarithm += weight * (std::log(largest) + std::log(norm));
    if (squaring == 50) return std::exp(logarithm);
    a = (a * a).eval();
    weight *= 0.5;
  }
}

/// The sum of squares of the partial sums of each entry of A x, a sum of one term being a sum as well. `present` is 1
/// where A is not 0: adding 0 rounds nothing.
template <class Matrix, class Vector>
Eigen::ArrayXd squared_partial_sums(const Matrix& a, const Matrix& present, const Vector& x) {
  Eigen::ArrayXd sum = Eigen::ArrayXd::Zero(a.rows()), squares = sum;
  for (Index j = 0; j < a.cols(); ++j) {
    if (x[j] == 0) continue;
    sum += a.col(j).array() * x[j];
    squares += present.col(j).array() * sum.square();
  }
  return squares;
}

/// The variances of the entries of A x[t], the largest over the inputs, and the squares of C A^t, the largest over the
/// outputs: (order, count) each.
struct RoundingSequences {
  Eigen::ArrayXXd noise, gain;
  double largest_tap = 0, largest_output_noise = 0;
};

template <class Matrix>
RoundingSequences rounding_sequences(const Matrix& a, const Matrix& b, const Matrix& c, Index count) {
  RoundingSequences result{Eigen::ArrayXXd::Zero(a.rows(), count), Eigen::ArrayXXd::Zero(a.rows(), count)};
  Matrix state = b, row = c;
  const Matrix present = (a.array() != 0).template cast<double>(), present_c = (c.array() != 0).template cast<double>();
  for (Index t = 0; t < count; ++t) {
    for (Index i = 0; i < state.cols(); ++i) {
      result.noise.col(t) = result.noise.col(t).max(squared_partial_sums(a, present, state.col(i)));
      result.largest_output_noise =
          std::max(result.largest_output_noise, squared_partial_sums(c, present_c, state.col(i)).maxCoeff());
    }
    result.gain.col(t) = row.array().square().colwise().maxCoeff().transpose();
    result.largest_tap = std::max(result.largest_tap, (c * state).cwiseAbs().maxCoeff());
    state = (a * state).eval();
    row = (row * a).eval();
  }
  return result;
}

/// See DenseSystem::predicted_error.
template <class Matrix>
double dense_rounding(const Matrix& a, const Matrix& b, const Matrix& c, const Matrix& d, bool delayed, Index length,
                      double epsilon) {
  const Index count = delayed ? length - 1 : length;
  if (count <= 0 || a.size() == 0 || b.size() == 0 || c.size() == 0) return 0;
  const RoundingSequences sequences = rounding_sequences(a, b, c, count);
  const double tap = std::max(sequences.largest_tap, d.cwiseAbs().maxCoeff());
  double worst = 0;
  constexpr Index samples = 64;  // taps at which the sum is taken: it varies slowly
  for (Index s = 1; s <= samples; ++s) {
    const Index last = (count - 1) * s / samples;
    double variance = 0;
    for (Index t = 0; t < last; ++t) variance += (sequences.gain.col(last - 1 - t) * sequences.noise.col(t)).sum();
    if (!is_finite(variance)) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, variance);
  }
  const double error = 3 * epsilon * std::sqrt(0.045 * (worst + sequences.largest_output_noise));
  if (!is_finite(error) || !is_finite(tap)) return std::numeric_limits<double>::infinity();
  return tap == 0 ? 0 : error / tap;
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
