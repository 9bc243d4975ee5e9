// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/hippo_memory.hpp>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include <tessera/ssm/legs_operator.hpp>

#include "ssm/hippo_oracles.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;
using enum HippoMeasure;

namespace {

const std::vector<HippoStep> every_step = {HippoStep::bilinear, HippoStep::exact, HippoStep::backward_euler,
                                           HippoStep::forward_euler};

/// The coefficients of samples that are held: (1 / T) times the integral of u(s) sqrt(2n+1) P_n(2 s / T - 1), piece by
/// piece with (P_(n+1) - P_(n-1)) / (2n+1) as antiderivative of P_n.
RowMatrix<double> projected(const RowMatrix<double>& u, Index order) {
  const Index length = u.cols();
  LongMatrix at_edges(order, length + 1);
  for (Index j = 0; j <= length; ++j) {
    const long double x = 2 * static_cast<long double>(j) / static_cast<long double>(length) - 1;
    for (Index n = 0; n < order; ++n) {
      const long double below = n == 0 ? -1 : legendre(n - 1, x);  // the integral from -1 vanishes at -1
      at_edges(n, j) = (legendre(n + 1, x) - below) / static_cast<long double>(2 * n + 1);
    }
  }
  RowMatrix<double> result(u.rows(), order);
  for (Index c = 0; c < u.rows(); ++c) {
    for (Index n = 0; n < order; ++n) {
      long double sum = 0;
      for (Index j = 0; j < length; ++j) sum += u(c, j) * (at_edges(n, j + 1) - at_edges(n, j));
      result(c, n) = static_cast<double>(sum / 2 * std::sqrt(static_cast<long double>(2 * n + 1)));
    }
  }
  return result;
}

/// Steps of the scaled LegS system with dense matrices in long double, from the definition of each.
RowMatrix<double> dense_legs(const RowMatrix<double>& u, Index order, HippoStep step) {
  const HippoSystem system = hippo(legs, order);
  const LongMatrix a = system.a.cast<long double>(), b = system.b.cast<long double>();
  const LongMatrix one = LongMatrix::Identity(order, order);
  LongMatrix x = LongMatrix::Zero(order, u.rows());
  x.row(0) = u.col(0).transpose().cast<long double>();
  for (Index k = 1; k < u.cols(); ++k) {
    const long double now = static_cast<long double>(k), then = now + 1;
    const LongMatrix input = b * u.col(k).transpose().cast<long double>();
    const auto solve = [&](const LongMatrix& matrix, const LongMatrix& right) {
      return LongMatrix(matrix.triangularView<Eigen::Lower>().solve(right));
    };
    switch (step) {
      case HippoStep::bilinear:
        x = solve(one - a / (2 * then), (one + a / (2 * now)) * x + (1 / now + 1 / then) / 2 * input);
        break;
      case HippoStep::backward_euler:
        x = solve(one - a / then, x + input / then);
        break;
      case HippoStep::forward_euler:
        x = ((one + a / now) * x + input / now).eval();
        break;
      case HippoStep::exact: {  // e^(A s) x + A^-1 (e^(A s) - I) B u with s = log(then / now)
        const LongMatrix e = long_exponential(a * std::log(then / now));
        x = (e * x + solve(a, (e - one) * input)).eval();
        break;
      }
    }
  }
  return x.transpose().cast<double>();
}

RowMatrix<double> remembered(const HippoMemoryOptions& options, const RowMatrix<double>& u) {
  HippoMemory memory(options);
  memory.push(signals(u));
  return memory.coefficients();
}

Eigen::VectorXd middles(Index count) {  // ages of the middles of the last samples, newest first
  return Eigen::VectorXd::LinSpaced(count, 0.5, static_cast<double>(count) - 0.5);
}

}  // namespace

