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
// that the first update moves a code to the mean of its vectors: no bias to correct. A code that received nothing is not
// recomputed, and the pseudo-count p pulls a code towards its present place, where Laplace smoothing of the counts drags
// unused codes to the origin. And in this form of the average, averages that already agree with the batch stay exactly:
// a codebook from converged k-means is a fixed point.

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
#include <tessera/quantize/detail/unit_vectors.hpp>
#include <tessera/quantize/nearest.hpp>

namespace tessera {

struct CodebookOptions {
  Metric metric = Metric::squared_euclidean;
  double decay = 0.99;      ///< of the averages per step, in [0, 1); their memory is about 1 / (1 - decay) steps
  double pseudo_count = 0;  ///< p above, in vectors, >= 0: damps codes that few vectors reach
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
      : options_(checked(options)), codes_(normalized(codes)), search_(rows(std::as_const(codes_)), options.metric) {
    forget();
  }

  Index size() const { return codes_.rows(); }
  Index dimension() const { return codes_.cols(); }
  const CodebookOptions& options() const { return options_; }
  /// (K, D).
  const RowMatrix<Scalar>& codes() const { return codes_; }
  /// N, the moving average of the vectors per step of each code.
  const Eigen::VectorXd& counts() const { return counts_; }
  /// m, the moving average of their sums, (K, D).
  const RowMatrix<double>& sums() const { return sums_; }
  /// The search for the nearest of the present codes.
  const NearestCode<Scalar>& search() const { return search_; }

  /// One step of the averages with the (merged) statistics of a batch; statistics of no vectors change nothing.
  /// Throws std::invalid_argument on other sizes.
  void apply(const CodebookStatistics<Scalar>& statistics) {
    require(statistics.codebook_size() == size() && statistics.dimension() == dimension(),
            "Codebook: expected statistics of {} codes of dimension {}, found {} of {}", size(), dimension(),
            statistics.codebook_size(), statistics.dimension());
    if (statistics.total() == 0) return;
    Eigen::VectorXd counts = counts_;
    RowMatrix<double> sums = sums_;
    RowMatrix<Scalar> codes = codes_;
    const double rest = 1 - options_.decay;
    for (Index k = 0; k < size(); ++k) {
      const std::int64_t received = statistics.counts()[k];
      counts[k] += rest * (static_cast<double>(received) - counts[k]);
      for (Index d = 0; d < dimension(); ++d) sums(k, d) += rest * (statistics.sum(k, d) - sums(k, d));
      if (received > 0) move_code(counts[k], sums.row(k).data(), codes.row(k).data());
    }
    adopt(std::move(codes), std::move(counts), std::move(sums));
  }

  /// New codes; the averages start anew at zero. This is how an optimiser moves a codebook.
  /// Throws std::invalid_argument on another size and on codes the constructor would refuse.
  void set_codes(Batch<const Scalar> codes) {
    check_shape(codes.count(), codes.dimension());
    adopt(normalized(codes), Eigen::VectorXd::Zero(size()), RowMatrix<double>::Zero(size(), dimension()));
  }

  /// Codes with the averages that belong to them, as k-means or a file gives them.
  /// Throws std::invalid_argument on wrong sizes, non-finite numbers or negative counts.
  void set_state(Batch<const Scalar> codes, Eigen::VectorXd counts, RowMatrix<double> sums) {
    check_shape(codes.count(), codes.dimension());
    check_shape(counts.size(), dimension());
    check_shape(sums.rows(), sums.cols());
    require_finite("Codebook", "counts", columns(counts));
    require_finite("Codebook", "sums", rows(sums));
    require(std::all_of(counts.begin(), counts.end(), [](double count) { return count >= 0; }),
            "Codebook: expected counts of at least 0, found a negative one");
    adopt(options_.metric == Metric::cosine ? unit_or_same(codes) : RowMatrix<Scalar>(codes.matrix()),
          std::move(counts), std::move(sums));
  }

  /// Moves code `indices[j]` to vectors[j], with averages as if `count` vectors per step had always been there, so that
  /// the next steps do not undo it. Throws std::invalid_argument on sizes, non-finite or (cosine) zero vectors.
  void replace(std::span<const Index> indices, Batch<const Scalar> vectors, double count) {
    if (indices.empty()) return;
    check_replacement(indices, vectors);
    RowMatrix<Scalar> codes = codes_;
    const RowMatrix<Scalar> values = normalized(vectors);
    for (Index j = 0; j < values.rows(); ++j) codes.row(indices[static_cast<std::size_t>(j)]) = values.row(j);
    NearestCode<Scalar> search(rows(std::as_const(codes)), options_.metric);
    for (Index j = 0; j < values.rows(); ++j) {
      const Index k = indices[static_cast<std::size_t>(j)];
      counts_[k] = count;
      sums_.row(k) = count * values.row(j).template cast<double>();
    }
    codes_ = std::move(codes);
    search_ = std::move(search);
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

  void check_replacement(std::span<const Index> indices, Batch<const Scalar> vectors) const {
    const auto count = static_cast<Index>(indices.size());
    require(vectors.count() == count && vectors.dimension() == dimension(),
            "Codebook: expected {} vectors of dimension {}, found {} of {}", count, dimension(), vectors.count(),
            vectors.dimension());
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
    for (Index k = 0; k < codes.count(); ++k) {
      const detail::InverseNorm inverse = detail::inverse_norm(codes[k], codes.dimension());
      const double deviation = std::abs(inverse.scale * inverse.rest - 1);
      if (deviation > 4 * std::numeric_limits<Scalar>::epsilon()) {
        detail::unit_vector(codes[k], codes.dimension(), result.row(k).data());
      }
    }
    return result;
  }

  /// c <- (m + p c) / (N + p), of length one for the cosine metric (where opposite vectors that cancel leave c alone).
  void move_code(double count, const double* sum, Scalar* code) const {
    const double pseudo = options_.pseudo_count;
    Eigen::Map<Eigen::Array<Scalar, Eigen::Dynamic, 1>> place(code, dimension());
    const Eigen::Map<const Eigen::ArrayXd> sums(sum, dimension());
    const Eigen::ArrayXd target = (sums + pseudo * place.template cast<double>()) / (count + pseudo);
    if (options_.metric != Metric::cosine) {
      place = target.template cast<Scalar>();
    } else if (detail::inverse_norm(target.data(), dimension()).rest > 0) {
      detail::unit_vector(target.data(), dimension(), code);
    }
  }

  void adopt(RowMatrix<Scalar> codes, Eigen::VectorXd counts, RowMatrix<double> sums) {
    search_ = NearestCode<Scalar>(rows(std::as_const(codes)), options_.metric);  // throws on non-finite codes
    codes_ = std::move(codes);
    counts_ = std::move(counts);
    sums_ = std::move(sums);
  }

  void forget() {
    counts_.setZero(size());
    sums_.setZero(size(), dimension());
  }

  CodebookOptions options_;
  RowMatrix<Scalar> codes_;
  Eigen::VectorXd counts_;
  RowMatrix<double> sums_;
  NearestCode<Scalar> search_;
};

}  // namespace tessera::inline TESSERA_ISA
