// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The model of channels of second-order sections, whether these stand one after the other or side by side: what
// ssm/biquad_cascade.hpp and ssm/parallel_biquads.hpp have in common.

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/nn/parameters.hpp>
#include <tessera/ssm/detail/section_group.hpp>
#include <tessera/ssm/stability.hpp>

namespace tessera {

/// A section that is not stable.
struct UnstableSection {
  Index channel = 0;
  Index section = 0;
  Stability verdict = Stability::unstable;  // or marginal
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// The gradient of a loss with respect to the coefficients and the states of a filter of sections.
template <class Scalar>
struct SectionGradient {
  RowMatrix<Scalar> coefficients;  // (channels, coefficients of a channel), the sum over examples
  RowMatrix<Scalar> states;        // (examples * channels, order): of the states before the first sample
};

namespace detail {

/// Coefficients are plain data: read them, write them, train them. Channels do not meet: each has the same bits
/// whatever the others are, in every batch and for any number of threads. Sections may be unstable; results that
/// overflow are refused.
template <class ScalarType, template <class> class LanesOf>
class SectionModel {
 public:
  using Scalar = ScalarType;
  using Lanes = LanesOf<Scalar>;
  using State = RowMatrix<Scalar>;  // (channels, order)
  using Gradient = SectionGradient<Scalar>;
  using Group = SectionGroup<Scalar, LanesOf>;
  static constexpr bool coupled = false;

  Index channels() const { return coefficients_.rows(); }
  Index inputs() const { return channels(); }
  Index outputs() const { return channels(); }
  Index sections() const { return (coefficients_.cols() - Lanes::extra) / Lanes::coefficients; }
  /// Scalars in the state of a channel: two for every section.
  Index order() const { return 2 * sections(); }
  const RowMatrix<Scalar>& coefficients() const { return coefficients_; }
  /// To be written, not resized.
  RowMatrix<Scalar>& coefficients() { return coefficients_; }

  /// The sections that are not stable, channel by channel: empty for a filter without surprises.
  std::vector<UnstableSection> unstable_sections() const {
    std::vector<UnstableSection> found;
    for (Index c = 0; c < channels(); ++c) {
      for (Index s = 0; s < sections(); ++s) {
        const Scalar* a =
            coefficients_.data() + c * coefficients_.cols() + s * Lanes::coefficients + Lanes::first_feedback;
        const Stability verdict = section_stability(static_cast<double>(a[0]), static_cast<double>(a[1]));
        if (verdict != Stability::stable) found.push_back({c, s, verdict});
      }
    }
    return found;
  }

  /// Adds `name.coefficients` to a parameter list; `gradient` is what backward_into fills.
  void add_to(Parameters<Scalar>& list, const std::string& name, Gradient& gradient) {
    gradient.coefficients.setZero(coefficients_.rows(), coefficients_.cols());
    list.add(name + ".coefficients", coefficients_, gradient.coefficients);
  }

  // ---- the kernel ----

  /// The first taps, (channels, length), by the recurrence in double, rounded once. Throws std::invalid_argument on a
  /// negative length, NumericalError where an unstable section overflows.
  RowMatrix<Scalar> kernel(Index length, Execution execution = {}) const {
    require(length >= 0, "{}: expected a length of at least 0, found {}", name_, length);
    check_coefficients();
    RowMatrix<Scalar> taps(channels(), length);
    for_groups<double>(channels(), execution, [&](Index first) {
      SectionGroup<double, LanesOf> group(coefficients_, sections(), first, channels());
      group.impulse(taps);
    });
    check_results(Signals<const Scalar>(taps.data(), 1, channels(), length), nullptr);
    return taps;
  }

  /// The gradient of the coefficients from that of the kernel's taps, (channels, length).
  RowMatrix<Scalar> kernel_backward(const RowMatrix<Scalar>& gradient, Execution execution = {}) const {
    require(gradient.rows() == channels(), "{}: expected the gradient of {} kernels, found {}", name_, channels(),
            gradient.rows());
    RowMatrix<Scalar> impulse = RowMatrix<Scalar>::Zero(channels(), gradient.cols());
    if (gradient.cols() > 0) impulse.col(0).setOnes();
    const Signals<const Scalar> input(impulse.data(), 1, channels(), impulse.cols());
    return backward(input, initial_state(), {gradient.data(), 1, channels(), gradient.cols()}, {}, execution)
        .coefficients;
  }

  // ---- running ----

  State initial_state() const { return State::Zero(channels(), order()); }
  /// For forward with a batch of examples.
  State initial_states(Index examples) const { return State::Zero(examples * channels(), order()); }

