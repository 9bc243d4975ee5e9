// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/discretization.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <limits>

#include <Eigen/LU>

#include "ssm/dense_reference.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

using Eigen::MatrixXd;

ContinuousSystem legs(Index order) {
  return {legs_matrix(order), legs_input(order), MatrixXd::Identity(order, order), {}};
}

MatrixXd scalar(double value) { return MatrixXd::Constant(1, 1, value); }

/// x' = l x + 2 u, y = 3 x + 5 u.
ContinuousSystem first_order(double l) { return {scalar(l), scalar(2), scalar(3), scalar(5)}; }

ContinuousSystem random_system(Index order, Index inputs, Index outputs, std::uint64_t seed) {
  return {random_normal<double>(order, order, seed) - 2 * MatrixXd::Identity(order, order),
          random_normal<double>(order, inputs, seed + 1), random_normal<double>(outputs, order, seed + 2),
          random_normal<double>(outputs, inputs, seed + 3)};
}

}  // namespace

TEST_CASE("held, the polynomials of LegS answer a step as their integrals do, by kernel and by state", "[dense]") {
  const Index order = effort(64, 32), steps = 600;
  const double dt = 1e-2;
  const auto held = zero_order_hold(legs(order), dt);
  const RowMatrix<double> taps = held.kernel(steps + 1);
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(order);
  auto state = held.initial_state();
  const double one = 1;
  double by_kernel = 0, by_state = 0;
  Eigen::VectorXd output(order);
  for (Index k = 0; k < steps; ++k) {
    sum += taps.col(k + 1);
    held.step(state, &one, output.data());
    for (Index n = 0; n < order; ++n) {
      const double exact = static_cast<double>(legs_step_response(n, static_cast<long double>(k + 1) * dt));
      by_kernel = std::max(by_kernel, std::abs(sum[n] - exact));
      by_state = std::max(by_state, std::abs(state(0, n) - exact));
    }
  }
  CAPTURE(by_kernel, by_state);
  CHECK(by_kernel < 1e-12);  // 3e-14 at order 64: the exponential of a matrix of norm 40, times 16 epsilon
  CHECK(by_state < 1e-12);
}

TEST_CASE("the generating function of S4's LegS is the product of its closed form at every node", "[dense]") {
  const Index order = effort(64, 24), nodes = 64;
  for (const double dt : {1e-3, 1e-2, 1e-1}) {
    const auto system = s4_bilinear(legs(order), dt);
    double worst = 0, largest = 0;
    for (Index l = 0; l < nodes; ++l) {
      const long double angle = -6.283185307179586476925L * static_cast<long double>(l) / nodes;
      const bool nyquist = l == nodes / 2;
      const LongComplex w = nyquist ? LongComplex(-1) : LongComplex(std::cos(angle), std::sin(angle));
      const std::complex<double> narrow(static_cast<double>(w.real()), static_cast<double>(w.imag()));
      const Eigen::MatrixXcd matrix = Eigen::MatrixXcd::Identity(order, order) - narrow * system.a();
      const Eigen::VectorXcd found = matrix.partialPivLu().solve(system.b().cast<std::complex<double>>().col(0));
      double node_worst = 0, node_largest = 0;
      for (Index n = 0; n < order; ++n) {
        const LongComplex exact = legs_generating(n, LongComplex(narrow.real(), narrow.imag()), dt);
        node_worst =
            std::max(node_worst, static_cast<double>(std::abs(LongComplex(found[n].real(), found[n].imag()) - exact)));
        node_largest = std::max(node_largest, static_cast<double>(std::abs(exact)));
        // at w = -1 the resolvent is (I - dt/2 A) / 2, of norm up to 100, and takes the rounding of A' along
        if (nyquist) CHECK(std::abs(found[n] / (0.5 * dt * legs_input(order)[n]) - 1.0) < 1e-12);
      }
      worst = std::max(worst, node_worst / node_largest);
      largest = std::max(largest, node_largest);
    }
    CAPTURE(dt, worst, largest);
    CHECK(worst < 1e-12);
  }
}

