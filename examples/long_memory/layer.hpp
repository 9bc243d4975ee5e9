// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// One rational transfer function of one channel in training: where it starts, and what its denominator may be.

#include <cstdint>
#include <string>
#include <vector>

#include <tessera/core/batch.hpp>
#include <tessera/nn/parameters.hpp>
#include <tessera/ssm/rational_kernel.hpp>
#include <tessera/ssm/transfer_function.hpp>

namespace examples {

using tessera::Index;
using tessera::RowMatrix;

enum class Start {
  zeros,       // a = b = 0, h_0 = 1; any denominator may follow
  random,      // a and b uniform in +-1 / sqrt(order); any denominator may follow
  l1,          // sum |a| < 1 always: the sufficient bound on stability
  reflection,  // reflection coefficients below 1 always: all stable denominators and no others
};

inline constexpr Start starts[] = {Start::zeros, Start::random, Start::l1, Start::reflection};

/// "zeros", ...
std::string start_name(Start start);

/// The parameters, the taps and the gradients between them.
class Layer {
 public:
  Layer(Start start, Index order, Index length, std::uint64_t seed);
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  /// Of all that is trained, with gradients.
  tessera::Parameters<double>& parameters() { return parameters_; }

  /// (1, length): of the parameters as they are now.
  const RowMatrix<double>& taps();
  /// Sets the gradients of the parameters from that of the taps.
  void backward(const RowMatrix<double>& grad_taps);

  /// The largest modulus of a pole.
  double spectral_radius() const { return model_.spectral_radius(); }
  /// The recurrence whose first taps are those of the layer, driven by an impulse: the largest difference of its taps
  /// from them, relative to the largest. Negative where there is no such recurrence to be had.
  double recurrence_difference();

 private:
  bool constrained() const { return start_ == Start::l1 || start_ == Start::reflection; }
  void add_constrained(Index order, std::uint64_t seed);
  /// The denominator of a constrained layer.
  void constrain();

  Start start_;
  tessera::RationalTransferFunction<double> model_;
  tessera::RationalKernel<double> kernel_;
  tessera::TransferFunctionParameters<double> gradient_;
  RowMatrix<double> free_, free_gradient_;  // what the denominator of a constrained layer is made of
  RowMatrix<double> taps_;
  tessera::Parameters<double> parameters_;
};

}  // namespace examples
