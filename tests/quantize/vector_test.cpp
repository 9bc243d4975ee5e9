// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/vector.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include <tessera/core/thread_pool.hpp>

#include "reference/vector_quantizer.hpp"
#include "support/catch.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::CodebookLearning;
using tessera::GradientEstimator;
using tessera::Index;
using tessera::LossReduction;
using tessera::MaskArray;
using tessera::Metric;
using tessera::RowMatrix;
using tessera::Tokens;
using tessera::VectorQuantizer;
using tessera::VectorQuantizerOptions;
namespace testing = tessera::testing;

static_assert(tessera::Quantizer<VectorQuantizer<float>>);
static_assert(tessera::Quantizer<VectorQuantizer<double>>);

const float not_a_number = std::bit_cast<float>(std::uint32_t{0x7fc00000});
const float infinite = std::bit_cast<float>(std::uint32_t{0x7f800000});

template <class Scalar>
VectorQuantizer<Scalar> quantizer_of(const RowMatrix<Scalar>& codes, const VectorQuantizerOptions& options = {}) {
  return VectorQuantizer<Scalar>(tessera::rows(codes), options);
}

/// Everything that learning can change.
template <class Scalar>
struct State {
  RowMatrix<Scalar> codes;
  tessera::CodebookAverages averages;
  explicit State(const VectorQuantizer<Scalar>& quantizer)
      : codes(quantizer.codebook().codes()), averages(quantizer.codebook().averages()) {}
  friend bool operator==(const State& a, const State& b) {
    return a.codes == b.codes && a.averages.counts == b.averages.counts && a.averages.sums == b.averages.sums &&
           a.averages.weights == b.averages.weights;
  }
};

template <class Scalar>
void check_same(const tessera::VectorQuantizerResult<Scalar>& a, const tessera::VectorQuantizerResult<Scalar>& b) {
  CHECK(a.codes == b.codes);
  CHECK(a.tokens == b.tokens);
  CHECK(a.losses.commitment == b.losses.commitment);
  CHECK(a.losses.codebook == b.losses.codebook);
  CHECK(a.distortion == b.distortion);
}

double dot(const Eigen::RowVectorXd& a, const Eigen::RowVectorXd& b) { return a.dot(b); }

}  // namespace

TEST_CASE("learning rules and reductions have names", "[vector]") {
  using std::string_view;
  CHECK(string_view(tessera::learning_name(CodebookLearning::moving_average)) == "moving_average");
  CHECK(string_view(tessera::learning_name(CodebookLearning::gradient)) == "gradient");
  CHECK(string_view(tessera::learning_name(CodebookLearning::frozen)) == "frozen");
  CHECK(string_view(tessera::reduction_name(LossReduction::mean_over_scalars)) == "mean_over_scalars");
  CHECK(string_view(tessera::reduction_name(LossReduction::mean_over_vectors)) == "mean_over_vectors");
}

TEST_CASE("a new quantizer has random codes that its seed determines", "[vector]") {
  const VectorQuantizerOptions options{.dimension = 5, .codebook_size = 300, .seed = 7};
  const VectorQuantizer<float> quantizer(options), same(options),
      other({.dimension = 5, .codebook_size = 300, .seed = 8});
  CHECK(quantizer.dimension() == 5);
  CHECK(quantizer.codebook_size() == 300);
  CHECK(quantizer.tokens_per_vector() == 1);
  CHECK(quantizer.bits_per_token() == Catch::Approx(std::log2(300.0)));
  CHECK(quantizer.options().seed == 7);
  const auto& codes = quantizer.codebook().codes();
  CHECK(codes == same.codebook().codes());
  CHECK(codes != other.codebook().codes());
  CHECK((codes.array() >= -1 && codes.array() < 1).all());
  CHECK(std::abs(codes.mean()) < 0.1);  // 6.7 standard errors of the mean of 1500 uniform numbers
  CHECK(codes.cwiseAbs2().mean() == Catch::Approx(1.0 / 3).margin(0.055));
  const VectorQuantizer<double> unit({.dimension = 4, .codebook_size = 20, .metric = Metric::cosine});
  CHECK((unit.codebook().codes().rowwise().norm().array() - 1).abs().maxCoeff() < 1e-14);
  const VectorQuantizer<float> defaults;
  CHECK(defaults.dimension() == 64);
  CHECK(defaults.codebook_size() == 1024);
  CHECK(defaults.bits_per_token() == 10);
}

TEST_CASE("given codes bring their own sizes", "[vector]") {
  const auto codes = testing::random_normal<float>(9, 3, 1);
  const auto quantizer = quantizer_of(codes, {.dimension = 77, .codebook_size = 5});
  CHECK(quantizer.codebook().codes() == codes);
  CHECK(quantizer.options().dimension == 3);
  CHECK(quantizer.options().codebook_size == 9);
  const auto unit = quantizer_of(codes, {.metric = Metric::cosine});
  for (Index k = 0; k < 9; ++k) {
    CHECK((unit.codebook().codes().row(k) - codes.row(k).normalized()).cwiseAbs().maxCoeff() < 4e-7f);
  }
  const auto single = quantizer_of(RowMatrix<float>(codes.topRows(1)));
  CHECK(single.bits_per_token() == 0);
  CHECK(single.encode(tessera::rows(codes)).isZero());
}

TEMPLATE_TEST_CASE("tokens are the exact nearest codes, and decode gives those codes", "[vector]", float, double) {
  for (const Metric metric : {Metric::squared_euclidean, Metric::cosine}) {
    for (const Index dimension : {1, 4, 17}) {
      if (metric == Metric::cosine && dimension == 1) continue;
      const auto codes = testing::random_normal<TestType>(31, dimension, 2, 1, 10);
      const auto batch = testing::random_normal<TestType>(83, dimension, 3, 1, 10);
      const auto quantizer = quantizer_of(codes, {.metric = metric});
      const RowMatrix<TestType>& own = quantizer.codebook().codes();
      const Tokens<> tokens = quantizer.encode(tessera::rows(batch));
      CHECK(tokens == testing::ExactNearest<TestType>(own, metric).nearest(batch));
      const RowMatrix<TestType> decoded = quantizer.decode(tokens);
      for (Index i = 0; i < batch.rows(); ++i) CHECK(decoded.row(i) == own.row(tokens(i, 0)));
      const auto result = quantizer.forward(tessera::rows(batch));
      CHECK(result.tokens == tokens);
      CHECK(result.codes == decoded);
      CHECK(quantizer.decode(quantizer.encode(tessera::rows(own))) == own);  // a code is its own nearest
    }
  }
}

