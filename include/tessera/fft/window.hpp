// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Windows: weights for the samples of a frame. Most have the form of a function of n / D, 0 <= n < N, where
//
//   periodic    D = N        a period of a sequence: for spectra, and for frames that overlap and are added
//   symmetric   D = N - 1    first and last value alike: for the design of filters
//
// With u = n / D, c(k) = cos(2 pi k u) and s = sin(pi u), the shapes are
//
//   rectangular             1
//   hann                    s^2 = 1/2 - 1/2 c(1)                                                            (Harris)
//   hamming                 0.54 - 0.46 c(1)                                                                (Harris)
//   blackman                0.42 - 0.5 c(1) + 0.08 c(2)                                                     (Harris)
//   nuttall                 0.3635819 - 0.4891775 c(1) + 0.1365995 c(2) - 0.0106411 c(3)                    (Nuttall)
//   blackman_harris         0.35875 - 0.48829 c(1) + 0.14128 c(2) - 0.01168 c(3)                            (Harris)
//   flat_top                0.21557895 - 0.41663158 c(1) + 0.277263158 c(2)
//                             - 0.083578947 c(3) + 0.006947368 c(4)                                         (D'Antona)
//   triangular              1 - |2 u - 1|, zero at its ends                                                 (Harris)
//   kaiser                  I0(beta sqrt(1 - (2 u - 1)^2)) / I0(beta)                                       (Kaiser)
//   gaussian                exp(-((2 u - 1) / deviation)^2 / 2)                                             (Harris)
//
// Three are symmetric about the middle between two samples, n = (N - 1) / 2, for either choice of D. They exist for
// even N and satisfy w[n]^2 + w[n + N / 2]^2 = 1 (Princen and Bradley 1986): frames that overlap by half, weighted
// before and after, add up to the signal.
//
//   sine                    sin(pi (n + 1/2) / N)
//   vorbis                  sin(pi / 2 sin^2(pi (n + 1/2) / N))                                             (Vorbis)
//   kaiser_bessel_derived   sqrt(sum over j <= n of k[j] / sum over j <= N / 2 of k[j]), n < N / 2, and the mirror
//                           image of that; k is the symmetric Kaiser window of N / 2 + 1 values, beta = pi alpha
//
// Harris: On the use of windows for harmonic analysis with the discrete Fourier transform, Proceedings of the IEEE 66,
// 1978. Nuttall: Some windows with very good sidelobe behavior, IEEE Transactions ASSP 29, 1981, the four terms of
// least sidelobes, -98.2 dB. D'Antona and Ferrero: Digital Signal Processing for Measurement Systems, 2006. Kaiser and
// Schafer: On the use of the I0-sinh window for spectrum analysis, IEEE Transactions ASSP 28, 1980. Vorbis I
// specification, section 4.3.1. The derived window: Fielder and others, AC-2 and AC-3, AES 1996.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <type_traits>

#include <Eigen/Core>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/fft/detail/roots.hpp>

