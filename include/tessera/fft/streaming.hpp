// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Convolution of endless signals with long kernels, as samples come, and without latency:
//
//   y[n] = sum over j of k[j] u[n - j],      n = 0, 1, 2, ...,      u[n] = 0 for n < 0,
//
// where y[n] is there as soon as u[n] is. Samples come in blocks of any length, which may change from call to call. The
// first taps are summed directly; the others are cut into partitions of one or two sizes, whose products with blocks of
// samples are made in the ring of t^B = i (W. G. Gardner, Efficient convolution without input-output delay, JAES 43(3),
// 1995; detail/right_angle.hpp). Sizes are chosen by counted multiplications. All work is cut into small units, each
// done at a sample position of its own (detail/streaming_schedule.hpp): no call has much more to do than others of its
// length, and results do not depend on how samples are cut into calls, to the bit.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/fft/detail/flush_denormals.hpp>
#include <tessera/fft/detail/streaming_engine.hpp>
#include <tessera/fft/detail/streaming_kernel.hpp>
#include <tessera/fft/detail/streaming_schedule.hpp>
#include <tessera/fft/signal.hpp>

namespace tessera {

struct StreamingConvolutionOptions {
  Index channels = 1;       // at least 1
  Index kernel_length = 0;  // the most taps a kernel will ever have; 0 stands for those of the first one
  Index crossfade = 512;    // samples from the old kernel to a new one, in [0, 2^24 - 2]; 0 switches at once
  // The sizes of partitions, 0 or powers of two up to 2^16: both 0 to have them chosen; first alone for one size;
  // second > first for two. The first 2 first_partition taps are summed directly. A size for which there are too few
  // taps is left out.
  Index first_partition = 0;
  Index second_partition = 0;
};

/// Why a call of process() did nothing.
enum class StreamingProblem {
  none,
  channels,  // input or output has not the channels of the convolution, or it has been moved from
  batch,     // of another size than 1
  length,    // of input and output differ
  memory     // a view of samples that points nowhere
};

/// What a call of process() did.
struct StreamingStatus {
  Index samples = 0;     // of each channel, all or none
  Index non_finite = 0;  // samples of all channels that were NaN or infinite and counted as 0
  StreamingProblem problem = StreamingProblem::none;
  bool swapping = false;  // a kernel given to set_kernel is not yet the only one to be heard
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// Several channels and their kernels: one for each, or one for all. Channels do not meet: each has the same bits
/// whatever the others are and whichever its number is.
///
/// Threads: process() and reset() belong to one thread at a time, set_kernel() to one thread at a time, which may be
/// another and at the same moment: neither waits for the other. What else there is must not run beside anything.
///
/// process() never allocates, locks, throws or calls the system. While it runs, its thread takes denormal numbers for 0
/// (x86, 64-bit Arm; the state is as before afterwards): samples and results below the smallest normal number are 0.
///
/// Errors stay below 1e-6 (float) and 1e-13 (double) of the largest result. A sample that is not finite counts as 0.
/// Where finite samples overflow, results are spoiled until kernel_length() samples and two blocks later, not longer.
template <class Scalar>
class StreamingConvolution {
 public:
  /// With its first kernel: (1, taps), which all channels share, or (channels, taps). Throws std::invalid_argument on
  /// options out of range, and on a kernel as set_kernel() does.
  explicit StreamingConvolution(Batch<const Scalar> taps, const StreamingConvolutionOptions& options = {})
      : options_(check(taps, options)), state_(std::make_unique<State>(make_schedule(options_), options_.channels)) {
    state_->kernels[0] = std::make_unique<Kernel>(state_->engine.schedule(), taps);
    state_->voices.kernels[0] = state_->kernels[0].get();
  }

  StreamingConvolution(StreamingConvolution&& other) noexcept
      : options_(std::exchange(other.options_, {.channels = 0})), state_(std::move(other.state_)) {}
  StreamingConvolution& operator=(StreamingConvolution&& other) noexcept {
    options_ = std::exchange(other.options_, {.channels = 0});
    state_ = std::move(other.state_);
    return *this;
  }