TEST_CASE("tokens and codes come in the caller's types and places", "[vector]") {
  const auto codes = testing::random_normal<float>(200, 3, 4);
  const auto batch = testing::random_normal<float>(50, 3, 5);
  const auto quantizer = quantizer_of(codes);
  const Tokens<> expected = quantizer.encode(tessera::rows(batch));
  const auto bytes = quantizer.encode<std::uint8_t>(tessera::rows(batch));
  CHECK(bytes.cast<std::int64_t>() == expected);
  CHECK(quantizer.decode(bytes) == quantizer.decode(expected));

  RowMatrix<float> wide = RowMatrix<float>::Constant(50, 7, not_a_number);
  wide.middleCols(2, 3) = batch;
  Tokens<std::int16_t> wide_tokens = Tokens<std::int16_t>::Constant(50, 3, -9);
  quantizer.encode_into(tessera::rows(wide.middleCols(2, 3)), tessera::rows(wide_tokens.middleCols(1, 1)));
  CHECK(wide_tokens.col(1).cast<std::int64_t>() == expected.col(0));
  CHECK((wide_tokens.col(0).array() == -9).all());
  RowMatrix<float> wide_codes = RowMatrix<float>::Constant(50, 5, 3);
  quantizer.decode_into(tessera::rows(wide_tokens.middleCols(1, 1)), tessera::rows(wide_codes.leftCols(3)));
  CHECK(wide_codes.leftCols(3) == quantizer.decode(expected));
  CHECK((wide_codes.rightCols(2).array() == 3).all());

  const auto mask = testing::random_mask(50, 6);
  const auto masked = quantizer.encode<std::uint8_t>(tessera::rows(batch), {.mask = mask});
  for (Index i = 0; i < 50; ++i) CHECK(masked(i, 0) == (mask[i] ? bytes(i, 0) : 255));
}

TEMPLATE_TEST_CASE("losses are those of the formulas, under both reductions", "[vector]", float, double) {
  for (const Metric metric : {Metric::squared_euclidean, Metric::cosine}) {
    for (const auto learning :
         {CodebookLearning::moving_average, CodebookLearning::gradient, CodebookLearning::frozen}) {
      for (const auto reduction : {LossReduction::mean_over_scalars, LossReduction::mean_over_vectors}) {
        const auto codes = testing::random_normal<TestType>(12, 5, 7);
        const auto batch = testing::random_normal<TestType>(67, 5, 8, 2);
        const auto quantizer = quantizer_of(codes, {.metric = metric,
                                                    .learning = learning,
                                                    .commitment_weight = 0.7,
                                                    .codebook_weight = 1.9,
                                                    .reduction = reduction});
        const auto result = quantizer.forward(tessera::rows(batch));
        const auto sum = static_cast<double>(
            testing::sum_of_squares(batch, RowMatrix<TestType>(quantizer.codebook().codes()), result.tokens));
        const double norm = reduction == LossReduction::mean_over_scalars ? 67.0 * 5 : 67.0;
        CHECK(result.losses.commitment == Catch::Approx(0.7 * sum / norm).epsilon(1e-13));
        const double gamma = learning == CodebookLearning::gradient ? 1.9 : 0;
        CHECK(result.losses.codebook == Catch::Approx(gamma * sum / norm).epsilon(1e-13));
        CHECK(result.losses.total() == result.losses.commitment + result.losses.codebook);
        CHECK(result.distortion == Catch::Approx(sum / 67).epsilon(1e-13));
      }
    }
  }
}

TEST_CASE("backward of the losses agrees with central differences", "[vector]") {
  const auto codes = testing::random_normal<double>(6, 4, 9);
  const auto batch = testing::random_normal<double>(11, 4, 10);
  for (const auto reduction : {LossReduction::mean_over_scalars, LossReduction::mean_over_vectors}) {
    const VectorQuantizerOptions options{.learning = CodebookLearning::gradient,
                                         .commitment_weight = 0.6,
                                         .codebook_weight = 1.7,
                                         .reduction = reduction};
    const auto quantizer = quantizer_of(codes, options);
    const auto result = quantizer.forward(tessera::rows(batch));
    const auto gradients =
        quantizer.backward(tessera::rows(batch), result, {.losses = {.commitment = 2, .codebook = 3}});
    REQUIRE(gradients.grad_input.rows() == 11);
    REQUIRE(gradients.grad_parameters.rows() == 6);
    REQUIRE(gradients.grad_parameters.cols() == 4);

    // The commitment loss sees the input alone, the codebook loss the codes alone; no token changes within a step.
    const auto commitment = [&](const RowMatrix<double>& z) {
      const auto moved = quantizer.forward(tessera::rows(z));
      REQUIRE(moved.tokens == result.tokens);
      return 2 * moved.losses.commitment;
    };
    CHECK(testing::largest_difference(gradients.grad_input, testing::numeric_gradient(commitment, batch)) < 1e-9);
    const auto codebook = [&](const RowMatrix<double>& c) {
      const auto moved = quantizer_of(c, options).forward(tessera::rows(batch));
      REQUIRE(moved.tokens == result.tokens);
      return 3 * moved.losses.codebook;
    };
    CHECK(testing::largest_difference(gradients.grad_parameters, testing::numeric_gradient(codebook, codes)) < 1e-9);

    // 2 beta (z - c) / M and sum 2 gamma (c - z) / M.
    const double norm = reduction == LossReduction::mean_over_scalars ? 44.0 : 11.0;
    const RowMatrix<double> expected = 2 * 2 * 0.6 / norm * (batch - result.codes);
    CHECK(testing::largest_difference(gradients.grad_input, expected) < 1e-15);
    RowMatrix<double> of_codes = RowMatrix<double>::Zero(6, 4);
    for (Index i = 0; i < 11; ++i) of_codes.row(result.tokens(i, 0)) += result.codes.row(i) - batch.row(i);
    of_codes *= 3 * 2 * 1.7 / norm;
    CHECK(testing::largest_difference(gradients.grad_parameters, of_codes) < 1e-14);
  }
}