TEST_CASE("systems of order one have the numbers of their closed forms", "[dense]") {
  const double l = GENERATE(-3.0, -0.25, 0.0, 0.5), dt = 0.2;
  CAPTURE(l);
  const auto check = [](const auto& system, double a, double b, double c, double d) {
    CHECK(std::abs(system.a()(0, 0) - a) < 1e-15);  // numbers of order one, a few roundings
    CHECK(std::abs(system.b()(0, 0) - b) < 1e-15);
    CHECK(std::abs(system.c()(0, 0) - c) < 2e-15);
    CHECK(std::abs(system.d()(0, 0) - d) < 3e-15);
  };
  const ContinuousSystem system = first_order(l);
  for (const double alpha : {0.0, 0.3, 0.5, 1.0}) {
    const double m = 1 / (1 - alpha * dt * l), b = dt * m * 2;
    check(generalized_bilinear(system, dt, alpha), m * (1 + (1 - alpha) * dt * l), b, 3 * m, 5 + alpha * 3 * b);
  }
  check(forward_euler(system, dt), 1 + dt * l, 2 * dt, 3, 5);
  check(backward_euler(system, dt), 1 / (1 - dt * l), 2 * dt / (1 - dt * l), 3 / (1 - dt * l),
        5 + 6 * dt / (1 - dt * l));
  check(s4_bilinear(system, dt), (1 + dt * l / 2) / (1 - dt * l / 2), 2 * dt / (1 - dt * l / 2), 3, 5);
  const double e = std::exp(dt * l), level = l == 0 ? 2 * dt : 2 * std::expm1(dt * l) / l;
  check(zero_order_hold(system, dt), e, level, 3, 5);
  // the ramp of a first-order hold: 2 / l (level / (2 dt) - 1); its limit at l = 0 is dt
  const double ramp = l == 0 ? dt : 2 / l * (level / (2 * dt) - 1);
  check(first_order_hold(system, dt), e, level - ramp + e * ramp, 3, 5 + 3 * ramp);
  check(dirac(system, dt), e, 2, 3, 5);
}

TEST_CASE("a double integrator is held by whole powers of dt", "[dense]") {
  MatrixXd a = MatrixXd::Zero(2, 2), b(2, 1);
  a(0, 1) = 1;
  b << 0, 1;
  for (const double dt : {0.25, 0.1, 3.0}) {
    const ContinuousSystem system{a, b, MatrixXd::Identity(2, 2), {}};
    const auto held = zero_order_hold(system, dt);
    MatrixXd state(2, 2), input(2, 1), joined(2, 1), direct(2, 1);
    state << 1, dt, 0, 1;
    input << dt * dt / 2, dt;
    CHECK(largest_difference(held.a(), state) < 1e-15);  // the exponential of a nilpotent matrix ends
    CHECK(largest_difference(held.b(), input) < 1e-15);
    // the triangle hold of 1/s^2: integral of (dt - s) s / dt = dt^2 / 6, of s / dt = dt / 2
    direct << dt * dt / 6, dt / 2;
    joined = input - direct + state * direct;
    const auto triangle = first_order_hold(system, dt);
    CHECK(largest_difference(triangle.b(), joined) < 2e-15);
    CHECK(largest_difference(triangle.d(), direct) < 1e-15);
    const auto bilinear = s4_bilinear(system, dt);  // M = I + dt/2 A
    CHECK(largest_difference(bilinear.a(), state) < 1e-15);
    CHECK(largest_difference(bilinear.b(), input) < 1e-15);
  }
}

TEST_CASE("a first-order hold answers a ramp exactly, and a zero-order hold a step", "[dense]") {
  const double dt = 0.1;
  const ContinuousSystem lag{scalar(-1), scalar(1), scalar(1), {}};
  const auto triangle = first_order_hold(lag, dt);
  const auto held = zero_order_hold(lag, dt);
  auto state = triangle.initial_state(), level = held.initial_state();
  double ramp_error = 0, step_error = 0;
  for (Index t = 0; t < 200; ++t) {
    const double time = static_cast<double>(t) * dt, one = 1;
    double y = 0;
    triangle.step(state, &time, &y);
    ramp_error = std::max(ramp_error, std::abs(y - (time + std::expm1(-time))));
    held.step(level, &one, &y);
    step_error = std::max(step_error, std::abs(y + std::expm1(-time)));
  }
  CHECK(ramp_error < 1e-13);  // twenty seconds of roundings of numbers up to 20
  CHECK(step_error < 1e-14);
}

