// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Digits with a base each, and the integer they spell: index = k_1 + L_1 (k_2 + L_2 (k_3 + ...)), the first digit least
// significant. Exact in 64-bit integers up to a product of 2^63, whose largest index is the largest std::int64_t.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>

namespace tessera::inline TESSERA_ISA {

/// The bijection between digits k_d in [0, L_d) and indices in [0, L_1 L_2 ... L_D). For products beyond 2^63 there are
/// digits only: `has_index()` tells.
class MixedRadix {
 public:
  MixedRadix() = default;

  /// Throws std::invalid_argument unless every base is at least 1 and there is at least one.
  explicit MixedRadix(std::span<const int> levels) : levels_(levels.begin(), levels.end()) {
    require(!levels.empty(), "MixedRadix: expected at least one digit, found none");
    constexpr std::uint64_t limit = std::uint64_t{1} << 63;
    for (std::size_t d = 0; d < levels.size(); ++d) {
      require(levels[d] >= 1, "MixedRadix: expected bases of at least 1, found {} at digit {}", levels[d], d);
      weights_.push_back(has_index_ ? static_cast<std::int64_t>(size_ & (limit - 1)) : 0);
      const auto base = static_cast<std::uint64_t>(levels[d]);
      has_index_ = has_index_ && size_ <= limit / base;
      if (has_index_) size_ *= base;
    }
  }

  Index dimension() const { return static_cast<Index>(levels_.size()); }
  const std::vector<int>& levels() const { return levels_; }
  /// What one step of each digit adds to the index (0 for a digit of base 1 behind a product of 2^63).
  const std::vector<std::int64_t>& weights() const { return weights_; }

  /// The product of the bases is at most 2^63.
  bool has_index() const { return has_index_; }
  /// The product of the bases. Throws std::out_of_range past 2^63.
  std::uint64_t size() const {
    if (!has_index_)
      raise<std::out_of_range>("MixedRadix: expected a product of levels up to 2^63, found 2^{:.2f}", bits());
    return size_;
  }
  /// log2 of the product, for every product.
  double bits() const {
    double sum = 0;
    for (const int base : levels_) sum += std::log2(static_cast<double>(base));
    return sum;
  }

  /// The index of `dimension()` digits. Throws std::out_of_range where there is no index or a digit is out of range.
  template <class Digit>
  std::int64_t index(const Digit* digits) const {
    size();
    std::int64_t sum = 0;
    for (std::size_t d = 0; d < levels_.size(); ++d) {
      const auto digit = static_cast<std::int64_t>(digits[d]);
      if (digit < 0 || digit >= levels_[d]) {
        raise<std::out_of_range>("MixedRadix: expected digit {} in [0, {}), found {}", d, levels_[d], digit);
      }
      sum += digit * weights_[d];
    }
    return sum;
  }

  /// The digits of an index. Throws std::out_of_range where there is no index or it is out of range.
  template <class Digit>
  void digits(std::int64_t index, Digit* digits) const {
    const std::uint64_t count = size();
    if (index < 0 || static_cast<std::uint64_t>(index) >= count) {
      raise<std::out_of_range>("MixedRadix: expected an index in [0, {}), found {}", count, index);
    }
    split(static_cast<std::uint64_t>(index), digits);
  }

  /// The same for an index known to be in range.
  template <class Digit>
  void split(std::uint64_t index, Digit* digits) const {
    if (index >> 32 == 0) {  // the division of 32-bit numbers is several times faster
      split_as<std::uint32_t>(static_cast<std::uint32_t>(index), digits);
    } else {
      split_as<std::uint64_t>(index, digits);
    }
  }

 private:
  template <class Unsigned, class Digit>
  void split_as(Unsigned rest, Digit* digits) const {
    for (std::size_t d = 0; d < levels_.size(); ++d) {
      const auto base = static_cast<Unsigned>(levels_[d]);
      digits[d] = static_cast<Digit>(rest % base);
      rest /= base;
    }
  }

  std::vector<int> levels_;
  std::vector<std::int64_t> weights_;
  std::uint64_t size_ = 1;
  bool has_index_ = true;
};

namespace detail {

/// How many values column t of `tokens` takes: the index's, or digit t's.
inline std::uint64_t token_values(const MixedRadix& radix, Index columns, Index t) {
  return columns == 1 && radix.has_index() ? radix.size()
                                           : static_cast<std::uint64_t>(radix.levels()[static_cast<std::size_t>(t)]);
}

/// Throws std::invalid_argument unless there is one token per vector, an index, or one per digit.
template <class Token>
void check_token_columns(const char* who, const MixedRadix& radix, Batch<Token> tokens) {
  const bool one = tokens.dimension() == 1 && radix.has_index();
  require(one || tokens.dimension() == radix.dimension(),
          "{}: expected {} digits per vector{}, found {} tokens (batch of {})", who, radix.dimension(),
          radix.has_index() ? " or one index" : "", tokens.dimension(), tokens.count());
}

/// Throws std::out_of_range unless the tokens of vector i are in range.
template <class Token>
void check_token_range(const char* who, const MixedRadix& radix, Batch<Token> tokens, Index i) {
  for (Index t = 0; t < tokens.dimension(); ++t) {
    const auto token = tokens[i][t];
    const std::uint64_t values = token_values(radix, tokens.dimension(), t);
    if (token < 0 || static_cast<std::uint64_t>(token) >= values) {
      raise<std::out_of_range>("{}: expected tokens in [0, {}), found {} at vector {}", who, values, token, i);
    }
  }
}

/// The digits of vector i, whose tokens are checked.
template <class Token, class Digit>
void read_digits(const char* who, const MixedRadix& radix, Batch<Token> tokens, Index i, Digit* digits) {
  check_token_range(who, radix, tokens, i);
  if (tokens.dimension() == 1 && radix.has_index()) {
    radix.split(static_cast<std::uint64_t>(tokens[i][0]), digits);
  } else {
    for (Index d = 0; d < tokens.dimension(); ++d) digits[d] = static_cast<Digit>(tokens[i][d]);
  }
}

/// Whether a vector's first token says that it was masked: -1, all bits set in an unsigned type with a value to spare.
template <class Token>
bool masked_token(const MixedRadix& radix, Token token) {
  if constexpr (std::is_signed_v<Token>) {
    return token == Token(-1);
  } else {
    return token == Token(-1) && !(radix.has_index() && radix.size() - 1 >= std::numeric_limits<Token>::max());
  }
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
