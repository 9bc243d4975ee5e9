// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/direct_form_conversion.hpp>

#include <cmath>
#include <complex>
#include <limits>

#include "ssm/filter_cases.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

std::vector<long double> taps_of(const DirectForm& form, Index length) {
  return naive_impulse(form.numerator, form.denominator, form.skip, length);
}

}  // namespace

TEST_CASE("modes become a quotient and modes again", "[conversion]") {
  SplitMix random(1);
  for (Index order = 1; order <= 16; ++order) {
    for (const Index reals : {order % 2, order % 2 + 2}) {
      if (reals > order) continue;
      CAPTURE(order, reals);
      const ModalForm given = random_modes((order - reals) / 2, reals, 0.95, random);
      const Certified<DirectForm> direct = to_direct_form(given);
      CHECK(direct.form.order() == order);
      const Index length = direct.certificate.length;
      CHECK(length >= 64);
      CHECK(length >= 4 * order);
      const std::vector<long double> taps = naive_modal(given, length);
      // Coefficients are rounded to double, which the quotient amplifies by its condition.
      CHECK(direct.certificate.residual <= 1e-16 * direct.certificate.condition);
      CHECK(direct.certificate.residual < 1e-9);
      // The certificate says what an impulse response computed otherwise says.
      CHECK(std::abs(relative(taps, taps_of(direct.form, length)) - direct.certificate.residual) < 1e-18);

      const Certified<ModalForm> back = to_modal(direct.form);
      CHECK(back.form.order() == order);
      CHECK(back.certificate.residual < 1e-9);
      CHECK(relative(taps, naive_modal(back.form, length)) <
            2 * (direct.certificate.residual + back.certificate.residual) + 1e-15);
    }
  }
}

TEST_CASE("a quotient becomes its companion matrix", "[conversion]") {
  const DirectForm given{3, Eigen::Vector2d(1, 2), Eigen::Vector3d(-0.5, 0.25, 0.125)};
  const Certified<StateSpaceForm> made = to_state_space(given);
  CHECK(made.form.a == (Eigen::MatrixXd(3, 3) << 0.5, -0.25, -0.125, 1, 0, 0, 0, 1, 0).finished());
  CHECK(made.form.b == Eigen::Vector3d(1, 0, 0));
  CHECK(made.form.c == Eigen::RowVector3d(1, 2, 0));
  CHECK(made.form.skip == 3);
  CHECK(made.certificate.residual < 1e-18);
  CHECK(made.certificate.condition == 1);
  CHECK(relative(taps_of(given, 100), naive_states(made.form, 100)) < 1e-18);
}

TEST_CASE("the Butterworth filter has the residues of its poles", "[conversion]") {
  const Butterworth filter;
  const Certified<ModalForm> modes = to_modal(filter.direct());
  REQUIRE(modes.form.poles.size() == 2);
  CHECK(modes.certificate.residual < 1e-15);
  CHECK(relative(std::vector<long double>(filter.impulse.data(), filter.impulse.data() + 9),
                 impulse_response(modes.form, 9)) < 1e-14);
  const Eigen::VectorXcd poles = filter.zeros_poles_gain().poles;
  for (const std::complex<double>& pole : modes.form.poles) CHECK((poles.array() - pole).abs().minCoeff() < 1e-14);
  CHECK(modes.certificate.condition > 1);
}

TEST_CASE("order zero, leading zeros and polynomials of different lengths are defined", "[conversion]") {
  const DirectForm constant{3, {}, {}};
  CHECK(to_modal(constant).form.poles.size() == 0);
  CHECK(to_modal(constant).form.skip == 3);
  CHECK(to_state_space(constant).form.order() == 0);
  CHECK(to_direct_form(ModalForm{3, {}, {}}).form.skip == 3);
  CHECK(to_direct_form(ModalForm{3, {}, {}}).form.order() == 0);

  // b_1 = b_2 = 0: the response begins at tap 3.
  const DirectForm late{0, Eigen::Vector3d(0, 0, 2), Eigen::Vector3d(-0.5, 0.25, 0.125)};
  CHECK(relative(taps_of(late, 64), naive_modal(to_modal(late).form, 64)) < 1e-15);
  CHECK(relative(taps_of(late, 64), naive_states(to_state_space(late).form, 64)) < 1e-18);

  // Zeros at the end are poles at 0, unless both polynomials have them.
  const DirectForm padded{0, Eigen::Vector4d(1, 0, 0, 0), Eigen::Vector4d(-0.5, 0, 0, 0)};
  CHECK(to_modal(padded).form.poles == Eigen::VectorXcd::Constant(1, 0.5));
  CHECK(to_modal(padded).form.residues == Eigen::VectorXcd::Constant(1, 1));
  const DirectForm longer{0, Eigen::Vector2d(1, 3), Eigen::VectorXd::Constant(1, -0.5)};  // one pole at 0
  const ModalForm modes = to_modal(longer).form;
  CHECK(modes.order() == 2);
  CHECK(relative(taps_of(longer, 64), naive_modal(modes, 64)) < 1e-15);
  CHECK(relative(taps_of(longer, 64), naive_states(to_state_space(longer).form, 64)) < 1e-18);
  const DirectForm shorter{0, Eigen::VectorXd::Constant(1, 2), Eigen::Vector3d(-0.5, 0.25, 0.125)};
  CHECK(relative(taps_of(shorter, 64), naive_modal(to_modal(shorter).form, 64)) < 1e-15);

  const DirectForm nothing{0, Eigen::Vector2d(0, 0), Eigen::Vector2d(-0.5, 0.25)};
  CHECK(to_modal(nothing).certificate.residual == 0);
}

