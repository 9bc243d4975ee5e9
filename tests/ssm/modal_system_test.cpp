// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/modal_system.hpp>

#include <cmath>
#include <limits>
#include <numbers>
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

static_assert(SequenceModel<ModalSystem<float>> && SequenceModel<ModalSystem<double>>);
static_assert(SequenceModel<ModalSystem<float, Timing::delayed>> && !ModalSystem<float>::coupled);

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Roundings of the scalar, a few for each of the terms that are added (detail/modal_reports.hpp).
template <class Scalar>
constexpr double rounding(Index terms) {
  return (4 + std::sqrt(2.0 * static_cast<double>(terms))) *
         static_cast<double>(std::numeric_limits<Scalar>::epsilon());
}

template <class Scalar, Timing timing>
void check_lengths() {
  // 2 sum |w| exceeds the largest tap at most three times for these seeds, hence the factor. Half a rounding of double
  // for each factor of a power: t |p|^t is at most 3700.
  for (const Index modes : {1, 2, 5, 8, 33}) {
    const ModalParameters parameters = random_modes(3, modes, 10 + static_cast<std::uint64_t>(modes));
    const ModalSystem<Scalar, timing> model(parameters);
    REQUIRE(model.order() == 2 * modes);
    for (const Index length : {1, 2, 3, 7, 23, 24, 25, 127, 128, 129, 1009, 4097}) {
      CAPTURE(modes, length);
      const double drift = 1.1e-16 * static_cast<double>(std::min<Index>(length, 3700));
      const RowMatrix<Scalar> taps = model.kernel(length);
      REQUIRE(taps.rows() == 3);
      REQUIRE(taps.cols() == length);
      const RowMatrix<Scalar> stepped = stepped_kernel(model, std::min<Index>(length, 300));
      for (Index c = 0; c < 3; ++c) {
        const std::vector<long double> expected = naive_taps(parameters, c, length, timing);
        CHECK(error_of_row(taps.row(c), expected) < 3 * (rounding<Scalar>(modes) + drift));
        CHECK(error_of_row(stepped.row(c), expected) < 3 * (rounding<Scalar>(modes) + drift));
      }
    }
    CHECK(model.kernel(0).size() == 0);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("the kernel is the sum of powers at any length, with either timing", "[modal]", float, double) {
  check_lengths<TestType, Timing::current>();
  check_lengths<TestType, Timing::delayed>();
}

TEMPLATE_TEST_CASE("modal system: kernel, step and chunk agree at length 16384 and order 64", "[modal]", float,
                   double) {
  const Index length = effort(16384, 4096), modes = 32;
  const double tolerance = sizeof(TestType) == 4 ? 1e-4 : 1e-10;
  for (const auto& [low, high] : {std::pair{0.5, 0.9}, {0.999, 0.9999}, {1.0, 1.0}}) {
    CAPTURE(low, high);
    const ModalParameters parameters = random_modes(2, modes, 3, low, high);
    const ModalSystem<TestType> model(parameters);
    const RowMatrix<TestType> taps = model.kernel(length);
    const double predicted = model.predicted_error(length);
    CHECK(predicted < tolerance);
    auto state = model.initial_state();
    CHECK(relative_difference(stepped_kernel(model, length), taps) < 4 * predicted);
    CHECK(relative_difference(chunked(model, state, unit_impulse<TestType>(2, length), {length}), taps) <
          4 * predicted);
    // Of the exact kernel: 1e-6 in float. In double, half a rounding for each of the L factors of a power: 2e-12.
    for (Index c = 0; c < 2; ++c) {
      CHECK(error_of_row(taps.row(c), naive_taps(parameters, c, length, Timing::current)) <
            (sizeof(TestType) == 4 ? 1e-6 : 1e-11));
    }
  }
}

TEMPLATE_TEST_CASE("samples through step and chunk, from a state, are those of the recurrence", "[modal]", float,
                   double) {
  const Index modes = 6, length = 2500;  // long enough for blocks, with a rest
  const ModalParameters parameters = random_modes(2, modes, 5, 0.5, 0.999);
  const RowMatrix<TestType> input = random_normal<TestType>(2, length, 6);
  const auto check = [&](const auto& model) {
    using Model = std::remove_cvref_t<decltype(model)>;
    typename Model::State initial = model.initial_state();
    for (Index i = 0; i < initial.size(); ++i) initial.data()[i] = Complex(0.1 * static_cast<double>(i), -0.3);
    typename Model::State stepped = initial, whole = initial, filled = initial;
    const RowMatrix<TestType> output = chunked(model, whole, input, {length});
    model.prefill(filled, signals(input));
    for (Index t = 0; t < length; ++t) {
      Eigen::Matrix<TestType, Eigen::Dynamic, 1> sample = input.col(t);
      model.step(stepped, sample.data(), sample.data());
      CHECK(relative_difference(sample, output.col(t)) < 1e3);  // in place; compared with all of them below
    }
    for (Index c = 0; c < 2; ++c) {
      std::vector<LongComplex> x(static_cast<std::size_t>(modes));
      for (Index n = 0; n < modes; ++n) x[static_cast<std::size_t>(n)] = LongComplex(initial(c, n));
      std::vector<long double> samples(static_cast<std::size_t>(length));
      for (Index t = 0; t < length; ++t) samples[static_cast<std::size_t>(t)] = static_cast<long double>(input(c, t));
      const std::vector<long double> expected = naive_outputs(parameters, c, Model::timing, x, samples);
      // Sums of 2 T + 2 N products that may cancel: tens of roundings of the scalar, relative to the largest output.
      CHECK(error_of_row(output.row(c), expected) < (sizeof(TestType) == 4 ? 2e-6 : 1e-14));
      for (Index n = 0; n < modes; ++n) {
        const LongComplex exact = x[static_cast<std::size_t>(n)];
        // Steps keep the state in double, blocks add inputs in the scalar.
        CHECK(std::abs(LongComplex(stepped(c, n)) - exact) < 1e-12 * (1 + std::abs(exact)));
        CHECK(std::abs(LongComplex(whole(c, n)) - exact) < (sizeof(TestType) == 4 ? 2e-5 : 1e-12));
        CHECK(filled(c, n) == whole(c, n));
      }
    }
  };
  check(ModalSystem<TestType, Timing::current>(parameters));
  check(ModalSystem<TestType, Timing::delayed>(parameters));
}

TEMPLATE_TEST_CASE("modal system: any split of a sequence gives what the whole gives", "[modal]", float, double) {
  const ModalSystem<TestType, Timing::delayed> model(random_modes(3, 9, 7, 0.9, 0.9999));
  const RowMatrix<TestType> input = random_normal<TestType>(3, 4000, 8);
  auto state = model.initial_state();
  const RowMatrix<TestType> whole = chunked(model, state, input, {input.cols()});
  for (const std::vector<Index>& pieces :
       {std::vector<Index>{1}, {1, 2, 3, 700, 7}, {768}, {1500}, {2000, 0, 1}, {3999, 1}}) {
    auto other = model.initial_state();
    CHECK(relative_difference(chunked(model, other, input, pieces), whole) < (sizeof(TestType) == 4 ? 1e-6 : 1e-12));
    CHECK(relative_difference(other, state) < (sizeof(TestType) == 4 ? 1e-6 : 1e-12));
  }
  RowMatrix<TestType> place = input;  // input and output in the same memory
  auto other = model.initial_state();
  model.chunk(other, signals(std::as_const(place)), signals(place));
  CHECK(same_bytes(place, whole));
}

TEST_CASE("channels do not meet, and threads do not change a bit", "[modal]") {
  const Index channels = 19, length = 1500;
  const ModalParameters parameters = random_modes(channels, 5, 9);
  const ModalSystem<float> model(parameters);
  ThreadPool pool(3);
  const RowMatrix<float> taps = model.kernel(length), input = random_normal<float>(channels, length, 1);
  auto state = model.initial_state(), pooled = state;
  const RowMatrix<float> output = chunked(model, state, input, {length});
  RowMatrix<float> other(channels, length);
  model.chunk(pooled, signals(input), signals(other), pool);
  CHECK(same_bytes(model.kernel(length, pool), taps));
  CHECK(same_bytes(other, output));
  CHECK(same_bytes(pooled, state));
  const ModalParameters gradient = model.kernel_backward(taps), same = model.kernel_backward(taps, pool);
  CHECK((same_bytes(gradient.poles, same.poles) && same_bytes(gradient.weights, same.weights)));
  for (const Index c : {0, 7, 18}) {
    const ModalSystem<float> single(
        {parameters.poles.row(c), parameters.weights.row(c), parameters.skip.segment(c, 1)});
    auto alone = single.initial_state();
    CHECK(same_bytes<RowMatrix<float>>(single.kernel(length), taps.row(c)));
    CHECK(same_bytes<RowMatrix<float>>(chunked(single, alone, input.row(c), {length}), output.row(c)));
    CHECK(same_bytes<RowMatrix<Complex>>(alone, state.row(c)));
    CHECK(same_bytes<RowMatrix<Complex>>(single.kernel_backward(taps.row(c)).poles, gradient.poles.row(c)));
  }
}

TEMPLATE_TEST_CASE("the gradient of the kernel is that of the sum of powers", "[modal]", float, double) {
  // S0 and S1 in long double. Float: roundings of the tables and of sums of sqrt(L) products.
  const auto check = [](const auto& model, Index length) {
    using Model = std::remove_cvref_t<decltype(model)>;
    const ModalParameters& parameters = model.parameters();
    const RowMatrix<TestType> upstream = random_normal<TestType>(model.channels(), length, 11);
    const ModalParameters gradient = model.kernel_backward(upstream);
    const Index lag = Model::timing == Timing::delayed ? 1 : 0;
    double worst = 0, size = 1e-300, worst_pole = 0, size_pole = 1e-300;
    for (Index c = 0; c < model.channels(); ++c) {
      CHECK(gradient.skip[c] == static_cast<double>(upstream(c, 0)));
      for (Index n = 0; n < model.modes(); ++n) {
        const LongComplex pole(parameters.poles(c, n)), weight(parameters.weights(c, n));
        LongComplex power = 1, before = 0, s0 = 0, s1 = 0;
        for (Index t = 0; t + lag < length; ++t) {
          const auto g = static_cast<long double>(upstream(c, t + lag));
          s0 += g * power;
          s1 += g * static_cast<long double>(t) * before;
          before = power;
          power *= pole;
        }
        const LongComplex of_weight = 2.0L * std::conj(s0), of_pole = 2.0L * std::conj(weight * s1);
        const auto size_of = [](const LongComplex& z) { return static_cast<double>(std::abs(z)); };
        worst = std::max(worst, size_of(LongComplex(gradient.weights(c, n)) - of_weight));
        size = std::max(size, size_of(of_weight));
        worst_pole = std::max(worst_pole, size_of(LongComplex(gradient.poles(c, n)) - of_pole));
        size_pole = std::max(size_pole, size_of(of_pole));
      }
    }
    CAPTURE(length, model.modes());
    CHECK(worst < (sizeof(TestType) == 4 ? 1e-6 : 1e-12) * size);
    CHECK(worst_pole < (sizeof(TestType) == 4 ? 1e-6 : 1e-12) * size_pole);
  };
  for (const Index length : {2, 3, 24, 25, 131, 1024, 5003}) {
    check(ModalSystem<TestType>(random_modes(2, 7, 12)), length);
    check(ModalSystem<TestType, Timing::delayed>(random_modes(2, 33, 13)), length);
  }
  check(ModalSystem<TestType>(random_modes(1, 2, 14, 1.0, 1.5)), 60);  // unstable
  ModalParameters zero = random_modes(1, 3, 15);
  zero.poles(0, 1) = 0;
  check(ModalSystem<TestType>(zero), 50);
}

TEST_CASE("the backward pass of the kernel passes central differences and the adjoint identity", "[modal]") {
  const Index length = 37, modes = 3;
  ModalParameters parameters = random_modes(1, modes, 16, 0.3, 0.95);
  const RowMatrix<double> upstream = random_normal<double>(1, length, 17);
  const ModalParameters gradient = ModalSystem<double>(parameters).kernel_backward(upstream);
  const auto loss = [&](const ModalParameters& p) {
    return ModalSystem<double>(p).kernel(length).cwiseProduct(upstream).sum();
  };
  // Real and imaginary parts as a row of real numbers.
  const auto split = [](const RowMatrix<Complex>& z) {
    return RowMatrix<double>(
        Eigen::Map<const RowMatrix<double>>(reinterpret_cast<const double*>(z.data()), 1, 2 * z.size()));
  };
  const auto join = [](const RowMatrix<double>& x) {
    return RowMatrix<Complex>(
        Eigen::Map<const RowMatrix<Complex>>(reinterpret_cast<const Complex*>(x.data()), 1, x.size() / 2));
  };
  const RowMatrix<double> poles = numeric_gradient(
      [&](const RowMatrix<double>& x) {
        return loss({join(x), parameters.weights, parameters.skip});
      },
      split(parameters.poles));
  const RowMatrix<double> weights = numeric_gradient(
      [&](const RowMatrix<double>& x) {
        return loss({parameters.poles, join(x), parameters.skip});
      },
      split(parameters.weights));
  CHECK(largest_difference(split(gradient.poles), poles) < 1e-7);
  CHECK(largest_difference(split(gradient.weights), weights) < 1e-8);
  // The kernel is linear in the weights: both sides exactly, up to rounding.
  const ModalParameters direction{parameters.poles, join(random_normal<double>(1, 2 * modes, 18)),
                                  random_normal<double>(1, 1, 19).transpose()};
  const double forward = loss(direction);
  const double backward =
      split(gradient.weights).cwiseProduct(split(direction.weights)).sum() + gradient.skip.dot(direction.skip);
  CHECK(std::abs(forward - backward) < 1e-12 * std::abs(forward));
}

TEST_CASE("the energy beyond a length is the sum of squares of all taps there", "[modal]") {
  const ModalParameters parameters = random_modes(2, 5, 20, 0.3, 0.97);
  const auto check = [&](const auto& model) {
    for (const Index length : {0, 1, 2, 10, 100}) {
      const Eigen::VectorXd energy = model.tail_energy(length);
      for (Index c = 0; c < 2; ++c) {
        const std::vector<long double> taps =
            naive_taps(parameters, c, 2000, std::remove_cvref_t<decltype(model)>::timing);  // 0.97^2000 = 1e-26
        long double sum = 0, all = 0;
        for (std::size_t t = 0; t < taps.size(); ++t) {
          all += taps[t] * taps[t];
          if (t >= static_cast<std::size_t>(length)) sum += taps[t] * taps[t];
        }
        CHECK(std::abs(energy[c] - static_cast<double>(sum)) < 1e-12 * static_cast<double>(all));
      }
    }
  };
  check(ModalSystem<double>(parameters));
  check(ModalSystem<float, Timing::delayed>(parameters));
}

TEST_CASE("poles on the circle and outside give finite reports, and no kernel that is not a number", "[modal]") {
  constexpr double most = std::numeric_limits<double>::max();
  const auto with_pole = [](Complex pole, Complex weight = {1, 0.5}) {
    return ModalParameters{RowMatrix<Complex>::Constant(1, 1, pole), RowMatrix<Complex>::Constant(1, 1, weight), {}};
  };
  const ModalSystem<float> integrator(with_pole(1));
  CHECK(integrator.kernel(1000).isConstant(2.0f, 1e-6f));
  CHECK(integrator.tail_energy(10)[0] == most);
  CHECK(integrator.spectral_radius() == 1);
  CHECK(integrator.predicted_error(100000) < 1e-6);
  const ModalSystem<float> unstable(with_pole({0, 1.1}));
  CHECK(unstable.kernel(900).allFinite());  // 1.1^900 = 2e37
  CHECK(unstable.tail_energy(10)[0] == most);
  CHECK(unstable.predicted_error(900) < 1e-5);
  CHECK(unstable.predicted_error(16384) == 1);
  CHECK_THROWS_MESSAGE(NumericalError, unstable.kernel(16384),
                       "ModalSystem: expected 16384 taps within range, found a pole of modulus 1.1 in channel 0");
  CHECK_THROWS_MESSAGE(NumericalError, unstable.kernel_backward(RowMatrix<float>::Ones(1, 16384)), "within range");
  const ModalSystem<double> wide(with_pole({0, 1.1}));
  CHECK(wide.kernel(7000).allFinite());  // 1.1^7000 = 1e290
  const ModalSystem<float> far(with_pole(1e20));
  CHECK(far.kernel(2).allFinite());
  CHECK(far.kernel_backward(RowMatrix<float>::Ones(1, 2)).poles.allFinite());
  const ModalSystem<float> unheard(with_pole(2, 0));
  CHECK(unheard.tail_energy(10)[0] == 0);
  CHECK(unheard.kernel(20).isZero());
  CHECK(unheard.predicted_error(20) < 1e-6);
  const ModalSystem<double> silent(with_pole(0));
  CHECK(silent.kernel(5) == (RowMatrix<double>(1, 5) << 2, 0, 0, 0, 0).finished());
  CHECK(silent.tail_energy(1)[0] == 0);
}

TEST_CASE("a system at other steps keeps the response to held inputs", "[modal]") {
  // Twice the step: the sum of two taps of the step response, sampled. h2[t] = h[2t - 1] + h[2t] of the running sums.
  const ModalParameters parameters = random_modes(1, 4, 21, 0.5, 0.95);
  const ModalSystem<double> model({parameters.poles, parameters.weights, {}});
  const ModalSystem<double> twice = model.resampled(2), back = twice.resampled(0.5);
  CHECK((twice.parameters().poles - parameters.poles.cwiseProduct(parameters.poles)).cwiseAbs().maxCoeff() < 1e-14);
  const auto running_sum = [](const RowMatrix<double>& taps, Index t) { return taps.leftCols(t + 1).sum(); };
  const RowMatrix<double> fine = model.kernel(101), coarse = twice.kernel(50);
  for (Index t = 0; t < 50; ++t) CHECK(std::abs(running_sum(coarse, t) - running_sum(fine, 2 * t + 1)) < 1e-12);
  // The other way round angles beyond a quarter turn come back as others: compared where they are below.
  for (Index n = 0; n < 4; ++n) {
    if (std::abs(std::arg(parameters.poles(0, n))) < std::numbers::pi / 2) {
      CHECK(std::abs(back.parameters().weights(0, n) - parameters.weights(0, n)) < 1e-13);
    }
  }
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.resampled(0), "ModalSystem: expected a ratio above 0, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.resampled(not_a_number), "expected a finite ratio, found nan");
}

TEST_CASE("the form for conversions has the same impulse response", "[modal]") {
  ModalParameters parameters = random_modes(2, 4, 22, 0.5, 0.95);
  parameters.poles(1, 2) = -0.7;  // real: it stands once, with its whole weight
  const auto check = [&](const auto& model) {
    const ModalForm form = model.form(1);
    CHECK(form.order() == 7);
    CHECK(form.poles.imag().minCoeff() >= 0);
    CHECK((impulse_response(form, 60).transpose() - model.kernel(60).row(1)).cwiseAbs().maxCoeff() < 1e-13);
  };
  check(ModalSystem<double>(parameters));
  check(ModalSystem<double, Timing::delayed>(parameters));
  CHECK_THROWS_MESSAGE(std::invalid_argument, ModalSystem<double>(parameters).form(2),
                       "ModalSystem: expected a channel below 2, found 2");
}

TEST_CASE("verify finds nothing but rounding, also on the circle", "[modal]") {
  const ModalSystem<float> model(random_modes(2, 16, 25, 1, 1));
  const Agreement agreement = verify(model, {.length = 3000});
  CAPTURE(agreement.description);
  CHECK(agreement.agrees());
  CHECK(same_bytes(model.cast<double>().cast<float>().kernel(100), model.kernel(100)));
}

TEST_CASE("steps allocate nothing", "[modal]") {
  if (sanitized) return;
  const ModalSystem<float> model(random_modes(4, 7, 23));
  auto state = model.initial_state();
  const float samples[4] = {1, 2, 3, 4};
  float results[4];
  CHECK(allocations_in([&] {
          for (int t = 0; t < 100; ++t) model.step(state, samples, results);
        }) == 0);
}

TEST_CASE("empty systems have empty results", "[modal]") {
  const ModalSystem<double> none(ModalParameters{});
  CHECK(none.kernel(5).rows() == 0);
  CHECK(none.predicted_error(5) == 0);
  const ModalSystem<double> direct({RowMatrix<Complex>(2, 0), RowMatrix<Complex>(2, 0), Eigen::Vector2d(3, 4)});
  CHECK(direct.kernel(2) == (RowMatrix<double>(2, 2) << 3, 0, 4, 0).finished());
  auto state = direct.initial_state();
  const RowMatrix<double> input = random_normal<double>(2, 2000, 1);
  CHECK(chunked(direct, state, input, {2000}) ==
        (RowMatrix<double>(2, 2000) << 3 * input.row(0), 4 * input.row(1)).finished());
}

TEST_CASE("a modal system says what is wrong with what it is given", "[modal]") {
  ModalParameters parameters = random_modes(2, 3, 24);
  const auto refused = [](ModalParameters p) {
    return message_of<std::invalid_argument>([&] { ModalSystem<float>{std::move(p)}; });
  };
  CHECK(refused({parameters.poles, RowMatrix<Complex>(2, 2), {}}) ==
        "ModalSystem: expected weights of 2 x 3 and a skip of 2, as there are poles, found 2 x 2 and 2");
  CHECK(refused({parameters.poles, parameters.weights, Eigen::VectorXd(1)}) ==
        "ModalSystem: expected weights of 2 x 3 and a skip of 2, as there are poles, found 2 x 3 and 1");
  ModalParameters broken = parameters;
  broken.poles(1, 2) = {0, not_a_number};
  CHECK(refused(broken) == "ModalSystem: expected finite poles, found one that is not at row 1, column 2");
  broken = parameters;
  broken.weights(0, 1) = std::numeric_limits<double>::infinity();
  CHECK(refused(broken) == "ModalSystem: expected finite weights, found one that is not at row 0, column 1");
  broken = parameters;
  broken.skip[1] = not_a_number;
  CHECK(refused(broken) == "ModalSystem: expected a finite skip");

  const ModalSystem<float> model(parameters);
  auto state = model.initial_state(), wrong = ModalSystem<float>::State(2, 2);
  float samples[2] = {1, static_cast<float>(not_a_number)};
  const auto before = state;
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.step(state, samples, samples),
                       "ModalSystem: expected finite samples, found nan in channel 1");
  CHECK(same_bytes(state, before));
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.step(wrong, samples, samples),
                       "ModalSystem: expected a state of 2 x 3, found 2 x 2");
  RowMatrix<float> input = RowMatrix<float>::Ones(2, 9), output(2, 8), three(3, 9);
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.chunk(state, signals(input), signals(output)),
                       "expected an output of batch 1, 2 channels and 9 samples, found 1, 2 and 8");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.prefill(state, signals(three)),
                       "expected an input of batch 1 and 2 channels, found 1 and 3");
  input(1, 4) = std::numeric_limits<float>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.prefill(state, signals(input)),
                       "ModalSystem: expected finite samples, found inf in channel 1 at 4");
  CHECK(same_bytes(state, before));
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.kernel(-1),
                       "ModalSystem: expected a length of at least 0, found -1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.kernel_backward(three),
                       "ModalSystem: expected the gradient of 2 kernels, found 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, model.kernel_backward(input),
                       "ModalSystem: expected finite gradient, found inf at vector 1, component 4");
}
