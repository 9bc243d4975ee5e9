// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/s4.hpp>

#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include <tessera/core/thread_pool.hpp>
#include <tessera/ssm/model.hpp>

#include "ssm/s4_cases.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

static_assert(SequenceModel<S4<float>> && SequenceModel<S4<double>>);
static_assert(S4<float>::timing == Timing::current && !S4<float>::coupled);

namespace {

using Complex = std::complex<double>;

template <class Matrix>
bool same_bits(const Matrix& a, const Matrix& b) {
  const auto bytes = static_cast<std::size_t>(a.size()) * sizeof(typename Matrix::Scalar);
  return a.rows() == b.rows() && a.cols() == b.cols() && std::memcmp(a.data(), b.data(), bytes) == 0;
}

/// sum of k[t] z^t at z = exp(-2 pi i l / L), as it is written.
LongComplex transform(const RowMatrix<double>& taps, Index channel, Index l) {
  LongComplex sum = 0;
  for (Index t = 0; t < taps.cols(); ++t) {
    const long double angle = -2 * std::numbers::pi_v<long double> * static_cast<long double>(l * t % taps.cols()) /
                              static_cast<long double>(taps.cols());
    sum += static_cast<long double>(taps(channel, t)) * LongComplex(std::cos(angle), std::sin(angle));
  }
  return sum;
}

}  // namespace

// ---- the spectrum against closed forms ----

TEST_CASE("the spectrum of LegS is that of its transfer functions in closed form", "[s4]") {
  // Channel n of a periodic model has the output e_n: its spectrum is that of sqrt(2n+1) prod_{j<n} (s-j) /
  // prod_{j=1..n+1} (s+j), at s = (2/dt) (1-z) / (1+z), times 2 / (1+z). 1e-12 of the largest n has room for the
  // eigenvectors' 2e-14.
  constexpr Index order = 64, length = 127;  // 64 nodes
  const NormalForm form = legs_form(order);
  for (const double dt : {1e-3, 1e-2, 1e-1}) {
    S4Parameters<double> p = copies(form, std::vector<double>(order, dt), 1);
    p.output = form.vectors;
    p.skip.resize(0);
    const S4<double> model(p, {KernelTruncation::periodic, length, false});
    const RowMatrix<double> taps = model.kernel(length);
    for (Index l = 0; l < 64; ++l) {
      const long double angle = -2 * std::numbers::pi_v<long double> * static_cast<long double>(l) / length;
      const LongComplex z(std::cos(angle), std::sin(angle));
      const LongComplex s = static_cast<long double>(2 / dt) * (LongComplex(1) - z) / (LongComplex(1) + z);
      LongComplex product = LongComplex(2) / (LongComplex(1) + z) / (s + LongComplex(1));
      long double worst = 0, peak = 0;
      for (Index n = 0; n < order; ++n) {
        const auto j = static_cast<long double>(n);
        if (n > 0) product *= (s - LongComplex(j - 1)) / (s + LongComplex(j + 1));
        const LongComplex expected = std::sqrt(2 * j + 1) * product;
        worst = std::max(worst, std::abs(transform(taps, n, l) - expected));
        peak = std::max(peak, std::abs(expected));
      }
      CAPTURE(dt, l);
      REQUIRE(static_cast<double>(worst / peak) < 1e-12);
    }
  }
}

TEST_CASE("at z = -1 the spectrum is dt / 2 C B, whatever the matrix", "[s4]") {
  // The transform of the taps sums roundings of the other bins: 1e-15 of the largest.
  for (const Index length : {2, 8, 64, 100}) {
    S4Parameters<double> p = random_parameters(3, 5, 2, 7);
    p.skip.setZero();
    const S4<double> model(p, {KernelTruncation::periodic, length, false});
    const RowMatrix<double> taps = model.kernel(length);
    for (Index c = 0; c < 3; ++c) {
      double largest = 0;
      for (Index l = 0; l <= length / 2; ++l)
        largest = std::max(largest, static_cast<double>(std::abs(transform(taps, c, l))));
      const double expected = p.dt[c] * p.output.row(c).cwiseProduct(p.input.row(c)).sum().real();
      CHECK(std::abs(static_cast<double>(transform(taps, c, length / 2).real()) - expected) < 2e-15 * largest);
    }
  }
}

