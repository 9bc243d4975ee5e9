// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/s5.hpp>

#include <cmath>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include <tessera/core/thread_pool.hpp>
#include <tessera/ssm/model.hpp>
#include <tessera/ssm/verify.hpp>

#include "ssm/modal_cases.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;

static_assert(SequenceModel<S5<float>> && SequenceModel<S5<double>> && S5<float>::coupled);

namespace {

template <class Scalar>
S5Parameters<Scalar> random_parameters(Index modes, Index inputs, Index outputs, std::uint64_t seed) {
  SplitMix random(seed);
  const auto normal = [&] { return std::complex<Scalar>(Complex(random.normal(), random.normal())); };
  S5Parameters<Scalar> p;
  p.log_step.resize(modes);
  p.lambda.resize(modes);
  p.input.resize(modes, inputs);
  p.output.resize(outputs, modes);
  for (Index n = 0; n < modes; ++n) {
    p.log_step[n] = static_cast<Scalar>(std::log(random.uniform(0.01, 0.1)));
    p.lambda[n] = std::complex<Scalar>(Complex(-random.uniform(0.1, 1), random.uniform(-30, 30)));
  }
  for (Index i = 0; i < p.input.size(); ++i) p.input.data()[i] = normal();
  for (Index i = 0; i < p.output.size(); ++i) p.output.data()[i] = normal();
  if (inputs == outputs) p.skip = random_normal<Scalar>(outputs, 1, seed + 1);
  return p;
}

/// Zero-order hold and the recurrence, in long double, from a state that moves. Row o of the result is output o.
template <class Scalar>
std::vector<std::vector<long double>> exact_outputs(const S5Parameters<Scalar>& p, std::vector<LongComplex>& x,
                                                    const RowMatrix<Scalar>& input) {
  const Index modes = p.lambda.size();
  std::vector<LongComplex> pole, weight;
  for (Index n = 0; n < modes; ++n) {
    const LongComplex lambda(p.lambda[n]);
    pole.push_back(std::exp(std::exp(static_cast<long double>(p.log_step[n])) * lambda));
    weight.push_back((pole.back() - 1.0L) / lambda);
  }
  std::vector<std::vector<long double>> output(static_cast<std::size_t>(p.output.rows()));
  for (Index t = 0; t < input.cols(); ++t) {
    for (std::size_t n = 0; n < pole.size(); ++n) {
      LongComplex sum = 0;
      for (Index i = 0; i < input.rows(); ++i)
        sum += LongComplex(p.input(static_cast<Index>(n), i)) * static_cast<long double>(input(i, t));
      x[n] = pole[n] * x[n] + weight[n] * sum;
    }
    for (std::size_t o = 0; o < output.size(); ++o) {
      const auto row = static_cast<Index>(o);
      long double y = p.skip.size() == 0 ? 0 : static_cast<long double>(p.skip[row] * input(row, t));
      for (std::size_t n = 0; n < pole.size(); ++n)
        y += 2 * (LongComplex(p.output(row, static_cast<Index>(n))) * x[n]).real();
      output[o].push_back(y);
    }
  }
  return output;
}

template <class Scalar>
typename S5<Scalar>::State some_state(const S5<Scalar>& model) {
  typename S5<Scalar>::State state = model.initial_state();
  for (Index n = 0; n < state.size(); ++n) state(0, n) = Complex(0.2, 0.1 * static_cast<double>(n % 5));
  return state;
}

}  // namespace

