// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// A batch of vectors: `count` vectors of `dimension` scalars, the scalars of one vector contiguous, consecutive vectors
// `stride` apart. It is a view. It is made from Eigen objects by functions that say which axis holds the features:
//
//   rows(matrix)       each row is a vector        (row-major storage, or a single column)
//   columns(matrix)    each column is a vector     (column-major storage, or a single row)
//   last_axis(tensor), axis(tensor, k)             in core/tensor.hpp
//
// A storage order in which features are not contiguous is refused with a message that names the right call; what has
// to be copied is copied by functions that say so: pack_rows, pack_columns, pack_axis.

#include <cstdint>
#include <type_traits>
#include <utility>

#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>

namespace tessera {

/// Results of batch operations: one row per vector.
template <class Scalar>
using RowMatrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Tokens of a batch: (N, tokens_per_vector()). A masked vector has tokens -1.
template <class Token = std::int64_t>
using Tokens = RowMatrix<Token>;

/// A non-owning view of `count` vectors of `dimension` contiguous scalars each. `Scalar` may be const.
template <class Scalar>
class Batch {
 public:
  Batch() = default;

  /// Vector i starts at data + i * stride. Throws std::invalid_argument on a negative size, and unless |stride| >=
  /// dimension where there are two vectors or more. Always inlined, as other units share its name.
  [[gnu::always_inline]] Batch(Scalar* data, Index count, Index dimension, Index stride)
      : data_(data), count_(count), dimension_(dimension), stride_(stride) {
    require(count >= 0 && dimension >= 0, "Batch: expected non-negative sizes, found count {} and dimension {}", count,
            dimension);
    require(count < 2 || stride >= dimension || -stride >= dimension,
            "Batch: expected a stride of at least the dimension {}, found {}", dimension, stride);
  }
  [[gnu::always_inline]] Batch(Scalar* data, Index count, Index dimension) : Batch(data, count, dimension, dimension) {}

  /// A view of mutable vectors is also one of constant vectors.
  operator Batch<const Scalar>() const requires(!std::is_const_v<Scalar>) {
    return {data_, count_, dimension_, stride_};
  }

  Scalar* data() const { return data_; }
  Index count() const { return count_; }
  Index dimension() const { return dimension_; }
  Index stride() const { return stride_; }
  bool empty() const { return count_ == 0; }
  /// All scalars lie in one gap-free piece of memory.
  bool contiguous() const { return stride_ == dimension_ || count_ <= 1; }

  /// The first scalar of vector i.
  Scalar* operator[](Index i) const { return data_ + i * stride_; }

  /// Vectors [begin, end).
  Batch slice(Index begin, Index end) const { return {data_ + begin * stride_, end - begin, dimension_, stride_}; }

  /// The same memory as an Eigen matrix, one vector per row.
  auto matrix() const {
    using Matrix = RowMatrix<std::remove_const_t<Scalar>>;
    using Mapped = std::conditional_t<std::is_const_v<Scalar>, const Matrix, Matrix>;
    return Eigen::Map<Mapped, 0, Eigen::OuterStride<>>(data_, count_, dimension_, Eigen::OuterStride<>(stride_));
  }

 private:
  Scalar* data_ = nullptr;
  Index count_ = 0;
  Index dimension_ = 0;
  Index stride_ = 0;
};

/// A batch that owns its vectors, as the pack functions return it; convertible to a view while it lives. A temporary
/// may be the argument of a call: it lives until the call returns.
template <class Scalar>
class PackedBatch {
 public:
  explicit PackedBatch(RowMatrix<Scalar> values) : values_(std::move(values)) {}
  Batch<const Scalar> view() const& { return {values_.data(), values_.rows(), values_.cols()}; }
  Batch<const Scalar> view() const&& = delete;  // the vectors would die before the view
  operator Batch<const Scalar>() const& { return view(); }
  const RowMatrix<Scalar>& matrix() const& { return values_; }
  RowMatrix<Scalar> matrix() && { return std::move(values_); }

