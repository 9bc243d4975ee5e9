// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Channels of rational transfer functions, with delayed timing (ssm/timing.hpp):
//
//   H(z) = h_0 + (b_1 z^-1 + ... + b_n z^-n) / (1 + a_1 z^-1 + ... + a_n z^-n)
//
// (Parnichkun et al., State-free inference of state-space models: the transfer function approach, 2024). Trained by
// kernels, whose time and memory do not depend on n; run sample by sample by the transposed direct form
// (ssm/direct_form_stream.hpp). Neighbouring channels may share a denominator.
//
// A model is trained in one of two ways, which mean different things by b. As published, B / A at the roots of unity of
// one length L is the spectrum of the kernel (KernelTruncation::periodic): fast, and good for that L. Then the filter
// whose response begins with this kernel has another numerator and another h_0, which deployed(L) finds. Or b is that
// of the filter itself (KernelTruncation::exact). Everything but a periodic kernel takes b for that of the filter.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/convolution.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/nn/parameters.hpp>
#include <tessera/ssm/certificate.hpp>
#include <tessera/ssm/detail/direct_blocks.hpp>
#include <tessera/ssm/detail/direct_lanes.hpp>
#include <tessera/ssm/detail/lane_tile.hpp>
#include <tessera/ssm/detail/quotient_ring.hpp>
#include <tessera/ssm/detail/rational_division.hpp>
#include <tessera/ssm/filter_forms.hpp>
#include <tessera/ssm/rational_kernel.hpp>
#include <tessera/ssm/stability.hpp>
#include <tessera/ssm/timing.hpp>

namespace tessera {

/// A denominator at the roots of unity of a length.
struct NodeReport {
  double smallest = 0;         // min |A|
  Index node = 0;              // where: exp(2 pi i node / length), node <= length / 2
  double norm = 1;             // ||a||_1, a_0 = 1 included
  double predicted_error = 0;  // eps ||a||_1 / min |A| of the model's scalar, at most 1: of a kernel computed in it
  bool pole_on_node = false;   // not a digit of A there is right, even in double: no kernel by division
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// The parameters of a transfer function, or the gradient of a loss with respect to them.
template <class Scalar>
struct TransferFunctionParameters {
  RowMatrix<Scalar> numerator;    // (channels, order): b_1 ... b_n
  RowMatrix<Scalar> denominator;  // (groups, order): a_1 ... a_n; groups divides channels
  RowMatrix<Scalar> skip;         // (1, channels): h_0
};

/// A sequence model (ssm/model.hpp) of channels that do not meet: each has the same bits whatever the others are, for
/// any number of threads. Order 0 is a factor h_0. Poles may lie anywhere, on the unit circle and outside too; results
/// that overflow are refused. Parameters are plain data: read them, write them, train them.
template <class ScalarType>
class RationalTransferFunction {
 public:
  using Scalar = ScalarType;
  /// (channels, order): s_1 ... s_n of the transposed direct form, after the last sample.
  using State = RowMatrix<Scalar>;
  using Values = TransferFunctionParameters<Scalar>;
  static constexpr Timing timing = Timing::delayed;
  static constexpr bool coupled = false;

  /// Throws std::invalid_argument on shapes that do not fit and on what is not finite.
  explicit RationalTransferFunction(Values values) : values_(std::move(values)) {
    const Index channels = values_.numerator.rows(), groups = values_.denominator.rows();
    require(values_.denominator.cols() == order(),
            "RationalTransferFunction: expected denominators of order {}, as numerators are, found {}", order(),
            values_.denominator.cols());
    require(groups >= 1 ? channels % groups == 0 : channels == 0,
            "RationalTransferFunction: expected a number of denominators that divides the {} channels, found {}",
            channels, groups);
    require(values_.skip.rows() == 1 && values_.skip.cols() == channels,
            "RationalTransferFunction: expected a skip of 1 x {}, found {} x {}", channels, values_.skip.rows(),
            values_.skip.cols());
    check_finite();
  }

  /// A filter for each channel; those of lower order than others get zeros.
  explicit RationalTransferFunction(const std::vector<DirectForm>& forms)
      : RationalTransferFunction(values_of(forms)) {}

  Index channels() const { return values_.numerator.rows(); }
  Index groups() const { return values_.denominator.rows(); }
  Index order() const { return values_.numerator.cols(); }
  Index inputs() const { return channels(); }
  Index outputs() const { return channels(); }
  const Values& values() const { return values_; }
  /// To be written, not resized.
  Values& values() { return values_; }