TEST_CASE("backward under the cosine metric: unit codes, inputs as given", "[vector]") {
  const auto codes = testing::random_normal<double>(6, 4, 11);
  const auto batch = testing::random_normal<double>(9, 4, 12, 3);
  const auto quantizer = quantizer_of(codes, {.metric = Metric::cosine, .learning = CodebookLearning::gradient});
  const auto result = quantizer.forward(tessera::rows(batch));
  const auto gradients = quantizer.backward(tessera::rows(batch), result, {});
  const auto commitment = [&](const RowMatrix<double>& z) {
    return quantizer.forward(tessera::rows(z)).losses.commitment;
  };
  CHECK(testing::largest_difference(gradients.grad_input, testing::numeric_gradient(commitment, batch)) < 1e-9);
  // The codebook loss as a function of the codes the quantizer holds.
  const auto codebook = [&](const RowMatrix<double>& c) {
    return static_cast<double>(testing::sum_of_squares(batch, c, result.tokens)) / 36;
  };
  const RowMatrix<double> own = quantizer.codebook().codes();
  CHECK(testing::largest_difference(gradients.grad_parameters, testing::numeric_gradient(codebook, own)) < 1e-9);
}

TEMPLATE_TEST_CASE("straight-through passes the gradient of the codes as it is", "[vector]", float, double) {
  const auto codes = testing::random_normal<TestType>(7, 5, 13);
  const auto batch = testing::random_normal<TestType>(23, 5, 14);
  const auto upstream = testing::random_normal<TestType>(23, 5, 15);
  for (const auto learning : {CodebookLearning::moving_average, CodebookLearning::gradient}) {
    const auto quantizer = quantizer_of(codes, {.learning = learning});
    const auto result = quantizer.forward(tessera::rows(batch));
    const auto gradients = quantizer.backward(
        tessera::rows(batch), result, {.codes = tessera::rows(upstream), .losses = {.commitment = 0, .codebook = 0}});
    CHECK(gradients.grad_input == upstream);
    CHECK(gradients.grad_parameters.isZero(0));  // the estimator gives the codebook nothing
    CHECK(gradients.grad_parameters.size() == (learning == CodebookLearning::gradient ? 35 : 0));
    // With the losses it is the sum of both.
    const auto both = quantizer.backward(tessera::rows(batch), result, {.codes = tessera::rows(upstream)});
    const auto losses = quantizer.backward(tessera::rows(batch), result, {});
    CHECK(testing::largest_difference(both.grad_input, RowMatrix<TestType>(upstream + losses.grad_input)) <
          4 * std::numeric_limits<TestType>::epsilon());
    CHECK(both.grad_parameters == losses.grad_parameters);
  }
}

TEST_CASE("the rotation trick turns and scales the gradient as the input is turned onto its code", "[vector]") {
  const auto codes = testing::random_normal<double>(7, 6, 16);
  const auto batch = testing::random_normal<double>(23, 6, 17);
  const auto g = testing::random_normal<double>(23, 6, 18);
  const auto quantizer = quantizer_of(codes, {.commitment_weight = 0, .estimator = GradientEstimator::rotation_trick});
  const auto result = quantizer.forward(tessera::rows(batch));
  const auto found = quantizer.backward(tessera::rows(batch), result, {.codes = tessera::rows(g)}).grad_input;
  for (Index i = 0; i < 23; ++i) {
    const double gain = result.codes.row(i).norm() / batch.row(i).norm();
    CHECK(found.row(i).norm() == Catch::Approx(gain * g.row(i).norm()).epsilon(1e-13));           // J^T J = gain^2 I
    CHECK(dot(batch.row(i), found.row(i)) == Catch::Approx(dot(result.codes.row(i), g.row(i))));  // e.J^T g = q.g
    // The angle to the input is that of g to the code; what is orthogonal to input and code is only scaled.
    Eigen::RowVectorXd normal = g.row(i);
    const Eigen::RowVectorXd e = batch.row(i).normalized();
    normal -= dot(normal, e) * e;
    const Eigen::RowVectorXd f = (result.codes.row(i) - dot(result.codes.row(i), e) * e).normalized();
    normal -= dot(normal, f) * f;
    CHECK(dot(normal, found.row(i)) == Catch::Approx(gain * dot(normal, g.row(i))).margin(1e-12));
  }
  // Together with the commitment loss: the sum.
  const auto weighted = quantizer_of(codes, {.estimator = GradientEstimator::rotation_trick});
  const auto all = weighted.backward(tessera::rows(batch), result, {.codes = tessera::rows(g)}).grad_input;
  const RowMatrix<double> commitment = 0.5 / (23 * 6) * (batch - result.codes);
  CHECK(testing::largest_difference(all, RowMatrix<double>(found + commitment)) < 1e-14);
}

