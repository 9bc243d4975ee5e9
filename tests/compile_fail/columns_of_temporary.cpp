// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// A view of a temporary that owns its data would dangle.
// expect: no matching function for call to [^ ]*columns

#include <tessera/core/batch.hpp>

Eigen::MatrixXf make();

tessera::Batch<float> use(Eigen::MatrixXf& matrix) {
#if defined(MISTAKE)
  return tessera::columns(make());
#else
  return tessera::columns(matrix);
#endif
}
