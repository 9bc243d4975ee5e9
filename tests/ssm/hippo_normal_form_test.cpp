// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/hippo_normal_form.hpp>

#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include <Eigen/LU>

#include "ssm/hippo_oracles.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;
using enum HippoMeasure;

namespace {

using Complex = std::complex<double>;

struct Case {
  HippoMeasure measure;
  HippoOptions options;
};
const std::vector<Case> cases = {
    {legs, {}}, {legt, {}}, {legt, {.window = 30}}, {lagt, {.beta = 3}}, {glagt, {.beta = 0.2}},
    {fout, {}}, {foud, {}}, {foud, {.window = 7}},  {fourier2, {}}};

bool fourier(HippoMeasure measure) { return measure == fout || measure == foud || measure == fourier2; }

}  // namespace

TEST_CASE("the eigenvalues of LegS's normal part are the known numbers", "[hippo]") {
  const auto imaginary = [](Index order) { return Eigen::VectorXd(normal_plus_low_rank(legs, order).lambda.imag()); };
  // Twelve decimals; the solver's error is below 1e-15 of the largest eigenvalue.
  CHECK(apart(imaginary(4), Eigen::Vector2d(0.556501115084, 4.603293007067)) < 1e-10);
  CHECK(apart(imaginary(8), Eigen::Vector4d(0.427488712286, 1.957794150903, 5.354208515031, 19.857410370971)) < 1e-10);
  CHECK(std::abs(imaginary(64)[0] - 0.263857) < 5e-7);
  CHECK(std::abs(imaginary(64)[31] - 1303.273843) < 5e-7);
}

TEST_CASE("the normal form rebuilds its matrix at every order", "[hippo]") {
  for (const Case& c : cases) {
    for (Index order : {1, 2, 3, 4, 7, 8, 33, 64, static_cast<int>(effort(150, 80))}) {
      if (fourier(c.measure) && order % 2 == 1) ++order;
      CAPTURE(hippo_name(c.measure), order);
      const NormalPlusLowRank form = normal_plus_low_rank(c.measure, order, c.options);
      const HippoSystem system = hippo(c.measure, order, c.options);
      const Index kept = (order + 1) / 2;
      REQUIRE(form.order() == order);
      REQUIRE(form.lambda.size() == kept);
      REQUIRE(form.b.size() == kept);
      REQUIRE(form.p.rows() == kept);
      CHECK(form.rank() == (c.measure == legt ? 2 : 1));
      // A Hermitian eigensolve errs by a few epsilon of the norm, which is up to order / 3 times the largest entry.
      const double tolerance = 4e-16 * static_cast<double>(order + 10);
      CHECK(form.residual < tolerance);
      CHECK(apart(form.dense(), system.a) <= form.residual * system.a.cwiseAbs().maxCoeff() * 1.001 + 1e-300);
      CHECK(apart(form.from_modes(form.b), system.b) < tolerance * system.b.cwiseAbs().maxCoeff());
    }
  }
}

TEST_CASE("every HiPPO matrix is skew but for its low rank and a multiple of the identity", "[hippo]") {
  for (const Case& c : cases) {
    CAPTURE(hippo_name(c.measure));
    const Index order = 32;
    const Eigen::MatrixXd a = hippo(c.measure, order, c.options).a;
    const NormalPlusLowRank form = normal_plus_low_rank(c.measure, order, c.options);
    const Eigen::MatrixXd p = 2 * (form.v * form.p).real();
    const double shift = form.lambda[0].real();
    CHECK(shift == (c.measure == legs ? -0.5 : c.measure == glagt ? -0.1 : 0));
    CHECK((form.lambda.real().array() == shift).all());
    const Eigen::MatrixXd skew = a + p * p.transpose() - shift * Eigen::MatrixXd::Identity(order, order);
    // V V^* errs by a few epsilon times the order, and with it the P rebuilt here.
    CHECK(apart(skew, -skew.transpose()) < 4e-16 * static_cast<double>(order + 10) * a.cwiseAbs().maxCoeff());
  }
}

TEST_CASE("the modes kept and their conjugates are a unitary basis", "[hippo]") {
  for (const Case& c : cases) {
    for (const Index order : {2, 6, 64}) {
      CAPTURE(hippo_name(c.measure), order);
      const NormalPlusLowRank form = normal_plus_low_rank(c.measure, order, c.options);
      Eigen::MatrixXcd v(order, order);
      v << form.v, form.v.conjugate();
      CHECK(apart(v.adjoint() * v, Eigen::MatrixXcd::Identity(order, order)) < 1e-13);
      const Eigen::VectorXd state = Eigen::VectorXd::LinSpaced(order, -1, 2);
      CHECK(apart(form.from_modes(form.to_modes(state)), state) < 1e-13);
    }
  }
}

TEST_CASE("modes are sorted above the real axis and turned so that their inputs are positive", "[hippo]") {
  for (const Case& c : cases) {
    for (Index order : {8, 9, 64, 65}) {
      if (fourier(c.measure)) order -= order % 2;
      CAPTURE(hippo_name(c.measure), order);
      const NormalPlusLowRank form = normal_plus_low_rank(c.measure, order, c.options);
      CHECK(form.lambda[0].imag() >= 0);
      CHECK((form.lambda.imag().tail(form.lambda.size() - 1) - form.lambda.imag().head(form.lambda.size() - 1))
                .minCoeff() > 0);
      const double size = form.b.cwiseAbs().maxCoeff();
      CHECK(form.b.real().minCoeff() > 0);
      CHECK(form.b.imag().cwiseAbs().maxCoeff() < 1e-15 * size);
    }
  }
}

