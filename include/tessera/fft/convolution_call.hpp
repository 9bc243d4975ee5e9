// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What plans for the convolution of signals take and give, whichever their method: transformed kernels, ranges, work
// memory, and where gradients go.

#include <utility>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/fft/detail/kernel_taps.hpp>
#include <tessera/fft/detail/slot_memory.hpp>
#include <tessera/fft/signal.hpp>

namespace tessera {

/// Which of the length + taps - 1 samples of a convolution are results.
enum class ConvolutionRange {
  causal,  // the first `length`, one for each sample of the signal
  full,    // all
  valid    // those where every tap meets a sample: length - taps + 1, from sample taps - 1 on
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

template <class Scalar>
class CausalConvolution;

/// Kernels, transformed by a plan for use with plans of the same lengths and channels: one per channel, or one for all.
template <class Scalar>
class KernelSpectrum {
 public:
  KernelSpectrum() = default;

  /// The length of the plan that made it; 0 when default-constructed.
  Index length() const { return length_; }
  /// The most taps that this plan takes.
  Index kernel_length() const { return kernel_length_; }
  /// The channels of that plan.
  Index channels() const { return channels_; }
  Index kernels() const { return kernels_; }
  /// Taps of each kernel from lag 0 on, and from lag -1 backward.
  Index taps() const { return taps_; }
  Index backward_taps() const { return backward_taps_; }

 private:
  friend class CausalConvolution<Scalar>;

  /// That of channel c, or where the plan takes many at once, of those from c on.
  detail::PreparedKernel<Scalar> of_channel(Index c) const {
    return {values_.data() + (kernels_ == 1 ? 0 : c / at_once_ * size_), taps_, backward_taps_};
  }

  Index length_ = 0;
  Index kernel_length_ = 0;
  Index channels_ = 0;
  Index kernels_ = 0;
  Index taps_ = 0;
  Index backward_taps_ = 0;
  Index at_once_ = 1;  // channels whose spectra lie in one
  Index size_ = 0;     // of such a one
  AlignedVector<Scalar> values_;
};

/// The memory in which a plan works, made by its workspace(). With one per caller, calls allocate nothing.
template <class Scalar>
class ConvolutionWorkspace {
 public:
  ConvolutionWorkspace() = default;
  explicit ConvolutionWorkspace(detail::SlotMemory<Scalar> memory) : memory_(std::move(memory)) {}

  /// How many tasks may run at once.
  Index slots() const { return memory_.slots(); }
  detail::SlotMemory<Scalar>& memory() { return memory_; }

 private:
  detail::SlotMemory<Scalar> memory_;
};

/// What a convolution takes beside signals and kernels.
template <class Scalar>
struct ConvolveOptions {
  ConvolutionRange range = ConvolutionRange::causal;
  Batch<const Scalar> skip = {};                      // (1, channels); causal range only
  Signals<const Scalar> gate = {};                    // shaped like the signals; causal range only
  Execution execution = {};                           // at most as many tasks at once as the workspace has slots
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

}  // namespace tessera::inline TESSERA_ISA
