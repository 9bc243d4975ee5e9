// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Many quantizers and codebook sizes on one picture: the runs, spread over the processors, and what shows them
// together.

#include <filesystem>
#include <string>
#include <vector>

#include "tokenize_image/run.hpp"

namespace examples {

/// The codebook sizes compared by default: 2^4, 2^6, ... 2^14.
inline constexpr Index compared_sizes[] = {16, 64, 256, 1024, 4096, 16384};

/// Every kind with every size: the default ones, or `size` alone if it is not 0.
std::vector<Cell> cells_to_compare(Index size);

/// Where a cell's files go: `output`/<quantizer>_<requested size>.
std::filesystem::path cell_folder(const std::filesystem::path& output, const Cell& cell);

/// Trains all cells, one per processor at a time, with a progress bar. The summaries come in the order of the cells.
std::vector<Summary> run_cells(const Picture& picture, const std::vector<Cell>& cells, const TrainOptions& options);

/// The numbers of runs as a table.
std::string summary_table(const std::vector<Summary>& summaries);

/// Quality, perplexity and used codes against codebook size, as a plot by gnuplot; without it, a line that says so.
void plot_curves(const std::filesystem::path& path, const std::vector<Summary>& summaries);

/// The picture and what each kind made of it with the largest codebook, side by side.
Image side_by_side(const Picture& picture, const std::vector<Cell>& cells, const std::filesystem::path& output);

/// The most detailed part of the picture: a row for each kind, in each row the original and every size.
Image details(const Picture& picture, const std::vector<Cell>& cells, const std::filesystem::path& output);

}  // namespace examples
