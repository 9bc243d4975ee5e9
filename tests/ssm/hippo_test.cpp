// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/hippo.hpp>

#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <vector>

#include <Eigen/Cholesky>
#include <Eigen/LU>

#include "ssm/hippo_oracles.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;
using enum HippoMeasure;

namespace {

using Complex = std::complex<double>;

const std::vector<HippoMeasure> every_measure = {legs, legt, lmu, lagt, glagt, fout, foud, fourier2, fourier_legs};

double root(Index n) { return std::sqrt(static_cast<double>(2 * n + 1)); }

}  // namespace

TEST_CASE("the HiPPO matrices have their published entries", "[hippo]") {
  const double s3 = std::sqrt(3.0), s5 = std::sqrt(5.0), s15 = std::sqrt(15.0), s2 = std::numbers::sqrt2;
  const double pi = std::numbers::pi;
  Eigen::Matrix3d a;
  Eigen::Vector3d b;
  const auto is = [&](const HippoSystem& system) {
    // A few roundings of entries up to 4.
    CHECK(apart(system.a, a) < 3e-15);
    CHECK(apart(system.b, b) < 1e-15);
  };
  a << -1, 0, 0, -s3, -2, 0, -s5, -s15, -3;
  b << 1, s3, s5;
  is(hippo(legs, 3));
  a << -1, s3, -s5, -s3, -3, s15, -s5, -s15, -5;
  a /= 2;
  b /= 2;
  is(hippo(legt, 3));
  a << -1, -1, -1, 3, -3, -3, -5, 5, -5;
  b << 1, -3, 5;
  is(hippo(lmu, 3));
  a << -0.5, 0, 0, -1, -0.5, 0, -1, -1, -0.5;
  b << 2, 2, 2;
  is(hippo(lagt, 3, {.beta = 2}));
  // alpha = 1/2: binomials 1, 3/2, 15/8, and norms whose squares are their multiples by Gamma(3/2).
  const double r1 = std::sqrt(1.5), r2 = std::sqrt(1.875), low = -0.5 * (1 + 0.25);
  a << low, 0, 0, -1 / r1, low, 0, -1 / r2, -r1 / r2, low;
  b << 1, r1, r2;
  b *= std::pow(0.25, 0.25) / std::sqrt(std::sqrt(pi) * std::sqrt(pi) / 2);
  is(hippo(glagt, 3, {.alpha = 0.5, .beta = 0.25}));

  Eigen::Matrix4d f;
  Eigen::Vector4d g;
  f << -1, 0, -s2, 0, 0, 0, 0, 0, -s2, 0, -2, -pi, 0, 0, pi, 0;
  g << 1, 0, s2, 0;
  CHECK(apart(hippo(fout, 4).a, f) < 1e-15);
  CHECK(apart(hippo(fout, 4).b, g) < 1e-15);
  CHECK(apart(hippo(fourier2, 4).a, 2 * f) < 2e-15);
  CHECK(apart(hippo(fourier2, 4).b, 2 * g) < 2e-15);
  f += 0.5 * g * g.transpose();
  CHECK(apart(hippo(foud, 4).a, f) < 1e-15);
  CHECK(apart(hippo(foud, 4).b, 0.5 * g) < 1e-15);
}

TEST_CASE("a window of another length slows its systems down", "[hippo]") {
  for (const HippoMeasure measure : {legt, lmu, fout, foud, fourier2}) {
    const double published = measure == lmu || measure == fourier2 ? 1 : 2;
    const HippoSystem one = hippo(measure, 6), other = hippo(measure, 6, {.window = 50});
    CHECK(apart(other.a, published / 50 * one.a) < 1e-15);
    CHECK(apart(other.b, published / 50 * one.b) < 1e-15);
    CHECK(hippo(measure, 6, {.window = published}).a == one.a);
  }
  CHECK(apart(hippo(fourier2, 8, {.window = 3}).a, hippo(fout, 8, {.window = 3}).a) == 0);
}

TEST_CASE("the Legendre memory unit is LegT in other coordinates", "[hippo]") {
  const Index order = 7;
  const HippoSystem unit = hippo(lmu, order, {.window = 2}), legendre = hippo(legt, order);
  Eigen::VectorXd scale(order);
  for (Index n = 0; n < order; ++n) scale[n] = (n % 2 == 0 ? 1 : -1) * root(n);
  CHECK(apart(scale.asDiagonal() * legendre.a * scale.cwiseInverse().asDiagonal(), unit.a) < 1e-14);
  CHECK(apart(scale.cwiseProduct(legendre.b), unit.b) < 1e-15);
}

