// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Which vectors of a call count: those of the mask, and of these, where the caller asks for it, the finite ones. What
// does not count takes part in nothing, and costs next to nothing: searches run over the vectors that count alone.

#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/mask.hpp>
#include <tessera/quantize/concepts.hpp>
#include <tessera/quantize/nearest.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Tokens as a batch, whether they come as one or as a matrix.
template <class Token>
Batch<Token> token_batch(Batch<Token> tokens) {
  return tokens;
}
template <class Matrix>
requires requires(const Matrix& matrix) { rows(matrix); }
auto token_batch(const Matrix& tokens) { return rows(tokens); }

/// Unsigned token types have no -1: theirs is the largest value.
template <class Token>
bool is_masked_token(Token token) {
  return token == static_cast<std::remove_const_t<Token>>(-1);
}

/// The mask of a call. Throws std::invalid_argument, naming `who`, on a mask of another length and on a non-finite
/// vector that counts (unless those are to be masked).
template <class Scalar>
class CountedVectors {
 public:
  CountedVectors(const char* who, Batch<const Scalar> batch, const ForwardOptions& options) : mask_(options.mask) {
    check_mask(who, options.mask, batch.count());
    leave_out_non_finite(who, batch, options);
  }

  /// A vector whose token is -1 does not count either. Throws on tokens that are not (N, 1), too.
  template <class Token>
  CountedVectors(const char* who, Batch<const Scalar> batch, Batch<Token> tokens, const ForwardOptions& options)
      : mask_(options.mask) {
    require(tokens.count() == batch.count() && (tokens.dimension() == 1 || tokens.empty()),
            "{}: expected tokens of {} x 1, found {} x {}", who, batch.count(), tokens.count(), tokens.dimension());
    check_mask(who, options.mask, batch.count());
    Index masked = 0;
    for (Index i = 0; i < batch.count(); ++i) masked += is_masked_token(*tokens[i]) ? 1 : 0;
    if (masked > 0) {
      array_.resize(batch.count());
      for (Index i = 0; i < batch.count(); ++i) array_[i] = mask_[i] && !is_masked_token(*tokens[i]);
      mask_ = Mask(array_);
    }
    leave_out_non_finite(who, batch, options);
  }

  CountedVectors(const CountedVectors&) = delete;  // the mask may view the array beside it

  Mask mask() const { return mask_; }

 private:
  void leave_out_non_finite(const char* who, Batch<const Scalar> batch, const ForwardOptions& options) {
    if (!options.mask_non_finite) {
      require_finite(who, "vectors", batch, mask_);
    } else if (first_non_finite(batch, mask_)) {
      MaskArray finite = finite_rows(batch, mask_);
      array_.swap(finite);
      mask_ = Mask(array_);
    }
  }

  MaskArray array_;
  Mask mask_;
};

/// The indices in [begin, end) of the vectors that count.
inline std::vector<Index> counted_indices(Mask mask, Index begin, Index end) {
  std::vector<Index> indices;
  indices.reserve(static_cast<std::size_t>(end - begin));
  for (Index i = begin; i < end; ++i) {
    if (mask[i]) indices.push_back(i);
  }
  return indices;
}

/// A copy of the vectors that count, one after the other.
template <class Scalar>
RowMatrix<Scalar> pack_counted(Batch<const Scalar> batch, Mask mask) {
  RowMatrix<Scalar> packed(mask.valid_count(batch.count()), batch.dimension());
  Index next = 0;
  for (Index i = 0; i < batch.count(); ++i) {
    if (mask[i]) std::copy_n(batch[i], batch.dimension(), packed.row(next++).data());
  }
  return packed;
}

/// The nearest code of each vector that counts, -1 for the others.
template <class Scalar, class Token>
void search_counted(const NearestCode<Scalar>& search, Batch<const Scalar> batch, Batch<Token> tokens, Mask mask,
                    Execution execution) {
  if (mask.all()) return search.search_into(batch, tokens, execution);
  constexpr Index block = 1024;
  execution.for_ranges(batch.count(), block, [&](Index begin, Index end) {
    const std::vector<Index> indices = counted_indices(mask, begin, end);
    const auto count = static_cast<Index>(indices.size());
    RowMatrix<Scalar> packed(count, batch.dimension());
    for (Index j = 0; j < count; ++j) {
      std::copy_n(batch[indices[static_cast<std::size_t>(j)]], batch.dimension(), packed.row(j).data());
    }
    Tokens<Token> found(count, 1);
    search.search_into(rows(std::as_const(packed)), rows(found));
    for (Index i = begin; i < end; ++i) *tokens[i] = static_cast<Token>(-1);
    for (Index j = 0; j < count; ++j) *tokens[indices[static_cast<std::size_t>(j)]] = found(j, 0);
  });
}

/// |a - b|^2, in double, in a fixed order.
template <class A, class B>
double plain_squared_distance(const A* a, const B* b, Index dimension) {
  double sums[4] = {};
  Index d = 0;
  for (; d + 4 <= dimension; d += 4) {
    for (Index lane = 0; lane < 4; ++lane) {
      const double difference = static_cast<double>(a[d + lane]) - static_cast<double>(b[d + lane]);
      sums[lane] += difference * difference;
    }
  }
  for (; d < dimension; ++d) {
    const double difference = static_cast<double>(a[d]) - static_cast<double>(b[d]);
    sums[0] += difference * difference;
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
