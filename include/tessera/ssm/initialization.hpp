// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Values that the sequence models with modes start training from.
//
//   S4D   diagonal poles (Gu, Gupta, Goel and Re, On the Parameterization and Initialization of Diagonal State Space
//         Models, NeurIPS 2022), B = 1, C complex normal, a step size per channel
//   S4    a HiPPO system in normal form (Gu, Goel and Re, Efficiently Modeling Long Sequences with Structured State
//         Spaces, ICLR 2022), C and steps as those of S4D
//   S5    copies of LegS's normal part side by side, inputs and outputs mixed by all of them (Smith, Warrington and
//         Linderman, Simplified State Space Layers for Sequence Modeling, ICLR 2023), a step size per state
//
// Poles are those of continuous time, x' = lambda x + B u; of a pair of conjugates the one above the real axis is kept,
// and sums over states are 2 Re of the sums over those kept. Everything is in double, and cast by what takes it.
//
// What is random is drawn from one stream, channel after channel: the same (seed, stream) gives the same values on
// every machine up to the last place, and more channels leave those before as they were. Give every layer a stream of
// its own.

#include <cmath>
#include <complex>
#include <cstdint>
#include <numbers>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/core/random.hpp>
#include <tessera/ssm/hippo_normal_form.hpp>

namespace tessera {

/// With N the order and n = 0 ... N / 2 - 1:
enum class DiagonalPoles {
  lin,        // -1/2 + i pi n
  inv,        // -1/2 + i (N / pi) (N / (2 n + 1) - 1)
  legs,       // the eigenvalues of LegS's normal part, of which inv is the asymptote
  real,       // -(n + 1)
  inv2,       // -1/2 + i (N / pi) (N / (n + 1) - 1)
  quadratic,  // -1/2 + i (2 n + 1)^2 / pi
};

struct DiagonalInitializationOptions {
  DiagonalPoles poles = DiagonalPoles::lin;
  Index order = 64;         // real states per channel, even, at least 2: half as many complex ones
  Index channels = 1;       // at least 0
  double step_low = 1e-3;   // step sizes are log-uniform from here, > 0,
  double step_high = 1e-1;  // to here, >= step_low
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
};

struct LowRankInitializationOptions {
  HippoMeasure measure = HippoMeasure::legs;  // as normal_plus_low_rank() takes it
  HippoOptions hippo = {};                    // of the measure
  Index order = 64;                           // real states per channel
  Index channels = 1;                         // at least 0
  double step_low = 1e-3;                     // step sizes are log-uniform from here, > 0,
  double step_high = 1e-1;                    // to here, >= step_low
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
};

struct BlockInitializationOptions {
  Index order = 64;         // real states in all, at least 1
  Index blocks = 1;         // copies of LegS of order / blocks, at least 1, a divisor of the order
  Index inputs = 1;         // at least 1
  Index outputs = 1;        // at least 1
  double step_low = 1e-3;   // step sizes are log-uniform from here, > 0,
  double step_high = 1e-1;  // to here, >= step_low
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// For S4D: m = order / 2 complex states a channel.
struct DiagonalInitialization {
  Eigen::VectorXd log_step;                // channels
  RowMatrix<std::complex<double>> lambda;  // channels x m, the same for each
  RowMatrix<std::complex<double>> input;   // channels x m: B, ones
  RowMatrix<std::complex<double>> output;  // channels x m: C, E |c|^2 = 1
};

/// For S5: m complex states in all, half the order, rounded up in each block. B and C stem from real systems, so that
/// the real pole of a block of odd order has half weight, as in NormalPlusLowRank.
struct BlockInitialization {
  Eigen::VectorXd log_step;                // m
  Eigen::VectorXcd lambda;                 // m
  RowMatrix<std::complex<double>> input;   // m x inputs: V^* times normal numbers of variance 1 / inputs
  RowMatrix<std::complex<double>> output;  // outputs x m: normal numbers of variance 1 / order, times V
};

/// For S4: m = (order + 1) / 2 complex states a channel, x' = (Lambda - P P^*) x + B u with P of `rank` columns.
struct LowRankInitialization {
  RowMatrix<std::complex<double>> poles;     // channels x m: Lambda, the same for each
  RowMatrix<std::complex<double>> low_rank;  // channels x (rank m): the first column of P, then the second, the same
  RowMatrix<std::complex<double>> input;     // channels x m: B, the same for each
  RowMatrix<std::complex<double>> output;    // channels x m: C, E |c|^2 = 1
  Eigen::VectorXd dt;                        // channels
};

namespace detail {

/// The logarithm of a log-uniform number.
inline double log_step(Random& random, double low, double high) {
  const double log_low = std::log(low);
  return log_low + (std::log(high) - log_low) * random.uniform();
}

/// E |z|^2 = 1.
inline std::complex<double> complex_normal(Random& random) {
  const double real = random.normal(), imaginary = random.normal();
  return std::sqrt(0.5) * std::complex<double>(real, imaginary);
}

inline Eigen::MatrixXd normal_matrix(Random& random, Index rows, Index cols, double variance) {
  Eigen::MatrixXd matrix(rows, cols);
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < cols; ++j) matrix(i, j) = std::sqrt(variance) * random.normal();
  }
  return matrix;
}

inline void check_steps(const char* who, double low, double high) {
  require(is_finite(low) && is_finite(high) && low > 0 && low <= high,
          "{}: expected steps 0 < low <= high, both finite, found {} and {}", who, low, high);
}

inline void check_channels(const char* who, Index channels) {
  require(channels >= 0, "{}: expected a non-negative number of channels, found {}", who, channels);
}

}  // namespace detail

