// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/fft/convolution.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include <tessera/core/thread_pool.hpp>

#include "fft/convolution_cases.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Batch;
using tessera::CausalConvolution;
using tessera::ConvolutionGradients;
using tessera::ConvolutionRange;
using tessera::Index;
using tessera::KernelSpectrum;
using tessera::RowMatrix;
using tessera::rows;
using tessera::signals;
using tessera::Signals;
namespace testing = tessera::testing;
using testing::batched;
using testing::dot;
using testing::error_of_peak;
using testing::exact;
using testing::same_bits;

}  // namespace

TEMPLATE_TEST_CASE("every length agrees with the sum over all taps", "[convolution]", float, double) {
  // Of the peak: what the method promises.
  const double tolerance = sizeof(TestType) == 4 ? 5e-7 : 1e-13;
  for (Index length = 1; length <= 40; ++length) {
    for (Index taps = 1; taps <= length; taps += length <= 12 ? 1 : 7) {
      CAPTURE(length, taps);
      REQUIRE(error_of_peak<TestType>({length, 0, taps}, 1, static_cast<std::uint64_t>(100 * length + taps)) <
              tolerance);
    }
  }
  for (const Index length : {53,  63,  64,   65,   97,   127,  128,  129,  211,  255,  256,  257,  499, 511,
                             512, 513, 1009, 1023, 1024, 1025, 2047, 2048, 2049, 3001, 4095, 4096, 4097}) {
    CAPTURE(length);
    const Index step = length < 600 ? 1 : 7;
    REQUIRE(error_of_peak<TestType>({length, 0, length}, step, 7) < tolerance);
    REQUIRE(error_of_peak<TestType>({length, 0, length / 3}, step, 8) < tolerance);
  }
}

TEST_CASE("long signals keep the accuracy", "[convolution]") {
  CHECK(error_of_peak<float>({65536, 0, 65536}, 4001, 9) < 5e-7);
  CHECK(error_of_peak<float>({100003, 0, 70001}, 7919, 9) < 5e-7);
  CHECK(error_of_peak<double>({32768, 0, 32768}, 1999, 9) < 1e-13);
}

TEST_CASE("a unit impulse at any tap delays by that tap", "[convolution]") {
  for (const Index length : {5, 32, 33, 64, 200, 256}) {
    const CausalConvolution<double> plan(length, {.channels = length});
    RowMatrix<double> taps = RowMatrix<double>::Identity(length, length);
    const RowMatrix<double> row = testing::random_normal<double>(1, length, 3);
    const RowMatrix<double> u = row.replicate(length, 1);
    const RowMatrix<double> y = plan.convolve(signals(u), plan.spectrum(rows(taps)));
    double worst = 0;
    for (Index c = 0; c < length; ++c) {
      for (Index n = 0; n < length; ++n) worst = std::max(worst, std::abs(y(c, n) - (n < c ? 0 : row(0, n - c))));
    }
    CHECK(worst < 1e-14);
  }
}

TEST_CASE("short rows are causal to the bit", "[convolution]") {
  const CausalConvolution<float> plan(32);
  const RowMatrix<float> k = testing::random_normal<float>(1, 32, 1);
  RowMatrix<float> u = testing::random_normal<float>(1, 32, 2);
  const auto spectrum = plan.spectrum(rows(k));
  const RowMatrix<float> before = plan.convolve(signals(u), spectrum);
  for (Index n = 31; n > 0; --n) {
    u(0, n) = 1000;
    const RowMatrix<float> after = plan.convolve(signals(u), spectrum);
    REQUIRE(same_bits<float>(after.leftCols(n), before.leftCols(n)));
    REQUIRE(after(0, n) != before(0, n));
  }
}

