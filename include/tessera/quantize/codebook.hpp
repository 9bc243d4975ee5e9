// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// A codebook that learns: K codes of D dimensions with their moving averages of counts and sums. One step takes the
// statistics n_k, s_k of a batch (quantize/codebook_statistics.hpp) and does (van den Oord et al. 2017,
// arXiv:1711.00937, appendix A.1)
//
//     N_k <- N_k + (1 - decay) (n_k - N_k),    m_k <- m_k + (1 - decay) (s_k - m_k),
//     c_k <- (m_k + p c_k) / (N_k + p)         for every k with n_k > 0; other codes stay, to the bit.
//
// Three choices differ from common implementations. Averages start at zero, not at one imagined vector at the code, so
// that the first update moves a code to the mean of its vectors: no bias to correct. A code that received nothing is
// not recomputed, and the pseudo-count p pulls a code towards its present place, where Laplace smoothing of the counts
// drags unused codes to the origin. And in this form of the average, averages that already agree with the batch stay
// exactly: a codebook from converged k-means is a fixed point. (The sums s_k are rounded to a grid; a component of a
// code moves only if its mean is farther than that rounding, half a step of the grid. A code that equals all its
// vectors stays.)
//
// The counts themselves do start low. W_k <- W_k + (1 - decay) (1 - W_k), from zero, is the weight of the steps that a
// code's average has seen, and N_k / W_k its usage: the vectors per step, without that bias.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/quantize/codebook_statistics.hpp>
#include <tessera/quantize/detail/code_mean.hpp>
#include <tessera/quantize/detail/unit_vectors.hpp>
#include <tessera/quantize/nearest.hpp>

namespace tessera {

struct CodebookOptions {
  Metric metric = Metric::squared_euclidean;
  double decay = 0.99;      ///< of the averages per step, in [0, 1); their memory is about 1 / (1 - decay) steps
  double pseudo_count = 0;  ///< p above, in vectors, >= 0: damps codes that few vectors reach
};

/// The moving averages of K codes of D dimensions.
struct CodebookAverages {
  Eigen::VectorXd counts;   ///< N (K): vectors per step
  RowMatrix<double> sums;   ///< m (K, D): the sum of those vectors
  Eigen::VectorXd weights;  ///< W (K): 0 at the start, 1 after many steps
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// Codes, their averages, and the prepared search, which is rebuilt once per change of the codes (O(K D)).
///
/// With the cosine metric codes have length one: they are scaled so on the way in and after each step, and statistics
/// are those of unit vectors. Every verb that changes something throws before it changes anything, or changes all.
template <class ScalarType>
class Codebook {
 public:
  using Scalar = ScalarType;

  /// Each vector of `codes` is a code; averages start at zero. Throws std::invalid_argument on an empty or non-finite
  /// codebook, a zero code under the cosine metric, a decay outside [0, 1) and a negative pseudo-count.
  explicit Codebook(Batch<const Scalar> codes, const CodebookOptions& options = {})
      : options_(checked(options)),
        codes_(normalized(codes)),
        averages_(no_averages(codes_.rows(), codes_.cols())),
        search_(rows(std::as_const(codes_)), options.metric) {}

  Index size() const { return codes_.rows(); }
  Index dimension() const { return codes_.cols(); }
  const CodebookOptions& options() const { return options_; }
  /// (K, D).
  const RowMatrix<Scalar>& codes() const { return codes_; }
  const CodebookAverages& averages() const { return averages_; }
  /// N / W, the vectors per step of each code, without the bias of the first steps; 0 before the first step.
  Eigen::VectorXd usage() const {
    Eigen::VectorXd usage(size());
    for (Index k = 0; k < size(); ++k) {
      usage[k] = averages_.weights[k] > 0 ? averages_.counts[k] / averages_.weights[k] : 0;
    }
    return usage;
  }
  /// The search for the nearest of the present codes.
  const NearestCode<Scalar>& search() const { return search_; }

  /// One step of the averages with the (merged) statistics of a batch; statistics of no vectors change nothing.
  /// Throws std::invalid_argument on other sizes.
  void apply(const CodebookStatistics<Scalar>& statistics) {
    require(statistics.codebook_size() == size() && statistics.dimension() == dimension(),
            "Codebook: expected statistics of {} codes of dimension {}, found {} of {}", size(), dimension(),
            statistics.codebook_size(), statistics.dimension());
    if (statistics.total() == 0) return;
    const double rest = 1 - options_.decay;
    const double spacing = statistics.grid().spacing();
    CodebookAverages next = {averages_.counts, RowMatrix<double>(size(), dimension()), averages_.weights};
    RowMatrix<Scalar> codes = codes_;
    Eigen::VectorXd work(dimension());
    for (Index k = 0; k < size(); ++k) {
      const std::int64_t received = statistics.counts()[k];
      next.counts[k] += rest * (static_cast<double>(received) - next.counts[k]);
      next.weights[k] += rest * (1 - next.weights[k]);
      const double* old = averages_.sums.data() + k * dimension();
      const std::int64_t* steps = statistics.sums().data() + k * dimension();
      double* sum = next.sums.data() + k * dimension();
      for (Index d = 0; d < dimension(); ++d) {
        sum[d] = old[d] + rest * (static_cast<double>(steps[d]) * spacing - old[d]);
      }
      if (received == 0) continue;
      detail::move_code(options_.metric, next.counts[k], sum, options_.pseudo_count, spacing, dimension(),
                        codes.data() + k * dimension(), work.data());
    }
    adopt(std::move(codes), std::move(next));
  }

