// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/random.hpp>
#include <tessera/nn/activation.hpp>
#include <tessera/nn/adam.hpp>
#include <tessera/nn/gradient_clipping.hpp>
#include <tessera/nn/linear.hpp>
#include <tessera/nn/loss.hpp>
#include <tessera/nn/schedule.hpp>

int main() {
  // [show]
  using tessera::rows;
  tessera::Random random(1);
  tessera::Linear<float> first({.inputs = 2, .outputs = 32}, random), second({.inputs = 32, .outputs = 1}, random);
  auto first_gradient = first.make_gradient(), second_gradient = second.make_gradient();
  tessera::Parameters<float> parameters;
  first.add_to(parameters, "first", first_gradient);
  second.add_to(parameters, "second", second_gradient);

  tessera::Adam<float> adam(parameters);
  const tessera::CosineSchedule rate({.peak = 1e-2, .warmup_steps = 20, .total_steps = 500});
  double loss = 0;
  for (tessera::Index step = 0; step < 500; ++step) {
    tessera::RowMatrix<float> x(64, 2);  // learn y = x1 x2
    for (float& value : x.reshaped()) value = static_cast<float>(2 * random.uniform() - 1);
    const tessera::RowMatrix<float> target = x.col(0).cwiseProduct(x.col(1));

    const auto hidden = first.forward(rows(x));
    const auto active = tessera::gelu(rows(hidden));
    const auto y = second.forward(rows(active));
    loss = tessera::mean_squared_error(rows(y), rows(target));

    const auto grad_y = tessera::mean_squared_error_backward(rows(y), rows(target));
    auto grad_hidden = second.backward(rows(active), rows(grad_y), second_gradient);
    tessera::gelu_backward_into(rows(hidden), rows(grad_hidden), rows(grad_hidden));
    first.backward(rows(x), rows(grad_hidden), first_gradient);
    tessera::clip_gradients(parameters, 1);
    adam.step(parameters, rate(step));
  }
  // [end]
  return loss < 5e-3 ? 0 : 1;
}
