// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// A quantizer between two linear maps, as models with wide features and narrow codes want it:
//
//   latent = A x + a,   (code, token) = quantize(latent),   output = B code + b.
//
// x and output have the width of the model, latent and code that of the quantizer (any that models Quantizer).
// Gradients of the output pass B, the quantizer's own backward, and A:
//
//   grad_B = sum g code^T,  grad_b = sum g,  h = quantizer's backward of (B^T g, losses),  grad_A = sum h x^T,  grad_a
//   = sum h, grad_x = A^T h.
//
// Every product that a token or a code depends on runs in a fixed order (core/panel_product.hpp), in training too:
// encode and forward give the same tokens, decode and forward the same codes, to the bit, in every batch, split and
// number of threads. The gradients go through Eigen's products, whose last bits are not promised.

#include <cstdint>
#include <string>
#include <utility>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/mask.hpp>
#include <tessera/core/random.hpp>
#include <tessera/nn/linear.hpp>
#include <tessera/nn/parameters.hpp>
#include <tessera/quantize/concepts.hpp>

namespace tessera {

struct ProjectedQuantizerOptions {
  Index dimension = 256;  ///< scalars of a vector outside, at least 1; inside it is the quantizer's own
  double input_gain =
      1;  ///< weights in start as normal numbers of deviation input_gain / sqrt(dimension): unit latents of unit input
  double output_gain = 1;  ///< weights out likewise, of deviation output_gain / sqrt(quantizer's dimension)
  std::uint64_t seed = 0;  ///< of the weights
};

/// What forward returns.
template <class Scalar, class InnerResult>
struct ProjectedQuantizerResult {
  RowMatrix<Scalar> codes;      ///< (N, dimension), projected out; zero for masked vectors
  Tokens<> tokens;              ///< the quantizer's
  QuantizerLosses losses = {};  ///< the quantizer's
  RowMatrix<Scalar> latents;    ///< (N, quantizer's dimension): what it was given; zero for masked vectors
  InnerResult inner;            ///< the quantizer's own result
};

/// What backward returns as grad_parameters.
template <class LinearGradient, class InnerGradient>
struct ProjectedQuantizerGradient {
  LinearGradient input;     ///< of A and a
  LinearGradient output;    ///< of B and b
  InnerGradient quantizer;  ///< the quantizer's own
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// The projections are plain data, `project_in()` and `project_out()`; the quantizer is `quantizer()`, whose codebook
/// is trained as if it stood alone, on `latents` and tokens of forward. Each verb packs the projections anew: the cost
/// of one or two more vectors. Throws std::invalid_argument on a batch of another dimension, a wrong mask, and input
/// that is not finite.
template <Quantizer Q>
class ProjectedQuantizer {
 public:
  using Scalar = typename Q::Scalar;
  using Result = ProjectedQuantizerResult<Scalar, typename Q::Result>;
  using InnerGradients = std::remove_cvref_t<decltype(std::declval<const Q&>().backward(
      std::declval<Batch<const Scalar>>(), std::declval<const typename Q::Result&>(),
      std::declval<UpstreamGradients<Scalar>>()))>;
  using ParameterGradient =
      ProjectedQuantizerGradient<LinearWeights<Scalar>, decltype(InnerGradients::grad_parameters)>;
  using Gradients = QuantizerGradients<Scalar, ParameterGradient>;

  /// Throws std::invalid_argument on a dimension below 1.
  explicit ProjectedQuantizer(Q quantizer, const ProjectedQuantizerOptions& options = {})
      : quantizer_(std::move(quantizer)) {
    require(options.dimension >= 1, "ProjectedQuantizer: expected a dimension of at least 1, found {}",
            options.dimension);
    Random random(options.seed);
    project_in_ = Linear<Scalar>({options.dimension, quantizer_.dimension(), options.input_gain}, random);
    project_out_ = Linear<Scalar>({quantizer_.dimension(), options.dimension, options.output_gain}, random);
  }

