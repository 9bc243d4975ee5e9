// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Sums along a row in a fixed order, which float rounding spoils little: short pieces in lanes, the pieces in double.

#include <algorithm>

#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// sum over n of a[n] b[n].
template <class Scalar>
double sum_of_products(const Scalar* a, const Scalar* b, Index size) {
  constexpr Index lanes = simd::lanes<Scalar>, piece = 32 * lanes;
  double total = 0;
  Index n = 0;
  while (n + lanes <= size) {
    simd::Vec<Scalar> sum{};
    const Index end = std::min(size, n + piece);
    for (; n + lanes <= end; n += lanes) sum = simd::multiply_add(simd::load(a + n), simd::load(b + n), sum);
    total += static_cast<double>(simd::reduce_add(sum));
  }
  for (; n < size; ++n) total += static_cast<double>(a[n]) * static_cast<double>(b[n]);
  return total;
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
