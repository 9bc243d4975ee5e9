// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The modified discrete cosine transform (MDCT): frames of 2 N samples, each N after the one before, become N
// coefficients each,
//
//   X[k] = sqrt(2 / N) sum over n < 2 N of w[n] x[n] cos(pi / N (n + 1/2 + N / 2) (k + 1/2)),      0 <= k < N
//
// and back, with the same cosines, factor and window w, as sums over k that overlap and are added. A frame alone gives
// its samples mixed with their mirror image; in the sum of two frames the images cancel (Princen and Bradley,
// Analysis/synthesis filter bank design based on time domain aliasing cancellation, 1986), where
//
//   w[n]^2 + w[n + N]^2 = 1   and   w[n] = w[2 N - 1 - n].
//
// The transform of a whole signal is then orthogonal (Malvar, Signal Processing with Lapped Transforms, 1992): energies
// are kept, the inverse is the transpose, and so forward and inverse are each other's adjoint.
//
// Frame t has samples (t - 1) N ... (t + 1) N - 1 of a signal, which is zero outside: ceil(length / N) + 1 frames have
// all of it. A frame is folded to N samples, whose DCT of type four (fft/cosine.hpp) are its coefficients.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/cosine.hpp>
#include <tessera/fft/detail/complex_lanes.hpp>
#include <tessera/fft/detail/roots.hpp>
#include <tessera/fft/detail/slot_memory.hpp>
#include <tessera/fft/fourier.hpp>
#include <tessera/fft/signal.hpp>

namespace tessera {

struct ModifiedCosineOptions {
  Index frame_length = 0;  // N, the coefficients of a frame: even, at least 2
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// sin(pi (n + 1/2) / (2 N)), n = 0 ... 2 N - 1.
template <class Scalar>
AlignedVector<Scalar> mdct_sine_window(Index frame_length) {
  AlignedVector<Scalar> window;
  const Index circle = 8 * frame_length;
  for (Index n = 1; n < circle / 2; n += 2) window.push_back(unit_root<Scalar>(n, circle).imag());
  return window;
}

/// What a window may deviate by: some roundings, so that reconstruction is as good.
template <class Scalar>
inline constexpr double mdct_window_tolerance = sizeof(Scalar) == 4 ? 1e-6 : 1e-12;

template <class Scalar>
AlignedVector<Scalar> checked_mdct_window(const char* who, std::span<const Scalar> window, Index frame_length) {
  const auto size = static_cast<Index>(window.size());
  require(size == 2 * frame_length, "{}: expected a window of {} values, found {}", who, 2 * frame_length, size);
  const Scalar* w = window.data();
  for (Index n = 0; n < size; ++n) {
    require(is_finite(w[n]), "{}: expected a finite window, found {} at n = {}", who, non_finite_name(w[n]), n);
  }
  constexpr double tolerance = mdct_window_tolerance<Scalar>;
  for (Index n = 0; n < frame_length; ++n) {
    const double a = w[n], b = w[n + frame_length], found = std::abs(a - w[size - 1 - n]);
    require(found <= tolerance, "{}: expected w[n] = w[{} - n] within {}, found a deviation of {} at n = {}", who,
            size - 1, tolerance, found, n);
    const double energy = std::abs(a * a + b * b - 1);
    require(energy <= tolerance, "{}: expected w[n]^2 + w[n + {}]^2 = 1 within {}, found a deviation of {} at n = {}",
            who, frame_length, tolerance, energy, n);
  }
  return {window.begin(), window.end()};
}

/// Frames to what the cosines of type four take, and back. With x in four parts a, b, c, d of N / 2 samples, times the
/// window, and r for reversed, the fold is -c_r - d, a - b_r. Not inlined, so that a frame
/// has the same bits whoever calls.
template <class Scalar>
class FrameFold {
 public:
  explicit FrameFold(AlignedVector<Scalar> window)
      : window_(std::move(window)), half_(static_cast<Index>(window_.size()) / 4) {}

  const AlignedVector<Scalar>& window() const { return window_; }

  /// 2 N samples to N.
  [[gnu::noinline]] void fold(const Scalar* x, Scalar* folded) const {
    const Scalar* w = window_.data();
    const Index h = half_;
    for_half([&](const auto& v, Index n) {
      const auto a = ahead(w + n, v) * ahead(x + n, v), b = behind(w + 2 * h - n, v) * behind(x + 2 * h - n, v);
      const auto c = behind(w + 3 * h - n, v) * behind(x + 3 * h - n, v);
      const auto d = ahead(w + 3 * h + n, v) * ahead(x + 3 * h + n, v);
      put(folded + n, -(c + d));
      put(folded + h + n, a - b);
    });
  }

