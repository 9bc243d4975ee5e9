// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/dense_system.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <limits>
#include <utility>
#include <vector>

#include <Eigen/LU>

#include <tessera/ssm/model.hpp>

#include "ssm/dense_reference.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"
#include "support/sanitized.hpp"

using namespace tessera;
using namespace tessera::testing;

static_assert(SequenceModel<DenseSystem<float, Timing::current>>);
static_assert(SequenceModel<DenseSystem<double, Timing::delayed>>);
static_assert(DenseSystem<float, Timing::current>::coupled);

namespace {

using Eigen::MatrixXd;
using Current = DenseSystem<double, Timing::current>;
using Delayed = DenseSystem<double, Timing::delayed>;

template <class System>
System random_dense(Index order, Index inputs, Index outputs, std::uint64_t seed, double radius = 0.9) {
  using Scalar = typename System::Scalar;
  return {random_square(order, seed, radius).cast<Scalar>(), random_normal<Scalar>(order, inputs, seed + 1),
          random_normal<Scalar>(outputs, order, seed + 2), random_normal<Scalar>(outputs, inputs, seed + 3)};
}

/// The taps in long double.
template <class System>
LongMatrix exact_kernel(const System& system, Index length) {
  constexpr bool delayed = System::timing == Timing::delayed;
  LongMatrix taps = LongMatrix::Zero(system.outputs() * system.inputs(), length);
  const LongMatrix markov = long_kernel(system.a().template cast<double>(), system.b().template cast<double>(),
                                        system.c().template cast<double>(), length);
  if (delayed) {
    taps.rightCols(length - 1) = markov.leftCols(length - 1);
  } else {
    taps = markov;
  }
  for (Index r = 0; r < taps.rows(); ++r) {
    taps(r, 0) += static_cast<long double>(system.d()(r / system.inputs(), r % system.inputs()));
  }
  return taps;
}

/// The largest error of a matrix relative to the largest entry.
template <class Matrix>
double relative_error(const Matrix& found, const LongMatrix& exact) {
  return static_cast<double>((found.template cast<long double>() - exact).cwiseAbs().maxCoeff() /
                             exact.cwiseAbs().maxCoeff());
}

template <class System>
RowMatrix<typename System::Scalar> run(const System& system, const RowMatrix<typename System::Scalar>& input,
                                       const std::vector<Index>& pieces, typename System::State& state) {
  RowMatrix<typename System::Scalar> output(system.outputs(), input.cols());
  for (Index begin = 0, i = 0; begin < input.cols(); ++i) {
    const Index size = std::min(pieces[static_cast<std::size_t>(i) % pieces.size()], input.cols() - begin);
    system.chunk(state, signals(input.middleCols(begin, size)), signals(output.middleCols(begin, size)));
    begin += size;
  }
  return output;
}

/// y[t] = sum of K[j] u[t-j] in long double.
template <class System>
LongMatrix convolved(const System& system, const RowMatrix<typename System::Scalar>& input) {
  const LongMatrix taps = exact_kernel(system, input.cols());
  LongMatrix output = LongMatrix::Zero(system.outputs(), input.cols());
  for (Index o = 0; o < system.outputs(); ++o) {
    for (Index i = 0; i < system.inputs(); ++i) {
      for (Index t = 0; t < input.cols(); ++t) {
        for (Index j = 0; j <= t; ++j) {
          output(o, t) += taps(o * system.inputs() + i, j) * static_cast<long double>(input(i, t - j));
        }
      }
    }
  }
  return output;
}

/// LegS by the bilinear rule of S4, written here from its definition.
template <class Scalar>
DenseSystem<Scalar, Timing::current> legs_system(Index order, double dt, Index outputs = 1) {
  const MatrixXd a = legs_matrix(order), identity = MatrixXd::Identity(order, order);
  const MatrixXd inverse = (identity - dt / 2 * a).inverse();
  return {(inverse * (identity + dt / 2 * a)).cast<Scalar>(), (dt * (inverse * legs_input(order))).cast<Scalar>(),
          random_normal<Scalar>(outputs, order, 8)};
}

}  // namespace

