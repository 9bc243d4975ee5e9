// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/fft/cosine.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <vector>

#include <tessera/core/finite.hpp>
#include <tessera/core/thread_pool.hpp>

#include "fft/naive_fourier.hpp"
#include "fft/transform_cases.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

template <class Scalar>
using Two = CosineTransform<Scalar, CosineType::two, CosineScale::none>;

/// body(plan, type, scale) for all six plans.
template <class Scalar, class Body>
void for_plans(Index length, const FourierOptions& options, Body&& body) {
  using enum CosineType;
  using enum CosineScale;
  body(CosineTransform<Scalar, two, none>(length, options), two, none);
  body(CosineTransform<Scalar, two, orthonormal>(length, options), two, orthonormal);
  body(CosineTransform<Scalar, three, none>(length, options), three, none);
  body(CosineTransform<Scalar, three, orthonormal>(length, options), three, orthonormal);
  body(CosineTransform<Scalar, four, none>(length, options), four, none);
  body(CosineTransform<Scalar, four, orthonormal>(length, options), four, orthonormal);
}

/// The cosine of row k and column n is that of 2 pi at(k, n) / (8 N).
Index angle_of(CosineType type, Index k, Index n) {
  if (type == CosineType::two) return 2 * k * (2 * n + 1);
  return type == CosineType::three ? 2 * n * (2 * k + 1) : (2 * n + 1) * (2 * k + 1);
}

/// The factor of the term of row k and column n, from the formulas of the header.
long double factor_of(CosineType type, CosineScale scale, Index k, Index n, Index length) {
  const bool first = (type == CosineType::two && k == 0) || (type == CosineType::three && n == 0);
  if (scale == CosineScale::orthonormal) return std::sqrt((first ? 1.0L : 2.0L) / static_cast<long double>(length));
  return first && type == CosineType::three ? 0.5L : 1.0L;
}

/// The sums in long double, the angles reduced in integers. `circle8` has the points of a circle of 8 N.
template <class Scalar>
std::vector<LongComplex> naive_cosine(const Scalar* x, Index length, CosineType type, CosineScale scale,
                                      const std::vector<LongComplex>& circle8) {
  std::vector<LongComplex> result;
  for (Index k = 0; k < length; ++k) {
    const long double first = factor_of(type, scale, k, 0, length), rest = factor_of(type, scale, k, 1, length);
    Index at = angle_of(type, k, 0);
    const Index step = angle_of(type, k, 1) - at;
    long double sum = 0;
    for (Index n = 0; n < length; ++n) {
      sum += (n == 0 ? first : rest) * static_cast<long double>(x[n]) * circle8[static_cast<std::size_t>(at)].real();
      at += step;
      if (at >= 8 * length) at -= 8 * length;
    }
    result.push_back(sum);
  }
  return result;
}

}  // namespace

TEMPLATE_TEST_CASE("cosine transforms of any length, type and scale are their sums", "", float, double) {
  for (const Index length : lengths()) {
    const RowMatrix<TestType> x = random_normal<TestType>(2, length, 17);
    const std::vector<LongComplex> circle8 = circle(8 * length, 1);
    for (const FourierLayout layout : layouts) {
      for_plans<TestType>(length, {.layout = layout}, [&](const auto& plan, CosineType type, CosineScale scale) {
        if (layout != FourierLayout::automatic && plan.layout() == layout && length > 512) return;
        const RowMatrix<TestType> found = plan.forward(rows(x));
        INFO("length " << length << ", type " << static_cast<int>(type) + 2 << ", scale " << static_cast<int>(scale));
        CHECK(peak_error(&found(1, 0), naive_cosine(&x(1, 0), length, type, scale, circle8)) <
              fourier_tolerance<TestType>(length));
      });
    }
  }
}

TEMPLATE_TEST_CASE("inverse cosine transforms give rows back, whatever their scale", "", float, double) {
  for (const Index length : lengths()) {
    const RowMatrix<TestType> x = random_normal<TestType>(2, length, 3);
    const double tolerance = 4 * fourier_tolerance<TestType>(length) * static_cast<double>(x.cwiseAbs().maxCoeff());
    for_plans<TestType>(length, {}, [&](const auto& plan, CosineType type, CosineScale scale) {
      const RowMatrix<TestType> spectrum = plan.forward(rows(x));
      const RowMatrix<TestType> back = plan.inverse(rows(spectrum));
      INFO("length " << length << ", type " << static_cast<int>(type) + 2 << ", scale " << static_cast<int>(scale));
      CHECK(static_cast<double>((back - x).cwiseAbs().maxCoeff()) < tolerance);
    });
  }
}

