// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// The bound and its derivative as a quantizer shows them: bound() and backward().

#include <tessera/quantize/detail/fsq_bound.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <Eigen/Core>

#include <tessera/quantize/finite_scalar.hpp>

#include "reference/finite_scalar_cases.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
namespace fsq = tessera::testing::fsq;
using fsq::all_are;
using fsq::mixed_levels;
using fsq::quantizer_of;
using fsq::Real;
using fsq::same;
using fsq::Scattered;
using tessera::testing::effort;
using tessera::testing::random_normal;

namespace {

/// Dimensions of several level counts of the dialect.
std::vector<int> gradient_levels(FsqDialect dialect) {
  std::vector<int> levels;
  for (const int L : {2, 3, 4, 5, 8, 9, 64}) {
    if (level_range(dialect).contains(L)) levels.push_back(L);
  }
  return levels;
}

/// Latents whose bound is smooth there: hard_clamp has kinks at +-1, residual_hard_clamp where its tanh reaches 1.
RowMatrix<double> smooth_latents(FsqDialect dialect, const std::vector<int>& levels, Index count, std::uint64_t seed) {
  RowMatrix<double> z = random_normal<double>(count, static_cast<Index>(levels.size()), seed, 1.3);
  for (Index i = 0; i < z.size(); ++i) {
    const auto L = static_cast<double>(levels[static_cast<std::size_t>(i % z.cols())]);
    double kink = 0;
    if (dialect == FsqDialect::hard_clamp) kink = 1;
    if (dialect == FsqDialect::residual_hard_clamp) kink = L / (L - 1) * std::atanh((L - 1) / L);
    if (kink > 0 && std::abs(std::abs(z.data()[i]) - kink) < 1e-3) z.data()[i] *= 0.9;
  }
  return z;
}

}  // namespace

TEMPLATE_TEST_CASE("the bound and its derivative are the formula's", "", float, double) {
  const double epsilon = std::numeric_limits<TestType>::epsilon();
  for (const FsqDialect dialect : fsq_dialects) {
    const auto levels = gradient_levels(dialect);
    const auto dimension = static_cast<Index>(levels.size());
    const auto quantizer = quantizer_of<TestType>(dialect, levels);
    RowMatrix<TestType> z = smooth_latents(dialect, levels, 60, 29).cast<TestType>();
    z.row(0).setConstant(20);  // saturated
    z.row(1).setConstant(-20);
    z.row(2).setZero();
    const RowMatrix<TestType> g = random_normal<TestType>(60, dimension, 30);
    const auto result = quantizer.forward(rows(z));
    const auto gradient = quantizer.backward(rows(z), result, {.codes = rows(g)}).grad_input;
    const auto bounded = quantizer.bound(rows(z));
    double bound_error = 0, gradient_error = 0, single_error = 0;
    for (Index i = 0; i < z.size(); ++i) {
      const Index d = i % dimension;
      const int L = levels[static_cast<std::size_t>(d)];
      const auto at = static_cast<Real>(z.data()[i]);
      const Real b = fsq::bound(dialect, L, at);
      const Real slope = fsq::derivative(dialect, L, at);
      const Real top = std::max(std::abs(fsq::code(dialect, L, L - 1)), std::abs(fsq::code(dialect, L, 0)));
      bound_error = std::max(bound_error, static_cast<double>(std::abs(bounded.data()[i] - b) / top));
      single_error = std::max(single_error, static_cast<double>(std::abs(quantizer.bound(d, z.data()[i]) - b) / top));
      // The derivative is as uncertain, relative to itself, as exp of its argument, which is rounded once or twice; the
      // double bound has a second argument, as large as the level count.
      const bool twice = dialect == FsqDialect::legacy_double_bound;
      const Real arguments = std::abs(at) + (twice ? std::abs(fsq::lucidrains_bound(L, at)) + L / 2 : 0);
      const Real relative = std::abs(g.data()[i]) * slope * (4 + 2 * arguments);
      // and below the smallest normal float it need not fall: nothing that adds gradients up would see it
      const Real absolute = std::abs(g.data()[i]) * 1e-37L * static_cast<Real>(L * L);
      const Real off = std::max(std::abs(gradient.data()[i] - g.data()[i] * slope) - absolute, Real{0});
      if (off > 0) gradient_error = std::max(gradient_error, static_cast<double>(off / relative));
    }
    CAPTURE(dialect_name(dialect));
    CHECK(bound_error <= 4 * epsilon);
    CHECK(single_error <= 4 * epsilon);
    CHECK(gradient_error <= 4 * epsilon);
  }
}

