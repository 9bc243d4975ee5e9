// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The smallest quantizer with everything a quantizer may have: tokens of D bits, a code per dimension that is learned
// (its magnitude), both losses. What is generic over quantizers is tested with it.

#include <cmath>
#include <cstdint>
#include <utility>

#include <Eigen/Core>

#include <tessera/quantize/concepts.hpp>

namespace tessera::testing {

/// code_d = +-m_d as z_d is positive or not; the token has bit d set where it is positive. Losses are means over all
/// scalars of (z - code)^2, each with weight one.
class SignQuantizer {
 public:
  using Scalar = double;
  struct Result {
    RowMatrix<double> codes;
    Tokens<> tokens;
    QuantizerLosses losses = {};
  };
  using Gradients = QuantizerGradients<double, Eigen::RowVectorXd>;

  explicit SignQuantizer(Index dimension) : magnitudes_(Eigen::RowVectorXd::LinSpaced(dimension, 0.5, 1)) {}

  Index dimension() const { return magnitudes_.size(); }
  Index tokens_per_vector() const { return 1; }
  Index codebook_size() const { return Index{1} << dimension(); }
  double bits_per_token() const { return static_cast<double>(dimension()); }

  Tokens<> encode(Batch<const double> batch, ForwardOptions options = {}) const {
    Tokens<> tokens = Tokens<>::Constant(batch.count(), 1, -1);
    for (Index i = 0; i < batch.count(); ++i) {
      if (!options.mask.all() && !options.mask[i]) continue;
      tokens(i, 0) = 0;
      for (Index d = 0; d < dimension(); ++d) tokens(i, 0) |= std::int64_t{batch[i][d] > 0} << d;
    }
    return tokens;
  }
  RowMatrix<double> decode(const Tokens<>& tokens, ForwardOptions options = {}) const {
    RowMatrix<double> codes = RowMatrix<double>::Zero(tokens.rows(), dimension());
    for (Index i = 0; i < tokens.rows(); ++i) {
      if (!options.mask.all() && !options.mask[i]) continue;
      for (Index d = 0; d < dimension(); ++d) codes(i, d) = (tokens(i, 0) >> d & 1 ? 1 : -1) * magnitudes_(d);
    }
    return codes;
  }
  Result forward(Batch<const double> batch, ForwardOptions options = {}) const {
    const Tokens<> tokens = encode(batch, options);
    const RowMatrix<double> codes = decode(tokens, options);
    const double loss = (batch.matrix() - codes).squaredNorm() / static_cast<double>(codes.size());
    return {codes, tokens, {.commitment = loss, .codebook = loss}};
  }
  Gradients backward(Batch<const double> batch, const Result& result, const UpstreamGradients<double>& upstream) const {
    const RowMatrix<double> away = (batch.matrix() - result.codes) * (2.0 / static_cast<double>(result.codes.size()));
    RowMatrix<double> grad_codes = RowMatrix<double>::Zero(batch.count(), dimension());
    if (upstream.codes.data() != nullptr) grad_codes = upstream.codes.matrix();
    const RowMatrix<double> signs = result.codes.array().rowwise() / magnitudes_.array();
    return {grad_codes + upstream.losses.commitment * away,
            (upstream.losses.codebook * -away).cwiseProduct(signs).colwise().sum()};
  }

 private:
  Eigen::RowVectorXd magnitudes_;
};

}  // namespace tessera::testing
