// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Channels of diagonal systems, in modal form: per channel some complex modes, each of which stands for itself and its
// conjugate (a real pole carries half its weight),
//
//   x_n[t] = p_n x_n[t-1] + u[t],
//
//   current   y[t] = 2 Re sum of w_n x_n[t] + skip u[t]:     K[0] = skip + 2 Re sum w,   K[t] = 2 Re sum of w_n p_n^t
//   delayed   y[t] = 2 Re sum of w_n x_n[t-1] + skip u[t]:   K[0] = skip,            K[t] = 2 Re sum of w_n p_n^(t-1)
//
// (A. Gu et al., On the Parameterization and Initialization of Diagonal State Space Models, 2022, equation 6: the
// kernel is a product with a Vandermonde matrix.) The kernel is made as a real matrix product of giant steps and baby
// steps, with no power of a pole computed for a single tap (detail/vandermonde.hpp).
//
// Poles, weights and states are double whatever the scalar of the model: rounded to float, a pole near the circle is
// off by 6e-8 of a turn in every sample, 1e-3 after 16384. Kernels and blocks of float models round tables made in
// double; what is carried from block to block, and from sample to sample, is not rounded.

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <stdexcept>
#include <utility>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/ssm/detail/modal_blocks.hpp>
#include <tessera/ssm/detail/modal_checks.hpp>
#include <tessera/ssm/detail/modal_recurrence.hpp>
#include <tessera/ssm/detail/modal_reports.hpp>
#include <tessera/ssm/detail/vandermonde.hpp>
#include <tessera/ssm/diagonal_discretization.hpp>
#include <tessera/ssm/filter_forms.hpp>
#include <tessera/ssm/timing.hpp>

namespace tessera::inline TESSERA_ISA {

/// What defines a modal system, or the gradient of a loss with respect to it.
struct ModalParameters {
  RowMatrix<std::complex<double>> poles;    // (channels, modes)
  RowMatrix<std::complex<double>> weights;  // (channels, modes)
  Eigen::VectorXd skip;                     // channels; empty for zeros
};

/// A sequence model (ssm/model.hpp) of channels that do not meet: each has the same bits whatever the others are, for
/// any number of threads. Immutable. Poles may lie anywhere, on the circle and outside too.
template <class ScalarType, Timing timing_of = Timing::current>
class ModalSystem {
 public:
  using Scalar = ScalarType;
  using State = RowMatrix<std::complex<double>>;  // (channels, modes): x after the last sample
  static constexpr Timing timing = timing_of;
  static constexpr bool coupled = false;

  /// Throws std::invalid_argument on shapes that do not fit and on what is not finite.
  explicit ModalSystem(ModalParameters parameters) : parameters_(checked(std::move(parameters))) {
    recurrence_ = {channels(), modes(), parameters_.poles.data(), parameters_.weights.data()};
  }

  Index channels() const { return parameters_.poles.rows(); }
  Index modes() const { return parameters_.poles.cols(); }
  Index inputs() const { return channels(); }
  Index outputs() const { return channels(); }
  /// Real numbers in the state of a channel: two for every mode.
  Index order() const { return 2 * modes(); }
  const ModalParameters& parameters() const { return parameters_; }

  // ---- the kernel ----

  /// The first taps, (channels, length). 2 order * length multiply-adds a channel near the peak rate, hundreds of taps
  /// or more provided. Errors below 1e-6 (float) of 2 sum |w|, or 1e-11 (double), at length 16384. Throws
  /// std::invalid_argument on a negative length, and NumericalError where an unstable system may overflow.
  RowMatrix<Scalar> kernel(Index length, Execution execution = {}) const {
    RowMatrix<Scalar> taps;
    kernel_into(length, taps, execution);
    return taps;
  }

  /// The same into `taps`, which is resized.
  void kernel_into(Index length, RowMatrix<Scalar>& taps, Execution execution = {}) const {
    check_length(length);
    taps.resize(channels(), length);
    if (length == 0) return;
    execution.for_ranges(channels(), channels_per_task, [&](Index begin, Index end) {
      detail::Vandermonde<Scalar> table(modes(), length - lag);
      for (Index c = begin; c < end; ++c) {
        Scalar* row = taps.data() + c * length;
        table.taps(poles(c), weights(c), row + lag);
        row[0] = (lag == 0 ? row[0] : Scalar(0)) + static_cast<Scalar>(parameters_.skip[c]);
      }
    });
  }

