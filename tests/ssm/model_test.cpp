// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/model.hpp>

#include "ssm/one_pole.hpp"
#include "support/catch.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

/// Lacks prefill.
struct NoPrefill {
  using Scalar = float;
  using State = RowMatrix<float>;
  static constexpr bool coupled = false;
  Index inputs() const { return 1; }
  Index outputs() const { return 1; }
  Index order() const { return 0; }
  RowMatrix<float> kernel(Index length) const { return RowMatrix<float>::Zero(1, length); }
  State initial_state() const { return State(1, 0); }
  void step(State&, const float* input, float* output) const { *output = *input; }
  void chunk(State&, Signals<const float>, Signals<float>) const {}
  double predicted_error(Index) const { return 0; }
};

/// Its kernel would be rows of another scalar.
struct OtherKernel : NoPrefill {
  void prefill(State&, Signals<const float>) const {}
  const char* kernel(Index) const { return ""; }
};

/// Its step changes the model.
struct Forgetful : NoPrefill {
  void prefill(State&, Signals<const float>) const {}
  void step(State&, const float*, float*) {}
};

struct Complete : NoPrefill {
  void prefill(State&, Signals<const float>) const {}
};

}  // namespace

TEST_CASE("a sequence model has all ways to run it, none of which changes it", "[model]") {
  STATIC_REQUIRE(SequenceModel<OnePole<float>>);
  STATIC_REQUIRE(SequenceModel<OnePole<double>>);
  STATIC_REQUIRE(SequenceModel<CoupledPoles>);
  STATIC_REQUIRE(SequenceModel<Complete>);
  STATIC_REQUIRE_FALSE(SequenceModel<NoPrefill>);
  STATIC_REQUIRE_FALSE(SequenceModel<OtherKernel>);
  STATIC_REQUIRE_FALSE(SequenceModel<Forgetful>);
}
