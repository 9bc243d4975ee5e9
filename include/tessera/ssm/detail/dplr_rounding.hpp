// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// How far the ways to run a diagonal plus low-rank channel may differ by rounding. Two kinds of errors of the
// recurrence are followed through its impulse response, with |A|^t <= 1 for the sampled A (ssm/detail/dplr_power.hpp):
//
//   of every step, independent of each other: their variances add up, |C| sqrt(sum over t of |x[t]|^2)
//   of the coefficients, the same in every step: a mode's grows like t |C_n x_n[t]|, those of the modes add up as
//   variances
//
// The spectrum has those of C (I - A^L), which a pole beside a node amplifies: by |A^-1 B| at z = 1, and by |B_n| /
// delta_n at the node that is closest to a pole of Lambda.

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>

#include <Eigen/Core>

#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/detail/dplr_channel.hpp>
#include <tessera/ssm/detail/dplr_node.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class Real>
struct DplrRounding {
  Real peak = 0;   // the largest tap
  Real steps = 0;  // sqrt(sum of |x[t]|^2) times |C|
  Real drift = 0;  // the largest t sqrt(sum over modes of |2 C_n x_n[t]|^2)
  Real poles = 0;  // of the spectrum, in double whatever the scalar of the model

  DplrRounding(const DplrChannel<Real>& channel, Index length) {
    const DplrStep<Real> step(channel);
    ComplexColumn<Real> x = step.input;
    Real energy = 0;
    for (Index t = 0; t < length; ++t) {
      const ComplexColumn<Real> terms = channel.output.cwiseProduct(x);
      const Real tap = 2 * terms.sum().real() + (t == 0 ? channel.skip : 0);
      peak = std::max(peak, std::abs(tap));
      drift = std::max(drift, 2 * static_cast<Real>(t) * terms.norm());
      energy += x.squaredNorm();
      const RealColumn<Real> through = 2 * step.probe.lazyProduct(x).real();
      x = (step.poles.cwiseProduct(x) - step.shift.lazyProduct(through.template cast<std::complex<Real>>())).eval();
    }
    steps = 2 * channel.output.norm() * std::sqrt(energy);
    if (length == 0 || channel.modes() == 0) return;
    const Real terms = std::sqrt(2 * static_cast<Real>(channel.modes()));  // of the sums in C (I - A^L)
    poles = terms * beside_nodes(channel, length) / static_cast<Real>(length);
  }

  double relative(double epsilon) const {
    if (peak == 0) return 0;
    return (epsilon * (steps + drift + peak) + std::numeric_limits<Real>::epsilon() * poles) / peak;
  }

 private:
  static Real beside_nodes(const DplrChannel<Real>& channel, Index length) {
    const UnitNodes nodes(length);
    const Real size = 2 * channel.output.norm();
    const DenseNode<Real> constant(channel, nodes, 0);
    Real sum = size * channel.dt / 2 * channel.input.norm();
    if (constant.condition() < 1e8) sum += size * channel.dt * constant.right_norm();
    for (Index n = 0; n < channel.modes(); ++n) {
      const Resonance here = resonance(channel, nodes, n);
      if (here.strength > dense_limit || here.node == 0) continue;
      const Real delta = here.distance * std::abs(Real(1) - channel.dt / 2 * channel.poles[n]);
      sum += size * channel.dt * std::abs(channel.input[n]) / delta;
    }
    return sum;
  }
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