  /// The gradient of a loss from that of the kernel's taps, (channels, length): poles, weights and skip, complex ones
  /// as dL/dRe + i dL/dIm. About twice the work of the kernel. Throws as kernel() does, and std::invalid_argument on
  /// another number of rows and on what is not finite.
  ModalParameters kernel_backward(const RowMatrix<Scalar>& gradient, Execution execution = {}) const {
    const Index length = gradient.cols();
    require(gradient.rows() == channels(), "ModalSystem: expected the gradient of {} kernels, found {}", channels(),
            gradient.rows());
    require_finite("ModalSystem", "gradient", Batch<const Scalar>(gradient.data(), gradient.rows(), length));
    check_length(length);
    ModalParameters result{RowMatrix<std::complex<double>>::Zero(channels(), modes()),
                           RowMatrix<std::complex<double>>::Zero(channels(), modes()),
                           Eigen::VectorXd::Zero(channels())};
    if (length == 0) return result;
    execution.for_ranges(channels(), channels_per_task, [&](Index begin, Index end) {
      detail::VandermondeTranspose<Scalar> table(modes(), length - lag);
      for (Index c = begin; c < end; ++c) {
        std::complex<double>* pole_row = result.poles.data() + c * modes();
        std::complex<double>* weight_row = result.weights.data() + c * modes();
        table.sums(poles(c), gradient.data() + c * length + lag, weight_row, pole_row);
        detail::modal_gradient(modes(), weights(c), weight_row, pole_row);
        result.skip[c] = static_cast<double>(gradient(c, 0));
      }
    });
    return result;
  }

  // ---- running ----

  State initial_state() const { return State::Zero(channels(), modes()); }

  /// One sample of every channel; `output` may be `input`. Allocates nothing. Throws std::invalid_argument on a state
  /// of another shape or a sample that is not finite, before any state has changed.
  void step(State& state, const Scalar* input, Scalar* output) const {
    detail::check_modal_state(state, channels(), modes());
    detail::check_samples(input, channels());
    for (Index c = 0; c < channels(); ++c) output[c] = step_channel(c, state.data() + c * modes(), input[c]);
  }

  /// Many samples, (1, channels, samples), of which only the state is wanted. Throws as chunk() does.
  void prefill(State& state, Signals<const Scalar> input, Execution execution = {}) const {
    run(state, input, nullptr, execution);
  }

  /// Many samples, as if one by one; `output` may be the very memory of `input`. Long pieces are cut into blocks, which
  /// costs about 2 order + 48 (float) multiply-adds a sample; pieces of one sequence give what the whole gives, up to
  /// rounding. Throws std::invalid_argument on other shapes and on samples that are not finite, before anything
  /// changes.
  void chunk(State& state, Signals<const Scalar> input, Signals<Scalar> output, Execution execution = {}) const {
    require(output.batch() == 1 && output.channels() == channels() && output.length() == input.length(),
            "ModalSystem: expected an output of batch 1, {} channels and {} samples, found {}, {} and {}", channels(),
            input.length(), output.batch(), output.channels(), output.length());
    run(state, input, &output, execution);
  }

  /// How far kernel, step and chunk may differ by rounding, relative to the largest tap below `length`: roundings of
  /// the scalar in the sums over modes, and of double in the powers of the poles. At most 1, which stands for a kernel
  /// that has no correct digit or overflows. Costs a kernel.
  double predicted_error(Index length) const {
    require(length >= 0, "ModalSystem: expected a length of at least 0, found {}", length);
    double worst = 0;
    for (Index c = 0; c < channels() && length > 0; ++c) worst = std::max(worst, channel_error(c, length));
    return worst;
  }

  // ---- reports ----

  /// The largest modulus of a pole.
  double spectral_radius() const {
    double radius = 0;
    for (Index i = 0; i < parameters_.poles.size(); ++i)
      radius = std::max(radius, std::abs(parameters_.poles.data()[i]));
    return radius;
  }

  /// Per channel the sum of K[t]^2 over t >= length, by the closed form of the geometric series of every pair of modes
  /// (order^2 / 2 of them). The largest double where a pole with a weight lies on the circle or outside.
  Eigen::VectorXd tail_energy(Index length) const {
    require(length >= 0, "ModalSystem: expected a length of at least 0, found {}", length);
    Eigen::VectorXd energy(channels());
    for (Index c = 0; c < channels(); ++c) {
      const Index first = std::max<Index>(length, 1);
      energy[c] = detail::tail_energy(modes(), poles(c), weights(c), first - lag);
      if (length == 0 && energy[c] < std::numeric_limits<double>::max()) {
        double tap = parameters_.skip[c];
        for (Index n = 0; n < modes() && lag == 0; ++n) tap += 2 * weights(c)[n].real();
        energy[c] += tap * tap;
      }
    }
    return energy;
  }

  /// Channel c in the form that conversions take, in which real poles stand once with their whole weight.
  ModalForm form(Index channel) const {
    require(channel >= 0 && channel < channels(), "ModalSystem: expected a channel below {}, found {}", channels(),
            channel);
    return detail::modal_form(modes(), poles(channel), weights(channel), parameters_.skip[channel], lag == 0);
  }

