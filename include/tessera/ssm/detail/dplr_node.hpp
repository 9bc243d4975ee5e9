// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The nodes of a kernel's spectrum, z = exp(-i theta) at the L-th roots of unity, and what is done at those that have a
// pole of Lambda beside them: the terms of Woodbury's identity are large there and cancel, while the system itself need
// not have a pole. Such nodes are solved with the dense matrix, and so is their gradient:
//
//   K = dt exp(i theta / 2) C (i sigma I - kappa A)^-1 B,    sigma = 2 sin(theta / 2),  kappa = dt cos(theta / 2)

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <numbers>
#include <vector>

#include <Eigen/Core>
#include <Eigen/LU>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/detail/dplr_channel.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The upper half of the roots of unity, z^L = 1, as many as a spectrum of real numbers has bins; or of those between
/// them, z^L = -1, which are the odd ones of the roots of unity of 2 L.
class UnitNodes {
 public:
  explicit UnitNodes(Index length, bool between = false) : length_(length), between_(between) {
    const Index padded = (count() + 63) / 64 * 64;  // whole tiles of any scalar; the last node again
    for (Index l = 0; l < padded; ++l) {
      const double half = angle(std::min(l, count() - 1)) / 2;
      sine_.push_back(std::sin(half));
      cosine_.push_back(at_end(std::min(l, count() - 1)) ? 0 : std::cos(half));
    }
    single_sine_.assign(sine_.begin(), sine_.end());
    single_cosine_.assign(cosine_.begin(), cosine_.end());
  }

  Index length() const { return length_; }
  Index count() const { return between_ ? (length_ + 1) / 2 : length_ / 2 + 1; }
  double angle(Index l) const { return (static_cast<double>(l) + offset()) * step(); }
  /// The node closest to an angle in [0, pi].
  Index closest(double angle) const {
    return std::clamp<Index>(static_cast<Index>(std::lround(angle / step() - offset())), 0, count() - 1);
  }
  template <class T>
  const T* half_sine() const {
    if constexpr (sizeof(T) == 4) return single_sine_.data();
    if constexpr (sizeof(T) == 8) return sine_.data();
  }
  template <class T>
  const T* half_cosine() const {
    if constexpr (sizeof(T) == 4) return single_cosine_.data();
    if constexpr (sizeof(T) == 8) return cosine_.data();
  }

 private:
  double offset() const { return between_ ? 0.5 : 0; }
  double step() const { return 2 * std::numbers::pi / static_cast<double>(length_); }
  /// z = -1, where the cosine is exactly 0.
  bool at_end(Index l) const { return 2 * l + (between_ ? 1 : 0) == length_; }

  Index length_;
  bool between_;
  AlignedVector<double> sine_, cosine_;
  AlignedVector<float> single_sine_, single_cosine_;
};

/// Where a mode of Lambda comes closest to a node.
struct Resonance {
  Index node = 0;
  double strength = 0;  // |kappa| (|lambda| + |P|^2) / |delta|: what the terms of the sums exceed their sum by, at most
  double distance = 0;  // |1 - z p|, p the pole of the sampled mode
};

template <class Real>
Resonance resonance(const DplrChannel<Real>& channel, const UnitNodes& nodes, Index n) {
  const std::complex<double> pole = channel.poles[n];
  Resonance result;
  result.node = nodes.closest(2 * std::atan(channel.dt / 2 * std::abs(pole.imag())));
  const double sigma = 2 * nodes.half_sine<double>()[result.node];
  const double kappa = channel.dt * nodes.half_cosine<double>()[result.node];
  const double delta = std::hypot(kappa * pole.real(), sigma - kappa * std::abs(pole.imag()));
  const double terms = kappa * (std::abs(pole) + channel.low_rank.row(n).squaredNorm());
  result.strength = delta < 1e-290 ? 1e300 : terms / delta;
  result.distance = 2 * delta / std::abs(2.0 - channel.dt * pole);
  return result;
}

/// (i sigma I - kappa A)^-1 B and C (i sigma I - kappa A)^-1, dense.
template <class Real>
class DenseNode {
 public:
  using Complex = std::complex<Real>;

