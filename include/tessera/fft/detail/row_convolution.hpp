// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// One row through one kernel, in one of three ways: a kernel of few taps is summed directly; one that is nearly as long
// as the row is multiplied in a ring that holds the whole result; and one in between goes over the row in blocks. A
// block of results needs the samples that its taps reach, a window of at most 2N; the ring of t^N = i (detail/
// ring_convolution.hpp) wraps around only into results that the block does not have (overlap-save; Stockham 1966).
// Blocks lie at multiples of their size: results do not depend on which of them a call is asked for.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/direct_convolution.hpp>
#include <tessera/fft/detail/kernel_taps.hpp>
#include <tessera/fft/detail/ring_convolution.hpp>
#include <tessera/fft/detail/sample_window.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class Scalar>
class RowConvolution {
 public:
  using Source = SampleSource<Scalar>;
  using Sink = SampleSink<Scalar>;
  using Kernel = PreparedKernel<Scalar>;
  using Direct = DirectConvolution<Scalar>;
  using Ring = RingConvolution<Scalar>;

  /// Which of the three ways, and the length of the ring.
  struct Method {
    bool direct = true;
    bool whole = false;
    Index ring = 0;

    /// Results that are computed at once, at multiples of their number; 0 where a row is computed as a whole.
    Index block(Index taps, Index backward_taps) const {
      if (direct) return Direct::piece;
      return whole ? 0 : block_of(ring, taps, backward_taps);
    }
    /// Multiplications for a sample, on average over a row of `length` samples, or an endless one if that is 0.
    double multiplications(Index length, Index taps) const {
      if (direct) return static_cast<double>(taps);
      const double samples = length == 0 ? 1 : static_cast<double>(length);
      return (whole ? work(ring) : block_work(ring, length, taps)) / samples;
    }
  };

  /// For rows of `length` samples, or endless ones if that is 0, and kernels of up to `kernel_length` taps of each
  /// kind.
  static Method choose(Index length, Index kernel_length) {
    if (kernel_length <= Direct::longest) return {};
    const Index blocks = block_ring(length, kernel_length);
    if (length == 0) return {false, false, blocks};
    const Index whole = ring_length(length);
    if (work(whole) <= block_work(blocks, length, kernel_length)) return {false, true, whole};
    return {false, false, blocks};
  }

  RowConvolution() = default;
  RowConvolution(Index length, Index kernel_length) : method_(choose(length, kernel_length)) {
    if (!method_.direct) ring_ = Ring(method_.ring);
  }

  const Method& method() const { return method_; }
  /// Scalars of a spectrum, and of each of the two pieces of work memory.
  Index spectrum_size() const { return method_.direct ? Direct::spectrum_size : ring_.spectrum_size(); }

  /// The spectrum of a kernel. `work` is one piece.
  void prepare(const KernelTaps<Scalar>& taps, Scalar* spectrum, Scalar* work) const {
    method_.direct ? Direct().prepare(taps, spectrum) : ring_.prepare(&taps, spectrum, work);
  }

  /// The convolution with a kernel, or with the kernel turned in time: its adjoint. The sink may be the memory of the
  /// source. `work` is two pieces.
  void multiply(const Source& source, const Kernel& kernel, bool adjoint, const Sink& sink, Scalar* work) const {
    if (method_.direct) return Direct().multiply(source, kernel, adjoint, sink);
    if (method_.whole) return ring_.multiply(&source, kernel.values, adjoint, &sink, work);
    if (overlap(source, sink)) return multiply_in_place(source, kernel, adjoint, sink, work);
    const Index reach = reach_of(kernel, adjoint);
    for_blocks(kernel, sink.begin, sink.end, [&](Index origin, Index first, Index last) {
      const Source window = whole_window(source.from(origin - reach, 2 * ring_.length()), work + ring_.spectrum_size());
      const Sink part = sink.part(first, last, origin - reach);
      ring_.multiply(&window, kernel.values, adjoint, &part, work);
    });
  }

  /// Adds the gradient of a kernel to `sum`, of the size of a spectrum, zero at first: what `input` gave when the
  /// gradient of the result is `grad`. `work` is two pieces.
  void accumulate(const Source& input, const Source& grad, const Kernel& kernel, Scalar* sum, Scalar* work) const {
    if (method_.direct) return Direct().accumulate(input, grad, kernel, sum);
    if (method_.whole) return ring_.accumulate(&input, &grad, sum, work);
    const Index reach = reach_of(kernel, false), size = 2 * ring_.length();
    for_blocks(kernel, grad.begin, grad.end, [&](Index origin, Index first, Index last) {
      const Source before = input.from(origin - reach, size);
      const Source after = grad.part(first, last).from(origin - reach, size);
      ring_.accumulate(&before, &after, sum, work);
    });
  }

