// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/cascade_conversion.hpp>

#include <cmath>
#include <complex>
#include <limits>

#include "ssm/filter_cases.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

using Complex = std::complex<double>;

bool equal(const CascadeSection& s, double b0, double b1, double b2, double a1, double a2) {
  return std::abs(s.b0 - b0) + std::abs(s.b1 - b1) + std::abs(s.b2 - b2) + std::abs(s.a1 - a1) + std::abs(s.a2 - a2) <
         1e-14;
}

/// The distance to the circle of the section's pole that is closest to it.
double distance(const CascadeSection& s) {
  const Complex root = std::sqrt(Complex(s.a1 * s.a1 - 4 * s.a2)), one = (-s.a1 + root) / 2.0,
                two = (-s.a1 - root) / 2.0;
  return std::min(std::abs(1 - std::abs(one)), std::abs(1 - std::abs(two)));
}

}  // namespace

TEST_CASE("poles are paired with zeros as SciPy does", "[conversion]") {
  // The example of scipy.signal.zpk2sos: the conjugate poles are closer to the circle, and the zero that makes an odd
  // order even is closer to them than the conjugate ones are.
  const ZerosPolesGain form{(Eigen::VectorXcd(3) << -1, Complex(-0.5, -0.5), Complex(-0.5, 0.5)).finished(),
                            (Eigen::VectorXcd(3) << 0.75, Complex(0.8, 0.1), Complex(0.8, -0.1)).finished(), 1};
  const Certified<CascadeForm> made = to_cascade(form);
  REQUIRE(made.form.sections.size() == 2);
  CHECK(equal(made.form.sections[0], 1, 1, 0.5, -0.75, 0));
  CHECK(equal(made.form.sections[1], 1, 1, 0, -1.6, 0.65));
  CHECK(made.certificate.residual < 1e-15);
}

TEST_CASE("the Butterworth filter becomes two sections", "[conversion]") {
  const Butterworth filter;
  for (const CascadeForm& form : {to_cascade(filter.zeros_poles_gain()).form, to_cascade(filter.direct()).form}) {
    REQUIRE(form.sections.size() == 2);
    CHECK(std::abs(form.sections[0].b0 - filter.gain) < 1e-17);
    CHECK(form.sections[1].b0 == 1);
    // The poles of the larger magnitude come last.
    const double w = std::tan(0.1 * 3.141592653589793);
    for (const std::size_t i : {0, 1}) {
      const double turn = 2 * w * std::cos(3.141592653589793 * (i == 0 ? 1 : 3) / 8);
      CHECK(std::abs(form.sections[i].a2 - (1 - turn + w * w) / (1 + turn + w * w)) < 1e-14);
    }
    CHECK((impulse_response(form, 9) - filter.impulse).cwiseAbs().maxCoeff() < 1e-14);
  }
  const Certified<DirectForm> back = to_direct_form(to_cascade(filter.zeros_poles_gain()).form);
  CHECK((back.form.denominator - filter.denominator).cwiseAbs().maxCoeff() < 1e-14);
  CHECK((back.form.numerator - filter.direct().numerator).cwiseAbs().maxCoeff() < 1e-15);
}

TEST_CASE("cascades of random filters have their taps, whatever the number of zeros", "[conversion]") {
  SplitMix random(3);
  for (Index order = 1; order <= 16; ++order) {
    for (Index fewer = 0; fewer <= std::min<Index>(order, 5); ++fewer) {
      for (const Index reals : {order % 2, order % 2 + 2, order % 2 + 4}) {
        if (reals > order) continue;
        CAPTURE(order, fewer, reals);
        const ModalForm some = random_modes((order - reals) / 2, reals, 0.95, random);
        const Index count = order - fewer, real_zeros = count % 2 + (count >= 2 ? 2 * random.below(2) : 0);
        const ModalForm others = random_modes((count - real_zeros) / 2, real_zeros, 1.1, random);
        const ZerosPolesGain given{detail::all_poles(others), detail::all_poles(some), -0.5};
        const Certified<CascadeForm> made = to_cascade(given);
        CHECK(static_cast<Index>(made.form.sections.size()) == (order + 1) / 2);
        CHECK(made.certificate.residual < 1e-12);
        const std::vector<long double> taps = naive_cascade(made.form, 300);
        CHECK(relative(taps, impulse_response(given, 300)) < 1e-12);
        for (std::size_t s = 1; s < made.form.sections.size(); ++s)
          CHECK(distance(made.form.sections[s]) <= distance(made.form.sections[s - 1]) + 1e-12);
        const Certified<ZerosPolesGain> back = to_zeros_poles_gain(made.form);
        CHECK(back.form.poles.size() == order);
        CHECK(back.form.zeros.size() == count);
        CHECK(std::abs(back.form.gain + 0.5) < 1e-12);
        CHECK(back.certificate.residual < 1e-12);
        CHECK(to_direct_form(made.form).form.order() == order);
        CHECK(to_direct_form(made.form).certificate.residual < 1e-9);
      }
    }
  }
}

