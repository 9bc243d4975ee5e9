// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Sums that do not depend on the order of their terms. Each term is rounded once, to a multiple of a power of two, and
// multiples are added as integers: any order, any grouping and any number of threads give the same bits. The spacing
// travels with the sums, and sums on different grids do not mix.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {

/// The multiples of 2^exponent.
class Grid {
 public:
  Grid() = default;

  /// Throws std::invalid_argument unless -1000 <= exponent <= 1022.
  explicit Grid(int exponent) : exponent_(exponent) {
    require(exponent >= finest && exponent <= coarsest, "Grid: expected an exponent between {} and {}, found {}",
            finest, coarsest, exponent);
  }

  /// A grid that holds numbers up to `largest` in magnitude, with a bit to spare, and on which `addends` of them have
  /// sums below 2^62 steps: a spacing of 2^-49 of `largest` or less for up to 4095 addends, twice that for each further
  /// doubling, and never below 2^-1000. Throws std::invalid_argument on a non-finite or negative `largest`, on
  /// addends < 1, and when no grid is coarse enough.
  static Grid covering(double largest, Index addends) {
    require(is_finite(largest) && largest >= 0 && addends >= 1,
            "Grid: expected a finite magnitude and at least one addend, found {} and {}", largest, addends);
    const int magnitude = largest >= power_of_two(finest) ? std::ilogb(largest) + 1 : finest;  // largest < 2^magnitude
    const int count_bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(addends)));
    return Grid(std::max(finest, magnitude - std::min(step_bits - 1, 62 - count_bits)));
  }

  int exponent() const { return exponent_; }
  /// The distance of neighbours.
  double spacing() const { return power_of_two(exponent_); }
  /// Numbers of this magnitude and above do not fit; infinity where every finite number does.
  double limit() const { return power_of_two(std::min(exponent_ + step_bits, 1024)); }
  /// True for a finite number that fits.
  bool contains(double x) const { return is_finite(x) && std::abs(x) < limit(); }

  /// x in steps: the nearest, ties to even. x must fit.
  std::int64_t round(double x) const { return round_scaled(x * power_of_two(-exponent_)); }

  /// A number of steps as a double (rounded, if it takes more than 53 bits).
  double value(std::int64_t steps) const { return static_cast<double>(steps) * spacing(); }

  /// sums[i] += round(x[i]) for i < size. Every x[i] must fit.
  template <class Scalar>
  void add(const Scalar* x, Index size, std::int64_t* sums) const {
    const double scale = power_of_two(-exponent_);
    Index i = 0;
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
    constexpr Index lanes = simd::lanes<double>;
    using Vec = simd::Vec<double>;
    using Steps = simd::MaskVec<double>;
    using Source = typename simd::detail::VectorOf<Scalar, lanes * sizeof(Scalar)>::type;
    for (; i + lanes <= size; i += lanes) {
      Source source;
      std::memcpy(&source, x + i, sizeof source);
      const Vec shifted =
          simd::multiply_add(__builtin_convertvector(source, Vec), simd::broadcast(scale), simd::broadcast(shift));
      Steps steps;
      std::memcpy(&steps, &shifted, sizeof steps);
      steps = steps - simd::broadcast(std::bit_cast<std::int64_t>(shift)) + simd::load(sums + i);
      std::memcpy(sums + i, &steps, sizeof steps);
    }
#endif
    for (; i < size; ++i) sums[i] += round_scaled(static_cast<double>(x[i]) * scale);
  }

  friend bool operator==(const Grid&, const Grid&) = default;

 private:
  static constexpr int finest = -1000;
  static constexpr int coarsest = 1022;  // the last whose inverse is a normal number
  static constexpr int step_bits = 51;
  static constexpr double shift = 0x1.8p52;  // adding it leaves the nearest integer in the low bits of the mantissa

  /// By bits: what a compiler assumes of floating-point algebra cannot undo the rounding.
  static std::int64_t round_scaled(double x) {
    return std::bit_cast<std::int64_t>(x + shift) - std::bit_cast<std::int64_t>(shift);
  }

  /// Infinity for 1024.
  static double power_of_two(int exponent) {
    return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
  }

  int exponent_ = -30;
};

}  // namespace tessera::inline TESSERA_ISA
