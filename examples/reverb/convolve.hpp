// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Three ways to the same wet sound: all samples at once, block by block as they would come from a microphone, and in
// blocks of random sizes. They work in double: however much of the sound a response takes away, what it leaves is right
// to the last bit of the floats that are written.

#include <cstdint>
#include <functional>
#include <vector>

#include "reverb/scene.hpp"
#include "support/progress_bar.hpp"

namespace examples {

struct Wet {
  RowMatrix<double> samples;          // (channels, length)
  std::vector<double> block_seconds;  // what each block took; all samples at once are one block
  Index latency = 0;                  // samples by which results come late

  double seconds() const;  // what all blocks took
};

/// The number of samples of the next block, at least 1.
using BlockSizes = std::function<Index()>;

/// Sizes from 1 to `largest_shuffled`, short ones as likely as long ones: uniform in the logarithm.
inline constexpr Index largest_shuffled = 4096;
BlockSizes shuffled_sizes(std::uint64_t seed);

/// All samples at once, in blocks that the convolution chooses.
Wet convolve_at_once(const Scene& scene);

/// In blocks of these sizes. The tail is what silence brings out at the end. `bar` advances by the samples done.
Wet convolve_in_blocks(const Scene& scene, const BlockSizes& next_size, ProgressBar& bar);

/// The largest difference between any two of the three, over the largest sample; 0 when all are silent.
double max_difference(const Wet& a, const Wet& b, const Wet& c);

}  // namespace examples