TEST_CASE("exact LegS steps keep the exact projection of held samples", "[hippo]") {
  for (const Index order : {1, 2, 3, 8, 33}) {
    for (const Index length : {1, 2, 5, 100, 1000}) {
      CAPTURE(order, length);
      const RowMatrix<double> u = random_normal<double>(2, length, 1);
      const RowMatrix<double> found = remembered({.order = order, .channels = 2, .step = HippoStep::exact}, u);
      CHECK(apart(found, projected(u, order)) < 1e-12);  // rounding of 1000 steps is near 1e-14
    }
  }
}

TEST_CASE("every LegS step is the dense step it stands for", "[hippo]") {
  for (const HippoStep step : every_step) {
    for (const Index order : {1, 2, 8, 17}) {
      for (const Index length : {1, 2, 3, 40}) {
        CAPTURE(static_cast<int>(step), order, length);
        const RowMatrix<double> u = random_normal<double>(3, length, 2);
        const RowMatrix<double> found = remembered({.order = order, .channels = 3, .step = step}, u);
        const RowMatrix<double> expected = dense_legs(u, order, step);
        // Forward Euler steps amplify rounding as they do the state, while T < order.
        CHECK(apart(found, expected) < 1e-12 * std::max(1.0, expected.cwiseAbs().maxCoeff()));
      }
    }
  }
}

TEST_CASE("a constant stays the first coefficient for ever, to the bit", "[hippo]") {
  for (const HippoStep step : every_step) {
    RowMatrix<double> u(2, 1000), expected = RowMatrix<double>::Zero(2, 20);
    u.row(0).setConstant(0.1);
    u.row(1).setConstant(-3);
    expected(0, 0) = 0.1;
    expected(1, 0) = -3;
    CHECK(remembered({.order = 20, .channels = 2, .step = step}, u) == expected);
  }
}

TEST_CASE("a signal played at half speed leaves the same LegS coefficients", "[hippo]") {
  const Index order = 16, length = 200;
  const RowMatrix<double> u = random_normal<double>(1, length, 3);
  RowMatrix<double> twice(1, 2 * length);
  for (Index t = 0; t < 2 * length; ++t) twice(0, t) = u(0, t / 2);
  const auto difference = [&](HippoStep step, const RowMatrix<double>& one, const RowMatrix<double>& two) {
    return apart(remembered({.order = order, .step = step}, one), remembered({.order = order, .step = step}, two));
  };
  CHECK(difference(HippoStep::exact, u, twice) < 1e-13);
  RowMatrix<double> slow(1, length), slower(1, 2 * length);
  for (Index t = 0; t < length; ++t) slow(0, t) = std::sin(0.03 * (static_cast<double>(t) + 0.5));
  for (Index t = 0; t < 2 * length; ++t) slower(0, t) = slow(0, t / 2);
  CHECK(difference(HippoStep::exact, slow, slower) < 1e-13);
  CHECK(difference(HippoStep::bilinear, slow, slower) < 1e-2);  // an error of order 1 / T^2 on smooth signals
  CHECK(difference(HippoStep::bilinear, slow, slower) > 1e-6);
}

TEST_CASE("polynomials come back from LegS to the order of its step", "[hippo]") {
  // u(s) = 1 - s / T + (s / T)^2 - 0.5 (s / T)^3, sampled in the middles. Halving the sample halves the error of
  // Euler's steps and quarters that of the others (which have the exact projection of a staircase).
  const auto error = [](HippoStep step, Index length) {
    HippoMemory memory({.order = 6, .step = step});
    RowMatrix<double> u(1, length);
    const auto signal = [&](double s) {
      const double x = s / static_cast<double>(length);
      return 1 - x + x * x - 0.5 * x * x * x;
    };
    for (Index t = 0; t < length; ++t) u(0, t) = signal(static_cast<double>(t) + 0.5);
    memory.push(signals(u));
    const Eigen::VectorXd ages = Eigen::VectorXd::LinSpaced(9, 0.1, 0.9) * static_cast<double>(length);
    const RowMatrix<double> past = memory.reconstruct(ages);
    double worst = 0;
    for (Index i = 0; i < ages.size(); ++i)
      worst = std::max(worst, std::abs(past(0, i) - signal(static_cast<double>(length) - ages[i])));
    return worst;
  };
  for (const HippoStep step : every_step) {
    const bool euler = step == HippoStep::backward_euler || step == HippoStep::forward_euler;
    const double coarse = error(step, 400), fine = error(step, 800);
    CAPTURE(static_cast<int>(step), coarse, fine);
    CHECK(fine < (euler ? 2e-2 : 1e-4));
    CHECK(coarse / fine > (euler ? 1.7 : 3.2));
    CHECK(coarse / fine < (euler ? 2.3 : 4.8));
  }
}

