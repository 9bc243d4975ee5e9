// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/polynomial_roots.hpp>

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

using Complex = std::complex<double>;

/// The distance of each given root to the nearest that was found, the largest of them.
double distance(const Eigen::VectorXcd& given, const Eigen::VectorXcd& found) {
  double worst = 0;
  for (const Complex& root : given) worst = std::max(worst, (found.array() - root).abs().minCoeff());
  return worst;
}

bool paired(const Eigen::VectorXcd& roots) {
  Index i = 0;
  while (i < roots.size() && roots[i].imag() != 0) {
    if (i + 1 >= roots.size() || roots[i].imag() < 0 || roots[i + 1] != std::conj(roots[i])) return false;
    i += 2;
  }
  for (; i < roots.size(); ++i)
    if (roots[i].imag() != 0) return false;
  return true;
}

Eigen::VectorXcd random_roots(Index pairs, Index reals, SplitMix& random) {
  Eigen::VectorXcd roots(2 * pairs + reals);
  for (Index i = 0; i < pairs; ++i) {
    roots[2 * i] = std::polar(random.uniform(0.2, 1.2), random.uniform(0.1, 3));
    roots[2 * i + 1] = std::conj(roots[2 * i]);
  }
  for (Index i = 0; i < reals; ++i) roots[2 * pairs + i] = random.uniform(-1, 1);
  return roots;
}

}  // namespace

TEST_CASE("the roots of a polynomial made of roots are those roots", "[roots]") {
  SplitMix random(1);
  for (Index pairs = 0; pairs <= 8; ++pairs) {
    for (const Index reals : {0, 1, 2, 3}) {
      CAPTURE(pairs, reals);
      const Eigen::VectorXcd given = random_roots(pairs, reals, random);
      const PolynomialRoots found = polynomial_roots(polynomial_from_roots(given));
      REQUIRE(found.roots.size() == given.size());
      CHECK(paired(found.roots));
      // The coefficients were rounded to double: the roots of those lie as far off as their discs, which know of the
      // rounding of the roots found, say; a factor of 100 for the coefficients' own.
      if (given.size() > 0) CHECK(distance(given, found.roots) <= 1e-13 + 100 * found.errors.maxCoeff());
      CHECK(found.residual < 1e-14);
    }
  }
}

TEST_CASE("the coefficients of a polynomial made of roots are the elementary symmetric functions", "[roots]") {
  const Eigen::VectorXcd roots = (Eigen::VectorXcd(3) << Complex(1, 2), Complex(1, -2), Complex(3)).finished();
  const Eigen::VectorXd p = polynomial_from_roots(roots);
  CHECK(p == (Eigen::VectorXd(4) << 1, -5, 11, -15).finished());
  CHECK(polynomial_from_roots(Eigen::VectorXcd()) == Eigen::VectorXd::Ones(1));
}

TEST_CASE("roots of unity, many of them, are found and multiply to their polynomial", "[roots]") {
  for (const Index n : {3, 16, 65, 200}) {
    Eigen::VectorXd p = Eigen::VectorXd::Zero(n + 1);
    p[0] = 1;
    p[n] = -1;
    const PolynomialRoots found = polynomial_roots(p);
    double worst = 0;
    for (Index k = 0; k < n; ++k) {
      const long double angle =
          2 * std::numbers::pi_v<long double> * static_cast<long double>(k) / static_cast<long double>(n);
      const Complex root(static_cast<double>(std::cos(angle)), static_cast<double>(std::sin(angle)));
      worst = std::max(worst, (found.roots.array() - root).abs().minCoeff());
    }
    CHECK(worst < 2.3e-16);  // both parts rounded to double, here and there
    CHECK(paired(found.roots));
    CHECK(found.errors.maxCoeff() < 1e-16 * static_cast<double>(n * 2));  // n times the rounding of a root
    CHECK((polynomial_from_roots(found.roots) - p).cwiseAbs().maxCoeff() < 1e-14);
  }
}

TEST_CASE("each disc has a root, of polynomials with known ones that are badly conditioned", "[roots]") {
  for (const Index n : {5, 10, 15, 20}) {  // Wilkinson's: the roots 1 ... n
    Eigen::VectorXcd given(n);
    for (Index i = 0; i < n; ++i) given[i] = static_cast<double>(n - i);
    const Eigen::VectorXd p = polynomial_from_roots(given);  // exact up to n = 18
    const PolynomialRoots found = polynomial_roots(p);
    REQUIRE(found.roots.size() == n);
    CHECK(found.residual < 1e-14);
    if (n > 15) continue;  // beyond, coefficients are rounded, and their roots are others
    for (Index i = 0; i < n; ++i) {
      CAPTURE(n, i);
      CHECK((given.array() - found.roots[i]).abs().minCoeff() <= found.errors[i]);
      CHECK((found.roots.array() - given[i]).abs().minCoeff() < 1e-5);
    }
    if (n == 5) CHECK(found.errors.maxCoeff() < 1e-13);
  }
}