TEST_CASE("the ranges are windows of the full convolution", "[convolution]") {
  for (const Index length : {20, 100, 300}) {
    for (const Index taps : {Index{1}, Index{13}, length}) {
      const CausalConvolution<double> plan(length, {.channels = 2});
      const RowMatrix<double> u = testing::random_normal<double>(4, length, 1);
      const RowMatrix<double> k = testing::random_normal<double>(2, taps, 2);
      const auto spectrum = plan.spectrum(rows(k));
      const RowMatrix<double> causal = plan.convolve(batched(u, 2), spectrum);
      const RowMatrix<double> full = plan.convolve(batched(u, 2), spectrum, {.range = ConvolutionRange::full});
      const RowMatrix<double> valid = plan.convolve(batched(u, 2), spectrum, {.range = ConvolutionRange::valid});
      CHECK(plan.output_length(spectrum, ConvolutionRange::valid) == length - taps + 1);
      REQUIRE(full.cols() == length + taps - 1);
      REQUIRE(valid.cols() == length - taps + 1);
      CHECK((full.leftCols(length) - causal).cwiseAbs().maxCoeff() < 1e-12);
      CHECK((full.middleCols(taps - 1, valid.cols()) - valid).cwiseAbs().maxCoeff() < 1e-12);
      for (Index r = 0; r < 4; ++r) {
        for (Index n = 0; n < full.cols(); n += 11) {
          const auto expected = exact<double>(&u(r, 0), length, &k(r % 2, 0), taps, nullptr, 0, n);
          REQUIRE(std::abs(static_cast<double>(expected) - full(r, n)) < 1e-12);
        }
      }
    }
  }
}

TEST_CASE("backward taps reach ahead from lag -1", "[convolution]") {
  for (const Index length : {1, 2, 17, 32, 40, 64, 150}) {
    for (const Index reach : {Index{1}, length / 2 + 1, length}) {
      const CausalConvolution<double> plan(length);
      const RowMatrix<double> u = testing::random_normal<double>(1, length, 1);
      const RowMatrix<double> k = testing::random_normal<double>(1, length, 2);
      const RowMatrix<double> back = testing::random_normal<double>(1, reach, 3);
      const RowMatrix<double> y = plan.convolve(signals(u), plan.spectrum(rows(k), rows(back)));
      for (Index n = 0; n < length; ++n) {
        const auto expected = exact<double>(u.data(), length, k.data(), length, back.data(), reach, n);
        REQUIRE(std::abs(static_cast<double>(expected) - y(0, n)) < 1e-12);
      }
    }
  }
}

TEST_CASE("skip and gate are y = gate (k * u) + skip u", "[convolution]") {
  for (const Index length : {11, 77, 128}) {
    const CausalConvolution<double> plan(length, {.channels = 3});
    const RowMatrix<double> u = testing::random_normal<double>(6, length, 1);
    const RowMatrix<double> k = testing::random_normal<double>(3, length, 2);
    const RowMatrix<double> gate = testing::random_normal<double>(6, length, 3);
    const RowMatrix<double> skip = testing::random_normal<double>(1, 3, 4);
    const auto spectrum = plan.spectrum(rows(k));
    const RowMatrix<double> plain = plan.convolve(batched(u, 2), spectrum);
    RowMatrix<double> expected = gate.cwiseProduct(plain);
    for (Index r = 0; r < 6; ++r) expected.row(r) += skip(0, r % 3) * u.row(r);
    RowMatrix<double> y = u;  // in place
    plan.convolve_into(batched(std::as_const(y), 2), spectrum, batched(y, 2),
                       {.skip = rows(skip), .gate = batched(gate, 2)});
    CHECK((y - expected).cwiseAbs().maxCoeff() < 1e-13);
  }
}

TEST_CASE("a shared kernel is the same kernel for every channel", "[convolution]") {
  for (const Index length : {20, 90}) {
    const CausalConvolution<float> plan(length, {.channels = 5});
    const RowMatrix<float> u = testing::random_normal<float>(5, length, 1);
    const RowMatrix<float> k = testing::random_normal<float>(1, 9, 2);
    const RowMatrix<float> each = k.replicate(5, 1);
    CHECK(same_bits(plan.convolve(signals(u), plan.spectrum(rows(k))),
                    plan.convolve(signals(u), plan.spectrum(rows(each)))));
  }
}