namespace tessera {

enum class WindowShape {
  rectangular,
  hann,
  hamming,
  blackman,
  nuttall,
  blackman_harris,
  flat_top,
  triangular,
  sine,
  kaiser,
  kaiser_bessel_derived,
  gaussian,
  vorbis
};

enum class WindowSymmetry { periodic, symmetric };

/// What a shape does not use does not count.
struct WindowOptions {
  WindowSymmetry symmetry = WindowSymmetry::periodic;
  double beta = 8;         // kaiser: 0 (rectangular) to 700
  double alpha = 4;        // kaiser_bessel_derived: 0 to 200, a Kaiser window of beta = pi alpha (AAC: 4, AC-3: 5)
  double deviation = 0.4;  // gaussian: its standard deviation in units of D / 2, 0.001 to 1000 (Harris's 1 / alpha)
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The modified Bessel function of order zero, as the series of (x^2 / 4)^k / k!^2: all terms are positive, nothing
/// cancels, and after k = |x| / 2 they fall faster than any geometric series.
inline long double bessel_i0(long double x) {
  long double term = 1, sum = 1;
  for (long double k = 1; term > sum * 1e-22L; ++k) {
    term *= x / (2 * k) * (x / (2 * k));
    sum += term;
  }
  return sum;
}

/// I0(beta sqrt(1 - (2 n / span - 1)^2)), the radicand as the product 4 n (span - n) / span^2, which does not cancel.
inline long double kaiser_bessel(Index n, Index span, double beta) {
  if (span == 0) return bessel_i0(beta);
  const auto a = static_cast<long double>(n), b = static_cast<long double>(span - n);
  return bessel_i0(2 * beta * std::sqrt(a * b) / static_cast<long double>(span));
}

/// a[0] - a[1] c(1) + a[2] c(2) - ...
inline double cosine_sum(std::span<const double> a, Index n, Index span) {
  double sum = 0;
  for (Index k = static_cast<Index>(a.size()) - 1; k >= 0; --k) {
    const double term = a[static_cast<std::size_t>(k)] * unit_root<double>(k * n, span).real();
    sum += k % 2 == 0 ? term : -term;
  }
  return sum;
}

inline double gaussian_value(Index n, Index span, double deviation) {
  const double distance = static_cast<double>(2 * n - span) / (static_cast<double>(span) * deviation);
  return std::exp(-distance * distance / 2);
}

/// Shapes that are functions of n / span, 0 <= n <= span / 2, span >= 1.
inline double window_value(WindowShape shape, Index n, Index span, const WindowOptions& options) {
  static constexpr double hamming[] = {0.54, 0.46};
  static constexpr double nuttall[] = {0.3635819, 0.4891775, 0.1365995, 0.0106411};
  static constexpr double blackman_harris[] = {0.35875, 0.48829, 0.14128, 0.01168};
  static constexpr double flat_top[] = {0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368};
  const double sine = unit_root<double>(n, 2 * span).imag(), square = sine * sine;
  switch (shape) {
    case WindowShape::hann:
      return square;
    case WindowShape::hamming:
      return cosine_sum(hamming, n, span);
    case WindowShape::blackman:  // the same sum, which vanishes at its end
      return square * (0.36 + 0.64 * square);
    case WindowShape::nuttall:
      return cosine_sum(nuttall, n, span);
    case WindowShape::blackman_harris:
      return cosine_sum(blackman_harris, n, span);
    case WindowShape::flat_top:
      return cosine_sum(flat_top, n, span);
    case WindowShape::triangular:
      return static_cast<double>(2 * n) / static_cast<double>(span);
    case WindowShape::kaiser:
      return static_cast<double>(kaiser_bessel(n, span, options.beta) / bessel_i0(options.beta));
    case WindowShape::gaussian:
      return gaussian_value(n, span, options.deviation);
    default:
      return 1;
  }
}

/// Whether a shape is symmetric about the middle between two samples.
inline bool has_even_length(WindowShape shape) {
  return shape == WindowShape::sine || shape == WindowShape::vorbis || shape == WindowShape::kaiser_bessel_derived;
}

/// Sine and Vorbis windows of `length` values, 0 <= n < length / 2.
inline double half_sample_value(WindowShape shape, Index n, Index length) {
  const long double sine = unit_root<long double>(2 * n + 1, 4 * length).imag();
  constexpr long double quarter_turn = 1.570796326794896619231321691639751442L;
  return static_cast<double>(shape == WindowShape::sine ? sine : std::sin(quarter_turn * sine * sine));
}

/// The first half of a derived window.
template <class Scalar>
void derive_kaiser_bessel(Scalar* values, Index half, double alpha) {
  constexpr long double pi = 3.141592653589793238462643383279502884L;
  const auto beta = static_cast<double>(pi * alpha);
  long double total = 0, sum = 0;
  for (Index j = 0; j <= half; ++j) total += kaiser_bessel(std::min(j, half - j), half, beta);
  for (Index n = 0; n < half; ++n) {
    sum += kaiser_bessel(std::min(n, half - n), half, beta);
    values[n] = static_cast<Scalar>(static_cast<double>(std::sqrt(sum / total)));
  }
}

inline void check_window_parameter(const char* what, const double& value, double least, double most) {
  require(is_finite(value), "window: expected a finite {}, found {}", what, non_finite_name(value));
  require(value >= least && value <= most, "window: expected a {} of {} to {}, found {}", what, least, most, value);
}

inline void check_window(WindowShape shape, Index length, const WindowOptions& options) {
  require(length >= 0, "window: expected a length of at least 0, found {}", length);
  require(length % 2 == 0 || !has_even_length(shape), "window: expected an even length for {}, found {}",
          shape == WindowShape::sine     ? "sine"
          : shape == WindowShape::vorbis ? "vorbis"
                                         : "kaiser_bessel_derived",
          length);
  if (shape == WindowShape::kaiser) check_window_parameter("beta", options.beta, 0, 700);
  if (shape == WindowShape::kaiser_bessel_derived) check_window_parameter("alpha", options.alpha, 0, 200);
  if (shape == WindowShape::gaussian) check_window_parameter("deviation", options.deviation, 0.001, 1000);
}

/// The largest |S[n] / mean of S - 1| of S[n] = sum over m of power(w[n + m hop]), 0 <= n < hop.
template <class Scalar, class Power>
double overlap_deviation(const char* who, Batch<const Scalar> window, Index hop, Power&& power) {
  const Index length = window.dimension();
  require(window.count() == 1 && length >= 1, "{}: expected a window as one row of at least 1 value, found {} x {}",
          who, window.count(), length);
  require(hop >= 1, "{}: expected a hop of at least 1, found {}", who, hop);
  require_finite(who, "window", window);
  double mean = 0, deviation = 0;
  for (Index i = 0; i < length; ++i) mean += power(static_cast<double>(window[0][i])) / static_cast<double>(hop);
  require(std::abs(mean) > 0, "{}: expected a window whose values have a sum other than 0, found 0", who);
  for (Index n = 0; n < hop; ++n) {
    double sum = 0;
    for (Index i = n; i < length; i += hop) sum += power(static_cast<double>(window[0][i]));
    deviation = std::max(deviation, std::abs(sum / mean - 1));
    if (n >= length) break;  // nothing but empty sums from here
  }
  return deviation;
}

/// A window, and its overlaps with itself. Positions count from the first sample of the first frame: frame m has
/// positions m H ... m H + L - 1, block b has b H ... b H + H - 1, where frames b - overlap() + 1 ... b meet.
template <class Scalar>
class WindowOverlap {
 public:
  WindowOverlap(const char* who, Batch<const Scalar> window, Index length, Index hop)
      : hop_(hop), overlap_((length + hop - 1) / hop) {
    require(window.count() == 1 && window.dimension() == length,
            "{}: expected a window as one row of {} values, found {} x {}", who, length, window.count(),
            window.dimension());
    require_finite(who, "window", window);
    values_.assign(window[0], window[0] + length);
    sum_squares();
    const double* whole = rising_.data() + (overlap_ - 1) * hop;
    largest_ = *std::max_element(whole, whole + hop);
    require(largest_ >= 1e-30 && largest_ <= 1e30,
            "{}: expected a window whose squares, a hop apart, have a largest sum of 1e-30 to 1e30, found {}", who,
            largest_);
    sound_ = *std::min_element(whole, whole + hop) >= least();
    for (Index i = 0; i < hop; ++i) reciprocals_.push_back(static_cast<Scalar>(1 / std::max(whole[i], least())));
  }

