// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// HiPPO matrices as normal matrices less a matrix of low rank (Gu, Goel and Re, Efficiently Modeling Long Sequences
// with Structured State Spaces, ICLR 2022, appendix C),
//
//   A = N - P P^T,   N = c I + skew = V Lambda V^*,   V unitary,   hence   V^* A V = Lambda - (V^* P) (V^* P)^*.
//
// The eigenvectors of A itself grow like 2^(4 n / 3) and are useless beyond order 16 or so; those of N are orthogonal,
// and good to rounding at any order. Always in double.
//
//                  P                                           rank   c
//   legs           sqrt(n + 1/2)                               1      -1/2
//   legt           sqrt((2 n + 1) / window), n even | n odd    2      0
//   lagt           sqrt(1/2)                                   1      0
//   glagt          sqrt(1/2), for alpha = 0                    1      -beta / 2
//   fout           sqrt(2 / window) B_n, B = 1, 0, sqrt(2) ... 1      0
//   foud           sqrt(1 / window) B_n                        1      0
//
// The spectrum comes in pairs of conjugates, of which only the member above the real axis is kept: `order` states
// become m = (order + 1) / 2 complex ones. All sums over modes are to be read as 2 Re of the sum over those kept. An
// odd order has one real eigenvalue; its mode carries half weight, by a column of V of norm sqrt(1/2).

#include <cmath>
#include <complex>
#include <limits>

#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/detail/skew_spectrum.hpp>
#include <tessera/ssm/hippo.hpp>

namespace tessera::inline TESSERA_ISA {

/// A = 2 Re(V Lambda V^*) - Q Q^T with Q = 2 Re(V p), which is the P of the table: what the diagonal plus low-rank
/// models take. S4D takes lambda alone, and with it b or b / 2 (see docs/state_space.md).
struct NormalPlusLowRank {
  Eigen::VectorXcd lambda;  // m, imaginary parts ascending and at least 0
  Eigen::MatrixXcd p;       // m x rank: V^* P
  Eigen::VectorXcd b;       // m: V^* B, real and positive: that fixes the phases of V
  Eigen::MatrixXcd v;       // order x m
  double residual = 0;      // the largest difference of the formula above from A, relative to the largest entry of A

  Index order() const { return v.rows(); }
  Index rank() const { return p.cols(); }