  /// New codes; the averages start anew at zero. This is how an optimiser moves a codebook.
  /// Throws std::invalid_argument on another size and on codes the constructor would refuse.
  void set_codes(Batch<const Scalar> codes) {
    check_shape(codes.count(), codes.dimension());
    adopt(normalized(codes), no_averages(size(), dimension()));
  }

  /// Codes with the averages that belong to them, as k-means or a file gives them.
  /// Throws std::invalid_argument on wrong sizes, non-finite numbers, negative counts and weights outside [0, 1].
  void set_state(Batch<const Scalar> codes, CodebookAverages averages) {
    check_shape(codes.count(), codes.dimension());
    check_averages(averages);
    adopt(normalized(codes), std::move(averages));
  }

  /// Moves code `indices[j]` to vectors[j], with averages as if `usage` vectors per step had always been there, so that
  /// the next steps do not undo it; on an index given twice the last vector counts. Throws std::invalid_argument on
  /// sizes, non-finite or (cosine) zero vectors and a negative usage, std::out_of_range on an index outside the
  /// codebook.
  void replace(std::span<const Index> indices, Batch<const Scalar> vectors, double usage) {
    check_replacement(indices, vectors, usage);
    if (indices.empty()) return;
    RowMatrix<Scalar> codes = codes_;
    CodebookAverages averages = averages_;
    const RowMatrix<Scalar> values = normalized(vectors);
    for (Index j = 0; j < values.rows(); ++j) {
      const Index k = indices[static_cast<std::size_t>(j)];
      codes.row(k) = values.row(j);
      averages.counts[k] = usage;
      averages.sums.row(k) = usage * values.row(j).template cast<double>();
      averages.weights[k] = 1;
    }
    adopt(std::move(codes), std::move(averages));
  }

 private:
  static const CodebookOptions& checked(const CodebookOptions& options) {
    require(options.decay >= 0 && options.decay < 1, "Codebook: expected a decay in [0, 1), found {}", options.decay);
    require(is_finite(options.pseudo_count) && options.pseudo_count >= 0,
            "Codebook: expected a pseudo-count of at least 0, found {}", options.pseudo_count);
    return options;
  }

  void check_shape(Index count, Index dimension_found) const {
    require(count == size() && dimension_found == dimension(),
            "Codebook: expected {} codes of dimension {}, found {} of {}", size(), dimension(), count, dimension_found);
  }

  void check_averages(const CodebookAverages& averages) const {
    check_shape(averages.counts.size(), dimension());
    check_shape(averages.weights.size(), dimension());
    check_shape(averages.sums.rows(), averages.sums.cols());
    require_finite("Codebook", "counts", columns(averages.counts));
    require_finite("Codebook", "weights", columns(averages.weights));
    require_finite("Codebook", "sums", rows(averages.sums));
    for (Index k = 0; k < size(); ++k) {
      require(averages.counts[k] >= 0, "Codebook: expected counts of at least 0, found {} for code {}",
              averages.counts[k], k);
      require(averages.weights[k] >= 0 && averages.weights[k] <= 1,
              "Codebook: expected weights between 0 and 1, found {} for code {}", averages.weights[k], k);
    }
  }

  void check_replacement(std::span<const Index> indices, Batch<const Scalar> vectors, double usage) const {
    const auto count = static_cast<Index>(indices.size());
    require(vectors.count() == count && (vectors.dimension() == dimension() || vectors.empty()),
            "Codebook: expected {} vectors of dimension {}, found {} of {}", count, dimension(), vectors.count(),
            vectors.dimension());
    require(is_finite(usage) && usage >= 0, "Codebook: expected a usage of at least 0, found {}", usage);
    for (const Index k : indices) {
      if (k < 0 || k >= size()) raise<std::out_of_range>("Codebook: expected a code below {}, found {}", size(), k);
    }
  }

  RowMatrix<Scalar> normalized(Batch<const Scalar> codes) const {
    require_finite("Codebook", "codes", codes);
    if (options_.metric != Metric::cosine) return codes.matrix();
    for (Index k = 0; k < codes.count(); ++k) {
      require(detail::inverse_norm(codes[k], codes.dimension()).rest > 0,
              "Codebook: expected codes with a direction for the cosine metric, found zero at code {}", k);
    }
    return unit_or_same(codes);
  }

  /// Codes of length one to rounding are taken as they are: saving and loading must not change a bit.
  static RowMatrix<Scalar> unit_or_same(Batch<const Scalar> codes) {
    RowMatrix<Scalar> result = codes.matrix();
    const double tolerance = 4 * static_cast<double>(std::numeric_limits<Scalar>::epsilon()) +
                             static_cast<double>(codes.dimension()) * std::numeric_limits<double>::epsilon();
    for (Index k = 0; k < codes.count(); ++k) {
      const detail::InverseNorm inverse = detail::inverse_norm(codes[k], codes.dimension());
      const double deviation = std::abs(inverse.scale * inverse.rest - 1);
      if (deviation > tolerance) {
        detail::unit_vector(codes[k], codes.dimension(), result.row(k).data());
      }
    }
    return result;
  }

  static CodebookAverages no_averages(Index size, Index dimension) {
    return {Eigen::VectorXd::Zero(size), RowMatrix<double>::Zero(size, dimension), Eigen::VectorXd::Zero(size)};
  }

  void adopt(RowMatrix<Scalar> codes, CodebookAverages averages) {
    search_ = NearestCode<Scalar>(rows(std::as_const(codes)), options_.metric);  // throws on non-finite codes
    codes_ = std::move(codes);
    averages_ = std::move(averages);
  }

  CodebookOptions options_;
  RowMatrix<Scalar> codes_;
  CodebookAverages averages_;
  NearestCode<Scalar> search_;
};

}  // namespace tessera::inline TESSERA_ISA
