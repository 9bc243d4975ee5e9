// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <filesystem>

#include <fmt/core.h>
#include <Eigen/Core>

#include <tessera/io/csv.hpp>
#include <tessera/io/npy.hpp>
#include <tessera/quantize/finite_scalar.hpp>
#include <tessera/quantize/token_file.hpp>

int main() {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "tessera-snippet";
  std::filesystem::create_directories(folder);
  // [show]
  // Latents of a picture of 64 x 48 pixels in patches of 8 x 8, as NumPy or a spreadsheet may have left them.
  tessera::RowMatrix<float> latents = tessera::RowMatrix<float>::Random(6 * 8, 4);
  tessera::write_npy(folder / "latents.npy", latents);
  tessera::write_csv(folder / "latents.csv", latents, {"a", "b", "c", "d"});
  latents = tessera::read_npy<float>(folder / "latents.npy");

  const tessera::FiniteScalarQuantizer<float> quantizer({.levels = {8, 5, 5, 5}});
  tessera::write_token_file(folder / "picture.tsr", {.identity = tessera::quantizer_identity(quantizer),
                                                     .grid = {6, 8},
                                                     .picture = {.width = 64, .height = 48, .channels = 3},
                                                     .tokens = quantizer.encode(tessera::rows(latents))});

  // Later, elsewhere: refuse tokens that this quantizer did not make, then decode.
  const tessera::TokenFile file = tessera::read_token_file(folder / "picture.tsr");
  tessera::require_same_model(file, tessera::quantizer_identity(quantizer));
  const tessera::RowMatrix<float> codes = quantizer.decode(file.tokens);
  fmt::print("{} codes of {}, made by {}\n", codes.rows(), tessera::shape_text(file.grid),
             tessera::identity_text(file.identity));
  // [end]
  std::filesystem::remove_all(folder);
  return codes.rows() == 48 ? 0 : 1;
}
