// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Causal convolution of long signals with kernels as long as they are, and its backward pass. For a channel u of
// `length` samples and taps k,
//
//   y[n] = gate[n] * sum over j of k[j] u[n - j]  +  skip u[n],      0 <= n < length,
//
// where gate and skip are optional. A kernel may have backward taps b as well, which begin at lag -1: they add
// b[j] u[n + 1 + j] to the sum. Padding is the plan's business: nothing wraps around, for any length.
//
// Method: the right-angle convolution (Nussbaumer, Fast Fourier Transform and Convolution Algorithms, 1982; the factors
// as in Bernstein, Multidigit multiplication for mathematicians, 2001), a complex transform of as many points as there
// are samples; rows of at most 32 samples are summed directly. Rows are independent: results have the same bits for any
// number of threads, any split of the batch and any order of the channels.

#include <algorithm>
#include <cstddef>
#include <optional>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/fft/detail/channel_sum.hpp>
#include <tessera/fft/detail/row_convolution.hpp>
#include <tessera/fft/detail/slot_memory.hpp>
#include <tessera/fft/signal.hpp>

namespace tessera {

/// Which of the length + taps - 1 samples of a convolution are results.
enum class ConvolutionRange {
  causal,  // the first `length`, one for each sample of the signal
  full,    // all
  valid    // those where every tap meets a sample: length - taps + 1, from sample taps - 1 on
};

struct CausalConvolutionOptions {
  Index channels = 1;       // of the signals, at least 1
  Index kernel_length = 0;  // the most taps a kernel may have, in [1, length]; 0 stands for length
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

template <class Scalar>
class CausalConvolution;

/// Kernels, transformed by a plan for use with plans of the same length: one per channel, or one for all.
template <class Scalar>
class KernelSpectrum {
 public:
  KernelSpectrum() = default;

  /// The length of the plan that made it; 0 when default-constructed.
  Index length() const { return length_; }
  Index kernels() const { return kernels_; }
  /// Taps of each kernel from lag 0 on, and from lag -1 backward.
  Index taps() const { return taps_; }
  Index backward_taps() const { return backward_taps_; }

 private:
  friend class CausalConvolution<Scalar>;

  const Scalar* of_channel(Index c) const { return values_.data() + (kernels_ == 1 ? 0 : c * size_); }

  Index length_ = 0;
  Index kernels_ = 0;
  Index taps_ = 0;
  Index backward_taps_ = 0;
  Index size_ = 0;
  AlignedVector<Scalar> values_;
};

/// The memory in which a plan works. With one per caller, calls allocate nothing.
template <class Scalar>
class ConvolutionWorkspace {
 public:
  ConvolutionWorkspace() = default;
  /// How many tasks may run at once.
  Index slots() const { return memory_.slots(); }

 private:
  friend class CausalConvolution<Scalar>;

  detail::SlotMemory<Scalar> memory_;
};

/// What a convolution takes beside signals and kernels.
template <class Scalar>
struct ConvolveOptions {
  ConvolutionRange range = ConvolutionRange::causal;
  Batch<const Scalar> skip = {};                      // (1, channels); causal range only
  Signals<const Scalar> gate = {};                    // shaped like the signals; causal range only
  Execution execution = {};                           // over rows; at most as many tasks as the workspace has slots
  ConvolutionWorkspace<Scalar>* workspace = nullptr;  // without one, the call allocates
};

/// Where gradients go; a default-constructed view means that this gradient is not wanted. They must not overlap one
/// another or the arguments.
template <class Scalar>
struct ConvolutionGradients {
  Signals<Scalar> input = {};  // (batch, channels, length)
  Batch<Scalar> kernel = {};   // (kernels, taps), summed over the batch, and over the channels of a shared kernel
  Batch<Scalar> backward_kernel = {};  // (kernels, backward taps)
  Batch<Scalar> skip = {};             // (1, channels), summed over the batch
  Signals<Scalar> gate = {};           // (batch, channels, length)
};

/// The plan. Immutable: threads may share it, each call with a workspace of its own.
template <class Scalar>
class CausalConvolution {
 public:
  /// Throws std::invalid_argument unless length >= 1, channels >= 1 and 0 <= kernel_length <= length.
  explicit CausalConvolution(Index length, const CausalConvolutionOptions& options = {})
      : channels_(options.channels), kernel_length_(options.kernel_length == 0 ? length : options.kernel_length) {
    require(length >= 1, "CausalConvolution: expected a length of at least 1, found {}", length);
    require(channels_ >= 1, "CausalConvolution: expected at least 1 channel, found {}", channels_);
    require(kernel_length_ >= 1 && kernel_length_ <= length,
            "CausalConvolution: expected a kernel_length in [1, {}], or 0 for {}, found {}", length, length,
            options.kernel_length);
    row_ = detail::RowConvolution<Scalar>(length);
  }

