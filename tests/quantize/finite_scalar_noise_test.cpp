// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/finite_scalar_noise.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <tessera/core/thread_pool.hpp>

#include "reference/finite_scalar_cases.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
namespace fsq = tessera::testing::fsq;
using fsq::all_are;
using fsq::quantizer_of;
using fsq::rows_of;
using fsq::same;
using tessera::testing::effort;
using tessera::testing::random_mask;
using tessera::testing::random_normal;

namespace {

constexpr ForwardNoise only_code = {.code = 1, .dither = 0, .seed = 5};
constexpr ForwardNoise only_dither = {.code = 0, .dither = 1, .seed = 5};
constexpr ForwardNoise only_raw = {.code = 0, .dither = 0, .seed = 5};

/// The largest distance of the empirical distribution from the uniform one on [-1/2, 1/2] (Kolmogorov and Smirnov).
double distance_from_uniform(std::vector<double> sample) {
  std::sort(sample.begin(), sample.end());
  double largest = 0;
  const auto n = static_cast<double>(sample.size());
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const double at = sample[i] + 0.5;
    largest = std::max({largest, static_cast<double>(i + 1) / n - at, at - static_cast<double>(i) / n});
  }
  return largest;
}

/// Exceeded with a probability of 1e-6: sqrt(log(2 / 1e-6) / 2) / sqrt(n) (Massart 1990).
double critical_distance(double n) { return std::sqrt(std::log(2e6) / 2 / n); }

}  // namespace

TEMPLATE_TEST_CASE("without noise there is the code, without anything the bounded value", "", float, double) {
  const auto quantizer = quantizer_of<TestType>(FsqDialect::lucidrains, {8, 5, 7});
  const auto z = random_normal<TestType>(200, 3, 81);
  const auto clean = quantizer.forward(rows(z));
  const auto code = forward_noisy(quantizer, rows(z), only_code);
  CHECK(same(code.codes, clean.codes));
  CHECK(same(code.tokens, clean.tokens));
  const auto raw = forward_noisy(quantizer, rows(z), only_raw);
  CHECK(same(raw.codes, quantizer.bound(rows(z))));
  CHECK(same(raw.tokens, clean.tokens));
  CHECK(raw.losses.total() == 0);
}

TEST_CASE("tokens are those of the clean code, and in range, in every dialect") {
  for (const FsqDialect dialect : fsq_dialects) {
    const auto levels = fsq::mixed_levels(dialect, 4, 82);
    const auto quantizer = quantizer_of<float>(dialect, levels);
    const auto z = random_normal<float>(effort(2000, 200), 4, 83, 4);  // many in the end bins, where noise would leave
    const auto clean = quantizer.forward(rows(z));
    for (const ForwardNoise& noise : {only_code, only_dither, only_raw, ForwardNoise{.code = 0.25, .dither = 0.5}}) {
      const auto noisy = forward_noisy(quantizer, rows(z), noise);
      CAPTURE(dialect_name(dialect), noise.code, noise.dither);
      CHECK(same(noisy.tokens, clean.tokens));
    }
  }
}

TEMPLATE_TEST_CASE("dithered values stay within half a step of the bound and within the codes", "", float, double) {
  const double epsilon = std::numeric_limits<TestType>::epsilon();
  for (const FsqDialect dialect : fsq_dialects) {
    const auto levels = fsq::mixed_levels(dialect, 3, 84);
    const auto quantizer = quantizer_of<TestType>(dialect, levels);
    const auto z = random_normal<TestType>(effort(1000, 200), 3, 85, 2);
    const auto bounded = quantizer.bound(rows(z));
    const auto noisy = forward_noisy(quantizer, rows(z), only_dither).codes;
    double farthest = 0, outside = 0;
    for (Index i = 0; i < z.size(); ++i) {
      const Index d = i % 3;
      const double low = quantizer.level_codes(d).front(), high = quantizer.level_codes(d).back();
      const double b = std::clamp<double>(bounded.data()[i], low, high);  // what is out of range is clamped, too
      farthest = std::max(farthest, (std::abs(noisy.data()[i] - b) - quantizer.step(d) / 2) / (high - low));
      outside = std::max({outside, noisy.data()[i] - high, low - noisy.data()[i]});
    }
    CAPTURE(dialect_name(dialect), levels);
    CHECK(farthest <= 4 * epsilon);
    CHECK(outside <= 0);
  }
}

