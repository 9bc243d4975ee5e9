// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/timing.hpp>

#include <complex>
#include <type_traits>

#include <tessera/core/batch.hpp>
#include <tessera/ssm/modal_system.hpp>

#include "support/catch.hpp"

using namespace tessera;

TEST_CASE("the same numbers in the other timing are another type, and answer one sample later", "[ssm]") {
  using Current = ModalSystem<double, Timing::current>;
  using Delayed = ModalSystem<double, Timing::delayed>;
  STATIC_REQUIRE(!std::is_convertible_v<Current, Delayed>);
  ModalParameters numbers;
  numbers.poles.setConstant(1, 1, std::complex<double>(0.5, 0.25));
  numbers.weights.setConstant(1, 1, std::complex<double>(1, -1));
  const RowMatrix<double> current = Current(numbers).kernel(9), delayed = Delayed(numbers).kernel(10);
  CHECK(delayed(0, 0) == 0);
  CHECK((delayed.rightCols(9) - current).cwiseAbs().maxCoeff() < 1e-15);
}
