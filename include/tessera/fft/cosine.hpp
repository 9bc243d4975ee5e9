// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The discrete cosine transforms (DCT) of types II, III and IV of rows of N real numbers, of any length N >= 1:
//
//   two     X[k] = f[k] sum over n of x[n] cos(pi k (2 n + 1) / (2 N))
//   three   X[k] = sum over n of g[n] x[n] cos(pi n (2 k + 1) / (2 N))
//   four    X[k] = f sum over n of x[n] cos(pi (2 n + 1) (2 k + 1) / (4 N))
//
// with factors that the plan's type names:
//
//   none          f[k] = f = 1; g[0] = 1/2, all other g[n] = 1. Three after two, two after three, and four after four
//                 multiply a row by N / 2.
//   orthonormal   f[0] = g[0] = sqrt(1 / N), all others, and f, sqrt(2 / N). Energies are kept; three is the inverse
//                 and the transpose of two, and four of itself.
//
// The same transforms in other libraries:
//
//                        FFTW             SciPy, norm=None   SciPy, norm="ortho"
//   two, none            REDFT10 / 2      dct type 2 / 2
//   three, none          REDFT01 / 2      dct type 3 / 2
//   four, none           REDFT11 / 2      dct type 4 / 2
//   orthonormal                                              the same
//
// Types two and three are a Fourier transform of N real points, the even samples and then the odd ones backward, with a
// rotation of its bins (Makhoul, A fast cosine transform in one and two dimensions, 1980). Type four of an even length
// is a complex Fourier transform of N / 2 points between two rotations, of an odd length one of N points.

#include <cmath>
#include <complex>
#include <type_traits>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/complex_lanes.hpp>
#include <tessera/fft/detail/real_untangle.hpp>
#include <tessera/fft/detail/roots.hpp>
#include <tessera/fft/detail/row_fourier.hpp>
#include <tessera/fft/fourier.hpp>

namespace tessera {

enum class CosineType { two, three, four };

/// The plain sums, with half of the first term in type three; or those that keep energies.
enum class CosineScale { none, orthonormal };

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// What the sums are multiplied by: that of frequency 0, and those of all others.
struct CosineFactors {
  double first = 1;
  double rest = 1;
};

inline CosineFactors cosine_factors(CosineType type, CosineScale scale, Index length) {
  const auto n = static_cast<double>(length);
  if (scale == CosineScale::none) return {type == CosineType::three ? 0.5 : 1.0, 1};
  return {std::sqrt((type == CosineType::four ? 2 : 1) / n), std::sqrt(2 / n)};
}

/// Those of the inverse: the cosines C of type two have C C^T = diag(N, N / 2, N / 2, ...), those of four N / 2.
inline CosineFactors inverse_cosine_factors(CosineType type, CosineScale scale, Index length) {
  const auto n = static_cast<double>(length);
  const CosineFactors forward = cosine_factors(type, scale, length);
  return {(type == CosineType::four ? 2 : 1) / (n * forward.first), 2 / (n * forward.rest)};
}

/// exp(2 pi i k / n) to the end of `roots`.
template <class Scalar>
void append_root(Index k, Index n, AlignedVector<Scalar>& roots) {
  const std::complex<Scalar> root = unit_root<Scalar>(k, n);
  roots.insert(roots.end(), {root.real(), root.imag()});
}

/// Sums with the cosines C of type two, from samples to bins, and with C^T, from bins to samples.
template <class Scalar>
class CosineSums {
 public:
  CosineSums(Index length, bool within) : length_(length), row_(even() ? length / 2 : length, within) {
    if (even()) untangle_ = RealUntangle<Scalar>(length);
    for (Index k = 0; k <= length / 2; ++k) append_root(-k, 4 * length, turns_);
  }

  const RowFourier<Scalar>& row() const { return row_; }
  /// Scalars of the work memory of a group of rows.
  Index slot_size() const { return row_.work_size() + row_.rows_at_once() * staged_size(); }

  /// Bins of each row, times the factors. `to` may be the very memory of `from`.
  void to_bins(Batch<const Scalar> from, Batch<Scalar> to, CosineFactors factors, Scalar* work) const {
    Scalar* staged[RowFourier<Scalar>::lanes];
    for (Index r = 0; r < from.count(); ++r) {
      staged[r] = work + row_.work_size() + r * staged_size();
      permute(from[r], staged[r]);
    }
    row_.run(staged, staged, from.count(), false, 1, work);
    for (Index r = 0; r < from.count(); ++r) {
      if (even()) untangle_.untangle(staged[r], 1, 1);
      rotate(staged[r], to[r], static_cast<Scalar>(factors.first), static_cast<Scalar>(factors.rest));
    }
  }

