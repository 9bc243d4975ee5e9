// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/varying_scan.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <limits>
#include <vector>

#include <tessera/core/thread_pool.hpp>

#include "reference/state_space.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

using Complex = std::complex<double>;
using State = VaryingScan<double>::State;

constexpr Discretization methods[] = {Discretization::bilinear, Discretization::zero_order_hold,
                                      Discretization::first_order_hold, Discretization::dirac};

template <class Matrix>
Matrix random_complex(Index rows, Index cols, std::uint64_t seed) {
  SplitMix random(seed);
  Matrix matrix(rows, cols);
  for (Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = Complex(random.normal(), random.normal());
  return matrix;
}

ContinuousModes random_modes(Index modes, Index inputs, Index outputs, std::uint64_t seed) {
  ContinuousModes system{
      random_complex<Eigen::VectorXcd>(modes, 1, seed), random_complex<RowMatrix<Complex>>(modes, inputs, seed + 1),
      random_complex<RowMatrix<Complex>>(outputs, modes, seed + 2), random_normal<double>(outputs, inputs, seed + 3)};
  for (Complex& l : system.lambda) l = Complex(-0.2 - std::abs(l.real()), 3 * l.imag());
  return system;
}

/// Everything that one call takes, for one example or more.
struct Case {
  ContinuousModes system;
  RowMatrix<double> input, steps;  // (batch * inputs, length), (batch, length)
  State state;
  Index batch;

  Case(Discretization method, Index modes, Index inputs, Index outputs, Index batch_, Index length)
      : system(random_modes(modes, inputs, outputs, 11)),
        input(random_normal<double>(batch_ * inputs, length, 5)),
        steps(random_uniform<double>(batch_, length, 6, 0, 0.7)),
        state(random_complex<State>(batch_, method == Discretization::first_order_hold ? 2 * modes : modes, 7)),
        batch(batch_) {
    if (length > 4) steps.col(4) = steps.col(3);  // equal steps in a row take their exponentials once
    if (length > 20) steps.col(6).setZero();      // and two samples may come at once
  }

  Signals<const double> signal(const RowMatrix<double>& matrix) const {
    return {matrix.data(), batch, matrix.rows() / batch, matrix.cols()};
  }
  RowMatrix<double> run(Discretization method, State& after) const {
    const VaryingScan<double> scan(system, {.method = method});
    RowMatrix<double> output(batch * scan.outputs(), input.cols());
    after = state;
    scan.scan_into(after, signal(input), rows(steps), {output.data(), batch, scan.outputs(), input.cols()});
    return output;
  }
};

/// x[t] and y[t] of one example by the definition, in long double but for pole and weights.
RowMatrix<double> naive(const Case& c, Discretization method, Index example) {
  const Index modes = c.system.lambda.size(), inputs = c.system.b.cols(), outputs = c.system.c.rows();
  RowMatrix<double> output(outputs, c.input.cols());
  std::vector<LongComplex> x, last(static_cast<std::size_t>(modes), 0);
  const auto wide = [](const Complex& z) { return LongComplex(z.real(), z.imag()); };
  for (Index n = 0; n < modes; ++n) {
    x.push_back(wide(c.state(example, n)));
    if (method == Discretization::first_order_hold)
      last[static_cast<std::size_t>(n)] = wide(c.state(example, modes + n));
  }
  for (Index t = 0; t < c.input.cols(); ++t) {
    for (Index n = 0; n < modes; ++n) {
      LongComplex force = 0;
      for (Index i = 0; i < inputs; ++i) {
        force += wide(c.system.b(n, i)) * static_cast<long double>(c.input(example * inputs + i, t));
      }
      const DiscreteMode m = discretize_mode(method, c.system.lambda[n], 1, c.steps(example, t));
      const auto at = static_cast<std::size_t>(n);
      x[at] = wide(m.pole) * x[at] + wide(m.weight) * force + wide(m.previous) * last[at];
      last[at] = force;
    }
    for (Index o = 0; o < outputs; ++o) {
      long double y = 0;
      for (Index n = 0; n < modes; ++n) y += 2 * (wide(c.system.c(o, n)) * x[static_cast<std::size_t>(n)]).real();
      for (Index i = 0; i < inputs; ++i) y += c.system.d(o, i) * c.input(example * inputs + i, t);
      output(o, t) = static_cast<double>(y);
    }
  }
  return output;
}

/// Real coordinates of complex numbers, for differences.
template <class Matrix>
RowMatrix<double> parts(const Matrix& matrix) {
  return Eigen::Map<const RowMatrix<double>>(reinterpret_cast<const double*>(matrix.data()), 1, 2 * matrix.size());
}

}  // namespace

