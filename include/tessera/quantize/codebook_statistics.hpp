// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What a batch says about a codebook: for each code k the number of vectors assigned to it and their sum,
//
//     n_k = |{i : token_i = k}|,     s_k = sum of x_i over token_i = k.
//
// Counts are integers and sums lie on a power-of-two grid that travels with them (core/grid.hpp), so that statistics of
// shards merge, in any order, into exactly those of the whole batch. k-means and the moving averages of a codebook
// start from here.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/grid.hpp>
#include <tessera/core/mask.hpp>

namespace tessera::inline TESSERA_ISA {

/// The largest magnitude among the unmasked vectors, 0 without any. Throws std::invalid_argument, naming `who` and the
/// position, where one is not finite.
template <class Element>
double largest_magnitude(const char* who, Batch<Element> batch, Mask mask = {}) {
  using Scalar = std::remove_const_t<Element>;
  typename detail::FiniteBits<Scalar>::Bits bits = 0;
  if (mask.all() && batch.contiguous()) {
    bits = detail::largest_bits<Scalar>(batch.data(), batch.count() * batch.dimension());
  } else {
    for (Index i = 0; i < batch.count(); ++i) {
      if (mask[i]) bits = std::max(bits, detail::largest_bits<Scalar>(batch[i], batch.dimension()));
    }
  }
  if (bits >= detail::FiniteBits<Scalar>::infinity) require_finite(who, "vectors", batch, mask);
  return static_cast<double>(std::bit_cast<Scalar>(bits));
}

/// Counts and sums of the vectors of each of K codes of D dimensions.
///
/// Exactness: each scalar is rounded once to the grid, everything else is exact; merging is associative and commutative
/// to the bit. Cost: O(N D) and no allocation, whatever K. Not copied into threads: pass an Execution, each task then
/// owns a range of codes.
template <class ScalarType>
class CodebookStatistics {
 public:
  using Scalar = ScalarType;
  using Counts = Eigen::Matrix<std::int64_t, Eigen::Dynamic, 1>;

  /// Empty statistics. Throws std::invalid_argument unless both sizes are positive.
  CodebookStatistics(Index codebook_size, Index dimension, Grid grid) : grid_(grid) {
    require(codebook_size >= 1 && dimension >= 1, "CodebookStatistics: expected positive sizes, found {} codes of {}",
            codebook_size, dimension);
    counts_.setZero(codebook_size);
    sums_.setZero(codebook_size, dimension);
  }

  /// A grid for up to `vectors` vectors of scalars up to `largest` in magnitude: with the default, sums are exact to
  /// 2^-39 of `largest` per addend. Shards that are to merge must use one grid: agree on `largest` beforehand.
  static Grid grid_for(double largest, Index vectors = Index{1} << 22) {
    return Grid::covering(largest > 0 ? largest : 1, std::max(vectors, Index{1} << 22));
  }

  Index codebook_size() const { return counts_.size(); }
  Index dimension() const { return sums_.cols(); }
  const Grid& grid() const { return grid_; }
  /// Vectors assigned to each code.
  const Counts& counts() const { return counts_; }
  /// Their sums in steps of the grid, (K, D).
  const RowMatrix<std::int64_t>& sums() const { return sums_; }
  /// Component d of the sum of code k.
  double sum(Index k, Index d) const { return grid_.value(sums_(k, d)); }
  /// All vectors taken in.
  std::int64_t total() const { return counts_.sum(); }

  /// Takes in the vectors of a batch with their (N, 1) tokens; a vector that is masked, or whose token is -1, is passed
  /// over. Before anything changes it throws std::invalid_argument on wrong shapes, on non-finite vectors and on
  /// scalars beyond the grid's limit, std::out_of_range on a token outside the codebook, and NumericalError when the
  /// sums might overflow (a coarser grid helps).
  template <class Token>
  void accumulate(Batch<const Scalar> batch, Batch<Token> tokens, Mask mask = {}, Execution execution = {}) {
    check_shapes(batch, tokens.count(), tokens.dimension(), mask);
    const Index valid = check_tokens(tokens, mask);
    add(batch, tokens, mask, execution, valid, largest_of(batch, tokens, mask, valid));
  }

  /// The same for vectors that are known to be finite and at most `largest` in magnitude, component by component, which
  /// saves a pass over them.
  template <class Token>
  void accumulate_within(double largest, Batch<const Scalar> batch, Batch<Token> tokens, Mask mask = {},
                         Execution execution = {}) {
    check_shapes(batch, tokens.count(), tokens.dimension(), mask);
    add(batch, tokens, mask, execution, check_tokens(tokens, mask), largest);
  }

  /// Adds the statistics of another shard. Throws std::invalid_argument when sizes or grids differ, NumericalError when
  /// the sums might overflow; nothing changes then.
  void merge(const CodebookStatistics& other) {
    require(other.codebook_size() == codebook_size() && other.dimension() == dimension(),
            "CodebookStatistics: expected statistics of {} codes of dimension {}, found {} of {}", codebook_size(),
            dimension(), other.codebook_size(), other.dimension());
    require(other.grid_ == grid_, "CodebookStatistics: expected sums on a grid of spacing 2^{}, found 2^{}",
            grid_.exponent(), other.grid_.exponent());
    if (bound_ + other.bound_ > max_steps) {
      raise<NumericalError>("CodebookStatistics: expected merged sums below 2^62 steps of 2^{}", grid_.exponent());
    }
    counts_ += other.counts_;
    sums_ += other.sums_;
    bound_ += other.bound_;
  }

