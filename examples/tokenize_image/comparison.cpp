// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "tokenize_image/comparison.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <numeric>
#include <utility>

#include <fmt/core.h>

#include <tessera/core/thread_pool.hpp>

#include "support/clock.hpp"
#include "support/gnuplot.hpp"
#include "support/progress_bar.hpp"
#include "support/table.hpp"

namespace examples {
namespace {

/// The places of the cells, the most work first, so that no processor is left with a long one at the end.
std::vector<std::size_t> longest_first(const std::vector<Cell>& cells) {
  std::vector<std::size_t> order(cells.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return cells[a].requested_size > cells[b].requested_size; });
  return order;
}

std::string one_line(const Summary& summary) {
  return fmt::format("{:<11} {:>6} codes: {:>5} used, {:.2f} dB, {}", kind_name(summary.cell.kind),
                     summary.codebook_size, summary.used_codes, summary.psnr_db, duration_text(summary.train_seconds));
}

Image reconstruction_of(const std::filesystem::path& output, const Cell& cell) {
  return read_image(cell_folder(output, cell) / reconstruction_name);
}

/// A part of a picture.
struct Window {
  Index x = 0;
  Index y = 0;
  Index width = 0;
  Index height = 0;
  Image of(const Image& image) const { return crop(image, x, y, width, height); }
};

/// How much a part has to show: the sum of the differences between horizontal neighbours.
Index detail_of(const Image& image, const Window& window) {
  Index sum = 0;
  for (Index y = window.y; y < window.y + window.height; ++y) {
    const std::uint8_t* pixel = image.pixel(window.x, y);
    for (Index i = 3; i < 3 * window.width; ++i) sum += std::abs(pixel[i] - pixel[i - 3]);
  }
  return sum;
}

/// The window of at most `side` x `side` pixels with the most detail, of those half a side apart.
Window most_detailed(const Image& image, Index side) {
  Window best{0, 0, std::min(side, image.width), std::min(side, image.height)};
  Index most = -1;
  for (Index y = 0; y + best.height <= image.height; y += side / 2) {
    for (Index x = 0; x + best.width <= image.width; x += side / 2) {
      const Window window{x, y, best.width, best.height};
      const Index detail = detail_of(image, window);
      if (detail <= most) continue;
      most = detail;
      best = window;
    }
  }
  return best;
}

/// gnuplot's data block of one kind: codes, PSNR, perplexity, used codes.
std::string data_block(const std::vector<Summary>& summaries, Kind kind) {
  std::string text = fmt::format("$data{} << END\n", static_cast<int>(kind));
  for (const Summary& summary : summaries) {
    if (summary.cell.kind != kind) continue;
    // gnuplot knows no infinity, the quality of a perfect copy.
    text += fmt::format("{} {} {} {}\n", summary.codebook_size, std::min(summary.psnr_db, 99.0), summary.perplexity,
                        summary.used_codes);
  }
  return text + "END\n";
}

std::string plot_of_column(int column) {
  constexpr const char* colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7"};
  std::string text = "plot ";
  for (const Kind kind : kinds) {
    const auto i = static_cast<std::size_t>(kind);
    text += fmt::format("{}$data{} using 1:{} with linespoints lw 2 pt 7 lc rgb '{}' title '{}'", i == 0 ? "" : ", ", i,
                        column, colours[i], kind_name(kind));
  }
  return text + "\n";
}

}  // namespace

std::vector<Cell> cells_to_compare(Index size) {
  std::vector<Index> sizes(std::begin(compared_sizes), std::end(compared_sizes));
  if (size != 0) sizes = {size};
  std::vector<Cell> cells;
  for (const Kind kind : kinds) {
    for (const Index requested : sizes) cells.push_back({kind, requested});
  }
  return cells;
}

std::filesystem::path cell_folder(const std::filesystem::path& output, const Cell& cell) {
  return output / fmt::format("{}_{}", kind_name(cell.kind), cell.requested_size);
}

