// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "tokenize_image/options.hpp"

#include <cstddef>

#include <tessera/core/error.hpp>

namespace examples {
namespace {

constexpr std::array<const char*, 4> names = {"fsq", "vq", "vq-ema", "vq-rotation"};

void add_train_options(CLI::App& app, TrainOptions& options) {
  app.add_option("--input", options.input, "the picture, PNG or JPEG")->capture_default_str();
  app.add_option("--output", options.output, "the folder to write to")->capture_default_str();
  app.add_option("--quantizer", options.quantizer, "fsq, vq, vq-ema, vq-rotation, or all to compare them")
      ->capture_default_str()
      ->check(CLI::IsMember({"fsq", "vq", "vq-ema", "vq-rotation", "all"}));
  app.add_option("--codebook-size", options.codebook_size,
                 "how many codes (default: 1024; when comparing 16, 64, ... 16384)")
      ->check(CLI::Range(Index{2}, Index{1} << 20));
  app.add_option("--patch", options.patch, "side of a patch in pixels; each patch becomes one token")
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, largest_patch));
  app.add_option("--steps", options.steps, "steps of training; more of them make better pictures")
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, Index{1} << 40));
  app.add_option("--seed", options.seed, "of all random numbers")->capture_default_str()->check(CLI::NonNegativeNumber);
}

}  // namespace

const char* kind_name(Kind kind) { return names[static_cast<std::size_t>(kind)]; }

Kind kind_named(const std::string& name) {
  for (const Kind kind : kinds) {
    if (name == kind_name(kind)) return kind;
  }
  tessera::raise<std::invalid_argument>("expected a quantizer fsq, vq, vq-ema or vq-rotation, found '{}'", name);
}

void add_options(CLI::App& app, Options& options) {
  add_train_options(app, options.train);

  options.decode_command = app.add_subcommand("decode", "Turns tokens back into a picture");
  options.decode_command->add_option("--model", options.decode.model, "the model.safetensors they were made with")
      ->required();
  options.decode_command->add_option("--tokens", options.decode.tokens, "the tokens.tsr")->required();
  options.decode_command->add_option("--output", options.decode.output, "the PNG to write")->required();

  options.encode_command = app.add_subcommand("encode", "Turns another picture into tokens with a trained model");
  options.encode_command->add_option("--model", options.encode.model, "a model.safetensors")->required();
  options.encode_command->add_option("--input", options.encode.input, "the picture, PNG or JPEG")->required();
  options.encode_command->add_option("--tokens", options.encode.tokens, "the tokens file to write")->required();
  app.require_subcommand(0, 1);
}

}  // namespace examples
