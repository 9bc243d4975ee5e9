// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Lattice filters: the denominator by its reflection coefficients, which are inside (-1, 1) exactly when the filter is
// stable, and the numerator by taps on the backward predictors z^-m A_m(1/z) (A. H. Gray and J. D. Markel, Digital
// Lattice and Ladder Filter Synthesis, 1973):
//
//   A_m(z) = A_(m-1)(z) + k_m z^-m A_(m-1)(1/z),      H(z) = sum over m of v_m z^-m A_m(1/z) / A_n(z).
//
// Step-up makes the polynomial of the coefficients, step-down goes back and divides by 1 - k^2 on its way: the product
// of (1 + |k|) / (1 - |k|) bounds what it amplifies rounding by. One sample costs four multiply-adds a degree; the
// state of a stable lattice stays bounded while its coefficients change, which that of a direct form does not.

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/ssm/certificate.hpp>
#include <tessera/ssm/detail/certify.hpp>
#include <tessera/ssm/detail/step_up.hpp>
#include <tessera/ssm/filter_forms.hpp>
#include <tessera/ssm/stability.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

inline void require_finite_values(const char* who, const char* what, const Eigen::VectorXd& values) {
  for (Index i = 0; i < values.size(); ++i)
    if (!is_finite(values[i])) [[unlikely]]
      raise<std::invalid_argument>("{}: expected finite {}, found {} at {}", who, what, non_finite_name(values[i]), i);
}

/// The product of (1 + |k|) / (1 - |k|), or the largest double.
inline double lattice_condition(const Eigen::VectorXd& reflection) {
  double log_condition = 0;
  for (const double k : reflection) {
    if (!(std::abs(k) < 1)) return std::numeric_limits<double>::max();
    log_condition += 2 * std::atanh(std::abs(k));
  }
  return log_condition < 700 ? std::exp(log_condition) : std::numeric_limits<double>::max();
}

}  // namespace detail

/// a_1 ... a_n from k_1 ... k_n, in O(n^2). Throws std::invalid_argument on what is not finite, NumericalError on
/// overflow.
inline Eigen::VectorXd step_up(const Eigen::VectorXd& reflection) {
  detail::require_finite_values("step_up", "reflection coefficients", reflection);
  Eigen::VectorXd a(reflection.size());
  detail::step_up(reflection.data(), reflection.size(), a.data());
  if (!all_finite(a.data(), a.size()))
    raise<NumericalError>("step_up: expected finite coefficients, found an overflow");
  return a;
}

/// k_1 ... k_n from a_1 ... a_n, in O(n^2). Throws std::invalid_argument on what is not finite, NumericalError where a
/// reflection coefficient is not inside (-1, 1): the denominator is not stable, or rounding says so.
inline Eigen::VectorXd step_down(const Eigen::VectorXd& denominator) {
  detail::require_finite_values("step_down", "coefficients", denominator);
  Eigen::VectorXd k(denominator.size());
  const Index failed = detail::step_down(denominator.data(), denominator.size(), k.data());
  if (failed > 0)
    raise<NumericalError>("step_down: expected reflection coefficients inside (-1, 1), found {:.6g} at degree {} of {}",
                          is_finite(k[failed - 1]) ? k[failed - 1] : std::numeric_limits<double>::max(), failed,
                          denominator.size());
  return k;
}

/// The lattice of a stable filter; its order is that of the denominator, which the numerator must not exceed. The
/// condition is the product of (1 + |k|) / (1 - |k|). Throws std::invalid_argument on a longer numerator, on what is
/// not finite and on options out of range, NumericalError where the denominator is not stable, and beyond the
/// tolerance.
inline Certified<LatticeForm> to_lattice(const DirectForm& form, const ConversionOptions& options = {}) {
  const char* who = "to_lattice";
  const Index n = form.order();
  detail::check_conversion(who, options);
  require(is_finite(form.skip), "{}: expected a finite skip", who);
  detail::require_finite_values(who, "numerators", form.numerator);
  detail::require_finite_values(who, "denominators", form.denominator);
  require(form.numerator.size() <= n, "{}: expected a numerator of at most {} coefficients, found {}", who, n,
          form.numerator.size());
  LatticeForm lattice{step_down(form.denominator), Eigen::VectorXd(n + 1)};
  // What is left of c(z) = skip A(z) + B(z) once taps n, n - 1, ... are taken away.
  Eigen::VectorXd rest(n + 1), a = form.denominator;
  rest[0] = form.skip;
  for (Index j = 1; j <= n; ++j)
    rest[j] = form.skip * a[j - 1] + (j <= form.numerator.size() ? form.numerator[j - 1] : 0);
  for (Index m = n; m >= 0; --m) {
    const double tap = lattice.taps[m] = rest[m];
    detail::step_up(lattice.reflection.data(), m, a.data());
    for (Index j = 0; j < m; ++j) rest[j] -= tap * a[m - 1 - j];
  }
  const double condition = detail::lattice_condition(lattice.reflection);
  const Index length = detail::comparison_length(pole_radius(form.denominator), n, options);
  return detail::certify(who, form, std::move(lattice), detail::Evidence{length, condition, options.tolerance},
                         [&] { return fmt::format("reflection coefficients of condition {:.2g}", condition); });
}