TEST_CASE("old samples fade like a power in the scaled LegS system and exponentially without the scaling", "[hippo]") {
  // One sample of size 1 at the end of m = 100 samples; state 0 is then 1 / T: slope -1 against log T.
  const Index m = 100;
  HippoMemory memory({.order = 8, .step = HippoStep::exact});
  const double zero = 0, one = 1;
  for (Index t = 1; t < m; ++t) memory.push(&zero);
  memory.push(&one);
  std::vector<double> sizes;
  for (Index t = m; t < 16 * m; ++t) {
    if (t == 4 * m || t == 8 * m) sizes.push_back(memory.coefficients()(0, 0));
    memory.push(&zero);
  }
  sizes.push_back(memory.coefficients()(0, 0));
  CHECK(std::abs(sizes[2] - 1.0 / (16 * m)) < 1e-15);
  CHECK(std::abs(std::log(sizes[1] / sizes[0]) / std::log(2.0) + 1) < 1e-12);
  CHECK(std::abs(std::log(sizes[2] / sizes[1]) / std::log(2.0) + 1) < 1e-12);
  // The same matrices without 1 / T: e^-t, slope -1 against t.
  const Eigen::VectorXd early = hippo_impulse_response(legs, 8, 5), late = hippo_impulse_response(legs, 8, 9);
  CHECK(std::abs(std::log(late[0] / early[0]) + 4) < 1e-14);
  CHECK(std::abs(std::log(std::abs(late[7] / early[7])) + 4) < 1);
}

TEST_CASE("windows take the steps of their dense systems", "[hippo]") {
  const Index order = 10, length = 60;
  const RowMatrix<double> u = random_normal<double>(3, length, 4);
  for (const HippoMeasure measure : {legt, lmu, fout, fourier2}) {
    const double window = 37.5;
    const HippoSystem system = hippo(measure, order, {.window = window});
    const LongMatrix one = LongMatrix::Identity(order + 1, order + 1);
    LongMatrix m = LongMatrix::Zero(order + 1, order + 1);  // with the held sample as a state that rests
    m.topLeftCorner(order, order) = system.a.cast<long double>();
    m.topRightCorner(order, 1) = system.b.cast<long double>();
    const LongMatrix e = long_exponential(m);
    for (const HippoStep step : every_step) {
      CAPTURE(hippo_name(measure), static_cast<int>(step));
      LongMatrix x = LongMatrix::Zero(order + 1, 3);
      const long double implicit = step == HippoStep::bilinear ? 0.5L : step == HippoStep::backward_euler ? 1 : 0;
      long double worst = 0, largest = 1;
      HippoMemory memory({.measure = measure, .order = order, .channels = 3, .window = window, .step = step});
      for (Index t = 0; t < length; ++t) {
        const RowMatrix<double> sample = u.col(t);
        x.row(order) = sample.transpose().cast<long double>();
        memory.push(sample.data());
        const LongMatrix next = step == HippoStep::exact ? LongMatrix(e * x) : LongMatrix(x + (1 - implicit) * (m * x));
        // (I - implicit M) x = next, judged by what is left over, with the state that the memory has.
        LongMatrix found(order + 1, 3);
        found.topRows(order) = memory.coefficients().transpose().cast<long double>();
        found.row(order) = x.row(order);
        const LongMatrix left = found - implicit * (m * found) - next;
        worst = std::max(worst, left.topRows(order).cwiseAbs().maxCoeff());
        largest = std::max(largest, found.cwiseAbs().maxCoeff());
        x = found;
      }
      CHECK(memory.count() == length);
      CHECK(memory.span() == window);
      // Rounding of the largest state; forward Euler steps of the Fourier functions grow. LMU has factors up to 19
      // more.
      CHECK(static_cast<double>(worst / largest) < (measure == lmu ? 1e-13 : 1e-14));
    }
  }
}

