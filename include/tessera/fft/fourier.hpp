// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The discrete Fourier transform of rows of complex numbers, of any length N >= 1:
//
//   forward   X[k] = f sum over n of x[n] exp(-2 pi i k n / N),     0 <= k < N
//   inverse   x[n] = g sum over k of X[k] exp(+2 pi i k n / N)
//
// with the factors that the plan's type names (fft/normalization.hpp). Lengths whose primes are 2, 3, 5 and 7 are
// transformed by passes of these radices and 4 and 8 (Cooley and Tukey 1965; decimation in frequency), all others as a
// convolution (Bluestein 1970). Both cost O(N log N); the latter about five times as much.

#include <algorithm>
#include <complex>
#include <cstddef>
#include <utility>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/fft/detail/row_fourier.hpp>
#include <tessera/fft/detail/slot_memory.hpp>
#include <tessera/fft/normalization.hpp>

namespace tessera {

/// What the lanes of a vector are. It is the plan's choice and not the call's, so that a row has the same bits in every
/// batch.
enum class FourierLayout {
  automatic,   // within the row where its length allows that
  within_row,  // neighbours of one row: for single rows as fast as for many; lengths that are a multiple of the lanes,
               // and of at least their square
  across_rows  // as many rows: any length; a call with a single row costs as much as one with as many as lanes
};

struct FourierOptions {
  FourierLayout layout = FourierLayout::automatic;
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// The memory in which a plan works, made by its workspace(). With one per caller, calls allocate nothing.
template <class Scalar>
class FourierWorkspace {
 public:
  FourierWorkspace() = default;
  explicit FourierWorkspace(detail::SlotMemory<Scalar> memory) : memory_(std::move(memory)) {}

  /// How many tasks may run at once.
  Index slots() const { return memory_.slots(); }
  detail::SlotMemory<Scalar>& memory() { return memory_; }

 private:
  detail::SlotMemory<Scalar> memory_;
};

/// What a transform takes beside rows.
template <class Scalar>
struct FourierCall {
  Execution execution = {};                       // over rows; at most as many tasks as the workspace has slots
  FourierWorkspace<Scalar>* workspace = nullptr;  // without one, the call allocates
};

namespace detail {

/// What both kinds of plans do with lengths, layouts and rows.
template <class Scalar>
bool choose_within(const char* who, Index length, FourierLayout layout) {
  require(length >= 1, "{}: expected a length of at least 1, found {}", who, length);
  const bool fits = RowFourier<Scalar>::fits_within(length);
  require(layout != FourierLayout::within_row || fits,
          "{}: expected a multiple of {} complex numbers, at least {}, for the layout within rows, found {}", who,
          RowFourier<Scalar>::lanes, RowFourier<Scalar>::lanes * RowFourier<Scalar>::lanes, length);
  return fits && layout != FourierLayout::across_rows;
}

inline void check_rows(const char* who, const char* what, Index count, Index dimension, Index expected_count,
                       Index expected) {
  require(count == expected_count && dimension == expected, "{}: expected {} of {} x {}, found {} x {}", who, what,
          expected_count, expected, count, dimension);
}

template <class Scalar>
SlotMemory<Scalar>* memory_of(const char* who, FourierWorkspace<Scalar>* workspace, Index slot_size) {
  if (workspace == nullptr) return nullptr;
  require(workspace->memory().slot_size() == slot_size,
          "{}: expected a workspace made by this plan, of {} scalars a slot, found one of {}", who, slot_size,
          workspace->memory().slot_size());
  return &workspace->memory();
}

/// Calls body(first, count, work) for groups of as many rows as `row` takes at once, with `slot_size` scalars of work
/// memory for each group.
template <class Scalar, class Body>
void for_row_groups(const char* who, const RowFourier<Scalar>& row, Index rows, Index slot_size,
                    const FourierCall<Scalar>& call, Body&& body) {
  SlotMemory<Scalar>* memory = memory_of(who, call.workspace, slot_size);
  const Index at_once = row.rows_at_once(), groups = (rows + at_once - 1) / at_once;
  for_items(groups, call.execution, memory, slot_size, [&](Index group, Scalar* work) {
    const Index first = group * at_once;
    body(first, std::min(at_once, rows - first), work);
  });
}

}  // namespace detail

/// The plan. Immutable: threads may share it, each call with a workspace of its own.
template <class Scalar, FourierScale scale>
class FourierTransform {
 public:
  using Complex = std::complex<Scalar>;

