// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Tensors of any rank as batches of vectors, and the way back. One axis of the tensor holds the features; each position
// of the other axes is one vector.
//
//   last_axis(tensor), axis(tensor, k)           a view            (the axis must be contiguous)
//   pack_axis(tensor, k)                         a copy            (any axis, any storage order)
//   unpack_axis(codes, tensor, k)                (N, E) to a tensor of the same extents, E along axis k
//   unpack_without_axis(tokens, tensor, k)       (N, 1) to a tensor without axis k
//
// Vectors are numbered in storage order: in a row-major tensor the last of the other axes runs fastest, in a
// column-major one the first. Views and copies of the same axis therefore number them alike.
//
// Tensors are Eigen::Tensor, Eigen::TensorMap and Eigen::TensorFixedSize, seen through a concept: whoever has one has
// included Eigen's slow header already, and whoever has none does not pay for it.

#include <algorithm>
#include <array>
#include <concepts>
#include <string>
#include <type_traits>
#include <utility>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class T>
inline constexpr int tensor_rank = static_cast<int>(std::remove_cvref_t<T>::NumIndices);

template <class T>
inline constexpr bool is_row_major = static_cast<int>(std::remove_cvref_t<T>::Layout) == int{Eigen::RowMajor};

/// Dense storage in one piece, and at least one axis to hold the features.
template <class T>
concept DirectTensor = requires(const T& tensor) {
  { *tensor.data() } -> std::convertible_to<typename T::Scalar>;
  { tensor.dimension(0) } -> std::convertible_to<Index>;
  T::Layout;
  requires tensor_rank<T>
  >= 1;
};

/// The tensor type like `T`, of other scalars and another rank; a TensorMap is like the tensor it maps.
template <class T, class Scalar, int rank>
struct TensorLike {};
template <template <class, int, int, class> class Tensor, class S, int r, int options, class I, class Scalar, int rank>
struct TensorLike<Tensor<S, r, options, I>, Scalar, rank> {
  using type = Tensor<Scalar, rank, options, I>;
};
template <template <class, int, template <class> class> class Map, class Tensor, int options,
          template <class> class Pointer, class Scalar, int rank>
struct TensorLike<Map<Tensor, options, Pointer>, Scalar, rank> : TensorLike<std::remove_const_t<Tensor>, Scalar, rank> {
};

template <class T>
inline constexpr bool is_tensor_map = false;
template <template <class, int, template <class> class> class Map, class Tensor, int options,
          template <class> class Pointer>
inline constexpr bool is_tensor_map<Map<Tensor, options, Pointer>> = true;

/// A temporary TensorMap is still a view of something that lives; any other temporary owns its data.
template <class Tensor>
concept ViewableTensor = DirectTensor<std::remove_cvref_t<Tensor>> &&
    (std::is_lvalue_reference_v<Tensor> || is_tensor_map<std::remove_cvref_t<Tensor>>);

template <class Tensor>
using TensorElement = std::remove_pointer_t<decltype(std::declval<std::remove_reference_t<Tensor>&>().data())>;

/// `Requested`, or the scalar that is there when nothing was requested.
template <class Requested, class Own>
using ScalarOr = std::conditional_t<std::is_void_v<Requested>, Own, Requested>;

/// A tensor as (outer, extent, inner) in storage order: `extent` along the axis of the features, `inner` positions of
/// the axes that run faster, `outer` of those that run slower.
struct AxisShape {
  Index outer = 1;
  Index extent = 0;
  Index inner = 1;
  Index count() const { return outer * inner; }
};

template <class Tensor, std::size_t... axes>
std::array<Index, sizeof...(axes)> tensor_extents(const Tensor& tensor, std::index_sequence<axes...>) {
  return {static_cast<Index>(tensor.dimension(axes))...};
}

template <class Tensor>
auto tensor_extents(const Tensor& tensor) {
  return tensor_extents(tensor, std::make_index_sequence<static_cast<std::size_t>(tensor_rank<Tensor>)>());
}

/// "row-major 2 x 3 x 4", for messages.
template <class Tensor>
std::string describe(const Tensor& tensor) {
  std::string text = is_row_major<Tensor> ? "row-major " : "column-major ";
  for (const Index extent : tensor_extents(tensor)) text += std::to_string(extent) + " x ";
  return text.substr(0, text.size() - 3);
}