TEMPLATE_TEST_CASE("outputs and states are those of the recurrence, in every way to run S5", "[s5]", float, double) {
  // Sums of 2 inputs + 2 modes products that may cancel: tens of roundings of the scalar.
  const double tolerance = sizeof(TestType) == 4 ? 4e-6 : 1e-13;
  for (const auto& [modes, inputs, outputs] :
       {std::tuple<Index, Index, Index>{5, 3, 3}, {1, 1, 1}, {8, 2, 30}, {33, 25, 1}}) {
    const S5Parameters<TestType> parameters = random_parameters<TestType>(modes, inputs, outputs, 60);
    const S5<TestType> model(parameters);
    for (const Index length : {Index{1}, Index{3}, Index{64}, Index{65}, effort(2500, 1200)}) {
      CAPTURE(modes, inputs, outputs, length);
      const RowMatrix<TestType> input = random_normal<TestType>(inputs, length, 61);
      typename S5<TestType>::State whole = some_state(model), stepped = whole, filled = whole;
      std::vector<LongComplex> x;
      for (Index n = 0; n < modes; ++n) x.push_back(LongComplex(whole(0, n)));
      const std::vector<std::vector<long double>> expected = exact_outputs(parameters, x, input);
      const RowMatrix<TestType> output = chunked(model, whole, input, {length});
      RowMatrix<TestType> steps(outputs, length);
      for (Index t = 0; t < length; ++t) {
        const Eigen::Matrix<TestType, Eigen::Dynamic, 1> sample = input.col(t);
        Eigen::Matrix<TestType, Eigen::Dynamic, 1> result(outputs);
        model.step(stepped, sample.data(), result.data());
        steps.col(t) = result;
      }
      model.prefill(filled, signals(input));
      CHECK(same_bytes(filled, whole));
      for (Index o = 0; o < outputs; ++o) {
        CHECK(error_of_row(output.row(o), expected[static_cast<std::size_t>(o)]) < tolerance);
        CHECK(error_of_row(steps.row(o), expected[static_cast<std::size_t>(o)]) < tolerance);
      }
      RowMatrix<Complex> exact(1, modes);
      for (Index n = 0; n < modes; ++n) exact(0, n) = Complex(x[static_cast<std::size_t>(n)]);
      CHECK(relative_difference(whole, exact) < tolerance);
      CHECK(relative_difference(stepped, exact) < 1e-12);
    }
  }
}

TEMPLATE_TEST_CASE("s5: kernel, step and chunk agree at length 16384 and order 64", "[s5]", float, double) {
  const Index length = effort(16384, 3000);
  const S5Parameters<TestType> parameters = random_parameters<TestType>(32, 2, 3, 62);
  const S5<TestType> model(parameters);
  REQUIRE(model.order() == 64);
  const RowMatrix<TestType> taps = model.kernel(length);
  REQUIRE(taps.rows() == 6);
  const double predicted = model.predicted_error(length);
  CHECK(predicted < (sizeof(TestType) == 4 ? 1e-4 : 1e-10));
  for (Index i = 0; i < 2; ++i) {
    RowMatrix<TestType> input = RowMatrix<TestType>::Zero(2, length);
    input(i, 0) = 1;
    auto state = model.initial_state(), stepped = state;
    const RowMatrix<TestType> output = chunked(model, state, input, {length});
    RowMatrix<TestType> rows(3, length), steps(3, length);
    for (Index o = 0; o < 3; ++o) rows.row(o) = taps.row(o * 2 + i);
    for (Index t = 0; t < length; ++t) {
      const TestType sample[2] = {input(0, t), input(1, t)};
      TestType result[3];
      model.step(stepped, sample, result);
      for (Index o = 0; o < 3; ++o) steps(o, t) = result[o];
    }
    const double peak = static_cast<double>(taps.cwiseAbs().maxCoeff());
    CHECK(static_cast<double>((output - rows).cwiseAbs().maxCoeff()) < 4 * predicted * peak);
    CHECK(static_cast<double>((steps - rows).cwiseAbs().maxCoeff()) < 4 * predicted * peak);
  }
  const S5Parameters<TestType> square = random_parameters<TestType>(4, 2, 2, 63);  // with a skip
  for (const Index few : {0, 1, 2, 3, 101, 127, 129}) {
    const RowMatrix<TestType> direct = S5<TestType>(square).kernel(few);
    for (Index i = 0; i < 2 && few > 0; ++i) {
      RowMatrix<TestType> input = RowMatrix<TestType>::Zero(2, few);
      input(i, 0) = 1;
      std::vector<LongComplex> x(4, 0);
      const std::vector<std::vector<long double>> expected = exact_outputs(square, x, input);
      for (Index o = 0; o < 2; ++o) {
        CHECK(error_of_row(direct.row(o * 2 + i), expected[static_cast<std::size_t>(o)]) <
              (sizeof(TestType) == 4 ? 2e-6 : 1e-13));
      }
    }
  }
}

