// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// A sampled linear system as it stands in the books, with dense matrices A (n x n), B (n x inputs), C (outputs x n) and
// D (outputs x inputs), and either timing (ssm/timing.hpp). Its kernel is the Krylov sequence,
//
//   current   K[0] = D + C B,   K[t] = C A^t B          delayed   K[0] = D,   K[t] = C A^(t-1) B,
//
// which costs n^2 a tap and input, and needs neither eigenvectors nor transforms: what the structured forms of this
// room are measured against.
//
// Truncation (Gu et al., Efficiently Modeling Long Sequences with Structured State Spaces, 2022, section 3.2): sampled
// at the L-th roots of unity, a transfer function gives the impulse response folded to L taps; with the output matrix
// C (I - A^L) in place of C it gives the first L taps themselves, for any A that has no L-th root of unity among its
// eigenvalues.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include <Eigen/Core>
#include <Eigen/LU>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/ssm/detail/dense_rounding.hpp>
#include <tessera/ssm/timing.hpp>

namespace tessera::inline TESSERA_ISA {

/// Gradients with respect to the matrices of a dense system, of their shapes.
template <class Scalar>
struct DenseSystemGradient {
  Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> a, b, c, d;
};

/// A sequence model (ssm/model.hpp) all of whose outputs hear every input. Immutable.
template <class ScalarType, Timing timing_of>
class DenseSystem {
 public:
  using Scalar = ScalarType;
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  using State = RowMatrix<Scalar>;  // (1, order)
  static constexpr Timing timing = timing_of;
  static constexpr bool coupled = true;

  /// D may be left empty, for zeros. Throws std::invalid_argument on shapes that do not fit and on entries that are not
  /// finite.
  DenseSystem(Matrix a, Matrix b, Matrix c, Matrix d = {})
      : a_(std::move(a)), b_(std::move(b)), c_(std::move(c)), d_(std::move(d)) {
    if (d_.size() == 0) d_ = Matrix::Zero(c_.rows(), b_.cols());
    require(
        a_.rows() == a_.cols() && b_.rows() == a_.rows() && c_.cols() == a_.rows() && d_.rows() == c_.rows() &&
            d_.cols() == b_.cols(),
        "DenseSystem: expected A n x n, B n x inputs, C outputs x n and D outputs x inputs, found A {} x {}, B {} x "
        "{}, C {} x {} and D {} x {}",
        a_.rows(), a_.cols(), b_.rows(), b_.cols(), c_.rows(), c_.cols(), d_.rows(), d_.cols());
    const std::pair<const char*, const Matrix*> parts[] = {{"A", &a_}, {"B", &b_}, {"C", &c_}, {"D", &d_}};
    for (const auto& part : parts) {
      require(all_finite(part.second->data(), part.second->size()), "DenseSystem: expected a finite {}", part.first);
    }
  }

  Index order() const { return a_.rows(); }
  Index inputs() const { return b_.cols(); }
  Index outputs() const { return c_.rows(); }
  const Matrix& a() const { return a_; }
  const Matrix& b() const { return b_; }
  const Matrix& c() const { return c_; }
  const Matrix& d() const { return d_; }

  // ---- running ----

  /// The first taps, (outputs * inputs, length), row o * inputs + i. Throws std::invalid_argument on a negative length,
  /// and NumericalError where an unstable system overflows.
  RowMatrix<Scalar> kernel(Index length) const {
    check_length(length, 0);
    RowMatrix<Scalar> taps(outputs() * inputs(), length);
    Matrix state = b_, next(order(), inputs());
    RowMatrix<Scalar> tap(outputs(), inputs());
    for (Index t = 0; t < length; ++t) {
      const bool direct = t == 0;
      if (timing == Timing::delayed && direct) {
        tap = d_;
      } else {
        tap.noalias() = c_ * state;
        if (direct) tap += d_;
        next.noalias() = a_ * state;
        state.swap(next);
      }
      taps.col(t) = Eigen::Map<const Eigen::Matrix<Scalar, Eigen::Dynamic, 1>>(tap.data(), tap.size());
    }
    if (!all_finite(taps.data(), taps.size())) {
      raise<NumericalError>("DenseSystem: expected {} taps within range, found the kernel to overflow", length);
    }
    return taps;
  }

  State initial_state() const { return State::Zero(1, order()); }

  /// One sample: `input` has as many scalars as inputs, `output` as outputs; they must not overlap. Allocates nothing
  /// up to order 1024. Throws std::invalid_argument on a state of another shape.
  void step(State& state, const Scalar* input, Scalar* output) const {
    check_state(state);
    with_scratch([&](Scalar* scratch) { advance(state.data(), input, output, scratch); });
  }

