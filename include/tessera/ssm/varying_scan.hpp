// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// A diagonal system sampled at times that are not equally spaced. Sample t comes dt[t] after the one before it:
//
//   x[t] = pole(dt[t]) x[t-1] + weight(dt[t]) B u[t] + previous(dt[t]) B u[t-1],      y[t] = 2 Re(C x[t]) + D u[t],
//
// pole, weight and previous as in ssm/diagonal_discretization.hpp (J. Smith et al., Simplified State Space Layers for
// Sequence Modeling, 2023, section 4.2 and experiment 5.3). Every stored mode stands for itself and its conjugate.
// Equal steps in a row cost their exponentials once.
//
// The backward pass keeps the state at every sqrt(length)-th sample and recomputes the rest: O(modes sqrt(length))
// memory of each example that runs, where frameworks keep O(modes length) of all.

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/ssm/diagonal_discretization.hpp>

namespace tessera {

struct VaryingScanOptions {
  Discretization method = Discretization::zero_order_hold;  // of each step
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// x' = Lambda x + B u, y = 2 Re(C x) + D u, or gradients of these. D may be left empty, for zeros.
struct ContinuousModes {
  Eigen::VectorXcd lambda;            // modes
  RowMatrix<std::complex<double>> b;  // modes x inputs
  RowMatrix<std::complex<double>> c;  // outputs x modes
  RowMatrix<double> d;                // outputs x inputs
};

/// What VaryingScan::backward gives.
template <class Scalar>
struct VaryingScanGradient {
  ContinuousModes system;                 // summed over the batch
  RowMatrix<Scalar> input;                // (batch * inputs, length): row b * inputs + i
  RowMatrix<Scalar> steps;                // (batch, length)
  RowMatrix<std::complex<double>> state;  // of the state before the first sample
};

/// The plan of one system. Signals are (batch, channels, length), steps (batch, length), in units of 1 / lambda; a step
/// of 0 is a second sample at the same time. Examples do not meet: each has the same bits whatever the others are.
/// States and coefficients are double whatever Scalar is. Immutable.
template <class ScalarType>
class VaryingScan {
 public:
  using Scalar = ScalarType;
  /// (batch, state_size()): x, and for a first-order hold B u of the last sample after it.
  using State = RowMatrix<std::complex<double>>;

  /// Throws std::invalid_argument on shapes that do not fit and on what is not finite.
  explicit VaryingScan(ContinuousModes system, const VaryingScanOptions& options = {})
      : system_(std::move(system)), method_(options.method) {
    if (system_.d.size() == 0) system_.d = RowMatrix<double>::Zero(outputs(), inputs());
    require(modes() >= 1, "VaryingScan: expected at least 1 mode, found {}", modes());
    require(system_.b.rows() == modes() && system_.c.cols() == modes() && system_.d.rows() == outputs() &&
                system_.d.cols() == inputs(),
            "VaryingScan: expected B modes x inputs, C outputs x modes and D outputs x inputs, found {} modes, B {} x "
            "{}, C {} x {} and D {} x {}",
            modes(), system_.b.rows(), system_.b.cols(), system_.c.rows(), system_.c.cols(), system_.d.rows(),
            system_.d.cols());
    require(finite(system_.lambda), "VaryingScan: expected a finite lambda");
    require(finite(system_.b), "VaryingScan: expected a finite B");
    require(finite(system_.c), "VaryingScan: expected a finite C");
    require(all_finite(system_.d.data(), system_.d.size()), "VaryingScan: expected a finite D");
  }

  Index modes() const { return system_.lambda.size(); }
  Index inputs() const { return system_.b.cols(); }
  Index outputs() const { return system_.c.rows(); }
  Index state_size() const { return method_ == Discretization::first_order_hold ? 2 * modes() : modes(); }
  const ContinuousModes& system() const { return system_; }

  State initial_state(Index batch = 1) const { return State::Zero(batch, state_size()); }