TEMPLATE_TEST_CASE("threads do not change a bit, and splits only roundings", "[s5]", float, double) {
  const Index length = 7000;  // several chunks
  const S5<TestType> model(random_parameters<TestType>(9, 4, 4, 64));
  const RowMatrix<TestType> input = random_normal<TestType>(4, length, 65);
  const auto start = some_state(model);
  auto state = start;
  const RowMatrix<TestType> whole = chunked(model, state, input, {length});
  for (const int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    auto other = start, filled = start;
    RowMatrix<TestType> output(4, length);
    model.chunk(other, signals(input), signals(output), pool);
    model.prefill(filled, signals(input), pool);
    CHECK(same_bytes(output, whole));
    CHECK(same_bytes(other, state));
    CHECK(same_bytes(filled, state));
  }
  for (const std::vector<Index>& pieces : {std::vector<Index>{1, 5, 900}, {1024}, {6999, 1}, {3000, 0}}) {
    auto other = start;
    CHECK(relative_difference(chunked(model, other, input, pieces), whole) < (sizeof(TestType) == 4 ? 1e-6 : 1e-12));
    CHECK(relative_difference(other, state) < (sizeof(TestType) == 4 ? 1e-6 : 1e-12));
  }
  // Order of outputs: a permutation of the rows of C permutes outputs.
  S5Parameters<TestType> turned = model.parameters();
  turned.skip.setZero();
  const S5<TestType> plain(turned);
  turned.output = turned.output.colwise().reverse().eval();
  auto one = start, two = start;
  const RowMatrix<TestType> straight = chunked(plain, one, input, {length});
  CHECK(same_bytes<RowMatrix<TestType>>(chunked(S5<TestType>(turned), two, input, {length}),
                                        straight.colwise().reverse()));
}

TEST_CASE("the backward pass of S5 passes central differences and the adjoint identity", "[s5]") {
  const Index modes = 3, inputs = 2, outputs = 2, length = 23;
  for (const Discretization method : {Discretization::zero_order_hold, Discretization::bilinear}) {
    const S5Options options{.discretization = method};
    S5Parameters<double> parameters = random_parameters<double>(modes, inputs, outputs, 66);
    parameters.log_step.array() += 1.5;
    const RowMatrix<double> input = random_normal<double>(inputs, length, 67);
    const RowMatrix<double> upstream = random_normal<double>(outputs, length, 68);
    const S5<double> model(parameters, options);
    const S5<double>::State start = some_state(model);
    S5<double>::State last(1, modes);
    for (Index n = 0; n < modes; ++n) last(0, n) = Complex(0.5, -0.7 * static_cast<double>(n));
    const S5<double>::Gradient gradient = model.backward(start, signals(input), signals(upstream), last);
    const auto loss = [&](const S5Parameters<double>& p, const RowMatrix<double>& u, S5<double>::State state) {
      const RowMatrix<double> y = chunked(S5<double>(p, options), state, u, {length});
      return y.cwiseProduct(upstream).sum() + state.conjugate().cwiseProduct(last).real().sum();
    };
    // The gradient of one block of numbers, complex ones as pairs.
    const auto numeric = [&](const double* values, Index size, auto change) {
      const RowMatrix<double> x = Eigen::Map<const RowMatrix<double>>(values, 1, size);
      return numeric_gradient(
          [&](const RowMatrix<double>& point) {
            S5Parameters<double> p = parameters;
            RowMatrix<double> u = input;
            S5<double>::State state = start;
            std::copy_n(point.data(), size, change(p, u, state));
            return loss(p, u, state);
          },
          x);
    };
    const auto check = [&](const double* found, const double* values, Index size, auto change) {
      const RowMatrix<double> row = Eigen::Map<const RowMatrix<double>>(found, 1, size);
      CHECK(largest_difference(row, numeric(values, size, change)) < 1e-7);
    };
    const auto real = [](auto& z) { return reinterpret_cast<double*>(z.data()); };
    const auto constant = [](const auto& z) { return reinterpret_cast<const double*>(z.data()); };
    const S5Parameters<double>& g = gradient.parameters;
    check(constant(g.log_step), constant(parameters.log_step), modes,
          [&](auto& p, auto&, auto&) { return real(p.log_step); });
    check(constant(g.lambda), constant(parameters.lambda), 2 * modes,
          [&](auto& p, auto&, auto&) { return real(p.lambda); });
    check(constant(g.input), constant(parameters.input), 2 * modes * inputs,
          [&](auto& p, auto&, auto&) { return real(p.input); });
    check(constant(g.output), constant(parameters.output), 2 * modes * outputs,
          [&](auto& p, auto&, auto&) { return real(p.output); });
    check(constant(g.skip), constant(parameters.skip), outputs, [&](auto& p, auto&, auto&) { return real(p.skip); });
    check(constant(gradient.input), constant(input), inputs * length, [&](auto&, auto& u, auto&) { return real(u); });
    check(constant(gradient.state), constant(start), 2 * modes, [&](auto&, auto&, auto& state) { return real(state); });

    // Outputs are linear in input and state together: the identity holds up to rounding.
    const RowMatrix<double> v = random_normal<double>(inputs, length, 69);
    const double forward = loss(parameters, v, last);
    const double backward =
        v.cwiseProduct(gradient.input).sum() + last.conjugate().cwiseProduct(gradient.state).real().sum();
    CHECK(std::abs(forward - backward) < 1e-12 * std::abs(forward));
  }
}