TEMPLATE_TEST_CASE("masked vectors are as if absent, to the bit", "[vector]", float, double) {
  const auto metric = GENERATE(Metric::squared_euclidean, Metric::cosine);
  const auto codes = testing::random_normal<TestType>(14, 6, 19);
  auto batch = testing::random_normal<TestType>(120, 6, 20);
  const auto mask = testing::random_mask(120, 21);
  for (Index i = 0; i < 120; ++i) {
    if (!mask[i]) batch.row(i).setConstant(static_cast<TestType>(i % 2 == 0 ? not_a_number : infinite));
  }
  const RowMatrix<TestType> present = testing::present_rows(batch, mask);
  for (const auto learning : {CodebookLearning::moving_average, CodebookLearning::gradient}) {
    const VectorQuantizerOptions options{.metric = metric, .learning = learning};
    auto quantizer = quantizer_of(codes, options), absent = quantizer;
    const auto result = quantizer.forward(tessera::rows(batch), {.mask = mask});
    const auto expected = absent.forward(tessera::rows(present));
    CHECK(testing::present_rows(result.codes, mask) == expected.codes);
    CHECK(testing::present_rows(result.tokens, mask) == expected.tokens);
    CHECK(result.losses.commitment == expected.losses.commitment);
    CHECK(result.losses.codebook == expected.losses.codebook);
    CHECK(result.distortion == expected.distortion);
    for (Index i = 0; i < 120; ++i) {
      if (mask[i]) continue;
      CHECK(result.tokens(i, 0) == -1);
      CHECK(result.codes.row(i).isZero(0));
    }
    CHECK(quantizer.encode(tessera::rows(batch), {.mask = mask}) == result.tokens);
    CHECK(quantizer.decode(result.tokens, {.mask = mask}) == result.codes);

    const auto upstream = testing::random_normal<TestType>(120, 6, 22);
    const auto present_upstream = testing::present_rows(RowMatrix<TestType>(upstream), mask);
    const auto gradients = quantizer.backward(tessera::rows(batch), result, {.codes = tessera::rows(upstream)});
    const auto expected_gradients =
        absent.backward(tessera::rows(present), expected, {.codes = tessera::rows(present_upstream)});
    CHECK(testing::present_rows(gradients.grad_input, mask) == expected_gradients.grad_input);
    CHECK(gradients.grad_parameters == expected_gradients.grad_parameters);
    for (Index i = 0; i < 120; ++i) {
      if (!mask[i]) CHECK(gradients.grad_input.row(i).isZero(0));
    }

    CHECK(quantizer.statistics(tessera::rows(batch), result.tokens, {.mask = mask}) ==
          absent.statistics(tessera::rows(present), expected.tokens));
    CHECK(quantizer.statistics(tessera::rows(batch), result.tokens) ==  // tokens of -1 mask as well
          absent.statistics(tessera::rows(present), expected.tokens));
    if (learning == CodebookLearning::moving_average) {
      for (int step = 0; step < 3; ++step) {
        quantizer.update(tessera::rows(batch), result.tokens, {.mask = mask});
        absent.update(tessera::rows(present), expected.tokens);
      }
      CHECK(State<TestType>(quantizer) == State<TestType>(absent));
    }
    quantizer.initialize(tessera::rows(batch), {.iterations = 5, .mask = mask});
    absent.initialize(tessera::rows(present), {.iterations = 5});
    CHECK(State<TestType>(quantizer) == State<TestType>(absent));
  }
}

TEST_CASE("lengths of padded sequences are masks", "[vector]") {
  const auto quantizer = quantizer_of(testing::random_normal<float>(8, 3, 23));
  const auto batch = testing::random_normal<float>(3 * 5, 3, 24);  // three sequences of at most five vectors
  const std::vector<Index> lengths = {5, 0, 2};
  const MaskArray mask = tessera::mask_from_lengths(lengths, 5);
  const auto result = quantizer.forward(tessera::rows(batch), {.mask = mask});
  const auto alone = quantizer.forward(tessera::rows(batch).slice(0, 5));
  CHECK(result.tokens.topRows(5) == alone.tokens);
  CHECK((result.tokens.middleRows(5, 5).array() == -1).all());
  CHECK((result.tokens.bottomRows(3).array() == -1).all());
  CHECK((result.tokens.middleRows(10, 2).array() >= 0).all());
}

TEMPLATE_TEST_CASE("a batch with a non-finite vector is rejected whole, and the vector named", "[vector]", float,
                   double) {
  const auto codes = testing::random_normal<TestType>(9, 4, 25);
  auto batch = testing::random_normal<TestType>(30, 4, 26);
  auto quantizer = quantizer_of(codes);
  const Tokens<> tokens = quantizer.encode(tessera::rows(batch));
  quantizer.update(tessera::rows(batch), tokens);
  const State<TestType> before(quantizer);
  auto result = quantizer.forward(tessera::rows(batch));
  const auto unchanged = result;
  Tokens<> target = Tokens<>::Constant(30, 1, 77);

  batch(17, 2) = static_cast<TestType>(not_a_number);
  const char* message = "VectorQuantizer: expected finite vectors, found nan at vector 17, component 2";
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.encode(tessera::rows(batch)), message);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.encode_into(tessera::rows(batch), tessera::rows(target)),
                       message);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.forward_into(tessera::rows(batch), result), message);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.statistics(tessera::rows(batch), tokens), message);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.update(tessera::rows(batch), tokens), message);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.initialize(tessera::rows(batch)),
                       "nan at vector 17, component 2");
  batch(17, 2) = -static_cast<TestType>(infinite);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.update(tessera::rows(batch), tokens),
                       "found -inf at vector 17, component 2");
  CHECK(State<TestType>(quantizer) == before);
  CHECK((target.array() == 77).all());
  check_same(result, unchanged);
}

TEMPLATE_TEST_CASE("with mask_non_finite a batch is treated as the batch without its non-finite vectors", "[vector]",
                   float, double) {
  const auto codes = testing::random_normal<TestType>(9, 4, 27);
  auto batch = testing::random_normal<TestType>(60, 4, 28);
  batch(0, 3) = static_cast<TestType>(not_a_number);
  batch(17, 2) = static_cast<TestType>(infinite);
  batch(59, 0) = -static_cast<TestType>(infinite);
  auto mask = testing::random_mask(60, 29);
  mask[17] = false;
  MaskArray all = mask;
  all[0] = all[59] = false;
  const RowMatrix<TestType> present = testing::present_rows(batch, all);
  auto quantizer = quantizer_of(codes), absent = quantizer;
  const auto result = quantizer.forward(tessera::rows(batch), {.mask = mask, .mask_non_finite = true});
  const auto expected = absent.forward(tessera::rows(present));
  check_same(result, quantizer.forward(tessera::rows(batch), {.mask = all}));
  CHECK(testing::present_rows(result.tokens, all) == expected.tokens);
  CHECK(testing::present_rows(result.codes, all) == expected.codes);
  CHECK(result.losses.commitment == expected.losses.commitment);
  CHECK(result.distortion == expected.distortion);
  CHECK(result.tokens(0, 0) == -1);
  CHECK(result.codes.row(59).isZero(0));
  CHECK(quantizer.encode(tessera::rows(batch), {.mask = mask, .mask_non_finite = true}) == result.tokens);
  const auto gradients = quantizer.backward(tessera::rows(batch), result, {});
  CHECK(testing::present_rows(gradients.grad_input, all) ==
        absent.backward(tessera::rows(present), expected, {}).grad_input);
  CHECK(gradients.grad_input.row(0).isZero(0));

  // Tokens as the search would give them, without the -1 of forward.
  Tokens<> tokens = result.tokens;
  for (Index i = 0; i < 60; ++i) tokens(i, 0) = std::max<std::int64_t>(tokens(i, 0), 0);
  CHECK(quantizer.statistics(tessera::rows(batch), tokens, {.mask = mask, .mask_non_finite = true}) ==
        absent.statistics(tessera::rows(present), expected.tokens));
  quantizer.update(tessera::rows(batch), tokens, {.mask = mask, .mask_non_finite = true});
  absent.update(tessera::rows(present), expected.tokens);
  CHECK(State<TestType>(quantizer) == State<TestType>(absent));
  quantizer.initialize(tessera::rows(batch), {.iterations = 4, .mask = mask, .mask_non_finite = true});
  absent.initialize(tessera::rows(present), {.iterations = 4});
  CHECK(State<TestType>(quantizer) == State<TestType>(absent));
}

