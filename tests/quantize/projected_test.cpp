// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/projected.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <tessera/core/thread_pool.hpp>
#include <tessera/quantize/finite_scalar.hpp>

#include "reference/finite_scalar_cases.hpp"
#include "reference/sign_quantizer.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
namespace fsq = tessera::testing::fsq;
using fsq::all_are;
using fsq::quantizer_of;
using fsq::Real;
using fsq::rows_of;
using fsq::same;
using tessera::testing::effort;
using tessera::testing::largest_difference;
using tessera::testing::numeric_gradient;
using tessera::testing::random_mask;
using tessera::testing::random_normal;
using tessera::testing::SignQuantizer;

namespace {

const std::vector<int> inner_levels = {8, 5, 7};

template <class Scalar>
using ProjectedFsq = ProjectedQuantizer<FiniteScalarQuantizer<Scalar>>;

static_assert(Quantizer<ProjectedFsq<float>>);
static_assert(Quantizer<ProjectedFsq<double>>);
static_assert(Quantizer<ProjectedQuantizer<SignQuantizer>>);

/// Projections with biases that are not zero.
template <class Scalar>
ProjectedFsq<Scalar> make(Index dimension, std::vector<int> levels = inner_levels) {
  ProjectedFsq<Scalar> projected(quantizer_of<Scalar>(FsqDialect::lucidrains, std::move(levels)),
                                 {.dimension = dimension, .seed = 3});
  testing::SplitMix random(121);
  for (auto* layer : {&projected.project_in(), &projected.project_out()}) {
    for (Index i = 0; i < layer->bias().size(); ++i) layer->bias()(i) = static_cast<Scalar>(0.3 * random.normal());
  }
  return projected;
}

/// W x + b in long double, and the error that a sum of floats in any order may have: (n + 2) units of sum |w x| + |b|.
template <class Scalar>
struct Affine {
  Affine(const Linear<Scalar>& layer, const Scalar* x, Index output) {
    value = static_cast<Real>(layer.bias()(output));
    Real magnitude = std::abs(value);
    for (Index i = 0; i < layer.inputs(); ++i) {
      const Real term = static_cast<Real>(layer.weights()(output, i)) * static_cast<Real>(x[i]);
      value += term;
      magnitude += std::abs(term);
    }
    error =
        magnitude * static_cast<Real>(layer.inputs() + 2) * static_cast<Real>(std::numeric_limits<Scalar>::epsilon());
  }
  Real value = 0, error = 0;
};

template <class Scalar>
Index beyond_error(const Linear<Scalar>& layer, const RowMatrix<Scalar>& x, const RowMatrix<Scalar>& found) {
  Index wrong = 0;
  for (Index i = 0; i < x.rows(); ++i) {
    for (Index o = 0; o < layer.outputs(); ++o) {
      const Affine<Scalar> expected(layer, x.row(i).data(), o);
      wrong += std::abs(static_cast<Real>(found(i, o)) - expected.value) > expected.error;
    }
  }
  return wrong;
}

}  // namespace

TEMPLATE_TEST_CASE("a projected quantizer is the composition of its three parts", "", float, double) {
  for (const Index dimension : {Index{1}, Index{5}, Index{16}, Index{33}, Index{128}}) {
    const auto projected = make<TestType>(dimension);
    const auto x = random_normal<TestType>(61, dimension, 122);
    const auto result = projected.forward(rows(x));
    CAPTURE(dimension);
    CHECK(projected.dimension() == dimension);
    CHECK(projected.project_in().inputs() == dimension);
    CHECK(projected.project_in().outputs() == 3);
    CHECK(projected.project_out().inputs() == 3);
    CHECK(projected.project_out().outputs() == dimension);
    // latents
    CHECK(beyond_error(projected.project_in(), x, result.latents) == 0);
    CHECK(same(projected.project(rows(x)), result.latents));
    // tokens of these latents, by the formula
    const auto digits = fsq::naive_digits(FsqDialect::lucidrains, inner_levels, result.latents);
    CHECK(same(result.tokens, fsq::naive_indices(inner_levels, digits)));
    CHECK(same(result.tokens, result.inner.tokens));
    // codes
    CHECK(beyond_error(projected.project_out(), result.inner.codes, result.codes) == 0);
    CHECK(result.losses.total() == 0);
    // the three verbs agree to the bit
    CHECK(same(projected.encode(rows(x)), result.tokens));
    CHECK(same(projected.decode(result.tokens), result.codes));
  }
}