  Index length() const { return static_cast<Index>(values_.size()); }
  Index hop() const { return hop_; }
  /// ceil(L / H), the frames that meet in a block.
  Index overlap() const { return overlap_; }
  const Scalar* values() const { return values_.data(); }
  /// One over the sum of squares, of the H positions of a block where all frames are that could be.
  const Scalar* reciprocals() const { return reciprocals_.data(); }
  double largest() const { return largest_; }

  bool within(Index position, Index frames) const {
    return position / hop_ >= overlap_ - 1 && position / hop_ < frames;
  }
  /// The sum of the squares that `frames` frames have at a position.
  double coverage(Index position, Index frames) const {
    const Index block = position / hop_, offset = position % hop_;
    const Index first = std::max<Index>(block - frames + 1, 0), last = std::min(block, overlap_ - 1);
    if (first > last) return 0;
    if (first == 0) return rising_[static_cast<std::size_t>(last * hop_ + offset)];
    if (last == overlap_ - 1) return falling_[static_cast<std::size_t>(first * hop_ + offset)];
    double sum = 0;
    for (Index j = first; j <= last; ++j) sum += square(j * hop_ + offset);
    return sum;
  }
  /// The first of positions begin ... end - 1 with less than 1e-8 of the largest sum, if there is one.
  std::optional<Index> first_weak(Index begin, Index end, Index frames) const {
    std::optional<Index> found;
    for_blocks(begin, end, [&](Index position, Index count) {
      if (found || (sound_ && within(position, frames))) return;
      for (Index i = count - 1; i >= 0; --i) {
        if (coverage(position + i, frames) < least()) found = position + i;
      }
    });
    return found;
  }
  /// body(first position, count) for the part of each block.
  template <class Body>
  void for_blocks(Index begin, Index end, Body&& body) const {
    for (Index position = begin, count = 0; position < end; position += count) {
      count = std::min(hop_ - position % hop_, end - position);
      body(position, count);
    }
  }