TEST_CASE("nothing depends on threads, and tokens not on the split of the batch", "[vector]") {
  const Index count = 9001;  // a few tasks, and a rest
  const auto codes = testing::random_normal<float>(33, 4, 30);
  const auto batch = testing::random_normal<float>(count, 4, 31);
  const auto upstream = testing::random_normal<float>(count, 4, 32);
  const auto mask = testing::random_mask(count, 33, 0.9);
  tessera::ThreadPool pool(3);
  auto serial = quantizer_of(codes, {.learning = CodebookLearning::gradient});
  const auto result = serial.forward(tessera::rows(batch), {.mask = mask});
  check_same(result, serial.forward(tessera::rows(batch), {.mask = mask, .execution = pool}));
  CHECK(serial.encode(tessera::rows(batch), {.mask = mask, .execution = pool}) == result.tokens);
  CHECK(serial.decode(result.tokens, {.mask = mask, .execution = pool}) == result.codes);

  auto one = quantizer_of(codes), many = one;
  one.update(tessera::rows(batch), result.tokens, {.mask = mask});
  many.update(tessera::rows(batch), result.tokens, {.mask = mask, .execution = pool});
  CHECK(State<float>(one) == State<float>(many));
  one.initialize(tessera::rows(batch), {.iterations = 3});
  many.initialize(tessera::rows(batch), {.iterations = 3, .execution = pool});
  CHECK(State<float>(one) == State<float>(many));

  const Tokens<> whole = serial.encode(tessera::rows(batch));
  for (Index begin = 0; begin < count; begin += 1234) {
    const Index end = std::min(count, begin + 1234);
    CHECK(serial.encode(tessera::rows(batch).slice(begin, end)) == whole.middleRows(begin, end - begin));
  }
}

TEMPLATE_TEST_CASE("updates follow the recursion written with one-hot matrices", "[vector]", float, double) {
  for (const double pseudo : {0.0, 1.5}) {
    const auto codes = testing::random_normal<TestType>(10, 4, 34);
    auto quantizer = quantizer_of(codes, {.decay = 0.9, .pseudo_count = pseudo});
    testing::NaiveCodebook naive{codes.template cast<long double>()};
    double largest = 0;
    for (int step = 0; step < 25; ++step) {
      const auto batch = testing::random_normal<TestType>(40, 4, 1000 + static_cast<std::uint64_t>(step));
      const Tokens<> tokens = quantizer.encode(tessera::rows(batch));
      quantizer.update(tessera::rows(batch), tokens);
      naive.update(batch, tokens, 0.9, pseudo);
      const testing::Wide difference = quantizer.codebook().codes().template cast<long double>() - naive.codes;
      largest = std::max(largest, static_cast<double>(difference.cwiseAbs().maxCoeff()));
    }
    // Codes are rounded to Scalar, sums to a grid of 2^-39 of the largest scalar.
    CHECK(largest < 8.0 * std::numeric_limits<TestType>::epsilon() + 1e-10);
    CHECK((quantizer.codebook().averages().counts.template cast<long double>() - naive.counts).cwiseAbs().maxCoeff() <
          1e-12L);
    CHECK((quantizer.codebook().averages().sums.template cast<long double>() - naive.sums).cwiseAbs().maxCoeff() <
          1e-9L);
  }
}

TEST_CASE("an update is one step of the statistics of its batch", "[vector]") {
  const auto batch = testing::random_normal<float>(50, 3, 35);
  for (const Metric metric : {Metric::squared_euclidean, Metric::cosine}) {
    auto updated = quantizer_of(testing::random_normal<float>(6, 3, 36), {.metric = metric}), applied = updated;
    const Tokens<> tokens = updated.encode(tessera::rows(batch));
    updated.update(tessera::rows(batch), tokens);
    applied.apply(applied.statistics(tessera::rows(batch), tokens));
    CHECK(State<float>(updated) == State<float>(applied));
    auto batched = applied;
    updated.update(tessera::rows(batch), tessera::rows(tokens));  // tokens as a view
    batched.update(tessera::rows(batch), Tokens<std::int16_t>(tokens.cast<std::int16_t>()));
    CHECK(State<float>(updated) == State<float>(batched));
  }
}

TEMPLATE_TEST_CASE("statistics of shards on one grid merge into those of the batch, whatever the order", "[vector]",
                   float, double) {
  const auto batch = testing::random_normal<TestType>(97, 3, 37);
  for (const Metric metric : {Metric::squared_euclidean, Metric::cosine}) {
    const auto quantizer = quantizer_of(testing::random_normal<TestType>(6, 3, 38), {.metric = metric});
    const Tokens<> tokens = quantizer.encode(tessera::rows(batch));
    const auto whole = quantizer.statistics(tessera::rows(batch), tokens);
    const auto shard = [&](Index begin, Index end) {
      return quantizer.statistics(tessera::rows(batch).slice(begin, end), tessera::rows(tokens).slice(begin, end),
                                  whole.grid());
    };
    auto forwards = shard(0, 20), backwards = shard(60, 97);
    forwards.merge(shard(20, 60));
    forwards.merge(shard(60, 97));
    backwards.merge(shard(20, 60));
    backwards.merge(shard(0, 20));
    CHECK(forwards == whole);
    CHECK(backwards == whole);
    const double largest = tessera::largest_magnitude("test", tessera::rows(batch));
    if (metric == Metric::squared_euclidean) {
      CHECK(whole.grid() == tessera::CodebookStatistics<TestType>::grid_for(largest));
    } else {  // one grid for all batches of unit vectors
      CHECK(quantizer.statistics(tessera::rows(batch).slice(0, 3), tessera::rows(tokens).slice(0, 3)).grid() ==
            whole.grid());
    }
  }
}

