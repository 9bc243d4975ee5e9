// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/fft/window.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "support/catch.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

using Long = long double;
constexpr Long pi = 3.141592653589793238462643383279502884L;

constexpr WindowShape whole_sample_shapes[] = {WindowShape::rectangular, WindowShape::hann,
                                               WindowShape::hamming,     WindowShape::blackman,
                                               WindowShape::nuttall,     WindowShape::blackman_harris,
                                               WindowShape::flat_top,    WindowShape::triangular,
                                               WindowShape::kaiser,      WindowShape::gaussian};
constexpr WindowShape half_sample_shapes[] = {WindowShape::sine, WindowShape::vorbis,
                                              WindowShape::kaiser_bessel_derived};

/// I0 as its integral, the mean of exp(x cos t) over a circle: the trapezoidal rule converges exponentially.
Long bessel_integral(Long x) {
  constexpr int points = 400;
  Long sum = 0;
  for (int i = 0; i < points; ++i) sum += std::exp(x * std::cos(2 * pi * (static_cast<Long>(i) + 0.25L) / points));
  return sum / points;
}

Long cosines(Long u, const std::vector<Long>& a) {
  Long sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += a[k] * std::cos(2 * pi * static_cast<Long>(k) * u);
  return sum;
}

/// The formulas as books print them.
Long formula(WindowShape shape, Long u, const WindowOptions& options) {
  switch (shape) {
    case WindowShape::hann:
      return cosines(u, {0.5L, -0.5L});
    case WindowShape::hamming:
      return cosines(u, {0.54L, -0.46L});
    case WindowShape::blackman:
      return cosines(u, {0.42L, -0.5L, 0.08L});
    case WindowShape::nuttall:
      return cosines(u, {0.3635819L, -0.4891775L, 0.1365995L, -0.0106411L});
    case WindowShape::blackman_harris:
      return cosines(u, {0.35875L, -0.48829L, 0.14128L, -0.01168L});
    case WindowShape::flat_top:
      return cosines(u, {0.21557895L, -0.41663158L, 0.277263158L, -0.083578947L, 0.006947368L});
    case WindowShape::triangular:
      return 1 - std::abs(2 * u - 1);
    case WindowShape::kaiser:
      return bessel_integral(options.beta * std::sqrt(1 - (2 * u - 1) * (2 * u - 1))) / bessel_integral(options.beta);
    case WindowShape::gaussian:
      return std::exp(-(2 * u - 1) * (2 * u - 1) / (2 * static_cast<Long>(options.deviation) * options.deviation));
    default:
      return 1;
  }
}

/// The largest side lobe in decibels below the peak, from `first` bins on.
double side_lobe(WindowShape shape, int first) {
  const Index length = 2048;
  const auto w = window<double>(shape, length);
  const auto magnitude = [&](double bin) {
    double re = 0, im = 0;
    for (Index n = 0; n < length; ++n) {
      const double angle = 2 * static_cast<double>(pi) * bin * static_cast<double>(n) / static_cast<double>(length);
      re += w[n] * std::cos(angle);
      im += w[n] * std::sin(angle);
    }
    return std::hypot(re, im);
  };
  double largest = 0;
  for (int i = 0; i < 160; ++i) largest = std::max(largest, magnitude(first + i / 16.0));
  return 20 * std::log10(largest / magnitude(0));
}

/// Value n < length / 2 of a derived window, from the integral.
Long derived(Index n, Index length, Long alpha) {
  const Index half = length / 2;
  Long total = 0, sum = 0;
  for (Index j = 0; j <= half; ++j) {
    const Long v = 2 * static_cast<Long>(j) / static_cast<Long>(half) - 1;
    const Long value = bessel_integral(pi * alpha * std::sqrt(1 - v * v));
    total += value;
    if (j <= n) sum += value;
  }
  return std::sqrt(sum / total);
}