  /// What plans take (ssm/rational_kernel.hpp).
  detail::RationalParameters<Scalar> parameters() const {
    return {rows(values_.numerator), rows(values_.denominator), values_.skip.data()};
  }

  /// Adds `name.numerator`, `name.denominator` and `name.skip` to a parameter list; `gradient` is set to zeros.
  void add_to(Parameters<Scalar>& list, const std::string& name, Values& gradient) {
    gradient = zero_values();
    list.add(name + ".numerator", values_.numerator, gradient.numerator);
    list.add(name + ".denominator", values_.denominator, gradient.denominator);
    list.add(name + ".skip", values_.skip, gradient.skip);
  }

  // ---- the kernel ----

  /// The first taps, (channels, length). Those who take many of one length keep a RationalKernel. Throws
  /// std::invalid_argument on a negative length, on options out of range and parameters that are not finite,
  /// NumericalError as RationalKernel::taps_into does.
  RowMatrix<Scalar> kernel(Index length, const RationalKernelOptions& options = {}, Execution execution = {}) const {
    require(length >= 0, "RationalTransferFunction: expected a length of at least 0, found {}", length);
    RowMatrix<Scalar> taps(channels(), length);
    if (length > 0) RationalKernel<Scalar>(length, order(), options).taps_into(*this, rows(taps), execution);
    return taps;
  }

  /// The gradient of a loss from that of the taps; `taps` are what kernel() gave with the same options. Throws as
  /// kernel() does, and std::invalid_argument on other shapes.
  Values kernel_backward(const RowMatrix<Scalar>& taps, const RowMatrix<Scalar>& grad_taps,
                         const RationalKernelOptions& options = {}, Execution execution = {}) const {
    require(
        taps.rows() == channels() && grad_taps.rows() == channels() && taps.cols() == grad_taps.cols(),
        "RationalTransferFunction: expected taps and their gradient of {} channels and one length, found {} x {} and "
        "{} x {}",
        channels(), taps.rows(), taps.cols(), grad_taps.rows(), grad_taps.cols());
    Values gradient = zero_values();
    if (taps.cols() == 0) return gradient;
    RationalKernel<Scalar>(taps.cols(), order(), options)
        .backward_into(*this, rows(taps), rows(grad_taps),
                       {rows(gradient.numerator), rows(gradient.denominator), rows(gradient.skip)}, execution);
    return gradient;
  }

  // ---- running ----

  State initial_state() const { return State::Zero(channels(), order()); }

  /// One sample of every channel; `output` may be `input`. Allocates nothing. Throws std::invalid_argument on a state
  /// of another shape or a sample that is not finite, before any state has changed.
  void step(State& state, const Scalar* input, Scalar* output) const {
    check_state(state);
    check_samples(Signals<const Scalar>(input, 1, channels(), 1));
    const auto all = parameters();
    for (Index c = 0; c < channels(); ++c) {
      output[c] = step_channel(all.numerator[c], all.denominator[all.group(c)], all.skip[c], state.data() + c * order(),
                               input[c]);
    }
  }

  /// Many samples, (1, channels, samples), of which only the state is wanted. Throws as chunk() does.
  void prefill(State& state, Signals<const Scalar> input, Execution execution = {}) const {
    run(state, input, nullptr, execution);
  }

  /// Many samples, as if one by one; `output` may be the very memory of `input`. High orders go through transforms, in
  /// double, O(log n) a sample. Pieces of one sequence give what the whole gives, up to rounding. Throws
  /// std::invalid_argument on other shapes and samples that are not finite, before anything changes.
  void chunk(State& state, Signals<const Scalar> input, Signals<Scalar> output, Execution execution = {}) const {
    require(output.batch() == 1 && output.channels() == channels() && output.length() == input.length(),
            "RationalTransferFunction: expected an output of batch 1, {} channels and {} samples, found {}, {} and {}",
            channels(), input.length(), output.batch(), output.channels(), output.length());
    run(state, input, &output, execution);
  }

  /// Whole signals, (batch, channels, length), from silence: the causal convolution with kernel(length, options). Row
  /// b * channels + c of the result is channel c of example b. Throws as kernel() and CausalConvolution do.
  RowMatrix<Scalar> apply(Signals<const Scalar> input, const RationalKernelOptions& options = {},
                          Execution execution = {}) const {
    require(input.channels() == channels(), "RationalTransferFunction: expected signals of {} channels, found {}",
            channels(), input.channels());
    if (input.empty()) return RowMatrix<Scalar>(input.batch() * channels(), input.length());
    const RowMatrix<Scalar> taps = kernel(input.length(), options, execution);
    const CausalConvolution<Scalar> convolution(input.length(), {.channels = channels()});
    return convolution.convolve(input, convolution.spectrum(rows(taps), {}, execution), {.execution = execution});
  }