  /// Many samples, (1, inputs, samples), of which only the state is wanted.
  void prefill(State& state, Signals<const Scalar> input) const { run(state, input, nullptr); }

  /// Many samples: `output` is (1, outputs, samples), and must not overlap with `input`. Every split of a sequence has
  /// the bits of the whole.
  void chunk(State& state, Signals<const Scalar> input, Signals<Scalar> output) const {
    require(output.batch() == 1 && output.channels() == outputs() && output.length() == input.length(),
            "DenseSystem: expected output of batch 1, {} channels and length {}, found {}, {} and {}", outputs(),
            input.length(), output.batch(), output.channels(), output.length());
    run(state, input, &output);
  }

  /// An estimate of the largest error of a tap below `length`, relative to the largest tap: every rounding of A x[t] is
  /// taken as random and followed to the output, and three standard deviations are given. It costs what the kernel
  /// does, several times, and 2 order * length doubles. Infinity where the kernel overflows.
  /// Outputs under an input that goes on are off by as much of the largest output, or a few times that: their state
  /// rounds anew at every sample.
  double predicted_error(Index length) const {
    check_length(length, 0);
    using Wide = Eigen::MatrixXd;
    return detail::dense_rounding<Wide>(
        a_.template cast<double>(), b_.template cast<double>(), c_.template cast<double>(), d_.template cast<double>(),
        timing == Timing::delayed, length, static_cast<double>(std::numeric_limits<Scalar>::epsilon()));
  }

  // ---- stability ----

  /// The largest modulus of an eigenvalue, as the limit of |A^m|^(1/m) over fifty squarings, in double: unlike an
  /// eigenvalue solver it is exact to rounding for triangular matrices, however far from normal (HiPPO's are).
  double spectral_radius() const { return detail::spectral_radius<Eigen::MatrixXd>(a_.template cast<double>()); }
  /// Whether the spectral radius is below one.
  bool is_stable() const { return spectral_radius() < 1; }

  // ---- truncation ----

  /// C (I - A^length): the output matrix with which a transfer function sampled at so many roots of unity gives the
  /// first taps without folding. Throws NumericalError where A^length overflows.
  Matrix truncate_output(Index length) const {
    check_length(length, 1);
    return c_ - c_ * detail::matrix_power<Scalar>(a_, length);
  }

  /// The inverse: the C of which `truncated` is C (I - A^length), by (I - A^length)^T C^T = truncated^T. Throws
  /// std::invalid_argument on another shape, and NumericalError where an eigenvalue of A is a root of unity to working
  /// precision.
  Matrix restore_output(const Matrix& truncated, Index length) const {
    check_length(length, 1);
    require(truncated.cols() == order(), "DenseSystem: expected an output matrix of {} columns, found {}", order(),
            truncated.cols());
    if (order() == 0) return truncated;
    const Matrix rest = Matrix::Identity(order(), order()) - detail::matrix_power<Scalar>(a_, length);
    const Eigen::PartialPivLU<Matrix> factors(rest.transpose());
    const double condition = static_cast<double>(factors.rcond());
    if (!(condition > static_cast<double>(std::numeric_limits<Scalar>::epsilon()))) {
      raise<NumericalError>(
          "DenseSystem: expected no eigenvalue of A at a root of unity of length {}, found I - A^{} "
          "singular (reciprocal condition {:.1e})",
          length, length, condition);
    }
    return factors.solve(truncated.transpose()).transpose();
  }

  /// The same system with delayed timing: C A for C, and D + C B for D.
  DenseSystem<Scalar, Timing::delayed> delayed() const requires(timing_of == Timing::current) {
    return {a_, b_, c_ * a_, d_ + c_ * b_};
  }

  // ---- backward ----

  /// The gradients of the matrices, from that of the taps, (outputs * inputs, length). States are kept at every
  /// sqrt(length)-th tap and recomputed between: twice the work of the kernel for the states, as much again for each of
  /// their gradients and A's, and 2 sqrt(length) order * inputs scalars. Throws std::invalid_argument on other shapes.
  DenseSystemGradient<Scalar> kernel_backward(const RowMatrix<Scalar>& gradient) const {
    require(gradient.rows() == outputs() * inputs(), "DenseSystem: expected gradients of {} x {} taps, found {} rows",
            outputs(), inputs(), gradient.rows());
    DenseSystemGradient<Scalar> result{Matrix::Zero(order(), order()), Matrix::Zero(order(), inputs()),
                                       Matrix::Zero(outputs(), order()), Matrix::Zero(outputs(), inputs())};
    const Index length = gradient.cols();
    if (length == 0) return result;
    result.d = tap_matrix(gradient, 0);
    constexpr Index lag = timing == Timing::delayed ? 1 : 0;  // tap t is C times state t - lag
    backward_states(gradient, length - lag, lag, result);
    return result;
  }

