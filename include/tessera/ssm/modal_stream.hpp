// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// A modal system in real time: many channels side by side in the lanes of vectors, samples in blocks of any length,
//
//   x_n[t] = p_n x_n[t-1] + u[t],   y[t] = 2 Re sum of w_n x_n + skip u[t]       (ssm/modal_system.hpp),
//
// four samples at a time where four have come (detail/modal_stream_group.hpp). A channel with fewer neighbours than a
// vector has lanes costs as much as if they were there: for one long channel ModalSystem::chunk is the faster way.

#include <algorithm>
#include <complex>
#include <utility>
#include <vector>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/ssm/detail/lane_transpose.hpp>
#include <tessera/ssm/detail/modal_stream_group.hpp>
#include <tessera/ssm/modal_system.hpp>
#include <tessera/ssm/stream_status.hpp>

namespace tessera::inline TESSERA_ISA {

/// The channels of a modal system as endless signals. Channels do not meet: each has the same bits whatever the others
/// are and whichever its number is. An object belongs to one thread at a time.
///
/// process() never allocates, locks, throws or calls the system. A sample that is not finite counts as 0, as does a
/// denormal one; state below 1e-30 (float) or 1e-290 (double) is taken for 0, so that silence costs what sound does.
/// Where finite samples overflow, or unstable poles do, results are spoiled until the state is cleared, at most 64
/// samples later.
///
/// Arithmetic is that of the scalar. Errors stay below 1e-5 (float) of the largest response also for poles on the
/// circle, whose rounding is undone every 64 samples.
template <class ScalarType, Timing timing_of = Timing::current>
class ModalStream {
 public:
  using Scalar = ScalarType;
  using System = ModalSystem<Scalar, timing_of>;
  using State = typename System::State;

  /// Silence before the first sample.
  explicit ModalStream(const System& system)
      : channels_(system.channels()), modes_(system.modes()), poles_(system.parameters().poles) {
    const ModalParameters& parameters = system.parameters();
    groups_.assign(static_cast<std::size_t>((channels_ + lanes - 1) / lanes), Group(modes_));
    for (Index c = 0; c < channels_; ++c) {
      group(c).template set_channel<timing_of>(static_cast<int>(c % lanes), poles_.data() + c * modes_,
                                               parameters.weights.data() + c * modes_, parameters.skip[c]);
    }
  }

  /// 0 when moved from; then only process() and assignment may be called.
  Index channels() const { return groups_.empty() ? 0 : channels_; }
  Index modes() const { return modes_; }
  /// Samples that each channel has had since construction, reset() or set_state().
  Index position() const { return position_; }

  /// The next samples of all channels, (1, channels, samples), and their results. `output` may be the very memory of
  /// `input`, but must not overlap it otherwise. If the shapes are wrong, nothing is done and the status says why.
  /// Results do not depend on how samples are cut into calls, to the bit; calls of fewer than four samples cost up to
  /// four times as much a sample.
  StreamStatus process(Signals<const Scalar> input, Signals<Scalar> output) noexcept {
    StreamStatus status;
    status.problem = stream_problem<Scalar>(input, output, channels());
    if (status.problem != StreamProblem::none) return status;
    for (std::size_t g = 0; g < groups_.size(); ++g)
      status.non_finite += run(groups_[g], static_cast<Index>(g) * lanes, input, output);
    position_ += input.length();
    status.samples = input.length();
    return status;
  }

  /// As if no sample had come.
  void reset() noexcept {
    for (Group& group : groups_) group.reset();
    position_ = 0;
  }

  /// The state after the last sample, as ModalSystem has it.
  State state() const {
    State result(channels(), modes_);
    for (Index c = 0; c < channels(); ++c) {
      const auto filled = static_cast<int>(position_ % Group::block);
      group(c).read_state(static_cast<int>(c % lanes), filled, poles_.data() + c * modes_, result.data() + c * modes_);
    }
    return result;
  }

  /// Goes on from a state of this stream or of the system. Throws std::invalid_argument on another shape and on entries
  /// that are not finite.
  void set_state(const State& state) {
    require(state.rows() == channels() && state.cols() == modes_,
            "ModalStream: expected a state of {} x {}, found {} x {}", channels(), modes_, state.rows(), state.cols());
    detail::require_finite_modes("ModalStream", "state", state);
    for (Index c = 0; c < channels(); ++c) group(c).write_state(static_cast<int>(c % lanes), state.data() + c * modes_);
    position_ = 0;
  }

 private:
  using Group = detail::ModalStreamGroup<Scalar>;
  static constexpr int lanes = Group::lanes;
  static constexpr Index period = Group::period;
  static constexpr Scalar silence[static_cast<std::size_t>(period)] = {};

  Group& group(Index c) { return groups_[static_cast<std::size_t>(c / lanes)]; }
  const Group& group(Index c) const { return groups_[static_cast<std::size_t>(c / lanes)]; }

  // Channels first, first + 1, ... by pieces that end where corrections are due.
  Index run(Group& group, Index first, const Signals<const Scalar>& input, const Signals<Scalar>& output) {
    const auto present = static_cast<int>(std::min<Index>(lanes, channels_ - first));
    Index bad = 0;
    for (Index done = 0; done < input.length();) {
      const Index phase = (position_ + done) % period, count = std::min(period - phase, input.length() - done);
      const Scalar* from[lanes];
      Scalar* to[lanes];
      for (int i = 0; i < lanes; ++i) {
        from[i] = i < present ? input(0, first + i) + done : silence;
        to[i] = i < present ? output(0, first + i) + done : nullptr;
      }
      alignas(64) Scalar samples[static_cast<std::size_t>(period * lanes)];
      bad += detail::rows_to_lanes<Scalar>(from, count, samples);
      run_piece(group, samples, phase, count);
      detail::lanes_to_rows<Scalar>(samples, count, present, to);
      done += count;
    }
    return bad;
  }

  static void run_piece(Group& group, Scalar* samples, Index phase, Index count) {
    for (Index done = 0; done < count;) {
      const auto begin = static_cast<int>((phase + done) % Group::block);
      const auto end = static_cast<int>(std::min<Index>(Group::block, begin + count - done));
      group.run(samples + done * lanes, samples + done * lanes, begin, end);
      done += end - begin;
    }
    if (phase + count == period) group.correct();
  }

  Index channels_, modes_, position_ = 0;
  RowMatrix<std::complex<double>> poles_;
  std::vector<Group> groups_;
};

}  // namespace tessera::inline TESSERA_ISA
