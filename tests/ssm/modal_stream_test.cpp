// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/modal_stream.hpp>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "ssm/modal_cases.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/sanitized.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

/// Signals through the stream in calls of these lengths, over and over.
template <class Stream>
RowMatrix<typename Stream::Scalar> streamed(Stream& stream, const RowMatrix<typename Stream::Scalar>& input,
                                            const std::vector<Index>& pieces) {
  RowMatrix<typename Stream::Scalar> output(input.rows(), input.cols());
  Index done = 0;
  for (std::size_t i = 0; done < input.cols(); ++i) {
    const Index piece = std::min(pieces[i % pieces.size()], input.cols() - done);
    const StreamStatus status =
        stream.process(signals(input.middleCols(done, piece)), signals(output.middleCols(done, piece)));
    REQUIRE(status.problem == StreamProblem::none);
    REQUIRE(status.samples == piece);
    done += piece;
  }
  return output;
}

template <class Scalar, Timing timing>
void check_outputs(Index channels, Index modes) {
  const Index length = 700;
  const ModalParameters parameters = random_modes(channels, modes, 30, 0.5, 0.999);
  const ModalSystem<Scalar, timing> system(parameters);
  ModalStream<Scalar, timing> stream(system);
  const RowMatrix<Scalar> input = random_normal<Scalar>(channels, length, 31);
  const RowMatrix<Scalar> output = streamed(stream, input, {100, 33});
  CHECK(stream.position() == length);
  for (Index c = 0; c < channels; ++c) {
    std::vector<LongComplex> x(static_cast<std::size_t>(modes), 0);
    std::vector<long double> samples(static_cast<std::size_t>(length));
    for (Index t = 0; t < length; ++t) samples[static_cast<std::size_t>(t)] = static_cast<long double>(input(c, t));
    CAPTURE(channels, modes, c);
    // States in the scalar, rounded thrice a block, roundings of the past decaying as the mode does: tens of roundings.
    CHECK(error_of_row(output.row(c), naive_outputs(parameters, c, timing, x, samples)) <
          (sizeof(Scalar) == 4 ? 4e-6 : 1e-14));
  }
}

}  // namespace

TEMPLATE_TEST_CASE("a stream has the outputs of the recurrence, for any number of channels", "[modal_stream]", float,
                   double) {
  for (const Index channels : {1, 2, 7, 8, 9, 17}) {
    check_outputs<TestType, Timing::current>(channels, 5);
    check_outputs<TestType, Timing::delayed>(channels, 6);
  }
  check_outputs<TestType, Timing::current>(2, 0);
  check_outputs<TestType, Timing::delayed>(2, 1);
}

TEMPLATE_TEST_CASE("a stream agrees with the kernel at length 16384 and order 64, on the circle too", "[modal_stream]",
                   float, double) {
  const Index length = effort(16384, 4096);
  for (const double radius : {0.9995, 1.0}) {
    ModalParameters parameters = random_modes(3, 32, 32, radius, radius);
    for (Index n = 0; n < 32; ++n) parameters.poles(0, n) = std::polar(radius, 0.001 * static_cast<double>(n));
    const ModalSystem<TestType> system(parameters);
    ModalStream<TestType> stream(system);
    const RowMatrix<TestType> taps = system.kernel(length);
    const RowMatrix<TestType> output = streamed(stream, unit_impulse<TestType>(3, length), {256});
    // On the circle roundings stay: sqrt(L / 4) of them at random, and the correction is rounded too. The bound of the
    // class; it is missed without the correction.
    for (Index c = 0; c < 3; ++c)
      CHECK(relative_difference(output.row(c), taps.row(c)) < (sizeof(TestType) == 4 ? 1e-5 : 1e-11));
  }
}

TEMPLATE_TEST_CASE("how samples are cut into calls does not change a bit", "[modal_stream]", float, double) {
  const Index channels = 9, length = 523;
  const ModalSystem<TestType, Timing::delayed> system(random_modes(channels, 3, 33));
  const RowMatrix<TestType> input = random_normal<TestType>(channels, length, 34);
  ModalStream<TestType, Timing::delayed> stream(system);
  const RowMatrix<TestType> whole = streamed(stream, input, {length});
  const auto state = stream.state();
  for (const std::vector<Index>& pieces : {std::vector<Index>{1}, {2}, {3}, {1, 4, 2, 61, 0, 5}, {64}, {63, 65}}) {
    stream.reset();
    CHECK(stream.position() == 0);
    CHECK(same_bytes(streamed(stream, input, pieces), whole));
    CHECK(same_bytes(stream.state(), state));
  }
  RowMatrix<TestType> place = input;  // input and output in the same memory
  stream.reset();
  stream.process(signals(std::as_const(place)), signals(place));
  CHECK(same_bytes(place, whole));
  for (const Index c : {0, 3, 8}) {  // whatever the others are
    const ModalParameters& all = system.parameters();
    ModalStream<TestType, Timing::delayed> single(
        ModalSystem<TestType, Timing::delayed>({all.poles.row(c), all.weights.row(c), all.skip.segment(c, 1)}));
    CHECK(same_bytes<RowMatrix<TestType>>(streamed(single, input.row(c), {17}), whole.row(c)));
  }
}