template <class Scalar>
double energy_deviation(const Eigen::Matrix<Scalar, 1, Eigen::Dynamic>& w) {
  Long deviation = 0;
  for (Index n = 0; n < w.size() / 2; ++n) {
    const Long a = w[n], b = w[n + w.size() / 2];
    deviation = std::max(deviation, std::abs(a * a + b * b - 1));
  }
  return static_cast<double>(deviation);
}

}  // namespace

TEST_CASE("windows are their formulas, periodic and symmetric") {
  for (const WindowShape shape : whole_sample_shapes) {
    for (const double parameter : {0.25, 1.5, 20.0}) {
      for (const Index length : {2, 3, 4, 5, 8, 31, 64, 511}) {
        for (const WindowSymmetry symmetry : {WindowSymmetry::periodic, WindowSymmetry::symmetric}) {
          const WindowOptions options{.symmetry = symmetry, .beta = parameter, .deviation = parameter};
          const auto w = window<double>(shape, length, options);
          const Index span = symmetry == WindowSymmetry::periodic ? length : length - 1;
          REQUIRE(w.size() == length);
          Long error = 0;
          for (Index n = 0; n < length; ++n) {
            error = std::max(error, std::abs(w[n] - formula(shape, static_cast<Long>(n) / span, options)));
          }
          INFO("shape " << static_cast<int>(shape) << ", length " << length << ", parameter " << parameter);
          CHECK(static_cast<double>(error) < 5e-16);
        }
      }
    }
  }
}

TEST_CASE("windows have the values that the manual of NumPy prints, and vanish where they should") {
  const auto check = [](WindowShape shape, double beta, const std::vector<double>& half) {
    const auto w = window<double>(shape, 12, {.symmetry = WindowSymmetry::symmetric, .beta = beta});
    for (Index n = 0; n < 6; ++n) CHECK(std::abs(w[n] - half[static_cast<std::size_t>(n)]) < 6e-9);
  };
  check(WindowShape::hann, 0, {0, 0.07937323, 0.29229249, 0.57115742, 0.82743037, 0.97974649});
  check(WindowShape::hamming, 0, {0.08, 0.15302337, 0.34890909, 0.60546483, 0.84123594, 0.98136677});
  check(WindowShape::blackman, 0, {0, 0.0326064346, 0.159903635, 0.414397981, 0.736045180, 0.967046769});
  check(WindowShape::triangular, 0, {0, 0.18181818, 0.36363636, 0.54545455, 0.72727273, 0.90909091});
  check(WindowShape::kaiser, 14,
        {7.72686684e-06, 3.46009194e-03, 4.65200189e-02, 0.229737120, 0.599885316, 0.945674898});
  for (const WindowShape shape : {WindowShape::hann, WindowShape::blackman, WindowShape::triangular}) {
    CHECK(window<double>(shape, 8)[0] == 0);
  }
}

TEST_CASE("side lobes of windows are as far down as their authors say") {
  CHECK(side_lobe(WindowShape::rectangular, 1) == Approx(-13.26).margin(0.1));
  CHECK(side_lobe(WindowShape::hann, 2) == Approx(-31.5).margin(0.1));
  CHECK(side_lobe(WindowShape::hamming, 2) == Approx(-42.7).margin(0.1));
  CHECK(side_lobe(WindowShape::blackman, 3) == Approx(-58.1).margin(0.1));
  CHECK(side_lobe(WindowShape::nuttall, 4) == Approx(-98.2).margin(0.1));
  CHECK(side_lobe(WindowShape::blackman_harris, 4) == Approx(-92.0).margin(0.1));
  CHECK(side_lobe(WindowShape::flat_top, 5) == Approx(-93.6).margin(0.1));
}

