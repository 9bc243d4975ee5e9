// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Checks of backward passes. Central differences judge the values of a gradient; the adjoint identity
// <J v, w> = <v, J^T w>, with J v by one central difference along v, judges a whole backward pass at the cost of two
// evaluations, whatever the size.

#include <algorithm>
#include <cmath>
#include <limits>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>

namespace tessera::testing {

/// The gradient of the scalar function `f` at `x`, entry by entry: (f(x + h e) - f(x - h e)) / (2 h). The error is
/// O(h^2) of the formula plus O(epsilon |f| / h) of rounding: 1e-8 at best near h = 1e-5, for |f| and f''' near one.
template <class Function>
RowMatrix<double> numeric_gradient(Function&& f, RowMatrix<double> x, double step = 1e-5) {
  RowMatrix<double> gradient(x.rows(), x.cols());
  for (Index i = 0; i < x.size(); ++i) {
    const double centre = x.data()[i];
    x.data()[i] = centre + step;
    const double above = f(x);
    x.data()[i] = centre - step;
    const double below = f(x);
    x.data()[i] = centre;
    gradient.data()[i] = (above - below) / (2 * step);
  }
  return gradient;
}

/// The two sides of the adjoint identity, and how far they are apart relative to the larger.
struct AdjointSides {
  double forward = 0;   // <J v, w>
  double backward = 0;  // <v, J^T w>
  double relative_error() const {
    const double scale = std::max({std::abs(forward), std::abs(backward), std::numeric_limits<double>::min()});
    return std::abs(forward - backward) / scale;
  }
};

/// `f` maps a matrix to a matrix, `backward` the upstream gradient w (of the shape of f(x)) to the gradient of x.
template <class Function, class Backward>
AdjointSides adjoint_sides(Function&& f, Backward&& backward, const RowMatrix<double>& x, const RowMatrix<double>& v,
                           const RowMatrix<double>& w, double step = 1e-5) {
  const RowMatrix<double> ahead = f(RowMatrix<double>(x + step * v));
  const RowMatrix<double> behind = f(RowMatrix<double>(x - step * v));
  const RowMatrix<double> gradient = backward(w);
  return {((ahead - behind) / (2 * step)).cwiseProduct(w).sum(), v.cwiseProduct(gradient).sum()};
}

/// The largest difference of two matrices relative to the largest entry of the second (or to one, if that is smaller).
template <class A, class B>
double largest_difference(const Eigen::MatrixBase<A>& found, const Eigen::MatrixBase<B>& expected) {
  if (found.rows() != expected.rows() || found.cols() != expected.cols())
    return std::numeric_limits<double>::infinity();
  if (found.size() == 0) return 0;
  const double scale = std::max(1.0, expected.template cast<double>().cwiseAbs().maxCoeff());
  return (found.template cast<double>() - expected.template cast<double>()).cwiseAbs().maxCoeff() / scale;
}

}  // namespace tessera::testing
