// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Vectors of the target's native width: the only place in tessera that knows how wide that is. GCC and Clang vector
// extensions carry the arithmetic (+ - * & | ^ << >> work lane by lane); the few operations they lack, or compile
// badly, are functions here. Elsewhere, or with TESSERA_PLAIN_SIMD defined, a plain struct of lanes stands in.
//
// A vector type wider than the target's registers would compile, into code several times slower: hence one width.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include <Eigen/Core>  // brings the intrinsics header of the target

#include <tessera/core/isa.hpp>

// Loops of constant trip count over a few registers must be unrolled at every optimisation level, or the registers
// become an array in memory: #pragma TESSERA_UNROLL in front of such a loop.
#if defined(__clang__)
#define TESSERA_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define TESSERA_UNROLL _Pragma("GCC unroll 64")
#else
#define TESSERA_UNROLL
#endif

#if defined(__GNUC__)
#define TESSERA_INLINE inline __attribute__((always_inline))
#else
#define TESSERA_INLINE inline
#endif

namespace tessera::inline TESSERA_ISA {
namespace simd {

#if defined(__AVX512F__)
inline constexpr std::size_t native_bytes = 64;
inline constexpr int register_count = 32;
#elif defined(__AVX__)
inline constexpr std::size_t native_bytes = 32;
inline constexpr int register_count = 16;
#else
inline constexpr std::size_t native_bytes = 16;
inline constexpr int register_count = 16;
#endif

namespace detail {

/// The signed integer as wide as T: what a comparison of T yields, all ones for true.
template <class T>
using SignedOf = std::conditional_t<
    sizeof(T) == 8, std::int64_t,
    std::conditional_t<sizeof(T) == 4, std::int32_t, std::conditional_t<sizeof(T) == 2, std::int16_t, std::int8_t>>>;

#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)

template <class T, std::size_t bytes>
struct VectorOf {
  typedef T type __attribute__((vector_size(bytes)));
};

#else

/// Lanes without compiler support: the same operators, one lane after the other.
template <class T, std::size_t bytes>
struct PlainVector {
  static constexpr int size = static_cast<int>(bytes / sizeof(T));
  using Mask = PlainVector<SignedOf<T>, bytes>;
  T lane[size];

  T& operator[](int i) { return lane[i]; }
  const T& operator[](int i) const { return lane[i]; }