  const Q& quantizer() const { return quantizer_; }
  Q& quantizer() { return quantizer_; }
  const Linear<Scalar>& project_in() const { return project_in_; }
  Linear<Scalar>& project_in() { return project_in_; }
  const Linear<Scalar>& project_out() const { return project_out_; }
  Linear<Scalar>& project_out() { return project_out_; }

  Index dimension() const { return project_in_.inputs(); }
  Index tokens_per_vector() const { return quantizer_.tokens_per_vector(); }
  Index codebook_size() const { return quantizer_.codebook_size(); }
  double bits_per_token() const { return quantizer_.bits_per_token(); }

  /// The latents of a batch, A x + a; zero for masked vectors. Throws on input that is not finite, unless masked.
  RowMatrix<Scalar> project(Batch<const Scalar> batch, ForwardOptions options = {}) const {
    const MaskArray counts = check_input(batch, options);
    RowMatrix<Scalar> latents = project_in_.infer(batch, options.execution);
    clear_masked(latents, options.mask);
    return latents;
  }

  /// The tokens of a batch.
  Tokens<> encode(Batch<const Scalar> batch, ForwardOptions options = {}) const {
    const MaskArray counts = check_input(batch, options);
    const RowMatrix<Scalar> latents = project(batch, options);
    return quantizer_.encode(rows(latents), options);
  }

  /// The codes of tokens, projected out; zero for masked vectors. Throws as the quantizer's decode does.
  RowMatrix<Scalar> decode(const Tokens<>& tokens, ForwardOptions options = {}) const {
    const RowMatrix<Scalar> inner = quantizer_.decode(tokens, options);
    RowMatrix<Scalar> codes = project_out_.infer(rows(inner), options.execution);
    clear_masked(codes, options.mask);
    return codes;
  }

  /// Codes, tokens and losses of a batch.
  Result forward(Batch<const Scalar> batch, ForwardOptions options = {}) const {
    const MaskArray counts = check_input(batch, options);
    Result result;
    result.latents = project(batch, options);
    result.inner = quantizer_.forward(rows(result.latents), options);
    result.codes = project_out_.infer(rows(result.inner.codes), options.execution);
    const MaskArray valid = result.inner.tokens.col(0).array() >= 0;
    clear_masked(result.codes, Mask(valid));
    result.tokens = result.inner.tokens;
    result.losses = result.inner.losses;
    return result;
  }

  /// The gradients of input, projections and quantizer, from input and result of forward and the gradients of codes and
  /// losses. Reuses the memory of `gradients`.
  void backward_into(Batch<const Scalar> batch, const Result& result, UpstreamGradients<Scalar> upstream,
                     Gradients& gradients) const {
    check_backward(batch, result, upstream);
    const MaskArray valid = result.tokens.col(0).array() >= 0;
    ParameterGradient& parameters = gradients.grad_parameters;
    parameters.input.weights.resize(project_in_.outputs(), project_in_.inputs());
    parameters.input.bias.resize(project_in_.outputs());
    parameters.output.weights.resize(project_out_.outputs(), project_out_.inputs());
    parameters.output.bias.resize(project_out_.outputs());
    RowMatrix<Scalar> grad_inner = RowMatrix<Scalar>::Zero(batch.count(), quantizer_.dimension());
    if (upstream.codes.data() == nullptr) {
      parameters.output.weights.setZero();
      parameters.output.bias.setZero();
    } else {
      const RowMatrix<Scalar> grad_codes = valid_rows(upstream.codes, Mask(valid));
      project_out_.backward_into(rows(result.inner.codes), rows(grad_codes), parameters.output, rows(grad_inner));
    }
    UpstreamGradients<Scalar> inner_upstream{.losses = upstream.losses};
    if (upstream.codes.data() != nullptr) inner_upstream.codes = rows(grad_inner);
    const RowMatrix<Scalar> grad_latents = inner_backward(result, inner_upstream, parameters.quantizer);
    const RowMatrix<Scalar> input = valid_rows(batch, Mask(valid));
    gradients.grad_input.resize(batch.count(), dimension());
    project_in_.backward_into(rows(input), rows(grad_latents), parameters.input, rows(gradients.grad_input));
  }
  /// The same, returned.
  Gradients backward(Batch<const Scalar> batch, const Result& result, UpstreamGradients<Scalar> upstream) const {
    Gradients gradients;
    backward_into(batch, result, upstream, gradients);
    return gradients;
  }

