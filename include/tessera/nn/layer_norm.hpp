// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Layer normalisation, y = w (x - mean) / sqrt(variance + epsilon) + b over the features of each vector (Ba, Kiros and
// Hinton 2016, "Layer normalization"), with the variance divided by the number of features. With n = (x - mean) / s,
// s = sqrt(variance + epsilon) and h = w g, the backward pass is
//
//   grad_x = (h - mean(h) - n mean(h n)) / s,   grad_w = sum over rows of g n,   grad_b = sum over rows of g.

#include <cmath>
#include <string>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/nn/detail/elementwise.hpp>
#include <tessera/nn/parameters.hpp>

namespace tessera {

struct LayerNormOptions {
  Index dimension = 1;    // scalars in a vector, at least 1
  double epsilon = 1e-5;  // added to the variance, positive
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// Scale and shift, or the gradient of a loss with respect to them.
template <class Scalar>
struct LayerNormWeights {
  Eigen::RowVector<Scalar, Eigen::Dynamic> scale;  // (dimension)
  Eigen::RowVector<Scalar, Eigen::Dynamic> shift;  // (dimension)
};

/// The layer; it starts with scale 1 and shift 0. Training and inference are one function, and the bits of a row do
/// not depend on its batch. Cost: three passes over each row, which stays in cache.
template <class Scalar>
class LayerNorm {
 public:
  using Gradient = LayerNormWeights<Scalar>;

  LayerNorm() = default;

  /// Throws std::invalid_argument unless the dimension is at least 1 and epsilon positive.
  explicit LayerNorm(const LayerNormOptions& options) : epsilon_(static_cast<Scalar>(options.epsilon)) {
    require(options.dimension >= 1, "LayerNorm: expected a dimension of at least 1, found {}", options.dimension);
    require(options.epsilon > 0, "LayerNorm: expected a positive epsilon, found {}", options.epsilon);
    parameters_.scale.setOnes(options.dimension);
    parameters_.shift.setZero(options.dimension);
  }

  Index dimension() const { return parameters_.scale.size(); }
  auto& scale() { return parameters_.scale; }
  const auto& scale() const { return parameters_.scale; }
  auto& shift() { return parameters_.shift; }
  const auto& shift() const { return parameters_.shift; }

  /// A gradient of the right shapes, zero.
  Gradient make_gradient() const {
    Gradient gradient = parameters_;
    gradient.scale.setZero();
    gradient.shift.setZero();
    return gradient;
  }

  /// Adds `name.weight` and `name.bias` to a parameter list; `gradient` is what backward_into fills.
  void add_to(Parameters<Scalar>& list, const std::string& name, Gradient& gradient) {
    list.add(name + ".weight", parameters_.scale, gradient.scale);
    list.add(name + ".bias", parameters_.shift, gradient.shift);
  }

  /// Normalises every vector. `output` may be the input. Throws std::invalid_argument on other shapes.
  void forward_into(Batch<const Scalar> input, Batch<Scalar> output) const {
    detail::require_same_shape("LayerNorm", "an input", input.count(), dimension(), input.count(), input.dimension());
    detail::require_same_shape("LayerNorm", "an output", input, output);
    for (Index i = 0; i < input.count(); ++i) {
      const auto [mean, inverse] = statistics(input[i]);
      const auto m = simd::broadcast(mean);
      const auto s = simd::broadcast(inverse);
      const auto normalise = [&](const auto& x, const auto& w, const auto& b) {
        return simd::multiply_add((x - m) * s, w, b);
      };
      const Scalar* scale = parameters_.scale.data();
      detail::map_vectors(dimension(), output[i], normalise, input[i], scale, parameters_.shift.data());
    }
  }

  /// The same, returned.
  RowMatrix<Scalar> forward(Batch<const Scalar> input) const {
    RowMatrix<Scalar> output(input.count(), dimension());
    forward_into(input, rows(output));
    return output;
  }

  /// From the input of forward and the gradient of its output: the gradients of scale and shift, overwritten, and of
  /// the input (may be `grad_output`). Throws std::invalid_argument on other shapes.
  void backward_into(Batch<const Scalar> input, Batch<const Scalar> grad_output, Gradient& gradient,
                     Batch<Scalar> grad_input) const {
    detail::require_same_shape("LayerNorm", "an input", input.count(), dimension(), input.count(), input.dimension());
    detail::require_same_shape("LayerNorm", "grad_output", input, grad_output);
    detail::require_same_shape("LayerNorm", "grad_input", input, grad_input);
    gradient.scale.setZero(dimension());
    gradient.shift.setZero(dimension());
    for (Index i = 0; i < input.count(); ++i) backward_row(input[i], grad_output[i], gradient, grad_input[i]);
  }

  /// The same, returned: the gradient of the input, with those of scale and shift in `gradient`.
  RowMatrix<Scalar> backward(Batch<const Scalar> input, Batch<const Scalar> grad_output, Gradient& gradient) const {
    RowMatrix<Scalar> grad_input(input.count(), dimension());
    backward_into(input, grad_output, gradient, rows(grad_input));
    return grad_input;
  }

 private:
  struct Statistics {
    Scalar mean;
    Scalar inverse;  // 1 / sqrt(variance + epsilon)
  };

  /// Two passes: the mean first, then the squares around it, so that a large offset costs no digits.
  Statistics statistics(const Scalar* x) const {
    const auto size = static_cast<Scalar>(dimension());
    const Scalar mean = detail::sum_vectors<Scalar>(
                            dimension(), [](const auto& v) { return v; }, x) /
                        size;
    const auto square = [m = simd::broadcast(mean)](const auto& v) { return (v - m) * (v - m); };
    const Scalar sum = detail::sum_vectors<Scalar>(dimension(), square, x);
    return {mean, 1 / std::sqrt(sum / size + epsilon_)};
  }

  void backward_row(const Scalar* x, const Scalar* g, Gradient& gradient, Scalar* grad_input) const {
    const auto [mean, inverse] = statistics(x);
    const auto m = simd::broadcast(mean);
    const auto s = simd::broadcast(inverse);
    const Scalar* scale = parameters_.scale.data();
    const auto size = static_cast<Scalar>(dimension());
    const auto product = [](const auto& a, const auto& b) { return a * b; };
    const auto weighted = [&](const auto& gv, const auto& w, const auto& v) { return gv * w * ((v - m) * s); };
    const auto mean_h = simd::broadcast(detail::sum_vectors<Scalar>(dimension(), product, g, scale) / size);
    const auto mean_hn = simd::broadcast(detail::sum_vectors<Scalar>(dimension(), weighted, g, scale, x) / size);

    const auto add_product = [&](const auto& sum, const auto& gv, const auto& v) { return sum + gv * ((v - m) * s); };
    const auto add = [](const auto& sum, const auto& gv) { return sum + gv; };
    const auto input_gradient = [&](const auto& gv, const auto& w, const auto& v) {
      return (gv * w - mean_h - (v - m) * s * mean_hn) * s;
    };
    Scalar* grad_scale = gradient.scale.data();
    Scalar* grad_shift = gradient.shift.data();
    detail::map_vectors(dimension(), grad_scale, add_product, static_cast<const Scalar*>(grad_scale), g, x);
    detail::map_vectors(dimension(), grad_shift, add, static_cast<const Scalar*>(grad_shift), g);
    detail::map_vectors(dimension(), grad_input, input_gradient, g, scale, x);
  }

  LayerNormWeights<Scalar> parameters_;
  Scalar epsilon_ = Scalar(1e-5);
};

}  // namespace tessera::inline TESSERA_ISA
