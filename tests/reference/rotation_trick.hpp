// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The Jacobian of the rotation trick as a matrix, in long double: another way to it than the formula of the paper. The
// rotation that carries u = e / |e| to w = q / |q| in the plane of the two, and leaves alone what is orthogonal to it,
// is
//
//     R = I + K + K^2 / (1 + c),     K = w u^T - u w^T,     c = u.w
//
// (Rodrigues' formula in any dimension). It is defined unless u and w are opposite.

#include <cmath>

#include <Eigen/Core>

namespace tessera::testing {

using LongMatrix = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;
using LongVector = Eigen::Matrix<long double, Eigen::Dynamic, 1>;

inline LongMatrix rotation_trick_jacobian(const LongVector& e, const LongVector& q) {
  // 1 + c from |u + w|^2 / 2 keeps its digits where u and w are nearly opposite.
  const long double e_scale = e.cwiseAbs().maxCoeff(), q_scale = q.cwiseAbs().maxCoeff();
  const long double e_norm = (e / e_scale).norm() * e_scale, q_norm = (q / q_scale).norm() * q_scale;
  const LongVector u = e / e_norm, w = q / q_norm;
  const LongMatrix plane = w * u.transpose() - u * w.transpose();
  const LongMatrix identity = LongMatrix::Identity(e.size(), e.size());
  return q_norm / e_norm * (identity + plane + plane * plane / ((u + w).squaredNorm() / 2));
}

}  // namespace tessera::testing
