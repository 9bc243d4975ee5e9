// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The taps of modes as columns: for a real pole p^t, for a pair of conjugates 2 Re p^t and -2 Im p^t, so that the taps
// after the first are the columns times the real and imaginary parts of the residues. Rows come in order, block by
// block.

#include <complex>

#include <Eigen/Core>

#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Real numbers that the residues of these poles are.
inline Index modal_columns(const Eigen::VectorXcd& poles) { return poles.size() + (poles.array().imag() != 0).count(); }

/// The residues as those real numbers, and back.
inline Eigen::VectorXd residue_values(const Eigen::VectorXcd& poles, const Eigen::VectorXcd& residues) {
  Eigen::VectorXd values(modal_columns(poles));
  for (Index i = 0, column = 0; i < poles.size(); ++i) {
    values[column++] = residues[i].real();
    if (poles[i].imag() != 0) values[column++] = residues[i].imag();
  }
  return values;
}
inline Eigen::VectorXcd residues_of(const Eigen::VectorXcd& poles, const Eigen::VectorXd& values) {
  Eigen::VectorXcd residues(poles.size());
  for (Index i = 0, column = 0; i < poles.size(); ++i) {
    const double real = values[column++];
    residues[i] = {real, poles[i].imag() != 0 ? values[column++] : 0};
  }
  return residues;
}

class ModalBasis {
 public:
  explicit ModalBasis(Eigen::VectorXcd poles)
      : poles_(std::move(poles)), powers_(Eigen::VectorXcd::Ones(poles_.size())) {}

  Index columns() const { return modal_columns(poles_); }

  /// Writes the next rows.
  void next(Eigen::Ref<Eigen::MatrixXd> rows) {
    for (Index i = 0, column = 0; i < poles_.size(); ++i) {
      if (poles_[i].imag() == 0) {
        double power = powers_[i].real();
        for (Index t = 0; t < rows.rows(); ++t, power *= poles_[i].real()) rows(t, column) = power;
        powers_[i] = power;
        column += 1;
      } else {
        powers_[i] = pair(poles_[i], powers_[i], rows.col(column), rows.col(column + 1));
        column += 2;
      }
    }
  }

 private:
  static std::complex<double> pair(std::complex<double> pole, std::complex<double> power,
                                   Eigen::Ref<Eigen::VectorXd> real, Eigen::Ref<Eigen::VectorXd> imaginary) {
    double x = power.real(), y = power.imag();
    for (Index t = 0; t < real.size(); ++t) {
      real[t] = 2 * x;
      imaginary[t] = -2 * y;
      const double next = x * pole.real() - y * pole.imag();
      y = x * pole.imag() + y * pole.real();
      x = next;
    }
    return {x, y};
  }

  Eigen::VectorXcd poles_;
  Eigen::VectorXcd powers_;  // of the next row
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
