// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/fft/mdct.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <stdexcept>
#include <vector>

#include <tessera/core/finite.hpp>
#include <tessera/core/thread_pool.hpp>

#include "fft/naive_fourier.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;
using tessera::signals;
using tessera::Signals;

namespace {

constexpr long double pi = 3.141592653589793238462643383279502884L;

template <class Scalar>
using Transform = ModifiedCosineTransform<Scalar>;

/// Frame lengths below, at and above the lanes of vectors, of both layouts, with halves odd and even.
constexpr Index frame_lengths[] = {2, 4, 6, 10, 16, 18, 32, 34, 62, 64, 90, 128, 254, 256, 512};

std::vector<Index> signal_lengths(Index n) { return {0, 1, n - 1, n, n + 1, 2 * n, 10 * n + 3, 40 * n - 1}; }

/// The window of the Vorbis specification, which also satisfies Princen and Bradley's condition.
template <class Scalar>
std::vector<Scalar> vorbis_window(Index n) {
  std::vector<Scalar> window;
  for (Index i = 0; i < 2 * n; ++i) {
    const long double inner = std::sin(pi * (static_cast<long double>(i) + 0.5L) / static_cast<long double>(2 * n));
    window.push_back(static_cast<Scalar>(std::sin(pi / 2 * inner * inner)));
  }
  return window;
}

/// cos(pi / N (n + 1/2 + N / 2) (k + 1/2)) = cos(2 pi (2 n + 1 + N) (2 k + 1) / (8 N)).
long double cosine(Index n, Index k, Index length) {
  return circle_point((2 * n + 1 + length) * (2 * k + 1) % (8 * length), 8 * length, 1).real();
}

/// The sums over a frame of 2 N samples, in long double.
template <class Scalar>
std::vector<LongComplex> naive_frame(const std::vector<long double>& x, std::span<const Scalar> window) {
  const auto length = static_cast<Index>(x.size()) / 2;
  const long double factor = std::sqrt(2.0L / static_cast<long double>(length));
  std::vector<LongComplex> result;
  for (Index k = 0; k < length; ++k) {
    long double sum = 0;
    for (Index n = 0; n < 2 * length; ++n) {
      const auto at = static_cast<std::size_t>(n);
      sum += static_cast<long double>(window[at]) * x[at] * cosine(n, k, length);
    }
    result.push_back(factor * sum);
  }
  return result;
}

/// Samples (t - 1) N ... (t + 1) N - 1 of a signal that is zero outside.
template <class Row>
std::vector<long double> frame_of(const Row& signal, Index t, Index length) {
  std::vector<long double> result;
  for (Index n = (t - 1) * length; n < (t + 1) * length; ++n) {
    result.push_back(n >= 0 && n < signal.size() ? static_cast<long double>(signal[n]) : 0.0L);
  }
  return result;
}

template <class Scalar>
RowMatrix<Scalar> padded_frames(const RowMatrix<Scalar>& signal, Index t, Index length) {
  RowMatrix<Scalar> frames = RowMatrix<Scalar>::Zero(signal.rows(), 2 * length);
  for (Index n = 0; n < 2 * length; ++n) {
    const Index at = (t - 1) * length + n;
    if (at >= 0 && at < signal.cols()) frames.col(n) = signal.col(at);
  }
  return frames;
}

template <class Scalar>
bool same_bits(const RowMatrix<Scalar>& a, const RowMatrix<Scalar>& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() && (a.array() == b.array()).all();
}

}  // namespace

TEMPLATE_TEST_CASE("the MDCT of every frame of a signal is its sum", "", float, double) {
  for (const Index n : frame_lengths) {
    if (sanitized && n > 64) continue;
    const std::vector<TestType> window = vorbis_window<TestType>(n);
    for (const Transform<TestType>& plan :
         {Transform<TestType>({.frame_length = n}), Transform<TestType>({.frame_length = n}, window)}) {
      const RowMatrix<TestType> x = random_normal<TestType>(2, 3 * n + n / 2, 4);
      const RowMatrix<TestType> found = plan.forward(signals(x));
      REQUIRE(plan.frames(x.cols()) == 5);
      REQUIRE(found.rows() == 10);
      for (Index t = 0; t < 5; ++t) {
        INFO("frame length " << n << ", frame " << t);
        CHECK(peak_error(&found(5 + t, 0), naive_frame(frame_of(x.row(1), t, n), plan.window())) <
              2 * fourier_tolerance<TestType>(n));
      }
    }
  }
}

