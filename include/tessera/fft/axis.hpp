// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Fourier transforms along one axis of a tensor, and of both axes of a matrix.
//
//   forward_along(plan, tensor, k)     a tensor of the same rank, with the bins along axis k
//   inverse_along(plan, tensor, k)     the way back
//   FourierTransform2D(rows, columns)  of pictures: X[k, l] = sum over m, n of x[m, n] exp(-2 pi i (k m / R + l n / C))
//
// A transform over several axes is one after the other along each; of real tensors the first is the real one, and on
// the way back the last. Axes that are not contiguous are copied into rows first, so that any storage order will do and
// a line has the bits that its plan gives it anywhere.

#include <algorithm>
#include <complex>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/tensor.hpp>
#include <tessera/fft/fourier.hpp>
#include <tessera/fft/normalization.hpp>
#include <tessera/fft/real_fourier.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The lines along axis k, as rows, through `transform`, which returns rows; these along axis k of a tensor like it.
template <class Tensor, class Transform>
auto transform_along(const char* who, const Tensor& tensor, Index k, Index length, Transform&& transform) {
  const AxisShape shape = axis_shape(who, tensor, k);
  require(shape.extent == length, "{}: expected axis {} to have the {} entries of the plan, found {} in a {} tensor",
          who, k, length, shape.extent, describe(tensor));
  return unpack_axis(transform(pack_axis(tensor, k)), tensor, k);
}

}  // namespace detail

/// The forward transforms of all lines along axis k of a tensor: of complex numbers by a FourierTransform, of real ones
/// by a RealFourierTransform; axis k then has the plan's bins. Throws std::out_of_range unless 0 <= k < rank, and
/// std::invalid_argument unless axis k is as long as the plan.
template <class Plan, detail::DirectTensor Tensor>
auto forward_along(const Plan& plan, const Tensor& tensor, Index k, Execution execution = {}) {
  return detail::transform_along("forward_along", tensor, k, plan.length(), [&](const auto& lines) {
    return plan.forward(lines.view(), {.execution = execution});
  });
}

/// The inverse transforms of all lines along axis k, which holds the plan's bins. Throws as forward_along does.
template <class Plan, detail::DirectTensor Tensor>
auto inverse_along(const Plan& plan, const Tensor& tensor, Index k, Execution execution = {}) {
  return detail::transform_along("inverse_along", tensor, k, plan.spectrum_length(), [&](const auto& lines) {
    return plan.inverse(lines.view(), {.execution = execution});
  });
}

/// The memory in which a two-dimensional plan works, made by its workspace(). With one per caller, calls allocate
/// nothing.
template <class Scalar>
struct FourierWorkspace2D {
  RowMatrix<std::complex<Scalar>> turned;
  FourierWorkspace<Scalar> columns, rows;
};

/// What a two-dimensional transform takes beside a matrix.
template <class Scalar>
struct FourierCall2D {
  Execution execution = {};                         // over rows, then over columns
  FourierWorkspace2D<Scalar>* workspace = nullptr;  // without one, the call allocates
};

/// The plan for matrices of rows x columns complex numbers. The factors are those of both axes' transforms. Immutable:
/// threads may share it, each call with a workspace of its own.
template <class Scalar, FourierScale scale>
class FourierTransform2D {
 public:
  using Complex = std::complex<Scalar>;

  /// Throws std::invalid_argument on a size below 1, and on a layout that one of them does not allow.
  FourierTransform2D(Index rows, Index columns, const FourierOptions& options = {})
      : along_columns_(rows, options), along_rows_(columns, options) {}

  Index rows() const { return along_columns_.length(); }
  Index columns() const { return along_rows_.length(); }

  /// Memory for this plan, with which `slots` tasks can run at once.
  FourierWorkspace2D<Scalar> workspace(Index slots = 1) const {
    return {RowMatrix<Complex>(columns(), rows()), along_columns_.workspace(slots), along_rows_.workspace(slots)};
  }

  /// The forward transform of a matrix, viewed by rows(matrix). `output` may be the very memory of `input`. Throws
  /// std::invalid_argument on other shapes, before anything is written.
  void forward_into(Batch<const Complex> input, Batch<Complex> output, const FourierCall2D<Scalar>& call = {}) const {
    run(input, output, call, &Lines::forward_into);
  }
  RowMatrix<Complex> forward(Batch<const Complex> input, const FourierCall2D<Scalar>& call = {}) const {
    RowMatrix<Complex> output(rows(), columns());
    forward_into(input, tessera::rows(output), call);
    return output;
  }

  /// The inverse transform, as above.
  void inverse_into(Batch<const Complex> input, Batch<Complex> output, const FourierCall2D<Scalar>& call = {}) const {
    run(input, output, call, &Lines::inverse_into);
  }
  RowMatrix<Complex> inverse(Batch<const Complex> input, const FourierCall2D<Scalar>& call = {}) const {
    RowMatrix<Complex> output(rows(), columns());
    inverse_into(input, tessera::rows(output), call);
    return output;
  }

  /// The gradient of the input of forward from that of its output, as dL/dRe + i dL/dIm; and the same for inverse.
  void forward_backward_into(Batch<const Complex> grad_output, Batch<Complex> grad_input,
                             const FourierCall2D<Scalar>& call = {}) const {
    run(grad_output, grad_input, call, &Lines::forward_backward_into);
  }
  void inverse_backward_into(Batch<const Complex> grad_output, Batch<Complex> grad_input,
                             const FourierCall2D<Scalar>& call = {}) const {
    run(grad_output, grad_input, call, &Lines::inverse_backward_into);
  }

 private:
  using Lines = FourierTransform<Scalar, scale>;
  using Verb = void (Lines::*)(Batch<const Complex>, Batch<Complex>, const FourierCall<Scalar>&) const;

  void run(Batch<const Complex> input, Batch<Complex> output, const FourierCall2D<Scalar>& call, Verb verb) const {
    detail::check_rows("FourierTransform2D", "input", input.count(), input.dimension(), rows(), columns());
    detail::check_rows("FourierTransform2D", "output", output.count(), output.dimension(), rows(), columns());
    FourierWorkspace2D<Scalar> own;
    if (call.workspace == nullptr) own = workspace(std::max<Index>(1, call.execution.concurrency()));
    FourierWorkspace2D<Scalar>& work = call.workspace == nullptr ? own : *call.workspace;
    detail::check_rows("FourierTransform2D", "a workspace", work.turned.rows(), work.turned.cols(), columns(), rows());
    (along_rows_.*verb)(input, output, {call.execution, &work.rows});
    work.turned = output.matrix().transpose();
    const Batch<Complex> turned = tessera::rows(work.turned);
    (along_columns_.*verb)(turned, turned, {call.execution, &work.columns});
    output.matrix() = work.turned.transpose();
  }

  Lines along_columns_, along_rows_;
};

}  // namespace tessera::inline TESSERA_ISA
