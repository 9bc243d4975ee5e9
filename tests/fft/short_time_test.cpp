// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/fft/short_time.hpp>

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <tessera/core/thread_pool.hpp>

#include "fft/naive_fourier.hpp"
#include "fft/transform_cases.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

using Long = long double;
template <class Scalar>
using Plan = ShortTimeFourier<Scalar, FourierScale::inverse>;

constexpr ShortTimePadding paddings[] = {ShortTimePadding::none, ShortTimePadding::whole, ShortTimePadding::centered,
                                         ShortTimePadding::reflected};

/// Frame lengths, hops and transform lengths: single samples, hops that do and do not divide, gaps, zeros after frames.
std::vector<ShortTimeFourierOptions> all_options() {
  std::vector<ShortTimeFourierOptions> result;
  constexpr Index sizes[][3] = {{1, 1, 0}, {2, 1, 0},  {4, 2, 0},   {5, 2, 8}, {8, 3, 0},
                                {8, 8, 9}, {16, 4, 0}, {16, 5, 21}, {7, 9, 0}, {33, 8, 64}};
  for (const auto& [frame, hop, points] : sizes) {
    for (const ShortTimePadding padding : paddings) {
      result.push_back({frame, hop, points, padding, WindowShape::hamming});
    }
  }
  return result;
}

constexpr Index signal_lengths[] = {0, 1, 2, 3, 5, 8, 16, 17, 40, 63, 300};

/// A signal with its padding written out, and the index in the signal of the first of these samples.
struct Padded {
  std::vector<Long> samples;
  Index origin = 0;
};

/// Before a signal that is mirrored come its samples 1, 2, ..., back and forth.
std::vector<Long> mirrored(const std::vector<Long>& x, Index count) {
  std::vector<Long> result;
  Index n = 0, direction = 1;
  while (static_cast<Index>(result.size()) < count) {
    const Index last = static_cast<Index>(x.size()) - 1;
    if (last > 0 && n == last) direction = -1;
    if (last > 0 && n == 0) direction = 1;
    if (last > 0) n += direction;
    result.push_back(x.empty() ? 0 : x[static_cast<std::size_t>(n)]);
  }
  return result;
}

template <class Scalar>
Padded pad(const Scalar* signal, Index length, const ShortTimeFourierOptions& options) {
  std::vector<Long> x(signal, signal + length), front, back;
  const auto half = static_cast<std::size_t>(options.frame_length / 2);
  if (options.padding == ShortTimePadding::whole) {
    while (static_cast<Index>(front.size()) + options.hop < options.frame_length) {
      front.insert(front.end(), static_cast<std::size_t>(options.hop), 0);
    }
    // As much as the last frame that begins in the signal needs; none begins in an empty one.
    const Index starts = (length + options.hop - 1) / options.hop;
    const Index end = length == 0 ? 0 : (starts - 1) * options.hop + options.frame_length;
    back.resize(static_cast<std::size_t>(std::max<Index>(end - length, 0)));
    if (length == 0) front.clear();
  } else if (options.padding == ShortTimePadding::reflected) {
    front = mirrored(x, static_cast<Index>(half));
    std::reverse(front.begin(), front.end());
    std::reverse(x.begin(), x.end());
    back = mirrored(x, static_cast<Index>(half));
    std::reverse(x.begin(), x.end());
  } else if (options.padding == ShortTimePadding::centered) {
    front.resize(half);
    back.resize(half);
  }
  Padded result{front, -static_cast<Index>(front.size())};
  result.samples.insert(result.samples.end(), x.begin(), x.end());
  result.samples.insert(result.samples.end(), back.begin(), back.end());
  return result;
}

Index points_of(const ShortTimeFourierOptions& options) {
  return options.transform_length == 0 ? options.frame_length : options.transform_length;
}

