// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What the first L taps leave of the rows and columns of a sampled system, C (I - A^L) and (I - A^L) B. With
// E_s = I - A^s,
//
//   E_(k+s) x = E_k x + E_s (x - E_k x),    E_2s = E_s (2 I - E_s)
//
// and E_1 is accurate for any dt, hence so are the results. Short lengths are walked through, O(m L): a column takes
// the step of the recurrence, x - x' = s 2 Re(w x) - change x, and so does a row, with s and w exchanged. For long ones
// the dense matrix is squared until what is left of L is at most its order n: n^3 log(L / n) + n^3 or so. With Re
// Lambda <= 0 and the bilinear rule no power of A lengthens a vector: roundings add up and do not grow.

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <utility>
#include <vector>

#include <Eigen/Core>
#include <Eigen/LU>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/ssm/detail/dplr_channel.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// E_L x by L steps. Lanes are modes.
template <class Real>
class StepWalk {
 public:
  using Column = ComplexColumn<Real>;
  using Matrix = ComplexMatrix<Real>;
  static constexpr Index lanes = simd::lanes<Real>;

  /// x' = x + change x - sum over j of (column j of `out`) 2 Re(row j of `in` x).
  StepWalk(const Column& change, const Matrix& out, const Matrix& in)
      : modes_(change.size()), rank_(out.cols()), pitch_((modes_ + lanes - 1) / lanes * lanes) {
    coefficients_.resize(static_cast<std::size_t>((2 + 4 * rank_) * pitch_));
    probes_.resize(static_cast<std::size_t>(rank_));
    for (Index n = 0; n < modes_; ++n) {
      place(coefficients_, 0, -change[n], n);
      for (Index j = 0; j < rank_; ++j) {
        place(coefficients_, 2 + 4 * j, out(n, j), n);
        place(coefficients_, 4 + 4 * j, Real(2) * std::conj(in(j, n)), n);
      }
    }
  }

  Column less_power(const Column& x, Index exponent) {
    state_.assign(static_cast<std::size_t>(4 * pitch_), Real(0));
    for (Index n = 0; n < modes_; ++n) place(state_, 0, x[n], n);
    add_up();
    const Real negligible = largest() * Real(1e-30);
    for (Index t = 0; t < exponent; ++t) {
      if (t % 128 == 127 && largest() <= negligible) break;  // what would still leave is below rounding
      step();
      add_up();
    }
    Column result(modes_);
    for (Index n = 0; n < modes_; ++n) result[n] = {at(state_, 2, n), at(state_, 3, n)};
    return result;
  }

 private:
  using Vector = simd::Vec<Real>;
  using Values = AlignedVector<Real>;

  void place(Values& values, Index row, std::complex<Real> value, Index n) {
    at(values, row, n) = value.real();
    at(values, row + 1, n) = value.imag();
  }
  Real& at(Values& values, Index row, Index n) { return values[static_cast<std::size_t>(row * pitch_ + n)]; }
  Vector coefficient(Index row, Index n) const { return simd::load(coefficients_.data() + row * pitch_ + n); }

  Real largest() const {
    Real size = 0;
    for (Index i = 0; i < 2 * pitch_; ++i) size = std::max(size, std::abs(state_[static_cast<std::size_t>(i)]));
    return size;
  }

  /// What leaves x goes to the result.
  void step() {
    Real* re = state_.data();
    for (Index n = 0; n < pitch_; n += lanes) {
      Real *const x = re + n, *const y = x + pitch_, *const to = y + pitch_, *const ito = to + pitch_;
      const Vector a = simd::load(x), b = simd::load(y), c = coefficient(0, n), d = coefficient(1, n);
      Vector leave = simd::multiply_add(c, a, -(d * b)), ileave = simd::multiply_add(c, b, d * a);
      for (Index j = 0; j < rank_; ++j) {
        const Vector probe = simd::broadcast(probes_[static_cast<std::size_t>(j)]);
        leave = simd::multiply_add(coefficient(2 + 4 * j, n), probe, leave);
        ileave = simd::multiply_add(coefficient(3 + 4 * j, n), probe, ileave);
      }
      simd::store(x, a - leave);
      simd::store(y, b - ileave);
      simd::store(to, simd::load(to) + leave);
      simd::store(ito, simd::load(ito) + ileave);
    }
  }

