// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// One row through one kernel: products in the ring of t^N = i (detail/right_angle.hpp), or sums for short rows. A
// kernel has taps at lags 0, 1, ..., and may have others at lags -1, -2, ...; both fit into one spectrum, since 1 / t
// is a number of magnitude 1 wherever the ring is evaluated: the spectrum of a polynomial in 1 / t is the conjugate of
// that in t.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/right_angle.hpp>
#include <tessera/fft/detail/sample_window.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The taps of a kernel. Lag -1 - j has backward[j].
template <class Scalar>
struct KernelTaps {
  const Scalar* forward = nullptr;
  Index forward_count = 0;
  const Scalar* backward = nullptr;
  Index backward_count = 0;
};

/// Rows of up to `length` samples, kernels of lags within (-length, length).
template <class Scalar>
class RowConvolution {
 public:
  using Source = SampleSource<Scalar>;
  using Sink = SampleSink<Scalar>;

  /// Rows up to this length are summed directly, tap by tap.
  static constexpr Index longest_direct = 32;

  RowConvolution() = default;
  explicit RowConvolution(Index length) : length_(length), direct_(length <= longest_direct) {
    if (direct_) return;
    const auto size = std::max(static_cast<std::size_t>(length), static_cast<std::size_t>(Ring::smallest_length));
    ring_ = Ring(static_cast<Index>(std::bit_ceil(size)));
  }

  Index length() const { return length_; }
  bool direct() const { return direct_; }
  /// Scalars of a spectrum, and of each of the two pieces of work memory.
  Index spectrum_size() const { return direct_ ? 2 * table_size : 2 * ring_.length(); }

  /// The spectrum of a kernel. `work` is one piece.
  void prepare(const KernelTaps<Scalar>& taps, Scalar* spectrum, Scalar* work) const {
    if (direct_) return prepare_direct(taps, spectrum);
    const Index size = spectrum_size();
    const Scalar scale = Scalar{1} / static_cast<Scalar>(ring_.length());
    ring_.transform({taps.forward, 0, std::min(taps.forward_count, ring_.length())}, spectrum);
    for (Index i = 0; i < size; ++i) spectrum[i] *= scale;
    if (taps.backward_count == 0) return;
    ring_.transform({taps.backward, 1, std::min(taps.backward_count + 1, ring_.length())}, work);
    for_lanes(size, [&](Index re, Index im) {
      spectrum[re] += work[re] * scale;
      spectrum[im] -= work[im] * scale;
    });
  }

  /// The convolution with a kernel, or with the kernel turned in time: its adjoint. Source and sink lie within
  /// [0, 2 length). `work` is one piece.
  void multiply(const Source& source, const Scalar* spectrum, bool adjoint, const Sink& sink, Scalar* work) const {
    if (direct_) {
      multiply_direct(source, spectrum + (adjoint ? table_size : 0), sink);
    } else {
      ring_.multiply(source, spectrum, adjoint, sink, work);
    }
  }

  /// Adds the gradient of a kernel to `sum`, of the size of a spectrum, zero at first: what `input` gave when the
  /// gradient of the result is `grad`. `work` is two pieces.
  void accumulate(const Source& input, const Source& grad, Scalar* sum, Scalar* work) const {
    if (direct_) return accumulate_direct(input, grad, sum);
    Scalar* other = work + spectrum_size();
    ring_.transform(input, work);
    ring_.transform(grad, other);
    for (Index i = 0; i < spectrum_size(); i += 2 * lanes) {
      const ComplexLanes<Scalar> product = multiply_conjugate(load_complex(other + i), load_complex(work + i));
      store_complex(sum + i, load_complex(sum + i) + product);
    }
  }

  /// The gradients of the taps from the sum, which becomes scratch; either may be unwanted. `work` is one piece.
  void finish(Scalar* sum, Scalar* forward, Index forward_count, Scalar* backward, Index backward_count,
              Scalar* work) const {
    const Index half = direct_ ? table_size : ring_.length();
    const Scalar* samples = sum;
    if (!direct_) {
      ring_.invert(sum, {work, 0, 2 * half});
      samples = work;
    }
    const Scalar scale = direct_ ? Scalar{1} : Scalar{1} / static_cast<Scalar>(half);
    for (Index j = 0; j < forward_count; ++j) forward[j] = j < length_ ? samples[j] * scale : Scalar{0};
    // Lag -m is -i times the coefficient N - m of the ring, and stands so in the sums of direct rows, too.
    for (Index j = 0; j < backward_count; ++j) {
      backward[j] = j + 1 < length_ ? -samples[2 * half - 1 - j] * scale : Scalar{0};
    }
  }

 private:
  using Ring = RightAngle<Scalar>;

  static constexpr Index lanes = simd::lanes<Scalar>;
  // Lags from -2 longest_direct, read a vector at a time up to 2 longest_direct.
  static constexpr Index table_size = 4 * longest_direct + 2 * lanes;

  template <class Body>
  static void for_lanes(Index size, Body&& body) {
    for (Index i = 0; i < size; i += 2 * lanes) {
      for (Index lane = i; lane < i + lanes; ++lane) body(lane, lane + lanes);
    }
  }

  /// Two tables of the taps by lag, the second turned.
  void prepare_direct(const KernelTaps<Scalar>& taps, Scalar* spectrum) const {
    std::fill_n(spectrum, spectrum_size(), Scalar{0});
    const auto put = [&](Index lag, const Scalar& tap) {
      spectrum[2 * longest_direct + lag] = tap;
      spectrum[table_size + 2 * longest_direct - lag] = tap;
    };
    for (Index j = 0; j < std::min(taps.forward_count, length_); ++j) put(j, taps.forward[j]);
    for (Index j = 0; j < std::min(taps.backward_count, length_ - 1); ++j) put(-1 - j, taps.backward[j]);
  }

  /// Vectors of results side by side; each takes its terms in the order of the samples.
  void multiply_direct(const Source& source, const Scalar* table, const Sink& sink) const {
    std::array<Scalar, static_cast<std::size_t>(2 * longest_direct + lanes)> samples;
    for (Index n = 0; n < source.end; n += lanes) simd::store(samples.data() + n, source.load(n));
    const Sink safe = sink;
    for (Index m = 0; m < safe.end; m += lanes) {
      simd::Vec<Scalar> sum{};
      const Scalar* taps = table + 2 * longest_direct + m;
      for (Index n = source.begin; n < source.end; ++n) {
        sum = simd::multiply_add(simd::broadcast(samples[static_cast<std::size_t>(n)]), simd::load(taps - n), sum);
      }
      safe.store(m, sum);
    }
  }

  void accumulate_direct(const Source& input, const Source& grad, Scalar* sum) const {
    std::array<Scalar, static_cast<std::size_t>(2 * longest_direct + lanes)> u, g;
    for (Index n = 0; n < input.end; n += lanes) simd::store(u.data() + n, input.load(n));
    for (Index n = 0; n < grad.end; n += lanes) simd::store(g.data() + n, grad.load(n));
    for (Index m = grad.begin; m < grad.end; ++m) {
      for (Index n = input.begin; n < input.end; ++n) {
        const Scalar product = g[static_cast<std::size_t>(m)] * u[static_cast<std::size_t>(n)];
        if (m >= n) {
          sum[m - n] += product;
        } else {
          sum[2 * table_size + m - n] -= product;
        }
      }
    }
  }

  Index length_ = 0;
  bool direct_ = true;
  Ring ring_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
