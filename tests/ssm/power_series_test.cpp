// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/power_series.hpp>

#include <algorithm>
#include <vector>

#include "ssm/rational_cases.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/sanitized.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

/// u / A by the recursion, in long double.
std::vector<long double> naive_quotient(const Eigen::VectorXd& u, const Eigen::VectorXd& a) {
  std::vector<long double> v(static_cast<std::size_t>(u.size()));
  for (Index t = 0; t < u.size(); ++t) {
    long double sum = u[t];
    for (Index j = 1; j <= std::min(a.size(), t); ++j) sum -= a[j - 1] * v[static_cast<std::size_t>(t - j)];
    v[static_cast<std::size_t>(t)] = sum;
  }
  return v;
}

}  // namespace

TEST_CASE("the reciprocal of a series is that of the recursion, for any order, length and poles", "[series]") {
  for (const Index order : {0, 1, 2, 31, 32, 33, 63, 64, 100, 300}) {
    for (const double radius : {0.5, 0.99, 1.02}) {
      const Eigen::VectorXd a = random_denominator(order, radius, 7 + static_cast<std::uint64_t>(order));
      for (const Index length : {1, 2, 31, 32, 33, 64, 65, 1000}) {
        CAPTURE(order, radius, length);
        Eigen::VectorXd one = Eigen::VectorXd::Zero(length);
        one[0] = 1;
        // Newton's products are sums of up to `length` terms by FFT: 1e-13 of the peak was measured at worst.
        CHECK(worst_difference(reciprocal_series<double>(a, length), naive_quotient(one, a)) < 1e-12);
      }
    }
  }
}

TEST_CASE("a quotient of series is that of the recursion, for any length against the block", "[series]") {
  for (const Index order : {0, 1, 5, 255, 256, 257, 600}) {
    for (const double radius : {0.7, 0.999, 1.01}) {
      const Eigen::VectorXd a = random_denominator(order, radius, 3 + static_cast<std::uint64_t>(order));
      for (const Index length : {1, 255, 256, 257, 512, 1500}) {
        CAPTURE(order, radius, length);
        const Eigen::VectorXd u = random_normal<double>(length, 1, 5);
        CHECK(worst_difference(divide_series<double>(u, a), naive_quotient(u, a)) < 1e-12);
      }
    }
  }
  CHECK(divide_series<double>(Eigen::VectorXd(0), Eigen::VectorXd::Ones(3)).size() == 0);
}

TEST_CASE("a pole on the unit circle is nothing special to a series", "[series]") {
  Eigen::VectorXd a(1);
  a[0] = -1;
  const Eigen::VectorXd ones = reciprocal_series<double>(a, 5000);
  CHECK((ones.array() - 1).abs().maxCoeff() < 1e-12);
}

TEST_CASE("divisions allocate nothing once they are set up", "[series]") {
  const Eigen::VectorXf a = random_denominator(40, 0.9, 1).cast<float>(), u = Eigen::VectorXf::Random(1000);
  SeriesDivision<float> division(40);
  ReciprocalSeries<float> reciprocal(500);
  std::vector<float> v(1000);
  const auto run = [&] {
    division.set(a.data(), a.size());
    division.run(
        u.size(), [&](Index t, Index size, float* to) { std::copy_n(u.data() + t, size, to); },
        [&](Index t, Index size, const float* from) { std::copy_n(from, size, v.data() + t); });
    reciprocal.run(a.data(), a.size(), v.data());
  };
  run();
  if (!sanitized) CHECK(allocations_in(run) == 0);
}

TEST_CASE("series say what is wrong with their arguments", "[series]") {
  CHECK_THROWS_MESSAGE(std::invalid_argument, ReciprocalSeries<float>(0),
                       "ReciprocalSeries: expected a length of at least 1, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, SeriesDivision<float>(-1),
                       "SeriesDivision: expected an order of at least 0, found -1");
  SeriesDivision<float> division(2);
  const float a[3] = {};
  CHECK_THROWS_MESSAGE(std::invalid_argument, division.set(a, 3),
                       "SeriesDivision: expected an order of at most 2, found 3");
  Eigen::VectorXf far(1);
  far[0] = -4;  // 4^t leaves the floats at t = 64
  CHECK_THROWS_MESSAGE(NumericalError, reciprocal_series<float>(far, 1000), "a pole too far outside the unit circle");
}
