// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/lattice.hpp>

#include <cmath>
#include <limits>
#include <utility>

#include <tessera/ssm/model.hpp>

#include "fft/convolution_cases.hpp"
#include "reference/state_space.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"
#include "support/sanitized.hpp"

using namespace tessera;
using namespace tessera::testing;

static_assert(SequenceModel<LatticeFilter<float>>);

namespace {

Eigen::VectorXd random_reflection(Index order, double largest, std::uint64_t seed) {
  SplitMix random(seed);
  Eigen::VectorXd k(order);
  for (double& value : k) value = random.uniform(-largest, largest);
  return k;
}

Eigen::VectorXd random_vector(Index size, std::uint64_t seed) {
  return random_normal<double>(1, size, seed).transpose();
}

}  // namespace

TEST_CASE("step-down recovers what step-up was made of, and the poles are inside", "[lattice]") {
  for (Index order = 0; order <= 32; ++order) {
    for (const double largest : {0.5, 0.95}) {
      for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        const Eigen::VectorXd k = random_reflection(order, largest, seed), a = step_up(k);
        const double condition = detail::lattice_condition(k);
        CAPTURE(order, largest, seed, condition);
        // The polynomial is rounded, 1e-16, and step-down amplifies that by the condition at most. Up to order 12, or
        // with |k| < 1/2, this is well below 1e-10; at order 32 with |k| < 0.95 the condition reaches 1e22, and of k
        // some 1e-4 are lost, whatever the algorithm.
        const double error = order == 0 ? 0 : (step_down(a) - k).cwiseAbs().maxCoeff();
        CHECK(error <= 1e-14 + 1e-15 * condition);
        if (order <= 12 || largest < 0.6) CHECK(error < 1e-10);
        CHECK(stability(a).verdict == Stability::stable);
        if (order > 0 && order <= 8) CHECK(pole_radius(a) < 1);
      }
    }
  }
}

TEST_CASE("a first and a second order by hand", "[lattice]") {
  Eigen::VectorXd k(2);
  k << -0.5, 0.25;
  const Eigen::VectorXd a = step_up(k);  // k_2 = a_2, a_1 = k_1 (1 + k_2)
  CHECK(a[0] == -0.625);
  CHECK(a[1] == 0.25);
  const LatticeForm one = to_lattice({2, Eigen::VectorXd::Constant(1, 3), Eigen::VectorXd::Constant(1, -0.5)}).form;
  CHECK(one.reflection[0] == -0.5);
  CHECK(one.taps[1] == 2);  // c = (2, 3 + 2 a_1) = (2, 2); v_1 = 2, v_0 = 2 - 2 (-1/2)
  CHECK(one.taps[0] == 3);
}

TEST_CASE("direct form to lattice and back, with certificates", "[lattice]") {
  for (const Index order : {0, 1, 2, 5, 12, 24}) {
    CAPTURE(order);
    DirectForm form;
    form.denominator = step_up(random_reflection(order, 0.7, 3));
    form.numerator = random_vector(order, 4);
    form.skip = 0.7;
    const Certified<LatticeForm> lattice = to_lattice(form);
    CHECK(lattice.certificate.residual < 1e-12);
    CHECK(lattice.certificate.condition >= 1);
    CHECK(lattice.certificate.length >= 64);
    const std::vector<long double> exact = naive_impulse(form.numerator, form.denominator, form.skip, 300);
    const Eigen::VectorXd taps = impulse_response(lattice.form, 300);
    for (Index t = 0; t < 300; ++t)
      CHECK(std::abs(taps[t] - static_cast<double>(exact[static_cast<std::size_t>(t)])) < 1e-10);
    const Certified<DirectForm> direct = to_direct_form(lattice.form);
    CHECK(direct.certificate.residual < 1e-12);
    CHECK((direct.form.denominator - form.denominator).norm() <= 1e-10 * (1 + form.denominator.norm()));
    CHECK((direct.form.numerator - form.numerator).norm() <= 1e-10 * (1 + form.numerator.norm()));
    CHECK(std::abs(direct.form.skip - form.skip) < 1e-10);
  }
  DirectForm shorter{1, Eigen::VectorXd::Constant(1, 2), step_up(random_reflection(3, 0.5, 1))};
  CHECK(to_lattice(shorter).certificate.residual < 1e-14);
}

