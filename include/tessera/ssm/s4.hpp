// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// S4: a linear system of every channel, whose matrix is diagonal plus low rank,
//
//   x' = (Lambda - P P^*) x + B u,    y = 2 Re(C x) + skip u,
//
// sampled by the bilinear rule and of current timing (ssm/timing.hpp):
//
//   x[t] = (I - dt/2 A)^-1 ((I + dt/2 A) x[t-1] + dt B u[t]),    y[t] = 2 Re(C x[t]) + skip u[t]
//
// (Gu, Goel and Re, Efficiently Modeling Long Sequences with Structured State Spaces, ICLR 2022). The m modes stand for
// 2 m, in pairs of conjugates. The input enters as it is: the rule of Tustin, which averages it with the one before, is
// this system followed by (1 + z^-1) / 2.
//
// The kernel is the inverse transform of its spectrum at the L-th roots of unity, O(m L) by Woodbury's identity; the
// recurrence takes O(m) a sample. With Re Lambda <= 0 no power of the sampled matrix lengthens a vector, whatever P.

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <limits>
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
#include <tessera/core/simd.hpp>
#include <tessera/fft/real_fourier.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/ssm/detail/dense_rounding.hpp>
#include <tessera/ssm/detail/dplr_power.hpp>
#include <tessera/ssm/detail/dplr_recurrence.hpp>
#include <tessera/ssm/detail/dplr_recursion.hpp>
#include <tessera/ssm/detail/dplr_rounding.hpp>
#include <tessera/ssm/detail/dplr_spectrum.hpp>
#include <tessera/ssm/detail/s4_checks.hpp>
#include <tessera/ssm/stream_status.hpp>
#include <tessera/ssm/timing.hpp>
#include <tessera/ssm/truncation_mode.hpp>

namespace tessera {

struct S4Options {
  KernelTruncation truncation = KernelTruncation::exact;
  Index length = 0;        // periodic: that of the kernel whose C is given, at least 1
  bool recurrence = true;  // false: kernels of the given C alone, without the set-up of the recurrence, as training
                           // needs; with `periodic` that set-up takes m^3 log(length) a channel, otherwise O(m)
};

/// Where a pole of Lambda alone comes closest to a node of a kernel's spectrum.
struct S4Resonance {
  Index channel = 0, mode = 0, node = 0;
  double distance = 0;  // of the sampled pole from the node
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// A sequence model (ssm/model.hpp) of independent channels. Immutable. A kernel's channels have the same bits whatever
/// the other channels and the number of threads.
template <class ScalarType>
class S4 {
 public:
  using Scalar = ScalarType;
  using Complex = std::complex<Scalar>;
  using Parameters = S4Parameters<Scalar>;
  using State = RowMatrix<Complex>;  // (channels, m)
  static constexpr bool coupled = false;
  static constexpr Timing timing = Timing::current;
  static constexpr Index largest_rank = detail::DplrRecurrence<Scalar>::largest_rank;

  /// Throws std::invalid_argument on shapes that do not fit, on numbers that are not finite, on poles with positive
  /// real parts and on steps dt that are not positive; NumericalError when a periodic C is that of no infinite system,
  /// as a pole of the sampled system is an L-th root of unity.
  explicit S4(Parameters parameters, const S4Options& options = {})
      : parameters_(std::move(parameters)), options_(options) {
    check_options();
    detail::check_s4_parameters(parameters_, largest_rank);
    if (parameters_.skip.size() == 0) parameters_.skip.setZero(channels());
    if (options_.recurrence) prepare_recurrence();
  }

  Index channels() const { return parameters_.poles.rows(); }
  Index inputs() const { return channels(); }
  Index outputs() const { return channels(); }
  /// Real numbers of a channel's state, twice the modes.
  Index order() const { return 2 * modes(); }
  Index modes() const { return parameters_.poles.cols(); }
  Index rank() const { return modes() == 0 ? 0 : parameters_.low_rank.cols() / modes(); }
  const Parameters& parameters() const { return parameters_; }
  const S4Options& options() const { return options_; }

  // ---- kernel ----