// ---- kernels against the recurrence in long double ----

TEST_CASE("kernels are the taps of the recurrence, of any length and rank", "[s4]") {
  for (const Index rank : {0, 1, 2, 3, 5}) {
    for (const Index m : {1, 3, 8, 17}) {
      const S4Parameters<double> p = random_parameters(2, m, rank, static_cast<std::uint64_t>(100 * rank + m));
      const S4<double> model(p);
      const S4<float> single(cast_parameters<float>(p));
      for (const Index length : {1, 2, 3, 4, 5, 7, 31, 32, 33, 97, 127, 128, 129, 500}) {
        CAPTURE(rank, m, length);
        // 1e-12 as the terms of Woodbury's identity cancel by some hundred; single precision has 1e9 times less.
        REQUIRE(difference_from_long(model.kernel(length), p) < 1e-12);
        REQUIRE(difference_from_long(single.kernel(length), cast_parameters<float>(p)) < 2e-5);
      }
    }
  }
}

TEMPLATE_TEST_CASE("kernel, recurrence and dense system agree for LegS of order 64 over 16384 taps", "[s4]", float,
                   double) {
  const Index length = effort(16384, 1024);
  const S4Parameters<TestType> p = cast_parameters<TestType>(copies(legs_form(64), {1e-3, 1e-2, 1e-1}, 3));
  const S4<TestType> model(p);
  const RowMatrix<TestType> taps = model.kernel(length), stepped = stepped_taps(model, length);
  const double tolerance = sizeof(TestType) == 4 ? 1e-4 : 1e-10;
  const double predicted = model.predicted_error(length);
  CHECK(predicted < tolerance);
  CHECK(difference_from_long(taps, p) < 4 * predicted);
  CHECK(difference_from_long(stepped, p) < 4 * predicted);
  for (Index c = 0; c < 3; ++c) {
    const TestType peak = taps.row(c).cwiseAbs().maxCoeff();
    CHECK(static_cast<double>((taps.row(c) - stepped.row(c)).cwiseAbs().maxCoeff() / peak) < 4 * predicted);
  }
}

TEST_CASE("without a low-rank part the model is S4D under the bilinear rule", "[s4]") {
  S4Parameters<double> p = random_parameters(2, 12, 0, 5, 100);
  p.low_rank.resize(0, 0);
  p.skip.setZero();
  const S4<double> model(p);
  CHECK(model.rank() == 0);
  const RowMatrix<double> taps = model.kernel(600);
  for (Index c = 0; c < 2; ++c) {
    Eigen::VectorXcd poles(12), weights(12);
    for (Index n = 0; n < 12; ++n) {
      const Complex half = p.dt[c] / 2 * p.poles(c, n);
      poles[n] = (1.0 + half) / (1.0 - half);
      weights[n] = p.dt[c] * p.input(c, n) * p.output(c, n) / (1.0 - half);
    }
    const std::vector<long double> expected = naive_modes(poles, weights, 600);
    long double peak = 0, worst = 0;
    for (Index t = 0; t < 600; ++t) {
      peak = std::max(peak, std::abs(expected[static_cast<std::size_t>(t)]));
      worst = std::max(worst, std::abs(expected[static_cast<std::size_t>(t)] - static_cast<long double>(taps(c, t))));
    }
    CHECK(static_cast<double>(worst / peak) < 1e-12);
  }
}

// ---- poles of Lambda on the axis ----

TEST_CASE("LegT, whose normal part does not decay, has its kernel to rounding", "[s4]") {
  // Its modes come within a part of the spacing of nodes, and their terms cancel by so much: 1e-10 in double.
  const S4Parameters<double> p = copies(legt_form(32), {1e-3, 1e-2, 5e-2}, 4);
  for (const Index length : {100, 1023, 2048}) {
    const S4<double> model(p);
    CHECK(difference_from_long(model.kernel(length), p) < 1e-10);
    const S4<float> single(cast_parameters<float>(p));  // in double inside, and rounded
    CHECK(difference_from_long(single.kernel(length), cast_parameters<float>(p)) < 1e-6);
  }
}