  template <class F>
  static PlainVector each(F f) {
    PlainVector result;
    for (int i = 0; i < size; ++i) result.lane[i] = static_cast<T>(f(i));
    return result;
  }
  template <class F>
  static Mask test(F f) {
    return Mask::each([&](int i) { return f(i) ? -1 : 0; });
  }
#define TESSERA_LANEWISE(op)                                                   \
  friend PlainVector operator op(const PlainVector& a, const PlainVector& b) { \
    return each([&](int i) { return a.lane[i] op b.lane[i]; });                \
  }                                                                            \
  friend PlainVector& operator op##=(PlainVector& a, const PlainVector& b) { return a = a op b; }
  TESSERA_LANEWISE(+)
  TESSERA_LANEWISE(-)
  TESSERA_LANEWISE(*)
  TESSERA_LANEWISE(&)
  TESSERA_LANEWISE(|)
  TESSERA_LANEWISE(^)
#undef TESSERA_LANEWISE
  friend PlainVector operator-(const PlainVector& a) {
    return each([&](int i) { return -a.lane[i]; });
  }
  friend PlainVector operator~(const PlainVector& a) {
    return each([&](int i) { return ~a.lane[i]; });
  }
  friend PlainVector operator<<(const PlainVector& a, int n) {
    return each([&](int i) { return a.lane[i] << n; });
  }
  friend PlainVector operator>>(const PlainVector& a, int n) {
    return each([&](int i) { return a.lane[i] >> n; });
  }
  friend Mask operator<(const PlainVector& a, const PlainVector& b) {
    return test([&](int i) { return a.lane[i] < b.lane[i]; });
  }
  friend Mask operator<=(const PlainVector& a, const PlainVector& b) {
    return test([&](int i) { return a.lane[i] <= b.lane[i]; });
  }
  friend Mask operator>(const PlainVector& a, const PlainVector& b) { return b < a; }
  friend Mask operator>=(const PlainVector& a, const PlainVector& b) { return b <= a; }
  friend Mask operator==(const PlainVector& a, const PlainVector& b) {
    return test([&](int i) { return a.lane[i] == b.lane[i]; });
  }
};

template <class T, std::size_t bytes>
struct VectorOf {
  using type = PlainVector<T, bytes>;
};

#endif

}  // namespace detail

/// A native vector of T.
template <class T>
using Vec = typename detail::VectorOf<T, native_bytes>::type;

/// A vector of 16 bytes, which every target has: for vectors of features too short to fill a native one.
template <class T>
using ShortVec = typename detail::VectorOf<T, 16>::type;
template <class T>
inline constexpr int short_lanes = static_cast<int>(16 / sizeof(T));

/// How many T a native vector holds.
template <class T>
inline constexpr int lanes = static_cast<int>(native_bytes / sizeof(T));

/// What comparing two Vec<T> yields: a vector of integers as wide as T, -1 for true and 0 for false.
template <class T>
using MaskVec = Vec<detail::SignedOf<T>>;

/// `lanes<T>` scalars from any address.
template <class T>
TESSERA_INLINE Vec<T> load(const T* from) {
  Vec<T> vector;
  std::memcpy(&vector, from, sizeof vector);
  return vector;
}

/// `short_lanes<T>` scalars from any address.
template <class T>
TESSERA_INLINE ShortVec<T> load_short(const T* from) {
  ShortVec<T> vector;
  std::memcpy(&vector, from, sizeof vector);
  return vector;
}

/// All lanes of a vector to any address.
template <class T, class V>
TESSERA_INLINE void store(T* to, const V& vector) {
  static_assert(sizeof(vector[0]) == sizeof(T), "store: expected a pointer to the lanes' type");
  std::memcpy(to, &vector, sizeof vector);
}

template <class T>
TESSERA_INLINE Vec<T> broadcast(T value) {
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return value - Vec<T>{};  // x - 0 is x for every x, -0 included (x + 0 is not)
#else
  return Vec<T>::each([&](int) { return value; });
#endif
}

template <class T>
TESSERA_INLINE ShortVec<T> broadcast_short(T value) {
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return value - ShortVec<T>{};
#else
  return ShortVec<T>::each([&](int) { return value; });
#endif
}

/// 0, 1, 2, ...
template <class T>
TESSERA_INLINE Vec<T> iota() {
  Vec<T> vector{};
  TESSERA_UNROLL
  for (int i = 0; i < lanes<T>; ++i) vector[i] = static_cast<T>(i);
  return vector;
}

/// Keeps a vector in a register from here on. A compiler may otherwise load it again for every use, folded into the
/// multiply-adds, and then loads bound a loop that multiply-adds should.
template <class V>
TESSERA_INLINE void keep_in_register([[maybe_unused]] V& vector) {
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD) && defined(__AVX512F__)
  __asm__("" : "+v"(vector));
#elif defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD) && defined(__SSE2__)
  __asm__("" : "+x"(vector));
#endif
}

/// a * b + c, in one rounding where the target has a fused multiply-add. By intrinsics on x86: left to itself GCC fuses
/// some chains and not others (tuned for Zen it avoids chains of sums), and results would depend on the loop around.
template <class V>
TESSERA_INLINE V multiply_add(const V& a, const V& b, const V& c) {
  return a * b + c;
}

#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD) && defined(__FMA__)
TESSERA_INLINE ShortVec<float> multiply_add(const ShortVec<float>& a, const ShortVec<float>& b,
                                            const ShortVec<float>& c) {
  return _mm_fmadd_ps(a, b, c);
}
TESSERA_INLINE ShortVec<double> multiply_add(const ShortVec<double>& a, const ShortVec<double>& b,
                                             const ShortVec<double>& c) {
  return _mm_fmadd_pd(a, b, c);
}
#if defined(__AVX512F__)
TESSERA_INLINE Vec<float> multiply_add(const Vec<float>& a, const Vec<float>& b, const Vec<float>& c) {
  return _mm512_fmadd_ps(a, b, c);
}
TESSERA_INLINE Vec<double> multiply_add(const Vec<double>& a, const Vec<double>& b, const Vec<double>& c) {
  return _mm512_fmadd_pd(a, b, c);
}
#else
TESSERA_INLINE Vec<float> multiply_add(const Vec<float>& a, const Vec<float>& b, const Vec<float>& c) {
  return _mm256_fmadd_ps(a, b, c);
}
TESSERA_INLINE Vec<double> multiply_add(const Vec<double>& a, const Vec<double>& b, const Vec<double>& c) {
  return _mm256_fmadd_pd(a, b, c);
}
#endif
#endif

/// Lane by lane `mask ? a : b`; every lane of `mask` is all ones or all zeros.
template <class V, class M>
TESSERA_INLINE V select(const M& mask, const V& a, const V& b) {
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return mask ? a : b;
#else
  V result;
  for (int i = 0; i < static_cast<int>(sizeof(V) / sizeof(a[0])); ++i) result[i] = mask[i] ? a[i] : b[i];
  return result;
#endif
}

/// The smaller of a and b, b where they do not compare (what the instruction does: neither NaN nor -0 is special).
/// GCC compiles the generic form into two instructions, hence the intrinsics.
template <class V>
TESSERA_INLINE V min(const V& a, const V& b) {
  return select(a < b, a, b);
}
/// The larger of a and b, b where they do not compare.
template <class V>
TESSERA_INLINE V max(const V& a, const V& b) {
  return select(a > b, a, b);
}

#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
#if defined(__AVX512F__)  // the unmasked forms read an undefined register, of which GCC 12 warns
TESSERA_INLINE Vec<float> min(const Vec<float>& a, const Vec<float>& b) {
  return _mm512_maskz_min_ps(static_cast<__mmask16>(-1), a, b);
}
TESSERA_INLINE Vec<double> min(const Vec<double>& a, const Vec<double>& b) {
  return _mm512_maskz_min_pd(static_cast<__mmask8>(-1), a, b);
}
TESSERA_INLINE Vec<float> max(const Vec<float>& a, const Vec<float>& b) {
  return _mm512_maskz_max_ps(static_cast<__mmask16>(-1), a, b);
}
TESSERA_INLINE Vec<double> max(const Vec<double>& a, const Vec<double>& b) {
  return _mm512_maskz_max_pd(static_cast<__mmask8>(-1), a, b);
}
#elif defined(__AVX__)
TESSERA_INLINE Vec<float> min(const Vec<float>& a, const Vec<float>& b) { return _mm256_min_ps(a, b); }
TESSERA_INLINE Vec<double> min(const Vec<double>& a, const Vec<double>& b) { return _mm256_min_pd(a, b); }
TESSERA_INLINE Vec<float> max(const Vec<float>& a, const Vec<float>& b) { return _mm256_max_ps(a, b); }
TESSERA_INLINE Vec<double> max(const Vec<double>& a, const Vec<double>& b) { return _mm256_max_pd(a, b); }
#endif
#if defined(__SSE2__)  // native or short
TESSERA_INLINE ShortVec<float> min(const ShortVec<float>& a, const ShortVec<float>& b) { return _mm_min_ps(a, b); }
TESSERA_INLINE ShortVec<double> min(const ShortVec<double>& a, const ShortVec<double>& b) { return _mm_min_pd(a, b); }
TESSERA_INLINE ShortVec<float> max(const ShortVec<float>& a, const ShortVec<float>& b) { return _mm_max_ps(a, b); }
TESSERA_INLINE ShortVec<double> max(const ShortVec<double>& a, const ShortVec<double>& b) { return _mm_max_pd(a, b); }
#endif
#endif

namespace detail {

/// Lane i of the result is lane i ^ distance of `v`.
template <int distance, class V, std::size_t... I>
TESSERA_INLINE V swap_lanes(const V& v, std::index_sequence<I...>) {
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return __builtin_shufflevector(v, v, static_cast<int>(I ^ distance)...);
#else
  return V::each([&](int i) { return v[i ^ distance]; });
#endif
}

/// Combines all lanes of `v` with `op`, neighbours first: a fixed order.
template <int distance, class V, class Op>
TESSERA_INLINE auto reduce(const V& v, Op op) {
  constexpr int size = static_cast<int>(sizeof(V) / sizeof(v[0]));
  if constexpr (distance >= size) {
    return v[0];
  } else {
    const V other = swap_lanes<distance>(v, std::make_index_sequence<size>());
    return reduce<2 * distance>(op(v, other), op);
  }
}

}  // namespace detail

/// The smallest lane.
template <class V>
TESSERA_INLINE auto reduce_min(const V& vector) {
  return detail::reduce<1>(vector, [](const V& a, const V& b) { return min(a, b); });
}

/// The sum of the lanes, neighbours first: a fixed order.
template <class V>
TESSERA_INLINE auto reduce_add(const V& vector) {
  return detail::reduce<1>(vector, [](const V& a, const V& b) { return a + b; });
}

namespace detail {

/// Lanes `from`, `from` + 1, ... of `v`, as many as I.
template <std::size_t from, class V, std::size_t... I>
TESSERA_INLINE auto part(const V& v, std::index_sequence<I...>) {
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return __builtin_shufflevector(v, v, static_cast<int>(from + I)...);
#else
  using T = std::remove_cvref_t<decltype(v[0])>;
  return PlainVector<T, sizeof...(I) * sizeof(T)>::each([&](int i) { return v[static_cast<int>(from) + i]; });
#endif
}

/// `offset` selects halves of groups of 2 `distance` lanes: a's group fills the lower half, b's the upper.
template <std::size_t distance, std::size_t offset, class V, std::size_t... I>
TESSERA_INLINE V interleave(const V& a, const V& b, std::index_sequence<I...>) {
  const auto source = [](std::size_t i) { return i - i % (2 * distance) + offset + i % distance; };
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return __builtin_shufflevector(
      a, b, static_cast<int>(I % (2 * distance) < distance ? source(I) : sizeof...(I) + source(I))...);
#else
  return V::each([&](int i) {
    const auto lane = static_cast<std::size_t>(i);
    return (lane % (2 * distance) < distance ? a : b)[static_cast<int>(source(lane))];
  });
#endif
}

}  // namespace detail

/// The sum of the halves of a vector, again and again, until 16 bytes are left.
template <class V>
TESSERA_INLINE auto fold_to_short(const V& vector) {
  if constexpr (sizeof(V) == 16) {
    return vector;
  } else {
    constexpr std::size_t half = sizeof(V) / sizeof(vector[0]) / 2;
    return fold_to_short(detail::part<0>(vector, std::make_index_sequence<half>()) +
                         detail::part<half>(vector, std::make_index_sequence<half>()));
  }
}

/// The sums of the lanes of `short_lanes<T>` vectors, in their order, as one vector.
template <class T>
TESSERA_INLINE ShortVec<T> sum_each(const ShortVec<T>* vectors) {
  constexpr auto all = std::make_index_sequence<short_lanes<T>>();
  const auto pair = [&](const ShortVec<T>& a, const ShortVec<T>& b) {
    return detail::interleave<1, 0>(a, b, all) + detail::interleave<1, 1>(a, b, all);
  };
  if constexpr (short_lanes<T> == 2) {
    return pair(vectors[0], vectors[1]);
  } else {
    static_assert(short_lanes<T> == 4, "sum_each: expected float or double");
    const ShortVec<T> low = pair(vectors[0], vectors[1]);
    const ShortVec<T> high = pair(vectors[2], vectors[3]);
    return detail::interleave<2, 0>(low, high, all) + detail::interleave<2, 2>(low, high, all);
  }
}

/// Bit i is set where lane i of the mask is true; lanes of 4 or 8 bytes.
template <class M>
TESSERA_INLINE unsigned true_bits(const M& mask) {
  constexpr std::size_t lane_bytes = sizeof(mask[0]);
  static_assert(lane_bytes == 4 || lane_bytes == 8, "true_bits: expected lanes of 4 or 8 bytes");
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD) && defined(__SSE2__)
  if constexpr (sizeof(M) == 16 && lane_bytes == 4) return static_cast<unsigned>(_mm_movemask_ps((__m128)mask));
  if constexpr (sizeof(M) == 16 && lane_bytes == 8) return static_cast<unsigned>(_mm_movemask_pd((__m128d)mask));
#if defined(__AVX__)
  if constexpr (sizeof(M) == 32 && lane_bytes == 4) return static_cast<unsigned>(_mm256_movemask_ps((__m256)mask));
  if constexpr (sizeof(M) == 32 && lane_bytes == 8) return static_cast<unsigned>(_mm256_movemask_pd((__m256d)mask));
#endif
#if defined(__AVX512F__)
  if constexpr (sizeof(M) == 64 && lane_bytes == 4) return _mm512_cmplt_epi32_mask((__m512i)mask, __m512i{});
  if constexpr (sizeof(M) == 64 && lane_bytes == 8) return _mm512_cmplt_epi64_mask((__m512i)mask, __m512i{});
#endif
#else
  unsigned bits = 0;
  for (std::size_t i = 0; i < sizeof(M) / lane_bytes; ++i) bits |= (mask[static_cast<int>(i)] != 0 ? 1u : 0u) << i;
  return bits;
#endif
}

/// The lowest lane whose mask is true; the number of lanes or more where none is.
template <class M>
TESSERA_INLINE int first_true(const M& mask) {
  return std::countr_zero(true_bits(mask));
}

}  // namespace simd
}  // namespace tessera::inline TESSERA_ISA
