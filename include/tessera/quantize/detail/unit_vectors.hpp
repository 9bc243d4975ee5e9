// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Vectors scaled to length one, for the cosine metric: norms in double, on components scaled by a power of two, so that
// neither huge nor tiny vectors overflow or vanish. The zero vector stays zero.

#include <algorithm>
#include <cmath>

#include <tessera/core/batch.hpp>
#include <tessera/core/mask.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// 1 / |x| in two factors, `scale` (a power of two) and `rest`, which may both be applied without overflow; both 0 for
/// the zero vector.
struct InverseNorm {
  double scale = 0;
  double rest = 0;
};

template <class T>
InverseNorm inverse_norm(const T* x, Index dimension) {
  double largest = 0;
  for (Index d = 0; d < dimension; ++d) largest = std::max(largest, std::abs(static_cast<double>(x[d])));
  if (largest == 0) return {};
  const double scale = std::ldexp(1.0, -std::clamp(std::ilogb(largest), -1000, 1000));
  double square = 0;
  for (Index d = 0; d < dimension; ++d) {
    const double scaled = static_cast<double>(x[d]) * scale;
    square += scaled * scaled;
  }
  return {scale, 1 / std::sqrt(square)};
}

/// x / |x|.
template <class T, class Scalar>
void unit_vector(const T* x, Index dimension, Scalar* result) {
  const InverseNorm inverse = inverse_norm(x, dimension);
  for (Index d = 0; d < dimension; ++d) {
    result[d] = static_cast<Scalar>(static_cast<double>(x[d]) * inverse.scale * inverse.rest);
  }
}

/// The vectors that count, each scaled to length one; zeros for the others.
template <class Scalar>
RowMatrix<Scalar> unit_vectors(Batch<const Scalar> batch, Mask mask = {}) {
  RowMatrix<Scalar> result = RowMatrix<Scalar>::Zero(batch.count(), batch.dimension());
  for (Index i = 0; i < batch.count(); ++i) {
    if (mask[i]) unit_vector(batch[i], batch.dimension(), result.row(i).data());
  }
  return result;
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
