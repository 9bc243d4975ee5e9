// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// k-means: K codes that make the mean squared distance of vectors to their nearest codes small. The start is that of
// k-means++ (Arthur and Vassilvitskii 2007, "k-means++: the advantages of careful seeding"), the iteration Lloyd's:
// assign every vector to its nearest code, move every code to the mean of its vectors, until no assignment changes.
// With the cosine metric everything happens on unit vectors, and means are scaled to length one (spherical k-means).

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/mask.hpp>
#include <tessera/core/progress.hpp>
#include <tessera/core/random.hpp>
#include <tessera/quantize/codebook.hpp>
#include <tessera/quantize/codebook_statistics.hpp>
#include <tessera/quantize/detail/code_mean.hpp>
#include <tessera/quantize/detail/counted_vectors.hpp>
#include <tessera/quantize/detail/kmeans_seeding.hpp>
#include <tessera/quantize/detail/unit_vectors.hpp>
#include <tessera/quantize/detail/vector_set.hpp>
#include <tessera/quantize/metric.hpp>
#include <tessera/quantize/nearest.hpp>

namespace tessera {

struct KMeansOptions {
  Index codebook_size = 256;  ///< K, at least 1; may exceed the number of vectors
  Metric metric = Metric::squared_euclidean;
  Index iterations = 10;     ///< moves of the codes to their means, at most; 0: the start alone
  std::uint64_t seed = 0;    ///< of the draws of the start
  Mask mask = {};            ///< vectors that count; the result is that of the batch without the others
  Execution execution = {};  ///< where the work runs; results do not depend on it
  Progress progress = {};    ///< stages "k-means++" (starts drawn) and "k-means" (iterations done)
};

template <class Scalar>
struct KMeansResult {
  RowMatrix<Scalar> codes;                                ///< (K, D)
  Tokens<> tokens;                                        ///< (N, 1): the nearest of `codes`; -1 for masked vectors
  Eigen::Matrix<std::int64_t, Eigen::Dynamic, 1> counts;  ///< (K): the vectors of each code, by `tokens`
  /// The mean squared distance to the nearest code (cosine: between unit vectors): of the start, then after each
  /// iteration; the last is that of `codes`.
  std::vector<double> distortions;
  bool converged = false;  ///< the last iteration changed no token: each code is the mean of its vectors
  /// Codes of the start that are copies of others: there were fewer different vectors (to the rounding of directions
  /// for the cosine metric, to 2^-60 of the largest scalar else).
  Index duplicates = 0;
  CodebookAverages averages;  ///< for Codebook::set_state: `counts`, with sums that belong to `codes`
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The iteration on vectors that all count.
template <class Scalar>
class KMeans {
 public:
  KMeans(Batch<const Scalar> batch, const KMeansOptions& options)
      : batch_(batch),
        options_(options),
        unit_(options.metric == Metric::cosine ? unit_vectors(batch) : RowMatrix<Scalar>()),
        points_(options.metric == Metric::cosine ? Batch<const Scalar>(rows(std::as_const(unit_))) : batch),
        largest_(options.metric == Metric::cosine ? 1 : largest_magnitude("kmeans", batch)),
        statistics_(options.codebook_size, batch.dimension(),
                    CodebookStatistics<Scalar>::grid_for(largest_, batch.count())),
        distances_(batch.count()) {
    result_.tokens.resize(batch.count(), 1);
  }

  KMeansResult<Scalar> run() {
    start();
    assign();
    for (Index i = 0; i < options_.iterations && !result_.converged; ++i) {
      const bool reseeded = move_codes();
      const Tokens<> before = result_.tokens;
      assign();
      result_.converged = !reseeded && before == result_.tokens;
      options_.progress("k-means", i + 1, options_.iterations);
    }
    set_averages();
    return std::move(result_);
  }

 private:
  Index dimension() const { return batch_.dimension(); }

  bool has_direction(Index i) const {
    return options_.metric != Metric::cosine || inverse_norm(points_[i], dimension()).rest > 0;
  }

  /// The draws of k-means++, among the vectors that can be codes.
  void start() {
    MaskArray usable(batch_.count());
    for (Index i = 0; i < batch_.count(); ++i) usable[i] = has_direction(i);
    const RowMatrix<Scalar> candidates = pack_counted(points_, Mask(usable));
    require(candidates.rows() > 0, "kmeans: expected vectors with a direction for the cosine metric, found {} zeros",
            batch_.count());
    KMeansSeeding<Scalar> seeding(rows(candidates), same(), options_.execution);
    Random random(options_.seed);
    const Index size = options_.codebook_size;
    result_.codes.resize(size, dimension());
    for (Index k = 0; k < size; ++k) {
      result_.codes.row(k) = candidates.row(seeding.draw(random));
      if ((k + 1) % 256 == 0 || k + 1 == size) options_.progress("k-means++", k + 1, size);
    }
    result_.duplicates = seeding.copies();
  }

  /// The squared distance up to which two vectors are the same: that of the rounding of directions.
  double same() const {
    const auto epsilon = static_cast<double>(std::numeric_limits<Scalar>::epsilon());
    return options_.metric == Metric::cosine ? 4 * epsilon * epsilon : 0;
  }

