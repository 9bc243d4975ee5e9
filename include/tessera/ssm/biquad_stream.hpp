// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Second-order sections in real time, in series (ssm/biquad_cascade.hpp) or side by side (ssm/parallel_biquads.hpp):
// many channels in the lanes of vectors, samples in blocks of any length, the state of several sections in registers
// over a block (detail/parallel_lanes.hpp, detail/cascade_lanes.hpp). Side by side, a section costs four multiply-adds
// a sample, which is what bounds a block; single samples, whose state goes through memory, cost about twice as much. A
// channel with fewer neighbours than a vector has lanes costs as much as if they were there.

#include <algorithm>
#include <cstddef>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/ssm/biquad_cascade.hpp>
#include <tessera/ssm/detail/lane_tile.hpp>
#include <tessera/ssm/parallel_biquads.hpp>
#include <tessera/ssm/stream_status.hpp>

namespace tessera::inline TESSERA_ISA {

/// The channels of a BiquadCascade or of ParallelBiquads as endless signals. Channels do not meet: each has the same
/// bits whatever the others are and whichever its number is. An object belongs to one thread at a time.
///
/// process() never allocates, locks, throws or calls the system. A sample that is not finite counts as 0. Results that
/// overflow, as those of unstable sections do in the end, are 0 and counted; what has overflowed in the state is
/// cleared at most 256 samples later. So is state below 1e-30 (float) or 1e-290 (double): silence costs what sound
/// does.
template <class Model>
class BiquadStream {
 public:
  using Scalar = typename Model::Scalar;
  using State = typename Model::State;

  /// Silence before the first sample. Copies the coefficients.
  explicit BiquadStream(const Model& model)
      : channels_(model.channels()), sections_(model.sections()), columns_(model.coefficients().cols()) {
    const Index groups = (channels_ + width - 1) / width;
    coefficients_.resize(static_cast<std::size_t>(groups * c_stride()));
    state_.resize(static_cast<std::size_t>(groups * state_stride()));
    singles_.resize(static_cast<std::size_t>(2 * groups * width));
    tiles_.resize(static_cast<std::size_t>((2 * block + Lanes::run_work(block)) * width));
    set_coefficients(model);
  }

