// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Vector quantization (van den Oord, Vinyals and Kavukcuoglu 2017, arXiv:1711.00937): a vector z becomes the index of
// the nearest of K codes, and the code c itself goes on to the decoder,
//
//     token = argmin_k |z - c_k|^2,        commitment = beta |z - sg(c)|^2,        codebook = gamma |sg(z) - c|^2,
//
// sg standing for stop-gradient. The gradient of the code passes to z by an estimator (estimators/estimator.hpp); the
// codes learn from moving averages of the vectors assigned to them, from the gradient of the codebook loss, or not at
// all. Papers differ in which weight they call beta, and in what the mean is taken over: both are options here.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/mask.hpp>
#include <tessera/core/random.hpp>
#include <tessera/estimators/estimator.hpp>
#include <tessera/quantize/codebook.hpp>
#include <tessera/quantize/codebook_statistics.hpp>
#include <tessera/quantize/concepts.hpp>
#include <tessera/quantize/detail/counted_vectors.hpp>
#include <tessera/quantize/detail/vector_checks.hpp>
#include <tessera/quantize/detail/vector_gradients.hpp>
#include <tessera/quantize/kmeans.hpp>
#include <tessera/quantize/metric.hpp>
#include <tessera/quantize/nearest.hpp>

namespace tessera {

/// How the codes of a VectorQuantizer move.
enum class CodebookLearning {
  moving_average,  ///< by update(): moving averages of the vectors assigned to each code (quantize/codebook.hpp)
  gradient,  ///< by an optimiser: backward gives the gradient of the codebook loss, set_codes() takes the new codes
  frozen     ///< not at all
};

/// The name used in files and messages.
constexpr const char* learning_name(CodebookLearning learning) {
  return learning == CodebookLearning::moving_average ? "moving_average"
         : learning == CodebookLearning::gradient     ? "gradient"
                                                      : "frozen";
}

/// What a loss is the mean over. N is the number of vectors that count.
enum class LossReduction {
  mean_over_scalars,  ///< sum / (N D), as in most code
  mean_over_vectors   ///< sum / N, as in most papers
};

/// The name used in files and messages.
constexpr const char* reduction_name(LossReduction reduction) {
  return reduction == LossReduction::mean_over_scalars ? "mean_over_scalars" : "mean_over_vectors";
}

struct VectorQuantizerOptions {
  Index dimension = 64;                       ///< D, scalars of a vector, at least 1
  Index codebook_size = 1024;                 ///< K, codes, at least 1
  Metric metric = Metric::squared_euclidean;  ///< cosine: codes have length one, see quantize/metric.hpp
  CodebookLearning learning = CodebookLearning::moving_average;
  double decay = 0.99;              ///< of the moving averages per step, in [0, 1)
  double pseudo_count = 0;          ///< vectors, >= 0: damps codes that few vectors reach (quantize/codebook.hpp)
  double commitment_weight = 0.25;  ///< beta, >= 0
  double codebook_weight = 1;       ///< gamma, >= 0; counts only when the codebook learns by gradient
  LossReduction reduction = LossReduction::mean_over_scalars;
  GradientEstimator estimator = GradientEstimator::straight_through;
  std::uint64_t seed = 0;  ///< of the codes before initialize(): uniform numbers of [-1, 1)
};

/// How initialize() starts a codebook.
struct KMeansStart {
  Index iterations = 100;        ///< at most, >= 0; it ends when no token changes any more
  std::uint64_t seed = 0;        ///< of the draws of k-means++
  Mask mask = {};                ///< vectors that count
  Execution execution = {};      ///< where the work runs; results do not depend on it
  bool mask_non_finite = false;  ///< vectors with a NaN or an infinity count as masked; else they are an error
  Progress progress = {};
};

/// What forward returns; backward needs nothing more.
template <class Scalar>
struct VectorQuantizerResult {
  RowMatrix<Scalar> codes;      ///< (N, D): the nearest codes themselves; zero for masked vectors
  Tokens<> tokens;              ///< (N, 1); -1 for masked vectors
  QuantizerLosses losses = {};  ///< weighted and reduced as the options say; 0 where no vector counts
  double distortion = 0;        ///< the mean of |z - c|^2 over the vectors that count, unweighted
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// A codebook of K codes of D dimensions with the verbs of a quantizer. Looking is const, and one object may then serve
/// many threads; learning (initialize, update, apply, set_codes) is explicit.
///
/// Exactness: tokens are certified (quantize/nearest.hpp), exact, lowest index on ties, the same for every split of a
/// batch, number of threads and instruction set. Losses are sums in double in the order of the vectors: the same bits
/// for any number of threads, and for a masked batch those of the batch without the masked vectors.
///
/// Cosine metric: codes are unit vectors, the token is argmax z.c, and losses compare the code with z as it is given,
/// so that the commitment loss also draws |z| towards 1. The statistics are those of z / |z|.
///
/// Cost: encode N K D multiply-adds; everything else O(N D + K D). No memory grows as N x K.
///
/// Every verb throws std::invalid_argument on a batch of another dimension, on a wrong mask, and on input that is not
/// finite (unless masked), naming vector and component: the batch is then rejected whole, and nothing has changed. An
/// empty batch is valid and gives empty results.
template <class ScalarType>
class VectorQuantizer {
 public:
  using Scalar = ScalarType;
  using Result = VectorQuantizerResult<Scalar>;
  /// grad_parameters: (K, D), of the codes; zero-sized unless the codebook learns by gradient.
  using Gradients = QuantizerGradients<Scalar, RowMatrix<Scalar>>;

