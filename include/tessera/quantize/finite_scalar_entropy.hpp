// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// How much a sample of tokens says: the entropy in bits of the levels of each dimension, H_d = -sum p log2 p over the
// levels' relative frequencies, and of the tokens as wholes. The joint entropy is at most the sum of the others; the
// difference is what the dimensions know of each other. Entropies of N samples come out too low, by about (used - 1) /
// (2 N ln 2) bits, `used` being the number of different values seen (Miller 1955): the corrected forms add that, and
// stay at most log2 of the number of possible values. With far fewer samples than codes both joint values tell of the
// sample, not of the source.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <tessera/core/batch.hpp>
#include <tessera/core/mask.hpp>
#include <tessera/core/reductions.hpp>
#include <tessera/quantize/mixed_radix.hpp>

namespace tessera {

/// Entropies in bits of a sample of tokens.
struct LevelEntropy {
  Index vectors = 0;                       ///< that counted
  std::vector<double> per_dimension = {};  ///< of the levels of each dimension, in [0, log2 L]
  std::vector<double> per_dimension_corrected = {};
  double joint = 0;            ///< of the tokens, in [0, log2 min(N, K)]
  double joint_corrected = 0;  ///< at most log2 K
  Index used = 0;              ///< different tokens
  /// The sum over the dimensions minus the joint entropy: zero when they are independent.
  double shared() const {
    double sum = -joint;
    for (const double bits : per_dimension) sum += bits;
    return sum;
  }
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// How often each different value occurs among sorted ones.
template <class Equal>
std::vector<std::int64_t> run_lengths(Index count, Equal&& equal) {
  std::vector<std::int64_t> lengths;
  for (Index i = 0, first = 0; i < count; ++i) {
    if (i + 1 < count && equal(i, i + 1)) continue;
    lengths.push_back(i + 1 - first);
    first = i + 1;
  }
  return lengths;
}

/// How often each different vector of digits occurs, in no order that matters. O(N log N), no memory that grows with
/// the number of codes.
inline std::vector<std::int64_t> count_tokens(const MixedRadix& radix, const std::vector<std::int32_t>& digits) {
  const Index dimension = radix.dimension(), count = static_cast<Index>(digits.size()) / dimension;
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  const auto value = [&](Index i) { return order[static_cast<std::size_t>(i)]; };
  if (radix.has_index()) {
    for (Index i = 0; i < count; ++i) order[static_cast<std::size_t>(i)] = radix.index(digits.data() + i * dimension);
    std::sort(order.begin(), order.end());
    return run_lengths(count, [&](Index a, Index b) { return value(a) == value(b); });
  }
  for (Index i = 0; i < count; ++i) order[static_cast<std::size_t>(i)] = i;
  const auto row = [&](Index i) {
    return std::span(digits.data() + i * dimension, static_cast<std::size_t>(dimension));
  };
  const auto compare = [&](Index a, Index b) {
    return std::lexicographical_compare(row(a).begin(), row(a).end(), row(b).begin(), row(b).end());
  };
  std::sort(order.begin(), order.end(), compare);
  return run_lengths(count, [&](Index a, Index b) { return !compare(value(a), value(b)); });
}

}  // namespace detail

/// The entropies of `tokens`, (N, 1) indices or (N, D) digits as `radix` spells them (quantizer.radix()). Masked
/// vectors and those of token -1 do not count; without any other all entropies are 0. Throws std::invalid_argument on
/// another number of tokens per vector, std::out_of_range on a token outside the codebook.
template <class Element>
LevelEntropy level_entropy(const MixedRadix& radix, Batch<Element> tokens, Mask mask = {}) {
  check_mask("level_entropy", mask, tokens.count());
  detail::check_token_columns("level_entropy", radix, tokens);
  const auto dimension = static_cast<std::size_t>(radix.dimension());
  std::vector<std::int32_t> digits;
  for (Index i = 0; i < tokens.count(); ++i) {
    if (!mask[i] || detail::masked_token(radix, tokens[i][0])) continue;
    digits.resize(digits.size() + dimension);
    detail::read_digits("level_entropy", radix, tokens, i, digits.data() + digits.size() - dimension);
  }
  LevelEntropy entropy{.vectors = static_cast<Index>(digits.size() / dimension)};
  for (std::size_t d = 0; d < dimension; ++d) {
    std::vector<std::int64_t> counts(static_cast<std::size_t>(radix.levels()[d]));
    for (std::size_t i = d; i < digits.size(); i += dimension) ++counts[static_cast<std::size_t>(digits[i])];
    entropy.per_dimension.push_back(entropy_bits(counts));
    entropy.per_dimension_corrected.push_back(entropy_bits_corrected(counts));
  }
  if (entropy.vectors == 0) return entropy;
  const std::vector<std::int64_t> counts = detail::count_tokens(radix, digits);
  entropy.used = static_cast<Index>(counts.size());
  entropy.joint = entropy_bits(counts);
  const double bias =
      static_cast<double>(entropy.used - 1) / (2 * static_cast<double>(entropy.vectors) * std::log(2.0));
  entropy.joint_corrected = std::min(entropy.joint + bias, std::max(entropy.joint, radix.bits()));
  return entropy;
}

}  // namespace tessera::inline TESSERA_ISA