TEST_CASE("a scan over varying steps is the recurrence of its definition", "[diagonal]") {
  for (const Discretization method : methods) {
    for (const auto& [modes, inputs, outputs] : {std::array<Index, 3>{1, 1, 1}, {4, 2, 3}, {7, 3, 1}}) {
      CAPTURE(static_cast<int>(method), modes, inputs, outputs);
      const Case c(method, modes, inputs, outputs, 2, 60);
      State after;
      const RowMatrix<double> output = c.run(method, after);
      for (Index e = 0; e < 2; ++e) {
        CHECK(largest_difference(output.middleRows(e * outputs, outputs), naive(c, method, e)) < 1e-13);
      }
    }
  }
}

TEST_CASE("equal steps give the kernel of the modes", "[diagonal]") {
  const Index modes = 5, length = 200;
  ContinuousModes system = random_modes(modes, 1, 1, 3);
  RowMatrix<double> impulse = RowMatrix<double>::Zero(1, length);
  impulse(0, 0) = 1;
  const RowMatrix<double> steps = RowMatrix<double>::Constant(1, length, 0.05);
  const RowMatrix<double> found = VaryingScan<double>(system).scan(signals(impulse), rows(steps));
  const DiscreteModes held = discretize_modes(Discretization::zero_order_hold, system.lambda, system.b.col(0),
                                              Eigen::VectorXd::Constant(1, 0.05));
  const Eigen::VectorXcd weights = held.weights.cwiseProduct(system.c.row(0).transpose());
  const std::vector<long double> taps = naive_modes(held.poles, weights, length);
  for (Index t = 0; t < length; ++t) {
    const double expected = static_cast<double>(taps[static_cast<std::size_t>(t)]) + (t == 0 ? system.d(0, 0) : 0);
    CHECK(std::abs(found(0, t) - expected) < 1e-13);
  }
}

TEST_CASE("a line sampled anywhere is held exactly by straight pieces", "[diagonal]") {
  // x' = -x + t from 0: x = t - 1 + e^-t, whatever the samples' times. Half a mode, as each stands for two
  ContinuousModes system{Eigen::VectorXcd::Constant(1, -1),
                         RowMatrix<Complex>::Constant(1, 1, 1),
                         RowMatrix<Complex>::Constant(1, 1, 0.5),
                         {}};
  const RowMatrix<double> steps = random_uniform<double>(1, 300, 4, 0, 0.2);
  RowMatrix<double> line(1, 300);
  double time = 0;
  for (Index t = 0; t < 300; ++t) line(0, t) = time += steps(0, t);
  const RowMatrix<double> found =
      VaryingScan<double>(system, {.method = Discretization::first_order_hold}).scan(signals(line), rows(steps));
  for (Index t = 0; t < 300; ++t) CHECK(std::abs(found(0, t) - (line(0, t) + std::expm1(-line(0, t)))) < 1e-13);
}

TEST_CASE("how a sequence is split does not change a bit, nor do threads or the batch", "[diagonal]") {
  ThreadPool pool(3);
  for (const Discretization method : methods) {
    const Index length = 50;
    const Case c(method, 5, 2, 2, 3, length);
    State whole_state;
    const RowMatrix<double> whole = c.run(method, whole_state);
    const VaryingScan<double> scan(c.system, {.method = method});
    for (const Index piece : {1, 7, 49}) {
      State state = c.state;
      RowMatrix<double> output(6, length);
      for (Index begin = 0; begin < length; begin += piece) {
        const Index end = std::min(length, begin + piece);
        scan.scan_into(state, c.signal(c.input).window(begin, end), rows(c.steps.middleCols(begin, end - begin)),
                       Signals<double>(output.data(), 3, 2, length).window(begin, end), pool);
      }
      CHECK(output == whole);
      CHECK(state == whole_state);
    }
    State last = c.state.bottomRows(1);  // the last example alone
    RowMatrix<double> output(2, length), stepped(2, length);
    scan.scan_into(last, signals(c.input.bottomRows(2)), rows(c.steps.bottomRows(1)), signals(output));
    CHECK(output == whole.bottomRows(2));
    State state = c.state;
    for (Index t = 0; t < length; ++t) {
      const double input[] = {c.input(4, t), c.input(5, t)};
      double result[2];
      scan.step(state, 2, c.steps(2, t), input, result);
      stepped.col(t) << result[0], result[1];
    }
    CHECK(largest_difference(stepped, whole.bottomRows(2)) < 1e-14);
    CHECK(largest_difference(parts(State(state.row(2))), parts(State(whole_state.row(2)))) < 1e-14);
  }
}

