// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What the losses of a vector quantizer leave behind: the gradients of w |z - c|^2 with respect to z and to c.

#include <algorithm>

#include <tessera/core/batch.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// gradient += weight (z - c) for each vector whose token is not -1. `codes` and `gradient` are (N, D), contiguous.
template <class Scalar>
void add_differences(double weight, Batch<const Scalar> batch, const RowMatrix<Scalar>& codes, const Tokens<>& tokens,
                     RowMatrix<Scalar>& gradient) {
  const Index dimension = batch.dimension();
  for (Index i = 0; i < batch.count(); ++i) {
    if (tokens(i, 0) < 0) continue;
    const Scalar* z = batch[i];
    const Scalar* c = codes.data() + i * dimension;
    Scalar* g = gradient.data() + i * dimension;
    for (Index d = 0; d < dimension; ++d) {
      const double difference = static_cast<double>(z[d]) - static_cast<double>(c[d]);
      g[d] = static_cast<Scalar>(static_cast<double>(g[d]) + weight * difference);
    }
  }
}

/// gradient(k) = weight times the sum of c - z over the vectors of code k, added in double in the order of the batch.
template <class Scalar>
void sum_differences(double weight, Batch<const Scalar> batch, const RowMatrix<Scalar>& codes, const Tokens<>& tokens,
                     Index codebook_size, RowMatrix<Scalar>& gradient) {
  const Index dimension = codes.cols();
  RowMatrix<double> sums = RowMatrix<double>::Zero(codebook_size, dimension);
  for (Index i = 0; i < batch.count(); ++i) {
    const Index token = static_cast<Index>(tokens(i, 0));
    if (token < 0) continue;
    double* sum = sums.data() + token * dimension;
    const Scalar* z = batch[i];
    const Scalar* c = codes.data() + i * dimension;
    for (Index d = 0; d < dimension; ++d) sum[d] += static_cast<double>(c[d]) - static_cast<double>(z[d]);
  }
  gradient = (weight * sums).template cast<Scalar>();
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