/// Rank 1 or 2, 96 taps: poles of Lambda at z = 1 and at two other nodes.
S4Parameters<double> resonant_parameters(Index rank) {
  S4Parameters<double> p = random_parameters(1, 4, rank, 12);
  p.poles(0, 0) = 0;
  p.poles(0, 1) = {0, 2 / p.dt[0] * std::tan(std::numbers::pi * 7 / 96)};
  p.poles(0, 2) = {0, -2 / p.dt[0] * std::tan(std::numbers::pi * 20 / 96)};
  return p;
}

TEST_CASE("a pole of Lambda at a node, even at z = 1, costs no digits", "[s4]") {
  for (const Index rank : {1, 2}) {  // with rank 1 the system itself has a pole at z = 1, and taps come one by one
    const S4Parameters<double> p = resonant_parameters(rank);
    const S4<double> model(p);
    CHECK(model.closest_resonance(96).distance < 1e-15);
    CHECK(difference_from_long(model.kernel(96), p) < 1e-12);
    CHECK(difference_from_long(S4<float>(cast_parameters<float>(p)).kernel(96), cast_parameters<float>(p)) < 1e-6);
  }
}

TEST_CASE("an integrator has its kernel, but none of a single length", "[s4]") {
  S4Parameters<double> p = random_parameters(2, 3, 0, 12);
  p.poles(1, 2) = 0;
  const S4<double> model(p);
  CHECK(difference_from_long(model.kernel(32), p) < 1e-13);
  CHECK(difference_from_long(stepped_taps(model, 50), p) < 1e-13);
  CHECK_THROWS_MESSAGE(NumericalError, S4<double>(p, {KernelTruncation::periodic, 32, false}).kernel(32),
                       "S4: expected no pole of the system at a root of unity of length 32, found one in channel 1");
  CHECK_THROWS_MESSAGE(NumericalError, S4<double>(p, {KernelTruncation::periodic, 16}),
                       "S4: expected no pole of the sampled system at a root of unity of length 16, found I - A^16 of "
                       "condition 1.0e+300 in channel 1");
}

TEST_CASE("the closest pole to a node is found", "[s4]") {
  const S4Parameters<double> p = random_parameters(3, 6, 1, 13);
  const S4<double> model(p);
  for (const Index length : {1, 5, 64}) {
    double closest = 1e300;
    for (Index i = 0; i < p.poles.size(); ++i) {
      const Complex half = p.dt[i / 6] / 2 * p.poles.data()[i], pole = (1.0 + half) / (1.0 - half);
      for (Index l = 0; l < length; ++l) {
        const double angle = 2 * std::numbers::pi * static_cast<double>(l) / static_cast<double>(length);
        closest = std::min(closest, std::abs(std::polar(1.0, angle) - pole));
      }
    }
    CHECK(model.closest_resonance(length).distance == Approx(closest).epsilon(1e-9));
  }
}

TEST_CASE("steps from the tiny to the huge give finite kernels", "[s4]") {
  for (const double dt : {1e-12, 1e-7, 1e-4, 1e3}) {
    const S4Parameters<double> p = copies(legs_form(8), {dt}, 6);
    CHECK(difference_from_long(S4<double>(p).kernel(64), p) < 1e-12);
    const S4Parameters<float> single = cast_parameters<float>(p);
    CHECK(difference_from_long(S4<float>(single).kernel(64), single) < 1e-5);
  }
  // All poles come within 1 / dt of z = -1, which is a node: so many digits are lost, and predicted to be.
  for (const double dt : {1e6, 1e9}) {
    const S4Parameters<double> p = copies(legs_form(8), {dt}, 6);
    const S4<double> model(p);
    CHECK(model.predicted_error(64) < 1e-5);
    CHECK(difference_from_long(model.kernel(64), p) < 4 * model.predicted_error(64));
  }
}

// ---- the recurrence ----