/// Spectra frame by frame, bins of one frame after those of the one before.
template <class Scalar>
std::vector<LongComplex> naive_spectra(const Scalar* signal, Index length, const ShortTimeFourierOptions& options,
                                       const Scalar* w) {
  const Padded padded = pad(signal, length, options);
  const Index points = points_of(options);
  std::vector<LongComplex> spectra;
  for (Index start = 0; start + options.frame_length <= static_cast<Index>(padded.samples.size());
       start += options.hop) {
    std::vector<Long> frame(static_cast<std::size_t>(points));
    for (Index i = 0; i < options.frame_length; ++i) {
      frame[static_cast<std::size_t>(i)] = w[i] * padded.samples[static_cast<std::size_t>(start + i)];
    }
    const std::vector<LongComplex> bins = naive_fourier(frame.data(), points, -1, points / 2 + 1);
    spectra.insert(spectra.end(), bins.begin(), bins.end());
  }
  return spectra;
}

/// The numerator and the denominator of the inverse, at every sample of a signal.
struct LeastSquares {
  std::vector<Long> weighted, squares;
};
LeastSquares naive_inverse(const ComplexRows<double>& spectra, Index length, const ShortTimeFourierOptions& options,
                           Index origin, const double* w) {
  const Index points = points_of(options);
  LeastSquares sums{std::vector<Long>(static_cast<std::size_t>(length)),
                    std::vector<Long>(static_cast<std::size_t>(length))};
  for (Index m = 0; m < spectra.rows(); ++m) {
    std::vector<LongComplex> all(static_cast<std::size_t>(points));
    for (Index k = 0; k < points; ++k) {
      const std::complex<double> bin = 2 * k <= points ? spectra(m, k) : std::conj(spectra(m, points - k));
      all[static_cast<std::size_t>(k)] = k == 0 || 2 * k == points ? LongComplex(bin.real()) : LongComplex(bin);
    }
    const std::vector<LongComplex> frame = naive_fourier(all.data(), points, 1, points);
    for (Index i = 0; i < options.frame_length; ++i) {
      const Index n = origin + m * options.hop + i;
      if (n < 0 || n >= length) continue;
      sums.weighted[static_cast<std::size_t>(n)] += w[i] * frame[static_cast<std::size_t>(i)].real() / points;
      sums.squares[static_cast<std::size_t>(n)] += static_cast<Long>(w[i]) * w[i];
    }
  }
  return sums;
}

/// The smallest sum of squares over a signal, relative to the largest that full overlap has.
template <class Scalar>
double least_coverage(const Plan<Scalar>& plan, Index length) {
  double least = 1, largest = 0;
  for (Index r = 0; r < plan.hop(); ++r) {
    double sum = 0;
    for (Index i = r; i < plan.frame_length(); i += plan.hop()) sum += std::pow(double(plan.window()[0][i]), 2);
    largest = std::max(largest, sum);
  }
  for (Index n = 0; n < length; ++n) {
    double sum = 0;
    for (Index m = 0; m < plan.frames(length); ++m) {
      const Index i = n - plan.origin() - m * plan.hop();
      if (i >= 0 && i < plan.frame_length()) sum += std::pow(double(plan.window()[0][i]), 2);
    }
    least = std::min(least, sum / largest);
  }
  return least;
}

std::string describe(const ShortTimeFourierOptions& o, Index length) {
  return "frame " + std::to_string(o.frame_length) + ", hop " + std::to_string(o.hop) + ", points " +
         std::to_string(points_of(o)) + ", padding " + std::to_string(static_cast<int>(o.padding)) + ", length " +
         std::to_string(length);
}

}  // namespace

TEMPLATE_TEST_CASE("spectra of frames are their sums, for every padding", "", float, double) {
  for (const ShortTimeFourierOptions& options : all_options()) {
    const Plan<TestType> plan(options);
    for (const Index length : signal_lengths) {
      const RowMatrix<TestType> x = random_normal<TestType>(1, length, 7);
      const std::vector<LongComplex> expected = naive_spectra(x.data(), length, options, plan.window()[0]);
      const ComplexRows<TestType> found = plan.forward(signals(x));
      INFO(describe(options, length));
      REQUIRE(found.size() == static_cast<Index>(expected.size()));
      CHECK(found.rows() == plan.frames(length));
      CHECK(peak_error(found.data(), expected) < fourier_tolerance<TestType>(points_of(options)));
    }
  }
}

