// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/verify.hpp>

#include <cmath>
#include <cstring>

#include "ssm/one_pole.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;

TEST_CASE("a model whose ways agree is said to", "[verify]") {
  const Agreement exact = verify(OnePole<double>(3, 0.5), {.length = 200});  // powers of 1/2: equal to the bit
  CHECK(exact.cause == Disagreement::none);
  CHECK(exact.worst() == 0);
  CHECK(exact.agrees());
  CHECK(exact.description == "all ways to run the model are equal to the bit");
  CHECK(exact.spectral_radius == 0.5);
  CHECK_FALSE(exact.stream.has_value());

  const OnePole<float> rounded(2, 0.97);
  const Agreement agreement = verify(rounded, {.length = 500, .splits = 5, .seed = 3});
  CHECK(agreement.cause == Disagreement::rounding);
  CHECK(agreement.agrees());
  CHECK(agreement.kernel > 0);
  CHECK(agreement.kernel < 4 * rounded.predicted_error(500));
  CHECK(agreement.chunk == 0);
  CHECK(agreement.prefill == 0);
  CHECK(agreement.predicted_error == rounded.predicted_error(500));
  CHECK(contains(agreement.description, ", within 4 times the "));
}

TEST_CASE("a kernel wrapped around its length is found out", "[verify]") {
  for (const Defect defect : {Defect::wrapped_kernel, Defect::wrapped_lag}) {
    for (const double pole : {0.99, 0.999, -0.98}) {
      CAPTURE(static_cast<int>(defect), pole);
      const Agreement agreement = verify(OnePole<float>(2, pole, defect), {.length = 128});
      CHECK(agreement.cause == Disagreement::truncation);
      CHECK_FALSE(agreement.agrees());
      CHECK(agreement.kernel > 1e-2 * std::pow(std::abs(pole), 128));
      CHECK(contains(agreement.description, "the kernel is the response wrapped around its length of 128"));
      CHECK(verify(OnePole<double>(1, pole, defect), {.length = 128}).cause == Disagreement::truncation);
    }
  }
  // Long enough a kernel hides it: then nothing is wrong.
  CHECK(verify(OnePole<double>(1, 0.5, Defect::wrapped_kernel), {.length = 128}).agrees());
}

TEST_CASE("rounding beyond what the model predicts vanishes in double", "[verify]") {
  const Agreement agreement = verify(OnePole<float>(1, 0.97, Defect::sloppy_kernel), {.length = 300});
  CHECK(agreement.cause == Disagreement::rounding);
  CHECK_FALSE(agreement.agrees());
  CHECK(agreement.kernel > 1e-4);
  CHECK(contains(agreement.description, "more than 4 times the "));
  CHECK(contains(agreement.description, " in double"));
}

TEST_CASE("an error is neither rounding nor truncation", "[verify]") {
  const Agreement scaled = verify(OnePole<float>(1, 0.97, Defect::scaled_kernel), {.length = 300});
  CHECK(scaled.cause == Disagreement::other);
  CHECK(std::abs(scaled.kernel - 0.01) < 1e-6);
  CHECK(contains(scaled.description, ", and 0.01 in double"));
  const Agreement forgets = verify(OnePole<double>(1, 0.97, Defect::chunk_forgets), {.length = 300});
  CHECK(forgets.cause == Disagreement::other);
  CHECK(forgets.kernel < forgets.predicted_error);
  CHECK(forgets.chunk > 0.1);
  CHECK(forgets.prefill == 0);
  CHECK_FALSE(contains(forgets.description, "double"));  // it is in double already
  const Agreement prefill = verify(OnePole<float>(1, 0.97, Defect::prefill_forgets), {.length = 300});
  CHECK(prefill.cause == Disagreement::other);
  CHECK(prefill.chunk == 0);
  CHECK(prefill.prefill > 0.01);
  const Agreement infinite = verify(OnePole<float>(1, 0.97, Defect::infinite_kernel), {.length = 300});
  CHECK(infinite.cause == Disagreement::other);
  CHECK(infinite.description == "a kernel or an output is not finite");
  CHECK_FALSE(infinite.agrees());
}

TEST_CASE("coupled models are compared output by input", "[verify]") {
  const Agreement agreement = verify(CoupledPoles(), {.length = 64});
  CHECK(agreement.worst() == 0);
  CHECK_FALSE(agreement.spectral_radius.has_value());  // it offers none
  CHECK(verify(CoupledPoles(true), {.length = 64}).cause == Disagreement::other);
}

TEST_CASE("a stream is compared with step", "[verify]") {
  const OnePole<float> model(2, 0.97);
  const auto stream = [&](Signals<const float> input, Signals<float> output) {
    auto state = model.initial_state();
    for (Index t = 0; t < input.length(); t += 10) {
      const Index end = std::min<Index>(t + 10, input.length());
      model.chunk(state, input.window(t, end), output.window(t, end));
    }
  };
  const Agreement good = verify(model, {.length = 123}, stream);
  REQUIRE(good.stream.has_value());
  CHECK(*good.stream == 0);
  CHECK(good.agrees());
  const auto late = [&](Signals<const float> input, Signals<float> output) {
    stream(input, output);
    for (Index c = 0; c < 2; ++c) {
      for (Index t = output.length() - 1; t > 0; --t) output(0, c)[t] = output(0, c)[t - 1];
    }
  };
  const Agreement bad = verify(model, {.length = 123}, late);
  CHECK(*bad.stream > 0.1);
  CHECK(bad.cause == Disagreement::other);
  CHECK(bad.worst() == *bad.stream);
}

TEST_CASE("verification repeats itself, and short lengths are defined", "[verify]") {
  const OnePole<float> model(1, 0.97, Defect::chunk_forgets);
  const Agreement a = verify(model, {.length = 200, .seed = 5}), b = verify(model, {.length = 200, .seed = 5});
  CHECK(a.chunk == b.chunk);
  CHECK(a.chunk != verify(model, {.length = 200, .seed = 6}).chunk);
  for (const Index length : {1, 2, 3}) CHECK(verify(OnePole<double>(2, 0.5), {.length = length}).worst() == 0);
  CHECK(verify(OnePole<double>(0, 0.5), {.length = 4}).cause == Disagreement::none);  // no channels
}

TEST_CASE("verification out of range is refused in words", "[verify]") {
  const OnePole<float> model(1, 0.97);
  CHECK_THROWS_MESSAGE(std::invalid_argument, verify(model, {.length = 0}),
                       "verify: expected a length of at least 1, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, verify(model, {.splits = 0}),
                       "verify: expected at least 1 split, found 0");
}