  /// 0 when moved from; then only process() and assignment may be called.
  Index channels() const { return tiles_.empty() ? 0 : channels_; }
  Index sections() const { return sections_; }
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
      if (count == 1) {
        status.non_finite += run_single(input, output, done);
      } else {
        for (Index first = 0; first < channels_; first += width)
          status.non_finite += run_block(first, input, output, done, count);
      }
      done += count;
      position_ += count;
      if (position_ % period == 0) clean_state();
    }
    status.samples = input.length();
    return status;
  }

  /// Goes on with the coefficients of another model, the state as it is. Allocates nothing. Throws
  /// std::invalid_argument on another number of channels or sections and on what is not finite.
  void set_coefficients(const Model& model) {
    const RowMatrix<Scalar>& given = model.coefficients();
    require(given.rows() == channels_ && given.cols() == columns_,
            "BiquadStream: expected coefficients of {} x {}, found {} x {}", channels_, columns_, given.rows(),
            given.cols());
    require(all_finite(given.data(), given.size()), "BiquadStream: expected finite coefficients");
    for (Index first = 0; first < channels_; first += width)
      Group::pack(given, sections_, first, std::min(width, channels_ - first), coefficients(first));
  }

  /// As if no sample had come.
  void reset() noexcept {
    std::fill(state_.begin(), state_.end(), Scalar{0});
    position_ = overflows_ = 0;
  }

  /// The state after the last sample, as the model has it; 0 for what has overflowed.
  State state() const {
    State result(channels(), 2 * sections_);
    for (Index c = 0; c < result.rows(); ++c)
      for (Index j = 0; j < result.cols(); ++j)
        result(c, j) = is_finite(state_[place(c, j)]) ? state_[place(c, j)] : Scalar{0};
    return result;
  }

  /// Goes on from a state of this stream or of the model. Throws std::invalid_argument on another shape and on what is
  /// not finite.
  void set_state(const State& state) {
    require(state.rows() == channels() && state.cols() == 2 * sections_,
            "BiquadStream: expected a state of {} x {}, found {} x {}", channels(), 2 * sections_, state.rows(),
            state.cols());
    require(all_finite(state.data(), state.size()), "BiquadStream: expected a finite state");
    for (Index c = 0; c < state.rows(); ++c)
      for (Index j = 0; j < state.cols(); ++j) state_[place(c, j)] = state(c, j);
  }

 private:
  using Lanes = typename Model::Lanes;
  using Group = typename Model::Group;
  using Tile = detail::LaneTile<Scalar>;
  using Vector = simd::Vec<Scalar>;
  static constexpr Index width = Lanes::width;
  static constexpr Index block = 128;   // samples of a tile
  static constexpr Index period = 256;  // from one cleaning of the state to the next

  Index c_stride() const { return columns_ * width; }
  Index state_stride() const { return 2 * sections_ * width; }
  Scalar* coefficients(Index first) { return coefficients_.data() + first / width * c_stride(); }
  Scalar* state(Index first) { return state_.data() + first / width * state_stride(); }
  Scalar* tile(Index i) { return tiles_.data() + i * block * width; }
  std::size_t place(Index channel, Index j) const {
    return static_cast<std::size_t>(channel / width * state_stride() + j * width + channel % width);
  }

  // Channels first, first + 1, ... over a block; how many of their samples were not finite.
  Index run_block(Index first, const Signals<const Scalar>& input, const Signals<Scalar>& output, Index begin,
                  Index count) {
    const Scalar* in[width];
    Scalar* out[width];
    for (Index i = 0; i < width; ++i) {
      const bool present = first + i < channels_;
      in[i] = present ? input(0, first + i) : nullptr;
      out[i] = present ? output(0, first + i) : nullptr;
    }
    const Index bad = Tile::template load<true>(in, begin, count, tile(0));
    Lanes::run(coefficients(first), sections_, state(first), tile(0), tile(1), tile(2), count);
    overflows_ += Tile::template store<true>(tile(1), count, out, begin);
    return bad;
  }

  // One sample of all channels, two groups at a time.
  Index run_single(const Signals<const Scalar>& input, const Signals<Scalar>& output, Index t) {
    const Index groups = (channels_ + width - 1) / width;
    Scalar* in = singles_.data();
    Scalar* out = in + groups * width;
    if (input.channel_stride() == 1) {
      std::copy_n(input(0, 0), channels_, in);
    } else {
      for (Index c = 0; c < channels_; ++c) in[c] = input(0, c)[t];
    }
    typename Tile::Counts bad{}, overflows{};
    Index g = 0;
    for (; g + 2 <= groups; g += 2) step<2>(g * width, in, out, bad, overflows);
    if (g < groups) step<1>(g * width, in, out, bad, overflows);
    overflows_ += Tile::total(overflows);
    if (output.channel_stride() == 1) {
      std::copy_n(out, channels_, output(0, 0));
    } else {
      for (Index c = 0; c < channels_; ++c) output(0, c)[t] = out[c];
    }
    return Tile::total(bad);
  }
  template <int groups>
  void step(Index first, const Scalar* in, Scalar* out, typename Tile::Counts& bad, typename Tile::Counts& overflows) {
    Vector u[groups], y[groups];
    TESSERA_UNROLL
    for (int g = 0; g < groups; ++g) u[g] = Tile::finite_or_zero(simd::load(in + first + g * width), bad);
    Lanes::template step<groups>(coefficients(first), c_stride(), sections_, state(first), state_stride(), u, y);
    TESSERA_UNROLL
    for (int g = 0; g < groups; ++g) simd::store(out + first + g * width, Tile::finite_or_zero(y[g], overflows));
  }

  // What has overflowed, and what is too small to be heard, becomes 0.
  void clean_state() {
    constexpr Scalar least = sizeof(Scalar) == 4 ? static_cast<Scalar>(1e-30) : static_cast<Scalar>(1e-290);
    typename Tile::Counts ignored{};
    for (Index i = 0; i < static_cast<Index>(state_.size()); i += width) {
      const Vector value = Tile::finite_or_zero(simd::load(state_.data() + i), ignored);
      const auto small = (value < simd::broadcast(least)) & (value > simd::broadcast(-least));
      simd::store(state_.data() + i, simd::select(small, Vector{}, value));
    }
  }

  Index channels_, sections_, columns_, position_ = 0, overflows_ = 0;
  AlignedVector<Scalar> coefficients_;  // [group][coefficient][lane]
  AlignedVector<Scalar> state_;         // [group][number][lane]
  AlignedVector<Scalar> singles_;       // a sample and a result of every channel
  AlignedVector<Scalar> tiles_;         // input, output, work
};

}  // namespace tessera::inline TESSERA_ISA
