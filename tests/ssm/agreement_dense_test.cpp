// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/dense_system.hpp>

#include <complex>

#include <tessera/ssm/s4.hpp>

#include "ssm/agreement.hpp"
#include "ssm/filter_cases.hpp"
#include "support/catch.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

template <class Scalar>
DenseSystem<Scalar, Timing::current> dense_legs(double dt) {
  const StateSpaceForm legs = bilinear_legs(64, dt);
  return {cast_values<Scalar>(legs.a), cast_values<Scalar>(legs.b), cast_values<Scalar>(legs.c)};
}

}  // namespace

TEMPLATE_TEST_CASE("S4 agrees with itself", "[agreement]", float, double) {
  for (const HippoMeasure measure : {HippoMeasure::legs, HippoMeasure::legt}) {
    CAPTURE(static_cast<int>(measure));
    const LowRankInitialization start =
        initialize_low_rank({.measure = measure, .order = 64, .channels = 2, .seed = 1});
    using Casted = std::complex<TestType>;
    const S4Parameters<TestType> parameters{cast_values<Casted>(start.poles), cast_values<Casted>(start.low_rank),
                                            cast_values<Casted>(start.input), cast_values<Casted>(start.output),
                                            cast_values<TestType>(start.dt),  {}};
    checked(S4<TestType>(parameters), agreement_bound<TestType>);
  }
}

TEMPLATE_TEST_CASE("dense LegS agrees with itself", "[agreement]", float, double) {
  for (const double dt : {1e-2, 1e-1}) checked(dense_legs<TestType>(dt), sizeof(TestType) == 4 ? 1e-3 : 1e-10);
}