TEMPLATE_TEST_CASE("signals come back from their spectra wherever frames cover them", "", float, double) {
  int whole = 0;
  for (const WindowShape shape : {WindowShape::hann, WindowShape::hamming, WindowShape::kaiser}) {
    for (ShortTimeFourierOptions options : all_options()) {
      options.shape = shape;
      const Plan<TestType> plan(options);
      for (const Index length : signal_lengths) {
        INFO(describe(options, length));
        const double coverage = least_coverage(plan, length);
        REQUIRE(plan.invertible(length) == (coverage >= 1e-8));
        if (!plan.invertible(length)) continue;
        const RowMatrix<TestType> x = random_normal<TestType>(3, length, 8);
        const ComplexRows<TestType> spectra = plan.forward(signals(x));
        RowMatrix<TestType> found = RowMatrix<TestType>::Constant(3, length, 9);
        plan.inverse_into(rows(spectra), signals(found));
        const double tolerance = (sizeof(TestType) == 4 ? 1e-6 : 1e-13) / std::sqrt(coverage);
        CHECK(largest_difference(found, x) < tolerance);
        if (coverage > 0.1 && length > 0 && options.padding == ShortTimePadding::whole) ++whole;
      }
    }
  }
  CHECK(whole > 100);
}

TEST_CASE("signals of spectra that no signal has are nearest in the sense of least squares") {
  for (const ShortTimeFourierOptions& options : all_options()) {
    const Plan<double> plan(options);
    for (const Index length : {1, 5, 17, 63}) {
      if (!plan.invertible(length)) continue;
      const ComplexRows<double> spectra = random_complex<double>(plan.frames(length), plan.spectrum_length(), 3);
      const LeastSquares sums = naive_inverse(spectra, length, options, plan.origin(), plan.window()[0]);
      const RowMatrix<double> found = plan.inverse(rows(spectra), length);
      INFO(describe(options, length));
      REQUIRE(found.rows() == 1);
      for (Index n = 0; n < length; ++n) {
        const auto i = static_cast<std::size_t>(n);
        CHECK(std::abs(static_cast<double>(found(0, n) - sums.weighted[i] / sums.squares[i])) < 1e-13);
      }
    }
  }
}

TEST_CASE("in whole padding, first and last samples lie in as many frames as those in the middle") {
  for (const Index hop : {1, 3, 4, 8}) {
    const Plan<double> plan({.frame_length = 8, .hop = hop, .padding = ShortTimePadding::whole});
    for (const Index length : {1, 2, 7, 8, 9, 50}) {
      CHECK(plan.frames(length) == (8 + hop - 1) / hop - 1 + (length + hop - 1) / hop);
      CHECK(plan.invertible(length) == (hop < 8));  // with a hop of L, samples meet the zero of the window
    }
    CHECK(plan.frames(0) == 0);
    CHECK(plan.inverse(rows(ComplexRows<double>(0, 5).eval()), 0).size() == 0);
  }
}

TEST_CASE("frames are as many as librosa and PyTorch have") {
  for (const ShortTimePadding padding : {ShortTimePadding::centered, ShortTimePadding::reflected}) {
    const Plan<float> plan({.frame_length = 2048, .hop = 512, .padding = padding});
    CHECK(plan.origin() == -1024);
    CHECK(plan.frames(22050) == 44);
    for (const Index length : {0, 511, 512, 1024, 4097}) CHECK(plan.frames(length) == 1 + length / 512);
  }
  const Plan<float> inside({.frame_length = 2048, .hop = 512, .padding = ShortTimePadding::none});
  CHECK(inside.frames(22050) == 40);
  CHECK(inside.frames(2047) == 0);
}

