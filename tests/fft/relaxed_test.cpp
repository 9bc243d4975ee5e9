// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/fft/relaxed.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <tessera/core/thread_pool.hpp>

#include "fft/convolution_cases.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

/// The results of rows of samples, (batch * channels, length), one sample after the other.
template <class Scalar>
RowMatrix<Scalar> stepped(RelaxedConvolution<Scalar>& plan, const RowMatrix<Scalar>& u, Index layer = 0,
                          Execution execution = {}) {
  RowMatrix<Scalar> y(u.rows(), u.cols()), sample(plan.batch(), plan.channels());
  for (Index t = 0; t < u.cols(); ++t) {
    for (Index r = 0; r < u.rows(); ++r) sample(r / plan.channels(), r % plan.channels()) = u(r, t);
    plan.step_into(layer, rows(std::as_const(sample)), rows(sample), execution);
    for (Index r = 0; r < u.rows(); ++r) y(r, t) = sample(r / plan.channels(), r % plan.channels());
  }
  return y;
}

/// What decoding does: the next sample of a channel is made of the results of all channels.
template <class Row>
double next_sample(const Row& results, Index c) {
  return std::tanh(results(0, c) + 0.3 * results(0, (c + 1) % results.cols()) + 0.1);
}

}  // namespace

TEST_CASE("decoding equals the loop over all taps", "[convolution]") {
  for (const Index taps : {1, 2, 31, 32, 33, 34, 64, 65, 66, 100, 128, 129, 130, 500, 2000}) {
    const Index channels = 3, length = taps < 200 ? 700 : effort(2100, 700);
    CAPTURE(taps);
    const RowMatrix<double> k = random_normal<double>(channels, taps, 1) / std::sqrt(static_cast<double>(taps));
    RelaxedConvolution<double> plan(rows(k), {.channels = channels});
    RowMatrix<double> u = RowMatrix<double>::Zero(channels, length + 1), sample(1, channels);
    u.col(0).setConstant(0.5);
    double worst = 0;
    for (Index t = 0; t < length; ++t) {
      sample = u.col(t).transpose();
      plan.step_into(rows(std::as_const(sample)), rows(sample));
      RowMatrix<double> expected(1, channels);
      for (Index c = 0; c < channels; ++c) {
        long double sum = 0;
        for (Index j = 0; j < std::min(taps, t + 1); ++j) sum += static_cast<long double>(k(c, j)) * u(c, t - j);
        expected(0, c) = static_cast<double>(sum);
        u(c, t + 1) = next_sample(expected, c);
      }
      worst = std::max(worst, (expected - sample).cwiseAbs().maxCoeff());
    }
    CHECK(worst < 1e-12);
    CHECK(plan.position() == length);
  }
}

TEMPLATE_TEST_CASE("steps give the causal convolution", "", float, double) {
  const double tolerance = sizeof(TestType) == 4 ? 1e-6 : 1e-13;
  for (const Index taps : {5, 40, 300, 1025}) {
    const Index channels = 5, batch = 2, length = 1200;
    CAPTURE(taps);
    const RowMatrix<TestType> k = random_normal<TestType>(channels, taps, 1);
    const RowMatrix<TestType> u = random_normal<TestType>(batch * channels, length, 2);
    RelaxedConvolution<TestType> plan(rows(k), {.channels = channels, .batch = batch});
    const RowMatrix<TestType> y = stepped(plan, u);
    long double worst = 0, peak = 0;
    for (Index r = 0; r < y.rows(); ++r) {
      for (Index n = 0; n < length; n += 3) {
        const long double expected = exact(&u(r, 0), length, &k(r % channels, 0), taps, &k(0, 0), 0, n);
        worst = std::max(worst, std::abs(expected - static_cast<long double>(y(r, n))));
        peak = std::max(peak, std::abs(expected));
      }
    }
    CHECK(static_cast<double>(worst / peak) < tolerance);
  }
}

TEST_CASE("an impulse at any sample meets every tap once", "[convolution]") {
  // Exhaustive: each sample of 300 in a channel of its own, with a kernel whose taps differ.
  for (const Index taps : {33, 65, 97, 300}) {
    const Index length = 300;
    RowMatrix<double> k(1, taps);
    for (Index j = 0; j < taps; ++j) k(0, j) = static_cast<double>(j + 1);
    RelaxedConvolution<double> plan(rows(k), {.channels = length});
    const RowMatrix<double> y = stepped<double>(plan, RowMatrix<double>::Identity(length, length));
    double worst = 0;
    for (Index s = 0; s < length; ++s) {
      for (Index n = 0; n < length; ++n) {
        const double expected = n >= s && n - s < taps ? static_cast<double>(n - s + 1) : 0;
        worst = std::max(worst, std::abs(y(s, n) - expected));
      }
    }
    CHECK(worst < 1e-11);  // of a peak of 300
  }
}

TEST_CASE("the future does not reach back to the bit", "[convolution]") {
  const Index taps = 200, length = 400;
  const RowMatrix<float> k = random_normal<float>(1, taps, 1), u = random_normal<float>(1, length, 2);
  RelaxedConvolution<float> plan(rows(k));
  const RowMatrix<float> before = stepped(plan, u);
  for (Index t = 1; t < length; t += 7) {
    RowMatrix<float> other = u;
    other.rightCols(length - t) *= -3;
    plan.reset();
    REQUIRE(same_bits<float>(stepped(plan, other).leftCols(t), before.leftCols(t)));
  }
}