TEST_CASE("threads, the split of the batch and the order of channels do not change a bit", "[convolution]") {
  tessera::ThreadPool pool(3);
  for (const Index length : {30, 100, 1024}) {
    const Index channels = 5, batch = 4;
    const CausalConvolution<float> plan(length, {.channels = channels});
    const RowMatrix<float> u = testing::random_normal<float>(batch * channels, length, 1);
    const RowMatrix<float> k = testing::random_normal<float>(channels, length, 2);
    const auto spectrum = plan.spectrum(rows(k), {}, pool);
    const RowMatrix<float> whole = plan.convolve(batched(u, batch), spectrum);
    CHECK(same_bits(plan.convolve(batched(u, batch), spectrum, {.execution = pool}), whole));
    auto workspace = plan.workspace(2);
    CHECK(same_bits(plan.convolve(batched(u, batch), spectrum, {.execution = pool, .workspace = &workspace}), whole));

    for (Index b = 0; b < batch; ++b) {
      const RowMatrix<float> part = plan.convolve(batched(u, batch).slice(b, b + 1), spectrum);
      REQUIRE(same_bits<float>(part, whole.middleRows(b * channels, channels)));
    }
    for (Index c = 0; c < channels; ++c) {  // a plan of one channel, too
      const CausalConvolution<float> single(length);
      const RowMatrix<float> one = single.convolve(signals(u.row(c)), single.spectrum(rows(k.row(c))));
      REQUIRE(same_bits<float>(one, whole.row(c)));
    }

    RowMatrix<float> g1(channels, length), g2(channels, length);
    plan.backward_into(batched(u, batch), spectrum, batched(whole, batch), {.kernel = rows(g1)});
    plan.backward_into(batched(u, batch), spectrum, batched(whole, batch), {.kernel = rows(g2)}, {.execution = pool});
    CHECK(same_bits(g1, g2));
  }
}

TEST_CASE("signals may have gaps", "[convolution]") {
  const CausalConvolution<float> plan(50, {.channels = 2});
  const RowMatrix<float> wide = testing::random_normal<float>(2, 80, 1);
  const RowMatrix<float> k = testing::random_normal<float>(2, 50, 2);
  const RowMatrix<float> u = wide.middleCols(7, 50);
  RowMatrix<float> result = RowMatrix<float>::Constant(2, 60, 7);
  const auto spectrum = plan.spectrum(rows(k));
  plan.convolve_into(signals(wide.middleCols(7, 50)), spectrum, signals(result.middleCols(3, 50)));
  const RowMatrix<float> expected = plan.convolve(signals(u), spectrum);
  CHECK(same_bits<float>(result.middleCols(3, 50), expected));
  CHECK((result.leftCols(3).array() == 7).all());
  CHECK((result.rightCols(7).array() == 7).all());
}