  /// How far kernel, step and chunk may differ by rounding, relative to the largest tap below `length`:
  /// eps (||a||_1 + sqrt(n)) / min |A(z)| over points |z| = exp(1 / length), outside the circle so that poles on it
  /// count for as long as the kernel is; sqrt(n) for the roundings that a number meets on its way through the state. At
  /// most 1.
  double predicted_error(Index length) const {
    require(length >= 0, "RationalTransferFunction: expected a length of at least 0, found {}", length);
    double worst = std::numeric_limits<Scalar>::epsilon();
    const Index points = std::max<Index>(length, 16);
    for_nodes(points, std::exp(-1 / static_cast<double>(points)), [&](const NodeReport& report) {
      const double way = std::sqrt(static_cast<double>(order())) / report.norm;
      worst = std::max(worst, report.predicted_error * (1 + way));
    });
    return std::min(worst, 1.0);
  }

  // ---- reports and conversions ----

  /// What there is to know of each denominator before a kernel of `length` >= 1 taps is made by division.
  std::vector<NodeReport> node_reports(Index length) const {
    require(length >= 1, "RationalTransferFunction: expected a length of at least 1, found {}", length);
    std::vector<NodeReport> reports;
    for_nodes(length, 1, [&](const NodeReport& report) { reports.push_back(report); });
    return reports;
  }

  /// The largest modulus of a pole.
  double spectral_radius() const {
    double radius = 0;
    for (Index g = 0; g < groups(); ++g) radius = std::max(radius, pole_radius(denominator(g)));
    return radius;
  }

  /// Channel c in the form that conversions take.
  DirectForm form(Index channel) const {
    check_channel(channel);
    return {static_cast<double>(values_.skip(0, channel)), values_.numerator.row(channel).template cast<double>(),
            denominator(parameters().group(channel))};
  }

  /// Channel c with a companion matrix: -a in the first row, ones below the diagonal, B = e_1, C = b.
  StateSpaceForm companion(Index channel) const {
    const DirectForm given = form(channel);
    StateSpaceForm made;
    made.skip = given.skip;
    made.a = Eigen::MatrixXd::Zero(order(), order());
    made.b = Eigen::VectorXd::Zero(order());
    made.c = given.numerator.transpose();
    if (order() == 0) return made;
    made.a.row(0) = -given.denominator.transpose();
    for (Index i = 1; i < order(); ++i) made.a(i, i - 1) = 1;
    made.b[0] = 1;
    return made;
  }

  /// The filter whose response begins with the periodic kernel of `length` > order taps of this model:
  /// b_i = sum over j < i of a_j k_(i-j), h_0 = k_0. The certificate compares all taps; its condition is
  /// ||a||_1 / min |A|. Throws std::invalid_argument on another length, NumericalError where a pole is at a node and
  /// where the residual is above `tolerance`. For orders from the length on, there is infinite_numerator
  /// (ssm/truncated_numerator.hpp).
  Certified<RationalTransferFunction> deployed(Index length, double tolerance = 1e-3) const {
    require(length > order(), "RationalTransferFunction: expected a length above the order {}, found {}", order(),
            length);
    const RowMatrix<double> taps = in_doubles().kernel(length, {.truncation = KernelTruncation::periodic});
    RationalTransferFunction made(*this);
    for (Index c = 0; c < channels(); ++c) {
      const Eigen::VectorXd first = taps.row(c).segment(1, order());
      const Eigen::VectorXd numerator = detail::numerator_from_taps(first, denominator(parameters().group(c)));
      made.values_.numerator.row(c) = numerator.template cast<Scalar>();
      made.values_.skip(0, c) = static_cast<Scalar>(taps(c, 0));
    }
    return made.certified(taps, made.in_doubles().kernel(length), tolerance);
  }

  /// The way back: the model whose periodic kernel of `length` taps is the first taps of this filter. Throws as
  /// deployed does, but takes every length from 1 on.
  Certified<RationalTransferFunction> periodic(Index length, double tolerance = 1e-3) const {
    require(length >= 1, "RationalTransferFunction: expected a length of at least 1, found {}", length);
    RationalTransferFunction made(*this);
    for (Index c = 0; c < channels() && order() > 0; ++c) {
      const DirectForm given = form(c);
      const double wrapped = detail::tap_of(given.numerator, given.denominator, length);
      made.values_.numerator.row(c) =
          detail::truncated(given.numerator, given.denominator, length).template cast<Scalar>();
      made.values_.skip(0, c) = static_cast<Scalar>(given.skip - wrapped);
    }
    return made.certified(in_doubles().kernel(length),
                          made.in_doubles().kernel(length, {.truncation = KernelTruncation::periodic}), tolerance);
  }

