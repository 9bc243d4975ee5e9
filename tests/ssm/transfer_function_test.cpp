// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/transfer_function.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <vector>

#include <tessera/core/thread_pool.hpp>
#include <tessera/ssm/model.hpp>

#include "ssm/rational_cases.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/sanitized.hpp"

using namespace tessera;
using namespace tessera::testing;

static_assert(SequenceModel<RationalTransferFunction<float>>);
static_assert(SequenceModel<RationalTransferFunction<double>>);

namespace {

constexpr RationalKernelOptions periodic_options{.truncation = KernelTruncation::periodic};

template <class Scalar>
RationalTransferFunction<Scalar> random_channels(Index channels, Index order, double radius, std::uint64_t seed) {
  std::vector<DirectForm> forms;
  for (Index c = 0; c < channels; ++c)
    forms.push_back(random_filter(order, radius, seed + static_cast<std::uint64_t>(c)));
  return RationalTransferFunction<Scalar>(forms);
}

/// The response of step to an impulse.
template <class Scalar>
RowMatrix<Scalar> stepped_impulse(const RationalTransferFunction<Scalar>& model, Index length) {
  RowMatrix<Scalar> taps(model.channels(), length);
  auto state = model.initial_state();
  Eigen::VectorX<Scalar> sample = Eigen::VectorX<Scalar>::Ones(model.channels());
  for (Index t = 0; t < length; ++t) {
    model.step(state, sample.data(), sample.data());
    taps.col(t) = sample;
    sample.setZero();
  }
  return taps;
}

std::vector<long double> row_of(const RowMatrix<double>& matrix, Index row) {
  return {matrix.data() + row * matrix.cols(), matrix.data() + (row + 1) * matrix.cols()};
}

/// A trained model is free in its numerator: any b~ belongs to some kernel of its length.
template <class Scalar>
RationalTransferFunction<Scalar> trained_model(Index order, double radius, std::uint64_t seed) {
  TransferFunctionParameters<Scalar> values;
  values.denominator = random_denominator(order, radius, seed).transpose().template cast<Scalar>();
  values.numerator = random_normal<Scalar>(1, order, seed);
  values.skip = RowMatrix<Scalar>::Ones(1, 1);
  return RationalTransferFunction<Scalar>(values);
}

}  // namespace

TEMPLATE_TEST_CASE("step, chunk and kernel agree within the prediction", "[transfer]", float, double) {
  const double epsilon = static_cast<double>(std::numeric_limits<TestType>::epsilon());
  for (const Index order : {0, 1, 3, 64, 129, 300}) {
    for (const double radius : {0.9, 0.999}) {
      const auto model = random_channels<TestType>(3, order, radius, 2);
      const Index length = 2000;
      const double bound = 4 * model.predicted_error(length);
      CAPTURE(order, radius, bound);
      CHECK(bound >= 4 * epsilon);
      const RowMatrix<TestType> taps = model.kernel(length), stepped = stepped_impulse(model, length);
      RowMatrix<TestType> impulse = RowMatrix<TestType>::Zero(3, length), chunked(3, length);
      impulse.col(0).setOnes();
      auto state = model.initial_state();
      model.chunk(state, signals(static_cast<const RowMatrix<TestType>&>(impulse)), signals(chunked));
      for (Index c = 0; c < 3; ++c) {
        const std::vector<long double> exact = impulse_of(model.form(c), length);
        CHECK(worst_difference(taps.row(c), exact) < bound);
        CHECK(worst_difference(stepped.row(c), exact) < bound);
        CHECK(worst_difference(chunked.row(c), exact) < bound);
      }
    }
  }
}

TEST_CASE("order 64 at length 16384 agrees to the digits of the scalar", "[transfer]") {
  const auto model = random_channels<double>(1, 64, 0.9995, 3);
  const RowMatrix<double> taps = model.kernel(16384);
  CHECK(worst_difference(stepped_impulse(model, 16384).row(0), row_of(taps, 0)) < 1e-10);
  const auto floats = random_channels<float>(1, 64, 0.9995, 3);
  const double bound = 4 * floats.predicted_error(16384);
  CHECK(worst_difference(stepped_impulse(floats, 16384).row(0), impulse_of(floats.form(0), 16384)) < bound);
}