TEMPLATE_TEST_CASE("every split of a sequence has the bits of the whole", "[s4]", float, double) {
  ThreadPool pool(3);
  for (const Index rank : {0, 1, 2, 4}) {
    for (const Index m : {1, 5, 16, 19}) {
      const S4<TestType> model(cast_parameters<TestType>(random_parameters(3, m, rank, 21)));
      const RowMatrix<TestType> input = random_normal<TestType>(3, 60, 22);
      RowMatrix<TestType> whole(3, 60), split(3, 60);
      typename S4<TestType>::State state = model.initial_state(), other = state, prefilled = state;
      model.chunk(state, signals(input), signals(whole), pool);
      Eigen::Matrix<TestType, Eigen::Dynamic, 1> sample(3);
      for (Index t = 0; t < 60;) {
        const Index size = std::min<Index>(t < 20 ? 1 : t < 30 ? 7 : 30, 60 - t);
        if (size == 1) {
          sample = input.col(t);
          model.step(other, sample.data(), sample.data());
          split.col(t) = sample;
        } else {
          model.chunk(other, signals(input).window(t, t + size), signals(split).window(t, t + size));
        }
        t += size;
      }
      model.prefill(prefilled, signals(input));
      CAPTURE(rank, m);
      REQUIRE(same_bits(whole, split));
      REQUIRE(same_bits(state, other));
      REQUIRE(same_bits(state, prefilled));
    }
  }
}

TEST_CASE("samples convolved with the kernel are what the recurrence gives", "[s4]") {
  const S4Parameters<double> p = random_parameters(2, 7, 1, 23);
  const S4<double> model(p);
  const RowMatrix<double> input = random_normal<double>(2, 200, 24), taps = model.kernel(200);
  RowMatrix<double> output(2, 200);
  S4<double>::State state = model.initial_state();
  model.chunk(state, signals(input), signals(output));
  for (Index c = 0; c < 2; ++c) {
    for (Index t = 0; t < 200; ++t) {
      const double sum = taps.row(c).head(t + 1).dot(input.row(c).head(t + 1).reverse());
      REQUIRE(std::abs(output(c, t) - sum) < 1e-12 * taps.row(c).cwiseAbs().sum());
    }
  }
}

TEMPLATE_TEST_CASE("a stream does what chunk does, and takes what is not finite as 0", "[s4]", float, double) {
  const S4<TestType> model(cast_parameters<TestType>(random_parameters(2, 9, 1, 25)));
  RowMatrix<TestType> input = random_normal<TestType>(2, 40, 26), expected(2, 40), found(2, 40);
  RowMatrix<TestType> cleaned = input;
  cleaned(0, 3) = cleaned(1, 30) = 0;
  input(0, 3) = std::numeric_limits<TestType>::quiet_NaN();
  input(1, 30) = -std::numeric_limits<TestType>::infinity();
  typename S4<TestType>::State state = model.initial_state(), other = state;
  model.chunk(state, signals(cleaned), signals(expected));
  const Signals<const TestType> samples = signals(std::as_const(input));
  const Signals<TestType> results = signals(found);
  const StreamStatus status = model.process(other, samples, results);
  CHECK(status.problem == StreamProblem::none);
  CHECK(status.samples == 40);
  CHECK(status.non_finite == 2);
  CHECK(same_bits(expected, found));
  CHECK(same_bits(state, other));
  static_assert(noexcept(model.process(other, samples, results)));

  const auto problem = [&](Signals<const TestType> in, Signals<TestType> out) {
    return model.process(other, in, out).problem;
  };
  CHECK(problem(signals(std::as_const(input)).window(0, 5), signals(found)) == StreamProblem::length);
  CHECK(problem({input.data(), 1, 1, 40}, {found.data(), 1, 1, 40}) == StreamProblem::channels);
  CHECK(problem({input.data(), 2, 2, 20, 20, 40}, {found.data(), 2, 2, 20, 20, 40}) == StreamProblem::batch);
  CHECK(problem({nullptr, 1, 2, 40}, signals(found)) == StreamProblem::memory);
  typename S4<TestType>::State wrong(2, 8);
  CHECK(model.process(wrong, signals(std::as_const(input)), signals(found)).problem == StreamProblem::channels);
  CHECK(same_bits(state, other));
}

TEST_CASE("steps, chunks and streams allocate nothing", "[s4]") {
  if (sanitized) return;
  const S4<float> model(cast_parameters<float>(random_parameters(4, 11, 1, 27)));
  S4<float>::State state = model.initial_state();
  RowMatrix<float> input = random_normal<float>(4, 50, 28), output(4, 50);
  CHECK(allocations_in([&] {
          model.step(state, input.data(), output.data());
          model.chunk(state, signals(std::as_const(input)), signals(output));
          model.prefill(state, signals(std::as_const(input)));
          static_cast<void>(model.process(state, signals(std::as_const(input)), signals(output)));
        }) == 0);
}