TEST_CASE("repeated poles and delays, which have no modes, are cascades", "[conversion]") {
  const DirectForm four{0, Eigen::Vector4d(0, 0, 0, 1), Eigen::Vector4d(-2, 1.5, -0.5, 0.0625)};
  const Certified<CascadeForm> made = to_cascade(four);
  CHECK(made.form.sections.size() == 2);
  CHECK(made.certificate.residual < 1e-12);
  CHECK(relative(naive_impulse(four.numerator, four.denominator, 0, 200), impulse_response(made.form, 200)) < 1e-12);
  for (const Index order : {1, 2, 5}) {
    const DirectForm delay{0, Eigen::VectorXd::Unit(order, order - 1), Eigen::VectorXd::Zero(order)};
    CHECK(impulse_response(to_cascade(delay).form, 8) == Eigen::VectorXd::Unit(8, order));
    CHECK(impulse_response(to_cascade(to_state_space(delay).form).form, 8) == Eigen::VectorXd::Unit(8, order));
  }
  const DirectForm taps{1, Eigen::Vector3d(-0.5, 0.25, 2), {}};  // a filter of finite response
  CHECK(relative(naive_impulse(taps.numerator, taps.denominator, 1, 8), impulse_response(to_cascade(taps).form, 8)) <
        1e-15);
}

TEST_CASE("what is hopeless as a polynomial is a cascade", "[conversion]") {
  for (const double dt : {1e-3, 1e-2, 1e-1}) {
    for (const Index order : {8, 12, 16}) {
      CAPTURE(dt, order);
      const StateSpaceForm given = bilinear_legs(order, dt);
      const Certified<CascadeForm> made = to_cascade(given);
      CHECK(made.certificate.residual < 1e-10);
      CHECK(relative(naive_states(given, 500), naive_cascade(made.form, 500)) < 1e-10);
      CHECK(relative(naive_states(given, 500), impulse_response(made.form, 500)) < 1e-9);  // in double, too
    }
  }
  ModalForm crowd{0.5, Eigen::VectorXcd(32), Eigen::VectorXcd(32)};  // S4D-Lin of order 64
  for (Index n = 0; n < 32; ++n) {
    const Complex half = 5e-4 * Complex(-0.5, 3.141592653589793 * static_cast<double>(n + 1));
    crowd.poles[n] = (1.0 + half) / (1.0 - half);
    crowd.residues[n] = 1e-3 * std::polar(1.0, static_cast<double>(n * n));
  }
  const Certified<CascadeForm> made = to_cascade(crowd);
  CHECK(made.form.sections.size() == 32);
  CHECK(relative(naive_modal(crowd, 4096), impulse_response(made.form, 4096)) < 1e-8);
}

TEST_CASE("constants and silence are cascades of one section", "[conversion]") {
  CHECK(impulse_response(to_cascade(DirectForm{3, {}, {}}).form, 2) == Eigen::Vector2d(3, 0));
  CHECK(impulse_response(to_cascade(ZerosPolesGain{{}, {}, 3}).form, 2) == Eigen::Vector2d(3, 0));
  const DirectForm nothing{0, Eigen::Vector2d(0, 0), Eigen::Vector2d(-0.5, 0.25)};
  CHECK(impulse_response(to_cascade(nothing).form, 5) == Eigen::VectorXd::Zero(5));
  CHECK(to_zeros_poles_gain(CascadeForm{}).form.gain == 1);
  CHECK(to_zeros_poles_gain(CascadeForm{{{0, 0, 0, -0.5, 0.25}}}).form.gain == 0);
  CHECK(to_direct_form(CascadeForm{}).form.skip == 1);
  // Coefficients that lower the degree, one after the other.
  for (const CascadeSection& s :
       {CascadeSection{2, 0, 0, 0, 0}, CascadeSection{0, 3, 0, -0.5, 0}, CascadeSection{0, 0, 3, -0.5, 0.25},
        CascadeSection{1, 2, 0, 0, 0.25}, CascadeSection{0, 1, 2, -0.5, 0}, CascadeSection{1, 1, 0, -0.5, 0}}) {
    const CascadeForm one{{s}};
    const std::vector<long double> taps = naive_cascade(one, 64);
    CHECK(relative(taps, impulse_response(to_zeros_poles_gain(one).form, 64)) < 1e-15);
    const DirectForm direct = to_direct_form(one).form;
    CHECK(relative(taps, naive_impulse(direct.numerator, direct.denominator, direct.skip, 64)) < 1e-15);
  }
}

TEST_CASE("bad sections and roots are refused in words", "[conversion]") {
  const CascadeForm bad{{{1, 0, std::numeric_limits<double>::infinity(), 0, 0}}};
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_direct_form(bad),
                       "to_direct_form: expected finite sections, found inf at 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_zeros_poles_gain(bad),
                       "to_zeros_poles_gain: expected finite sections");
  CHECK_THROWS_MESSAGE(
      std::invalid_argument,
      to_cascade(ZerosPolesGain{Eigen::VectorXcd::Constant(1, Complex(0, 1)), Eigen::VectorXcd::Zero(2), 1}),
      "to_cascade: expected zeros in pairs of conjugates, found 0+1i without its own");
  CHECK_THROWS_MESSAGE(NumericalError, to_cascade(Butterworth().direct(), {.tolerance = 1e-30}),
                       "expected a residual of at most 1e-30, found ");
}
