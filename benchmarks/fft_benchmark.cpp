// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
//
// Transforms and convolutions; the cases are listed in benchmarks/fft/.

#include "fft/convolution_cases.hpp"
#include "fft/online_cases.hpp"
#include "fft/streaming_cases.hpp"
#include "fft/transform_cases.hpp"
#include "support/main.hpp"

int main(int argc, char** argv) {
  tessera::benchmarks::register_transforms();
  tessera::benchmarks::register_convolution();
  tessera::benchmarks::register_streaming();
  tessera::benchmarks::register_online();
  return tessera::benchmarks::run(argc, argv);
}
