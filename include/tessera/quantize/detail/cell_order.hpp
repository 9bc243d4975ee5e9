// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Telling the few codes of a cell apart: |x - c|^2 (or -x.c/|c|) evaluated directly, several codes side by side. The
// difference form has a relative error bound, far tighter than the score of the scan.

#include <algorithm>
#include <array>
#include <limits>

#include <tessera/core/batch.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/quantize/metric.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Sums over the dimensions of `term(x[d], code[d])` for `count` codes at once: native vectors, then short ones, then
/// scalars, as many as fit.
template <int count, class Scalar, class Term>
TESSERA_INLINE std::array<Scalar, count> sum_over_codes(const Scalar* x, const std::array<const Scalar*, count>& codes,
                                                        Index dimension, Term term) {
  std::array<Scalar, count> totals{};
  Index d = 0;
  const auto add_vectors = [&](auto load, Index lanes) {
    decltype(load(x)) sums[count] = {};
    for (; d + lanes <= dimension; d += lanes) {
      const auto value = load(x + d);
      TESSERA_UNROLL
      for (std::size_t i = 0; i < count; ++i) sums[i] += term(value, load(codes[i] + d));
    }
    TESSERA_UNROLL
    for (std::size_t i = 0; i < count; ++i) totals[i] += simd::reduce_add(sums[i]);
  };
  if (dimension >= simd::lanes<Scalar>) add_vectors([](const Scalar* p) { return simd::load(p); }, simd::lanes<Scalar>);
  if (dimension - d >= simd::short_lanes<Scalar>) {
    add_vectors([](const Scalar* p) { return simd::load_short(p); }, simd::short_lanes<Scalar>);
  }
  for (; d < dimension; ++d) {
    TESSERA_UNROLL
    for (std::size_t i = 0; i < count; ++i) totals[i] += term(x[d], codes[i][d]);
  }
  return totals;
}

/// The order values of the `valid` codes of a cell (the rest of `count` repeat a code and do not take part), the best of
/// them, and the value up to which another may still be as near.
template <class Scalar, int count>
class CellOrder {
 public:
  using Codes = std::array<const Scalar*, count>;

  static CellOrder distances(const Scalar* x, const Codes& codes, Index valid, Index dimension) {
    CellOrder order(valid, sum_over_codes<count>(x, codes, dimension, [](const auto& a, const auto& b) {
                      const auto difference = a - b;
                      return difference * difference;
                    }));
    const auto terms = static_cast<Scalar>(dimension + 8);
    order.limit_ = order.smallest_ * (1 + Scalar(2.5) * terms * unit_roundoff) + flushed * terms * (1 + order.smallest_);
    return order;
  }

  /// `inverse_norms` belong to the codes; `norm` is |x|.
  static CellOrder cosines(const Scalar* x, const Codes& codes, const std::array<Scalar, count>& inverse_norms,
                           Scalar norm, Index valid, Index dimension) {
    auto values = sum_over_codes<count>(x, codes, dimension, [](const auto& a, const auto& b) { return a * b; });
    Scalar largest = 0;
    for (std::size_t i = 0; i < count; ++i) {
      values[i] *= -inverse_norms[i];
      largest = std::max(largest, inverse_norms[i]);
    }
    CellOrder order(valid, values);
    const auto terms = static_cast<Scalar>(dimension + 8);
    order.limit_ = order.smallest_ + Scalar(4.5) * terms * unit_roundoff * norm + flushed * terms * (1 + norm) * (1 + largest);
    return order;
  }

  /// The position of the best in the cell.
  Index best() const { return best_; }

  /// No other code can be the nearest, nor as near as the best.
  bool is_certain() const {
    int near = 0;
    for (std::size_t i = 0; i < count; ++i) near += values_[i] <= limit_ ? 1 : 0;
    return near == 1;
  }

 private:
  static constexpr Scalar unit_roundoff = std::numeric_limits<Scalar>::epsilon() / 2;
  static constexpr Scalar flushed = 8 * std::numeric_limits<Scalar>::min();  // what taking subnormals for zero can lose

  /// Without branches: which code of a cell wins is a matter of chance, and no processor predicts it.
  CellOrder(Index valid, const std::array<Scalar, count>& values) : values_(values) {
    for (Index i = valid; i < count; ++i) values_[static_cast<std::size_t>(i)] = std::numeric_limits<Scalar>::max();
    smallest_ = values_[0];
    for (std::size_t i = 1; i < count; ++i) {
      const Index closer = values_[i] < smallest_ ? 1 : 0;
      best_ += (static_cast<Index>(i) - best_) * closer;
      smallest_ = std::min(values_[i], smallest_);
    }
  }

  std::array<Scalar, count> values_;
  Scalar smallest_;
  Scalar limit_ = 0;
  Index best_ = 0;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