TEST_CASE("threads, layers, other channels and prefilling do not change a bit", "[convolution]") {
  ThreadPool pool(3);
  const Index channels = 21, batch = 2, layers = 3, length = 330, taps = 150;
  const RowMatrix<float> k = random_normal<float>(layers * channels, taps, 1);
  const RowMatrix<float> u = random_normal<float>(batch * channels, length, 2);
  RelaxedConvolution<float> plan(rows(k), {.channels = channels, .layers = layers, .batch = batch, .slots = 3});
  std::vector<RowMatrix<float>> alone;
  for (Index l = 0; l < layers; ++l) alone.push_back(stepped(plan, u, l));

  // All layers sample by sample, as a model does, with the work of all layers shared by threads.
  plan.reset();
  RowMatrix<float> sample(batch, channels);
  for (Index t = 0; t < length; ++t) {
    for (Index l = 0; l < layers; ++l) {
      for (Index r = 0; r < u.rows(); ++r) sample(r / channels, r % channels) = u(r, t);
      plan.step_into(l, rows(std::as_const(sample)), rows(sample), pool);
      for (Index r = 0; r < u.rows(); ++r) {
        REQUIRE(sample(r / channels, r % channels) == alone[static_cast<std::size_t>(l)](r, t));
      }
    }
    if (t % 3 != 0) plan.catch_up(pool);
  }

  for (Index l = 0; l < layers; ++l) {
    for (const Index known : {1, 31, 32, 64, 130, 330}) {
      plan.reset();
      RowMatrix<float> y = u;
      const auto part = [&](Index begin, Index end) { return batched(y, batch).window(begin, end); };
      plan.prefill_into(l, part(0, known), part(0, known));
      plan.prefill_into(l, part(known, length), part(known, length), pool);
      REQUIRE(same_bits(y, alone[static_cast<std::size_t>(l)]));
    }
    for (const Index c : {0, 7, 20}) {
      RelaxedConvolution<float> single(rows(k.row(l * channels + c)));
      const RowMatrix<float> one = stepped<float>(single, u.row(channels + c));
      REQUIRE(same_bits<float>(one, alone[static_cast<std::size_t>(l)].row(channels + c)));
    }
  }
}

TEST_CASE("channels of a layer may share a kernel", "[convolution]") {
  const RowMatrix<float> k = random_normal<float>(2, 90, 1), u = random_normal<float>(4, 200, 2);
  RelaxedConvolution<float> shared(rows(k), {.channels = 4, .layers = 2});
  const RowMatrix<float> each = k.row(1).replicate(4, 1);
  RelaxedConvolution<float> own(rows(each), {.channels = 4});
  CHECK(same_bits(stepped(shared, u, 1), stepped(own, u)));
}

TEST_CASE("a step allocates nothing", "[convolution]") {
  if (sanitized) return;
  const RowMatrix<float> k = random_normal<float>(3, 200, 1), u = random_normal<float>(1, 3, 2);
  RelaxedConvolution<float> plan(rows(k), {.channels = 3});
  RowMatrix<float> y(1, 3);
  const long before = allocations();
  for (int t = 0; t < 600; ++t) plan.step_into(rows(u), rows(y));
  CHECK(allocations() == before);
}

TEST_CASE("misuse of relaxed convolution is refused in words", "[convolution]") {
  using Plan = RelaxedConvolution<float>;
  RowMatrix<float> k = RowMatrix<float>::Ones(6, 4), u = RowMatrix<float>::Ones(1, 3);
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan(rows(k), {.channels = 0}),
                       "RelaxedConvolution: expected at least 1 channel, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan(rows(k), {.layers = 0}),
                       "RelaxedConvolution: expected at least 1 layer, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan(rows(k), {.batch = 0}),
                       "RelaxedConvolution: expected at least 1 sequence, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan(rows(k), {.channels = 6, .slots = 0}),
                       "RelaxedConvolution: expected at least 1 slot, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan(rows(k), {.channels = 2, .layers = 2}),
                       "expected one kernel for each of 2 layers, or for each of 2 channels of each, found 6");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan(Batch<const float>(k.data(), 1, 0)),
                       "RelaxedConvolution: expected at least 1 tap, found 0");
  k(4, 1) = -std::numeric_limits<float>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan(rows(k), {.channels = 3, .layers = 2}),
                       "RelaxedConvolution: expected finite taps, found -inf at kernel 4, tap 1");
  k(4, 1) = 1;
  Plan plan(rows(k), {.channels = 3, .layers = 2});
  CHECK_THROWS_MESSAGE(std::out_of_range, plan.step_into(2, rows(u), rows(u)),
                       "RelaxedConvolution: expected a layer in [0, 2), found 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.step_into(rows(u), rows(u)),
                       "RelaxedConvolution: expected the number of a layer in [0, 2), found none");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.step_into(0, rows(u.leftCols(2)), rows(u)),
                       "RelaxedConvolution: expected input of 1 sequences and 3 channels, found 1 x 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.prefill_into(0, signals(u), signals(u)),
                       "RelaxedConvolution: expected input of batch 1, 3 channels and length 3, found 1, 1 and 3");
  u(0, 2) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.step_into(0, rows(u), rows(u)),
                       "RelaxedConvolution: expected finite samples, found nan at sequence 0, channel 2");
  CHECK(plan.position(0) == 0);
}