  /// One sample of each input of example `row` of the state, `dt` after the last. Allocates nothing; unchecked.
  void step(State& state, Index row, double dt, const Scalar* input, Scalar* output) const {
    std::complex<double>* x = &state(row, 0);
    for (Index n = 0; n < modes(); ++n) {
      move(x, n, detail::unit_mode(method_, system_.lambda[n], dt), drive(n, input));
    }
    read(x, input, output);
  }

  /// y of u, in any number of pieces: `state` is that before the first sample, and becomes that after the last; any
  /// split of a sequence has the bits of the whole. Throws std::invalid_argument on other shapes, on samples and steps
  /// that are not finite and on steps below 0, and NumericalError where a state overflows; `state` is then unchanged
  /// (in the last case `output` is not).
  void scan_into(State& state, Signals<const Scalar> input, Batch<const Scalar> steps, Signals<Scalar> output,
                 Execution execution = {}) const {
    check_call(state, input, steps, "output", output);
    State after = state;
    auto example = [&](Index e) {
      scan_example(&after(e, 0), input, e, steps[e], 0, input.length(),
                   [&](Index t, const std::complex<double>* x, const Scalar* u, Scalar* y) {
                     read(x, u, y);
                     for (Index o = 0; o < outputs(); ++o) output(e, o)[t] = y[o];
                   });
    };
    execution.run(input.batch(), example);
    check_result(after);
    state = std::move(after);
  }

  /// The outputs of one piece that starts from rest, (batch * outputs, length): row b * outputs + o.
  RowMatrix<Scalar> scan(Signals<const Scalar> input, Batch<const Scalar> steps, Execution execution = {}) const {
    State state = initial_state(input.batch());
    RowMatrix<Scalar> result(input.batch() * outputs(), input.length());
    scan_into(state, input, steps, {result.data(), input.batch(), outputs(), input.length()}, execution);
    return result;
  }

  /// The gradients of all that scan_into takes, from that of its outputs, (batch, outputs, length), and that of the
  /// state after the last sample (empty: none). `before` is the state before the first sample. Complex gradients are
  /// dL/dRe + i dL/dIm. Throws as scan_into does.
  VaryingScanGradient<Scalar> backward(const State& before, Signals<const Scalar> input, Batch<const Scalar> steps,
                                       Signals<const Scalar> gradient, const State& after = {},
                                       Execution execution = {}) const {
    check_call(before, input, steps, "gradient", gradient);
    require(after.size() == 0 || (after.rows() == before.rows() && after.cols() == before.cols()),
            "VaryingScan: expected a gradient of the state of {} x {}, found {} x {}", before.rows(), before.cols(),
            after.rows(), after.cols());
    const Index batch = input.batch();
    VaryingScanGradient<Scalar> result{zeros(), RowMatrix<Scalar>::Zero(batch * inputs(), input.length()),
                                       RowMatrix<Scalar>::Zero(batch, input.length()),
                                       after.size() == 0 ? State(State::Zero(batch, state_size())) : after};
    std::vector<ContinuousModes> parts(static_cast<std::size_t>(batch), zeros());
    auto example = [&](Index e) {
      Reverse(*this, input, gradient, steps[e], e, parts[static_cast<std::size_t>(e)], result).run(&before(e, 0));
    };
    execution.run(batch, example);
    for (const ContinuousModes& part : parts) add(result.system, part);
    check_result(result.state);
    return result;
  }

 private:
  using Complex = std::complex<double>;

  // ---- one sample ----

  /// (B u)_n.
  Complex drive(Index n, const Scalar* input) const {
    double real = 0, imag = 0;
    const Complex* row = system_.b.data() + n * inputs();
    for (Index i = 0; i < inputs(); ++i) {
      real += row[i].real() * static_cast<double>(input[i]);
      imag += row[i].imag() * static_cast<double>(input[i]);
    }
    return {real, imag};
  }

