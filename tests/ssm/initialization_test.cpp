// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/initialization.hpp>

#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "ssm/hippo_oracles.hpp"
#include "ssm/moments.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

using Complex = std::complex<double>;

}  // namespace

TEST_CASE("diagonal poles are their formulas", "[hippo]") {
  const double pi = std::numbers::pi;
  const auto are = [](DiagonalPoles kind, std::vector<Complex> expected) {
    const Eigen::VectorXcd poles = diagonal_poles(kind, 6);
    REQUIRE(poles.size() == 3);
    for (Index i = 0; i < 3; ++i) CHECK(std::abs(poles[i] - expected[static_cast<std::size_t>(i)]) < 1e-14);
  };
  are(DiagonalPoles::lin, {{-0.5, 0}, {-0.5, pi}, {-0.5, 2 * pi}});
  are(DiagonalPoles::inv, {{-0.5, 30 / pi}, {-0.5, 6 / pi}, {-0.5, 1.2 / pi}});
  are(DiagonalPoles::inv2, {{-0.5, 30 / pi}, {-0.5, 12 / pi}, {-0.5, 6 / pi}});
  are(DiagonalPoles::quadratic, {{-0.5, 1 / pi}, {-0.5, 9 / pi}, {-0.5, 25 / pi}});
  are(DiagonalPoles::real, {-1, -2, -3});
  const Eigen::VectorXcd legs = diagonal_poles(DiagonalPoles::legs, 4);
  CHECK(std::abs(legs[0] - Complex(-0.5, 0.556501115084)) < 1e-10);
  CHECK(std::abs(legs[1] - Complex(-0.5, 4.603293007067)) < 1e-10);
}

TEST_CASE("the inverse law is the asymptote of LegS's poles", "[hippo]") {
  const Eigen::VectorXd legs = diagonal_poles(DiagonalPoles::legs, 64).imag().reverse();
  const Eigen::VectorXd inverse = diagonal_poles(DiagonalPoles::inv, 64).imag();
  CHECK(std::abs(legs[0] - 1303.273843) < 5e-7);
  CHECK(std::abs(inverse[0] - 1283.4) < 0.05);
  CHECK(std::abs(inverse[0] / legs[0] - 1) < 0.016);  // it holds for the largest ones
}

TEST_CASE("S4D starts with ones, complex normal outputs and log-uniform steps", "[hippo]") {
  const DiagonalInitialization start =
      initialize_diagonal({.poles = DiagonalPoles::inv, .order = 16, .channels = 2000, .seed = 5});
  const Eigen::VectorXcd poles = diagonal_poles(DiagonalPoles::inv, 16);
  REQUIRE(start.lambda.rows() == 2000);
  REQUIRE(start.lambda.cols() == 8);
  for (Index c : {0, 7, 1999}) CHECK(start.lambda.row(c) == poles.transpose());
  CHECK((start.input.array() == Complex(1)).all());
  check_normal(entries(Eigen::MatrixXd(start.output.real())), 0.5);
  check_normal(entries(Eigen::MatrixXd(start.output.imag())), 0.5);
  check_uniform(entries(Eigen::MatrixXd(start.log_step)), std::log(1e-3), std::log(1e-1));
  // Real and imaginary parts, and neighbours, are not correlated: products have mean 0 and variance 1/4.
  const double count = static_cast<double>(start.output.size());
  CHECK(std::abs(start.output.real().cwiseProduct(start.output.imag()).sum()) < deviations * 0.5 * std::sqrt(count));
  CHECK(std::abs(start.output.real().leftCols(7).cwiseProduct(start.output.real().rightCols(7)).sum()) <
        deviations * 0.5 * std::sqrt(count));
  const DiagonalInitialization fixed = initialize_diagonal({.channels = 3, .step_low = 0.25, .step_high = 0.25});
  CHECK(apart(fixed.log_step, Eigen::VectorXd::Constant(3, std::log(0.25))) == 0);
}

TEST_CASE("initial values follow from seed and stream, and channels from those before", "[hippo]") {
  const auto start = [](Index channels, std::uint64_t seed, std::uint64_t stream) {
    return initialize_diagonal({.order = 8, .channels = channels, .seed = seed, .stream = stream});
  };
  const DiagonalInitialization one = start(5, 1, 2);
  CHECK(start(5, 1, 2).output == one.output);
  CHECK(start(5, 1, 2).log_step == one.log_step);
  CHECK(start(9, 1, 2).output.topRows(5) == one.output);
  CHECK(start(9, 1, 2).log_step.head(5) == one.log_step);
  CHECK(start(5, 1, 3).output != one.output);
  CHECK(start(5, 2, 2).output != one.output);
  CHECK(start(0, 1, 2).output.rows() == 0);
}