TEST_CASE("backward passes of short-time transforms are their adjoints") {
  for (const ShortTimeFourierOptions& options : all_options()) {
    const Plan<double> plan(options);
    for (const Index length : signal_lengths) {
      const RowMatrix<double> x = random_normal<double>(6, length, 4);
      const Signals<const double> signal(x.data(), 2, 3, length);
      const ComplexRows<double> w = random_complex<double>(6 * plan.frames(length), plan.spectrum_length(), 5);
      RowMatrix<double> gradient = RowMatrix<double>::Constant(6, length, 9);
      plan.forward_backward_into(rows(w), {gradient.data(), 2, 3, length});
      INFO(describe(options, length));
      const double size = std::sqrt(x.squaredNorm() * w.squaredNorm()) + 1e-30;
      CHECK(std::abs(product(plan.forward(signal), w) - x.cwiseProduct(gradient).sum()) < 1e-12 * size);
      if (!plan.invertible(length)) continue;
      ComplexRows<double> bin_gradient = ComplexRows<double>::Constant(w.rows(), w.cols(), 9);
      RowMatrix<double> y(6, length);
      plan.inverse_into(rows(w), {y.data(), 2, 3, length});
      plan.inverse_backward_into(signal, rows(bin_gradient));
      CHECK(std::abs(y.cwiseProduct(x).sum() - product(w, bin_gradient)) < 1e-12 * size);
    }
  }
}

TEST_CASE("gradients of short-time transforms are those of central differences") {
  const Plan<double> plan({.frame_length = 6, .hop = 2, .transform_length = 7, .padding = ShortTimePadding::reflected});
  const RowMatrix<double> x = random_normal<double>(2, 9, 1), target = random_normal<double>(2, 9, 2);
  const ComplexRows<double> spectra = plan.forward(signals(x));
  RowMatrix<double> gradient(2, 9);
  plan.forward_backward_into(rows(spectra), signals(gradient));  // of half the energy of the spectra
  const auto energy = [&](const RowMatrix<double>& at) { return plan.forward(signals(at)).squaredNorm() / 2; };
  CHECK(largest_difference(gradient, numeric_gradient(energy, x)) < 1e-8);

  ComplexRows<double> bin_gradient(spectra.rows(), spectra.cols());
  const RowMatrix<double> residual = plan.inverse(rows(spectra), 9) - target;
  plan.inverse_backward_into(signals(residual), rows(bin_gradient));
  const auto loss_of = [&](bool imaginary) {
    return [&, imaginary](const RowMatrix<double>& part) {
      ComplexRows<double> at = spectra;
      imaginary ? void(at.imag() = part) : void(at.real() = part);
      return (plan.inverse(rows(at), 9) - target).squaredNorm() / 2;
    };
  };
  CHECK(largest_difference(bin_gradient.real(), numeric_gradient(loss_of(false), spectra.real())) < 1e-8);
  CHECK(largest_difference(bin_gradient.imag(), numeric_gradient(loss_of(true), spectra.imag())) < 1e-8);
}

TEST_CASE("the type of a short-time transform says where its factor goes") {
  const ShortTimeFourierOptions options{.frame_length = 12, .hop = 3, .transform_length = 16};
  const RowMatrix<double> x = random_normal<double>(1, 50, 6);
  const ComplexRows<double> plain = ShortTimeFourier<double, FourierScale::none>(options).forward(signals(x));
  const auto check = [&](const auto& plan, double f, double round_trip) {
    const ComplexRows<double> spectra = plan.forward(signals(x));
    CHECK((spectra - f * plain).cwiseAbs().maxCoeff() < 1e-14);
    CHECK((plan.inverse(rows(spectra), 50) - round_trip * x).cwiseAbs().maxCoeff() < 1e-13 * round_trip);
  };
  check(ShortTimeFourier<double, FourierScale::none>(options), 1, 16);
  check(ShortTimeFourier<double, FourierScale::inverse>(options), 1, 1);
  check(ShortTimeFourier<double, FourierScale::unitary>(options), 0.25, 1);
  check(ShortTimeFourier<double, FourierScale::forward>(options), 1.0 / 16, 1);
}

