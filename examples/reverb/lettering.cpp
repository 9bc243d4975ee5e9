// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "reverb/lettering.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace examples {
namespace {

/// Rows from the top, a space between them; '#' is ink.
struct Letter {
  char name;
  const char* rows;
};

constexpr Letter letters[] = {
    {'0', ".###. #...# #..## #.#.# ##..# #...# .###."}, {'1', "..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###."},
    {'2', ".###. #...# ....# ..##. .#... #.... #####"}, {'3', ".###. #...# ....# ..##. ....# #...# .###."},
    {'4', "...#. ..##. .#.#. #..#. ##### ...#. ...#."}, {'5', "##### #.... ####. ....# ....# #...# .###."},
    {'6', "..##. .#... #.... ####. #...# #...# .###."}, {'7', "##### ....# ...#. ..#.. ..#.. ..#.. ..#.."},
    {'8', ".###. #...# #...# .###. #...# #...# .###."}, {'9', ".###. #...# #...# .#### ....# ...#. .##.."},
    {'.', "..... ..... ..... ..... ..... .##.. .##.."}, {'-', "..... ..... ..... .###. ..... ..... ....."},
    {'H', "#...# #...# #...# ##### #...# #...# #...#"}, {'d', "....# ....# .##.# #..## #...# #...# .####"},
    {'e', "..... ..... .###. #...# ##### #.... .###."}, {'k', "#.... #.... #..#. #.#.. ##... #.#.. #..#."},
    {'r', "..... ..... #.##. ##..# #.... #.... #...."}, {'s', "..... ..... .#### #.... .###. ....# ####."},
    {'t', ".#... .#... ###.. .#... .#... .#..# ..##."}, {'w', "..... ..... #...# #...# #.#.# #.#.# .#.#."},
    {'y', "..... ..... #...# #...# .#### ....# .###."}, {'z', "..... ..... ##### ...#. ..#.. .#... #####"},
};

void ink(Image& image, Index left, Index top) {
  for (Index y = std::max<Index>(top, 0); y < std::min(top + letter_square, image.height); ++y) {
    for (Index x = std::max<Index>(left, 0); x < std::min(left + letter_square, image.width); ++x)
      std::fill_n(image.pixel(x, y), 3, std::uint8_t{0});
  }
}

}  // namespace

void write(Image& image, Index x, Index y, std::string_view text) {
  for (const char name : text) {
    for (const Letter& letter : letters) {
      if (letter.name != name) continue;
      for (Index i = 0; i < 7 * 5; ++i) {
        if (letter.rows[i / 5 * 6 + i % 5] == '#') ink(image, x + i % 5 * letter_square, y + i / 5 * letter_square);
      }
    }
    x += letter_advance;
  }
}

}  // namespace examples