TEST_CASE("every gradient is the adjoint of its derivative", "[convolution]") {
  // y is linear in input, kernel, backward kernel, skip and gate, each with the others fixed: <J v, w> = <v, J^T w>
  // where J v is y with v in the place of that argument, less what does not depend on it.
  for (const Index length : {1, 7, 32, 33, 64, 100, 257}) {
    for (const bool shared : {false, true}) {
      CAPTURE(length, shared);
      const Index batch = 3, channels = 4, kernels = shared ? 1 : channels, taps = (length + 1) / 2;
      const CausalConvolution<double> plan(length, {.channels = channels});
      const auto random = [](Index r, Index c, std::uint64_t seed) {
        return testing::random_normal<double>(r, c, seed);
      };
      const RowMatrix<double> u = random(batch * channels, length, 1), k = random(kernels, taps, 2);
      const RowMatrix<double> back = random(kernels, length, 3), gate = random(batch * channels, length, 4);
      const RowMatrix<double> skip = random(1, channels, 5), w = random(batch * channels, length, 6);
      const auto apply = [&](const RowMatrix<double>& input, const RowMatrix<double>& forward,
                             const RowMatrix<double>& backward, const RowMatrix<double>& g,
                             const RowMatrix<double>& d) {
        return plan.convolve(batched(input, batch), plan.spectrum(rows(forward), rows(backward)),
                             {.skip = rows(d), .gate = batched(g, batch)});
      };
      RowMatrix<double> gu = u, gk = k, gb = back, gg = gate, gs = skip;
      plan.backward_into(batched(u, batch), plan.spectrum(rows(k), rows(back)), batched(w, batch),
                         {.input = batched(gu, batch),
                          .kernel = rows(gk),
                          .backward_kernel = rows(gb),
                          .skip = rows(gs),
                          .gate = batched(gg, batch)},
                         {.skip = rows(skip), .gate = batched(gate, batch)});
      const auto check = [](double forward, double backward, double scale) {
        CHECK(std::abs(forward - backward) < 1e-12 * std::max(1.0, scale));
      };
      const RowMatrix<double> vu = random(batch * channels, length, 7), vk = random(kernels, taps, 8);
      const RowMatrix<double> vb = random(kernels, length, 9), vs = random(1, channels, 10);
      const RowMatrix<double> no_k = 0 * k, no_b = 0 * back, no_s = 0 * skip, no_g = 0 * gate;
      const double scale = w.norm() * apply(u, k, back, gate, skip).norm();
      check(dot(apply(vu, k, back, gate, skip), w), dot(vu, gu), scale);
      check(dot(apply(u, vk, no_b, gate, no_s), w), dot(vk, gk), scale);
      check(dot(apply(u, no_k, vb, gate, no_s), w), dot(vb, gb), scale);
      check(dot(apply(u, no_k, no_b, no_g, vs), w), dot(vs, gs), scale);
      check(dot(apply(u, k, back, vu, no_s), w), dot(vu, gg), scale);
    }
  }
}

TEST_CASE("the gradients of the other ranges are adjoints, too", "[convolution]") {
  for (const Index length : {20, 64, 100}) {
    for (const auto range : {ConvolutionRange::full, ConvolutionRange::valid}) {
      const Index taps = length / 2 + 3;
      const CausalConvolution<double> plan(length);
      const RowMatrix<double> u = testing::random_normal<double>(2, length, 1);
      const RowMatrix<double> k = testing::random_normal<double>(1, taps, 2);
      const auto spectrum = plan.spectrum(rows(k));
      const RowMatrix<double> y = plan.convolve(batched(u, 2), spectrum, {.range = range});
      const RowMatrix<double> w = testing::random_normal<double>(2, y.cols(), 3);
      RowMatrix<double> gu(2, length), gk(1, taps);
      plan.backward_into(batched(u, 2), spectrum, batched(w, 2), {.input = batched(gu, 2), .kernel = rows(gk)},
                         {.range = range});
      const double scale = y.norm() * w.norm();
      CHECK(std::abs(dot(y, w) - dot(u, gu)) < 1e-12 * scale);  // y is linear in u and in k
      CHECK(std::abs(dot(y, w) - dot(k, gk)) < 1e-12 * scale);
    }
  }
}

TEST_CASE("correlation sums ahead", "[convolution]") {
  for (const Index length : {9, 70}) {
    const CausalConvolution<double> plan(length);
    const RowMatrix<double> g = testing::random_normal<double>(1, length, 1);
    const RowMatrix<double> k = testing::random_normal<double>(1, length, 2);
    RowMatrix<double> x(1, length);
    plan.correlate_into(signals(g), plan.spectrum(rows(k)), signals(x));
    for (Index n = 0; n < length; ++n) {
      double expected = 0;
      for (Index j = 0; n + j < length; ++j) expected += k(0, j) * g(0, n + j);
      CHECK(std::abs(x(0, n) - expected) < 1e-12);
    }
  }
}

TEST_CASE("an empty batch gives an empty result, and kernel gradients of zero", "[convolution]") {
  const CausalConvolution<float> plan(40, {.channels = 2});
  const RowMatrix<float> k = testing::random_normal<float>(2, 3, 1);
  const auto spectrum = plan.spectrum(rows(k));
  const Signals<const float> none(nullptr, 0, 2, 40);
  CHECK(plan.convolve(none, spectrum).rows() == 0);
  RowMatrix<float> gradient = k;
  plan.backward_into(none, spectrum, none, {.kernel = rows(gradient)});
  CHECK(gradient.isZero(0));
}