TEMPLATE_TEST_CASE("cosine statistics are those of unit vectors", "[vector]", float, double) {
  const auto codes = testing::random_normal<TestType>(5, 4, 39);
  auto batch = testing::random_normal<TestType>(40, 4, 40);
  auto quantizer = quantizer_of(codes, {.metric = Metric::cosine, .decay = 0});
  const Tokens<> tokens = quantizer.encode(tessera::rows(batch));
  const auto statistics = quantizer.statistics(tessera::rows(batch), tokens);
  testing::Wide sums = testing::Wide::Zero(5, 4);
  for (Index i = 0; i < 40; ++i) sums.row(tokens(i, 0)) += batch.row(i).template cast<long double>().normalized();
  for (Index k = 0; k < 5; ++k) {
    for (Index d = 0; d < 4; ++d) {
      CHECK(std::abs(statistics.sum(k, d) - sums(k, d)) < 40.0 * std::numeric_limits<TestType>::epsilon() + 1e-10);
    }
  }
  // Lengths have no say (powers of two are exact).
  RowMatrix<TestType> scaled = batch;
  for (Index i = 0; i < 40; ++i) scaled.row(i) *= static_cast<TestType>(std::ldexp(1.0, static_cast<int>(i % 9) - 4));
  CHECK(quantizer.encode(tessera::rows(scaled)) == tokens);
  CHECK(quantizer.statistics(tessera::rows(scaled), tokens) == statistics);
  quantizer.update(tessera::rows(batch), tokens);
  for (Index k = 0; k < 5; ++k) {
    if (statistics.counts()[k] == 0) continue;
    const auto expected = sums.row(k).normalized().eval();
    for (Index d = 0; d < 4; ++d) {
      CHECK(std::abs(quantizer.codebook().codes()(k, d) - expected[d]) <
            40.0 * std::numeric_limits<TestType>::epsilon() + 1e-10);
    }
  }
}

TEST_CASE("one step of gradient descent on the codebook loss is a step of the averages", "[vector]") {
  // One code, mean over vectors: e - eta 2 gamma (e - mean), and decay = 1 - 2 eta gamma with N = n, m = n e before.
  const auto code = testing::random_normal<double>(1, 5, 41);
  const auto batch = testing::random_normal<double>(13, 5, 42);
  const double eta = 0.04, gamma = 2.5;
  const auto by_gradient = quantizer_of(code, {.learning = CodebookLearning::gradient,
                                               .codebook_weight = gamma,
                                               .reduction = LossReduction::mean_over_vectors});
  const auto result = by_gradient.forward(tessera::rows(batch));
  const auto gradients = by_gradient.backward(tessera::rows(batch), result, {});
  const RowMatrix<double> stepped = code - eta * gradients.grad_parameters;

  auto by_average = quantizer_of(code, {.decay = 1 - 2 * eta * gamma});
  by_average.codebook().set_state(
      tessera::rows(code), {Eigen::VectorXd::Constant(1, 13), RowMatrix<double>(13 * code), Eigen::VectorXd::Ones(1)});
  by_average.update(tessera::rows(batch), result.tokens);
  CHECK(testing::largest_difference(by_average.codebook().codes(), stepped) < 1e-11);  // of the grid of the sums
}

TEST_CASE("gradient descent through backward and set_codes carries codes to the means of their vectors", "[vector]") {
  RowMatrix<double> batch(60, 2), codes(3, 2);
  codes << 0.5, 0, 4, 1, -2, 5;
  for (Index i = 0; i < 60; ++i) batch.row(i) = 3 * codes.row(i % 3);
  batch += 0.1 * testing::random_normal<double>(60, 2, 43);
  auto quantizer =
      quantizer_of(codes, {.learning = CodebookLearning::gradient, .reduction = LossReduction::mean_over_vectors});
  double last = 1e300;
  for (int step = 0; step < 200; ++step) {
    const auto result = quantizer.forward(tessera::rows(batch));
    CHECK(result.losses.codebook <= last + 1e-12);
    last = result.losses.codebook;
    const auto gradients = quantizer.backward(tessera::rows(batch), result, {});
    const RowMatrix<double> moved = quantizer.codebook().codes() - 0.5 * gradients.grad_parameters;
    quantizer.set_codes(tessera::rows(moved));
  }
  for (Index k = 0; k < 3; ++k) {
    Eigen::RowVector2d mean = Eigen::RowVector2d::Zero();
    for (Index i = k; i < 60; i += 3) mean += batch.row(i) / 20;
    CHECK((quantizer.codebook().codes().row(k) - mean).norm() < 1e-8);
  }
}

TEST_CASE("only a codebook that learns by moving averages can be updated", "[vector]") {
  const auto codes = testing::random_normal<float>(4, 3, 44);
  const auto batch = testing::random_normal<float>(20, 3, 45);
  for (const auto learning : {CodebookLearning::gradient, CodebookLearning::frozen}) {
    auto quantizer = quantizer_of(codes, {.learning = learning});
    const Tokens<> tokens = quantizer.encode(tessera::rows(batch));
    const State<float> before(quantizer);
    CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.update(tessera::rows(batch), tokens),
                         "VectorQuantizer: expected");
    CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.update(tessera::rows(batch), tokens),
                         tessera::learning_name(learning));
    CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.apply(quantizer.statistics(tessera::rows(batch), tokens)),
                         tessera::learning_name(learning));
    CHECK(State<float>(quantizer) == before);
    quantizer.initialize(tessera::rows(batch));  // whatever the codebook learns by
    CHECK(quantizer.codebook().codes() != codes);
  }
}

TEMPLATE_TEST_CASE("converged k-means is a fixed point of the updates, to the bit", "[vector]", float, double) {
  const auto metric = GENERATE(Metric::squared_euclidean, Metric::cosine);
  const auto batch = testing::random_normal<TestType>(300, 5, 46, 1, 3);
  for (const double decay : {0.0, 0.5, 0.99}) {
    VectorQuantizer<TestType> quantizer({.dimension = 5, .codebook_size = 16, .metric = metric, .decay = decay});
    const auto report = quantizer.initialize(tessera::rows(batch), {.iterations = 1000, .seed = 3});
    REQUIRE(report.converged);
    const State<TestType> before(quantizer);
    CHECK(before.codes == report.codes);
    const Tokens<> tokens = quantizer.encode(tessera::rows(batch));
    CHECK(tokens == report.tokens);
    for (int step = 0; step < 50; ++step) quantizer.update(tessera::rows(batch), tokens);
    CHECK(quantizer.codebook().codes() == before.codes);
    CHECK(State<TestType>(quantizer) == before);
  }
}