TEST_CASE("the dither is uniform over a step of its own dimension, and independent") {
  // Latents so small that no value is clamped, dimensions of different steps.
  const std::vector<int> levels = {5, 8, 16};
  const auto quantizer = quantizer_of<double>(FsqDialect::symmetric, levels);
  const Index count = effort(20000, 2000);
  const auto z = random_normal<double>(count, 3, 86, 0.1);
  const auto noisy = forward_noisy(quantizer, rows(z), only_dither).codes;
  const auto bounded = quantizer.bound(rows(z));
  std::vector<std::vector<double>> noise(3);
  for (Index i = 0; i < count; ++i) {
    for (Index d = 0; d < 3; ++d) {
      noise[static_cast<std::size_t>(d)].push_back((noisy(i, d) - bounded(i, d)) / quantizer.step(d));
    }
  }
  const auto n = static_cast<double>(count);
  for (const auto& sample : noise) CHECK(distance_from_uniform(sample) < critical_distance(n));
  const auto correlation = [&](const std::vector<double>& a, const std::vector<double>& b, std::size_t lag) {
    double sum = 0;
    for (std::size_t i = 0; i + lag < a.size(); ++i) sum += 12 * a[i] * b[i + lag];
    return std::abs(sum) / std::sqrt(n);
  };
  // a standard normal number each: beyond 4.9 with a probability of 1e-6
  CHECK(correlation(noise[0], noise[1], 0) < 4.9);
  CHECK(correlation(noise[0], noise[2], 0) < 4.9);
  CHECK(correlation(noise[1], noise[2], 0) < 4.9);
  CHECK(correlation(noise[0], noise[0], 1) < 4.9);
  // the test has power: noise of 90 % of the width, or that of another dimension, fails it
  std::vector<double> narrow = noise[0];
  for (double& value : narrow) value *= 0.9;
  if (!testing::sanitized) CHECK(distance_from_uniform(narrow) > critical_distance(n));
}

TEST_CASE("each vector draws one kind, with the probabilities asked for") {
  const auto quantizer = quantizer_of<double>(FsqDialect::lucidrains, {8, 5, 5, 5});
  const Index count = effort(20000, 2000);
  const auto z = random_normal<double>(count, 4, 87, 0.3);
  const ForwardNoise noise = {.code = 0.25, .dither = 0.6, .seed = 11};
  const auto noisy = forward_noisy(quantizer, rows(z), noise);
  const auto clean = quantizer.forward(rows(z));
  const auto bounded = quantizer.bound(rows(z));
  Index codes = 0, raw = 0, dithers = 0, mixed = 0;
  for (Index i = 0; i < count; ++i) {
    const bool is_code = same(noisy.codes.row(i), clean.codes.row(i));
    const bool is_raw = same(noisy.codes.row(i), bounded.row(i));
    codes += is_code;
    raw += is_raw;
    dithers += !is_code && !is_raw;
    if (!is_code && !is_raw) {  // then every component is dithered
      for (Index d = 0; d < 4; ++d) mixed += noisy.codes(i, d) == bounded(i, d);
    }
  }
  const auto expected = [&](Index found, double p) {  // 4.9 deviations of a binomial number
    const auto n = static_cast<double>(count);
    return std::abs(static_cast<double>(found) - n * p) < 4.9 * std::sqrt(n * p * (1 - p)) + 1;
  };
  CHECK(expected(codes, 0.25));
  CHECK(expected(raw, 0.15));
  CHECK(expected(dithers, 0.6));
  CHECK(mixed == 0);
}

