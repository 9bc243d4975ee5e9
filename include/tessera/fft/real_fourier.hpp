// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The discrete Fourier transform of rows of N real numbers. Bins N - k are conjugates of bins k, so bins
// 0 ... floor(N / 2) are all:
//
//   forward   X[k] = f sum over n of x[n] exp(-2 pi i k n / N)
//   inverse   x[n] = g sum over all N bins of X[k] exp(+2 pi i k n / N)
//
// with the factors that the plan's type names (fft/normalization.hpp). An even length costs a complex transform of half
// as many points, an odd one of as many.

#include <algorithm>
#include <complex>
#include <cstddef>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/fft/detail/real_untangle.hpp>
#include <tessera/fft/detail/row_fourier.hpp>
#include <tessera/fft/fourier.hpp>
#include <tessera/fft/normalization.hpp>

namespace tessera::inline TESSERA_ISA {

/// The plan. Immutable: threads may share it, each call with a workspace of its own.
template <class Scalar, FourierScale scale>
class RealFourierTransform {
 public:
  using Complex = std::complex<Scalar>;

  /// Throws std::invalid_argument on a length below 1, and on a layout that the length (for even lengths: its half)
  /// does not allow.
  explicit RealFourierTransform(Index length, const FourierOptions& options = {}) : length_(length) {
    const Index points = length >= 1 && even() ? length / 2 : length;
    row_ = Row(points, detail::choose_within<Scalar>("RealFourierTransform", points, options.layout));
    if (even()) untangle_ = detail::RealUntangle<Scalar>(length);
  }

  Index length() const { return length_; }
  /// Bins of a spectrum: floor(N / 2) + 1.
  Index spectrum_length() const { return length_ / 2 + 1; }
  FourierLayout layout() const { return row_.within() ? FourierLayout::within_row : FourierLayout::across_rows; }

  /// Memory for this plan, with which `slots` tasks can run at once.
  FourierWorkspace<Scalar> workspace(Index slots = 1) const {
    return FourierWorkspace<Scalar>({"FourierWorkspace", slots, slot_size()});
  }

  /// (rows, length) to (rows, spectrum_length). Input and output must not overlap. Throws std::invalid_argument on
  /// other shapes, before anything is written.
  void forward_into(Batch<const Scalar> input, Batch<Complex> output, const FourierCall<Scalar>& call = {}) const {
    const auto factor = static_cast<Scalar>(forward_factor(scale, length_));
    to_bins("input", input, "output", output, factor, factor, call);
  }
  RowMatrix<Complex> forward(Batch<const Scalar> input, const FourierCall<Scalar>& call = {}) const {
    RowMatrix<Complex> output(input.count(), spectrum_length());
    forward_into(input, rows(output), call);
    return output;
  }

  /// (rows, spectrum_length) to (rows, length). The imaginary parts of bin 0 and, for even N, of bin N / 2 do not
  /// count: they would be 0 in the spectrum of real numbers. Throws as forward_into does.
  void inverse_into(Batch<const Complex> input, Batch<Scalar> output, const FourierCall<Scalar>& call = {}) const {
    to_samples("input", input, "output", output, static_cast<Scalar>(inverse_factor(scale, length_)), 1, call);
  }
  RowMatrix<Scalar> inverse(Batch<const Complex> input, const FourierCall<Scalar>& call = {}) const {
    RowMatrix<Scalar> output(input.count(), length_);
    inverse_into(input, rows(output), call);
    return output;
  }

  /// The gradient of the input of forward from that of its output, as dL/dRe + i dL/dIm.
  void forward_backward_into(Batch<const Complex> grad_output, Batch<Scalar> grad_input,
                             const FourierCall<Scalar>& call = {}) const {
    // Each bin counts once, where the inverse transform counts those between the first and the last twice.
    to_samples("grad_output", grad_output, "grad_input", grad_input,
               static_cast<Scalar>(forward_factor(scale, length_)), Scalar(0.5), call);
  }
  /// The same for inverse.
  void inverse_backward_into(Batch<const Scalar> grad_output, Batch<Complex> grad_input,
                             const FourierCall<Scalar>& call = {}) const {
    const auto factor = static_cast<Scalar>(inverse_factor(scale, length_));
    to_bins("grad_output", grad_output, "grad_input", grad_input, factor, 2 * factor, call);
  }

