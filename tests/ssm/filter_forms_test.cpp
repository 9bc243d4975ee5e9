// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/filter_forms.hpp>

#include <cmath>
#include <complex>

#include "reference/state_space.hpp"
#include "ssm/filter_cases.hpp"
#include "support/catch.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

// One filter with a real pole and a pair, in all forms; every form worked out by hand.
//
//   H(z) = 2 + 3 / (z - 0.5) + r / (z - p) + conj,  p = 0.6 + 0.6 i, r = 1 - 2 i
//
// |p|^2 = 0.72, 2 Re r = 2, -2 Re(r conj p) = -2 (0.6 - 1.2) = 1.2.
namespace {

constexpr Index length = 200;
constexpr double rounding = 1e-15;  // a few additions of numbers of about 1

ModalForm modal() {
  return {2, (Eigen::VectorXcd(2) << std::complex<double>(0.5), std::complex<double>(0.6, 0.6)).finished(),
          (Eigen::VectorXcd(2) << std::complex<double>(3), std::complex<double>(1, -2)).finished()};
}
std::vector<long double> expected() { return naive_modal(modal(), length); }

}  // namespace

TEST_CASE("modes add up to powers of their poles", "[forms]") {
  const ModalForm form = modal();
  CHECK(form.order() == 3);
  const Eigen::VectorXd taps = impulse_response(form, length);
  CHECK(taps[0] == 2);
  CHECK(taps[1] == 5);  // 3 + 2 Re r
  CHECK(std::abs(taps[2] - (1.5 + 2 * (0.6 + 1.2))) < rounding);
  CHECK(relative(expected(), taps) < rounding);
}

TEST_CASE("sections in parallel have the taps of their modes", "[forms]") {
  const ParallelForm form{2, {{3, 0, -0.5, 0}, {2, 1.2, -1.2, 0.72}}};
  CHECK(relative(expected(), impulse_response(form, length)) < rounding);
}

TEST_CASE("a quotient of polynomials has the taps of its modes", "[forms]") {
  // 3 (z^2 - 1.2 z + 0.72) + (2 z + 1.2) (z - 0.5) = 5 z^2 - 3.4 z + 1.56
  const DirectForm form{2, (Eigen::VectorXd(3) << 5, -3.4, 1.56).finished(),
                        (Eigen::VectorXd(3) << -1.7, 1.32, -0.36).finished()};
  CHECK(form.order() == 3);
  CHECK(relative(expected(), impulse_response(form, length)) < 4 * rounding);
  CHECK(relative(naive_impulse(form.numerator, form.denominator, form.skip, length), impulse_response(form, length)) <
        4 * rounding);
}

TEST_CASE("a state space has the taps of its modes", "[forms]") {
  const Eigen::MatrixXd a = (Eigen::MatrixXd(3, 3) << 0.5, 0, 0, 0, 0.6, -0.6, 0, 0.6, 0.6).finished();
  const StateSpaceForm form{a, Eigen::Vector3d(1, 1, 0), Eigen::RowVector3d(3, 2, 4), 2};
  CHECK(form.order() == 3);
  CHECK(relative(expected(), impulse_response(form, length)) < rounding);
}

TEST_CASE("cascades and zeros with poles have the taps of their product", "[forms]") {
  // (z^2 - 2 z + 1.25) (z + 0.25) / ((z^2 - 1.2 z + 0.72) (z - 0.5)), and with one zero less
  using Complex = std::complex<double>;
  for (const bool delayed : {false, true}) {
    const CascadeForm cascade{{{3, -6, 3.75, -1.2, 0.72}, {delayed ? 0. : 1., delayed ? 1 : 0.25, 0, -0.5, 0}}};
    ZerosPolesGain form{(Eigen::VectorXcd(3) << Complex(1, 0.5), Complex(1, -0.5), Complex(-0.25)).finished(),
                        (Eigen::VectorXcd(3) << Complex(0.5), Complex(0.6, 0.6), Complex(0.6, -0.6)).finished(), 3};
    if (delayed) form.zeros.conservativeResize(2);
    const std::vector<long double> taps = naive_cascade(cascade, length);
    CHECK(relative(taps, impulse_response(cascade, length)) < rounding);
    CHECK(relative(taps, impulse_response(form, length)) < 2 * rounding);
    CHECK(taps[0] == (delayed ? 0 : 3));
  }
}

