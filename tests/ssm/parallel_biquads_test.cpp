// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/parallel_biquads.hpp>

#include <cmath>
#include <complex>
#include <limits>
#include <utility>

#include <tessera/core/thread_pool.hpp>
#include <tessera/ssm/biquad_cascade.hpp>
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

static_assert(SequenceModel<ParallelBiquads<float>>);
static_assert(SequenceModel<ParallelBiquads<double>>);

namespace {

/// Samples of a batch as rows example * channels + channel.
template <class Scalar>
Signals<const Scalar> batch_of(const RowMatrix<Scalar>& rows, Index channels) {
  return {rows.data(), rows.rows() / channels, channels, rows.cols()};
}

}  // namespace

TEST_CASE("sections side by side, in series and multiplied out are one filter", "[biquads]") {
  // Two pairs of poles p of radius 0.9 and 0.7; residues r = B(p) / A'(p), from the difference equation's polynomials.
  using Complex = std::complex<double>;
  const Complex poles[2] = {std::polar(0.9, 0.5), std::polar(0.7, 1.9)};
  RowMatrix<double> cascade(1, 10);
  cascade << 1, 0.3, -0.2, -2 * poles[0].real(), std::norm(poles[0]), 0.5, -0.1, 0.4, -2 * poles[1].real(),
      std::norm(poles[1]);
  const auto square = [&](Complex z, Index at) {
    return cascade(0, at) * z * z + cascade(0, at + 1) * z + cascade(0, at + 2);
  };
  RowMatrix<double> parallel(1, 9);
  for (Index i = 0; i < 2; ++i) {
    const Complex p = poles[i], other = poles[1 - i];
    const Complex slope = (p - std::conj(p)) * (p - other) * (p - std::conj(other));
    const Complex r = square(p, 0) * square(p, 5) / slope;  // r / (z - p) and its conjugate
    parallel(0, 4 * i) = 2 * r.real();
    parallel(0, 4 * i + 1) = -2 * (r * std::conj(p)).real();
    parallel(0, 4 * i + 2) = -2 * p.real();
    parallel(0, 4 * i + 3) = std::norm(p);
  }
  parallel(0, 8) = 0.5;  // b0 b0 of the cascade
  DirectForm direct;
  direct.skip = 0.5;
  const auto product = [&](Index one, Index two, bool monic) {
    Eigen::VectorXd c = Eigen::VectorXd::Zero(5);
    for (Index i = 0; i < 3; ++i)
      for (Index j = 0; j < 3; ++j) {
        const double a = monic ? (i == 0 ? 1 : cascade(0, one + i - 1)) : cascade(0, one + i);
        c[i + j] += a * (monic ? (j == 0 ? 1 : cascade(0, two + j - 1)) : cascade(0, two + j));
      }
    return c;
  };
  const Eigen::VectorXd numerator = product(0, 5, false), denominator = product(3, 8, true);
  direct.denominator = denominator.tail(4);
  direct.numerator = (numerator - 0.5 * denominator).tail(4);
  const RowMatrix<double> side_by_side = ParallelBiquads<double>(parallel).kernel(200);
  CHECK((side_by_side - BiquadCascade<double>(cascade).kernel(200)).cwiseAbs().maxCoeff() < 1e-13);
  CHECK((side_by_side.transpose() - impulse_response(direct, 200)).cwiseAbs().maxCoeff() < 1e-13);
}

TEMPLATE_TEST_CASE("parallel biquads: kernel, steps and chunks agree with the difference equation", "[biquads]", float,
                   double) {
  // Order 64, length 16384, poles to radius 0.999.
  const Index channels = 3, sections = 32, length = effort(16384, 2048);
  const ParallelBiquads<TestType> filter(random_parallel<TestType>(channels, sections, 0.999, 1));
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
        naive_parallel(filter.coefficients().data() + c * (4 * sections + 1), sections, unit_impulse(length));
    CHECK(relative_error(&taps(c, 0), exact) < (sizeof(TestType) == 4 ? 1e-7 : 1e-12));
    largest = std::max(largest, relative_error(&y(c, 0), exact));
    CHECK(relative_error(&chunked(c, 0), exact) <= 4 * predicted);
  }
  CHECK(largest <= 4 * predicted);
  CHECK(largest >= predicted / 100);  // the estimate is one, not a bound of everything
}