  /// Back to no vectors; the grid stays.
  void clear() {
    counts_.setZero();
    sums_.setZero();
    bound_ = 0;
  }

  /// The same counts and sums on the same grid.
  friend bool operator==(const CodebookStatistics& a, const CodebookStatistics& b) {
    return a.grid_ == b.grid_ && a.codebook_size() == b.codebook_size() && a.dimension() == b.dimension() &&
           a.counts_ == b.counts_ && a.sums_ == b.sums_;
  }

 private:
  static constexpr double max_steps = 0x1p62;

  void check_shapes(Batch<const Scalar> batch, Index token_count, Index token_dimension, Mask mask) const {
    require(batch.dimension() == dimension() || batch.empty(),
            "CodebookStatistics: expected vectors of dimension {}, found {} (batch of {})", dimension(),
            batch.dimension(), batch.count());
    require(token_count == batch.count() && (token_dimension == 1 || batch.empty()),
            "CodebookStatistics: expected tokens of {} x 1, found {} x {}", batch.count(), token_count,
            token_dimension);
    check_mask("CodebookStatistics", mask, batch.count());
  }

  /// How many vectors count.
  template <class Token>
  Index check_tokens(Batch<Token> tokens, Mask mask) const {
    Index valid = 0;
    for (Index i = 0; i < tokens.count(); ++i) {
      const auto token = static_cast<std::int64_t>(*tokens[i]);
      if (!mask[i] || is_masked(*tokens[i])) continue;
      if (token < 0 || token >= codebook_size()) [[unlikely]] {
        raise<std::out_of_range>("CodebookStatistics: expected tokens below {}, found {} for vector {}",
                                 codebook_size(), token, i);
      }
      ++valid;
    }
    return valid;
  }

  /// Unsigned token types have no -1: theirs is the largest value.
  template <class Token>
  static bool is_masked(Token token) {
    return token == static_cast<std::remove_const_t<Token>>(-1);
  }

  /// The largest magnitude among the `valid` vectors that count.
  template <class Token>
  double largest_of(Batch<const Scalar> batch, Batch<Token> tokens, Mask mask, Index valid) const {
    typename detail::FiniteBits<Scalar>::Bits bits = 0;
    if (valid == batch.count() && batch.contiguous()) {
      bits = detail::largest_bits(batch.data(), batch.count() * batch.dimension());
    } else {
      for (Index i = 0; i < batch.count(); ++i) {
        if (mask[i] && !is_masked(*tokens[i])) bits = std::max(bits, detail::largest_bits(batch[i], batch.dimension()));
      }
    }
    if (bits >= detail::FiniteBits<Scalar>::infinity) [[unlikely]]
      raise_non_finite(batch, tokens, mask);
    return static_cast<double>(std::bit_cast<Scalar>(bits));
  }

  template <class Token>
  [[gnu::noinline, gnu::cold]] static void raise_non_finite(Batch<const Scalar> batch, Batch<Token> tokens, Mask mask) {
    MaskArray counted(batch.count());
    for (Index i = 0; i < batch.count(); ++i) counted[i] = mask[i] && !is_masked(*tokens[i]);
    require_finite("CodebookStatistics", "vectors", batch, counted);
  }

  /// Takes in `valid` vectors with scalars up to `largest`; throws before anything changes.
  template <class Token>
  void add(Batch<const Scalar> batch, Batch<Token> tokens, Mask mask, Execution execution, Index valid,
           double largest) {
    require(grid_.contains(largest), "CodebookStatistics: expected scalars below {} in magnitude, found {}",
            grid_.limit(), largest);
    const double bound = bound_ + (largest / grid_.spacing() + 1) * static_cast<double>(valid);
    if (bound > max_steps) {
      raise<NumericalError>("CodebookStatistics: expected sums below 2^62 steps of 2^{}, {} vectors may exceed them",
                            grid_.exponent(), total() + valid);
    }
    const Index tasks = std::clamp<Index>(execution.concurrency(), 1, codebook_size());
    const Index grain = (codebook_size() + tasks - 1) / tasks;
    const bool all = valid == batch.count();
    execution.for_ranges(codebook_size(), grain, [&](Index begin, Index end) {
      add_codes(batch, tokens, begin, end, [&](Index i) { return all || (mask[i] && !is_masked(*tokens[i])); });
    });
    bound_ = bound;
  }

  /// Takes in the vectors that count and whose token is in [begin, end).
  template <class Token, class Counts>
  void add_codes(Batch<const Scalar> batch, Batch<Token> tokens, Index begin, Index end, Counts is_counted) {
    const Grid grid = grid_;  // local: stores into the sums cannot change it
    const Index dimension = batch.dimension();
    const auto size = static_cast<std::uint64_t>(end - begin);
    std::int64_t* counts = counts_.data();
    std::int64_t* sums = sums_.data();
    for (Index i = 0; i < batch.count(); ++i) {
      const auto token = static_cast<Index>(*tokens[i]);
      if (static_cast<std::uint64_t>(token - begin) >= size || !is_counted(i)) continue;
      ++counts[token];
      grid.add(batch[i], dimension, sums + token * dimension);
    }
  }

  Grid grid_;
  Counts counts_;
  RowMatrix<std::int64_t> sums_;
  double bound_ = 0;  // on the magnitude of every sum, in steps
};

}  // namespace tessera::inline TESSERA_ISA
