// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Codes that hardly any vector reaches are replaced by vectors of a batch (as in Dhariwal et al. 2020, "Jukebox",
// arXiv:2005.00341, section 3.1, "random restarts", with a threshold relative to the mean: Défossez et al. 2024,
// "Moshi").
//
// A code is expired when its usage, in vectors per step, is below `threshold` times the mean usage U of all K codes.
// Relative to the mean the decision does not depend on the size of batches. Each of r replaced codes gets averages as
// if it had always been used
//
//     count U / (1 - threshold r / K)
//
// times per step, so that the next step does not undo the replacement. The divisor makes up for what the replaced codes
// themselves add to the mean: under batches of a constant size, a replaced code that no vector reaches does not expire
// again within ln(threshold / count) / ln(decay) steps.

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/mask.hpp>
#include <tessera/core/random.hpp>
#include <tessera/quantize/codebook.hpp>
#include <tessera/quantize/detail/counted_vectors.hpp>
#include <tessera/quantize/detail/unit_vectors.hpp>
#include <tessera/quantize/detail/vector_set.hpp>

namespace tessera {

struct ExpiryOptions {
  double threshold = 0.1;  ///< of the mean usage, in [0, 1); 0 replaces nothing
  double count = 1;        ///< usage of a replaced code, relative to the mean usage, > threshold
  Mask mask = {};          ///< vectors that may become codes
};

/// What expire() did.
struct ExpiryReport {
  std::vector<Index> replaced;  ///< codes, ascending
  std::vector<Index> vectors;   ///< the vector of the batch that each of them is now
  std::vector<Index>
      left;  ///< expired codes for which the batch had no further different vector; they stay as they are
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// The codes whose usage is below `threshold` times the mean, ascending; none before the first step of the averages.
/// Throws std::invalid_argument unless 0 <= threshold < 1.
template <class Scalar>
std::vector<Index> expired_codes(const Codebook<Scalar>& codebook, double threshold) {
  require(threshold >= 0 && threshold < 1, "expired_codes: expected a threshold in [0, 1), found {}", threshold);
  const Eigen::VectorXd usage = codebook.usage();
  double total = 0;
  for (const double value : usage) total += value;
  std::vector<Index> expired;
  for (Index k = 0; k < codebook.size(); ++k) {
    if (usage[k] * static_cast<double>(codebook.size()) < threshold * total) expired.push_back(k);
  }
  return expired;
}

namespace detail {

/// Vectors that can be codes of a codebook: those that count, scaled to length one for the cosine metric, which leaves
/// out the zero vectors.
template <class Scalar>
class CodeCandidates {
 public:
  CodeCandidates(const Codebook<Scalar>& codebook, Batch<const Scalar> batch, Mask mask) : points_(batch) {
    indices_ = counted_indices(mask, 0, batch.count());
    if (codebook.options().metric != Metric::cosine) return;
    unit_ = unit_vectors(batch, mask);
    points_ = rows(std::as_const(unit_));
    std::erase_if(indices_, [&](Index i) { return !(inverse_norm(points_[i], points_.dimension()).rest > 0); });
  }
  CodeCandidates(const CodeCandidates&) = delete;

  const Scalar* operator[](Index i) const { return points_[i]; }

  /// Up to `count` of them in random order, no two equal and none equal to a vector that is in `seen`.
  std::vector<Index> draw(std::size_t count, VectorSet<Scalar>& seen, Random& random) const {
    std::vector<Index> drawn;
    for (const Index j : random.permutation(static_cast<Index>(indices_.size()))) {
      if (drawn.size() == count) break;
      const Index i = indices_[static_cast<std::size_t>(j)];
      if (seen.insert(points_[i])) drawn.push_back(i);
    }
    return drawn;
  }

 private:
  std::vector<Index> indices_;
  RowMatrix<Scalar> unit_;
  Batch<const Scalar> points_;
};

}  // namespace detail

/// Replaces the expired codes by vectors of the batch, drawn by `random` so that no two are equal and none equals a
/// code that stays (a second copy would never be the nearest). Where the batch has too few, the remaining codes stay.
/// With the cosine metric the directions of vectors are meant, and zero vectors are passed over. Throws
/// std::invalid_argument on another dimension, a wrong mask, non-finite vectors that count, and options out of range;
/// nothing has changed then.
template <class Scalar>
ExpiryReport expire(Codebook<Scalar>& codebook, std::type_identity_t<Batch<const Scalar>> batch, Random& random,
                    const ExpiryOptions& options = {}) {
  require(is_finite(options.count) && options.count > options.threshold,
          "expire: expected a count above the threshold {}, found {}", options.threshold, options.count);
  require(batch.dimension() == codebook.dimension() || batch.empty(),
          "expire: expected vectors of dimension {}, found {} (batch of {})", codebook.dimension(), batch.dimension(),
          batch.count());
  check_mask("expire", options.mask, batch.count());
  require_finite("expire", "vectors", batch, options.mask);
  ExpiryReport report;
  const std::vector<Index> expired = expired_codes(codebook, options.threshold);
  if (expired.empty()) return report;
  detail::VectorSet<Scalar> seen(codebook.dimension(), codebook.size());
  for (Index k = 0; k < codebook.size(); ++k) {
    if (std::binary_search(expired.begin(), expired.end(), k)) continue;
    seen.insert(codebook.codes().data() + k * codebook.dimension());
  }
  const detail::CodeCandidates<Scalar> candidates(codebook, batch, options.mask);
  report.vectors = candidates.draw(expired.size(), seen, random);
  const auto first_left = expired.begin() + static_cast<std::ptrdiff_t>(report.vectors.size());
  report.replaced.assign(expired.begin(), first_left);
  report.left.assign(first_left, expired.end());
  RowMatrix<Scalar> vectors(static_cast<Index>(report.vectors.size()), codebook.dimension());
  for (Index j = 0; j < vectors.rows(); ++j) {
    std::copy_n(candidates[report.vectors[static_cast<std::size_t>(j)]], vectors.cols(), vectors.row(j).data());
  }
  const double share = static_cast<double>(vectors.rows()) / static_cast<double>(codebook.size());
  const double usage = options.count * codebook.usage().mean() / (1 - options.threshold * share);
  codebook.replace(report.replaced, rows(std::as_const(vectors)), usage);
  return report;
}

}  // namespace tessera::inline TESSERA_ISA