  /// The first taps, (channels, length). Of a periodic model: for the length of its options, the taps whose spectrum
  /// the parameters are, otherwise those of the infinite system, which takes the recurrence's set-up. Throws
  /// std::invalid_argument on a negative length, and NumericalError where a periodic model has a pole at a root of
  /// unity.
  RowMatrix<Scalar> kernel(Index length, Execution execution = {}) const {
    require(length >= 0, "S4: expected a length of at least 0, found {}", length);
    RowMatrix<Scalar> taps(channels(), length);
    kernel_into(rows(taps), execution);
    return taps;
  }
  void kernel_into(Batch<Scalar> taps, Execution execution = {}) const {
    const Index length = taps.dimension();
    require(taps.count() == channels(), "S4: expected {} rows of taps, found {}", channels(), taps.count());
    const bool given = check_kernel(length);
    if (length == 0 || channels() == 0) return;
    const Plan plan(length);
    const detail::UnitNodes nodes(length);
    execution.for_ranges(channels(), group, [&](Index begin, Index end) {
      RowMatrix<Complex> bins(end - begin, plan.spectrum_length());
      for (Index c = begin; c < end; ++c) {
        detail::dplr_bins(given ? channel(c) : truncated(c, length), nodes, bins.row(c - begin).data());
      }
      plan.inverse_into(rows(bins), taps.slice(begin, end));
      for (Index c = begin; c < end; ++c) {
        if (has_node_pole(c, nodes, given)) detail::recursive_taps(infinite(c), taps[c], length);
        taps[c][0] += parameters_.skip[c];
        detail::check_s4_taps(taps[c], c, length);
      }
    });
  }

  /// The gradients of all parameters from that of kernel(length), (channels, length): O(m L) time and O(m + L) memory a
  /// channel, of an exact model twice the time of a periodic one. Throws std::invalid_argument on other shapes, on
  /// another length than a periodic model's, and on gradients that are not finite.
  Parameters kernel_backward(Batch<const Scalar> gradient, Execution execution = {}) const {
    const Index length = gradient.dimension();
    check_gradient(gradient);
    Parameters result = zero_gradient();
    if (length == 0 || channels() == 0) return result;
    const bool exact = options_.truncation == KernelTruncation::exact;
    const Plan plan(exact ? 2 * length : length);
    const detail::UnitNodes nodes(length), between(length, true);
    execution.for_ranges(channels(), group, [&](Index begin, Index end) {
      RowMatrix<Scalar> taps = RowMatrix<Scalar>::Zero(end - begin, plan.length());
      taps.leftCols(length) = gradient.slice(begin, end).matrix();
      RowMatrix<Complex> bins(end - begin, plan.spectrum_length());
      plan.inverse_backward_into(rows(std::as_const(taps)), rows(bins));
      for (Index c = begin; c < end; ++c) {
        detail::DplrChannel<double> sum = detail::DplrChannel<double>::zero(modes(), rank());
        sum.skip = static_cast<double>(gradient[c][0]);
        if (has_node_pole(c, nodes, !exact) || (exact && has_node_pole(c, between, false))) {
          detail::recursive_taps_backward(channel(c), gradient[c], length, sum);
        } else if (exact) {
          exact_backward(c, nodes, between, bins.row(c - begin).data(), sum);
        } else {
          detail::dplr_bins_backward(channel(c), nodes, bins.row(c - begin).data(), sum);
        }
        place(sum, c, result);
      }
    });
    return result;
  }

  // ---- recurrence ----

  State initial_state() const { return State::Zero(channels(), modes()); }

  /// One sample of every channel; `input` and `output` may be the same. Allocates nothing. Throws std::invalid_argument
  /// on a state of another shape, on samples that are not finite, and without a recurrence.
  void step(State& state, const Scalar* input, Scalar* output) const {
    check_state(state);
    detail::check_s4_samples<Scalar>({input, channels(), 1});
    for (Index c = 0; c < channels(); ++c) {
      recurrence_.template run<false>(c, state.row(c).data(), input + c, output + c, 1);
    }
  }

  /// Many samples, (1, channels, samples), of which only the state is wanted. Throws as step does.
  void prefill(State& state, Signals<const Scalar> input, Execution execution = {}) const {
    run(state, input, {}, execution);
  }

  /// Many samples; `output` has the shape of `input`, and may be the same memory. Every split of a sequence, down to
  /// single steps, has the bits of the whole. Throws as step does, and on an output of another shape.
  void chunk(State& state, Signals<const Scalar> input, Signals<Scalar> output, Execution execution = {}) const {
    require(output.batch() == 1 && output.channels() == channels() && output.length() == input.length(),
            "S4: expected output of batch 1, {} channels and length {}, found {}, {} and {}", channels(),
            input.length(), output.batch(), output.channels(), output.length());
    run(state, input, output, execution);
  }

