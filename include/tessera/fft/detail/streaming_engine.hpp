// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What a streaming convolution remembers of its channels, and what it does with the next samples of one of them. A
// result is the sum of what the head gives and, for each size B of partitions, of two blocks' products: of the block
// before the last the part that begins now, of the one before that the part that began B samples ago. The ring of
// t^B = i (detail/right_angle.hpp) holds both parts of a product without padding. Blocks' products are summed in the
// ring over all partitions, so that each block has one inverse transform.
//
// Two kernels may be at work at once, so that the second can be heard where the first was. They share the samples and
// their spectra and have the rest for themselves: a voice each.

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/prefetch.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/complex_lanes.hpp>
#include <tessera/fft/detail/streaming_clock.hpp>
#include <tessera/fft/detail/streaming_kernel.hpp>
#include <tessera/fft/detail/streaming_schedule.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class Scalar>
class StreamingEngine {
 public:
  using Schedule = StreamingSchedule<Scalar>;
  using Level = StreamingLevel<Scalar>;
  using Kernel = StreamingKernel<Scalar>;
  using Voices = StreamingVoices<Scalar>;
  using Piece = StreamingPiece<Scalar>;
  using Share = StreamingShare<Scalar>;

  StreamingEngine(Schedule schedule, Index channels) : schedule_(std::move(schedule)) {
    history_size_ = std::max(2 * schedule_.period(), lanes);
    const auto place = [&](Index size) {
      const Index at = channel_size_;
      channel_size_ += (size + line - 1) / line * line;
      return at;
    };
    place(history_size_);
    for (Index& head : heads_) head = place(schedule_.head_size());
    for (const Level& level : schedule_.levels()) {
      const Index spectrum = 2 * level.ring().length();
      Places places;
      places.forward = place(spectrum);
      places.delayed = place(2 * spectrum * level.partitions());
      for (Index& sum : places.sums) sum = place(spectrum);
      for (Index& result : places.results) result = place(Piece::results_size(level));
      places_.push_back(places);
    }
    memory_.resize(static_cast<std::size_t>(channel_size_ * channels));
  }

  const Schedule& schedule() const { return schedule_; }
  Index position() const { return clock_.position(); }

  /// As if no sample had come.
  void reset() {
    std::fill(memory_.begin(), memory_.end(), Scalar{0});
    clock_ = {};
  }

  /// Voice `voice` begins to work with the next sample. What it gives is right as soon as it has met as many samples
  /// as the head has taps, and each size of partitions two whole blocks.
  void begin_voice(int voice) {
    for (Index at = heads_[place_of(voice)]; at < static_cast<Index>(memory_.size()); at += channel_size_) {
      std::fill_n(memory_.data() + at, schedule_.head_size(), Scalar{0});
    }
  }

  /// Before the next `count` samples of all channels.
  void prepare(Index count, const Voices& voices) { first_ = clock_.piece(schedule_, history_size_, count, voices); }

  /// The next samples of channel c, as many as prepared for. Returns how many of them are not finite. `out` may be
  /// `in`.
  Index run(Index c, const Scalar* in, Scalar* out, Index count, const Voices& voices) {
    const Channel channel{c, memory_.data() + c * channel_size_, voices};
    Index spoiled = run_piece(channel, first_, in, out), done = first_.count;
    if (done == count) return spoiled;
    StreamingClock<Scalar> clock = clock_;
    clock.advance(schedule_, done);
    while (done < count) {
      const Piece piece = clock.piece(schedule_, history_size_, count - done, voices);
      spoiled += run_piece(channel, piece, in + done, out + done);
      clock.advance(schedule_, piece.count);
      done += piece.count;
    }
    return spoiled;
  }

  /// After all channels: the samples are in the past.
  void advance(Index count) { clock_.advance(schedule_, count); }

 private:
  using Vector = simd::Vec<Scalar>;
  using Lanes = ComplexLanes<Scalar>;

  static constexpr Index lanes = simd::lanes<Scalar>;
  static constexpr Index line = static_cast<Index>(64 / sizeof(Scalar));  // scalars of a cache line

  /// Where in a channel's memory a level has its own: the spectrum of a block as it comes into being, those of the
  /// blocks before (twice one after the other, so that any is followed by all older ones), and for each voice the sum
  /// of products and the results of three blocks.
  struct Places {
    Index forward = 0;
    Index delayed = 0;
    std::array<Index, 2> sums{};
    std::array<Index, 2> results{};
  };

  struct Channel {
    Index number;
    Scalar* memory;
    const Voices& voices;
  };

  static std::size_t place_of(int voice) { return static_cast<std::size_t>(voice); }

  Index run_piece(const Channel& channel, const Piece& piece, const Scalar* in, Scalar* out) {
    Scalar* samples = channel.memory + piece.samples;
    const Index spoiled = take(in, samples, piece.count);
    for (Index done = 0; done < piece.count;) {
      const Index lane = (piece.position + done) % lanes, part = std::min(piece.count - done, lanes - lane);
      sound(channel, piece, samples, out, done, lane, part);
      done += part;
    }
    for (std::size_t l = 0; l < places_.size(); ++l) work(channel, piece, l);
    return spoiled;
  }