 private:
  RowMatrix<Scalar> values_;
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class T>
concept DirectMatrix = requires(T& m) {
  m.data();
  m.rows();
  m.cols();
  m.innerStride();
  m.outerStride();
};

/// Maps, Refs and Blocks do not own their data: a temporary one is still a view of something that lives. A Ref to
/// constant data is the exception: it holds a copy when what it was made from has another layout.
template <class T>
inline constexpr bool owns_data = std::is_base_of_v<Eigen::PlainObjectBase<T>, T>;
template <class Matrix, int options, class Stride>
inline constexpr bool owns_data<Eigen::Ref<const Matrix, options, Stride>> = true;

template <class Matrix>
concept Viewable = DirectMatrix<std::remove_reference_t<Matrix>> &&
    (std::is_lvalue_reference_v<Matrix> || !owns_data<std::remove_cvref_t<Matrix>>);

template <class Matrix>
using ElementOf = std::remove_pointer_t<decltype(std::declval<std::remove_reference_t<Matrix>&>().data())>;

}  // namespace detail

/// Each row of `matrix` as a vector. A temporary that owns its data, or a lazy expression, does not compile.
/// Throws std::invalid_argument for column-major storage of more than one column.
template <detail::Viewable Matrix>
Batch<detail::ElementOf<Matrix>> rows(Matrix&& matrix) {
  const Index feature_stride = matrix.IsRowMajor ? matrix.innerStride() : matrix.outerStride();
  const Index vector_stride = matrix.IsRowMajor ? matrix.outerStride() : matrix.innerStride();
  require(feature_stride == 1 || matrix.cols() <= 1 || matrix.rows() == 0,
          "rows: expected the entries of a row to be contiguous, found them {} apart in a {} x {} matrix; use "
          "columns(matrix) if its columns are the vectors, or pack_rows(matrix) to copy",
          feature_stride, matrix.rows(), matrix.cols());
  return {matrix.data(), matrix.rows(), matrix.cols(), vector_stride};
}

/// Each column of `matrix` as a vector. A temporary that owns its data, or a lazy expression, does not compile.
/// Throws std::invalid_argument for row-major storage of more than one row.
template <detail::Viewable Matrix>
Batch<detail::ElementOf<Matrix>> columns(Matrix&& matrix) {
  const Index feature_stride = matrix.IsRowMajor ? matrix.outerStride() : matrix.innerStride();
  const Index vector_stride = matrix.IsRowMajor ? matrix.innerStride() : matrix.outerStride();
  require(feature_stride == 1 || matrix.rows() <= 1 || matrix.cols() == 0,
          "columns: expected the entries of a column to be contiguous, found them {} apart in a {} x {} matrix; use "
          "rows(matrix) if its rows are the vectors, or pack_columns(matrix) to copy",
          feature_stride, matrix.rows(), matrix.cols());
  return {matrix.data(), matrix.cols(), matrix.rows(), vector_stride};
}

/// A copy of the rows of any matrix, array or expression, converted to `Scalar` (for example from Eigen::half).
template <class Scalar, class Derived>
PackedBatch<Scalar> pack_rows(const Eigen::DenseBase<Derived>& matrix) {
  return PackedBatch<Scalar>(matrix.derived().template cast<Scalar>());
}
template <class Derived>
PackedBatch<typename Derived::Scalar> pack_rows(const Eigen::DenseBase<Derived>& matrix) {
  return PackedBatch<typename Derived::Scalar>(matrix.derived());
}

/// A copy of the columns of any matrix, array or expression, converted to `Scalar`.
template <class Scalar, class Derived>
PackedBatch<Scalar> pack_columns(const Eigen::DenseBase<Derived>& matrix) {
  return PackedBatch<Scalar>(matrix.transpose().template cast<Scalar>());
}
template <class Derived>
PackedBatch<typename Derived::Scalar> pack_columns(const Eigen::DenseBase<Derived>& matrix) {
  return PackedBatch<typename Derived::Scalar>(matrix.transpose());
}

}  // namespace tessera::inline TESSERA_ISA
