// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Which formula made these tokens? Published codes of finite scalar quantization differ by a fraction of a per cent of
// their tokens (quantize/finite_scalar_dialect.hpp), too little to see and enough to spoil a decoder. From a sample of
// latents and the tokens someone else made of them, every dialect is held against the tokens, and the ones that explain
// the sample are named.
//
//   auto report = detect_dialect(rows(latents), rows(tokens), levels);
//   if (!report.ambiguous()) quantizer = FiniteScalarQuantizer<float>({levels, report.fits[0].dialect});
//
// Others compute the formula in float arithmetic, which puts latents within a few units of an edge on the wrong side of
// it. A vector that differs is a near miss when each of its levels is the dialect's, or a neighbour of it with b(z)
// within `tolerance` of b(edge), in units of half the range of the codes. A dialect explains a sample whose mismatches
// are all near misses. Some thousand vectors tell google from lucidrains; symmetric and stable_codec differ at z = 0
// only, google and cosyvoice with three levels hardly ever: a sample may leave several, and the report says so.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include <tessera/core/execution.hpp>
#include <tessera/core/mask.hpp>
#include <tessera/quantize/finite_scalar.hpp>

namespace tessera {

struct DialectDetectorOptions {
  /// How near to an edge float arithmetic may err, in half ranges of the codes; at least 0. 1e-6 suits pipelines in
  /// float32, 1e-2 those in bfloat16.
  double tolerance = 1e-6;
  Mask mask = {};            ///< vectors that count; those of token -1 never do
  Execution execution = {};  ///< where the work runs
};

/// How one dialect explains a sample.
struct DialectFit {
  FsqDialect dialect = FsqDialect::google;
  Index mismatches = 0;       ///< vectors whose token is not the dialect's
  Index near_misses = 0;      ///< of these, those within the tolerance of an edge
  double farthest = 0;        ///< the largest distance of a near miss from its edge, in the unit of the tolerance
  Index first_mismatch = -1;  ///< the first vector that no near miss explains; -1: none
  bool explains() const { return mismatches == near_misses; }
};

struct DialectReport {
  Index vectors = 0;  ///< that were compared
  /// Every dialect that is defined for the levels, best first: fewest mismatches that are no near misses, then fewest
  /// mismatches, then the order of the enumeration.
  std::vector<DialectFit> fits = {};
  Index explaining = 0;    ///< the first so many of `fits` explain the sample
  Index equally_good = 0;  ///< the first so many of `fits` have the same counts as the best

  /// More than one dialect explains the sample, none of them better than another: more vectors, or vectors nearer to
  /// the edges, are needed. (It may not matter: where all tokens are the same, dialects differ in their codes at most.)
  bool ambiguous() const { return explaining > 1 && equally_good > 1; }
  /// One line per dialect, the best first.
  std::string text() const {
    std::string lines;
    for (const DialectFit& fit : fits) {
      lines += fmt::format("{:20} {} of {} vectors differ, {} of them at an edge{}\n", dialect_name(fit.dialect),
                           fit.mismatches, vectors, fit.near_misses, fit.explains() ? ": explains the sample" : "");
    }
    return lines;
  }
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Compares the tokens of one dialect with the levels of a sample.
template <class Scalar>
class DialectComparison {
 public:
  DialectComparison(FsqDialect dialect, const std::vector<int>& levels, double tolerance)
      : quantizer_({.levels = levels, .dialect = dialect}), tolerance_(tolerance) {
    for (Index d = 0; d < quantizer_.dimension(); ++d) {
      bounds_.push_back(fsq_bound(dialect, levels[static_cast<std::size_t>(d)]));
      thresholds_.push_back(quantizer_.thresholds(d));
    }
  }

  /// `digits` has the sample's levels, D per vector, and -1 for vectors that do not count.
  DialectFit compare(Batch<const Scalar> latents, const std::vector<std::int32_t>& digits, Mask counts,
                     Execution execution) const {
    const Tokens<> tokens = quantizer_.encode(latents, {.mask = counts, .execution = execution});
    DialectFit fit{.dialect = quantizer_.dialect()};
    std::vector<std::int32_t> own(static_cast<std::size_t>(quantizer_.dimension()));
    for (Index i = 0; i < latents.count(); ++i) {
      if (!counts[i]) continue;
      read_digits("detect_dialect", quantizer_.radix(), rows(tokens), i, own.data());
      const std::int32_t* given = digits.data() + i * quantizer_.dimension();
      if (std::equal(own.begin(), own.end(), given)) continue;
      ++fit.mismatches;
      const double distance = farthest(latents[i], own.data(), given);
      if (distance <= tolerance_) {
        ++fit.near_misses;
        fit.farthest = std::max(fit.farthest, distance);
      } else if (fit.first_mismatch < 0) {
        fit.first_mismatch = i;
      }
    }
    return fit;
  }

