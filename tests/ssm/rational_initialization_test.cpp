// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/rational_initialization.hpp>

#include <limits>

#include "ssm/moments.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;

TEST_CASE("rational functions start from an impulse, from random numbers, or from taps", "[rational]") {
  const RationalInitialization zeros = initialize_rational({.order = 5, .channels = 3});
  CHECK(zeros.numerator.isZero(0));
  CHECK(zeros.denominator.isZero(0));
  CHECK((zeros.skip.array() == 1).all());
  REQUIRE(zeros.numerator.rows() == 3);
  REQUIRE(zeros.denominator.cols() == 5);

  const RationalInitialization xavier =
      initialize_rational({.start = RationalStart::xavier, .order = 25, .channels = 400, .seed = 1});
  check_uniform(entries(xavier.numerator), -0.2, 0.2);
  check_uniform(entries(xavier.denominator), -0.2, 0.2);
  CHECK((xavier.skip.array() == 1).all());

  const RationalInitialization montel =
      initialize_rational({.start = RationalStart::montel, .order = 25, .channels = 400, .seed = 1});
  check_uniform(entries(montel.numerator), -0.04, 0.04);
  check_uniform(entries(montel.denominator), -0.04, 0.04);
  CHECK(montel.denominator.cwiseAbs().rowwise().sum().maxCoeff() < 1);  // stable by Montel's bound

  RowMatrix<double> taps(2, 4);
  taps << 1, 2, 3, 4, 5, 6, 7, 8;
  const RationalInitialization fir = initialize_rational(rows(taps));
  CHECK(fir.skip == Eigen::RowVector2d(1, 5));
  CHECK(fir.numerator == taps.rightCols(3));
  CHECK(fir.denominator.isZero(0));
}

TEST_CASE("random rational functions follow from seed and stream, and channels from those before", "[rational]") {
  const auto start = [](Index channels, std::uint64_t seed, std::uint64_t stream) {
    return initialize_rational(
        {.start = RationalStart::xavier, .order = 4, .channels = channels, .seed = seed, .stream = stream});
  };
  const RationalInitialization one = start(2, 1, 2);
  CHECK(start(6, 1, 2).numerator.topRows(2) == one.numerator);
  CHECK(start(6, 1, 2).denominator.topRows(2) == one.denominator);
  CHECK(start(2, 1, 3).numerator != one.numerator);
  CHECK(start(2, 2, 2).numerator != one.numerator);
  CHECK(start(0, 1, 2).numerator.rows() == 0);
}

TEST_CASE("misuse of rational starts is refused in words", "[rational]") {
  CHECK_THROWS_MESSAGE(std::invalid_argument, initialize_rational({.order = 0}),
                       "initialize_rational: expected an order of at least 1, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, initialize_rational({.start = static_cast<RationalStart>(3)}),
                       "initialize_rational: expected a start, found number 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, initialize_rational({.channels = -2}),
                       "initialize_rational: expected a non-negative number of channels, found -2");
  RowMatrix<double> taps = RowMatrix<double>::Ones(2, 1);
  CHECK_THROWS_MESSAGE(std::invalid_argument, initialize_rational(rows(taps)),
                       "initialize_rational: expected at least 2 taps, found 1");
  taps.setOnes(2, 3);
  taps(1, 2) = std::numeric_limits<double>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, initialize_rational(rows(taps)),
                       "initialize_rational: expected finite taps, found inf at vector 1, component 2");
}
