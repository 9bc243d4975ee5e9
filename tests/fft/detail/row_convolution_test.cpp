// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/fft/detail/row_convolution.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include <tessera/core/thread_pool.hpp>
#include <tessera/fft/convolution.hpp>

#include "fft/convolution_cases.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

template <class Scalar>
using Row = detail::RowConvolution<Scalar>;

/// Lengths of signals, and of the kernels that plans are made for, which lead to each of the three ways.
struct Case {
  Index length;
  Index kernel_length;
};
constexpr Case cases[] = {{40, 3},   {513, 1},   {513, 32},   {1500, 32},  {600, 33},
                          {700, 40}, {3000, 65}, {5000, 129}, {4097, 200}, {9001, 700}};

#if defined(__FAST_MATH__)
constexpr bool fast_math = true;
#else
constexpr bool fast_math = false;
#endif

}  // namespace

TEST_CASE("each way is taken where it is cheapest", "[convolution]") {
  CHECK(Row<float>(100000, 32).method().direct);
  CHECK(Row<float>(32, 32).method().direct);
  CHECK(!Row<float>(100000, 33).method().direct);
  CHECK(Row<float>(100000, 33).method().block(33, 0) > 0);
  CHECK(Row<float>(1024, 1024).method().block(1024, 0) == 0);  // 0: as a whole
  CHECK(Row<float>(33, 33).method().block(33, 0) == 0);
  CHECK(Row<float>(1 << 20, 1 << 10).method().block(1 << 10, 0) >= 1 << 10);
  CHECK(Row<float>(0, 5000).method().block(5000, 0) > 0);  // an endless row
}

TEMPLATE_TEST_CASE("kernels shorter than signals agree with the sum over all taps", "[convolution]", float, double) {
  const double tolerance = sizeof(TestType) == 4 ? 5e-7 : 1e-13;
  for (const auto& [length, kernel_length] : cases) {
    for (const Index taps : {Index{1}, kernel_length / 2 + 1, kernel_length}) {
      CAPTURE(length, kernel_length, taps);
      const Index step = length < 2000 ? 1 : 7;
      REQUIRE(error_of_peak<TestType>({length, kernel_length, taps}, step, 5) < tolerance);
    }
  }
}

TEST_CASE("a unit impulse at any tap delays across the borders of blocks", "[convolution]") {
  for (const auto& [length, kernel_length] : {Case{300, 32}, Case{1100, 32}, Case{900, 60}}) {
    const CausalConvolution<double> plan(length, {.channels = kernel_length, .kernel_length = kernel_length});
    const RowMatrix<double> taps = RowMatrix<double>::Identity(kernel_length, kernel_length);
    const RowMatrix<double> row = random_normal<double>(1, length, 3);
    const RowMatrix<double> u = row.replicate(kernel_length, 1);
    const RowMatrix<double> y = plan.convolve(signals(u), plan.spectrum(rows(taps)));
    double worst = 0;
    for (Index c = 0; c < kernel_length; ++c) {
      for (Index n = 0; n < length; ++n) worst = std::max(worst, std::abs(y(c, n) - (n < c ? 0 : row(0, n - c))));
    }
    CHECK(worst < 1e-14);
  }
}

TEST_CASE("ranges, backward taps, skip and gate do not mind blocks", "[convolution]") {
  for (const auto& [length, kernel_length] : cases) {
    CAPTURE(length, kernel_length);
    const CausalConvolution<double> plan(length, {.channels = 2, .kernel_length = kernel_length});
    const RowMatrix<double> u = random_normal<double>(4, length, 1), gate = random_normal<double>(4, length, 2);
    const RowMatrix<double> k = random_normal<double>(2, kernel_length, 3), skip = random_normal<double>(1, 2, 4);
    const RowMatrix<double> back = random_normal<double>(2, kernel_length, 5);
    const auto both = plan.spectrum(rows(k), rows(back)), causal = plan.spectrum(rows(k));

    const RowMatrix<double> y = plan.convolve(batched(u, 2), both, {.skip = rows(skip), .gate = batched(gate, 2)});
    const RowMatrix<double> plain = plan.convolve(batched(u, 2), causal);
    const RowMatrix<double> full = plan.convolve(batched(u, 2), causal, {.range = ConvolutionRange::full});
    const RowMatrix<double> valid = plan.convolve(batched(u, 2), causal, {.range = ConvolutionRange::valid});
    // Blocks lie where they lie: the same results whatever the range (with -ffast-math, rounded differently where a
    // block is cut).
    if (!fast_math && Row<double>(length, kernel_length).method().block(kernel_length, 0) > 0) {
      CHECK(same_bits<double>(full.leftCols(length), plain));
      CHECK(same_bits<double>(plain.rightCols(valid.cols()), valid));
    }
    double worst = 0;
    for (Index r = 0; r < 4; ++r) {
      const Index c = r % 2;
      for (Index n = 0; n < full.cols(); n += 3) {
        const auto expected = exact(&u(r, 0), length, &k(c, 0), kernel_length, &back(c, 0), 0, n);
        worst = std::max(worst, std::abs(static_cast<double>(expected) - full(r, n)));
        if (n >= length) continue;
        const auto sum = exact(&u(r, 0), length, &k(c, 0), kernel_length, &back(c, 0), kernel_length, n);
        worst = std::max(worst, std::abs(static_cast<double>(sum) * gate(r, n) + skip(0, c) * u(r, n) - y(r, n)));
      }
    }
    CHECK(worst < 1e-11);
  }
}