TEST_CASE("the backward pass of a scan has the gradients that differences give", "[diagonal]") {
  for (const Discretization method : methods) {
    for (const Index length : {1, 2, 8, 9}) {
      CAPTURE(static_cast<int>(method), length);
      const Case c(method, 3, 2, 2, 2, length);
      const VaryingScan<double> scan(c.system, {.method = method});
      const RowMatrix<double> w = random_normal<double>(4, length, 9);
      const State state_gradient = random_complex<State>(2, scan.state_size(), 10);
      const auto gradient = scan.backward(c.state, c.signal(c.input), rows(c.steps), c.signal(w), state_gradient);
      const auto loss = [&](const Case& at) {
        State after;
        const double direct = at.run(method, after).cwiseProduct(w).sum();
        return direct + parts(after).cwiseProduct(parts(state_gradient)).sum();
      };
      const auto check = [&](const RowMatrix<double>& found, auto field) {
        Case moved = c;
        auto& target = field(moved);
        const Index size = static_cast<Index>(sizeof(target.data()[0]) / sizeof(double)) * target.size();
        double* values = reinterpret_cast<double*>(target.data());
        const RowMatrix<double> at = Eigen::Map<const RowMatrix<double>>(values, 1, size);
        const RowMatrix<double> numeric = numeric_gradient(
            [&](const RowMatrix<double>& x) {
              std::copy_n(x.data(), size, values);
              return loss(moved);
            },
            at);
        CHECK(largest_difference(found, numeric) < 1e-7);  // h = 1e-5, third derivatives of some hundreds
      };
      check(
          parts(gradient.system.lambda), [](Case & m) -> auto& { return m.system.lambda; });
      check(
          parts(gradient.system.b), [](Case & m) -> auto& { return m.system.b; });
      check(
          parts(gradient.system.c), [](Case & m) -> auto& { return m.system.c; });
      check(
          parts(gradient.state), [](Case & m) -> auto& { return m.state; });
      check(
          gradient.system.d.reshaped<Eigen::RowMajor>().transpose(), [](Case & m) -> auto& { return m.system.d; });
      check(
          gradient.input.reshaped<Eigen::RowMajor>().transpose(), [](Case & m) -> auto& { return m.input; });
      check(
          gradient.steps.reshaped<Eigen::RowMajor>().transpose(), [](Case & m) -> auto& { return m.steps; });
    }
  }
}

TEST_CASE("the backward pass of a long scan is its adjoint", "[diagonal]") {
  // the map is linear in u, x and, one at a time, in B, C and D: no differences are needed
  for (const Discretization method : methods) {
    const Index length = 333;
    const Case c(method, 6, 2, 3, 2, length);
    const VaryingScan<double> scan(c.system, {.method = method});
    const RowMatrix<double> w = random_normal<double>(6, length, 9);
    const State state_gradient = random_complex<State>(2, scan.state_size(), 10);
    const auto gradient = scan.backward(c.state, c.signal(c.input), rows(c.steps), c.signal(w), state_gradient);
    const auto value = [&](const Case& at) {
      State after;
      const double direct = at.run(method, after).cwiseProduct(w).sum();
      return direct + parts(after).cwiseProduct(parts(state_gradient)).sum();
    };
    Case moved = c;  // u and x together, from zero
    const double forward = value(moved);
    const double backward =
        gradient.input.cwiseProduct(c.input).sum() + parts(gradient.state).cwiseProduct(parts(c.state)).sum();
    CHECK(std::abs(forward - backward) < 1e-11 * (1 + std::abs(forward)));
    // lambda and the steps by one difference along a random direction
    const Eigen::VectorXcd lambda_way = random_complex<Eigen::VectorXcd>(6, 1, 12);
    RowMatrix<double> step_way = random_normal<double>(2, length, 13);
    step_way = (c.steps.array() > 1e-4).select(step_way, 0.0);
    const double h = 1e-6;
    const auto along = [&](double by) {
      Case at = c;
      at.system.lambda += by * lambda_way;
      at.steps += by * step_way;
      return value(at);
    };
    const double change = (along(h) - along(-h)) / (2 * h);
    const double expected = parts(gradient.system.lambda).cwiseProduct(parts(lambda_way)).sum() +
                            gradient.steps.cwiseProduct(step_way).sum();
    CHECK(std::abs(change - expected) < 1e-6 * (1 + std::abs(change)));
  }
}

