// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/biquad_cascade.hpp>

#include <cmath>
#include <limits>
#include <utility>

#include <tessera/core/thread_pool.hpp>
#include <tessera/ssm/model.hpp>

#include "fft/convolution_cases.hpp"
#include "ssm/biquad_cases.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

static_assert(SequenceModel<BiquadCascade<float>>);
static_assert(SequenceModel<BiquadCascade<double>>);

namespace {

RowMatrix<double> butterworth() {
  const std::vector<double> sections = butterworth_sections();
  return Eigen::Map<const RowMatrix<double>>(sections.data(), 1, 10);
}

/// Samples of a batch as rows example * channels + channel.
template <class Scalar>
Signals<const Scalar> batch_of(const RowMatrix<Scalar>& rows, Index channels) {
  return {rows.data(), rows.rows() / channels, channels, rows.cols()};
}

}  // namespace

TEST_CASE("a Butterworth filter has the published digits", "[biquads]") {
  const BiquadCascade<double> filter(butterworth());
  const double digits[] = {0.00482434335771623, 0.0307287177680858, 0.0905946819548829,
                           0.167944821844737,   0.224641271344028,  0.2334571878676,
                           0.193512552162805,   0.123765243571015,  0.0496036031380575};
  const RowMatrix<double> taps = filter.kernel(9);
  for (Index t = 0; t < 9; ++t) CHECK(std::abs(taps(0, t) - digits[t]) < 1e-14);
  BiquadCascade<double>::State state = filter.initial_state();
  for (Index t = 0; t < 9; ++t) {
    const double u = t == 0 ? 1 : 0;
    double y = 0;
    filter.step(state, &u, &y);
    CHECK(std::abs(y - digits[t]) < 1e-14);
  }
  CHECK(filter.unstable_sections().empty());
}

TEMPLATE_TEST_CASE("biquad cascade: kernel, steps and chunks agree with the difference equation", "[biquads]", float,
                   double) {
  // Order 64, length 16384, poles to radius 0.999.
  const Index channels = 3, sections = 32, length = effort(16384, 2048);
  const BiquadCascade<TestType> filter(random_cascade<TestType>(channels, sections, 0.999, 1));
  const double tolerance = sizeof(TestType) == 4 ? 1e-4 : 1e-10;
  const double predicted = filter.predicted_error(length);
  CHECK(predicted < tolerance);
  const RowMatrix<TestType> taps = filter.kernel(length);
  RowMatrix<TestType> impulse = RowMatrix<TestType>::Zero(channels, length), y(channels, length);
  impulse.col(0).setOnes();
  auto state = filter.initial_state();
  for (Index t = 0; t < length; ++t) {
    TestType out[3];
    filter.step(state, impulse.col(t).eval().data(), out);
    for (Index c = 0; c < channels; ++c) y(c, t) = out[c];
  }
  const RowMatrix<TestType> chunked = filter.forward(signals(std::as_const(impulse)));
  double largest = 0;
  for (Index c = 0; c < channels; ++c) {
    const LongRow exact =
        naive_cascade(filter.coefficients().data() + c * 5 * sections, sections, unit_impulse(length));
    CHECK(relative_error(&taps(c, 0), exact) < (sizeof(TestType) == 4 ? 1e-7 : 1e-12));
    largest = std::max(largest, relative_error(&y(c, 0), exact));
    CHECK(relative_error(&chunked(c, 0), exact) <= 4 * predicted);
  }
  CHECK(largest <= 4 * predicted);
  CHECK(largest >= predicted / 100);  // the estimate is one, not a bound of everything
}