TEMPLATE_TEST_CASE("the inverse MDCT gives back every sample of signals of any length", "", float, double) {
  const double tolerance = sizeof(TestType) == 4 ? 1e-6 : 1e-13;
  for (const Index n : {2, 6, 16, 34, 64, 90, 256, 1024}) {
    if (sanitized && n > 256) continue;
    const std::vector<TestType> window = vorbis_window<TestType>(n);
    for (const Transform<TestType>& plan :
         {Transform<TestType>({.frame_length = n}), Transform<TestType>({.frame_length = n}, window)}) {
      for (const Index length : signal_lengths(n)) {
        const RowMatrix<TestType> x = random_uniform<TestType>(3, length, 5, -1, 1);
        const RowMatrix<TestType> coefficients = plan.forward(signals(x));
        CHECK(coefficients.rows() == 3 * ((length + n - 1) / n + 1));
        const RowMatrix<TestType> back = plan.inverse(rows(coefficients), length);
        INFO("frame length " << n << ", length " << length);
        REQUIRE(back.rows() == 3);
        REQUIRE(back.cols() == length);
        if (length > 0) CHECK(static_cast<double>((back - x).cwiseAbs().maxCoeff()) < tolerance);
      }
    }
  }
}

TEST_CASE("the MDCT of a whole signal is orthogonal: energies and inner products are kept") {
  for (const Index n : {2, 10, 64, 90}) {
    const Transform<double> plan({.frame_length = n});
    for (const Index length : signal_lengths(n)) {
      const RowMatrix<double> x = random_normal<double>(1, length, 6), y = random_normal<double>(1, length, 7);
      const RowMatrix<double> a = plan.forward(signals(x)), b = plan.forward(signals(y));
      CHECK(a.squaredNorm() == Approx(x.squaredNorm()).epsilon(1e-13));
      CHECK(a.cwiseProduct(b).sum() == Approx(x.cwiseProduct(y).sum()).epsilon(1e-12).margin(1e-12));
    }
  }
}

TEST_CASE("forward and inverse MDCT are each other's adjoint, and their backward passes") {
  for (const Index n : {2, 10, 64, 90}) {
    const Transform<double> plan({.frame_length = n});
    for (const Index length : {Index{1}, n - 1, 7 * n + 1}) {
      const RowMatrix<double> x = random_normal<double>(2, length, 8);
      const RowMatrix<double> w = random_normal<double>(2 * plan.frames(length), n, 9);
      const double product = plan.forward(signals(x)).cwiseProduct(w).sum();
      RowMatrix<double> gradient(2, length), frames(w.rows(), n);
      plan.forward_backward_into(rows(w), signals(gradient));
      CHECK(x.cwiseProduct(gradient).sum() == Approx(product).epsilon(1e-12).margin(1e-12));
      CHECK(plan.inverse(rows(w), length).cwiseProduct(x).sum() == Approx(product).epsilon(1e-12).margin(1e-12));
      plan.inverse_backward_into(signals(x), rows(frames));
      CHECK(frames.cwiseProduct(w).sum() == Approx(product).epsilon(1e-12).margin(1e-12));
    }
  }
}

TEST_CASE("a frame of the MDCT alone gives its samples with their mirror image") {
  for (const Index n : {2, 6, 32, 90}) {
    const Transform<double> plan({.frame_length = n});
    const std::span<const double> w = plan.window();
    const RowMatrix<double> x = random_normal<double>(1, 2 * n, 10);
    RowMatrix<double> coefficients(1, n), samples(1, n), overlap = RowMatrix<double>::Zero(1, n);
    plan.analyze_into(rows(x), rows(coefficients));
    plan.synthesize_into(rows(coefficients), rows(overlap), rows(samples));
    const auto windowed = [&](Index i) { return w[static_cast<std::size_t>(i)] * x(0, i); };
    for (Index i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(i), later = static_cast<std::size_t>(n + i);
      CHECK(std::abs(samples(0, i) - w[at] * (windowed(i) - windowed(n - 1 - i))) < 1e-13);
      CHECK(std::abs(overlap(0, i) - w[later] * (windowed(n + i) + windowed(2 * n - 1 - i))) < 1e-13);
    }
  }
}

