// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/s4d.hpp>

#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Eigenvalues>

#include <tessera/core/thread_pool.hpp>
#include <tessera/ssm/modal_stream.hpp>
#include <tessera/ssm/model.hpp>
#include <tessera/ssm/verify.hpp>

#include "ssm/modal_cases.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;

static_assert(SequenceModel<S4D<float>> && SequenceModel<S4D<double>> && !S4D<float>::coupled);

namespace {

/// lambda of the published initialisations (Gu et al. 2022, section 4), N / 2 of them.
Eigen::VectorXcd initial_lambda(const std::string& name, Index order) {
  const double pi = std::numbers::pi;
  const auto size = static_cast<double>(order);
  Eigen::VectorXcd lambda(order / 2);
  for (Index i = 0; i < order / 2; ++i) {
    const auto n = static_cast<double>(i);
    if (name == "lin") lambda[i] = {-0.5, pi * n};
    if (name == "inv") lambda[i] = {-0.5, size / pi * (size / (2 * n + 1) - 1)};
    if (name == "inv2") lambda[i] = {-0.5, size / (1 + n)};
    if (name == "quad") lambda[i] = {-0.5, (1 + 2 * n) * (1 + 2 * n) / pi};
    if (name == "real") lambda[i] = {-(n + 1), 0};
  }
  if (name == "legs") {  // -1/2 + i mu, with -i mu the eigenvalues of the skew part of LegS
    Eigen::MatrixXcd hermitian = Eigen::MatrixXcd::Zero(order, order);
    for (Index n = 0; n < order; ++n) {
      for (Index k = 0; k < n; ++k) {
        const double entry = 0.5 * std::sqrt(static_cast<double>((2 * n + 1) * (2 * k + 1)));
        hermitian(n, k) = {0, entry};  // i (A + P P^T + 1/2), negative below the diagonal
        hermitian(k, n) = {0, -entry};
      }
    }
    const Eigen::VectorXd values = Eigen::SelfAdjointEigenSolver<Eigen::MatrixXcd>(hermitian).eigenvalues();
    for (Index i = 0; i < order / 2; ++i) lambda[i] = {-0.5, values[order / 2 + i]};
  }
  return lambda;
}

/// Channels of one initialisation at different steps.
template <class Scalar>
S4DParameters<Scalar> initialised(const std::string& name, Index order, const std::vector<double>& steps) {
  const auto channels = static_cast<Index>(steps.size());
  S4DParameters<Scalar> parameters;
  parameters.log_step.resize(channels);
  parameters.lambda.resize(channels, order / 2);
  parameters.input.setOnes(channels, order / 2);
  parameters.output.resize(channels, order / 2);
  parameters.skip.resize(channels);
  SplitMix random(50);
  const Eigen::VectorXcd lambda = initial_lambda(name, order);
  for (Index c = 0; c < channels; ++c) {
    parameters.log_step[c] = static_cast<Scalar>(std::log(steps[static_cast<std::size_t>(c)]));
    parameters.skip[c] = static_cast<Scalar>(random.normal());
    for (Index n = 0; n < order / 2; ++n) {
      parameters.lambda(c, n) = std::complex<Scalar>(lambda[n]);
      parameters.output(c, n) = std::complex<Scalar>(Complex(random.normal(), random.normal()) * std::sqrt(0.5));
    }
  }
  return parameters;
}

/// The taps of channel c: discretised, and then stepped, in long double.
template <class Scalar>
std::vector<long double> exact_taps(const S4DParameters<Scalar>& parameters, Index c, Index length, bool hold) {
  const long double step = std::exp(static_cast<long double>(parameters.log_step[c]));
  std::vector<long double> taps(static_cast<std::size_t>(length), 0);
  taps[0] = static_cast<long double>(parameters.skip[c]);
  for (Index n = 0; n < parameters.lambda.cols(); ++n) {
    const LongComplex lambda(parameters.lambda(c, n)),
        gain = LongComplex(parameters.output(c, n)) * LongComplex(parameters.input(c, n));
    const LongComplex d = step * lambda;
    const LongComplex pole = hold ? std::exp(d) : (1.0L + d / 2.0L) / (1.0L - d / 2.0L);
    // No lambda here is near 0 to the precision of a long double.
    LongComplex mode = gain * (hold ? (pole - 1.0L) / lambda : step / (1.0L - d / 2.0L));
    for (long double& tap : taps) {
      tap += 2 * mode.real();
      mode *= pole;
    }
  }
  return taps;
}

/// The parameters of one channel as one row of real numbers, and back.
RowMatrix<double> flat(const S4DParameters<double>& p) {
  const Index n = p.lambda.cols();
  RowMatrix<double> x(1, 2 + 6 * n);
  x(0, 0) = p.log_step[0];
  x(0, 1) = p.skip[0];
  const RowMatrix<Complex>* parts[] = {&p.lambda, &p.input, &p.output};
  for (Index i = 0; i < 3; ++i) {
    x.middleCols(2 + 2 * i * n, n) = parts[i]->real();
    x.middleCols(2 + (2 * i + 1) * n, n) = parts[i]->imag();
  }
  return x;
}
S4DParameters<double> unflat(const RowMatrix<double>& x) {
  const Index n = (x.cols() - 2) / 6;
  const auto part = [&](Index i) {
    RowMatrix<Complex> z(1, n);
    z.real() = x.middleCols(2 + 2 * i * n, n);
    z.imag() = x.middleCols(2 + (2 * i + 1) * n, n);
    return z;
  };
  return {x.leftCols(1).transpose(), part(0), part(1), part(2), x.middleCols(1, 1).transpose()};
}

}  // namespace