  /// As real matrices of twice the size, [Re, -Im; Im, Re]: these rare solves need no complex factors.
  DenseNode(const DplrChannel<Real>& channel, const UnitNodes& nodes, Index l)
      : kappa_(channel.dt * nodes.half_cosine<Real>()[l]), turn_(kappa_, channel.dt * nodes.half_sine<Real>()[l]) {
    const Index n = 2 * channel.modes();
    RealMatrix<Real> matrix = RealMatrix<Real>::Zero(2 * n, 2 * n), sides = RealMatrix<Real>::Zero(2 * n, 2);
    matrix.topLeftCorner(n, n) = -kappa_ * dense_matrix(channel);
    matrix.bottomRightCorner(n, n) = matrix.topLeftCorner(n, n);
    matrix.topRightCorner(n, n).diagonal().setConstant(-2 * nodes.half_sine<Real>()[l]);
    matrix.bottomLeftCorner(n, n).diagonal().setConstant(2 * nodes.half_sine<Real>()[l]);
    sides.topRows(n).col(0) = real_column(channel.input);
    const Eigen::PartialPivLU<RealMatrix<Real>> factors(matrix);
    condition_ = pivot_ratio(factors);
    right_ = joined(factors.solve(sides.col(0)));
    row_ = real_row(channel.output);
    matrix.topLeftCorner(n, n).transposeInPlace();
    matrix.bottomRightCorner(n, n).transposeInPlace();
    sides.topRows(n).col(1) = row_.transpose();
    left_ = joined(Eigen::PartialPivLU<RealMatrix<Real>>(matrix).solve(sides.col(1)));
  }

  /// Of the matrix: large where a pole of the system itself is at the node.
  double condition() const { return condition_; }
  /// |(i sigma I - kappa A)^-1 B|.
  Real right_norm() const { return right_.norm(); }
  Complex value() const { return turn_ * row_.transpose().template cast<Complex>().cwiseProduct(right_).sum(); }

  /// Adds what comes from the gradient `bin` of value().
  void backward(const DplrChannel<Real>& channel, Complex bin, DplrChannel<Real>& gradient) const {
    const Complex above = std::conj(turn_) * bin;
    const RealColumn<Real> column = (left_.conjugate() * above).real();
    const RealRow<Real> row = (right_.conjugate() * above).real().transpose();
    const Index m = channel.modes();
    gradient.input.real() += column.head(m);
    gradient.input.imag() += column.tail(m);
    gradient.output += complex_row_gradient(row);
    const RealMatrix<Real> of_matrix = (kappa_ * above * left_.conjugate()).lazyProduct(right_.adjoint()).real();
    add_matrix_gradient(channel, of_matrix, gradient);
  }

 private:
  static ComplexColumn<Real> joined(const RealColumn<Real>& parts) {
    const Index n = parts.size() / 2;
    ComplexColumn<Real> column(n);
    column.real() = parts.head(n);
    column.imag() = parts.tail(n);
    return column;
  }

  Real kappa_;
  Complex turn_;
  double condition_ = 1;
  ComplexColumn<Real> right_, left_;
  RealRow<Real> row_;
};

/// Terms may exceed their sum so many times in double: 1e-10 is left.
inline constexpr double dense_limit = 1 << 20;

/// The nodes at which terms exceed their sum by more, in order.
template <class Real>
std::vector<Index> resonant_nodes(const DplrChannel<Real>& channel, const UnitNodes& nodes) {
  std::vector<Index> found;
  for (Index n = 0; n < channel.modes(); ++n) {
    const Resonance here = resonance(channel, nodes, n);
    if (here.strength > dense_limit) found.push_back(here.node);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

/// The largest condition of those nodes; 1 without any.
template <class Real>
double node_condition(const DplrChannel<Real>& channel, const UnitNodes& nodes) {
  double largest = 1;
  for (const Index l : resonant_nodes(channel, nodes))
    largest = std::max(largest, DenseNode<Real>(channel, nodes, l).condition());
  return largest;
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