TEST_CASE("S4 starts from a HiPPO system in normal form", "[hippo]") {
  for (const HippoMeasure measure : {HippoMeasure::legs, HippoMeasure::legt}) {
    const LowRankInitialization start =
        initialize_low_rank({.measure = measure, .order = 12, .channels = 2000, .seed = 4});
    const NormalPlusLowRank form = normal_plus_low_rank(measure, 12);
    REQUIRE(start.low_rank.cols() == 6 * form.rank());
    for (Index c : {0, 1999}) {
      CHECK(start.poles.row(c) == form.lambda.transpose());
      CHECK(start.input.row(c) == form.b.transpose());
      for (Index i = 0; i < form.rank(); ++i)
        CHECK(start.low_rank.row(c).segment(6 * i, 6) == form.p.col(i).transpose());
    }
    check_normal(entries(Eigen::MatrixXd(start.output.real())), 0.5);
    check_normal(entries(Eigen::MatrixXd(start.output.imag())), 0.5);
    check_uniform(entries(Eigen::MatrixXd(start.dt.array().log())), std::log(1e-3), std::log(1e-1));
  }
  const LowRankInitialization window =
      initialize_low_rank({.measure = HippoMeasure::fout, .hippo = {.window = 1}, .order = 4});
  CHECK(std::abs(window.poles(0, 1) - Complex(0, 2 * std::numbers::pi)) < 1e-14);
}

TEST_CASE("S5 starts from blocks of LegS, with real systems behind its complex numbers", "[hippo]") {
  for (const Index order : {40, 60}) {  // blocks of 10, and of 15, which have a real pole
    const Index blocks = 4, size = order / blocks, kept = (size + 1) / 2, inputs = 300, outputs = 200;
    const BlockInitialization start =
        initialize_blocks({.order = order, .blocks = blocks, .inputs = inputs, .outputs = outputs, .seed = 3});
    REQUIRE(start.lambda.size() == blocks * kept);
    REQUIRE(start.input.rows() == blocks * kept);
    REQUIRE(start.output.cols() == blocks * kept);
    const NormalPlusLowRank form = normal_plus_low_rank(HippoMeasure::legs, size);
    Eigen::MatrixXd b(order, inputs), c(outputs, order);
    for (Index i = 0; i < blocks; ++i) {
      CHECK(start.lambda.segment(i * kept, kept) == form.lambda);
      b.middleRows(i * size, size) = 2 * (form.v * start.input.middleRows(i * kept, kept)).real();
      c.middleCols(i * size, size) = 2 * (start.output.middleCols(i * kept, kept) * form.v.adjoint()).real();
    }
    check_normal(entries(b), 1.0 / static_cast<double>(inputs));
    check_normal(entries(c), 1.0 / static_cast<double>(order));
    // The answer of the real system is that of half its modes: C B at time 0.
    CHECK(apart(2 * (start.output * start.input).real(), c * b) < 1e-13 * (c * b).cwiseAbs().maxCoeff());
    CHECK(start.log_step.minCoeff() >= std::log(1e-3));
    CHECK(start.log_step.maxCoeff() <= std::log(1e-1));
  }
  const BlockInitialization many = initialize_blocks({.order = 2000, .blocks = 500});
  check_uniform(entries(Eigen::MatrixXd(many.log_step)), std::log(1e-3), std::log(1e-1));
}

TEST_CASE("misuse of initial values is refused in words", "[hippo]") {
  CHECK_THROWS_MESSAGE(std::invalid_argument, diagonal_poles(DiagonalPoles::lin, 3),
                       "diagonal_poles: expected an even order of at least 2, found 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, diagonal_poles(static_cast<DiagonalPoles>(6), 4),
                       "diagonal_poles: expected a kind of poles, found number 6");
  CHECK_THROWS_MESSAGE(std::invalid_argument, initialize_diagonal({.order = 0}),
                       "diagonal_poles: expected an even order of at least 2, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, initialize_diagonal({.channels = -1}),
                       "initialize_diagonal: expected a non-negative number of channels, found -1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, initialize_diagonal({.step_low = 0.2}),
                       "initialize_diagonal: expected steps 0 < low <= high, both finite, found 0.2 and 0.1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, initialize_diagonal({.step_low = 0}),
                       "initialize_diagonal: expected steps 0 < low <= high, both finite, found 0 and 0.1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, initialize_low_rank({.measure = HippoMeasure::lmu}),
                       "normal_plus_low_rank: expected a measure whose matrix is normal less low rank, found LMU");
  CHECK_THROWS_MESSAGE(std::invalid_argument, initialize_low_rank({.channels = -1}),
                       "initialize_low_rank: expected a non-negative number of channels, found -1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, initialize_blocks({.order = 10, .blocks = 4}),
                       "initialize_blocks: expected a number of blocks that divides the order 10, found 4");
  CHECK_THROWS_MESSAGE(std::invalid_argument, initialize_blocks({.order = 0}),
                       "initialize_blocks: expected an order of at least 1, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, initialize_blocks({.inputs = 0}),
                       "initialize_blocks: expected at least 1 input and 1 output, found 0 and 1");
}
