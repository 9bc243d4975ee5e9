// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/biquad_stream.hpp>

#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "fft/convolution_cases.hpp"
#include "ssm/biquad_cases.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

template <class Model>
Model random_model(Index channels, Index sections, double radius, std::uint64_t seed) {
  using Scalar = typename Model::Scalar;
  if constexpr (std::is_same_v<Model, BiquadCascade<Scalar>>) {
    return Model(random_cascade<Scalar>(channels, sections, radius, seed));
  } else {
    return Model(random_parallel<Scalar>(channels, sections, radius, seed));
  }
}

template <class Model>
LongRow naive_response(const Model& model, Index channel, const LongRow& x) {
  using Scalar = typename Model::Scalar;
  const Scalar* c = model.coefficients().data() + channel * model.coefficients().cols();
  if constexpr (std::is_same_v<Model, BiquadCascade<Scalar>>) {
    return naive_cascade(c, model.sections(), x);
  } else {
    return naive_parallel(c, model.sections(), x);
  }
}

/// In pieces of these lengths, over and over.
template <class Model, class Scalar>
RowMatrix<Scalar> streamed(BiquadStream<Model>& stream, const RowMatrix<Scalar>& u, const std::vector<Index>& pieces) {
  RowMatrix<Scalar> y(u.rows(), u.cols());
  Index done = 0;
  for (std::size_t i = 0; done < u.cols(); ++i) {
    const Index piece = std::min(pieces[i % pieces.size()], u.cols() - done);
    const StreamStatus status = stream.process(signals(u.middleCols(done, piece)), signals(y.middleCols(done, piece)));
    REQUIRE(status.samples == piece);
    REQUIRE(status.problem == StreamProblem::none);
    done += piece;
  }
  return y;
}

}  // namespace

TEMPLATE_TEST_CASE("a stream agrees with the difference equation", "[biquads]", BiquadCascade<float>,
                   BiquadCascade<double>, ParallelBiquads<float>, ParallelBiquads<double>) {
  using Scalar = typename TestType::Scalar;
  const Index length = effort(16384, 1024), channels = 3;  // order 64, poles to radius 0.999
  const TestType model = random_model<TestType>(channels, 32, 0.999, 1);
  BiquadStream<TestType> stream(model);
  RowMatrix<Scalar> u = RowMatrix<Scalar>::Zero(channels, length);
  u.col(0).setOnes();
  const RowMatrix<Scalar> y = streamed(stream, u, {1000, 1, 24});
  CHECK(stream.position() == length);
  const double tolerance = std::min(sizeof(Scalar) == 4 ? 1e-4 : 1e-10, 4 * model.predicted_error(length));
  const RowMatrix<Scalar> kernel = model.kernel(length);
  for (Index c = 0; c < channels; ++c) {
    CHECK(relative_error(&y(c, 0), naive_response(model, c, unit_impulse(length))) < tolerance);
    CHECK(relative_error(&y(c, 0), long_row(&kernel(c, 0), length)) < tolerance);
  }
}

TEMPLATE_TEST_CASE("how a stream is cut does not change a bit, and channels do not meet", "[biquads]",
                   BiquadCascade<float>, BiquadCascade<double>, ParallelBiquads<float>, ParallelBiquads<double>) {
  using Scalar = typename TestType::Scalar;
  for (const Index sections : {0, 1, 2, 3, 4, 5, 6, 8, 9, 11}) {
    const Index channels = 1 + 7 * sections % 19;
    CAPTURE(sections, channels);
    const TestType model = random_model<TestType>(channels, sections, 0.98, 2);
    const RowMatrix<Scalar> u = random_normal<Scalar>(channels, 700, 3);
    BiquadStream<TestType> stream(model);
    const RowMatrix<Scalar> whole = streamed(stream, u, {700});
    const auto state = stream.state();
    for (const std::vector<Index>& pieces :
         {std::vector<Index>{1}, {2, 1, 3}, {127, 129, 1, 1}, {256}, {255, 2}, {17}}) {
      BiquadStream<TestType> other(model);
      REQUIRE(same_bits(streamed(other, u, pieces), whole));
      REQUIRE(same_bits(other.state(), state));
    }
    for (Index c = 0; c < channels; ++c) {
      BiquadStream<TestType> single(TestType(RowMatrix<Scalar>(model.coefficients().row(c))));
      REQUIRE(same_bits<Scalar>(streamed(single, RowMatrix<Scalar>(u.row(c)), {64}), whole.row(c)));
    }
    stream.reset();
    CHECK(same_bits(streamed(stream, u, {50}), whole));
  }
}

