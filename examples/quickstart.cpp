// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <unsupported/Eigen/CXX11/Tensor>

#include <fmt/core.h>

#include <tessera/core/tensor.hpp>
#include <tessera/quantize/finite_scalar.hpp>
#include <tessera/quantize/vector.hpp>

int main() {
  // A matrix, each row a vector of four numbers, by finite scalar quantization: nothing to train.
  const tessera::RowMatrix<float> latents = tessera::RowMatrix<float>::Random(1000, 4);
  const tessera::FiniteScalarQuantizer<float> fsq({.levels = {8, 5, 5, 5}});
  const tessera::Tokens<> tokens = fsq.encode(tessera::rows(latents));
  const tessera::RowMatrix<float> codes = fsq.decode(tokens);
  fmt::print("{} tokens below {}, mean squared error {:.4f}\n", tokens.size(), fsq.codebook_size(),
             (codes - latents).squaredNorm() / static_cast<float>(codes.size()));

  // A tensor, (pictures, rows, columns, channels), by vector quantization: k-means finds the codes.
  Eigen::Tensor<float, 4, Eigen::RowMajor> features(2, 16, 16, 8);
  features.setRandom();
  tessera::VectorQuantizer<float> vq({.dimension = 8, .codebook_size = 64});
  vq.initialize(tessera::last_axis(features));
  const auto result = vq.forward(tessera::last_axis(features));
  const auto quantized = tessera::unpack_last_axis(result.codes, features);  // of the same shape
  fmt::print("{} tokens below {}, commitment loss {:.4f}, {} numbers\n", result.tokens.size(), vq.codebook_size(),
             result.losses.commitment, quantized.size());
}