  /// The system at steps `ratio` > 0 times as long, by powers of the poles (resample_mode): responses to held inputs
  /// are kept. Throws std::invalid_argument on another ratio.
  ModalSystem resampled(double ratio) const {
    detail::require_positive("ModalSystem", "ratio", ratio);
    ModalParameters changed = parameters_;
    for (Index i = 0; i < changed.poles.size(); ++i) {
      const DiscreteMode mode = resample_mode({changed.poles.data()[i], changed.weights.data()[i], 0}, ratio);
      changed.poles.data()[i] = mode.pole;
      changed.weights.data()[i] = mode.weight;
    }
    return ModalSystem(std::move(changed));
  }

  /// The same system in another scalar.
  template <class Other>
  ModalSystem<Other, timing_of> cast() const {
    return ModalSystem<Other, timing_of>(parameters_);
  }

 private:
  static constexpr Index lag = timing_of == Timing::delayed ? 1 : 0;
  static constexpr Index channels_per_task = 8;

  const std::complex<double>* poles(Index c) const { return parameters_.poles.data() + c * modes(); }
  const std::complex<double>* weights(Index c) const { return parameters_.weights.data() + c * modes(); }

  static ModalParameters checked(ModalParameters parameters) {
    const Index channels = parameters.poles.rows(), modes = parameters.poles.cols();
    if (parameters.skip.size() == 0) parameters.skip = Eigen::VectorXd::Zero(channels);
    require(parameters.weights.rows() == channels && parameters.weights.cols() == modes &&
                parameters.skip.size() == channels,
            "ModalSystem: expected weights of {} x {} and a skip of {}, as there are poles, found {} x {} and {}",
            channels, modes, channels, parameters.weights.rows(), parameters.weights.cols(), parameters.skip.size());
    detail::require_finite_modes("ModalSystem", "poles", parameters.poles);
    detail::require_finite_modes("ModalSystem", "weights", parameters.weights);
    require(all_finite(parameters.skip.data(), channels), "ModalSystem: expected a finite skip");
    return parameters;
  }

  void check_length(Index length) const {
    require(length >= 0, "ModalSystem: expected a length of at least 0, found {}", length);
    for (Index c = 0; c < channels(); ++c) {
      const Index beyond = detail::overflowing_mode<Scalar>(modes(), poles(c), weights(c), length - lag);
      if (beyond < 0) continue;
      raise<NumericalError>("ModalSystem: expected {} taps within range, found a pole of modulus {} in channel {}",
                            length, std::abs(poles(c)[beyond]), c);
    }
  }

  Scalar step_channel(Index c, std::complex<double>* state, Scalar input) const {
    const auto u = static_cast<double>(input);
    return static_cast<Scalar>(recurrence_.step<timing_of>(c, state, u) + parameters_.skip[c] * u);
  }

  void run(State& state, Signals<const Scalar> input, const Signals<Scalar>* output, Execution execution) const {
    detail::check_modal_state(state, channels(), modes());
    detail::check_signals("ModalSystem", input, channels());
    execution.for_ranges(channels(), channels_per_task, [&](Index begin, Index end) {
      const bool blocks = input.length() >= Blocks::worthwhile;
      Blocks tables(blocks ? modes() : 0);
      for (Index c = begin; c < end; ++c) {
        run_channel(c, state.data() + c * modes(), input(0, c), output == nullptr ? nullptr : (*output)(0, c),
                    input.length(), blocks ? &tables : nullptr);
      }
    });
  }

  using Blocks = detail::ModalBlocks<Scalar, timing_of>;

  void run_channel(Index c, std::complex<double>* state, const Scalar* input, Scalar* output, Index length,
                   Blocks* tables) const {
    Index done = 0;
    if (tables != nullptr) {
      tables->set_channel(poles(c), weights(c), parameters_.skip[c]);
      tables->run(input, output, length / Blocks::block, state);
      done = length / Blocks::block * Blocks::block;
    }
    for (; done < length; ++done) {
      const Scalar result = step_channel(c, state, input[done]);
      if (output != nullptr) output[done] = result;
    }
  }

  double channel_error(Index c, Index length) const {
    if (detail::overflowing_mode<Scalar>(modes(), poles(c), weights(c), length) >= 0) return 1;
    RowMatrix<Scalar> taps(1, length);
    detail::Vandermonde<Scalar>(modes(), length).taps(poles(c), weights(c), taps.data());
    taps(0, 0) = (lag == 0 ? taps(0, 0) : Scalar(0)) + static_cast<Scalar>(parameters_.skip[c]);
    const auto peak = static_cast<double>(taps.cwiseAbs().maxCoeff());
    return detail::modal_rounding<Scalar>(modes(), poles(c), weights(c), length, peak);
  }

  ModalParameters parameters_;
  detail::ModalRecurrence recurrence_;
};

}  // namespace tessera::inline TESSERA_ISA
