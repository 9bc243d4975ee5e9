// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Finite scalar quantization (Mentzer, Minnen, Agustsson and Tschannen 2023, arXiv 2309.15505): every component of a
// vector is bounded and rounded to one of a few levels, L_d for dimension d; the levels of a vector are the digits of
// its token. There is no codebook to learn and no auxiliary loss; gradients pass the rounding as if it were not there
// and go through the bound, whose derivative they are multiplied by:
//
//   code = round(b(z)),   d code / dz := b'(z),   token = k_1 + L_1 (k_2 + L_2 (k_3 + ...)).
//
// What exactly is rounded differs between published codes: quantize/finite_scalar_dialect.hpp lists the formulas.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/mask.hpp>
#include <tessera/estimators/estimator.hpp>
#include <tessera/quantize/concepts.hpp>
#include <tessera/quantize/detail/fsq_bound.hpp>
#include <tessera/quantize/detail/fsq_decode.hpp>
#include <tessera/quantize/detail/fsq_encode.hpp>
#include <tessera/quantize/finite_scalar_dialect.hpp>
#include <tessera/quantize/mixed_radix.hpp>

namespace tessera {

struct FiniteScalarOptions {
  std::vector<int> levels = {8, 5, 5, 5};       ///< levels of each dimension; ranges in finite_scalar_dialect.hpp
  FsqDialect dialect = FsqDialect::lucidrains;  ///< which formula
  /// How gradients pass from the code to the bounded value b(z): unchanged, or rotated and scaled as b(z) onto its
  /// code.
  GradientEstimator estimator = GradientEstimator::straight_through;
};

/// What forward returns; backward needs nothing more.
template <class Scalar>
struct FiniteScalarResult {
  RowMatrix<Scalar> codes;      ///< (N, D); zero for masked vectors
  Tokens<> tokens;              ///< (N, tokens_per_vector()); -1 for masked vectors
  QuantizerLosses losses = {};  ///< none
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// A finite scalar quantizer of vectors of D = levels.size() scalars. Immutable; one object may serve many threads.
///
/// Tokens: one per vector, exact 64-bit integers, for codebooks up to 2^63; beyond, the D levels themselves.
/// Exactness: encoding compares with thresholds, the smallest float (double) of each level, derived from the formula in
/// 192-bit integer arithmetic: the same tokens on every machine, compiler and flag, whatever the batch or the threads.
/// Published pipelines evaluate the formula in float and differ where an input is within a few units of an edge.
/// Cost: construction some microseconds per level; encoding about the time to copy the batch; decoding D divisions a
/// token. Throws std::invalid_argument on a batch of another dimension, on a wrong mask, and on input that is not
/// finite (unless masked), naming the vector and component; results given by reference are then unspecified.
template <class ScalarType>
class FiniteScalarQuantizer {
 public:
  using Scalar = ScalarType;
  using Result = FiniteScalarResult<Scalar>;
  using Gradients = QuantizerGradients<Scalar, NoParameters>;

  /// Throws std::invalid_argument on levels the dialect is not defined for.
  explicit FiniteScalarQuantizer(FiniteScalarOptions options = {})
      : options_((check_levels("FiniteScalarQuantizer", options.dialect, options.levels), std::move(options))),
        radix_(options_.levels) {
    std::vector<std::vector<Key>> thresholds;
    for (const int levels : options_.levels) {
      thresholds.push_back(detail::fsq_thresholds<Scalar>(options_.dialect, levels));
      bounds_.push_back(detail::fsq_bound(options_.dialect, levels));
      codes_.emplace_back();
      for (int k = 0; k < levels; ++k) codes_.back().push_back(detail::fsq_code<Scalar>(options_.dialect, levels, k));
    }
    encoder_ = detail::FsqEncoder<Scalar>(options_.levels, radix_.has_index(), thresholds, codes_);
    decoder_ = detail::FsqDecoder<Scalar>(options_.levels, encoder_.parts(), codes_);
    derivative_ = detail::FsqDerivative<Scalar>(bounds_);
  }

  const FiniteScalarOptions& options() const { return options_; }
  const std::vector<int>& levels() const { return options_.levels; }
  FsqDialect dialect() const { return options_.dialect; }
  Index dimension() const { return radix_.dimension(); }

