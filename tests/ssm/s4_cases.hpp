// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Diagonal plus low-rank systems for tests, and the same systems as dense matrices in long double, sampled by the
// bilinear rule as it is written: nothing here knows of Woodbury's identity.

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <vector>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>

#include <tessera/core/batch.hpp>
#include <tessera/ssm/s4.hpp>

#include "reference/state_space.hpp"
#include "support/random_matrix.hpp"

namespace tessera::testing {

template <class To, class From>
std::complex<To> complex_cast(std::complex<From> z) {
  return {static_cast<To>(z.real()), static_cast<To>(z.imag())};
}

template <class To, class From>
S4Parameters<To> cast_parameters(const S4Parameters<From>& from) {
  const auto cast = [](const RowMatrix<std::complex<From>>& x) {
    RowMatrix<std::complex<To>> y(x.rows(), x.cols());
    for (Index i = 0; i < x.size(); ++i) y.data()[i] = complex_cast<To>(x.data()[i]);
    return y;
  };
  return {cast(from.poles),  cast(from.low_rank),         cast(from.input),
          cast(from.output), from.dt.template cast<To>(), from.skip.template cast<To>()};
}

/// Of each pair of conjugates of a normal matrix's eigenvalues the one above the axis, with its eigenvectors.
struct NormalForm {
  Eigen::VectorXcd poles;
  Eigen::MatrixXcd low_rank;
  Eigen::VectorXcd input;
  Eigen::MatrixXcd vectors;  // V
};

/// A + P P^T = shift I + a skew matrix; even orders.
inline NormalForm normal_form(const Eigen::MatrixXd& a, const Eigen::MatrixXd& p, const Eigen::VectorXd& b,
                              double shift) {
  using Complex = std::complex<double>;
  const Index n = a.rows(), m = n / 2;
  const Eigen::MatrixXd skew = a + p * p.transpose() - shift * Eigen::MatrixXd::Identity(n, n);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXcd> solver(skew.cast<Complex>() * Complex(0, -1));
  NormalForm form;
  form.vectors = solver.eigenvectors().rightCols(m);
  form.poles = solver.eigenvalues().tail(m) * Complex(0, 1);
  form.poles.array() += shift;
  form.low_rank = form.vectors.adjoint() * p;
  form.input = form.vectors.adjoint() * b;
  return form;
}

inline NormalForm legs_form(Index order) {
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(order, order);
  Eigen::VectorXd p(order), b(order);
  for (Index n = 0; n < order; ++n) {
    b[n] = std::sqrt(2 * static_cast<double>(n) + 1);
    p[n] = b[n] / std::sqrt(2.0);
    for (Index k = 0; k < n; ++k) a(n, k) = -b[n] * b[k];
    a(n, n) = -static_cast<double>(n + 1);
  }
  return normal_form(a, p, b, -0.5);
}

inline NormalForm legt_form(Index order) {
  Eigen::MatrixXd a(order, order), p = Eigen::MatrixXd::Zero(order, 2);
  Eigen::VectorXd b(order);
  for (Index n = 0; n < order; ++n) b[n] = 0.5 * std::sqrt(2 * static_cast<double>(n) + 1);
  for (Index n = 0; n < order; ++n) {
    for (Index k = 0; k < order; ++k) a(n, k) = -2 * b[n] * b[k] * (k > n && (k - n) % 2 != 0 ? -1 : 1);
    p(n, n % 2) = std::sqrt(2.0) * b[n];
  }
  return normal_form(a, p, b, 0);
}

/// `channels` copies of a form with random outputs, one dt a channel.
inline S4Parameters<double> copies(const NormalForm& form, const std::vector<double>& dts, std::uint64_t seed) {
  const Index channels = static_cast<Index>(dts.size()), m = form.poles.size(), rank = form.low_rank.cols();
  S4Parameters<double> p;
  p.poles = form.poles.transpose().replicate(channels, 1);
  p.input = form.input.transpose().replicate(channels, 1);
  p.low_rank.resize(channels, rank * m);
  for (Index j = 0; j < rank; ++j)
    p.low_rank.middleCols(j * m, m) = form.low_rank.col(j).transpose().replicate(channels, 1);
  const RowMatrix<double> re = random_normal<double>(channels, m, seed),
                          im = random_normal<double>(channels, m, seed + 1);
  p.output = re.cast<std::complex<double>>() + std::complex<double>(0, 1) * im.cast<std::complex<double>>();
  p.dt = Eigen::Map<const Eigen::VectorXd>(dts.data(), channels);
  p.skip = random_normal<double>(channels, 1, seed + 2);
  return p;
}

/// Random parameters: poles with real parts in (-1.2, -0.2) and imaginary parts of some spread.
inline S4Parameters<double> random_parameters(Index channels, Index m, Index rank, std::uint64_t seed,
                                              double spread = 20) {
  SplitMix random(seed);
  const auto draw = [&](Index cols) {
    RowMatrix<std::complex<double>> x(channels, cols);
    for (Index i = 0; i < x.size(); ++i) x.data()[i] = {random.normal(), random.normal()};
    return x;
  };
  S4Parameters<double> p;
  p.poles.resize(channels, m);
  for (Index i = 0; i < p.poles.size(); ++i)
    p.poles.data()[i] = {random.uniform(-1.2, -0.2), random.uniform(-spread, spread)};
  p.low_rank = draw(rank * m);
  p.input = draw(m);
  p.output = draw(m);
  p.dt.resize(channels);
  p.skip.resize(channels);
  for (Index c = 0; c < channels; ++c) {
    p.dt[c] = random.uniform(0.02, 0.2);
    p.skip[c] = random.normal();
  }
  return p;
}

/// One channel as it is written, dense and real, in long double: Abar, Bbar and C.
struct LongSystem {
  LongMatrix a, b, c;
  long double skip = 0;

