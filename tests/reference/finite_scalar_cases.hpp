// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What the tests of finite scalar quantization share: quantizers and level counts by dialect, batches laid out
// awkwardly, and the oracle of whole batches.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/quantize/finite_scalar.hpp>

#include "reference/finite_scalar.hpp"
#include "support/random_matrix.hpp"

namespace tessera::testing::fsq {

template <class Scalar>
FiniteScalarQuantizer<Scalar> quantizer_of(FsqDialect dialect, std::vector<int> levels,
                                           GradientEstimator estimator = GradientEstimator::straight_through) {
  return FiniteScalarQuantizer<Scalar>({.levels = std::move(levels), .dialect = dialect, .estimator = estimator});
}

/// `count` level counts between 2 and 9 that the dialect has, changing from dimension to dimension.
inline std::vector<int> mixed_levels(FsqDialect dialect, Index count, std::uint64_t seed) {
  SplitMix random(seed);
  std::vector<int> levels;
  while (static_cast<Index>(levels.size()) < count) {
    const int level = 2 + static_cast<int>(random.below(8));
    if (level_range(dialect).contains(level)) levels.push_back(level);
  }
  return levels;
}

/// The digits of a batch by the formula in long double.
template <class Scalar>
RowMatrix<int> naive_digits(FsqDialect dialect, const std::vector<int>& levels, const RowMatrix<Scalar>& z) {
  RowMatrix<int> digits(z.rows(), z.cols());
  for (Index i = 0; i < z.rows(); ++i) {
    for (Index d = 0; d < z.cols(); ++d) {
      digits(i, d) = level(dialect, levels[static_cast<std::size_t>(d)], static_cast<Real>(z(i, d)));
    }
  }
  return digits;
}

/// Their indices: Horner's rule, the last dimension innermost.
inline Tokens<> naive_indices(const std::vector<int>& levels, const RowMatrix<int>& digits) {
  Tokens<> tokens(digits.rows(), 1);
  for (Index i = 0; i < digits.rows(); ++i) {
    std::int64_t index = 0;
    for (Index d = digits.cols(); d-- > 0;) index = index * levels[static_cast<std::size_t>(d)] + digits(i, d);
    tokens(i, 0) = index;
  }
  return tokens;
}

/// Shapes and all numbers are equal. A plain loop: expressions of Eigen's cost seconds to compile.
template <class A, class B>
bool same(const A& a, const B& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols()) return false;
  for (Index i = 0; i < a.rows(); ++i) {
    for (Index j = 0; j < a.cols(); ++j) {
      if (!(a(i, j) == b(i, j))) return false;
    }
  }
  return true;
}

/// All numbers are `value`.
template <class A>
bool all_are(const A& a, typename A::Scalar value) {
  for (Index i = 0; i < a.rows(); ++i) {
    for (Index j = 0; j < a.cols(); ++j) {
      if (!(a(i, j) == value)) return false;
    }
  }
  return true;
}

/// The rows named.
template <class Scalar>
RowMatrix<Scalar> rows_of(const RowMatrix<Scalar>& from, const std::vector<Index>& named) {
  RowMatrix<Scalar> some(static_cast<Index>(named.size()), from.cols());
  for (std::size_t i = 0; i < named.size(); ++i) some.row(static_cast<Index>(i)) = from.row(named[i]);
  return some;
}

/// The scalars as one column.
template <class Scalar>
RowMatrix<Scalar> column(const std::vector<Scalar>& values) {
  return Eigen::Map<const RowMatrix<Scalar>>(values.data(), static_cast<Index>(values.size()), 1);
}

template <class Scalar>
std::vector<int> levels_of(const FiniteScalarQuantizer<Scalar>& quantizer, const std::vector<Scalar>& values) {
  const RowMatrix<Scalar> batch = column(values);
  const Tokens<> tokens = quantizer.encode(rows(batch));
  return {tokens.data(), tokens.data() + tokens.size()};
}

/// Vectors laid out with gaps, from an address that is no multiple of a register to the very end of the memory. The
/// gaps hold NaN: nobody may look at them.
template <class Scalar>
struct Scattered {
  Scattered(const RowMatrix<Scalar>& values, Index stride, Index offset)
      : memory(static_cast<std::size_t>(offset + std::max<Index>(values.rows() - 1, 0) * stride + values.cols()),
               std::numeric_limits<Scalar>::quiet_NaN()),
        batch(memory.data() + offset, values.rows(), values.cols(), stride) {
    for (Index i = 0; i < values.rows(); ++i) std::copy_n(values.row(i).data(), values.cols(), batch[i]);
  }
  Batch<const Scalar> view() const { return batch; }
  std::vector<Scalar> memory;
  Batch<Scalar> batch;
};

}  // namespace tessera::testing::fsq
