// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <cmath>

#include <tessera/ssm/hippo_memory.hpp>

int main() {
  // [show]
  // 64 numbers hold 10000 samples, the oldest as well as the newest.
  tessera::HippoMemory memory({.measure = tessera::HippoMeasure::legs, .order = 64});
  for (int t = 0; t < 10000; ++t) {
    const double sample = std::sin(0.005 * t) + 0.5 * std::cos(0.002 * t);
    memory.push(&sample);  // one per channel
  }
  const Eigen::VectorXd ages = Eigen::VectorXd::LinSpaced(101, 0, 10000);  // in samples, 0 is now
  const tessera::RowMatrix<double> past = memory.reconstruct(ages);        // (channels, ages)
  // [end]
  const double expected = std::sin(0.005 * 4999.5) + 0.5 * std::cos(0.002 * 4999.5);  // age 5000
  return std::abs(past(0, 50) - expected) < 1e-2 ? 0 : 1;
}
