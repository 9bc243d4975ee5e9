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

/// Windows of 2 length samples, kernels of lags within (-length, length).
template <class Scalar>
class RingConvolution {
 public:
  using Source = SampleSource<Scalar>;
  using Sink = SampleSink<Scalar>;

  static constexpr Index smallest_length = RightAngle<Scalar>::smallest_length;

  RingConvolution() = default;
  /// `length` is a power of two, at least smallest_length.
  explicit RingConvolution(Index length) : ring_(length) {}

  Index length() const { return ring_.length(); }
  /// Scalars of a spectrum, and of a piece of work memory.
  Index spectrum_size() const { return 2 * ring_.length(); }

  /// The spectrum of a kernel. `work` is one piece.
  void prepare(const KernelTaps<Scalar>& taps, Scalar* spectrum, Scalar* work) const {
    const Index size = spectrum_size();
    const Scalar scale = Scalar{1} / static_cast<Scalar>(length());
    ring_.transform({taps.forward, 0, std::min(taps.forward_count, length())}, spectrum);
    for (Index i = 0; i < size; ++i) spectrum[i] *= scale;
    if (taps.backward_count == 0) return;
    ring_.transform({taps.backward, 1, std::min(taps.backward_count + 1, length())}, work);
    for (Index i = 0; i < size; i += 2 * lanes) {
      for (Index re = i, im = i + lanes; re < i + lanes; ++re, ++im) {
        spectrum[re] += work[re] * scale;
        spectrum[im] -= work[im] * scale;
      }
    }
  }

  /// The convolution with a kernel, or with the kernel turned in time: its adjoint. `work` is one piece.
  void multiply(const Source& source, const Scalar* spectrum, bool adjoint, const Sink& sink, Scalar* work) const {
    ring_.multiply(source, spectrum, adjoint, sink, work);
  }

  /// Adds the gradient of a kernel to `sum`, of the size of a spectrum, zero at first: what `input` gave when the
  /// gradient of the result is `grad`. `work` is two pieces.
  void accumulate(const Source& input, const Source& grad, Scalar* sum, Scalar* work) const {
    Scalar* other = work + spectrum_size();
    ring_.transform(input, work);
    ring_.transform(grad, other);
    for (Index i = 0; i < spectrum_size(); i += 2 * lanes) {
      const ComplexLanes<Scalar> product = multiply_conjugate(load_complex(other + i), load_complex(work + i));
      store_complex(sum + i, load_complex(sum + i) + product);
    }
  }

  /// The gradients of the taps from the sum, which becomes scratch. `work` is one piece.
  void finish(Scalar* sum, const TapGradients<Scalar>& gradients, Scalar* work) const {
    ring_.invert(sum, {work, 0, spectrum_size()});
    const Scalar scale = Scalar{1} / static_cast<Scalar>(length());
    for (Index j = 0; j < gradients.forward_count; ++j) {
      gradients.forward[j] = j < length() ? work[j] * scale : Scalar{0};
    }
    // Lag -m is -i times the coefficient length - m of the ring.
    for (Index j = 0; j < gradients.backward_count; ++j) {
      gradients.backward[j] = j + 1 < length() ? -work[spectrum_size() - 1 - j] * scale : Scalar{0};
    }
  }

 private:
  static constexpr Index lanes = simd::lanes<Scalar>;

  RightAngle<Scalar> ring_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