TEST_CASE("Tustin's impulse response is S4's kernel averaged with its past", "[dense]") {
  const Index length = 300;
  for (const auto& [order, inputs, outputs] : {std::array<Index, 3>{1, 1, 1}, {5, 2, 3}, {16, 1, 1}}) {
    ContinuousSystem system = random_system(order, inputs, outputs, 17);
    system.a /= std::sqrt(static_cast<double>(order));
    system.a -= 0.5 * MatrixXd::Identity(order, order);
    const RowMatrix<double> textbook = tustin(system, 0.07).kernel(length);
    RowMatrix<double> s4 = s4_bilinear(system, 0.07).kernel(length);
    RowMatrix<double> averaged = s4;
    averaged.rightCols(length - 1) += s4.leftCols(length - 1);
    averaged /= 2;
    // D passes Tustin's as it is, and the average as two halves
    for (Index r = 0; r < s4.rows(); ++r) {
      const double direct = system.d(r / inputs, r % inputs);
      averaged(r, 0) += direct / 2;
      averaged(r, 1) -= direct / 2;
    }
    CHECK(largest_difference(textbook, averaged) < 1e-13);
  }
}

TEST_CASE("holds of diagonal systems are those of their modes", "[dense]") {
  // a rotation and decay x' = [[r, -w], [w, r]] x + [1, 0] u: the complex mode r + i w with b = 1
  const double r = -0.4, w = 7, dt = 0.3;
  MatrixXd a(2, 2), b(2, 1);
  a << r, -w, w, r;
  b << 1, 0;
  const ContinuousSystem system{a, b, MatrixXd::Identity(2, 2), {}};
  const std::complex<double> l(r, w), e = std::exp(dt * l), level = (e - 1.0) / l, ramp = (level / dt - 1.0) / l;
  const auto held = zero_order_hold(system, dt);
  const auto triangle = first_order_hold(system, dt);
  CHECK(std::abs(std::complex<double>(held.a()(0, 0), held.a()(1, 0)) - e) < 1e-15);
  CHECK(std::abs(std::complex<double>(held.b()(0, 0), held.b()(1, 0)) - level) < 1e-15);
  CHECK(std::abs(std::complex<double>(triangle.d()(0, 0), triangle.d()(1, 0)) - ramp) < 1e-15);
  CHECK(std::abs(std::complex<double>(triangle.b()(0, 0), triangle.b()(1, 0)) - (level - ramp + e * ramp)) < 1e-15);
  const auto bilinear = s4_bilinear(system, dt);
  CHECK(std::abs(std::complex<double>(bilinear.a()(0, 0), bilinear.a()(1, 0)) -
                 (1.0 + dt * l / 2.0) / (1.0 - dt * l / 2.0)) < 1e-15);
}

TEST_CASE("a step held twice is a step of twice the length, for every hold that is exact", "[dense]") {
  const ContinuousSystem system = random_system(6, 2, 3, 5);
  const auto once = zero_order_hold(system, 0.2), twice = zero_order_hold(system, 0.4);
  CHECK(largest_difference(once.a() * once.a(), twice.a()) < 1e-14);
  CHECK(largest_difference(once.a() * once.b() + once.b(), twice.b()) < 1e-14);
  CHECK(twice.c() == system.c);
  CHECK(twice.d() == system.d);
  // the second-order rules meet the hold to dt^3
  const double dt = 1e-3;
  CHECK(largest_difference(tustin(system, dt).a(), zero_order_hold(system, dt).a()) < 1e-7);
  CHECK(largest_difference(s4_bilinear(system, dt).a(), zero_order_hold(system, dt).a()) < 1e-7);
}

TEST_CASE("gains at frequency zero are kept by every rule that has none of its own", "[dense]") {
  const ContinuousSystem system = random_system(5, 2, 2, 41);
  const MatrixXd gain = system.d - system.c * system.a.partialPivLu().solve(system.b);
  const auto check = [&](const auto& sampled) {
    const MatrixXd rest = MatrixXd::Identity(5, 5) - sampled.a();
    const MatrixXd found = sampled.d() + sampled.c() * rest.partialPivLu().solve(sampled.b());
    CHECK(largest_difference(found, gain) < 1e-12);  // I - A' has a condition of some hundreds at dt = 0.05
  };
  check(forward_euler(system, 0.05));
  check(tustin(system, 0.05));
  check(backward_euler(system, 0.05));
  check(s4_bilinear(system, 0.05));  // with current timing the gain is the same
  check(zero_order_hold(system, 0.05));
  check(first_order_hold(system, 0.05));
}

