// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Tables of text: the first column aligned to the left, the others, numbers mostly, to the right.

#include <string>
#include <vector>

namespace examples {

class Table {
 public:
  explicit Table(std::vector<std::string> headings);

  /// Throws std::invalid_argument unless there is one cell per heading.
  void add(std::vector<std::string> cells);

  /// All rows, each ending its line, with a rule below the headings.
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the headings first
};

}  // namespace examples
