// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The short-time Fourier transform: a signal in frames of L samples, each H samples (the hop) after the one before,
// weighted by a window w, as spectra of T >= L points,
//
//   X_m[k] = f sum over i < L of w[i] x[s + m H + i] exp(-2 pi i k i / T),      0 <= k <= T / 2
//
// and back: y is the signal whose spectra are nearest to given ones in the sense of least squares,
//
//   y[n] = sum over m of w[n - s - m H] x_m[n - s - m H] / sum over m of w[n - s - m H]^2
//
// with x_m the inverse transform of X_m (Griffin and Lim, Signal estimation from modified short-time Fourier transform,
// IEEE Transactions ASSP 32, 1984, equation 6). Spectra that are not modified give back the signal, wherever the
// denominator is not 0, whatever the window. Where the first frame begins, s, and how many there are, is the padding.
// Factors f are those of a transform of T points (fft/normalization.hpp), and a round trip multiplies by as much.

#include <algorithm>
#include <complex>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/slot_memory.hpp>
#include <tessera/fft/fourier.hpp>
#include <tessera/fft/normalization.hpp>
#include <tessera/fft/real_fourier.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/fft/window.hpp>

namespace tessera {

/// Which frames a signal has. Outside, it is zero, or its mirror image.
enum class ShortTimePadding {
  none,      // those that lie within the signal: s = 0, floor((length - L) / H) + 1 of them, none if it is shorter
  whole,     // all that have a sample of it: s = -(ceil(L / H) - 1) H; its ends lie in as many frames as its middle
  centered,  // frame m around sample m H: s = -floor(L / 2), and as much padding at the end (librosa, PyTorch)
  reflected  // as centered, with the signal mirrored at its first and last sample, again and again if it is short
};

struct ShortTimeFourierOptions {
  Index frame_length = 0;      // L, at least 1
  Index hop = 0;               // H, at least 1
  Index transform_length = 0;  // T, at least L: frames are followed by zeros; 0 is L
  ShortTimePadding padding = ShortTimePadding::centered;
  WindowShape shape = WindowShape::hann;  // periodic, with the parameters of WindowOptions
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// The memory in which a plan works, made by its workspace(). With one per caller, calls allocate nothing.
template <class Scalar>
class ShortTimeWorkspace {
 public:
  ShortTimeWorkspace() = default;
  ShortTimeWorkspace(detail::SlotMemory<Scalar> frames, const FourierWorkspace<Scalar>& transform)
      : frames_(std::move(frames)), transforms_(static_cast<std::size_t>(frames_.slots()), transform) {}

  Index slots() const { return frames_.slots(); }  // how many tasks may run at once
  detail::SlotMemory<Scalar>& frames() { return frames_; }
  FourierWorkspace<Scalar>& transform(Index slot) { return transforms_[static_cast<std::size_t>(slot)]; }

 private:
  detail::SlotMemory<Scalar> frames_;
  std::vector<FourierWorkspace<Scalar>> transforms_;
};

/// What a transform takes beside signals and spectra.
template <class Scalar>
struct ShortTimeCall {
  Execution execution = {};                         // at most as many tasks as the workspace has slots
  ShortTimeWorkspace<Scalar>* workspace = nullptr;  // without one, the call allocates
};

namespace detail {

/// to[i] = a[i] b[i], or to[i] + a[i] b[i], vectors and the rest in the same steps: the same bits however it is split.
template <bool add, class Scalar>
void multiply(const Scalar* a, const Scalar* b, Scalar* to, Index count) {
  constexpr Index lanes = simd::lanes<Scalar>;
  Index i = 0;
  for (; i + lanes <= count; i += lanes) {
    const simd::Vec<Scalar> product = simd::load(a + i) * simd::load(b + i);
    simd::store(to + i, add ? simd::load(to + i) + product : product);
  }
  for (; i < count; ++i) {
    const Scalar product = a[i] * b[i];
    to[i] = add ? to[i] + product : product;
  }
}

}  // namespace detail

/// The plan. Immutable: threads may share it, each call with a workspace of its own. Channels do not meet, and results
/// have the same bits for any number of threads and any split of the batch: overlapping frames are added first to last.
/// A number that is not finite spoils its frames, or samples. Row (b channels + c) frames + m of spectra is frame m.
template <class Scalar, FourierScale scale>
class ShortTimeFourier {
 public:
  using Complex = std::complex<Scalar>;
  using Call = ShortTimeCall<Scalar>;