TEMPLATE_TEST_CASE("the kernel has the taps of the definition, of every output to every input", "[dense]",
                   (DenseSystem<float, Timing::current>), (DenseSystem<double, Timing::current>),
                   (DenseSystem<float, Timing::delayed>), (DenseSystem<double, Timing::delayed>)) {
  using Scalar = typename TestType::Scalar;
  for (const Index order : {1, 2, 5, 17, 32}) {
    for (const auto& [inputs, outputs] : {std::pair<Index, Index>{1, 1}, {2, 3}, {4, 1}}) {
      for (const Index length : {1, 2, 3, 50}) {
        CAPTURE(order, inputs, outputs, length);
        const auto system = random_dense<TestType>(order, inputs, outputs, static_cast<std::uint64_t>(order));
        const RowMatrix<Scalar> taps = system.kernel(length);
        REQUIRE(taps.rows() == outputs * inputs);
        // some hundred roundings of what does not grow
        CHECK(relative_error(taps, exact_kernel(system, length)) < 30 * std::numeric_limits<Scalar>::epsilon());
      }
    }
  }
}

TEST_CASE("the same matrices answer one sample later with delayed timing", "[dense]") {
  const Current current = random_dense<Current>(6, 2, 2, 3);
  const Delayed delayed(current.a(), current.b(), current.c(), current.d());
  const RowMatrix<double> early = current.kernel(20), late = delayed.kernel(20);
  CHECK(largest_difference(late.rightCols(18), early.middleCols(1, 18)) < 1e-14);
  CHECK(largest_difference(early.col(0) - late.col(0), late.col(1)) < 1e-15);
}

TEMPLATE_TEST_CASE("chunks of any size, steps and the kernel agree", "[dense]", (DenseSystem<float, Timing::current>),
                   (DenseSystem<double, Timing::current>), (DenseSystem<float, Timing::delayed>),
                   (DenseSystem<double, Timing::delayed>)) {
  using Scalar = typename TestType::Scalar;
  const Index length = 101;
  for (const auto& [order, inputs, outputs] : {std::array<Index, 3>{1, 1, 1}, {4, 2, 3}, {9, 1, 2}, {33, 3, 1}}) {
    CAPTURE(order, inputs, outputs);
    const auto system = random_dense<TestType>(order, inputs, outputs, 77);
    const RowMatrix<Scalar> input = random_normal<Scalar>(inputs, length, 5);
    auto state = system.initial_state();
    const RowMatrix<Scalar> whole = run(system, input, {length}, state);
    CHECK(relative_error(whole, convolved(system, input)) < 60 * std::numeric_limits<Scalar>::epsilon());
    for (const std::vector<Index>& pieces : {std::vector<Index>{1}, {7}, {3, 50, 1}, {100}}) {
      auto other = system.initial_state();
      CHECK(run(system, input, pieces, other) == whole);  // to the bit
      CHECK(other == state);
    }
    auto filled = system.initial_state();
    system.prefill(filled, signals(input.leftCols(60)));
    system.prefill(filled, signals(input.rightCols(length - 60)));
    CHECK(filled == state);
    auto stepped = system.initial_state();
    RowMatrix<Scalar> sample(1, inputs), output(1, outputs);
    for (Index t = 0; t < length; ++t) {
      sample = input.col(t).transpose();
      system.step(stepped, sample.data(), output.data());
      REQUIRE(output.transpose() == whole.col(t));
    }
    CHECK(stepped == state);
  }
}

TEST_CASE("a state stored and restored continues as if nothing had happened", "[dense]") {
  const Current system = random_dense<Current>(8, 1, 1, 4);
  const RowMatrix<double> input = random_normal<double>(1, 40, 6);
  auto state = system.initial_state();
  const RowMatrix<double> whole = run(system, input, {40}, state);
  state = system.initial_state();
  system.prefill(state, signals(input.leftCols(25)));
  const RowMatrix<double> stored = state;
  Current::State restored = stored;
  CHECK(run(system, input.rightCols(15), {15}, restored) == whole.rightCols(15));
}

