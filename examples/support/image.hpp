// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Pictures of three 8-bit channels: read from PNG and JPEG, written as PNG, put beside each other.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include <tessera/core/execution.hpp>

namespace examples {

using tessera::Index;

/// Pixels in the largest picture that is read or written: a file must not make us allocate what no picture needs.
inline constexpr Index largest_picture = Index{1} << 28;

/// Red, green and blue of every pixel, row by row from the top.
struct Image {
  Index width = 0;
  Index height = 0;
  std::vector<std::uint8_t> pixels;

  Image() = default;
  /// All pixels of one grey.
  Image(Index width_, Index height_, std::uint8_t grey = 0)
      : width(width_), height(height_), pixels(static_cast<std::size_t>(3 * width_ * height_), grey) {}

  std::uint8_t* pixel(Index x, Index y) { return pixels.data() + 3 * (y * width + x); }
  const std::uint8_t* pixel(Index x, Index y) const { return pixels.data() + 3 * (y * width + x); }
};

/// Reads a PNG or JPEG (or another format stb knows); grey pictures become colour, transparency is dropped.
/// Throws tessera::FileError when the file cannot be read, is not a picture, or has more than `largest_picture` pixels.
Image read_image(const std::filesystem::path& path);

/// Writes a PNG, all or nothing. Throws tessera::FileError when it cannot.
void write_png(const std::filesystem::path& path, const Image& image);

/// The part of a picture that begins at (x, y); throws std::invalid_argument unless it lies inside.
Image crop(const Image& image, Index x, Index y, Index width, Index height);

/// Every square of `factor` x `factor` pixels as one, their mean; what is left at the right and below is dropped.
Image shrink(const Image& image, Index factor);

/// Every pixel as a square of `factor` x `factor` pixels.
Image magnify(const Image& image, Index factor);

/// Pictures in a grid, row by row, `columns` of them in each, white gaps between. Each cell is as large as the largest
/// picture. Throws std::invalid_argument without pictures or columns.
Image grid_of(const std::vector<Image>& images, Index columns, Index gap = 8);

/// Peak signal-to-noise ratio over all pixels and channels, in dB with peak 255; infinite for equal pictures. Throws
/// std::invalid_argument when the sizes differ.
double psnr(const Image& a, const Image& b);

}  // namespace examples