  /// 0 when moved from; then only process(), reset(), assignment and the destructor may be called.
  Index channels() const { return options_.channels; }
  Index kernel_length() const { return options_.kernel_length; }
  /// Samples by which results come late.
  static constexpr Index latency() { return 0; }
  /// The sizes of partitions; 0 where there are none.
  Index first_partition() const { return partition(0); }
  Index second_partition() const { return partition(1); }

  /// Samples that each channel has had since construction or reset().
  Index position() const { return state_->engine.position(); }
  /// How many samples were not finite, since construction.
  Index non_finite() const { return state_->non_finite; }

  /// The multiplications that process() makes for one channel at a sample position, while one kernel is heard, for a
  /// kernel of kernel_length() taps. Sizes that were chosen (not given) keep it below three times its mean at every
  /// position, and so for blocks of every length. While two kernels are at work, transforms of samples are shared and
  /// everything else is done twice.
  Index multiplications(Index position) const { return state_->engine.schedule().work(position); }

  // ---- kernels ----

  /// A new kernel, (1, taps) or (channels, taps). It goes to work with the next call of process(), at the position p of
  /// that call, and is heard from crossfade_begin(p) on, where it has met all samples that its taps reach: result i of
  /// the n of the cross-fade is old + (i + 1) / (n + 1) (new - old), old and new being what either kernel gives for all
  /// samples so far. Later results are those of the new one alone. At position 0 it is the only one from the start. A
  /// kernel given while another is on its way waits for its turn, and replaces one that waits.
  ///
  /// Not for the real-time thread: it allocates, transforms, and frees kernels that are no longer heard. Throws
  /// std::invalid_argument on another number of kernels, on more taps than kernel_length(), and on taps that are not
  /// finite; nothing is then changed.
  void set_kernel(Batch<const Scalar> taps) {
    check_taps(taps, options_);
    state_->passage.send(std::make_unique<Kernel>(state_->engine.schedule(), taps));
  }

  /// Where a kernel begins to be heard that process() finds at `position`: after two whole blocks of the larger
  /// partitions (or as many samples as there are taps, where all are summed directly), for any position but 0.
  Index crossfade_begin(Index position) const {
    const Index period = state_->engine.schedule().period();
    const auto blocks = [&](Index samples) { return (samples + period - 1) / period; };
    const Index wait = first_partition() == 0 ? blocks(kernel_length()) : 2;
    return position == 0 ? 0 : (blocks(position) + wait) * period;
  }

  // ---- samples ----

  /// The next samples of all channels, (1, channels, samples), and their results. `output` may be the very memory of
  /// `input`, but must not overlap it otherwise. If the shapes are wrong, nothing is done and the status says why.
  StreamingStatus process(Signals<const Scalar> input, Signals<Scalar> output) noexcept {
    StreamingStatus status;
    status.problem = problem(input, output);
    if (status.problem != StreamingProblem::none) return status;
    const detail::FlushDenormals flush;
    return state_->process(input, output, options_.crossfade, crossfade_begin(position()));
  }

  /// As if no sample had come; a kernel on its way is then the only one. Takes time in proportion to the memory.
  void reset() noexcept {
    if (state_ != nullptr) state_->reset();
  }

 private:
  using Schedule = detail::StreamingSchedule<Scalar>;
  using Kernel = detail::StreamingKernel<Scalar>;

  static constexpr Index largest_partition = Index{1} << 16;
  static constexpr Index longest_crossfade = (Index{1} << 24) - 2;

  struct State {
    detail::StreamingEngine<Scalar> engine;
    detail::StreamingVoices<Scalar> voices;
    std::array<std::unique_ptr<Kernel>, 2> kernels;
    detail::KernelPassage<Kernel> passage;
    Index non_finite = 0;

    State(Schedule schedule, Index channels) : engine(std::move(schedule), channels) {}

    // In a function of its own, because its arithmetic depends on the floating-point state.
    [[gnu::noinline]] StreamingStatus process(Signals<const Scalar> input, Signals<Scalar> output, Index crossfade,
                                              Index begin) {
      StreamingStatus status;
      if (!voices.both && passage.waiting() && input.length() > 0) begin_swap(begin, crossfade);
      engine.prepare(input.length(), voices);
      for (Index c = 0; c < input.channels(); ++c) {
        status.non_finite += engine.run(c, input(0, c), output(0, c), input.length(), voices);
      }
      engine.advance(input.length());
      if (voices.both && engine.position() >= voices.end) end_swap();
      non_finite += status.non_finite;
      status.samples = input.length();
      status.swapping = voices.both || passage.waiting();
      return status;
    }

