// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Causal convolution online: sample t + 1 of the input may depend on result t, as in autoregressive decoding, where
//
//   y[t] = sum over j of k[j] u[t - j],      u[t + 1] = f(y[0], ..., y[t]).
//
// The kernels are known beforehand, the inputs are not. Summing the taps costs O(L) for each of L samples; here all
// cost O(L log^2 L) together (the semi-relaxed product: J. van der Hoeven, Relax, but don't be too lazy, J. Symbolic
// Computation 34, 2002; for decoding: C.-A. Oncescu et al., Flash Inference, ICLR 2025). When e samples are there, the
// last N of them, N the largest power of two that divides e, are multiplied with taps 1 ... 2N - 1 at once, and added
// to results e ... e + N - 1. So each pair of a sample and a tap is met once: with the most divisible e between the
// sample and the result. Pairs within a block of `base` samples are summed directly. Products are made in the ring of
// t^N = i (fft/detail/right_angle.hpp), whose imaginary parts are coefficients N ... 2N - 1, just those that are
// wanted.
//
// A sequence may be endless: products never need more samples than there are taps. The work comes in bursts, where many
// samples end a block of many; StreamingConvolution spreads it evenly, at more cost for each sample.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <vector>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/right_angle.hpp>
#include <tessera/fft/detail/slot_memory.hpp>
#include <tessera/fft/signal.hpp>

namespace tessera {

struct RelaxedConvolutionOptions {
  Index channels = 1;  // of each layer, at least 1
  Index layers = 1;    // each with kernels and a state of its own, at least 1
  Index batch = 1;     // sequences that share the kernels, at least 1
  Index slots = 1;     // tasks that may run at once, at least 1
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// The layers of a model and their states. Rows (channels of sequences of layers) do not meet: each has the same bits
/// whatever the others are, and for any number of threads. Once constructed, it allocates nothing. Errors stay below
/// 1e-6 (float) and 1e-13 (double) of the largest result.
template <class Scalar>
class RelaxedConvolution {
 public:
  /// Pairs within blocks of so many samples are summed directly.
  static constexpr Index base = std::max<Index>(32, detail::RightAngle<Scalar>::smallest_length);

  /// With the kernels: (layers * channels, taps), row l * channels + c that of channel c of layer l; or (layers, taps),
  /// where the channels of a layer share one. Throws std::invalid_argument on options out of range, another number of
  /// kernels, kernels without taps, and taps that are not finite.
  explicit RelaxedConvolution(Batch<const Scalar> taps, const RelaxedConvolutionOptions& options = {})
      : options_(check(taps, options)), taps_(taps.dimension()), shared_(taps.count() == options.layers) {
    for (Index size = base;; size *= 2) {
      rings_.emplace_back(size);
      if (size >= taps_ - 1) break;
    }
    const Index groups = (options.channels + group - 1) / group;
    stride_ = groups * group;
    work_ = {"RelaxedConvolution", options.slots, 2 * longest()};
    prepare(taps);
    layers_.resize(static_cast<std::size_t>(options.layers));
    for (Layer& layer : layers_) {
      layer.block.resize(static_cast<std::size_t>(base * options.batch * stride_));
      layer.pending.resize(layer.block.size());
      layer.rows.resize(static_cast<std::size_t>(2 * longest() * options.batch * options.channels));
    }
  }

  Index channels() const { return options_.channels; }
  Index layers() const { return options_.layers; }
  Index batch() const { return options_.batch; }
  Index kernel_length() const { return taps_; }
  /// Samples that a layer has had.
  Index position(Index layer = 0) const { return at(layer).position; }

  /// The next sample of every channel of a layer, (batch, channels), and its results. `output` may be the very memory
  /// of `input`. Throws std::out_of_range unless 0 <= layer < layers(), and std::invalid_argument on other shapes and
  /// on samples that are not finite; nothing is then changed.
  void step_into(Index layer, Batch<const Scalar> input, Batch<Scalar> output, Execution execution = {}) {
    Layer& own = at(layer);
    check_shape("input", input);
    check_shape("output", output);
    if (const std::optional<Position> found = first_non_finite(input))
      refuse(input[found->vector][found->component], *found);
    catch_up(layer, layer + 1, execution);
    for (Index b = 0; b < batch(); ++b) {
      std::copy_n(input[b], channels(), own.block.data() + place(own.position % base, b));
      sum_block(own, layer, b, output[b], 1);
    }
    advance(own);
  }
  /// Of a model with a single layer.
  void step_into(Batch<const Scalar> input, Batch<Scalar> output, Execution execution = {}) {
    require(layers() == 1, "RelaxedConvolution: expected the number of a layer in [0, {}), found none", layers());
    step_into(0, input, output, execution);
  }

  /// Does what the ends of blocks have left to do, for all layers at once: to be called after the last layer of a
  /// sample, so that threads share the work of all layers. Without the call, each layer does its own at its next step;
  /// results have the same bits.
  void catch_up(Execution execution = {}) { catch_up(0, layers(), execution); }

