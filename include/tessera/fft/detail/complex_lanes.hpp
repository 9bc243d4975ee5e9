// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Complex numbers in vectors: real parts in one, imaginary parts in another, so that no operation moves a lane.

#include <cstddef>
#include <utility>

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

/// Lanes first, first + step, first + 2 step, ... of a and b, taken as one vector twice as long.
template <int first, int step, class V, std::size_t... I>
TESSERA_INLINE V pick(const V& a, const V& b, std::index_sequence<I...>) {
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return __builtin_shufflevector(a, b, (first + step * static_cast<int>(I))...);
#else
  constexpr int size = static_cast<int>(sizeof...(I));
  return V::each([&](int i) {
    const int from = first + step * i;
    return from < size ? a[from] : b[from - size];
  });
#endif
}

/// The lanes in reverse.
template <class Scalar>
TESSERA_INLINE simd::Vec<Scalar> reverse_lanes(const simd::Vec<Scalar>& v) {
  constexpr int lanes = simd::lanes<Scalar>;
  return pick<lanes - 1, -1>(v, v, std::make_index_sequence<static_cast<std::size_t>(lanes)>());
}

// From memory in which real and imaginary parts alternate, as std::complex has them. Numbers keep to their pieces of 16
// bytes, which halves the instructions, and so come in another order: lane i has number paired_lane<Scalar>(i).

template <class Scalar>
constexpr int paired_lane(int i) {
  constexpr int piece = 16 / static_cast<int>(sizeof(Scalar)), half = piece / 2;
  const int within = i % piece;
  return i / piece * half + within % half + (within < half ? 0 : simd::lanes<Scalar> / 2);
}

/// In each piece: entries `offset`, `offset` + 2, ... of a, then of b.
template <int offset, class V, std::size_t... I>
TESSERA_INLINE V pick_in_pieces(const V& a, const V& b, std::index_sequence<I...>) {
  constexpr int piece = static_cast<int>(16 / sizeof(a[0])), size = static_cast<int>(sizeof...(I));
  constexpr auto source = [](int i) {
    const int within = i % piece;
    return i - within + 2 * within % piece + offset + (2 * within < piece ? 0 : size);
  };
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return __builtin_shufflevector(a, b, source(static_cast<int>(I))...);
#else
  return V::each([&](int i) { return source(i) < size ? a[source(i)] : b[source(i) - size]; });
#endif
}
/// In each piece: a and b alternating, from the lower (0) or the upper half (1).
template <int half, class V, std::size_t... I>
TESSERA_INLINE V alternate_in_pieces(const V& a, const V& b, std::index_sequence<I...>) {
  constexpr int piece = static_cast<int>(16 / sizeof(a[0])), size = static_cast<int>(sizeof...(I));
  constexpr auto source = [](int i) {
    const int within = i % piece;
    return i - within + half * piece / 2 + within / 2 + within % 2 * size;
  };
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return __builtin_shufflevector(a, b, source(static_cast<int>(I))...);
#else
  return V::each([&](int i) { return source(i) < size ? a[source(i)] : b[source(i) - size]; });
#endif
}

template <class Scalar>
TESSERA_INLINE ComplexLanes<Scalar> load_paired(const Scalar* from) {
  constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(simd::lanes<Scalar>)>();
  const auto low = simd::load(from), high = simd::load(from + simd::lanes<Scalar>);
  return {pick_in_pieces<0>(low, high, all), pick_in_pieces<1>(low, high, all)};
}
template <class Scalar>
TESSERA_INLINE void store_paired(Scalar* to, const ComplexLanes<Scalar>& value) {
  constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(simd::lanes<Scalar>)>();
  simd::store(to, alternate_in_pieces<0>(value.re, value.im, all));
  simd::store(to + simd::lanes<Scalar>, alternate_in_pieces<1>(value.re, value.im, all));
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