TEMPLATE_TEST_CASE("a stream goes on where a model has come to, and the other way round", "[biquads]",
                   BiquadCascade<double>, ParallelBiquads<double>) {
  const Index channels = 6, length = 400;
  const TestType model = random_model<TestType>(channels, 5, 0.98, 4);
  const RowMatrix<double> u = random_normal<double>(channels, length, 5);
  const RowMatrix<double> whole = model.forward(signals(u));
  auto state = model.initial_state();
  model.prefill(state, signals(u.leftCols(150)));
  BiquadStream<TestType> stream(model);
  stream.set_state(state);
  RowMatrix<double> y(channels, 250);
  stream.process(signals(u.middleCols(150, 100)), signals(y.leftCols(100)));
  state = stream.state();
  model.chunk(state, signals(u.rightCols(150)), signals(y.rightCols(150)));
  CHECK((y - whole.rightCols(250)).cwiseAbs().maxCoeff() < 1e-12 * whole.cwiseAbs().maxCoeff());
}

TEST_CASE("samples of one moment may lie side by side, and results may replace samples", "[biquads]") {
  const ParallelBiquads<float> model(random_parallel<float>(5, 4, 0.9, 6));
  const RowMatrix<float> u = random_normal<float>(5, 100, 7);
  BiquadStream<ParallelBiquads<float>> stream(model), interleaved(model), in_place(model);
  const RowMatrix<float> y = streamed(stream, u, {100});
  RowMatrix<float> moments = u.transpose(), rows = u;
  for (Index t = 0; t < 100; ++t) {
    float* moment = &moments(t, 0);
    interleaved.process(Signals<const float>(moment, 1, 5, 1), Signals<float>(moment, 1, 5, 1));
  }
  CHECK(same_bits<float>(moments.transpose(), y));
  in_place.process(signals(std::as_const(rows)), signals(rows));
  CHECK(same_bits(rows, y));
}

TEMPLATE_TEST_CASE("samples that are not finite count as zeros and are counted", "[biquads]", BiquadCascade<float>,
                   ParallelBiquads<double>) {
  using Scalar = typename TestType::Scalar;
  const Index channels = 9;
  const TestType model = random_model<TestType>(channels, 4, 0.9, 8);
  RowMatrix<Scalar> bad = random_normal<Scalar>(channels, 300, 9), clean = bad;
  Index planted = 0;
  for (Index i = 0; i < 40; ++i) {
    const Index c = i * 7 % channels, t = i * 7;
    bad(c, t) = i % 3 == 0 ? std::numeric_limits<Scalar>::quiet_NaN()
                           : (i % 3 == 1 ? 1 : -1) * std::numeric_limits<Scalar>::infinity();
    clean(c, t) = 0;
    ++planted;
  }
  for (const Index piece : {1, 50, 300}) {
    BiquadStream<TestType> stream(model), other(model);
    RowMatrix<Scalar> y(channels, 300);
    Index found = 0;
    for (Index t = 0; t < 300; t += piece)
      found +=
          stream.process(signals(std::as_const(bad).middleCols(t, piece)), signals(y.middleCols(t, piece))).non_finite;
    CHECK(found == planted);
    CHECK(stream.overflows() == 0);
    CHECK(same_bits(y, streamed(other, clean, {300})));
  }
}