  /// A gradient of the right shapes for the projections, zero.
  ParameterGradient make_gradient() const { return {project_in_.make_gradient(), project_out_.make_gradient(), {}}; }

  /// Adds name.in.weight, name.in.bias, name.out.weight, name.out.bias and, where the quantizer has a function add_to
  /// of its own, what that adds under name.quantizer. `gradient` is the grad_parameters that backward_into fills, of
  /// make_gradient().
  void add_to(Parameters<Scalar>& list, const std::string& name, ParameterGradient& gradient) {
    project_in_.add_to(list, name + ".in", gradient.input);
    project_out_.add_to(list, name + ".out", gradient.output);
    if constexpr (requires { quantizer_.add_to(list, name, gradient.quantizer); }) {
      quantizer_.add_to(list, name + ".quantizer", gradient.quantizer);
    }
  }

 private:
  /// Throws unless the batch can be projected. Vectors that are not finite are added to the mask where the options say
  /// so; the mask then views what is returned.
  MaskArray check_input(Batch<const Scalar> batch, ForwardOptions& options) const {
    require(batch.dimension() == dimension(),
            "ProjectedQuantizer: expected vectors of dimension {}, found {} (batch of {})", dimension(),
            batch.dimension(), batch.count());
    check_mask("ProjectedQuantizer", options.mask, batch.count());
    MaskArray counts;
    if (!options.mask_non_finite) {
      require_finite("ProjectedQuantizer", "input", batch, options.mask);
    } else if (first_non_finite(batch, options.mask)) {
      counts = finite_rows(batch, options.mask);
      options.mask = Mask(counts);
    }
    return counts;
  }

  static void clear_masked(RowMatrix<Scalar>& values, Mask mask) {
    for (Index i = 0; !mask.all() && i < values.rows(); ++i) {
      if (!mask[i]) values.row(i).setZero();
    }
  }

  /// A copy with zeros in place of masked rows, whatever these hold.
  static RowMatrix<Scalar> valid_rows(Batch<const Scalar> batch, Mask mask) {
    RowMatrix<Scalar> values = batch.matrix();
    clear_masked(values, mask);
    return values;
  }

  /// The quantizer's backward; its parameters' gradient keeps its memory where the quantizer has backward_into.
  RowMatrix<Scalar> inner_backward(const Result& result, const UpstreamGradients<Scalar>& upstream,
                                   decltype(InnerGradients::grad_parameters)& parameters) const {
    InnerGradients inner;
    inner.grad_parameters = std::move(parameters);
    if constexpr (requires { quantizer_.backward_into(rows(result.latents), result.inner, upstream, inner); }) {
      quantizer_.backward_into(rows(result.latents), result.inner, upstream, inner);
    } else {
      inner = quantizer_.backward(rows(result.latents), result.inner, upstream);
    }
    parameters = std::move(inner.grad_parameters);
    return std::move(inner.grad_input);
  }

  void check_backward(Batch<const Scalar> batch, const Result& result,
                      const UpstreamGradients<Scalar>& upstream) const {
    require(batch.dimension() == dimension(),
            "ProjectedQuantizer: expected vectors of dimension {}, found {} (batch of {})", dimension(),
            batch.dimension(), batch.count());
    require(result.latents.rows() == batch.count() && result.latents.cols() == quantizer_.dimension(),
            "ProjectedQuantizer: expected the result of forward for a batch of {}, found {} latents", batch.count(),
            result.latents.rows());
    require(upstream.codes.data() == nullptr ||
                (upstream.codes.count() == batch.count() && upstream.codes.dimension() == dimension()),
            "ProjectedQuantizer: expected a gradient of codes of {} x {}, found {} x {}", batch.count(), dimension(),
            upstream.codes.count(), upstream.codes.dimension());
  }

  Q quantizer_;
  Linear<Scalar> project_in_, project_out_;
};

}  // namespace tessera::inline TESSERA_ISA