TEST_CASE("gradients over pieces are those of the whole", "[diagonal]") {
  const Index length = 40, cut = 23;
  for (const Discretization method : methods) {
    const Case c(method, 4, 2, 1, 2, length);
    const VaryingScan<double> scan(c.system, {.method = method});
    const RowMatrix<double> w = random_normal<double>(2, length, 9);
    const auto whole = scan.backward(c.state, c.signal(c.input), rows(c.steps), c.signal(w));
    State middle = c.state;
    RowMatrix<double> output(2, cut);
    scan.scan_into(middle, c.signal(c.input).window(0, cut), rows(c.steps.leftCols(cut)), {output.data(), 2, 1, cut});
    const auto last = scan.backward(middle, c.signal(c.input).window(cut, length),
                                    rows(c.steps.rightCols(length - cut)), c.signal(w).window(cut, length));
    const auto first = scan.backward(c.state, c.signal(c.input).window(0, cut), rows(c.steps.leftCols(cut)),
                                     c.signal(w).window(0, cut), last.state);
    CHECK(largest_difference(parts(first.state), parts(whole.state)) < 1e-13);
    CHECK(largest_difference(first.input, whole.input.leftCols(cut)) < 1e-13);
    CHECK(largest_difference(last.steps, whole.steps.rightCols(length - cut)) < 1e-13);
    const Eigen::VectorXcd sum = first.system.lambda + last.system.lambda;
    CHECK(largest_difference(parts(sum), parts(whole.system.lambda)) < 1e-12);
  }
}

TEST_CASE("threads do not change a bit of the gradients", "[diagonal]") {
  ThreadPool pool(3);
  const Case c(Discretization::zero_order_hold, 4, 2, 2, 5, 30);
  const VaryingScan<double> scan(c.system);
  const RowMatrix<double> w = random_normal<double>(10, 30, 9);
  const auto serial = scan.backward(c.state, c.signal(c.input), rows(c.steps), c.signal(w));
  const auto threaded = scan.backward(c.state, c.signal(c.input), rows(c.steps), c.signal(w), {}, pool);
  CHECK(serial.system.lambda == threaded.system.lambda);
  CHECK(serial.system.b == threaded.system.b);
  CHECK(serial.input == threaded.input);
  CHECK(serial.steps == threaded.steps);
}

TEST_CASE("a scan of floats is that of doubles, rounded", "[diagonal]") {
  const Case c(Discretization::zero_order_hold, 4, 2, 2, 1, 100);
  const RowMatrix<float> input = c.input.cast<float>(), steps = c.steps.cast<float>();
  const RowMatrix<double> wide_input = input.cast<double>(), wide_steps = steps.cast<double>();
  const RowMatrix<double> wide = VaryingScan<double>(c.system).scan(signals(wide_input), rows(wide_steps));
  const RowMatrix<float> narrow = VaryingScan<float>(c.system).scan(signals(input), rows(steps));
  CHECK(largest_difference(narrow, wide) < 6e-8);
}

TEST_CASE("a step of a scan allocates nothing, and the backward pass keeps few states", "[diagonal]") {
  const Case c(Discretization::first_order_hold, 16, 1, 1, 1, 64);
  const VaryingScan<double> scan(c.system, {.method = Discretization::first_order_hold});
  State state = scan.initial_state();
  const double input = 1;
  double output = 0;
  CHECK(allocations_in([&] {
          for (int t = 0; t < 5; ++t) scan.step(state, 0, 0.1, &input, &output);
        }) == 0);
  // allocations do not grow with the samples, but for the pieces of sqrt(length)
  const RowMatrix<double> w = random_normal<double>(1, 64, 1);
  const long count = allocations_in([&] { scan.backward(c.state, c.signal(c.input), rows(c.steps), c.signal(w)); });
  CHECK(count < 120);
}

