// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Pictures as batches of square patches and back. A patch of side P is a vector of P x P x 3 numbers; where P does not
// divide a side of the picture, its last row or column of pixels is repeated, and cut off again on the way back.

#include <tessera/core/batch.hpp>

#include "support/image.hpp"

namespace examples {

using tessera::Batch;
using tessera::RowMatrix;

/// How a picture is cut: `columns() x rows()` patches, numbered row by row.
struct PatchGrid {
  Index width = 0;  // of the picture, in pixels
  Index height = 0;
  Index patch = 1;  // side of a patch, in pixels

  Index columns() const { return (width + patch - 1) / patch; }
  Index rows() const { return (height + patch - 1) / patch; }
  Index count() const { return columns() * rows(); }
  Index dimension() const { return 3 * patch * patch; }
};

/// The grid of a picture. Throws std::invalid_argument when a side is below the patch.
PatchGrid grid_for(const Image& image, Index patch);

/// What turns pixels into numbers of mean 0 and variance about 1: x = (pixel - mean of its channel) / deviation.
struct PixelScale {
  Eigen::RowVector3f mean = Eigen::RowVector3f::Zero();
  float deviation = 1;
};

/// The scale that fits a picture.
PixelScale scale_for(const Image& image);

/// (count, dimension): the patches of a picture, in the order of the grid.
RowMatrix<float> cut_patches(const Image& image, const PatchGrid& grid, const PixelScale& scale);

/// The picture of patches, each number rounded to the nearest pixel value and clamped.
Image join_patches(Batch<const float> patches, const PatchGrid& grid, const PixelScale& scale);

}  // namespace examples
