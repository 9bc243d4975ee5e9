// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/batch.hpp>
#include <tessera/ssm/direct_form_stream.hpp>
#include <tessera/ssm/transfer_function.hpp>

int main() {
  // [show]
  using Matrix = tessera::RowMatrix<float>;
  const tessera::Index channels = 8, order = 16, length = 1024;
  const tessera::RationalTransferFunction<float> model(
      {.numerator = Matrix::Random(channels, order),
       .denominator = Matrix::Random(2, order) / 20,  // two denominators, each of four channels
       .skip = Matrix::Ones(1, channels)});

  // Training: the kernel of one length, by FFT, and the gradients of all parameters from that of its taps.
  const tessera::RationalKernelOptions training{.truncation = tessera::KernelTruncation::periodic};
  const Matrix taps = model.kernel(length, training);
  const auto gradient = model.kernel_backward(taps, 2 * taps, training);

  // Deployment: the filter whose response begins with this kernel, with how far it is off; then sample by sample.
  const auto deployed = model.deployed(length);
  tessera::DirectFormStream<float> stream(deployed.form);
  Matrix sound = Matrix::Random(channels, 100);
  stream.process(tessera::signals(static_cast<const Matrix&>(sound)), tessera::signals(sound));
  // [end]
  return deployed.certificate.residual < 1e-4 && gradient.denominator.rows() == 2 ? 0 : 1;
}
