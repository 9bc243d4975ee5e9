// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What the tests of all transforms have in common.

#include <complex>
#include <cstdint>
#include <vector>

#include <tessera/core/batch.hpp>
#include <tessera/fft/fourier.hpp>

#include "support/effort.hpp"
#include "support/random_matrix.hpp"

namespace tessera::testing {

template <class Scalar>
using ComplexRows = RowMatrix<std::complex<Scalar>>;

inline constexpr FourierLayout layouts[] = {FourierLayout::automatic, FourierLayout::across_rows};

/// 1 to 300, primes, and neighbours of powers of two up to 4096.
inline std::vector<Index> lengths() {
  std::vector<Index> result;
  for (Index n = 1; n <= effort(300, 40); ++n) result.push_back(n);
  for (const Index n : {509, 511, 512, 513, 1000, 1009, 1023, 1024, 1025, 1026, 2048}) result.push_back(n);
  for (const Index n : {2017, 2047, 2049, 3125, 4093, 4094, 4095, 4096, 4097}) {
    if (!sanitized) result.push_back(n);
  }
  return result;
}

/// Independent normal deviates in both parts.
template <class Scalar>
ComplexRows<Scalar> random_complex(Index rows, Index columns, std::uint64_t seed) {
  ComplexRows<Scalar> result(rows, columns);
  result.real() = random_normal<Scalar>(rows, columns, seed);
  result.imag() = random_normal<Scalar>(rows, columns, ~seed);
  return result;
}

/// The inner product of all real and imaginary parts.
inline double product(const ComplexRows<double>& a, const ComplexRows<double>& b) {
  return a.real().cwiseProduct(b.real()).sum() + a.imag().cwiseProduct(b.imag()).sum();
}

}  // namespace tessera::testing