  /// One sample of every channel; `output` may be `input`. Allocates nothing. Throws std::invalid_argument on a state
  /// of another shape or a sample that is not finite, before any state has changed; NumericalError on overflow.
  void step(State& state, const Scalar* input, Scalar* output) const {
    check_states(state, channels());
    if (!all_finite(input, channels())) [[unlikely]]
      check_samples("samples", Signals<const Scalar>(input, 1, channels(), 1));
    for (Index c = 0; c < channels(); ++c)
      output[c] = Lanes::step_row(coefficients_.data() + c * coefficients_.cols(), sections(),
                                  state.data() + c * order(), input[c]);
    if (!all_finite(output, channels())) [[unlikely]]
      refuse_overflow();
  }

  /// Many samples, of which only the state is wanted. Throws as chunk() does.
  void prefill(State& state, Signals<const Scalar> input, Execution execution = {}) const {
    check_signals("input", input, 1, input.length());
    run(state, input, {}, execution);
  }

  /// Many samples, (1, channels, samples), of an output of the same shape, which may be the input. Any split of a
  /// sequence gives the same bits. Throws std::invalid_argument on other shapes and on samples that are not finite, and
  /// NumericalError where an unstable section overflows; the state is then as before.
  void chunk(State& state, Signals<const Scalar> input, Signals<Scalar> output, Execution execution = {}) const {
    check_signals("input", input, 1, input.length());
    check_signals("output", output, 1, input.length());
    run(state, input, output, execution);
  }

  /// The same for a batch of examples: (batch, channels, length), and a state for each, in row example * channels +
  /// channel, which becomes that after the last sample.
  void forward_into(Signals<const Scalar> input, State& states, Signals<Scalar> output,
                    Execution execution = {}) const {
    check_signals("input", input, input.batch(), input.length());
    check_signals("output", output, input.batch(), input.length());
    run(states, input, output, execution);
  }
  /// Rows example * channels + channel of results.
  RowMatrix<Scalar> forward(Signals<const Scalar> input, State& states, Execution execution = {}) const {
    RowMatrix<Scalar> output(input.batch() * input.channels(), input.length());
    forward_into(input, states, {output.data(), input.batch(), input.channels(), input.length()}, execution);
    return output;
  }
  /// From states of zeros, which are forgotten.
  RowMatrix<Scalar> forward(Signals<const Scalar> input, Execution execution = {}) const {
    State states = initial_states(input.batch());
    return forward(input, states, execution);
  }

  /// The gradients from the input of forward, the states before it, and the gradient of the output: that of the
  /// coefficients and of the states into `gradient`, which is resized, that of the input into `grad_input` unless it is
  /// default-constructed. `grad_final`, of the states after the last sample, may be empty: zeros.
  ///
  /// Sections are run again; only states at every 128th sample are kept, order / 128 numbers for a sample, beside
  /// blocks that do not grow with the length. Throws std::invalid_argument on other shapes and on what is not finite.
  void backward_into(Signals<const Scalar> input, const State& states, Signals<const Scalar> grad_output,
                     const State& grad_final, Gradient& gradient, Signals<Scalar> grad_input,
                     Execution execution = {}) const {
    check_signals("input", input, input.batch(), input.length());
    check_signals("grad_output", grad_output, input.batch(), input.length());
    if (grad_input.data() != nullptr) check_signals("grad_input", grad_input, input.batch(), input.length());
    const Index rows = input.batch() * channels();
    check_states(states, rows);
    if (grad_final.size() > 0) check_states(grad_final, rows);
    check_coefficients();
    check_samples("samples", input);
    check_samples("gradients", grad_output);
    gradient.states = grad_final.size() > 0 ? grad_final : State(State::Zero(rows, order()));
    RowMatrix<Scalar> grad_rows(rows, coefficients_.cols());
    for_groups<Scalar>(rows, execution, [&](Index first) {
      Group group(coefficients_, sections(), first, rows);
      group.load_state(states);
      group.backward(input, grad_output, grad_input, gradient.states, grad_rows);
    });
    gradient.coefficients.setZero(channels(), coefficients_.cols());
    for (Index row = 0; row < rows; ++row) gradient.coefficients.row(row % channels()) += grad_rows.row(row);
  }
  /// Without the gradient of the input.
  Gradient backward(Signals<const Scalar> input, const State& states, Signals<const Scalar> grad_output,
                    const State& grad_final = {}, Execution execution = {}) const {
    Gradient gradient;
    backward_into(input, states, grad_output, grad_final, gradient, {}, execution);
    return gradient;
  }