  static Complex product(const Complex& a, const Complex& b) {
    return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
  }

  void move(Complex* x, Index n, const DiscreteMode& mode, const Complex& force) const {
    x[n] = product(mode.pole, x[n]) + product(mode.weight, force);
    if (method_ != Discretization::first_order_hold) return;
    x[n] += product(mode.previous, x[modes() + n]);
    x[modes() + n] = force;
  }

  void read(const Complex* x, const Scalar* input, Scalar* output) const {
    for (Index o = 0; o < outputs(); ++o) {
      double modal = 0, direct = 0;
      const Complex* row = system_.c.data() + o * modes();
      for (Index n = 0; n < modes(); ++n) modal += row[n].real() * x[n].real() - row[n].imag() * x[n].imag();
      for (Index i = 0; i < inputs(); ++i) direct += system_.d(o, i) * static_cast<double>(input[i]);
      output[o] = static_cast<Scalar>(2 * modal + direct);
    }
  }

  void unit_modes(double dt, DiscreteMode* units) const {
    for (Index n = 0; n < modes(); ++n) units[n] = detail::unit_mode(method_, system_.lambda[n], dt);
  }

  static void gather(Signals<const Scalar> signals, Index e, Index t, Scalar* sample) {
    for (Index i = 0; i < signals.channels(); ++i) sample[i] = signals(e, i)[t];
  }

  /// Moves the state x of example e over samples [begin, end); `visit(t, x, input, output)` after each.
  template <class Visit>
  void scan_example(Complex* x, Signals<const Scalar> input, Index e, const Scalar* steps, Index begin, Index end,
                    Visit&& visit) const {
    std::vector<DiscreteMode> units(static_cast<std::size_t>(modes()));
    std::vector<Scalar> sample(static_cast<std::size_t>(inputs())), result(static_cast<std::size_t>(outputs()));
    for (Index t = begin; t < end; ++t) {
      if (t == begin || steps[t] != steps[t - 1]) unit_modes(static_cast<double>(steps[t]), units.data());
      gather(input, e, t, sample.data());
      for (Index n = 0; n < modes(); ++n) move(x, n, units[static_cast<std::size_t>(n)], drive(n, sample.data()));
      visit(t, x, sample.data(), result.data());
    }
  }

  // ---- backward ----

  /// The reverse pass over one example. result.state holds the gradient of the state as it is moved back.
  class Reverse {
   public:
    Reverse(const VaryingScan& plan, Signals<const Scalar> input, Signals<const Scalar> gradient, const Scalar* steps,
            Index example, ContinuousModes& system, VaryingScanGradient<Scalar>& result)
        : plan_(plan),
          input_(input),
          gradient_(gradient),
          steps_(steps),
          example_(example),
          system_(system),
          result_(result),
          moved_(static_cast<std::size_t>(plan.modes())),
          sample_(static_cast<std::size_t>(plan.inputs())),
          sample_gradient_(static_cast<std::size_t>(plan.inputs())) {}

    void run(const Complex* before) {
      const Index length = input_.length(), size = plan_.state_size();
      const Index segment = std::max<Index>(1, static_cast<Index>(std::sqrt(static_cast<double>(length))));
      const Index count = (length + segment - 1) / segment;
      State kept(count + 1, size), states(segment + 1, size);  // states before each segment, and within one
      kept.row(0) = Eigen::Map<const Eigen::RowVectorXcd>(before, size);
      for (Index s = 0; s + 1 < count; ++s) {
        kept.row(s + 1) = kept.row(s);
        plan_.scan_example(&kept(s + 1, 0), input_, example_, steps_, s * segment, (s + 1) * segment,
                           [](Index, const Complex*, const Scalar*, Scalar*) {});
      }
      for (Index s = count - 1; s >= 0; --s) {
        const Index begin = s * segment, end = std::min(length, begin + segment);
        states.row(0) = kept.row(s);
        plan_.scan_example(
            &kept(s, 0), input_, example_, steps_, begin, end,
            [&](Index t, const Complex*, const Scalar*, Scalar*) { states.row(t - begin + 1) = kept.row(s); });
        for (Index t = end - 1; t >= begin; --t) sample(t, &states(t - begin, 0), &states(t - begin + 1, 0));
      }
    }

