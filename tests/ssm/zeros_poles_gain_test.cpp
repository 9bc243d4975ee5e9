// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/zeros_poles_gain.hpp>

#include <cmath>
#include <complex>

#include "ssm/filter_cases.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

using Complex = std::complex<double>;

std::vector<long double> taps_of(const DirectForm& form, Index length) {
  return naive_impulse(form.numerator, form.denominator, form.skip, length);
}

/// H(z), from the roots.
Complex value(const ZerosPolesGain& form, Complex z) {
  Complex h = form.gain;
  for (const Complex& zero : form.zeros) h *= z - zero;
  for (const Complex& pole : form.poles) h /= z - pole;
  return h;
}

/// H(z) of modes.
Complex value(const ModalForm& form, Complex z) {
  Complex h = form.skip;
  for (Index i = 0; i < form.poles.size(); ++i) {
    h += form.residues[i] / (z - form.poles[i]);
    if (form.poles[i].imag() != 0) h += std::conj(form.residues[i]) / (z - std::conj(form.poles[i]));
  }
  return h;
}

/// The largest difference of the frequency responses relative to the largest value.
double response_difference(const ModalForm& a, const ZerosPolesGain& b) {
  double worst = 0, peak = 0;
  for (int k = 0; k < 200; ++k) {
    const Complex z = std::polar(1.0, 3.141592653589793 * k / 199.0);
    worst = std::max(worst, std::abs(value(a, z) - value(b, z)));
    peak = std::max(peak, std::abs(value(a, z)));
  }
  return worst / peak;
}

ModalForm s4d_lin(Index pairs, double dt) {
  ModalForm form{0.5, Eigen::VectorXcd(pairs), Eigen::VectorXcd(pairs)};
  for (Index n = 0; n < pairs; ++n) {
    const Complex half = dt / 2 * Complex(-0.5, 3.141592653589793 * static_cast<double>(n + 1));
    form.poles[n] = (1.0 + half) / (1.0 - half);
    form.residues[n] = dt * std::polar(1.0, static_cast<double>(n * n)) / (1.0 - half);
  }
  return form;
}

}  // namespace

TEST_CASE("the Butterworth filter passes between its coefficients and its roots", "[conversion]") {
  const Butterworth filter;
  const ZerosPolesGain roots = filter.zeros_poles_gain();
  const Certified<DirectForm> direct = to_direct_form(roots);
  CHECK((direct.form.denominator - filter.denominator).cwiseAbs().maxCoeff() < 2e-15);  // printed to 17 digits
  CHECK(std::abs(direct.form.skip - filter.gain) < 1e-17);
  CHECK((impulse_response(direct.form, 9) - filter.impulse).cwiseAbs().maxCoeff() < 1e-15);
  CHECK((impulse_response(roots, 9) - filter.impulse).cwiseAbs().maxCoeff() < 1e-15);

  const Certified<ZerosPolesGain> back = to_zeros_poles_gain(filter.direct());
  CHECK(back.form.gain == filter.gain);
  REQUIRE(back.form.poles.size() == 4);
  REQUIRE(back.form.zeros.size() == 4);
  for (const Complex& pole : roots.poles) CHECK((back.form.poles.array() - pole).abs().minCoeff() < 1e-14);
  // A zero of multiplicity 4: to eps^(1/4) only. Their product is right all the same.
  for (const Complex& zero : back.form.zeros) CHECK(std::abs(zero + 1.0) < 5e-4);
  CHECK(back.certificate.residual < 1e-14);
}