TEMPLATE_TEST_CASE("biquad cascade: every length, number of channels, sections and examples", "[biquads]", float,
                   double) {
  const double tolerance = sizeof(TestType) == 4 ? 1e-5 : 1e-13;  // 30 roundings or so, poles to radius 0.9
  for (const Index sections : {0, 1, 2, 3, 4, 5, 7, 9}) {
    for (const Index length : {0, 1, 2, 3, 7, 8, 9, 31, 127, 128, 129, 257}) {
      const Index channels = 1 + (sections + length) % 5, batch = 1 + length % 4;
      CAPTURE(sections, length, channels, batch);
      const BiquadCascade<TestType> filter(random_cascade<TestType>(channels, sections, 0.9, 2));
      const RowMatrix<TestType> u = random_normal<TestType>(batch * channels, length, 3);
      const RowMatrix<TestType> y = filter.forward(batch_of(u, channels));
      REQUIRE(y.rows() == batch * channels);
      for (Index row = 0; row < u.rows() && length > 0; ++row) {
        const TestType* c = filter.coefficients().data() + row % channels * 5 * sections;
        REQUIRE(relative_error(&y(row, 0), naive_cascade(c, sections, long_row(&u(row, 0), length))) < tolerance);
      }
    }
  }
  const BiquadCascade<TestType> none(RowMatrix<TestType>(0, 10));
  CHECK(none.kernel(5).rows() == 0);
  CHECK(none.forward(Signals<const TestType>(nullptr, 2, 0, 7)).rows() == 0);
}

TEMPLATE_TEST_CASE("biquad cascade: any split of a sequence gives what the whole gives, to the bit", "[biquads]", float,
                   double) {
  const Index channels = 5, length = 300;
  const BiquadCascade<TestType> filter(random_cascade<TestType>(channels, 6, 0.99, 4));
  const RowMatrix<TestType> u = random_normal<TestType>(channels, length, 5);
  auto whole_state = filter.initial_state();
  const RowMatrix<TestType> whole = filter.forward(signals(u), whole_state);
  for (const Index piece : {1, 3, 64, 128, 131}) {
    RowMatrix<TestType> y(channels, length);
    auto state = filter.initial_state();
    for (Index t = 0; t < length; t += piece) {
      const Index count = std::min(piece, length - t);
      filter.chunk(state, signals(u.middleCols(t, count)), signals(y.middleCols(t, count)));
    }
    CHECK(same_bits(y, whole));
    CHECK(same_bits(state, whole_state));
  }
  auto prefilled = filter.initial_state();
  filter.prefill(prefilled, signals(u));
  CHECK(same_bits(prefilled, whole_state));
  RowMatrix<TestType> in_place = u;
  auto state = filter.initial_state();
  filter.chunk(state, signals(std::as_const(in_place)), signals(in_place));
  CHECK(same_bits(in_place, whole));

  ThreadPool pool(2);
  CHECK(same_bits(filter.forward(signals(u), pool), whole));
  for (Index c = 0; c < channels; ++c) {  // channels do not meet
    const BiquadCascade<TestType> single(RowMatrix<TestType>(filter.coefficients().row(c)));
    REQUIRE(same_bits<TestType>(single.forward(signals(u.row(c))), whole.row(c)));
  }
}

TEST_CASE("biquad cascade: the way back is that of central differences", "[biquads]") {
  for (const Index sections : {1, 3}) {
    for (const Index length : {1, 2, 9, 140}) {
      const Index channels = 2, batch = 2, rows = batch * channels;
      CAPTURE(sections, length);
      const RowMatrix<double> c = random_cascade<double>(channels, sections, 0.9, 6);
      const RowMatrix<double> u = random_normal<double>(rows, length, 7),
                              x0 = random_normal<double>(rows, 2 * sections, 8);
      const RowMatrix<double> w = random_normal<double>(rows, length, 9),
                              v = random_normal<double>(rows, 2 * sections, 10);
      const auto loss = [&](const RowMatrix<double>& coefficients, const RowMatrix<double>& input,
                            RowMatrix<double> state) {
        const BiquadCascade<double> filter(coefficients);
        const RowMatrix<double> y = filter.forward(batch_of(input, channels), state);
        return y.cwiseProduct(w).sum() + state.cwiseProduct(v).sum();
      };
      const BiquadCascade<double> filter(c);
      SectionGradient<double> gradient;
      RowMatrix<double> grad_u(rows, length);
      filter.backward_into(batch_of(u, channels), x0, batch_of(w, channels), v, gradient,
                           {grad_u.data(), batch, channels, length});
      // Central differences of step 1e-5 are good to about 1e-8 of values up to 1e2 here.
      CHECK(largest_difference(gradient.coefficients,
                               numeric_gradient([&](const RowMatrix<double>& x) { return loss(x, u, x0); }, c)) < 1e-6);
      CHECK(largest_difference(grad_u,
                               numeric_gradient([&](const RowMatrix<double>& x) { return loss(c, x, x0); }, u)) < 1e-6);
      CHECK(largest_difference(gradient.states,
                               numeric_gradient([&](const RowMatrix<double>& x) { return loss(c, u, x); }, x0)) < 1e-6);
      // The filter is linear in input and state: <J (u, x0), (w, v)> is the loss itself.
      const double forward = loss(c, u, x0),
                   back = u.cwiseProduct(grad_u).sum() + x0.cwiseProduct(gradient.states).sum();
      CHECK(std::abs(forward - back) < 1e-12 * (u.norm() * grad_u.norm() + x0.norm() * gradient.states.norm()));
    }
  }
}