  /// chunk() for real-time threads: samples that are not finite count as 0, and what is wrong is told in the status. A
  /// state of another shape, or a model without a recurrence, has no channels to process.
  StreamStatus process(State& state, Signals<const Scalar> input, Signals<Scalar> output) const noexcept {
    StreamStatus status;
    status.problem = stream_problem(input, output, channels());
    if (!options_.recurrence || state.rows() != channels() || state.cols() != modes())
      status.problem = StreamProblem::channels;
    if (status.problem != StreamProblem::none) return status;
    status.samples = input.length();
    for (Index c = 0; c < channels(); ++c) {
      status.non_finite +=
          recurrence_.template run<true>(c, state.row(c).data(), input(0, c), output(0, c), input.length());
    }
    return status;
  }

  // ---- other lengths ----

  /// C (I - A^length), in the place of C what a kernel of that length is computed from.
  RowMatrix<Complex> truncated_output(Index length) const {
    check_infinite();
    require(length >= 1, "S4: expected a length of at least 1, found {}", length);
    RowMatrix<Complex> output(channels(), modes());
    for (Index c = 0; c < channels(); ++c) output.row(c) = narrow(truncated(c, length).output);
    return output;
  }

  /// The same system with the C of one length as its parameter.
  S4 to_periodic(Index length) const {
    Parameters parameters = parameters_;
    parameters.output = truncated_output(length);
    return S4(std::move(parameters), {KernelTruncation::periodic, length, options_.recurrence});
  }
  /// The infinite system as the parameter.
  S4 to_exact() const {
    check_infinite();
    Parameters parameters = parameters_;
    if (restored_.size() > 0) parameters.output = restored_.template cast<Complex>();
    return S4(std::move(parameters), {KernelTruncation::exact, 0, options_.recurrence});
  }
  /// A periodic model of twice the length: C (I - A^2L) = C (I - A^L) (I + A^L). A kernel that was trained for a length
  /// goes on where it ended.
  S4 doubled() const {
    require(options_.truncation == KernelTruncation::periodic, "S4: expected a periodic model to double, found an {}",
            "exact one");
    Parameters parameters = parameters_;
    for (Index c = 0; c < channels(); ++c) {
      const detail::DplrChannel<double> own = channel(c);
      parameters.output.row(c) = narrow(2 * own.output - truncated_ends(own, options_.length, false).output);
    }
    return S4(std::move(parameters), {KernelTruncation::periodic, 2 * options_.length, options_.recurrence});
  }

  // ---- quality ----

  /// How far kernel, step and chunk may differ by rounding, relative to the largest tap of the channel; of the worst
  /// channel. O(m length) a channel.
  double predicted_error(Index length) const {
    check_infinite();
    require(length >= 0, "S4: expected a length of at least 0, found {}", length);
    double worst = 0;
    for (Index c = 0; c < channels(); ++c) {
      const detail::DplrRounding<double> rounding(infinite(c), length);
      worst = std::max(worst, rounding.relative(static_cast<double>(std::numeric_limits<Scalar>::epsilon())));
    }
    return worst;
  }

  /// The largest modulus of an eigenvalue of the sampled matrix, at most 1; of one channel, or of all. By squaring,
  /// fifty times in double, as eigenvalue solvers fail far from normal matrices, which HiPPO's are.
  double spectral_radius(Index c) const {
    if (c < 0 || c >= channels()) raise<std::out_of_range>("S4: expected a channel below {}, found {}", channels(), c);
    return detail::spectral_radius(detail::DplrStep<double>(channel(c)).dense());
  }
  double spectral_radius() const {
    double largest = 0;
    for (Index c = 0; c < channels(); ++c) largest = std::max(largest, spectral_radius(c));
    return largest;
  }

  /// Where a pole of Lambda comes closest to a node of kernel(length). Nodes that are too close for Woodbury's identity
  /// are solved with dense matrices, which costs time and no digits.
  S4Resonance closest_resonance(Index length) const {
    require(length >= 1, "S4: expected a length of at least 1, found {}", length);
    const detail::UnitNodes nodes(length);
    S4Resonance closest{0, 0, 0, std::numeric_limits<double>::max()};
    for (Index c = 0; c < channels(); ++c) {
      const detail::DplrChannel<double> own = channel(c);
      for (Index n = 0; n < modes(); ++n) {
        const detail::Resonance here = detail::resonance(own, nodes, n);
        if (here.distance < closest.distance) closest = {c, n, here.node, here.distance};
      }
    }
    return closest;
  }

