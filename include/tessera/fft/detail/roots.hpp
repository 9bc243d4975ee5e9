// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Roots of unity to the last place: the index is reduced in integers to the first eighth of the circle, where sine and
// cosine of long doubles are accurate, and the result is rounded once.

#include <cmath>
#include <complex>
#include <cstdint>
#include <utility>

#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// exp(2 pi i k / n) for any integer k and 0 < n < 2^60.
template <class Scalar>
std::complex<Scalar> unit_root(std::int64_t k, std::int64_t n) {
  k %= n;
  if (k < 0) k += n;
  // Angles in units of 1/8 turn: 8 k / n = octant + rest / n, the odd octants measured from their end.
  const std::int64_t octant = 8 * k / n;
  const std::int64_t rest = 8 * k % n;
  const bool odd = octant % 2 == 1;
  constexpr long double eighth_turn = 0.785398163397448309615660845819875721L;
  const long double angle = eighth_turn * static_cast<long double>(odd ? n - rest : rest) / static_cast<long double>(n);
  long double x = std::cos(angle), y = std::sin(angle);
  if (odd) std::swap(x, y);
  switch (octant / 2) {
    case 0:
      break;
    case 1:
      x = -std::exchange(y, x);
      break;
    case 2:
      x = -x, y = -y;
      break;
    default:
      y = -std::exchange(x, y);
      break;
  }
  return {static_cast<Scalar>(x), static_cast<Scalar>(y)};
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