  Index length() const { return row_.length(); }
  Index channels() const { return channels_; }
  Index kernel_length() const { return kernel_length_; }
  /// Samples of a result.
  Index output_length(const KernelSpectrum<Scalar>& spectrum, ConvolutionRange range) const {
    const auto [begin, end] = window(spectrum, range);
    return end - begin;
  }

  /// Memory for this plan, with which `slots` tasks can run at once.
  ConvolutionWorkspace<Scalar> workspace(Index slots = 1) const {
    ConvolutionWorkspace<Scalar> result;
    result.memory_ = {"ConvolutionWorkspace", slots, slot_size()};
    return result;
  }

  // ---- kernels ----

  /// Transforms kernels: (channels, taps), or (1, taps) for a kernel that all channels share; `backward` has as many
  /// kernels, or is left out. Throws std::invalid_argument on another number of kernels, on more taps than
  /// kernel_length, and on taps that are not finite; `spectrum` is then unchanged. Allocates nothing when `spectrum`
  /// had the same size.
  void spectrum_into(Batch<const Scalar> taps, Batch<const Scalar> backward, KernelSpectrum<Scalar>& spectrum,
                     Execution execution = {}, ConvolutionWorkspace<Scalar>* workspace = nullptr) const {
    check_taps(taps, "taps", taps.count());
    if (backward.data() != nullptr) check_taps(backward, "backward taps", taps.count());
    detail::SlotMemory<Scalar>* memory = memory_of(workspace);
    spectrum.length_ = length();
    spectrum.kernels_ = taps.count();
    spectrum.taps_ = taps.dimension();
    spectrum.backward_taps_ = backward.dimension();
    spectrum.size_ = row_.spectrum_size();
    spectrum.values_.resize(static_cast<std::size_t>(taps.count() * spectrum.size_));
    detail::for_items(taps.count(), execution, memory, slot_size(), [&](Index k, Scalar* work) {
      const Scalar* back = backward.data() == nullptr ? nullptr : backward[k];
      row_.prepare({taps[k], taps.dimension(), back, backward.dimension()},
                   spectrum.values_.data() + k * spectrum.size_, work);
    });
  }

  KernelSpectrum<Scalar> spectrum(Batch<const Scalar> taps, Batch<const Scalar> backward = {},
                                  Execution execution = {}) const {
    KernelSpectrum<Scalar> result;
    spectrum_into(taps, backward, result, execution);
    return result;
  }

  // ---- forward ----

  /// y = gate (k * u) + skip u, (batch, channels, length) to (batch, channels, output_length). `output` may be the very
  /// memory of `input` in the causal range. A sample that is not finite spoils its row. Throws std::invalid_argument on
  /// other shapes, and on a spectrum of another length.
  void convolve_into(Signals<const Scalar> input, const KernelSpectrum<Scalar>& spectrum, Signals<Scalar> output,
                     const ConvolveOptions<Scalar>& options = {}) const {
    const auto [begin, end] = check("input", input, length(), spectrum, options);
    check_shape("output", output, input.batch(), end - begin);
    for_rows(input.batch(), options, [&, begin = begin, end = end](Index b, Index c, Scalar* work) {
      const Scalar* samples = input(b, c);
      detail::SampleSink<Scalar> sink{output(b, c), begin, end, gate_of(options, b, c), nullptr, 0};
      add_skip(sink, options, c, samples);
      row_.multiply({samples, 0, length(), nullptr, row_after(input, b, c)}, spectrum.of_channel(c), false, sink, work);
    });
  }

