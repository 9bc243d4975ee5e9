// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/state_space_conversion.hpp>

#include <cmath>
#include <complex>
#include <limits>

#include <tessera/ssm/cascade_conversion.hpp>
#include <tessera/ssm/parallel_conversion.hpp>

#include "ssm/filter_cases.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

/// A dense system with spectral radius 0.9: rounding of the poles is told 1 / (1 - 0.9) times at most.
StateSpaceForm random_system(Index order, std::uint64_t seed) {
  const Eigen::MatrixXd a = random_normal<double>(order, order, seed);
  const double radius = Eigen::EigenSolver<Eigen::MatrixXd>(a, false).eigenvalues().cwiseAbs().maxCoeff();
  return {0.9 / radius * a, random_normal<double>(order, 1, seed + 1).col(0),
          random_normal<double>(1, order, seed + 2).row(0), 0.5};
}

}  // namespace

TEST_CASE("any states become a quotient with the same taps", "[conversion]") {
  for (Index order = 1; order <= 12; ++order) {
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      CAPTURE(order, seed);
      const StateSpaceForm given = random_system(order, 100 * seed + static_cast<std::uint64_t>(order));
      const Certified<DirectForm> made = to_direct_form(given);
      const Index length = made.certificate.length;
      const std::vector<long double> taps = naive_states(given, length);
      const double residual = relative(taps, naive_impulse(made.form.numerator, made.form.denominator, 0.5, length));
      CHECK(made.form.skip == 0.5);
      CHECK(residual < 1e-12);
      CHECK(std::abs(residual - made.certificate.residual) < 1e-17);
      CHECK(residual <= 1e-15 * made.certificate.condition);
    }
  }
}

TEST_CASE("states become modes with the condition of their eigenvectors", "[conversion]") {
  for (Index order = 1; order <= 12; ++order) {
    const StateSpaceForm given = random_system(order, static_cast<std::uint64_t>(order));
    const Certified<ModalForm> made = to_modal(given);
    CHECK(made.form.order() == order);
    CHECK(made.certificate.condition >= 1 - 1e-12);
    CHECK(made.certificate.residual < 1e-14 * made.certificate.condition * static_cast<double>(order));
    CHECK(relative(naive_states(given, 200), naive_modal(made.form, 200)) <= made.certificate.residual + 1e-18);
  }
  // A normal matrix has orthogonal eigenvectors; [1 1; 0 1 - e] has unit ones that almost agree: condition 1 / e, and
  // (columns (1, 0) and (1, -e) / sqrt(1 + e^2)) the Frobenius norm of the inverse is sqrt(2 + 2 / e^2) for small e.
  const StateSpaceForm normal{(Eigen::MatrixXd(2, 2) << 0.6, -0.5, 0.5, 0.6).finished(), Eigen::Vector2d(1, 0),
                              Eigen::RowVector2d(1, 0), 0};
  CHECK(std::abs(to_modal(normal).certificate.condition - 1) < 1e-14);
  const double e = 1e-3;
  const StateSpaceForm sheared{(Eigen::MatrixXd(2, 2) << 0.5, 1, 0, 0.5 - e).finished(), Eigen::Vector2d(1, 1),
                               Eigen::RowVector2d(1, 1), 0};
  CHECK(std::abs(to_modal(sheared).certificate.condition * e - 1) < 1e-3);
}

TEST_CASE("modes become blocks of states and modes again", "[conversion]") {
  SplitMix random(5);
  for (Index order = 1; order <= 16; ++order) {
    const ModalForm given = random_modes(order / 2, order % 2, 0.98, random);
    const Certified<StateSpaceForm> states = to_state_space(given);
    const Index length = states.certificate.length;
    CHECK(states.form.order() == order);
    CHECK(std::abs(states.form.b.norm() - states.form.c.norm()) < 1e-12 * states.form.b.norm());
    CHECK(relative(naive_modal(given, length), naive_states(states.form, length)) < 1e-15);
    const Certified<ModalForm> back = to_modal(states.form);
    CHECK(relative(naive_modal(given, length), naive_modal(back.form, length)) < 1e-12);
    CHECK(std::abs(back.certificate.condition - 1) < 1e-12);  // blocks of rotations are normal
  }
  const ModalForm silent{1, Eigen::VectorXcd::Constant(1, {0.5, 0.5}), Eigen::VectorXcd::Zero(1)};
  CHECK(to_state_space(silent).certificate.residual == 0);
}