TEST_CASE("gradients do not depend on checkpoints, and hold memory of about sqrt(L)", "[s5]") {
  const S5<double> model(random_parameters<double>(3, 2, 1, 70));
  for (const Index length : {0, 1, 2, 3, 100, 1009}) {
    const RowMatrix<double> input = random_normal<double>(2, length, 71),
                            upstream = random_normal<double>(1, length, 72);
    const S5<double>::Gradient gradient = model.backward(model.initial_state(), signals(input), signals(upstream));
    // The adjoint identity in the input, at lengths that fill the last segment and that do not.
    auto state = model.initial_state();
    const RowMatrix<double> v = random_normal<double>(2, length, 73);
    const double forward = length == 0 ? 0 : chunked(model, state, v, {length}).cwiseProduct(upstream).sum();
    CHECK(std::abs(forward - v.cwiseProduct(gradient.input).sum()) <= 1e-12 * std::abs(forward));
    CHECK(gradient.parameters.skip.isZero());
  }
  // (segments + 2 segment) 2 modes + segment (inputs + outputs), with segment = segments = sqrt(L).
  CHECK(model.work_size(10000) == 3 * 100 * 6 + 100 * 3);
  CHECK(model.work_size(1000000) == 10 * model.work_size(10000));
  if (sanitized) return;
  const auto allocated = [&](Index length) {
    const RowMatrix<double> input = RowMatrix<double>::Ones(2, length), upstream = RowMatrix<double>::Ones(1, length);
    const auto state = model.initial_state();
    return allocations_in([&] { model.backward(state, signals(input), signals(upstream)); });
  };
  CHECK(allocated(100) == allocated(10000));  // nothing per sample or per segment
}

TEST_CASE("float gradients are those in double, rounded", "[s5]") {
  const S5Parameters<float> parameters = random_parameters<float>(5, 3, 3, 74);
  const S5Parameters<double> wide{parameters.log_step.cast<double>(), parameters.lambda.cast<Complex>(),
                                  parameters.input.cast<Complex>(), parameters.output.cast<Complex>(),
                                  parameters.skip.cast<double>()};
  const RowMatrix<float> input = random_normal<float>(3, 500, 75), upstream = random_normal<float>(3, 500, 76);
  const RowMatrix<double> wide_input = input.cast<double>(), wide_upstream = upstream.cast<double>();
  const S5<float> model(parameters);
  const auto found = model.backward(some_state(model), signals(input), signals(upstream));
  const auto expected = S5<double>(wide).backward(some_state(model), signals(wide_input), signals(wide_upstream));
  CHECK(relative_difference(found.input.cast<double>(), expected.input) < 1e-7);
  CHECK(relative_difference(found.parameters.lambda.cast<Complex>(), expected.parameters.lambda) < 1e-7);
  CHECK(relative_difference(found.parameters.output.cast<Complex>(), expected.parameters.output) < 1e-7);
}

TEST_CASE("verify finds nothing but rounding in S5", "[s5]") {
  const S5<float> model(random_parameters<float>(16, 3, 3, 80));
  const Agreement agreement = verify(model);
  CAPTURE(agreement.description);
  CHECK(agreement.agrees());
  CHECK(same_bytes(model.cast<double>().cast<float>().kernel(100), model.kernel(100)));
}