TEST_CASE("transfer function: any split of a sequence gives what the whole gives", "[transfer]") {
  for (const Index order : {0, 1, 7, 130, 400}) {
    const auto model = random_channels<double>(5, order, 0.97, 6);
    const Index length = 1500;
    const RowMatrix<double> u = random_normal<double>(5, length, 1);
    RowMatrix<double> whole(5, length), parts(5, length);
    auto end = model.initial_state(), state = model.initial_state(), prefilled = model.initial_state();
    for (Index t = 0; t < length; ++t) {
      const Eigen::VectorXd sample = u.col(t);
      Eigen::VectorXd result(5);
      model.step(end, sample.data(), result.data());
      whole.col(t) = result;
    }
    Index done = 0;
    for (const Index piece : {1, 2, 0, 255, 500, 400, 256, 86}) {  // also shorter and longer than the order
      const RowMatrix<double> part = u.middleCols(done, piece);
      RowMatrix<double> result = part;  // in place
      model.chunk(state, signals(static_cast<const RowMatrix<double>&>(result)), signals(result));
      parts.middleCols(done, piece) = result;
      model.prefill(prefilled, signals(part));
      done += piece;
    }
    CAPTURE(order);
    REQUIRE(done == length);
    CHECK(largest_difference(parts, whole) < 1e-12);
    CHECK(largest_difference(state, end) < 1e-12);
    CHECK((prefilled.array() == state.array()).all());
    auto at_once = model.initial_state();
    model.prefill(at_once, signals(u));
    CHECK(largest_difference(at_once, end) < 1e-12);
  }
}

TEST_CASE("signals are convolved with the kernel", "[transfer]") {
  const auto model = random_channels<double>(3, 10, 0.95, 4);
  const Index length = 700;
  const RowMatrix<double> u = random_normal<double>(6, length, 2);
  const RowMatrix<double> y = model.apply({u.data(), 2, 3, length});
  for (Index b = 0; b < 2; ++b) {
    RowMatrix<double> expected(3, length);
    const RowMatrix<double> part = u.middleRows(3 * b, 3);
    auto state = model.initial_state();
    model.chunk(state, signals(part), signals(expected));
    CHECK(largest_difference(y.middleRows(3 * b, 3), expected) < 1e-12);
  }
  CHECK(model.apply({u.data(), 0, 3, length}).rows() == 0);
  CHECK(model.kernel(0).cols() == 0);
}

TEST_CASE("a pure delay delays", "[transfer]") {
  DirectForm delay;
  delay.denominator = delay.numerator = Eigen::VectorXd::Zero(9);
  delay.numerator[8] = 1;
  const RationalTransferFunction<float> model({delay});
  const RowMatrix<float> u = random_normal<float>(1, 50, 1);
  RowMatrix<float> y(1, 50);
  auto state = model.initial_state();
  model.chunk(state, signals(u), signals(y));
  CHECK((y.leftCols(9).array() == 0).all());
  CHECK((y.rightCols(41).array() == u.leftCols(41).array()).all());
}

TEST_CASE("a deployed filter responds with the kernel that was trained", "[transfer]") {
  for (const Index length : {1024, 1023, 301}) {  // odd lengths as well
    for (const double radius : {0.9, 1.006}) {
      CAPTURE(length, radius);
      const auto trained = trained_model<double>(128, radius, 5);
      const RowMatrix<double> kernel = trained.kernel(length, periodic_options);
      const auto deployed = trained.deployed(length);
      CHECK(worst_difference(stepped_impulse(deployed.form, length).row(0), row_of(kernel, 0)) < 1e-11);
      CHECK(deployed.certificate.residual < 1e-11);
      CHECK(deployed.certificate.length == length);
      CHECK(deployed.certificate.condition > 1);
      // And back to what was trained, which is unique.
      const auto back = deployed.form.periodic(length);
      CHECK(largest_difference(back.form.values().numerator, trained.values().numerator) < 1e-9);
      CHECK(largest_difference(back.form.values().skip, trained.values().skip) < 1e-10);

      const auto floats = trained_model<float>(128, radius, 5);
      const RowMatrix<double> wanted = floats.in_doubles().kernel(length, periodic_options);
      const auto certified = floats.deployed(length);
      // Coefficients rounded to floats, amplified by at most the condition.
      const double bound = 1e-5 * (radius > 1 ? 10 : 1);
      CHECK(worst_difference(stepped_impulse(certified.form, length).row(0), row_of(wanted, 0)) < bound);
    }
  }
}

