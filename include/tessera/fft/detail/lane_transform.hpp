// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// LaneFourier for any length. A length with a prime factor above 7 becomes a convolution (Bluestein 1970): with
// n k = (n^2 + k^2 - (k - n)^2) / 2 and the chirp c[n] = exp(-i pi n^2 / M),
//
//   X[k] = c[k] sum over n of (x[n] c[n]) conj(c[k - n]),
//
// a cyclic convolution of any length P >= 2 M - 1 that LaneFourier takes.

#include <algorithm>
#include <complex>
#include <cstddef>
#include <vector>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/complex_lanes.hpp>
#include <tessera/fft/detail/lane_fourier.hpp>
#include <tessera/fft/detail/roots.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class Scalar>
class LaneTransform {
 public:
  static constexpr Index lanes = simd::lanes<Scalar>;

  LaneTransform() = default;

  /// `length` >= 1.
  explicit LaneTransform(Index length) : length_(length), chirped_(rough_part(length) > 1) {
    Index size = length;
    if (chirped_) {
      for (size = 2 * length - 1; rough_part(size) > 1;) ++size;
    }
    fourier_ = LaneFourier<Scalar>(size);
    if (chirped_) make_chirp();
  }

  Index length() const { return length_; }

  /// Scalars of work memory, of which the first 2 length vectors are the data.
  Index work_size() const { return (chirped_ ? 4 : 2) * lanes * fourier_.length(); }

  /// Which vector holds bin k after run().
  Index position(Index k) const { return chirped_ ? k : fourier_.position(k); }

  /// Transforms the data in `work`, without a factor.
  void run(Scalar* work) const { chirped_ ? run_chirped(work) : fourier_.run(work); }

 private:
  using Lanes = ComplexLanes<Scalar>;

  static Lanes broadcast_entry(const AlignedVector<Scalar>& table, Index n) {
    const Scalar* entry = table.data() + 2 * n;
    return broadcast_complex(entry[0], entry[1]);
  }

  void make_chirp() {
    const Index size = fourier_.length();
    std::vector<std::complex<Scalar>> kernel(static_cast<std::size_t>(size));
    // n^2 modulo 2 M, by differences: the square itself may be too large.
    for (Index n = 0, square = 0; n < length_; square = (square + 2 * n + 1) % (2 * length_), ++n) {
      const std::complex<Scalar> root = unit_root<Scalar>(-square, 2 * length_);
      chirp_.push_back(root.real());
      chirp_.push_back(root.imag());
      kernel[static_cast<std::size_t>(n)] = std::conj(root);
      kernel[static_cast<std::size_t>((size - n) % size)] = std::conj(root);
    }
    AlignedVector<Scalar> work(static_cast<std::size_t>(2 * lanes * size));
    for (Index n = 0; n < size; ++n) {
      const std::complex<Scalar> value = kernel[static_cast<std::size_t>(n)];
      store_complex(work.data() + 2 * lanes * n, broadcast_complex(value.real(), value.imag()));
    }
    fourier_.run(work.data());
    const Scalar scale = Scalar{1} / static_cast<Scalar>(size);
    for (Index k = 0; k < size; ++k) {
      const Scalar* bin = work.data() + 2 * lanes * fourier_.position(k);
      spectrum_.push_back(bin[0] * scale);
      spectrum_.push_back(bin[lanes] * scale);
    }
  }

  /// The inverse transform inside is a forward one between two conjugations.
  void run_chirped(Scalar* work) const {
    const Index size = fourier_.length();
    Scalar* other = work + 2 * lanes * size;
    for (Index n = 0; n < length_; ++n) {
      Scalar* at = work + 2 * lanes * n;
      store_complex(at, load_complex<Scalar>(at) * broadcast_entry(chirp_, n));
    }
    std::fill(work + 2 * lanes * length_, other, Scalar{0});
    fourier_.run(work);
    for (Index k = 0; k < size; ++k) {
      const Lanes bin = load_complex<Scalar>(work + 2 * lanes * fourier_.position(k)) * broadcast_entry(spectrum_, k);
      store_complex(other + 2 * lanes * k, Lanes{bin.re, -bin.im});
    }
    fourier_.run(other);
    for (Index k = 0; k < length_; ++k) {
      const Lanes sum = load_complex<Scalar>(other + 2 * lanes * fourier_.position(k));
      store_complex(work + 2 * lanes * k, multiply_conjugate(broadcast_entry(chirp_, k), sum));
    }
  }

  Index length_ = 0;
  bool chirped_ = false;
  LaneFourier<Scalar> fourier_;
  AlignedVector<Scalar> chirp_;     // c[n]
  AlignedVector<Scalar> spectrum_;  // of conj(c), over P
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