template <class Tensor>
AxisShape axis_shape(const char* who, const Tensor& tensor, Index k) {
  constexpr Index rank = tensor_rank<Tensor>;
  if (k < 0 || k >= rank) raise<std::out_of_range>("{}: expected an axis in [0, {}), found {}", who, rank, k);
  const std::array<Index, rank> extents = tensor_extents(tensor);
  AxisShape shape{.extent = extents[static_cast<std::size_t>(k)]};
  for (Index i = 0; i < rank; ++i) {
    const bool faster = is_row_major<Tensor> ? i > k : i < k;
    if (i != k) (faster ? shape.inner : shape.outer) *= extents[static_cast<std::size_t>(i)];
  }
  // A TensorRef of a lazy expression has extents but no data.
  require(tensor.data() != nullptr || shape.count() * shape.extent == 0, "{}: expected a tensor with data, found none",
          who);
  return shape;
}

template <class Tensor>
auto tensor_view(const char* who, Tensor& tensor, Index k) -> Batch<TensorElement<Tensor&>> {
  const AxisShape shape = axis_shape(who, tensor, k);
  if (shape.inner != 1 && shape.extent > 1 && shape.count() > 0) {
    constexpr bool last = is_row_major<Tensor>;
    raise<std::invalid_argument>(
        "{}: expected the entries along axis {} to be contiguous, found them {} apart in a {} tensor; use {} if its "
        "{} axis holds the features, or pack_axis(tensor, {}) to copy",
        who, k, shape.inner, describe(tensor), last ? "last_axis(tensor)" : "axis(tensor, 0)", last ? "last" : "first",
        k);
  }
  return {tensor.data(), shape.count(), shape.extent};
}

/// One tile of transpose_blocks: turned in a buffer, so that whole cache lines are read and written however the strides
/// fall onto the sets of the cache.
template <class From, class To>
void transpose_tile(const From* from, To* to, Index rows, Index cols) {
  std::array<To, 256> turned;
  for (std::size_t r = 0; r < 16; ++r, from += cols) {
    for (std::size_t c = 0; c < 16; ++c) turned[c * 16 + r] = static_cast<To>(from[c]);
  }
  for (std::size_t c = 0; c < 16; ++c, to += rows) std::copy_n(turned.data() + c * 16, 16, to);
}

/// Transposes each of `blocks` matrices of rows x cols, one after the other in memory; scalars are converted.
template <class From, class To>
void transpose_blocks(const From* from, To* to, Index blocks, Index rows, Index cols) {
  const Index tiled_rows = rows - rows % 16, tiled_cols = cols - cols % 16;
  for (Index b = 0; b < blocks; ++b, from += rows * cols, to += rows * cols) {
    for (Index c = 0; c < tiled_cols; c += 16) {
      for (Index r = 0; r < tiled_rows; r += 16) transpose_tile(from + r * cols + c, to + c * rows + r, rows, cols);
      for (Index r = tiled_rows; r < rows; ++r) {
        for (Index i = c; i < c + 16; ++i) to[i * rows + r] = static_cast<To>(from[r * cols + i]);
      }
    }
    for (Index c = tiled_cols; c < cols; ++c) {
      for (Index r = 0; r < rows; ++r) to[c * rows + r] = static_cast<To>(from[r * cols + c]);
    }
  }
}

/// (outer, extent, inner) to (outer, inner, extent), or the other way when called with the two exchanged.
template <class From, class To>
void exchange_axes(const From* from, To* to, Index outer, Index rows, Index cols) {
  if (rows > 1 && cols > 1) return transpose_blocks(from, to, outer, rows, cols);
  for (Index i = 0; i < outer * rows * cols; ++i) to[i] = static_cast<To>(from[i]);
}

/// Codes may become half precision; tokens stay what they are.
template <class From, class To>
concept Unpackable = std::same_as<From, To> || !(std::integral<From> || std::integral<To>);

}  // namespace detail

/// The vectors along axis k, viewed. Throws std::out_of_range unless 0 <= k < rank, and std::invalid_argument unless
/// the entries of a vector are contiguous: axis rank - 1 of a row-major tensor, axis 0 of a column-major one (or an
/// axis with no axis of more than one entry inside it). A temporary that owns its data does not compile.
template <detail::ViewableTensor Tensor>
Batch<detail::TensorElement<Tensor>> axis(Tensor&& tensor, Index k) {
  return detail::tensor_view("axis", tensor, k);
}

/// The vectors along the last axis, viewed: axis(tensor, rank - 1).
template <detail::ViewableTensor Tensor>
Batch<detail::TensorElement<Tensor>> last_axis(Tensor&& tensor) {
  return detail::tensor_view("last_axis", tensor, detail::tensor_rank<Tensor> - 1);
}

/// Copies the vectors along axis k into the rows of `vectors`, which is resized; scalars are converted (from
/// Eigen::half, say). Throws as `axis` does for k.
template <detail::DirectTensor Tensor, class Scalar>
void pack_axis_into(const Tensor& tensor, Index k, RowMatrix<Scalar>& vectors) {
  const detail::AxisShape shape = detail::axis_shape("pack_axis", tensor, k);
  vectors.resize(shape.count(), shape.extent);
  detail::exchange_axes(tensor.data(), vectors.data(), shape.outer, shape.extent, shape.inner);
}

