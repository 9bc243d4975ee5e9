// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Adam (Kingma and Ba 2015, algorithm 1) with decoupled weight decay (Loshchilov and Hutter 2019, "AdamW",
// algorithm 2). For step t = 1, 2, ... with gradient g and rate r:
//
//   m <- b1 m + (1 - b1) g        v <- b2 v + (1 - b2) g^2
//   w <- w - r decay w - r (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)

#include <algorithm>
#include <cmath>

#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/nn/parameters.hpp>

namespace tessera {

struct AdamOptions {
  double beta1 = 0.9;       // decay of the mean of the gradients, in [0, 1)
  double beta2 = 0.999;     // decay of the mean of their squares, in [0, 1)
  double epsilon = 1e-8;    // added to the root, positive
  double weight_decay = 0;  // decoupled: each step multiplies the weights by 1 - rate * weight_decay; at least 0
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// The optimiser's state for one list of parameters: two moments per scalar and the number of steps taken.
/// A step reads gradients, moments and weights once, in pieces that stay in the nearest cache, and allocates nothing.
template <class Scalar>
class Adam {
 public:
  /// Moments of zero for every scalar of `parameters`. Throws std::invalid_argument on options out of range.
  explicit Adam(const Parameters<Scalar>& parameters, const AdamOptions& options = {})
      : options_(options), mean_(Array::Zero(parameters.size())), square_(Array::Zero(parameters.size())) {
    require(options.beta1 >= 0 && options.beta1 < 1 && options.beta2 >= 0 && options.beta2 < 1,
            "Adam: expected beta1 and beta2 in [0, 1), found {} and {}", options.beta1, options.beta2);
    require(options.epsilon > 0 && options.weight_decay >= 0,
            "Adam: expected a positive epsilon and a weight decay of at least 0, found {} and {}", options.epsilon,
            options.weight_decay);
  }

  /// Moves the parameters along their gradients; tensors without gradients stay. `parameters` is the list of the
  /// constructor, or one of the same shapes. Throws std::invalid_argument when its size differs.
  void step(Parameters<Scalar>& parameters, double learning_rate) {
    require(parameters.size() == mean_.size(), "Adam: expected parameters of {} scalars, found {}", mean_.size(),
            parameters.size());
    ++steps_;
    const auto t = static_cast<double>(steps_);
    const Coefficients c{static_cast<Scalar>(options_.beta1), static_cast<Scalar>(options_.beta2),
                         static_cast<Scalar>(learning_rate / (1 - std::pow(options_.beta1, t))),
                         static_cast<Scalar>(1 / (1 - std::pow(options_.beta2, t))),
                         static_cast<Scalar>(1 - learning_rate * options_.weight_decay)};
    Index offset = 0;
    for (const auto& tensor : parameters) {
      const auto size = static_cast<Index>(tensor.values.size());
      if (!tensor.gradients.empty()) update(tensor.values.data(), tensor.gradients.data(), offset, size, c);
      offset += size;
    }
  }

  /// Steps taken so far.
  Index steps() const { return steps_; }

 private:
  using Array = Eigen::ArrayX<Scalar>;

  struct Coefficients {
    Scalar beta1;
    Scalar beta2;
    Scalar rate;         // with the correction of the mean's bias
    Scalar square_gain;  // the correction of the squares' bias
    Scalar keep;         // what weight decay leaves
  };

  void update(Scalar* values, const Scalar* gradients, Index offset, Index size, const Coefficients& c) {
    constexpr Index piece = 1024;
    const auto epsilon = static_cast<Scalar>(options_.epsilon);
    for (Index i = 0; i < size; i += piece) {
      const Index n = std::min(piece, size - i);
      Eigen::Map<Array> w(values + i, n);
      const Eigen::Map<const Array> g(gradients + i, n);
      auto m = mean_.segment(offset + i, n);
      auto v = square_.segment(offset + i, n);
      m = c.beta1 * m + (1 - c.beta1) * g;
      v = c.beta2 * v + (1 - c.beta2) * g.square();
      w = c.keep * w - c.rate * m / ((c.square_gain * v).sqrt() + epsilon);
    }
  }

  AdamOptions options_;
  Array mean_;
  Array square_;
  Index steps_ = 0;
};

}  // namespace tessera::inline TESSERA_ISA
