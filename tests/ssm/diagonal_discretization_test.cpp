// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/diagonal_discretization.hpp>

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>

#include "reference/state_space.hpp"
#include "support/catch.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

using Complex = std::complex<double>;

constexpr Discretization methods[] = {Discretization::bilinear, Discretization::zero_order_hold,
                                      Discretization::first_order_hold, Discretization::dirac};

/// The real number <g, m> = sum of Re(conj(g) m) over the parts: the loss whose gradient is g.
double inner(const DiscreteMode& g, const DiscreteMode& m) {
  return (std::conj(g.pole) * m.pole + std::conj(g.weight) * m.weight + std::conj(g.previous) * m.previous).real();
}

Complex random_complex(SplitMix& random) { return {random.normal(), random.normal()}; }

double distance(Complex a, Complex b) { return std::abs(a - b) / std::max(1e-300, std::abs(b)); }

/// The state at the end of a step that begins at x with the input a + (b - a) s / dt: Runge and Kutta's rule in long
/// double, whose error at 8000 parts is below 1e-16 for |lambda dt| < 3.
LongComplex integrated(Complex lambda, Complex input, double dt, LongComplex x, double from, double to) {
  const LongComplex l(lambda.real(), lambda.imag()), b(input.real(), input.imag());
  const Index parts = 8000;
  const long double h = static_cast<long double>(dt) / parts;
  const auto slope = [&](long double s, LongComplex at) {
    return l * at + b * (static_cast<long double>(from) + static_cast<long double>(to - from) * s / dt);
  };
  for (Index i = 0; i < parts; ++i) {
    const long double s = static_cast<long double>(i) * h;
    const LongComplex k1 = slope(s, x), k2 = slope(s + h / 2, x + h / 2 * k1), k3 = slope(s + h / 2, x + h / 2 * k2),
                      k4 = slope(s + h, x + h * k3);
    x += h / 6 * (k1 + 2.0L * k2 + 2.0L * k3 + k4);
  }
  return x;
}

}  // namespace

TEST_CASE("holds move a mode as the differential equation does", "[diagonal]") {
  SplitMix random(1);
  for (const Complex& lambda :
       {Complex(-0.5, 3), Complex(-2, 0), Complex(0, 1), Complex(0), Complex(0.3, -1), Complex(-1e-6, 1e-7)}) {
    const Complex b = random_complex(random), x = random_complex(random);
    const double dt = 0.8, now = random.normal(), before = random.normal();
    CAPTURE(lambda);
    const LongComplex start(x.real(), x.imag());
    const auto end = [&](const DiscreteMode& m) { return m.pole * x + m.weight * now + m.previous * before; };
    const LongComplex held = integrated(lambda, b, dt, start, now, now);
    const LongComplex joined = integrated(lambda, b, dt, start, before, now);
    const auto narrow = [](const LongComplex& z) {
      return Complex(static_cast<double>(z.real()), static_cast<double>(z.imag()));
    };
    CHECK(distance(end(discretize_mode(Discretization::zero_order_hold, lambda, b, dt)), narrow(held)) < 1e-14);
    CHECK(distance(end(discretize_mode(Discretization::first_order_hold, lambda, b, dt)), narrow(joined)) < 1e-14);
  }
}