TEST_CASE("the complex forms of the Fourier systems are those of their papers", "[hippo]") {
  // Frequencies -count ... count. States of the real form: 1, sqrt(2) cos, sqrt(2) sin without the sine of frequency 0.
  const Index count = 3, order = 2 * (count + 1);
  const Index size = 2 * count + 1;
  Eigen::MatrixXcd scaled(size, size), window(size, size);
  for (Index n = -count; n <= count; ++n) {
    for (Index k = -count; k <= count; ++k) {
      const double frequency = static_cast<double>(n), difference = static_cast<double>(n - k);
      scaled(n + count, k + count) = n == k ? Complex(-1, std::numbers::pi * frequency) : -frequency / difference;
      window(n + count, k + count) = n == k ? Complex(-1, 2 * std::numbers::pi * frequency) : -1;
    }
  }
  const auto real_form = [&](const Eigen::MatrixXcd& matrix, double sign) {  // of functions e^(sign 2 pi i n x)
    Eigen::MatrixXcd t = Eigen::MatrixXcd::Zero(order, size);
    t(0, count) = 1;
    for (Index f = 1; f <= count; ++f) {
      t(2 * f, count + f) = t(2 * f, count - f) = std::sqrt(0.5);
      t(2 * f + 1, count + f) = Complex(0, -sign * std::sqrt(0.5));
      t(2 * f + 1, count - f) = Complex(0, sign * std::sqrt(0.5));
    }
    return Eigen::MatrixXcd(t * matrix * t.adjoint());
  };
  Eigen::MatrixXcd expected = real_form(scaled, -1);
  expected(1, 1) = -1;  // the state that stays zero
  CHECK(apart(hippo(fourier_legs, order).a.cast<Complex>(), expected) < 1e-14);
  CHECK(apart(hippo(foud, order, {.window = 1}).a.cast<Complex>(), real_form(window, 1)) < 1e-14);
}

TEST_CASE("a constant is a fixed point of every system that sees it", "[hippo]") {
  for (const HippoMeasure measure : {legs, legt, lmu, fout, foud, fourier2, fourier_legs}) {
    CAPTURE(hippo_name(measure));
    const HippoSystem system = hippo(measure, 12);
    CHECK(apart(system.a.col(0), -system.b) < 1e-14);
    CHECK(apart(hippo_basis(measure, 12, 0.7).head(1), Eigen::VectorXd::Ones(1)) < 1e-15);
  }
}

TEST_CASE("every system forgets", "[hippo]") {
  // Lyapunov: a symmetric part without positive eigenvalues means that the norm of the state never grows. LMU is LegT
  // in other coordinates, and fourier_legs has no such norm.
  for (const HippoMeasure measure : {legs, legt, lagt, fout, foud, fourier2}) {
    for (const Index order : {2, 8, 64}) {
      CAPTURE(hippo_name(measure), order);
      const LongMatrix a = hippo(measure, order, {.beta = 1}).a.cast<long double>();
      Eigen::MatrixXd shifted = (-(a + a.transpose())).cast<double>();
      shifted.diagonal().array() += 1e-9;  // positive definite then
      CHECK(shifted.llt().info() == Eigen::Success);
    }
  }
}

TEST_CASE("the impulse responses of LegS and the Laguerre systems are their closed forms", "[hippo]") {
  for (const double time : {0.0, 0.01, 0.5, 1.0, 3.0}) {
    CAPTURE(time);
    const auto exponential = [&](HippoMeasure measure, const HippoOptions& options) {
      const HippoSystem system = hippo(measure, 8, options);
      const LongMatrix e = long_exponential(static_cast<long double>(time) * system.a.cast<long double>());
      return Eigen::VectorXd((e * system.b.cast<long double>()).cast<double>());
    };
    // The entries of A are rounded, which the closed forms feel like a few epsilon of values up to 4.
    CHECK(apart(hippo_impulse_response(legs, 8, time), exponential(legs, {})) < 2e-14);
    for (const HippoOptions& options : {HippoOptions{.alpha = 0, .beta = 1}, HippoOptions{.alpha = 0.5, .beta = 0.3},
                                        HippoOptions{.alpha = -0.7, .beta = 2}}) {
      CHECK(apart(hippo_impulse_response(lagt, 8, time, options), exponential(lagt, options)) < 2e-14);
      const Eigen::VectorXd found = hippo_impulse_response(glagt, 8, time, options);
      CHECK(apart(found, exponential(glagt, options)) < 2e-14);
      for (Index n = 0; n < 8; ++n) {
        const long double norm = std::tgamma(static_cast<long double>(n) + options.alpha + 1) / std::tgamma(n + 1.0L);
        const long double expected = std::exp(-(1 + options.beta) * time / 2) * laguerre(n, options.alpha, time) /
                                     std::sqrt(norm * std::tgamma(1 - options.alpha)) *
                                     std::pow(options.beta, (1 - options.alpha) / 2);
        CHECK(std::abs(found[n] - static_cast<double>(expected)) < 2e-14);
      }
    }
  }
}

