// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/fft/detail/channel_ring.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <tessera/core/thread_pool.hpp>
#include <tessera/fft/convolution.hpp>

#include "fft/convolution_cases.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"
#include "support/sanitized.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

// Rings of every size that goes by the group, from both first radices, full and not.
constexpr Index lengths[] = {100, 128, 200, 256, 300, 512, 700, 1000, 1024};

template <class Scalar>
constexpr Index lanes = detail::ChannelRing<Scalar>::rows;

}  // namespace

TEMPLATE_TEST_CASE("rows that go through the ring by the group agree with the sum over all taps", "[convolution]",
                   float, double) {
  const double tolerance = sizeof(TestType) == 4 ? 5e-7 : 1e-14;  // of the peak, as for rows one by one
  for (const Index length : lengths) {
    for (const Index channels : {lanes<TestType>, 3 * lanes<TestType> - 1}) {
      CAPTURE(length, channels);
      const RowMatrix<TestType> u = random_normal<TestType>(channels, length, 1);
      const RowMatrix<TestType> k = random_normal<TestType>(channels, length, 2);
      const CausalConvolution<TestType> plan(length, {.channels = channels});
      const RowMatrix<TestType> y =
          plan.convolve(signals(u), plan.spectrum(rows(k)), {.range = ConvolutionRange::full});
      long double worst = 0, peak = 0;
      for (Index c = 0; c < channels; ++c) {
        for (Index n = c; n < y.cols(); n += 13) {
          const long double expected = exact<TestType>(&u(c, 0), length, &k(c, 0), length, nullptr, 0, n);
          worst = std::max(worst, std::abs(expected - static_cast<long double>(y(c, n))));
          peak = std::max(peak, std::abs(expected));
        }
      }
      CHECK(static_cast<double>(worst / peak) < tolerance);
    }
  }
}

TEST_CASE("a row has the same bits in whichever lane it goes", "[convolution]") {
  ThreadPool pool(2);
  for (const Index length : {Index{128}, Index{1000}}) {
    const Index channels = 3 * lanes<float> - 2;
    const CausalConvolution<float> plan(length, {.channels = channels});
    const RowMatrix<float> u = random_normal<float>(2 * channels, length, 1),
                           gate = random_normal<float>(2 * channels, length, 2);
    const RowMatrix<float> k = random_normal<float>(channels, length, 3),
                           back = random_normal<float>(channels, length, 4);
    const RowMatrix<float> reversed_u = u.colwise().reverse(), reversed_gate = gate.colwise().reverse();
    const RowMatrix<float> reversed_k = k.colwise().reverse(), reversed_back = back.colwise().reverse();
    const auto spectrum = plan.spectrum(rows(k), rows(back));
    const auto reversed = plan.spectrum(rows(reversed_k), rows(reversed_back), pool);
    const RowMatrix<float> y = plan.convolve(batched(u, 2), spectrum, {.gate = batched(gate, 2)});
    const RowMatrix<float> other =
        plan.convolve(batched(reversed_u, 2), reversed, {.gate = batched(reversed_gate, 2), .execution = pool});
    CHECK(same_bits<float>(y, other.colwise().reverse()));
    const RowMatrix<float> alone = plan.convolve({&u(channels, 0), 1, channels, length}, spectrum,
                                                 {.gate = {&gate(channels, 0), 1, channels, length}});
    CHECK(same_bits<float>(alone, y.bottomRows(channels)));
  }
}

TEST_CASE("ranges, backward taps, skip and gate do not mind the group", "[convolution]") {
  for (const Index length : {Index{100}, Index{512}}) {
    CAPTURE(length);
    const Index channels = 2 * lanes<double> - 1, rows_in_all = 2 * channels, taps = length / 2;
    const CausalConvolution<double> plan(length, {.channels = channels});
    const RowMatrix<double> u = random_normal<double>(rows_in_all, length, 1);
    const RowMatrix<double> gate = random_normal<double>(rows_in_all, length, 2);
    const RowMatrix<double> k = random_normal<double>(channels, taps, 3),
                            back = random_normal<double>(channels, taps, 4);
    const RowMatrix<double> skip = random_normal<double>(1, channels, 5);
    const auto both = plan.spectrum(rows(k), rows(back)), causal = plan.spectrum(rows(k));
    const RowMatrix<double> y = plan.convolve(batched(u, 2), both, {.skip = rows(skip), .gate = batched(gate, 2)});
    const RowMatrix<double> valid = plan.convolve(batched(u, 2), causal, {.range = ConvolutionRange::valid});
    REQUIRE(valid.cols() == length - taps + 1);
    double worst = 0;
    for (Index r = 0; r < rows_in_all; ++r) {
      const Index c = r % channels;
      for (Index n = 0; n < length; ++n) {
        const auto sum = exact(&u(r, 0), length, &k(c, 0), taps, &back(c, 0), taps, n);
        worst = std::max(worst, std::abs(static_cast<double>(sum) * gate(r, n) + skip(0, c) * u(r, n) - y(r, n)));
        if (n < taps - 1) continue;
        const auto inner = exact(&u(r, 0), length, &k(c, 0), taps, &back(c, 0), 0, n);
        worst = std::max(worst, std::abs(static_cast<double>(inner) - valid(r, n - taps + 1)));
      }
    }
    CHECK(worst < 1e-11);
    RowMatrix<double> there = u;
    plan.convolve_into(batched(std::as_const(there), 2), both, batched(there, 2),
                       {.skip = rows(skip), .gate = batched(gate, 2)});
    CHECK(same_bits(there, y));
  }
}

