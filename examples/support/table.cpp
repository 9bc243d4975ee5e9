// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "support/table.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <tessera/core/error.hpp>

namespace examples {

Table::Table(std::vector<std::string> headings) { rows_.push_back(std::move(headings)); }

void Table::add(std::vector<std::string> cells) {
  tessera::require(cells.size() == rows_[0].size(), "Table: expected {} cells, found {}", rows_[0].size(),
                   cells.size());
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<std::size_t> widths(rows_[0].size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text;
  for (const auto& row : rows_) {
    for (std::size_t c = 0; c < row.size(); ++c)
      text += c == 0 ? fmt::format("{:<{}}", row[c], widths[c]) : fmt::format("  {:>{}}", row[c], widths[c]);
    text += '\n';
    if (&row != &rows_[0]) continue;
    for (std::size_t c = 0; c < widths.size(); ++c) text += (c == 0 ? "" : "  ") + std::string(widths[c], '-');
    text += '\n';
  }
  return text;
}

}  // namespace examples
