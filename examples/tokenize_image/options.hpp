// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What the command line of tokenize_image can ask for.

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>

#include <CLI/CLI.hpp>

#include <tessera/core/execution.hpp>

#include "support/files.hpp"

namespace examples {

using tessera::Index;

inline constexpr Index largest_patch = 64;  // pixels

/// The quantizers compared.
enum class Kind {
  fsq,          // finite scalar quantization
  vq,           // vector quantization as first published: straight-through, codes by gradient, small random start
  vq_ema,       // codes by moving average, started by k-means, unused ones replaced
  vq_rotation,  // codes by moving average, started from data, gradients by the rotation trick
};

inline constexpr std::array<Kind, 4> kinds = {Kind::fsq, Kind::vq, Kind::vq_ema, Kind::vq_rotation};

/// The name on the command line and in files.
const char* kind_name(Kind kind);

/// The kind of that name; throws std::invalid_argument on another.
Kind kind_named(const std::string& name);

struct TrainOptions {
  std::filesystem::path input = photograph_path;
  std::filesystem::path output = "tokenize_image-output";
  std::string quantizer = "all";
  Index codebook_size = 0;  // 0: the default sizes when comparing, 1024 for a single quantizer
  Index patch = 8;
  Index steps = 2000;
  std::uint64_t seed = 0;
};

struct DecodeOptions {
  std::filesystem::path model;
  std::filesystem::path tokens;
  std::filesystem::path output;
};

struct EncodeOptions {
  std::filesystem::path model;
  std::filesystem::path input;
  std::filesystem::path tokens;
};

/// Everything the command line may set. After parsing, one of the subcommands was parsed, or none: train.
struct Options {
  TrainOptions train;
  DecodeOptions decode;
  EncodeOptions encode;
  CLI::App* decode_command = nullptr;
  CLI::App* encode_command = nullptr;
};

/// Adds all options to the program's command line; `options` must outlive it.
void add_options(CLI::App& app, Options& options);

}  // namespace examples
