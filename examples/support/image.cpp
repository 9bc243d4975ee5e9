// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "support/image.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include <stb_image.h>
#include <stb_image_write.h>

#include <tessera/core/error.hpp>
#include <tessera/io/file.hpp>

namespace examples {
namespace {

using tessera::FileError;
using tessera::raise;
using tessera::require;

void paste(const Image& image, Image& target, Index x, Index y) {
  for (Index row = 0; row < image.height; ++row)
    std::copy_n(image.pixel(0, row), 3 * image.width, target.pixel(x, y + row));
}

/// Whether the bytes of a JPEG reach its end-of-image marker (ISO/IEC 10918-1, annex B). stb does not mind if they do
/// not, and makes up the rest.
bool is_complete_jpeg(const tessera::Bytes& bytes) {
  std::size_t place = 2;  // after the start-of-image marker
  while (place + 1 < bytes.size()) {
    const int marker = bytes[place + 1];
    const bool in_data = bytes[place] != 0xff || marker == 0x00 || (marker >= 0xd0 && marker <= 0xd7);
    if (in_data || marker == 0xff) {
      ++place;  // entropy-coded data, escaped bytes and restart markers in it, or padding before a marker
    } else if (marker == 0xd9) {
      return true;
    } else {
      if (place + 3 >= bytes.size()) return false;
      place += 2 + static_cast<std::size_t>(bytes[place + 2] << 8 | bytes[place + 3]);  // a segment and its length
    }
  }
  return false;
}

bool is_jpeg(const tessera::Bytes& bytes) { return bytes.size() > 2 && bytes[0] == 0xff && bytes[1] == 0xd8; }

}  // namespace

Image read_image(const std::filesystem::path& path) {
  const tessera::Bytes bytes = tessera::read_file(path, std::numeric_limits<int>::max());
  const auto size = static_cast<int>(bytes.size());
  int width = 0;
  int height = 0;
  int channels = 0;
  if (stbi_info_from_memory(bytes.data(), size, &width, &height, &channels) == 0)
    raise<FileError>("{}: expected a picture (PNG or JPEG), found something else", path.string());
  if (Index{width} * height > largest_picture)
    raise<FileError>("{}: expected at most {} pixels, found {} x {}", path.string(), largest_picture, width, height);
  if (is_jpeg(bytes) && !is_complete_jpeg(bytes))
    raise<FileError>("{}: expected the whole of a JPEG, found no end (truncated?)", path.string());
  const std::unique_ptr<stbi_uc, void (*)(void*)> decoded(
      stbi_load_from_memory(bytes.data(), size, &width, &height, &channels, 3), stbi_image_free);
  if (decoded == nullptr)
    raise<FileError>("{}: expected a picture that can be decoded, found: {}", path.string(), stbi_failure_reason());
  Image image(width, height);
  std::copy_n(decoded.get(), image.pixels.size(), image.pixels.begin());
  return image;
}

void write_png(const std::filesystem::path& path, const Image& image) {
  tessera::Bytes bytes;
  const auto append = [](void* context, void* data, int size) {
    const auto* first = static_cast<const std::uint8_t*>(data);
    static_cast<tessera::Bytes*>(context)->insert(static_cast<tessera::Bytes*>(context)->end(), first, first + size);
  };
  const int written = stbi_write_png_to_func(append, &bytes, static_cast<int>(image.width),
                                             static_cast<int>(image.height), 3, image.pixels.data(), 0);
  if (written == 0)
    raise<FileError>("{}: cannot encode a picture of {} x {}", path.string(), image.width, image.height);
  tessera::write_file(path, bytes);
}

Image crop(const Image& image, Index x, Index y, Index width, Index height) {
  require(x >= 0 && y >= 0 && width >= 0 && height >= 0 && x + width <= image.width && y + height <= image.height,
          "crop: expected a part of {} x {} pixels, found {} x {} at ({}, {})", image.width, image.height, width,
          height, x, y);
  Image part(width, height);
  for (Index row = 0; row < height; ++row) std::copy_n(image.pixel(x, y + row), 3 * width, part.pixel(0, row));
  return part;
}

Image shrink(const Image& image, Index factor) {
  require(factor >= 1, "shrink: expected a factor of at least 1, found {}", factor);
  Image small(image.width / factor, image.height / factor);
  for (Index y = 0; y < small.height; ++y) {
    for (Index x = 0; x < small.width; ++x) {
      for (Index c = 0; c < 3; ++c) {
        Index sum = factor * factor / 2;  // rounds to nearest
        for (Index i = 0; i < factor * factor; ++i)
          sum += image.pixel(x * factor + i % factor, y * factor + i / factor)[c];
        small.pixel(x, y)[c] = static_cast<std::uint8_t>(sum / (factor * factor));
      }
    }
  }
  return small;
}

Image magnify(const Image& image, Index factor) {
  require(factor >= 1, "magnify: expected a factor of at least 1, found {}", factor);
  Image large(factor * image.width, factor * image.height);
  for (Index y = 0; y < large.height; ++y) {
    for (Index x = 0; x < large.width; ++x) std::copy_n(image.pixel(x / factor, y / factor), 3, large.pixel(x, y));
  }
  return large;
}

Image grid_of(const std::vector<Image>& images, Index columns, Index gap) {
  require(!images.empty() && columns >= 1, "grid_of: expected pictures and columns, found {} and {}", images.size(),
          columns);
  Index width = 0;
  Index height = 0;
  for (const Image& image : images) {
    width = std::max(width, image.width);
    height = std::max(height, image.height);
  }
  const auto count = static_cast<Index>(images.size());
  const Index lines = (count + columns - 1) / columns;
  columns = std::min(columns, count);
  Image grid(columns * (width + gap) - gap, lines * (height + gap) - gap, 255);
  for (Index i = 0; i < count; ++i)
    paste(images[static_cast<std::size_t>(i)], grid, i % columns * (width + gap), i / columns * (height + gap));
  return grid;
}

double psnr(const Image& a, const Image& b) {
  require(a.width == b.width && a.height == b.height, "psnr: expected pictures of one size, found {} x {} and {} x {}",
          a.width, a.height, b.width, b.height);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) {
    const int difference = a.pixels[i] - b.pixels[i];
    sum += difference * difference;
  }
  if (sum == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.pixels.size()) / static_cast<double>(sum));
}

}  // namespace examples