TEST_CASE("the closed form of LegS solves its equation at order 64, without linear algebra", "[hippo]") {
  const Index order = 64;
  const HippoSystem system = hippo(legs, order);
  for (const double time : {0.0, 0.03, 0.4, 2.0}) {
    const long double fade = std::exp(-static_cast<long double>(time)), x = 2 * fade - 1;
    Eigen::VectorXd slope(order);
    std::vector<long double> derivative(static_cast<std::size_t>(order) + 1,
                                        0);  // P' by P'_(n+1) = P'_(n-1) + (2n+1) P_n
    for (Index n = 0; n < order; ++n) {
      const std::size_t i = static_cast<std::size_t>(n);
      derivative[i + 1] = (n == 0 ? 0 : derivative[i - 1]) + static_cast<long double>(2 * n + 1) * legendre(n, x);
      slope[n] = static_cast<double>(-fade * legendre(n, x) - 2 * fade * fade * derivative[i]) * root(n);
    }
    const Eigen::VectorXd response = hippo_impulse_response(legs, order, time);
    // Sums of 64 terms up to 127 * 11: 1e-10 would be 1e-14 of them, and of the slope, which reaches 4e4 at time 0.
    CHECK(apart(system.a * response, slope) < 1e-10);
  }
}

TEST_CASE("the transfer function of LegS is the product of its poles and zeros", "[hippo]") {
  const Index order = 64;
  const HippoSystem system = hippo(legs, order);
  for (const Complex s : {Complex(0.1, 0), Complex(0, 1), Complex(0, 30), Complex(2, -300), Complex(0.5, 2000)}) {
    Eigen::VectorXcd h(order);
    Complex product = 1.0 / (s + 1.0);
    for (Index n = 0; n < order; ++n) {
      h[n] = root(n) * product;
      product *= (s - static_cast<double>(n)) / (s + static_cast<double>(n + 2));
    }
    const Eigen::VectorXcd left = s * h - system.a.cast<Complex>() * h;
    CHECK((left - system.b.cast<Complex>()).cwiseAbs().maxCoeff() < 1e-12);  // sums of 64 terms up to 100
  }
}

TEST_CASE("LegS remembers powers of time by their closed form", "[hippo]") {
  // T x' = A x + B u with u = t^m keeps x = d t^m, (m I - A) d = B, d_n = sqrt(2n+1) (m!)^2 / ((m-n)! (m+n+1)!).
  const Index order = 16;
  const HippoSystem system = hippo(legs, order);
  for (Index m = 0; m < order; ++m) {
    Eigen::VectorXd d = Eigen::VectorXd::Zero(order);
    long double value = 1 / static_cast<long double>(m + 1);
    for (Index n = 0; n <= m; ++n) {
      d[n] = root(n) * static_cast<double>(value);
      value *= static_cast<long double>(m - n) / static_cast<long double>(m + n + 2);
    }
    const Eigen::MatrixXd matrix = static_cast<double>(m) * Eigen::MatrixXd::Identity(order, order) - system.a;
    CHECK(apart(matrix.triangularView<Eigen::Lower>().solve(system.b), d) < 1e-12);
    CHECK(apart(matrix * d, system.b) < 1e-13);
  }
}