TEST_CASE("what published code gets wrong about deployment is right here", "[transfer]") {
  const Index order = 6, length = 33;
  const auto trained = trained_model<double>(order, 1.05, 8);
  const RowMatrix<double> kernel = trained.kernel(length, periodic_options);
  const DirectForm given = trained.form(0);
  // 1. The row C solves the transposed equations: what was found is put into them.
  Eigen::MatrixXd factor = Eigen::MatrixXd::Identity(order, order), power = factor;
  for (Index i = 0; i < length; ++i) power = (power * companion_matrix(given.denominator)).eval();
  factor -= power;
  DirectForm right = given, wrong = given;
  right.numerator = trained.deployed(length).form.form(0).numerator;
  CHECK((factor.transpose() * right.numerator - given.numerator).cwiseAbs().maxCoeff() < 1e-12);
  CHECK((factor * right.numerator - given.numerator).cwiseAbs().maxCoeff() > 0.1);
  // 2. Lag 0 has the tap h_L wrapped onto it: a filter with the trained h_0 is wrong there, and only there.
  const RowMatrix<double> kept = RationalTransferFunction<double>({right}).kernel(length);
  CHECK(std::abs(kept(0, 0) - kernel(0, 0)) > 0.01);
  CHECK(largest_difference(kept.rightCols(length - 1), kernel.rightCols(length - 1)) < 1e-11);
  const double wrapped = detail::tap_of(right.numerator, right.denominator, length);
  CHECK(trained.deployed(length).form.values().skip(0, 0) == Catch::Approx(given.skip + wrapped).epsilon(1e-11));
  // 3. An odd length is not padded to the next even one: numerators of 33 and 34 differ.
  wrong.numerator = trained.deployed(length + 1).form.form(0).numerator;
  const RowMatrix<double> padded = RationalTransferFunction<double>({wrong}).kernel(length);
  CHECK(largest_difference(padded.rightCols(length - 1), kernel.rightCols(length - 1)) > 0.01);
}

TEST_CASE("step goes on where a kernel ends", "[transfer]") {
  // A free b~ defines a filter whose first taps are the kernel; after them it rings on, where the kernel is zero.
  const auto deployed = trained_model<double>(4, 0.999, 3).deployed(64);
  const RowMatrix<double> rings = stepped_impulse(deployed.form, 128);
  CHECK(rings.rightCols(64).cwiseAbs().maxCoeff() > 0.01);
}

TEST_CASE("reports name the weakest node", "[transfer]") {
  DirectForm tone;
  tone.denominator = denominator_of_pairs({2 * std::numbers::pi * 12 / 256}, 0.99);
  tone.numerator = Eigen::VectorXd::Ones(2);
  DirectForm integrator = tone;
  integrator.denominator << -1, 0;
  const RationalTransferFunction<float> model({tone, integrator});
  const std::vector<NodeReport> reports = model.node_reports(256);
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].node == 12);
  const double a1 = model.values().denominator(0, 0), a2 = model.values().denominator(0, 1);
  const std::complex<double> z = std::polar(1.0, -2 * std::numbers::pi * 12 / 256);
  CHECK(reports[0].smallest == Catch::Approx(std::abs(1.0 + a1 * z + a2 * z * z)).epsilon(1e-12));
  CHECK(reports[0].norm == Catch::Approx(1 + std::abs(a1) + std::abs(a2)));
  CHECK(reports[0].predicted_error == Catch::Approx(static_cast<double>(std::numeric_limits<float>::epsilon()) *
                                                    reports[0].norm / reports[0].smallest));
  CHECK_FALSE(reports[0].pole_on_node);
  CHECK(reports[1].pole_on_node);
  CHECK(reports[1].node == 0);
  CHECK(reports[1].predicted_error == 1);
  CHECK(model.spectral_radius() == Catch::Approx(1).epsilon(1e-9));
  CHECK(model.predicted_error(256) < 1);  // a sum over 256 samples, not an endless one
}

TEST_CASE("companion forms have the same response", "[transfer]") {
  const auto model = random_channels<double>(2, 7, 0.9, 1);
  for (Index c = 0; c < 2; ++c) {
    const Eigen::VectorXd taps = impulse_response(model.companion(c), 200);
    CHECK(worst_difference(taps, impulse_of(model.form(c), 200)) < 1e-13);
  }
  CHECK(random_channels<double>(1, 0, 0.9, 1).companion(0).order() == 0);
}

TEST_CASE("filters of different order stand side by side", "[transfer]") {
  const std::vector<DirectForm> forms = {random_filter(2, 0.9, 1), random_filter(5, 0.9, 2), random_filter(0, 0.9, 3)};
  const RationalTransferFunction<double> model(forms);
  CHECK(model.order() == 5);
  CHECK(model.groups() == 3);
  const RowMatrix<double> taps = model.kernel(100);
  for (Index c = 0; c < 3; ++c) {
    CHECK(worst_difference(taps.row(c), impulse_of(forms[static_cast<std::size_t>(c)], 100)) < 1e-13);
  }
}

