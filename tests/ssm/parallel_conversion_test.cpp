// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/parallel_conversion.hpp>

#include <cmath>
#include <complex>
#include <limits>

#include "ssm/filter_cases.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;

TEST_CASE("modes become sections and modes again", "[conversion]") {
  SplitMix random(1);
  for (Index order = 1; order <= 16; ++order) {
    for (const Index reals : {order % 2, order % 2 + 2}) {
      if (reals > order) continue;
      CAPTURE(order, reals);
      const ModalForm given = random_modes((order - reals) / 2, reals, 0.98, random);
      const Certified<ParallelForm> made = to_parallel(given);
      CHECK(static_cast<Index>(made.form.sections.size()) == given.poles.size());
      CHECK(made.certificate.residual < 1e-13);  // eps / (1 - 0.98), and small angles
      const std::vector<long double> taps = naive_modal(given, 300);
      CHECK(relative(taps, impulse_response(made.form, 300)) < 1e-12);
      const Certified<ModalForm> back = to_modal(made.form);
      CHECK(back.form.poles.size() == given.poles.size());
      CHECK((back.form.poles - given.poles).cwiseAbs().maxCoeff() < 1e-14);
      CHECK((back.form.residues - given.residues).cwiseAbs().maxCoeff() < 1e-13);
      CHECK(relative(taps, naive_modal(back.form, 300)) < 1e-12);
    }
  }
}

TEST_CASE("a section of two real poles has two modes", "[conversion]") {
  // (z - 0.5) (z + 0.25) = z^2 - 0.25 z - 0.125; (2 z + 1) / it: 2 / 0.75 and 0.5 / -0.75
  const ModalForm modes = to_modal(ParallelForm{1, {{2, 1, -0.25, -0.125}}}).form;
  REQUIRE(modes.poles.size() == 2);
  CHECK(modes.order() == 2);
  CHECK(modes.poles == (Eigen::VectorXcd(2) << 0.5, -0.25).finished());
  CHECK(std::abs(modes.residues[0] - 8.0 / 3) < 1e-15);
  CHECK(std::abs(modes.residues[1] + 2.0 / 3) < 1e-15);
  // Of order one by its own coefficients; with another pole at 0; a tap alone is a pole at 0.
  CHECK(to_modal(ParallelForm{0, {{2, 0, -0.5, 0}}}).form.poles == Eigen::VectorXcd::Constant(1, 0.5));
  CHECK(to_modal(ParallelForm{0, {{2, 1, -0.5, 0}}}).form.poles == (Eigen::VectorXcd(2) << 0.5, 0).finished());
  CHECK(to_modal(ParallelForm{0, {{2, 0, 0, 0}}}).form.poles == Eigen::VectorXcd::Zero(1));
  CHECK(to_modal(ParallelForm{0, {{0, 0, 0, 0}}}).form.poles.size() == 0);
  CHECK(to_modal(ParallelForm{3, {}}).form.skip == 3);
  CHECK(to_parallel(ModalForm{3, {}, {}}).form.skip == 3);
}

TEST_CASE("a section with two equal poles is refused with the figure", "[conversion]") {
  CHECK_THROWS_MESSAGE(
      NumericalError, to_modal(ParallelForm{0, {{1, 1, -1, 0.25}}}),
      "to_modal: expected a residual of at most 1e-06, found inf (2 poles at z = 0.5; modes need simple "
      "poles apart from one another, to_cascade takes repeated ones)");
  CHECK_THROWS_MESSAGE(NumericalError, to_modal(ParallelForm{0, {{0, 1, 0, 0}}}), "2 poles at z = 0;");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_modal(ParallelForm{0, {{1, nan, -1, 0.25}}}),
                       "to_modal: expected finite sections, found nan at 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_parallel(ModalForm{nan, {}, {}}), "to_parallel: expected finite skip");
}
