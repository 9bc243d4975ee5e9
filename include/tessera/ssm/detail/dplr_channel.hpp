// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// One channel of a diagonal plus low-rank system, x' = (Lambda - P P^*) x + B u, y = 2 Re(C x), of which one member of
// each pair of conjugates is kept. With the real and the imaginary parts of x as its entries, the state is real,
//
//   A = [Re Lambda, -Im Lambda; Im Lambda, Re Lambda] - U U^T,   U = sqrt(2) [Re P; Im P],
//   B = [Re B; Im B],   C = [2 Re C, -2 Im C],
//
// since P P^* x over all 2 m states is P times the real numbers q = 2 Re(P^* x). Under the bilinear rule of S4,
// x[t] = (I - dt/2 A)^-1 ((I + dt/2 A) x[t-1] + dt B u[t]), Woodbury's identity gives, with D = 1 / (1 - dt/2 Lambda)
// and S = (I + dt Re(P^* D P))^-1,
//
//   x[t] = (2 D - 1) x[t-1] + dt D B u[t] - dt/2 D P (q[t-1] + q[t]),
//   q[t-1] + q[t] = S 2 Re(P^* D (2 x[t-1] + dt B u[t])),
//
// which costs O(m) a sample (Gu, Goel and Re 2022, appendix C.2, where both factors are applied one after the other).

#include <cmath>
#include <complex>

#include <Eigen/Core>
#include <Eigen/LU>

#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

// Templates of the real type, which is double: who does not use them does not compile them.
template <class Real>
using RealColumn = Eigen::Matrix<Real, Eigen::Dynamic, 1>;
template <class Real>
using RealRow = Eigen::Matrix<Real, 1, Eigen::Dynamic>;
template <class Real>
using RealMatrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic>;
template <class Real>
using ComplexColumn = Eigen::Matrix<std::complex<Real>, Eigen::Dynamic, 1>;
template <class Real>
using ComplexMatrix = Eigen::Matrix<std::complex<Real>, Eigen::Dynamic, Eigen::Dynamic>;

/// Parameters, or their gradients.
template <class Real>
struct DplrChannel {
  ComplexColumn<Real> poles;
  ComplexMatrix<Real> low_rank;  // m x rank
  ComplexColumn<Real> input;
  ComplexColumn<Real> output;
  Real dt = 1;
  Real skip = 0;

  Index modes() const { return poles.size(); }
  Index rank() const { return low_rank.cols(); }

  static DplrChannel zero(Index modes, Index rank) {
    using Column = ComplexColumn<Real>;
    return {
        Column::Zero(modes), ComplexMatrix<Real>::Zero(modes, rank), Column::Zero(modes), Column::Zero(modes), 0, 0};
  }
};

// ---- real coordinates ----

template <class Real>
RealColumn<Real> real_column(const ComplexColumn<Real>& column) {
  RealColumn<Real> real(2 * column.size());
  real << column.real(), column.imag();
  return real;
}
template <class Real>
RealRow<Real> real_row(const ComplexColumn<Real>& row) {
  RealRow<Real> real(2 * row.size());
  real << 2 * row.real().transpose(), -2 * row.imag().transpose();
  return real;
}
/// The row of which `real` is real_row.
template <class Real>
ComplexColumn<Real> complex_row(const RealRow<Real>& real) {
  const Index m = real.size() / 2;
  ComplexColumn<Real> row(m);
  row.real() = real.head(m).transpose() / 2;
  row.imag() = -real.tail(m).transpose() / 2;
  return row;
}
/// The gradient of a row from that of its real_row, and back.
template <class Real>
ComplexColumn<Real> complex_row_gradient(const RealRow<Real>& gradient) {
  return 4 * complex_row(gradient);
}
template <class Real>
RealRow<Real> real_row_gradient(const ComplexColumn<Real>& gradient) {
  return real_row(gradient) / 4;
}

template <class Real>
RealMatrix<Real> real_matrix(const ComplexColumn<Real>& poles) {
  const Index m = poles.size();
  RealMatrix<Real> a = RealMatrix<Real>::Zero(2 * m, 2 * m);
  a.diagonal() << poles.real(), poles.real();
  a.topRightCorner(m, m).diagonal() = -poles.imag();
  a.bottomLeftCorner(m, m).diagonal() = poles.imag();
  return a;
}

/// U.
template <class Real>
RealMatrix<Real> real_low_rank(const ComplexMatrix<Real>& low_rank) {
  RealMatrix<Real> u(2 * low_rank.rows(), low_rank.cols());
  u << std::sqrt(Real(2)) * low_rank.real(), std::sqrt(Real(2)) * low_rank.imag();
  return u;
}

/// A of the continuous system.
template <class Real>
RealMatrix<Real> dense_matrix(const DplrChannel<Real>& channel) {
  const RealMatrix<Real> u = real_low_rank(channel.low_rank);
  return real_matrix(channel.poles) - u * u.transpose();
}