TEST_CASE("systems in float are those in double, rounded", "[dense]") {
  const ContinuousSystem system = random_system(7, 2, 1, 9);
  const auto check = [](const auto& narrow, const auto& wide) {
    CHECK(narrow.a() == wide.a().template cast<float>());
    CHECK(narrow.b() == wide.b().template cast<float>());
    CHECK(narrow.c() == wide.c().template cast<float>());
    CHECK(narrow.d() == wide.d().template cast<float>());
  };
  check(tustin<float>(system, 0.1), tustin(system, 0.1));
  check(s4_bilinear<float>(system, 0.1), s4_bilinear(system, 0.1));
  check(zero_order_hold<float>(system, 0.1), zero_order_hold(system, 0.1));
  check(first_order_hold<float>(system, 0.1), first_order_hold(system, 0.1));
  check(dirac<float>(system, 0.1), dirac(system, 0.1));
  static_assert(decltype(tustin(system, 0.1))::timing == Timing::delayed);
  static_assert(decltype(s4_bilinear(system, 0.1))::timing == Timing::current);
}

TEST_CASE("a system without states passes its input", "[dense]") {
  const ContinuousSystem system{MatrixXd(0, 0), MatrixXd(0, 2), MatrixXd(3, 0), random_normal<double>(3, 2, 1)};
  CHECK(tustin(system, 0.1).d() == system.d);
  CHECK(s4_bilinear(system, 0.1).kernel(2).col(1).isZero());
  CHECK(zero_order_hold(system, 0.1).d() == system.d);
  CHECK(first_order_hold(system, 0.1).d() == system.d);
  CHECK(dirac(system, 0.1).order() == 0);
}

TEST_CASE("discretisations name what they refuse", "[dense]") {
  const ContinuousSystem good = first_order(-1);
  CHECK_THROWS_MESSAGE(std::invalid_argument, tustin(good, 0), "tustin: expected a dt above 0, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, s4_bilinear(good, -0.5),
                       "s4_bilinear: expected a dt above 0, found -0.5");
  CHECK_THROWS_MESSAGE(std::invalid_argument, dirac(good, std::numeric_limits<double>::quiet_NaN()),
                       "dirac: expected a finite dt, found nan");
  CHECK_THROWS_MESSAGE(std::invalid_argument, zero_order_hold(good, std::numeric_limits<double>::infinity()),
                       "zero_order_hold: expected a finite dt, found inf");
  CHECK_THROWS_MESSAGE(std::invalid_argument, generalized_bilinear(good, 1, 1.5),
                       "generalized_bilinear: expected an alpha in [0, 1], found 1.5");
  CHECK_THROWS_MESSAGE(std::invalid_argument, generalized_bilinear(good, 1, std::numeric_limits<double>::quiet_NaN()),
                       "found nan");
  ContinuousSystem bad = good;
  bad.b = MatrixXd::Zero(2, 1);
  CHECK_THROWS_MESSAGE(
      std::invalid_argument, first_order_hold(bad, 1),
      "first_order_hold: expected A n x n, B n x inputs, C outputs x n and D outputs x inputs, found A "
      "1 x 1, B 2 x 1, C 1 x 1 and D 1 x 1");
  bad = good;
  bad.c(0, 0) = std::numeric_limits<double>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, forward_euler(bad, 1), "forward_euler: expected a finite C");
  // I - alpha dt A = 0
  CHECK_THROWS_MESSAGE(NumericalError, backward_euler(first_order(2), 0.5),
                       "backward_euler: expected I - 1 dt A to be invertible at dt 0.5, found it singular");
  CHECK_THROWS_MESSAGE(NumericalError, s4_bilinear(first_order(4), 0.5), "s4_bilinear: expected I - 0.5 dt A");
  CHECK_NOTHROW(forward_euler(first_order(2), 0.5));
  CHECK_THROWS_MESSAGE(NumericalError, zero_order_hold(first_order(1e4), 1), "expected results within range");
  CHECK_THROWS_MESSAGE(NumericalError, zero_order_hold<float>(first_order(100), 1), "expected results within range");
}