TEMPLATE_TEST_CASE("what overflows is silent, counted and forgotten", "[biquads]", BiquadCascade<float>,
                   ParallelBiquads<float>) {
  TestType model = random_model<TestType>(3, 2, 0.9, 10);
  const Index feedback = std::is_same_v<TestType, BiquadCascade<float>> ? 4 : 3;
  const RowMatrix<float> calm = model.coefficients();
  model.coefficients()(1, feedback) = -40;  // channel 1 grows sixfold a sample
  RowMatrix<float> u = RowMatrix<float>::Ones(3, 2000);
  BiquadStream<TestType> stream(model), other(model);
  const RowMatrix<float> y = streamed(stream, u, {2000});
  CHECK(all_finite(y.data(), y.size()));
  CHECK(stream.overflows() > 0);
  const RowMatrix<float> state = stream.state();
  CHECK(all_finite(state.data(), state.size()));
  CHECK(same_bits(streamed(other, u, {1, 5, 100}), y));  // not even this depends on the cut
  BiquadStream<TestType> healthy{TestType(calm)};
  const RowMatrix<float> expected = streamed(healthy, u, {2000});
  CHECK(same_bits<float>(y.row(0), expected.row(0)));
  CHECK(same_bits<float>(y.row(2), expected.row(2)));
  // With stable coefficients again the channel sounds again.
  stream.set_coefficients(TestType(calm));
  RowMatrix<float> after = streamed(stream, u, {2000});
  CHECK(std::abs(after(1, 1999) - expected(1, 1999)) < 1e-4 * std::abs(expected(1, 1999)));
}

TEST_CASE("silence ends in zeros, not in denormal numbers", "[biquads]") {
  const BiquadCascade<float> model(random_cascade<float>(2, 8, 0.9, 11));
  BiquadStream<BiquadCascade<float>> stream(model);
  RowMatrix<float> u = RowMatrix<float>::Zero(2, 4096);
  u.col(0).setOnes();
  streamed(stream, u, {512});
  CHECK(stream.state() == model.initial_state());
}

TEMPLATE_TEST_CASE("biquad stream: processing allocates nothing", "[biquads]", BiquadCascade<float>,
                   ParallelBiquads<double>) {
  if (sanitized) return;
  using Scalar = typename TestType::Scalar;
  const TestType model = random_model<TestType>(20, 9, 0.9, 12);
  BiquadStream<TestType> stream(model);
  const RowMatrix<Scalar> u = random_normal<Scalar>(20, 500, 13);
  RowMatrix<Scalar> y(20, 500);
  CHECK(allocations_in([&] {
          for (const Index piece : {1, 2, 500}) stream.process(signals(u.leftCols(piece)), signals(y.leftCols(piece)));
          stream.set_coefficients(model);
          stream.reset();
        }) == 0);
}

TEST_CASE("misuse of a stream of sections is refused", "[biquads]") {
  using Model = ParallelBiquads<float>;
  const Model model(random_parallel<float>(3, 2, 0.9, 14));
  BiquadStream<Model> stream(model);
  static_assert(noexcept(stream.process({}, {})));
  RowMatrix<float> u = RowMatrix<float>::Ones(3, 10), y(3, 10), few(2, 10), shorter(3, 9);
  const auto problem = [&](Signals<const float> in, Signals<float> out) { return stream.process(in, out).problem; };
  const Signals<const float> in = signals(std::as_const(u));
  CHECK(problem(in, signals(few)) == StreamProblem::channels);
  CHECK(problem(in, signals(shorter)) == StreamProblem::length);
  CHECK(problem(in, Signals<float>(nullptr, 1, 3, 10)) == StreamProblem::memory);
  CHECK(problem(Signals<const float>(u.data(), 2, 3, 5), Signals<float>(y.data(), 2, 3, 5)) == StreamProblem::batch);
  CHECK(stream.position() == 0);
  CHECK(problem(Signals<const float>(nullptr, 1, 3, 0), Signals<float>(nullptr, 1, 3, 0)) == StreamProblem::none);
  CHECK_THROWS_MESSAGE(std::invalid_argument, stream.set_state(RowMatrix<float>::Zero(3, 3)),
                       "BiquadStream: expected a state of 3 x 4, found 3 x 3");
  RowMatrix<float> bad = RowMatrix<float>::Zero(3, 4);
  bad(2, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, stream.set_state(bad), "BiquadStream: expected a finite state");
  CHECK_THROWS_MESSAGE(std::invalid_argument, stream.set_coefficients(Model(random_parallel<float>(3, 3, 0.9, 1))),
                       "BiquadStream: expected coefficients of 3 x 9, found 3 x 13");
  BiquadStream<Model> moved = std::move(stream);
  CHECK(moved.channels() == 3);
  CHECK(problem(in, signals(y)) == StreamProblem::channels);  // of the one moved from
}
