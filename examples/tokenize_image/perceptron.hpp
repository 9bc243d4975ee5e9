// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The network on either side of the quantizer: linear, GELU, linear.

#include <string>

#include <tessera/core/execution.hpp>
#include <tessera/core/random.hpp>
#include <tessera/nn/linear.hpp>
#include <tessera/nn/parameters.hpp>

namespace examples {

using tessera::Batch;
using tessera::Index;
using tessera::RowMatrix;

/// Two layers with their gradients. Training multiplies through Eigen; infer() gives the same bits for a row in any
/// batch, which a decoder needs.
class Perceptron {
 public:
  /// What forward computed and backward needs, kept from step to step.
  struct Work {
    RowMatrix<float> hidden;  // before the activation, (N, hidden)
    RowMatrix<float> activated;
    RowMatrix<float> output;    // (N, outputs)
    RowMatrix<float> gradient;  // of `hidden`
  };

  /// All weights zero: to be loaded.
  Perceptron(Index inputs, Index hidden, Index outputs);
  /// Weights drawn at random.
  Perceptron(Index inputs, Index hidden, Index outputs, tessera::Random& random);

  Index inputs() const { return first_.inputs(); }
  Index hidden() const { return first_.outputs(); }
  Index outputs() const { return second_.outputs(); }

  /// Lists the weights under `name`.first and `name`.second.
  void add_to(tessera::Parameters<float>& parameters, const std::string& name);

  void forward(Batch<const float> input, Work& work) const;
  /// Fills the gradients of the weights and, unless it is default-constructed, of the input.
  void backward(Batch<const float> input, Work& work, Batch<const float> grad_output, Batch<float> grad_input);

  RowMatrix<float> infer(Batch<const float> input, tessera::Execution execution) const;

 private:
  tessera::Linear<float> first_;
  tessera::Linear<float> second_;
  tessera::Linear<float>::Gradient first_gradient_;
  tessera::Linear<float>::Gradient second_gradient_;
};

}  // namespace examples