// ---- lengths ----

TEST_CASE("a periodic model has the taps of its length, doubles, and steps as the infinite system", "[s4]") {
  for (const Index rank : {0, 1, 2}) {
    const S4Parameters<double> p = random_parameters(2, 6, rank, 31);
    const S4<double> exact(p);
    for (const Index length : {1, 17, 64}) {
      CAPTURE(rank, length);
      const S4<double> periodic = exact.to_periodic(length);
      const RowMatrix<double> taps = exact.kernel(4 * length);
      const double peak = taps.cwiseAbs().maxCoeff(), tolerance = 1e-11 * peak;
      CHECK(periodic.options().length == length);
      CHECK((periodic.kernel(length) - taps.leftCols(length)).cwiseAbs().maxCoeff() < tolerance);
      CHECK((periodic.kernel(3 * length) - taps.leftCols(3 * length)).cwiseAbs().maxCoeff() < tolerance);
      CHECK((stepped_taps(periodic, 4 * length) - taps).cwiseAbs().maxCoeff() < tolerance);
      const S4<double> doubled = periodic.doubled(), again = doubled.doubled();
      CHECK(again.options().length == 4 * length);
      CHECK((doubled.kernel(2 * length) - taps.leftCols(2 * length)).cwiseAbs().maxCoeff() < tolerance);
      CHECK((again.kernel(4 * length) - taps).cwiseAbs().maxCoeff() < tolerance);
      CHECK((periodic.to_exact().parameters().output - p.output).cwiseAbs().maxCoeff() < 1e-9);
      CHECK((exact.truncated_output(length) - periodic.parameters().output).cwiseAbs().maxCoeff() == 0);
    }
  }
}

TEST_CASE("a periodic kernel with any C is the infinite response wrapped around", "[s4]") {
  // The tail beyond 40 turns is below rounding: the slowest pole decays by exp(-0.2 * 0.02 * 50 * 40).
  const S4Parameters<double> p = random_parameters(1, 4, 1, 33);
  constexpr Index length = 400;
  const S4<double> model(p, {KernelTruncation::periodic, length, false});
  S4Parameters<double> infinite = p;
  infinite.skip.setZero();
  const RowMatrix<double> taps = model.kernel(length);
  const std::vector<long double> response = LongSystem(infinite, 0).taps(40 * length);
  for (Index t = 0; t < length; ++t) {
    long double sum = t == 0 ? p.skip[0] : 0;
    for (Index turn = 0; turn < 40; ++turn) sum += response[static_cast<std::size_t>(t + turn * length)];
    REQUIRE(std::abs(static_cast<double>(sum) - taps(0, t)) < 1e-12 * taps.cwiseAbs().maxCoeff());
  }
}

// ---- gradients ----

