// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "tokenize_image/model.hpp"

#include <utility>

#include <tessera/quantize/finite_scalar_levels.hpp>

namespace examples {
namespace {

constexpr Index hidden_width = 256;
constexpr Index vector_dimension = 8;  // few dimensions: more of the codes find vectors (Yu et al. 2021, "ViT-VQGAN")

constexpr tessera::FsqDialect dialect = tessera::FsqDialect::google;  // as in the paper

tessera::VectorQuantizerOptions vector_options(Kind kind) {
  tessera::VectorQuantizerOptions options;
  if (kind == Kind::vq) options.learning = tessera::CodebookLearning::gradient;
  if (kind == Kind::vq_ema) options.decay = 0.97;
  if (kind == Kind::vq_rotation) {
    options.decay = 0.9;
    options.estimator = tessera::GradientEstimator::rotation_trick;
  }
  return options;
}

}  // namespace

AnyQuantizer make_quantizer(Kind kind, Index size, tessera::Random& random) {
  if (kind == Kind::fsq) return ScalarQuantizer({.levels = tessera::levels_for(size, dialect), .dialect = dialect});
  // Uniform in [-1/K, 1/K), as the first implementations had it: far smaller than what the encoder puts out.
  RowMatrix<float> codes(size, vector_dimension);
  for (Index i = 0; i < codes.size(); ++i)
    codes.data()[i] = static_cast<float>((2 * random.uniform() - 1) / static_cast<double>(size));
  return VectorQuantizer(tessera::rows(std::as_const(codes)), vector_options(kind));
}

Index codebook_size(const AnyQuantizer& quantizer) {
  return std::visit([](const auto& q) { return q.codebook_size(); }, quantizer);
}

Index latent_dimension(const AnyQuantizer& quantizer) {
  return std::visit([](const auto& q) { return q.dimension(); }, quantizer);
}

Model make_model(Index patch, const PixelScale& scale, AnyQuantizer quantizer, tessera::Random& random) {
  const Index pixels = 3 * patch * patch;
  const Index latent = latent_dimension(quantizer);
  Perceptron encoder(pixels, hidden_width, latent, random);
  Perceptron decoder(latent, hidden_width, pixels, random);
  return {patch, scale, std::move(encoder), std::move(quantizer), std::move(decoder)};
}

RowMatrix<float> latents(const Model& model, Batch<const float> patches, tessera::Execution execution) {
  return model.encoder.infer(patches, execution);
}

void quantize_into(const Model& model, Batch<const float> latents, tessera::Tokens<>& tokens,
                   tessera::Execution execution) {
  tokens.resize(latents.count(), 1);
  const auto encode = [&](const auto& quantizer) {
    quantizer.encode_into(latents, tessera::rows(tokens), {.execution = execution});
  };
  std::visit(encode, model.quantizer);
}

Image decode(const Model& model, const tessera::Tokens<>& tokens, const PatchGrid& grid, tessera::Execution execution) {
  const auto codes_of = [&](const auto& quantizer) { return quantizer.decode(tokens, {.execution = execution}); };
  const RowMatrix<float> codes = std::visit(codes_of, model.quantizer);
  const RowMatrix<float> patches = model.decoder.infer(tessera::rows(codes), execution);
  return join_patches(tessera::rows(patches), grid, model.scale);
}

}  // namespace examples