TEST_CASE("exact steps of windows keep their precision at large orders and short windows", "[hippo]") {
  // The norm of A is near 2000 here; LegT's states are bounded whatever the order.
  const Index order = 64;
  const HippoSystem system = hippo(legt, order, {.window = 4});
  const LongMatrix a = system.a.cast<long double>();
  LongMatrix m = LongMatrix::Zero(order + 1, order + 1);
  m.topLeftCorner(order, order) = a;
  m.topRightCorner(order, 1) = system.b.cast<long double>();
  const RowMatrix<double> found = detail::exact_step(system);
  CHECK(apart(found, long_exponential(m).topRows(order).cast<double>()) < 1e-13);
}

TEST_CASE("windows give back smooth signals", "[hippo]") {
  const Index length = 900;
  const double window = 400;
  RowMatrix<double> u(1, length);
  const auto signal = [](double t) { return std::sin(0.02 * t) + 0.3 * std::cos(0.05 * t + 1); };
  for (Index t = 0; t < length; ++t) u(0, t) = signal(static_cast<double>(t) + 0.5);
  const Eigen::VectorXd ages = Eigen::VectorXd::LinSpaced(41, 0, window);
  for (const HippoMeasure measure : {legt, lmu, fout}) {
    for (const HippoStep step : {HippoStep::bilinear, HippoStep::exact, HippoStep::backward_euler}) {
      HippoMemory memory({.measure = measure, .order = 32, .window = window, .step = step});
      memory.push(signals(u));
      const RowMatrix<double> past = memory.reconstruct(ages);
      double worst = 0, squares = 0;
      for (Index i = 0; i < ages.size(); ++i) {
        const double difference = past(0, i) - signal(static_cast<double>(length) - ages[i]);
        worst = std::max(worst, std::abs(difference));
        squares += difference * difference / static_cast<double>(ages.size());
      }
      CAPTURE(hippo_name(measure), static_cast<int>(step), worst, std::sqrt(squares));
      // Legendre polynomials hold it to the size of a sample; Fourier functions cannot hold the jump between the ends.
      // Backward Euler steps take the frequency i w for i w + w^2 / 2: e^(-w^2 age / 2) is 0.92 and 0.61 at the oldest
      // age, 0.2 of the signal together, and half of that in the middle.
      CHECK(std::sqrt(squares) < (measure == fout ? 0.2 : step == HippoStep::backward_euler ? 0.1 : 2e-3));
    }
  }
}

TEST_CASE("LegS gives back a smooth signal, newest and oldest alike", "[hippo]") {
  const Index length = 2000;
  RowMatrix<double> u(2, length);
  const auto signal = [&](double t) { return std::exp(-t / 700) * std::sin(t / 60); };
  for (Index t = 0; t < length; ++t) {
    u(0, t) = signal(static_cast<double>(t) + 0.5);
    u(1, t) = signal(static_cast<double>(length - t) - 0.5);
  }
  for (const HippoStep step : {HippoStep::bilinear, HippoStep::exact}) {
    HippoMemory memory({.order = 64, .channels = 2, .step = step});
    memory.push(signals(u));
    const RowMatrix<double> past = memory.reconstruct(middles(length));
    CAPTURE(static_cast<int>(step), apart(past, u.rowwise().reverse()));
    CHECK(apart(past, u.rowwise().reverse()) < 2e-2);  // the staircase projected, and bilinear steps while T is small
    CHECK((past - u.rowwise().reverse()).norm() / u.norm() < 2e-3);
  }
}