    void begin_swap(Index begin, Index crossfade) {
      put(1 - voices.heard, passage.receive());
      voices.both = true;
      voices.begin = begin;
      voices.end = begin + crossfade;
      if (engine.position() == 0) return end_swap();
      engine.begin_voice(1 - voices.heard);
    }
    void end_swap() {
      passage.give_back(std::move(kernels[static_cast<std::size_t>(voices.heard)]));
      voices.heard = 1 - voices.heard;
      voices.both = false;
    }
    void put(int voice, std::unique_ptr<Kernel> kernel) {
      const auto place = static_cast<std::size_t>(voice);
      voices.kernels[place] = kernel.get();
      kernels[place] = std::move(kernel);
    }

    void reset() {
      engine.reset();
      if (voices.both) end_swap();
    }
  };

  Index partition(std::size_t level) const {
    const auto& levels = state_->engine.schedule().levels();
    return level < levels.size() ? levels[level].block() : 0;
  }

  StreamingProblem problem(const Signals<const Scalar>& input, const Signals<Scalar>& output) const {
    if (state_ == nullptr || input.channels() != channels() || output.channels() != channels())
      return StreamingProblem::channels;
    if (input.batch() != 1 || output.batch() != 1) return StreamingProblem::batch;
    if (input.length() != output.length()) return StreamingProblem::length;
    if (input.length() > 0 && (input.data() == nullptr || output.data() == nullptr)) return StreamingProblem::memory;
    return StreamingProblem::none;
  }

  // ---- checks ----

  static bool is_size(Index size) {
    return size == 0 ||
           (size > 0 && size <= largest_partition && std::has_single_bit(static_cast<std::uint64_t>(size)));
  }

  static StreamingConvolutionOptions check(Batch<const Scalar> taps, StreamingConvolutionOptions options) {
    const Index first = options.first_partition, second = options.second_partition;
    require(options.channels >= 1, "StreamingConvolution: expected at least 1 channel, found {}", options.channels);
    require(options.kernel_length >= 0, "StreamingConvolution: expected a kernel_length of at least 0, found {}",
            options.kernel_length);
    require(options.crossfade >= 0 && options.crossfade <= longest_crossfade,
            "StreamingConvolution: expected a crossfade of 0 to {} samples, found {}", longest_crossfade,
            options.crossfade);
    require(is_size(first),
            "StreamingConvolution: expected a first_partition of 0 or a power of two up to {}, found {}",
            largest_partition, first);
    require(second == 0 || (is_size(second) && first > 0 && second > first),
            "StreamingConvolution: expected a second_partition of 0 or a power of two up to {}, larger than a "
            "first_partition that is not 0, found {} and {}",
            largest_partition, second, first);
    if (options.kernel_length == 0) options.kernel_length = std::max<Index>(1, taps.dimension());
    check_taps(taps, options);
    return options;
  }

  static void check_taps(Batch<const Scalar> taps, const StreamingConvolutionOptions& options) {
    require(taps.count() == 1 || taps.count() == options.channels,
            "StreamingConvolution: expected 1 kernel or one for each of {} channels, found {}", options.channels,
            taps.count());
    require(taps.dimension() >= 1 && taps.dimension() <= options.kernel_length,
            "StreamingConvolution: expected 1 to {} taps, as kernel_length promises, found {}", options.kernel_length,
            taps.dimension());
    if (const std::optional<Position> found = first_non_finite(taps)) {
      raise<std::invalid_argument>("StreamingConvolution: expected finite taps, found {} at kernel {}, tap {}",
                                   detail::non_finite_name(taps[found->vector][found->component]), found->vector,
                                   found->component);
    }
  }

  static Schedule make_schedule(const StreamingConvolutionOptions& options) {
    if (options.first_partition == 0) return Schedule::choose(options.kernel_length);
    return {options.kernel_length, {options.first_partition, options.second_partition}};
  }

  StreamingConvolutionOptions options_;
  std::unique_ptr<State> state_;
};

}  // namespace tessera::inline TESSERA_ISA