TEST_CASE("FouT's modes are its frequencies, with the pair of zeros", "[hippo]") {
  const Index order = 10;
  const NormalPlusLowRank form = normal_plus_low_rank(fout, order);
  for (Index f = 0; f < order / 2; ++f) {
    CHECK(std::abs(form.lambda[f] - Complex(0, std::numbers::pi * static_cast<double>(f))) < 1e-14);
    CHECK(std::abs(form.b[f] - (f == 0 ? std::sqrt(0.5) : 1)) < 1e-15);
  }
}

TEST_CASE("half the modes give the transfer function of the whole system", "[hippo]") {
  for (const Case& c : cases) {
    for (Index order : {1, 2, 5, 16, 33}) {
      if (fourier(c.measure) && order % 2 == 1) ++order;
      const HippoSystem system = hippo(c.measure, order, c.options);
      const NormalPlusLowRank form = normal_plus_low_rank(c.measure, order, c.options);
      const Eigen::MatrixXd output = Eigen::RowVectorXd::LinSpaced(order, 0.5, 1.5);
      const Eigen::MatrixXcd modes = form.output_to_modes(output);
      for (const Complex s : {Complex(0.3, 0), Complex(0.1, 2), Complex(1, -40)}) {
        CAPTURE(hippo_name(c.measure), order, s.real(), s.imag());
        const Eigen::MatrixXcd matrix = s * Eigen::MatrixXcd::Identity(order, order) - system.a.cast<Complex>();
        const Complex expected = (output.cast<Complex>() * matrix.partialPivLu().solve(system.b.cast<Complex>()))(0, 0);
        // Sum of x y / (s - lambda) over all modes, and the low rank by the Woodbury identity.
        const auto sum = [&](const Eigen::VectorXcd& x, const Eigen::VectorXcd& y) {
          Complex total = 0;
          for (Index i = 0; i < x.size(); ++i) {
            const Complex product = x[i] * y[i];
            total += product / (s - form.lambda[i]) + std::conj(product) / (s - std::conj(form.lambda[i]));
          }
          return total;
        };
        const Index rank = form.rank();
        Eigen::MatrixXcd middle = Eigen::MatrixXcd::Identity(rank, rank);
        Eigen::VectorXcd left(rank), right(rank);
        for (Index i = 0; i < rank; ++i) {
          left[i] = sum(modes.row(0).transpose(), form.p.col(i));
          right[i] = sum(form.p.col(i).conjugate(), form.b);
          for (Index j = 0; j < rank; ++j) middle(i, j) += sum(form.p.col(i).conjugate(), form.p.col(j));
        }
        const Complex found =
            sum(modes.row(0).transpose(), form.b) - (left.transpose() * middle.partialPivLu().solve(right))(0, 0);
        CHECK(std::abs(found - expected) < 1e-12 * std::max(1.0, std::abs(expected)));
      }
    }
  }
}

TEST_CASE("eigenvectors of LegS itself are useless where the normal form is exact", "[hippo]") {
  // A is triangular: substitution gives the eigenvectors, which grow like 2^(4 n / 3), to full relative precision.
  const auto condition = [](Index order) {
    const Eigen::MatrixXd a = hippo(legs, order).a;
    Eigen::MatrixXd v = Eigen::MatrixXd::Identity(order, order);
    for (Index j = 0; j < order; ++j) {
      for (Index n = j + 1; n < order; ++n)
        v(n, j) = a.row(n).head(n).dot(v.col(j).head(n)) / static_cast<double>(n - j);
      v.col(j).normalize();
    }
    CHECK(apart(a * v, v * a.diagonal().asDiagonal()) < 1e-13 * static_cast<double>(order));
    const Eigen::MatrixXd inverse = v.triangularView<Eigen::Lower>().solve(Eigen::MatrixXd::Identity(order, order));
    return v.norm() * inverse.norm();
  };
  CHECK(condition(8) > 1e4);
  CHECK(condition(16) > 1e10);
  CHECK(normal_plus_low_rank(legs, 16).residual < 1e-14);
}

TEST_CASE("misuse of the normal form is refused in words", "[hippo]") {
  const char* expected = "normal_plus_low_rank: expected a measure whose matrix is normal less low rank, found ";
  CHECK_THROWS_MESSAGE(std::invalid_argument, normal_plus_low_rank(lmu, 4), std::string(expected) + "LMU");
  CHECK_THROWS_MESSAGE(std::invalid_argument, normal_plus_low_rank(fourier_legs, 4),
                       std::string(expected) + "Fourier-LegS");
  CHECK_THROWS_MESSAGE(std::invalid_argument, normal_plus_low_rank(glagt, 4, {.alpha = 0.5}),
                       std::string(expected) + "GLagT with alpha not 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, normal_plus_low_rank(legs, 0),
                       "normal_plus_low_rank: expected an order of at least 1, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, normal_plus_low_rank(fout, 3),
                       "normal_plus_low_rank: expected an even order for FouT, found 3");
}
