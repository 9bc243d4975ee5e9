// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// Encodes the same data in every unit: CMakeLists.txt compiles this file several times, with flags of its own each.

#include <cstdint>

#include <tessera/core/panel_product.hpp>
#include <tessera/quantize/nearest.hpp>

#include "digests.hpp"

namespace {

// Data from integer arithmetic alone: no unit's rounding has a part in it.
template <class Scalar>
tessera::RowMatrix<Scalar> integers(tessera::Index rows, tessera::Index cols, std::uint64_t seed, int bound) {
  tessera::RowMatrix<Scalar> matrix(rows, cols);
  std::uint64_t state = seed;
  for (tessera::Index i = 0; i < matrix.size(); ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    matrix.data()[i] =
        static_cast<Scalar>(static_cast<int>((state >> 33) % static_cast<unsigned>(2 * bound + 1)) - bound);
  }
  return matrix;
}

// FNV-1a over the tokens.
std::uint64_t digest(const tessera::Tokens<>& tokens) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (tessera::Index i = 0; i < tokens.size(); ++i) {
    hash = (hash ^ static_cast<std::uint64_t>(tokens.data()[i])) * 0x100000001b3u;
  }
  return hash;
}

// Small integers tie often, large ones exhaust the significand of a float: both need the exact comparison.
template <class Scalar>
std::uint64_t nearest_tokens(tessera::Metric metric) {
  std::uint64_t hash = 0;
  for (const int bound : {3, 1 << 20}) {
    for (const tessera::Index dimension : {1, 5, 8, 17, 64}) {
      const auto codebook = integers<Scalar>(257, dimension, 1, bound);
      const auto queries = integers<Scalar>(301, dimension, 2, bound);
      const tessera::NearestCode<Scalar> nearest(tessera::rows(codebook), metric);
      hash = hash * 31 + digest(nearest.search(tessera::rows(queries)));
    }
  }
  return hash;
}

double product_sum() {
  const auto weights = integers<float>(67, 33, 3, 1000), input = integers<float>(29, 33, 4, 1000);
  return tessera::PanelMatrix<float>(tessera::rows(weights)).multiply(tessera::rows(input)).cast<double>().norm();
}

}  // namespace

Digests TESSERA_UNIT();
Digests TESSERA_UNIT() {
  return {tessera::instruction_set, nearest_tokens<float>(tessera::Metric::squared_euclidean),
          nearest_tokens<double>(tessera::Metric::squared_euclidean), nearest_tokens<float>(tessera::Metric::cosine),
          product_sum()};
}
