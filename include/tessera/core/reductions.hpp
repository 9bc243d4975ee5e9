// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Reductions that stay accurate: log-sum-exp and softmax that neither overflow nor lose small weights, the entropy of
// counts with its bias corrected, and a sum whose bits do not depend on the order of the terms.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/grid.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The largest finite logit. Throws on NaN and +inf; -inf stands for weight zero.
inline double largest_logit(const char* who, std::span<const double> logits) {
  double largest = std::numeric_limits<double>::lowest();
  for (const double logit : logits) {
    if (!is_finite(logit)) {
      require(std::bit_cast<std::uint64_t>(logit) == 0xfff0000000000000u,
              "{}: expected logits below infinity, found {}", who, non_finite_name(logit));
    } else {
      largest = std::max(largest, logit);
    }
  }
  return largest;
}

}  // namespace detail

/// log(sum of exp(logit)), through the largest logit. A logit of -inf counts as weight zero; without any other the
/// result is the lowest double. Throws std::invalid_argument on NaN or +inf.
inline double log_sum_exp(std::span<const double> logits) {
  const double largest = detail::largest_logit("log_sum_exp", logits);
  double sum = 0;
  for (const double logit : logits) sum += is_finite(logit) ? std::exp(logit - largest) : 0;
  return sum > 0 ? largest + std::log(sum) : largest;
}

/// probabilities[i] = exp(logit[i]) / sum. The spans may be the same. Throws std::invalid_argument on NaN or +inf, when
/// no logit is finite, and on different sizes.
inline void softmax_into(std::span<const double> logits, std::span<double> probabilities) {
  require(logits.size() == probabilities.size(), "softmax_into: expected {} probabilities, found {}", logits.size(),
          probabilities.size());
  const double largest = detail::largest_logit("softmax_into", logits);
  require(logits.empty() || std::any_of(logits.begin(), logits.end(), [](double logit) { return is_finite(logit); }),
          "softmax_into: expected at least one finite logit, found none among {}", logits.size());
  double sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    probabilities[i] = is_finite(logits[i]) ? std::exp(logits[i] - largest) : 0;
    sum += probabilities[i];
  }
  for (double& p : probabilities) p /= sum;
}

/// The entropy in bits of the relative frequencies of `counts` (0 log 0 = 0); 0 when there are none.
/// Throws std::invalid_argument on a negative count.
inline double entropy_bits(std::span<const std::int64_t> counts) {
  double total = 0;
  for (const std::int64_t count : counts) {
    require(count >= 0, "entropy_bits: expected non-negative counts, found {}", count);
    total += static_cast<double>(count);
  }
  double entropy = 0;
  for (const std::int64_t count : counts) {
    if (count == 0) continue;
    const double p = static_cast<double>(count) / total;
    entropy -= p * std::log2(p);
  }
  return std::max(entropy, 0.0);
}

/// The same with the first-order bias of finite samples removed: (used - 1) / (2 N ln 2) bits are added, where `used`
/// is the number of non-zero counts (Miller 1955; Madow's correction). Never above log2 of the number of counts.
/// Throws std::invalid_argument on a negative count.
inline double entropy_bits_corrected(std::span<const std::int64_t> counts) {
  const double entropy = entropy_bits(counts);
  double total = 0;
  double used = 0;
  for (const std::int64_t count : counts) {
    total += static_cast<double>(count);
    used += count > 0 ? 1 : 0;
  }
  if (total == 0) return 0;
  const double corrected = entropy + (used - 1) / (2 * total * std::log(2.0));
  return std::min(corrected, std::log2(static_cast<double>(counts.size())));
}

/// 2^entropy: the number of equally frequent symbols with that entropy.
inline double perplexity(std::span<const std::int64_t> counts) { return std::exp2(entropy_bits(counts)); }
inline double perplexity_corrected(std::span<const std::int64_t> counts) {
  return std::exp2(entropy_bits_corrected(counts));
}

/// The sum of the values, the same bits in any order. Each term is rounded to within 2^-50 of the largest (one bit less
/// for each doubling beyond 4095 terms), and never finer than to a multiple of 2^-1000; a sum beyond the largest double
/// is infinite. Throws std::invalid_argument on a non-finite value.
inline double order_independent_sum(std::span<const double> values) {
  double largest = 0;
  for (const double value : values) {
    require(is_finite(value), "order_independent_sum: expected finite values, found {}",
            detail::non_finite_name(value));
    largest = std::max(largest, std::abs(value));
  }
  if (values.empty()) return 0;
  const Grid grid = Grid::covering(largest, static_cast<Index>(values.size()));
  std::int64_t sum = 0;
  for (const double value : values) sum += grid.round(value);
  return grid.value(sum);
}

}  // namespace tessera::inline TESSERA_ISA
