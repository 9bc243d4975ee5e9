// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The backward pass of the scan of S5. With g the gradient of y and x~ that of x,
//
//   x~[t] = 2 C^H g[t] + conj(p) x~[t+1],
//   p~ = sum of conj(x[t-1]) x~[t],   B~ = sum of x~[t] u[t]^T,   C~ = 2 sum of g[t] x[t]^H,   u~[t] = Re(B^H x~[t]) +
//   skip g.
//
// States are kept only where segments of about sqrt(L) samples begin; those of one segment at a time are computed
// again. Everything is in double. In real matrices a complex column is two, real part first.

#include <algorithm>
#include <cmath>
#include <complex>
#include <utility>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/ssm/detail/double_lanes.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Sizes are of the model; matrices are real, (inputs or outputs, 2 modes).
struct S5Weights {
  Eigen::VectorXcd poles;
  RowMatrix<double> b;  // real and imaginary parts of B, transposed
  RowMatrix<double> c;  // 2 Re C and -2 Im C
  Eigen::VectorXd skip;
};

/// Work memory and sums of one backward pass.
template <class Scalar>
class S5Backward {
 public:
  S5Backward(const S5Weights& weights, Index length)
      : weights_(weights),
        length_(length),
        segment_(segment_length(length)),
        starts_((length + segment_ - 1) / segment_, 2 * modes()),
        inputs_(segment_, weights.b.rows()),
        outputs_(segment_, weights.c.rows()),
        states_(segment_, 2 * modes()),
        adjoints_(segment_, 2 * modes()),
        poles_(Eigen::VectorXcd::Zero(modes())),
        b_(RowMatrix<double>::Zero(weights.b.rows(), 2 * modes())),
        c_(RowMatrix<double>::Zero(weights.c.rows(), 2 * modes())),
        skip_(Eigen::VectorXd::Zero(weights.c.rows())) {}

  /// Doubles held, sums apart: the states before all segments, and the states, adjoints, inputs and outputs of one.
  Index work_size() const {
    return starts_.size() + inputs_.size() + outputs_.size() + states_.size() + adjoints_.size();
  }
  static Index work_size(const S5Weights& weights, Index length) {
    const Index segment = segment_length(length), segments = (length + segment - 1) / segment;
    return (segments + 2 * segment) * 2 * weights.poles.size() + segment * (weights.b.rows() + weights.c.rows());
  }

  /// `carry` is the gradient of the last state, and becomes that of the initial one. `input_gradient` is (inputs, L).
  void run(const std::complex<double>* initial, const Signals<const Scalar>& input,
           const Signals<const Scalar>& gradient, std::complex<double>* carry, RowMatrix<Scalar>& input_gradient) {
    Eigen::Map<Eigen::RowVectorXd> adjoint(reinterpret_cast<double*>(carry), 2 * modes());
    Eigen::RowVectorXd state =
        Eigen::Map<const Eigen::RowVectorXd>(reinterpret_cast<const double*>(initial), 2 * modes());
    for (Index k = 0; k < starts_.rows(); ++k) {
      starts_.row(k) = state;
      forward(input, k, state);
    }
    for (Index k = starts_.rows() - 1; k >= 0; --k) {
      state = starts_.row(k);
      const Index count = forward(input, k, state);
      for (Index o = 0; o < outputs_.cols(); ++o) {
        for (Index t = 0; t < count; ++t) outputs_(t, o) = static_cast<double>(gradient(0, o)[k * segment_ + t]);
      }
      adjoints_.topRows(count).noalias() = outputs_.topRows(count) * weights_.c;
      reverse(k, count, adjoint);
      collect(k, count, input_gradient);
    }
  }

  const Eigen::VectorXcd& poles() const { return poles_; }
  const RowMatrix<double>& b() const { return b_; }  // as in S5Weights
  const RowMatrix<double>& c() const { return c_; }
  const Eigen::VectorXd& skip() const { return skip_; }

 private:
  static Index segment_length(Index length) {
    return std::max<Index>(1, static_cast<Index>(std::ceil(std::sqrt(static_cast<double>(length)))));
  }

  Index modes() const { return weights_.poles.size(); }

  // All states of segment k, from the one before it; `state` becomes the last one. Returns the number of samples.
  Index forward(const Signals<const Scalar>& input, Index k, Eigen::RowVectorXd& state) {
    const Index count = std::min(segment_, length_ - k * segment_);
    for (Index i = 0; i < inputs_.cols(); ++i) {
      for (Index t = 0; t < count; ++t) inputs_(t, i) = static_cast<double>(input(0, i)[k * segment_ + t]);
    }
    states_.topRows(count).noalias() = inputs_.topRows(count) * weights_.b;
    const double* before = state.data();
    for (Index t = 0; t < count; ++t) {
      double* x = states_.row(t).data();
      for (Index n = 0; n < modes(); ++n) add_product(weights_.poles[n], before + 2 * n, x + 2 * n);
      before = x;
    }
    if (count > 0) state = states_.row(count - 1);
    return count;
  }

  // From 2 C^H g to x~, last sample first.
  void reverse(Index k, Index count, Eigen::Map<Eigen::RowVectorXd>& carry) {
    for (Index t = count - 1; t >= 0; --t) {
      double* x = adjoints_.row(t).data();
      const double* before = t > 0 ? states_.row(t - 1).data() : starts_.row(k).data();
      for (Index n = 0; n < modes(); ++n) {
        x[2 * n] += carry[2 * n];
        x[2 * n + 1] += carry[2 * n + 1];
        double moved[2] = {0, 0}, sum[2] = {0, 0};
        add_product(std::conj(weights_.poles[n]), x + 2 * n, moved);
        add_product({before[2 * n], -before[2 * n + 1]}, x + 2 * n, sum);
        carry[2 * n] = moved[0];
        carry[2 * n + 1] = moved[1];
        poles_[n] += std::complex<double>(sum[0], sum[1]);
      }
    }
  }

  void collect(Index k, Index count, RowMatrix<Scalar>& input_gradient) {
    b_.noalias() += inputs_.topRows(count).transpose() * adjoints_.topRows(count);
    c_.noalias() += outputs_.topRows(count).transpose() * states_.topRows(count);
    const bool direct = inputs_.cols() == outputs_.cols();
    for (Index o = 0; o < skip_.size() && direct; ++o)
      skip_[o] += outputs_.col(o).head(count).dot(inputs_.col(o).head(count));
    inputs_.topRows(count).noalias() = adjoints_.topRows(count) * weights_.b.transpose();
    for (Index i = 0; i < inputs_.cols(); ++i) {
      for (Index t = 0; t < count; ++t) {
        const double through = direct ? weights_.skip[i] * outputs_(t, i) : 0;
        input_gradient(i, k * segment_ + t) = static_cast<Scalar>(inputs_(t, i) + through);
      }
    }
  }

  static void add_product(const std::complex<double>& a, const double* x, double* sum) {
    sum[0] += a.real() * x[0] - a.imag() * x[1];
    sum[1] += a.real() * x[1] + a.imag() * x[0];
  }

  const S5Weights& weights_;
  Index length_, segment_;
  RowMatrix<double> starts_;                                // (segments, 2 modes): the state before each
  RowMatrix<double> inputs_, outputs_, states_, adjoints_;  // of one segment
  Eigen::VectorXcd poles_;
  RowMatrix<double> b_, c_;
  Eigen::VectorXd skip_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
