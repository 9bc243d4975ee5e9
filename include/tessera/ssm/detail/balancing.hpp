// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Diagonal similarity by powers of two, which makes the rows and columns of a matrix about equally large (B. N. Parlett
// and C. Reinsch, Balancing a matrix for calculation of eigenvalues and eigenvectors, Numerische Mathematik 13, 1969).
// Scaling by powers of two rounds nothing.

#include <cmath>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>

#include <tessera/core/error.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/filter_forms.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The power of two that makes column * factor and row / factor about equal; 1 where that gains less than 5 %.
inline double balancing_factor(double column, double row) {
  if (!(column > 0) || !(row > 0)) return 1;
  const double factor = std::exp2(std::round(0.5 * std::log2(row / column)));
  return column * factor + row / factor < 0.95 * (column + row) ? factor : 1;
}

/// A <- D^-1 A D, B <- D^-1 B, C <- C D, and D. With `inputs`, B and C count as part of the rows and columns.
inline Eigen::VectorXd balance_states(StateSpaceForm& form, bool inputs) {
  const Index n = form.order();
  Eigen::VectorXd scale = Eigen::VectorXd::Ones(n);
  bool changed = true;
  for (int sweep = 0; sweep < 100 && changed; ++sweep) {
    changed = false;
    for (Index i = 0; i < n; ++i) {
      const double middle = std::abs(form.a(i, i));
      const double column = form.a.col(i).cwiseAbs().sum() - middle + (inputs ? std::abs(form.c[i]) : 0);
      const double row = form.a.row(i).cwiseAbs().sum() - middle + (inputs ? std::abs(form.b[i]) : 0);
      const double factor = balancing_factor(column, row);
      if (factor == 1) continue;
      changed = true;
      scale[i] *= factor;
      form.a.col(i) *= factor;
      form.a.row(i) /= factor;
      form.c[i] *= factor;
      form.b[i] /= factor;
    }
  }
  return scale;
}

/// In pairs of conjugates that are each other's to the bit. Throws NumericalError when the iteration does not converge.
/// A template, as are all functions that call it: Eigen's solver takes seconds to compile, and a program that only
/// includes the header should not pay.
template <class Solver = Eigen::EigenSolver<Eigen::MatrixXd>>
Eigen::VectorXcd matrix_eigenvalues(const char* who, const Eigen::MatrixXd& a) {
  const Index n = a.rows();
  if (n == 0) return {};
  StateSpaceForm form{a, Eigen::VectorXd::Zero(n), Eigen::RowVectorXd::Zero(n), 0};
  balance_states(form, false);
  const Solver solver(form.a, false);
  if (solver.info() != Eigen::Success)
    raise<NumericalError>("{}: expected the eigenvalues of a {} x {} matrix to converge, and they did not", who, n, n);
  return solver.eigenvalues();
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