  /// The same filter in doubles.
  RationalTransferFunction<double> in_doubles() const {
    return RationalTransferFunction<double>({values_.numerator.template cast<double>(),
                                             values_.denominator.template cast<double>(),
                                             values_.skip.template cast<double>()});
  }

 private:
  static constexpr Index lanes_up_to = 128;  // orders that are run by lanes whatever the length

  Eigen::VectorXd denominator(Index group) const { return values_.denominator.row(group).template cast<double>(); }

  Values zero_values() const {
    using Matrix = RowMatrix<Scalar>;
    return {Matrix::Zero(channels(), order()), Matrix::Zero(groups(), order()), Matrix::Zero(1, channels())};
  }

  static Values values_of(const std::vector<DirectForm>& forms) {
    Index order = 0;
    const auto channels = static_cast<Index>(forms.size());
    for (const DirectForm& form : forms) {
      require(
          form.numerator.size() <= form.order(),
          "RationalTransferFunction: expected at most as many coefficients of a numerator as the order {}, found {}",
          form.order(), form.numerator.size());
      order = std::max(order, form.order());
    }
    using Matrix = RowMatrix<Scalar>;
    Values values{Matrix::Zero(channels, order), Matrix::Zero(channels, order), Matrix::Zero(1, channels)};
    for (Index c = 0; c < channels; ++c) {
      const DirectForm& form = forms[static_cast<std::size_t>(c)];
      values.numerator.row(c).head(form.numerator.size()) = form.numerator.cast<Scalar>();
      values.denominator.row(c).head(form.order()) = form.denominator.cast<Scalar>();
      values.skip(0, c) = static_cast<Scalar>(form.skip);
    }
    return values;
  }

  /// Along the state, from its front: s_(j+1) is read before it is written.
  Scalar step_channel(const Scalar* b, const Scalar* a, Scalar skip, Scalar* s, Scalar u) const {
    constexpr Index lanes = simd::lanes<Scalar>;
    const Index n = order();
    if (n == 0) return skip * u;
    const Scalar w = s[0];
    const auto in = simd::broadcast(u), out = simd::broadcast(-w);
    Index j = 0;
    for (; j + lanes < n; j += lanes) {
      const auto fed_back = simd::multiply_add(simd::load(a + j), out, simd::load(s + j + 1));
      simd::store(s + j, simd::multiply_add(simd::load(b + j), in, fed_back));
    }
    for (; j < n; ++j) s[j] = (j + 1 < n ? s[j + 1] : Scalar{0}) - a[j] * w + b[j] * u;
    return skip * u + w;
  }

  void run(State& state, Signals<const Scalar> input, const Signals<Scalar>* output, Execution execution) const {
    check_state(state);
    require(input.batch() == 1 && input.channels() == channels(),
            "RationalTransferFunction: expected an input of batch 1 and {} channels, found {} and {}", channels(),
            input.batch(), input.channels());
    check_samples(input);
    if (order() > lanes_up_to && input.length() >= order()) {
      execution.for_ranges(channels(), 4, [&](Index begin, Index end) {
        detail::DirectBlocks blocks(order());
        for (Index c = begin; c < end; ++c) run_blocks(blocks, c, state, input, output);
      });
    } else {
      execution.for_ranges(channels(), detail::DirectLanes<Scalar>::width,
                           [&](Index begin, Index end) { run_lanes(begin, end, state, input, output); });
    }
  }

  void run_blocks(detail::DirectBlocks& blocks, Index c, State& state, const Signals<const Scalar>& input,
                  const Signals<Scalar>* output) const {
    const auto all = parameters();
    blocks.set(all.numerator[c], all.denominator[all.group(c)]);
    blocks.run(input(0, c), all.skip[c], input.length(), state.data() + c * order(),
               output == nullptr ? nullptr : (*output)(0, c));
  }