/// A copy of the vectors along axis k: pack_axis(tensor, 1), or pack_axis<float>(tensor, 1) to convert.
template <class Requested = void, detail::DirectTensor Tensor>
auto pack_axis(const Tensor& tensor, Index k) {
  using Scalar = detail::ScalarOr<Requested, typename Tensor::Scalar>;
  RowMatrix<Scalar> vectors;
  pack_axis_into(tensor, k, vectors);
  return PackedBatch<Scalar>(std::move(vectors));
}

/// Writes one vector per position along axis k of `tensor`, which has its extents already (a TensorMap of the caller's
/// memory, say). The inverse of pack_axis_into. Throws std::out_of_range unless 0 <= k < rank, std::invalid_argument
/// unless `vectors` has as many rows as the tensor has positions, and the extent of axis k as columns.
template <class Scalar, detail::DirectTensor Tensor>
requires detail::Unpackable<Scalar, typename Tensor::Scalar>
void unpack_axis_into(const RowMatrix<Scalar>& vectors, Index k, Tensor& tensor) {
  const detail::AxisShape shape = detail::axis_shape("unpack_axis", tensor, k);
  if (vectors.rows() != shape.count() || vectors.cols() != shape.extent) {
    raise<std::invalid_argument>(
        "unpack_axis: expected {} vectors of dimension {} for axis {} of a {} tensor, found {} "
        "of dimension {}",
        shape.count(), shape.extent, k, detail::describe(tensor), vectors.rows(), vectors.cols());
  }
  detail::exchange_axes(vectors.data(), tensor.data(), shape.outer, shape.inner, shape.extent);
}

/// What was computed from the vectors along axis k of `like` (codes, tokens), as a tensor of its rank and storage
/// order: the extents are those of `like` except along axis k, which has one entry per column of `vectors`.
/// unpack_axis<Eigen::half>(codes, like, k) converts. Throws as unpack_axis_into does.
template <class Requested = void, class Scalar, detail::DirectTensor Like>
requires detail::Unpackable<Scalar, detail::ScalarOr<Requested, Scalar>>
auto unpack_axis(const RowMatrix<Scalar>& vectors, const Like& like, Index k) {
  constexpr int rank = detail::tensor_rank<Like>;
  using Result = typename detail::TensorLike<Like, detail::ScalarOr<Requested, Scalar>, rank>::type;
  const detail::AxisShape shape = detail::axis_shape("unpack_axis", like, k);
  require(vectors.rows() == shape.count(),
          "unpack_axis: expected {} vectors, one per position of a {} tensor without "
          "axis {}, found {}",
          shape.count(), detail::describe(like), k, vectors.rows());
  typename Result::Dimensions extents;
  for (std::size_t i = 0; i < rank; ++i) extents[i] = detail::tensor_extents(like)[i];
  extents[static_cast<std::size_t>(k)] = vectors.cols();
  Result result(extents);
  unpack_axis_into(vectors, k, result);
  return result;
}

/// unpack_axis for the last axis.
template <class Requested = void, class Scalar, detail::DirectTensor Like>
auto unpack_last_axis(const RowMatrix<Scalar>& vectors, const Like& like) {
  return unpack_axis<Requested>(vectors, like, detail::tensor_rank<Like> - 1);
}

/// One value per vector along axis k of `like` (the tokens of a quantizer with one token per vector), as a tensor of
/// one rank less: the extents of `like` without axis k. It holds a copy of `values`, whose memory has that order
/// already. Throws std::out_of_range unless 0 <= k < rank, std::invalid_argument unless `values` is (N, 1).
template <class Scalar, detail::DirectTensor Like>
auto unpack_without_axis(const RowMatrix<Scalar>& values, const Like& like, Index k) {
  constexpr int rank = detail::tensor_rank<Like>;
  using Result = typename detail::TensorLike<Like, Scalar, rank - 1>::type;
  const detail::AxisShape shape = detail::axis_shape("unpack_without_axis", like, k);
  require(values.rows() == shape.count() && values.cols() == 1,
          "unpack_without_axis: expected one value for each of {} positions, found {} x {}", shape.count(),
          values.rows(), values.cols());
  const std::array<Index, rank> all = detail::tensor_extents(like);
  typename Result::Dimensions extents;
  for (std::size_t i = 0, kept = 0; i < rank; ++i) {
    if (i != static_cast<std::size_t>(k)) extents[kept++] = all[i];
  }
  Result result(extents);
  std::copy_n(values.data(), values.size(), result.data());
  return result;
}

}  // namespace tessera::inline TESSERA_ISA