TEST_CASE("a stream goes on from the state of its system, and gives it back", "[modal_stream]") {
  const ModalSystem<double> system(random_modes(5, 4, 35));
  const RowMatrix<double> input = random_normal<double>(5, 300, 36);
  auto state = system.initial_state();
  const RowMatrix<double> expected = chunked(system, state, input, {300});
  for (const Index before : {1, 2, 63, 64, 130}) {
    ModalStream<double> stream(system);
    auto first = system.initial_state();
    chunked<ModalSystem<double>>(system, first, input.leftCols(before), {before});
    stream.set_state(first);
    CHECK(stream.position() == 0);
    const RowMatrix<double> rest = streamed(stream, input.rightCols(300 - before), {37});
    CHECK(relative_difference(rest, expected.rightCols(300 - before)) < 1e-13);
    CHECK(relative_difference(stream.state(), state) < 1e-13);
  }
}

TEMPLATE_TEST_CASE("samples that are not finite count as zeros, each in its channel", "[modal_stream]", float, double) {
  const Index channels = 10, length = 150;
  const ModalSystem<TestType> system(random_modes(channels, 3, 37));
  RowMatrix<TestType> input = random_normal<TestType>(channels, length, 38), clean = input;
  const auto spoil = [&](Index c, Index t, TestType value) {
    input(c, t) = value;
    clean(c, t) = 0;
  };
  spoil(0, 0, std::numeric_limits<TestType>::quiet_NaN());
  spoil(3, 77, std::numeric_limits<TestType>::infinity());
  spoil(9, 78, -std::numeric_limits<TestType>::infinity());
  spoil(9, 149, std::numeric_limits<TestType>::quiet_NaN());
  ModalStream<TestType> stream(system), other(system);
  RowMatrix<TestType> output(channels, length);
  const StreamStatus status = stream.process(signals(std::as_const(input)), signals(output));
  CHECK(status.non_finite == 4);
  CHECK(status.samples == length);
  CHECK(same_bytes(output, streamed(other, clean, {length})));
}

TEMPLATE_TEST_CASE("silence ends in zeros, and denormal samples are zeros", "[modal_stream]", float, double) {
  const ModalSystem<TestType> system(random_modes(3, 4, 39, 0.9, 0.99));
  ModalStream<TestType> stream(system);
  RowMatrix<TestType> input = unit_impulse<TestType>(3, effort(100000, 80000));
  const RowMatrix<TestType> output = streamed(stream, input, {512});  // 0.99^80000 = 1e-349
  CHECK(output.rightCols(64).isZero(0));
  CHECK(stream.state().isZero(0));
  input.setConstant(std::numeric_limits<TestType>::min() / 4);
  CHECK(streamed(stream, input.leftCols(1000), {512}).isZero(0));
}

TEST_CASE("what overflows is forgotten at most 64 samples later", "[modal_stream]") {
  const ModalSystem<float> system(random_modes(2, 3, 40, 0.5, 0.6));
  ModalStream<float> stream(system), other(system);
  RowMatrix<float> input = random_normal<float>(2, 640, 41);
  RowMatrix<float> clean = input;
  input.row(0).segment(70, 20).setConstant(std::numeric_limits<float>::max());
  const RowMatrix<float> output = streamed(stream, input, {100}), expected = streamed(other, clean, {100});
  CHECK(same_bytes<RowMatrix<float>>(output.row(1), expected.row(1)));
  // Cleared at 128; what was before has decayed to nothing by 0.6^64 = 6e-15 at 192.
  CHECK(relative_difference(output.row(0).tail(640 - 192), expected.row(0).tail(640 - 192)) < 1e-6);
}

TEST_CASE("modal stream: processing allocates nothing", "[modal_stream]") {
  if (sanitized) return;
  const ModalSystem<float> system(random_modes(11, 4, 42));
  ModalStream<float> stream(system);
  const RowMatrix<float> input = random_normal<float>(11, 1000, 43);
  RowMatrix<float> output(11, 1000);
  CHECK(allocations_in([&] {
          for (const Index piece : {1, 3, 64, 500})
            stream.process(signals(input.leftCols(piece)), signals(output.leftCols(piece)));
          stream.reset();
        }) == 0);
}

TEST_CASE("wrong shapes change nothing, and a stream that was moved from has no channels", "[modal_stream]") {
  const ModalSystem<float> system(random_modes(2, 3, 44));
  ModalStream<float> stream(system), fresh(system);
  RowMatrix<float> input = random_normal<float>(2, 90, 45), output(2, 90), three(3, 90);
  CHECK(stream.process(signals(std::as_const(three)), signals(output)).problem == StreamProblem::channels);
  CHECK(stream.process(signals(input.leftCols(89)), signals(output)).problem == StreamProblem::length);
  CHECK(stream.process(Signals<const float>(nullptr, 1, 2, 90), signals(output)).problem == StreamProblem::memory);
  CHECK(stream.process(Signals<const float>(input.data(), 2, 2, 45), signals(output)).problem == StreamProblem::batch);
  CHECK(stream.position() == 0);
  CHECK(same_bytes(streamed(stream, input, {90}), streamed(fresh, input, {90})));

  const ModalStream<float> moved = std::move(stream);
  CHECK(moved.channels() == 2);
  CHECK(stream.channels() == 0);
  CHECK(stream.process(signals(std::as_const(input)), signals(output)).problem == StreamProblem::channels);

  ModalStream<float> set(system);
  CHECK_THROWS_MESSAGE(std::invalid_argument, set.set_state(ModalStream<float>::State(2, 2)),
                       "ModalStream: expected a state of 2 x 3, found 2 x 2");
  ModalStream<float>::State broken = set.state();
  broken(1, 1) = std::numeric_limits<double>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, set.set_state(broken),
                       "ModalStream: expected finite state, found one that is not at row 1, column 1");
}
