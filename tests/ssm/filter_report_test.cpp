// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/filter_report.hpp>

#include <cmath>
#include <complex>
#include <limits>
#include <vector>

#include <tessera/fft/real_fourier.hpp>

#include "ssm/filter_cases.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

using Complex = std::complex<double>;

/// The share of the energy beyond `length` taps, added up in long double to where nothing is left.
double tail_of(const ModalForm& form, Index length, double* energy = nullptr) {
  const std::vector<long double> taps = naive_modal(form, 20000);
  long double all = 0, rest = 0;
  for (std::size_t t = taps.size(); t-- > 0;) {
    all += taps[t] * taps[t];
    if (static_cast<Index>(t) >= length) rest += taps[t] * taps[t];
  }
  if (energy != nullptr) *energy = static_cast<double>(all);
  return static_cast<double>(rest / all);
}

}  // namespace

TEST_CASE("the tail beyond a kernel is what adding up gives, of modes and of states", "[report]") {
  SplitMix random(1);
  for (const Index order : {1, 2, 5, 8}) {
    for (const Index length : {1, 2, 3, 17, 100, 777}) {
      CAPTURE(order, length);
      const ModalForm modes = random_modes(order / 2, order % 2, 0.995, random);
      double energy = 0;
      const double tail = tail_of(modes, length, &energy);
      const StateSpaceForm states = to_state_space(modes).form;
      for (const FilterReport& report :
           {filter_report(modes, {.length = length}), filter_report(states, {.length = length}),
            filter_report(to_direct_form(modes).form, {.length = length})}) {
        REQUIRE(report.tail.has_value());
        // The quotient's coefficients are rounded: its poles are 1e-13 off, and 777 taps know.
        CHECK(std::abs(*report.tail - tail) < 1e-9 * tail + 1e-16);
        CHECK(std::abs(*report.energy - energy) < 1e-9 * energy);
        CHECK(report.order == order);
        CHECK(report.stable);
        CHECK(std::abs(report.spectral_radius - modes.poles.cwiseAbs().maxCoeff()) < 1e-9);
      }
    }
  }
}

TEST_CASE("one pole has its tail in closed form", "[report]") {
  const ModalForm one{0, Eigen::VectorXcd::Constant(1, 0.9), Eigen::VectorXcd::Constant(1, 2)};
  const FilterReport report = filter_report(one, {.length = 11});
  CHECK(std::abs(*report.energy - 4 / (1 - 0.81)) < 1e-13);
  CHECK(std::abs(*report.tail - std::pow(0.81, 10)) < 1e-15);  // taps 0 ... 10 are in; tap 0 is 0
  CHECK(std::abs(report.spectral_radius - 0.9) < 1e-16);
  CHECK(report.node == 0);
  CHECK(std::abs(report.node_distance - 0.1) < 1e-15);
  // ||a||_1 = 1.9, and the least |A| is 0.1 at z = 1.
  CHECK(std::abs(report.predicted_double_error - 19 * 0x1p-52) < 1e-25);
  CHECK(std::abs(report.predicted_float_error - 19 * 0x1p-23) < 1e-16);
  CHECK(report.modal_condition == 1);
  CHECK(report.recommended == RecurrenceForm::direct);
}

TEST_CASE("a finite response has a tail only while it lasts", "[report]") {
  const DirectForm finite{1, Eigen::Vector3d(0, 2, 2), Eigen::Vector3d(0, 0, 0)};
  CHECK(*filter_report(finite, {.length = 3}).tail == 4.0 / 9);
  CHECK(*filter_report(finite, {.length = 4}).tail == 0);
  CHECK(std::abs(filter_report(finite).predicted_double_error * 0x1p52 - 1) < 1e-12);  // A = 1
  const FilterReport constant = filter_report(DirectForm{2, {}, {}});
  CHECK(constant.order == 0);
  CHECK(*constant.energy == 4);
  CHECK(*constant.tail == 0);
  CHECK(constant.node_distance == 1);
  CHECK(*filter_report(ModalForm{0, {}, {}}).tail == 0);
  CHECK(*filter_report(StateSpaceForm{{}, {}, {}, 2}).energy == 4);
}

TEST_CASE("a pole on a node is told, and which", "[report]") {
  for (const Index length : {7, 8, 1000}) {
    for (const Index node : {0, 1, 3}) {
      const double angle = 2 * 3.141592653589793 * static_cast<double>(node) / static_cast<double>(length);
      ModalForm form{0, Eigen::VectorXcd::Constant(2, 0.3), Eigen::VectorXcd::Ones(2)};
      form.poles[1] = node == 0 ? Complex(1) : std::polar(1.0, angle);
      const FilterReport report = filter_report(form, {.length = length});
      CHECK(report.node == node);
      CHECK(report.node_distance < 1e-15);
      CHECK(report.predicted_double_error > 0.05);
    }
  }
  const DirectForm alternating{0, Eigen::VectorXd::Ones(1), Eigen::VectorXd::Ones(1)};  // its pole is -1
  const FilterReport report = filter_report(alternating, {.length = 8});
  CHECK(report.node == 4);
  CHECK(report.node_distance < 1e-15);
  CHECK_FALSE(report.stable);
  CHECK_FALSE(report.energy.has_value());
  CHECK_FALSE(report.tail.has_value());
  CHECK(filter_report(alternating, {.length = 7}).node_distance > 0.4);
}

