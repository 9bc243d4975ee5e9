// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Signals of as many channels as a vector has lanes, from rows (time contiguous) to vectors (channels contiguous) and
// back. What is not finite, and what is denormal, becomes 0 on the way in.

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include <tessera/core/simd.hpp>
#include <tessera/ssm/detail/modal_stream_group.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Lane j of vector i becomes lane i of vector j.
template <class Scalar, int distance = 1>
TESSERA_INLINE void transpose_lanes(simd::Vec<Scalar> (&v)[simd::lanes<Scalar>]) {
  constexpr int lanes = simd::lanes<Scalar>;
  constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(lanes)>();
  if constexpr (distance < lanes) {
    TESSERA_UNROLL
    for (int i = 0; i < lanes; ++i) {
      if ((i & distance) != 0) continue;
      const simd::Vec<Scalar> low = v[i], high = v[i + distance];
      v[i] = simd::detail::interleave<distance, 0>(low, high, all);
      v[i + distance] = simd::detail::interleave<distance, distance>(low, high, all);
    }
    transpose_lanes<Scalar, 2 * distance>(v);
  }
}

/// Zeroes what is not a normal number; returns how many lanes were not finite.
template <class Scalar>
TESSERA_INLINE int clean(simd::Vec<Scalar>& vector) {
  using Lanes = LaneBits<Scalar>;
  const auto magnitude = Lanes::magnitude(vector);
  const auto finite = Lanes::finite(magnitude);
  vector = Lanes::keep(vector, finite & Lanes::at_least(magnitude, std::numeric_limits<Scalar>::min()));
  return simd::lanes<Scalar> - std::popcount(simd::true_bits(finite));
}

/// `count` samples of every row into vectors; returns how many were not finite.
template <class Scalar>
Index rows_to_lanes(const Scalar* const (&row)[simd::lanes<Scalar>], Index count, Scalar* to) {
  constexpr int lanes = simd::lanes<Scalar>;
  Index bad = 0, t = 0;
  for (; t + lanes <= count; t += lanes) {
    simd::Vec<Scalar> v[lanes];
    TESSERA_UNROLL
    for (int i = 0; i < lanes; ++i) v[i] = simd::load(row[i] + t);
    transpose_lanes<Scalar>(v);
    TESSERA_UNROLL
    for (int i = 0; i < lanes; ++i) {
      bad += clean<Scalar>(v[i]);
      simd::store(to + (t + i) * lanes, v[i]);
    }
  }
  for (; t < count; ++t) {
    Scalar one[lanes];
    for (int i = 0; i < lanes; ++i) one[i] = row[i][t];
    simd::Vec<Scalar> vector = simd::load(one);
    bad += clean<Scalar>(vector);
    simd::store(to + t * lanes, vector);
  }
  return bad;
}

/// `count` vectors into the first `rows` rows.
template <class Scalar>
void lanes_to_rows(const Scalar* from, Index count, int rows, Scalar* const (&row)[simd::lanes<Scalar>]) {
  constexpr int lanes = simd::lanes<Scalar>;
  Index t = 0;
  for (; t + lanes <= count; t += lanes) {
    simd::Vec<Scalar> v[lanes];
    TESSERA_UNROLL
    for (int i = 0; i < lanes; ++i) v[i] = simd::load(from + (t + i) * lanes);
    transpose_lanes<Scalar>(v);
    TESSERA_UNROLL
    for (int i = 0; i < lanes; ++i) {
      if (i < rows) simd::store(row[i] + t, v[i]);
    }
  }
  for (; t < count; ++t) {
    for (int i = 0; i < rows; ++i) row[i][t] = from[t * lanes + i];
  }
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