TEST_CASE("a sinusoid on a bin is one bin of every frame, and three with the Hann window") {
  constexpr Index length = 64, bin = 5;
  RowMatrix<double> x(1, 10 * length);
  for (Index n = 0; n < x.cols(); ++n) x(0, n) = std::cos(2 * 3.14159265358979323846 * double(bin * n) / length);
  const auto magnitudes = [&](WindowShape shape) {
    const ShortTimeFourier<double, FourierScale::forward> plan(
        {.frame_length = length, .hop = 16, .padding = ShortTimePadding::none, .shape = shape});
    return plan.forward(signals(x)).cwiseAbs().eval();
  };
  RowMatrix<double> expected = RowMatrix<double>::Zero(37, 33);
  expected.col(bin).setConstant(0.5);
  CHECK((magnitudes(WindowShape::rectangular) - expected).cwiseAbs().maxCoeff() < 1e-14);
  expected.col(bin).setConstant(0.25);
  expected.col(bin - 1).setConstant(0.125);
  expected.col(bin + 1).setConstant(0.125);
  CHECK((magnitudes(WindowShape::hann) - expected).cwiseAbs().maxCoeff() < 1e-14);
}

TEST_CASE("a short-time transform takes the caller's window") {
  const ShortTimeFourierOptions options{.frame_length = 16, .hop = 4, .padding = ShortTimePadding::whole};
  const auto kaiser = window<double>(WindowShape::kaiser, 16, {.beta = 5});
  const Plan<double> by_row(options, kaiser), by_view(options, rows(kaiser));
  const RowMatrix<double> x = random_normal<double>(1, 50, 6);
  const std::vector<LongComplex> expected = naive_spectra(x.data(), 50, options, kaiser.data());
  const ComplexRows<double> found = by_row.forward(signals(x));
  CHECK(peak_error(found.data(), expected) < 1e-14);
  CHECK((by_view.forward(signals(x)).array() == found.array()).all());
  CHECK((by_row.window().matrix().array() == kaiser.array()).all());
  CHECK(largest_difference(by_row.inverse(rows(found), 50), x) < 1e-13);
}

TEMPLATE_TEST_CASE("short-time transforms have the same bits alone, in a batch, with gaps and with threads", "", float,
                   double) {
  ThreadPool pool(3);
  constexpr Index length = 3001;  // several tasks a channel
  for (const ShortTimePadding padding : paddings) {
    for (const Index hop : {4, 5}) {
      const Plan<TestType> plan(
          {.frame_length = 17, .hop = hop, .transform_length = 20, .padding = padding, .shape = WindowShape::hamming});
      const Index frames = plan.frames(length), bins = plan.spectrum_length();
      const RowMatrix<TestType> x = random_normal<TestType>(6, length + 3, 2);
      const Signals<const TestType> signal(x.data(), 2, 3, length, 3 * (length + 3), length + 3);
      const ComplexRows<TestType> spectra = plan.forward(signal);
      const bool inverts = plan.invertible(length);
      const Signals<const TestType> tail = signal.window(0, inverts ? length : 0);
      RowMatrix<TestType> back(6, length), gradient(6, length);
      if (inverts) plan.inverse_into(rows(spectra), {back.data(), 2, 3, length});
      plan.forward_backward_into(rows(spectra), {gradient.data(), 2, 3, length});
      ComplexRows<TestType> bin_gradient(inverts ? spectra.rows() : 0, bins);
      if (inverts) plan.inverse_backward_into(tail, rows(bin_gradient));

      auto workspace = plan.workspace(2);
      const ShortTimeCall<TestType> calls[] = {
          {.execution = pool}, {.workspace = &workspace}, {.execution = pool, .workspace = &workspace}};
      for (const ShortTimeCall<TestType>& call : calls) {
        ComplexRows<TestType> again(spectra.rows(), bins + 1);
        const Batch<std::complex<TestType>> output(again.data(), again.rows(), bins, bins + 1);
        plan.forward_into(signal, output, call);
        CHECK((again.leftCols(bins).array() == spectra.array()).all());
        RowMatrix<TestType> found(6, length);
        const Signals<TestType> to(found.data(), 2, 3, length);
        plan.forward_backward_into(output, to, call);
        CHECK((found.array() == gradient.array()).all());
        if (!inverts) continue;
        plan.inverse_into(output, to, call);
        CHECK((found.array() == back.array()).all());
        plan.inverse_backward_into(signal, output, call);
        CHECK((again.leftCols(bins).array() == bin_gradient.array()).all());
      }
      for (Index c = 0; c < 6; ++c) {
        const Signals<const TestType> single(x.data() + c * (length + 3), 1, 1, length);
        const ComplexRows<TestType> own = plan.forward(single);
        CHECK((own.array() == spectra.middleRows(c * frames, frames).array()).all());
        RowMatrix<TestType> one(1, length);
        plan.forward_backward_into(rows(own), signals(one), {.execution = pool});
        CHECK((one.array() == gradient.row(c).array()).all());
      }
    }
  }
}

