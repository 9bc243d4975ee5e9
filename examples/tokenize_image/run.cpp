// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "tokenize_image/run.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include <tessera/core/random.hpp>
#include <tessera/core/reductions.hpp>

#include "support/clock.hpp"
#include "support/files.hpp"
#include "tokenize_image/model_file.hpp"
#include "tokenize_image/training.hpp"

namespace examples {
namespace {

using tessera::rows;

/// A stream of random numbers for each cell, with room for the two after it.
std::uint64_t stream_of(const Cell& cell) {
  return 4 * (4 * static_cast<std::uint64_t>(cell.requested_size) + static_cast<std::uint64_t>(cell.kind));
}

Model trained_model(const Picture& picture, const Cell& cell, const TrainOptions& options, tessera::Progress progress) {
  const std::uint64_t stream = stream_of(cell);
  tessera::Random random(options.seed, stream);
  AnyQuantizer quantizer = make_quantizer(cell.kind, cell.requested_size, random);
  Model model = make_model(picture.grid.patch, picture.scale, std::move(quantizer), random);
  TrainingOptions training = training_options(cell.kind);
  training.steps = options.steps;
  training.seed = options.seed;
  training.stream = stream + 1;
  train(model, rows(picture.patches), training, progress);
  return model;
}

/// Quantizes until a twentieth of a second has passed, three times at least; takes the best.
double encode_rate(const Model& model, Batch<const float> latents) {
  tessera::Tokens<> tokens;
  double best = std::numeric_limits<double>::max();
  const double start = now();
  for (int i = 0; i < 3 || now() - start < 0.05; ++i) {
    const double before = now();
    quantize_into(model, latents, tokens);
    best = std::min(best, now() - before);
  }
  return static_cast<double>(tokens.rows()) / std::max(best, 1e-9);
}

void count_codes(const tessera::Tokens<>& tokens, Summary& summary) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(summary.codebook_size), 0);
  for (Index i = 0; i < tokens.rows(); ++i) ++counts[static_cast<std::size_t>(tokens(i, 0))];
  summary.tokens = tokens.rows();
  summary.used_codes = summary.codebook_size - std::count(counts.begin(), counts.end(), 0);
  summary.perplexity = std::exp2(tessera::entropy_bits(std::span<const std::int64_t>(counts)));
}

std::vector<int> levels_of(const AnyQuantizer& quantizer) {
  const auto* scalar = std::get_if<ScalarQuantizer>(&quantizer);
  return scalar == nullptr ? std::vector<int>() : scalar->levels();
}

}  // namespace

Picture load_picture(const std::filesystem::path& path, Index patch) {
  Picture picture{.image = read_image(path), .grid = {}, .scale = {}, .patches = {}};
  picture.grid = grid_for(picture.image, patch);
  picture.scale = scale_for(picture.image);
  picture.patches = cut_patches(picture.image, picture.grid, picture.scale);
  return picture;
}

Summary run_cell(const Picture& picture, const Cell& cell, const TrainOptions& options,
                 const std::filesystem::path& folder, tessera::Progress progress) {
  make_folder(folder);
  const double start = now();
  const Model model = trained_model(picture, cell, options, progress);
  Summary summary{.cell = cell,
                  .levels = levels_of(model.quantizer),
                  .codebook_size = codebook_size(model.quantizer),
                  .train_seconds = now() - start,
                  .seed = options.seed};
  const RowMatrix<float> encoded = latents(model, rows(picture.patches));
  tessera::Tokens<> tokens;
  quantize_into(model, rows(encoded), tokens);
  count_codes(tokens, summary);
  summary.tokens_per_second_encode = encode_rate(model, rows(encoded));

  const Image reconstruction = decode(model, tokens, picture.grid);
  const auto pixels = static_cast<double>(picture.image.width * picture.image.height);
  summary.psnr_db = psnr(picture.image, reconstruction);
  summary.bits_per_pixel =
      static_cast<double>(summary.tokens) * std::log2(static_cast<double>(summary.codebook_size)) / pixels;
  save_model(folder / model_name, model);
  save_tokens(folder / tokens_name, model, picture.grid, tokens);
  summary.file_bytes = std::filesystem::file_size(folder / tokens_name);
  write_png(folder / reconstruction_name, reconstruction);
  write_json(folder / summary_name, to_json(summary));
  return summary;
}

nlohmann::ordered_json to_json(const Summary& summary) {
  return {{"quantizer", kind_name(summary.cell.kind)},
          {"requested_size", summary.cell.requested_size},
          {"levels", summary.levels},
          {"codebook_size", summary.codebook_size},
          {"used_codes", summary.used_codes},
          {"perplexity", summary.perplexity},
          {"psnr_db", summary.psnr_db},
          {"bits_per_pixel", summary.bits_per_pixel},
          {"file_bytes", summary.file_bytes},
          {"tokens", summary.tokens},
          {"tokens_per_second_encode", summary.tokens_per_second_encode},
          {"train_seconds", summary.train_seconds},
          {"seed", summary.seed}};
}

}  // namespace examples