  /// Throws std::invalid_argument on options out of range.
  explicit ShortTimeFourier(const ShortTimeFourierOptions& options)
      : ShortTimeFourier(options, tessera::window<Scalar>(options.shape, checked(options).frame_length)) {}
  /// With the caller's window, L finite values, in place of options.shape. Throws as well on another size, and where
  /// squares of the window, a hop apart, add up to nothing.
  ShortTimeFourier(const ShortTimeFourierOptions& options, Batch<const Scalar> window)
      : padding_(checked(options).padding),
        window_(name, window, options.frame_length, options.hop),
        transform_(options.transform_length == 0 ? options.frame_length : options.transform_length) {}
  ShortTimeFourier(const ShortTimeFourierOptions& options, const Eigen::Matrix<Scalar, 1, Eigen::Dynamic>& window)
      : ShortTimeFourier(options, Batch<const Scalar>(window.data(), 1, window.size())) {}

  Index frame_length() const { return window_.length(); }
  Index hop() const { return window_.hop(); }
  Index transform_length() const { return transform_.length(); }
  Index spectrum_length() const { return transform_.spectrum_length(); }  // bins of a frame: floor(T / 2) + 1
  ShortTimePadding padding() const { return padding_; }
  Batch<const Scalar> window() const { return {window_.values(), 1, window_.length()}; }

  /// The sample at which the first frame begins, 0 or less.
  Index origin() const {
    if (padding_ == ShortTimePadding::none) return 0;
    return padding_ == ShortTimePadding::whole ? (1 - window_.overlap()) * hop() : -(frame_length() / 2);
  }
  /// Frames of a signal. Throws std::invalid_argument on a negative length.
  Index frames(Index length) const {
    require(length >= 0, "{}: expected a length of at least 0, found {}", name, length);
    if (padding_ == ShortTimePadding::whole) return length == 0 ? 0 : window_.overlap() + (length - 1) / hop();
    const Index padded = length - 2 * origin();
    return padded < frame_length() ? 0 : (padded - frame_length()) / hop() + 1;
  }
  /// Whether frames cover every sample of a signal, with a sum of squares of the window of at least 1e-8 of the largest
  /// that full overlap has: what inverse asks for. Rounding errors at a sample grow by the root of the ratio.
  bool invertible(Index length) const { return !weak(length); }

  /// Memory for this plan, for signals of any length, with which `slots` tasks can run at once.
  ShortTimeWorkspace<Scalar> workspace(Index slots = 1) const {
    return {{"ShortTimeWorkspace", slots, slot_size()}, transform_.workspace()};
  }

  /// (batch, channels, length) to (batch * channels * frames(length), spectrum_length()). Throws std::invalid_argument
  /// on other shapes, before anything is written.
  void forward_into(Signals<const Scalar> signal, Batch<Complex> spectra, const Call& call = {}) const {
    to_spectra(signal, "spectra", spectra, false, call);
  }
  RowMatrix<Complex> forward(Signals<const Scalar> signal, const Call& call = {}) const {
    RowMatrix<Complex> spectra(signal.batch() * signal.channels() * frames(signal.length()), spectrum_length());
    forward_into(signal, rows(spectra), call);
    return spectra;
  }

  /// The signal whose spectra are nearest; what lies outside of it does not count. Throws std::invalid_argument on
  /// other shapes, and on a length that is not invertible().
  void inverse_into(Batch<const Complex> spectra, Signals<Scalar> signal, const Call& call = {}) const {
    to_signal("spectra", spectra, signal, true, call);
  }
  /// Row b * channels + c of the result is channel c of example b.
  RowMatrix<Scalar> inverse(Batch<const Complex> spectra, Index length, const Call& call = {}) const {
    const Index frames = this->frames(length), count = spectra.count();
    const bool fits = count == 0 || (frames > 0 && count % frames == 0);
    require(fits, "{}: expected spectra of a multiple of {} rows, found {}", name, frames, count);
    RowMatrix<Scalar> signal(count == 0 ? 0 : count / frames, length);
    inverse_into(spectra, {signal.data(), 1, signal.rows(), length}, call);
    return signal;
  }

  /// The gradient of the signal from that of its spectra, as dL/dRe + i dL/dIm. Throws as forward_into does.
  void forward_backward_into(Batch<const Complex> grad_output, Signals<Scalar> grad_input,
                             const Call& call = {}) const {
    to_signal("grad_output", grad_output, grad_input, false, call);
  }
  /// The gradient of the spectra from that of the signal made of them. Throws as inverse_into does.
  void inverse_backward_into(Signals<const Scalar> grad_output, Batch<Complex> grad_input,
                             const Call& call = {}) const {
    to_spectra(grad_output, "grad_input", grad_input, true, call);
  }