TEMPLATE_TEST_CASE("parallel biquads: every length, number of channels, sections and examples", "[biquads]", float,
                   double) {
  const double tolerance = sizeof(TestType) == 4 ? 1e-5 : 1e-13;  // 30 roundings or so, poles to radius 0.9
  for (const Index sections : {0, 1, 2, 3, 4, 5, 7, 9}) {
    for (const Index length : {0, 1, 2, 3, 7, 8, 9, 31, 127, 128, 129, 257}) {
      const Index channels = 1 + (sections + length) % 5, batch = 1 + length % 4;
      CAPTURE(sections, length, channels, batch);
      const ParallelBiquads<TestType> filter(random_parallel<TestType>(channels, sections, 0.9, 2));
      const RowMatrix<TestType> u = random_normal<TestType>(batch * channels, length, 3);
      const RowMatrix<TestType> y = filter.forward(batch_of(u, channels));
      REQUIRE(y.rows() == batch * channels);
      for (Index row = 0; row < u.rows() && length > 0; ++row) {
        const TestType* c = filter.coefficients().data() + row % channels * (4 * sections + 1);
        REQUIRE(relative_error(&y(row, 0), naive_parallel(c, sections, long_row(&u(row, 0), length))) < tolerance);
      }
    }
  }
  const ParallelBiquads<TestType> none(RowMatrix<TestType>(0, 9));
  CHECK(none.kernel(5).rows() == 0);
  CHECK(none.forward(Signals<const TestType>(nullptr, 2, 0, 7)).rows() == 0);
}

TEMPLATE_TEST_CASE("parallel biquads: any split of a sequence gives what the whole gives, to the bit", "[biquads]",
                   float, double) {
  const Index channels = 5, length = 300;
  const ParallelBiquads<TestType> filter(random_parallel<TestType>(channels, 6, 0.99, 4));
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
    const ParallelBiquads<TestType> single(RowMatrix<TestType>(filter.coefficients().row(c)));
    REQUIRE(same_bits<TestType>(single.forward(signals(u.row(c))), whole.row(c)));
  }
}

