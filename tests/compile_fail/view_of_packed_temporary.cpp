// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// What pack_rows returns owns the copy: its view must not outlive it.
// expect: deleted

#include <tessera/core/batch.hpp>

void use(const Eigen::MatrixXf& matrix) {
#if defined(MISTAKE)
  tessera::Batch<const float> view = tessera::pack_rows(matrix).view();
#else
  const tessera::PackedBatch<float> packed = tessera::pack_rows(matrix);
  tessera::Batch<const float> view = packed.view();
#endif
  static_cast<void>(view);
}