  /// Samples of bins that are first multiplied by the factors, in the same way.
  void to_samples(Batch<const Scalar> from, Batch<Scalar> to, CosineFactors factors, Scalar* work) const {
    Scalar* staged[RowFourier<Scalar>::lanes];
    for (Index r = 0; r < from.count(); ++r) {
      staged[r] = work + row_.work_size() + r * staged_size();
      rotate_back(from[r], staged[r], static_cast<Scalar>(factors.first), static_cast<Scalar>(factors.rest));
      if (even()) untangle_.tangle(staged[r], staged[r], 1);
    }
    row_.run(staged, staged, from.count(), true, 1, work);
    for (Index r = 0; r < from.count(); ++r) permute_back(staged[r], to[r]);
  }

 private:
  bool even() const { return length_ % 2 == 0; }
  /// Even: bins 0 ... N / 2. Odd: all bins, and samples with imaginary parts of 0.
  Index staged_size() const { return even() ? length_ + 2 : 2 * length_; }

  void permute(const Scalar* samples, Scalar* staged) const {
    const Index step = even() ? 1 : 2, half = length_ / 2;
    for (Index n = 0; n < length_ - half; ++n) staged[step * n] = samples[2 * n];
    for (Index n = 0; n < half; ++n) staged[step * (length_ - 1 - n)] = samples[2 * n + 1];
    for (Index n = 0; !even() && n < length_; ++n) staged[2 * n + 1] = 0;
  }

  void permute_back(const Scalar* staged, Scalar* samples) const {
    const Index step = even() ? 1 : 2, half = length_ / 2;
    for (Index n = 0; n < length_ - half; ++n) samples[2 * n] = staged[step * n];
    for (Index n = 0; n < half; ++n) samples[2 * n + 1] = staged[step * (length_ - 1 - n)];
  }

  /// Bin k of the cosines is the real part of exp(-i pi k / (2 N)) V[k], bin N - k minus the imaginary part.
  void rotate(const Scalar* bins, Scalar* to, Scalar first, Scalar rest) const {
    const Scalar* turn = turns_.data();
    to[0] = bins[0] * first;
    for (Index k = 1; 2 * k < length_; ++k) {
      const Scalar re = bins[2 * k], im = bins[2 * k + 1], c = turn[2 * k], s = turn[2 * k + 1];
      to[k] = (re * c - im * s) * rest;
      to[length_ - k] = (re * s + im * c) * -rest;
    }
    if (even()) to[length_ / 2] = bins[length_] * turn[length_] * rest;
  }

  /// The transpose of rotate, in bins whose sum runs over all N of them.
  void rotate_back(const Scalar* from, Scalar* bins, Scalar first, Scalar rest) const {
    const Scalar* turn = turns_.data();
    const Scalar half = rest * Scalar(0.5);
    bins[0] = from[0] * first;
    bins[1] = bins[2 * (length_ / 2) + 1] = 0;  // the latter is that of bin N / 2, or overwritten
    for (Index k = 1; 2 * k < length_; ++k) {
      const Scalar a = from[k], b = from[length_ - k], c = turn[2 * k], s = turn[2 * k + 1];
      bins[2 * k] = (a * c - b * s) * half;
      bins[2 * k + 1] = (a * s + b * c) * -half;
      if (even()) continue;
      bins[2 * (length_ - k)] = bins[2 * k];
      bins[2 * (length_ - k) + 1] = -bins[2 * k + 1];
    }
    if (even()) bins[length_] = from[length_ / 2] * turn[length_] * rest;
  }