TEST_CASE("parallel biquads: the way back is that of central differences", "[biquads]") {
  for (const Index sections : {1, 3}) {
    for (const Index length : {1, 2, 9, 140}) {
      const Index channels = 2, batch = 2, rows = batch * channels;
      CAPTURE(sections, length);
      const RowMatrix<double> c = random_parallel<double>(channels, sections, 0.9, 6);
      const RowMatrix<double> u = random_normal<double>(rows, length, 7),
                              x0 = random_normal<double>(rows, 2 * sections, 8);
      const RowMatrix<double> w = random_normal<double>(rows, length, 9),
                              v = random_normal<double>(rows, 2 * sections, 10);
      const auto loss = [&](const RowMatrix<double>& coefficients, const RowMatrix<double>& input,
                            RowMatrix<double> state) {
        const ParallelBiquads<double> filter(coefficients);
        const RowMatrix<double> y = filter.forward(batch_of(input, channels), state);
        return y.cwiseProduct(w).sum() + state.cwiseProduct(v).sum();
      };
      const ParallelBiquads<double> filter(c);
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

TEST_CASE("parallel biquads: the gradient of the kernel is that of central differences", "[biquads]") {
  const RowMatrix<double> c = random_parallel<double>(2, 2, 0.9, 11), w = random_normal<double>(2, 50, 12);
  const RowMatrix<double> numeric = numeric_gradient(
      [&](const RowMatrix<double>& x) { return ParallelBiquads<double>(x).kernel(50).cwiseProduct(w).sum(); }, c);
  CHECK(largest_difference(ParallelBiquads<double>(c).kernel_backward(w), numeric) < 1e-7);
}

TEST_CASE(
    "parallel biquads: gradients have the same bits in every batch of one example, for threads, and in float they are "
    "close",
    "[biquads]") {
  const Index channels = 3, length = 400, sections = 5;
  const RowMatrix<float> c = random_parallel<float>(channels, sections, 0.98, 13);
  const RowMatrix<float> u = random_normal<float>(2 * channels, length, 14),
                         w = random_normal<float>(2 * channels, length, 15);
  const ParallelBiquads<float> filter(c);
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
  const ParallelBiquads<double> wide(RowMatrix<double>(c.cast<double>()));
  const RowMatrix<double> wide_u = u.cast<double>(), wide_w = w.cast<double>();
  const auto exact = wide.backward(batch_of(wide_u, channels), wide.initial_states(2), batch_of(wide_w, channels));
  CHECK(largest_difference(gradient.coefficients, exact.coefficients) < 1e-5);
  CHECK(largest_difference(gradient.states, exact.states) < 1e-5);
}

TEST_CASE("parallel biquads: forms go in and come out", "[biquads]") {
  ParallelForm two, one;
  two.skip = 3;
  two.sections = {{1, 2, 0.1, 0.2}, {4, 5, 0.3, 0.4}};
  one.sections = {{7, 8, 0.5, 0.6}};
  const ParallelBiquads<double> filter(std::vector<ParallelForm>{two, one});
  CHECK(filter.channels() == 2);
  CHECK(filter.sections() == 2);
  CHECK(filter.order() == 4);
  const RowMatrix<double> taps = filter.kernel(20);
  CHECK((taps.row(0).transpose() - impulse_response(two, 20)).norm() < 1e-12);
  CHECK((taps.row(1).transpose() - impulse_response(one, 20)).norm() < 1e-12);
  CHECK((impulse_response(filter.form(0), 20) - impulse_response(two, 20)).norm() == 0);
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.form(-1), "ParallelBiquads: expected a channel below 2, found -1");
}

TEST_CASE("parallel biquads: unstable sections are allowed, named, and refused when they overflow", "[biquads]") {
  RowMatrix<float> c(2, 9);
  c << 1, 0, 0.5f, 0.2f, 1, 0, -2, 1, 0.5f, 1, 0, 0, 1.5f, 1, 0, 0, 0, 0.5f;
  const ParallelBiquads<float> filter(c);
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
                       "ParallelBiquads: expected finite results, found an overflow; 2 of 4 sections are not stable");
  const RowMatrix<float> u = RowMatrix<float>::Ones(2, 2000);
  auto state = filter.initial_state();
  RowMatrix<float> y(2, 2000);
  CHECK_THROWS_MESSAGE(NumericalError, filter.chunk(state, signals(u), signals(y)), "found an overflow");
  CHECK(state == filter.initial_state());
  CHECK(filter.predicted_error(100000) <= std::numeric_limits<double>::max());
}

TEST_CASE("parallel biquads: stepping allocates nothing", "[biquads]") {
  if (sanitized) return;
  const ParallelBiquads<float> filter(random_parallel<float>(4, 8, 0.9, 20));
  auto state = filter.initial_state();
  float u[4] = {1, 2, 3, 4};
  CHECK(allocations_in([&] { filter.step(state, u, u); }) == 0);
}

TEST_CASE("parallel biquads: misuse of a cascade is refused in words", "[biquads]") {
  using Filter = ParallelBiquads<float>;
  CHECK_THROWS_MESSAGE(std::invalid_argument, Filter(RowMatrix<float>(2, 7)),
                       "ParallelBiquads: expected 4 coefficients for each section of a channel and 1 more, found 7");
  RowMatrix<float> bad = RowMatrix<float>::Zero(2, 5);
  bad(1, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, Filter(bad),
                       "ParallelBiquads: expected finite coefficients, found nan at channel 1, coefficient 3");
  Filter filter(RowMatrix<float>::Zero(2, 5));
  auto state = filter.initial_state();
  RowMatrix<float> u = RowMatrix<float>::Ones(2, 10), y(2, 9), z(3, 10);
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.chunk(state, signals(std::as_const(u)), signals(y)),
                       "ParallelBiquads: expected output of batch 1, 2 channels and length 10, found 1, 2 and 9");
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.forward(signals(std::as_const(z))),
                       "ParallelBiquads: expected input of batch 1, 2 channels and length 10, found 1, 3 and 10");
  RowMatrix<float> wrong(1, 2);
  wrong.setZero();
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.prefill(wrong, signals(std::as_const(u))),
                       "ParallelBiquads: expected states of 2 x 2, found 1 x 2");
  u(1, 4) = std::numeric_limits<float>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.forward(signals(std::as_const(u))),
                       "ParallelBiquads: expected finite samples, found inf at example 0, channel 1, sample 4");
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.step(state, &u(1, 3), &y(0, 0)),
                       "ParallelBiquads: expected finite samples, found inf at example 0, channel 1, sample 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.kernel(-1), "ParallelBiquads: expected a length of at least 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.predicted_error(-1),
                       "ParallelBiquads: expected a length of at least 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.kernel_backward(z),
                       "ParallelBiquads: expected the gradient of 2 kernels, found 3");
  filter.coefficients()(0, 0) = std::numeric_limits<float>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, filter.kernel(3), "expected finite coefficients, found inf");
}