  /// N folded samples: to[n] = overlap[n] + the first half of the frame, then overlap = its second half.
  [[gnu::noinline]] void unfold(const Scalar* folded, Scalar* overlap, Scalar* to) const {
    const Scalar* w = window_.data();
    const Index h = half_;
    for_half([&](const auto& v, Index n) {
      const auto a = ahead(folded + h + n, v);
      put(to + n, ahead(overlap + n, v) + ahead(w + n, v) * a);
      put_behind(to + 2 * h - n, behind(overlap + 2 * h - n, v) - behind(w + 2 * h - n, v) * a);
    });
    for_half([&](const auto& v, Index n) {
      const auto d = ahead(folded + n, v);
      put(overlap + h + n, -(ahead(w + 3 * h + n, v) * d));
      put_behind(overlap + h - n, -(behind(w + 3 * h - n, v) * d));
    });
  }

 private:
  using Vector = simd::Vec<Scalar>;
  static constexpr Index lanes = simd::lanes<Scalar>;

  /// body(v, n) for every n below N / 2, where v says whether a vector from n on is meant or a scalar.
  template <class Body>
  TESSERA_INLINE void for_half(Body&& body) const {
    Index n = 0;
    for (; n + lanes <= half_; n += lanes) body(Vector{}, n);
    for (; n < half_; ++n) body(Scalar{}, n);
  }

  static TESSERA_INLINE Scalar ahead(const Scalar* from, const Scalar&) { return *from; }
  static TESSERA_INLINE Vector ahead(const Scalar* from, const Vector&) { return simd::load(from); }
  /// The numbers before `end`, the last one first.
  static TESSERA_INLINE Scalar behind(const Scalar* end, const Scalar&) { return end[-1]; }
  static TESSERA_INLINE Vector behind(const Scalar* end, const Vector&) {
    return reverse_lanes<Scalar>(simd::load(end - lanes));
  }
  static TESSERA_INLINE void put(Scalar* to, const Scalar& value) { *to = value; }
  static TESSERA_INLINE void put(Scalar* to, const Vector& value) { simd::store(to, value); }
  static TESSERA_INLINE void put_behind(Scalar* end, const Scalar& value) { end[-1] = value; }
  static TESSERA_INLINE void put_behind(Scalar* end, const Vector& value) {
    simd::store(end - lanes, reverse_lanes<Scalar>(value));
  }

  AlignedVector<Scalar> window_;
  Index half_ = 0;
};

}  // namespace detail

/// The plan. Immutable: threads may share it, each call with a workspace of its own. Results have the same bits for any
/// number of threads and any split of the batch, frame by frame or not. A number that is not finite spoils the frames,
/// or the two blocks of samples, that it belongs to.
template <class Scalar>
class ModifiedCosineTransform {
 public:
  /// With the sine window sin(pi (n + 1/2) / (2 N)). Throws std::invalid_argument unless frame_length is even and at
  /// least 2.
  explicit ModifiedCosineTransform(const ModifiedCosineOptions& options)
      : frame_length_(checked(options.frame_length)),
        fold_(detail::mdct_sine_window<Scalar>(frame_length_)),
        sums_(frame_length_, fits_within(frame_length_)) {}
  /// With the caller's window of 2 N values. Throws as well unless they are finite, symmetric, and w[n]^2 + w[n + N]^2
  /// is 1, both within 1e-6 for float and 1e-12 for double.
  ModifiedCosineTransform(const ModifiedCosineOptions& options, std::span<const Scalar> window)
      : frame_length_(checked(options.frame_length)),
        fold_(detail::checked_mdct_window(name, window, frame_length_)),
        sums_(frame_length_, fits_within(frame_length_)) {}

  /// N: the coefficients of a frame.
  Index frame_length() const { return frame_length_; }
  std::span<const Scalar> window() const { return fold_.window(); }
  /// Frames of a whole signal: ceil(length / N) + 1. Throws std::invalid_argument on a negative length.
  Index frames(Index length) const {
    require(length >= 0, "{}: expected a length of at least 0, found {}", name, length);
    return blocks(length) + 1;
  }

  /// Memory for this plan, for signals of any length, with which `slots` tasks can run at once.
  FourierWorkspace<Scalar> workspace(Index slots = 1) const {
    return FourierWorkspace<Scalar>({"FourierWorkspace", slots, slot_size()});
  }