TEST_CASE("biquad cascade: the gradient of the kernel is that of central differences", "[biquads]") {
  const RowMatrix<double> c = random_cascade<double>(2, 2, 0.9, 11), w = random_normal<double>(2, 50, 12);
  const RowMatrix<double> numeric = numeric_gradient(
      [&](const RowMatrix<double>& x) { return BiquadCascade<double>(x).kernel(50).cwiseProduct(w).sum(); }, c);
  CHECK(largest_difference(BiquadCascade<double>(c).kernel_backward(w), numeric) < 1e-7);
}

TEST_CASE(
    "biquad cascade: gradients have the same bits in every batch of one example, for threads, and in float they are "
    "close",
    "[biquads]") {
  const Index channels = 3, length = 400, sections = 5;
  const RowMatrix<float> c = random_cascade<float>(channels, sections, 0.98, 13);
  const RowMatrix<float> u = random_normal<float>(2 * channels, length, 14),
                         w = random_normal<float>(2 * channels, length, 15);
  const BiquadCascade<float> filter(c);
  ThreadPool pool(2);
  const auto x0 = filter.initial_states(2);
  const auto gradient = filter.backward(batch_of(u, channels), x0, batch_of(w, channels));
  CHECK(same_bits(filter.backward(batch_of(u, channels), x0, batch_of(w, channels), {}, pool).coefficients,
                  gradient.coefficients));
  const RowMatrix<float> first_u = u.topRows(channels), second_u = u.bottomRows(channels);
  const RowMatrix<float> first_w = w.topRows(channels), second_w = w.bottomRows(channels);
  const auto first = filter.backward(signals(first_u), filter.initial_state(), signals(first_w));
  const auto second = filter.backward(signals(second_u), filter.initial_state(), signals(second_w));
  CHECK(same_bits(RowMatrix<float>(first.coefficients + second.coefficients), gradient.coefficients));
  const BiquadCascade<double> wide(RowMatrix<double>(c.cast<double>()));
  const RowMatrix<double> wide_u = u.cast<double>(), wide_w = w.cast<double>();
  const auto exact = wide.backward(batch_of(wide_u, channels), wide.initial_states(2), batch_of(wide_w, channels));
  CHECK(largest_difference(gradient.coefficients, exact.coefficients) < 1e-5);
  CHECK(largest_difference(gradient.states, exact.states) < 1e-5);
}

TEST_CASE("biquad cascade: forms go in and come out", "[biquads]") {
  CascadeForm two, one;
  two.sections = {{1, 2, 3, 0.1, 0.2}, {4, 5, 6, 0.3, 0.4}};
  one.sections = {{7, 8, 9, 0.5, 0.6}};
  const BiquadCascade<double> filter(std::vector<CascadeForm>{two, one});
  CHECK(filter.channels() == 2);
  CHECK(filter.sections() == 2);
  CHECK(filter.order() == 4);
  const RowMatrix<double> taps = filter.kernel(20);
  CHECK((taps.row(0).transpose() - impulse_response(two, 20)).norm() < 1e-12);
  CHECK((taps.row(1).transpose() - impulse_response(one, 20)).norm() < 1e-12);  // the other section passes everything
  CHECK((impulse_response(filter.form(1), 20) - impulse_response(one, 20)).norm() == 0);
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.form(2), "BiquadCascade: expected a channel below 2, found 2");
}

