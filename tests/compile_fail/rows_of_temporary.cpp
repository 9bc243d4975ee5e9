// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// A view of a temporary that owns its data would dangle; a temporary Map or Block is a view of something that lives.
// expect: no matching function for call to [^ ]*rows

#include <tessera/core/batch.hpp>

tessera::RowMatrix<float> make();

tessera::Batch<float> use(float* data, tessera::RowMatrix<float>& matrix) {
#if defined(MISTAKE)
  return tessera::rows(make());
#else
  tessera::rows(Eigen::Map<tessera::RowMatrix<float> >(data, 2, 2));
  return tessera::rows(matrix.topRows(1));
#endif
}
