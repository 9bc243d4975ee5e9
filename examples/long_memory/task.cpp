// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "long_memory/task.hpp"

#include <utility>

namespace examples {

DelayTask::DelayTask(Index length, Index delay, Index batch)
    : delay_(delay),
      convolution_(length),
      workspace_(convolution_.workspace()),
      input_(batch, length),
      difference_(batch, length) {}

double DelayTask::loss(const RowMatrix<double>& taps, tessera::Random& random, RowMatrix<double>* gradient) {
  for (Index i = 0; i < input_.size(); ++i) input_.data()[i] = noise_deviation * random.normal();
  const tessera::Signals<const double> input(input_.data(), input_.rows(), 1, length());
  const tessera::Signals<double> output(difference_.data(), input_.rows(), 1, length());
  convolution_.spectrum_into(tessera::rows(taps), {}, spectrum_, {}, &workspace_);
  convolution_.convolve_into(input, spectrum_, output, {.workspace = &workspace_});
  difference_.rightCols(length() - delay_) -= input_.leftCols(length() - delay_);
  const double loss = difference_.squaredNorm() / static_cast<double>(difference_.size());
  if (gradient != nullptr) {
    difference_ *= 2 / static_cast<double>(difference_.size());
    convolution_.backward_into(input, spectrum_, output, {.kernel = tessera::rows(*gradient)},
                               {.workspace = &workspace_});
  }
  return loss;
}

}  // namespace examples
