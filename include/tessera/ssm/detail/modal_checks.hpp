// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What the diagonal models refuse, and in which words.

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <stdexcept>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/ssm/detail/step_check.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Throws std::invalid_argument unless all entries are finite.
template <class Scalar>
void require_finite_modes(const char* who, const char* what, const RowMatrix<std::complex<Scalar>>& modes) {
  for (Index i = 0; i < modes.size(); ++i) {
    if (all_finite(reinterpret_cast<const Scalar*>(modes.data() + i), 2)) continue;
    raise<std::invalid_argument>("{}: expected finite {}, found one that is not at row {}, column {}", who, what,
                                 i / modes.cols(), i % modes.cols());
  }
}

inline void check_modal_state(const RowMatrix<std::complex<double>>& state, Index channels, Index modes) {
  require(state.rows() == channels && state.cols() == modes, "ModalSystem: expected a state of {} x {}, found {} x {}",
          channels, modes, state.rows(), state.cols());
}

template <class Scalar>
void check_samples(const Scalar* input, Index channels) {
  if (all_finite(input, channels)) return;
  Index c = 0;
  while (is_finite(input[c])) ++c;
  raise<std::invalid_argument>("ModalSystem: expected finite samples, found {} in channel {}",
                               non_finite_name(input[c]), c);
}

/// Signals (1, channels, any number of finite samples).
template <class Scalar>
void check_signals(const char* who, const Signals<const Scalar>& input, Index channels) {
  require(input.batch() == 1 && input.channels() == channels,
          "{}: expected an input of batch 1 and {} channels, found {} and {}", who, channels, input.batch(),
          input.channels());
  for (Index c = 0; c < channels; ++c) {
    if (all_finite(input(0, c), input.length())) continue;
    Index t = 0;
    while (is_finite(input(0, c)[t])) ++t;
    raise<std::invalid_argument>("{}: expected finite samples, found {} in channel {} at {}", who,
                                 non_finite_name(input(0, c)[t]), c, t);
  }
}

/// The first mode of which 2 w p^t, or p^t, may leave the range of the scalar for t < length; -1 if there is none.
template <class Scalar>
Index overflowing_mode(Index modes, const std::complex<double>* poles, const std::complex<double>* weights,
                       Index length) {
  const double limit = std::log(static_cast<double>(std::numeric_limits<Scalar>::max()));
  for (Index n = 0; n < modes; ++n) {
    const double size = 2 * std::abs(weights[n]) * static_cast<double>(modes);
    const double radius = std::abs(poles[n]);
    double exponent = size > 1 ? std::log(size) : 0;
    if (radius > 1) exponent += std::log(radius) * static_cast<double>(std::max<Index>(length - 1, 0));
    if (exponent > limit) return n;
  }
  return -1;
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