TEST_CASE("threads change no bit of a chunk", "[transfer]") {
  ThreadPool pool(3);
  for (const Index order : {20, 200}) {
    const auto model = random_channels<float>(11, order, 0.95, 2);
    const RowMatrix<float> u = random_normal<float>(11, 600, 1);
    RowMatrix<float> serial(11, 600), threaded(11, 600);
    auto one = model.initial_state(), two = model.initial_state();
    model.chunk(one, signals(u), signals(serial));
    model.chunk(two, signals(u), signals(threaded), pool);
    CHECK((serial.array() == threaded.array()).all());
    CHECK((one.array() == two.array()).all());
    const RationalTransferFunction<float> last({model.form(10)});
    auto alone = last.initial_state();
    RowMatrix<float> single = u.row(10);
    last.chunk(alone, signals(static_cast<const RowMatrix<float>&>(single)), signals(single));
    CHECK((single.array() == serial.row(10).array()).all());
  }
}

TEST_CASE("transfer function: a step allocates nothing", "[transfer]") {
  const auto model = random_channels<float>(4, 30, 0.9, 1);
  auto state = model.initial_state();
  float samples[4] = {1, 2, 3, 4};
  if (!sanitized) CHECK(allocations_in([&] { model.step(state, samples, samples); }) == 0);
}

TEST_CASE("parameters are listed for an optimiser", "[transfer]") {
  auto model = random_channels<float>(4, 3, 0.9, 1);
  RationalTransferFunction<float>::Values gradient;
  Parameters<float> list;
  model.add_to(list, "filter", gradient);
  CHECK(list.size() == 4 * 3 + 4 * 3 + 4);
  CHECK(list.find("filter.denominator") != nullptr);
}

TEST_CASE("transfer functions say what is wrong with their arguments", "[transfer]") {
  using Model = RationalTransferFunction<float>;
  using Matrix = RowMatrix<float>;
  const auto zeros = [](Index rows, Index cols) { return Matrix(Matrix::Zero(rows, cols)); };
  CHECK_THROWS_MESSAGE(std::invalid_argument, Model({zeros(4, 3), zeros(4, 2), zeros(1, 4)}),
                       "expected denominators of order 3, as numerators are, found 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Model({zeros(4, 3), zeros(3, 3), zeros(1, 4)}),
                       "expected a number of denominators that divides the 4 channels, found 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Model({zeros(4, 3), zeros(0, 3), zeros(1, 4)}), "found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Model({zeros(4, 3), zeros(2, 3), zeros(1, 3)}),
                       "expected a skip of 1 x 4, found 1 x 3");
  Matrix bad = zeros(2, 3);
  bad(1, 2) = std::numeric_limits<float>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, Model({zeros(2, 3), bad, zeros(1, 2)}),
                       "RationalTransferFunction: expected finite denominators, found inf at vector 1, component 2");
  DirectForm form = random_filter(2, 0.5, 1);
  form.numerator = Eigen::VectorXd::Ones(3);
  CHECK_THROWS_MESSAGE(std::invalid_argument, Model(std::vector<DirectForm>{form}),
                       "expected at most as many coefficients of a numerator as the order 2, found 3");

  const Model model({zeros(2, 3), zeros(1, 3), zeros(1, 2)});
  Model::State state = model.initial_state(), wrong = zeros(2, 4);
  float samples[2] = {0, std::numeric_limits<float>::quiet_NaN()};
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.step(wrong, samples, samples),
                       "RationalTransferFunction: expected a state of 2 x 3, found 2 x 4");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.step(state, samples, samples),
                       "RationalTransferFunction: expected finite samples, found nan at channel 1, sample 0");
  const Matrix u = zeros(3, 5);
  Matrix y = zeros(2, 4);
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.prefill(state, signals(u)),
                       "expected an input of batch 1 and 2 channels, found 1 and 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.chunk(state, Signals<const float>(u.data(), 1, 2, 5), signals(y)),
                       "expected an output of batch 1, 2 channels and 5 samples, found 1, 2 and 4");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.apply(signals(u)), "expected signals of 2 channels, found 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.kernel(-1), "expected a length of at least 0, found -1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.kernel_backward(y, zeros(2, 5)),
                       "expected taps and their gradient of 2 channels and one length, found 2 x 4 and 2 x 5");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.form(2), "expected a channel below 2, found 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.deployed(3), "expected a length above the order 3, found 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.node_reports(0), "expected a length of at least 1, found 0");
  // Poles at a radius where floats lose everything: refused with the figure.
  DirectForm crowded;
  crowded.denominator = denominator_of_pairs(std::vector<double>(8, 0.01), 0.99);
  crowded.numerator = Eigen::VectorXd::Ones(16);
  CHECK_THROWS_MESSAGE(NumericalError, Model({crowded}).deployed(100, 1e-12), "RationalTransferFunction: expected");
}
