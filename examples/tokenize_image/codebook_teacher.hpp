// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// How a quantizer's codebook learns while the networks around it are trained. Looking at a quantizer never changes it:
// whoever trains says when it learns, and from what.

#include <tessera/core/random.hpp>
#include <tessera/nn/parameters.hpp>
#include <tessera/quantize/expiry.hpp>

#include "tokenize_image/training.hpp"

namespace examples {

template <class Quantizer>
class CodebookTeacher;

/// A scalar quantizer has no codebook.
template <>
class CodebookTeacher<ScalarQuantizer> {
 public:
  CodebookTeacher(ScalarQuantizer&, const TrainingOptions&) {}
  void add_to(tessera::Parameters<float>&) {}
  template <class Latents>
  void start(const Latents&) {}
  void take(const ScalarQuantizer::Gradients&) {}
  void learn(Batch<const float>, const ScalarQuantizer::Result&, Index) {}
};

/// A vector quantizer's codes move with the optimiser or with moving averages, as its options say.
template <>
class CodebookTeacher<VectorQuantizer> {
 public:
  CodebookTeacher(VectorQuantizer& quantizer, const TrainingOptions& options)
      : quantizer_(quantizer), options_(options), random_(options.seed, options.stream + 1) {
    if (!by_gradient()) return;
    codes_ = quantizer.codebook().codes();
    gradient_.setZero(codes_.rows(), codes_.cols());
  }

  /// Codes that learn by gradient are parameters like any other.
  void add_to(tessera::Parameters<float>& parameters) {
    if (by_gradient()) parameters.add("codebook", codes_, gradient_);
  }

  /// Before the first step; `latents()` computes the encoder's outputs of the whole picture.
  template <class Latents>
  void start(const Latents& latents) {
    if (options_.start_iterations < 0) return;
    const RowMatrix<float> values = latents();
    quantizer_.initialize(tessera::rows(values),
                          {.iterations = options_.start_iterations, .seed = options_.seed + options_.stream});
  }

  /// After backward, before the optimiser's step.
  void take(const VectorQuantizer::Gradients& gradients) {
    if (by_gradient()) gradient_ = gradients.grad_parameters;
  }

  /// After the optimiser's step.
  void learn(Batch<const float> latents, const VectorQuantizer::Result& result, Index step) {
    if (by_gradient()) {
      quantizer_.set_codes(tessera::rows(codes_));
      return;
    }
    quantizer_.update(latents, result.tokens);
    // Towards the end nothing is moved any more: what is new needs time to find its place.
    const bool early = step < options_.steps * 3 / 4;
    if (early && options_.expiry_interval > 0 && step % options_.expiry_interval == 0)
      tessera::expire(quantizer_.codebook(), latents, random_);
  }

 private:
  bool by_gradient() const { return quantizer_.options().learning == tessera::CodebookLearning::gradient; }

  VectorQuantizer& quantizer_;
  TrainingOptions options_;
  tessera::Random random_;
  RowMatrix<float> codes_;
  RowMatrix<float> gradient_;
};

}  // namespace examples