TEMPLATE_TEST_CASE("what a vector gets depends on its stream alone", "", float, double) {
  ThreadPool pool(3);
  const auto quantizer = quantizer_of<TestType>(FsqDialect::google, {8, 5, 5});
  const Index count = effort(1501, 301);
  const auto z = random_normal<TestType>(count, 3, 88);
  const ForwardNoise noise = {.code = 0.3, .dither = 0.4, .seed = 12, .first = 1000};
  const auto whole = forward_noisy(quantizer, rows(z), noise);

  const Batch<const TestType> batch = rows(z);
  RowMatrix<TestType> pieces(count, 3);
  for (Index begin = 0; begin < count; begin += 97) {
    const Index end = std::min(begin + 97, count);
    ForwardNoise from = noise;
    from.first += static_cast<std::uint64_t>(begin);
    pieces.middleRows(begin, end - begin) = forward_noisy(quantizer, batch.slice(begin, end), from).codes;
  }
  CHECK(same(pieces, whole.codes));
  CHECK(same(forward_noisy(quantizer, rows(z), noise, {.execution = pool}).codes, whole.codes));
  const fsq::Scattered<TestType> scattered(z, 5, 1);
  CHECK(same(forward_noisy(quantizer, scattered.view(), noise).codes, whole.codes));

  const MaskArray mask = random_mask(count, 89);
  const auto masked = forward_noisy(quantizer, rows(z), noise, {.mask = mask});
  int wrong = 0;
  for (Index i = 0; i < count; ++i) {
    wrong += mask[i] ? !same(masked.codes.row(i), whole.codes.row(i)) : !all_are(masked.codes.row(i), 0);
    wrong += masked.tokens(i, 0) != (mask[i] ? whole.tokens(i, 0) : -1);
  }
  CHECK(wrong == 0);

  ForwardNoise other = noise;
  other.seed = 13;
  CHECK_FALSE(same(forward_noisy(quantizer, rows(z), other).codes, whole.codes));
  other = noise;
  other.first = 0;
  CHECK_FALSE(same(forward_noisy(quantizer, rows(z), other).codes, whole.codes));
  FiniteScalarResult<TestType> reused;
  forward_noisy_into(quantizer, rows(z), noise, reused);
  const TestType* memory = reused.codes.data();
  forward_noisy_into(quantizer, rows(z), noise, reused);
  CHECK(reused.codes.data() == memory);
  CHECK(same(reused.codes, whole.codes));
}

TEST_CASE("backward of a noisy forward is that of the bound") {
  const auto quantizer = quantizer_of<double>(FsqDialect::lucidrains, {8, 5});
  const auto z = random_normal<double>(100, 2, 90);
  const auto g = random_normal<double>(100, 2, 91);
  const auto noisy = forward_noisy(quantizer, rows(z), {.code = 0.3, .dither = 0.4});
  CHECK(same(quantizer.backward(rows(z), noisy, {.codes = rows(g)}).grad_input,
             quantizer.backward(rows(z), quantizer.forward(rows(z)), {.codes = rows(g)}).grad_input));
}

TEST_CASE("vectors that are not finite, and probabilities that are none, are refused") {
  const auto quantizer = quantizer_of<float>(FsqDialect::lucidrains, {8, 5});
  RowMatrix<float> z = random_normal<float>(30, 2, 92);
  for (const ForwardNoise& bad :
       {ForwardNoise{.code = -0.1}, ForwardNoise{.code = 1.1, .dither = 0}, ForwardNoise{.code = 0, .dither = -1},
        ForwardNoise{.code = 0, .dither = 2}, ForwardNoise{.code = 0.6, .dither = 0.6},
        ForwardNoise{.code = std::numeric_limits<double>::quiet_NaN()}}) {
    CAPTURE(bad.code, bad.dither);
    CHECK_THROWS_MESSAGE(std::invalid_argument, forward_noisy(quantizer, rows(z), bad), "forward_noisy: expected");
  }
  CHECK_NOTHROW(forward_noisy(quantizer, rows(z), {.code = 0.7, .dither = 0.3}));
  z(17, 1) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, forward_noisy(quantizer, rows(z), {}), "nan at vector 17, component 1");
  const auto masked = forward_noisy(quantizer, rows(z), {}, {.mask_non_finite = true});
  CHECK(masked.tokens(17, 0) == -1);
  CHECK(all_are(masked.codes.row(17), 0));
  const auto other = random_normal<float>(30, 3, 93);
  CHECK_THROWS_MESSAGE(std::invalid_argument, forward_noisy(quantizer, rows(other), {}), "dimension 2, found 3");
}

TEST_CASE("an empty batch has an empty noisy result") {
  const auto quantizer = quantizer_of<float>(FsqDialect::lucidrains, {8, 5});
  const RowMatrix<float> none(0, 2);
  const auto result = forward_noisy(quantizer, rows(none), {});
  CHECK(result.codes.rows() == 0);
  CHECK(result.codes.cols() == 2);
  CHECK(result.tokens.rows() == 0);
}