  /// The same, returned: row b * channels + c is channel c of example b.
  RowMatrix<Scalar> convolve(Signals<const Scalar> input, const KernelSpectrum<Scalar>& spectrum,
                             const ConvolveOptions<Scalar>& options = {}) const {
    check("input", input, length(), spectrum, options);
    RowMatrix<Scalar> output(input.batch() * channels_, output_length(spectrum, options.range));
    convolve_into(input, spectrum, {output.data(), input.batch(), channels_, output.cols()}, options);
    return output;
  }

  // ---- backward ----

  /// The adjoint of convolve_into: from the gradient of its output that of its input. Without gate and skip, in the
  /// causal range, it is the correlation with the kernel, x[n] = sum over j of k[j] g[n + j]. Throws as convolve_into
  /// does.
  void correlate_into(Signals<const Scalar> grad_output, const KernelSpectrum<Scalar>& spectrum,
                      Signals<Scalar> grad_input, const ConvolveOptions<Scalar>& options = {}) const {
    check_spectrum(spectrum, options.range);
    const auto [begin, end] = window(spectrum, options.range);
    check("grad_output", grad_output, end - begin, spectrum, options);
    check_shape("grad_input", grad_input, grad_output.batch(), length());
    for_rows(grad_output.batch(), options, [&, begin = begin, end = end](Index b, Index c, Scalar* work) {
      const Scalar* grad = grad_output(b, c);
      detail::SampleSink<Scalar> sink{grad_input(b, c), 0, length(), nullptr, nullptr, 0};
      add_skip(sink, options, c, grad);
      row_.multiply({grad, begin, end, gate_of(options, b, c)}, spectrum.of_channel(c), true, sink, work);
    });
  }

  /// All gradients of convolve_into that are wanted, from its arguments and the gradient of its output. The sums over
  /// the batch are taken in its order. Throws std::invalid_argument on other shapes before anything is written.
  void backward_into(Signals<const Scalar> input, const KernelSpectrum<Scalar>& spectrum,
                     Signals<const Scalar> grad_output, const ConvolutionGradients<Scalar>& gradients,
                     const ConvolveOptions<Scalar>& options = {}) const {
    const auto [begin, end] = check("input", input, length(), spectrum, options);
    check_shape("grad_output", grad_output, input.batch(), end - begin);
    check_gradients(input, spectrum, gradients, options);
    if (gradients.kernel.data() != nullptr || gradients.backward_kernel.data() != nullptr)
      kernel_gradients(input, spectrum, grad_output, gradients, options);
    if (gradients.skip.data() != nullptr) {
      for (Index c = 0; c < channels_; ++c) {
        double sum = 0;
        for (Index b = 0; b < input.batch(); ++b)
          sum += detail::sum_of_products(input(b, c), grad_output(b, c), length());
        gradients.skip[0][c] = static_cast<Scalar>(sum);
      }
    }
    if (gradients.gate.data() != nullptr) {
      for_rows(input.batch(), options, [&](Index b, Index c, Scalar* work) {
        const detail::SampleSink<Scalar> sink{gradients.gate(b, c), 0, length(), grad_output(b, c), nullptr, 0};
        row_.multiply({input(b, c), 0, length()}, spectrum.of_channel(c), false, sink, work);
      });
    }
    if (gradients.input.data() != nullptr) correlate_into(grad_output, spectrum, gradients.input, options);
  }