 private:
  using Row = detail::RowFourier<Scalar>;

  static constexpr const char* name = "RealFourierTransform";

  bool even() const { return length_ % 2 == 0; }
  /// Scalars of a row of complex numbers, which rows of odd lengths become first.
  Index extended_size() const { return even() ? 0 : 2 * length_; }
  Index slot_size() const { return row_.work_size() + row_.rows_at_once() * extended_size(); }

  template <class Body>
  void for_groups(Index rows, const FourierCall<Scalar>& call, Body&& body) const {
    detail::for_row_groups(name, row_, rows, slot_size(), call, body);
  }

  void to_bins(const char* what, Batch<const Scalar> input, const char* where, Batch<Complex> output, Scalar outer,
               Scalar inner, const FourierCall<Scalar>& call) const {
    detail::check_rows(name, what, input.count(), input.dimension(), input.count(), length_);
    detail::check_rows(name, where, output.count(), output.dimension(), input.count(), spectrum_length());
    for_groups(input.count(), call, [&](Index first, Index count, Scalar* work) {
      const Scalar* from[Row::lanes];
      Scalar* to[Row::lanes];
      for (Index r = 0; r < count; ++r) {
        to[r] = even() ? reinterpret_cast<Scalar*>(output[first + r]) : extended(work, r);
        if (!even()) extend_samples(input[first + r], to[r]);
        from[r] = even() ? input[first + r] : to[r];
      }
      row_.run(from, to, count, false, 1, work);
      for (Index r = 0; r < count; ++r) {
        if (even()) {
          untangle_.untangle(to[r], outer, inner);
        } else {
          take_bins(to[r], reinterpret_cast<Scalar*>(output[first + r]), outer, inner);
        }
      }
    });
  }

  void to_samples(const char* what, Batch<const Complex> input, const char* where, Batch<Scalar> output, Scalar factor,
                  Scalar inner, const FourierCall<Scalar>& call) const {
    detail::check_rows(name, what, input.count(), input.dimension(), input.count(), spectrum_length());
    detail::check_rows(name, where, output.count(), output.dimension(), input.count(), length_);
    for_groups(input.count(), call, [&](Index first, Index count, Scalar* work) {
      Scalar* to[Row::lanes];
      for (Index r = 0; r < count; ++r) {
        const Scalar* bins = reinterpret_cast<const Scalar*>(input[first + r]);
        to[r] = even() ? output[first + r] : extended(work, r);
        even() ? untangle_.tangle(bins, to[r], inner) : extend_bins(bins, to[r], inner);
      }
      row_.run(to, to, count, true, factor, work);
      for (Index r = 0; !even() && r < count; ++r) {
        for (Index n = 0; n < length_; ++n) output[first + r][n] = to[r][2 * n];
      }
    });
  }

  // ---- odd lengths ----

  Scalar* extended(Scalar* work, Index r) const { return work + row_.work_size() + r * extended_size(); }

  void extend_samples(const Scalar* samples, Scalar* row) const {
    for (Index n = 0; n < length_; ++n) {
      row[2 * n] = samples[n];
      row[2 * n + 1] = 0;
    }
  }

  void take_bins(const Scalar* row, Scalar* bins, Scalar outer, Scalar inner) const {
    for (Index i = 0; i < 2 * spectrum_length(); ++i) bins[i] = row[i] * (i < 2 ? outer : inner);
    bins[1] = 0;
  }

  void extend_bins(const Scalar* bins, Scalar* row, Scalar inner) const {
    row[0] = bins[0];
    row[1] = 0;
    for (Index k = 1; k < spectrum_length(); ++k) {
      row[2 * k] = row[2 * (length_ - k)] = bins[2 * k] * inner;
      row[2 * k + 1] = bins[2 * k + 1] * inner;
      row[2 * (length_ - k) + 1] = -row[2 * k + 1];
    }
  }

  Index length_ = 0;
  Row row_;
  detail::RealUntangle<Scalar> untangle_;
};

}  // namespace tessera::inline TESSERA_ISA