  /// The gradients of the taps from the sum, which becomes scratch. `work` is one piece.
  void finish(Scalar* sum, const TapGradients<Scalar>& gradients, Scalar* work) const {
    method_.direct ? Direct().finish(sum, gradients) : ring_.finish(sum, &gradients, work);
  }

 private:
  static constexpr Index lanes = simd::lanes<Scalar>;

  static Index ring_length(Index samples) {
    return std::max(static_cast<Index>(std::bit_ceil(static_cast<std::size_t>(samples))), Ring::smallest_length);
  }

  /// Windows, blocks and what windows have before them are whole cache lines: what is aligned stays so.
  static constexpr Index line = 16;
  static Index whole_lines(Index samples) { return (samples + line - 1) / line * line; }
  /// Results of a window of 2 ring samples.
  static Index block_of(Index ring, Index taps, Index backward_taps) {
    return 2 * ring - whole_lines(taps - 1) - whole_lines(backward_taps);
  }

  // ---- counted work: four multiplications for each pair of numbers of a level, on the way there and back, four for
  // each product; reading and writing cost as much as three levels. Rings that outgrow the nearest caches cost more for
  // each doubling; windows of blocks are read and written a little slower ----

  static double work(Index ring) {
    const int levels = std::countr_zero(static_cast<std::size_t>(ring));
    return 4 * static_cast<double>(ring) * (levels + 4) * (1 + 0.1 * std::max(levels - 12, 0));
  }
  /// Of a row, or of a sample of an endless one.
  static double block_work(Index ring, Index length, Index taps) {
    const auto block = static_cast<double>(block_of(ring, taps, 0));
    const double blocks = length == 0 ? 1 / block : std::ceil(static_cast<double>(length) / block);
    return 1.1 * blocks * work(ring);
  }
  /// The best ring for blocks. Even a kernel with as many backward taps leaves nearly half a window of results.
  static Index block_ring(Index length, Index taps) {
    Index best = ring_length(2 * taps);
    for (Index ring = best; ring <= 32 * taps && (length == 0 || ring <= length); ring *= 2) {
      if (block_work(ring, length, taps) < block_work(best, length, taps)) best = ring;
    }
    return best;
  }

  // ---- blocks ----

  /// How far before a block its window begins.
  static Index reach_of(const Kernel& kernel, bool adjoint) {
    return whole_lines(adjoint ? kernel.backward_taps : kernel.taps - 1);
  }

  /// body(origin, first, last) for each block that begins at `origin` and the results in it between begin and end.
  template <class Body>
  void for_blocks(const Kernel& kernel, Index begin, Index end, Body&& body) const {
    const Index size = method_.block(kernel.taps, kernel.backward_taps);
    for (Index origin = begin / size * size; origin < end; origin += size) {
      body(origin, std::max(begin, origin), std::min(end, origin + size));
    }
  }

  /// The window as it lies in memory, or, at the ends of a row, a copy: compilers may round a sum differently where it
  /// is read in another way.
  Source whole_window(const Source& window, Scalar* copy) const {
    const Index size = 2 * ring_.length();
    if (window.plain(size)) return window;
    for (Index i = 0; i < size; i += lanes) simd::store(copy + i, window.load(i));
    return {copy, 0, size};
  }

  static bool overlap(const Source& source, const Sink& sink) {
    const auto address = [](const Scalar* p) { return reinterpret_cast<std::uintptr_t>(p); };
    return address(source.data) < address(sink.data + (sink.end - sink.begin)) &&
           address(sink.data) < address(source.data + (source.end - source.begin));
  }

  /// Each window keeps what it shares with the next one, before results are written over it.
  void multiply_in_place(const Source& source, const Kernel& kernel, bool adjoint, const Sink& sink,
                         Scalar* work) const {
    Scalar* window = work + ring_.spectrum_size();
    const Index size = 2 * ring_.length(), reach = reach_of(kernel, adjoint);
    const Index shared = size - method_.block(kernel.taps, kernel.backward_taps);
    for_blocks(kernel, sink.begin, sink.end, [&](Index origin, Index first, Index last) {
      Index filled = 0;
      if (first != sink.begin) {
        std::memmove(window, window + (size - shared), static_cast<std::size_t>(shared) * sizeof(Scalar));
        filled = shared;
      }
      for (; filled < size; filled += lanes) simd::store(window + filled, source.load(origin - reach + filled));
      const Source filled_window{window, 0, size};
      const Sink part = sink.part(first, last, origin - reach);
      ring_.multiply(&filled_window, kernel.values, adjoint, &part, work);
    });
  }

  Method method_;
  Ring ring_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