TEST_CASE("the Legendre memory unit is the Pade approximation of a delay", "[hippo]") {
  for (Index order = 4; order <= 12; ++order) {
    const HippoSystem system = hippo(lmu, order);
    for (const double w : {0.1, 1.0, 5.0, 20.0}) {
      const Complex s(0, w);
      // [order - 1 / order] of e^z at z = -s: sum of (p + q - j)! p! / ((p + q)! j! (p - j)!) z^j over the same with
      // p and q exchanged and -z.
      LongComplex top = 0, bottom = 0, above = 1, below = 1;
      const LongComplex z(0, -static_cast<long double>(w));
      for (Index j = 0; j <= order; ++j) {
        top += above;
        bottom += below;
        const long double common = static_cast<long double>((2 * order - 1 - j) * (j + 1));
        above *= static_cast<long double>(order - 1 - j) / common * z;
        below *= -static_cast<long double>(order - j) / common * z;
      }
      const Eigen::MatrixXcd matrix = s * Eigen::MatrixXcd::Identity(order, order) - system.a.cast<Complex>();
      const Complex found = matrix.partialPivLu().solve(system.b.cast<Complex>()).sum();
      const LongComplex expected = top / bottom;
      CAPTURE(order, w);
      CHECK(std::abs(found - Complex(expected)) < 1e-13);
    }
  }
}

TEST_CASE("states and basis functions are dual", "[hippo]") {
  // Integrals over age of the impulse response times the basis, by y = e^-age for LegS and over [0, 120] in pieces.
  const Index order = 6;
  const QuadratureRule rule = gauss_legendre(20);
  Eigen::MatrixXd product = Eigen::MatrixXd::Zero(order, order);
  for (std::size_t i = 0; i < 20; ++i) {
    const double y = static_cast<double>(rule.nodes[i]), age = -std::log(y);
    product += static_cast<double>(rule.weights[i]) / y * hippo_impulse_response(legs, order, age) *
               hippo_basis(legs, order, age).transpose();
  }
  CHECK(apart(product, Eigen::MatrixXd::Identity(order, order)) < 1e-13);
  for (const HippoMeasure measure : {lagt, glagt}) {
    const HippoOptions options{.alpha = 0, .beta = 0.6};
    product.setZero();
    for (int piece = 0; piece < 60; ++piece) {
      for (std::size_t i = 0; i < 20; ++i) {
        const double age = 2 * (piece + static_cast<double>(rule.nodes[i]));
        product += 2 * static_cast<double>(rule.weights[i]) * hippo_impulse_response(measure, order, age, options) *
                   hippo_basis(measure, order, age, options).transpose();
      }
    }
    CHECK(apart(product, Eigen::MatrixXd::Identity(order, order)) < 1e-12);
  }
  // alpha = 1/2 by age = r^2, which makes the integrand smooth.
  product.setZero();
  for (int piece = 0; piece < 11; ++piece) {
    for (std::size_t i = 0; i < 20; ++i) {
      const double r = piece + static_cast<double>(rule.nodes[i]);
      const HippoOptions options{.alpha = 0.5, .beta = 1.4};
      product += 2 * r * static_cast<double>(rule.weights[i]) * hippo_impulse_response(glagt, order, r * r, options) *
                 hippo_basis(glagt, order, r * r, options).transpose();
    }
  }
  CHECK(apart(product, Eigen::MatrixXd::Identity(order, order)) < 1e-12);
}

TEST_CASE("windows follow the signals that their functions can represent exactly", "[hippo]") {
  const Index order = 8;
  const double window = 3, now = 1.7;
  const QuadratureRule rule = gauss_legendre(40);
  for (const HippoMeasure measure : {legt, lmu, fout, foud}) {
    for (Index m = 0; m < 4; ++m) {
      CAPTURE(hippo_name(measure), m);
      const bool fourier = measure == fout || measure == foud;
      const double pulse = 2 * std::numbers::pi * static_cast<double>(m) / window, power = static_cast<double>(m);
      const auto signal = [&](double t) { return fourier ? std::cos(pulse * t + 0.3) : std::pow(t, power); };
      const auto slope = [&](double t) {
        return fourier ? -pulse * std::sin(pulse * t + 0.3) : m == 0 ? 0 : power * std::pow(t, power - 1);
      };
      // The coefficients of a function of the age: the projection on the orthogonal functions.
      const auto project = [&](const auto& function) {
        Eigen::VectorXd sum = Eigen::VectorXd::Zero(order), norm = sum;
        for (std::size_t i = 0; i < rule.nodes.size(); ++i) {
          const double age = window * static_cast<double>(rule.nodes[i]);
          const Eigen::VectorXd basis = hippo_basis(measure, order, age, {.window = window});
          sum += static_cast<double>(rule.weights[i]) * function(now - age) * basis;
          norm += static_cast<double>(rule.weights[i]) * basis.cwiseAbs2();
        }
        for (Index n = 0; n < order; ++n) sum[n] = norm[n] > 1e-9 ? sum[n] / norm[n] : 0;
        return sum;
      };
      const HippoSystem system = hippo(measure, order, {.window = window});
      const Eigen::VectorXd state = project(signal);
      CHECK(apart(system.a * state + system.b * signal(now), project(slope)) < 2e-13);
      for (const double age : {0.0, 1.0, 3.0}) {
        CHECK(std::abs(state.dot(hippo_basis(measure, order, age, {.window = window})) - signal(now - age)) < 1e-13);
      }
    }
  }
}