TEST_CASE("sizes are the inner quantizer's, the dimension is the model's") {
  const auto projected = make<float>(48);
  CHECK(projected.tokens_per_vector() == 1);
  CHECK(projected.codebook_size() == 280);
  CHECK(projected.bits_per_token() == projected.quantizer().bits_per_token());
  CHECK(projected.quantizer().levels() == inner_levels);
  const auto wide = make<float>(48, std::vector<int>(22, 8));
  CHECK(wide.tokens_per_vector() == 22);
  const auto x = random_normal<float>(10, 48, 123);
  CHECK(wide.forward(rows(x)).tokens.cols() == 22);
  CHECK(same(wide.decode(wide.encode(rows(x))), wide.forward(rows(x)).codes));
}

TEST_CASE("projections start from a seed, with unit latents for unit input") {
  const auto quantizer = quantizer_of<double>(FsqDialect::lucidrains, {8, 8, 8, 8});
  const ProjectedFsq<double> one(quantizer, {.dimension = 400, .seed = 7});
  const ProjectedFsq<double> again(quantizer, {.dimension = 400, .seed = 7});
  const ProjectedFsq<double> other(quantizer, {.dimension = 400, .seed = 8});
  CHECK(same(one.project_in().weights(), again.project_in().weights()));
  CHECK(same(one.project_out().weights(), again.project_out().weights()));
  CHECK_FALSE(same(one.project_in().weights(), other.project_in().weights()));
  // 1600 normal numbers: their mean square is 1 within 4.9 deviations of sqrt(2 / 1600), with probability 1 - 1e-6
  CHECK(std::abs(one.project_in().weights().squaredNorm() / 4 - 1) < 4.9 * std::sqrt(2.0 / 1600));
  CHECK(std::abs(one.project_out().weights().squaredNorm() / 400 - 1) < 4.9 * std::sqrt(2.0 / 1600));
  const ProjectedFsq<double> louder(quantizer, {.dimension = 400, .input_gain = 2, .output_gain = 0.5, .seed = 7});
  CHECK(louder.project_in().weights().isApprox(2 * one.project_in().weights(), 1e-14));
  CHECK(louder.project_out().weights().isApprox(0.5 * one.project_out().weights(), 1e-14));
}

TEMPLATE_TEST_CASE("tokens and codes have the same bits in every split, stride and number of threads", "", float,
                   double) {
  ThreadPool pool(3);
  for (const Index dimension : {Index{3}, Index{17}, Index{64}}) {
    const auto projected = make<TestType>(dimension);
    const Index count = effort(700, 100);
    const auto x = random_normal<TestType>(count, dimension, 124);
    const auto whole = projected.forward(rows(x));
    const Batch<const TestType> batch = rows(x);
    CAPTURE(dimension);
    for (const Index piece : {Index{1}, Index{7}, Index{64}}) {
      int wrong = 0;
      for (Index begin = 0; begin < count; begin += piece) {
        const Index size = std::min(piece, count - begin);
        const auto part = projected.forward(batch.slice(begin, begin + size));
        wrong += !same(part.tokens, whole.tokens.middleRows(begin, size));
        wrong += !same(part.codes, whole.codes.middleRows(begin, size));
        wrong += !same(part.latents, whole.latents.middleRows(begin, size));
        wrong += !same(projected.encode(batch.slice(begin, begin + size)), part.tokens);
      }
      CAPTURE(piece);
      CHECK(wrong == 0);
    }
    const auto threaded = projected.forward(rows(x), {.execution = pool});
    CHECK(same(threaded.tokens, whole.tokens));
    CHECK(same(threaded.codes, whole.codes));
    CHECK(same(projected.decode(whole.tokens, {.execution = pool}), whole.codes));
    const fsq::Scattered<TestType> scattered(x, dimension + 3, 1);
    CHECK(same(projected.forward(scattered.view()).codes, whole.codes));
    for (const Index i : {Index{0}, count / 2, count - 1}) {
      const Tokens<> one = whole.tokens.row(i);
      CHECK(same(projected.decode(one), whole.codes.row(i)));
    }
  }
}

