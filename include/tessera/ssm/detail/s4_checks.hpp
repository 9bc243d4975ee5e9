// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The parameters of S4 and what must hold of them.

#include <complex>
#include <optional>
#include <stdexcept>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {

/// The parameters of all channels, or their gradients.
template <class Scalar>
struct S4Parameters {
  using Complex = std::complex<Scalar>;
  RowMatrix<Complex> poles;     // Lambda, (channels, m), real parts at most 0
  RowMatrix<Complex> low_rank;  // P, (channels, rank * m): P_1, then P_2 and so on; empty: a diagonal system
  RowMatrix<Complex> input;     // B, (channels, m)
  RowMatrix<Complex> output;    // C, (channels, m); `periodic`: C (I - A^L), A the sampled matrix
  Eigen::Matrix<Scalar, Eigen::Dynamic, 1> dt;    // of each channel, above 0, in the units of time of Lambda
  Eigen::Matrix<Scalar, Eigen::Dynamic, 1> skip;  // of each channel; may be left empty for zeros
};

namespace detail {

template <class Matrix>
void check_s4_numbers(const char* what, const Matrix& values) {
  using Real = typename Eigen::NumTraits<typename Matrix::Scalar>::Real;
  constexpr auto parts = static_cast<Index>(sizeof(typename Matrix::Scalar) / sizeof(Real));
  require(all_finite(reinterpret_cast<const Real*>(values.data()), parts * values.size()),
          "S4: expected finite numbers in {}", what);
}

template <class Scalar>
void check_s4_shapes(const S4Parameters<Scalar>& p, Index largest_rank) {
  const Index channels = p.poles.rows(), m = p.poles.cols();
  const auto check = [&](const char* what, const auto& found) {
    require(found.rows() == channels && found.cols() == m, "S4: expected {} of {} x {}, found {} x {}", what, channels,
            m, found.rows(), found.cols());
  };
  check("input", p.input);
  check("output", p.output);
  const Index columns = p.low_rank.size() == 0 ? 0 : p.low_rank.cols();
  require(columns == 0 || (p.low_rank.rows() == channels && columns % m == 0),
          "S4: expected low_rank of {} rows and a multiple of {} columns, found {} x {}", channels, m,
          p.low_rank.rows(), columns);
  require(columns <= largest_rank * m, "S4: expected a rank of at most {}, found {}", largest_rank,
          m == 0 ? 0 : columns / m);
  require(p.dt.size() == channels, "S4: expected dt of {} channels, found {}", channels, p.dt.size());
  require(p.skip.size() == channels || p.skip.size() == 0, "S4: expected skip of {} channels, found {}", channels,
          p.skip.size());
}

template <class Scalar>
void check_s4_parameters(const S4Parameters<Scalar>& p, Index largest_rank) {
  check_s4_shapes(p, largest_rank);
  check_s4_numbers("poles", p.poles);
  check_s4_numbers("low_rank", p.low_rank);
  check_s4_numbers("input", p.input);
  check_s4_numbers("output", p.output);
  check_s4_numbers("dt", p.dt);
  check_s4_numbers("skip", p.skip);
  for (Index c = 0; c < p.poles.rows(); ++c) {
    require(p.dt[c] > 0, "S4: expected steps dt above 0, found {} at channel {}", p.dt[c], c);
    for (Index n = 0; n < p.poles.cols(); ++n) {
      require(p.poles(c, n).real() <= 0,
              "S4: expected poles with real parts of at most 0, found {} at channel {}, mode {}", p.poles(c, n).real(),
              c, n);
    }
  }
}

template <class Scalar>
void check_s4_samples(Batch<const Scalar> samples) {
  const std::optional<Position> found = first_non_finite(samples);
  if (!found) return;
  raise<std::invalid_argument>("S4: expected finite samples, found {} at channel {}, sample {}",
                               non_finite_name(samples[found->vector][found->component]), found->vector,
                               found->component);
}

template <class Scalar>
void check_s4_taps(const Scalar* taps, Index channel, Index length) {
  if (all_finite(taps, length)) return;
  raise<NumericalError>("S4: expected {} finite taps, found an overflow in channel {}", length, channel);
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