  /// Many samples of a layer that are known already, (batch, channels, samples), and their results: the same bits and
  /// the same state as step by step. `output` may be the very memory of `input`. Throws as step_into does.
  void prefill_into(Index layer, Signals<const Scalar> input, Signals<Scalar> output, Execution execution = {}) {
    Layer& own = at(layer);
    check_shape("input", input, input.length());
    check_shape("output", output, input.length());
    check_finite(input);
    for (Index t = 0; t < input.length(); ++t) {
      catch_up(layer, layer + 1, execution);
      for (Index b = 0; b < batch(); ++b) {
        Scalar* samples = own.block.data() + place(own.position % base, b);
        for (Index c = 0; c < channels(); ++c) samples[c] = input(b, c)[t];
        sum_block(own, layer, b, output(b, 0) + t, output.channel_stride());
      }
      advance(own);
    }
  }

  /// As if no sample had come.
  void reset() {
    for (Layer& layer : layers_) {
      layer.position = 0;
      layer.due = false;
      for (auto* memory : {&layer.pending, &layer.rows}) std::fill(memory->begin(), memory->end(), Scalar{0});
    }
  }

 private:
  using Vector = simd::Vec<Scalar>;

  static constexpr Index lanes = simd::lanes<Scalar>;
  /// Channels that are turned from samples side by side to rows, and back, together: whole cache lines.
  static constexpr Index group = std::max<Index>(lanes, static_cast<Index>(64 / sizeof(Scalar)));

  struct Layer {
    Index position = 0;
    bool due = false;               // a block is full, and its product is to be made
    AlignedVector<Scalar> block;    // (base, batch, stride): the samples of the present block, by position
    AlignedVector<Scalar> pending;  // what earlier blocks give to its results
    AlignedVector<Scalar> rows;     // (batch, channels, 2, longest): the last samples, and results to come, cyclic
  };

  /// The largest blocks. No sample further back meets a tap.
  Index longest() const { return rings_.back().length(); }
  Index place(Index position, Index b) const { return (position * batch() + b) * stride_; }
  Scalar* row(Layer& layer, Index b, Index c) const { return layer.rows.data() + 2 * longest() * (b * channels() + c); }
  Layer& at(Index layer) { return layers_[static_cast<std::size_t>(check_layer(layer))]; }
  const Layer& at(Index layer) const { return layers_[static_cast<std::size_t>(check_layer(layer))]; }

  // ---- kernels ----

  Index kernels() const { return shared_ ? layers() : layers() * channels(); }
  Index spectra_size() const { return 2 * (2 * longest() - base); }
  /// Where the spectrum of a kernel for blocks of `size` samples is.
  Index spectrum_at(Index kernel, Index size) const { return kernel * spectra_size() + 2 * (size - base); }

  void prepare(Batch<const Scalar> taps) {
    first_taps_.resize(static_cast<std::size_t>(layers() * base * stride_));
    for (Index l = 0; l < layers(); ++l) {
      for (Index c = 0; c < channels(); ++c) {
        const Scalar* kernel = taps[shared_ ? l : l * channels() + c];
        for (Index j = 0; j < std::min(base, taps_); ++j) {
          first_taps_[static_cast<std::size_t>((l * base + j) * stride_ + c)] = kernel[j];
        }
      }
    }
    spectra_.resize(static_cast<std::size_t>(kernels() * spectra_size()));
    for (Index k = 0; k < kernels(); ++k) {
      for (const auto& ring : rings_) {
        Scalar* spectrum = spectra_.data() + spectrum_at(k, ring.length());
        ring.transform({taps[k], 0, std::min(taps_, 2 * ring.length())}, spectrum);
        turn(spectrum, ring.length());
      }
    }
  }

  /// Divides by i and the length: what was an imaginary part is then the real one, and is written as such.
  static void turn(Scalar* spectrum, Index length) {
    const Vector scale = simd::broadcast(Scalar{1} / static_cast<Scalar>(length));
    for (Index i = 0; i < 2 * length; i += 2 * lanes) {
      const detail::ComplexLanes<Scalar> value = detail::load_complex(spectrum + i);
      detail::store_complex(spectrum + i, {value.im * scale, -value.re * scale});
    }
  }

  // ---- within a block ----

  /// Results of all channels at the present position; that of channel c goes to output[c * stride].
  void sum_block(const Layer& own, Index layer, Index b, Scalar* output, Index stride) const {
    const Index p = own.position % base, step = batch() * stride_;
    const Scalar* taps = first_taps_.data() + layer * base * stride_;
    const Scalar* samples = own.block.data() + place(p, b);
    const Scalar* pending = own.pending.data() + place(p, b);
    for (Index c = 0; c < channels(); c += lanes) {
      Vector sum = simd::load(pending + c);
      for (Index j = std::min(p, taps_ - 1); j >= 0; --j) {
        sum = simd::multiply_add(simd::load(taps + j * stride_ + c), simd::load(samples - j * step + c), sum);
      }
      if (stride == 1 && c + lanes <= channels()) {
        simd::store(output + c, sum);
      } else {
        for (Index i = 0; i < std::min(lanes, channels() - c); ++i) output[(c + i) * stride] = sum[i];
      }
    }
  }

