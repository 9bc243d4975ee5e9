// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "long_memory/layer.hpp"

#include <cmath>

#include <tessera/core/error.hpp>
#include <tessera/core/random.hpp>
#include <tessera/ssm/stable_parametrization.hpp>

namespace examples {
namespace {

using tessera::L1Parametrization;
using tessera::ReflectionParametrization;
using tessera::rows;

RowMatrix<double> uniform(tessera::Random& random, Index size, double bound) {
  RowMatrix<double> values(1, size);
  for (Index i = 0; i < size; ++i) values(0, i) = bound * (2 * random.uniform() - 1);
  return values;
}

tessera::TransferFunctionParameters<double> start_values(Start start, Index order, std::uint64_t seed) {
  tessera::TransferFunctionParameters<double> values{RowMatrix<double>::Zero(1, order),
                                                     RowMatrix<double>::Zero(1, order), RowMatrix<double>::Ones(1, 1)};
  if (start == Start::random) {
    tessera::Random random(seed, 1);
    const double bound = 1 / std::sqrt(static_cast<double>(order));
    values.numerator = uniform(random, order, bound);
    values.denominator = uniform(random, order, bound);
  }
  return values;
}

}  // namespace

std::string start_name(Start start) {
  switch (start) {
    case Start::zeros:
      return "zeros";
    case Start::random:
      return "random";
    case Start::l1:
      return "l1";
    case Start::reflection:
      break;
  }
  return "reflection";
}

Layer::Layer(Start start, Index order, Index length, std::uint64_t seed)
    : start_(start),
      model_(start_values(start, order, seed)),
      kernel_(length, order, {.truncation = tessera::KernelTruncation::periodic}),
      taps_(1, length) {
  if (constrained()) {
    add_constrained(order, seed);
  } else {
    model_.add_to(parameters_, "layer", gradient_);
  }
}

void Layer::add_constrained(Index order, std::uint64_t seed) {
  tessera::Random random(seed, 2);
  const double bound = 1 / static_cast<double>(order);
  const Index size = start_ == Start::l1 ? L1Parametrization::parameters(order) : order;
  free_ = uniform(random, size, start_ == Start::l1 ? bound : std::sqrt(bound));
  if (start_ == Start::l1) free_(0, order) = 1;  // the slack
  free_gradient_ = 0 * free_;
  gradient_ = {0 * model_.values().numerator, 0 * model_.values().denominator, 0 * model_.values().skip};
  parameters_.add("numerator", model_.values().numerator, gradient_.numerator);
  parameters_.add("free", free_, free_gradient_);
  parameters_.add("skip", model_.values().skip, gradient_.skip);
}

void Layer::constrain() {
  RowMatrix<double>& denominator = model_.values().denominator;
  if (start_ == Start::l1) {
    L1Parametrization().forward_into(rows(free_), rows(denominator));
  } else {
    ReflectionParametrization().forward_into(rows(free_), rows(denominator));
  }
}

const RowMatrix<double>& Layer::taps() {
  if (constrained()) constrain();
  kernel_.taps_into(model_, rows(taps_));
  return taps_;
}

void Layer::backward(const RowMatrix<double>& grad_taps) {
  kernel_.backward_into(model_, rows(taps_), rows(grad_taps),
                        {rows(gradient_.numerator), rows(gradient_.denominator), rows(gradient_.skip)});
  if (start_ == Start::l1) {
    L1Parametrization().backward_into(rows(free_), rows(gradient_.denominator), rows(free_gradient_));
  } else if (start_ == Start::reflection) {
    ReflectionParametrization().backward_into(rows(free_), rows(gradient_.denominator), rows(free_gradient_));
  }
}

double Layer::recurrence_difference() {
  const RowMatrix<double> wanted = taps();
  try {
    const auto deployed = model_.deployed(wanted.cols());
    RowMatrix<double> impulse = RowMatrix<double>::Zero(1, wanted.cols()), response = impulse;
    impulse(0, 0) = 1;
    auto state = deployed.form.initial_state();
    for (Index t = 0; t < wanted.cols(); ++t) deployed.form.step(state, &impulse(0, t), &response(0, t));
    return (response - wanted).cwiseAbs().maxCoeff() / wanted.cwiseAbs().maxCoeff();
  } catch (const tessera::NumericalError&) {
    return -1;
  }
}

}  // namespace examples
