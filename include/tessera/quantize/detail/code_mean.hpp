// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The code that a count and a sum stand for. k-means and the moving averages share it, so that a codebook from
// converged k-means is a fixed point of the averages, to the bit.

#include <cmath>
#include <limits>

#include <tessera/core/batch.hpp>
#include <tessera/quantize/detail/unit_vectors.hpp>
#include <tessera/quantize/metric.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// code <- (sum + pseudo code) / (count + pseudo), count > 0, of length one for the cosine metric (where opposite
/// vectors that cancel leave the code alone).
///
/// Addends were rounded to multiples of `spacing`, so the mean is known to spacing / 2 only. A component that is as
/// near to its mean as that stays: a code that equals all its vectors must not move. `work` holds `dimension` doubles.
template <class Scalar>
void move_code(Metric metric, double count, const double* sum, double pseudo, double spacing, Index dimension,
               Scalar* code, double* work) {
  for (Index d = 0; d < dimension; ++d) work[d] = sum[d] / count;
  if (pseudo > 0) {  // as a step from the code, which rounds to nothing where code and mean agree
    const double share = count / (count + pseudo);
    for (Index d = 0; d < dimension; ++d) {
      const auto place = static_cast<double>(code[d]);
      work[d] = place + share * (work[d] - place);
    }
  }
  double rounding = spacing / 2;
  double relative = 0;
  if (metric == Metric::cosine) {
    const InverseNorm inverse = inverse_norm(work, dimension);
    if (!(inverse.rest > 0)) return;
    for (Index d = 0; d < dimension; ++d) work[d] = work[d] * inverse.scale * inverse.rest;
    // of a component, and of the length it is divided by
    rounding *= (1 + std::sqrt(static_cast<double>(dimension))) * inverse.scale * inverse.rest;
    relative = 2 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());
  }
  for (Index d = 0; d < dimension; ++d) {
    const auto place = static_cast<double>(code[d]);
    const bool moves = std::abs(work[d] - place) > rounding + relative * std::abs(place);
    code[d] = moves ? static_cast<Scalar>(work[d]) : code[d];
  }
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
