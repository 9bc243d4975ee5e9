// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// One run: a model with one quantizer trained on one picture, its files written, its numbers taken.

#include <cstdint>
#include <filesystem>
#include <vector>

#include <nlohmann/json.hpp>

#include <tessera/core/progress.hpp>

#include "support/patches.hpp"
#include "tokenize_image/options.hpp"

namespace examples {

/// A picture cut into patches, ready to train on. Shared by all runs.
struct Picture {
  Image image;
  PatchGrid grid;
  PixelScale scale;
  RowMatrix<float> patches;
};

/// Reads and cuts. Throws tessera::FileError or std::invalid_argument.
Picture load_picture(const std::filesystem::path& path, Index patch);

/// What is trained. Its random numbers depend on it and the seed alone, not on when or where it runs.
struct Cell {
  Kind kind = Kind::fsq;
  Index requested_size = 1024;
};

/// The numbers of a run, as summary.json has them.
struct Summary {
  Cell cell;
  std::vector<int> levels;  // of a scalar quantizer
  Index codebook_size = 0;
  Index used_codes = 0;  // counted on the tokens written, like the perplexity 2^entropy
  double perplexity = 0;
  double psnr_db = 0;  // of the picture written, over all pixels and channels
  double bits_per_pixel = 0;
  std::uint64_t file_bytes = 0;  // of the token file
  Index tokens = 0;
  double tokens_per_second_encode = 0;  // the quantizer alone, one thread
  double train_seconds = 0;
  std::uint64_t seed = 0;
};

/// The file names in a run's folder.
inline constexpr const char* model_name = "model.safetensors";
inline constexpr const char* tokens_name = "tokens.tsr";
inline constexpr const char* reconstruction_name = "reconstruction.png";
inline constexpr const char* summary_name = "summary.json";

/// Trains, encodes, decodes and writes the four files into `folder`, which is made if it does not exist.
Summary run_cell(const Picture& picture, const Cell& cell, const TrainOptions& options,
                 const std::filesystem::path& folder, tessera::Progress progress = {});

nlohmann::ordered_json to_json(const Summary& summary);

}  // namespace examples