  static Index take(const Scalar* in, Scalar* samples, Index count) {
    if (count == 1 && is_finite(*in)) [[likely]] {
      *samples = *in;
      return 0;
    }
    std::copy_n(in, count, samples);
    if (all_finite(samples, count)) [[likely]]
      return 0;
    Index spoiled = 0;
    for (Index i = 0; i < count; ++i) {
      if (is_finite(samples[i])) continue;
      samples[i] = 0;
      ++spoiled;
    }
    return spoiled;
  }

  // ---- the head, and results ----

  /// Samples done ... done + part - 1 of the piece, of which the first belongs into lane `lane`.
  void sound(const Channel& channel, const Piece& piece, const Scalar* samples, Scalar* out, Index done, Index lane,
             Index part) {
    Vector y = voice(channel, piece, piece.heard, samples + done, done, lane, part);
    if (piece.both) {
      const Vector z = voice(channel, piece, 1 - piece.heard, samples + done, done, lane, part);
      const Index step = piece.position + done - channel.voices.begin;
      if (step >= 0) y = simd::multiply_add(gain(channel.voices, step), z - y, y);
    }
    y = y + Vector{};  // no result is -0, whatever was added to it
    if (part == lanes) return simd::store(out + done, y);
    if (part == 1) {
      out[done] = y[0];
      return;
    }
    std::array<Scalar, static_cast<std::size_t>(lanes)> results;
    simd::store(results.data(), y);
    for (Index i = 0; i < part; ++i) out[done + i] = results[static_cast<std::size_t>(i)];
  }

  /// From step 0, the first sample of the fade, on: 1 / (n + 1), 2 / (n + 1), ... for n samples.
  static Vector gain(const Voices& voices, Index step) {
    const Scalar slope = Scalar{1} / static_cast<Scalar>(voices.end - voices.begin + 1);
    return (simd::iota<Scalar>() + simd::broadcast(static_cast<Scalar>(step + 1))) * simd::broadcast(slope);
  }

  /// What a voice gives; only the first `part` lanes mean anything.
  TESSERA_INLINE Vector voice(const Channel& channel, const Piece& piece, int number, const Scalar* samples, Index done,
                              Index lane, Index part) {
    Scalar* sums = channel.memory + heads_[place_of(number)] + lanes;
    Scalar* to = lane + part == lanes ? sums - lanes : sums;  // a whole vector is done: all move on by one
    const Scalar* taps = channel.voices.kernels[place_of(number)]->head(channel.number) - lane;
    add_head(sums, to, taps, samples, part, schedule_.head_vectors());
    Vector y = simd::load(to + lane);
    for (std::size_t l = 0; l < places_.size(); ++l) {
      const Scalar* results = channel.memory + places_[l].results[place_of(number)] + done;
      y = y + (simd::load(results + piece.shares[l].now) + simd::load(results + piece.shares[l].still));
    }
    return y;
  }

  /// Each sample adds its part to all results to come on which it has one. So a result is the sum of its terms in the
  /// order of the samples, however many come at once; those of a vector that lie before a sample add its product
  /// with 0. Sums go from `from` to `to`, which are the same or a vector apart.
  static TESSERA_INLINE void add_head(const Scalar* from, Scalar* to, const Scalar* taps, const Scalar* samples,
                                      Index count, Index vectors) {
    Scalar* end = to + vectors * lanes;
    Index v = 0;
    const auto add = [&](auto size) {
      add_tile<size()>(from + v * lanes, to + v * lanes, taps + v * lanes, samples, count);
      v += size();
    };
    if (vectors % 8 == 1 && vectors > 1) add(std::integral_constant<int, 9>());
    while (v + 8 <= vectors) add(std::integral_constant<int, 8>());
    if (v + 4 <= vectors) add(std::integral_constant<int, 4>());
    if (v + 2 <= vectors) add(std::integral_constant<int, 2>());
    if (v < vectors) add(std::integral_constant<int, 1>());
    if (from != to) simd::store(end, Vector{});
  }

  template <int size>
  static TESSERA_INLINE void add_tile(const Scalar* from, Scalar* to, const Scalar* taps, const Scalar* samples,
                                      Index count) {
    Vector sum[size];
    TESSERA_UNROLL
    for (int v = 0; v < size; ++v) sum[v] = simd::load(from + v * lanes);
    for (Index i = 0; i < count; ++i, --taps) {
      Vector sample = simd::broadcast(samples[i]);
      simd::keep_in_register(sample);
      TESSERA_UNROLL
      for (int v = 0; v < size; ++v) sum[v] = simd::multiply_add(sample, simd::load(taps + v * lanes), sum[v]);
    }
    TESSERA_UNROLL
    for (int v = 0; v < size; ++v) simd::store(to + v * lanes, sum[v]);
  }

  // ---- partitions ----