TEMPLATE_TEST_CASE("every initialisation has the taps of the recurrence in long double", "[s4d]", float, double) {
  // Double: L roundings of a pole, 2e-12 on the circle. Float: tables rounded once.
  const double tolerance = sizeof(TestType) == 4 ? 1e-6 : 1e-11;
  const Index length = effort(16384, 2048);
  for (const std::string name : {"lin", "inv", "inv2", "quad", "real", "legs"}) {
    for (const bool hold : {true, false}) {
      CAPTURE(name, hold);
      const S4DParameters<TestType> parameters = initialised<TestType>(name, 64, {1e-3, 0.1});
      const S4D<TestType> model(parameters,
                                {.discretization = hold ? Discretization::zero_order_hold : Discretization::bilinear});
      const RowMatrix<TestType> taps = model.kernel(length);
      for (Index c = 0; c < 2; ++c)
        CHECK(error_of_row(taps.row(c), exact_taps(parameters, c, length, hold)) < tolerance);
      const double predicted = model.predicted_error(length);
      CHECK(predicted < (sizeof(TestType) == 4 ? 1e-4 : 1e-10));
      if (!hold) continue;
      CHECK(relative_difference(stepped_kernel(model, length), taps) < 4 * predicted);
      auto state = model.initial_state();
      CHECK(relative_difference(chunked(model, state, unit_impulse<TestType>(2, length), {length}), taps) <
            4 * predicted);
    }
  }
}

TEST_CASE("a mode that does not decay, and one at 0, are no special cases", "[s4d]") {
  // lambda = 0: an integrator of gain dt, sampled exactly.
  S4DParameters<double> p = initialised<double>("lin", 4, {0.25});
  p.lambda << Complex(0, 0), Complex(0, std::numbers::pi);
  p.output << Complex(1, 0), Complex(0, 0);
  p.skip.setZero();
  CHECK((S4D<double>(p).kernel(100).array() - 0.5).abs().maxCoeff() < 1e-14);  // 2 Re(dt)
  CHECK(S4D<double>(p).system().spectral_radius() == Catch::Approx(1).epsilon(1e-15));
}