TEST_CASE("gradients by the group are adjoints", "[convolution]") {
  for (const bool shared : {false, true}) {
    for (const Index length : {Index{100}, Index{256}}) {
      CAPTURE(shared, length);
      const Index channels = 3 * lanes<double> - 1, kernels = shared ? 1 : channels, batch = 2;
      const CausalConvolution<double> plan(length, {.channels = channels});
      const RowMatrix<double> u = random_normal<double>(batch * channels, length, 1);
      const RowMatrix<double> gate = random_normal<double>(batch * channels, length, 2);
      const RowMatrix<double> k = random_normal<double>(kernels, length, 3),
                              back = random_normal<double>(kernels, 40, 4);
      const RowMatrix<double> skip = random_normal<double>(1, channels, 5);
      const auto spectrum = plan.spectrum(rows(k), rows(back));
      const ConvolveOptions<double> options{.skip = rows(skip), .gate = batched(gate, batch)};
      const RowMatrix<double> y = plan.convolve(batched(u, batch), spectrum, options);
      const RowMatrix<double> plain = plan.convolve(batched(u, batch), spectrum, {.gate = batched(gate, batch)});
      const RowMatrix<double> w = random_normal<double>(batch * channels, length, 6);
      RowMatrix<double> gu = u, gk = k, gb = back, gs = skip, gg = gate;
      plan.backward_into(batched(u, batch), spectrum, batched(w, batch),
                         {.input = batched(gu, batch),
                          .kernel = rows(gk),
                          .backward_kernel = rows(gb),
                          .skip = rows(gs),
                          .gate = batched(gg, batch)},
                         options);
      // The result is linear in the signal, in the kernels with the skip, and, without the skip, in the gate.
      const double scale = 1e-12 * y.norm() * w.norm();
      CHECK(std::abs(dot(y, w) - dot(u, gu)) < scale);
      CHECK(std::abs(dot(y, w) - dot(k, gk) - dot(back, gb) - dot(skip, gs)) < scale);
      CHECK(std::abs(dot(plain, w) - dot(gate, gg)) < scale);
    }
  }
}

TEST_CASE("a shared kernel by the group is as many equal ones", "[convolution]") {
  const Index channels = 2 * lanes<float>, length = 500;
  const CausalConvolution<float> plan(length, {.channels = channels});
  const RowMatrix<float> u = random_normal<float>(channels, length, 1), k = random_normal<float>(1, length, 2);
  const RowMatrix<float> each = k.replicate(channels, 1);
  CHECK(same_bits(plan.convolve(signals(u), plan.spectrum(rows(k))),
                  plan.convolve(signals(u), plan.spectrum(rows(each)))));
}

TEST_CASE("a spectrum belongs to plans of its number of channels", "[convolution]") {
  const RowMatrix<float> u = RowMatrix<float>::Ones(1, 256), k = RowMatrix<float>::Ones(1, 256);
  const CausalConvolution<float> one(256), many(256, {.channels = 2 * lanes<float>});
  const auto spectrum = many.spectrum(rows(k));
  CHECK(message_of([&] { one.convolve(signals(u), spectrum); }) ==
        "CausalConvolution: expected a spectrum made for 1 channels, found one for " +
            std::to_string(2 * lanes<float>));
}

TEST_CASE("groups allocate nothing", "[convolution]") {
  if (sanitized) return;
  const Index channels = lanes<float>, length = 300;
  const CausalConvolution<float> plan(length, {.channels = channels});
  const RowMatrix<float> u = random_normal<float>(channels, length, 1), k = random_normal<float>(channels, length, 2);
  auto spectrum = plan.spectrum(rows(k));
  auto workspace = plan.workspace();
  RowMatrix<float> y = u, gk = k, gu = u;
  const long before = allocations();
  plan.spectrum_into(rows(k), {}, spectrum, {}, &workspace);
  plan.convolve_into(signals(u), spectrum, signals(y), {.workspace = &workspace});
  plan.backward_into(signals(u), spectrum, signals(std::as_const(y)), {.input = signals(gu), .kernel = rows(gk)},
                     {.workspace = &workspace});
  CHECK(allocations() == before);
}