  /// Channel c in double, and with the C of the infinite system.
  detail::DplrChannel<double> channel(Index c) const {
    const Index m = modes();
    detail::DplrChannel<double> own = detail::DplrChannel<double>::zero(m, rank());
    own.poles = widen(parameters_.poles, c, 0);
    for (Index j = 0; j < rank(); ++j) own.low_rank.col(j) = widen(parameters_.low_rank, c, j * m);
    own.input = widen(parameters_.input, c, 0);
    own.output = widen(parameters_.output, c, 0);
    own.dt = static_cast<double>(parameters_.dt[c]);
    own.skip = static_cast<double>(parameters_.skip[c]);
    return own;
  }
  detail::DplrChannel<double> infinite(Index c) const {
    detail::DplrChannel<double> own = channel(c);
    if (restored_.size() > 0) own.output = restored_.row(c).transpose();
    return own;
  }

 private:
  using Plan = RealFourierTransform<Scalar, FourierScale::inverse>;
  static constexpr Index group = simd::lanes<Scalar>;  // channels that a transform takes at once

  Eigen::VectorXcd widen(const RowMatrix<Complex>& from, Index c, Index first) const {
    return from.row(c).segment(first, modes()).template cast<std::complex<double>>().transpose();
  }
  static Eigen::Matrix<Complex, 1, Eigen::Dynamic> narrow(const Eigen::VectorXcd& values) {
    return values.template cast<Complex>().transpose();
  }

  static detail::TruncatedEnds<double> truncated_ends(const detail::DplrChannel<double>& own, Index length,
                                                      bool with_input) {
    return detail::TruncatedEnds<double>(own, length, with_input);
  }

  detail::DplrChannel<double> truncated(Index c, Index length) const {
    detail::DplrChannel<double> own = infinite(c);
    own.output = truncated_ends(own, length, false).output;
    return own;
  }

  void prepare_recurrence() {
    if (options_.truncation == KernelTruncation::periodic) {
      restored_.resize(channels(), modes());
      for (Index c = 0; c < channels(); ++c) restored_.row(c) = restored(c).transpose();
    }
    recurrence_ = {channels(), modes(), rank()};
    for (Index c = 0; c < channels(); ++c) {
      const detail::DplrChannel<double> own = infinite(c);
      recurrence_.set(c, detail::DplrStep<double>(own), own.output, own.skip);
    }
  }

  /// The C of the infinite system, of which the parameter is C (I - A^L).
  Eigen::VectorXcd restored(Index c) const {
    const detail::DplrChannel<double> own = channel(c);
    const auto restored = detail::restore_output(own, options_.length);
    if (restored.second > 1e14) {
      raise<NumericalError>(
          "S4: expected no pole of the sampled system at a root of unity of length {}, found I - A^{} of condition "
          "{:.1e} in channel {}",
          options_.length, options_.length, restored.second, c);
    }
    return restored.first;
  }

  /// Whether channel c has a pole at a node. The taps of an infinite system are then computed one after the other; of a
  /// `given` C (I - A^L) there are none. 1e14: what double can tell from a pole at the node.
  bool has_node_pole(Index c, const detail::UnitNodes& nodes, bool given) const {
    const double condition = detail::node_condition(channel(c), nodes);
    if (!given) return condition > detail::recursive_limit;
    if (condition > 1e14) {
      raise<NumericalError>(
          "S4: expected no pole of the system at a root of unity of length {}, found one in channel {}", nodes.length(),
          c);
    }
    return false;
  }

  void run(State& state, Signals<const Scalar> input, Signals<Scalar> output, Execution execution) const {
    check_state(state);
    require(input.batch() == 1 && input.channels() == channels(),
            "S4: expected input of batch 1 and {} channels, found {} and {}", channels(), input.batch(),
            input.channels());
    if (input.empty()) return;
    detail::check_s4_samples<Scalar>(
        {input.data(), channels(), input.length(), channels() < 2 ? input.length() : input.channel_stride()});
    execution.for_ranges(channels(), 1, [&](Index begin, Index) {
      Scalar* to = output.data() == nullptr ? nullptr : output(0, begin);
      recurrence_.template run<false>(begin, state.row(begin).data(), input(0, begin), to, input.length());
    });
  }