  Index length_ = 0;
  RowFourier<Scalar> row_;
  RealUntangle<Scalar> untangle_;
  AlignedVector<Scalar> turns_;  // exp(-i pi k / (2 N)), k = 0 ... N / 2
};

/// Sums with the cosines of type four. With M = N / 2 and v[n] = exp(-i pi (8 n + 1) / (8 N)), for even lengths
///
///   y[k] = v[k] sum over n < M of v[n] (x[2 n] + i x[N - 1 - 2 n]) exp(-2 pi i k n / M)
///
/// has X[2 k] as its real part, and -X[N - 1 - 2 k] as its imaginary part. For odd lengths
///
///   y[k] = exp(-i pi (4 k + 1) / (4 N)) sum over n < N of x[n] exp(-i pi n / (2 N)) exp(-2 pi i k n / N)
///
/// has X[2 k] as its real part, where X[2 N - 1 - k] = -X[k].
template <class Scalar>
class ShiftedCosineSums {
 public:
  ShiftedCosineSums(Index length, bool within) : length_(length), row_(even() ? length / 2 : length, within) {
    for (Index n = 0; n < row_.length(); ++n) {
      even() ? append_root(-(8 * n + 1), 16 * length, before_) : append_root(-n, 4 * length, before_);
      if (!even()) append_root(-(4 * n + 1), 8 * length, after_);
    }
  }

  const RowFourier<Scalar>& row() const { return row_; }
  /// Scalars of the work memory of a group of rows.
  Index slot_size() const { return row_.work_size() + row_.rows_at_once() * staged_size(); }

  /// The sums of each row, times the factor. `to` may be the very memory of `from`.
  void run(Batch<const Scalar> from, Batch<Scalar> to, double factor, Scalar* work) const {
    Scalar* staged[RowFourier<Scalar>::lanes];
    for (Index r = 0; r < from.count(); ++r) {
      staged[r] = work + row_.work_size() + r * staged_size();
      even() ? fold(from[r], staged[r]) : turn(from[r], staged[r]);
    }
    row_.run(staged, staged, from.count(), false, static_cast<Scalar>(factor), work);
    for (Index r = 0; r < from.count(); ++r) even() ? unfold(staged[r], to[r]) : take(staged[r], to[r]);
  }

 private:
  static constexpr Index lanes = simd::lanes<Scalar>;
  using Lanes = ComplexLanes<Scalar>;

  bool even() const { return length_ % 2 == 0; }
  Index staged_size() const { return 2 * row_.length(); }

  /// An even length, a vector at a time, in the order of load_paired: its reverse is that of reversed numbers.
  void fold(const Scalar* x, Scalar* staged) const {
    const Scalar* v = before_.data();
    const Index points = row_.length(), whole = points / lanes * lanes;
    for (Index n = 0; n < whole; n += lanes) {
      const Lanes ahead = load_paired(x + 2 * n), behind = load_paired(x + length_ - 2 * (n + lanes));
      store_paired(staged + 2 * n, Lanes{ahead.re, reverse_lanes<Scalar>(behind.im)} * load_paired(v + 2 * n));
    }
    for (Index n = whole; n < points; ++n) {
      const Scalar re = x[2 * n], im = x[length_ - 1 - 2 * n], c = v[2 * n], s = v[2 * n + 1];
      staged[2 * n] = re * c - im * s;
      staged[2 * n + 1] = re * s + im * c;
    }
  }

  void unfold(const Scalar* staged, Scalar* to) const {
    const Scalar* v = before_.data();
    const Index points = row_.length(), whole = points / lanes * lanes;
    for (Index k = 0; k < whole; k += lanes) {
      const Index end = 2 * (points - lanes - k);
      const Lanes a = load_paired(staged + 2 * k) * load_paired(v + 2 * k);
      const Lanes b = load_paired(staged + end) * load_paired(v + end);
      store_paired(to + 2 * k, Lanes{a.re, -reverse_lanes<Scalar>(b.im)});
    }
    for (Index k = 2 * whole, end = 2 * (points - whole - 1); end >= 0; k += 2, end -= 2) {
      to[k] = staged[k] * v[k] - staged[k + 1] * v[k + 1];
      to[k + 1] = -(staged[end] * v[end + 1] + staged[end + 1] * v[end]);
    }
  }

  /// An odd length.
  void turn(const Scalar* x, Scalar* staged) const {
    for (Index i = 0; i < 2 * length_; ++i) staged[i] = x[i / 2] * before_.data()[i];
  }

  void take(const Scalar* staged, Scalar* to) const {
    const Scalar* w = after_.data();
    for (Index k = 0; k < length_; ++k) {
      const Scalar real = staged[2 * k] * w[2 * k] - staged[2 * k + 1] * w[2 * k + 1];
      const bool mirrored = 2 * k >= length_;
      to[mirrored ? 2 * (length_ - k) - 1 : 2 * k] = mirrored ? -real : real;
    }
  }

