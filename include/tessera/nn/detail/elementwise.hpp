// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Functions of one scalar over batches, through native vectors. The tail of a row is padded and goes through the same
// instructions as the rest, so that a scalar's result depends neither on its place nor on the batch.

#include <algorithm>

#include <tessera/core/batch.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Lane by lane a / b.
template <class V>
TESSERA_INLINE V divide(const V& a, const V& b) {
  if constexpr (requires { a / b; }) {
    return a / b;
  } else {
    V result;
    for (int i = 0; i < static_cast<int>(sizeof(V) / sizeof(a[0])); ++i) result[i] = a[i] / b[i];
    return result;
  }
}

/// Lane by lane the integer below x >= 0 (what the conversion of a positive number to an integer type is).
template <class T>
TESSERA_INLINE simd::MaskVec<T> truncate(const simd::Vec<T>& x) {
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return __builtin_convertvector(x, simd::MaskVec<T>);
#else
  return simd::MaskVec<T>::each([&](int i) { return x[i]; });
#endif
}

/// Lane by lane the integer as a floating-point number.
template <class T>
TESSERA_INLINE simd::Vec<T> to_scalar(const simd::MaskVec<T>& x) {
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return __builtin_convertvector(x, simd::Vec<T>);
#else
  return simd::Vec<T>::each([&](int i) { return x[i]; });
#endif
}

/// `size` scalars, fewer than a vector holds, padded with zeros.
template <class Scalar>
TESSERA_INLINE simd::Vec<Scalar> load_padded(const Scalar* from, Index size) {
  Scalar lane[simd::lanes<Scalar>] = {};
  std::copy_n(from, size, lane);
  return simd::load(static_cast<const Scalar*>(lane));
}

/// y[i] = f(a[i], b[i]...) for `size` scalars, whole vectors at a time; y may be one of the inputs.
template <class Scalar, class F, class... Pointers>
void map_vectors(Index size, Scalar* y, F f, const Pointers*... inputs) {
  constexpr Index lanes = simd::lanes<Scalar>;
  Index i = 0;
  for (; i + lanes <= size; i += lanes) simd::store(y + i, f(simd::load(inputs + i)...));
  if (i == size) return;
  Scalar lane[lanes];
  simd::store(static_cast<Scalar*>(lane), f(load_padded(inputs + i, size - i)...));
  std::copy_n(lane, size - i, y + i);
}

/// The same for batches of equal shape: one run when all are free of gaps, else row by row.
template <class Scalar, class F, class... Batches>
void map_batches(Batch<Scalar> y, F f, const Batches&... inputs) {
  if (y.contiguous() && (inputs.contiguous() && ...)) {
    map_vectors(y.count() * y.dimension(), y.data(), f, inputs.data()...);
  } else {
    for (Index row = 0; row < y.count(); ++row) map_vectors(y.dimension(), y[row], f, inputs[row]...);
  }
}

/// The sum of f(a[i], b[i]...) over `size` scalars, in an order that depends on `size` alone.
template <class Scalar, class F, class... Pointers>
Scalar sum_vectors(Index size, F f, const Pointers*... inputs) {
  constexpr Index lanes = simd::lanes<Scalar>;
  simd::Vec<Scalar> sum{};
  Index i = 0;
  for (; i + lanes <= size; i += lanes) sum += f(simd::load(inputs + i)...);
  if (i < size) {
    Scalar lane[lanes];
    simd::store(static_cast<Scalar*>(lane), f(load_padded(inputs + i, size - i)...));
    sum += load_padded(static_cast<const Scalar*>(lane), size - i);  // what padding gave does not count
  }
  return simd::reduce_add(sum);
}

inline void require_same_shape(const char* who, const char* argument, Index count, Index dimension, Index found_count,
                               Index found_dimension) {
  require(count == found_count && dimension == found_dimension, "{}: expected {} of shape {} x {}, found {} x {}", who,
          argument, count, dimension, found_count, found_dimension);
}

template <class A, class B>
void require_same_shape(const char* who, const char* argument, const Batch<A>& expected, const Batch<B>& found) {
  require_same_shape(who, argument, expected.count(), expected.dimension(), found.count(), found.dimension());
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