TEST_CASE("backward is the gradient of the bound by central differences, and its adjoint") {
  for (const FsqDialect dialect : fsq_dialects) {
    const auto levels = gradient_levels(dialect);
    const auto quantizer = quantizer_of<double>(dialect, levels);
    const auto z = smooth_latents(dialect, levels, 9, 31);
    const auto g = random_normal<double>(9, z.cols(), 32);
    const auto v = random_normal<double>(9, z.cols(), 33);
    const auto result = quantizer.forward(rows(z));
    const auto gradient = quantizer.backward(rows(z), result, {.codes = rows(g)}).grad_input;
    const auto objective = [&](const RowMatrix<double>& at) { return quantizer.bound(rows(at)).cwiseProduct(g).sum(); };
    CAPTURE(dialect_name(dialect));
    // |b''' | is below 4 L^2 (legacy_double_bound) and the step 1e-5: 1e-7 relative to the largest entry
    CHECK(testing::largest_difference(gradient, testing::numeric_gradient(objective, z)) < 1e-6);
    const auto sides = testing::adjoint_sides(
        [&](const RowMatrix<double>& at) { return quantizer.bound(rows(at)); },
        [&](const RowMatrix<double>& w) { return quantizer.backward(rows(z), result, {.codes = rows(w)}).grad_input; },
        z, v, g);
    CHECK(sides.relative_error() < 1e-6);
  }
}

TEST_CASE("the gradient is (h / w) (1 - tanh^2 (z + s)), not one") {
  const auto quantizer = quantizer_of<double>(FsqDialect::lucidrains, {8, 5});
  RowMatrix<double> z(2, 2);
  z << 0.0, 0.0, 4.5, -6.0;
  const RowMatrix<double> ones = RowMatrix<double>::Ones(2, 2);
  const auto gradient = quantizer.backward(rows(z), quantizer.forward(rows(z)), {.codes = rows(ones)}).grad_input;
  const double h8 = 3.5 * 1.001, h5 = 2 * 1.001;
  const double s = std::atanh(0.5 / h8);
  CHECK(gradient(0, 0) == Catch::Approx(h8 / 4 * (1 - std::pow(std::tanh(s), 2))).epsilon(1e-12));
  CHECK(gradient(0, 1) == Catch::Approx(h5 / 2).epsilon(1e-12));
  CHECK(gradient(0, 0) < 0.87);  // 0.858: a straight-through of the output would say 1
  CHECK(std::abs(gradient(1, 0)) < 1e-3);
  CHECK(std::abs(gradient(1, 1)) < 1e-4);
  CHECK(gradient(1, 1) > 0);
}

TEST_CASE("clamped dialects pass no gradient where they clamp") {
  for (const FsqDialect dialect : {FsqDialect::hard_clamp, FsqDialect::residual_hard_clamp}) {
    const auto quantizer = quantizer_of<float>(dialect, {4, 9});
    RowMatrix<float> z(2, 2);
    z << 3.0f, -5.0f, 0.25f, -0.25f;
    const RowMatrix<float> ones = RowMatrix<float>::Ones(2, 2);
    const auto gradient = quantizer.backward(rows(z), quantizer.forward(rows(z)), {.codes = rows(ones)}).grad_input;
    CAPTURE(dialect_name(dialect));
    CHECK(gradient(0, 0) == 0);
    CHECK(gradient(0, 1) == 0);
    CHECK(gradient(1, 0) > 0.5f);
    CHECK(gradient(1, 1) > 0.5f);
  }
}

TEST_CASE("the bound of ifsq is 2 sigmoid(1.6 z) - 1, to a unit in the last place") {
  const auto narrow = quantizer_of<float>(FsqDialect::ifsq, {5});
  const auto wide = quantizer_of<double>(FsqDialect::ifsq, {5});
  const auto z = random_normal<float>(effort(2000, 200), 1, 34, 2);
  const RowMatrix<double> same_numbers = z.cast<double>();
  const auto narrow_bound = narrow.bound(rows(z));
  const auto wide_bound = wide.bound(rows(same_numbers));
  double narrow_units = 0, wide_units = 0;
  for (Index i = 0; i < z.size(); ++i) {
    const Real expected = 2 / (1 + std::exp(-1.6L * static_cast<Real>(z(i, 0)))) - 1;
    int exponent = 0;
    static_cast<void>(std::frexp(static_cast<double>(expected), &exponent));
    const auto units = [&](Real found, int digits) {
      return static_cast<double>(std::abs(found - expected)) / std::ldexp(1.0, exponent - digits);
    };
    narrow_units = std::max(narrow_units, units(narrow_bound(i, 0), 24));
    wide_units = std::max(wide_units, units(wide_bound(i, 0), 53));
  }
  CHECK(narrow_units <= 1);
  CHECK(wide_units <= 4);  // the library's tanh of double errs by two units itself, and 0.8 z is rounded before
}

