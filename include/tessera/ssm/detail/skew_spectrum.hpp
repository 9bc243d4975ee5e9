// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Eigenvalues i mu and eigenvectors of a real skew-symmetric matrix, in real arithmetic throughout (R. C. Ward and L.
// J. Gray, Eigensystem computation for skew-symmetric matrices, ACM Transactions on Mathematical Software 4, 1978):
// reflections make it tridiagonal, S = Q T Q^T; with D = diag((-i)^k), -i T = D T' D^* where T' is symmetric, has a
// diagonal of zeros, and the spectrum mu. Loops of our own, as the general solvers take ten seconds to compile.

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numeric>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Eigenvectors as real and imaginary parts, of norm 1.
struct SkewSpectrum {
  Eigen::VectorXd frequencies;  // mu >= 0, ascending, (order + 1) / 2 of them
  Eigen::MatrixXd real, imaginary;
};

/// Makes S tridiagonal: returns what is below the diagonal. Reflection k is I - v v^T, v in column k from row k + 1 on.
inline Eigen::VectorXd tridiagonalize(Eigen::MatrixXd& s) {
  const Index order = s.rows();
  Eigen::VectorXd below = Eigen::VectorXd::Zero(order > 0 ? order - 1 : 0);
  for (Index k = 0; k + 1 < order; ++k) {
    const Index rest = order - k - 1;
    auto v = s.col(k).tail(rest);
    const double norm = v.norm();
    below[k] = norm;
    if (norm == 0) continue;
    if (rest == 1) {
      below[k] = v[0];
      v[0] = 0;
      break;
    }
    if (v[0] > 0) below[k] = -norm;  // no cancellation in the first entry
    v[0] -= below[k];
    v *= std::sqrt(2.0) / v.norm();
    Eigen::VectorXd p = Eigen::VectorXd::Zero(rest);  // S v; v^T S v is zero
    for (Index j = 0; j < rest; ++j) p += v[j] * s.col(k + 1 + j).tail(rest);
    for (Index j = 0; j < rest; ++j) s.col(k + 1 + j).tail(rest) += p[j] * v - v[j] * p;
  }
  return below;
}

/// One implicit QR step with Wilkinson's shift on rows [start, end] of the symmetric tridiagonal matrix (Golub and Van
/// Loan, Matrix Computations, algorithm 8.3.2); its rotations are applied to the columns of `vectors`.
inline void tridiagonal_step(Eigen::VectorXd& d, Eigen::VectorXd& e, Index start, Index end, Eigen::MatrixXd& vectors) {
  const double half = (d[end - 1] - d[end]) / 2, corner = e[end - 1];
  const double shift =
      half == 0 ? d[end] - std::abs(corner)
                : d[end] - corner / (half / corner + std::copysign(std::hypot(half / corner, 1), half / corner));
  double x = d[start] - shift, z = e[start];
  for (Index k = start; k < end && z != 0; ++k) {
    const double radius = std::hypot(x, z), c = x / radius, s = -z / radius;
    const double first = s * d[k] + c * e[k], second = s * e[k] + c * d[k + 1];
    d[k] = c * (c * d[k] - s * e[k]) - s * (c * e[k] - s * d[k + 1]);
    d[k + 1] = s * first + c * second;
    e[k] = c * first - s * second;
    if (k > start) e[k - 1] = c * e[k - 1] - s * z;
    x = e[k];
    if (k + 1 < end) {
      z = -s * e[k + 1];
      e[k + 1] *= c;
    }
    double* a = vectors.col(k).data();
    double* b = vectors.col(k + 1).data();
    for (Index i = 0; i < vectors.rows(); ++i) {
      const double old = a[i];
      a[i] = c * old - s * b[i];
      b[i] = s * old + c * b[i];
    }
  }
}

/// Eigenvalues of the symmetric tridiagonal matrix with zeros on its diagonal; columns of `vectors` are eigenvectors.
inline Eigen::VectorXd tridiagonal_eigenvalues(Eigen::VectorXd e, Eigen::MatrixXd& vectors) {
  const Index order = e.size() + 1;
  Eigen::VectorXd d = Eigen::VectorXd::Zero(order);
  vectors = Eigen::MatrixXd::Identity(order, order);
  Index steps = 30 * order;
  for (Index end = order - 1; end > 0;) {
    for (Index i = 0; i < end; ++i) {
      const double size = std::abs(d[i]) + std::abs(d[i + 1]);
      if (std::abs(e[i]) <= std::numeric_limits<double>::epsilon() / 2 * size) e[i] = 0;
    }
    while (end > 0 && e[end - 1] == 0) --end;
    if (end == 0) break;
    Index start = end - 1;
    while (start > 0 && e[start - 1] != 0) --start;
    if (steps-- == 0) raise<NumericalError>("skew_spectrum: expected the eigenvalues to converge (order {})", order);
    tridiagonal_step(d, e, start, end, vectors);
  }
  return d;
}

/// The pairs of eigenvalues +-i mu, by their members with mu >= 0. An odd order has the eigenvalue 0, whose vector is
/// real. Eigenvalues err by a few epsilon of the norm.
inline SkewSpectrum skew_spectrum(Eigen::MatrixXd s) {
  const Index order = s.rows(), kept = (order + 1) / 2;
  const Eigen::VectorXd below = tridiagonalize(s);
  Eigen::MatrixXd vectors;
  const Eigen::VectorXd values = tridiagonal_eigenvalues(below, vectors);
  std::vector<Index> ranks(static_cast<std::size_t>(order));
  std::iota(ranks.begin(), ranks.end(), Index{0});
  std::sort(ranks.begin(), ranks.end(), [&](Index i, Index j) { return values[i] < values[j]; });

  SkewSpectrum spectrum{Eigen::VectorXd(kept), Eigen::MatrixXd::Zero(order, kept), Eigen::MatrixXd::Zero(order, kept)};
  for (Index i = 0; i < kept; ++i) {
    const Index column = ranks[static_cast<std::size_t>(order - kept + i)];
    spectrum.frequencies[i] = values[column];
    for (Index k = 0; k < order; ++k)  // by D: 1, -i, -1, i, ...
      (k % 2 == 0 ? spectrum.real : spectrum.imaginary)(k, i) =
          (k % 4 == 0 || k % 4 == 3 ? 1 : -1) * vectors(k, column);
  }
  if (order % 2 == 1) {
    spectrum.frequencies[0] = 0;
    spectrum.imaginary.col(0).setZero();
  }
  for (Index k = order - 2; k >= 0; --k) {  // by Q: the reflections, the last first
    const auto v = s.col(k).tail(order - k - 1);
    for (Eigen::MatrixXd* part : {&spectrum.real, &spectrum.imaginary}) {
      for (Index i = 0; i < kept; ++i) {
        auto column = part->col(i).tail(order - k - 1);
        column -= v.dot(column) * v;
      }
    }
  }
  return spectrum;
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