std::vector<Summary> run_cells(const Picture& picture, const std::vector<Cell>& cells, const TrainOptions& options) {
  const std::vector<std::size_t> order = longest_first(cells);
  std::vector<Summary> summaries(cells.size());
  ProgressBar bar("training", static_cast<Index>(cells.size()) * options.steps, false);
  const auto step = [&](const tessera::ProgressReport&) { bar.advance(); };
  const auto task = [&](Index i) {
    const std::size_t c = order[static_cast<std::size_t>(i)];
    summaries[c] = run_cell(picture, cells[c], options, cell_folder(options.output, cells[c]), step);
    bar.line(one_line(summaries[c]));
  };
  tessera::ThreadPool threads;
  threads.run(static_cast<Index>(cells.size()), task);
  return summaries;
}

std::string summary_table(const std::vector<Summary>& summaries) {
  Table table(
      {"quantizer", "codes", "used", "", "perplexity", "PSNR dB", "bits/pixel", "bytes", "Mtokens/s", "trained"});
  for (const Summary& summary : summaries) {
    const double used = static_cast<double>(summary.used_codes) / static_cast<double>(summary.codebook_size);
    table.add({kind_name(summary.cell.kind), fmt::format("{}", summary.codebook_size),
               fmt::format("{}", summary.used_codes), fmt::format("{:.0f} %", 100 * used),
               fmt::format("{:.1f}", summary.perplexity), fmt::format("{:.2f}", summary.psnr_db),
               fmt::format("{:.4f}", summary.bits_per_pixel), fmt::format("{}", summary.file_bytes),
               fmt::format("{:.3g}", summary.tokens_per_second_encode / 1e6), duration_text(summary.train_seconds)});
  }
  return table.text();
}

void plot_curves(const std::filesystem::path& path, const std::vector<Summary>& summaries) {
  std::string script;
  for (const Kind kind : kinds) script += data_block(summaries, kind);
  script += R"(set multiplot layout 1,3
set logscale x 2
set format x '2^{%L}'
set xlabel 'codes'
set grid
set key top left
set title 'quality of the picture: PSNR, dB'
)";
  script += plot_of_column(2) + R"(set logscale y 2
set format y '2^{%L}'
set title 'perplexity of the tokens'
)";
  script += plot_of_column(3) + "set title 'codes used'\n" + plot_of_column(4) + "unset multiplot\n";
  plot(path, 1500, 460, script);
}

Image side_by_side(const Picture& picture, const std::vector<Cell>& cells, const std::filesystem::path& output) {
  const auto [width, height] = std::pair(picture.image.width, picture.image.height);
  // At most about 1024 pixels each, but a long thin picture must not vanish.
  const Index factor = std::min((std::max(width, height) + 1023) / 1024, std::min(width, height));
  const auto smaller = [](const Cell& a, const Cell& b) { return a.requested_size < b.requested_size; };
  const Index largest = std::max_element(cells.begin(), cells.end(), smaller)->requested_size;
  std::vector<Image> images = {shrink(picture.image, factor)};
  for (const Cell& cell : cells) {
    if (cell.requested_size == largest) images.push_back(shrink(reconstruction_of(output, cell), factor));
  }
  return grid_of(images, 3);
}

Image details(const Picture& picture, const std::vector<Cell>& cells, const std::filesystem::path& output) {
  constexpr Index side = 256;
  const Window window = most_detailed(picture.image, side);
  const Index factor = std::max<Index>(1, side / std::max(window.width, window.height));
  const auto part = [&](const Image& image) { return magnify(window.of(image), factor); };
  std::vector<Image> images;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i == 0 || cells[i].kind != cells[i - 1].kind) images.push_back(part(picture.image));
    images.push_back(part(reconstruction_of(output, cells[i])));
  }
  return grid_of(images, static_cast<Index>(images.size() / kinds.size()));
}

}  // namespace examples