TEST_CASE("misuse of convolutions is refused in words", "[convolution]") {
  using Plan = CausalConvolution<float>;
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan(0), "CausalConvolution: expected a length of at least 1, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan(4, {.channels = 0}),
                       "CausalConvolution: expected at least 1 channel, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan(4, {.kernel_length = 5}),
                       "CausalConvolution: expected a kernel_length in [1, 4], or 0 for 4, found 5");

  const Plan plan(50, {.channels = 2, .kernel_length = 8});
  RowMatrix<float> k = RowMatrix<float>::Ones(2, 8), u = RowMatrix<float>::Ones(2, 50), y = u;
  auto spectrum = plan.spectrum(rows(k));
  const RowMatrix<float> long_taps = RowMatrix<float>::Ones(2, 9), three = RowMatrix<float>::Ones(3, 8);
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.spectrum(rows(long_taps)),
                       "KernelSpectrum: expected 1 to 8 taps, as the plan promised, found 9");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.spectrum(rows(three)), "found 3 kernels");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.spectrum(rows(k), rows(k.topRows(1))),
                       "KernelSpectrum: expected backward taps of");
  RowMatrix<float> bad = k;
  bad(1, 5) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.spectrum_into(rows(bad), {}, spectrum),
                       "KernelSpectrum: expected finite taps, found nan at kernel 1, tap 5");
  bad(1, 5) = -std::numeric_limits<float>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.spectrum(rows(k), rows(bad)),
                       "KernelSpectrum: expected finite backward taps, found -inf at kernel 1, tap 5");
  const RowMatrix<float> unharmed = plan.convolve(signals(u), spectrum);
  CHECK(same_bits(unharmed, plan.convolve(signals(u), plan.spectrum(rows(k)))));

  const Plan other(51, {.channels = 2});
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.convolve(signals(u), other.spectrum(rows(k))),
                       "CausalConvolution: expected a spectrum made for length 50, found one for 51");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.convolve(signals(u), {}), "found one for 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument,
                       plan.convolve(signals(u), Plan(50, {.kernel_length = 9}).spectrum(rows(k.topRows(1)))),
                       "CausalConvolution: expected a spectrum made by a plan for up to 8 taps, found one for up to 9");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.convolve(signals(k), spectrum),
                       "CausalConvolution: expected input of batch 1, 2 channels and length 50, found 1, 2 and 8");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.convolve_into(signals(u), spectrum, signals(k)),
                       "CausalConvolution: expected output of batch 1, 2 channels and length 50, found 1, 2 and 8");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.convolve(signals(u), spectrum, {.skip = rows(k)}),
                       "CausalConvolution: expected skip as one row of 2 channels, found 2 x 8");
  CHECK_THROWS_MESSAGE(std::invalid_argument,
                       plan.convolve(signals(u), spectrum, {.range = ConvolutionRange::full, .gate = signals(u)}),
                       "CausalConvolution: expected skip and gate with the causal range only, found gate with another");
  CHECK_THROWS_MESSAGE(std::invalid_argument,
                       plan.convolve(signals(u), plan.spectrum(rows(k), rows(k)), {.range = ConvolutionRange::full}),
                       "CausalConvolution: expected the causal range for a kernel with 8 backward taps, found another");
  auto foreign = Plan(5000).workspace();
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.convolve(signals(u), spectrum, {.workspace = &foreign}),
                       "CausalConvolution: expected a workspace made for length 50, found one of another plan");
  RowMatrix<float> narrow(2, 7);
  CHECK_THROWS_MESSAGE(std::invalid_argument,
                       plan.backward_into(signals(u), spectrum, signals(y), {.kernel = rows(narrow)}),
                       "CausalConvolution: expected the gradient of 2 kernels of 8 taps, found 2 x 7");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.workspace(0), "ConvolutionWorkspace: expected at least 1 slot");
}