namespace {

/// All parameters as one row of real numbers, and back.
RowMatrix<double> flatten(const S4Parameters<double>& p) {
  std::vector<double> values;
  for (const RowMatrix<Complex>* part : {&p.poles, &p.low_rank, &p.input, &p.output}) {
    for (Index i = 0; i < part->size(); ++i) {
      values.push_back(part->data()[i].real());
      values.push_back(part->data()[i].imag());
    }
  }
  for (const double x : p.dt) values.push_back(x);
  for (const double x : p.skip) values.push_back(x);
  return Eigen::Map<const RowMatrix<double>>(values.data(), 1, static_cast<Index>(values.size()));
}

S4Parameters<double> unflatten(const RowMatrix<double>& row, S4Parameters<double> p) {
  Index at = 0;
  for (RowMatrix<Complex>* part : {&p.poles, &p.low_rank, &p.input, &p.output}) {
    for (Index i = 0; i < part->size(); ++i, at += 2) part->data()[i] = {row(0, at), row(0, at + 1)};
  }
  for (double& x : p.dt) x = row(0, at++);
  for (double& x : p.skip) x = row(0, at++);
  return p;
}

struct GradientCase {
  S4Parameters<double> parameters;
  S4Options options;
  Index length;
};

/// The kernel as a function of all parameters, without the set-up of recurrences.
RowMatrix<double> kernel_of(const RowMatrix<double>& x, const GradientCase& test) {
  return S4<double>(unflatten(x, test.parameters), test.options).kernel(test.length);
}

/// The gradients against central differences, whose own error is 1e-9 of the largest or so, and the adjoint identity
/// along a random direction.
void check_gradients(const GradientCase& test) {
  const S4<double> model(test.parameters, test.options);
  const RowMatrix<double> above = random_normal<double>(model.channels(), test.length, 41);
  const RowMatrix<double> x = flatten(test.parameters);
  const RowMatrix<double> found = flatten(model.kernel_backward(rows(above)));
  const RowMatrix<double> expected = numeric_gradient(
      [&](const RowMatrix<double>& at) { return kernel_of(at, test).cwiseProduct(above).sum(); }, x, 1e-6);
  CHECK((found - expected).cwiseAbs().maxCoeff() < 1e-7 * std::max(1.0, expected.cwiseAbs().maxCoeff()));
  const RowMatrix<double> along = random_normal<double>(1, x.cols(), 42);
  const AdjointSides sides = adjoint_sides(
      [&](const RowMatrix<double>& at) { return kernel_of(at, test); },
      [&](const RowMatrix<double>& w) { return flatten(model.kernel_backward(rows(w))); }, x, along, above, 1e-6);
  CHECK(sides.relative_error() < 1e-6);
}

}  // namespace

TEST_CASE("gradients of all parameters are those of central differences", "[s4]") {
  for (const Index rank : {0, 1, 2, 3}) {
    for (const Index length : {1, 2, 5, 24, 41}) {
      for (const KernelTruncation truncation : {KernelTruncation::exact, KernelTruncation::periodic}) {
        CAPTURE(rank, length, truncation == KernelTruncation::exact);
        check_gradients({random_parameters(2, 3, rank, 43, 8), {truncation, length, false}, length});
      }
    }
  }
}

TEST_CASE("gradients of a length far beyond the order, and of one without modes", "[s4]") {
  check_gradients({random_parameters(1, 2, 1, 44, 8), {KernelTruncation::exact, 0, false}, 300});
  check_gradients({random_parameters(2, 0, 0, 45, 8), {KernelTruncation::exact, 0, false}, 9});
}

TEST_CASE("gradients at nodes that have a pole of Lambda, or of the system", "[s4]") {
  // Real parts must not become positive: the oracle is the gradient a little to the left, where no node is special. The
  // gradients change by some hundred times the 1e-6 on the way.
  for (const Index rank : {1, 2}) {
    const S4Parameters<double> p = resonant_parameters(rank);
    S4Parameters<double> near = p;
    near.poles.array() -= 1e-6;
    const RowMatrix<double> above = random_normal<double>(1, 96, 47);
    for (const KernelTruncation truncation : {KernelTruncation::exact, KernelTruncation::periodic}) {
      if (rank == 1 && truncation == KernelTruncation::periodic) continue;
      const S4Options options{truncation, 96, false};
      const RowMatrix<double> found = flatten(S4<double>(p, options).kernel_backward(rows(above)));
      const RowMatrix<double> expected = flatten(S4<double>(near, options).kernel_backward(rows(above)));
      CAPTURE(rank, truncation == KernelTruncation::exact);
      CHECK((found - expected).cwiseAbs().maxCoeff() < 1e-3 * expected.cwiseAbs().maxCoeff());
    }
  }
}