/// Adds the gradients of Lambda and P that come from one of A.
template <class Real>
void add_matrix_gradient(const DplrChannel<Real>& channel, const RealMatrix<Real>& a, DplrChannel<Real>& gradient) {
  const Index m = channel.modes();
  gradient.poles.real() += a.diagonal().head(m) + a.diagonal().tail(m);
  gradient.poles.imag() += a.bottomLeftCorner(m, m).diagonal() - a.topRightCorner(m, m).diagonal();
  if (channel.rank() == 0) return;
  const RealMatrix<Real> both = a + a.transpose();
  const RealMatrix<Real> u = -std::sqrt(Real(2)) * (both * real_low_rank(channel.low_rank));
  gradient.low_rank.real() += u.topRows(m);
  gradient.low_rank.imag() += u.bottomRows(m);
}

/// How far the pivots of a factored matrix are apart: its condition, roughly, and 1e300 for one without an inverse
/// (where Eigen's own estimate is any number).
template <class Matrix>
double pivot_ratio(const Eigen::PartialPivLU<Matrix>& factors) {
  if (factors.rows() == 0) return 1;
  const auto pivots = factors.matrixLU().diagonal().cwiseAbs().eval();
  const double least = static_cast<double>(pivots.minCoeff()), most = static_cast<double>(pivots.maxCoeff());
  return least > 1e-290 * most && least > 0 ? most / least : 1e300;
}

// ---- the sampled system ----

/// x[t] = x[t-1] + change x[t-1] + input u[t] - shift 2 Re(probe x[t-1]).
template <class Real>
struct DplrStep {
  ComplexColumn<Real> poles;   // 1 + change
  ComplexColumn<Real> change;  // of the diagonal part, accurate for any dt
  ComplexColumn<Real> input;
  ComplexMatrix<Real> shift;  // m x rank
  ComplexMatrix<Real> probe;  // rank x m

  explicit DplrStep(const DplrChannel<Real>& channel) {
    const Real half = channel.dt / 2;
    const ComplexColumn<Real> d = (Real(1) - half * channel.poles.array()).inverse();
    const Index rank = channel.rank();
    poles = (Real(1) + half * channel.poles.array()) * d.array();
    change = channel.dt * d.cwiseProduct(channel.poles);
    input = channel.dt * d.cwiseProduct(channel.input);
    shift = half * (d.asDiagonal() * channel.low_rank);
    probe = channel.low_rank.adjoint();
    if (rank == 0) return;
    // Lazy products throughout: the rank is small, and no product of complex matrices need be compiled.
    const RealMatrix<Real> inner = RealMatrix<Real>::Identity(rank, rank) + 2 * probe.lazyProduct(shift).real();
    const RealMatrix<Real> s = inner.partialPivLu().inverse();
    const RealColumn<Real> into = 2 * probe.lazyProduct(input).real();
    const ComplexColumn<Real> through = s.lazyProduct(into).template cast<std::complex<Real>>();
    const ComplexMatrix<Real> scaled = probe * (2 * d).asDiagonal();
    probe = s.template cast<std::complex<Real>>().lazyProduct(scaled);
    input -= shift.lazyProduct(through);
  }

  /// The sampled matrix in real coordinates, and I less it, accurate for any dt.
  RealMatrix<Real> dense() const { return real_matrix(poles) - coupling(); }
  RealMatrix<Real> dense_change() const { return coupling() - real_matrix(change); }

 private:
  RealMatrix<Real> coupling() const {
    const Index m = poles.size();
    RealMatrix<Real> left(2 * m, shift.cols()), right(shift.cols(), 2 * m);
    left << shift.real(), shift.imag();
    right << 2 * probe.real(), -2 * probe.imag();
    return left * right;
  }
};

/// From the gradients of the sampled matrix and input, in real coordinates, those of Lambda, P and B. With M =
/// (I - dt/2 A)^-1 they are 2 M - I and dt M B, and dM = dt/2 M dA M.
template <class Real>
void add_step_gradient(const DplrChannel<Real>& channel, const RealMatrix<Real>& of_step,
                       const RealColumn<Real>& of_input, DplrChannel<Real>& gradient) {
  const Index m = channel.modes(), n = 2 * m;
  const RealMatrix<Real> inverse =
      (RealMatrix<Real>::Identity(n, n) - DplrStep<Real>(channel).dense_change() / 2).transpose();
  const RealColumn<Real> input = channel.dt * (inverse * of_input);
  gradient.input.real() += input.head(m);
  gradient.input.imag() += input.tail(m);
  RealMatrix<Real> of_inverse = 2 * of_step;
  of_inverse.noalias() += channel.dt * of_input * real_column(channel.input).transpose();
  add_matrix_gradient<Real>(channel, channel.dt / 2 * (inverse * of_inverse * inverse), gradient);
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