TEST_CASE("delays pass into states and are refused as modes", "[conversion]") {
  const DirectForm delay{0, (Eigen::VectorXd(5) << 0, 0, 0, 0, 1).finished(), Eigen::VectorXd::Zero(5)};
  const Certified<StateSpaceForm> states = to_state_space(delay);
  CHECK(states.certificate.residual == 0);
  CHECK(impulse_response(states.form, 8) == Eigen::VectorXd::Unit(8, 5));
  CHECK_THROWS_MESSAGE(NumericalError, to_modal(delay),
                       "to_modal: expected a residual of at most 1e-06, found inf (5 poles at z = 0; modes need simple "
                       "poles apart from one another, to_cascade takes repeated ones)");
}

TEST_CASE("repeated and crowded poles are refused with the figure", "[conversion]") {
  const DirectForm twice{0, Eigen::Vector2d(1, 1), Eigen::Vector2d(-1, 0.25)};
  CHECK_THROWS_MESSAGE(NumericalError, to_modal(twice), "2 poles at z = 0.5");

  // Poles a step apart: the residues are 1 / step and cancel; the residual is of rounding by as much.
  for (const double step : {1e-2, 1e-4, 1e-6}) {
    const DirectForm close{0, Eigen::Vector2d(1, 0), Eigen::Vector2d(-(1 + step), 0.25 + step / 2)};
    const Certified<ModalForm> modes = to_modal(close, {.tolerance = 1});
    CAPTURE(step, modes.certificate.residual);
    CHECK(modes.certificate.condition > 0.2 / step);
    CHECK(modes.certificate.residual < 1e-16 * 20 / step);
  }

  ModalForm near_one{0, Eigen::VectorXcd(8), Eigen::VectorXcd::Ones(8)};
  for (Index i = 0; i < 8; ++i) near_one.poles[i] = {1 - 1e-3 * static_cast<double>(i + 1), 1e-3};
  const std::string refused = message_of<NumericalError>([&] { to_direct_form(near_one); });
  CHECK(contains(refused, "to_direct_form: expected a residual of at most 1e-06, found "));
  CHECK(contains(refused, "(16 poles within 0.0081 of z = 1)"));
  const ModalForm few{0, near_one.poles.head(2), near_one.residues.head(2)};
  const Certified<DirectForm> unasked = to_direct_form(few, {.tolerance = 1});
  CHECK(unasked.certificate.residual > 1e-9);  // allowed, and told
  CHECK(unasked.certificate.condition > 1e9);
}

TEST_CASE("poles on the circle and outside it convert where their taps stay finite", "[conversion]") {
  const DirectForm integrator{0, Eigen::VectorXd::Ones(1), Eigen::VectorXd::Constant(1, -1)};
  const Certified<ModalForm> modes = to_modal(integrator);
  CHECK(modes.form.poles == Eigen::VectorXcd::Ones(1));
  CHECK(modes.form.residues == Eigen::VectorXcd::Ones(1));
  CHECK(modes.certificate.length == 16384);
  const Certified<DirectForm> back = to_direct_form(modes.form);
  CHECK(back.form.denominator == integrator.denominator);
  CHECK(back.certificate.condition == std::numeric_limits<double>::max());
  const DirectForm growing{0, Eigen::VectorXd::Ones(1), Eigen::VectorXd::Constant(1, -1.25)};
  CHECK(to_modal(growing).certificate.residual == 0);
  const DirectForm bursting{0, Eigen::VectorXd::Ones(1), Eigen::VectorXd::Constant(1, -1e8)};
  CHECK_THROWS_MESSAGE(NumericalError, to_modal(bursting), "found inf");
}

TEST_CASE("bad forms and options are refused in words", "[conversion]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const DirectForm good{0, Eigen::VectorXd::Ones(1), Eigen::VectorXd::Constant(1, -0.5)};
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_modal(good, {.tolerance = -1}),
                       "to_modal: expected a finite tolerance of at least 0, found -1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_modal(good, {.tolerance = nan}), "found nan");
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_state_space(good, {.length = -1}),
                       "to_state_space: expected a length of at least 0, found -1");
  DirectForm bad = good;
  bad.denominator[0] = nan;
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_modal(bad), "to_modal: expected finite denominators, found nan at 0");
  bad = good;
  bad.numerator[0] = -std::numeric_limits<double>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_state_space(bad),
                       "to_state_space: expected finite numerators, found -inf at 0");
  bad = good;
  bad.skip = nan;
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_modal(bad), "to_modal: expected finite skip");
  ModalForm modes{0, Eigen::VectorXcd::Constant(2, 0.5), Eigen::VectorXcd::Ones(1)};
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_direct_form(modes),
                       "to_direct_form: expected a residue for each of 2 poles, found 1");
  modes.residues = Eigen::VectorXcd::Constant(2, std::complex<double>(0, 1));
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_direct_form(modes),
                       "to_direct_form: expected a real residue of the real pole 0, found 0+1i");
  modes.residues[0] = nan;
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_direct_form(modes),
                       "to_direct_form: expected finite residues, found one that is not at 0");
  CHECK_THROWS_MESSAGE(NumericalError, to_direct_form(to_modal(Butterworth().direct()).form, {.tolerance = 0}),
                       "to_direct_form: expected a residual of at most 0, found ");
  CHECK(to_modal(good, {.length = 7}).certificate.length == 7);
}
