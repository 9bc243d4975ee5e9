// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Seeded matrices for tests, from a generator of their own: a test of the library never depends on the library's random
// numbers. splitmix64 gives the bits (Steele, Lea and Flood 2014), Box and Muller the normal deviates.

#include <cmath>
#include <cstdint>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>

namespace tessera::testing {

/// splitmix64: 64 well-mixed bits per call, any seed.
class SplitMix {
 public:
  explicit SplitMix(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// In [0, 1), a multiple of 2^-53.
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// In [0, count); the bias of the remainder is below 2^-40 for every count a test uses.
  Index below(Index count) { return static_cast<Index>(bits() % static_cast<std::uint64_t>(count)); }
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(6.283185307179586 * uniform());
  }

 private:
  std::uint64_t state_;
};

/// rows x cols independent normal deviates offset + scale * N(0, 1), computed in double and rounded once.
template <class Scalar>
RowMatrix<Scalar> random_normal(Index rows, Index cols, std::uint64_t seed, double scale = 1, double offset = 0) {
  SplitMix random(seed);
  RowMatrix<Scalar> matrix(rows, cols);
  for (Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = static_cast<Scalar>(offset + scale * random.normal());
  return matrix;
}

/// rows x cols independent uniform deviates in [low, high).
template <class Scalar>
RowMatrix<Scalar> random_uniform(Index rows, Index cols, std::uint64_t seed, double low = 0, double high = 1) {
  SplitMix random(seed);
  RowMatrix<Scalar> matrix(rows, cols);
  for (Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = static_cast<Scalar>(random.uniform(low, high));
  return matrix;
}

/// rows x cols integers in [low, high], exact in any floating type that holds them: ties are frequent, sums are exact.
template <class Scalar>
RowMatrix<Scalar> random_integers(Index rows, Index cols, std::uint64_t seed, int low, int high) {
  SplitMix random(seed);
  RowMatrix<Scalar> matrix(rows, cols);
  for (Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = static_cast<Scalar>(low + random.below(high - low + 1));
  return matrix;
}

/// A mask of `count` flags, each true with probability `valid`. A byte per flag, as std::vector<bool> has no data().
inline Eigen::Array<bool, Eigen::Dynamic, 1> random_mask(Index count, std::uint64_t seed, double valid = 0.7) {
  SplitMix random(seed);
  Eigen::Array<bool, Eigen::Dynamic, 1> mask(count);
  for (Index i = 0; i < count; ++i) mask[i] = random.uniform() < valid;
  return mask;
}

}  // namespace tessera::testing