  // ---- whole signals ----

  /// (batch, channels, length) to (batch * channels * frames(length), N): row (b * channels + c) * frames + t is frame
  /// t. Signal and coefficients must not overlap. Throws std::invalid_argument on another shape, before anything is
  /// written.
  void forward_into(Signals<const Scalar> signal, Batch<Scalar> coefficients,
                    const FourierCall<Scalar>& call = {}) const {
    to_frames(signal, "coefficients", coefficients, call);
  }
  RowMatrix<Scalar> forward(Signals<const Scalar> signal, const FourierCall<Scalar>& call = {}) const {
    RowMatrix<Scalar> coefficients(signal.batch() * signal.channels() * frames(signal.length()), frame_length_);
    forward_into(signal, rows(coefficients), call);
    return coefficients;
  }

  /// The same coefficients back to every sample of the signal. Throws as forward_into does.
  void inverse_into(Batch<const Scalar> coefficients, Signals<Scalar> signal,
                    const FourierCall<Scalar>& call = {}) const {
    to_signal("coefficients", coefficients, signal, call);
  }
  /// Row b * channels + c of the result is channel c of example b.
  RowMatrix<Scalar> inverse(Batch<const Scalar> coefficients, Index length,
                            const FourierCall<Scalar>& call = {}) const {
    RowMatrix<Scalar> signal(coefficients.count() / frames(length), length);
    inverse_into(coefficients, {signal.data(), 1, signal.rows(), length}, call);
    return signal;
  }

  /// The gradient of the signal from that of its coefficients: the inverse transform.
  void forward_backward_into(Batch<const Scalar> grad_coefficients, Signals<Scalar> grad_signal,
                             const FourierCall<Scalar>& call = {}) const {
    to_signal("grad_coefficients", grad_coefficients, grad_signal, call);
  }
  /// The gradient of the coefficients from that of the signal made of them: the forward transform.
  void inverse_backward_into(Signals<const Scalar> grad_signal, Batch<Scalar> grad_coefficients,
                             const FourierCall<Scalar>& call = {}) const {
    to_frames(grad_signal, "grad_coefficients", grad_coefficients, call);
  }

  // ---- a frame at a time ----

  /// One frame of each row: (rows, 2 N) samples to (rows, N) coefficients. Throws as forward_into does.
  void analyze_into(Batch<const Scalar> frames, Batch<Scalar> coefficients,
                    const FourierCall<Scalar>& call = {}) const {
    detail::check_rows(name, "frames", frames.count(), frames.dimension(), frames.count(), 2 * frame_length_);
    check("coefficients", coefficients, frames.count());
    for_groups(frames.count(), call, [&](Index first, Index count, Scalar* work) {
      for (Index r = first; r < first + count; ++r) fold_.fold(frames[r], coefficients[r]);
      run(coefficients.slice(first, first + count), coefficients.slice(first, first + count), work);
    });
  }

  /// The next frame of each row back to samples. `overlap`, zeros before the first frame, is what a frame leaves for
  /// the next one. The result is the first half of this frame's 2 N samples: a sample leaves N samples after it came,
  /// beside the N that a frame has to be filled with. `samples` may be the very memory of `coefficients`.
  void synthesize_into(Batch<const Scalar> coefficients, Batch<Scalar> overlap, Batch<Scalar> samples,
                       const FourierCall<Scalar>& call = {}) const {
    check("coefficients", coefficients, coefficients.count());
    check("overlap", overlap, coefficients.count());
    check("samples", samples, coefficients.count());
    for_groups(coefficients.count(), call, [&](Index first, Index count, Scalar* work) {
      const Batch<Scalar> folded(work + sums_.slot_size(), count, frame_length_);
      run(coefficients.slice(first, first + count), folded, work);
      for (Index r = 0; r < count; ++r) fold_.unfold(folded[r], overlap[first + r], samples[first + r]);
    });
  }

 private:
  static constexpr const char* name = "ModifiedCosineTransform";
  /// Blocks of N samples that are one task of the inverse. It begins with a frame more, which another task ends with.
  static constexpr Index task_blocks = 31;

  static Index checked(Index frame_length) {
    require(frame_length >= 2 && frame_length % 2 == 0, "{}: expected an even frame_length of at least 2, found {}",
            name, frame_length);
    return frame_length;
  }
  static bool fits_within(Index frame_length) { return detail::RowFourier<Scalar>::fits_within(frame_length / 2); }

