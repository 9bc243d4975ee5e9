// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Where a streaming convolution is in time, and what all its channels do alike with the next few samples: found once
// and not for each channel, since blocks may be as short as a sample.

#include <algorithm>
#include <array>
#include <cstddef>

#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/streaming_kernel.hpp>
#include <tessera/fft/detail/streaming_schedule.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Who is at work: voice `heard`, and if `both`, the other one, too, which is faded in from position `begin` on, and
/// heard alone from `end` on.
template <class Scalar>
struct StreamingVoices {
  std::array<const StreamingKernel<Scalar>*, 2> kernels{};
  int heard = 0;
  bool both = false;
  Index begin = 0;
  Index end = 0;
};

/// Of one level: the units [unit, end), from phase `phase` on; and where among its results those of the block before
/// the last are, and of the one before that.
template <class Scalar>
struct StreamingShare {
  const StreamingLevel<Scalar>* level = nullptr;
  Index unit = 0;
  Index end = 0;
  int phase = 0;
  Index block_samples = 0;  // where the block that is transformed is among the samples
  Index slot = 0;           // of its predecessor's spectrum among the delayed ones, older ones following
  Index result = 0;         // which is being made
  Index now = 0;
  Index still = 0;
};

/// The next `count` samples.
template <class Scalar>
struct StreamingPiece {
  Index position = 0;
  Index count = 0;
  Index samples = 0;  // where they are put
  int heard = 0;
  bool both = false;
  std::array<StreamingShare<Scalar>, 2> shares{};

  /// Scalars of the three results of a level, each read a vector at a time.
  static Index result_stride(const StreamingLevel<Scalar>& level) {
    return 2 * level.block() + static_cast<Index>(64 / sizeof(Scalar));
  }
  static Index results_size(const StreamingLevel<Scalar>& level) { return 3 * result_stride(level); }
};

template <class Scalar>
class StreamingClock {
 public:
  using Schedule = StreamingSchedule<Scalar>;
  using Level = StreamingLevel<Scalar>;
  using Voices = StreamingVoices<Scalar>;
  using Piece = StreamingPiece<Scalar>;

  Index position() const { return position_; }

  void advance(const Schedule& schedule, Index count) {
    position_ += count;
    for (std::size_t l = 0; l < schedule.levels().size(); ++l) advance(levels_[l], schedule.levels()[l], count);
  }

  /// The next samples, at most so many; samples are kept in a ring of `history_size`.
  Piece piece(const Schedule& schedule, Index history_size, Index most, const Voices& voices) const {
    Piece piece;
    piece.position = position_;
    piece.count = std::min(most, length(schedule, voices));
    piece.samples = position_ & (history_size - 1);
    const bool over = voices.both && position_ >= voices.end;
    piece.both = voices.both && !over;
    piece.heard = over ? 1 - voices.heard : voices.heard;
    for (std::size_t l = 0; l < schedule.levels().size(); ++l) {
      piece.shares[l] = share(schedule.levels()[l], levels_[l], history_size, piece.count);
    }
    return piece;
  }

 private:
  static constexpr Index lanes = simd::lanes<Scalar>;

  /// The position in the current block; the place of its predecessor's spectrum; and which of three results is being
  /// made.
  struct LevelClock {
    Index offset = 0;
    Index slot = 0;
    Index turn = 0;
  };

  static void advance(LevelClock& clock, const Level& level, Index count) {
    clock.offset += count;
    if (clock.offset < level.block()) return;
    const Index blocks = clock.offset / level.block();
    clock.offset %= level.block();
    clock.slot = (clock.slot + (level.partitions() - blocks % level.partitions())) % level.partitions();
    clock.turn = (clock.turn + blocks) % 3;
  }

  /// Pieces end with the blocks of the first level (a vector, if there is none), and where a fade begins or ends.
  Index length(const Schedule& schedule, const Voices& voices) const {
    Index result = lanes - position_ % lanes;
    if (!schedule.levels().empty()) result = schedule.levels()[0].block() - levels_[0].offset;
    if (!voices.both) return result;
    for (const Index change : {voices.begin, voices.end}) {
      if (change > position_) result = std::min(result, change - position_);
    }
    return result;
  }

  StreamingShare<Scalar> share(const Level& level, const LevelClock& clock, Index history_size, Index count) const {
    const Index stride = Piece::result_stride(level);
    StreamingShare<Scalar> share;
    share.level = &level;
    share.unit = level.first_unit(clock.offset);
    share.end = level.first_unit(clock.offset + count);
    share.phase = level.first_phase(clock.offset);
    share.block_samples = (position_ - clock.offset - level.block()) & (history_size - 1);
    share.slot = clock.slot;
    share.result = clock.turn * stride;
    share.now = (clock.turn + 2) % 3 * stride + clock.offset;
    share.still = (clock.turn + 1) % 3 * stride + level.block() + clock.offset;
    return share;
  }

  Index position_ = 0;
  std::array<LevelClock, 2> levels_{};
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
