// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/resampling.hpp>

#include <cmath>
#include <limits>

#include <Eigen/LU>

#include <tessera/ssm/discretization.hpp>

#include "ssm/dense_reference.hpp"
#include "support/catch.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;
using Eigen::MatrixXd;

namespace {

/// Slow enough for the principal logarithm to know every frequency at dt = 0.1.
ContinuousSystem slow_system(Index inputs, Index outputs) {
  MatrixXd a = random_normal<double>(5, 5, 1);
  a -= 2 * MatrixXd::Identity(5, 5);
  return {a, random_normal<double>(5, inputs, 2), random_normal<double>(outputs, 5, 3),
          random_normal<double>(outputs, inputs, 4)};
}

}  // namespace

TEST_CASE("a hold at another step is the hold of the continuous system at that step", "[dense]") {
  const ContinuousSystem system = slow_system(2, 3);
  const double dt = 0.1;
  const auto held = zero_order_hold(system, dt);
  for (const double ratio : {0.25, 0.5, 1.0, 1.7, 2.0, 3.0, 16000.0 / 44100.0, 7.125}) {
    CAPTURE(ratio);
    const auto found = resample(held, ratio);
    const auto expected = zero_order_hold(system, ratio * dt);
    CHECK(largest_difference(found.a(), expected.a()) < 1e-13);  // conditions of eigenvectors of some tens
    CHECK(largest_difference(found.b(), expected.b()) < 1e-13);
    CHECK(found.c() == held.c());
    CHECK(found.d() == held.d());
  }
}

TEST_CASE("an integrator keeps its slope", "[dense]") {
  MatrixXd a(2, 2), b(2, 1);
  a << 1, 0.1, 0, 1;  // twice: the block has one eigenvalue, three times, and one eigenvector
  b << 0.005, 0.1;
  const DenseSystem<double, Timing::delayed> twice(a, b, MatrixXd::Identity(2, 2));
  const auto finer = resample(twice, 0.3);
  MatrixXd state(2, 2), input(2, 1);
  state << 1, 0.03, 0, 1;
  input << 0.00045, 0.03;
  CHECK(largest_difference(finer.a(), state) < 1e-14);
  CHECK(largest_difference(finer.b(), input) < 1e-14);
}

TEST_CASE("a whole ratio takes any system, and either timing", "[dense]") {
  MatrixXd a = MatrixXd::Zero(2, 2);
  a(0, 1) = -3;
  a(1, 1) = -0.5;
  const MatrixXd b = MatrixXd::Ones(2, 1), c = MatrixXd::Ones(1, 2);
  const DenseSystem<float, Timing::current> system(a.cast<float>(), b.cast<float>(), c.cast<float>());
  const auto third = resample(system, 3);
  CHECK(largest_difference(third.a(), MatrixXd(a * a * a)) < 1e-7);
  CHECK(largest_difference(third.b(), MatrixXd(b + a * b + a * a * b)) < 1e-7);
  // the gain at frequency zero
  const auto gain = [](const auto& s) {
    const MatrixXd rest = MatrixXd::Identity(2, 2) - s.a().template cast<double>();
    return (s.c().template cast<double>() * rest.inverse() * s.b().template cast<double>())(0, 0);
  };
  CHECK(std::abs(gain(third) - gain(system)) < 1e-6);
}

TEST_CASE("resampling names what it refuses", "[dense]") {
  MatrixXd a(2, 2);
  a << 0.5, 0, 0, -0.5;
  const MatrixXd b = MatrixXd::Ones(2, 1), c = MatrixXd::Ones(1, 2);
  const DenseSystem<double, Timing::delayed> system(a, b, c);
  CHECK_THROWS_MESSAGE(std::invalid_argument, resample(system, 0), "resample: expected a ratio above 0, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, resample(system, std::numeric_limits<double>::quiet_NaN()),
                       "resample: expected a finite ratio, found nan");
  CHECK_THROWS_MESSAGE(std::invalid_argument, resample(system, 1e15), "expected a ratio of at most 2^40");
  CHECK_THROWS_MESSAGE(
      NumericalError, resample(system, 0.5),
      "resample: expected a whole ratio, or an A without an eigenvalue that is zero or negative, found "
      "ratio 0.5 and eigenvalue -0.5");
  a(1, 1) = 0;
  CHECK_THROWS_MESSAGE(NumericalError, resample(DenseSystem<double, Timing::delayed>(a, b, c), 1.5), "eigenvalue 0");
  CHECK_NOTHROW(resample(system, 2));
  a(1, 1) = 2;
  CHECK_THROWS_MESSAGE(NumericalError, resample(DenseSystem<double, Timing::delayed>(a, b, c), 4096), "to overflow");
}
