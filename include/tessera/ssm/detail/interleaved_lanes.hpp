// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Complex numbers in memory as std::complex has them, real and imaginary parts alternating, and in vectors with the
// parts apart: lane i of both has number i.

#include <cstddef>
#include <utility>

#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Entries first, first + 2, ... of a and b, taken as one vector twice as long.
template <int first, class V, std::size_t... I>
TESSERA_INLINE V every_other(const V& a, const V& b, std::index_sequence<I...>) {
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return __builtin_shufflevector(a, b, (first + 2 * static_cast<int>(I))...);
#else
  constexpr int size = static_cast<int>(sizeof...(I));
  return V::each([&](int i) { return first + 2 * i < size ? a[first + 2 * i] : b[first + 2 * i - size]; });
#endif
}

/// a and b alternating, from their lower (0) or upper half (1).
template <int half, class V, std::size_t... I>
TESSERA_INLINE V alternate(const V& a, const V& b, std::index_sequence<I...>) {
  constexpr int size = static_cast<int>(sizeof...(I));
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return __builtin_shufflevector(a, b, (half * size / 2 + static_cast<int>(I) / 2 + static_cast<int>(I) % 2 * size)...);
#else
  return V::each([&](int i) { return (i % 2 == 0 ? a : b)[half * size / 2 + i / 2]; });
#endif
}

template <class Scalar>
struct SplitComplex {
  simd::Vec<Scalar> re;
  simd::Vec<Scalar> im;
};

template <class Scalar>
TESSERA_INLINE SplitComplex<Scalar> load_interleaved(const Scalar* from) {
  constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(simd::lanes<Scalar>)>();
  const auto low = simd::load(from), high = simd::load(from + simd::lanes<Scalar>);
  return {every_other<0>(low, high, all), every_other<1>(low, high, all)};
}

template <class Scalar>
TESSERA_INLINE void store_interleaved(Scalar* to, const SplitComplex<Scalar>& value) {
  constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(simd::lanes<Scalar>)>();
  simd::store(to, alternate<0>(value.re, value.im, all));
  simd::store(to + simd::lanes<Scalar>, alternate<1>(value.re, value.im, all));
}

/// 1 / x, lane by lane.
template <class Scalar>
TESSERA_INLINE simd::Vec<Scalar> one_over(const simd::Vec<Scalar>& x) {
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return simd::broadcast(Scalar{1}) / x;
#else
  return simd::Vec<Scalar>::each([&](int i) { return Scalar{1} / x[i]; });
#endif
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
