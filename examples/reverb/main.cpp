// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// Speech in a room: a sound is convolved with the response of a room, a hundred thousand taps, in three ways that must
// agree: all at once, streamed without latency block by block, and streamed in blocks of random sizes.
// docs/convolution.md has the mathematics.
//
//   reverb                                         eight recordings of the distribution in a synthetic room
//   reverb --input guitar.wav --impulse hall.wav   a sound and a room of one's own

#include <cstdio>
#include <filesystem>
#include <string>

#include <fmt/core.h>

#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>

#include "reverb/convolve.hpp"
#include "reverb/options.hpp"
#include "reverb/scene.hpp"
#include "reverb/spectrogram.hpp"
#include "reverb/summary.hpp"
#include "support/clock.hpp"
#include "support/files.hpp"
#include "support/program.hpp"
#include "support/progress_bar.hpp"
#include "support/sound.hpp"

namespace examples {
namespace {

/// Of the peak; the three convolutions must not differ by more.
constexpr double allowed_difference = 1e-6;

void say(const std::string& name, const Sound& sound) {
  fmt::print("{}: {:.3f} s, {} x {} samples, {} per second\n", name, sound.seconds(), sound.channels(), sound.length(),
             sound.rate);
  std::fflush(stdout);
}

Sound as_sound(const Wet& wet, int rate) { return {rate, wet.samples.cast<float>()}; }

/// Before anything is written or takes long.
void check_overflow(const Sound& wet) {
  if (!tessera::all_finite(tessera::rows(wet.samples)))
    tessera::raise<tessera::NumericalError>("expected a wet sound that 32-bit floats hold, found a louder one");
}

void write_results(const std::filesystem::path& output, const Scene& scene, const Sound& wet, const Wet& streamed,
                   const Summary& summary) {
  write_wav(output / "wet.wav", wet);
  write_wav(output / "streamed.wav", as_sound(streamed, scene.dry.rate));
  write_wav(output / "impulse.wav", scene.room);
  write_png(output / "spectrogram.png", spectrograms(scene.dry, wet));
  write_json(output / "summary.json", to_json(summary));
}

void run(const Options& options) {
  const double start = now();
  const Scene scene = load_scene(options);
  say(scene.dry_name, scene.dry);
  say(scene.room_name, scene.room);
  const Wet at_once = convolve_at_once(scene);
  const Sound wet = as_sound(at_once, scene.dry.rate);
  check_overflow(wet);
  make_folder(options.output);
  Wet streamed, shuffled;
  {
    ProgressBar bar("streaming", 2 * scene.length());
    streamed = convolve_in_blocks(
        scene, [&] { return options.block; }, bar);
    shuffled = convolve_in_blocks(scene, shuffled_sizes(options.seed), bar);
  }
  const Summary summary = summarize(scene, options.block, at_once, streamed, shuffled);
  if (!(summary.max_difference <= allowed_difference))
    tessera::raise<tessera::NumericalError>("expected results that differ by at most {} of the peak, found {}",
                                            allowed_difference, summary.max_difference);
  write_results(options.output, scene, wet, streamed, summary);
  fmt::print(
      "\n{}\nwet.wav, streamed.wav, impulse.wav, spectrogram.png (dry above wet) and summary.json are in {}/;\n"
      "{} in all, built for {}.\n",
      summary_table(summary, at_once, streamed, shuffled), options.output.string(), duration_text(now() - start),
      tessera::instruction_set);
}

}  // namespace
}  // namespace examples

int main(int argc, char** argv) {
  CLI::App app("Puts a sound into a room by convolution, at once and streamed, and compares the results", "reverb");
  examples::Options options;
  examples::add_options(app, options);
  return examples::run_program(app, argc, argv, [&] { examples::run(options); });
}
