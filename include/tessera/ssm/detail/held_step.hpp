// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// One step of x' = A x + B u over a sample that is held for the time 1, as the matrix [A' B'] with x <- A' x + B' u.

#include <cmath>

#include <Eigen/Core>
#include <Eigen/LU>

#include <tessera/core/batch.hpp>
#include <tessera/ssm/hippo.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// (I - implicit A)^-1 [I + (1 - implicit) A, B]: implicit 0 is the forward Euler step, 1/2 the bilinear one, 1 the
/// backward Euler step.
inline RowMatrix<double> implicit_step(const HippoSystem& system, double implicit) {
  const Index order = system.order();
  RowMatrix<double> right(order, order + 1);
  right.leftCols(order) = (1 - implicit) * system.a;
  right.leftCols(order).diagonal().array() += 1;
  right.col(order) = system.b;
  if (implicit == 0) return right;
  Eigen::MatrixXd left = -implicit * system.a;
  left.diagonal().array() += 1;
  return left.partialPivLu().solve(right);
}

/// [e^A, integral over [0, 1] of e^(t A) dt B]: the upper rows of the exponential of [A B; 0 0], by scaling, a Taylor
/// polynomial and squaring. What is squared is the exponential less the identity, (I + E)^2 - I = 2 E + E^2, which
/// keeps small E precise. For matrices whose exponentials do not grow, as those of the measures with a window.
inline RowMatrix<double> exact_step(const HippoSystem& system) {
  const Index order = system.order();
  Eigen::MatrixXd m = Eigen::MatrixXd::Zero(order + 1, order + 1);
  m.topLeftCorner(order, order) = system.a;
  m.topRightCorner(order, 1) = system.b;
  const double norm = m.cwiseAbs().colwise().sum().maxCoeff();
  const int squarings = norm > 0.5 ? std::ilogb(norm) + 2 : 0;
  m *= std::ldexp(1.0, -squarings);  // a norm below 1/2: the terms left out are below 2^-15 / 15!
  Eigen::MatrixXd e = m / 14;
  for (int k = 13; k >= 1; --k) {
    e.diagonal().array() += 1;
    e = (m * e / k).eval();
  }
  for (int i = 0; i < squarings; ++i) e = (2 * e + e * e).eval();
  e.diagonal().array() += 1;
  return e.topRows(order);
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