TEST_CASE("the Bessel function is its tabulated values and its integral") {
  CHECK(static_cast<double>(detail::bessel_i0(0)) == 1);
  CHECK(static_cast<double>(detail::bessel_i0(1)) == Approx(1.266065877752008336).epsilon(1e-15));
  CHECK(static_cast<double>(detail::bessel_i0(5)) == Approx(27.23987182360444689).epsilon(1e-15));
  CHECK(static_cast<double>(detail::bessel_i0(10)) == Approx(2815.716628466254471).epsilon(1e-15));
  for (const Long x : {1e-9L, 0.3L, 14.0L, 100.0L, 628.0L, 700.0L}) {
    CHECK(static_cast<double>(detail::bessel_i0(x) / bessel_integral(x)) == Approx(1).epsilon(1e-15));
  }
}

TEMPLATE_TEST_CASE("windows are symmetric to the bit and rounded once", "", float, double) {
  for (Index length = 2; length < 130; ++length) {
    for (const WindowShape shape : whole_sample_shapes) {
      const auto periodic = window<TestType>(shape, length);
      const auto symmetric = window<TestType>(shape, length, {.symmetry = WindowSymmetry::symmetric});
      for (Index n = 1; n < length; ++n) CHECK(periodic[n] == periodic[length - n]);
      for (Index n = 0; n < length; ++n) CHECK(symmetric[n] == symmetric[length - 1 - n]);
      const auto longer = window<TestType>(shape, length + 1, {.symmetry = WindowSymmetry::symmetric});
      CHECK((longer.head(length).array() == periodic.array()).all());
      CHECK((window<double>(shape, length).template cast<TestType>().array() == periodic.array()).all());
    }
    for (const WindowShape shape : half_sample_shapes) {
      if (length % 2 == 1) continue;
      const auto w = window<TestType>(shape, length);
      CHECK((w.reverse().array() == w.array()).all());
      CHECK((window<TestType>(shape, length, {.symmetry = WindowSymmetry::symmetric}).array() == w.array()).all());
      CHECK((window<double>(shape, length).template cast<TestType>().array() == w.array()).all());
    }
  }
}

TEST_CASE("sine, Vorbis and derived windows are their formulas, and their squares half a length apart add up to one") {
  for (const Index length : {2, 4, 6, 30, 256, 2048}) {
    const auto sine = window<double>(WindowShape::sine, length), vorbis = window<double>(WindowShape::vorbis, length);
    for (Index n = 0; n < length; ++n) {
      const Long s = std::sin(pi * (static_cast<Long>(n) + 0.5L) / length);
      CHECK(std::abs(static_cast<double>(sine[n] - s)) < 2e-16);
      CHECK(std::abs(static_cast<double>(vorbis[n] - std::sin(pi / 2 * s * s))) < 2e-16);
    }
    CHECK(energy_deviation(sine) < 1e-15);
    CHECK(energy_deviation(vorbis) < 1e-15);
    for (const double alpha : {0.0, 0.5, 4.0, 30.0, 200.0}) {
      const auto w = window<double>(WindowShape::kaiser_bessel_derived, length, {.alpha = alpha});
      CHECK(energy_deviation(w) < 1e-15);
      for (const Index n : {Index{0}, length / 4, length / 2 - 1}) {
        CHECK(std::abs(static_cast<double>(w[n] - derived(n, length, alpha))) < 2e-16);
      }
    }
    CHECK(energy_deviation(window<float>(WindowShape::kaiser_bessel_derived, length)) < 3e-7);
    CHECK(overlap_energy_deviation(rows(vorbis), length / 2) < 1e-15);
  }
}

TEST_CASE("derived windows have the values that the tables of AAC and AC-3 print") {
  const auto aac = window<double>(WindowShape::kaiser_bessel_derived, 2048, {.alpha = 4});
  const double table[] = {0.00029256153896361, 0.00042998567353047, 0.00054674074589540, 0.00065482304299792};
  for (Index n = 0; n < 4; ++n) CHECK(std::abs(aac[n] - table[n]) < 1e-11);  // of a rougher Bessel function
  const auto ac3 = window<double>(WindowShape::kaiser_bessel_derived, 512, {.alpha = 5});
  const double printed[] = {0.00014, 0.00024, 0.00037, 0.00051, 0.00067, 0.00086};
  for (Index n = 0; n < 6; ++n) CHECK(std::abs(ac3[n] - printed[n]) < 5.1e-6);
}

