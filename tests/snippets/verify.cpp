// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <complex>
#include <cstdio>

#include <tessera/ssm/modal_system.hpp>
#include <tessera/ssm/verify.hpp>

int main() {
  // [show]
  tessera::ModalParameters trained;  // from a file, say: two channels of one mode
  trained.poles.setConstant(2, 1, std::polar(0.995, 0.1));
  trained.weights.setConstant(2, 1, {0.5, 0.25});
  const tessera::ModalSystem<float> model(trained);

  const tessera::Agreement agreement = tessera::verify(model, {.length = 2000, .seed = 1});
  std::printf("kernel %.1e, chunks %.1e, prefill %.1e, predicted %.1e\n", agreement.kernel, agreement.chunk,
              agreement.prefill, agreement.predicted_error);
  std::printf("%s\n", agreement.description.c_str());
  // [end]
  return agreement.agrees() ? 0 : 1;
}