  /// 1, or D where the product of the levels is beyond 2^63: the token of a vector is then its levels.
  Index tokens_per_vector() const { return radix_.has_index() ? 1 : dimension(); }
  /// The product of the levels. Throws std::out_of_range where an Index does not hold it (from 2^63 on).
  Index codebook_size() const {
    if (!radix_.has_index() || radix_.size() > static_cast<std::uint64_t>(std::numeric_limits<Index>::max())) {
      raise<std::out_of_range>("FiniteScalarQuantizer: expected a codebook below 2^63, found 2^{:.2f} codes",
                               bits_per_vector());
    }
    return static_cast<Index>(radix_.size());
  }
  /// log2 of the product of the levels, shared evenly where a vector has several tokens.
  double bits_per_token() const { return bits_per_vector() / static_cast<double>(tokens_per_vector()); }
  double bits_per_vector() const { return radix_.bits(); }
  /// The digits of tokens.
  const MixedRadix& radix() const { return radix_; }

  /// The smallest inputs of levels 1 ... L - 1 of dimension d, ascending (for an edge at zero, -0 or the smallest
  /// subnormal number).
  std::vector<Scalar> thresholds(Index d) const {
    std::vector<Scalar> values;
    for (const Key key : detail::fsq_thresholds<Scalar>(dialect(), levels().at(static_cast<std::size_t>(d)))) {
      values.push_back(detail::from_order_key<Scalar>(key));
    }
    return values;
  }
  /// The codes of levels 0 ... L - 1 of dimension d, ascending.
  std::span<const Scalar> level_codes(Index d) const { return codes_.at(static_cast<std::size_t>(d)); }

  /// The tokens of a batch, into (N, tokens_per_vector()) of any signed or unsigned integer type that holds them. Those
  /// of masked vectors are -1: all bits set in an unsigned type, which then needs a value to spare.
  template <class Token>
  void encode_into(Batch<const Scalar> batch, Batch<Token> tokens, ForwardOptions options = {}) const {
    check_batch(batch, options.mask);
    const MaskArray counts = mask_non_finite(batch, options);
    check_tokens(batch.count(), tokens, options.mask);
    run<false>(batch, options, tokens, {});
  }
  /// The same, returned.
  template <class Token = std::int64_t>
  Tokens<Token> encode(Batch<const Scalar> batch, ForwardOptions options = {}) const {
    Tokens<Token> tokens(batch.count(), tokens_per_vector());
    encode_into(batch, Batch<Token>(tokens.data(), tokens.rows(), tokens.cols()), options);
    return tokens;
  }

  /// The codes of tokens, the inverse of encode: encode(decode(t)) = t in every dialect whose codes are latents of
  /// their own level. Masked vectors get zeros. Throws std::out_of_range on a token outside the codebook, -1 included,
  /// unless masked, before anything is written.
  template <class Token>
  void decode_into(Batch<Token> tokens, Batch<Scalar> codes, ForwardOptions options = {}) const {
    check_mask("FiniteScalarQuantizer", options.mask, tokens.count());
    require(tokens.dimension() == tokens_per_vector(),
            "FiniteScalarQuantizer: expected {} tokens per vector, found {} (batch of {})", tokens_per_vector(),
            tokens.dimension(), tokens.count());
    require(codes.count() == tokens.count() && codes.dimension() == dimension(),
            "FiniteScalarQuantizer: expected codes of {} x {}, found {} x {}", tokens.count(), dimension(),
            codes.count(), codes.dimension());
    check_range(tokens, options.mask);
    options.execution.for_ranges(tokens.count(), task_size, [&](Index begin, Index end) {
      for (Index first = begin; first < end; first += Decoder::chunk) {
        const Index last = std::min(first + Decoder::chunk, end);
        decode_chunk(tokens.slice(first, last), codes.slice(first, last), options.mask, first);
      }
    });
  }
  /// The same, returned.
  template <class Token>
  RowMatrix<Scalar> decode(const Tokens<Token>& tokens, ForwardOptions options = {}) const {
    RowMatrix<Scalar> codes(tokens.rows(), dimension());
    decode_into(Batch<const Token>(tokens.data(), tokens.rows(), tokens.cols()), rows(codes), options);
    return codes;
  }

