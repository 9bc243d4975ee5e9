// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "tokenize_image/model_file.hpp"

#include <charconv>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <tessera/core/finite.hpp>
#include <tessera/io/checksum.hpp>
#include <tessera/io/safetensors.hpp>
#include <tessera/nn/parameters_io.hpp>
#include <tessera/quantize/vector_file.hpp>

namespace examples {
namespace {

using tessera::FileError;
using tessera::raise;
using tessera::Safetensors;

constexpr const char* format_name = "tessera tokenize_image 1";
constexpr const char* scalar_kind = "finite_scalar_quantizer";

tessera::Parameters<float> parameters_of(Model& model) {
  tessera::Parameters<float> parameters;
  model.encoder.add_to(parameters, "encoder");
  model.decoder.add_to(parameters, "decoder");
  return parameters;
}

void add_quantizer(Safetensors& file, const ScalarQuantizer& quantizer) {
  const std::vector<std::int32_t> levels(quantizer.levels().begin(), quantizer.levels().end());
  file.add<std::int32_t>("quantizer.levels", {static_cast<Index>(levels.size())}, levels);
  file.set_metadata("quantizer.kind", scalar_kind);
  file.set_metadata("quantizer.dialect", tessera::dialect_name(quantizer.dialect()));
}

void add_quantizer(Safetensors& file, const VectorQuantizer& quantizer) {
  tessera::add_vector_quantizer(file, quantizer, "quantizer");
}

ScalarQuantizer read_scalar_quantizer(const Safetensors& file) {
  const std::string& name = file.metadata("quantizer.dialect");
  const std::vector<std::int32_t> levels = file.values<std::int32_t>("quantizer.levels");
  try {
    const auto dialect = tessera::dialect_named(name);
    tessera::require(dialect.has_value(), "expected a known dialect, found '{}'", name);
    ScalarQuantizer quantizer({.levels = {levels.begin(), levels.end()}, .dialect = *dialect});
    tessera::require(quantizer.tokens_per_vector() == 1, "expected levels with a product below 2^63");
    return quantizer;
  } catch (const std::invalid_argument& error) {
    raise<FileError>("{}: 'quantizer' is not a quantizer ({})", file.source(), error.what());
  }
}

AnyQuantizer read_quantizer(const Safetensors& file) {
  if (file.metadata("quantizer.kind") == scalar_kind) return read_scalar_quantizer(file);
  return tessera::read_vector_quantizer<float>(file, "quantizer");
}

Index read_patch(const Safetensors& file) {
  const std::string& text = file.metadata("patch");
  Index patch = 0;
  std::from_chars(text.data(), text.data() + text.size(), patch);
  if (patch < 1 || patch > largest_patch)
    raise<FileError>("{}: expected patches with a side of 1 to {}, found '{}'", file.source(), largest_patch, text);
  return patch;
}

PixelScale read_scale(const Safetensors& file) {
  const std::vector<float> mean = file.values<float>("pixels.mean");
  const std::vector<float> deviation = file.values<float>("pixels.deviation");
  const bool sizes = mean.size() == 3 && deviation.size() == 1;
  if (!sizes || !tessera::all_finite(mean.data(), 3) || !tessera::is_finite(deviation[0]) || deviation[0] <= 0)
    raise<FileError>("{}: expected three means and a positive deviation of pixels, found others", file.source());
  return {.mean = {mean[0], mean[1], mean[2]}, .deviation = deviation[0]};
}

/// The width of the hidden layers. Checked against the tensors in the file before anything of that size is made.
Index read_hidden(const Safetensors& file, Index pixels, Index latent) {
  const std::vector<Index>& shape = file.tensor("encoder.first.weight").shape;
  const Index hidden = shape.empty() ? 0 : shape[0];
  const auto expect = [&](const char* name, Index outputs, Index inputs) {
    if (hidden < 1 || file.tensor(name).shape != std::vector<Index>{outputs, inputs})
      raise<FileError>("{}: expected '{}' of shape ({}, {}), found another", file.source(), name, outputs, inputs);
  };
  expect("encoder.first.weight", hidden, pixels);
  expect("encoder.second.weight", latent, hidden);
  expect("decoder.first.weight", hidden, latent);
  expect("decoder.second.weight", pixels, hidden);
  return hidden;
}

}  // namespace

void save_model(const std::filesystem::path& path, const Model& model) {
  Model copy = model;  // a list of parameters can be written through
  Safetensors file;
  file.set_metadata("format", format_name);
  file.set_metadata("patch", std::to_string(model.patch));
  file.add("pixels.mean", model.scale.mean);
  file.add<float>("pixels.deviation", {1}, {&model.scale.deviation, 1});
  tessera::add_parameters(file, parameters_of(copy));
  std::visit([&](const auto& quantizer) { add_quantizer(file, quantizer); }, model.quantizer);
  tessera::write_safetensors(path, file);
}

Model load_model(const std::filesystem::path& path) {
  const Safetensors file = tessera::read_safetensors(path);
  if (const std::string& format = file.metadata("format"); format != format_name)
    raise<FileError>("{}: expected a model of the format '{}', found '{}'", file.source(), format_name, format);
  const Index patch = read_patch(file);
  const PixelScale scale = read_scale(file);
  AnyQuantizer quantizer = read_quantizer(file);
  const Index pixels = 3 * patch * patch;
  const Index latent = latent_dimension(quantizer);
  const Index hidden = read_hidden(file, pixels, latent);
  Model model{patch, scale, Perceptron(pixels, hidden, latent), std::move(quantizer),
              Perceptron(latent, hidden, pixels)};
  tessera::read_parameters(file, parameters_of(model));
  return model;
}

tessera::QuantizerIdentity identity_of(const Model& model) {
  Model copy = model;
  tessera::Fingerprint fingerprint;
  fingerprint.add(format_name).add(static_cast<std::int64_t>(model.patch));
  fingerprint.add(Batch<const float>(model.scale.mean.data(), 1, 3)).add(model.scale.deviation);
  for (const auto& tensor : parameters_of(copy)) {
    const auto size = static_cast<Index>(tensor.values.size());
    fingerprint.add(tensor.name.c_str()).add(Batch<const float>(tensor.values.data(), 1, size));
  }
  const auto of = [](const auto& quantizer) { return tessera::quantizer_identity(quantizer); };
  tessera::QuantizerIdentity identity = std::visit(of, model.quantizer);
  identity.model_fingerprint = fingerprint.value();
  return identity;
}

void save_tokens(const std::filesystem::path& path, const Model& model, const PatchGrid& grid,
                 const tessera::Tokens<>& tokens) {
  tessera::TokenFile file{.identity = identity_of(model), .tokens = tokens};
  file.grid = {grid.rows(), grid.columns()};
  file.picture = {.width = grid.width, .height = grid.height, .channels = 3};
  tessera::write_token_file(path, file);
}

PictureTokens load_tokens(const std::filesystem::path& path, const Model& model) {
  tessera::TokenFile file = tessera::read_token_file(path);
  tessera::require_same_model(file, identity_of(model));
  const PatchGrid grid{file.picture.width, file.picture.height, model.patch};
  const bool picture =
      grid.width >= 1 && grid.height >= 1 && grid.height <= largest_picture / grid.width && file.picture.channels == 3;
  if (!picture || file.grid != std::vector<Index>{grid.rows(), grid.columns()})
    raise<FileError>(
        "{}: expected the tokens of a picture of three channels in patches of {} x {} pixels, found others",
        file.source, model.patch, model.patch);
  return {grid, std::move(file.tokens)};
}

}  // namespace examples
