// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// How far one layer remembers: a rational transfer function of order n learns to repeat what it heard a thousand
// samples ago, for orders below, at and above a thousand, from several starts. docs/state_space.md has the mathematics.
//
//   long_memory                                the published task, a delay of 1000 in 4000 samples
//   long_memory --delay 300 --length 1200 --orders 100,300,600

#include <fmt/core.h>

#include <tessera/core/isa.hpp>

#include "long_memory/options.hpp"
#include "long_memory/training.hpp"
#include "support/clock.hpp"
#include "support/files.hpp"
#include "support/program.hpp"

namespace examples {
namespace {

void run(const Options& options) {
  const double start = now();
  check(options);
  make_folder(options.output);
  const std::vector<Result> results = train_all(options);
  write_json(options.output / "summary.json", to_json(options, results));
  plot_results(options.output, results, options);
  fmt::print(
      "\n{}\nErrors are root mean squares; an answer of zeros has 0.5. The recurrence is the deployed filter, sample "
      "by\n"
      "sample, against the kernel over all {} taps. summary.json, loss.png and kernels.png are in {}/; {} in all, "
      "built\n"
      "for {}.\n",
      result_table(results, options.delay), options.length, options.output.string(), duration_text(now() - start),
      tessera::instruction_set);
}

}  // namespace
}  // namespace examples

int main(int argc, char** argv) {
  CLI::App app("Trains rational transfer functions to repeat what they heard long ago", "long_memory");
  examples::Options options;
  examples::add_options(app, options);
  return examples::run_program(app, argc, argv, [&] { examples::run(options); });
}