TEST_CASE("zeros and poles become a quotient and come back", "[conversion]") {
  SplitMix random(3);
  for (Index order = 1; order <= 16; ++order) {
    for (const Index fewer : {0, 1, 2}) {
      if (fewer > order) continue;
      CAPTURE(order, fewer);
      const ModalForm some = random_modes(order / 2, order % 2, 0.9, random),
                      others = random_modes((order - fewer) / 2, (order - fewer) % 2, 1.2, random);
      const ZerosPolesGain given{detail::all_poles(others), detail::all_poles(some), 0.5};
      const Certified<DirectForm> direct = to_direct_form(given);
      CHECK(direct.form.order() == order);
      CHECK(direct.form.skip == (fewer == 0 ? 0.5 : 0));
      CHECK(direct.certificate.residual < 1e-9);
      const Certified<ZerosPolesGain> back = to_zeros_poles_gain(direct.form);
      CHECK(back.form.zeros.size() == given.zeros.size());
      CHECK(back.form.poles.size() == given.poles.size());
      CHECK(std::abs(back.form.gain - 0.5) < 1e-15);
      CHECK(back.certificate.residual < 1e-9);
      CHECK(relative(taps_of(direct.form, 200), impulse_response(given, 200)) <
            1e-13 + 2 * direct.certificate.residual);
      const Certified<ModalForm> modes = to_modal(given);
      CHECK(modes.form.skip == direct.form.skip);
      CHECK(modes.certificate.residual < 1e-10);
      CHECK(response_difference(modes.form, given) < 1e-10);
    }
  }
}

TEST_CASE("modes have zeros, found without any polynomial", "[conversion]") {
  SplitMix random(4);
  for (Index order = 1; order <= 16; ++order) {
    for (const double skip : {0.0, 1.0}) {
      CAPTURE(order, skip);
      ModalForm given = random_modes(order / 2, order % 2, 0.9, random);
      given.skip = skip;
      const Certified<ZerosPolesGain> made = to_zeros_poles_gain(given);
      CHECK(made.form.poles.size() == order);
      CHECK(made.form.zeros.size() == order - (skip == 0 ? 1 : 0));
      CHECK(made.certificate.residual < 1e-12);
      CHECK(response_difference(given, made.form) < 1e-12);
    }
  }
  // Order 64, poles within 0.1 of z = 1, where no polynomial of them has a digit.
  for (const double dt : {1e-3, 1e-2}) {
    const ModalForm given = s4d_lin(32, dt);
    CHECK_THROWS_AS(to_direct_form(given), NumericalError);
    const Certified<ZerosPolesGain> made = to_zeros_poles_gain(given);
    CHECK(made.form.zeros.size() == 64);
    CHECK(made.certificate.residual < 1e-11);
    CHECK(response_difference(given, made.form) < 1e-11);
  }
}

TEST_CASE("a response that begins late has fewer zeros", "[conversion]") {
  // r_1 + r_2 = 0: tap 1 is 0 but for rounding, and no zero may come out at 1e16.
  const ModalForm late{0, (Eigen::VectorXcd(3) << 0.3, 0.6, -0.7).finished(),
                       (Eigen::VectorXcd(3) << 0.1, 0.2, -(0.1 + 0.2) + 1e-17).finished()};
  const Certified<ZerosPolesGain> made = to_zeros_poles_gain(late);
  CHECK(made.form.zeros.size() == 1);
  CHECK(made.certificate.residual < 1e-15);
  CHECK(response_difference(late, made.form) < 1e-15);

  const DirectForm leading{0, Eigen::Vector3d(0, 2, 1), Eigen::Vector3d(-0.5, 0.25, 0.125)};
  const ZerosPolesGain roots = to_zeros_poles_gain(leading).form;
  CHECK(roots.gain == 2);
  CHECK(roots.zeros == Eigen::VectorXcd::Constant(1, -0.5));
  const DirectForm again = to_direct_form(roots).form;
  CHECK((again.numerator - leading.numerator).norm() < 1e-15);
}

TEST_CASE("silent modes, silent filters and constants have no zeros", "[conversion]") {
  const ModalForm silent{0, (Eigen::VectorXcd(2) << 0.5, Complex(0.3, 0.3)).finished(),
                         (Eigen::VectorXcd(2) << 1, 0).finished()};
  CHECK(to_zeros_poles_gain(silent).form.poles == Eigen::VectorXcd::Constant(1, 0.5));
  const DirectForm nothing{0, Eigen::Vector2d(0, 0), Eigen::Vector2d(-0.5, 0.25)};
  CHECK(to_zeros_poles_gain(nothing).form.gain == 0);
  CHECK(to_zeros_poles_gain(nothing).form.zeros.size() == 0);
  CHECK(to_zeros_poles_gain(DirectForm{3, {}, {}}).form.gain == 3);
  CHECK(to_zeros_poles_gain(ModalForm{3, {}, {}}).form.gain == 3);
  CHECK(to_zeros_poles_gain(StateSpaceForm{{}, {}, {}, 3}).form.gain == 3);
  CHECK(to_zeros_poles_gain(ModalForm{0, {}, {}}).form.gain == 0);
  CHECK(to_direct_form(ZerosPolesGain{{}, {}, 3}).form.skip == 3);
  CHECK(to_modal(ZerosPolesGain{{}, {}, 3}).form.skip == 3);
}

