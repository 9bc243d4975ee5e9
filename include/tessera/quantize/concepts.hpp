// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What every quantizer offers, and the few types its verbs exchange. A quantizer turns a vector into one or a few
// tokens (encode) and tokens into a vector, the code (decode). For training, forward gives codes, tokens and losses at
// once and backward carries gradients of codes and losses back to the input. Looking is const: none of these changes a
// quantizer.
//
//   auto result = quantizer.forward(rows(x), {.mask = mask});
//   auto gradient = quantizer.backward(rows(x), result, {.codes = rows(grad_codes)});   // losses count with weight one

#include <concepts>
#include <cstdint>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/mask.hpp>

namespace tessera {

/// How forward treats a batch.
struct ForwardOptions {
  Mask mask = {};  ///< true = valid; masked vectors get tokens -1, codes 0, and count in no loss. Default: all valid
  Execution execution = {};      ///< where the work runs; results do not depend on it
  bool mask_non_finite = false;  ///< vectors with a NaN or an infinity count as masked; else they are an error
};

/// The auxiliary losses of a batch, each already multiplied by its weight in the quantizer's options. A quantizer
/// without a loss (finite scalar quantization) reports zeros.
struct QuantizerLosses {
  double commitment = 0;  ///< draws the input towards its code: beta |z - stop_gradient(c)|^2
  double codebook = 0;    ///< draws the code towards its inputs: gamma |stop_gradient(z) - c|^2
  double total() const { return commitment + codebook; }
};

/// The gradient of the caller's objective with respect to what forward returned.
template <class Scalar>
struct UpstreamGradients {
  Batch<const Scalar> codes = {};  ///< (N, D); default-constructed: codes do not enter the objective
  QuantizerLosses losses = {.commitment = 1, .codebook = 1};  ///< weight of each loss in the objective
};

/// What backward returns. `grad_parameters` is the quantizer's own: a matrix shaped like the codebook, the weights of
/// its projections, or NoParameters.
template <class Scalar, class ParameterGradient>
struct QuantizerGradients {
  RowMatrix<Scalar> grad_input;  ///< (N, D); rows of masked vectors are zero
  ParameterGradient grad_parameters{};
};

/// The parameter gradient of a quantizer that has nothing to learn.
struct NoParameters {};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// A quantizer of vectors of `Scalar`. Its `Result` holds codes (N, dimension()), tokens (N, tokens_per_vector()) and
/// losses, beside whatever its backward needs.
///
///   tokens_per_vector()   columns of the tokens, 1 for most
///   codebook_size()       how many values one token takes; throws std::out_of_range past 2^63
///   bits_per_token()      log2 of that, defined for every size
template <class Q>
concept Quantizer = requires(const Q& quantizer, Batch<const typename Q::Scalar> batch, const Tokens<>& tokens,
                             const ForwardOptions& options, const UpstreamGradients<typename Q::Scalar>& upstream,
                             const typename Q::Result& result) {
  { quantizer.dimension() } -> std::convertible_to<Index>;
  { quantizer.tokens_per_vector() } -> std::convertible_to<Index>;
  { quantizer.codebook_size() } -> std::convertible_to<Index>;
  { quantizer.bits_per_token() } -> std::convertible_to<double>;
  { quantizer.encode(batch) } -> std::same_as<Tokens<>>;
  { quantizer.encode(batch, options) } -> std::same_as<Tokens<>>;
  { quantizer.decode(tokens) } -> std::same_as<RowMatrix<typename Q::Scalar>>;
  { quantizer.decode(tokens, options) } -> std::same_as<RowMatrix<typename Q::Scalar>>;
  { quantizer.forward(batch, options) } -> std::same_as<typename Q::Result>;
  { result.codes } -> std::convertible_to<const RowMatrix<typename Q::Scalar>&>;
  { result.tokens } -> std::convertible_to<const Tokens<>&>;
  { result.losses } -> std::convertible_to<const QuantizerLosses&>;
  quantizer.backward(batch, result, upstream).grad_input;
  quantizer.backward(batch, result, upstream).grad_parameters;
};

}  // namespace tessera::inline TESSERA_ISA