TEST_CASE("a round trip of plain cosine sums multiplies by half of the length") {
  for (const Index length : {1, 2, 3, 10, 31, 256}) {
    const RowMatrix<double> x = random_normal<double>(2, length, 1);
    const Two<double> two(length);
    const CosineTransform<double, CosineType::three, CosineScale::none> three(length);
    const CosineTransform<double, CosineType::four, CosineScale::none> four(length);
    const auto check = [&](const auto& first, const auto& second) {
      const RowMatrix<double> between = first.forward(rows(x));
      const double half = static_cast<double>(length) / 2;
      CHECK((second.forward(rows(between)) - half * x).cwiseAbs().maxCoeff() < 1e-13 * half);
    };
    check(two, three);
    check(three, two);
    check(four, four);
  }
}

// From scipy.fft.dct of SciPy 1.17.1: norm=None, then norm="ortho".
constexpr double scipy_values[3][2][5] = {
    {{30.0, -21.54378476022677, 6.7082039324993685, 5.085797696037528, 6.708203932499368},
     {6.708203932499369, -6.812742926274112, 2.1213203435596424, 1.608270443831529, 2.1213203435596424}},
    {{12.872000333992961, -25.660080048370272, 10.999999999999996, -1.9366677041274127, 8.724747418504725},
     {4.201469739269706, -7.983443960026246, 3.609491255668337, -0.48144227211005, 2.889993214698043}},
    {{9.696847709595252, -20.2270969006876, 18.38477631085024, -3.5903846876326444, 13.26441982379646},
     {3.066412488610798, -6.396369665910546, 5.813776741499454, -1.1353793289111342, 4.194577848388613}}};

TEST_CASE("cosine transforms are those of SciPy, halved where nothing is normalized") {
  const RowMatrix<double> x{{1, -2, 3, 5, 8}};
  for_plans<double>(5, {}, [&](const auto& plan, CosineType type, CosineScale scale) {
    const RowMatrix<double> found = plan.forward(rows(x));
    const double factor = scale == CosineScale::none ? 0.5 : 1;
    for (Index k = 0; k < 5; ++k) {
      const double expected = factor * scipy_values[static_cast<int>(type)][static_cast<int>(scale)][k];
      CHECK(found(0, k) == Approx(expected).epsilon(1e-14).margin(1e-14));
    }
  });
}

TEST_CASE("orthonormal cosine transforms keep energies, and three is the inverse of two") {
  for (const Index length : {1, 2, 5, 64, 96, 127, 1000}) {
    const RowMatrix<double> x = random_normal<double>(1, length, 8);
    for_plans<double>(length, {}, [&](const auto& plan, CosineType, CosineScale scale) {
      if (scale != CosineScale::orthonormal) return;
      CHECK(plan.forward(rows(x)).squaredNorm() == Approx(x.squaredNorm()).epsilon(1e-13));
    });
    const CosineTransform<double, CosineType::two, CosineScale::orthonormal> two(length);
    const CosineTransform<double, CosineType::three, CosineScale::orthonormal> three(length);
    CHECK((two.inverse(rows(x)) - three.forward(rows(x))).cwiseAbs().maxCoeff() < 1e-14);
  }
}

TEST_CASE("backward passes of cosine transforms are their adjoints") {
  for (const Index length : {1, 2, 3, 4, 45, 64, 97, 128}) {
    const RowMatrix<double> x = random_normal<double>(3, length, 4), w = random_normal<double>(3, length, 5);
    for_plans<double>(length, {}, [&](const auto& plan, CosineType, CosineScale) {
      RowMatrix<double> gradient(3, length);
      plan.forward_backward_into(rows(w), rows(gradient));
      CHECK(plan.forward(rows(x)).cwiseProduct(w).sum() ==
            Approx(x.cwiseProduct(gradient).sum()).epsilon(1e-12).margin(1e-12));
      plan.inverse_backward_into(rows(w), rows(gradient));
      CHECK(plan.inverse(rows(x)).cwiseProduct(w).sum() ==
            Approx(x.cwiseProduct(gradient).sum()).epsilon(1e-12).margin(1e-12));
    });
  }
}

TEST_CASE("a row of cosines has the same bits alone, in a batch, in place, with gaps and with threads") {
  ThreadPool pool(3);
  for (const Index length : {1, 7, 30, 64, 512, 521, 1024}) {
    for_plans<float>(length, {}, [&](const auto& plan, CosineType, CosineScale) {
      RowMatrix<float> x = random_normal<float>(21, length + 1, 2);
      const Batch<float> padded(x.data(), 21, length, length + 1);
      const RowMatrix<float> expected = plan.forward(padded), back = plan.inverse(rows(expected));
      RowMatrix<float> single(1, length), threaded(21, length);
      for (Index r = 0; r < 21; ++r) {
        plan.forward_into(padded.slice(r, r + 1), rows(single));
        CHECK((single.array() == expected.row(r).array()).all());
      }
      plan.inverse_into(rows(expected), rows(threaded), {.execution = pool});
      CHECK((threaded.array() == back.array()).all());
      const Eigen::VectorXf outside = x.col(length);
      plan.forward_into(padded, padded, {.execution = pool});
      CHECK((x.leftCols(length).array() == expected.array()).all());
      CHECK((x.col(length).array() == outside.array()).all());
      plan.inverse_into(padded, padded);
      CHECK((x.leftCols(length).array() == back.array()).all());
    });
  }
}