  /// Channels [begin, end), at most as many as lanes.
  void run_lanes(Index begin, Index end, State& state, const Signals<const Scalar>& input,
                 const Signals<Scalar>* output) const {
    using Lanes = detail::DirectLanes<Scalar>;
    using Tile = detail::LaneTile<Scalar>;
    constexpr Index size = 128;
    Lanes lanes(order());
    AlignedVector<Scalar> tile(static_cast<std::size_t>(size * Lanes::width));
    lanes.set(parameters(), begin, end - begin);
    const Scalar* from[Lanes::width] = {};
    Scalar* to[Lanes::width] = {};
    for (Index c = begin; c < end; ++c) {
      from[c - begin] = input(0, c);
      if (output != nullptr) to[c - begin] = (*output)(0, c);
      for (Index j = 0; j < order(); ++j) lanes.state(j, c - begin) = state(c, j);
    }
    for (Index t = 0; t < input.length(); t += size) {
      const Index count = std::min(size, input.length() - t);
      Tile::load(from, t, count, tile.data());
      lanes.run(tile.data(), count);
      if (output != nullptr) Tile::store(tile.data(), count, to, t);
    }
    for (Index c = begin; c < end; ++c) {
      for (Index j = 0; j < order(); ++j) state(c, j) = lanes.state(j, c - begin);
    }
  }

  /// give(report) for every denominator, with a_j radius^j for a_j.
  template <class Give>
  void for_nodes(Index points, double radius, Give&& give) const {
    const detail::RationalDivision<double> division(points);
    auto slot = division.slot();
    AlignedVector<double> inverse(static_cast<std::size_t>(division.spectrum_size()));
    double* const to = inverse.data();
    for (Index g = 0; g < groups(); ++g) {
      Eigen::VectorXd a = denominator(g);
      NodeReport report;
      report.norm += a.cwiseAbs().sum();
      double power = 1;
      for (Index j = 0; j < a.size(); ++j) a[j] *= power *= radius;
      const detail::DelayPolynomial<double> polynomial{a.data(), a.size(), 1, true};
      division.invert(&polynomial, 1, &to, &report.smallest, slot);
      report.node = division.weakest_node(to);
      const double loss = report.smallest > 0 ? report.norm / report.smallest : std::numeric_limits<double>::max();
      report.pole_on_node = loss * std::numeric_limits<double>::epsilon() >= 1;
      report.predicted_error = std::min(1.0, loss * static_cast<double>(std::numeric_limits<Scalar>::epsilon()));
      give(static_cast<const NodeReport&>(report));
    }
  }

  /// This model, with how far `found` are from the taps that were wanted.
  Certified<RationalTransferFunction> certified(const RowMatrix<double>& wanted, const RowMatrix<double>& found,
                                                double tolerance) const {
    Certificate certificate;
    certificate.length = wanted.cols();
    for (Index c = 0; c < channels(); ++c) {
      const double peak = std::max(wanted.row(c).cwiseAbs().maxCoeff(), std::numeric_limits<double>::min());
      certificate.residual =
          std::max(certificate.residual, (found.row(c) - wanted.row(c)).cwiseAbs().maxCoeff() / peak);
    }
    for_nodes(wanted.cols(), 1, [&](const NodeReport& report) {
      certificate.condition = std::max(certificate.condition, report.norm / report.smallest);
    });
    if (!is_finite(certificate.residual) || certificate.residual > tolerance) {
      raise<NumericalError>(
          "RationalTransferFunction: expected the converted response within {:.1e} of the largest tap, found it off by "
          "{:.1e} (condition {:.1e})",
          tolerance, certificate.residual, certificate.condition);
    }
    return {*this, certificate};
  }

  // ---- checks ----

  void check_finite() const {
    require_finite("RationalTransferFunction", "numerators", Batch<const Scalar>(rows(values_.numerator)));
    require_finite("RationalTransferFunction", "denominators", Batch<const Scalar>(rows(values_.denominator)));
    require_finite("RationalTransferFunction", "skip", Batch<const Scalar>(rows(values_.skip)));
  }

  void check_channel(Index channel) const {
    require(channel >= 0 && channel < channels(), "RationalTransferFunction: expected a channel below {}, found {}",
            channels(), channel);
  }

  void check_state(const State& state) const {
    require(state.rows() == channels() && state.cols() == order(),
            "RationalTransferFunction: expected a state of {} x {}, found {} x {}", channels(), order(), state.rows(),
            state.cols());
  }

  static void check_samples(const Signals<const Scalar>& input) {
    for (Index c = 0; c < input.channels(); ++c) {
      if (all_finite(input(0, c), input.length())) continue;
      Index t = 0;
      while (is_finite(input(0, c)[t])) ++t;
      raise<std::invalid_argument>(
          "RationalTransferFunction: expected finite samples, found {} at channel {}, sample {}",
          detail::non_finite_name(input(0, c)[t]), c, t);
    }
  }

  Values values_;
};

}  // namespace tessera::inline TESSERA_ISA
