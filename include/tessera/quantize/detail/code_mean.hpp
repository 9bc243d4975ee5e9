// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The code that a count and a sum stand for. k-means and the moving averages share it, so that a codebook from
// converged k-means is a fixed point of the averages, to the bit.

#include <tessera/core/batch.hpp>
#include <tessera/quantize/detail/unit_vectors.hpp>
#include <tessera/quantize/metric.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// code <- (sum + pseudo code) / (count + pseudo), count > 0, of length one for the cosine metric (where opposite
/// vectors that cancel leave the code alone). `work` holds `dimension` doubles.
template <class Scalar>
void move_code(Metric metric, double count, const double* sum, double pseudo, Index dimension, Scalar* code,
               double* work) {
  for (Index d = 0; d < dimension; ++d) work[d] = sum[d] / count;
  if (pseudo > 0) {  // as a step from the code, which rounds to nothing where code and mean agree
    const double share = count / (count + pseudo);
    for (Index d = 0; d < dimension; ++d) {
      const auto place = static_cast<double>(code[d]);
      work[d] = place + share * (work[d] - place);
    }
  }
  if (metric == Metric::squared_euclidean) {
    for (Index d = 0; d < dimension; ++d) code[d] = static_cast<Scalar>(work[d]);
  } else if (inverse_norm(work, dimension).rest > 0) {
    unit_vector(work, dimension, code);
  }
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