TEST_CASE("dense system: a step allocates nothing", "[dense]") {
  const auto system = legs_system<float>(64, 0.01, 2);
  auto state = system.initial_state();
  const float input = 1;
  float output[2];
  CHECK(allocations_in([&] {
          for (int t = 0; t < 10; ++t) system.step(state, &input, output);
        }) == 0);
}

TEMPLATE_TEST_CASE("the predicted error is within four of the error, both ways", "[dense]", float, double) {
  using System = DenseSystem<TestType, Timing::current>;
  const Index length = effort(1500, 300);
  const auto check = [&](const System& system, double above) {
    const double error = relative_error(system.kernel(length), exact_kernel(system, length));
    const double predicted = system.predicted_error(length);
    const double ratio = predicted / error;
    CAPTURE(system.order(), ratio);
    CHECK(ratio > 0.25);
    CHECK(ratio < above);
  };
  for (const double radius : {0.5, 0.9, 0.99, 0.999}) {
    for (const Index order : {2, 8, 64}) {
      CAPTURE(radius);
      MatrixXd a = random_square(order, static_cast<std::uint64_t>(order) + 9, 1);
      a *= radius / Current(a, a, a).spectral_radius();
      // where all has decayed after a few samples, the few roundings there are may all be small
      check({a.cast<TestType>(), random_normal<TestType>(order, 1, 1), random_normal<TestType>(1, order, 2)},
            radius < 0.95 ? 16 : 4);
    }
  }
  check(random_dense<System>(12, 3, 2, 1, 0.95), 8);  // of several outputs the loudest hides the others' errors
  for (const double dt : {1e-3, 1e-2}) {
    CAPTURE(dt);
    check(legs_system<TestType>(16, dt), 4);
    check(legs_system<TestType>(64, dt), 4);
  }
}

TEST_CASE("outputs of long sequences are as good as the predicted error of the taps says", "[dense]") {
  const Index length = effort(2000, 400);
  const auto system = legs_system<float>(32, 1e-2);
  const RowMatrix<float> taps = system.kernel(length);
  const auto ratio = [&](const RowMatrix<float>& input) {
    auto state = system.initial_state();
    return relative_error(run(system, input, {700}, state), convolved(system, input)) / system.predicted_error(length);
  };
  CHECK(ratio(random_normal<float>(1, length, 12)) < 4);
  // the signs of the kernel, reversed, give the loudest output there is. The state does not decay as that of a tap
  // does, and every sample rounds anew: 4.5 was found, and the memory of 100 samples bounds it by 10
  RowMatrix<float> loud(1, length);
  for (Index t = 0; t < length; ++t) loud(0, t) = taps(0, length - 1 - t) < 0 ? -1.0f : 1.0f;
  CHECK(ratio(loud) < 10);
}

TEST_CASE("the spectral radius is that of the eigenvalues, however far from normal", "[dense]") {
  const auto radius = [](const MatrixXd& a) { return Current(a, a, a).spectral_radius(); };
  MatrixXd rotation(2, 2);
  rotation << 0.6, -0.8, 0.8, 0.6;
  CHECK(std::abs(radius(rotation) - 1) < 1e-14);
  CHECK(std::abs(radius(0.5 * rotation) - 0.5) < 1e-14);
  CHECK(radius(MatrixXd::Zero(3, 3)) == 0);
  MatrixXd nilpotent = MatrixXd::Zero(4, 4);
  nilpotent.diagonal(1).setConstant(1e3);
  CHECK(radius(nilpotent) == 0);
  MatrixXd block = MatrixXd::Identity(3, 3);
  block.diagonal(1).setOnes();
  CHECK(std::abs(radius(block) - 1) < 1e-13);  // |J^m|^(1/m) is 1 + log(m^2) / m
  CHECK(std::abs(radius(1e200 * block) / 1e200 - 1) < 1e-12);
  CHECK(std::abs(radius(1e-200 * block) / 1e-200 - 1) < 1e-12);
  CHECK(radius(MatrixXd(0, 0)) == 0);
  // LegS at order 64: an eigenvalue solver gives 120 instead of 64, squaring keeps the triangle
  CHECK(std::abs(radius(legs_matrix(64)) / 64 - 1) < 1e-12);
  for (const double dt : {1e-3, 1e-1}) {
    const auto system = legs_system<double>(64, dt);
    double exact = 0;
    for (Index n = 1; n <= 64; ++n) {
      const double half = dt / 2 * static_cast<double>(n);
      exact = std::max(exact, std::abs((1 - half) / (1 + half)));
    }
    CHECK(std::abs(system.spectral_radius() - exact) < 1e-13);
    CHECK(system.is_stable());
  }
  CHECK_FALSE(Current(block, block, block).is_stable());
  CHECK(DenseSystem<float, Timing::delayed>(MatrixXd(0.99 * rotation).cast<float>(), Eigen::MatrixXf::Ones(2, 1),
                                            Eigen::MatrixXf::Ones(1, 2))
            .is_stable());
  // a similarity of known eigenvalues
  const MatrixXd basis = random_normal<double>(6, 6, 3);
  Eigen::VectorXd values(6);
  values << 0.3, -0.97, 0.9, 0.1, -0.5, 0.0;
  CHECK(std::abs(radius(basis * values.asDiagonal() * basis.inverse()) - 0.97) < 1e-12);
}