TEST_CASE("a long signal in several tasks comes back, and has the adjoint of all its frames") {
  for (const ShortTimePadding padding : paddings) {
    for (const Index length : {255, 256, 257, 264, 512, 519, 4000}) {
      const Plan<double> plan({.frame_length = 16, .hop = 4, .padding = padding, .shape = WindowShape::sine});
      auto workspace = plan.workspace(64);  // a task a slot
      const RowMatrix<double> x = random_normal<double>(2, length, 2);
      const ComplexRows<double> w = random_complex<double>(2 * plan.frames(length), 9, 5);
      RowMatrix<double> gradient(2, length), back(2, length);
      plan.forward_backward_into(rows(w), signals(gradient), {.workspace = &workspace});
      CHECK(product(plan.forward(signals(x)), w) ==
            Approx(x.cwiseProduct(gradient).sum()).epsilon(1e-12).margin(1e-10));
      if (!plan.invertible(length)) continue;
      plan.inverse_into(rows(plan.forward(signals(x)).eval()), signals(back), {.workspace = &workspace});
      CHECK(largest_difference(back, x) < (padding == ShortTimePadding::none ? 1e-12 : 1e-13));
    }
  }
}

TEST_CASE("a short-time transform with a workspace allocates nothing") {
  for (const Index points : {0, 21}) {
    const Plan<float> plan({.frame_length = 16, .hop = 4, .transform_length = points});
    auto workspace = plan.workspace(2);
    RowMatrix<float> x = random_normal<float>(3, 1000, 1);
    ComplexRows<float> spectra(3 * plan.frames(1000), plan.spectrum_length());
    const ShortTimeCall<float> call{.workspace = &workspace};
    CHECK(allocations_in([&] {
            plan.forward_into(signals(x), rows(spectra), call);
            plan.inverse_into(rows(spectra), signals(x), call);
            plan.forward_backward_into(rows(spectra), signals(x), call);
            plan.inverse_backward_into(signals(x), rows(spectra), call);
          }) == 0);
  }
}

TEST_CASE("a sample that is not finite spoils the frames that have it and no others") {
  const Plan<float> plan({.frame_length = 16, .hop = 4, .padding = ShortTimePadding::none});
  RowMatrix<float> x = random_normal<float>(2, 100, 1);
  const ComplexRows<float> clean = plan.forward(signals(x));
  x(0, 40) = std::numeric_limits<float>::quiet_NaN();
  const ComplexRows<float> found = plan.forward(signals(x));
  for (Index r = 0; r < found.rows(); ++r) {
    const bool has = r < plan.frames(100) && r * 4 <= 40 && 40 < r * 4 + 16;
    INFO("row " << r);
    CHECK(all_finite(reinterpret_cast<const float*>(&found(r, 0)), 2 * found.cols()) == !has);
    if (!has) CHECK((found.row(r).array() == clean.row(r).array()).all());
  }
}