  template <class Scalar>
  LongSystem(const S4Parameters<Scalar>& p, Index channel) {
    const Index m = p.poles.cols(), n = 2 * m, rank = m == 0 ? 0 : p.low_rank.cols() / m;
    LongMatrix matrix = LongMatrix::Zero(n, n), u(n, rank), input(n, 1);
    c.resize(1, n);
    for (Index i = 0; i < m; ++i) {
      const LongComplex pole(p.poles(channel, i)), in(p.input(channel, i)), out(p.output(channel, i));
      matrix(i, i) = matrix(m + i, m + i) = pole.real();
      matrix(m + i, i) = pole.imag();
      matrix(i, m + i) = -pole.imag();
      for (Index j = 0; j < rank; ++j) {
        u(i, j) = p.low_rank(channel, j * m + i).real();
        u(m + i, j) = p.low_rank(channel, j * m + i).imag();
      }
      input(i, 0) = in.real();
      input(m + i, 0) = in.imag();
      c(0, i) = 2 * out.real();
      c(0, m + i) = -2 * out.imag();
    }
    matrix -= 2 * u * u.transpose();
    const long double dt = p.dt[channel];
    const LongMatrix one = LongMatrix::Identity(n, n), inverse = (one - dt / 2 * matrix).inverse();
    a = inverse * (one + dt / 2 * matrix);
    b = dt * inverse * input;
    skip = p.skip.size() == 0 ? 0 : p.skip[channel];
  }

  std::vector<long double> taps(Index length) const {
    std::vector<long double> result(static_cast<std::size_t>(length));
    LongMatrix state = b;
    for (long double& tap : result) {
      tap = (c * state)(0, 0);
      state = (a * state).eval();
    }
    if (length > 0) result[0] += skip;
    return result;
  }
};

/// The largest difference from the taps of LongSystem, relative to the largest of all taps and of the first 16, of the
/// worst channel.
template <class Scalar>
double difference_from_long(const RowMatrix<Scalar>& taps, const S4Parameters<Scalar>& p) {
  double worst = 0;
  for (Index c = 0; c < taps.rows(); ++c) {
    const std::vector<long double> expected = LongSystem(p, c).taps(std::max<Index>(16, taps.cols()));
    long double difference = 0, peak = 0;
    for (const long double tap : expected) peak = std::max(peak, std::abs(tap));
    for (Index t = 0; t < taps.cols(); ++t) {
      const long double tap = expected[static_cast<std::size_t>(t)];
      difference = std::max(difference, std::abs(tap - static_cast<long double>(taps(c, t))));
    }
    worst = std::max(worst, static_cast<double>(difference / peak));
  }
  return worst;
}

/// The taps by step().
template <class Scalar>
RowMatrix<Scalar> stepped_taps(const S4<Scalar>& model, Index length) {
  RowMatrix<Scalar> taps(model.channels(), length);
  typename S4<Scalar>::State state = model.initial_state();
  Eigen::Matrix<Scalar, Eigen::Dynamic, 1> sample(model.channels());
  for (Index t = 0; t < length; ++t) {
    sample.setConstant(t == 0 ? Scalar(1) : Scalar(0));
    model.step(state, sample.data(), sample.data());
    taps.col(t) = sample;
  }
  return taps;
}

}  // namespace tessera::testing
