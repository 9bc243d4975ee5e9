// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// A lazy expression has no data to view: it is evaluated first, or packed.
// expect: no matching function for call to [^ ]*rows

#include <tessera/core/batch.hpp>

void use(const tessera::RowMatrix<float>& a, const tessera::RowMatrix<float>& b) {
#if defined(MISTAKE)
  tessera::rows(a + b);
#else
  tessera::pack_rows(a + b);
#endif
}