TEST_CASE("the four rules have the numbers of their formulas", "[diagonal]") {
  const Complex lambda(-0.7, 2.5), b(0.3, -1.2);
  const double dt = 0.4;
  const Complex d = dt * lambda, e = std::exp(d), one = (e - 1.0) / d, two = (one - 1.0) / d;
  const DiscreteMode bilinear = discretize_mode(Discretization::bilinear, lambda, b, dt);
  CHECK(distance(bilinear.pole, (1.0 + d / 2.0) / (1.0 - d / 2.0)) < 1e-15);
  CHECK(distance(bilinear.weight, dt * b / (1.0 - d / 2.0)) < 1e-15);
  CHECK(bilinear.previous == 0.0);
  const DiscreteMode held = discretize_mode(Discretization::zero_order_hold, lambda, b, dt);
  CHECK(distance(held.pole, e) < 1e-15);
  CHECK(distance(held.weight, dt * b * one) < 2e-15);
  CHECK(held.previous == 0.0);
  const DiscreteMode joined = discretize_mode(Discretization::first_order_hold, lambda, b, dt);
  CHECK(distance(joined.pole, e) < 1e-15);
  CHECK(distance(joined.weight, dt * b * two) < 2e-15);
  CHECK(distance(joined.previous, dt * b * (one - two)) < 4e-15);
  const DiscreteMode event = discretize_mode(Discretization::dirac, lambda, b, dt);
  CHECK(distance(event.pole, e) < 1e-15);
  CHECK(event.weight == b);
  CHECK(event.previous == 0.0);
}

TEST_CASE("an integrator is no special case", "[diagonal]") {
  const Complex b(2, 1);
  for (const double dt : {1e-3, 0.5, 1e6}) {
    for (const Discretization method : methods) CHECK(discretize_mode(method, 0, b, dt).pole == 1.0);
    CHECK(discretize_mode(Discretization::bilinear, 0, b, dt).weight == dt * b);
    CHECK(discretize_mode(Discretization::zero_order_hold, 0, b, dt).weight == dt * b);
    CHECK(discretize_mode(Discretization::first_order_hold, 0, b, dt).weight == 0.5 * dt * b);
    CHECK(discretize_mode(Discretization::first_order_hold, 0, b, dt).previous == 0.5 * dt * b);
    CHECK(discretize_mode(Discretization::dirac, 0, b, dt).weight == b);
  }
  // and close to it nothing is lost: phi1(d) = 1 + d / 2 for a small d
  for (const double small : {1e-3, 1e-6, 1e-9, 1e-12}) {
    const Complex d(-small, small);
    const Complex weight = discretize_mode(Discretization::zero_order_hold, d, 1, 1).weight;
    CHECK(std::abs(weight - (1.0 + d / 2.0 + d * d / 6.0 + d * d * d / 24.0)) < 4e-16 + small * small * small * small);
  }
}

TEST_CASE("phases of many turns are reduced as the rounded product lambda dt says", "[diagonal]") {
  // S4D-Inv at order 64 has frequencies near 1300; with dt = 0.1 a step turns twenty times. 2 pi k in long double
  for (const double frequency : {1303.273843, 2.0e5, 1.0e8}) {
    const double dt = 0.1, phase = dt * frequency;
    const long double turn = 6.283185307179586476925286766559L;
    const long double rest =
        static_cast<long double>(phase) - turn * std::floor(static_cast<long double>(phase) / turn);
    const DiscreteMode mode = discretize_mode(Discretization::zero_order_hold, {-0.5, frequency}, 1, dt);
    const double radius = std::exp(-0.05);
    // long double has 64 bits: 2^-64 1e7
    CHECK(std::abs(mode.pole.real() - radius * static_cast<double>(std::cos(rest))) < 2e-12);
    CHECK(std::abs(mode.pole.imag() - radius * static_cast<double>(std::sin(rest))) < 2e-12);
    CHECK(std::abs(std::abs(mode.pole) - radius) < 4e-16);
  }
}

