// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "support/patches.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <tessera/core/error.hpp>

namespace examples {
namespace {

/// Calls `visit(i, d, x, y)` for every pixel of every patch: its first number is number d of patch i, and it shows the
/// pixel at (x, y), which may lie outside the picture.
template <class Visit>
void for_each_pixel(const PatchGrid& grid, Visit visit) {
  for (Index i = 0; i < grid.count(); ++i) {
    const Index left = i % grid.columns() * grid.patch;
    const Index top = i / grid.columns() * grid.patch;
    for (Index y = 0; y < grid.patch; ++y) {
      for (Index x = 0; x < grid.patch; ++x) visit(i, 3 * (y * grid.patch + x), left + x, top + y);
    }
  }
}

}  // namespace

PatchGrid grid_for(const Image& image, Index patch) {
  tessera::require(image.width >= patch && image.height >= patch,
                   "expected a picture of at least {} x {} pixels, the size of a patch, found {} x {}", patch, patch,
                   image.width, image.height);
  return {image.width, image.height, patch};
}

PixelScale scale_for(const Image& image) {
  const auto count = static_cast<double>(image.width * image.height);
  Eigen::RowVector3d sum = Eigen::RowVector3d::Zero();
  Eigen::RowVector3d squares = Eigen::RowVector3d::Zero();
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const double value = image.pixels[i];
    sum[static_cast<Index>(i % 3)] += value;
    squares[static_cast<Index>(i % 3)] += value * value;
  }
  const Eigen::RowVector3d mean = sum / count;
  const double variance = (squares / count - mean.cwiseProduct(mean)).mean();
  return {mean.cast<float>(), static_cast<float>(std::sqrt(std::max(variance, 1.0)))};  // a flat picture has none
}

RowMatrix<float> cut_patches(const Image& image, const PatchGrid& grid, const PixelScale& scale) {
  RowMatrix<float> patches(grid.count(), grid.dimension());
  for_each_pixel(grid, [&](Index i, Index d, Index x, Index y) {
    const std::uint8_t* pixel = image.pixel(std::min(x, grid.width - 1), std::min(y, grid.height - 1));
    for (Index c = 0; c < 3; ++c) patches(i, d + c) = (static_cast<float>(pixel[c]) - scale.mean[c]) / scale.deviation;
  });
  return patches;
}

Image join_patches(Batch<const float> patches, const PatchGrid& grid, const PixelScale& scale) {
  tessera::require(patches.count() == grid.count() && patches.dimension() == grid.dimension(),
                   "join_patches: expected {} patches of {} numbers, found {} of {}", grid.count(), grid.dimension(),
                   patches.count(), patches.dimension());
  Image image(grid.width, grid.height);
  for_each_pixel(grid, [&](Index i, Index d, Index x, Index y) {
    if (x >= grid.width || y >= grid.height) return;
    for (Index c = 0; c < 3; ++c) {
      const float value = patches[i][d + c] * scale.deviation + scale.mean[c];
      image.pixel(x, y)[c] = static_cast<std::uint8_t>(std::clamp(value, 0.0f, 255.0f) + 0.5f);
    }
  });
  return image;
}

}  // namespace examples