   private:
    /// Moves the gradient from the state after sample t to that before it.
    void sample(Index t, const Complex* before, const Complex* after) {
      gather(input_, example_, t, sample_.data());
      if (t + 1 == input_.length() || steps_[t] != steps_[t + 1]) load_step(static_cast<double>(steps_[t]));
      Complex* adjoint = &result_.state(example_, 0);
      for (Index o = 0; o < plan_.outputs(); ++o) output(o, t, after, adjoint);
      std::fill(sample_gradient_.begin(), sample_gradient_.end(), 0.0);
      double step_gradient = 0;
      for (Index n = 0; n < plan_.modes(); ++n) step_gradient += mode(n, before, adjoint);
      result_.steps(example_, t) = static_cast<Scalar>(step_gradient);
      for (Index i = 0; i < plan_.inputs(); ++i) {
        double sum = sample_gradient_[static_cast<std::size_t>(i)];
        for (Index o = 0; o < plan_.outputs(); ++o) {
          sum += plan_.system_.d(o, i) * static_cast<double>(gradient_(example_, o)[t]);
        }
        result_.input(example_ * plan_.inputs() + i, t) = static_cast<Scalar>(sum);
      }
    }

    void load_step(double dt) {
      for (Index n = 0; n < plan_.modes(); ++n) {
        moved_[static_cast<std::size_t>(n)] = detail::differentiated_mode(plan_.method_, plan_.system_.lambda[n], dt);
      }
    }

    void output(Index o, Index t, const Complex* after, Complex* adjoint) {
      const double upstream = static_cast<double>(gradient_(example_, o)[t]), twice = 2 * upstream;
      const Complex* row = plan_.system_.c.data() + o * plan_.modes();
      Complex* row_gradient = system_.c.data() + o * plan_.modes();
      for (Index n = 0; n < plan_.modes(); ++n) {
        row_gradient[n] += Complex(twice * after[n].real(), -twice * after[n].imag());
        adjoint[n] += Complex(twice * row[n].real(), -twice * row[n].imag());
      }
      for (Index i = 0; i < plan_.inputs(); ++i) {
        system_.d(o, i) += upstream * static_cast<double>(sample_[static_cast<std::size_t>(i)]);
      }
    }

    /// Mode n of the sample: gives what it adds to the gradient of the step.
    double mode(Index n, const Complex* before, Complex* adjoint) {
      const detail::DifferentiatedMode& moved = moved_[static_cast<std::size_t>(n)];
      const Complex upstream = adjoint[n], force = plan_.drive(n, sample_.data());
      DiscreteMode inner{detail::conjugate_product(before[n], upstream), detail::conjugate_product(force, upstream), 0};
      Complex force_gradient = detail::conjugate_product(moved.unit.weight, upstream);
      if (plan_.method_ == Discretization::first_order_hold) {
        const Index last = plan_.modes() + n;
        inner.previous = detail::conjugate_product(before[last], upstream);
        force_gradient += adjoint[last];
        adjoint[last] = detail::conjugate_product(moved.unit.previous, upstream);
      }
      adjoint[n] = detail::conjugate_product(moved.unit.pole, upstream);
      const Complex* row = plan_.system_.b.data() + n * plan_.inputs();
      for (Index i = 0; i < plan_.inputs(); ++i) {
        const auto at = static_cast<std::size_t>(i);
        const double value = static_cast<double>(sample_[at]);
        system_.b(n, i) += Complex(value * force_gradient.real(), value * force_gradient.imag());
        sample_gradient_[at] += row[i].real() * force_gradient.real() + row[i].imag() * force_gradient.imag();
      }
      system_.lambda[n] += detail::mode_product(moved.by_lambda, inner);
      return detail::mode_product(moved.by_dt, inner).real();
    }