TEST_CASE("channels do not meet, and pieces of a signal give what the whole gives", "[hippo]") {
  for (const HippoMeasure measure : {legs, legt, fout}) {
    for (const HippoStep step : every_step) {
      CAPTURE(hippo_name(measure), static_cast<int>(step));
      HippoMemoryOptions options{.order = 12, .channels = 41, .window = measure == legs ? 0.0 : 300, .step = step};
      options.measure = measure;
      const RowMatrix<double> u = random_normal<double>(41, 50, 5);
      HippoMemory memory(options), pieces(options);
      memory.push(signals(u));
      pieces.push(signals(u.leftCols(20)));
      for (Index t = 20; t < 50; ++t) {
        const RowMatrix<double> sample = u.col(t);
        pieces.push(sample.data());
      }
      const RowMatrix<double> whole = memory.coefficients();
      CHECK(pieces.coefficients() == whole);
      options.channels = 1;
      for (const Index c : {0, 7, 40}) {
        HippoMemory single(options);
        single.push(signals(u.row(c)));
        CHECK(single.coefficients() == whole.row(c));
        CHECK(single.reconstruct(middles(9)) == memory.reconstruct(middles(9)).row(c));
      }
    }
  }
}

TEST_CASE("a memory goes on from its stored state", "[hippo]") {
  for (const HippoMeasure measure : {legs, legt, lmu, fout}) {
    HippoMemoryOptions options{.order = 8, .channels = 2, .window = measure == legs ? 0.0 : 25};
    options.measure = measure;
    const RowMatrix<float> u = random_normal<float>(2, 30, 6);
    HippoMemory memory(options), other(options);
    memory.push(signals(u.leftCols(17)));
    other.restore(memory.coefficients(), memory.count());
    memory.push(signals(u.rightCols(13)));
    other.push(signals(u.rightCols(13)));
    CHECK(other.count() == 30);
    CHECK(apart(other.coefficients(), memory.coefficients()) < 1e-14);  // coordinates were changed and changed back
    memory.reset();
    CHECK(memory.count() == 0);
    CHECK(memory.coefficients().isZero(0));
    memory.push(signals(u));
    CHECK(apart(other.coefficients(), memory.coefficients()) < 1e-14);
  }
}

TEST_CASE("pushing a sample allocates nothing", "[hippo]") {
  if (sanitized) return;
  const std::vector<float> sample(9, 0.5f);
  for (const HippoStep step : every_step) {
    HippoMemory scaled({.order = 10, .channels = 9, .step = step});
    HippoMemory window({.measure = legt, .order = 10, .channels = 9, .window = 90, .step = step});
    const long before = allocations();
    for (int t = 0; t < 5; ++t) {
      scaled.push(sample.data());
      window.push(sample.data());
    }
    CHECK(allocations() == before);
  }
}

TEST_CASE("after silence a window is empty, without denormal numbers", "[hippo]") {
  HippoMemory memory({.measure = legt, .order = 4, .channels = 2, .window = 2, .step = HippoStep::exact});
  const double sound[] = {1, 1}, silence[] = {0, 0}, one[] = {1, 0};
  for (int t = 0; t < 10; ++t) memory.push(sound);
  for (int t = 0; t < 1000; ++t) {
    memory.push(t < 900 ? silence : one);
    const RowMatrix<double> state = memory.coefficients();
    for (Index i = 0; i < state.size(); ++i) {
      const double size = std::abs(state.data()[i]);
      if (size != 0 && size < std::numeric_limits<double>::min()) FAIL("denormal at " << t);
    }
  }
  CHECK(memory.coefficients().row(1).isZero(0));
  CHECK(std::abs(memory.coefficients()(0, 0) - 1) < 1e-13);
}