TEMPLATE_TEST_CASE("a k-means start with fewer vectors than codes, or equal ones, is a fixed point too", "[vector]",
                   float, double) {
  auto batch = testing::random_normal<TestType>(20, 3, 47);
  for (Index i = 10; i < 20; ++i) batch.row(i) = batch.row(i - 10);
  VectorQuantizer<TestType> quantizer({.dimension = 3, .codebook_size = 32});
  const auto report = quantizer.initialize(tessera::rows(batch));
  CHECK(report.converged);
  CHECK(report.duplicates == 22);
  const State<TestType> before(quantizer);
  const auto result = quantizer.forward(tessera::rows(batch));
  const double grid = sizeof(TestType) == 4 ? 0 : std::ldexp(batch.cwiseAbs().maxCoeff(), -39);  // of the sums
  CHECK((result.codes - batch).cwiseAbs().maxCoeff() <= grid);
  for (int step = 0; step < 20; ++step) quantizer.update(tessera::rows(batch), result.tokens);
  CHECK(State<TestType>(quantizer) == before);  // surplus codes neither vanish nor go to zero
  CHECK_FALSE((quantizer.codebook().codes().rowwise().norm().array() == 0).any());
}

TEST_CASE("a start that has not converged moves by a share of one more iteration", "[vector]") {
  const auto batch = testing::random_normal<double>(400, 3, 48);
  const double decay = 0.9;
  VectorQuantizer<double> quantizer({.dimension = 3, .codebook_size = 12, .decay = decay});
  const auto report = quantizer.initialize(tessera::rows(batch), {.iterations = 2});
  REQUIRE_FALSE(report.converged);
  const RowMatrix<double> before = quantizer.codebook().codes();
  const Tokens<> tokens = quantizer.encode(tessera::rows(batch));
  quantizer.update(tessera::rows(batch), tokens);
  RowMatrix<double> means = RowMatrix<double>::Zero(12, 3);
  Eigen::VectorXd counts = Eigen::VectorXd::Zero(12);
  for (Index i = 0; i < 400; ++i) {
    means.row(tokens(i, 0)) += batch.row(i);
    counts[tokens(i, 0)] += 1;
  }
  for (Index k = 0; k < 12; ++k) {
    REQUIRE(counts[k] > 0);
    const Eigen::RowVectorXd expected = before.row(k) + (1 - decay) * (means.row(k) / counts[k] - before.row(k));
    CHECK((quantizer.codebook().codes().row(k) - expected).norm() < 1e-9);
  }
}

TEST_CASE("new codes from an optimiser begin new averages", "[vector]") {
  auto quantizer = quantizer_of(testing::random_normal<float>(4, 3, 49), {.metric = Metric::cosine});
  const auto batch = testing::random_normal<float>(20, 3, 50);
  quantizer.update(tessera::rows(batch), quantizer.encode(tessera::rows(batch)));
  const auto codes = testing::random_normal<float>(4, 3, 51, 5);
  quantizer.set_codes(tessera::rows(codes));
  CHECK((quantizer.codebook().codes() - codes.rowwise().normalized()).cwiseAbs().maxCoeff() < 4e-7f);
  CHECK(quantizer.codebook().averages().counts.isZero(0));
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.set_codes(tessera::rows(batch)), "found 20 of 3");
}

TEST_CASE("forward and backward reuse the memory of their results", "[vector]") {
  const auto quantizer =
      quantizer_of(testing::random_normal<float>(9, 4, 52), {.learning = CodebookLearning::gradient});
  const auto large = testing::random_normal<float>(50, 4, 53), small = testing::random_normal<float>(50, 4, 54);
  VectorQuantizer<float>::Result result;
  VectorQuantizer<float>::Gradients gradients;
  quantizer.forward_into(tessera::rows(large), result);
  quantizer.backward_into(tessera::rows(large), result, {}, gradients);
  const float *codes = result.codes.data(), *input = gradients.grad_input.data();
  quantizer.forward_into(tessera::rows(small), result);
  quantizer.backward_into(tessera::rows(small), result, {}, gradients);
  CHECK(result.codes.data() == codes);
  CHECK(gradients.grad_input.data() == input);
  check_same(result, quantizer.forward(tessera::rows(small)));
  const auto fresh = quantizer.backward(tessera::rows(small), result, {});
  CHECK(gradients.grad_input == fresh.grad_input);
  CHECK(gradients.grad_parameters == fresh.grad_parameters);
}

TEST_CASE("an empty batch is valid, and one where nothing counts", "[vector]") {
  auto quantizer = quantizer_of(testing::random_normal<float>(5, 3, 55), {.learning = CodebookLearning::gradient});
  const auto nothing = quantizer.forward(tessera::Batch<const float>());
  CHECK(nothing.tokens.rows() == 0);
  CHECK(nothing.codes.rows() == 0);
  CHECK(nothing.losses.total() == 0);
  CHECK(nothing.distortion == 0);
  const auto none = quantizer.backward(tessera::Batch<const float>(), nothing, {});
  CHECK(none.grad_input.rows() == 0);
  CHECK(none.grad_parameters == RowMatrix<float>::Zero(5, 3));
  CHECK(quantizer.decode(Tokens<>(0, 1)).rows() == 0);

  const auto batch = testing::random_normal<float>(7, 3, 56);
  const MaskArray mask = MaskArray::Constant(7, false);
  const auto masked = quantizer.forward(tessera::rows(batch), {.mask = mask});
  CHECK((masked.tokens.array() == -1).all());
  CHECK(masked.losses.total() == 0);
  CHECK(masked.distortion == 0);
  CHECK(quantizer.backward(tessera::rows(batch), masked, {}).grad_input.isZero(0));
  auto learner = quantizer_of(testing::random_normal<float>(5, 3, 55));
  learner.update(tessera::rows(batch), learner.encode(tessera::rows(batch)));
  const State<float> before(learner);
  learner.update(tessera::rows(batch), masked.tokens, {.mask = mask});
  learner.update(tessera::Batch<const float>(), Tokens<>(0, 1));
  CHECK(State<float>(learner) == before);
}