TEST_CASE("all realisations of a filter share their taps", "[conversion]") {
  SplitMix random(11);
  for (Index order = 1; order <= 8; ++order) {
    for (Index trial = 0; trial < 3; ++trial) {
      CAPTURE(order, trial);
      const ModalForm modes = random_modes(order / 2, order % 2, 0.9, random);
      const std::vector<long double> taps = naive_modal(modes, 300);
      const DirectForm direct = to_direct_form(modes).form;
      const StateSpaceForm companion = to_state_space(direct).form, blocks = to_state_space(modes).form;
      CHECK(relative(taps, impulse_response(direct, 300)) < 1e-10);
      CHECK(relative(taps, impulse_response(companion, 300)) < 1e-10);
      CHECK(relative(taps, impulse_response(blocks, 300)) < 1e-12);
      CHECK(relative(taps, impulse_response(to_parallel(modes).form, 300)) < 1e-12);
      CHECK(relative(taps, impulse_response(to_cascade(modes).form, 300)) < 1e-11);
      CHECK(relative(taps, impulse_response(to_modal(companion).form, 300)) < 1e-10);
      CHECK(relative(taps, impulse_response(to_direct_form(blocks).form, 300)) < 1e-10);
    }
  }
}

TEST_CASE("a change of coordinates changes neither taps nor quotient", "[conversion]") {
  for (Index order = 1; order <= 8; ++order) {
    CAPTURE(order);
    const StateSpaceForm given = random_system(order, 40 + static_cast<std::uint64_t>(order));
    const Eigen::MatrixXd t = random_normal<double>(order, order, 77);
    const Certified<StateSpaceForm> moved = transform_states(given, t);
    const double allowed = 1e-14 * moved.certificate.condition * static_cast<double>(order * order);
    CHECK(moved.certificate.residual < allowed);
    CHECK(relative(naive_states(given, 200), naive_states(moved.form, 200)) < allowed);
    CHECK(std::abs(moved.certificate.condition - t.norm() * t.inverse().norm() / static_cast<double>(order)) <
          1e-9 * moved.certificate.condition);
    const DirectForm a = to_direct_form(given).form, b = to_direct_form(moved.form).form;
    CHECK((a.denominator - b.denominator).norm() < 1e-10 * (1 + a.denominator.norm()));
    CHECK((a.numerator - b.numerator).norm() < 1e-10 * (1 + a.numerator.norm()));
  }
}

TEST_CASE("balancing undoes a bad choice of units without rounding", "[conversion]") {
  StateSpaceForm bad = random_system(6, 3);
  for (Index i = 0; i < 6; ++i) {
    const double unit = std::pow(10.0, 4 * static_cast<double>(i) - 10);
    bad.a.row(i) *= unit;
    bad.a.col(i) /= unit;
    bad.b[i] *= unit;
    bad.c[i] /= unit;
  }
  const Certified<StateSpaceForm> made = balanced(bad);
  CHECK(made.certificate.residual == 0);
  CHECK(made.certificate.condition > 1e18);
  CHECK(made.form.a.cwiseAbs().maxCoeff() < 10);
  CHECK(made.form.b.cwiseAbs().maxCoeff() < 30);
  CHECK(made.form.c.cwiseAbs().maxCoeff() < 30);
  for (Index i = 0; i < 36; ++i) {  // each entry was multiplied by a power of two
    int exponent = 0;
    CHECK(std::frexp(made.form.a.data()[i] / bad.a.data()[i], &exponent) == 0.5);
  }
  CHECK(balanced(made.form).form.a == made.form.a);
}

