// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/direct_form_stream.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "ssm/rational_cases.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/sanitized.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

template <class Scalar>
RationalTransferFunction<Scalar> random_channels(Index channels, Index order, double radius) {
  std::vector<DirectForm> forms;
  for (Index c = 0; c < channels; ++c) forms.push_back(random_filter(order, radius, static_cast<std::uint64_t>(c) + 1));
  return RationalTransferFunction<Scalar>(forms);
}

template <class Scalar>
RowMatrix<Scalar> streamed(DirectFormStream<Scalar>& stream, const RowMatrix<Scalar>& u,
                           const std::vector<Index>& pieces) {
  RowMatrix<Scalar> y(u.rows(), u.cols());
  for (Index done = 0, i = 0; done < u.cols(); ++i) {
    const Index size = std::min(pieces[static_cast<std::size_t>(i) % pieces.size()], u.cols() - done);
    const Signals<const Scalar> in(u.data() + done, 1, u.rows(), size, 0, u.cols());
    const StreamStatus status = stream.process(in, {y.data() + done, 1, u.rows(), size, 0, u.cols()});
    REQUIRE(status.problem == StreamProblem::none);
    REQUIRE(status.samples == size);
    done += size;
  }
  return y;
}

}  // namespace

TEMPLATE_TEST_CASE("a stream is the convolution with the impulse response", "[stream]", float, double) {
  for (const Index order : {0, 1, 2, 3, 4, 5, 17, 64}) {
    const Index channels = 19, length = 400;
    const auto model = random_channels<TestType>(channels, order, 0.9);
    const RowMatrix<TestType> u = random_normal<TestType>(channels, length, 3);
    DirectFormStream<TestType> stream(model);
    const RowMatrix<TestType> y = streamed(stream, u, {length});
    for (const Index c : {Index{0}, Index{7}, channels - 1}) {
      const std::vector<long double> h = impulse_of(model.form(c), length);
      std::vector<long double> expected(static_cast<std::size_t>(length), 0);
      for (Index t = 0; t < length; ++t) {
        for (Index s = 0; s <= t; ++s)
          expected[static_cast<std::size_t>(t)] +=
              h[static_cast<std::size_t>(s)] * static_cast<long double>(u(c, t - s));
      }
      CAPTURE(order, c);
      // A recursion of radius 0.9 forgets: some tens of roundings of the scalar.
      CHECK(worst_difference(y.row(c), expected) < 100 * static_cast<double>(std::numeric_limits<TestType>::epsilon()));
    }
    CHECK(stream.position() == length);
    CHECK(stream.overflows() == 0);
  }
}

TEST_CASE("how samples are cut into calls does not change a bit of a stream", "[stream]") {
  for (const Index order : {0, 1, 3, 4, 30}) {
    const auto model = random_channels<float>(11, order, 0.99);
    const RowMatrix<float> u = random_normal<float>(11, 1000, 3);
    DirectFormStream<float> stream(model);
    const RowMatrix<float> whole = streamed(stream, u, {1000});
    const auto end = stream.state();
    for (const std::vector<Index>& pieces : {std::vector<Index>{1}, {3}, {1, 2, 5, 129}, {256}, {4, 4, 1, 300}}) {
      stream.reset();
      CHECK((streamed(stream, u, pieces).array() == whole.array()).all());
      CHECK((stream.state().array() == end.array()).all());
    }
    DirectFormStream<float> single(RationalTransferFunction<float>({model.form(10)}));
    CHECK((streamed<float>(single, u.row(10), {7}).array() == whole.row(10).array()).all());
  }
}

TEST_CASE("a stream and the model exchange states", "[stream]") {
  const auto model = random_channels<double>(5, 12, 0.95);
  const RowMatrix<double> u = random_normal<double>(5, 300, 1), first = u.leftCols(100), rest = u.rightCols(200);
  DirectFormStream<double> stream(model), other(model);
  const RowMatrix<double> whole = streamed(stream, u, {64});
  auto state = model.initial_state();
  model.prefill(state, signals(first));
  other.set_state(state);
  CHECK(largest_difference(streamed(other, rest, {64}), whole.rightCols(200)) < 1e-13);
  CHECK(largest_difference(other.state(), stream.state()) < 1e-13);
}

TEST_CASE("coefficients change under a running stream", "[stream]") {
  auto model = random_channels<float>(3, 6, 0.8);
  DirectFormStream<float> stream(model);
  const RowMatrix<float> u = random_normal<float>(3, 40, 1), silence = RowMatrix<float>::Zero(3, 40);
  streamed(stream, u, {40});
  model.values().numerator.setZero();
  model.values().denominator.setZero();
  const auto state = stream.state();
  stream.set_coefficients(model);
  const RowMatrix<float> y = streamed(stream, silence, {40});  // the state runs out
  CHECK((y.leftCols(6).array() == state.array()).all());
  CHECK((y.rightCols(34).array() == 0).all());
}

