// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// Encodes the same data in every unit: CMakeLists.txt compiles this file several times, with flags of its own each.

#include <complex>
#include <cstdint>

#include <tessera/core/panel_product.hpp>
#include <tessera/fft/convolution.hpp>
#include <tessera/fft/real_fourier.hpp>
#include <tessera/quantize/finite_scalar.hpp>
#include <tessera/quantize/nearest.hpp>
#include <tessera/quantize/vector.hpp>

#include "digests.hpp"

namespace {

// Data from integer arithmetic alone: no unit's rounding has a part in it.
template <class Scalar>
tessera::RowMatrix<Scalar> integers(tessera::Index rows, tessera::Index cols, std::uint64_t seed, int bound) {
  tessera::RowMatrix<Scalar> matrix(rows, cols);
  std::uint64_t state = seed;
  for (tessera::Index i = 0; i < matrix.size(); ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    matrix.data()[i] =
        static_cast<Scalar>(static_cast<int>((state >> 33) % static_cast<unsigned>(2 * bound + 1)) - bound);
  }
  return matrix;
}

// FNV-1a over the tokens.
std::uint64_t digest(const tessera::Tokens<>& tokens) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (tessera::Index i = 0; i < tokens.size(); ++i) {
    hash = (hash ^ static_cast<std::uint64_t>(tokens.data()[i])) * 0x100000001b3u;
  }
  return hash;
}

// Small integers tie often, large ones exhaust the significand of a float: both need the exact comparison.
template <class Scalar>
std::uint64_t nearest_tokens(tessera::Metric metric) {
  std::uint64_t hash = 0;
  for (const int bound : {3, 1 << 20}) {
    for (const tessera::Index dimension : {1, 5, 8, 17, 64}) {
      const auto codebook = integers<Scalar>(257, dimension, 1, bound);
      const auto queries = integers<Scalar>(301, dimension, 2, bound);
      const tessera::NearestCode<Scalar> nearest(tessera::rows(codebook), metric);
      hash = hash * 31 + digest(nearest.search(tessera::rows(queries)));
    }
  }
  return hash;
}

// Levels by thresholds: multiples of 2^-12 between -6 and 6, the edge at zero of even levels among them.
template <class Scalar>
std::uint64_t scalar_tokens() {
  using tessera::FsqDialect;
  std::uint64_t hash = 0;
  const tessera::RowMatrix<Scalar> latents = integers<Scalar>(4001, 5, 5, 6 << 12) / Scalar(1 << 12);
  for (const FsqDialect dialect : {FsqDialect::google, FsqDialect::lucidrains, FsqDialect::ifsq}) {
    const tessera::FiniteScalarQuantizer<Scalar> quantizer({.levels = {8, 7, 6, 5, 16}, .dialect = dialect});
    hash = hash * 31 + digest(quantizer.encode(tessera::rows(latents)));
  }
  return hash;
}

// Tokens with every third vector masked, and sums that are exact: integers on a grid that holds them.
std::uint64_t vector_tokens() {
  const auto codes = integers<float>(100, 7, 6, 500), batch = integers<float>(1001, 7, 7, 500);
  tessera::MaskArray mask(1001);
  for (tessera::Index i = 0; i < 1001; ++i) mask[i] = i % 3 != 0;
  const tessera::VectorQuantizer<float> quantizer(tessera::rows(codes), {});
  const tessera::Tokens<> tokens = quantizer.encode(tessera::rows(batch), {.mask = mask});
  const auto statistics = quantizer.statistics(tessera::rows(batch), tokens);
  return (digest(tokens) * 31 + digest(statistics.counts())) * 31 + digest(statistics.sums());
}

double product_sum() {
  const auto weights = integers<float>(67, 33, 3, 1000), input = integers<float>(29, 33, 4, 1000);
  return tessera::PanelMatrix<float>(tessera::rows(weights)).multiply(tessera::rows(input)).cast<double>().norm();
}

double convolution_sum() {
  const auto taps = integers<float>(3, 300, 8, 9), input = integers<float>(3, 500, 9, 9);
  const tessera::CausalConvolution<float> plan(500, {.channels = 3});
  return plan.convolve(tessera::signals(input), plan.spectrum(tessera::rows(taps))).cast<double>().norm();
}

double transform_sum() {
  const auto samples = integers<float>(5, 101, 10, 9);
  const tessera::RealFourierTransform<float, tessera::FourierScale::none> plan(101);
  return plan.forward(tessera::rows(samples)).cast<std::complex<double>>().norm();
}

}  // namespace

Digests TESSERA_UNIT();
Digests TESSERA_UNIT() {
  return {tessera::instruction_set,
          nearest_tokens<float>(tessera::Metric::squared_euclidean),
          nearest_tokens<double>(tessera::Metric::squared_euclidean),
          nearest_tokens<float>(tessera::Metric::cosine),
          scalar_tokens<float>(),
          scalar_tokens<double>(),
          vector_tokens(),
          product_sum(),
          convolution_sum(),
          transform_sum()};
}
