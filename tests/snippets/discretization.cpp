// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <cmath>
#include <complex>

#include <tessera/ssm/discretization.hpp>
#include <tessera/ssm/varying_scan.hpp>

int main() {
  // [show]
  // A mass on a spring with friction, pushed by u: x'' = u - 4 x - 0.4 x'
  const Eigen::MatrixXd a{{0, 1}, {-4, -0.4}}, b{{0}, {1}}, c{{1, 0}};
  const tessera::ContinuousSystem spring{a, b, c, {}};
  const auto held = tessera::zero_order_hold<float>(spring, 0.05);  // delayed timing: the answer comes a sample later
  const auto s4 = tessera::s4_bilinear<float>(spring, 0.05);        // current timing, in the type

  const tessera::RowMatrix<float> push = tessera::RowMatrix<float>::Ones(1, 400);
  tessera::RowMatrix<float> answer(1, 400);
  auto state = held.initial_state();
  held.chunk(state, tessera::signals(push), tessera::signals(answer));  // ends near rest at u / 4

  // The same spring, sampled at irregular times: one mode and its conjugate
  const std::complex<double> mode(-0.2, std::sqrt(4 - 0.04));
  tessera::ContinuousModes modes{Eigen::VectorXcd::Constant(1, mode),
                                 Eigen::MatrixXcd::Constant(1, 1, 1),
                                 Eigen::MatrixXcd::Constant(1, 1, 1.0 / (2.0 * std::complex<double>(0, mode.imag()))),
                                 {}};
  const tessera::VaryingScan<float> scan(modes);
  const tessera::RowMatrix<float> steps = 0.05f + 0.04f * tessera::RowMatrix<float>::Random(1, 400).array();
  const tessera::RowMatrix<float> irregular = scan.scan(tessera::signals(push), tessera::rows(steps));
  // [end]
  const bool rests = std::abs(answer(0, 399) - 0.25f) < 0.01f && std::abs(irregular(0, 399) - 0.25f) < 0.01f;
  return rests && s4.is_stable() ? 0 : 1;
}
