// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "long_memory/options.hpp"

#include <tessera/core/error.hpp>

namespace examples {

void add_options(CLI::App& app, Options& options) {
  const auto positive = CLI::Range(Index{1}, Index{1} << 20);
  app.add_option("--output", options.output, "the folder to write to")->capture_default_str();
  app.add_option("--length", options.length, "samples of a sequence")->capture_default_str()->check(positive);
  app.add_option("--delay", options.delay, "how many samples the layer has to remember, below the length")
      ->capture_default_str()
      ->check(positive);
  app.add_option("--orders", options.orders, "orders of the layers, below the length, separated by commas")
      ->delimiter(',')
      ->capture_default_str()
      ->check(positive);
  app.add_option("--steps", options.steps, "steps of Adam for each layer")->capture_default_str()->check(positive);
  app.add_option("--batch", options.batch, "sequences in a step")->capture_default_str()->check(positive);
  app.add_option("--rate", options.rate, "the largest learning rate")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--seed", options.seed, "of the sequences and of the random layers")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
}

void check(const Options& options) {
  tessera::require(options.delay < options.length, "--delay: expected less than the length {}, found {}",
                   options.length, options.delay);
  for (const Index order : options.orders) {
    tessera::require(order < options.length, "--orders: expected orders below the length {}, found {}", options.length,
                     order);
  }
}

}  // namespace examples
