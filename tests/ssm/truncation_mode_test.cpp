// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/truncation_mode.hpp>

#include <cmath>

#include <tessera/core/batch.hpp>
#include <tessera/ssm/transfer_function.hpp>

#include "support/catch.hpp"

using namespace tessera;

TEST_CASE("a periodic kernel is the exact one wrapped around its length", "[ssm]") {
  // h[t] = r^(t - 1): wrapped around L, r^(t - 1) / (1 - r^L), and h[L] / (1 - r^L) on lag 0.
  const double r = 0.75;
  const Index length = 8;
  const RationalTransferFunction<double> model(
      {RowMatrix<double>::Constant(1, 1, 1), RowMatrix<double>::Constant(1, 1, -r), RowMatrix<double>::Zero(1, 1)});
  const RowMatrix<double> exact = model.kernel(length, {.truncation = KernelTruncation::exact});
  const RowMatrix<double> periodic = model.kernel(length, {.truncation = KernelTruncation::periodic});
  const double wrapped = 1 - std::pow(r, length);
  for (Index t = 1; t < length; ++t) {
    CHECK(std::abs(exact(0, t) - std::pow(r, t - 1)) < 1e-14);
    CHECK(std::abs(periodic(0, t) - std::pow(r, t - 1) / wrapped) < 1e-13);
  }
  CHECK(std::abs(exact(0, 0)) < 1e-14);
  CHECK(std::abs(periodic(0, 0) - std::pow(r, length - 1) / wrapped) < 1e-13);
}