TEST_CASE("the predicted error is above the error of a division of spectra, and not far above", "[report]") {
  // A kernel made in float by three transforms, against the same in long double.
  for (const double radius : {0.9, 0.99, 0.999}) {
    const Index length = 4096;
    CAPTURE(radius);
    const ModalForm modes{0, Eigen::VectorXcd::Constant(1, std::polar(radius, 1.0)), Eigen::VectorXcd::Ones(1)};
    const DirectForm form = to_direct_form(modes).form;
    RowMatrix<float> signals = RowMatrix<float>::Zero(2, length);
    signals(1, 0) = 1;
    for (Index i = 0; i < 2; ++i) {
      signals(0, i + 1) = static_cast<float>(form.numerator[i]);
      signals(1, i + 1) = static_cast<float>(form.denominator[i]);
    }
    const RealFourierTransform<float, FourierScale::inverse> transform(length);
    const RowMatrix<std::complex<float>> spectra = transform.forward(rows(signals));
    const RowMatrix<std::complex<float>> quotient = spectra.row(0).cwiseQuotient(spectra.row(1));
    const RowMatrix<float> kernel = transform.inverse(rows(quotient));
    // The kernel is folded: so is the reference.
    const std::vector<long double> taps = naive_impulse(form.numerator, form.denominator, 0, 8 * length);
    double worst = 0, peak = 0;
    for (Index t = 0; t < length; ++t) {
      long double folded = 0;
      for (Index m = 0; m < 8; ++m) folded += taps[static_cast<std::size_t>(t + m * length)];
      worst = std::max(worst, std::abs(static_cast<double>(folded) - static_cast<double>(kernel(0, t))));
      peak = std::max(peak, std::abs(static_cast<double>(folded)));
    }
    const double predicted = filter_report(form, {.length = length}).predicted_float_error;
    CHECK(worst / peak < predicted);
    CHECK(worst / peak > predicted / 100);
  }
}

TEST_CASE("crowded poles are for modes, repeated ones for cascades", "[report]") {
  ModalForm slow{0, Eigen::VectorXcd(4), Eigen::VectorXcd::Ones(4)};
  for (Index i = 0; i < 4; ++i) slow.poles[i] = std::polar(0.9995, 0.01 * static_cast<double>(i + 1));
  CHECK(filter_report(slow).recommended == RecurrenceForm::modal);
  CHECK(filter_report(slow).predicted_double_error > 1e-9);
  CHECK(filter_report(bilinear_legs(4, 0.001)).recommended == RecurrenceForm::modal);
  CHECK(filter_report(bilinear_legs(12, 0.001)).recommended == RecurrenceForm::cascade);
  const double p = 0.995;
  const DirectForm twice{0, Eigen::Vector2d(1, 1), Eigen::Vector2d(-2 * p, p * p)};
  CHECK(filter_report(twice).recommended == RecurrenceForm::cascade);
  CHECK(filter_report(twice).modal_condition > 1e6);
  CHECK(filter_report(Butterworth().direct(), {.tolerance = 1e-4}).recommended == RecurrenceForm::direct);
}

TEST_CASE("a report is a line of text", "[report]") {
  const ModalForm one{0, Eigen::VectorXcd::Constant(1, 0.5), Eigen::VectorXcd::Ones(1)};
  CHECK(describe(filter_report(one, {.length = 3})) ==
        "order 1, spectral radius 0.5 (stable), 0.062 of the energy lies beyond the kernel, a pole 0.5 from node 0, "
        "predicted error 3.6e-07 in float and 6.7e-16 in double, recommended form direct");
  const DirectForm integrator{0, Eigen::VectorXd::Ones(1), Eigen::VectorXd::Constant(1, -1)};
  CHECK(contains(describe(filter_report(integrator)), "spectral radius 1 (not stable), its energy is infinite"));
}

TEST_CASE("bad reports are refused in words", "[report]") {
  const ModalForm one{0, Eigen::VectorXcd::Constant(1, 0.5), Eigen::VectorXcd::Ones(1)};
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter_report(one, {.length = 0}),
                       "filter_report: expected a length of at least 1, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter_report(one, {.tolerance = 0}),
                       "filter_report: expected a positive finite tolerance");
  DirectForm bad{0, Eigen::VectorXd::Ones(1), Eigen::VectorXd::Constant(1, std::numeric_limits<double>::infinity())};
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter_report(bad), "filter_report: expected finite denominators");
}