TEST_CASE("gradients are those of the bound between the projections") {
  auto projected = make<double>(6);
  const auto x = random_normal<double>(11, 6, 125);
  const auto g = random_normal<double>(11, 6, 126);
  const auto result = projected.forward(rows(x));
  const auto gradients = projected.backward(rows(x), result, {.codes = rows(g)});

  // what backward differentiates: <g, B bound(A x + a) + b>
  const auto objective = [&](const ProjectedFsq<double>& at, const RowMatrix<double>& input) {
    const RowMatrix<double> latents = at.project(rows(input));
    const RowMatrix<double> bounded = at.quantizer().bound(rows(latents));
    const RowMatrix<double> output =
        (bounded * at.project_out().weights().transpose()).rowwise() + at.project_out().bias();
    return output.cwiseProduct(g).sum();
  };
  // second differences of smooth functions of size one with a step of 1e-5: 1e-9 or so
  CHECK(largest_difference(gradients.grad_input,
                           numeric_gradient([&](const auto& at) { return objective(projected, at); }, x)) < 1e-7);
  const auto of_weights = [&](const RowMatrix<double>& weights) {
    auto changed = projected;
    changed.project_in().weights() = weights;
    return objective(changed, x);
  };
  const RowMatrix<double> A = projected.project_in().weights();
  CHECK(largest_difference(gradients.grad_parameters.input.weights, numeric_gradient(of_weights, A)) < 1e-7);
  const auto of_bias = [&](const RowMatrix<double>& bias) {
    auto changed = projected;
    changed.project_in().bias() = bias;
    return objective(changed, x);
  };
  const RowMatrix<double> a = projected.project_in().bias();
  CHECK(largest_difference(gradients.grad_parameters.input.bias, numeric_gradient(of_bias, a)) < 1e-7);
  // the output is linear in B and b, of the codes, not of the bound
  CHECK(largest_difference(gradients.grad_parameters.output.weights, g.transpose() * result.inner.codes) < 1e-13);
  CHECK(largest_difference(gradients.grad_parameters.output.bias, g.colwise().sum()) < 1e-13);

  const auto v = random_normal<double>(11, 6, 127);
  const auto sides = testing::adjoint_sides(
      [&](const RowMatrix<double>& at) {
        const RowMatrix<double> latents = projected.project(rows(at));
        return RowMatrix<double>(projected.quantizer().bound(rows(latents)) *
                                 projected.project_out().weights().transpose());
      },
      [&](const RowMatrix<double>& w) { return projected.backward(rows(x), result, {.codes = rows(w)}).grad_input; }, x,
      v, g);
  CHECK(sides.relative_error() < 1e-7);
}

TEST_CASE("losses and the parameters of the inner quantizer take part") {
  ProjectedQuantizer<SignQuantizer> projected(SignQuantizer(4), {.dimension = 7, .seed = 1});
  projected.project_in().bias().setConstant(0.1);
  const auto x = random_normal<double>(13, 7, 128);
  const auto g = random_normal<double>(13, 7, 129);
  const auto result = projected.forward(rows(x));
  const SignQuantizer::Result inner = projected.quantizer().forward(rows(result.latents));
  CHECK(result.losses.commitment == inner.losses.commitment);
  CHECK(result.losses.codebook == inner.losses.codebook);

  const UpstreamGradients<double> upstream = {.codes = rows(g), .losses = {.commitment = 0.5, .codebook = 2}};
  const auto gradients = projected.backward(rows(x), result, upstream);
  const RowMatrix<double> grad_codes = g * projected.project_out().weights();
  const auto expected = projected.quantizer().backward(
      rows(result.latents), inner, {.codes = rows(grad_codes), .losses = {.commitment = 0.5, .codebook = 2}});
  CHECK(largest_difference(gradients.grad_input, expected.grad_input * projected.project_in().weights()) < 1e-12);
  CHECK(largest_difference(gradients.grad_parameters.input.weights, expected.grad_input.transpose() * x) < 1e-12);
  CHECK(largest_difference(gradients.grad_parameters.input.bias, expected.grad_input.colwise().sum()) < 1e-12);
  CHECK(largest_difference(gradients.grad_parameters.quantizer, expected.grad_parameters) < 1e-12);

  // codes that do not enter the objective: the losses alone, and nothing for the projection out
  const auto losses_only = projected.backward(rows(x), result, {});
  const auto inner_only = projected.quantizer().backward(rows(result.latents), inner, {});
  CHECK(largest_difference(losses_only.grad_input, inner_only.grad_input * projected.project_in().weights()) < 1e-12);
  CHECK(all_are(losses_only.grad_parameters.output.weights, 0));
  CHECK(all_are(losses_only.grad_parameters.output.bias, 0));
  CHECK(losses_only.grad_parameters.output.weights.rows() == 7);
}