TEST_CASE("the backward pass of a mode has the gradients that differences give", "[diagonal]") {
  SplitMix random(7);
  for (const Discretization method : methods) {
    for (const Complex& lambda :
         {Complex(-0.5, 3), Complex(-8, 0.1), Complex(0), Complex(1e-9, 0), Complex(0.2, -20)}) {
      CAPTURE(static_cast<int>(method), lambda);
      const Complex b = random_complex(random);
      const double dt = 0.35;
      const DiscreteMode g{random_complex(random), random_complex(random), random_complex(random)};
      const ModeGradient found = discretize_mode_backward(method, lambda, b, dt, g);
      const auto loss = [&](const RowMatrix<double>& x) {
        return inner(g, discretize_mode(method, {x(0, 0), x(0, 1)}, {x(0, 2), x(0, 3)}, x(0, 4)));
      };
      RowMatrix<double> at(1, 5), gradient(1, 5);
      at << lambda.real(), lambda.imag(), b.real(), b.imag(), dt;
      gradient << found.lambda.real(), found.lambda.imag(), found.b.real(), found.b.imag(), found.dt;
      // h = 1e-5; the third derivative by dt at |lambda| = 20 is 8000: 1e-10 / 6 * 8000 = 1.4e-7
      CHECK(largest_difference(gradient, numeric_gradient(loss, at)) < 5e-7);
      // along a random direction with a small h, to the identity <J v, w> = <v, J^T w>
      const RowMatrix<double> v = random_normal<double>(1, 5, random.bits());
      const double h = 1e-6;
      const double change = (loss(at + h * v) - loss(at - h * v)) / (2 * h);
      CHECK(std::abs(change - v.cwiseProduct(gradient).sum()) < 1e-7 * (1 + std::abs(change)));
    }
  }
}

TEST_CASE("modes of a system share a step or have their own", "[diagonal]") {
  SplitMix random(2);
  const Index count = 5;
  Eigen::VectorXcd lambda(count), b(count);
  Eigen::VectorXd dt(count);
  DiscreteModes g{Eigen::VectorXcd(count), Eigen::VectorXcd(count), Eigen::VectorXcd(count)};
  for (Index n = 0; n < count; ++n) {
    lambda[n] = Complex(-random.uniform(), random.normal());
    b[n] = random_complex(random);
    dt[n] = random.uniform(0.1, 1);
    g.poles[n] = random_complex(random);
    g.weights[n] = random_complex(random);
    g.previous[n] = random_complex(random);
  }
  for (const Discretization method : methods) {
    for (const Index steps : {Index{1}, count}) {
      const Eigen::VectorXd used = dt.head(steps);
      const DiscreteModes modes = discretize_modes(method, lambda, b, used);
      const ModeGradients gradients = discretize_modes_backward(method, lambda, b, used, g);
      REQUIRE(gradients.dt.size() == steps);
      double sum = 0;
      for (Index n = 0; n < count; ++n) {
        const double step = used[steps == 1 ? 0 : n];
        const DiscreteMode one = discretize_mode(method, lambda[n], b[n], step);
        CHECK(std::abs(modes[n].pole - one.pole) + std::abs(modes[n].weight - one.weight) +
                  std::abs(modes[n].previous - one.previous) <
              1e-15);
        const ModeGradient back = discretize_mode_backward(method, lambda[n], b[n], step, g[n]);
        CHECK(std::abs(gradients.lambda[n] - back.lambda) < 1e-14);
        CHECK(std::abs(gradients.b[n] - back.b) < 1e-14);
        sum += back.dt;
        if (steps > 1) CHECK(std::abs(gradients.dt[n] - back.dt) < 1e-14);
      }
      if (steps == 1) CHECK(std::abs(gradients.dt[0] - sum) < 1e-13);
    }
  }
  g.previous.resize(0);
  CHECK_NOTHROW(discretize_modes_backward(Discretization::bilinear, lambda, b, dt, g));
  CHECK(discretize_modes(Discretization::bilinear, Eigen::VectorXcd(0), Eigen::VectorXcd(0), dt.head(1)).poles.size() ==
        0);
}