TEST_CASE("the backward pass of S4D passes central differences and the adjoint identity", "[s4d]") {
  const Index length = 60;
  for (const Discretization method :
       {Discretization::zero_order_hold, Discretization::bilinear, Discretization::dirac}) {
    S4DParameters<double> parameters = initialised<double>("lin", 6, {0.3});
    parameters.input.array() += Complex(0.2, 0.4);
    parameters.lambda(0, 0) = {-0.3, 0.1};
    const RowMatrix<double> upstream = random_normal<double>(1, length, 51);
    const S4DOptions options{.discretization = method};
    const auto taps = [&](const RowMatrix<double>& x) { return S4D<double>(unflat(x), options).kernel(length); };
    const auto backward = [&](const RowMatrix<double>& w) {
      return flat(S4D<double>(parameters, options).kernel_backward(w));
    };
    const RowMatrix<double> x = flat(parameters);
    const RowMatrix<double> numeric =
        numeric_gradient([&](const RowMatrix<double>& p) { return taps(p).cwiseProduct(upstream).sum(); }, x);
    CHECK(largest_difference(backward(upstream), numeric) < 1e-7);  // that of the differences
    const RowMatrix<double> direction = random_normal<double>(1, x.cols(), 52);
    CHECK(adjoint_sides(taps, backward, x, direction, upstream).relative_error() < 1e-7);
    // Linear in C and skip: exact up to rounding.
    S4DParameters<double> linear = parameters;
    linear.output = unflat(direction).output;
    linear.skip = unflat(direction).skip;
    const S4DParameters<double> gradient = unflat(backward(upstream));
    const double forward = taps(flat(linear)).cwiseProduct(upstream).sum();
    const double sum =
        (gradient.output.conjugate().cwiseProduct(linear.output)).real().sum() + gradient.skip.dot(linear.skip);
    CHECK(std::abs(forward - sum) < 1e-12 * std::abs(forward));
  }
}

TEST_CASE("gradients in float are those in double", "[s4d]") {
  const S4DParameters<float> parameters = initialised<float>("legs", 32, {0.01, 0.1});
  S4DParameters<double> wide{parameters.log_step.cast<double>(), parameters.lambda.cast<Complex>(),
                             parameters.input.cast<Complex>(), parameters.output.cast<Complex>(),
                             parameters.skip.cast<double>()};
  const RowMatrix<float> upstream = random_normal<float>(2, 1000, 53);
  ThreadPool pool(2);
  const S4DParameters<float> found = S4D<float>(parameters).kernel_backward(upstream, pool);
  const S4DParameters<double> expected = S4D<double>(wide).kernel_backward(upstream.cast<double>());
  // Sums of 1000 products in float: sqrt(1000) roundings.
  CHECK(relative_difference(found.lambda.cast<Complex>(), expected.lambda) < 2e-6);
  CHECK(relative_difference(found.output.cast<Complex>(), expected.output) < 2e-6);
  CHECK(relative_difference(found.input.cast<Complex>(), expected.input) < 2e-6);
  CHECK(relative_difference(found.log_step.cast<double>(), expected.log_step) < 2e-6);
}

TEST_CASE("at other steps the model is the same in continuous time", "[s4d]") {
  const S4DParameters<double> parameters = initialised<double>("lin", 16, {0.01, 0.02});
  const S4D<double> model(parameters), coarse = model.resampled(3);
  CHECK((coarse.parameters().log_step.array() - model.parameters().log_step.array() - std::log(3.0)).abs().maxCoeff() <
        1e-15);
  // A hold of the sampled system at other steps is the hold of the continuous one: powers of the poles.
  const ModalParameters powers = model.system().resampled(3).parameters();
  CHECK((powers.poles - coarse.system().parameters().poles).cwiseAbs().maxCoeff() < 1e-14);
  CHECK((powers.weights - coarse.system().parameters().weights).cwiseAbs().maxCoeff() < 1e-14);
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.resampled(-1), "S4D: expected a ratio above 0, found -1");
}

TEST_CASE("verify finds nothing but rounding in S4D", "[s4d]") {
  const S4D<float> model(initialised<float>("legs", 64, {0.001, 0.1}));
  ModalStream<float> stream(model.system());
  const Agreement agreement =
      verify(model, {.length = 2000}, [&](const auto& input, const auto& output) { stream.process(input, output); });
  CAPTURE(agreement.description);
  CHECK(agreement.agrees());
  CHECK(same_bytes(model.cast<double>().cast<float>().kernel(100), model.kernel(100)));
}

