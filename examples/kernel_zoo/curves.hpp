// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Panels of curves or points, drawn by gnuplot.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/execution.hpp>

namespace examples {

using tessera::Index;

struct Curve {
  std::string name;  // empty: not in the key
  Eigen::VectorXd x;
  Eigen::VectorXd y;
};

struct Panel {
  std::string title;
  std::string setup;  // of gnuplot, before the panel is drawn
  std::string style = "lines lw 1.5";
  std::vector<Curve> curves;
};

/// All panels in one picture, `columns` in a row.
void draw_panels(const std::filesystem::path& path, const std::vector<Panel>& panels, Index columns,
                 std::pair<int, int> panel_size = {460, 330});

}  // namespace examples
