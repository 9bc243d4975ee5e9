// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/fft/convolution_planner.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <tessera/fft/overlap_save.hpp>
#include <tessera/fft/streaming.hpp>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using Method = ConvolutionMethod;

namespace {

Method chosen(const ConvolutionNeeds& needs) { return advise_convolution(needs).method(); }

ConvolutionCandidate candidate(const ConvolutionNeeds& needs, Method method) {
  for (const ConvolutionCandidate& found : advise_convolution(needs).candidates) {
    if (found.method == method) return found;
  }
  FAIL("no candidate for " << name(method));
  return {};
}

}  // namespace

TEST_CASE("the planner takes the method that is known to be right", "[convolution]") {
  CHECK(chosen({.taps = 16, .length = 100000}) == Method::direct);
  CHECK(chosen({.taps = 500, .length = 100000}) == Method::blocks);
  CHECK(chosen({.taps = 16384, .length = 16384}) == Method::whole);
  CHECK(chosen({.taps = 16384, .block = 64}) == Method::partitioned);
  CHECK(chosen({.taps = 16384, .block = 1, .even = true}) == Method::partitioned);
  CHECK(chosen({.taps = 16384, .block = 64, .latency = 1 << 20}) == Method::blocks);
  CHECK(chosen({.taps = 16384, .length = 16384, .feedback = true, .channels = 64}) == Method::relaxed);
  CHECK(chosen({.taps = 16384, .length = 16384, .feedback = true, .order = 16, .channels = 64}) == Method::recurrence);
  CHECK(chosen({.taps = 256, .length = 16384, .feedback = true, .order = 4096, .channels = 64}) == Method::relaxed);
}

TEST_CASE("what depends on results has no method that waits for samples", "[convolution]") {
  const ConvolutionNeeds needs{.taps = 5000, .length = 5000, .latency = 100000, .feedback = true};
  for (const Method method : {Method::whole, Method::blocks}) {
    CHECK(!candidate(needs, method).possible);
    CHECK(candidate(needs, method).reason == "samples depend on results");
  }
  for (const ConvolutionCandidate& found : advise_convolution(needs).candidates) {
    if (found.possible) CHECK(found.latency == 0);
  }
}

TEST_CASE("a latency is kept, to the sample", "[convolution]") {
  const Index taps = 1000;
  const RowMatrix<float> kernel = testing::random_normal<float>(1, taps, 1);
  const OverlapSave<float> feed(rows(kernel));
  // The last block but one result before its end: OverlapSave's own promise.
  const Index late = feed.block() - 1;
  CHECK(candidate({.taps = taps, .block = 10, .latency = late}, Method::blocks).latency == late);
  CHECK(!candidate({.taps = taps, .block = 10, .latency = late - 1}, Method::blocks).possible);
  CHECK(candidate({.taps = 10, .length = 5000, .block = 10, .latency = 4999}, Method::whole).possible);
  CHECK(candidate({.taps = 10, .length = 5000, .block = 10, .latency = 4998}, Method::whole).reason ==
        "results would come 4999 samples late, 4998 are allowed");
}

TEST_CASE("costs of partitions are those that streaming counts", "[convolution]") {
  for (const Index taps : {10, 500, 20000}) {
    const RowMatrix<float> kernel = testing::random_normal<float>(1, taps, 1);
    const StreamingConvolution<float> stream(rows(kernel));
    const Index period = 1 << 16;
    double mean = 0;
    for (Index p = 0; p < period; ++p) mean += static_cast<double>(stream.multiplications(p)) / period;
    CHECK(std::abs(candidate({.taps = taps, .length = 1 << 20}, Method::partitioned).cost - mean) < 1e-6 * mean);
  }
}

TEST_CASE("longer kernels never cost less, and relaxed costs grow like the square of the logarithm", "[convolution]") {
  for (const Method method : {Method::direct, Method::whole, Method::blocks, Method::relaxed}) {
    double last = 0;
    for (Index taps = 64; taps <= 16384; taps *= 4) {
      const double cost = candidate({.taps = taps, .length = 1 << 20, .channels = 8}, method).cost;
      CHECK(cost >= last);
      last = cost;
    }
  }
  const auto relaxed = [](Index taps) {
    return candidate({.taps = taps, .length = Index{1} << 30, .channels = 64}, Method::relaxed).cost;
  };
  // Twice the logarithm: four times the cost, less what does not grow.
  CHECK(relaxed(1 << 16) / relaxed(1 << 8) > 2.5);
  CHECK(relaxed(1 << 16) / relaxed(1 << 8) < 4.0);
}

TEST_CASE("the planner's reasons can be read", "[convolution]") {
  const std::string text = describe(advise_convolution({.taps = 16384, .block = 64}));
  CHECK(text.find("partitioned ") == 0);
  CHECK(text.find("0 samples late: partitions of ") != std::string::npos);
  CHECK(text.find("whole        not possible: the signal has no end\n") != std::string::npos);
  CHECK(text.find("recurrence   not possible: the kernel is not known to be that of a recurrence\n") !=
        std::string::npos);
  CHECK(std::count(text.begin(), text.end(), '\n') == 6);
}

TEST_CASE("needs that make no sense are refused in words", "[convolution]") {
  CHECK_THROWS_MESSAGE(std::invalid_argument, advise_convolution({.taps = 0, .length = 5}),
                       "ConvolutionNeeds: expected taps of at least 1, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, advise_convolution({.taps = 3, .length = -5}),
                       "ConvolutionNeeds: expected length of at least 0, found -5");
  CHECK_THROWS_MESSAGE(std::invalid_argument, advise_convolution({.taps = 3, .length = 5, .channels = 0}),
                       "ConvolutionNeeds: expected channels of at least 1, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, advise_convolution({.taps = 3, .block = 5, .feedback = true}),
                       "ConvolutionNeeds: expected a block of 0 or 1 where samples depend on results, found 5");
  CHECK_THROWS_MESSAGE(std::invalid_argument, advise_convolution({.taps = 3}),
                       "ConvolutionNeeds: expected a block or feedback for an endless signal, found neither");
}