  /// V^* x, and back: 2 Re(V z).
  Eigen::VectorXcd to_modes(const Eigen::VectorXd& state) const { return input_to_modes(state); }
  Eigen::VectorXd from_modes(const Eigen::VectorXcd& modes) const {
    Eigen::VectorXd state = Eigen::VectorXd::Zero(order());
    for (Index i = 0; i < modes.size(); ++i) {
      state += 2 * (modes[i].real() * v.col(i).real() - modes[i].imag() * v.col(i).imag());
    }
    return state;
  }
  /// V^* B for several inputs, order x inputs.
  Eigen::MatrixXcd input_to_modes(const Eigen::MatrixXd& input) const {
    Eigen::MatrixXcd modes(v.cols(), input.cols());
    for (Index j = 0; j < input.cols(); ++j) {
      for (Index i = 0; i < v.cols(); ++i)
        modes(i, j) = {v.col(i).real().dot(input.col(j)), -v.col(i).imag().dot(input.col(j))};
    }
    return modes;
  }
  /// C V for several outputs, outputs x order: the outputs y = C x are 2 Re(C V z).
  Eigen::MatrixXcd output_to_modes(const Eigen::MatrixXd& output) const {
    return input_to_modes(output.transpose()).adjoint();
  }
  /// A, put together again.
  Eigen::MatrixXd dense() const {
    const Eigen::MatrixXd real = v.real(), imaginary = v.imag();
    Eigen::MatrixXd a = Eigen::MatrixXd::Zero(order(), order());
    for (Index j = 0; j < order(); ++j) {
      for (Index i = 0; i < v.cols(); ++i) {  // 2 Re(v lambda conj(v_j))
        const double x = lambda[i].real() * real(j, i) + lambda[i].imag() * imaginary(j, i);
        const double y = lambda[i].imag() * real(j, i) - lambda[i].real() * imaginary(j, i);
        a.col(j) += 2 * x * real.col(i) - 2 * y * imaginary.col(i);
      }
    }
    for (Index r = 0; r < rank(); ++r) {
      const Eigen::VectorXd q = from_modes(p.col(r));
      for (Index j = 0; j < order(); ++j) a.col(j) -= q[j] * q;
    }
    return a;
  }
};

namespace detail {

/// P and c of the table.
struct LowRankPart {
  Eigen::MatrixXd p;
  double shift = 0;
};

inline LowRankPart low_rank_part(HippoMeasure measure, Index order, const HippoOptions& options) {
  const double window = hippo_window(measure, options);
  switch (measure) {
    case HippoMeasure::legs:
      return {std::sqrt(0.5) * legendre_scale(order), -0.5};
    case HippoMeasure::legt: {
      const Eigen::VectorXd scale = legendre_scale(order) / std::sqrt(window);
      Eigen::MatrixXd p = Eigen::MatrixXd::Zero(order, 2);
      for (Index n = 0; n < order; ++n) p(n, n % 2) = scale[n];
      return {p, 0};
    }
    case HippoMeasure::fout:
    case HippoMeasure::fourier2:
      return {std::sqrt(2 / window) * fourier_at_zero(order), 0};
    case HippoMeasure::foud:
      return {std::sqrt(1 / window) * fourier_at_zero(order), 0};
    case HippoMeasure::glagt:
      return {Eigen::VectorXd::Constant(order, std::sqrt(0.5)), -options.beta / 2};
    default:
      return {Eigen::VectorXd::Constant(order, std::sqrt(0.5)), 0};
  }
}

/// Frequency f turns the states 2 f and 2 f + 1: the eigenvectors are known, also of the double eigenvalue zero.
inline void decompose_rotations(const Eigen::MatrixXd& skew, NormalPlusLowRank& form) {
  const Index order = skew.rows();
  form.v.setZero(order, order / 2);
  for (Index f = 0; f < order / 2; ++f) {
    form.lambda[f] = {0, skew(2 * f + 1, 2 * f)};
    form.v(2 * f, f) = std::sqrt(0.5);
    form.v(2 * f + 1, f) = {0, -std::sqrt(0.5)};
  }
}

inline void decompose_skew(const Eigen::MatrixXd& skew, NormalPlusLowRank& form) {
  const SkewSpectrum spectrum = skew_spectrum(skew);
  form.lambda.real().setZero();
  form.lambda.imag() = spectrum.frequencies;
  form.v.resize(skew.rows(), spectrum.frequencies.size());
  form.v.real() = spectrum.real;
  form.v.imag() = spectrum.imaginary;
  if (skew.rows() % 2 == 1) form.v.col(0) *= std::sqrt(0.5);
}

/// Turns every column of V so that V^* B is real and positive.
inline void fix_phases(const Eigen::VectorXd& b, NormalPlusLowRank& form) {
  const Eigen::VectorXcd input = form.to_modes(b);
  for (Index i = 0; i < input.size(); ++i) {
    if (std::abs(input[i]) > std::numeric_limits<double>::min()) form.v.col(i) *= input[i] / std::abs(input[i]);
  }
}

}  // namespace detail

/// The normal form of hippo(measure, order, options), for all measures but lmu (take legt, which is the same system in
/// other coordinates), glagt with alpha != 0, and fourier_legs. Throws std::invalid_argument on those, and where
/// hippo() does. O(order^3).
inline NormalPlusLowRank normal_plus_low_rank(HippoMeasure measure, Index order, const HippoOptions& options = {}) {
  detail::check_hippo("normal_plus_low_rank", measure, order, options);
  require(measure != HippoMeasure::lmu && measure != HippoMeasure::fourier_legs &&
              (measure != HippoMeasure::glagt || options.alpha == 0),
          "normal_plus_low_rank: expected a measure whose matrix is normal less low rank, found {}{}",
          hippo_name(measure), measure == HippoMeasure::glagt ? " with alpha not 0" : "");
  const HippoSystem system = hippo(measure, order, options);
  const detail::LowRankPart part = detail::low_rank_part(measure, order, options);
  Eigen::MatrixXd skew(order, order);
  for (Index j = 0; j < order; ++j) {  // A + P P^T, whose symmetric part is c I
    for (Index i = 0; i < order; ++i) skew(i, j) = (system.a(i, j) - system.a(j, i)) / 2;
  }

  NormalPlusLowRank form;
  form.lambda.resize((order + 1) / 2);
  detail::is_fourier(measure) ? detail::decompose_rotations(skew, form) : detail::decompose_skew(skew, form);
  detail::fix_phases(system.b, form);
  form.lambda.real().setConstant(part.shift);
  form.p = form.input_to_modes(part.p);
  form.b = form.to_modes(system.b);
  form.residual = (form.dense() - system.a).cwiseAbs().maxCoeff() / system.a.cwiseAbs().maxCoeff();
  return form;
}

}  // namespace tessera::inline TESSERA_ISA