TEST_CASE("gradients in single precision are those of double", "[s4]") {
  // LegS at its usual steps: sums over 2048 nodes in float, whose terms cancel by some hundred.
  const S4Parameters<float> p = cast_parameters<float>(copies(legs_form(64), {1e-3, 1e-2, 1e-1}, 48));
  const S4Parameters<double> wide = cast_parameters<double>(p);
  const RowMatrix<double> above = random_normal<double>(3, 1024, 49);
  const RowMatrix<float> narrow_above = above.cast<float>();
  const S4Options options{KernelTruncation::periodic, 1024, false};
  const S4Parameters<float> found = S4<float>(p, options).kernel_backward(rows(narrow_above));
  const S4Parameters<double> expected = S4<double>(wide, options).kernel_backward(rows(std::as_const(above)));
  const S4Parameters<double> cast = cast_parameters<double>(found);
  const auto relative = [](const RowMatrix<Complex>& a, const RowMatrix<Complex>& b, Index c) {
    return (a.row(c) - b.row(c)).cwiseAbs().maxCoeff() / b.row(c).cwiseAbs().maxCoeff();
  };
  for (Index c = 0; c < 3; ++c) {
    CAPTURE(c);
    CHECK(relative(cast.poles, expected.poles, c) < 1e-4);
    CHECK(relative(cast.low_rank, expected.low_rank, c) < 1e-4);
    CHECK(relative(cast.input, expected.input, c) < 1e-4);
    CHECK(relative(cast.output, expected.output, c) < 1e-4);
    CHECK(std::abs(cast.dt[c] - expected.dt[c]) < 1e-3 * std::abs(expected.dt[c]));
  }
}

// ---- bits, quality, misuse ----

TEMPLATE_TEST_CASE("a channel has the same bits alone, in any order and on any threads", "[s4]", float, double) {
  ThreadPool pool(3);
  for (const Index length : {64, 100, 333}) {
    const S4Parameters<TestType> p = cast_parameters<TestType>(random_parameters(11, 5, 1, 51));
    const S4<TestType> model(p);
    const RowMatrix<TestType> taps = model.kernel(length), above = random_normal<TestType>(11, length, 52);
    CHECK(same_bits(taps, model.kernel(length, pool)));
    const S4Parameters<TestType> gradient = model.kernel_backward(rows(above));
    const S4Parameters<TestType> threaded = model.kernel_backward(rows(above), pool);
    CHECK(same_bits(gradient.poles, threaded.poles));
    CHECK(same_bits(gradient.low_rank, threaded.low_rank));
    for (const Index c : {0, 6, 10}) {
      const S4Parameters<TestType> one{p.poles.row(c),  p.low_rank.row(c),  p.input.row(c),
                                       p.output.row(c), p.dt.segment(c, 1), p.skip.segment(c, 1)};
      const S4<TestType> single(one);
      const RowMatrix<TestType> row = above.row(c);
      CHECK(same_bits<RowMatrix<TestType>>(single.kernel(length), taps.row(c)));
      CHECK(
          same_bits<RowMatrix<std::complex<TestType>>>(single.kernel_backward(rows(row)).poles, gradient.poles.row(c)));
    }
  }
}

TEST_CASE("the spectral radius of sampled LegS is that of its slowest pole", "[s4]") {
  // The eigenvalues of LegS are -1 ... -N.
  for (const double dt : {1e-3, 1e-1}) {
    const S4<double> model(copies(legs_form(64), {dt}, 61));
    CHECK(model.spectral_radius() == Approx((1 - dt / 2) / (1 + dt / 2)).epsilon(1e-9));
    CHECK(model.spectral_radius(0) == model.spectral_radius());
  }
}

TEST_CASE("the predicted error is a number for every length, and grows with it", "[s4]") {
  const S4<double> model(copies(legs_form(16), {1e-4, 1e-1}, 62));
  double before = 0;
  for (const Index length : {0, 1, 10, 100, 1000, 10000}) {
    const double now = model.predicted_error(length);
    CHECK(now >= 0);
    CHECK(now < 1e-10);
    if (length > 1) CHECK(now >= 0.1 * before);
    before = now;
  }
}

TEST_CASE("empty kernels and models are empty", "[s4]") {
  const S4<double> model(random_parameters(2, 3, 1, 63));
  CHECK(model.kernel(0).cols() == 0);
  CHECK(model.kernel_backward(Batch<const double>(nullptr, 2, 0)).poles.cwiseAbs().maxCoeff() == 0);
  const S4<double> none(random_parameters(0, 3, 1, 64));
  CHECK(none.kernel(8).rows() == 0);
  const S4<double> gains(random_parameters(2, 0, 0, 65));  // y = skip u
  RowMatrix<double> expected = RowMatrix<double>::Zero(2, 5);
  expected.col(0) = gains.parameters().skip;
  CHECK(gains.kernel(5) == expected);
  CHECK(stepped_taps(gains, 5) == expected);
}