    const VaryingScan& plan_;
    Signals<const Scalar> input_, gradient_;
    const Scalar* steps_;
    Index example_;
    ContinuousModes& system_;
    VaryingScanGradient<Scalar>& result_;
    std::vector<detail::DifferentiatedMode> moved_;  // the modes at the present step
    std::vector<Scalar> sample_;
    std::vector<double> sample_gradient_;
  };

  ContinuousModes zeros() const {
    return {Eigen::VectorXcd::Zero(modes()), RowMatrix<Complex>::Zero(modes(), inputs()),
            RowMatrix<Complex>::Zero(outputs(), modes()), RowMatrix<double>::Zero(outputs(), inputs())};
  }
  static void add(ContinuousModes& sum, const ContinuousModes& part) {
    sum.lambda += part.lambda;
    sum.b += part.b;
    sum.c += part.c;
    sum.d += part.d;
  }

  // ---- checks ----

  template <class Matrix>
  static bool finite(const Matrix& matrix) {
    return all_finite(reinterpret_cast<const double*>(matrix.data()), 2 * matrix.size());
  }

  template <class Sample>
  void check_call(const State& state, Signals<const Scalar> input, Batch<const Scalar> steps, const char* what,
                  Signals<Sample> other) const {
    const Index batch = input.batch(), length = input.length();
    require(input.channels() == inputs(), "VaryingScan: expected input of {} channels, found {}", inputs(),
            input.channels());
    require(steps.count() == batch && steps.dimension() == length,
            "VaryingScan: expected steps of {} x {}, found {} x {}", batch, length, steps.count(), steps.dimension());
    require(other.batch() == batch && other.channels() == outputs() && other.length() == length,
            "VaryingScan: expected {} of batch {}, {} channels and length {}, found {}, {} and {}", what, batch,
            outputs(), length, other.batch(), other.channels(), other.length());
    require(state.rows() == batch && state.cols() == state_size(),
            "VaryingScan: expected a state of {} x {}, found {} x {}", batch, state_size(), state.rows(), state.cols());
    check_samples(input);
    check_steps(steps);
  }

  static void check_samples(Signals<const Scalar> input) {
    for (Index e = 0; e < input.batch(); ++e) {
      for (Index i = 0; i < input.channels(); ++i) {
        const Batch<const Scalar> samples(input(e, i), 1, input.length());
        if (const std::optional<Position> found = first_non_finite(samples)) {
          raise<std::invalid_argument>(
              "VaryingScan: expected finite samples, found {} at example {}, channel {}, "
              "sample {}",
              detail::non_finite_name(samples[0][found->component]), e, i, found->component);
        }
      }
    }
  }

  void check_steps(Batch<const Scalar> steps) const {
    if (const std::optional<Position> found = first_non_finite(steps)) {
      raise<std::invalid_argument>("VaryingScan: expected finite steps, found {} at example {}, sample {}",
                                   detail::non_finite_name(steps[found->vector][found->component]), found->vector,
                                   found->component);
    }
    for (Index e = 0; e < steps.count(); ++e) {
      for (Index t = 0; t < steps.dimension(); ++t) {
        require(steps[e][t] >= 0, "VaryingScan: expected steps of at least 0, found {} at example {}, sample {}",
                steps[e][t], e, t);
      }
    }
  }

  void check_result(const State& state) const {
    if (!finite(state)) {
      raise<NumericalError>(
          "VaryingScan: expected a state within range, found it to overflow; a mode grows, or a step "
          "of the bilinear rule meets its pole");
    }
  }

  ContinuousModes system_;
  Discretization method_ = Discretization::zero_order_hold;
};

}  // namespace tessera::inline TESSERA_ISA