TEST_CASE("FouD folds the past into its window with weights 3^-m", "[hippo]") {
  // The impulse response tends to (2 / (3 window)) 3^-m g(age / window); the low frequencies converge first.
  const Index order = 128;
  const HippoSystem system = hippo(foud, order, {.window = 1});
  Eigen::MatrixXd step = system.a / 4096;  // e^(A / 4) by scaling and squaring
  Eigen::MatrixXd e = Eigen::MatrixXd::Identity(order, order), term = e;
  for (int k = 1; k < 16; ++k) {
    term = (term * step / k).eval();
    e += term;
  }
  for (int i = 0; i < 10; ++i) e = (e * e).eval();
  Eigen::VectorXd state = e * system.b;  // age 1/4; ages 1/2, 3/2 and 5/2 are the middles of windows
  for (int m = 0; m < 3; ++m) {
    state = (e * state).eval();
    const Eigen::VectorXd expected = 2.0 / 3 * std::pow(3.0, -m) * hippo_basis(foud, order, 0.5, {.window = 1});
    CHECK(apart(state.head(6), expected.head(6)) < 0.02);
    for (int quarter = 0; quarter < 3; ++quarter) state = (e * state).eval();
  }
}

TEST_CASE("systems of order one and two exist for every measure", "[hippo]") {
  for (const HippoMeasure measure : every_measure) {
    const Index order = detail::is_fourier(measure) ? 2 : 1;
    const HippoSystem system = hippo(measure, order);
    CHECK(system.order() == order);
    CHECK(system.a.allFinite());
    CHECK(system.a(0, 0) < 0);
    CHECK(hippo_basis(measure, order, 0.5).size() == order);
  }
}

TEST_CASE("misuse of the HiPPO systems is refused in words", "[hippo]") {
  CHECK_THROWS_MESSAGE(std::invalid_argument, hippo(legs, 0), "hippo: expected an order of at least 1, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, hippo(static_cast<HippoMeasure>(9), 4),
                       "hippo: expected a measure, found number 9");
  CHECK_THROWS_MESSAGE(std::invalid_argument, hippo(fout, 5), "hippo: expected an even order for FouT, found 5");
  CHECK_THROWS_MESSAGE(std::invalid_argument, hippo(legt, 4, {.window = -1}),
                       "hippo: expected a positive finite window, or 0 for the published one, found -1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, hippo(legs, 4, {.window = 10}),
                       "hippo: expected no window, as LegS has none, found 10");
  CHECK_THROWS_MESSAGE(std::invalid_argument, hippo(glagt, 4, {.alpha = 1}),
                       "hippo: expected alpha between -1 and 1, both excluded, found 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, hippo(glagt, 4, {.beta = 0}),
                       "hippo: expected a positive finite beta, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, hippo(lagt, 4, {.beta = std::numeric_limits<double>::quiet_NaN()}),
                       "hippo: expected a positive finite beta, found nan");
  CHECK_THROWS_MESSAGE(std::invalid_argument, hippo_impulse_response(legt, 4, 1),
                       "hippo_impulse_response: expected LegS, LagT or GLagT, found LegT");
  CHECK_THROWS_MESSAGE(std::invalid_argument, hippo_impulse_response(legs, 4, -1),
                       "hippo_impulse_response: expected a finite time of at least 0, found -1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, hippo_basis(legt, 4, 2.5),
                       "hippo_basis: expected an age within the window of 2, found 2.5");
  CHECK_THROWS_MESSAGE(std::invalid_argument, hippo_basis(glagt, 4, 0, {.alpha = -0.5}),
                       "hippo_basis: expected a positive age for GLagT with alpha below 0, found 0");
}