TEST_CASE("projections: masked vectors are as if absent") {
  const auto projected = make<double>(9);
  const Index count = 50;
  const MaskArray mask = random_mask(count, 130);
  RowMatrix<double> x = random_normal<double>(count, 9, 131), g = random_normal<double>(count, 9, 132);
  std::vector<Index> kept;
  for (Index i = 0; i < count; ++i) {
    if (mask[i]) {
      kept.push_back(i);
    } else {
      x.row(i).setConstant(std::numeric_limits<double>::quiet_NaN());
      g.row(i).setConstant(std::numeric_limits<double>::infinity());
    }
  }
  const RowMatrix<double> present = rows_of(x, kept), present_upstream = rows_of(g, kept);
  const auto expected = projected.forward(rows(present));
  const auto expected_gradients = projected.backward(rows(present), expected, {.codes = rows(present_upstream)});
  const auto check = [&](const auto& result) {
    CHECK(same(rows_of(result.tokens, kept), expected.tokens));
    CHECK(same(rows_of(result.codes, kept), expected.codes));
    CHECK(same(rows_of(result.latents, kept), expected.latents));
    for (Index i = 0; i < count; ++i) {
      if (mask[i]) continue;
      CHECK(result.tokens(i, 0) == -1);
      CHECK(all_are(result.codes.row(i), 0));  // not the bias of the projection out
      CHECK(all_are(result.latents.row(i), 0));
    }
  };
  const auto result = projected.forward(rows(x), {.mask = mask});
  check(result);
  check(projected.forward(rows(x), {.mask_non_finite = true}));
  CHECK(same(projected.encode(rows(x), {.mask = mask}), result.tokens));
  CHECK(same(projected.encode(rows(x), {.mask_non_finite = true}), result.tokens));
  CHECK(same(projected.decode(result.tokens, {.mask = mask}), result.codes));
  CHECK(same(projected.project(rows(x), {.mask = mask}), result.latents));
  CHECK(testing::throws_exactly<std::out_of_range>([&] { return projected.decode(result.tokens); }));

  const auto gradients = projected.backward(rows(x), result, {.codes = rows(g)});
  const double tolerance = 100 * std::numeric_limits<double>::epsilon();  // sums of some 35 terms
  const auto close = [&](const auto& a, const auto& b) { return largest_difference(a, b) < tolerance; };
  CHECK(close(rows_of(gradients.grad_input, kept), expected_gradients.grad_input));
  CHECK(close(gradients.grad_parameters.input.weights, expected_gradients.grad_parameters.input.weights));
  CHECK(close(gradients.grad_parameters.input.bias, expected_gradients.grad_parameters.input.bias));
  CHECK(close(gradients.grad_parameters.output.weights, expected_gradients.grad_parameters.output.weights));
  CHECK(close(gradients.grad_parameters.output.bias, expected_gradients.grad_parameters.output.bias));
  for (Index i = 0; i < count; ++i) {
    if (!mask[i]) CHECK(all_are(gradients.grad_input.row(i), 0));
  }
}