  /// Codes and tokens of a batch, reusing the memory of `result`.
  void forward_into(Batch<const Scalar> batch, Result& result, ForwardOptions options = {}) const {
    check_batch(batch, options.mask);
    const MaskArray counts = mask_non_finite(batch, options);
    result.codes.resize(batch.count(), dimension());
    result.tokens.resize(batch.count(), tokens_per_vector());
    run<true>(batch, options, rows(result.tokens), rows(result.codes));
    result.losses = {};
  }
  /// The same, returned.
  Result forward(Batch<const Scalar> batch, ForwardOptions options = {}) const {
    Result result;
    forward_into(batch, result, options);
    return result;
  }

  /// The gradient of the input, from the input and result of forward and the gradient of the codes: estimator, then the
  /// derivative of the bound. It vanishes where the bound is flat, |z| beyond about 4. Reuses the memory of
  /// `gradients`.
  void backward_into(Batch<const Scalar> batch, const Result& result, UpstreamGradients<Scalar> upstream,
                     Gradients& gradients) const {
    check_backward(batch, result, upstream);
    gradients.grad_input.resize(batch.count(), dimension());
    if (upstream.codes.data() == nullptr) {
      gradients.grad_input.setZero();
      return;
    }
    Batch<const Scalar> grad_bounded = upstream.codes;
    if (options_.estimator != GradientEstimator::straight_through) {
      const MaskArray valid = result.tokens.col(0).array() >= 0;
      const RowMatrix<Scalar> bounded = bound(batch, Mask(valid));
      grad_bounded = rows(gradients.grad_input);
      estimator_backward_into(options_.estimator, rows(bounded), rows(result.codes), upstream.codes,
                              rows(gradients.grad_input), Mask(valid));
    }
    derivative_.multiply(batch, grad_bounded, rows(result.tokens), rows(gradients.grad_input));
  }
  /// The same, returned.
  Gradients backward(Batch<const Scalar> batch, const Result& result, UpstreamGradients<Scalar> upstream) const {
    Gradients gradients;
    backward_into(batch, result, upstream, gradients);
    return gradients;
  }

  /// b(z), the continuous function that rounding turns into the code, in units of the codes; zero for masked vectors.
  RowMatrix<Scalar> bound(Batch<const Scalar> batch, Mask mask = {}) const {
    check_batch(batch, mask);
    require_finite("FiniteScalarQuantizer", "input", batch, mask);
    RowMatrix<Scalar> values(batch.count(), dimension());
    for (Index i = 0; i < batch.count(); ++i) {
      for (Index d = 0; d < dimension(); ++d) {
        const auto z = static_cast<double>(mask[i] ? batch[i][d] : Scalar(0));
        values(i, d) = mask[i] ? static_cast<Scalar>(bounds_[static_cast<std::size_t>(d)].value(z)) : Scalar(0);
      }
    }
    return values;
  }

  /// The same of one scalar of dimension d.
  Scalar bound(Index d, Scalar z) const {
    return static_cast<Scalar>(bounds_.at(static_cast<std::size_t>(d)).value(static_cast<double>(z)));
  }

  /// The distance of neighbouring codes in dimension d.
  Scalar step(Index d) const { return static_cast<Scalar>(bounds_.at(static_cast<std::size_t>(d)).step); }

 private:
  using Key = detail::OrderKey<Scalar>;
  using Encoder = detail::FsqEncoder<Scalar>;
  using Decoder = detail::FsqDecoder<Scalar>;
  static constexpr Index task_size = 8192;  // whole chunks of encoder and decoder

  /// Tokens of a batch, and codes where wanted; then throws if any scalar was not finite.
  template <bool with_codes, class Token>
  void run(Batch<const Scalar> batch, const ForwardOptions& options, Batch<Token> tokens, Batch<Scalar> codes) const {
    std::atomic<bool> finite{true};
    options.execution.for_ranges(batch.count(), task_size, [&](Index begin, Index end) {
      typename Encoder::Work work;
      encoder_.prepare(work);
      bool good = true;
      for (Index first = begin; first < end; first += encoder_.vectors_at_once()) {
        const Index last = std::min(first + encoder_.vectors_at_once(), end);
        good &= encoder_.template encode<with_codes>(batch, options.mask, first, last - first, work);
        encoder_.write_tokens(work, tokens, first, last - first);
        if constexpr (with_codes) encoder_.write_codes(work, codes, first, last - first);
        for (Index i = first; !options.mask.all() && i < last; ++i) {
          if (options.mask[i]) continue;
          std::fill_n(tokens[i], tokens.dimension(), static_cast<Token>(-1));
          if constexpr (with_codes) std::fill_n(codes[i], codes.dimension(), Scalar(0));
        }
      }
      if (!good) finite.store(false, std::memory_order_relaxed);
    });
    if (!finite) require_finite("FiniteScalarQuantizer", "input", batch, options.mask);
  }