  // ---- gradients ----

  /// The gradient of A is a sum over i + j < L of (C A^j)^T (A^i B)^T: of sequences that may both be cut off at L, and
  /// do not wrap around at the 2 L roots of unity. There they are those of C (I - z^L A^L) and (I - z^L A^L) B.
  void exact_backward(Index c, const detail::UnitNodes& nodes, const detail::UnitNodes& between, const Complex* bins,
                      detail::DplrChannel<double>& sum) const {
    detail::DplrChannel<double> own = channel(c);
    const auto ends = truncated_ends(own, nodes.length(), true);
    std::vector<Complex> part(static_cast<std::size_t>(nodes.count()));
    for (std::size_t odd = 0; odd < 2; ++odd) {
      const detail::UnitNodes& half = odd == 0 ? nodes : between;
      for (std::size_t l = 0; l < static_cast<std::size_t>(half.count()); ++l) part[l] = bins[2 * l + odd];
      const double sign = odd == 0 ? 1 : -1;  // z^L
      own.output = sign * ends.output + (1 - sign) * channel(c).output;
      own.input = sign * ends.input + (1 - sign) * channel(c).input;
      detail::dplr_bins_backward(own, half, part.data(), sum);
    }
  }

  Parameters zero_gradient() const {
    Parameters zero = parameters_;
    zero.poles.setZero();
    zero.low_rank.setZero();
    zero.input.setZero();
    zero.output.setZero();
    zero.dt.setZero();
    zero.skip.setZero();
    return zero;
  }

  /// The kernel depends on dt Lambda, sqrt(dt) P and dt B alone, which gives the gradient of dt from the others.
  void place(const detail::DplrChannel<double>& sum, Index c, Parameters& result) const {
    const detail::DplrChannel<double> own = channel(c);
    const double scaled = sum.poles.dot(own.poles).real() + sum.input.dot(own.input).real() +
                          0.5 * sum.low_rank.cwiseProduct(own.low_rank.conjugate()).sum().real();
    result.poles.row(c) = narrow(sum.poles);
    for (Index j = 0; j < rank(); ++j) {
      result.low_rank.row(c).segment(j * modes(), modes()) = narrow(sum.low_rank.col(j));
    }
    result.input.row(c) = narrow(sum.input);
    result.output.row(c) = narrow(sum.output);
    result.dt[c] = static_cast<Scalar>(scaled / own.dt);
    result.skip[c] = static_cast<Scalar>(sum.skip);
  }

  // ---- checks ----

  void check_options() const {
    const bool periodic = options_.truncation == KernelTruncation::periodic;
    require(!periodic || options_.length >= 1, "S4: expected a length of at least 1 for a periodic model, found {}",
            options_.length);
  }

  /// Whether the parameters are those of this length's kernel.
  bool check_kernel(Index length) const {
    const bool given = options_.truncation == KernelTruncation::periodic && length == options_.length;
    if (!given) check_infinite();
    return given;
  }
  void check_infinite() const {
    require(options_.truncation == KernelTruncation::exact || options_.recurrence,
            "S4: expected a periodic model with its recurrence set up, found one for kernels of length {} alone",
            options_.length);
  }

  void check_gradient(Batch<const Scalar> gradient) const {
    require(gradient.count() == channels(), "S4: expected gradients of {} rows of taps, found {}", channels(),
            gradient.count());
    require(options_.truncation == KernelTruncation::exact || gradient.dimension() == options_.length,
            "S4: expected gradients of the {} taps of a periodic model, found {}", options_.length,
            gradient.dimension());
    require_finite("S4", "gradients", gradient);
  }

  void check_state(const State& state) const {
    require(options_.recurrence, "S4: expected a model with a recurrence, found one for kernels alone{}", "");
    require(state.rows() == channels() && state.cols() == modes(), "S4: expected a state of {} x {}, found {} x {}",
            channels(), modes(), state.rows(), state.cols());
  }

  Parameters parameters_;
  S4Options options_;
  RowMatrix<std::complex<double>> restored_;  // C of the infinite system, where the parameter is another
  detail::DplrRecurrence<Scalar> recurrence_;
};

}  // namespace tessera::inline TESSERA_ISA