TEST_CASE("a scan without samples or examples leaves its state", "[diagonal]") {
  const VaryingScan<double> scan(random_modes(3, 2, 1, 1));
  State state = random_complex<State>(2, 3, 4);
  const State before = state;
  RowMatrix<double> input(4, 0), steps(2, 0), output(2, 0);
  scan.scan_into(state, {input.data(), 2, 2, 0}, rows(steps), {output.data(), 2, 1, 0});
  CHECK(state == before);
  const auto gradient = scan.backward(before, {input.data(), 2, 2, 0}, rows(steps), {output.data(), 2, 1, 0}, before);
  CHECK(gradient.state == before);
  CHECK(gradient.system.lambda.isZero(0));
  CHECK(scan.scan({input.data(), 0, 2, 5}, Batch<const double>(steps.data(), 0, 5)).size() == 0);
}

TEST_CASE("a scan names what it refuses", "[diagonal]") {
  using Scan = VaryingScan<double>;
  ContinuousModes system = random_modes(3, 2, 1, 1);
  const Scan scan(system);
  RowMatrix<double> input = RowMatrix<double>::Zero(2, 4), steps = RowMatrix<double>::Ones(1, 4), output(1, 4);
  State state = scan.initial_state();
  const auto run = [&] { scan.scan_into(state, signals(input), rows(steps), signals(output)); };
  CHECK_NOTHROW(run());
  const State before = state;
  input(1, 2) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, run(),
                       "VaryingScan: expected finite samples, found nan at example 0, channel 1, sample 2");
  input(1, 2) = 0;
  steps(0, 3) = std::numeric_limits<double>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, run(),
                       "VaryingScan: expected finite steps, found inf at example 0, sample 3");
  steps(0, 3) = -0.25;
  CHECK_THROWS_MESSAGE(std::invalid_argument, run(),
                       "VaryingScan: expected steps of at least 0, found -0.25 at example 0, sample 3");
  steps(0, 3) = 1;
  CHECK(state == before);
  CHECK_THROWS_MESSAGE(std::invalid_argument,
                       scan.scan_into(state, signals(input.topRows(1)), rows(steps), signals(output)),
                       "expected input of 2 channels, found 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument,
                       scan.scan_into(state, signals(input), rows(steps.leftCols(3)), signals(output)),
                       "expected steps of 1 x 4, found 1 x 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, scan.scan_into(state, signals(input), rows(steps), signals(input)),
                       "expected output of batch 1, 1 channels and length 4, found 1, 2 and 4");
  State narrow = State::Zero(1, 2);
  CHECK_THROWS_MESSAGE(std::invalid_argument, scan.scan_into(narrow, signals(input), rows(steps), signals(output)),
                       "expected a state of 1 x 3, found 1 x 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument,
                       scan.backward(before, signals(input), rows(steps), signals(output), narrow),
                       "expected a gradient of the state of 1 x 3, found 1 x 2");
  system.lambda[0] = 400;
  system.b.setOnes();
  input.setOnes();
  const Scan growing(system), bilinear(system, {.method = Discretization::bilinear});
  CHECK_THROWS_MESSAGE(NumericalError, growing.scan_into(state, signals(input), rows(steps), signals(output)),
                       "VaryingScan: expected a state within range, found it to overflow");
  steps.setConstant(2.0 / 400);  // 1 - d / 2 = 0
  CHECK_THROWS_MESSAGE(NumericalError, bilinear.scan_into(state, signals(input), rows(steps), signals(output)),
                       "a step of the bilinear rule meets its pole");
  CHECK(state == before);
  CHECK_THROWS_MESSAGE(std::invalid_argument, Scan(ContinuousModes{}), "expected at least 1 mode, found 0");
  system.c.resize(1, 2);
  CHECK_THROWS_MESSAGE(std::invalid_argument, Scan(system), "found 3 modes, B 3 x 2, C 1 x 2 and D 1 x 2");
  system = random_modes(3, 2, 1, 1);
  system.b(1, 1) = Complex(0, std::numeric_limits<double>::quiet_NaN());
  CHECK_THROWS_MESSAGE(std::invalid_argument, Scan(system), "VaryingScan: expected a finite B");
}