TEST_CASE("a stream of the sampled system has its kernel", "[s4d]") {
  const S4D<float> model(initialised<float>("inv", 32, {0.001, 0.01, 0.1}));
  ModalStream<float> stream(model.system());
  const RowMatrix<float> impulse = unit_impulse<float>(3, 2000);
  RowMatrix<float> output(3, 2000);
  stream.process(signals(impulse), signals(output));
  CHECK(relative_difference(output, model.kernel(2000)) < 4e-6);
}

TEST_CASE("modes that decay are made of any real numbers, with their gradient", "[s4d]") {
  const RowMatrix<double> log_decay = random_normal<double>(2, 3, 54), frequency = random_normal<double>(2, 3, 55);
  const RowMatrix<Complex> lambda = decaying_lambda(log_decay, frequency);
  CHECK(lambda.real().maxCoeff() < 0);
  CHECK(lambda(1, 2) == Complex(-std::exp(log_decay(1, 2)), frequency(1, 2)));
  RowMatrix<Complex> upstream(2, 3);
  upstream.real() = random_normal<double>(2, 3, 56);
  upstream.imag() = random_normal<double>(2, 3, 57);
  const DecayGradient<double> gradient = decaying_lambda_backward(lambda, upstream);
  const auto loss = [&](const RowMatrix<double>& a, const RowMatrix<double>& b) {
    return decaying_lambda(a, b).conjugate().cwiseProduct(upstream).real().sum();
  };
  CHECK(largest_difference(gradient.log_decay,
                           numeric_gradient([&](const auto& x) { return loss(x, frequency); }, log_decay)) < 1e-8);
  CHECK(largest_difference(gradient.frequency,
                           numeric_gradient([&](const auto& x) { return loss(log_decay, x); }, frequency)) < 1e-8);
  CHECK_THROWS_MESSAGE(std::invalid_argument, decaying_lambda(log_decay, RowMatrix<double>(2, 2)),
                       "decaying_lambda: expected as many frequencies as log_decay, 2 x 3, found 2 x 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, decaying_lambda_backward(lambda, RowMatrix<Complex>(1, 3)),
                       "decaying_lambda_backward: expected a gradient of 2 x 3, found 1 x 3");
}

TEST_CASE("S4D says what is wrong with what it is given", "[s4d]") {
  const S4DParameters<float> good = initialised<float>("lin", 8, {0.01, 0.02});
  const auto refused = [&](auto change, const S4DOptions& options = {}) {
    S4DParameters<float> parameters = good;
    change(parameters);
    return message_of([&] { S4D<float>(parameters, options); });
  };
  const auto nothing = [](S4DParameters<float>&) {};
  CHECK(refused(nothing, {.discretization = Discretization::first_order_hold}) ==
        "S4D: expected bilinear, zero_order_hold or dirac, found first_order_hold");
  CHECK(refused([](auto& p) { p.output.resize(2, 3); }) ==
        "S4D: expected output weights of 2 x 4, as there are lambda, found 2 x 3");
  CHECK(refused([](auto& p) { p.input(1, 2) = std::numeric_limits<float>::infinity(); }) ==
        "S4D: expected finite input weights, found one that is not at row 1, column 2");
  CHECK(refused([](auto& p) { p.log_step.resize(1); }) ==
        "S4D: expected a log_step and a skip for each of 2 channels, found 1 and 2");
  CHECK(refused([](auto& p) { p.log_step[1] = std::numeric_limits<float>::quiet_NaN(); }) ==
        "S4D: expected a finite log_step, found nan at 1");
  CHECK(refused([](auto& p) { p.log_step[0] = 1000; }) == "S4D: expected a log_step of -700 to 700, found 1000 at 0");
  CHECK(refused([](auto& p) { p.skip[0] = std::numeric_limits<float>::quiet_NaN(); }) == "S4D: expected a finite skip");
  S4DParameters<double> singular = initialised<double>("lin", 2, {1});
  singular.log_step[0] = 0;
  singular.lambda(0, 0) = 2;  // 1 - d / 2 = 0
  CHECK_THROWS_MESSAGE(NumericalError, S4D<double>(singular, {.discretization = Discretization::bilinear}),
                       "S4D: expected modes that the step can resolve, found lambda 2 + 0 i at step 1");
  CHECK_THROWS_MESSAGE(NumericalError, S4D<double>(singular).kernel(2000), "within range");
}