TEST_CASE("iteration in long double leaves the eigenvalues behind", "[roots]") {
  // Of (x - 1) ... (x - 10) the eigenvalues of the companion matrix are off by 1e-10 to 1e-9; the coefficients are
  // integers, so that long double sees the roots to 1e-13 of their condition.
  Eigen::VectorXcd given(10);
  for (Index i = 0; i < 10; ++i) given[i] = static_cast<double>(10 - i) / 16;
  const PolynomialRoots found = polynomial_roots(polynomial_from_roots(given));
  for (Index i = 0; i < 10; ++i) CHECK(std::abs(found.roots[i] - given[i]) < 4e-10);
}

TEST_CASE("multiple roots are found as far as they can be, and multiply to their polynomial", "[roots]") {
  for (const Index m : {2, 3, 4, 6}) {
    CAPTURE(m);
    const Eigen::VectorXcd given = Eigen::VectorXcd::Constant(m, 0.5);  // binomials of 1/2: exact in double
    const PolynomialRoots found = polynomial_roots(polynomial_from_roots(given));
    CHECK(paired(found.roots));
    // eps^(1/m) of double, from where long double makes it better, or not
    CHECK(distance(given, found.roots) < 2 * std::pow(1e-16, 1 / static_cast<double>(m)));
    CHECK(found.residual < 1e-14);
    CHECK(((found.roots.array() - 0.5).abs() - found.errors.array()).minCoeff() <= 0);  // it lies in the union
  }
  const PolynomialRoots twice = polynomial_roots((Eigen::VectorXd(3) << 1, -1, 0.25).finished());
  CHECK(twice.roots == Eigen::VectorXcd::Constant(2, 0.5));  // a quadratic has a formula
}

TEST_CASE("leading zeros lower the degree, zeros at the end are roots at 0", "[roots]") {
  const PolynomialRoots found = polynomial_roots((Eigen::VectorXd(6) << 0, 0, 2, -3, 0, 0).finished());
  CHECK(found.roots == (Eigen::VectorXcd(3) << 1.5, 0, 0).finished());
  CHECK(found.errors.tail(2).maxCoeff() == 0);
  CHECK(polynomial_roots(Eigen::VectorXd::Ones(1)).roots.size() == 0);
  CHECK(polynomial_roots((Eigen::VectorXd(3) << 3, 0, 0).finished()).roots == Eigen::VectorXcd::Zero(2));
  const PolynomialRoots pair = polynomial_roots((Eigen::VectorXd(3) << 1, -2, 5).finished());
  CHECK(pair.roots == (Eigen::VectorXcd(2) << Complex(1, 2), Complex(1, -2)).finished());
  const PolynomialRoots far = polynomial_roots((Eigen::VectorXd(3) << 1e-20, 1, -2).finished());
  CHECK(distance((Eigen::VectorXcd(2) << 2, -1e20).finished(), far.roots) < 1e5);  // no cancellation in the formula
  CHECK(std::abs(far.roots[1] - 2.0) < 1e-15);
}

TEST_CASE("polynomials of badly scaled coefficients are balanced", "[roots]") {
  // Roots 1e-6, 1e-3, 1, 1e3, 1e6, each to a few ulp.
  Eigen::VectorXcd given(5);
  for (Index i = 0; i < 5; ++i) given[i] = std::pow(10.0, 6 - 3 * static_cast<double>(i));
  const PolynomialRoots found = polynomial_roots(polynomial_from_roots(given));
  for (Index i = 0; i < 5; ++i) CHECK(std::abs(found.roots[i] / given[i] - 1.0) < 1e-14);
}

TEST_CASE("bad polynomials and roots without their conjugates are refused in words", "[roots]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, polynomial_roots((Eigen::VectorXd(2) << 1, nan).finished()),
                       "polynomial_roots: expected finite coefficients");
  CHECK_THROWS_MESSAGE(std::invalid_argument, polynomial_roots(Eigen::VectorXd::Zero(3)),
                       "polynomial_roots: expected a polynomial with a coefficient other than 0, found 3 coefficients");
  CHECK_THROWS_MESSAGE(std::invalid_argument, polynomial_roots(Eigen::VectorXd()), "found 0 coefficients");
  CHECK_THROWS_MESSAGE(NumericalError, polynomial_roots((Eigen::VectorXd(2) << 1e-300, 1e300).finished()),
                       "polynomial_roots: expected coefficients within 1e308 of the leading one, found 1e-300 to lead");
  CHECK_THROWS_MESSAGE(std::invalid_argument, polynomial_from_roots(Eigen::VectorXcd::Constant(1, Complex(0.5, 0.25))),
                       "polynomial_from_roots: expected roots in pairs of conjugates, found 0.5+0.25i without its own");
  CHECK_THROWS_MESSAGE(
      std::invalid_argument,
      polynomial_from_roots((Eigen::VectorXcd(2) << Complex(0.5, 0.25), Complex(0.5, -0.26)).finished()),
      "found 0.5+0.25i without its own");
  CHECK_THROWS_MESSAGE(std::invalid_argument, polynomial_from_roots(Eigen::VectorXcd::Constant(1, Complex(0, -1))),
                       "found 0-1i without its own");
  CHECK_THROWS_MESSAGE(std::invalid_argument, polynomial_from_roots(Eigen::VectorXcd::Constant(1, nan)),
                       "polynomial_from_roots: expected finite roots");
}
