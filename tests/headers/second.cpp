// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// The other unit of first.cpp.

#include <tessera/tessera.hpp>

const char* instruction_set_of_second() { return tessera::instruction_set; }

tessera::Index vectors_in_second() {
  const tessera::RowMatrix<float> matrix = tessera::RowMatrix<float>::Zero(3, 2);
  return tessera::rows(matrix).count();
}