  /// Random codes. Throws std::invalid_argument on options outside their ranges.
  explicit VectorQuantizer(const VectorQuantizerOptions& options = {})
      : options_(checked(options)), codebook_(random_codebook(options)) {}

  /// The given codes, one per vector; `dimension` and `codebook_size` are theirs, whatever the options say. With the
  /// cosine metric they are scaled to length one. Throws std::invalid_argument on options outside their ranges, an
  /// empty or non-finite codebook, and (cosine) a zero code.
  VectorQuantizer(Batch<const Scalar> codes, const VectorQuantizerOptions& options)
      : options_(checked(with_sizes(options, codes))), codebook_(codes, codebook_options(options)) {}

  const VectorQuantizerOptions& options() const { return options_; }
  Index dimension() const { return codebook_.dimension(); }
  Index codebook_size() const { return codebook_.size(); }
  Index tokens_per_vector() const { return 1; }
  double bits_per_token() const { return std::log2(static_cast<double>(codebook_size())); }
  const Codebook<Scalar>& codebook() const { return codebook_; }
  Codebook<Scalar>& codebook() { return codebook_; }

  /// The tokens of a batch, into (N, 1) of any integer type that holds them; -1 for masked vectors (the largest value
  /// of an unsigned type, which then must not be a token).
  template <class Token>
  void encode_into(Batch<const Scalar> batch, Batch<Token> tokens, ForwardOptions options = {}) const {
    check_dimension(batch);
    const detail::CountedVectors<Scalar> counted(who, batch, options);
    detail::check_token_output(who, tokens, batch.count(), codebook_size(), counted.mask());
    detail::search_counted(codebook_.search(), batch, tokens, counted.mask(), options.execution);
  }
  /// The same, returned.
  template <class Token = std::int64_t>
  Tokens<Token> encode(Batch<const Scalar> batch, ForwardOptions options = {}) const {
    Tokens<Token> tokens(batch.count(), 1);
    encode_into(batch, rows(tokens), options);
    return tokens;
  }

