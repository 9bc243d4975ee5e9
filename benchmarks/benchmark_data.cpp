// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
//
// Writes the data of the benchmarks for the peers:   benchmark_data FOLDER
//
//   <role>_<dimension>.npy      float32, as many rows as the largest case needs; smaller cases take the first rows
//   tokens_<benchmark>.npy      what tessera makes of them, to compare with

#include <algorithm>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <map>
#include <string>

#include <fmt/core.h>

#include <tessera/io/npy.hpp>
#include <tessera/quantize/finite_scalar.hpp>
#include <tessera/quantize/nearest.hpp>

#include "support/data.hpp"

namespace tessera::benchmarks {
namespace {

const std::map<Role, std::string> role_names{{Role::codebook, "codebook"},
                                             {Role::queries, "queries"},
                                             {Role::latents, "latents"},
                                             {Role::gradient, "gradient"},
                                             {Role::weights, "weights"}};

/// How many rows of each role and dimension the cases need.
class Needs {
 public:
  void add(Role role, Index dimension, Index count) {
    Index& most = counts_[{role, dimension}];
    most = std::max(most, count);
  }

  void write(const std::filesystem::path& folder) const {
    for (const auto& [key, count] : counts_) {
      const auto& [role, dimension] = key;
      write_npy(folder / fmt::format("{}_{}.npy", role_names.at(role), dimension),
                normal_matrix(role, count, dimension));
    }
  }

 private:
  std::map<std::pair<Role, Index>, Index> counts_;
};

Needs all_needs() {
  Needs needs;
  for (const auto* shapes : {&search_shapes, &streaming_shapes, &training_shapes}) {
    for (const SearchShape& shape : *shapes) {
      needs.add(Role::codebook, shape.dimension, shape.codes);
      needs.add(Role::queries, shape.dimension, shape.count);
      needs.add(Role::gradient, shape.dimension, shape.count);
    }
  }
  for (const ScalarShape& shape : scalar_shapes) {
    needs.add(Role::latents, static_cast<Index>(shape.levels.size()), shape.count);
    needs.add(Role::gradient, static_cast<Index>(shape.levels.size()), shape.count);
  }
  for (const LayerShape& shape : layer_shapes) {
    needs.add(Role::weights, shape.inputs, shape.outputs);
    needs.add(Role::queries, shape.inputs, shape.count);
    needs.add(Role::gradient, shape.outputs, shape.count);
  }
  needs.add(Role::queries, signal_table_length, 1);
  for (const LayerShape& shape : elementwise_shapes) needs.add(Role::queries, shape.inputs, shape.count);
  return needs;
}

std::filesystem::path tokens_file(const std::string& benchmark) {
  std::string name = "tokens_" + benchmark + ".npy";
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

void write_tokens(const std::filesystem::path& folder) {
  for (const SearchShape& shape : search_shapes) {
    const RowMatrix<float>& queries = normal_matrix(Role::queries, shape.count, shape.dimension);
    const RowMatrix<float>& codebook = normal_matrix(Role::codebook, shape.codes, shape.dimension);
    const Tokens<> tokens = NearestCode<float>(rows(codebook)).search(rows(queries));
    write_npy(folder / tokens_file("nearest/" + shape.name()), tokens);
    write_npy(folder / tokens_file("vq_encode/" + shape.name()), tokens);
  }
  for (const ScalarShape& shape : scalar_shapes) {
    const RowMatrix<float>& latents =
        normal_matrix(Role::latents, shape.count, static_cast<Index>(shape.levels.size()));
    const FiniteScalarQuantizer<float> quantizer({.levels = shape.levels, .dialect = FsqDialect::lucidrains});
    write_npy(folder / tokens_file("fsq_encode/" + shape.name()), quantizer.encode(rows(latents)));
  }
}

}  // namespace
}  // namespace tessera::benchmarks

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "benchmark_data: expected one argument, the folder to write into\n");
    return 2;
  }
  try {
    tessera::benchmarks::all_needs().write(argv[1]);
    tessera::benchmarks::write_tokens(argv[1]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "benchmark_data: {}\n", error.what());
    return 1;
  }
}