 private:
  struct Window {
    Index begin;
    Index end;
  };

  Index slot_size() const { return 3 * row_.spectrum_size(); }

  detail::SlotMemory<Scalar>* memory_of(ConvolutionWorkspace<Scalar>* workspace) const {
    require(workspace == nullptr || workspace->memory_.slot_size() == slot_size(),
            "CausalConvolution: expected a workspace made for length {}, found one of another plan", length());
    return workspace == nullptr ? nullptr : &workspace->memory_;
  }

  /// The batch of a channel in a row, so that its spectrum stays in the cache.
  template <class Body>
  void for_rows(Index batch, const ConvolveOptions<Scalar>& options, Body&& body) const {
    detail::for_items(batch * channels_, options.execution, memory_of(options.workspace), slot_size(),
                      [&](Index i, Scalar* work) { body(i % batch, i / batch, work); });
  }

  /// The row that for_rows takes after this one.
  static const Scalar* row_after(const Signals<const Scalar>& signals, Index b, Index c) {
    if (b + 1 < signals.batch()) return signals(b + 1, c);
    return c + 1 < signals.channels() ? signals(0, c + 1) : nullptr;
  }

  static const Scalar* gate_of(const ConvolveOptions<Scalar>& options, Index b, Index c) {
    return options.gate.data() == nullptr ? nullptr : options.gate(b, c);
  }
  static void add_skip(detail::SampleSink<Scalar>& sink, const ConvolveOptions<Scalar>& options, Index c,
                       const Scalar* samples) {
    if (options.skip.data() == nullptr) return;
    sink.skipped = samples;
    sink.skip = options.skip[0][c];
  }

  void kernel_gradients(Signals<const Scalar> input, const KernelSpectrum<Scalar>& spectrum,
                        Signals<const Scalar> grad_output, const ConvolutionGradients<Scalar>& gradients,
                        const ConvolveOptions<Scalar>& options) const {
    const auto [begin, end] = window(spectrum, options.range);
    const bool shared = spectrum.kernels_ == 1;
    detail::SlotMemory<Scalar>* memory = memory_of(options.workspace);
    detail::for_items(spectrum.kernels_, options.execution, memory, slot_size(),
                      [&, begin = begin, end = end](Index k, Scalar* work) {
                        Scalar* sum = work + 2 * row_.spectrum_size();
                        std::fill_n(sum, row_.spectrum_size(), Scalar{0});
                        for (Index c = k; c < (shared ? channels_ : k + 1); ++c) {
                          for (Index b = 0; b < input.batch(); ++b) {
                            row_.accumulate({input(b, c), 0, length()},
                                            {grad_output(b, c), begin, end, gate_of(options, b, c)}, sum, work);
                          }
                        }
                        const Batch<Scalar>& forward = gradients.kernel;
                        const Batch<Scalar>& backward = gradients.backward_kernel;
                        row_.finish(sum, forward.data() == nullptr ? nullptr : forward[k], forward.dimension(),
                                    backward.data() == nullptr ? nullptr : backward[k], backward.dimension(), work);
                      });
  }

  // ---- checks ----

  Window window(const KernelSpectrum<Scalar>& spectrum, ConvolutionRange range) const {
    if (range == ConvolutionRange::causal) return {0, length()};
    if (range == ConvolutionRange::full) return {0, length() + spectrum.taps_ - 1};
    return {spectrum.taps_ - 1, length()};
  }

  void check_taps(Batch<const Scalar> taps, const char* what, Index kernels) const {
    require((taps.count() == 1 || taps.count() == channels_) && taps.count() == kernels,
            "KernelSpectrum: expected {} of {}, found {} kernels", what,
            kernels == 1 || kernels == channels_ ? "one kernel, or of one for each channel" : "as many kernels",
            taps.count());
    require(taps.dimension() >= 1 && taps.dimension() <= kernel_length_,
            "KernelSpectrum: expected 1 to {} {}, as the plan promised, found {}", kernel_length_, what,
            taps.dimension());
    if (const std::optional<Position> found = first_non_finite(taps)) {
      raise<std::invalid_argument>("KernelSpectrum: expected finite {}, found {} at kernel {}, tap {}", what,
                                   detail::non_finite_name(taps[found->vector][found->component]), found->vector,
                                   found->component);
    }
  }

