// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The affine layer y = W x + b for each row x of a batch, with W stored (outputs, inputs), and its backward pass
//
//   grad_x = W^T g,   grad_W = sum over rows of g x^T,   grad_b = sum over rows of g.
//
// Training multiplies through Eigen, whose blocking follows the batch and the machine's caches: its last bits are not
// promised. Inference goes through a prepared copy with a fixed order of summation (core/panel_product.hpp): a row's
// result has the same bits in every batch.

#include <cmath>
#include <string>
#include <type_traits>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/panel_product.hpp>
#include <tessera/nn/detail/elementwise.hpp>
#include <tessera/nn/parameters.hpp>

namespace tessera {

struct LinearOptions {
  Index inputs = 1;   // scalars in a row of the input, at least 1
  Index outputs = 1;  // scalars in a row of the output, at least 1
  double gain = 1;    // weights start as normal numbers of deviation gain / sqrt(inputs), biases as 0
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// Weights and bias, or the gradient of a loss with respect to them.
template <class Scalar>
struct LinearWeights {
  RowMatrix<Scalar> weights;                      // (outputs, inputs)
  Eigen::RowVector<Scalar, Eigen::Dynamic> bias;  // (outputs)
};

/// The layer. Its weights are plain data: read them, write them, load them.
template <class Scalar>
class Linear {
 public:
  using Gradient = LinearWeights<Scalar>;

  Linear() = default;

  /// All weights zero. Throws std::invalid_argument unless both sizes are at least 1.
  explicit Linear(const LinearOptions& options) {
    require(options.inputs >= 1 && options.outputs >= 1,
            "Linear: expected at least one input and output, found {} and {}", options.inputs, options.outputs);
    parameters_.weights.setZero(options.outputs, options.inputs);
    parameters_.bias.setZero(options.outputs);
  }

  /// Weights drawn from `random` (a tessera::Random, or anything with `normal()`), row by row.
  template <class Generator>
  Linear(const LinearOptions& options, Generator& random) : Linear(options) {
    const double deviation = options.gain / std::sqrt(static_cast<double>(options.inputs));
    for (Index o = 0; o < outputs(); ++o) {
      for (Index i = 0; i < inputs(); ++i) weights()(o, i) = static_cast<Scalar>(deviation * random.normal());
    }
  }

  Index inputs() const { return parameters_.weights.cols(); }
  Index outputs() const { return parameters_.weights.rows(); }
  RowMatrix<Scalar>& weights() { return parameters_.weights; }
  const RowMatrix<Scalar>& weights() const { return parameters_.weights; }
  auto& bias() { return parameters_.bias; }
  const auto& bias() const { return parameters_.bias; }

  /// A gradient of the right shapes, zero.
  Gradient make_gradient() const {
    Gradient gradient = parameters_;
    gradient.weights.setZero();
    gradient.bias.setZero();
    return gradient;
  }

  /// Adds `name.weight` and `name.bias` to a parameter list; `gradient` is what backward_into fills.
  void add_to(Parameters<Scalar>& list, const std::string& name, Gradient& gradient) {
    list.add(name + ".weight", parameters_.weights, gradient.weights);
    list.add(name + ".bias", parameters_.bias, gradient.bias);
  }

  /// output = input W^T + b, (N, inputs) to (N, outputs), for training. The two must not overlap.
  /// Throws std::invalid_argument on other shapes.
  void forward_into(Batch<const Scalar> input, Batch<Scalar> output) const {
    detail::require_same_shape("Linear", "an input", input.count(), inputs(), input.count(), input.dimension());
    detail::require_same_shape("Linear", "an output", input.count(), outputs(), output.count(), output.dimension());
    auto result = output.matrix();
    result.noalias() = input.matrix() * parameters_.weights.transpose();
    result.rowwise() += parameters_.bias;
  }

  /// The same, returned.
  RowMatrix<Scalar> forward(Batch<const Scalar> input) const {
    RowMatrix<Scalar> output(input.count(), outputs());
    forward_into(input, rows(output));
    return output;
  }

  /// From the input of forward and the gradient of its output: the gradients of the weights, overwritten, and of the
  /// input. A default-constructed `grad_input` skips the latter, as a first layer wants. No two may overlap.
  /// Throws std::invalid_argument on other shapes.
  void backward_into(Batch<const Scalar> input, Batch<const Scalar> grad_output, Gradient& gradient,
                     Batch<Scalar> grad_input) const {
    detail::require_same_shape("Linear", "an input", input.count(), inputs(), input.count(), input.dimension());
    detail::require_same_shape("Linear", "grad_output", input.count(), outputs(), grad_output.count(),
                               grad_output.dimension());
    const bool wants_input = grad_input.data() != nullptr;
    if (wants_input) detail::require_same_shape("Linear", "grad_input", input, grad_input);
    const auto g = grad_output.matrix();
    gradient.weights.noalias() = g.transpose() * input.matrix();
    if (g.rows() == 0) {
      gradient.bias.setZero();  // Eigen's sum of columns would step through a null pointer
    } else {
      gradient.bias.noalias() = g.colwise().sum();
    }
    if (wants_input) grad_input.matrix().noalias() = g * parameters_.weights;
  }

  /// The same, returned: the gradient of the input, with the weights' gradients in `gradient`.
  RowMatrix<Scalar> backward(Batch<const Scalar> input, Batch<const Scalar> grad_output, Gradient& gradient) const {
    RowMatrix<Scalar> grad_input(input.count(), inputs());
    backward_into(input, grad_output, gradient, rows(grad_input));
    return grad_input;
  }

  /// The weights of this moment, prepared for inference: `inference().multiply(batch)` gives each row the same bits in
  /// every batch and on any number of threads.
  PanelMatrix<Scalar> inference() const {
    return PanelMatrix<Scalar>(rows(parameters_.weights), rows(parameters_.bias));
  }

  /// One-shot inference, (N, inputs) to (N, outputs). Prepares the weights each time: keep inference() for many calls.
  RowMatrix<Scalar> infer(Batch<const Scalar> input, Execution execution = {}) const {
    return inference().multiply(input, execution);
  }

 private:
  LinearWeights<Scalar> parameters_;
};

}  // namespace tessera::inline TESSERA_ISA
