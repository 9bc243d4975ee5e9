// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "tokenize_image/training.hpp"

#include <algorithm>
#include <variant>

#include <tessera/core/random.hpp>
#include <tessera/nn/adam.hpp>
#include <tessera/nn/gradient_clipping.hpp>
#include <tessera/nn/loss.hpp>
#include <tessera/nn/parameters.hpp>
#include <tessera/nn/schedule.hpp>

#include "tokenize_image/codebook_teacher.hpp"

namespace examples {
namespace {

using tessera::rows;

/// The memory and the state of one training; works with every tessera::Quantizer that has a CodebookTeacher.
template <tessera::Quantizer Quantizer>
class Trainer {
 public:
  Trainer(Model& model, Quantizer& quantizer, Batch<const float> patches, const TrainingOptions& options)
      : model_(model),
        quantizer_(quantizer),
        patches_(patches),
        options_(options),
        random_(options.seed, options.stream),
        schedule_({.peak = options.learning_rate,
                   .warmup_steps = std::min<Index>(20, options.steps - 1),
                   .total_steps = options.steps}),
        batch_(options.batch, patches.dimension()),
        grad_output_(options.batch, patches.dimension()),
        grad_codes_(options.batch, quantizer.dimension()),
        teacher_(quantizer, options) {}

  void run(tessera::Progress progress) {
    tessera::Parameters<float> parameters;
    model_.encoder.add_to(parameters, "encoder");
    model_.decoder.add_to(parameters, "decoder");
    teacher_.add_to(parameters);
    tessera::Adam<float> adam(parameters);
    teacher_.start([&] { return model_.encoder.infer(patches_, {}); });
    for (Index step = 0; step < options_.steps; ++step) {
      draw_batch();
      forward_and_backward();
      tessera::clip_gradients(parameters, options_.largest_gradient);
      adam.step(parameters, schedule_(step));
      teacher_.learn(rows(encoder_.output), result_, step);
      progress("training", step + 1, options_.steps);
    }
  }

 private:
  void draw_batch() {
    for (Index i = 0; i < batch_.rows(); ++i)
      std::copy_n(patches_[random_.below(patches_.count())], patches_.dimension(), &batch_(i, 0));
  }

  void forward_and_backward() {
    model_.encoder.forward(rows(batch_), encoder_);
    quantizer_.forward_into(rows(encoder_.output), result_);
    model_.decoder.forward(rows(result_.codes), decoder_);
    tessera::mean_squared_error_backward_into(rows(decoder_.output), rows(batch_), 1, rows(grad_output_));
    model_.decoder.backward(rows(result_.codes), decoder_, rows(grad_output_), rows(grad_codes_));
    quantizer_.backward_into(rows(encoder_.output), result_, {.codes = rows(grad_codes_)}, gradients_);
    teacher_.take(gradients_);
    model_.encoder.backward(rows(batch_), encoder_, rows(gradients_.grad_input), {});
  }

  Model& model_;
  Quantizer& quantizer_;
  Batch<const float> patches_;
  TrainingOptions options_;
  tessera::Random random_;
  tessera::CosineSchedule schedule_;
  RowMatrix<float> batch_;
  RowMatrix<float> grad_output_;
  RowMatrix<float> grad_codes_;
  Perceptron::Work encoder_;
  Perceptron::Work decoder_;
  typename Quantizer::Result result_;
  typename Quantizer::Gradients gradients_;
  CodebookTeacher<Quantizer> teacher_;
};

}  // namespace

TrainingOptions training_options(Kind kind) {
  TrainingOptions options;
  if (kind == Kind::vq_ema) {
    options.start_iterations = 5;
    options.expiry_interval = 10;
  }
  if (kind == Kind::vq_rotation) options.start_iterations = 0;
  return options;
}

void train(Model& model, Batch<const float> patches, const TrainingOptions& options, tessera::Progress progress) {
  const auto run = [&](auto& quantizer) { Trainer(model, quantizer, patches, options).run(progress); };
  std::visit(run, model.quantizer);
}

}  // namespace examples