 private:
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;
  static constexpr Index scratch_size = 1024;

  template <class Body>
  void with_scratch(Body&& body) const {
    if (order() <= scratch_size) {
      alignas(64) std::array<Scalar, scratch_size> scratch;
      body(scratch.data());
    } else {
      std::vector<Scalar> scratch(static_cast<std::size_t>(order()));
      body(scratch.data());
    }
  }

  void advance(Scalar* state, const Scalar* input, Scalar* output, Scalar* scratch) const {
    Eigen::Map<Vector> now(state, order()), next(scratch, order());
    const Eigen::Map<const Vector> sample(input, inputs());
    next.noalias() = a_ * now;
    next.noalias() += b_ * sample;
    if (output != nullptr) {
      Eigen::Map<Vector> result(output, outputs());
      result.noalias() = d_ * sample;
      result.noalias() += c_ * (timing == Timing::current ? next : now);
    }
    now = next;
  }

  void run(State& state, Signals<const Scalar> input, const Signals<Scalar>* output) const {
    check_state(state);
    require(input.batch() == 1 && input.channels() == inputs(),
            "DenseSystem: expected input of batch 1 and {} channels, found {} and {}", inputs(), input.batch(),
            input.channels());
    Vector sample(inputs()), result(outputs());
    with_scratch([&](Scalar* scratch) {
      for (Index t = 0; t < input.length(); ++t) {
        for (Index i = 0; i < inputs(); ++i) sample[i] = input(0, i)[t];
        advance(state.data(), sample.data(), output == nullptr ? nullptr : result.data(), scratch);
        for (Index o = 0; output != nullptr && o < outputs(); ++o) (*output)(0, o)[t] = result[o];
      }
    });
  }

  /// Tap t as a matrix (outputs, inputs).
  Matrix tap_matrix(const RowMatrix<Scalar>& taps, Index t) const {
    Matrix tap(outputs(), inputs());
    for (Index o = 0; o < outputs(); ++o) {
      for (Index i = 0; i < inputs(); ++i) tap(o, i) = taps(o * inputs() + i, t);
    }
    return tap;
  }

  /// States 0 <= k < count, tap k + lag being C times state k, in segments from the last to the first.
  void backward_states(const RowMatrix<Scalar>& gradient, Index count, Index lag,
                       DenseSystemGradient<Scalar>& result) const {
    if (count <= 0) return;
    const Index segment = std::max<Index>(1, static_cast<Index>(std::sqrt(static_cast<double>(count))));
    std::vector<Matrix> kept;
    Matrix state = b_;
    for (Index k = 0; k < count; ++k) {
      if (k % segment == 0) kept.push_back(state);
      state = (a_ * state).eval();
    }
    Matrix above = Matrix::Zero(order(), inputs());  // the gradient of the state after
    std::vector<Matrix> states(static_cast<std::size_t>(segment));
    for (Index begin = (count - 1) / segment * segment; begin >= 0; begin -= segment) {
      const Index size = std::min(segment, count - begin);
      states[0] = kept[static_cast<std::size_t>(begin / segment)];
      for (Index k = 1; k < size; ++k)
        states[static_cast<std::size_t>(k)] = a_ * states[static_cast<std::size_t>(k - 1)];
      for (Index k = size - 1; k >= 0; --k) {
        const Matrix& here = states[static_cast<std::size_t>(k)];
        const Matrix tap = tap_matrix(gradient, begin + k + lag);
        result.c.noalias() += tap * here.transpose();
        result.a.noalias() += above * here.transpose();
        above = (a_.transpose() * above + c_.transpose() * tap).eval();
      }
    }
    result.b = above;
  }

  // ---- checks ----

  void check_state(const State& state) const {
    require(state.rows() == 1 && state.cols() == order(), "DenseSystem: expected a state of 1 x {}, found {} x {}",
            order(), state.rows(), state.cols());
  }
  static void check_length(Index length, Index least) {
    require(length >= least, "DenseSystem: expected a length of at least {}, found {}", least, length);
  }

  Matrix a_, b_, c_, d_;
};

}  // namespace tessera::inline TESSERA_ISA