  void check(const char* what, Batch<const Scalar> given, Index count) const {
    detail::check_rows(name, what, given.count(), given.dimension(), count, frame_length_);
  }

  Index blocks(Index length) const { return length / frame_length_ + (length % frame_length_ != 0 ? 1 : 0); }
  /// Folded frames of a group, and 2 N samples: a frame at an end of a signal, or the overlap and a block.
  Index slot_size() const { return sums_.slot_size() + (sums_.row().rows_at_once() + 2) * frame_length_; }
  Scalar* spare(Scalar* work) const { return work + slot_size() - 2 * frame_length_; }

  void run(Batch<const Scalar> from, Batch<Scalar> to, Scalar* work) const {
    sums_.run(from, to, std::sqrt(2 / static_cast<double>(frame_length_)), work);
  }

  template <class Body>
  void for_groups(Index count, const FourierCall<Scalar>& call, Body&& body) const {
    detail::for_row_groups(name, sums_.row(), count, slot_size(), call, body);
  }

  void to_frames(Signals<const Scalar> signal, const char* where, Batch<Scalar> to,
                 const FourierCall<Scalar>& call) const {
    const Index channels = signal.channels(), frames = this->frames(signal.length());
    check(where, to, signal.batch() * channels * frames);
    for_groups(to.count(), call, [&](Index first, Index count, Scalar* work) {
      for (Index r = first; r < first + count; ++r) {
        const Scalar* samples = signal(r / frames / channels, r / frames % channels);
        fold_.fold(frame(samples, signal.length(), r % frames, spare(work)), to[r]);
      }
      run(to.slice(first, first + count), to.slice(first, first + count), work);
    });
  }

  /// The samples of a frame: in the signal, or a copy between zeros.
  const Scalar* frame(const Scalar* samples, Index length, Index t, Scalar* copy) const {
    const Index origin = (t - 1) * frame_length_, size = 2 * frame_length_;
    if (origin >= 0 && origin + size <= length) return samples + origin;
    const Index begin = std::max<Index>(origin, 0), end = std::min(origin + size, length);
    std::fill_n(copy, size, Scalar{0});
    if (begin < end) std::copy(samples + begin, samples + end, copy + (begin - origin));
    return copy;
  }

  void to_signal(const char* what, Batch<const Scalar> from, Signals<Scalar> signal,
                 const FourierCall<Scalar>& call) const {
    const Index channels = signal.channels(), frames = this->frames(signal.length());
    check(what, from, signal.batch() * channels * frames);
    const Index tasks = (frames - 1 + task_blocks - 1) / task_blocks;  // of a channel
    detail::SlotMemory<Scalar>* memory = detail::memory_of(name, call.workspace, slot_size());
    const Index items = signal.batch() * channels * tasks;
    detail::for_items(items, call.execution, memory, slot_size(), [&](Index item, Scalar* work) {
      const Index channel = item / tasks, first = item % tasks * task_blocks;
      const Index last = std::min(first + task_blocks, frames - 1);
      const Batch<const Scalar> given = from.slice(channel * frames + first, channel * frames + last + 1);
      Scalar* to = signal(channel / channels, channel % channels) + first * frame_length_;
      overlap_frames(given, to, signal.length() - first * frame_length_, work);
    });
  }

  /// The blocks between the first and the last one of the given frames, to the end of the signal.
  void overlap_frames(Batch<const Scalar> given, Scalar* to, Index length, Scalar* work) const {
    Scalar *overlap = spare(work), *block = overlap + frame_length_;
    std::fill_n(overlap, frame_length_, Scalar{0});
    const Index at_once = sums_.row().rows_at_once();
    for (Index first = 0; first < given.count(); first += at_once) {
      const Index count = std::min(at_once, given.count() - first);
      const Batch<Scalar> folded(work + sums_.slot_size(), count, frame_length_);
      run(given.slice(first, first + count), folded, work);
      for (Index t = first; t < first + count; ++t) {
        const Index begin = (t - 1) * frame_length_, size = std::min(frame_length_, length - begin);
        const bool inside = t > 0 && size == frame_length_;
        fold_.unfold(folded[t - first], overlap, inside ? to + begin : block);
        if (t > 0 && !inside) std::copy_n(block, size, to + begin);
      }
    }
  }

  Index frame_length_;
  detail::FrameFold<Scalar> fold_;
  detail::ShiftedCosineSums<Scalar> sums_;
};

}  // namespace tessera::inline TESSERA_ISA
