// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Windows of samples through one kernel: products in the ring of t^N = i (detail/right_angle.hpp), where sample m of a
// result meets, with the sign turned, samples m + 2N and m - 2N. Taps at negative lags fit into the same spectrum,
// since 1 / t is a number of magnitude 1 wherever the ring is evaluated: the spectrum of a polynomial in 1 / t is the
// conjugate of that in t.

#include <algorithm>

#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/kernel_taps.hpp>
#include <tessera/fft/detail/right_angle.hpp>
#include <tessera/fft/detail/sample_window.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Windows of 2 length samples, kernels of lags within (-length, length). `Ring` takes one row at a time (RightAngle),
/// or as many as lanes (ChannelRing, detail/channel_ring.hpp): arguments that differ from row to row are arrays of
/// `rows`, and a spectrum is that of so many kernels.
template <class Scalar, class Ring = RightAngle<Scalar>>
class RingConvolution {
 public:
  using Source = SampleSource<Scalar>;
  using Sink = SampleSink<Scalar>;

  static constexpr int rows = Ring::rows;
  static constexpr Index smallest_length = Ring::smallest_length;

  RingConvolution() = default;
  /// `length` is a power of two, at least smallest_length.
  explicit RingConvolution(Index length) : ring_(length) {}

  Index length() const { return ring_.length(); }
  /// Scalars of a spectrum, and of a piece of work memory.
  Index spectrum_size() const { return rows * window(); }

  /// The spectrum of a kernel. `work` is one piece.
  void prepare(const KernelTaps<Scalar>* taps, Scalar* spectrum, Scalar* work) const {
    const Index size = spectrum_size();
    const Scalar scale = Scalar{1} / static_cast<Scalar>(length());
    Source sources[rows];
    for (int i = 0; i < rows; ++i) sources[i] = {taps[i].forward, 0, std::min(taps[i].forward_count, length())};
    ring_.transform(given(sources), spectrum);
    for (Index i = 0; i < size; ++i) spectrum[i] *= scale;
    if (taps[0].backward_count == 0) return;
    for (int i = 0; i < rows; ++i) {
      const bool any = taps[i].backward_count > 0;
      sources[i] = {taps[i].backward, any ? 1 : 0, any ? std::min(taps[i].backward_count + 1, length()) : 0};
    }
    ring_.transform(given(sources), work);
    for (Index i = 0; i < size; i += 2 * lanes) {
      for (Index re = i, im = i + lanes; re < i + lanes; ++re, ++im) {
        spectrum[re] += work[re] * scale;
        spectrum[im] -= work[im] * scale;
      }
    }
  }

  /// The convolution with a kernel, or with the kernel turned in time: its adjoint. `work` is one piece.
  void multiply(const Source* sources, const Scalar* spectrum, bool adjoint, const Sink* sinks, Scalar* work) const {
    ring_.multiply(given(sources), spectrum, adjoint, given(sinks), work);
  }

  /// Adds the gradient of a kernel to `sum`, of the size of a spectrum, zero at first: what `input` gave when the
  /// gradient of the result is `grad`. `work` is two pieces.
  void accumulate(const Source* input, const Source* grad, Scalar* sum, Scalar* work) const {
    Scalar* other = work + spectrum_size();
    ring_.transform(given(input), work);
    ring_.transform(given(grad), other);
    for (Index i = 0; i < spectrum_size(); i += 2 * lanes) {
      const ComplexLanes<Scalar> product = multiply_conjugate(load_complex(other + i), load_complex(work + i));
      store_complex(sum + i, load_complex(sum + i) + product);
    }
  }

  /// The gradients of the taps from the sum, which becomes scratch. `work` is one piece.
  void finish(Scalar* sum, const TapGradients<Scalar>* gradients, Scalar* work) const {
    invert(sum, work);
    for (int i = 0; i < rows; ++i) take(work + i * window(), gradients[i]);
  }

  /// The same where all rows have one kernel.
  void finish_shared(Scalar* sum, const TapGradients<Scalar>& gradients, Scalar* work) const {
    invert(sum, work);
    for (int i = 1; i < rows; ++i) {
      for (Index n = 0; n < window(); ++n) work[n] += work[i * window() + n];
    }
    take(work, gradients);
  }

 private:
  static constexpr Index lanes = simd::lanes<Scalar>;

  /// A ring of one row takes it as it is.
  template <class Sequence>
  static decltype(auto) given(const Sequence* sequences) {
    if constexpr (rows == 1) {
      return (*sequences);
    } else {
      return sequences;
    }
  }

  /// Samples of a row in the ring: its real parts, then its imaginary ones.
  Index window() const { return 2 * ring_.length(); }

  /// length times each row of a spectrum.
  void invert(Scalar* spectrum, Scalar* samples) const {
    Sink sinks[rows];
    for (int i = 0; i < rows; ++i) sinks[i] = {samples + i * window(), 0, window()};
    ring_.invert(spectrum, given(sinks));
  }

  void take(const Scalar* samples, const TapGradients<Scalar>& gradients) const {
    const Scalar scale = Scalar{1} / static_cast<Scalar>(length());
    for (Index j = 0; j < gradients.forward_count; ++j) {
      gradients.forward[j] = j < length() ? samples[j] * scale : Scalar{0};
    }
    // Lag -m is -i times the coefficient length - m of the ring.
    for (Index j = 0; j < gradients.backward_count; ++j) {
      gradients.backward[j] = j + 1 < length() ? -samples[window() - 1 - j] * scale : Scalar{0};
    }
  }

  Ring ring_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