TEST_CASE("states have zeros where their system does", "[conversion]") {
  SplitMix random(6);
  for (Index order = 1; order <= 10; ++order) {
    for (const double skip : {0.0, 1.0}) {
      CAPTURE(order, skip);
      ModalForm modes = random_modes(order / 2, order % 2, 0.9, random);
      modes.skip = skip;
      const Eigen::MatrixXd t = random_normal<double>(order, order, static_cast<std::uint64_t>(order));
      const StateSpaceForm given = transform_states(to_state_space(modes).form, t).form;
      const Certified<ZerosPolesGain> made = to_zeros_poles_gain(given);
      CHECK(made.form.zeros.size() == order - (skip == 0 ? 1 : 0));
      CHECK(made.certificate.residual < 1e-8);  // the condition of t, up to 1e4, squared at worst
    }
  }
  // With C = e_n of order n + 1, LegS has the zeros 0 ... n - 1 and the poles -1 ... -(n + 1); the bilinear rule takes
  // s to (1 + s dt / 2) / (1 - s dt / 2).
  const double dt = 0.1;
  StateSpaceForm legs = bilinear_legs(5, dt);
  legs.c.setZero();
  legs.c[4] = 1;
  legs.skip = 0;
  const ZerosPolesGain roots = to_zeros_poles_gain(legs).form;
  REQUIRE(roots.zeros.size() == 4);
  for (int j = 0; j < 4; ++j)
    CHECK((roots.zeros.array() - (1 + j * dt / 2) / (1 - j * dt / 2)).abs().minCoeff() < 1e-9);
  for (int j = 1; j <= 5; ++j)
    CHECK((roots.poles.array() - (1 - j * dt / 2) / (1 + j * dt / 2)).abs().minCoeff() < 1e-9);
}

TEST_CASE("repeated zeros and poles are no obstacle, but for modes", "[conversion]") {
  const ZerosPolesGain given{Eigen::VectorXcd::Constant(3, -0.5), Eigen::VectorXcd::Constant(4, 0.5), 2};
  const Certified<DirectForm> direct = to_direct_form(given);
  CHECK(direct.form.denominator == Eigen::Vector4d(-2, 1.5, -0.5, 0.0625));
  CHECK(direct.form.numerator == Eigen::Vector4d(2, 3, 1.5, 0.25));
  CHECK(direct.certificate.residual < 1e-17);
  CHECK(to_zeros_poles_gain(direct.form).certificate.residual < 1e-12);
  CHECK_THROWS_MESSAGE(NumericalError, to_modal(given), "4 poles at z = 0.5");
}

TEST_CASE("zeros without conjugates, and more zeros than poles, are refused in words", "[conversion]") {
  CHECK_THROWS_MESSAGE(std::invalid_argument,
                       to_direct_form(ZerosPolesGain{Eigen::VectorXcd::Ones(2), Eigen::VectorXcd::Ones(1), 1}),
                       "to_direct_form: expected at most as many zeros as the 1 poles, found 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument,
                       to_modal(ZerosPolesGain{{}, Eigen::VectorXcd::Constant(2, Complex(0.5, 0.1)), 1}),
                       "to_modal: expected poles in pairs of conjugates, found 0.5+0.1i without its own");
  ZerosPolesGain close{{}, (Eigen::VectorXcd(2) << Complex(0.5, 0.1), Complex(0.5, -0.1 - 1e-16)).finished(), 1};
  CHECK(to_modal(close).form.poles.size() == 1);  // partners may differ by rounding
}