/// The half spectrum, order / 2 poles. Throws std::invalid_argument unless the order is even and at least 2.
inline Eigen::VectorXcd diagonal_poles(DiagonalPoles kind, Index order) {
  require(kind >= DiagonalPoles::lin && kind <= DiagonalPoles::quadratic,
          "diagonal_poles: expected a kind of poles, found number {}", static_cast<int>(kind));
  require(order >= 2 && order % 2 == 0, "diagonal_poles: expected an even order of at least 2, found {}", order);
  if (kind == DiagonalPoles::legs) return normal_plus_low_rank(HippoMeasure::legs, order).lambda;
  const double size = static_cast<double>(order), pi = std::numbers::pi;
  Eigen::VectorXcd poles(order / 2);
  for (Index i = 0; i < order / 2; ++i) {
    const double n = static_cast<double>(i);
    switch (kind) {
      case DiagonalPoles::inv:
        poles[i] = {-0.5, size / pi * (size / (2 * n + 1) - 1)};
        break;
      case DiagonalPoles::inv2:
        poles[i] = {-0.5, size / pi * (size / (n + 1) - 1)};
        break;
      case DiagonalPoles::quadratic:
        poles[i] = {-0.5, (2 * n + 1) * (2 * n + 1) / pi};
        break;
      case DiagonalPoles::real:
        poles[i] = {-(n + 1), 0};
        break;
      default:
        poles[i] = {-0.5, pi * n};
    }
  }
  return poles;
}

/// Throws std::invalid_argument on options out of range.
inline DiagonalInitialization initialize_diagonal(const DiagonalInitializationOptions& options) {
  detail::check_channels("initialize_diagonal", options.channels);
  detail::check_steps("initialize_diagonal", options.step_low, options.step_high);
  const Eigen::VectorXcd poles = diagonal_poles(options.poles, options.order);
  Random random(options.seed, options.stream);
  DiagonalInitialization start;
  start.lambda = poles.transpose().replicate(options.channels, 1);
  start.input.setOnes(options.channels, poles.size());
  start.output.resize(options.channels, poles.size());
  start.log_step.resize(options.channels);
  for (Index c = 0; c < options.channels; ++c) {
    start.log_step[c] = detail::log_step(random, options.step_low, options.step_high);
    for (Index i = 0; i < poles.size(); ++i) start.output(c, i) = detail::complex_normal(random);
  }
  return start;
}

/// Throws std::invalid_argument on options out of range.
inline LowRankInitialization initialize_low_rank(const LowRankInitializationOptions& options) {
  detail::check_channels("initialize_low_rank", options.channels);
  detail::check_steps("initialize_low_rank", options.step_low, options.step_high);
  const NormalPlusLowRank form = normal_plus_low_rank(options.measure, options.order, options.hippo);
  const Index modes = form.lambda.size();
  Random random(options.seed, options.stream);
  LowRankInitialization start;
  start.poles = form.lambda.transpose().replicate(options.channels, 1);
  start.low_rank = form.p.reshaped().transpose().replicate(options.channels, 1);
  start.input = form.b.transpose().replicate(options.channels, 1);
  start.output.resize(options.channels, modes);
  start.dt.resize(options.channels);
  for (Index c = 0; c < options.channels; ++c) {
    start.dt[c] = std::exp(detail::log_step(random, options.step_low, options.step_high));
    for (Index i = 0; i < modes; ++i) start.output(c, i) = detail::complex_normal(random);
  }
  return start;
}

/// Throws std::invalid_argument on options out of range.
inline BlockInitialization initialize_blocks(const BlockInitializationOptions& options) {
  require(options.order >= 1, "initialize_blocks: expected an order of at least 1, found {}", options.order);
  require(options.blocks >= 1 && options.order % options.blocks == 0,
          "initialize_blocks: expected a number of blocks that divides the order {}, found {}", options.order,
          options.blocks);
  require(options.inputs >= 1 && options.outputs >= 1,
          "initialize_blocks: expected at least 1 input and 1 output, found {} and {}", options.inputs,
          options.outputs);
  detail::check_steps("initialize_blocks", options.step_low, options.step_high);
  const Index size = options.order / options.blocks;
  const NormalPlusLowRank form = normal_plus_low_rank(HippoMeasure::legs, size);
  const Index kept = form.lambda.size(), states = options.blocks * kept;
  Random random(options.seed, options.stream);
  BlockInitialization start;
  start.lambda = form.lambda.replicate(options.blocks, 1);
  start.input.resize(states, options.inputs);
  start.output.resize(options.outputs, states);
  start.log_step.resize(states);
  const double per_input = 1 / static_cast<double>(options.inputs), per_state = 1 / static_cast<double>(options.order);
  for (Index block = 0; block < options.blocks; ++block) {
    const Index first = block * kept;
    start.input.middleRows(first, kept) =
        form.input_to_modes(detail::normal_matrix(random, size, options.inputs, per_input));
    start.output.middleCols(first, kept) =
        form.output_to_modes(detail::normal_matrix(random, options.outputs, size, per_state));
    for (Index i = first; i < first + kept; ++i)
      start.log_step[i] = detail::log_step(random, options.step_low, options.step_high);
  }
  return start;
}

}  // namespace tessera::inline TESSERA_ISA