TEMPLATE_TEST_CASE("an MDCT of one frame at a time has the bits of a whole signal", "", float, double) {
  for (const Index n : frame_lengths) {
    const Transform<TestType> plan({.frame_length = n});
    for (const Index length : {n - 1, 10 * n + 3, 70 * n}) {
      const RowMatrix<TestType> x = random_normal<TestType>(2, length, 11);
      const Index frames = plan.frames(length);
      const RowMatrix<TestType> whole = plan.forward(signals(x)), back = plan.inverse(rows(whole), length);
      RowMatrix<TestType> coefficients(2, n), overlap = RowMatrix<TestType>::Zero(2, n), samples(2, n);
      bool same = true;
      for (Index t = 0; t < frames; ++t) {
        const RowMatrix<TestType> given = padded_frames(x, t, n);
        plan.analyze_into(rows(given), rows(coefficients));
        for (Index c = 0; c < 2; ++c) {
          same = same && (coefficients.row(c).array() == whole.row(c * frames + t).array()).all();
        }
        plan.synthesize_into(rows(coefficients), rows(overlap), rows(samples));
        const Index begin = (t - 1) * n, size = std::min(n, length - begin);
        if (t == 0) continue;
        same = same && (samples.leftCols(size).array() == back.middleCols(begin, size).array()).all();
      }
      INFO("frame length " << n << ", length " << length);
      CHECK(same);
    }
  }
}

TEST_CASE("an MDCT has the same bits for any split of the batch, any strides and any number of threads") {
  ThreadPool pool(3);
  for (const Index n : {6, 32, 90, 128, 256}) {
    const Transform<float> plan({.frame_length = n});
    const Index length = 80 * n + 5, frames = plan.frames(length);
    RowMatrix<float> memory = random_normal<float>(4, length + 3, 12);
    const Signals<const float> x(memory.data(), 2, 2, length, 2 * (length + 3), length + 3);
    const RowMatrix<float> serial = plan.forward(x), back = plan.inverse(rows(serial), length);
    CHECK(same_bits(plan.forward(x, {.execution = pool}), serial));
    CHECK(same_bits(plan.inverse(rows(serial), length, {.execution = pool}), back));
    for (Index b = 0; b < 2; ++b) {
      const RowMatrix<float> part = serial.middleRows(2 * b * frames, 2 * frames);
      CHECK(same_bits(plan.forward(x.slice(b, b + 1)), part));
      CHECK(same_bits(plan.inverse(rows(part), length), RowMatrix<float>(back.middleRows(2 * b, 2))));
    }
    const Eigen::MatrixXf outside = memory.rightCols(3);
    plan.inverse_into(rows(serial), {memory.data(), 2, 2, length, 2 * (length + 3), length + 3}, {.execution = pool});
    CHECK((memory.leftCols(length).array() == back.array()).all());
    CHECK((memory.rightCols(3).array() == outside.array()).all());
  }
}

TEST_CASE("synthesized samples of an MDCT may take the place of the coefficients") {
  for (const Index n : {6, 128}) {
    const Transform<float> plan({.frame_length = n});
    RowMatrix<float> coefficients = random_normal<float>(5, n, 13), samples(5, n);
    RowMatrix<float> overlap = random_normal<float>(5, n, 14), other = overlap;
    plan.synthesize_into(rows(coefficients), rows(overlap), rows(samples));
    plan.synthesize_into(rows(coefficients), rows(other), rows(coefficients));
    CHECK(same_bits(coefficients, samples));
    CHECK(same_bits(other, overlap));
  }
}

TEST_CASE("a sample that is not finite spoils the two frames that have it") {
  const Transform<float> plan({.frame_length = 16});
  RowMatrix<float> x = random_normal<float>(2, 200, 15);
  const RowMatrix<float> expected = plan.forward(signals(x));
  x(1, 50) = std::numeric_limits<float>::quiet_NaN();  // in block 3: frames 3 and 4
  const RowMatrix<float> found = plan.forward(signals(x));
  for (Index t = 0; t < found.rows(); ++t) {
    const bool spoiled = t == plan.frames(200) + 3 || t == plan.frames(200) + 4;
    CHECK(all_finite(&found(t, 0), 16) == !spoiled);
    if (!spoiled) CHECK((found.row(t).array() == expected.row(t).array()).all());
  }
}

TEST_CASE("an MDCT with a workspace allocates nothing") {
  for (const Index n : {90, 256}) {
    const Transform<float> plan({.frame_length = n});
    auto workspace = plan.workspace(2);
    CHECK(workspace.slots() == 2);
    RowMatrix<float> x = random_normal<float>(2, 40 * n + 1, 1), frames = random_normal<float>(3, 2 * n, 2);
    RowMatrix<float> coefficients(2 * plan.frames(x.cols()), n), some(3, n), overlap = RowMatrix<float>::Zero(3, n);
    CHECK(allocations_in([&] {
            plan.forward_into(signals(x), rows(coefficients), {.workspace = &workspace});
            plan.inverse_into(rows(coefficients), signals(x), {.workspace = &workspace});
            plan.analyze_into(rows(frames), rows(some), {.workspace = &workspace});
            plan.synthesize_into(rows(some), rows(overlap), rows(some), {.workspace = &workspace});
          }) == 0);
  }
}

