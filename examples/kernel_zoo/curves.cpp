// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "kernel_zoo/curves.hpp"

#include <cstddef>

#include <fmt/core.h>

#include "support/gnuplot.hpp"

namespace examples {
namespace {

std::string block_of(const Curve& curve, std::size_t number) {
  std::string text = fmt::format("$curve{} << end\n", number);
  for (Index i = 0; i < curve.x.size(); ++i) text += fmt::format("{:.7g} {:.7g}\n", curve.x[i], curve.y[i]);
  return text + "end\n";
}

std::string plot_of(const Panel& panel, std::size_t first) {
  std::string text;
  for (std::size_t i = 0; i < panel.curves.size(); ++i) {
    const std::string& name = panel.curves[i].name;
    text += fmt::format("{}$curve{} with {} {}", i == 0 ? "plot " : ", ", first + i, panel.style,
                        name.empty() ? "notitle" : "title '" + name + "'");
  }
  return text + "\n";
}

}  // namespace

void draw_panels(const std::filesystem::path& path, const std::vector<Panel>& panels, Index columns,
                 std::pair<int, int> panel_size) {
  std::string data, plots;
  std::size_t number = 0;
  for (const Panel& panel : panels) {
    plots += fmt::format("set title \"{}\"\n{}\n{}unset logscale\nset autoscale\n", panel.title, panel.setup,
                         plot_of(panel, number));
    for (const Curve& curve : panel.curves) data += block_of(curve, number++);
  }
  const Index rows = (static_cast<Index>(panels.size()) + columns - 1) / columns;
  plot(path, panel_size.first * static_cast<int>(columns), panel_size.second * static_cast<int>(rows),
       data + fmt::format("set multiplot layout {},{}\nset grid\nset key top right\n", rows, columns) + plots +
           "unset multiplot\n");
}

}  // namespace examples
