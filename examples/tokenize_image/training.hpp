// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Training an autoencoder on the patches of a picture: mean squared error plus the quantizer's own losses, Adam with a
// learning rate that falls along half a cosine.

#include <cstdint>

#include <tessera/core/progress.hpp>

#include "tokenize_image/model.hpp"

namespace examples {

struct TrainingOptions {
  Index steps = 2000;
  Index batch = 256;            // patches per step, drawn at random
  double learning_rate = 3e-3;  // at its peak
  double largest_gradient = 1;  // longer gradients are scaled down to this norm
  Index start_iterations = -1;  // of k-means on the encoder's first outputs, where codes start; negative: no such start
  Index expiry_interval = 0;    // steps between replacements of codes that hardly any patch uses; 0: never
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;  // the first of two streams of random numbers that only this training uses
};

/// How a kind is trained by default.
TrainingOptions training_options(Kind kind);

/// Changes every weight of the model and, where the quantizer has one, its codebook. Reports every step.
void train(Model& model, Batch<const float> patches, const TrainingOptions& options, tessera::Progress progress = {});

}  // namespace examples