  /// The units of level l that belong to the piece.
  void work(const Channel& channel, const Piece& piece, std::size_t l) {
    const Share& share = piece.shares[l];
    const Level& level = *share.level;
    Index unit = share.unit;
    for (int phase = share.phase; unit < share.end; ++phase) {
      const Index before = level.units_before(phase), stop = std::min(share.end, level.units_before(phase + 1));
      if (phase < level.products_phase()) {
        const Scalar* samples = channel.memory + share.block_samples;
        level.ring().transform_items({samples, 0, level.block()}, channel.memory + places_[l].forward, phase,
                                     unit - before, stop - before);
      } else if (phase == level.products_phase()) {
        multiply(channel, piece, l, unit - before, stop - before);
      } else {
        invert(channel, piece, l, level.pass_of(phase), unit - before, stop - before);
      }
      unit = stop;
    }
  }

  void invert(const Channel& channel, const Piece& piece, std::size_t l, int pass, Index begin, Index end) {
    const Level& level = *piece.shares[l].level;
    for (int i = 0; i < (piece.both ? 2 : 1); ++i) {
      const std::size_t voice = place_of(i == 0 ? piece.heard : 1 - piece.heard);
      Scalar* results = channel.memory + places_[l].results[voice] + piece.shares[l].result;
      level.ring().invert_items(channel.memory + places_[l].sums[voice], {results, 0, 2 * level.block()}, pass, begin,
                                end);
    }
  }

  /// Units [begin, end) of the products: the turns of one vector of the spectra after those of the other.
  void multiply(const Channel& channel, const Piece& piece, std::size_t l, Index begin, Index end) {
    const Level& level = *piece.shares[l].level;
    const Places& places = places_[l];
    const Index slot = piece.shares[l].slot, partitions = level.partitions(), turns = level.turns();
    for (Index v = begin / turns; v * turns < end; ++v) {
      const Index first = std::max<Index>(begin - v * turns, 0), last = std::min(end - v * turns, turns);
      Scalar* delayed = channel.memory + places.delayed + 4 * lanes * v * partitions + 2 * lanes * slot;
      if (first == 0) {
        const Lanes fresh = load_complex(channel.memory + places.forward + 2 * lanes * v);
        store_complex(delayed, fresh);
        store_complex(delayed + 2 * lanes * partitions, fresh);
      }
      for (int i = 0; i < (piece.both ? 2 : 1); ++i) {
        const std::size_t voice = place_of(i == 0 ? piece.heard : 1 - piece.heard);
        const Kernel& kernel = *channel.voices.kernels[voice];
        const Scalar* spectra = kernel.spectra(l, channel.number) + 2 * lanes * v * partitions;
        Scalar* sum = channel.memory + places.sums[voice] + 2 * lanes * v;
        Lanes total = first == 0 ? Lanes{} : load_complex(sum);
        for (Index turn = first; turn < last; ++turn) {
          const Index p = turn * Level::partitions_at_once;
          total = total + products(spectra, delayed, p, std::min(p + Level::partitions_at_once, kernel.partitions(l)));
        }
        store_complex(sum, total);
        if (v * turns + last == end) fetch_ahead(spectra, delayed, last * Level::partitions_at_once);
      }
    }
  }

  /// What the next unit will read lies behind what this one has read; between two calls of a few samples each, much
  /// else is read that would push it out of the nearest cache, or has never let it in.
  static TESSERA_INLINE void fetch_ahead(const Scalar* spectra, const Scalar* delayed, Index partition) {
    prefetch<false>(spectra + 2 * lanes * partition, 2 * lanes * Level::partitions_at_once);
    prefetch<false>(delayed + 2 * lanes * partition, 2 * lanes * Level::partitions_at_once);
  }

  /// The sum of products of partitions [begin, end).
  static TESSERA_INLINE Lanes products(const Scalar* spectra, const Scalar* delayed, Index begin, Index end) {
    Lanes straight{Vector{}, Vector{}}, crossed{Vector{}, Vector{}};
    const auto add = [&](Index p) {
      Lanes a = load_complex(spectra + 2 * lanes * p), b = load_complex(delayed + 2 * lanes * p);
      simd::keep_in_register(b.re);
      simd::keep_in_register(b.im);
      simd::keep_in_register(a.re);
      simd::keep_in_register(a.im);
      straight.re = simd::multiply_add(a.re, b.re, straight.re);
      crossed.re = simd::multiply_add(a.im, b.im, crossed.re);
      straight.im = simd::multiply_add(a.re, b.im, straight.im);
      crossed.im = simd::multiply_add(a.im, b.re, crossed.im);
    };
    if (end - begin == Level::partitions_at_once) {
      TESSERA_UNROLL
      for (int i = 0; i < Level::partitions_at_once; ++i) add(begin + i);
    } else {
      for (Index p = begin; p < end; ++p) add(p);
    }
    return {straight.re - crossed.re, straight.im + crossed.im};
  }

  Schedule schedule_;
  Index history_size_ = 0;
  Index channel_size_ = 0;  // scalars of a channel: first its samples, then the rest
  std::array<Index, 2> heads_{};
  std::vector<Places> places_;
  AlignedVector<Scalar> memory_;
  StreamingClock<Scalar> clock_;
  Piece first_;  // of the samples to come
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