 private:
  double least() const { return 1e-8 * largest_; }
  double square(Index i) const {
    const double value = i < length() ? static_cast<double>(values_[static_cast<std::size_t>(i)]) : 0;
    return value * value;
  }
  void sum_squares() {
    const Index size = overlap_ * hop_;
    for (Index i = 0; i < size; ++i) rising_.push_back(square(i) + (i < hop_ ? 0 : rising_.end()[-hop_]));
    falling_.resize(static_cast<std::size_t>(size));
    for (Index i = size - 1; i >= 0; --i)
      falling_.data()[i] = square(i) + (i + hop_ < size ? falling_.data()[i + hop_] : 0);
  }

  Index hop_;
  Index overlap_;
  AlignedVector<Scalar> values_;
  AlignedVector<Scalar> reciprocals_;
  AlignedVector<double> rising_;   // sums over i, i - H, i - 2 H, ...: frames before the first are missing
  AlignedVector<double> falling_;  // over i, i + H, ...: those after the last are
  double largest_ = 0;
  bool sound_ = false;  // whether no whole sum is weak
};

}  // namespace detail

/// The window of `length` values, computed in double or better and rounded once. Its symmetry is exact: w[n] = w[N - n]
/// when periodic, w[n] = w[N - 1 - n] otherwise. A window of one value is 1. Cost: O(N), with I0 O(N beta). Throws
/// std::invalid_argument on a negative length, an odd one where the shape has even ones only, and a parameter of the
/// shape that is out of range.
template <class Scalar>
Eigen::Matrix<Scalar, 1, Eigen::Dynamic> window(WindowShape shape, Index length, const WindowOptions& options = {}) {
  detail::check_window(shape, length, options);
  Eigen::Matrix<Scalar, 1, Eigen::Dynamic> values = Eigen::Matrix<Scalar, 1, Eigen::Dynamic>::Ones(length);
  if (length <= 1) return values;
  if (!detail::has_even_length(shape)) {
    const Index span = options.symmetry == WindowSymmetry::periodic ? length : length - 1;
    for (Index n = 0; 2 * n <= span; ++n) {
      values[n] = static_cast<Scalar>(detail::window_value(shape, n, span, options));
      if (span - n < length) values[span - n] = values[n];
    }
    return values;
  }
  const Index half = length / 2;
  if (shape == WindowShape::kaiser_bessel_derived) {
    detail::derive_kaiser_bessel(values.data(), half, options.alpha);
  } else {
    for (Index n = 0; n < half; ++n) values[n] = static_cast<Scalar>(detail::half_sample_value(shape, n, length));
  }
  for (Index n = 0; n < half; ++n) values[length - 1 - n] = values[n];
  return values;
}

/// How far frames that are weighted once and added, `hop` apart, are from adding up to a constant: the largest
/// |S[n] / mean - 1| of S[n] = sum over m of w[n + m hop]. The window is one row, rows(window). Throws
/// std::invalid_argument on other shapes, a hop below 1, values that are not finite, and a sum of 0.
template <class Scalar>
double overlap_add_deviation(Batch<Scalar> window, Index hop) {
  return detail::overlap_deviation<std::remove_const_t<Scalar>>("overlap_add_deviation", window, hop,
                                                                [](double w) { return w; });
}

/// The same for frames that are weighted before and after, S[n] = sum over m of w[n + m hop]^2: 0 where these need no
/// division by S.
template <class Scalar>
double overlap_energy_deviation(Batch<Scalar> window, Index hop) {
  return detail::overlap_deviation<std::remove_const_t<Scalar>>("overlap_energy_deviation", window, hop,
                                                                [](double w) { return w * w; });
}

}  // namespace tessera::inline TESSERA_ISA
