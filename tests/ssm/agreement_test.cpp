// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/modal_system.hpp>

#include <complex>

#include <tessera/ssm/s4d.hpp>
#include <tessera/ssm/s5.hpp>

#include "ssm/agreement.hpp"
#include "support/catch.hpp"

using namespace tessera;
using namespace tessera::testing;

TEMPLATE_TEST_CASE("modal systems agree with themselves", "[agreement]", float, double) {
  for (const DiagonalPoles kind : {DiagonalPoles::lin, DiagonalPoles::inv}) {
    for (const bool bilinear : {false, true}) {
      CAPTURE(static_cast<int>(kind), bilinear);
      const Agreement found =
          checked(ModalSystem<TestType>(agreement_modes(kind, bilinear)), agreement_bound<TestType>);
      CHECK(found.spectral_radius < 1);
      checked(ModalSystem<TestType, Timing::delayed>(agreement_modes(kind, bilinear)), agreement_bound<TestType>);
    }
  }
}

TEMPLATE_TEST_CASE("S4D agrees with itself", "[agreement]", float, double) {
  const DiagonalInitialization start = initialize_diagonal({.order = 64, .channels = 3, .seed = 1});
  using Casted = std::complex<TestType>;
  const S4DParameters<TestType> parameters{cast_values<TestType>(start.log_step),
                                           cast_values<Casted>(start.lambda),
                                           cast_values<Casted>(start.input),
                                           cast_values<Casted>(start.output),
                                           {}};
  checked(S4D<TestType>(parameters), agreement_bound<TestType>);
}

TEMPLATE_TEST_CASE("S5 agrees with itself", "[agreement]", float, double) {
  const BlockInitialization start = initialize_blocks({.order = 64, .blocks = 2, .inputs = 2, .outputs = 3, .seed = 1});
  using Casted = std::complex<TestType>;
  const S5Parameters<TestType> parameters{cast_values<TestType>(start.log_step),
                                          cast_values<Casted>(start.lambda),
                                          cast_values<Casted>(start.input),
                                          cast_values<Casted>(start.output),
                                          {}};
  checked(S5<TestType>(parameters), agreement_bound<TestType>);
}
