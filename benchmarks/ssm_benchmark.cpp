// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
//
// Sequence kernels and recurrences; the cases are listed in benchmarks/ssm/.

#include "ssm/filter_cases.hpp"
#include "ssm/kernel_cases.hpp"
#include "support/main.hpp"

int main(int argc, char** argv) {
  tessera::benchmarks::register_kernels();
  tessera::benchmarks::register_filters();
  return tessera::benchmarks::run(argc, argv);
}
