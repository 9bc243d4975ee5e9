// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// A codebook for vectors of any origin, by k-means: vectors in a .npy or CSV file in, one vector per row; the codebook
// and the tokens out as .npy, with a table of statistics. Without --input it learns the 8 x 8 patches of a photograph,
// and shows the codes as a picture.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <tessera/core/error.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/core/thread_pool.hpp>
#include <tessera/io/csv.hpp>
#include <tessera/io/npy.hpp>
#include <tessera/quantize/codebook_report.hpp>
#include <tessera/quantize/kmeans.hpp>

#include "support/clock.hpp"
#include "support/files.hpp"
#include "support/image.hpp"
#include "support/patches.hpp"
#include "support/program.hpp"
#include "support/progress_bar.hpp"

namespace examples {
namespace {

using tessera::rows;

constexpr Index patch = 8;

struct Options {
  std::filesystem::path input;
  std::filesystem::path output = "train_codebook-output";
  Index codebook_size = 256;
  std::string metric = "squared_euclidean";
  Index iterations = 50;
  std::uint64_t seed = 0;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("--input", options.input, "vectors, one per row, as .npy or .csv (default: patches of a photograph)");
  app.add_option("--output", options.output, "the folder to write to")->capture_default_str();
  app.add_option("--codebook-size", options.codebook_size, "how many codes")
      ->capture_default_str()
      ->check(CLI::Range(Index{1}, Index{1} << 20));
  app.add_option("--metric", options.metric, "squared_euclidean or cosine")
      ->capture_default_str()
      ->check(CLI::IsMember({"squared_euclidean", "cosine"}));
  app.add_option("--iterations", options.iterations, "of k-means, at most")
      ->capture_default_str()
      ->check(CLI::Range(Index{0}, Index{1} << 30));
  app.add_option("--seed", options.seed, "of the start")->capture_default_str()->check(CLI::NonNegativeNumber);
}

tessera::RowMatrix<float> photograph_patches() {
  const Image image = read_image(photograph());
  return cut_patches(image, grid_for(image, patch), PixelScale{});
}

tessera::RowMatrix<float> read_vectors(const std::filesystem::path& path) {
  if (path.empty()) return photograph_patches();
  if (path.extension() == ".npy") return tessera::read_npy<float>(path);
  if (path.extension() == ".csv") return tessera::read_csv<float>(path);
  tessera::raise<tessera::FileError>("{}: expected a file named .npy or .csv", path.string());
}

/// The codes as patches, the most used first.
void draw_codes(const std::filesystem::path& path, const tessera::KMeansResult<float>& found) {
  std::vector<Index> order(static_cast<std::size_t>(found.codes.rows()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return found.counts[a] > found.counts[b]; });
  std::vector<Image> images;
  for (const Index k : order)
    images.push_back(magnify(join_patches(rows(found.codes).slice(k, k + 1), {patch, patch, patch}, {}), 3));
  const auto columns = static_cast<Index>(std::ceil(std::sqrt(static_cast<double>(images.size()))));
  write_png(path, grid_of(images, columns, 2));
}

/// Codes and their counts, for a spreadsheet.
void write_counts(const std::filesystem::path& path, const tessera::KMeansResult<float>& found) {
  tessera::RowMatrix<std::int64_t> table(found.counts.size(), 2);
  for (Index k = 0; k < table.rows(); ++k) table.row(k) << k, found.counts[k];
  tessera::write_csv(path, table, {"token", "count"});
}

void write_summary(const std::filesystem::path& path, const Options& options, const tessera::CodebookReport& report,
                   const tessera::KMeansResult<float>& found, double seconds) {
  write_json(path, {{"vectors", report.vectors},
                    {"dimension", found.codes.cols()},
                    {"codebook_size", report.codebook_size},
                    {"metric", options.metric},
                    {"iterations", found.distortions.size() - 1},
                    {"converged", found.converged},
                    {"distortion_of_start", found.distortions.front()},
                    {"distortion", report.distortion},
                    {"used_codes", report.used},
                    {"perplexity", report.perplexity},
                    {"duplicates", report.duplicates.size()},
                    {"train_seconds", seconds},
                    {"seed", options.seed}});
}

tessera::KMeansResult<float> train(tessera::Batch<const float> vectors, const Options& options, tessera::Metric metric,
                                   tessera::ThreadPool& threads) {
  ProgressBar bar("k-means", options.codebook_size + options.iterations);
  const auto progress = [&](const tessera::ProgressReport& report) {
    const bool starting = std::string(report.stage) == "k-means++";
    bar.set(report.done + (starting ? 0 : options.codebook_size));
  };
  return tessera::kmeans(vectors, {.codebook_size = options.codebook_size,
                                   .metric = metric,
                                   .iterations = options.iterations,
                                   .seed = options.seed,
                                   .execution = threads,
                                   .progress = progress});
}

void run(const Options& options) {
  const auto metric = options.metric == "cosine" ? tessera::Metric::cosine : tessera::Metric::squared_euclidean;
  const tessera::RowMatrix<float> vectors = read_vectors(options.input);
  make_folder(options.output);
  tessera::ThreadPool threads;
  const double start = now();
  const tessera::KMeansResult<float> found = train(rows(vectors), options, metric, threads);
  const double seconds = now() - start;
  const tessera::CodebookReport report = tessera::codebook_report(rows(found.codes), rows(vectors), found.tokens,
                                                                  {.metric = metric, .execution = threads});

  tessera::write_npy(options.output / "codebook.npy", found.codes);
  tessera::write_npy(options.output / "tokens.npy", found.tokens.col(0));
  write_counts(options.output / "counts.csv", found);
  if (options.input.empty()) draw_codes(options.output / "codebook.png", found);
  write_summary(options.output / "summary.json", options, report, found, seconds);
  fmt::print("{} vectors of {} numbers, {} iterations{}, {} (built for {})\n\n{}\nThe files are in {}/\n",
             vectors.rows(), vectors.cols(), found.distortions.size() - 1, found.converged ? ", converged" : "",
             duration_text(seconds), tessera::instruction_set, tessera::codebook_report_text(report),
             options.output.string());
}

}  // namespace
}  // namespace examples

int main(int argc, char** argv) {
  CLI::App app("Learns a codebook for vectors by k-means", "train_codebook");
  examples::Options options;
  examples::add_options(app, options);
  return examples::run_program(app, argc, argv, [&] { examples::run(options); });
}