 private:
  /// The distance of the differing components from the edges between the two levels; infinite when there are several.
  double farthest(const Scalar* latent, const std::int32_t* own, const std::int32_t* given) const {
    double distance = 0;
    for (Index d = 0; d < quantizer_.dimension(); ++d) {
      if (own[d] == given[d]) continue;
      if (std::abs(own[d] - given[d]) != 1) return std::numeric_limits<double>::max();
      const auto i = static_cast<std::size_t>(d);
      const auto codes = quantizer_.level_codes(d);
      const Scalar edge = thresholds_[i][static_cast<std::size_t>(std::max(own[d], given[d]) - 1)];
      const double gap = bounds_[i].value(static_cast<double>(latent[d])) - bounds_[i].value(static_cast<double>(edge));
      distance = std::max(distance, 2 * std::abs(gap) / static_cast<double>(codes.back() - codes.front()));
    }
    return distance;
  }

  FiniteScalarQuantizer<Scalar> quantizer_;
  double tolerance_;
  std::vector<FsqBound> bounds_;
  std::vector<std::vector<Scalar>> thresholds_;
};

/// Best first, by the order that DialectReport names.
inline void sort_fits(DialectReport& report) {
  const auto far = [](const DialectFit& fit) { return fit.mismatches - fit.near_misses; };
  std::stable_sort(report.fits.begin(), report.fits.end(), [&](const DialectFit& a, const DialectFit& b) {
    return std::make_tuple(far(a), a.mismatches) < std::make_tuple(far(b), b.mismatches);
  });
  for (const DialectFit& fit : report.fits) {
    const DialectFit& best = report.fits.front();
    report.explaining += fit.explains() ? 1 : 0;
    report.equally_good += far(fit) == far(best) && fit.mismatches == best.mismatches ? 1 : 0;
  }
}

}  // namespace detail

/// Holds every dialect against a sample: latents (N, D) and the tokens made of them, (N, 1) indices or (N, D) levels
/// from 0 (the first dimension least significant, as everybody has it). O(N D) per dialect. Throws
/// std::invalid_argument on shapes that do not fit, on latents that are not finite and on levels that no dialect is
/// defined for; std::out_of_range on a token outside the codebook.
template <class Element, class Token, class Scalar = std::remove_const_t<Element>>
DialectReport detect_dialect(Batch<Element> latents, Batch<Token> tokens, const std::vector<int>& levels,
                             DialectDetectorOptions options = {}) {
  const MixedRadix radix{levels};
  detail::check_token_columns("detect_dialect", radix, tokens);
  check_mask("detect_dialect", options.mask, latents.count());
  require(latents.dimension() == radix.dimension() && latents.count() == tokens.count(),
          "detect_dialect: expected latents of {} x {}, found {} x {}", tokens.count(), radix.dimension(),
          latents.count(), latents.dimension());
  require(options.tolerance >= 0, "detect_dialect: expected a tolerance of at least 0, found {}", options.tolerance);
  MaskArray counts(latents.count());
  std::vector<std::int32_t> digits(static_cast<std::size_t>(latents.count() * radix.dimension()), -1);
  for (Index i = 0; i < latents.count(); ++i) {
    counts[i] = options.mask[i] && !detail::masked_token(radix, tokens[i][0]);
    if (counts[i]) detail::read_digits("detect_dialect", radix, tokens, i, digits.data() + i * radix.dimension());
  }
  require_finite("detect_dialect", "latents", latents, Mask(counts));
  DialectReport report{.vectors = Mask(counts).valid_count(latents.count())};
  for (const FsqDialect dialect : fsq_dialects) {
    const FsqLevelRange range = level_range(dialect);
    if (!std::all_of(levels.begin(), levels.end(), [&](int level) { return range.contains(level); })) continue;
    const detail::DialectComparison<Scalar> comparison(dialect, levels, options.tolerance);
    report.fits.push_back(comparison.compare(latents, digits, Mask(counts), options.execution));
  }
  require(!report.fits.empty(),
          "detect_dialect: expected levels that a dialect is defined for, found {} dimensions, the first of {}",
          levels.size(), levels.front());
  detail::sort_fits(report);
  return report;
}

}  // namespace tessera::inline TESSERA_ISA