  /// Tokens, distances, statistics and distortion of the present codes.
  void assign() {
    const NearestCode<Scalar> search(rows(std::as_const(result_.codes)), options_.metric);
    search.search_into(batch_, rows(result_.tokens), options_.execution);
    options_.execution.for_ranges(batch_.count(), 4096, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const Scalar* code = result_.codes.data() + result_.tokens(i, 0) * dimension();
        distances_[i] = plain_squared_distance(points_[i], code, dimension());
      }
    });
    double sum = 0;
    for (const double distance : distances_) sum += distance;
    result_.distortions.push_back(sum / static_cast<double>(batch_.count()));
    statistics_.clear();
    statistics_.accumulate_within(largest_, points_, rows(result_.tokens), {}, options_.execution);
  }

  /// Every code to the mean of its vectors; a code without vectors to the farthest vector. True if there was one.
  bool move_codes() {
    std::vector<Index> empty;
    std::vector<double> sum(static_cast<std::size_t>(dimension())), work(sum);
    for (Index k = 0; k < options_.codebook_size; ++k) {
      const std::int64_t count = statistics_.counts()[k];
      if (count == 0) {
        empty.push_back(k);
        continue;
      }
      for (Index d = 0; d < dimension(); ++d) sum[static_cast<std::size_t>(d)] = statistics_.sum(k, d);
      move_code(options_.metric, static_cast<double>(count), sum.data(), 0, statistics_.grid().spacing(), dimension(),
                result_.codes.data() + k * dimension(), work.data());
    }
    return !empty.empty() && reseed(empty);
  }

  /// Moves empty codes to the vectors farthest from their codes, each to another one; to none that equals its code.
  bool reseed(const std::vector<Index>& empty) {
    std::vector<Index> order;
    for (Index i = 0; i < batch_.count(); ++i) {
      if (distances_[i] > same() && has_direction(i)) order.push_back(i);
    }
    std::sort(order.begin(), order.end(), [&](Index a, Index b) {
      return distances_[a] > distances_[b] || (distances_[a] == distances_[b] && a < b);
    });
    VectorSet<Scalar> taken(dimension(), static_cast<Index>(empty.size()) + 1);
    std::size_t moved = 0;
    for (std::size_t next = 0; next < order.size() && moved < empty.size(); ++next) {
      const Scalar* vector = points_[order[next]];
      if (!taken.insert(vector)) continue;
      std::copy_n(vector, dimension(), result_.codes.data() + empty[moved++] * dimension());
    }
    return moved > 0;
  }

  /// Where k-means has converged, the sums themselves: the averages then agree with the batch to the bit.
  void set_averages() {
    result_.counts = statistics_.counts();
    result_.averages.counts = result_.counts.template cast<double>();
    result_.averages.weights = Eigen::VectorXd::Ones(options_.codebook_size);
    result_.averages.sums.resize(options_.codebook_size, dimension());
    for (Index k = 0; k < options_.codebook_size; ++k) {
      for (Index d = 0; d < dimension(); ++d) {
        result_.averages.sums(k, d) = result_.converged
                                          ? statistics_.sum(k, d)
                                          : result_.averages.counts[k] * static_cast<double>(result_.codes(k, d));
      }
    }
  }

  Batch<const Scalar> batch_;
  const KMeansOptions& options_;
  RowMatrix<Scalar> unit_;
  Batch<const Scalar> points_;  // what is averaged: the vectors, or their directions
  double largest_;              // magnitude in `points_`
  CodebookStatistics<Scalar> statistics_;
  Eigen::VectorXd distances_;  // of each vector from its code
  KMeansResult<Scalar> result_;
};

}  // namespace detail

/// K codes for the vectors of a batch.
///
/// Deterministic: the result depends on vectors, seed and sizes alone, not on threads; masked vectors are as if absent.
/// Codes that lose all their vectors move to the vectors farthest from their codes. Fewer vectors than codes, or fewer
/// different ones, is legal: the surplus codes are copies of samples and stay without vectors (of equal codes the first
/// one is the nearest). Where the iteration has converged, the codes and `averages` are a fixed point of the moving
/// average of a codebook, to the bit.
/// Cost: the start N K D operations at the speed of vectors, each iteration a search of N K D multiply-adds and O(N D);
/// no memory grows as N x K. Throws std::invalid_argument when no vector counts, on non-finite vectors that count,
/// naming vector and component, on sizes out of range, and (cosine) when every vector is zero.
template <class Element, class Scalar = std::remove_const_t<Element>>
KMeansResult<Scalar> kmeans(Batch<Element> batch, const KMeansOptions& options = {}) {
  require(options.codebook_size >= 1, "kmeans: expected a codebook of at least one code, found {}",
          options.codebook_size);
  require(options.iterations >= 0, "kmeans: expected a number of iterations of at least 0, found {}",
          options.iterations);
  check_mask("kmeans", options.mask, batch.count());
  const Index valid = options.mask.valid_count(batch.count());
  require(valid > 0 && batch.dimension() > 0, "kmeans: expected at least one vector, found none (batch of {})",
          batch.count());
  require_finite("kmeans", "vectors", batch, options.mask);
  const Batch<const Scalar> all = batch;
  if (valid == batch.count()) return detail::KMeans<Scalar>(all, options).run();
  const RowMatrix<Scalar> counted = detail::pack_counted(all, options.mask);
  KMeansResult<Scalar> result = detail::KMeans<Scalar>(rows(counted), options).run();
  const Tokens<> found = std::exchange(result.tokens, Tokens<>::Constant(batch.count(), 1, -1));
  Index next = 0;
  for (Index i = 0; i < batch.count(); ++i) {
    if (options.mask[i]) result.tokens(i, 0) = found(next++, 0);
  }
  return result;
}

}  // namespace tessera::inline TESSERA_ISA