TEST_CASE("biquad cascade: unstable sections are allowed, named, and refused when they overflow", "[biquads]") {
  RowMatrix<float> c(2, 10);
  c << 1, 0, 0, 0.5f, 0.2f, 1, 0, 0, -2, 1, 1, 0, 0, 0, 1.5f, 1, 0, 0, 0, 0;
  const BiquadCascade<float> filter(c);
  const auto found = filter.unstable_sections();
  REQUIRE(found.size() == 2);
  CHECK(found[0].channel == 0);
  CHECK(found[0].section == 1);
  CHECK(found[0].verdict == Stability::marginal);
  CHECK(found[1].channel == 1);
  CHECK(found[1].section == 0);
  CHECK(found[1].verdict == Stability::unstable);
  CHECK(filter.kernel(50).allFinite());
  CHECK_THROWS_MESSAGE(NumericalError, filter.kernel(2000),
                       "BiquadCascade: expected finite results, found an overflow; 2 of 4 sections are not stable");
  const RowMatrix<float> u = RowMatrix<float>::Ones(2, 2000);
  auto state = filter.initial_state();
  RowMatrix<float> y(2, 2000);
  CHECK_THROWS_MESSAGE(NumericalError, filter.chunk(state, signals(u), signals(y)), "found an overflow");
  CHECK(state == filter.initial_state());
  CHECK(filter.predicted_error(100000) <= std::numeric_limits<double>::max());
}

TEST_CASE("biquad cascade: stepping allocates nothing", "[biquads]") {
  if (sanitized) return;
  const BiquadCascade<float> filter(random_cascade<float>(4, 8, 0.9, 20));
  auto state = filter.initial_state();
  float u[4] = {1, 2, 3, 4};
  CHECK(allocations_in([&] { filter.step(state, u, u); }) == 0);
}

TEST_CASE("biquad cascade: misuse of a cascade is refused in words", "[biquads]") {
  using Filter = BiquadCascade<float>;
  CHECK_THROWS_MESSAGE(std::invalid_argument, Filter(RowMatrix<float>(2, 7)),
                       "BiquadCascade: expected 5 coefficients for each section of a channel and 0 more, found 7");
  RowMatrix<float> bad = RowMatrix<float>::Zero(2, 5);
  bad(1, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, Filter(bad),
                       "BiquadCascade: expected finite coefficients, found nan at channel 1, coefficient 3");
  Filter filter(RowMatrix<float>::Zero(2, 5));
  auto state = filter.initial_state();
  RowMatrix<float> u = RowMatrix<float>::Ones(2, 10), y(2, 9), z(3, 10);
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.chunk(state, signals(std::as_const(u)), signals(y)),
                       "BiquadCascade: expected output of batch 1, 2 channels and length 10, found 1, 2 and 9");
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.forward(signals(std::as_const(z))),
                       "BiquadCascade: expected input of batch 1, 2 channels and length 10, found 1, 3 and 10");
  RowMatrix<float> wrong(1, 2);
  wrong.setZero();
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.prefill(wrong, signals(std::as_const(u))),
                       "BiquadCascade: expected states of 2 x 2, found 1 x 2");
  u(1, 4) = std::numeric_limits<float>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.forward(signals(std::as_const(u))),
                       "BiquadCascade: expected finite samples, found inf at example 0, channel 1, sample 4");
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.step(state, &u(1, 3), &y(0, 0)),
                       "BiquadCascade: expected finite samples, found inf at example 0, channel 1, sample 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.kernel(-1), "BiquadCascade: expected a length of at least 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.predicted_error(-1),
                       "BiquadCascade: expected a length of at least 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.kernel_backward(z),
                       "BiquadCascade: expected the gradient of 2 kernels, found 3");
  filter.coefficients()(0, 0) = std::numeric_limits<float>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.kernel(3), "expected finite coefficients, found inf");
}
