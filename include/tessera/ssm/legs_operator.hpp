// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The LegS matrix
//
//   A_nk = -sqrt((2 n + 1) (2 k + 1)) for n > k,   -(n + 1) for n = k,   0 for n < k
//
// without the matrix: below the diagonal it is a product of a column and a row, so that one running sum multiplies by
// it, and another solves (I - lambda A) z = v by forward substitution, in O(order) (Gu, Dao, Ermon, Rudra and Re,
// HiPPO, NeurIPS 2020, appendix E). With r_n = sqrt(2 n + 1),
//
//   (A v)_n = -(n + 1) v_n - r_n sum over k < n of r_k v_k
//   z_n = (v_n - lambda r_n sum over k < n of r_k z_k) / (1 + lambda (n + 1)).
//
// The transposes run from the other end.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {

/// Each vector of a batch has `order` scalars. Vectors do not meet: each has the same bits whatever the others are.
/// Results may be written over the argument. No call allocates but those that return a matrix.
template <class Scalar>
class LegSOperator {
 public:
  /// Throws std::invalid_argument unless order >= 1.
  explicit LegSOperator(Index order) {
    require(order >= 1, "LegSOperator: expected an order of at least 1, found {}", order);
    root_.resize(static_cast<std::size_t>(order));
    for (Index n = 0; n < order; ++n)
      root_[static_cast<std::size_t>(n)] = static_cast<Scalar>(std::sqrt(static_cast<double>(2 * n + 1)));
  }

  Index order() const { return static_cast<Index>(root_.size()); }

  /// A v for each vector v. All of these throw std::invalid_argument on other shapes and on scalars that are not
  /// finite.
  void multiply_into(Batch<const Scalar> vectors, Batch<Scalar> result) const {
    check(vectors, result);
    run<false>(vectors, result, Multiply{});
  }
  RowMatrix<Scalar> multiply(Batch<const Scalar> vectors) const {
    RowMatrix<Scalar> result(vectors.count(), order());
    multiply_into(vectors, rows(result));
    return result;
  }

  /// A^T v.
  void multiply_transposed_into(Batch<const Scalar> vectors, Batch<Scalar> result) const {
    check(vectors, result);
    run<true>(vectors, result, Multiply{});
  }
  RowMatrix<Scalar> multiply_transposed(Batch<const Scalar> vectors) const {
    RowMatrix<Scalar> result(vectors.count(), order());
    multiply_transposed_into(vectors, rows(result));
    return result;
  }

  /// The z with (I - lambda A) z = v; lambda is finite and at least 0, which keeps the matrix far from singular.
  void solve_into(Scalar lambda, Batch<const Scalar> vectors, Batch<Scalar> result) const {
    check(vectors, result);
    check_lambda(lambda);
    run<false>(vectors, result, Solve{lambda});
  }
  RowMatrix<Scalar> solve(Scalar lambda, Batch<const Scalar> vectors) const {
    RowMatrix<Scalar> result(vectors.count(), order());
    solve_into(lambda, vectors, rows(result));
    return result;
  }

  /// The z with (I - lambda A^T) z = v.
  void solve_transposed_into(Scalar lambda, Batch<const Scalar> vectors, Batch<Scalar> result) const {
    check(vectors, result);
    check_lambda(lambda);
    run<true>(vectors, result, Solve{lambda});
  }
  RowMatrix<Scalar> solve_transposed(Scalar lambda, Batch<const Scalar> vectors) const {
    RowMatrix<Scalar> result(vectors.count(), order());
    solve_transposed_into(lambda, vectors, rows(result));
    return result;
  }

 private:
  using Vector = simd::Vec<Scalar>;
  static constexpr Index lanes = simd::lanes<Scalar>;
  static constexpr Index tile = 32;  // entries of `lanes` vectors that are transposed at a time

  /// One entry of the result from one entry of the argument; `sum` is that of the entries before.
  struct Multiply {
    TESSERA_INLINE Vector operator()(const Vector& v, Vector& sum, Scalar root, Scalar n) const {
      const Vector scale = simd::broadcast<Scalar>(-root);
      const Vector result = simd::multiply_add(scale, sum, simd::broadcast<Scalar>(-(n + 1)) * v);
      sum = simd::multiply_add(simd::broadcast<Scalar>(root), v, sum);
      return result;
    }
  };
  struct Solve {
    Scalar lambda;
    TESSERA_INLINE Vector operator()(const Vector& v, Vector& sum, Scalar root, Scalar n) const {
      const Vector right = simd::multiply_add(simd::broadcast<Scalar>(-lambda * root), sum, v);
      const Vector result = simd::broadcast<Scalar>(1 / (1 + lambda * (n + 1))) * right;
      sum = simd::multiply_add(simd::broadcast<Scalar>(root), result, sum);
      return result;
    }
  };

  /// Vectors become lanes, tile by tile; lanes without a vector hold zeros.
  template <bool transposed, class Entry>
  void run(Batch<const Scalar> vectors, Batch<Scalar> result, const Entry& entry) const {
    alignas(64) Scalar values[tile * lanes];
    for (Index first = 0; first < vectors.count(); first += lanes) {
      const Index used = std::min(lanes, vectors.count() - first);
      Vector sum = simd::broadcast<Scalar>(0);
      for (Index done = 0; done < order(); done += tile) {
        const Index size = std::min(tile, order() - done), begin = transposed ? order() - done - size : done;
        for (Index i = 0; i < lanes; ++i) {
          for (Index j = 0; j < size; ++j) values[j * lanes + i] = i < used ? vectors[first + i][begin + j] : Scalar{0};
        }
        for (Index step = 0; step < size; ++step) {
          const Index j = transposed ? size - 1 - step : step;
          const Vector v = simd::load<Scalar>(values + j * lanes);
          simd::store(values + j * lanes,
                      entry(v, sum, root_[static_cast<std::size_t>(begin + j)], static_cast<Scalar>(begin + j)));
        }
        for (Index i = 0; i < used; ++i) {
          for (Index j = 0; j < size; ++j) result[first + i][begin + j] = values[j * lanes + i];
        }
      }
    }
  }

  void check(Batch<const Scalar> vectors, Batch<Scalar> result) const {
    require(vectors.dimension() == order(), "LegSOperator: expected vectors of dimension {}, found {} (batch of {})",
            order(), vectors.dimension(), vectors.count());
    require(result.count() == vectors.count() && result.dimension() == order(),
            "LegSOperator: expected a result of {} x {}, found {} x {}", vectors.count(), order(), result.count(),
            result.dimension());
    require_finite("LegSOperator", "vectors", vectors);
  }

  static void check_lambda(const Scalar& lambda) {
    require(is_finite(lambda) && lambda >= 0, "LegSOperator: expected a finite lambda of at least 0, found {}", lambda);
  }

  std::vector<Scalar> root_;
};

}  // namespace tessera::inline TESSERA_ISA
