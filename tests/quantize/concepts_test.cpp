// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/concepts.hpp>

#include <cmath>

#include <tessera/quantize/finite_scalar.hpp>

#include "reference/sign_quantizer.hpp"
#include "support/catch.hpp"
#include "support/gradient.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using tessera::testing::random_normal;
using tessera::testing::SignQuantizer;

namespace {

static_assert(Quantizer<SignQuantizer>);
static_assert(Quantizer<FiniteScalarQuantizer<float>>);
static_assert(Quantizer<FiniteScalarQuantizer<double>>);

// Each lacks one thing the concept asks for.
struct NoDecode : SignQuantizer {
  using SignQuantizer::SignQuantizer;
  RowMatrix<double> decode(const Tokens<>&, ForwardOptions = {}) const = delete;
};
struct NoDimension : SignQuantizer {
  using SignQuantizer::SignQuantizer;
  Index dimension() const = delete;
};
struct NoBits : SignQuantizer {
  using SignQuantizer::SignQuantizer;
  double bits_per_token() const = delete;
};
struct LearnsInForward : SignQuantizer {
  using SignQuantizer::SignQuantizer;
  Result forward(Batch<const double> batch, ForwardOptions options = {}) {
    return SignQuantizer::forward(batch, options);
  }
};
struct TokensOfInt : SignQuantizer {
  using SignQuantizer::SignQuantizer;
  Tokens<int> encode(Batch<const double> batch, ForwardOptions options = {}) const {
    return SignQuantizer::encode(batch, options).cast<int>();
  }
};
struct NoLosses : SignQuantizer {
  using SignQuantizer::SignQuantizer;
  struct Result {
    RowMatrix<double> codes;
    Tokens<> tokens;
  };
  Result forward(Batch<const double>, ForwardOptions = {}) const { return {}; }
  Gradients backward(Batch<const double>, const Result&, const UpstreamGradients<double>&) const { return {}; }
};
struct NoBackward : SignQuantizer {
  using SignQuantizer::SignQuantizer;
  void backward(Batch<const double>, const Result&, const UpstreamGradients<double>&) const {}
};

static_assert(!Quantizer<NoDecode>);
static_assert(!Quantizer<NoDimension>);
static_assert(!Quantizer<NoBits>);
static_assert(!Quantizer<LearnsInForward>);
static_assert(!Quantizer<TokensOfInt>);
static_assert(!Quantizer<NoLosses>);
static_assert(!Quantizer<NoBackward>);

/// What a program generic over quantizers does: all verbs, consistent with one another.
template <Quantizer Q>
void use(const Q& quantizer) {
  using Scalar = typename Q::Scalar;
  const auto x = random_normal<Scalar>(21, quantizer.dimension(), 141);
  const auto g = random_normal<Scalar>(21, quantizer.dimension(), 142);
  const Tokens<> tokens = quantizer.encode(rows(x));
  CHECK(tokens.rows() == 21);
  CHECK(tokens.cols() == quantizer.tokens_per_vector());
  CHECK(tokens.minCoeff() >= 0);
  CHECK(tokens.maxCoeff() < quantizer.codebook_size());
  CHECK(quantizer.bits_per_token() == Catch::Approx(std::log2(static_cast<double>(quantizer.codebook_size()))));
  const typename Q::Result result = quantizer.forward(rows(x), {});
  CHECK(result.tokens == tokens);
  CHECK(result.codes == quantizer.decode(tokens));
  CHECK(quantizer.backward(rows(x), result, {.codes = rows(g)}).grad_input.rows() == 21);
}

}  // namespace

TEST_CASE("a program generic over quantizers works with each of them") {
  use(SignQuantizer(5));
  use(FiniteScalarQuantizer<float>({.levels = {8, 5, 5, 5}}));
  use(FiniteScalarQuantizer<double>({.levels = {3, 5, 4}, .dialect = FsqDialect::google}));
}

TEST_CASE("defaults: all vectors count, losses weigh one, codes do not enter") {
  const ForwardOptions options;
  CHECK(options.mask.all());
  CHECK_FALSE(options.mask_non_finite);
  const UpstreamGradients<float> upstream;
  CHECK(upstream.codes.data() == nullptr);
  CHECK(upstream.losses.commitment == 1);
  CHECK(upstream.losses.codebook == 1);
  const QuantizerLosses losses;
  CHECK(losses.total() == 0);
  CHECK(QuantizerLosses{.commitment = 0.25, .codebook = 1}.total() == 1.25);
}

TEST_CASE("the reference quantizer's own gradients are right") {
  const SignQuantizer quantizer(4);
  const auto x = random_normal<double>(9, 4, 143);
  const auto result = quantizer.forward(rows(x));
  const auto gradients = quantizer.backward(rows(x), result, {.losses = {.commitment = 0.7, .codebook = 0.3}});
  const auto loss = [&](const RowMatrix<double>& at) { return 0.7 * (at - result.codes).squaredNorm() / 36; };
  CHECK(testing::largest_difference(gradients.grad_input, testing::numeric_gradient(loss, x)) < 1e-8);
  CHECK(gradients.grad_parameters.size() == 4);
}