TEST_CASE("a truncated output matrix gives the first taps without folding", "[dense]") {
  // radius above one as well: the taps grow, and are exact all the same
  for (const double size : {0.7, 0.99, 1.05}) {
    for (const Index length : {1, 2, 7, 32, 45}) {
      CAPTURE(size, length);
      const Current system = random_dense<Current>(5, 1, 2, 21, size);
      const MatrixXd truncated = system.truncate_output(length);
      const RowMatrix<double> taps = system.kernel(length);
      double worst = 0;
      for (Index l = 0; l < length; ++l) {
        const double angle = -6.283185307179586 * static_cast<double>(l) / static_cast<double>(length);
        const std::complex<double> z(std::cos(angle), std::sin(angle));
        const Eigen::MatrixXcd matrix = Eigen::MatrixXcd::Identity(5, 5) - z * system.a();
        const Eigen::VectorXcd found =
            truncated * matrix.partialPivLu().solve(system.b().cast<std::complex<double>>()) + system.d();
        Eigen::VectorXcd expected = Eigen::VectorXcd::Zero(2);
        std::complex<double> power = 1;
        for (Index t = 0; t < length; ++t, power *= z) expected += power * taps.col(t);
        worst = std::max(worst, (found - expected).cwiseAbs().maxCoeff() / expected.cwiseAbs().maxCoeff());
      }
      CHECK(worst < 1e-11);  // poles come near the nodes: conditions of some thousands
      CHECK(largest_difference(system.restore_output(truncated, length), system.c()) < 1e-11);
    }
  }
}

TEST_CASE("restoring an output matrix takes the transpose of the truncation", "[dense]") {
  // by hand: A = [[0, 1], [0, 1/2]], L = 2: A^2 = [[0, 1/2], [0, 1/4]], C = [4, 8] gives C - C A^2 = [4, 4]
  MatrixXd a(2, 2), c(1, 2), truncated(1, 2);
  a << 0, 1, 0, 0.5;
  c << 4, 8;
  truncated << 4, 4;
  const Current system(a, MatrixXd::Ones(2, 1), c);
  CHECK(system.truncate_output(2) == truncated);
  CHECK(largest_difference(system.restore_output(truncated, 2), c) < 1e-15);
  // a system that decays keeps its output matrix
  CHECK(largest_difference(system.truncate_output(2000), c) < 1e-15);
}

TEST_CASE("a system with current timing has a delayed twin", "[dense]") {
  const Current system = random_dense<Current>(7, 2, 3, 5);
  const Delayed twin = system.delayed();
  CHECK(largest_difference(twin.kernel(60), system.kernel(60)) < 1e-14);
  const RowMatrix<double> input = random_normal<double>(2, 50, 5);
  auto one = system.initial_state();
  auto other = twin.initial_state();
  CHECK(largest_difference(run(twin, input, {13}, other), run(system, input, {50}, one)) < 1e-14);
}