 private:
  static constexpr const char* name = "ShortTimeFourier";
  static constexpr Index group = simd::lanes<Scalar>;  // frames that are transformed together

  static const ShortTimeFourierOptions& checked(const ShortTimeFourierOptions& options) {
    const Index length = options.frame_length, points = options.transform_length;
    require(length >= 1, "{}: expected a frame_length of at least 1, found {}", name, length);
    require(options.hop >= 1, "{}: expected a hop of at least 1, found {}", name, options.hop);
    const bool fits = points == 0 || points >= length;
    require(fits, "{}: expected a transform_length of 0 or at least {}, found {}", name, length, points);
    return options;
  }

  void check(const char* what, Batch<const Complex> spectra, Index channels, Index length, bool inverse) const {
    const Index frames = this->frames(length);
    detail::check_rows(name, what, spectra.count(), spectra.dimension(), channels * frames, spectrum_length());
    const std::optional<Index> found = inverse && channels > 0 ? weak(length) : std::nullopt;
    if (!found) return;
    raise<std::invalid_argument>(
        "{}: expected frames with 1e-08 of their largest sum of squares at each of {} samples, found {} of {} at {}",
        name, length, window_.coverage(*found, frames), window_.largest(), *found + origin());
  }
  /// The position of the first sample that is hardly covered.
  std::optional<Index> weak(Index length) const {
    return window_.first_weak(-origin(), length - origin(), frames(length));
  }
  Index slot_size() const { return group * transform_length(); }

  /// body(begin, end, memory, transform workspace) for ranges of items, each with a slot of its own.
  template <class Body>
  void for_slots(Index items, const Call& call, Body&& body) const {
    std::optional<ShortTimeWorkspace<Scalar>> own;
    const Index tasks = std::clamp<Index>(call.execution.concurrency(), 1, std::max<Index>(items, 1));
    if (call.workspace == nullptr) own.emplace(workspace(tasks));
    ShortTimeWorkspace<Scalar>& memory = own ? *own : *call.workspace;
    require(memory.frames().slot_size() == slot_size(), "{}: expected a workspace of this plan, found another", name);
    const Index grain = std::max<Index>(1, (items + memory.slots() - 1) / memory.slots());
    call.execution.for_ranges(items, grain, [&](Index begin, Index end) {
      const Index slot = begin / grain;
      body(begin, end, memory.frames().slot(slot), FourierCall<Scalar>{.workspace = &memory.transform(slot)});
    });
  }

  /// Forward, or the backward pass of inverse.
  void to_spectra(Signals<const Scalar> signal, const char* what, Batch<Complex> spectra, bool inverse,
                  const Call& call) const {
    const Index channels = signal.channels(), frames = this->frames(signal.length());
    check(what, spectra, signal.batch() * channels, signal.length(), inverse);
    const Index groups = (spectra.count() + group - 1) / group;
    for_slots(groups, call, [&](Index begin, Index end, Scalar* work, const FourierCall<Scalar>& inner) {
      for (Index first = begin * group; first < std::min(end * group, spectra.count()); first += group) {
        const Batch<Complex> to = spectra.slice(first, std::min(first + group, spectra.count()));
        for (Index r = 0; r < to.count(); ++r) {
          const Index channel = (first + r) / frames, m = (first + r) % frames;
          const Scalar* samples = signal(channel / channels, channel % channels);
          read(samples, signal.length(), m, inverse, work + r * transform_length());
        }
        const Batch<const Scalar> given(work, to.count(), transform_length());
        inverse ? transform_.inverse_backward_into(given, to, inner) : transform_.forward_into(given, to, inner);
      }
    });
  }

  /// Frame m, weighted.
  void read(const Scalar* samples, Index length, Index m, bool inverse, Scalar* to) const {
    const Index start = origin() + m * hop();
    const Index begin = std::clamp<Index>(-start, 0, frame_length());
    const Index end = std::clamp<Index>(length - start, begin, frame_length());
    std::fill_n(to, begin, Scalar{0});
    std::fill_n(to + end, transform_length() - end, Scalar{0});
    detail::multiply<false>(window_.values() + begin, samples + (start + begin), to + begin, end - begin);
    if (inverse) return normalize(to + begin, m * hop() + begin, m * hop() + end, frames(length));
    for_mirrored(start, length, [&](Index i, Index n) { to[i] = window_.values()[i] * samples[n]; });
  }

