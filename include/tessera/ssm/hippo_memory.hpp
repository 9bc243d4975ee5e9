// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Memory of a fixed size for signals of any length: `order` numbers a channel hold the past as coefficients of
// orthogonal functions, and give it back as well as the order allows (Gu, Dao, Ermon, Rudra and Re, HiPPO: Recurrent
// Memory with Optimal Polynomial Projections, NeurIPS 2020). Each sample is held for the time 1.
//
//   legs        the whole past, every sample as much as any other, by T x' = A x + B u with T the samples so far. There
//   is
//               no time scale to choose: a signal played twice as slowly leaves the same coefficients.
//   legt, lmu   the last `window` samples, Legendre polynomials
//   fout        the last `window` samples, Fourier functions: fourier2 is the same here
//
// How a step is made:
//
//   exact             the differential equation solved. LegS then has the exact projection of the samples; O(order^2)
//   bilinear          (I - h A)^-1, O(order) for LegS by running sums, O(order^2) for the others
//   backward_euler    of first order; never unstable either
//   forward_euler     of first order; unstable while T < order for LegS, and at any time where the order is large for
//                     the window
//
// The bilinear step of LegS from T = k to k + 1 takes A / k and B u / k at its beginning and A / (k + 1) and B u / (k +
// 1) at its end: with B u / k on both sides, as often printed, a constant would not stay constant. All of its steps
// begin with x = u e_0 after the first sample, which is the exact solution.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <Eigen/Core>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/ssm/detail/held_step.hpp>
#include <tessera/ssm/detail/legs_memory.hpp>
#include <tessera/ssm/detail/window_memory.hpp>
#include <tessera/ssm/hippo.hpp>

namespace tessera {

enum class HippoStep { bilinear, exact, backward_euler, forward_euler };

struct HippoMemoryOptions {
  HippoMeasure measure = HippoMeasure::legs;  // legs, legt, lmu, fout or fourier2
  Index order = 64;                           // at least 1; even for Fourier functions
  Index channels = 1;                         // at least 1
  double window = 0;                          // in samples, > 0; 0 for legs, which has none
  HippoStep step = HippoStep::bilinear;
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// Several channels, which do not meet: each has the same bits whatever the others are, and however the signal was cut
/// into pieces. The state is kept in double for float samples, too: single steps move it by parts of 1 / T. Pushing
/// allocates nothing.
class HippoMemory {
 public:
  /// Throws std::invalid_argument on options out of range.
  explicit HippoMemory(const HippoMemoryOptions& options) : options_(options) {
    check(options);
    const Index order = options.order;
    if (scaled()) {
      stride_ = (options.channels + lanes - 1) / lanes * lanes;
      legs_ = {order, stride_};
      sample_.resize(static_cast<std::size_t>(stride_));
      state_.resize(static_cast<std::size_t>(order * stride_));
    } else {
      window_ = detail::WindowMemory(window_step());
      stride_ = window_.stride();
      sample_.resize(static_cast<std::size_t>(options.channels));
      state_.resize(static_cast<std::size_t>(options.channels * stride_));
    }
    next_.resize(state_.size());
  }

  Index channels() const { return options_.channels; }
  Index order() const { return options_.order; }
  const HippoMemoryOptions& options() const { return options_; }
  /// Samples so far.
  Index count() const { return count_; }
  /// How far back the memory goes, in samples: count() for LegS, the window for the others.
  double span() const { return scaled() ? static_cast<double>(count_) : options_.window; }

  /// One sample of each channel. Throws std::invalid_argument on a sample that is not finite, NumericalError where the
  /// state would overflow; the sample is then as if it had not come.
  template <class Scalar>
  void push(const Scalar* sample) {
    check_finite(Signals<const Scalar>(sample, 1, channels(), 1));
    advance([&](Index c) { return static_cast<double>(sample[c]); });
  }