TEST_CASE("a lattice of order two has the taps of its quotient", "[forms]") {
  // A_1 = 1 + k_1 z^-1, A_2 = 1 + k_1 (1 + k_2) z^-1 + k_2 z^-2; taps v_0 + v_1 (k_1 + z^-1) + v_2 (k_2 + ... + z^-2).
  const double k1 = 0.5, k2 = -0.25;
  const LatticeForm form{Eigen::Vector2d(k1, k2), Eigen::Vector3d(1, 2, 3)};
  CHECK(form.order() == 2);
  const double a1 = k1 * (1 + k2), top0 = 1 + 2 * k1 + 3 * k2, top1 = 2 + 3 * a1, top2 = 3;
  const DirectForm direct{top0, Eigen::Vector2d(top1 - top0 * a1, top2 - top0 * k2), Eigen::Vector2d(a1, k2)};
  CHECK(relative(naive_impulse(direct.numerator, direct.denominator, direct.skip, length),
                 impulse_response(form, length)) < rounding);
}

TEST_CASE("taps of every form come in long double, and nearer to the truth", "[forms]") {
  const ModalForm form{0, Eigen::VectorXcd::Constant(1, std::polar(0.9999, 0.7)), Eigen::VectorXcd::Ones(1)};
  const std::vector<long double> taps = naive_modal(form, 5000);
  const auto wide = impulse_response<long double>(form, 5000);
  long double worst = 0;
  for (std::size_t t = 0; t < taps.size(); ++t)
    worst = std::max(worst, std::abs(taps[t] - wide[static_cast<Index>(t)]));
  CHECK(worst < (sizeof(long double) > 8 ? 1e-15L : 1e-12L));  // 5000 steps of half an ulp each
  CHECK(relative(taps, impulse_response(form, 5000)) < 1e-12);
  const Butterworth filter;
  CHECK((impulse_response(filter.direct(), 9) - filter.impulse).cwiseAbs().maxCoeff() < 1e-15);  // printed to 15 digits
}

TEST_CASE("forms of order zero and responses without taps are defined", "[forms]") {
  CHECK(impulse_response(DirectForm{3, {}, {}}, 3) == Eigen::Vector3d(3, 0, 0));
  CHECK(impulse_response(ModalForm{3, {}, {}}, 3) == Eigen::Vector3d(3, 0, 0));
  CHECK(impulse_response(ParallelForm{3, {}}, 3) == Eigen::Vector3d(3, 0, 0));
  CHECK(impulse_response(CascadeForm{}, 3) == Eigen::Vector3d(1, 0, 0));
  CHECK(impulse_response(ZerosPolesGain{{}, {}, 3}, 3) == Eigen::Vector3d(3, 0, 0));
  CHECK(impulse_response(StateSpaceForm{{}, {}, {}, 3}, 3) == Eigen::Vector3d(3, 0, 0));
  CHECK(impulse_response(LatticeForm{{}, Eigen::VectorXd::Constant(1, 3)}, 3) == Eigen::Vector3d(3, 0, 0));
  CHECK(impulse_response(modal(), 0).size() == 0);
  CHECK(impulse_response(CascadeForm{{{}}}, 0).size() == 0);
  CHECK(impulse_response(ZerosPolesGain{}, 0).size() == 0);
  CHECK(impulse_response(DirectForm{1, Eigen::Vector3d(0, 0, 7), {}}, 5) ==
        (Eigen::VectorXd(5) << 1, 0, 0, 7, 0).finished());  // numerators may be longer
}
