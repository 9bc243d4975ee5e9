// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What all plans for the convolution of signals ask of the arguments of a call, before they write anything.

#include <optional>
#include <stdexcept>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/fft/convolution_call.hpp>
#include <tessera/fft/detail/slot_memory.hpp>
#include <tessera/fft/signal.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Samples [begin, end) of the full convolution.
struct ConvolutionWindow {
  Index begin;
  Index end;
};

inline ConvolutionWindow convolution_window(Index length, Index taps, ConvolutionRange range) {
  if (range == ConvolutionRange::causal) return {0, length};
  if (range == ConvolutionRange::full) return {0, length + taps - 1};
  return {taps - 1, length};
}

/// `who` is the plan, for `channels` channels of `length` samples and kernels of up to `kernel_length` taps.
template <class Scalar>
struct ConvolutionCheck {
  const char* who;
  Index channels;
  Index length;
  Index kernel_length;

  SlotMemory<Scalar>* memory(ConvolutionWorkspace<Scalar>* workspace, Index slot_size) const {
    require(workspace == nullptr || workspace->memory().slot_size() == slot_size,
            "{}: expected a workspace made for length {}, found one of another plan", who, length);
    return workspace == nullptr ? nullptr : &workspace->memory();
  }

  /// Also that there are as many kernels as `kernels`.
  void taps(Batch<const Scalar> given, const char* what, Index kernels) const {
    require((given.count() == 1 || given.count() == channels) && given.count() == kernels,
            "KernelSpectrum: expected {} of {}, found {} kernels", what,
            kernels == 1 || kernels == channels ? "one kernel, or of one for each channel" : "as many kernels",
            given.count());
    require(given.dimension() >= 1 && given.dimension() <= kernel_length,
            "KernelSpectrum: expected 1 to {} {}, as the plan promised, found {}", kernel_length, what,
            given.dimension());
    if (const std::optional<Position> found = first_non_finite(given)) {
      raise<std::invalid_argument>("KernelSpectrum: expected finite {}, found {} at kernel {}, tap {}", what,
                                   non_finite_name(given[found->vector][found->component]), found->vector,
                                   found->component);
    }
  }

  template <class Sample>
  void shape(const char* what, const Signals<Sample>& signals, Index batch, Index samples) const {
    require(signals.batch() == batch && signals.channels() == channels && signals.length() == samples,
            "{}: expected {} of batch {}, {} channels and length {}, found {}, {} and {}", who, what, batch, channels,
            samples, signals.batch(), signals.channels(), signals.length());
  }

  void spectrum(const KernelSpectrum<Scalar>& given, ConvolutionRange range) const {
    require(given.length() == length, "{}: expected a spectrum made for length {}, found one for {}", who, length,
            given.length());
    require(given.kernel_length() == kernel_length,
            "{}: expected a spectrum made by a plan for up to {} taps, found one for up to {}", who, kernel_length,
            given.kernel_length());
    require(given.channels() == channels, "{}: expected a spectrum made for {} channels, found one for {}", who,
            channels, given.channels());
    require(range == ConvolutionRange::causal || given.backward_taps() == 0,
            "{}: expected the causal range for a kernel with {} backward taps, found another", who,
            given.backward_taps());
  }

  /// Signals `what` of a call, which are of length `expected`, with its options.
  ConvolutionWindow call(const char* what, Signals<const Scalar> given, Index expected,
                         const KernelSpectrum<Scalar>& kernels, const ConvolveOptions<Scalar>& options) const {
    spectrum(kernels, options.range);
    shape(what, given, given.batch(), expected);
    const bool skips = options.skip.data() != nullptr, gates = options.gate.data() != nullptr;
    require(options.range == ConvolutionRange::causal || (!skips && !gates),
            "{}: expected skip and gate with the causal range only, found {} with another", who,
            skips ? "skip" : "gate");
    if (skips) per_channel("skip", options.skip);
    if (gates) shape("gate", options.gate, given.batch(), length);
    return convolution_window(length, kernels.taps(), options.range);
  }

  template <class Sample>
  void per_channel(const char* what, const Batch<Sample>& values) const {
    require(values.count() == 1 && values.dimension() == channels,
            "{}: expected {} as one row of {} channels, found {} x {}", who, what, channels, values.count(),
            values.dimension());
  }

  void gradients(Signals<const Scalar> input, const KernelSpectrum<Scalar>& kernels,
                 const ConvolutionGradients<Scalar>& wanted, ConvolutionRange range) const {
    const auto check_kernel = [&](const char* what, const Batch<Scalar>& gradient, Index count) {
      require(gradient.data() == nullptr || (gradient.count() == kernels.kernels() && gradient.dimension() == count),
              "{}: expected the gradient of {} kernels of {} {}, found {} x {}", who, kernels.kernels(), count, what,
              gradient.count(), gradient.dimension());
    };
    check_kernel("taps", wanted.kernel, kernels.taps());
    check_kernel("backward taps", wanted.backward_kernel, kernels.backward_taps());
    if (wanted.input.data() != nullptr) shape("grad_input", wanted.input, input.batch(), input.length());
    require(range == ConvolutionRange::causal || (wanted.skip.data() == nullptr && wanted.gate.data() == nullptr),
            "{}: expected gradients of skip and gate with the causal range only, found another", who);
    if (wanted.skip.data() != nullptr) per_channel("the gradient of skip", wanted.skip);
    if (wanted.gate.data() != nullptr) shape("the gradient of gate", wanted.gate, input.batch(), input.length());
  }
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