TEMPLATE_TEST_CASE("the lattice filter's modes agree with the difference equation", "[lattice]", float, double) {
  const double tolerance = sizeof(TestType) == 4 ? 1e-5 : 1e-13;
  for (const Index order : {0, 1, 2, 3, 8, 17}) {
    for (const Index length : {0, 1, 2, 3, 17, 18, 31, 128}) {
      const Index channels = 2;
      RowMatrix<TestType> k(channels, order), v(channels, order + 1);
      for (Index c = 0; c < channels; ++c) {
        k.row(c) = random_reflection(order, 0.6, static_cast<std::uint64_t>(c + 1)).cast<TestType>().transpose();
        v.row(c) = random_vector(order + 1, static_cast<std::uint64_t>(c + 5)).cast<TestType>().transpose();
      }
      const LatticeFilter<TestType> filter(k, v);
      const RowMatrix<TestType> taps = filter.kernel(length);
      REQUIRE(taps.cols() == length);
      for (Index c = 0; c < channels && length > 0; ++c) {
        const LatticeForm form{k.row(c).template cast<double>().transpose(),
                               v.row(c).template cast<double>().transpose()};
        const DirectForm direct = to_direct_form(form).form;
        const auto exact = naive_impulse(direct.numerator, direct.denominator, direct.skip, length);
        for (Index t = 0; t < length; ++t)
          REQUIRE(std::abs(static_cast<double>(taps(c, t)) - static_cast<double>(exact[static_cast<std::size_t>(t)])) <
                  tolerance * v.template cast<double>().cwiseAbs().sum());
      }
      const RowMatrix<TestType> u = random_normal<TestType>(channels, length, 9);
      RowMatrix<TestType> whole(channels, length), y(channels, length);
      auto state = filter.initial_state(), parts = state, single = state;
      filter.chunk(state, signals(u), signals(whole));
      for (Index t = 0; t < length; t += 5) {
        const Index count = std::min<Index>(5, length - t);
        filter.chunk(parts, signals(u.middleCols(t, count)), signals(y.middleCols(t, count)));
      }
      CHECK(same_bits(y, whole));
      CHECK(same_bits(parts, state));
      for (Index t = 0; t < length; ++t) {
        TestType sample[2] = {u(0, t), u(1, t)};
        filter.step(single, sample, sample);
        REQUIRE(std::abs(sample[1] - whole(1, t)) < tolerance * v.template cast<double>().cwiseAbs().sum());
      }
      auto prefilled = filter.initial_state();
      filter.prefill(prefilled, signals(u));
      CHECK(same_bits(prefilled, state));
    }
  }
}

TEST_CASE("what a lattice refuses", "[lattice]") {
  DirectForm form{0, Eigen::VectorXd::Zero(2), Eigen::VectorXd::Zero(2)};
  form.denominator << -2.5, 1;
  CHECK_THROWS_MESSAGE(NumericalError, to_lattice(form),
                       "step_down: expected reflection coefficients inside (-1, 1), found 1 at degree 2 of 2");
  form.denominator << 0.1, 0.2;
  form.numerator = Eigen::VectorXd::Zero(3);
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_lattice(form),
                       "to_lattice: expected a numerator of at most 2 coefficients, found 3");
  form.numerator = Eigen::VectorXd::Zero(2);
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_lattice(form, {.tolerance = -1}),
                       "to_lattice: expected a finite tolerance of at least 0, found -1");
  form.denominator[1] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_lattice(form),
                       "to_lattice: expected finite denominators, found nan at 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, step_up(form.denominator),
                       "step_up: expected finite reflection coefficients, found nan at 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, to_direct_form({Eigen::VectorXd::Zero(2), Eigen::VectorXd::Zero(2)}),
                       "to_direct_form: expected 3 taps for 2 reflection coefficients, found 2");
  CHECK_THROWS_MESSAGE(NumericalError, step_up(Eigen::VectorXd::Constant(8, 1e200)),
                       "step_up: expected finite coefficients, found an overflow");
  const auto crowded = [] {  // a denominator that has no digits left: 40 reflection coefficients near 1
    return to_direct_form({Eigen::VectorXd::Constant(40, 0.98), Eigen::VectorXd::Ones(41)}, {.tolerance = 1e-12});
  };
  CHECK_THROWS_MESSAGE(NumericalError, crowded(), "to_direct_form: expected a residual of at most 1e-12, found");

  using Filter = LatticeFilter<float>;
  CHECK_THROWS_MESSAGE(std::invalid_argument, Filter(RowMatrix<float>(2, 3), RowMatrix<float>(2, 3)),
                       "LatticeFilter: expected taps of 2 x 4, found 2 x 3");
  RowMatrix<float> k = RowMatrix<float>::Zero(1, 1), v = RowMatrix<float>::Ones(1, 2);
  const Filter filter(k, v);
  auto state = filter.initial_state();
  float bad = std::numeric_limits<float>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.step(state, &bad, &bad), "LatticeFilter: expected finite samples");
  RowMatrix<float> wrong(1, 2);
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.prefill(wrong, signals(std::as_const(v))),
                       "LatticeFilter: expected a state of 1 x 1, found 1 x 2");
  k(0, 0) = 3;
  CHECK_THROWS_MESSAGE(NumericalError, Filter(k, v).kernel(1000),
                       "LatticeFilter: expected finite results, found an overflow");
  k(0, 0) = bad;
  CHECK_THROWS_MESSAGE(std::invalid_argument, Filter(k, v),
                       "LatticeFilter: expected finite reflection coefficients and taps");
}

TEST_CASE("a lattice step allocates nothing", "[lattice]") {
  if (sanitized) return;
  const LatticeFilter<double> filter(random_uniform<double>(3, 9, 1, -0.5, 0.5), random_normal<double>(3, 10, 2));
  auto state = filter.initial_state();
  double u[3] = {1, 2, 3};
  CHECK(allocations_in([&] { filter.step(state, u, u); }) == 0);
}
