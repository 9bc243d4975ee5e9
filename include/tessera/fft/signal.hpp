// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Signals: (batch, channels, length) samples, those of one channel contiguous in time. It is a view. It is made from
// Eigen objects, or from memory:
//
//   signals(tensor)     a row-major tensor of rank 3: batch, channels, time; of rank 2: channels, time
//   signals(matrix)     each row is a channel; rows contiguous (row-major storage)
//   Signals<float>(data, batch, channels, length)

#include <type_traits>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/core/tensor.hpp>

namespace tessera {

/// A non-owning view of signals. `Scalar` may be const.
template <class Scalar>
class Signals {
 public:
  Signals() = default;

  /// Channel c of example b starts at data + b * batch_stride + c * channel_stride. Throws std::invalid_argument on a
  /// negative size, and where two channels or two examples would overlap. Always inlined, as other units share its
  /// name.
  [[gnu::always_inline]] Signals(Scalar* data, Index batch, Index channels, Index length, Index batch_stride,
                                 Index channel_stride)
      : data_(data),
        batch_(batch),
        channels_(channels),
        length_(length),
        batch_stride_(batch_stride),
        channel_stride_(channel_stride) {
    require(batch >= 0 && channels >= 0 && length >= 0,
            "Signals: expected non-negative sizes, found batch {}, channels {} and length {}", batch, channels, length);
    require(channels < 2 || channel_stride >= length,
            "Signals: expected a channel stride of at least the length {}, found {}", length, channel_stride);
    const Index example = channels == 0 ? 0 : (channels - 1) * (channels < 2 ? 0 : channel_stride) + length;
    require(batch < 2 || batch_stride >= example || (batch_stride >= length && channel_stride >= batch * batch_stride),
            "Signals: expected a batch stride of at least the {} samples of an example, found {}", example,
            batch_stride);
  }
  /// Without gaps.
  [[gnu::always_inline]] Signals(Scalar* data, Index batch, Index channels, Index length)
      : Signals(data, batch, channels, length, channels * length, length) {}

  /// A view of mutable signals is also one of constant signals.
  operator Signals<const Scalar>() const requires(!std::is_const_v<Scalar>) {
    return {data_, batch_, channels_, length_, batch_stride_, channel_stride_};
  }

  Scalar* data() const { return data_; }
  Index batch() const { return batch_; }
  Index channels() const { return channels_; }
  Index length() const { return length_; }
  Index batch_stride() const { return batch_stride_; }
  Index channel_stride() const { return channel_stride_; }
  /// No samples at all.
  bool empty() const { return batch_ == 0 || channels_ == 0 || length_ == 0; }

  /// The first sample of channel c of example b.
  Scalar* operator()(Index b, Index c) const { return data_ + b * batch_stride_ + c * channel_stride_; }

  /// Examples [begin, end).
  Signals slice(Index begin, Index end) const {
    return {data_ + begin * batch_stride_, end - begin, channels_, length_, batch_stride_, channel_stride_};
  }
  /// Samples [begin, end) of all channels.
  Signals window(Index begin, Index end) const {
    return {data_ + begin, batch_, channels_, end - begin, batch_stride_, channel_stride_};
  }

 private:
  Scalar* data_ = nullptr;
  Index batch_ = 0;
  Index channels_ = 0;
  Index length_ = 0;
  Index batch_stride_ = 0;
  Index channel_stride_ = 0;
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// Each row of `matrix` as a channel, the batch of one example. A temporary that owns its data, or a lazy expression,
/// does not compile. Throws std::invalid_argument for column-major storage of more than one column.
template <detail::Viewable Matrix>
Signals<detail::ElementOf<Matrix>> signals(Matrix&& matrix) {
  const Index time_stride = matrix.IsRowMajor ? matrix.innerStride() : matrix.outerStride();
  const Index channel_stride = matrix.IsRowMajor ? matrix.outerStride() : matrix.innerStride();
  require(time_stride == 1 || matrix.cols() <= 1 || matrix.rows() == 0,
          "signals: expected the samples of a channel to be contiguous, found them {} apart in a {} x {} matrix; store "
          "channels in the rows of a row-major matrix",
          time_stride, matrix.rows(), matrix.cols());
  return {matrix.data(), 1, matrix.rows(), matrix.cols(), matrix.rows() * channel_stride, channel_stride};
}

/// A tensor (batch, channels, time), or (channels, time) for one example. A temporary that owns its data does not
/// compile. Throws std::invalid_argument for column-major storage, unless time is the only axis of more than one entry.
template <detail::ViewableTensor Tensor>
requires(detail::tensor_rank<Tensor> == 2 ||
         detail::tensor_rank<Tensor> == 3) Signals<detail::TensorElement<Tensor>> signals(Tensor&& tensor) {
  constexpr int rank = detail::tensor_rank<Tensor>;
  const Index batch = rank == 3 ? tensor.dimension(0) : 1;
  const Index channels = tensor.dimension(rank - 2), length = tensor.dimension(rank - 1);
  require(detail::is_row_major<Tensor> || (batch <= 1 && channels <= 1) || batch * channels * length == 0,
          "signals: expected the samples of a channel to be contiguous, found them {} apart in a {} tensor; store it "
          "row-major, time last",
          batch * channels, detail::describe(tensor));
  return {tensor.data(), batch, channels, length};
}

}  // namespace tessera::inline TESSERA_ISA