TEST_CASE("signals may be overwritten by their results, block by block", "[convolution]") {
  for (const auto& [length, kernel_length] : cases) {
    CAPTURE(length, kernel_length);
    const CausalConvolution<float> plan(length, {.channels = 2, .kernel_length = kernel_length});
    const RowMatrix<float> u = random_normal<float>(2, length, 1), skip = random_normal<float>(1, 2, 2);
    const RowMatrix<float> k = random_normal<float>(2, kernel_length, 3);
    const auto spectrum = plan.spectrum(rows(k), rows(k));
    RowMatrix<float> there = u;
    plan.convolve_into(signals(std::as_const(there)), spectrum, signals(there), {.skip = rows(skip)});
    CHECK(same_bits(there, plan.convolve(signals(u), spectrum, {.skip = rows(skip)})));
    RowMatrix<float> adjoint(2, length);
    plan.correlate_into(signals(u), spectrum, signals(adjoint));
    there = u;
    plan.correlate_into(signals(std::as_const(there)), spectrum, signals(there));
    CHECK(same_bits(there, adjoint));
  }
}

TEST_CASE("gradients of short kernels are adjoints", "[convolution]") {
  for (const auto& [length, kernel_length] : cases) {
    for (const auto range : {ConvolutionRange::causal, ConvolutionRange::full, ConvolutionRange::valid}) {
      CAPTURE(length, kernel_length);
      const bool causal = range == ConvolutionRange::causal;
      const CausalConvolution<double> plan(length, {.kernel_length = kernel_length});
      const RowMatrix<double> u = random_normal<double>(2, length, 1), k = random_normal<double>(1, kernel_length, 2);
      const RowMatrix<double> back = random_normal<double>(1, kernel_length, 3);
      const auto spectrum = causal ? plan.spectrum(rows(k), rows(back)) : plan.spectrum(rows(k));
      const RowMatrix<double> y = plan.convolve(batched(u, 2), spectrum, {.range = range});
      const RowMatrix<double> w = random_normal<double>(2, y.cols(), 4);
      RowMatrix<double> gu(2, length), gk(1, kernel_length), gb = 0 * back;
      ConvolutionGradients<double> gradients{.input = batched(gu, 2), .kernel = rows(gk)};
      if (causal) gradients.backward_kernel = rows(gb);
      plan.backward_into(batched(u, 2), spectrum, batched(w, 2), gradients, {.range = range});
      const double scale = 1e-12 * y.norm() * w.norm();
      CHECK(std::abs(dot(y, w) - dot(u, gu)) < scale);
      CHECK(std::abs(dot(y, w) - dot(k, gk) - dot(back, gb)) < scale);
    }
  }
}

TEST_CASE("threads take blocks of a single row, with the same bits", "[convolution]") {
  ThreadPool pool(3);
  for (const auto& [length, kernel_length] : {Case{60000, 20}, Case{60001, 100}}) {
    const CausalConvolution<float> plan(length, {.kernel_length = kernel_length});
    const RowMatrix<float> u = random_normal<float>(1, length, 1), k = random_normal<float>(1, kernel_length, 2);
    const auto spectrum = plan.spectrum(rows(k));
    for (const auto range : {ConvolutionRange::causal, ConvolutionRange::full, ConvolutionRange::valid}) {
      const RowMatrix<float> serial = plan.convolve(signals(u), spectrum, {.range = range});
      CHECK(same_bits(plan.convolve(signals(u), spectrum, {.range = range, .execution = pool}), serial));
      RowMatrix<float> one(1, length), other(1, length);
      plan.correlate_into(signals(serial), spectrum, signals(one), {.range = range});
      plan.correlate_into(signals(serial), spectrum, signals(other), {.range = range, .execution = pool});
      CHECK(same_bits(one, other));
    }
  }
}

TEST_CASE("blocks allocate nothing", "[convolution]") {
  if (sanitized) return;
  for (const auto& [length, kernel_length] : {Case{2000, 20}, Case{9000, 100}}) {
    const CausalConvolution<float> plan(length, {.kernel_length = kernel_length});
    const RowMatrix<float> u = random_normal<float>(1, length, 1), k = random_normal<float>(1, kernel_length, 2);
    const auto spectrum = plan.spectrum(rows(k));
    auto workspace = plan.workspace();
    RowMatrix<float> y = u, gk = k, gu = u;
    const long before = allocations();
    plan.convolve_into(signals(u), spectrum, signals(y), {.workspace = &workspace});
    plan.backward_into(signals(u), spectrum, signals(std::as_const(y)), {.input = signals(gu), .kernel = rows(gk)},
                       {.workspace = &workspace});
    CHECK(allocations() == before);
  }
}