  /// Many samples, (1, channels, samples). Throws std::invalid_argument on other shapes and on a sample that is not
  /// finite, before any is taken; NumericalError where the state would overflow, after those samples that could be.
  template <class Scalar>
  void push(Signals<Scalar> samples) {
    require(samples.batch() == 1 && samples.channels() == channels(),
            "HippoMemory: expected samples of batch 1 and {} channels, found {} and {}", channels(), samples.batch(),
            samples.channels());
    check_finite(samples);
    for (Index t = 0; t < samples.length(); ++t)
      advance([&](Index c) { return static_cast<double>(samples(0, c)[t]); });
  }

  /// (channels, order), in the coordinates of hippo(measure, order).
  RowMatrix<double> coefficients() const {
    RowMatrix<double> result(channels(), order());
    for (Index n = 0; n < order(); ++n) {
      for (Index c = 0; c < channels(); ++c) result(c, n) = scale(n) * state_[place(c, n)];
    }
    return result;
  }

  /// Goes on from what coefficients() and count() were. Throws std::invalid_argument on another shape, a negative
  /// count, and coefficients that are not finite.
  void restore(const RowMatrix<double>& coefficients, Index count) {
    require(coefficients.rows() == channels() && coefficients.cols() == order(),
            "HippoMemory: expected coefficients of {} x {}, found {} x {}", channels(), order(), coefficients.rows(),
            coefficients.cols());
    require(count >= 0, "HippoMemory: expected a count of at least 0, found {}", count);
    require_finite("HippoMemory", "coefficients", rows(coefficients));
    for (Index n = 0; n < order(); ++n) {
      for (Index c = 0; c < channels(); ++c) state_[place(c, n)] = coefficients(c, n) / scale(n);
    }
    count_ = count;
  }

  /// The past at these ages, (channels, ages). Age 0 is the end of the last sample, and the sample j places before it
  /// lies between the ages j and j + 1. Throws std::invalid_argument on an age outside [0, span()], and for LegS where
  /// no sample has come.
  RowMatrix<double> reconstruct(const Eigen::VectorXd& ages) const {
    require(!scaled() || count_ > 0, "HippoMemory: expected at least one sample before a reconstruction");
    for (Index i = 0; i < ages.size(); ++i) {
      require(is_finite(ages[i]) && ages[i] >= 0 && ages[i] <= span(),
              "HippoMemory: expected ages between 0 and {}, found {} at {}", span(), ages[i], i);
    }
    RowMatrix<double> result(channels(), ages.size());
    for (Index i = 0; i < ages.size(); ++i) {
      const Eigen::VectorXd basis = this->basis(ages[i]);
      for (Index c = 0; c < channels(); ++c) {
        double sum = 0;
        for (Index n = 0; n < order(); ++n) sum += basis[n] * state_[place(c, n)];
        result(c, i) = sum;
      }
    }
    return result;
  }

  /// As if no sample had come.
  void reset() {
    std::fill(state_.begin(), state_.end(), 0.0);
    count_ = 0;
  }

 private:
  static constexpr Index lanes = simd::lanes<double>;

  bool scaled() const { return options_.measure == HippoMeasure::legs; }

  // ---- the state: moments of LegS, channels in lanes; coefficients of LegT or FouT, channel by channel ----

  std::size_t place(Index c, Index n) const {
    return static_cast<std::size_t>(scaled() ? n * stride_ + c : c * stride_ + n);
  }

  /// What the state's entry n is multiplied by in the coordinates of the measure.
  double scale(Index n) const {
    const double root = std::sqrt(static_cast<double>(2 * n + 1));
    if (scaled()) return root;
    if (options_.measure == HippoMeasure::lmu) return n % 2 == 0 ? root : -root;
    return 1;
  }

  /// What the state's entries are multiplied by at an age.
  Eigen::VectorXd basis(double age) const {
    if (!scaled()) return hippo_basis(held_measure(), order(), age, {.window = options_.window});
    const double total = static_cast<double>(count_), place = (total - 2 * age) / total;
    return detail::legendre_values(order(), place)
        .cwiseProduct(Eigen::VectorXd::LinSpaced(order(), 1, static_cast<double>(2 * order() - 1)));
  }

  // ---- steps ----

