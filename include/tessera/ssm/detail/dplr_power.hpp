// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The correction of an output row to the first L taps, c (I - A^L), its inverse and its gradients. With E_s = I - A^s,
//
//   E_2s = E_s (2 I - E_s),    c E_(k+s) = c E_k + (c - c E_k) E_s:
//
// A is squared, in this form, until what is left of L is at most its order n, and the row then takes so many steps:
// n^3 log(L / n) + n^3 or so. E_1 is accurate for any dt, and so is the result. With Re Lambda <= 0 and the bilinear
// rule no power of A lengthens a vector: roundings add up and do not grow.

#include <utility>
#include <vector>

#include <Eigen/Core>
#include <Eigen/LU>

#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/detail/dplr_channel.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class Real>
class RowPower {
 public:
  using Row = RealRow<Real>;
  using Matrix = RealMatrix<Real>;

  /// `change` is E_1.
  RowPower(Matrix change, Index exponent) : exponent_(exponent), vanished_(change.size() == 0) {
    squares_.push_back(std::move(change));
    while (!vanished_ && left_over() > squares_[0].rows()) {
      const Matrix& last = squares_.back();
      vanished_ = power(levels()).cwiseAbs().maxCoeff() < 1e-10;  // the square of this is below rounding
      if (!vanished_) squares_.push_back(2 * last - last * last);
    }
  }

  /// Whether A^L is below rounding.
  bool vanished() const { return vanished_; }

  /// c E_L.
  Row times(const Row& c) const {
    if (vanished_) return c;
    Row result = Row::Zero(c.size());
    for_steps([&](Index i) { result += ((c - result) * square(i)).eval(); });
    return result;
  }
  /// c E_L^T.
  Row times_transposed(const Row& c) const {
    if (vanished_) return c;
    Row result = Row::Zero(c.size());
    for_steps([&](Index i) { result += ((c - result) * square(i).transpose()).eval(); });
    return result;
  }

  /// From `above`, the gradient of c E_L, that of A.
  Matrix backward(Row c, const Row& above) const {
    const Index n = c.size(), repeats = left_over();
    if (vanished_) return Matrix::Zero(n, n);
    std::vector<Row> before(squares_.size());  // c before it meets power i
    for (Index i = 0; i < levels(); ++i) {
      before[static_cast<std::size_t>(i)] = c;
      if (has_bit(i)) c -= (c * square(i)).eval();
    }
    Row gradient = -above;
    Matrix left(repeats, n), right(repeats, n);
    for (Index i = 0; i < repeats; ++i) {
      left.row(i) = c;
      c -= (c * squares_.back()).eval();
    }
    for (Index i = repeats - 1; i >= 0; --i) {
      right.row(i) = gradient;
      gradient -= (gradient * squares_.back().transpose()).eval();
    }
    Matrix result = left.transpose() * right;
    for (Index i = levels() - 1; i >= 0; --i) {
      const Matrix transposed = power(i).transpose();
      result = (transposed * result + result * transposed).eval();
      if (!has_bit(i)) continue;
      result.noalias() += before[static_cast<std::size_t>(i)].transpose() * gradient;
      gradient = (gradient * transposed).eval();
    }
    return result;
  }

 private:
  /// Squarings done, and how often the last power is taken after the bits below.
  Index levels() const { return static_cast<Index>(squares_.size()) - 1; }
  Index left_over() const { return exponent_ >> levels(); }
  bool has_bit(Index i) const { return (exponent_ >> i) % 2 != 0; }
  /// E_s, s = 2^i, and A^s.
  const Matrix& square(Index i) const { return squares_[static_cast<std::size_t>(i)]; }
  Matrix power(Index i) const { return Matrix::Identity(square(i).rows(), square(i).cols()) - square(i); }

  template <class Body>
  void for_steps(Body&& body) const {
    for (Index i = 0; i < levels(); ++i) {
      if (has_bit(i)) body(i);
    }
    for (Index i = 0; i < left_over(); ++i) body(levels());
  }

  Index exponent_;
  bool vanished_;
  std::vector<Matrix> squares_;
};

/// C (I - A^L) of the sampled system.
template <class Real>
ComplexColumn<Real> truncate_output(const DplrChannel<Real>& channel, Index length) {
  const RowPower<Real> power(DplrStep<Real>(channel).dense_change(), length);
  return complex_row<Real>(power.times(real_row(channel.output)));
}

/// From the gradient of truncate_output, in the place of the output's, that of the output, and those of Lambda and P,
/// added to `gradient`'s.
template <class Real>
void truncate_output_backward(const DplrChannel<Real>& channel, Index length, DplrChannel<Real>& gradient) {
  const RowPower<Real> power(DplrStep<Real>(channel).dense_change(), length);
  const RealRow<Real> above = real_row_gradient(gradient.output);
  gradient.output = complex_row_gradient<Real>(power.times_transposed(above));
  if (power.vanished()) return;
  const RealColumn<Real> none = RealColumn<Real>::Zero(2 * channel.modes());
  add_step_gradient<Real>(channel, power.backward(real_row(channel.output), above), none, gradient);
}

/// The C of which `channel`'s output is C (I - A^L), and the condition of I - A^L.
template <class Real>
std::pair<ComplexColumn<Real>, double> restore_output(const DplrChannel<Real>& channel, Index length) {
  RealMatrix<Real> change = DplrStep<Real>(channel).dense_change(),
                   all = RealMatrix<Real>::Zero(change.rows(), change.cols());
  for (Index rest = length; rest > 0; rest /= 2) {
    if (rest % 2 != 0) all = (all + change - all * change).eval();  // E_(k+s) = E_k + E_s - E_k E_s
    if (rest > 1) change = (2 * change - change * change).eval();
  }
  const Eigen::PartialPivLU<RealMatrix<Real>> factors(all.transpose());
  const RealRow<Real> row = factors.solve(real_row(channel.output).transpose()).transpose();
  return {complex_row<Real>(row), pivot_ratio(factors)};
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
