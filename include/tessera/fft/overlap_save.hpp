// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Convolution of a signal that does not fit into memory, or is not yet whole: it is pushed in pieces of any length, and
// results come out in blocks,
//
//   y[n] = sum over j of k[j] u[n - j],      n = 0, 1, ..., samples + taps - 2,
//
// each block as soon as its last sample is there (overlap-save; T. G. Stockham, High-speed convolution and correlation,
// AFIPS 1966). Work and memory depend on the kernels, not on the signal. Blocks lie at multiples of their length,
// whatever the pieces: results do not depend on how the signal is cut, to the bit. It costs several times less than
// streaming without latency (fft/streaming.hpp); a signal that is whole needs CausalConvolution, which takes the same
// blocks where they pay.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <stdexcept>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/fft/detail/row_convolution.hpp>
#include <tessera/fft/detail/slot_memory.hpp>
#include <tessera/fft/signal.hpp>

namespace tessera {

struct OverlapSaveOptions {
  Index channels = 1;  // of the signal, at least 1
  Index slots = 1;     // tasks that may run at once, at least 1
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// Several channels and their kernels. Channels do not meet: each has the same bits whatever the others are. Once
/// constructed, it allocates nothing. Errors stay below 5e-7 (float) and 1e-13 (double) of the largest result.
template <class Scalar>
class OverlapSave {
 public:
  /// With the kernels: (1, taps), which all channels share, or (channels, taps). Throws std::invalid_argument on
  /// options out of range, another number of kernels, kernels without taps, and taps that are not finite.
  explicit OverlapSave(Batch<const Scalar> taps, const OverlapSaveOptions& options = {})
      : channels_(options.channels), taps_(taps.dimension()) {
    check(taps, options);
    row_ = detail::RowConvolution<Scalar>(0, taps_);
    block_ = row_.method().block(taps_, 0);
    work_ = {"OverlapSave", options.slots, 2 * row_.spectrum_size()};
    kernels_ = taps.count();
    spectra_.resize(static_cast<std::size_t>(kernels_ * row_.spectrum_size()));
    for (Index k = 0; k < kernels_; ++k) {
      row_.prepare({taps[k], taps_, nullptr, 0}, spectra_.data() + k * row_.spectrum_size(), work_.slot(0));
    }
    windows_.resize(static_cast<std::size_t>(channels_ * window_size()));
  }

  Index channels() const { return channels_; }
  Index kernel_length() const { return taps_; }
  /// Results that come at once: result n comes with the sample that ends its block, at most block() - 1 samples later.
  Index block() const { return block_; }
  /// Samples pushed, and results given, of each channel of the present signal.
  Index position() const { return position_; }
  Index given() const { return position_ / block_ * block_; }

  /// How many results a push of so many samples will give.
  Index results(Index samples) const { return (position_ + samples) / block_ * block_ - given(); }
  /// How many results the end of the signal will give: none for a signal without samples.
  Index remaining() const { return position_ == 0 ? 0 : position_ + taps_ - 1 - given(); }

  /// The next samples, (1, channels, samples), and the results that they complete, (1, channels, results(samples)).
  /// Input and output must not overlap. Throws std::invalid_argument on other shapes, and on samples that are not
  /// finite; the piece is then as if it had not come.
  void push_into(Signals<const Scalar> input, Signals<Scalar> output, Execution execution = {}) {
    check_shape("input", input, input.length());
    check_shape("output", output, results(input.length()));
    check_finite(input);
    detail::for_items(channels_, execution, &work_, work_.slot_size(), [&](Index c, Scalar* work) {
      run(c, input(0, c), input.length(), output(0, c), output.length(), work);
    });
    position_ += input.length();
  }
  RowMatrix<Scalar> push(Signals<const Scalar> input, Execution execution = {}) {
    check_shape("input", input, input.length());
    RowMatrix<Scalar> output(channels_, results(input.length()));
    push_into(input, {output.data(), 1, channels_, output.cols()}, execution);
    return output;
  }