  /// Divides the values of positions begin ... end - 1 by the squares of the window there.
  void normalize(Scalar* values, Index begin, Index end, Index frames) const {
    window_.for_blocks(begin, end, [&](Index position, Index count) {
      Scalar* to = values + (position - begin);
      if (window_.within(position, frames)) {
        detail::multiply<false>(window_.reciprocals() + position % hop(), to, to, count);
      } else {
        for (Index i = 0; i < count; ++i) to[i] *= static_cast<Scalar>(1 / window_.coverage(position + i, frames));
      }
    });
  }

  /// body(i, n) for each sample i of a frame that is the mirror image of sample n.
  template <class Body>
  void for_mirrored(Index start, Index length, Body&& body) const {
    const bool inside = start >= 0 && start + frame_length() <= length;
    if (padding_ != ShortTimePadding::reflected || inside || length == 0) return;
    const Index period = std::max<Index>(2 * (length - 1), 1);
    for (Index n = start; n < start + frame_length(); ++n) {
      const Index turn = (n % period + period) % period;
      if (n < 0 || n >= length) body(n - start, turn < length ? turn : period - turn);
    }
  }

  /// Inverse, or the backward pass of forward. A task repeats the frames that begin before its samples: it has many.
  void to_signal(const char* what, Batch<const Complex> spectra, Signals<Scalar> signal, bool inverse,
                 const Call& call) const {
    const Index channels = signal.channels(), length = signal.length(), frames = this->frames(length);
    check(what, spectra, signal.batch() * channels, length, inverse);
    const Index size = 16 * window_.overlap() * hop(), tasks = (length + size - 1) / size;  // of a channel
    const auto run = [&](Index item, Index end, Scalar* work, const FourierCall<Scalar>& inner) {
      for (Index count = 0; item < end; item += count) {
        const Index channel = item / tasks, first = item % tasks;
        count = std::min(tasks - first, end - item);
        const Range range{first * size, std::min(length, (first + count) * size)};
        const Batch<const Complex> given = spectra.slice(channel * frames, (channel + 1) * frames);
        overlap_add(given, signal(channel / channels, channel % channels), length, range, inverse, work, inner);
      }
    };
    for_slots(signal.batch() * channels * tasks, call, run);
  }

  struct Range {
    Index begin, end;
  };
  /// Some samples of a channel. Each is the sum of its frames from first to last, whatever the range.
  void overlap_add(Batch<const Complex> spectra, Scalar* samples, Index length, Range range, bool inverse, Scalar* work,
                   const FourierCall<Scalar>& inner) const {
    std::fill(samples + range.begin, samples + range.end, Scalar{0});
    const Range frames = frames_of(range, length, spectra.count(), inverse);
    for (Index first = frames.begin; first < frames.end; first += group) {
      const Batch<const Complex> from = spectra.slice(first, std::min(first + group, frames.end));
      const Batch<Scalar> to(work, from.count(), transform_length());
      inverse ? transform_.inverse_into(from, to, inner) : transform_.forward_backward_into(from, to, inner);
      for (Index r = 0; r < from.count(); ++r) add(to[r], first + r, length, range, inverse, samples);
    }
    if (inverse) normalize(samples + range.begin, range.begin - origin(), range.end - origin(), spectra.count());
  }

  /// The frames that have samples of a range, or mirror images of such, which may begin after it at a signal's end.
  Range frames_of(Range range, Index length, Index count, bool inverse) const {
    const Index before = range.begin - origin() - frame_length();
    Range frames{before < 0 ? 0 : before / hop() + 1, std::min(count, (range.end - 1 - origin()) / hop() + 1)};
    const bool mirrors = !inverse && padding_ == ShortTimePadding::reflected;
    if (mirrors && range.end >= length - frame_length()) frames.end = count;
    return frames;
  }

  void add(const Scalar* frame, Index m, Index length, Range range, bool inverse, Scalar* samples) const {
    const Index start = origin() + m * hop();
    const Index begin = std::clamp<Index>(range.begin - start, 0, frame_length());
    const Index end = std::clamp<Index>(range.end - start, begin, frame_length());
    detail::multiply<true>(window_.values() + begin, frame + begin, samples + (start + begin), end - begin);
    if (inverse) return;
    for_mirrored(start, length, [&](Index i, Index n) {
      if (n >= range.begin && n < range.end) samples[n] += window_.values()[i] * frame[i];
    });
  }

  ShortTimePadding padding_;
  detail::WindowOverlap<Scalar> window_;
  RealFourierTransform<Scalar, scale> transform_;
};

}  // namespace tessera::inline TESSERA_ISA
