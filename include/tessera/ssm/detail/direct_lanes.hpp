// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The transposed direct form of a transfer function of order n, each lane a channel of its own:
//
//   w = s_1,   y = h_0 u + w,   s_j <- s_(j+1) + b_j u - a_j w   (j = 1 ... n, s_(n+1) = 0),
//
// two multiply-adds for each number of the state. Four samples at once go through the state a single time; each number
// meets them in their order, so that how samples are cut into calls does not change a bit.

#include <algorithm>
#include <cstddef>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/ssm/detail/lane_recursion.hpp>
#include <tessera/ssm/detail/rational_engine.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// A group of up to `width` channels: coefficients and state, which begin with those of index 1.
template <class Scalar>
class DirectLanes {
 public:
  using Vector = simd::Vec<Scalar>;
  static constexpr Index width = simd::lanes<Scalar>;

  explicit DirectLanes(Index order) : order_(order) {
    const auto size = static_cast<std::size_t>((order + margin) * width);
    numerator_.resize(size);
    denominator_.resize(size);
    state_.resize(size);
    skip_.resize(static_cast<std::size_t>(width));
  }

  Index order() const { return order_; }

  /// Channels first ... first + count - 1; the state is as it was.
  void set(const RationalParameters<Scalar>& parameters, Index first, Index count) {
    for (Index i = 0; i < count; ++i) {
      const Scalar* b = parameters.numerator[first + i];
      const Scalar* a = parameters.denominator[parameters.group(first + i)];
      for (Index j = 0; j < order_; ++j) {
        numerator_[place(j, i)] = b[j];
        denominator_[place(j, i)] = -a[j];
      }
      skip_[place(0, i)] = parameters.skip[first + i];
    }
  }

  Scalar& state(Index j, Index lane) { return state_[place(j, lane)]; }
  const Scalar& state(Index j, Index lane) const { return state_[place(j, lane)]; }
  /// All numbers of the state, vector after vector.
  Scalar* states() { return state_.data(); }

  /// `count` samples at `tile`, a vector each, become results.
  void run(Scalar* tile, Index count) {
    Index t = 0;
    for (; t + 4 <= count; t += 4) run_some<4>(tile + t * width);
    for (; t < count; ++t) run_some<1>(tile + t * width);
  }

 private:
  static constexpr Index margin = 4;  // zeros after the last

  static std::size_t place(Index j, Index lane) { return static_cast<std::size_t>(j * width + lane); }

  /// x after the sample that coefficients j meet; `a` has the opposite sign of a_j.
  static TESSERA_INLINE Vector after(const Scalar* b, const Scalar* a, Index j, const Vector& u, const Vector& w,
                                     const Vector& x) {
    return simd::multiply_add(simd::load(b + j * width), u, simd::multiply_add(simd::load(a + j * width), w, x));
  }

  template <int samples>
  TESSERA_INLINE void run_some(Scalar* tile) {
    const Scalar *b = numerator_.data(), *a = denominator_.data();
    Scalar* s = state_.data();
    Vector u[samples], w[samples];
    TESSERA_UNROLL
    for (int i = 0; i < samples; ++i) {
      u[i] = simd::load(tile + i * width);
      Vector x = simd::load(s + i * width);
      TESSERA_UNROLL
      for (int k = 0; k < i; ++k) x = after(b, a, i - 1 - k, u[k], w[k], x);
      w[i] = without_dust<Scalar>(x);
      simd::store(tile + i * width, simd::multiply_add(simd::load(skip_.data()), u[i], w[i]));
    }
    for (Index j = 0; j < order_; ++j) {
      Vector x = simd::load(s + (j + samples) * width);
      TESSERA_UNROLL
      for (int k = 0; k < samples; ++k) x = after(b, a, j + samples - 1 - k, u[k], w[k], x);
      simd::store(s + j * width, x);
    }
  }

  Index order_ = 0;
  AlignedVector<Scalar> numerator_;
  AlignedVector<Scalar> denominator_;  // -a_j
  AlignedVector<Scalar> state_;
  AlignedVector<Scalar> skip_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