TEST_CASE("the default window of an MDCT is a sine, and the caller's is kept") {
  const Transform<double> plan({.frame_length = 10});
  CHECK(plan.frame_length() == 10);
  REQUIRE(plan.window().size() == 20);
  for (int n = 0; n < 20; ++n) {
    const long double expected = std::sin(pi * (n + 0.5L) / 20);
    CHECK(plan.window()[static_cast<std::size_t>(n)] == Approx(static_cast<double>(expected)).epsilon(1e-15));
  }
  const std::vector<double> window = vorbis_window<double>(10);
  const Transform<double> other({.frame_length = 10}, window);
  CHECK(std::equal(window.begin(), window.end(), other.window().begin(), other.window().end()));
}

TEST_CASE("windows that an MDCT cannot undo are named, with the place and the deviation") {
  const ModifiedCosineOptions options{.frame_length = 4};
  const std::vector<double> good = vorbis_window<double>(4);
  const auto message = [&](auto change) {
    std::vector<double> window = good;
    change(window);
    return message_of<std::invalid_argument>([&] { Transform<double>(options, window); });
  };
  CHECK(message([](auto& w) { w.pop_back(); }) == "ModifiedCosineTransform: expected a window of 8 values, found 7");
  CHECK(message([](auto& w) { w[5] = std::numeric_limits<double>::quiet_NaN(); }) ==
        "ModifiedCosineTransform: expected a finite window, found nan at n = 5");
  CHECK(contains(message([](auto& w) { w[6] += 0.25; }),
                 "expected w[n] = w[7 - n] within 1e-12, found a deviation of 0.25"));
  CHECK(contains(message([](auto& w) { w[6] += 0.25; }), "at n = 1"));
  CHECK(message([](auto& w) { std::fill(w.begin(), w.end(), 1.0); }) ==
        "ModifiedCosineTransform: expected w[n]^2 + w[n + 4]^2 = 1 within 1e-12, found a deviation of 1 at n = 0");
  CHECK(contains(message([](auto& w) { w[2] = w[5] = 0; }), "at n = 1"));
  CHECK(message([](auto& w) { w[2] += 1e-14; }).empty());
  std::vector<float> rounded = vorbis_window<float>(4);
  CHECK_NOTHROW(Transform<float>(options, rounded));
  rounded[0] += 1e-5f;
  CHECK_THROWS_MESSAGE(std::invalid_argument, Transform<float>(options, rounded), "within 1e-06");
}

TEST_CASE("wrong frame lengths and shapes of MDCTs are named") {
  for (const Index n : {-2, 0, 1, 7}) CHECK_THROWS_AS(Transform<float>({.frame_length = n}), std::invalid_argument);
  CHECK_THROWS_MESSAGE(std::invalid_argument, Transform<float>({.frame_length = 7}),
                       "ModifiedCosineTransform: expected an even frame_length of at least 2, found 7");
  const Transform<float> plan({.frame_length = 8});
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.frames(-1),
                       "ModifiedCosineTransform: expected a length of at least 0, found -1");
  RowMatrix<float> x = random_normal<float>(2, 20, 1), c = random_normal<float>(7, 8, 2);
  const RowMatrix<float> before = x;
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.forward_into(signals(x), rows(c)),
                       "ModifiedCosineTransform: expected coefficients of 8 x 8, found 7 x 8");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.inverse_into(rows(c), signals(x)),
                       "ModifiedCosineTransform: expected coefficients of 8 x 8, found 7 x 8");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.inverse(rows(c), 20),
                       "ModifiedCosineTransform: expected coefficients of 4 x 8, found 7 x 8");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.forward_backward_into(rows(c), signals(x)),
                       "ModifiedCosineTransform: expected grad_coefficients of 8 x 8, found 7 x 8");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.inverse_backward_into(signals(x), rows(c)),
                       "ModifiedCosineTransform: expected grad_coefficients of 8 x 8, found 7 x 8");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.analyze_into(rows(x), rows(c)),
                       "ModifiedCosineTransform: expected frames of 2 x 16, found 2 x 20");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.synthesize_into(rows(c), rows(x), rows(c)),
                       "ModifiedCosineTransform: expected overlap of 7 x 8, found 2 x 20");
  auto other = Transform<float>({.frame_length = 64}).workspace();
  RowMatrix<float> right(8, 8);
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.forward_into(signals(x), rows(right), {.workspace = &other}),
                       "ModifiedCosineTransform: expected a workspace made by this plan");
  CHECK((x.array() == before.array()).all());
  CHECK(plan.forward(Signals<const float>(nullptr, 0, 2, 20)).rows() == 0);
}