  /// 2 Re(w_j x).
  void add_up() {
    for (Index j = 0; j < rank_; ++j) {
      Vector sum[4] = {};
      for (Index n = 0; n < pitch_; n += lanes) {
        const Index odd = n / lanes % 2;
        const Vector re = simd::load(state_.data() + n), im = simd::load(state_.data() + pitch_ + n);
        sum[2 * odd] = simd::multiply_add(coefficient(4 + 4 * j, n), re, sum[2 * odd]);
        sum[2 * odd + 1] = simd::multiply_add(coefficient(5 + 4 * j, n), im, sum[2 * odd + 1]);
      }
      probes_[static_cast<std::size_t>(j)] = simd::reduce_add((sum[0] + sum[1]) + (sum[2] + sum[3]));
    }
  }

  Index modes_, rank_, pitch_;
  Values coefficients_;  // real and imaginary parts: -change, and of each j those of s and w
  Values state_;         // x, and what has left it
  Values probes_;
};

/// E_s for s a power of two, as far as an exponent needs.
template <class Real>
class Squares {
 public:
  using Matrix = RealMatrix<Real>;

  /// `change` is E_1.
  Squares(Matrix change, Index exponent) : exponent_(exponent), vanished_(change.size() == 0) {
    squares_.push_back(std::move(change));
    while (!vanished_ && left_over() > squares_[0].rows()) {
      const Matrix& last = squares_.back();
      const Matrix power = Matrix::Identity(last.rows(), last.cols()) - last;
      vanished_ = power.cwiseAbs().maxCoeff() < 1e-10;  // the square of this is below rounding
      if (!vanished_) squares_.push_back(2 * last - last * last);
    }
  }

  /// E_L x for a column, x E_L for a row.
  RealColumn<Real> apply(const RealColumn<Real>& x) const {
    return walk(x, [](const Matrix& square, const RealColumn<Real>& rest) { return (square * rest).eval(); });
  }
  RealRow<Real> apply(const RealRow<Real>& x) const {
    return walk(x, [](const Matrix& square, const RealRow<Real>& rest) { return (rest * square).eval(); });
  }

 private:
  /// How often the last power is taken after the bits below.
  Index left_over() const { return exponent_ >> (squares_.size() - 1); }

  template <class Vector, class Times>
  Vector walk(const Vector& x, Times&& times) const {
    if (vanished_) return x;
    Vector result = Vector::Zero(x.size());
    for (std::size_t i = 0; i + 1 < squares_.size(); ++i) {
      if ((exponent_ >> i) % 2 != 0) result += times(squares_[i], x - result);
    }
    for (Index i = 0; i < left_over(); ++i) result += times(squares_.back(), x - result);
    return result;
  }

  Index exponent_;
  bool vanished_;
  std::vector<Matrix> squares_;
};

/// C (I - A^L) and (I - A^L) B; of the continuous system's B, which differs by a matrix that commutes with A.
template <class Real>
struct TruncatedEnds {
  ComplexColumn<Real> output;
  ComplexColumn<Real> input;  // only on request

  TruncatedEnds(const DplrChannel<Real>& channel, Index length, bool with_input) {
    const DplrStep<Real> step(channel);
    const Index m = channel.modes(), n = 2 * m;
    if (length <= 2 * n * n) {  // about where both cost the same
      output = StepWalk<Real>(step.change, step.probe.transpose(), step.shift.transpose())
                   .less_power(channel.output, length);
      if (with_input) input = StepWalk<Real>(step.change, step.shift, step.probe).less_power(channel.input, length);
      return;
    }
    const Squares<Real> squares(step.dense_change(), length);
    output = complex_row<Real>(squares.apply(real_row(channel.output)));
    if (!with_input) return;
    const RealColumn<Real> column = squares.apply(real_column(channel.input));
    input.resize(m);
    input.real() = column.head(m);
    input.imag() = column.tail(m);
  }
};

/// The C of which `channel`'s output is C (I - A^L), and the condition of I - A^L.
template <class Real>
std::pair<ComplexColumn<Real>, double> restore_output(const DplrChannel<Real>& channel, Index length) {
  RealMatrix<Real> change = DplrStep<Real>(channel).dense_change();
  RealMatrix<Real> all = RealMatrix<Real>::Zero(change.rows(), change.cols());
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
