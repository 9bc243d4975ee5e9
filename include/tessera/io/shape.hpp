// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Shapes of arrays, as files state them: one extent per axis, any number of axes. A shape comes from somebody else, so
// its size, the product of the extents (one for no axes), may not exist.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>

#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {

/// The number of elements; nothing if an extent is negative or the number is 2^63 or more.
inline std::optional<std::uint64_t> shape_size(std::span<const Index> shape) {
  if (std::any_of(shape.begin(), shape.end(), [](Index extent) { return extent < 0; })) return std::nullopt;
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  Index size = 1;
  for (const Index extent : shape) {
    if (extent > std::numeric_limits<Index>::max() / size) return std::nullopt;
    size *= extent;
  }
  return static_cast<std::uint64_t>(size);
}

/// A shape in words, for messages: "(3, 4)".
inline std::string shape_text(std::span<const Index> shape) {
  std::string text = "(";
  for (const Index extent : shape) text += fmt::format("{}{}", text.size() > 1 ? ", " : "", extent);
  return text + ")";
}

}  // namespace tessera::inline TESSERA_ISA