TEST_CASE("samples that are not finite count as zeros", "[stream]") {
  const auto model = random_channels<float>(9, 5, 0.9);
  RowMatrix<float> u = random_normal<float>(9, 100, 1);
  DirectFormStream<float> stream(model), clean(model);
  u(3, 50) = u(8, 99) = 0;
  const RowMatrix<float> expected = streamed(clean, u, {100});
  u(3, 50) = std::numeric_limits<float>::quiet_NaN();
  u(8, 99) = -std::numeric_limits<float>::infinity();
  RowMatrix<float> y(9, 100);
  const StreamStatus status = stream.process(signals(static_cast<const RowMatrix<float>&>(u)), signals(y));
  CHECK(status.non_finite == 2);
  CHECK((y.array() == expected.array()).all());
}

TEST_CASE("an unstable channel overflows alone and comes back", "[stream]") {
  DirectForm growing;
  growing.numerator = Eigen::VectorXd::Ones(1);
  growing.denominator = Eigen::VectorXd::Constant(1, -2);
  const DirectForm calm = random_filter(1, 0.5, 1);
  DirectFormStream<float> stream(RationalTransferFunction<float>({calm, growing})),
      alone(RationalTransferFunction<float>({calm}));
  RowMatrix<float> u = RowMatrix<float>::Zero(2, 2000);
  u.col(0).setOnes();
  const RowMatrix<float> y = streamed(stream, u, {100}), expected = streamed<float>(alone, u.row(0), {100});
  CHECK((y.row(0).array() == expected.row(0).array()).all());
  CHECK(stream.overflows() > 0);
  CHECK(y.allFinite());
  CHECK((y.row(1).tail(1000).array() == 0).all());
}

TEST_CASE("silence leaves nothing behind", "[stream]") {
  DirectForm slow;
  slow.numerator = Eigen::VectorXd::Ones(1);
  slow.denominator = Eigen::VectorXd::Constant(1, -0.9);
  DirectFormStream<float> stream(RationalTransferFunction<float>({slow}));
  RowMatrix<float> u = RowMatrix<float>::Zero(1, 3000);
  u(0, 0) = 1;
  const RowMatrix<float> y = streamed(stream, u, {256});
  CHECK(y(0, 100) == Catch::Approx(std::pow(0.9f, 99)).epsilon(1e-4));
  CHECK(y(0, 2999) == 0);  // rounded to nearest, 0.9 times the smallest number is that number again
  CHECK((stream.state().array() == 0).all());
}

TEST_CASE("direct form stream: processing allocates nothing", "[stream]") {
  const auto model = random_channels<float>(20, 16, 0.9);
  DirectFormStream<float> stream(model);
  RowMatrix<float> u = random_normal<float>(20, 300, 1);
  const auto run = [&] {
    stream.process(signals(static_cast<const RowMatrix<float>&>(u)), signals(u));
    stream.set_coefficients(model);
  };
  if (!sanitized) CHECK(allocations_in(run) == 0);
  static_assert(noexcept(stream.process({}, {})));
}

TEST_CASE("streams say what is wrong with their arguments", "[stream]") {
  const auto model = random_channels<float>(2, 3, 0.9);
  DirectFormStream<float> stream(model);
  RowMatrix<float> u = RowMatrix<float>::Ones(2, 8);
  const Signals<const float> in(u.data(), 1, 2, 8);
  CHECK(stream.process({u.data(), 1, 1, 8}, {u.data(), 1, 1, 8}).problem == StreamProblem::channels);
  CHECK(stream.process(in, {u.data(), 1, 2, 7}).problem == StreamProblem::length);
  CHECK(stream.process({u.data(), 2, 2, 2}, {u.data(), 2, 2, 2}).problem == StreamProblem::batch);
  CHECK(stream.process({nullptr, 1, 2, 8}, {u.data(), 1, 2, 8}).problem == StreamProblem::memory);
  CHECK(stream.position() == 0);
  CHECK_THROWS_MESSAGE(std::invalid_argument, stream.set_coefficients(random_channels<float>(2, 4, 0.9)),
                       "DirectFormStream: expected 2 channels of order 3, found 2 of 4");
  auto broken = model;
  broken.values().numerator(0, 0) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, stream.set_coefficients(broken), "expected finite coefficients");
  CHECK_THROWS_MESSAGE(std::invalid_argument, stream.set_state(RowMatrix<float>::Zero(2, 4)),
                       "DirectFormStream: expected a state of 2 x 3, found 2 x 4");
  DirectFormStream<float> moved = std::move(stream);
  CHECK(stream.process(in, {u.data(), 1, 2, 8}).problem == StreamProblem::channels);
  CHECK(moved.channels() == 2);
}
