// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The data of the benchmarks: drawn from a seed, so that every program and every peer works on the same numbers.

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/core.h>

#include <tessera/core/batch.hpp>
#include <tessera/core/random.hpp>

namespace tessera::benchmarks {

/// What a matrix is for; each has random numbers of its own.
enum class Role : std::uint64_t { codebook = 1, queries = 2, latents = 3, gradient = 4, weights = 5 };

/// (count, dimension) independent normal numbers: drawn once, kept while the program runs. Fewer rows are the first
/// ones of more.
template <class Scalar = float>
const RowMatrix<Scalar>& normal_matrix(Role role, Index count, Index dimension) {
  static std::map<std::tuple<Role, Index, Index>, RowMatrix<Scalar>> drawn;
  RowMatrix<Scalar>& matrix = drawn[{role, count, dimension}];
  if (matrix.size() == 0) {
    Random random(static_cast<std::uint64_t>(role), static_cast<std::uint64_t>(dimension));
    matrix.resize(count, dimension);
    for (Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = static_cast<Scalar>(random.normal());
  }
  return matrix;
}

/// Signals take their numbers from a short table, again and again: drawing 2^28 normal ones takes minutes.
inline constexpr Index signal_table_length = 65521;

/// Rows of numbers from the table, which begins at `offset`.
inline RowMatrix<float> table_rows(Index rows, Index columns, Index offset = 0) {
  const RowMatrix<float>& table = normal_matrix(Role::queries, 1, signal_table_length);
  RowMatrix<float> matrix(rows, columns);
  for (Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = table(0, (i + offset) % signal_table_length);
  return matrix;
}

/// A search: `count` queries in a codebook of `codes` codes.
struct SearchShape {
  Index codes;
  Index dimension;
  Index count;
  std::string name() const { return fmt::format("{}/{}/{}", codes, dimension, count); }
};

inline const std::vector<SearchShape> search_shapes{
    {1024, 4, 16384},  {1024, 8, 16384},  {8192, 8, 16384},   {1024, 16, 16384}, {4096, 32, 16384},
    {8192, 32, 16384}, {1024, 64, 16384}, {1024, 128, 16384}, {2048, 256, 4096}, {16384, 256, 1024},
};

/// Codebooks for searches of one vector at a time: in the first-level cache, the second-level cache, beyond.
inline const std::vector<SearchShape> streaming_shapes{{1024, 8, 1}, {8192, 8, 1}, {8192, 32, 1}, {65536, 64, 1}};

/// Searches whose table of all distances would take gigabytes.
inline const std::vector<SearchShape> memory_shapes{{16384, 8, 16384}, {16384, 8, 131072}};

/// Codebook training.
inline const std::vector<SearchShape> training_shapes{
    {1024, 8, 16384}, {1024, 16, 16384}, {1024, 64, 16384}, {4096, 32, 16384}};

/// An affine layer on a batch of `count` rows.
struct LayerShape {
  Index outputs;
  Index inputs;
  Index count;
  std::string name() const { return fmt::format("{}/{}/{}", outputs, inputs, count); }
};

inline const std::vector<LayerShape> layer_shapes{{256, 192, 512}, {256, 256, 512}, {256, 256, 16384}, {8, 256, 16384}};
inline const std::vector<LayerShape> elementwise_shapes{{0, 256, 512}, {0, 256, 16384}};

/// Scalar quantization of `count` vectors.
struct ScalarShape {
  std::vector<int> levels;
  Index count;
  std::string name() const {
    std::string text;
    for (const int level : levels) text += fmt::format("{}{}", text.empty() ? "" : "-", level);
    return fmt::format("{}/{}", text, count);
  }
};

inline const std::vector<ScalarShape> scalar_shapes{{{8, 5, 5, 5}, Index{1} << 22},
                                                    {{8, 8}, Index{1} << 22},
                                                    {{7, 5, 5, 5, 5}, Index{1} << 22},
                                                    {{8, 8, 8, 6, 5}, Index{1} << 22}};

}  // namespace tessera::benchmarks
