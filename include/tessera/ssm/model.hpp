// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What every sequence kernel provides, whichever its form: one set of parameters, several ways to run it, which agree
// to a stated bound. A channel model has as many inputs as outputs, each output hearing its own input alone; a coupled
// model has outputs that hear every input.
//
//   kernel(length)               the first taps: (channels, length), or (outputs * inputs, length), row o * inputs + i
//   initial_state()              all zeros
//   step(state, input, output)   one sample of every channel
//   prefill(state, input)        many samples, of which only the state is wanted
//   chunk(state, input, output)  many samples; any split of a sequence gives what the whole gives
//   predicted_error(length)      how far these may differ by rounding, relative to the largest tap

#include <concepts>

#include <tessera/core/batch.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/fft/signal.hpp>

namespace tessera::inline TESSERA_ISA {

/// `input` and `output` of step are as many scalars as inputs and outputs; signals are (1, inputs, samples) and
/// (1, outputs, samples).
template <class Model>
concept SequenceModel = requires(const Model& model, typename Model::State& state, Index length,
                                 const typename Model::Scalar* input, typename Model::Scalar* output,
                                 Signals<const typename Model::Scalar> inputs,
                                 Signals<typename Model::Scalar> outputs) {
  { model.inputs() } -> std::convertible_to<Index>;
  { model.outputs() } -> std::convertible_to<Index>;
  { model.order() } -> std::convertible_to<Index>;
  { Model::coupled } -> std::convertible_to<bool>;
  { model.kernel(length) } -> std::convertible_to<RowMatrix<typename Model::Scalar>>;
  { model.initial_state() } -> std::same_as<typename Model::State>;
  model.step(state, input, output);
  model.prefill(state, inputs);
  model.chunk(state, inputs, outputs);
  { model.predicted_error(length) } -> std::convertible_to<double>;
};

}  // namespace tessera::inline TESSERA_ISA