  /// Ends the signal, and gives the rest of its results: remaining() of them, with those that the kernel has after the
  /// last sample, or as many of them as `output` has room for. The next push begins another signal. Throws
  /// std::invalid_argument on more results than there are.
  void finish_into(Signals<Scalar> output, Execution execution = {}) {
    require(output.length() <= remaining(), "OverlapSave: expected room for at most {} remaining results, found {}",
            remaining(), output.length());
    check_shape("output", output, output.length());
    detail::for_items(channels_, execution, &work_, work_.slot_size(), [&](Index c, Scalar* work) {
      run(c, nullptr, block_ + taps_, output(0, c), output.length(), work);
    });
    reset();
  }
  RowMatrix<Scalar> finish(Execution execution = {}) {
    RowMatrix<Scalar> output(channels_, remaining());
    finish_into({output.data(), 1, channels_, output.cols()}, execution);
    return output;
  }

  /// As if no sample had come.
  void reset() {
    std::fill(windows_.begin(), windows_.end(), Scalar{0});
    position_ = 0;
  }

 private:
  /// A window has the taps_ - 1 samples before a block, and the block.
  Index window_size() const { return taps_ - 1 + block_; }

  detail::PreparedKernel<Scalar> kernel(Index c) const {
    return {spectra_.data() + (kernels_ == 1 ? 0 : c * row_.spectrum_size()), taps_, 0};
  }

  /// Feeds `count` samples, or zeros, to channel c, while there is room for results.
  void run(Index c, const Scalar* in, Index count, Scalar* out, Index room, Scalar* work) {
    Scalar* window = windows_.data() + c * window_size();
    Index filled = position_ % block_;
    while (count > 0) {
      const Index part = std::min(count, block_ - filled);
      Scalar* place = window + taps_ - 1 + filled;
      in == nullptr ? std::fill_n(place, part, Scalar{0}) : std::copy_n(in, part, place);
      if (in != nullptr) in += part;
      filled += part;
      count -= part;
      if (filled < block_) return;
      const Index length = std::min(room, block_);
      row_.multiply({window, 1 - taps_, block_}, kernel(c), false, {out, 0, length}, work);
      std::copy(window + block_, window + window_size(), window);
      out += length;
      room -= length;
      filled = 0;
    }
  }

  // ---- checks ----

  static void check(Batch<const Scalar> taps, const OverlapSaveOptions& options) {
    require(options.channels >= 1, "OverlapSave: expected at least 1 channel, found {}", options.channels);
    require(taps.count() == 1 || taps.count() == options.channels,
            "OverlapSave: expected 1 kernel or one for each of {} channels, found {}", options.channels, taps.count());
    require(taps.dimension() >= 1, "OverlapSave: expected at least 1 tap, found {}", taps.dimension());
    if (const std::optional<Position> found = first_non_finite(taps)) {
      raise<std::invalid_argument>("OverlapSave: expected finite taps, found {} at kernel {}, tap {}",
                                   detail::non_finite_name(taps[found->vector][found->component]), found->vector,
                                   found->component);
    }
  }

  template <class Sample>
  void check_shape(const char* what, const Signals<Sample>& signals, Index length) const {
    require(signals.batch() == 1 && signals.channels() == channels_ && signals.length() == length,
            "OverlapSave: expected {} of batch 1, {} channels and length {}, found {}, {} and {}", what, channels_,
            length, signals.batch(), signals.channels(), signals.length());
  }

  void check_finite(Signals<const Scalar> input) const {
    for (Index c = 0; c < channels_; ++c) {
      const Batch<const Scalar> samples(input(0, c), 1, input.length());
      if (const std::optional<Position> found = first_non_finite(samples)) {
        raise<std::invalid_argument>("OverlapSave: expected finite samples, found {} at channel {}, sample {}",
                                     detail::non_finite_name(samples[0][found->component]), c, found->component);
      }
    }
  }

  Index channels_ = 1;
  Index taps_ = 1;
  Index kernels_ = 1;
  Index block_ = 1;
  Index position_ = 0;
  detail::RowConvolution<Scalar> row_;
  AlignedVector<Scalar> spectra_;
  AlignedVector<Scalar> windows_;
  detail::SlotMemory<Scalar> work_;
};

}  // namespace tessera::inline TESSERA_ISA
