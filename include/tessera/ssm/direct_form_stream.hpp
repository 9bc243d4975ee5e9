// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Rational transfer functions in real time, by the transposed direct form (detail/direct_lanes.hpp): many channels in
// the lanes of vectors, samples in blocks of any length, no latency. Two multiply-adds for each number of the state and
// sample; blocks of four samples and more go through the state a quarter as often. A channel with fewer neighbours than
// a vector has lanes costs as much as if they were there. The direct form needs no poles, and of all forms suffers most
// from rounding its coefficients: where poles are many and close to one another, sections (ssm/biquad_stream.hpp) are
// the better choice.

#include <algorithm>
#include <cstddef>
#include <vector>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/ssm/detail/direct_lanes.hpp>
#include <tessera/ssm/detail/lane_tile.hpp>
#include <tessera/ssm/stream_status.hpp>
#include <tessera/ssm/transfer_function.hpp>

namespace tessera::inline TESSERA_ISA {

/// The channels of a RationalTransferFunction as endless signals. Channels do not meet: each has the same bits whatever
/// the others are and whichever its number is. An object belongs to one thread at a time.
///
/// process() never allocates, locks, throws or calls the system. A sample that is not finite counts as 0. Results that
/// overflow, as those of unstable filters do in the end, are 0 and counted; what has overflowed in the state is cleared
/// at most 256 samples later.
template <class ScalarType>
class DirectFormStream {
 public:
  using Scalar = ScalarType;
  using Model = RationalTransferFunction<Scalar>;
  using State = typename Model::State;

  /// Silence before the first sample. Copies the coefficients.
  explicit DirectFormStream(const Model& model) : channels_(model.channels()), order_(model.order()) {
    groups_.assign(static_cast<std::size_t>((channels_ + width - 1) / width), Lanes(order_));
    tile_.resize(static_cast<std::size_t>(block * width));
    set_coefficients(model);
  }

  /// 0 when moved from; then only process() and assignment may be called.
  Index channels() const { return tile_.empty() ? 0 : channels_; }
  Index order() const { return order_; }
  /// Samples that each channel has had since construction or reset().
  Index position() const { return position_; }
  /// Results of all channels that were not finite, and are 0, since construction or reset().
  Index overflows() const { return overflows_; }

  /// The next samples of all channels, (1, channels, samples), and their results. `output` may be the very memory of
  /// `input`, but must not overlap it otherwise. If the shapes are wrong, nothing is done and the status says why.
  /// Results do not depend on how samples are cut into calls, to the bit.
  StreamStatus process(Signals<const Scalar> input, Signals<Scalar> output) noexcept {
    StreamStatus status;
    status.problem = stream_problem<Scalar>(input, output, channels());
    if (status.problem != StreamProblem::none) return status;
    for (Index done = 0; done < input.length();) {
      const Index count = std::min({block, period - position_ % period, input.length() - done});
      for (std::size_t g = 0; g < groups_.size(); ++g) status.non_finite += run(g, input, output, done, count);
      done += count;
      position_ += count;
      if (position_ % period == 0) clean_states();
    }
    status.samples = input.length();
    return status;
  }

  /// Goes on with the coefficients of another model, the state as it is. Allocates nothing. Throws
  /// std::invalid_argument on another number of channels or another order, and on what is not finite.
  void set_coefficients(const Model& model) {
    require(model.channels() == channels_ && model.order() == order_,
            "DirectFormStream: expected {} channels of order {}, found {} of {}", channels_, order_, model.channels(),
            model.order());
    const auto& values = model.values();
    require(all_finite(values.numerator.data(), values.numerator.size()) &&
                all_finite(values.denominator.data(), values.denominator.size()) &&
                all_finite(values.skip.data(), values.skip.size()),
            "DirectFormStream: expected finite coefficients");
    for (Index first = 0; first < channels_; first += width) {
      groups_[static_cast<std::size_t>(first / width)].set(model.parameters(), first,
                                                           std::min(width, channels_ - first));
    }
  }

  /// As if no sample had come.
  void reset() noexcept {
    for (Lanes& group : groups_) std::fill_n(group.states(), order_ * width, Scalar{0});
    position_ = overflows_ = 0;
  }

  /// The state after the last sample, as the model has it.
  State state() const {
    State result(channels(), order_);
    for (Index c = 0; c < result.rows(); ++c) {
      for (Index j = 0; j < order_; ++j)
        result(c, j) = groups_[static_cast<std::size_t>(c / width)].state(j, c % width);
    }
    return result;
  }

  /// Goes on from a state of this stream or of the model. Throws std::invalid_argument on another shape and on what is
  /// not finite.
  void set_state(const State& state) {
    require(state.rows() == channels() && state.cols() == order_,
            "DirectFormStream: expected a state of {} x {}, found {} x {}", channels(), order_, state.rows(),
            state.cols());
    require(all_finite(state.data(), state.size()), "DirectFormStream: expected a finite state");
    for (Index c = 0; c < state.rows(); ++c) {
      for (Index j = 0; j < order_; ++j) groups_[static_cast<std::size_t>(c / width)].state(j, c % width) = state(c, j);
    }
  }

 private:
  using Lanes = detail::DirectLanes<Scalar>;
  using Tile = detail::LaneTile<Scalar>;
  static constexpr Index width = Lanes::width;
  static constexpr Index block = 128;   // samples of a tile
  static constexpr Index period = 256;  // from one cleaning of the state to the next

  /// A group of channels over a block; how many of their samples were not finite.
  Index run(std::size_t group, const Signals<const Scalar>& input, const Signals<Scalar>& output, Index begin,
            Index count) {
    const Index first = static_cast<Index>(group) * width;
    const Scalar* from[width];
    Scalar* to[width];
    for (Index i = 0; i < width; ++i) {
      const bool present = first + i < channels_;
      from[i] = present ? input(0, first + i) : nullptr;
      to[i] = present ? output(0, first + i) : nullptr;
    }
    const Index bad = Tile::template load<true>(from, begin, count, tile_.data());
    groups_[group].run(tile_.data(), count);
    overflows_ += Tile::template store<true>(tile_.data(), count, to, begin);
    return bad;
  }

  void clean_states() {
    typename Tile::Counts ignored{};
    for (Lanes& group : groups_) {
      for (Scalar* at = group.states(); at < group.states() + order_ * width; at += width) {
        simd::store(at, Tile::finite_or_zero(simd::load(at), ignored));
      }
    }
  }

  Index channels_ = 0;
  Index order_ = 0;
  Index position_ = 0;
  Index overflows_ = 0;
  std::vector<Lanes> groups_;
  AlignedVector<Scalar> tile_;
};

}  // namespace tessera::inline TESSERA_ISA