  template <class Sample>
  void advance(const Sample& sample) {
    for (Index c = 0; c < channels(); ++c) sample_[static_cast<std::size_t>(c)] = sample(c);
    scaled() ? step_scaled() : window_.step(channels(), state_.data(), sample_.data(), next_.data());
    if (!all_finite(next_.data(), static_cast<Index>(next_.size()))) refuse_overflow();
    if (!scaled()) flush();
    state_.swap(next_);
    ++count_;
  }

  void step_scaled() {
    const double* sample = sample_.data();
    const double* before = state_.data();
    const double now = static_cast<double>(count_), then = now + 1;
    if (count_ == 0) return legs_.first(sample, next_.data());
    switch (options_.step) {
      case HippoStep::exact:
        return legs_.exact_step(1 / then, before, sample, next_.data());
      case HippoStep::bilinear:
        return legs_.step({(1 / now + 1 / then) / 2, 1 / (2 * then)}, before, sample, next_.data());
      case HippoStep::backward_euler:
        return legs_.step({1 / then, 1 / then}, before, sample, next_.data());
      case HippoStep::forward_euler:
        return legs_.step({1 / now, 0}, before, sample, next_.data());
    }
  }

  /// The Legendre memory unit runs in the coordinates of LegT, where no step amplifies anything.
  HippoMeasure held_measure() const {
    return options_.measure == HippoMeasure::lmu ? HippoMeasure::legt : options_.measure;
  }

  RowMatrix<double> window_step() const {
    const HippoSystem system = hippo(held_measure(), order(), {.window = options_.window});
    switch (options_.step) {
      case HippoStep::exact:
        return detail::exact_step(system);
      case HippoStep::bilinear:
        return detail::implicit_step(system, 0.5);
      case HippoStep::backward_euler:
        return detail::implicit_step(system, 1);
      case HippoStep::forward_euler:
        break;
    }
    return detail::implicit_step(system, 0);
  }

  /// After a long silence the state of a window would go on in denormal numbers, a hundred times as slowly.
  void flush() {
    constexpr std::uint64_t negligible = std::bit_cast<std::uint64_t>(1e-290);
    for (Index c = 0; c < channels(); ++c) {
      double* state = next_.data() + c * stride_;
      if (detail::largest_bits(state, order()) < negligible) std::fill_n(state, order(), 0.0);
    }
  }

  [[noreturn, gnu::cold]] void refuse_overflow() const {
    raise<NumericalError>("HippoMemory: expected a finite state, found it to overflow at sample {}{}", count_,
                          options_.step == HippoStep::forward_euler ? " (forward Euler steps may be unstable)" : "");
  }

  // ---- checks ----

  static void check(const HippoMemoryOptions& options) {
    using enum HippoMeasure;
    const HippoMeasure measure = options.measure;
    require(measure == legs || measure == legt || measure == lmu || measure == fout || measure == fourier2,
            "HippoMemory: expected LegS, LegT, LMU, FouT or Fourier2, found {}",
            measure >= legs && measure <= fourier_legs ? hippo_name(measure) : "no measure");
    detail::check_hippo("HippoMemory", measure, options.order, {.window = options.window});
    require(measure == legs || options.window > 0,
            "HippoMemory: expected a positive window for {}, in samples, found {}", hippo_name(measure),
            options.window);
    require(options.channels >= 1, "HippoMemory: expected at least 1 channel, found {}", options.channels);
    require(options.step >= HippoStep::bilinear && options.step <= HippoStep::forward_euler,
            "HippoMemory: expected a step, found number {}", static_cast<int>(options.step));
  }

  template <class Scalar>
  static void check_finite(Signals<Scalar> samples) {
    for (Index c = 0; c < samples.channels(); ++c) {
      const Batch<Scalar> row(samples(0, c), 1, samples.length());
      if (const std::optional<Position> found = first_non_finite(row)) {
        raise<std::invalid_argument>("HippoMemory: expected finite samples, found {} at channel {}, sample {}",
                                     detail::non_finite_name(row[0][found->component]), c, found->component);
      }
    }
  }

  HippoMemoryOptions options_;
  Index count_ = 0;
  Index stride_ = 1;
  detail::LegsMemory legs_;
  detail::WindowMemory window_;
  AlignedVector<double> sample_;
  AlignedVector<double> state_, next_;
};

}  // namespace tessera::inline TESSERA_ISA