  Index length_ = 0;
  RowFourier<Scalar> row_;
  AlignedVector<Scalar> before_, after_;  // rotations; those of even lengths are the same before and after
};

}  // namespace detail

/// The plan. Immutable: threads may share it, each call with a workspace of its own. A row has the same bits in every
/// batch and with any number of threads; a number that is not finite spoils its row.
template <class Scalar, CosineType type, CosineScale scale>
class CosineTransform {
 public:
  /// Throws std::invalid_argument on a length below 1, and on a layout that the length (for even lengths: its half)
  /// does not allow.
  explicit CosineTransform(Index length, const FourierOptions& options = {})
      : length_(length),
        sums_(length, detail::choose_within<Scalar>(name, length > 0 && length % 2 == 0 ? length / 2 : length,
                                                    options.layout)) {}

  Index length() const { return length_; }
  FourierLayout layout() const { return sums_.row().within() ? FourierLayout::within_row : FourierLayout::across_rows; }

  /// Memory for this plan, with which `slots` tasks can run at once.
  FourierWorkspace<Scalar> workspace(Index slots = 1) const {
    return FourierWorkspace<Scalar>({"FourierWorkspace", slots, sums_.slot_size()});
  }

  /// The transform of each row. `output` may be the very memory of `input`. Throws std::invalid_argument on other
  /// shapes, before anything is written.
  void forward_into(Batch<const Scalar> input, Batch<Scalar> output, const FourierCall<Scalar>& call = {}) const {
    run("input", input, "output", output, false, detail::cosine_factors(type, scale, length_), call);
  }
  RowMatrix<Scalar> forward(Batch<const Scalar> input, const FourierCall<Scalar>& call = {}) const {
    RowMatrix<Scalar> output(input.count(), length_);
    forward_into(input, rows(output), call);
    return output;
  }

  /// Its inverse, whatever the scale, as above.
  void inverse_into(Batch<const Scalar> input, Batch<Scalar> output, const FourierCall<Scalar>& call = {}) const {
    run("input", input, "output", output, true, detail::inverse_cosine_factors(type, scale, length_), call);
  }
  RowMatrix<Scalar> inverse(Batch<const Scalar> input, const FourierCall<Scalar>& call = {}) const {
    RowMatrix<Scalar> output(input.count(), length_);
    inverse_into(input, rows(output), call);
    return output;
  }

  /// The gradient of the input of forward from that of its output: the transpose of forward.
  void forward_backward_into(Batch<const Scalar> grad_output, Batch<Scalar> grad_input,
                             const FourierCall<Scalar>& call = {}) const {
    run("grad_output", grad_output, "grad_input", grad_input, true, detail::cosine_factors(type, scale, length_), call);
  }
  /// The same for inverse.
  void inverse_backward_into(Batch<const Scalar> grad_output, Batch<Scalar> grad_input,
                             const FourierCall<Scalar>& call = {}) const {
    run("grad_output", grad_output, "grad_input", grad_input, false,
        detail::inverse_cosine_factors(type, scale, length_), call);
  }

 private:
  static constexpr const char* name = "CosineTransform";
  using Sums =
      std::conditional_t<type == CosineType::four, detail::ShiftedCosineSums<Scalar>, detail::CosineSums<Scalar>>;

  /// `transposed` takes the transpose of the sums of this type.
  void run(const char* what, Batch<const Scalar> input, const char* where, Batch<Scalar> output, bool transposed,
           detail::CosineFactors factors, const FourierCall<Scalar>& call) const {
    const Index count = input.count();
    detail::check_rows(name, what, count, input.dimension(), count, length_);
    detail::check_rows(name, where, output.count(), output.dimension(), count, length_);
    detail::for_row_groups(name, sums_.row(), count, sums_.slot_size(), call,
                           [&](Index first, Index size, Scalar* work) {
                             const Batch<const Scalar> from = input.slice(first, first + size);
                             const Batch<Scalar> to = output.slice(first, first + size);
                             if constexpr (type == CosineType::four) {
                               sums_.run(from, to, factors.rest, work);
                             } else if ((type == CosineType::three) == transposed) {
                               sums_.to_bins(from, to, factors, work);
                             } else {
                               sums_.to_samples(from, to, factors, work);
                             }
                           });
  }

  Index length_ = 0;
  Sums sums_;
};

}  // namespace tessera::inline TESSERA_ISA
