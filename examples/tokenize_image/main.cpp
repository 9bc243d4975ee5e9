// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// A photograph turned into tokens and back. Patch autoencoders are trained on the picture with scalar and vector
// quantizers over a range of codebook sizes, the comparison of the paper on finite scalar quantization (Mentzer et al.
// 2023, arXiv:2309.15505, figure 3): quality of the picture, use of the codebook and perplexity against its size.
// docs/quantizers.md has the mathematics.
//
//   tokenize_image                                       all quantizers at all sizes on the NASA's photograph
//   tokenize_image --quantizer fsq --input photo.jpg     one
//   tokenize_image decode --model M --tokens T --output picture.png
//   tokenize_image encode --model M --input other.png --tokens T

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/core.h>

#include <tessera/core/isa.hpp>
#include <tessera/core/thread_pool.hpp>

#include "support/clock.hpp"
#include "support/files.hpp"
#include "support/program.hpp"
#include "support/progress_bar.hpp"
#include "tokenize_image/comparison.hpp"
#include "tokenize_image/model_file.hpp"
#include "tokenize_image/options.hpp"
#include "tokenize_image/run.hpp"

namespace examples {
namespace {

Picture load_input(const TrainOptions& options) {
  const bool default_input = options.input == photograph_path;
  Picture picture = load_picture(default_input ? photograph() : options.input, options.patch);
  fmt::print("{}: {} x {} pixels, {} patches of {} x {}\n", options.input.string(), picture.grid.width,
             picture.grid.height, picture.grid.count(), picture.grid.patch, picture.grid.patch);
  std::fflush(stdout);
  return picture;
}

void train_one(const TrainOptions& options) {
  const Cell cell{kind_named(options.quantizer), options.codebook_size == 0 ? 1024 : options.codebook_size};
  const Picture picture = load_input(options);
  Summary summary;
  {
    ProgressBar bar("training " + options.quantizer, options.steps);
    const auto step = [&](const tessera::ProgressReport&) { bar.advance(); };
    summary = run_cell(picture, cell, options, options.output, step);
  }
  fmt::print("\n{}\n{} steps; {}, {}, {} and {} are in {}/\n", summary_table({summary}), options.steps, model_name,
             tokens_name, reconstruction_name, summary_name, options.output.string());
}

void compare(const TrainOptions& options) {
  const double start = now();
  const Picture picture = load_input(options);
  make_folder(options.output);
  const std::vector<Cell> cells = cells_to_compare(options.codebook_size);
  const std::vector<Summary> summaries = run_cells(picture, cells, options);
  write_png(options.output / reconstruction_name, side_by_side(picture, cells, options.output));
  write_png(options.output / "comparison.png", details(picture, cells, options.output));
  plot_curves(options.output / "curve.png", summaries);
  nlohmann::ordered_json runs = nlohmann::ordered_json::array();
  for (const Summary& summary : summaries) runs.push_back(to_json(summary));
  write_json(options.output / summary_name, {{"runs", runs}});
  fmt::print("\n{}\n{} steps each, {} in all, built for {}; the files are in {}/\n", summary_table(summaries),
             options.steps, duration_text(now() - start), tessera::instruction_set, options.output.string());
}

void decode_file(const DecodeOptions& options) {
  const Model model = load_model(options.model);
  const PictureTokens picture = load_tokens(options.tokens, model);
  tessera::ThreadPool threads;
  write_png(options.output, decode(model, picture.tokens, picture.grid, threads));
  fmt::print("{}: {} x {} pixels from {} tokens\n", options.output.string(), picture.grid.width, picture.grid.height,
             picture.tokens.rows());
}

void encode_file(const EncodeOptions& options) {
  const Model model = load_model(options.model);
  const Image image = read_image(options.input);
  const PatchGrid grid = grid_for(image, model.patch);
  const RowMatrix<float> patches = cut_patches(image, grid, model.scale);
  tessera::ThreadPool threads;
  const RowMatrix<float> encoded = latents(model, tessera::rows(patches), threads);
  tessera::Tokens<> tokens;
  quantize_into(model, tessera::rows(encoded), tokens, threads);
  save_tokens(options.tokens, model, grid, tokens);
  fmt::print("{}: {} tokens of {} x {} pixels in {} bytes, decoded again {:.2f} dB\n", options.tokens.string(),
             tokens.rows(), image.width, image.height, std::filesystem::file_size(options.tokens),
             psnr(image, decode(model, tokens, grid, threads)));
}

void run(const Options& options) {
  if (options.decode_command->parsed()) return decode_file(options.decode);
  if (options.encode_command->parsed()) return encode_file(options.encode);
  if (options.train.quantizer == "all") return compare(options.train);
  train_one(options.train);
}

}  // namespace
}  // namespace examples

int main(int argc, char** argv) {
  CLI::App app("Turns a photograph into tokens and back with quantizers trained on it, and compares them",
               "tokenize_image");
  examples::Options options;
  examples::add_options(app, options);
  return examples::run_program(app, argc, argv, [&] { examples::run(options); });
}