TEST_CASE("a number that is not finite spoils its row of cosines alone") {
  for (const Index length : {15, 32, 512}) {
    for_plans<float>(length, {}, [&](const auto& plan, CosineType, CosineScale) {
      RowMatrix<float> x = random_normal<float>(5, length, 6);
      const RowMatrix<float> expected = plan.forward(rows(x));
      x(2, 3) = std::numeric_limits<float>::infinity();
      const RowMatrix<float> found = plan.forward(rows(x));
      for (Index r = 0; r < 5; ++r) {
        if (r != 2) CHECK((found.row(r).array() == expected.row(r).array()).all());
      }
      CHECK_FALSE(all_finite(&found(2, 0), length));
    });
  }
}

TEST_CASE("a cosine transform with a workspace allocates nothing") {
  for (const Index length : {45, 512}) {
    const RowMatrix<float> x = random_normal<float>(9, length, 1);
    RowMatrix<float> y(9, length);
    for_plans<float>(length, {}, [&](const auto& plan, CosineType, CosineScale) {
      auto workspace = plan.workspace(2);
      CHECK(workspace.slots() == 2);
      CHECK(allocations_in([&] {
              plan.forward_into(rows(x), rows(y), {.workspace = &workspace});
              plan.inverse_into(rows(x), rows(y), {.workspace = &workspace});
            }) == 0);
    });
  }
}

TEST_CASE("wrong lengths and shapes of cosine transforms are named") {
  CHECK_THROWS_MESSAGE(std::invalid_argument, Two<float>(0),
                       "CosineTransform: expected a length of at least 1, found 0");
  CHECK_THROWS_AS(Two<float>(2, {.layout = FourierLayout::within_row}), std::invalid_argument);
  const Two<double> plan(8);
  CHECK(plan.length() == 8);
  const RowMatrix<double> x = random_normal<double>(2, 8, 1);
  RowMatrix<double> narrow = RowMatrix<double>::Zero(2, 7), tall = RowMatrix<double>::Zero(3, 8);
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.forward(rows(narrow)),
                       "CosineTransform: expected input of 2 x 8, found 2 x 7");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.inverse_into(rows(x), rows(tall)),
                       "CosineTransform: expected output of 2 x 8, found 3 x 8");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.forward_backward_into(rows(x), rows(narrow)),
                       "CosineTransform: expected grad_input of 2 x 8, found 2 x 7");
  auto other = Two<double>(16).workspace();
  RowMatrix<double> y = RowMatrix<double>::Zero(2, 8);
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.forward_into(rows(x), rows(y), {.workspace = &other}),
                       "CosineTransform: expected a workspace made by this plan");
  CHECK((y.array() == 0).all());
  CHECK(plan.forward(Batch<const double>(nullptr, 0, 8)).rows() == 0);
}

TEMPLATE_TEST_CASE("long cosine transforms are their sums, at 64 random bins", "", float, double) {
  for (const Index length : {Index{1} << 15, Index{100003}, Index{1} << 20}) {
    if (sanitized && length > 40000) continue;
    const RowMatrix<TestType> x = random_normal<TestType>(1, length, 7);
    const auto two = CosineTransform<TestType, CosineType::two, CosineScale::none>(length).forward(rows(x));
    const auto four = CosineTransform<TestType, CosineType::four, CosineScale::none>(length).forward(rows(x));
    const LongCircle circle(8 * length, 1);
    long double worst_two = 0, worst_four = 0;
    for (Index i = 0; i < 64; ++i) {
      const Index k = (7919 * i * i + 104729 * i) % length;
      long double second = 0, fourth = 0;
      for (Index n = 0; n < length; ++n) {  // indices reduced in integers, so that no angle is large
        const auto sample = static_cast<long double>(x(0, n));
        second += sample * circle.root(2 * k * (2 * n + 1) % (8 * length)).real();
        fourth += sample * circle.root((2 * k + 1) * (2 * n + 1) % (8 * length)).real();
      }
      worst_two = std::max(worst_two, std::abs(second - static_cast<long double>(two(0, k))));
      worst_four = std::max(worst_four, std::abs(fourth - static_cast<long double>(four(0, k))));
    }
    const double tolerance = fourier_tolerance<TestType>(length);
    CHECK(static_cast<double>(worst_two) < tolerance * static_cast<double>(two.cwiseAbs().maxCoeff()));
    CHECK(static_cast<double>(worst_four) < tolerance * static_cast<double>(four.cwiseAbs().maxCoeff()));
  }
}
