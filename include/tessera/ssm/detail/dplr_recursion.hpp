// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The kernel of a channel tap by tap, for the rare one that has a pole of its own at a node, as an integrator has at
// z = 1: its spectrum there is 0 / 0, its taps are as good as any. Gradients through the dense sampled matrix, O(m^2 L)
// time and O(m L) memory.

#include <complex>

#include <Eigen/Core>

#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/detail/dplr_channel.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Beyond this condition of a node (node_condition) the spectrum has fewer than 8 digits left.
inline constexpr double recursive_limit = 1e8;

/// Without skip.
template <class Real, class Scalar>
void recursive_taps(const DplrChannel<Real>& channel, Scalar* taps, Index length) {
  const DplrStep<Real> step(channel);
  ComplexColumn<Real> state = step.input;
  for (Index t = 0; t < length; ++t) {
    taps[t] = static_cast<Scalar>(2 * channel.output.cwiseProduct(state).sum().real());
    const RealColumn<Real> through = 2 * step.probe.lazyProduct(state).real();
    state =
        (step.poles.cwiseProduct(state) - step.shift.lazyProduct(through.template cast<std::complex<Real>>())).eval();
  }
}

/// Adds to `gradient` what comes from that of the taps. All states are kept.
template <class Real, class Scalar>
void recursive_taps_backward(const DplrChannel<Real>& channel, const Scalar* taps, Index length,
                             DplrChannel<Real>& gradient) {
  const DplrStep<Real> step(channel);
  const RealMatrix<Real> a = step.dense();
  const RealColumn<Real> c = real_row(channel.output).transpose();
  RealMatrix<Real> states(a.rows(), length), above(a.rows(), length);  // x[t], and the gradient of x[t]
  states.col(0) = real_column(step.input);
  for (Index t = 1; t < length; ++t) states.col(t).noalias() = a * states.col(t - 1);
  RealRow<Real> output = RealRow<Real>::Zero(a.rows());
  for (Index t = length - 1; t >= 0; --t) {
    const Real tap = static_cast<Real>(taps[t]);
    above.col(t) = c * tap;
    if (t + 1 < length) above.col(t).noalias() += a.transpose() * above.col(t + 1);
    output += states.col(t).transpose() * tap;
  }
  gradient.output += complex_row_gradient(output);
  const RealMatrix<Real> of_step = above.rightCols(length - 1) * states.leftCols(length - 1).transpose();
  add_step_gradient<Real>(channel, of_step, above.col(0), gradient);
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
