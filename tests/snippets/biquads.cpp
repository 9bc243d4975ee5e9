// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <utility>

#include <tessera/core/batch.hpp>
#include <tessera/ssm/biquad_stream.hpp>
#include <tessera/ssm/stable_parametrization.hpp>

int main() {
  using namespace tessera;
  // [show]
  // Sixteen channels of four sections, stable whatever the parameters are, and the gradient of a loss by the latter.
  const SectionParametrization stable;
  const RowMatrix<float> parameters = RowMatrix<float>::Random(16, 8);
  const RowMatrix<float> poles = stable.forward(rows(parameters));  // a1, a2 of each section
  RowMatrix<float> coefficients = RowMatrix<float>::Zero(16, 4 * 5);
  for (Index s = 0; s < 4; ++s) {
    coefficients.col(5 * s).setOnes();  // b0, b1, b2, a1, a2
    coefficients.middleCols(5 * s + 3, 2) = poles.middleCols(2 * s, 2);
  }
  const BiquadCascade<float> filter(coefficients);

  const RowMatrix<float> signal = RowMatrix<float>::Random(16, 1000);
  auto state = filter.initial_state();
  const RowMatrix<float> output = filter.forward(signals(signal), state);  // `state` goes on from here
  const auto gradient = filter.backward(signals(signal), filter.initial_state(), signals(output));

  RowMatrix<float> grad_poles(16, 8);
  for (Index s = 0; s < 4; ++s) grad_poles.middleCols(2 * s, 2) = gradient.coefficients.middleCols(5 * s + 3, 2);
  const RowMatrix<float> grad_parameters = stable.backward(rows(parameters), rows(grad_poles));

  // The same filter in real time: blocks of any length, no allocation, the same bits for every cut.
  BiquadStream<BiquadCascade<float>> stream(filter);
  RowMatrix<float> block = signal.leftCols(64);
  const StreamStatus status = stream.process(signals(std::as_const(block)), signals(block));
  // [end]
  return status.samples == 64 && grad_parameters.allFinite() ? 0 : 1;
}