TEMPLATE_TEST_CASE("the kernel's backward pass has the gradients that differences give", "[dense]", Current, Delayed) {
  for (const auto& [order, inputs, outputs] : {std::array<Index, 3>{1, 1, 1}, {4, 1, 1}, {3, 2, 3}}) {
    for (const Index length : {1, 2, 3, 9, 16, 23}) {
      CAPTURE(order, inputs, outputs, length);
      const auto system = random_dense<TestType>(order, inputs, outputs, 31, 0.8);
      const RowMatrix<double> upstream = random_normal<double>(outputs * inputs, length, 2);
      const auto gradient = system.kernel_backward(upstream);
      const auto loss = [&](const MatrixXd& a, const MatrixXd& b, const MatrixXd& c, const MatrixXd& d) {
        return TestType(a, b, c, d).kernel(length).cwiseProduct(upstream).sum();
      };
      const MatrixXd &a = system.a(), &b = system.b(), &c = system.c(), &d = system.d();
      // central differences with h = 1e-5: h^2 times a third derivative, and 1e-16 |f| / h
      CHECK(largest_difference(gradient.a, numeric_gradient([&](const MatrixXd& x) { return loss(x, b, c, d); }, a)) <
            1e-8);
      CHECK(largest_difference(gradient.b, numeric_gradient([&](const MatrixXd& x) { return loss(a, x, c, d); }, b)) <
            1e-8);
      CHECK(largest_difference(gradient.c, numeric_gradient([&](const MatrixXd& x) { return loss(a, b, x, d); }, c)) <
            1e-8);
      CHECK(largest_difference(gradient.d, numeric_gradient([&](const MatrixXd& x) { return loss(a, b, c, x); }, d)) <
            1e-8);
    }
  }
}

TEST_CASE("the kernel's backward pass is the adjoint over a thousand taps", "[dense]") {
  const auto system = legs_system<double>(16, 1e-2);
  const Index length = 1000;
  const RowMatrix<double> v = random_normal<double>(16, 16, 3, 1e-2), w = random_normal<double>(1, length, 4);
  const auto sides =
      adjoint_sides([&](const RowMatrix<double>& a) { return Current(a, system.b(), system.c()).kernel(length); },
                    [&](const RowMatrix<double>& g) { return RowMatrix<double>(system.kernel_backward(g).a); },
                    system.a(), v, w, 1e-6);
  CHECK(sides.relative_error() < 1e-7);  // differences; A is a sum of a thousand products
  // B, C and D enter linearly: no differences are needed
  const auto gradient = system.kernel_backward(w);
  const RowMatrix<double> vb = random_normal<double>(16, 1, 5), vc = random_normal<double>(1, 16, 6);
  const double forward_b = Current(system.a(), vb, system.c()).kernel(length).cwiseProduct(w).sum();
  CHECK(std::abs(forward_b - gradient.b.cwiseProduct(vb).sum()) < 1e-12 * std::abs(forward_b) + 1e-13);
  const double forward_c = Current(system.a(), system.b(), vc).kernel(length).cwiseProduct(w).sum();
  CHECK(std::abs(forward_c - gradient.c.cwiseProduct(vc).sum()) < 1e-12 * std::abs(forward_c) + 1e-13);
}

TEST_CASE("gradients in float are near those in double", "[dense]") {
  const auto wide = random_dense<Current>(6, 2, 2, 3);
  const DenseSystem<float, Timing::current> narrow(wide.a().cast<float>(), wide.b().cast<float>(),
                                                   wide.c().cast<float>(), wide.d().cast<float>());
  const RowMatrix<double> upstream = random_normal<double>(4, 40, 8);
  const auto exact = wide.kernel_backward(upstream);
  const auto found = narrow.kernel_backward(upstream.cast<float>());
  CHECK(largest_difference(found.a, exact.a) < 3e-6);
  CHECK(largest_difference(found.b, exact.b) < 3e-6);
  CHECK(largest_difference(found.c, exact.c) < 3e-6);
  CHECK(largest_difference(found.d, exact.d) < 3e-6);
}