TEST_CASE("options of short-time transforms that cannot be are named") {
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan<float>({.frame_length = 0, .hop = 1}),
                       "ShortTimeFourier: expected a frame_length of at least 1, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan<float>({.frame_length = 8, .hop = 0}),
                       "ShortTimeFourier: expected a hop of at least 1, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan<float>({.frame_length = 8, .hop = 2, .transform_length = 7}),
                       "ShortTimeFourier: expected a transform_length of 0 or at least 8, found 7");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan<float>({.frame_length = 7, .hop = 2, .shape = WindowShape::sine}),
                       "window: expected an even length for sine, found 7");
  const ShortTimeFourierOptions options{.frame_length = 4, .hop = 2};
  RowMatrix<float> w = RowMatrix<float>::Ones(1, 3);
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan<float>(options, rows(w)),
                       "ShortTimeFourier: expected a window as one row of 4 values, found 1 x 3");
  w.setZero(1, 4);
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan<float>(options, rows(w)),
                       "ShortTimeFourier: expected a window whose squares, a hop apart, have a largest sum of 1e-30 to "
                       "1e30, found 0");
  w(0, 2) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan<float>(options, rows(w)),
                       "ShortTimeFourier: expected finite window, found nan at vector 0, component 2");
}

TEST_CASE("shapes and lengths that do not fit a short-time transform are named, before anything is written") {
  const Plan<double> plan({.frame_length = 8, .hop = 2});
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.frames(-1),
                       "ShortTimeFourier: expected a length of at least 0, found -1");
  RowMatrix<double> x = RowMatrix<double>::Constant(2, 10, 3);
  ComplexRows<double> spectra = ComplexRows<double>::Constant(11, 5, 3);
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.forward_into(signals(x), rows(spectra)),
                       "ShortTimeFourier: expected spectra of 12 x 5, found 11 x 5");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.inverse_backward_into(signals(x), rows(spectra)),
                       "ShortTimeFourier: expected grad_input of 12 x 5, found 11 x 5");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.forward_backward_into(rows(spectra), signals(x)),
                       "ShortTimeFourier: expected grad_output of 12 x 5, found 11 x 5");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.inverse_into(rows(spectra), signals(x)),
                       "ShortTimeFourier: expected spectra of 12 x 5, found 11 x 5");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.inverse(rows(spectra), 10),
                       "ShortTimeFourier: expected spectra of a multiple of 6 rows, found 11");
  spectra.setConstant(12, 5, 3);
  auto workspace = Plan<double>({.frame_length = 16, .hop = 2}).workspace();
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.forward_into(signals(x), rows(spectra), {.workspace = &workspace}),
                       "ShortTimeFourier: expected a workspace of this plan, found another");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.workspace(0),
                       "ShortTimeWorkspace: expected at least 1 slot, found 0");

  const Plan<double> inside({.frame_length = 8, .hop = 2, .padding = ShortTimePadding::none});
  spectra.setConstant(4, 5, 3);
  CHECK_THROWS_MESSAGE(std::invalid_argument, inside.inverse_into(rows(spectra), signals(x)),
                       "ShortTimeFourier: expected frames with 1e-08 of their largest sum of squares at each of 10 "
                       "samples, found 0 of 1.5 at 0");
  const Plan<double> gaps(
      {.frame_length = 2, .hop = 3, .padding = ShortTimePadding::none, .shape = WindowShape::rectangular});
  spectra.setConstant(6, 2, 3);
  CHECK_THROWS_MESSAGE(std::invalid_argument, gaps.inverse_into(rows(spectra), signals(x)), "found 0 of 1 at 2");
  CHECK((x.array() == 3).all());
  CHECK((spectra.array() == std::complex<double>(3)).all());
}
