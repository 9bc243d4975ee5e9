// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// A Ref to constant data holds a copy when the layout of its argument differs: a view of a temporary one would dangle.
// expect: no matching function for call to [^ ]*rows

#include <tessera/core/batch.hpp>

using ConstRef = Eigen::Ref<const tessera::RowMatrix<float> >;

tessera::Batch<const float> use(const Eigen::MatrixXf& matrix, const ConstRef& argument) {
#if defined(MISTAKE)
  return tessera::rows(ConstRef(matrix));
#else
  static_cast<void>(matrix);
  return tessera::rows(argument);
#endif
}