TEST_CASE("LegS becomes a quotient at large steps and is refused at small ones", "[conversion]") {
  for (const Index order : {2, 4, 8, 12}) {
    const StateSpaceForm given = bilinear_legs(order, 0.1);
    const Certified<DirectForm> made = to_direct_form(given);
    CHECK(made.certificate.residual < 1e-9);
    CHECK(relative(naive_states(given, 1024),
                   naive_impulse(made.form.numerator, made.form.denominator, made.form.skip, 1024)) < 1e-9);
  }
  for (const Index order : {8, 10, 12, 16}) {
    CAPTURE(order);
    const std::string refused = message_of<NumericalError>([&] { to_direct_form(bilinear_legs(order, 1e-3)); });
    CHECK(contains(refused, "to_direct_form: expected a residual of at most 1e-06, found "));
    CHECK(contains(refused, fmt::format("({} poles within ", order)));
    CHECK(contains(refused, "of z = 1)"));
  }
  CHECK(to_direct_form(bilinear_legs(4, 1e-3), {.tolerance = 1e-4}).certificate.residual > 1e-8);  // and says so
  // Eigenvectors of dense LegS: condition 86 at order 4, 8e4 at order 8 by the 2-norm, which is between 1 and n times
  // the mean that the certificate has.
  const double four = to_modal(bilinear_legs(4, 0.01)).certificate.condition;
  CHECK(four > 86. / 5);
  CHECK(four < 87);
  CHECK_THROWS_MESSAGE(NumericalError, to_modal(bilinear_legs(32, 0.01)), "the condition of the eigenvectors is ");
}

TEST_CASE("delays and other defective states keep their quotient and have no modes", "[conversion]") {
  for (const Index order : {1, 2, 5, 40}) {
    StateSpaceForm delay{Eigen::MatrixXd::Zero(order, order), Eigen::VectorXd::Unit(order, 0),
                         Eigen::RowVectorXd::Unit(order, order - 1), 0};
    delay.a.diagonal(-1).setOnes();
    const Certified<DirectForm> made = to_direct_form(delay);
    CHECK(made.form.denominator == Eigen::VectorXd::Zero(order));
    CHECK(made.form.numerator == Eigen::VectorXd::Unit(order, order - 1));
    CHECK(made.certificate.residual == 0);
    CHECK(to_state_space(made.form).form.a == delay.a);
    if (order > 1)
      CHECK_THROWS_MESSAGE(NumericalError, to_modal(delay), "to_modal: expected a residual of at most 1e-06, found ");
  }
  const StateSpaceForm jordan{(Eigen::MatrixXd(2, 2) << 0.5, 1, 0, 0.5).finished(), Eigen::Vector2d(0, 1),
                              Eigen::RowVector2d(1, 0), 0};
  const std::string refused = message_of<NumericalError>([&] { to_modal(jordan); });
  CHECK(contains(refused, "the condition of the eigenvectors is "));
  CHECK(contains(refused, "2 poles at z = 0.5; modes need simple poles apart from one another, to_cascade takes"));
  CHECK(to_direct_form(jordan).form.denominator == Eigen::Vector2d(-1, 0.25));
  CHECK(to_direct_form(jordan).form.numerator == Eigen::Vector2d(0, 1));
}

TEST_CASE("states of order zero are a constant", "[conversion]") {
  const StateSpaceForm constant{{}, {}, {}, 3};
  CHECK(to_modal(constant).form.skip == 3);
  CHECK(to_direct_form(constant).form.skip == 3);
  CHECK(to_direct_form(constant).form.order() == 0);
  CHECK(to_state_space(ModalForm{3, {}, {}}).form.skip == 3);
  CHECK(balanced(constant).form.skip == 3);
  CHECK(transform_states(constant, Eigen::MatrixXd(0, 0)).form.skip == 3);
}

TEST_CASE("bad states are refused in words", "[conversion]") {
  StateSpaceForm bad = random_system(3, 1);
  bad.b.conservativeResize(2);
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_modal(bad),
                       "to_modal: expected a square A with B and C of its size, found A 3 x 3, B 2 and C 3");
  bad = random_system(3, 1);
  bad.a(1, 2) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_direct_form(bad), "to_direct_form: expected finite A, found nan at 7");
  CHECK_THROWS_MESSAGE(std::invalid_argument, balanced(bad), "balanced: expected finite A");
  const StateSpaceForm good = random_system(3, 1);
  CHECK_THROWS_MESSAGE(std::invalid_argument, transform_states(good, Eigen::MatrixXd::Ones(3, 2)),
                       "transform_states: expected a transform 3 x 3, found 3 x 2");
  CHECK_THROWS_MESSAGE(NumericalError, transform_states(good, Eigen::MatrixXd::Zero(3, 3)),
                       "(the condition of the transform is infinite)");
}