TEST_CASE("a state that overflows is refused, and kept as it was", "[hippo]") {
  HippoMemory memory({.order = 2000, .channels = 2, .step = HippoStep::forward_euler});
  const double sample[] = {1, -1};
  RowMatrix<double> before = memory.coefficients();
  std::string message;
  for (int t = 0; t < 3000 && message.empty(); ++t) {
    const double alternating[] = {t % 2 == 0 ? 1.0 : -1.0, 0.5};
    before = memory.coefficients();
    message = message_of<NumericalError>([&] { memory.push(alternating); });
  }
  CHECK(contains(message, "HippoMemory: expected a finite state, found it to overflow at sample "));
  CHECK(contains(message, "(forward Euler steps may be unstable)"));
  CHECK(memory.coefficients() == before);
  HippoMemory large({.order = 4, .step = HippoStep::exact});
  const double huge = std::numeric_limits<double>::max();
  large.push(&huge);
  large.push(&huge);
  CHECK(large.coefficients()(0, 0) == huge);
  const double opposite = -huge;
  CHECK_THROWS_MESSAGE(NumericalError, large.push(&opposite), "found it to overflow at sample 2");
  CHECK(large.count() == 2);
  CHECK(sample[0] == 1);
}

TEST_CASE("misuse of the memory is refused in words", "[hippo]") {
  const auto refused = [](const HippoMemoryOptions& options, const char* message) {
    CHECK_THROWS_MESSAGE(std::invalid_argument, HippoMemory(options), message);
  };
  refused({.measure = lagt}, "HippoMemory: expected LegS, LegT, LMU, FouT or Fourier2, found LagT");
  refused({.measure = static_cast<HippoMeasure>(-1)},
          "HippoMemory: expected LegS, LegT, LMU, FouT or Fourier2, found no measure");
  refused({.order = 0}, "HippoMemory: expected an order of at least 1, found 0");
  refused({.measure = fout, .order = 7, .window = 5}, "HippoMemory: expected an even order for FouT, found 7");
  refused({.measure = legt}, "HippoMemory: expected a positive window for LegT, in samples, found 0");
  refused({.window = 100}, "HippoMemory: expected no window, as LegS has none, found 100");
  refused({.channels = 0}, "HippoMemory: expected at least 1 channel, found 0");
  refused({.step = static_cast<HippoStep>(4)}, "HippoMemory: expected a step, found number 4");

  HippoMemory memory({.order = 4, .channels = 2});
  CHECK_THROWS_MESSAGE(std::invalid_argument, memory.reconstruct(Eigen::VectorXd::Zero(1)),
                       "HippoMemory: expected at least one sample before a reconstruction");
  RowMatrix<float> u = RowMatrix<float>::Ones(2, 5);
  memory.push(signals(u));
  const RowMatrix<double> before = memory.coefficients();
  u(1, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, memory.push(signals(u)),
                       "HippoMemory: expected finite samples, found nan at channel 1, sample 3");
  const double bad[] = {1, -std::numeric_limits<double>::infinity()};
  CHECK_THROWS_MESSAGE(std::invalid_argument, memory.push(bad),
                       "HippoMemory: expected finite samples, found -inf at channel 1, sample 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, memory.push(signals(u.topRows(1))),
                       "HippoMemory: expected samples of batch 1 and 2 channels, found 1 and 1");
  CHECK(memory.coefficients() == before);
  CHECK(memory.count() == 5);
  CHECK_THROWS_MESSAGE(std::invalid_argument, memory.reconstruct(Eigen::Vector2d(1, 5.5)),
                       "HippoMemory: expected ages between 0 and 5, found 5.5 at 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, memory.restore(RowMatrix<double>::Zero(2, 3), 1),
                       "HippoMemory: expected coefficients of 2 x 4, found 2 x 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, memory.restore(before, -1),
                       "HippoMemory: expected a count of at least 0, found -1");
}
