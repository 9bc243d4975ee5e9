// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The patch autoencoder: encoder, quantizer, decoder, and how pixels become numbers. A patch becomes one token.

#include <variant>

#include <tessera/core/execution.hpp>
#include <tessera/quantize/finite_scalar.hpp>
#include <tessera/quantize/vector.hpp>

#include "support/patches.hpp"
#include "tokenize_image/options.hpp"
#include "tokenize_image/perceptron.hpp"

namespace examples {

using ScalarQuantizer = tessera::FiniteScalarQuantizer<float>;
using VectorQuantizer = tessera::VectorQuantizer<float>;
using AnyQuantizer = std::variant<ScalarQuantizer, VectorQuantizer>;

struct Model {
  Index patch;
  PixelScale scale;
  Perceptron encoder;
  AnyQuantizer quantizer;
  Perceptron decoder;
};

/// The quantizer of a kind, untrained: FSQ with the levels for `size`, or a codebook of `size` random codes.
AnyQuantizer make_quantizer(Kind kind, Index size, tessera::Random& random);

/// A model with random weights for pictures of that scale.
Model make_model(Index patch, const PixelScale& scale, AnyQuantizer quantizer, tessera::Random& random);

Index codebook_size(const AnyQuantizer& quantizer);
Index latent_dimension(const AnyQuantizer& quantizer);

/// What the encoder makes of patches. Like the functions below it gives the same bits for any number of threads, and to
/// a patch whatever stands beside it.
RowMatrix<float> latents(const Model& model, Batch<const float> patches, tessera::Execution execution = {});

/// One token per vector of `latents`, into `tokens`.
void quantize_into(const Model& model, Batch<const float> latents, tessera::Tokens<>& tokens,
                   tessera::Execution execution = {});

/// The picture of tokens. Throws std::out_of_range on a token outside the codebook.
Image decode(const Model& model, const tessera::Tokens<>& tokens, const PatchGrid& grid,
             tessera::Execution execution = {});

}  // namespace examples
