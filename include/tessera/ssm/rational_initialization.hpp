// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Values that rational transfer functions start training from (Parnichkun et al., State-Free Inference of State-Space
// Models: The Transfer Function Approach, ICML 2024), one function per channel,
//
//   H(z) = skip + (b_1 z^-1 + ... + b_n z^-n) / (1 + a_1 z^-1 + ... + a_n z^-n).
//
// Everything is in double, and cast by what takes it. What is random is drawn from one stream, channel after channel:
// more channels leave those before as they were. Give every layer a stream of its own.

#include <cmath>
#include <cstdint>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/core/random.hpp>

namespace tessera {

enum class RationalStart {
  zeros,   // numerator and denominator 0: an impulse. The gradient of the denominator is 0 at first, as it should be
  xavier,  // both uniform in +-1 / sqrt(order); poles may lie outside of the circle, the likelier the larger the order
  montel,  // both uniform in +-1 / order: poles lie inside, by Montel's bound
};

struct RationalInitializationOptions {
  RationalStart start = RationalStart::zeros;
  Index order = 64;    // at least 1
  Index channels = 1;  // at least 0
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// skip + (b_1 z^-1 + ... + b_n z^-n) / (1 + a_1 z^-1 + ... + a_n z^-n).
struct RationalInitialization {
  RowMatrix<double> numerator;    // channels x order: b
  RowMatrix<double> denominator;  // channels x order: a
  RowMatrix<double> skip;         // 1 x channels
};

/// Throws std::invalid_argument on options out of range.
inline RationalInitialization initialize_rational(const RationalInitializationOptions& options) {
  require(options.start >= RationalStart::zeros && options.start <= RationalStart::montel,
          "initialize_rational: expected a start, found number {}", static_cast<int>(options.start));
  require(options.order >= 1, "initialize_rational: expected an order of at least 1, found {}", options.order);
  require(options.channels >= 0, "initialize_rational: expected a non-negative number of channels, found {}",
          options.channels);
  RationalInitialization start{RowMatrix<double>::Zero(options.channels, options.order),
                               RowMatrix<double>::Zero(options.channels, options.order),
                               RowMatrix<double>::Ones(1, options.channels)};
  if (options.start == RationalStart::zeros) return start;
  const double size = static_cast<double>(options.order);
  const double bound = options.start == RationalStart::montel ? 1 / size : 1 / std::sqrt(size);
  Random random(options.seed, options.stream);
  for (Index c = 0; c < options.channels; ++c) {
    for (Index i = 0; i < options.order; ++i) start.denominator(c, i) = bound * (2 * random.uniform() - 1);
    for (Index i = 0; i < options.order; ++i) start.numerator(c, i) = bound * (2 * random.uniform() - 1);
  }
  return start;
}

/// The filter with these taps, (channels, order + 1), as a rational function: h_0, and the others as numerator over 1.
/// Throws std::invalid_argument on fewer than 2 taps, and on taps that are not finite.
inline RationalInitialization initialize_rational(Batch<const double> taps) {
  require(taps.dimension() >= 2, "initialize_rational: expected at least 2 taps, found {}", taps.dimension());
  require_finite("initialize_rational", "taps", taps);
  const Index order = taps.dimension() - 1;
  return {taps.matrix().rightCols(order), RowMatrix<double>::Zero(taps.count(), order),
          taps.matrix().col(0).transpose()};
}

}  // namespace tessera::inline TESSERA_ISA