  /// How far kernel(), step() and chunk() may differ by rounding over `length` samples, relative to the largest tap: an
  /// estimate, as if roundings were independent of one another. It follows the poles: they amplify rounding by up to
  /// 1 / ((1 - radius) sin(angle)). As much work as order() * length samples of a channel. Throws std::invalid_argument
  /// on a negative length.
  double predicted_error(Index length) const {
    require(length >= 0, "{}: expected a length of at least 0, found {}", name_, length);
    double worst = 0;
    std::vector<double> row(static_cast<std::size_t>(coefficients_.cols()));
    for (Index c = 0; c < channels(); ++c) {
      for (Index j = 0; j < coefficients_.cols(); ++j)
        row[static_cast<std::size_t>(j)] = static_cast<double>(coefficients_(c, j));
      const double noise = Lanes::rounding_noise(row.data(), sections(), std::min<Index>(length, longest_estimate));
      worst = std::max(worst, is_finite(noise) ? noise : std::numeric_limits<double>::max());
    }
    return worst * static_cast<double>(std::numeric_limits<Scalar>::epsilon());
  }

 protected:
  /// `name` is that of the model in messages.
  SectionModel(const char* name, RowMatrix<Scalar> coefficients) : name_(name), coefficients_(std::move(coefficients)) {
    const Index columns = coefficients_.cols() - Lanes::extra;
    require(columns >= 0 && columns % Lanes::coefficients == 0,
            "{}: expected {} coefficients for each section of a channel and {} more, found {}", name_,
            Lanes::coefficients, Lanes::extra, coefficients_.cols());
    check_coefficients();
  }

 private:
  static constexpr Index longest_estimate = 65536;

  /// body(first row) for every group of rows.
  template <class Compute, class Body>
  static void for_groups(Index rows, Execution execution, Body&& body) {
    constexpr Index width = LanesOf<Compute>::width;
    execution.for_ranges(rows, width, [&](Index first, Index) { body(first); });
  }

  void run(State& states, const Signals<const Scalar>& input, const Signals<Scalar>& output,
           Execution execution) const {
    const Index rows = input.batch() * channels();
    check_states(states, rows);
    check_coefficients();
    check_samples("samples", input);
    State after = states;
    for_groups<Scalar>(rows, execution, [&](Index first) {
      Group group(coefficients_, sections(), first, rows);
      group.load_state(states);
      group.run(input, output);
      group.store_state(after);
    });
    check_results(output, &after);
    states.swap(after);
  }

  // ---- checks ----

  void check_coefficients() const {
    if (all_finite(coefficients_.data(), coefficients_.size())) return;
    Index i = 0;
    while (is_finite(coefficients_.data()[i])) ++i;
    raise<std::invalid_argument>("{}: expected finite coefficients, found {} at channel {}, coefficient {}", name_,
                                 non_finite_name(coefficients_.data()[i]), i / coefficients_.cols(),
                                 i % coefficients_.cols());
  }

  void check_states(const State& states, Index rows) const {
    require(states.rows() == rows && states.cols() == order(), "{}: expected states of {} x {}, found {} x {}", name_,
            rows, order(), states.rows(), states.cols());
    require(all_finite(states.data(), states.size()), "{}: expected finite states", name_);
  }

  template <class Sample>
  void check_signals(const char* what, const Signals<Sample>& signals, Index batch, Index length) const {
    require(signals.batch() == batch && signals.channels() == channels() && signals.length() == length,
            "{}: expected {} of batch {}, {} channels and length {}, found {}, {} and {}", name_, what, batch,
            channels(), length, signals.batch(), signals.channels(), signals.length());
  }

  void check_samples(const char* what, const Signals<const Scalar>& signals) const {
    for (Index b = 0; b < signals.batch(); ++b) {
      for (Index c = 0; c < signals.channels(); ++c) {
        if (all_finite(signals(b, c), signals.length())) continue;
        Index t = 0;
        while (is_finite(signals(b, c)[t])) ++t;
        raise<std::invalid_argument>("{}: expected finite {}, found {} at example {}, channel {}, sample {}", name_,
                                     what, non_finite_name(signals(b, c)[t]), b, c, t);
      }
    }
  }

  void check_results(const Signals<const Scalar>& output, const State* states) const {
    if (states != nullptr && !all_finite(states->data(), states->size())) refuse_overflow();
    if (output.data() == nullptr) return;
    for (Index b = 0; b < output.batch(); ++b) {
      for (Index c = 0; c < output.channels(); ++c) {
        if (!all_finite(output(b, c), output.length())) refuse_overflow();
      }
    }
  }

  [[noreturn]] void refuse_overflow() const {
    const auto unstable = static_cast<Index>(unstable_sections().size());
    raise<NumericalError>("{}: expected finite results, found an overflow; {} of {} sections are not stable", name_,
                          unstable, channels() * sections());
  }

  const char* name_;
  RowMatrix<Scalar> coefficients_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