/// The quotient of polynomials, also of an unstable lattice. The condition is that of to_lattice. Throws
/// std::invalid_argument on another number of taps than order + 1, on what is not finite and on options out of range,
/// NumericalError beyond the tolerance.
inline Certified<DirectForm> to_direct_form(const LatticeForm& form, const ConversionOptions& options = {}) {
  const char* who = "to_direct_form";
  const Index n = form.order();
  detail::check_conversion(who, options);
  require(form.taps.size() == n + 1, "{}: expected {} taps for {} reflection coefficients, found {}", who, n + 1, n,
          form.taps.size());
  detail::require_finite_values(who, "reflection coefficients", form.reflection);
  detail::require_finite_values(who, "taps", form.taps);
  Eigen::VectorXd numerator = Eigen::VectorXd::Zero(n + 1), a(n);
  for (Index m = 0; m <= n; ++m) {
    if (m > 0) detail::ascend(a.data(), m, form.reflection[m - 1]);
    for (Index j = 0; j < m; ++j) numerator[j] += form.taps[m] * a[m - 1 - j];
    numerator[m] += form.taps[m];
  }
  DirectForm direct{numerator[0], numerator.tail(n) - numerator[0] * a, a};
  const double condition = detail::lattice_condition(form.reflection);
  const Index length = detail::comparison_length(pole_radius(a), n, options);
  return detail::certify(who, form, std::move(direct), detail::Evidence{length, condition, options.tolerance},
                         [&] { return fmt::format("reflection coefficients of condition {:.2g}", condition); });
}

/// Lattice filters of several channels, of one order, with their states: a sequence model (ssm/model.hpp). Each channel
/// is a chain of dependent operations: for speed use sections (ssm/parallel_biquads.hpp).
template <class ScalarType>
class LatticeFilter {
 public:
  using Scalar = ScalarType;
  using State = RowMatrix<Scalar>;  // (channels, order): the backward prediction errors g_0 ... g_(n-1)
  static constexpr bool coupled = false;

  /// Reflection coefficients (channels, order) and taps (channels, order + 1). Throws std::invalid_argument on other
  /// shapes and on what is not finite.
  LatticeFilter(RowMatrix<Scalar> reflection, RowMatrix<Scalar> taps)
      : reflection_(std::move(reflection)), taps_(std::move(taps)) {
    require(taps_.rows() == reflection_.rows() && taps_.cols() == reflection_.cols() + 1,
            "LatticeFilter: expected taps of {} x {}, found {} x {}", reflection_.rows(), reflection_.cols() + 1,
            taps_.rows(), taps_.cols());
    require(all_finite(reflection_.data(), reflection_.size()) && all_finite(taps_.data(), taps_.size()),
            "LatticeFilter: expected finite reflection coefficients and taps");
  }

  Index channels() const { return reflection_.rows(); }
  Index inputs() const { return channels(); }
  Index outputs() const { return channels(); }
  Index order() const { return reflection_.cols(); }
  const RowMatrix<Scalar>& reflection() const { return reflection_; }
  const RowMatrix<Scalar>& taps() const { return taps_; }

  /// The first taps of the impulse response, (channels, length). Throws as chunk() does.
  RowMatrix<Scalar> kernel(Index length) const {
    require(length >= 0, "LatticeFilter: expected a length of at least 0, found {}", length);
    RowMatrix<Scalar> response = RowMatrix<Scalar>::Zero(channels(), length);
    if (length > 0) response.col(0).setOnes();
    State state = initial_state();
    chunk(state, signals(std::as_const(response)), signals(response));
    return response;
  }

  State initial_state() const { return State::Zero(channels(), order()); }

