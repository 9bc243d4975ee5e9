// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "tokenize_image/perceptron.hpp"

#include <algorithm>

#include <tessera/nn/activation.hpp>

namespace examples {

using tessera::LinearOptions;
using tessera::rows;

Perceptron::Perceptron(Index inputs, Index hidden, Index outputs)
    : first_(LinearOptions{.inputs = inputs, .outputs = hidden}),
      second_(LinearOptions{.inputs = hidden, .outputs = outputs}),
      first_gradient_(first_.make_gradient()),
      second_gradient_(second_.make_gradient()) {}

Perceptron::Perceptron(Index inputs, Index hidden, Index outputs, tessera::Random& random)
    : Perceptron(inputs, hidden, outputs) {
  first_ = tessera::Linear<float>(LinearOptions{.inputs = inputs, .outputs = hidden}, random);
  second_ = tessera::Linear<float>(LinearOptions{.inputs = hidden, .outputs = outputs}, random);
}

void Perceptron::add_to(tessera::Parameters<float>& parameters, const std::string& name) {
  first_.add_to(parameters, name + ".first", first_gradient_);
  second_.add_to(parameters, name + ".second", second_gradient_);
}

void Perceptron::forward(Batch<const float> input, Work& work) const {
  work.hidden.resize(input.count(), hidden());
  work.activated.resize(input.count(), hidden());
  work.output.resize(input.count(), outputs());
  first_.forward_into(input, rows(work.hidden));
  tessera::gelu_into(rows(work.hidden), rows(work.activated));
  second_.forward_into(rows(work.activated), rows(work.output));
}

void Perceptron::backward(Batch<const float> input, Work& work, Batch<const float> grad_output,
                          Batch<float> grad_input) {
  work.gradient.resize(input.count(), hidden());
  second_.backward_into(rows(work.activated), grad_output, second_gradient_, rows(work.gradient));
  tessera::gelu_backward_into(rows(work.hidden), rows(work.gradient), rows(work.gradient));
  first_.backward_into(input, rows(work.gradient), first_gradient_, grad_input);
}

RowMatrix<float> Perceptron::infer(Batch<const float> input, tessera::Execution execution) const {
  const auto first = first_.inference();
  const auto second = second_.inference();
  RowMatrix<float> output(input.count(), outputs());
  // In blocks, so that the hidden layer of a large picture need not be in memory as a whole.
  constexpr Index block = 4096;
  for (Index begin = 0; begin < input.count(); begin += block) {
    const Index end = std::min(begin + block, input.count());
    RowMatrix<float> values = first.multiply(input.slice(begin, end), execution);
    tessera::gelu_into(rows(values), rows(values));
    second.multiply_into(rows(values), rows(output).slice(begin, end), execution);
  }
  return output;
}

}  // namespace examples