TEST_CASE("misuse of S4 is refused in words", "[s4]") {
  using Model = S4<double>;
  const S4Parameters<double> good = random_parameters(2, 3, 1, 71);
  const auto broken = [&](auto&& change, const S4Options& options = {}) {
    S4Parameters<double> p = good;
    change(p);
    return Model(p, options);
  };
  CHECK_THROWS_MESSAGE(std::invalid_argument, broken([](auto& p) { p.input.resize(2, 4); }),
                       "S4: expected input of 2 x 3, found 2 x 4");
  CHECK_THROWS_MESSAGE(std::invalid_argument, broken([](auto& p) { p.output.resize(1, 3); }),
                       "S4: expected output of 2 x 3, found 1 x 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, broken([](auto& p) { p.low_rank.setZero(2, 4); }),
                       "S4: expected low_rank of 2 rows and a multiple of 3 columns, found 2 x 4");
  CHECK_THROWS_MESSAGE(std::invalid_argument, broken([](auto& p) { p.low_rank.setZero(2, 51); }),
                       "S4: expected a rank of at most 16, found 17");
  CHECK_THROWS_MESSAGE(std::invalid_argument, broken([](auto& p) { p.dt.resize(3); }),
                       "S4: expected dt of 2 channels, found 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, broken([](auto& p) { p.skip.resize(1); }),
                       "S4: expected skip of 2 channels, found 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, broken([](auto& p) { p.dt[1] = 0; }),
                       "S4: expected steps dt above 0, found 0 at channel 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, broken([](auto& p) {
                         p.poles(1, 2) = {0.25, 1};
                       }),
                       "S4: expected poles with real parts of at most 0, found 0.25 at channel 1, mode 2");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, broken([&](auto& p) {
                         p.poles(0, 0) = {nan, 1};
                       }),
                       "S4: expected finite numbers in poles");
  CHECK_THROWS_MESSAGE(std::invalid_argument, broken([&](auto& p) { p.dt[0] = nan; }),
                       "S4: expected finite numbers in dt");
  CHECK_THROWS_MESSAGE(std::invalid_argument, broken([](auto&) {}, {KernelTruncation::periodic}),
                       "S4: expected a length of at least 1 for a periodic model, found 0");

  const Model model(good);
  Model::State state = model.initial_state(), wrong(2, 2);
  RowMatrix<double> x = RowMatrix<double>::Ones(2, 5), y(2, 5);
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.kernel(-1), "S4: expected a length of at least 0, found -1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.step(wrong, x.data(), y.data()),
                       "S4: expected a state of 2 x 3, found 2 x 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.prefill(state, Signals<const double>(x.data(), 1, 1, 5)),
                       "S4: expected input of batch 1 and 2 channels, found 1 and 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.chunk(state, signals(std::as_const(x)), signals(y).window(0, 4)),
                       "S4: expected output of batch 1, 2 channels and length 5, found 1, 2 and 4");
  x(1, 3) = nan;
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.chunk(state, signals(std::as_const(x)), signals(y)),
                       "S4: expected finite samples, found nan at channel 1, sample 3");
  CHECK(state.cwiseAbs().maxCoeff() == 0);
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.kernel_backward(rows(x)),
                       "S4: expected finite gradients, found nan at vector 1, component 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.kernel_backward(Batch<const double>(y.data(), 1, 5)),
                       "S4: expected gradients of 2 rows of taps, found 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.doubled(), "S4: expected a periodic model to double");
  CHECK_THROWS_MESSAGE(std::out_of_range, model.spectral_radius(2), "S4: expected a channel below 2, found 2");

  const Model bare(good, {KernelTruncation::periodic, 8, false});
  CHECK_THROWS_MESSAGE(std::invalid_argument, bare.step(state, y.data(), y.data()),
                       "S4: expected a model with a recurrence, found one for kernels alone");
  CHECK_THROWS_MESSAGE(std::invalid_argument, bare.kernel(9),
                       "S4: expected a periodic model with its recurrence set up, found one for kernels of length 8");
  CHECK_THROWS_MESSAGE(std::invalid_argument, bare.kernel_backward(Batch<const double>(y.data(), 2, 5)),
                       "S4: expected gradients of the 8 taps of a periodic model, found 5");
}
