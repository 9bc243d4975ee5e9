// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// A user's program.

#include <cstdio>

#include <tessera/core/version.hpp>
#include <tessera/quantize/nearest.hpp>

int main() {
  tessera::RowMatrix<float> codebook(2, 2), points(3, 2);
  codebook << 0, 0, 1, 1;
  points << 0.1f, 0.2f, 0.9f, 0.7f, 0.4f, 0.5f;
  const tessera::Tokens<> tokens = tessera::NearestCode<float>(tessera::rows(codebook)).search(tessera::rows(points));
  std::printf("tessera %s\n", tessera::version);
  return tokens(0, 0) == 0 && tokens(1, 0) == 1 && tokens(2, 0) == 0 ? 0 : 1;
}
