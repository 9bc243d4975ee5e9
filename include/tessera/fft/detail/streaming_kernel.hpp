// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Kernels prepared for a schedule (detail/streaming_schedule.hpp), and their way from the thread that makes them to the
// thread that hears them.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/complex_lanes.hpp>
#include <tessera/fft/detail/streaming_schedule.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// One kernel per channel, or one for all.
template <class Scalar>
class StreamingKernel {
 public:
  using Schedule = StreamingSchedule<Scalar>;
  using Level = StreamingLevel<Scalar>;
  static constexpr Index lanes = simd::lanes<Scalar>;

  StreamingKernel(const Schedule& schedule, Batch<const Scalar> taps) : kernels_(taps.count()) {
    head_size_ = schedule.head_size();
    head_.resize(static_cast<std::size_t>(kernels_ * head_size_));
    const Index direct = std::min(taps.dimension(), schedule.head_taps());
    for (Index k = 0; k < kernels_; ++k) std::copy_n(taps[k], direct, head_.data() + k * head_size_ + lanes);
    for (const Level& level : schedule.levels()) add(level, taps);
  }

  /// The taps of the head; before tap 0 and after the last one follow enough zeros.
  const Scalar* head(Index c) const { return head_.data() + (kernels_ == 1 ? 0 : c * head_size_) + lanes; }

  /// How many partitions of a level have taps that are not zero.
  Index partitions(std::size_t level) const { return spectra_[level].partitions; }
  /// The spectra of a level, divided by the length of its ring: of the first vector those of all its partitions one
  /// after the other, then of the next vector.
  const Scalar* spectra(std::size_t level, Index c) const {
    const Spectra& spectra = spectra_[level];
    return spectra.values.data() + (kernels_ == 1 ? 0 : c * spectra.size);
  }

 private:
  template <class T>
  friend class KernelPassage;

  struct Spectra {
    Index partitions = 0;
    Index size = 0;
    AlignedVector<Scalar> values;
  };

  void add(const Level& level, Batch<const Scalar> taps) {
    Spectra spectra;
    const Index all = level.partitions(), length = level.ring().length();
    const Index beyond = std::max<Index>(0, taps.dimension() - level.first_tap());
    spectra.partitions = std::min(all, (beyond + level.block() - 1) / level.block());
    spectra.size = 2 * length * all;
    spectra.values.resize(static_cast<std::size_t>(kernels_ * spectra.size));
    AlignedVector<Scalar> work(static_cast<std::size_t>(2 * length));
    const Scalar scale = Scalar{1} / static_cast<Scalar>(length);
    for (Index i = 0; i < kernels_ * spectra.partitions; ++i) {
      const Index k = i / spectra.partitions, p = i % spectra.partitions;
      const Index first = level.first_tap() + p * level.block();
      level.ring().transform({taps[k] + first, 0, std::min(level.block(), taps.dimension() - first)}, work.data());
      Scalar* to = spectra.values.data() + k * spectra.size + 2 * lanes * p;
      for (Index n = 0; n < 2 * length; n += 2 * lanes, to += 2 * lanes * all) {
        store_complex(to, load_complex(work.data() + n) * simd::broadcast(scale));
      }
    }
    spectra_.push_back(std::move(spectra));
  }

  Index kernels_ = 0;
  Index head_size_ = 0;
  AlignedVector<Scalar> head_;
  std::vector<Spectra> spectra_;
  StreamingKernel* next_ = nullptr;  // while it waits to be deleted
};

/// Kernels go from a control thread to a real-time thread, and back to be deleted. Neither ever waits for the other,
/// and the real-time thread neither allocates nor frees. What is sent replaces what was sent and not yet received.
template <class Kernel>
class KernelPassage {
 public:
  KernelPassage() = default;
  KernelPassage(const KernelPassage&) = delete;
  KernelPassage& operator=(const KernelPassage&) = delete;
  ~KernelPassage() {
    delete sent_.load();
    delete_returned();
  }

  // ---- by the control thread ----

  void send(std::unique_ptr<Kernel> kernel) {
    delete sent_.exchange(kernel.release(), std::memory_order_acq_rel);
    delete_returned();
  }

  // ---- by the real-time thread ----

  bool waiting() const { return sent_.load(std::memory_order_relaxed) != nullptr; }
  std::unique_ptr<Kernel> receive() {
    return std::unique_ptr<Kernel>(sent_.exchange(nullptr, std::memory_order_acq_rel));
  }
  void give_back(std::unique_ptr<Kernel> kernel) {
    Kernel* given = kernel.release();
    given->next_ = returned_.load(std::memory_order_relaxed);
    // The control thread only ever empties the list: the second try succeeds.
    while (!returned_.compare_exchange_strong(given->next_, given, std::memory_order_acq_rel)) {
    }
  }

 private:
  static_assert(std::atomic<Kernel*>::is_always_lock_free, "expected pointers to be exchanged without locks");

  void delete_returned() {
    for (Kernel* kernel = returned_.exchange(nullptr, std::memory_order_acq_rel); kernel != nullptr;) {
      delete std::exchange(kernel, kernel->next_);
    }
  }

  std::atomic<Kernel*> sent_{nullptr};
  std::atomic<Kernel*> returned_{nullptr};
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