  template <class Sample>
  void check_shape(const char* what, const Signals<Sample>& signals, Index batch, Index expected) const {
    require(signals.batch() == batch && signals.channels() == channels_ && signals.length() == expected,
            "CausalConvolution: expected {} of batch {}, {} channels and length {}, found {}, {} and {}", what, batch,
            channels_, expected, signals.batch(), signals.channels(), signals.length());
  }

  void check_spectrum(const KernelSpectrum<Scalar>& spectrum, ConvolutionRange range) const {
    require(spectrum.length_ == length(), "CausalConvolution: expected a spectrum made for length {}, found one for {}",
            length(), spectrum.length_);
    require(spectrum.kernels_ == 1 || spectrum.kernels_ == channels_,
            "CausalConvolution: expected a spectrum of 1 kernel or {}, found {}", channels_, spectrum.kernels_);
    require(range == ConvolutionRange::causal || spectrum.backward_taps_ == 0,
            "CausalConvolution: expected the causal range for a kernel with {} backward taps, found another",
            spectrum.backward_taps_);
  }

  Window check(const char* what, Signals<const Scalar> given, Index expected, const KernelSpectrum<Scalar>& spectrum,
               const ConvolveOptions<Scalar>& options) const {
    check_spectrum(spectrum, options.range);
    check_shape(what, given, given.batch(), expected);
    const bool skips = options.skip.data() != nullptr, gates = options.gate.data() != nullptr;
    require(options.range == ConvolutionRange::causal || (!skips && !gates),
            "CausalConvolution: expected skip and gate with the causal range only, found {} with another",
            skips ? "skip" : "gate");
    if (skips) check_per_channel("skip", options.skip);
    if (gates) check_shape("gate", options.gate, given.batch(), length());
    return window(spectrum, options.range);
  }

  template <class Sample>
  void check_per_channel(const char* what, const Batch<Sample>& values) const {
    require(values.count() == 1 && values.dimension() == channels_,
            "CausalConvolution: expected {} as one row of {} channels, found {} x {}", what, channels_, values.count(),
            values.dimension());
  }

  void check_gradients(Signals<const Scalar> input, const KernelSpectrum<Scalar>& spectrum,
                       const ConvolutionGradients<Scalar>& gradients, const ConvolveOptions<Scalar>& options) const {
    const auto check_kernel = [&](const char* what, const Batch<Scalar>& gradient, Index taps) {
      require(gradient.data() == nullptr || (gradient.count() == spectrum.kernels_ && gradient.dimension() == taps),
              "CausalConvolution: expected the gradient of {} kernels of {} {}, found {} x {}", spectrum.kernels_, taps,
              what, gradient.count(), gradient.dimension());
    };
    check_kernel("taps", gradients.kernel, spectrum.taps_);
    check_kernel("backward taps", gradients.backward_kernel, spectrum.backward_taps_);
    if (gradients.input.data() != nullptr) check_shape("grad_input", gradients.input, input.batch(), length());
    require(options.range == ConvolutionRange::causal ||
                (gradients.skip.data() == nullptr && gradients.gate.data() == nullptr),
            "CausalConvolution: expected gradients of skip and gate with the causal range only, found another");
    if (gradients.skip.data() != nullptr) check_per_channel("the gradient of skip", gradients.skip);
    if (gradients.gate.data() != nullptr) check_shape("the gradient of gate", gradients.gate, input.batch(), length());
  }

  Index channels_ = 1;
  Index kernel_length_ = 1;
  detail::RowConvolution<Scalar> row_;
};

}  // namespace tessera::inline TESSERA_ISA
