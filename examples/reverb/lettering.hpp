// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Short words and numbers in pictures, in letters of 5 x 7 squares.

#include <string_view>

#include "support/image.hpp"

namespace examples {

inline constexpr Index letter_square = 2;                  // pixels
inline constexpr Index letter_height = 7 * letter_square;  // pixels
inline constexpr Index letter_advance = 6 * letter_square;

/// Pixels from the first letter to the end of the last.
inline Index width_of(std::string_view text) {
  return letter_advance * static_cast<Index>(text.size()) - (text.empty() ? 0 : letter_square);
}

/// Writes black letters, the upper left corner at (x, y). What has no letter here stays empty; what lies outside the
/// picture is left out.
void write(Image& image, Index x, Index y, std::string_view text);

}  // namespace examples