  static void advance(Layer& own) { own.due = ++own.position % base == 0; }

  // ---- at the end of a block ----

  void catch_up(Index begin, Index end, Execution execution) {
    bool due = false;
    for (Index l = begin; l < end; ++l) due = due || at(l).due;
    if (!due) return;
    const Index groups = stride_ / group, items = groups * batch();
    detail::for_items((end - begin) * items, execution, &work_, work_.slot_size(), [&](Index i, Scalar* work) {
      const Index l = begin + i / items, b = i % items / groups, c = i % groups * group;
      if (!at(l).due) return;
      turn_block(at(l), l, b, c, std::min(c + group, channels()), work);
    });
    for (Index l = begin; l < end; ++l) at(l).due = false;
  }

  /// Channels [begin, end) of a sequence of a layer: its block becomes a part of rows, their products are made, and the
  /// next block has its part of them.
  void turn_block(Layer& own, Index layer, Index b, Index begin, Index end, Scalar* work) const {
    const Index from = (own.position - base) % longest(), to = own.position % longest();
    const Index size = std::min(longest(), own.position & -own.position);
    const auto& ring = rings_[static_cast<std::size_t>(std::countr_zero(static_cast<std::size_t>(size / base)))];
    for (Index c = begin; c < end; ++c) {
      Scalar* samples = row(own, b, c);
      Scalar* results = samples + longest();
      for (Index p = 0; p < base; ++p) samples[from + p] = own.block[static_cast<std::size_t>(place(p, b) + c)];
      const Scalar* first = samples + (own.position - size) % longest();
      const Scalar* spectrum = spectra_.data() + spectrum_at(shared_ ? layer : layer * channels() + c, size);
      ring.multiply({first, 0, size}, spectrum, false, {results + to, 0, size, nullptr, results + to, 1}, work);
      for (Index p = 0; p < base; ++p) own.pending[static_cast<std::size_t>(place(p, b) + c)] = results[to + p];
      std::fill_n(results + to, base, Scalar{0});
    }
  }

  // ---- checks ----

  static RelaxedConvolutionOptions check(Batch<const Scalar> taps, const RelaxedConvolutionOptions& options) {
    const auto positive = [](const char* what, Index found) {
      require(found >= 1, "RelaxedConvolution: expected at least 1 {}, found {}", what, found);
    };
    positive("channel", options.channels);
    positive("layer", options.layers);
    positive("sequence", options.batch);
    require(
        taps.count() == options.layers || taps.count() == options.layers * options.channels,
        "RelaxedConvolution: expected one kernel for each of {} layers, or for each of {} channels of each, found {}",
        options.layers, options.channels, taps.count());
    positive("tap", taps.dimension());
    if (const std::optional<Position> found = first_non_finite(taps)) {
      raise<std::invalid_argument>("RelaxedConvolution: expected finite taps, found {} at kernel {}, tap {}",
                                   detail::non_finite_name(taps[found->vector][found->component]), found->vector,
                                   found->component);
    }
    return options;
  }

  Index check_layer(Index layer) const {
    if (layer < 0 || layer >= layers()) {
      raise<std::out_of_range>("RelaxedConvolution: expected a layer in [0, {}), found {}", layers(), layer);
    }
    return layer;
  }

  template <class Sample>
  void check_shape(const char* what, const Batch<Sample>& samples) const {
    require(samples.count() == batch() && samples.dimension() == channels(),
            "RelaxedConvolution: expected {} of {} sequences and {} channels, found {} x {}", what, batch(), channels(),
            samples.count(), samples.dimension());
  }
  template <class Sample>
  void check_shape(const char* what, const Signals<Sample>& samples, Index length) const {
    require(samples.batch() == batch() && samples.channels() == channels() && samples.length() == length,
            "RelaxedConvolution: expected {} of batch {}, {} channels and length {}, found {}, {} and {}", what,
            batch(), channels(), length, samples.batch(), samples.channels(), samples.length());
  }

  [[noreturn]] static void refuse(const Scalar& sample, const Position& where) {
    raise<std::invalid_argument>("RelaxedConvolution: expected finite samples, found {} at sequence {}, channel {}",
                                 detail::non_finite_name(sample), where.vector, where.component);
  }
  void check_finite(Signals<const Scalar> input) const {
    for (Index b = 0; b < batch(); ++b) {
      for (Index c = 0; c < channels(); ++c) {
        const Batch<const Scalar> samples(input(b, c), 1, input.length());
        const std::optional<Position> found = first_non_finite(samples);
        if (found) refuse(samples[0][found->component], {b, c});
      }
    }
  }

  RelaxedConvolutionOptions options_;
  Index taps_ = 1;
  bool shared_ = false;
  Index stride_ = 0;  // channels, with what fills the last group
  std::vector<detail::RightAngle<Scalar>> rings_;
  AlignedVector<Scalar> first_taps_;  // (layers, base, stride)
  AlignedVector<Scalar> spectra_;     // of each kernel, for blocks of base, 2 base, ..., longest
  std::vector<Layer> layers_;
  detail::SlotMemory<Scalar> work_;
};

}  // namespace tessera::inline TESSERA_ISA