TEST_CASE("options out of range are refused", "[vector]") {
  const auto message = [](const VectorQuantizerOptions& options) {
    return testing::message_of<std::invalid_argument>([&] { VectorQuantizer<float> quantizer(options); });
  };
  const auto refused = [&](const VectorQuantizerOptions& options, const char* found) {
    const std::string text = message(options);
    INFO(text);
    CHECK(testing::contains(text, "expected"));
    CHECK(testing::contains(text, found));
  };
  CHECK(
      message({.dimension = 1, .codebook_size = 1, .decay = 0, .commitment_weight = 0, .codebook_weight = 0}).empty());
  refused({.dimension = 0}, "found 0");
  refused({.dimension = -3}, "found -3");
  refused({.codebook_size = 0}, "found 0");
  refused({.codebook_size = -1}, "found -1");
  refused({.decay = 1}, "found 1");
  refused({.decay = -0.5}, "found -0.5");
  refused({.pseudo_count = -1}, "found -1");
  refused({.commitment_weight = -0.25}, "found -0.25");
  refused({.codebook_weight = -2}, "found -2");
  const double wide_infinity = std::bit_cast<double>(std::uint64_t{0x7ff0000000000000});
  const double wide_nan = std::bit_cast<double>(std::uint64_t{0x7ff8000000000000});
  CHECK_FALSE(message({.commitment_weight = wide_infinity}).empty());
  CHECK_FALSE(message({.codebook_weight = wide_nan}).empty());
  CHECK_FALSE(message({.decay = wide_nan}).empty());
  CHECK_FALSE(message({.pseudo_count = wide_nan}).empty());

  CHECK(testing::throws_exactly<std::invalid_argument>([&] { quantizer_of(RowMatrix<float>()); }));
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer_of(RowMatrix<float>(0, 3)),
                       "expected a codebook of at least one code, found 0");
  auto codes = testing::random_normal<float>(4, 3, 57);
  codes(2, 1) = not_a_number;
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer_of(codes), "nan at vector 2, component 1");
  codes.row(2).setZero();
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer_of(codes, {.metric = Metric::cosine}), "zero at code 2");
}

TEST_CASE("vector quantizers: wrong arguments are named", "[vector]") {
  auto quantizer = quantizer_of(testing::random_normal<float>(257, 4, 58), {.learning = CodebookLearning::gradient});
  const auto batch = testing::random_normal<float>(10, 4, 59), narrow = testing::random_normal<float>(100, 3, 60);
  const auto result = quantizer.forward(tessera::rows(batch));
  const Tokens<> tokens = result.tokens;

  const char* dimension = "VectorQuantizer: expected vectors of dimension 4, found 3 (batch of 100)";
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.encode(tessera::rows(narrow)), dimension);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.forward(tessera::rows(narrow)), dimension);
  CHECK_THROWS_MESSAGE(std::invalid_argument,
                       quantizer.statistics(tessera::rows(narrow), Tokens<>(Tokens<>::Zero(100, 1))), dimension);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.initialize(tessera::rows(narrow)), dimension);

  const MaskArray mask = MaskArray::Constant(9, true);
  const char* wrong_mask = "expected a mask of 10 bools, one per vector, found 9";
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.encode(tessera::rows(batch), {.mask = mask}), wrong_mask);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.forward(tessera::rows(batch), {.mask = mask}), wrong_mask);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.decode(tokens, {.mask = mask}), wrong_mask);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.statistics(tessera::rows(batch), tokens, {.mask = mask}),
                       wrong_mask);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.initialize(tessera::rows(batch), {.mask = mask}), wrong_mask);

  CHECK(testing::throws_exactly<std::invalid_argument>([&] { quantizer.encode<std::uint8_t>(tessera::rows(batch)); }));
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { quantizer.encode<std::int8_t>(tessera::rows(batch)); }));
  const auto full = quantizer_of(testing::random_normal<float>(256, 4, 58));
  const MaskArray valid = MaskArray::Constant(10, true);
  CHECK(full.encode<std::uint8_t>(tessera::rows(batch)).rows() == 10);
  CHECK(testing::throws_exactly<std::invalid_argument>(  // 255 would be a token and a mark
      [&] { full.encode<std::uint8_t>(tessera::rows(batch), {.mask = valid}); }));

  Tokens<> short_tokens(9, 1);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.encode_into(tessera::rows(batch), tessera::rows(short_tokens)),
                       "found 9 x 1");
  RowMatrix<float> short_codes(9, 4);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.decode_into(tessera::rows(tokens), tessera::rows(short_codes)),
                       "found 9 x 4");
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.decode(Tokens<>(Tokens<>::Zero(10, 2))), "found 10 x 2");
  CHECK(testing::throws_exactly<std::invalid_argument>(
      [&] { quantizer.statistics(tessera::rows(batch), Tokens<>(Tokens<>::Zero(9, 1))); }));

  auto wrong = tokens;
  RowMatrix<float> target = RowMatrix<float>::Constant(10, 4, 5);
  for (const std::int64_t token : {std::int64_t{257}, std::int64_t{-1}, std::int64_t{-2}, std::int64_t{1} << 62}) {
    wrong(8, 0) = token;
    CHECK_THROWS_MESSAGE(std::out_of_range, quantizer.decode_into(tessera::rows(wrong), tessera::rows(target)),
                         std::to_string(token));
    CHECK_THROWS_MESSAGE(std::out_of_range, quantizer.decode(wrong), "VectorQuantizer");
    CHECK((target.array() == 5).all());
    if (token != -1) {
      CHECK(testing::throws_exactly<std::out_of_range>([&] { quantizer.statistics(tessera::rows(batch), wrong); }));
    }
    MaskArray without = valid;
    without[8] = false;
    CHECK(quantizer.decode(wrong, {.mask = without}).row(8).isZero(0));
  }

  const auto few = testing::random_normal<float>(9, 4, 61);
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { quantizer.backward(tessera::rows(few), result, {}); }));
  CHECK(testing::throws_exactly<std::invalid_argument>(
      [&] { quantizer.backward(tessera::rows(batch), result, {.codes = tessera::rows(few)}); }));
  const auto flat = testing::random_normal<float>(10, 3, 62);
  CHECK(testing::throws_exactly<std::invalid_argument>([&] { quantizer.backward(tessera::rows(flat), result, {}); }));
  CHECK(testing::throws_exactly<std::invalid_argument>(
      [&] { quantizer.backward(tessera::rows(batch), result, {.codes = tessera::rows(flat)}); }));
}