  /// One sample of every channel; `output` may be `input`. Allocates nothing. Throws std::invalid_argument on a state
  /// of another shape and a sample that is not finite, before any state has changed; NumericalError on overflow.
  void step(State& state, const Scalar* input, Scalar* output) const {
    check_state(state);
    require(all_finite(input, channels()), "LatticeFilter: expected finite samples");
    for (Index c = 0; c < channels(); ++c) output[c] = advance(c, state.data() + c * order(), input[c]);
    if (!all_finite(output, channels())) [[unlikely]]
      refuse_overflow();
  }

  /// Many samples, of which only the state is wanted. Throws as chunk() does.
  void prefill(State& state, Signals<const Scalar> input) const { run(state, input, {}); }

  /// Many samples, (1, channels, samples), of an output of the same shape, which may be the input. Any split of a
  /// sequence gives the same bits. Throws std::invalid_argument on other shapes and on samples that are not finite,
  /// NumericalError where an unstable lattice overflows; the state is then as before.
  void chunk(State& state, Signals<const Scalar> input, Signals<Scalar> output) const {
    require(output.batch() == 1 && output.channels() == channels() && output.length() == input.length(),
            "LatticeFilter: expected an output of batch 1, {} channels and length {}, found {}, {} and {}", channels(),
            input.length(), output.batch(), output.channels(), output.length());
    run(state, input, output);
  }

  /// An estimate of rounding errors relative to the largest tap: those of a sample's order + 1 operations, and of as
  /// many samples as the largest reflection coefficient remembers. Kernel, steps and chunks do the same operations.
  double predicted_error(Index length) const {
    require(length >= 0, "LatticeFilter: expected a length of at least 0, found {}", length);
    double worst = 1;
    for (Index c = 0; c < channels(); ++c) {
      double memory = 1;
      for (Index m = 0; m < order(); ++m)
        memory = std::max(memory, 1 / std::max(1e-300, 1 - std::abs(static_cast<double>(reflection_(c, m)))));
      worst = std::max(worst, std::sqrt(std::min(memory, static_cast<double>(std::max<Index>(length, 1)))));
    }
    return static_cast<double>(std::numeric_limits<Scalar>::epsilon()) * static_cast<double>(order() + 1) * worst;
  }

 private:
  /// f_(m-1) = f_m - k_m g_(m-1)[t-1], g_m = k_m f_(m-1) + g_(m-1)[t-1].
  Scalar advance(Index c, Scalar* backward, Scalar forward) const {
    const Scalar* k = reflection_.data() + c * order();
    const Scalar* v = taps_.data() + c * (order() + 1);
    Scalar sum = 0;
    for (Index m = order(); m >= 1; --m) {
      const Scalar before = backward[m - 1];
      forward -= k[m - 1] * before;
      const Scalar here = k[m - 1] * forward + before;
      sum += v[m] * here;
      if (m < order()) backward[m] = here;
    }
    if (order() > 0) backward[0] = forward;
    return sum + v[0] * forward;
  }

  void run(State& state, const Signals<const Scalar>& input, const Signals<Scalar>& output) const {
    check_state(state);
    require(input.batch() == 1 && input.channels() == channels(),
            "LatticeFilter: expected an input of batch 1 and {} channels, found {} and {}", channels(), input.batch(),
            input.channels());
    for (Index c = 0; c < channels(); ++c)
      require(all_finite(input(0, c), input.length()), "LatticeFilter: expected finite samples in channel {}", c);
    State after = state;
    bool finite = true;
    for (Index c = 0; c < channels(); ++c) {
      for (Index t = 0; t < input.length(); ++t) {
        const Scalar result = advance(c, after.data() + c * order(), input(0, c)[t]);
        finite = finite && is_finite(result);
        if (output.data() != nullptr) output(0, c)[t] = result;
      }
    }
    if (!finite || !all_finite(after.data(), after.size())) refuse_overflow();
    state.swap(after);
  }

  void check_state(const State& state) const {
    require(state.rows() == channels() && state.cols() == order(),
            "LatticeFilter: expected a state of {} x {}, found {} x {}", channels(), order(), state.rows(),
            state.cols());
  }

  [[noreturn]] static void refuse_overflow() {
    raise<NumericalError>("LatticeFilter: expected finite results, found an overflow");
  }

  RowMatrix<Scalar> reflection_;
  RowMatrix<Scalar> taps_;
};

}  // namespace tessera::inline TESSERA_ISA