TEST_CASE("a held mode at another step is the mode held at that step", "[diagonal]") {
  for (const Complex& lambda : {Complex(-0.5, 3), Complex(-2, 0), Complex(0), Complex(-1e-7, 0), Complex(0.1, -4)}) {
    const Complex b(0.4, -2);
    for (const double ratio : {0.25, 1.0, 1.5, 2.0, 3.0}) {
      CAPTURE(lambda, ratio);
      const double dt = 0.25;  // no frequency reaches pi / dt before, nor after
      const DiscreteMode expected = discretize_mode(Discretization::zero_order_hold, lambda, b, ratio * dt);
      const DiscreteMode found = resample_mode(discretize_mode(Discretization::zero_order_hold, lambda, b, dt), ratio);
      CHECK(distance(found.pole, expected.pole) < 2e-15);  // the logarithm of a pole near one is off by 1e-16
      CHECK(distance(found.weight, expected.weight) < 2e-15);
      // the gain at frequency zero of any other rule
      if (lambda == 0.0) continue;
      for (const Discretization method : methods) {
        const DiscreteMode mode = discretize_mode(method, lambda, b, dt), other = resample_mode(mode, ratio);
        const Complex gain = (mode.weight + mode.previous) / (1.0 - mode.pole);
        CHECK(distance(other.weight / (1.0 - other.pole), gain) < 1e-8);  // 1 - pole at 1e-7 has 9 digits
      }
    }
  }
  const DiscreteMode delay = resample_mode({0, {3, 1}, 0}, 0.5);  // a pole at zero holds nothing
  CHECK(delay.pole == 0.0);
  CHECK(delay.weight == Complex(3, 1));
}

TEST_CASE("modes name what they refuse", "[diagonal]") {
  const Eigen::VectorXcd two = Eigen::VectorXcd::Constant(2, Complex(-1, 1)), one = two.head(1);
  const auto dt = [](double value) { return Eigen::VectorXd::Constant(1, value); };
  const auto zero_order_hold = Discretization::zero_order_hold;
  CHECK_THROWS_MESSAGE(std::invalid_argument, discretize_modes(zero_order_hold, two, one, dt(1)),
                       "discretize_modes: expected as many b as lambda, 2, found 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, discretize_modes(zero_order_hold, two, two, Eigen::VectorXd::Ones(3)),
                       "discretize_modes: expected 1 dt or one for each of 2 modes, found 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, discretize_modes(zero_order_hold, two, two, dt(0)),
                       "discretize_modes: expected a dt above 0, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, discretize_modes(zero_order_hold, two, two, dt(-2)), "found -2");
  CHECK_THROWS_MESSAGE(std::invalid_argument,
                       discretize_modes(zero_order_hold, two, two, dt(std::numeric_limits<double>::quiet_NaN())),
                       "discretize_modes: expected a finite dt, found nan");
  Eigen::VectorXcd bad = two;
  bad[1] = Complex(0, std::numeric_limits<double>::infinity());
  CHECK_THROWS_MESSAGE(std::invalid_argument, discretize_modes(zero_order_hold, bad, two, dt(1)),
                       "discretize_modes: expected finite lambda");
  CHECK_THROWS_MESSAGE(std::invalid_argument, discretize_modes(zero_order_hold, two, bad, dt(1)), "expected finite b");
  CHECK_THROWS_MESSAGE(
      std::invalid_argument, discretize_modes_backward(zero_order_hold, two, two, dt(1), {two, one, {}}),
      "discretize_modes_backward: expected gradients of 2 modes, found 2 of poles, 1 of weights and 0");
  // a pole of the rule itself, and an overflow
  const Eigen::VectorXcd growing = Eigen::VectorXcd::Constant(1, Complex(4, 0));
  CHECK_THROWS_MESSAGE(
      NumericalError, discretize_modes(Discretization::bilinear, growing, one, dt(0.5)),
      "discretize_modes: expected modes that dt can resolve, found mode 0 with lambda 4 + 0 i and dt 0.5");
  CHECK_THROWS_MESSAGE(NumericalError, discretize_modes(zero_order_hold, growing, one, dt(1000)), "is not finite");
  CHECK_THROWS_MESSAGE(std::invalid_argument, resample_mode({0.5, 1, 0}, 0), "resample_mode: expected a ratio above 0");
}