TEST_CASE("parameters have names, values and gradients") {
  auto projected = make<double>(12);
  auto gradient = projected.make_gradient();
  Parameters<double> list;
  projected.add_to(list, "tokenizer", gradient);
  CHECK(list.count() == 4);
  CHECK(list.size() == 12 * 3 + 3 + 3 * 12 + 12);
  for (const char* name : {"tokenizer.in.weight", "tokenizer.in.bias", "tokenizer.out.weight", "tokenizer.out.bias"}) {
    CAPTURE(name);
    const auto* parameter = list.find(name);
    REQUIRE(parameter != nullptr);
    CHECK(parameter->gradients.size() == parameter->values.size());
  }
  CHECK(list.find("tokenizer.in.weight")->values.data() == projected.project_in().weights().data());
  CHECK(list.find("tokenizer.out.bias")->gradients.data() == gradient.output.bias.data());
  CHECK(gradient.input.weights.rows() == 3);
  CHECK(all_are(gradient.output.weights, 0));

  // backward_into fills the gradient that the list views, without moving it
  const auto x = random_normal<double>(20, 12, 133);
  const auto result = projected.forward(rows(x));
  ProjectedFsq<double>::Gradients gradients;
  gradients.grad_parameters = projected.make_gradient();
  const double* memory = gradients.grad_parameters.input.weights.data();
  projected.backward_into(rows(x), result, {.codes = rows(x)}, gradients);
  CHECK(gradients.grad_parameters.input.weights.data() == memory);
  const auto fresh = projected.backward(rows(x), result, {.codes = rows(x)});
  CHECK(same(fresh.grad_parameters.input.weights, gradients.grad_parameters.input.weights));
  CHECK(same(fresh.grad_input, gradients.grad_input));
}

TEST_CASE("empty batches are valid") {
  const auto projected = make<double>(5);
  const RowMatrix<double> none(0, 5);
  const auto result = projected.forward(rows(none));
  CHECK(result.tokens.rows() == 0);
  CHECK(result.codes.rows() == 0);
  CHECK(result.codes.cols() == 5);
  CHECK(projected.decode(projected.encode(rows(none))).cols() == 5);
  const auto gradients = projected.backward(rows(none), result, {.codes = rows(none)});
  CHECK(gradients.grad_input.rows() == 0);
  CHECK(all_are(gradients.grad_parameters.input.weights, 0));
}

TEST_CASE("what does not fit is refused") {
  CHECK_THROWS_MESSAGE(std::invalid_argument,
                       (ProjectedFsq<double>(quantizer_of<double>(FsqDialect::google, {8}), {.dimension = 0})),
                       "ProjectedQuantizer: expected");
  const auto projected = make<double>(6);
  RowMatrix<double> x = random_normal<double>(40, 6, 134);
  const auto wider = random_normal<double>(40, 7, 135), fewer = random_normal<double>(39, 6, 136);
  const std::string message = "ProjectedQuantizer: expected vectors of dimension 6, found 7 (batch of 40)";
  CHECK(testing::message_of([&] { projected.encode(rows(wider)); }) == message);
  CHECK(testing::message_of([&] { projected.forward(rows(wider)); }) == message);
  const auto result = projected.forward(rows(x));
  CHECK(testing::message_of([&] { projected.backward(rows(wider), result, {.codes = rows(x)}); }) == message);
  CHECK_THROWS_MESSAGE(std::invalid_argument, projected.backward(rows(x), result, {.codes = rows(fewer)}), "39");
  CHECK_THROWS_MESSAGE(std::invalid_argument, projected.backward(rows(fewer), result, {.codes = rows(fewer)}), "39");
  const MaskArray shorter = MaskArray::Constant(39, true);
  CHECK_THROWS_MESSAGE(std::invalid_argument, projected.forward(rows(x), {.mask = shorter}), "39");
  const Tokens<> outside = Tokens<>::Constant(1, 1, 280), double_tokens = Tokens<>::Zero(4, 2);
  CHECK_THROWS_MESSAGE(std::out_of_range, projected.decode(outside), "280");
  CHECK_THROWS_MESSAGE(std::invalid_argument, projected.decode(double_tokens), "2");
  x(17, 4) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, projected.encode(rows(x)), "nan at vector 17, component 4");
  CHECK_THROWS_MESSAGE(std::invalid_argument, projected.forward(rows(x)), "nan at vector 17, component 4");
  CHECK_THROWS_MESSAGE(std::invalid_argument, projected.project(rows(x)), "nan at vector 17, component 4");
}