TEST_CASE("steps of S5 allocate nothing", "[s5]") {
  if (sanitized) return;
  const S5<float> model(random_parameters<float>(6, 3, 5, 77));
  auto state = model.initial_state();
  const float input[3] = {1, 2, 3};
  float output[5];
  CHECK(allocations_in([&] { model.step(state, input, output); }) == 0);
}

TEST_CASE("at other steps S5 is the same in continuous time, and unstable poles give finite reports", "[s5]") {
  S5Parameters<double> parameters = random_parameters<double>(4, 1, 1, 78);
  const S5<double> model(parameters), twice = model.resampled(2);
  CHECK((twice.poles() - model.poles().cwiseProduct(model.poles())).cwiseAbs().maxCoeff() < 1e-14);
  // The response to a held input, at every second sample.
  const RowMatrix<double> fine = model.kernel(40), coarse = twice.kernel(20);
  const double skip = parameters.skip[0];
  for (Index t = 0; t < 20; ++t) {
    CHECK(std::abs(coarse.leftCols(t + 1).sum() - fine.leftCols(2 * t + 2).sum()) < 1e-12 * (1 + std::abs(skip)));
  }
  parameters.lambda[1] = 4;
  parameters.log_step[1] = 0;
  const S5<double> unstable(parameters);
  CHECK(unstable.spectral_radius() == Catch::Approx(std::exp(4)));
  CHECK(unstable.predicted_error(100) < 1e-10);
  CHECK(unstable.predicted_error(1000) == 1);
  CHECK_THROWS_MESSAGE(NumericalError, unstable.kernel(1000), "S5: expected 1000 taps within range");
}

TEST_CASE("S5 says what is wrong with what it is given", "[s5]") {
  const S5Parameters<float> good = random_parameters<float>(4, 2, 2, 79);
  const auto refused = [&](auto change, const S5Options& options = {}) {
    S5Parameters<float> parameters = good;
    change(parameters);
    return message_of([&] { S5<float>(parameters, options); });
  };
  CHECK(refused([](auto&) {}, {.discretization = Discretization::first_order_hold}) ==
        "S5: expected bilinear, zero_order_hold or dirac, found first_order_hold");
  CHECK(refused([](auto& p) { p.input.resize(3, 2); }) ==
        "S5: expected B of 4 rows, C of 4 columns and as many log_step, as there are lambda, found 3, 4 and 4");
  CHECK(refused([](auto& p) { p.skip.resize(3); }) ==
        "S5: expected a skip for each of 2 outputs with as many inputs, or none, found 3 and 2 inputs");
  CHECK(refused([](auto& p) { p.lambda[2] = std::numeric_limits<float>::infinity(); }) ==
        "S5: expected finite lambda, found one that is not at row 0, column 2");
  CHECK(refused([](auto& p) { p.output(1, 3) = std::numeric_limits<float>::quiet_NaN(); }) ==
        "S5: expected finite output weights, found one that is not at row 1, column 3");
  CHECK(refused([](auto& p) { p.log_step[3] = -800; }) == "S5: expected a log_step of -700 to 700, found -800 at 3");

  const S5<float> model(good);
  auto state = model.initial_state(), wrong = S5<float>::State(2, 4);
  const auto before = state;
  RowMatrix<float> input = RowMatrix<float>::Ones(2, 9), output(2, 8), three = RowMatrix<float>::Ones(3, 9);
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.chunk(wrong, signals(input), signals(output)),
                       "S5: expected a state of 1 x 4, found 2 x 4");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.chunk(state, signals(input), signals(output)),
                       "S5: expected an output of batch 1, 2 channels and 9 samples, found 1, 2 and 8");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.prefill(state, signals(three)),
                       "S5: expected an input of batch 1 and 2 channels, found 1 and 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.backward(state, signals(input), signals(output)),
                       "S5: expected the gradient of 9 samples, found 8");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.kernel(-1), "S5: expected a length of at least 0, found -1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.resampled(0), "S5: expected a ratio above 0, found 0");
  input(1, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.prefill(state, signals(input)),
                       "S5: expected finite samples, found nan in channel 1 at 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.step(state, input.data() + 11, output.data()),
                       "S5: expected finite samples");
  CHECK(same_bytes(state, before));
}