  /// Throws std::invalid_argument on a length below 1, and on a layout that the length does not allow.
  explicit FourierTransform(Index length, const FourierOptions& options = {})
      : row_(length, detail::choose_within<Scalar>("FourierTransform", length, options.layout)) {}

  Index length() const { return row_.length(); }
  /// Bins of a spectrum.
  Index spectrum_length() const { return length(); }
  FourierLayout layout() const { return row_.within() ? FourierLayout::within_row : FourierLayout::across_rows; }

  /// Memory for this plan, with which `slots` tasks can run at once.
  FourierWorkspace<Scalar> workspace(Index slots = 1) const {
    return FourierWorkspace<Scalar>({"FourierWorkspace", slots, row_.work_size()});
  }

  /// The forward transform of each row. `output` may be the very memory of `input`. A number that is not finite spoils
  /// its row. Throws std::invalid_argument on other shapes, before anything is written.
  void forward_into(Batch<const Complex> input, Batch<Complex> output, const FourierCall<Scalar>& call = {}) const {
    run(input, output, false, forward_factor(scale, length()), call);
  }
  RowMatrix<Complex> forward(Batch<const Complex> input, const FourierCall<Scalar>& call = {}) const {
    RowMatrix<Complex> output(input.count(), length());
    forward_into(input, rows(output), call);
    return output;
  }

  /// The inverse transform of each row, as above.
  void inverse_into(Batch<const Complex> input, Batch<Complex> output, const FourierCall<Scalar>& call = {}) const {
    run(input, output, true, inverse_factor(scale, length()), call);
  }
  RowMatrix<Complex> inverse(Batch<const Complex> input, const FourierCall<Scalar>& call = {}) const {
    RowMatrix<Complex> output(input.count(), length());
    inverse_into(input, rows(output), call);
    return output;
  }

  /// The gradient of the input of forward from that of its output, both as dL/dRe + i dL/dIm.
  void forward_backward_into(Batch<const Complex> grad_output, Batch<Complex> grad_input,
                             const FourierCall<Scalar>& call = {}) const {
    run(grad_output, grad_input, true, forward_factor(scale, length()), call);
  }
  /// The same for inverse.
  void inverse_backward_into(Batch<const Complex> grad_output, Batch<Complex> grad_input,
                             const FourierCall<Scalar>& call = {}) const {
    run(grad_output, grad_input, false, inverse_factor(scale, length()), call);
  }

 private:
  void run(Batch<const Complex> input, Batch<Complex> output, bool inverse, double factor,
           const FourierCall<Scalar>& call) const {
    detail::check_rows("FourierTransform", "input", input.count(), input.dimension(), input.count(), length());
    detail::check_rows("FourierTransform", "output", output.count(), output.dimension(), input.count(), length());
    const auto transform = [&](Index first, Index count, Scalar* work) {
      const Scalar* from[detail::RowFourier<Scalar>::lanes];
      Scalar* to[detail::RowFourier<Scalar>::lanes];
      for (Index r = 0; r < count; ++r) {
        from[r] = reinterpret_cast<const Scalar*>(input[first + r]);
        to[r] = reinterpret_cast<Scalar*>(output[first + r]);
      }
      row_.run(from, to, count, inverse, static_cast<Scalar>(factor), work);
    };
    detail::for_row_groups("FourierTransform", row_, input.count(), row_.work_size(), call, transform);
  }

  detail::RowFourier<Scalar> row_;
};

}  // namespace tessera::inline TESSERA_ISA