  /// Adds vectors that are not finite to the mask where the options say so; the mask then views what is returned.
  static MaskArray mask_non_finite(Batch<const Scalar> batch, ForwardOptions& options) {
    MaskArray counts;
    if (options.mask_non_finite && first_non_finite(batch, options.mask)) {
      counts = finite_rows(batch, options.mask);
      options.mask = Mask(counts);
    }
    return counts;
  }

  /// Masked vectors among the tokens are decoded one by one around.
  template <class Token>
  void decode_chunk(Batch<Token> tokens, Batch<Scalar> codes, Mask mask, Index offset) const {
    if (mask.all()) return decoder_.decode(tokens, codes);
    for (Index i = 0; i < tokens.count(); ++i) {
      if (mask[offset + i]) {
        decoder_.decode(tokens.slice(i, i + 1), codes.slice(i, i + 1));
      } else {
        std::fill_n(codes[i], dimension(), Scalar(0));
      }
    }
  }

  /// How many values the t-th token of a vector takes.
  std::uint64_t token_values(Index t) const { return detail::token_values(radix_, tokens_per_vector(), t); }

  template <class Token>
  void check_range(Batch<Token> tokens, Mask mask) const {
    for (Index i = 0; i < tokens.count(); ++i) {
      if (mask[i]) detail::check_token_range("FiniteScalarQuantizer", radix_, tokens, i);
    }
  }

  template <class Token>
  void check_tokens(Index count, Batch<Token> tokens, Mask mask) const {
    require(tokens.count() == count && tokens.dimension() == tokens_per_vector(),
            "FiniteScalarQuantizer: expected tokens of {} x {}, found {} x {}", count, tokens_per_vector(),
            tokens.count(), tokens.dimension());
    const bool spare = std::is_unsigned_v<Token> && mask.valid_count(count) < count;  // a value that says masked
    for (Index t = 0; t < tokens_per_vector(); ++t) {
      require(token_values(t) - 1 + (spare ? 1 : 0) <= static_cast<std::uint64_t>(std::numeric_limits<Token>::max()),
              "FiniteScalarQuantizer: expected a token type that holds {}{}, found one of {} bits", token_values(t) - 1,
              spare ? " and a value for masked vectors" : "", 8 * sizeof(Token));
    }
  }

  void check_batch(Batch<const Scalar> batch, Mask mask) const {
    require(batch.dimension() == dimension(),
            "FiniteScalarQuantizer: expected vectors of dimension {}, found {} (batch of {})", dimension(),
            batch.dimension(), batch.count());
    check_mask("FiniteScalarQuantizer", mask, batch.count());
  }

  void check_backward(Batch<const Scalar> batch, const Result& result,
                      const UpstreamGradients<Scalar>& upstream) const {
    check_batch(batch, {});
    require(result.tokens.rows() == batch.count() && result.tokens.cols() == tokens_per_vector() &&
                result.codes.rows() == batch.count() && result.codes.cols() == dimension(),
            "FiniteScalarQuantizer: expected the result of forward for a batch of {}, found {} codes and {} tokens",
            batch.count(), result.codes.rows(), result.tokens.rows());
    require(upstream.codes.data() == nullptr ||
                (upstream.codes.count() == batch.count() && upstream.codes.dimension() == dimension()),
            "FiniteScalarQuantizer: expected a gradient of codes of {} x {}, found {} x {}", batch.count(), dimension(),
            upstream.codes.count(), upstream.codes.dimension());
  }

  FiniteScalarOptions options_;
  MixedRadix radix_;
  std::vector<detail::FsqBound> bounds_;
  std::vector<std::vector<Scalar>> codes_;  // by level, of each dimension
  Encoder encoder_;
  Decoder decoder_;
  detail::FsqDerivative<Scalar> derivative_;
};

}  // namespace tessera::inline TESSERA_ISA