  /// The codes of tokens. Masked vectors get zeros. Throws std::out_of_range on a token outside the codebook, -1
  /// included, unless masked, before anything is written.
  template <class Token>
  void decode_into(Batch<Token> tokens, Batch<Scalar> codes, ForwardOptions options = {}) const {
    check_mask(who, options.mask, tokens.count());
    require(codes.count() == tokens.count() && (codes.dimension() == dimension() || codes.empty()),
            "{}: expected codes of {} x {}, found {} x {}", who, tokens.count(), dimension(), codes.count(),
            codes.dimension());
    detail::check_tokens(who, tokens, codebook_size(), options.mask);
    options.execution.for_ranges(tokens.count(), task_size, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) look_up(options.mask[i] ? static_cast<Index>(*tokens[i]) : -1, codes[i]);
    });
  }
  /// The same, returned.
  template <class Token>
  RowMatrix<Scalar> decode(const Tokens<Token>& tokens, ForwardOptions options = {}) const {
    RowMatrix<Scalar> codes(tokens.rows(), dimension());
    decode_into(rows(tokens), rows(codes), options);
    return codes;
  }

  /// Codes, tokens and losses of a batch, reusing the memory of `result`.
  void forward_into(Batch<const Scalar> batch, Result& result, ForwardOptions options = {}) const {
    check_dimension(batch);
    const detail::CountedVectors<Scalar> counted(who, batch, options);
    result.codes.resize(batch.count(), dimension());
    result.tokens.resize(batch.count(), 1);
    detail::search_counted(codebook_.search(), batch, rows(result.tokens), counted.mask(), options.execution);
    Eigen::VectorXd distances(batch.count());
    options.execution.for_ranges(batch.count(), task_size, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const Index token = static_cast<Index>(result.tokens(i, 0));
        Scalar* code = result.codes.data() + i * dimension();
        look_up(token, code);
        distances[i] = token < 0 ? 0 : detail::plain_squared_distance(batch[i], code, dimension());
      }
    });
    set_losses(distances, result);
  }
  /// The same, returned.
  Result forward(Batch<const Scalar> batch, ForwardOptions options = {}) const {
    Result result;
    forward_into(batch, result, options);
    return result;
  }

  /// The gradients of the caller's objective, from its gradient with respect to the codes and the weight that each loss
  /// has in it. With M = N D or N, as the reduction says,
  ///
  ///     grad_input      = estimator(upstream.codes) + upstream.losses.commitment 2 beta (z - c) / M,
  ///     grad_parameters = upstream.losses.codebook 2 gamma / M times the sum of c - z over the vectors of each code.
  ///
  /// The estimator passes the gradient of the codes to the input and nothing to the codebook: codes learn from the
  /// codebook loss alone. Reuses the memory of `gradients`. Throws std::invalid_argument when shapes differ.
  void backward_into(Batch<const Scalar> batch, const Result& result, UpstreamGradients<Scalar> upstream,
                     Gradients& gradients) const {
    check_dimension(batch);
    detail::check_result(who, result, upstream, batch.count(), dimension());
    const MaskArray counted = result.tokens.col(0).array() >= 0;
    detail::check_tokens(who, rows(result.tokens), codebook_size(), Mask(counted));
    gradients.grad_input.resize(batch.count(), dimension());
    if (upstream.codes.data() == nullptr) {
      gradients.grad_input.setZero();
    } else {
      estimator_backward_into(options_.estimator, batch, rows(result.codes), upstream.codes, rows(gradients.grad_input),
                              Mask(counted));
    }
    const double norm = loss_norm(counted.count());
    const double weight = 2 * options_.commitment_weight * upstream.losses.commitment / norm;
    if (weight != 0) detail::add_differences(weight, batch, result.codes, result.tokens, gradients.grad_input);
    gradients.grad_parameters.resize(0, 0);
    if (options_.learning == CodebookLearning::gradient) {
      detail::sum_differences(2 * options_.codebook_weight * upstream.losses.codebook / norm, batch, result.codes,
                              result.tokens, codebook_size(), gradients.grad_parameters);
    }
  }
  /// The same, returned.
  Gradients backward(Batch<const Scalar> batch, const Result& result, UpstreamGradients<Scalar> upstream) const {
    Gradients gradients;
    backward_into(batch, result, upstream, gradients);
    return gradients;
  }

  /// The counts and sums of a batch with its (N, 1) tokens (a matrix or a batch), on a grid that fits it (cosine: of
  /// its unit vectors, on one grid for all). Vectors that are masked or whose token is -1 are passed over. Shards that
  /// are to merge into exactly the statistics of the whole batch need one grid:
  /// CodebookStatistics<Scalar>::grid_for(largest magnitude of all, vectors of all).
  /// Throws as forward does, and as CodebookStatistics::accumulate.
  template <class TokenSource>
  CodebookStatistics<Scalar> statistics(Batch<const Scalar> batch, const TokenSource& tokens,
                                        ForwardOptions options = {}) const {
    return statistics_on(batch, detail::token_batch(tokens), options, [](double largest, Index count) {
      return CodebookStatistics<Scalar>::grid_for(largest, count);
    });
  }
  /// The same on the caller's grid.
  template <class TokenSource>
  CodebookStatistics<Scalar> statistics(Batch<const Scalar> batch, const TokenSource& tokens, Grid grid,
                                        ForwardOptions options = {}) const {
    return statistics_on(batch, detail::token_batch(tokens), options, [&](double, Index) { return grid; });
  }

  /// One step of the moving averages with the statistics of a batch and its tokens, those of forward. Nothing changes
  /// when it throws: as statistics does, and std::invalid_argument unless the codebook learns by moving averages.
  template <class TokenSource>
  void update(Batch<const Scalar> batch, const TokenSource& tokens, ForwardOptions options = {}) {
    check_learning();
    codebook_.apply(statistics(batch, tokens, options));
  }

  /// One step from merged statistics. Throws std::invalid_argument on other sizes, and unless the codebook learns by
  /// moving averages.
  void apply(const CodebookStatistics<Scalar>& statistics) {
    check_learning();
    codebook_.apply(statistics);
  }

  /// Codes from k-means on a batch (quantize/kmeans.hpp), with the averages that belong to them; whatever the codebook
  /// learns by. Where k-means has converged this is a fixed point: update() with the same batch changes no bit (without
  /// a pseudo-count). Where it has not, a step moves the codes by 1 - decay of one more iteration. Throws as kmeans
  /// does.
  KMeansResult<Scalar> initialize(Batch<const Scalar> batch, const KMeansStart& start = {}) {
    check_dimension(batch);
    const detail::CountedVectors<Scalar> counted(who, batch, {start.mask, start.execution, start.mask_non_finite});
    KMeansResult<Scalar> found = kmeans(batch, KMeansOptions{.codebook_size = codebook_size(),
                                                             .metric = options_.metric,
                                                             .iterations = start.iterations,
                                                             .seed = start.seed,
                                                             .mask = counted.mask(),
                                                             .execution = start.execution,
                                                             .progress = start.progress});
    codebook_.set_state(rows(std::as_const(found.codes)), found.averages);
    return found;
  }

  /// New codes, as an optimiser leaves them after a step; the averages start anew. With the cosine metric they are
  /// scaled to length one. Throws std::invalid_argument on another size, non-finite codes, and (cosine) a zero code.
  void set_codes(Batch<const Scalar> codes) { codebook_.set_codes(codes); }

 private:
  static constexpr const char* who = "VectorQuantizer";
  static constexpr Index task_size = 4096;

  static const VectorQuantizerOptions& checked(const VectorQuantizerOptions& options) {
    require(options.dimension >= 1, "{}: expected a dimension of at least 1, found {}", who, options.dimension);
    require(options.codebook_size >= 1, "{}: expected a codebook of at least one code, found {}", who,
            options.codebook_size);
    require(is_finite(options.commitment_weight) && options.commitment_weight >= 0,
            "{}: expected a commitment weight of at least 0, found {}", who, options.commitment_weight);
    require(is_finite(options.codebook_weight) && options.codebook_weight >= 0,
            "{}: expected a codebook weight of at least 0, found {}", who, options.codebook_weight);
    return options;
  }

  static VectorQuantizerOptions with_sizes(VectorQuantizerOptions options, Batch<const Scalar> codes) {
    options.dimension = codes.dimension();
    options.codebook_size = codes.count();
    return options;
  }

  static CodebookOptions codebook_options(const VectorQuantizerOptions& options) {
    return {options.metric, options.decay, options.pseudo_count};
  }

  static Codebook<Scalar> random_codebook(const VectorQuantizerOptions& options) {
    Random random(options.seed);
    RowMatrix<Scalar> codes(options.codebook_size, options.dimension);
    for (Index i = 0; i < codes.size(); ++i) {  // multiples of 2^-23, exact in float
      codes.data()[i] = static_cast<Scalar>(static_cast<double>(random.bits32() >> 8) * 0x1p-23 - 1);
    }
    return Codebook<Scalar>(rows(std::as_const(codes)), codebook_options(options));
  }

  /// M above; 1 where nothing counts.
  double loss_norm(Index valid) const {
    const double count = static_cast<double>(std::max<Index>(valid, 1));
    return options_.reduction == LossReduction::mean_over_scalars ? count * static_cast<double>(dimension()) : count;
  }

  /// From |z - c|^2 of each vector, summed over those that count in their order.
  void set_losses(Eigen::VectorXd& distances, Result& result) const {
    Index valid = 0;
    for (Index i = 0; i < distances.size(); ++i) {
      if (result.tokens(i, 0) >= 0) distances[valid++] = distances[i];
    }
    double sum = 0;
    for (Index i = 0; i < valid; ++i) sum += distances[i];
    result.distortion = sum / static_cast<double>(std::max<Index>(valid, 1));
    const double mean = sum / loss_norm(valid);
    const bool by_gradient = options_.learning == CodebookLearning::gradient;
    result.losses = {.commitment = options_.commitment_weight * mean,
                     .codebook = by_gradient ? options_.codebook_weight * mean : 0};
  }

  /// The code of a token, zeros for -1.
  void look_up(Index token, Scalar* code) const {
    if (token < 0) {
      std::fill_n(code, dimension(), Scalar(0));
    } else {
      std::copy_n(codebook_.codes().data() + token * dimension(), dimension(), code);
    }
  }

  /// `make_grid(largest magnitude, vectors that count)` gives the grid.
  template <class Token, class MakeGrid>
  CodebookStatistics<Scalar> statistics_on(Batch<const Scalar> batch, Batch<Token> tokens,
                                           const ForwardOptions& options, MakeGrid make_grid) const {
    check_dimension(batch);
    const detail::CountedVectors<Scalar> counted(who, batch, tokens, options);
    const Mask mask = counted.mask();
    const bool cosine = options_.metric == Metric::cosine;
    const RowMatrix<Scalar> unit = cosine ? detail::unit_vectors(batch, mask) : RowMatrix<Scalar>();
    const Batch<const Scalar> points = cosine ? Batch<const Scalar>(rows(unit)) : batch;
    const double largest = cosine ? 1 : largest_magnitude(who, batch, mask);
    CodebookStatistics<Scalar> result(codebook_size(), dimension(),
                                      make_grid(largest, mask.valid_count(batch.count())));
    result.accumulate_within(largest, points, tokens, mask, options.execution);
    return result;
  }

  void check_learning() const {
    require(options_.learning == CodebookLearning::moving_average,
            "{}: expected a codebook that learns by moving averages, found one that learns by '{}'", who,
            learning_name(options_.learning));
  }

  void check_dimension(Batch<const Scalar> batch) const {
    require(batch.dimension() == dimension() || batch.empty(),
            "{}: expected vectors of dimension {}, found {} (batch of {})", who, dimension(), batch.dimension(),
            batch.count());
  }

  VectorQuantizerOptions options_;
  Codebook<Scalar> codebook_;
};

}  // namespace tessera::inline TESSERA_ISA
