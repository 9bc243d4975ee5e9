// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <cmath>
#include <complex>
#include <numbers>

#include <tessera/core/batch.hpp>
#include <tessera/ssm/modal_stream.hpp>
#include <tessera/ssm/s4d.hpp>

int main() {
  // [show]
  tessera::S4DParameters<float> parameters;  // 16 channels of 32 modes, at steps of 0.01
  parameters.log_step.setConstant(16, std::log(0.01f));
  parameters.lambda.resize(16, 32);
  for (int n = 0; n < 32; ++n)  // S4D-Lin
    parameters.lambda.col(n).setConstant({-0.5f, std::numbers::pi_v<float> * static_cast<float>(n)});
  parameters.input.setOnes(16, 32);
  parameters.output.setRandom(16, 32);

  const tessera::S4D<float> model(parameters);
  const tessera::RowMatrix<float> taps = model.kernel(4096);  // for a convolution, say CausalConvolution

  const tessera::RowMatrix<float> loss_by_taps = taps;  // the gradient of sum(taps^2) / 2
  const tessera::S4DParameters<float> gradient = model.kernel_backward(loss_by_taps);

  tessera::ModalStream<float> stream(model.system());  // the same in real time, in blocks of any length
  tessera::RowMatrix<float> block = tessera::RowMatrix<float>::Random(16, 64);
  const tessera::StreamStatus status = stream.process(tessera::signals(block), tessera::signals(block));
  // [end]
  return status.samples == 64 && gradient.log_step.allFinite() ? 0 : 1;
}