TEST_CASE("systems without states or taps are no special case", "[dense]") {
  const Current direct(MatrixXd(0, 0), MatrixXd(0, 2), MatrixXd(1, 0), MatrixXd::Constant(1, 2, 3));
  const RowMatrix<double> taps = direct.kernel(3);
  CHECK(taps.col(0) == Eigen::Vector2d(3, 3));
  CHECK(taps.rightCols(2).isZero(0));
  CHECK(direct.predicted_error(5) == 0);
  CHECK(direct.truncate_output(4).size() == 0);
  CHECK(direct.restore_output(MatrixXd(1, 0), 4).cols() == 0);
  auto state = direct.initial_state();
  const RowMatrix<double> input = random_normal<double>(2, 5, 1);
  CHECK(largest_difference(run(direct, input, {2}, state), 3 * input.colwise().sum()) < 1e-15);
  const Current system = random_dense<Current>(3, 1, 1, 1);
  CHECK(system.kernel(0).size() == 0);
  CHECK(system.kernel_backward(RowMatrix<double>(1, 0)).a.isZero(0));
  CHECK(system.predicted_error(0) == 0);
  state = system.initial_state();
  CHECK(run(system, RowMatrix<double>(1, 0), {1}, state).size() == 0);
  CHECK(state.isZero(0));
}

TEST_CASE("dense systems name what they refuse", "[dense]") {
  const MatrixXd one = MatrixXd::Ones(1, 1), two = MatrixXd::Identity(2, 2);
  CHECK_THROWS_MESSAGE(
      std::invalid_argument, Current(two, one, one),
      "DenseSystem: expected A n x n, B n x inputs, C outputs x n and D outputs x inputs, found A 2 x 2, "
      "B 1 x 1, C 1 x 1 and D 1 x 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Current(MatrixXd::Ones(1, 2), one, one), "found A 1 x 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Current(one, one, one, two), "and D 2 x 2");
  MatrixXd bad = one;
  bad(0, 0) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, Current(one, bad, one), "DenseSystem: expected a finite B");
  const Current system(two, MatrixXd::Ones(2, 1), MatrixXd::Ones(1, 2));
  CHECK_THROWS_MESSAGE(std::invalid_argument, system.kernel(-1), "expected a length of at least 0, found -1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, system.truncate_output(0), "expected a length of at least 1, found 0");
  Current::State state(2, 1);
  double sample = 0;
  CHECK_THROWS_MESSAGE(std::invalid_argument, system.step(state, &sample, &sample),
                       "expected a state of 1 x 2, found 2 x 1");
  state = system.initial_state();
  const RowMatrix<double> input(2, 3);
  RowMatrix<double> output(1, 3);
  CHECK_THROWS_MESSAGE(std::invalid_argument, system.prefill(state, signals(input)),
                       "expected input of batch 1 and 1 channels, found 1 and 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, system.chunk(state, signals(input), signals(output)),
                       "expected input of");
  CHECK_THROWS_MESSAGE(std::invalid_argument,
                       system.chunk(state, signals(input.topRows(1)), signals(output.leftCols(2))),
                       "expected output of batch 1, 1 channels and length 3, found 1, 1 and 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, system.kernel_backward(input),
                       "expected gradients of 1 x 1 taps, found 2 rows");
  CHECK_THROWS_MESSAGE(std::invalid_argument, system.restore_output(one, 4),
                       "expected an output matrix of 2 columns, found 1");
  // an eigenvalue 1 is a root of unity of every length
  CHECK_THROWS_MESSAGE(NumericalError, system.restore_output(MatrixXd::Ones(1, 2), 4),
                       "expected no eigenvalue of A at a root of unity of length 4, found I - A^4 singular");
  const Current growing(10 * two, MatrixXd::Ones(2, 1), MatrixXd::Ones(1, 2));
  CHECK_THROWS_MESSAGE(NumericalError, growing.kernel(400), "expected 400 taps within range");
  CHECK_THROWS_MESSAGE(NumericalError, growing.truncate_output(400), "found A^400 to overflow");
  const double predicted = growing.predicted_error(400);
  CHECK_FALSE(is_finite(predicted));
}
