// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/truncated_numerator.hpp>

#include <limits>

#include "ssm/rational_cases.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

double relative(const Eigen::VectorXd& found, const Eigen::VectorXd& expected) {
  return (found - expected).cwiseAbs().maxCoeff() / expected.cwiseAbs().maxCoeff();
}

/// A^L of a companion matrix, by L products in long double.
Eigen::MatrixXd companion_power(const Eigen::VectorXd& a, Index length) {
  const LongMatrix matrix = companion_matrix(a).cast<long double>();
  LongMatrix power = LongMatrix::Identity(a.size(), a.size());
  for (Index i = 0; i < length; ++i) power = (power * matrix).eval();
  return power.cast<double>();
}

}  // namespace

TEST_CASE("a truncated numerator is (I - A^L)^T b of the companion matrix", "[numerator]") {
  for (const Index order : {1, 2, 3, 8, 31}) {
    for (const double radius : {0.6, 0.99, 1.01}) {
      const DirectForm filter = random_filter(order, radius, 11 + static_cast<std::uint64_t>(order));
      for (const Index length : {1, 2, 7, 50, 333}) {
        CAPTURE(order, radius, length);
        const Eigen::MatrixXd power = companion_power(filter.denominator, length);
        const Eigen::VectorXd expected =
            filter.numerator -
            power.transpose() * filter.numerator;  // what the published code forgets is the transpose
        const Eigen::VectorXd found = truncated_numerator(filter.numerator, filter.denominator, length);
        CHECK(relative(found, expected) < 1e-13);
        // Back: the condition multiplies the rounding of the equations.
        const CertifiedNumerator back = infinite_numerator(found, filter.denominator, length);
        CHECK(relative(back.form, filter.numerator) < 1e-15 * (100 + back.certificate.condition));
        CHECK(back.certificate.residual < 1e-13);
        CHECK(back.certificate.length == length);
      }
    }
  }
}

TEST_CASE("polynomials of high order go through transforms, with the same results", "[numerator]") {
  for (const Index order : {512, 513, 600}) {
    const DirectForm filter = random_filter(order, 0.999, 5);
    const Eigen::VectorXd found = truncated_numerator(filter.numerator, filter.denominator, 2 * order + 5);
    // b - b~ is the numerator of the response from tap L + 1 on.
    const std::vector<long double> taps = impulse_of(filter, 4 * order);
    Eigen::VectorXd tail(order);
    for (Index i = 0; i < order; ++i) tail[i] = static_cast<double>(taps[static_cast<std::size_t>(2 * order + 6 + i)]);
    CHECK(relative(found, filter.numerator - numerator_of_taps(tail, filter.denominator)) < 1e-12);
  }
}

TEST_CASE("single taps are found without those before them", "[numerator]") {
  for (const Index order : {1, 4, 20, 150}) {
    const DirectForm filter = random_filter(order, 0.9999, 2);
    const std::vector<long double> taps = impulse_of(filter, 2001);
    for (const Index t : {Index{1}, Index{2}, order, Index{777}, Index{2000}}) {
      CHECK(std::abs(tap_at(filter.numerator, filter.denominator, t) -
                     static_cast<double>(taps[static_cast<std::size_t>(t)])) < 1e-11);
    }
  }
  CHECK(tap_at({}, {}, 5) == 0);
  Eigen::VectorXd one(1);
  one[0] = -0.5;  // a power of two for any t: exact
  CHECK(tap_at(Eigen::VectorXd::Ones(1), one, 1001) == std::ldexp(1, -1000));
}

TEST_CASE("the numerator is found in the first taps", "[numerator]") {
  const DirectForm filter = random_filter(20, 0.95, 3);
  const std::vector<long double> taps = impulse_of(filter, 21);
  Eigen::VectorXd first(20);
  for (Index i = 0; i < 20; ++i) first[i] = static_cast<double>(taps[static_cast<std::size_t>(i + 1)]);
  CHECK(relative(numerator_of_taps(first, filter.denominator), filter.numerator) < 1e-14);
}

TEST_CASE("order 0 has no numerator", "[numerator]") {
  CHECK(truncated_numerator({}, {}, 3).size() == 0);
  CHECK(infinite_numerator({}, {}, 3).form.size() == 0);
}

TEST_CASE("numerators say what is wrong with their arguments", "[numerator]") {
  const Eigen::VectorXd one = Eigen::VectorXd::Ones(1), two = Eigen::VectorXd::Ones(2);
  CHECK_THROWS_MESSAGE(std::invalid_argument, truncated_numerator(one, two, 3),
                       "truncated_numerator: expected as many coefficients of the numerator as the order 2, found 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, infinite_numerator(two, two, 0),
                       "infinite_numerator: expected a length of at least 1, found 0");
  Eigen::VectorXd bad = two;
  bad[1] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, truncated_numerator(two, bad, 3), "expected a finite denominator");
  CHECK_THROWS_MESSAGE(std::invalid_argument, numerator_of_taps(bad, two), "expected a finite numerator");
  Eigen::VectorXd integrator(1);
  integrator[0] = -1;
  CHECK_THROWS_MESSAGE(NumericalError, infinite_numerator(one, integrator, 64),
                       "expected no pole at a root of unity of length 64");
  Eigen::VectorXd far(1);
  far[0] = -3;
  CHECK_THROWS_MESSAGE(NumericalError, truncated_numerator(one, far, 100000), "too far outside the unit circle");
}
