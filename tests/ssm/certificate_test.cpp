// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/certificate.hpp>

#include <limits>
#include <string>
#include <type_traits>

#include <tessera/ssm/detail/certify.hpp>

#include "support/catch.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

/// z^-1 / (1 - p z^-1) with one pole, and a value for tap 0.
ModalForm one(double skip, double pole) {
  return {skip, Eigen::VectorXcd::Constant(1, pole), Eigen::VectorXcd::Ones(1)};
}
std::string why() { return "a reason"; }

}  // namespace

TEST_CASE("a certificate is the largest difference over the largest tap of the first", "[certificate]") {
  const auto made = detail::certify("convert", one(4, 0.5), one(3, 0.5), {10, 7, 0.25}, why);
  CHECK(made.certificate.residual == 0.25);  // |4 - 3| / 4, and at the tolerance
  CHECK(made.certificate.condition == 7);
  CHECK(made.certificate.length == 10);
  CHECK(made.form.skip == 3);
  CHECK(detail::certify("convert", one(3, 0.5), one(4, 0.5), {10, 1, 0.5}, why).certificate.residual == 1.0 / 3);
  CHECK(detail::certify("convert", one(0, 0.5),
                        DirectForm{0, Eigen::VectorXd::Ones(1), Eigen::VectorXd::Constant(1, -0.5)}, {100, 1, 0}, why)
            .certificate.residual == 0);
  const ModalForm nothing;
  CHECK(detail::certify("convert", nothing, nothing, {5, 1, 0}, why).certificate.residual == 0);
  CHECK(detail::certify("convert", nothing, ModalForm{2, {}, {}}, {5, 1, 9}, why).certificate.residual == 2);
  const double huge = std::numeric_limits<double>::infinity();
  CHECK(detail::certify("convert", nothing, nothing, {5, huge, 0}, why).certificate.condition ==
        std::numeric_limits<double>::max());
}

TEST_CASE("what is worse than allowed, or not finite, is refused with the figure and the reason", "[certificate]") {
  CHECK_THROWS_MESSAGE(NumericalError, detail::certify("convert", one(4, 0.5), one(3, 0.5), {10, 1, 1e-6}, why),
                       "convert: expected a residual of at most 1e-06, found 0.25 (a reason)");
  CHECK_THROWS_MESSAGE(NumericalError, detail::certify("convert", one(4, 1e9), one(4, 1e9), {100, 1, 1e-6}, why),
                       "convert: expected a residual of at most 1e-06, found inf (a reason)");
  CHECK_THROWS_MESSAGE(
      NumericalError,
      detail::certify("convert", one(4, 0.5), one(std::numeric_limits<double>::quiet_NaN(), 0.5), {100, 1, 1e-6}, why),
      "found inf");
}

TEST_CASE("as many taps are compared as the slowest pole needs", "[certificate]") {
  CHECK(detail::comparison_length(0.5, 4, {}) == 64);
  CHECK(detail::comparison_length(0, 0, {}) == 64);
  CHECK(detail::comparison_length(0, 100, {}) == 400);
  CHECK(detail::comparison_length(0.9, 1, {}) == 349);   // 0.9^349 = 1.1e-16
  CHECK(detail::comparison_length(1.25, 1, {}) == 164);  // grown by as much
  CHECK(detail::comparison_length(1, 1, {}) == 16384);
  CHECK(detail::comparison_length(0.999999, 1, {}) == 16384);
  CHECK(detail::comparison_length(0.9, 1, {.length = 5}) == 5);
  const ConversionOptions options;
  CHECK(options.tolerance == 1e-6);
  CHECK(options.length == 0);
}

TEST_CASE("a crowd of poles is put into words", "[certificate]") {
  using detail::describe_crowd;
  CHECK(describe_crowd({}) == "0 poles");
  CHECK(describe_crowd(Eigen::VectorXcd::Constant(3, 0)) == "3 poles at z = 0");
  CHECK(describe_crowd(Eigen::VectorXcd::Constant(2, {0.5, -0.25})) == "2 poles at z = 0.5-0.25i");
  CHECK(describe_crowd((Eigen::VectorXcd(4) << 0.99, 0.98, 0.97, 0.1).finished()) == "3 poles within 0.03 of z = 1");
  CHECK(describe_crowd((Eigen::VectorXcd(3) << 0.5, -0.5, 0.501).finished()) == "2 poles within 0.001 of z = 0.501");
}
