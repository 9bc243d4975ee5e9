// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Complex numbers in vectors: real parts in one, imaginary parts in another, so that no operation moves a lane.

#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// `lanes` complex numbers.
template <class Scalar>
struct ComplexLanes {
  using Vector = simd::Vec<Scalar>;
  static constexpr int lanes = simd::lanes<Scalar>;

  Vector re;
  Vector im;

  friend TESSERA_INLINE ComplexLanes operator+(const ComplexLanes& a, const ComplexLanes& b) {
    return {a.re + b.re, a.im + b.im};
  }
  friend TESSERA_INLINE ComplexLanes operator-(const ComplexLanes& a, const ComplexLanes& b) {
    return {a.re - b.re, a.im - b.im};
  }
  friend TESSERA_INLINE ComplexLanes operator*(const ComplexLanes& a, const ComplexLanes& b) {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
  }
  /// Times a real factor.
  friend TESSERA_INLINE ComplexLanes operator*(const ComplexLanes& a, const Vector& factor) {
    return {a.re * factor, a.im * factor};
  }
};

/// a conj(b).
template <class Scalar>
TESSERA_INLINE ComplexLanes<Scalar> multiply_conjugate(const ComplexLanes<Scalar>& a, const ComplexLanes<Scalar>& b) {
  return {a.re * b.re + a.im * b.im, a.im * b.re - a.re * b.im};
}

/// i a.
template <class Scalar>
TESSERA_INLINE ComplexLanes<Scalar> times_i(const ComplexLanes<Scalar>& a) {
  return {-a.im, a.re};
}

/// -i a.
template <class Scalar>
TESSERA_INLINE ComplexLanes<Scalar> times_minus_i(const ComplexLanes<Scalar>& a) {
  return {a.im, -a.re};
}

/// One complex number in all lanes.
template <class Scalar>
TESSERA_INLINE ComplexLanes<Scalar> broadcast_complex(Scalar re, Scalar im) {
  return {simd::broadcast(re), simd::broadcast(im)};
}

/// From planar memory: the real parts, then the imaginary parts.
template <class Scalar>
TESSERA_INLINE ComplexLanes<Scalar> load_complex(const Scalar* from) {
  return {simd::load(from), simd::load(from + simd::lanes<Scalar>)};
}
template <class Scalar>
TESSERA_INLINE void store_complex(Scalar* to, const ComplexLanes<Scalar>& value) {
  simd::store(to, value.re);
  simd::store(to + simd::lanes<Scalar>, value.im);
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