TEST_CASE("the rotation trick turns the gradient as the bounded vector is turned onto its code") {
  const std::vector<int> levels = {8, 5, 7};
  const auto rotating = quantizer_of<double>(FsqDialect::symmetric, levels, GradientEstimator::rotation_trick);
  const auto straight = quantizer_of<double>(FsqDialect::symmetric, levels);
  const auto z = random_normal<double>(40, 3, 35);
  const auto g = random_normal<double>(40, 3, 36);
  const auto result = rotating.forward(rows(z));
  CHECK(same(result.tokens, straight.forward(rows(z)).tokens));
  CHECK(same(result.codes, straight.forward(rows(z)).codes));
  const auto gradient = rotating.backward(rows(z), result, {.codes = rows(g)}).grad_input;
  double worst = 0, moved = 0;
  for (Index i = 0; i < z.rows(); ++i) {
    const Eigen::RowVectorXd e = z.row(i).array().tanh(), q = result.codes.row(i);
    const Eigen::RowVectorXd eu = e.normalized(), qu = q.normalized(), r = (eu + qu).normalized(), w = g.row(i);
    // J = |q| / |e| (I - 2 r r^T + 2 q^ e^^T); the gradient of e is J^T w
    const Eigen::RowVectorXd rotated = q.norm() / e.norm() * (w - 2 * r.dot(w) * r + 2 * qu.dot(w) * eu);
    const Eigen::RowVectorXd expected = rotated.array() * (1 - e.array().square());
    worst = std::max(worst, (gradient.row(i) - expected).cwiseAbs().maxCoeff());
    moved = std::max(moved, (rotated - w).cwiseAbs().maxCoeff());
  }
  CHECK(worst < 1e-11);
  CHECK(moved > 0.1);

  const auto line = random_normal<float>(20, 1, 37);
  const auto rotating_line = quantizer_of<float>(FsqDialect::lucidrains, {5}, GradientEstimator::rotation_trick);
  const auto straight_line = quantizer_of<float>(FsqDialect::lucidrains, {5});
  const RowMatrix<float> ones = RowMatrix<float>::Ones(20, 1);  // one dimension has no angle
  CHECK(same(rotating_line.backward(rows(line), rotating_line.forward(rows(line)), {.codes = rows(ones)}).grad_input,
             straight_line.backward(rows(line), straight_line.forward(rows(line)), {.codes = rows(ones)}).grad_input));
}

TEMPLATE_TEST_CASE("gradients do not depend on split, stride or neighbours", "", float, double) {
  for (const FsqDialect dialect : {FsqDialect::lucidrains, FsqDialect::legacy_double_bound, FsqDialect::gaussian_cdf,
                                   FsqDialect::residual_hard_clamp}) {
    for (const Index dimension : {Index{1}, Index{3}, Index{4}, Index{8}, Index{17}}) {
      const auto quantizer = quantizer_of<TestType>(dialect, mixed_levels(dialect, dimension, 38));
      const auto z = random_normal<TestType>(101, dimension, 39);
      const auto g = random_normal<TestType>(101, dimension, 40);
      const auto result = quantizer.forward(rows(z));
      const auto whole = quantizer.backward(rows(z), result, {.codes = rows(g)}).grad_input;
      RowMatrix<TestType> pieces(101, dimension);
      for (Index i = 0; i < 101; ++i) {
        const Batch<const TestType> one = Batch<const TestType>(rows(z)).slice(i, i + 1);
        const Batch<const TestType> upstream = Batch<const TestType>(rows(g)).slice(i, i + 1);
        pieces.row(i) = quantizer.backward(one, quantizer.forward(one), {.codes = upstream}).grad_input;
      }
      CAPTURE(dialect_name(dialect), dimension);
      CHECK(same(pieces, whole));
      Scattered<TestType> spread(z, dimension + 3, 1), spread_upstream(g, dimension + 2, 1);
      CHECK(same(quantizer.backward(spread.view(), result, {.codes = spread_upstream.view()}).grad_input, whole));
    }
  }
}

TEST_CASE("backward without a gradient of the codes gives zeros, and checks what it is given") {
  const auto quantizer = quantizer_of<float>(FsqDialect::lucidrains, {8, 5});
  const auto z = random_normal<float>(12, 2, 41);
  const auto result = quantizer.forward(rows(z));
  CHECK(all_are(quantizer.backward(rows(z), result, {}).grad_input, 0));
  const auto fewer = random_normal<float>(11, 2, 42), wider = random_normal<float>(12, 3, 43);
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.backward(rows(z), result, {.codes = rows(fewer)}), "11");
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.backward(rows(z), result, {.codes = rows(wider)}), "3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.backward(rows(fewer), result, {.codes = rows(fewer)}), "11");
  CHECK_THROWS_MESSAGE(std::invalid_argument, quantizer.backward(rows(wider), result, {.codes = rows(wider)}),
                       "expected vectors of dimension 2, found 3");
}
