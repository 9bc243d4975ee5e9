// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/stable_parametrization.hpp>

#include <cmath>
#include <limits>
#include <type_traits>

#include <tessera/ssm/stability.hpp>

#include "support/catch.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

template <class Parametrization>
constexpr bool makes_sections =
    std::is_same_v<Parametrization, SectionParametrization> || std::is_same_v<Parametrization, PolarParametrization>;
template <class Parametrization>
constexpr bool even_only = std::is_same_v<Parametrization, PolarParametrization> ||
                           std::is_same_v<Parametrization, PolarProductParametrization>;

bool all_stable(const RowMatrix<double>& a, bool sections) {
  bool stable = true;
  for (Index c = 0; c < a.rows(); ++c) {
    if (!sections) {
      stable = stable && stability(Eigen::VectorXd(a.row(c))).verdict == Stability::stable;
      continue;
    }
    for (Index j = 0; j < a.cols(); j += 2) {
      const double a2 = j + 1 < a.cols() ? a(c, j + 1) : 0;
      stable = stable && section_stability(a(c, j), a2) == Stability::stable;
    }
  }
  return stable;
}

/// To parameters and back.
template <class Parametrization>
RowMatrix<double> round_trip(const Parametrization& parametrization, const RowMatrix<double>& a) {
  const RowMatrix<double> t = parametrization.inverse(rows(a));
  return parametrization.forward(rows(t));
}

}  // namespace

TEMPLATE_TEST_CASE("every parametrization makes stable denominators, with the right gradient", "[stability]",
                   L1Parametrization, L1ProjectionParametrization, ReflectionParametrization, SectionParametrization,
                   PolarParametrization, BiquadProductParametrization, PolarProductParametrization) {
  using Parametrization = TestType;
  for (const double limit : {1 - 0x1p-20, 0.8}) {
    const Parametrization parametrization({.limit = limit});
    for (const Index order : {1, 2, 3, 4, 7, 12}) {
      if (even_only<Parametrization> && order % 2 != 0) continue;
      CAPTURE(order, limit);
      const Index channels = 3;
      const RowMatrix<double> t =
          random_normal<double>(channels, Parametrization::parameters(order), static_cast<std::uint64_t>(order), 0.7);
      const auto forward = [&](const RowMatrix<double>& x) { return parametrization.forward(rows(x)); };
      const RowMatrix<double> a = forward(t);
      REQUIRE(a.cols() == order);
      CHECK(all_stable(a, makes_sections<Parametrization>));

      const RowMatrix<double> w = random_normal<double>(channels, order, 5);
      const RowMatrix<double> gradient = parametrization.backward(rows(t), rows(w));
      const RowMatrix<double> numeric =
          numeric_gradient([&](const RowMatrix<double>& x) { return forward(x).cwiseProduct(w).sum(); }, t);
      CHECK(largest_difference(gradient, numeric) < 1e-7);  // central differences: 1e-8 of values up to 100

      const RowMatrix<double> v = random_normal<double>(channels, t.cols(), 6);
      const auto sides = adjoint_sides(
          forward, [&](const RowMatrix<double>& g) { return parametrization.backward(rows(t), rows(g)); }, t, v, w);
      CHECK(sides.relative_error() < 1e-6);
      // The adjoint is linear: exact to rounding.
      const RowMatrix<double> w2 = random_normal<double>(channels, order, 7), both = 2 * w - w2;
      CHECK(largest_difference(parametrization.backward(rows(t), rows(both)),
                               2 * gradient - parametrization.backward(rows(t), rows(w2))) < 1e-12);
    }
  }
}

TEMPLATE_TEST_CASE("a denominator leads back to parameters that make it", "[stability]", L1Parametrization,
                   L1ProjectionParametrization, ReflectionParametrization, SectionParametrization,
                   PolarParametrization) {
  const TestType parametrization;
  for (const Index order : {2, 4, 8}) {
    const RowMatrix<double> t = random_normal<double>(4, TestType::parameters(order), 11, 0.6);
    const RowMatrix<double> a = parametrization.forward(rows(t));
    CHECK(largest_difference(round_trip(parametrization, a), a) < 1e-12);
  }
  CHECK(round_trip(parametrization, RowMatrix<double>(0, 4)).rows() == 0);
}

TEST_CASE("reflection coefficients reach every stable denominator, the sum of magnitudes does not", "[stability]") {
  // A pair of poles of radius 0.99 at angle 0.1: long memory at a low frequency.
  RowMatrix<double> a(1, 2);
  a << -2 * 0.99 * std::cos(0.1), 0.99 * 0.99;
  CHECK(largest_difference(round_trip(ReflectionParametrization(), a), a) < 1e-12);
  CHECK(largest_difference(round_trip(SectionParametrization(), a), a) < 1e-12);
  CHECK(largest_difference(round_trip(PolarParametrization(), a), a) < 1e-12);
  CHECK_THROWS_MESSAGE(std::invalid_argument, L1Parametrization().inverse(rows(a)),
                       "L1Parametrization: expected a sum of magnitudes below 0.99");
  CHECK_THROWS_MESSAGE(std::invalid_argument, L1ProjectionParametrization().inverse(rows(a)),
                       "L1ProjectionParametrization: expected a sum of magnitudes of at most 0.99");
}

