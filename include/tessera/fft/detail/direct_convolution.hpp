// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// A row through a kernel of few taps, summed tap by tap. Vectors hold neighbouring results, each of which takes its
// terms in the order of the lags, from the most negative one on: a result depends on nothing but its own terms.

#include <algorithm>
#include <array>
#include <cstddef>

#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/channel_sum.hpp>
#include <tessera/fft/detail/kernel_taps.hpp>
#include <tessera/fft/detail/sample_window.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Kernels with lags in [-longest, longest), rows of any length. A spectrum is two tables of the taps by lag, the
/// second turned in time.
template <class Scalar>
class DirectConvolution {
 public:
  using Source = SampleSource<Scalar>;
  using Sink = SampleSink<Scalar>;

  static constexpr Index longest = 32;
  static constexpr Index spectrum_size = 2 * (2 * longest + 2);
  /// Rows are worked on in pieces of so many results.
  static constexpr Index piece = 512;

  void prepare(const KernelTaps<Scalar>& taps, Scalar* spectrum) const {
    std::fill_n(spectrum, spectrum_size, Scalar{0});
    const auto put = [&](Index lag, const Scalar& tap) {
      spectrum[longest + lag] = tap;
      spectrum[turned + longest - lag] = tap;
    };
    for (Index j = 0; j < taps.forward_count; ++j) put(j, taps.forward[j]);
    for (Index j = 0; j < taps.backward_count; ++j) put(-1 - j, taps.backward[j]);
  }

  /// The sink may write where the source reads: samples are copied before.
  void multiply(const Source& source, const PreparedKernel<Scalar>& kernel, bool adjoint, const Sink& sink) const {
    const Lags lags = adjoint ? Lags{1 - kernel.taps, kernel.backward_taps} : lags_of(kernel);
    const Scalar* table = kernel.values + (adjoint ? turned : 0) + longest;
    const Sink safe = sink;  // a copy that the compiler knows not to be written to
    Window window;
    const Index first = safe.begin / piece * piece;
    for (Index m = first; m < safe.end; m += piece) {
      const Index kept = m == first ? 0 : lags.last - lags.first;
      std::copy_n(window.data() + piece, kept, window.data());
      load(source, m - lags.last, kept, piece + lags.last - lags.first, window.data());
      sum_piece(window.data(), table, lags, std::min(piece, safe.end - m), m, safe);
    }
  }

  /// Adds the gradients of the taps to `sum`, of the size of a spectrum.
  void accumulate(const Source& input, const Source& grad, const PreparedKernel<Scalar>& kernel, Scalar* sum) const {
    const Lags lags = lags_of(kernel);
    Window u, g;
    for (Index m = grad.begin / piece * piece; m < grad.end; m += piece) {
      load(input, m - lags.last, 0, piece + lags.last - lags.first, u.data());
      load(grad, m, 0, piece, g.data());
      for (Index lag = lags.first; lag <= lags.last; ++lag) {
        sum[longest + lag] += static_cast<Scalar>(sum_of_products(g.data(), u.data() + lags.last - lag, piece));
      }
    }
  }

  void finish(const Scalar* sum, const TapGradients<Scalar>& gradients) const {
    for (Index j = 0; j < gradients.forward_count; ++j) gradients.forward[j] = sum[longest + j];
    for (Index j = 0; j < gradients.backward_count; ++j) gradients.backward[j] = sum[longest - 1 - j];
  }

 private:
  using Vector = simd::Vec<Scalar>;

  static constexpr Index lanes = simd::lanes<Scalar>;
  static constexpr Index turned = spectrum_size / 2;  // where the second table begins
  static constexpr int at_once = 4;                   // vectors of results

  using Window = std::array<Scalar, static_cast<std::size_t>(piece + 2 * longest + lanes)>;

  /// From the most negative one to the largest.
  struct Lags {
    Index first;
    Index last;
  };
  static Lags lags_of(const PreparedKernel<Scalar>& kernel) { return {-kernel.backward_taps, kernel.taps - 1}; }

  /// Samples origin + i of the source to window[i], for begin <= i < end and the rest of a vector.
  static void load(const Source& source, Index origin, Index begin, Index end, Scalar* window) {
    for (Index i = begin; i < end; i += lanes) simd::store(window + i, source.load(origin + i));
  }

  /// `count` results from m on; the first takes window[0] with the last lag.
  static void sum_piece(const Scalar* window, const Scalar* table, const Lags& lags, Index count, Index m,
                        const Sink& sink) {
    for (Index i = 0; i < count; i += at_once * lanes) {
      Vector sums[at_once] = {};
      for (Index lag = lags.first; lag <= lags.last; ++lag) {
        const Vector tap = simd::broadcast(table[lag]);
        const Scalar* samples = window + i + lags.last - lag;
        TESSERA_UNROLL
        for (int q = 0; q < at_once; ++q) {
          sums[q] = simd::multiply_add(tap, simd::load(samples + q * lanes), sums[q]);
        }
      }
      for (int q = 0; q < at_once; ++q) sink.store(m + i + q * lanes, sums[q]);
    }
  }
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