TEST_CASE("the deviation of overlapping windows is zero where they add up, and exact where it is known") {
  const auto hann = window<double>(WindowShape::hann, 64);
  for (const Index hop : {1, 2, 8, 16, 32}) CHECK(overlap_add_deviation(rows(hann), hop) < 1e-15);
  for (const Index hop : {1, 2, 8, 16}) CHECK(overlap_energy_deviation(rows(hann), hop) < 1e-15);
  CHECK(overlap_energy_deviation(rows(hann), 32) == Approx(1.0 / 3));  // s^4 + c^4 from 1/2 to 1
  const auto triangular = window<double>(WindowShape::triangular, 64),
             blackman = window<double>(WindowShape::blackman, 96);
  CHECK(overlap_add_deviation(rows(triangular), 32) < 1e-15);
  CHECK(overlap_add_deviation(rows(blackman), 32) < 1e-15);
  CHECK(overlap_add_deviation(rows(blackman), 48) == Approx(0.16 / 0.84));  // 0.84 + 0.16 c(2)
  const auto ones = window<float>(WindowShape::rectangular, 3);
  CHECK(overlap_add_deviation(rows(ones), 2) == Approx(1.0 / 3));  // sums 2 and 1
  CHECK(overlap_add_deviation(rows(ones), 3) == 0);
  CHECK(overlap_energy_deviation(rows(ones), 6) == 1);  // sums 1 and 0
}

TEST_CASE("windows of no value and of one exist, others that cannot be are named") {
  for (const WindowShape shape : whole_sample_shapes) {
    CHECK(window<float>(shape, 0).size() == 0);
    CHECK(window<float>(shape, 1)[0] == 1);
  }
  for (const WindowShape shape : half_sample_shapes) CHECK(window<float>(shape, 0).size() == 0);
  CHECK_THROWS_MESSAGE(std::invalid_argument, window<float>(WindowShape::hann, -1),
                       "window: expected a length of at least 0, found -1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, window<float>(WindowShape::vorbis, 7),
                       "window: expected an even length for vorbis, found 7");
  CHECK_THROWS_MESSAGE(std::invalid_argument, window<float>(WindowShape::sine, 1),
                       "window: expected an even length for sine, found 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, window<float>(WindowShape::kaiser, 8, {.beta = -1}),
                       "window: expected a beta of 0 to 700, found -1");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, window<float>(WindowShape::kaiser_bessel_derived, 8, {.alpha = nan}),
                       "window: expected a finite alpha, found nan");
  CHECK_THROWS_MESSAGE(std::invalid_argument, window<float>(WindowShape::gaussian, 8, {.deviation = 0}),
                       "window: expected a deviation of 0.001 to 1000, found 0");
  CHECK(window<float>(WindowShape::hann, 8, {.beta = nan}).size() == 8);
}

TEST_CASE("overlaps of windows that cannot be judged are named") {
  const RowMatrix<float> two = RowMatrix<float>::Ones(2, 4);
  CHECK_THROWS_MESSAGE(std::invalid_argument, overlap_add_deviation(rows(two), 2),
                       "overlap_add_deviation: expected a window as one row of at least 1 value, found 2 x 4");
  RowMatrix<float> one(1, 2);
  one << 1, -1;
  CHECK_THROWS_MESSAGE(std::invalid_argument, overlap_energy_deviation(rows(one), 0),
                       "overlap_energy_deviation: expected a hop of at least 1, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, overlap_add_deviation(rows(one), 1),
                       "overlap_add_deviation: expected a window whose values have a sum other than 0, found 0");
  one(0, 1) = std::numeric_limits<float>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, overlap_energy_deviation(rows(one), 1),
                       "overlap_energy_deviation: expected finite window, found inf at vector 0, component 1");
}
