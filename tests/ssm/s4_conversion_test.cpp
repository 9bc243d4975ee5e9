// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/s4_conversion.hpp>

#include <cmath>
#include <complex>
#include <stdexcept>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/ssm/filter_forms.hpp>
#include <tessera/ssm/s4.hpp>

#include "support/catch.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

using Complex = std::complex<double>;

/// Two channels of three modes, of the given strength of the low-rank part.
S4<double> small_model(double strength) {
  S4Parameters<double> parameters;
  parameters.poles.resize(2, 3);
  parameters.low_rank.resize(2, 3);
  parameters.input.resize(2, 3);
  parameters.output.resize(2, 3);
  for (Index c = 0; c < 2; ++c) {
    for (Index n = 0; n < 3; ++n) {
      const double k = static_cast<double>(3 * c + n);
      parameters.poles(c, n) = {-0.5 - 0.1 * k, 1 + 2 * k};
      parameters.low_rank(c, n) = strength * Complex(0.3, 0.2 - 0.1 * k);
      parameters.input(c, n) = {1, 0.2 * k};
      parameters.output(c, n) = {0.5 - 0.1 * k, 0.3};
    }
  }
  parameters.dt.setConstant(2, 0.05);
  parameters.skip.setConstant(2, 0.25);
  return S4<double>(parameters);
}

}  // namespace

TEST_CASE("a channel of S4 as a state space, and as modes, has the same impulse response", "[ssm]") {
  const Index length = 300;
  for (const double strength : {0.0, 1.0}) {
    const S4<double> model = small_model(strength);
    const RowMatrix<double> taps = model.kernel(length);
    for (Index c = 0; c < 2; ++c) {
      const Eigen::VectorXd expected = taps.row(c).transpose();
      const double peak = expected.cwiseAbs().maxCoeff();
      const StateSpaceForm form = to_state_space(model, c);
      REQUIRE(form.order() == model.order());
      CHECK((impulse_response(form, length) - expected).cwiseAbs().maxCoeff() < 1e-12 * peak);
      const Certified<ModalForm> modes = to_modal(model, c);
      CHECK((impulse_response(modes.form, length) - expected).cwiseAbs().maxCoeff() < 1e-10 * peak);
      CHECK(modes.certificate.residual < 1e-10);
    }
  }
}

TEST_CASE("conversions of S4 name a channel that is not there", "[ssm]") {
  const S4<double> model = small_model(1);
  CHECK_THROWS_MESSAGE(std::out_of_range, to_state_space(model, 2), "expected a channel below 2, found 2");
  CHECK_THROWS_MESSAGE(std::out_of_range, to_modal(model, -1), "expected a channel below 2, found -1");
}
