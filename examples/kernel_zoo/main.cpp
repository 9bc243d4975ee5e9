// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// Pictures of what linear sequence models are made of: the functions in which HiPPO measures write the past, the
// kernels that models start with and their poles, and a real recording as memories of a fixed size recall it.
// docs/state_space.md shows and explains them.
//
//   kernel_zoo                       a spoken recording of the distribution
//   kernel_zoo --input song.wav      a sound of one's own

#include <cstdint>
#include <filesystem>
#include <system_error>
#include <vector>

#include <fmt/core.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <tessera/core/error.hpp>
#include <tessera/core/isa.hpp>

#include "kernel_zoo/memory.hpp"
#include "kernel_zoo/zoo.hpp"
#include "support/clock.hpp"
#include "support/files.hpp"
#include "support/program.hpp"
#include "support/progress_bar.hpp"
#include "support/sound.hpp"
#include "support/table.hpp"

namespace examples {
namespace {

constexpr const char* recording = "/usr/share/sounds/alsa/Front_Center.wav";

struct Options {
  std::filesystem::path input;  // empty: the recording
  std::filesystem::path output = "kernel_zoo-output";
  Index order = 64;
  std::uint64_t seed = 0;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("--input", options.input,
                 "the sound to remember, WAV or what else libsndfile reads, its first channel (default: a spoken "
                 "recording of the package alsa-utils)");
  app.add_option("--output", options.output, "the folder to write to")->capture_default_str();
  app.add_option("--order", options.order, "of the models whose kernels and poles are drawn, even")
      ->capture_default_str()
      ->check(CLI::Range(Index{2}, Index{1024}));
  app.add_option("--seed", options.seed, "of the models' random outputs")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
}

Sound load(const Options& options) {
  if (!options.input.empty()) return read_sound(options.input);
  std::error_code ignored;
  if (!std::filesystem::exists(recording, ignored))
    tessera::raise<tessera::FileError>("{}: expected a recording of the package alsa-utils; install it, or use --input",
                                       recording);
  return read_sound(recording);
}

std::string memory_table(const std::vector<Remembered>& memories) {
  Table table({"memory", "order", "span s", "relative error", "ns per sample"});
  for (const Remembered& memory : memories) {
    table.add({memory.name, fmt::format("{}", memory.order), fmt::format("{:.3f}", memory.span_seconds),
               fmt::format("{:.3f}", memory.relative_error), fmt::format("{:.0f}", memory.nanoseconds)});
  }
  return table.text();
}

nlohmann::ordered_json to_json(const Options& options, const Sound& sound, const std::vector<Remembered>& memories) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Remembered& memory : memories) {
    list.push_back({{"measure", memory.name},
                    {"order", memory.order},
                    {"span_seconds", memory.span_seconds},
                    {"relative_error", memory.relative_error},
                    {"nanoseconds_per_sample", memory.nanoseconds}});
  }
  return {{"order", options.order},
          {"seed", options.seed},
          {"sample_rate", sound.rate},
          {"samples", sound.length()},
          {"memories", std::move(list)}};
}

void run(const Options& options) {
  const double start = now();
  tessera::require(options.order % 2 == 0, "--order: expected an even order, found {}", options.order);
  const Sound sound = load(options);
  make_folder(options.output);
  std::vector<Remembered> memories;
  {
    ProgressBar bar("drawing", 5);
    memories = remember(sound);
    bar.advance();
    draw_memories(options.output / "memory.png", memories, sound.rate);
    bar.advance();
    draw_bases(options.output / "bases.png");
    bar.advance();
    draw_kernels(options.output / "kernels.png", options.order, options.seed);
    bar.advance();
    draw_poles(options.output / "poles.png", options.order);
    bar.advance();
  }
  write_json(options.output / "summary.json", to_json(options, sound, memories));
  fmt::print(
      "{}\nErrors are relative to the past that a memory spans, in norm. bases.png, kernels.png, poles.png, memory.png "
      "and\n"
      "summary.json are in {}/; {} in all, built for {}.\n",
      memory_table(memories), options.output.string(), duration_text(now() - start), tessera::instruction_set);
}

}  // namespace
}  // namespace examples

int main(int argc, char** argv) {
  CLI::App app("Draws bases, kernels and poles of linear sequence models, and what memories recall", "kernel_zoo");
  examples::Options options;
  examples::add_options(app, options);
  return examples::run_program(app, argc, argv, [&] { examples::run(options); });
}