TEST_CASE("the published formula of the l1 constraint, and the projection by its definition", "[stability]") {
  RowMatrix<double> t(1, 4);
  t << 0.5, -2, 1, -0.25;
  const RowMatrix<double> a = L1Parametrization({.limit = 1}).forward(rows(t));
  CHECK(a(0, 1) == Catch::Approx(-2 / (3.75 + 1e-6)).epsilon(1e-14));

  // The projection p of x on a convex set: (x - p) . (y - p) <= 0 for every y of the set; its corners suffice.
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    const RowMatrix<double> x = random_normal<double>(1, 6, seed);
    const double radius = 0.9;
    const RowMatrix<double> p = L1ProjectionParametrization({.limit = radius}).forward(rows(x));
    CHECK(p.cwiseAbs().sum() <= radius + 1e-15);
    for (Index j = 0; j < 12; ++j) {
      RowMatrix<double> corner = RowMatrix<double>::Zero(1, 6);
      corner(0, j / 2) = j % 2 == 0 ? radius : -radius;
      CHECK((x - p).cwiseProduct(corner - p).sum() < 1e-14);
    }
  }
  const RowMatrix<double> inside = RowMatrix<double>::Constant(1, 4, 0.1);
  CHECK(L1ProjectionParametrization().forward(rows(inside)) == inside);
}

TEMPLATE_TEST_CASE("the largest parameters stay finite and stable", "[stability]", L1Parametrization,
                   L1ProjectionParametrization, ReflectionParametrization, SectionParametrization,
                   PolarParametrization) {
  const TestType parametrization;
  for (const double size : {20.0, 1e3, 1e6}) {
    for (const double sign : {-1.0, 1.0}) {
      RowMatrix<double> t = RowMatrix<double>::Constant(1, TestType::parameters(2), sign * size);
      t(0, 1) *= -1;
      const RowMatrix<double> a = parametrization.forward(rows(t));
      const RowMatrix<double> w = RowMatrix<double>::Ones(1, 2);
      const RowMatrix<double> gradient = parametrization.backward(rows(t), rows(w));
      CHECK(all_finite(a.data(), a.size()));
      CHECK(all_finite(gradient.data(), gradient.size()));
      CHECK(all_stable(a, true));
      // In float, too: rounding a section's coefficients costs less than `limit` leaves.
      const RowMatrix<float> narrow_t = t.cast<float>(), narrow = parametrization.forward(rows(narrow_t));
      CHECK(all_stable(narrow.cast<double>(), true));
    }
  }
}

TEST_CASE("sections multiply to the polynomial that their convolution is", "[stability]") {
  for (const Index order : {1, 2, 5, 8}) {
    const RowMatrix<double> t = random_normal<double>(1, order, 3);
    const RowMatrix<double> sections = SectionParametrization().forward(rows(t));
    std::vector<double> product = {1};
    for (Index j = 0; j < order; j += 2) {
      const std::vector<double> section = j + 1 < order ? std::vector<double>{1, sections(0, j), sections(0, j + 1)}
                                                        : std::vector<double>{1, sections(0, j)};
      std::vector<double> next(product.size() + section.size() - 1, 0.0);
      for (std::size_t i = 0; i < product.size(); ++i)
        for (std::size_t k = 0; k < section.size(); ++k) next[i + k] += product[i] * section[k];
      product = next;
    }
    const RowMatrix<double> a = BiquadProductParametrization().forward(rows(t));
    for (Index j = 0; j < order; ++j)
      CHECK(a(0, j) == Catch::Approx(product[static_cast<std::size_t>(j + 1)]).margin(1e-13));
  }
}

TEST_CASE("misuse of stable parametrizations is refused in words", "[stability]") {
  CHECK_THROWS_MESSAGE(std::invalid_argument, ReflectionParametrization({.limit = 1.5}),
                       "ReflectionParametrization: expected a limit above 0 and at most 1, found 1.5");
  CHECK_THROWS_MESSAGE(std::invalid_argument,
                       ReflectionParametrization({.limit = std::numeric_limits<double>::quiet_NaN()}),
                       "ReflectionParametrization: expected a finite limit, found nan");
  const ReflectionParametrization reflection;
  RowMatrix<double> t = RowMatrix<double>::Zero(2, 3), a = RowMatrix<double>::Zero(2, 4);
  CHECK_THROWS_MESSAGE(std::invalid_argument, reflection.forward_into(rows(t), rows(a)),
                       "ReflectionParametrization: expected parameters of 2 x 4, found 2 x 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, reflection.backward(rows(t), rows(a)),
                       "ReflectionParametrization: expected parameters of 2 x 4, found 2 x 3");
  a.setConstant(7);
  RowMatrix<double> bad = RowMatrix<double>::Zero(2, 4);
  bad(1, 2) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, reflection.forward_into(rows(bad), rows(a)),
                       "ReflectionParametrization: expected finite parameters, found nan at vector 1, component 2");
  CHECK(a(0, 0) == 7);
  RowMatrix<double> unstable = RowMatrix<double>::Zero(2, 2);
  unstable(1, 0) = -3;
  unstable(1, 1) = 0.5;
  CHECK_THROWS_MESSAGE(
      std::invalid_argument, reflection.inverse(rows(unstable)),
      "ReflectionParametrization: expected a stable denominator, found the reflection coefficient -2 of "
      "degree 1 at channel 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, SectionParametrization().inverse(rows(unstable)),
                       "SectionParametrization: expected a1 / (1 + a2) of magnitude below 0.99");
  CHECK_THROWS_MESSAGE(std::invalid_argument, PolarParametrization().inverse(rows(unstable)),
                       "PolarParametrization: expected complex poles of radius below 0.99");
  CHECK_THROWS_MESSAGE(std::invalid_argument, PolarParametrization().forward(rows(t)),
                       "PolarParametrization: expected an even order, found 3");
  const RowMatrix<double> none(2, 0);
  CHECK_THROWS_MESSAGE(std::invalid_argument, L1Parametrization().forward(rows(none)),
                       "L1Parametrization: expected at least 1 parameters, found 0");
}
