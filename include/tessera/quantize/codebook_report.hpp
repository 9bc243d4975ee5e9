// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The health of a codebook: which codes are used and how evenly, which are dead, copies of others or not finite, and
// how far vectors are from their codes. With p_k the relative frequency of code k among the tokens,
//
//     entropy = -sum p_k log2 p_k bits,      perplexity = 2^entropy,      usage = used codes / K.
//
// The entropy of a sample is biased low, by about (used - 1) / (2 N ln 2) bits (Miller 1955); perplexity_corrected has
// that added.

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <fmt/core.h>
#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/mask.hpp>
#include <tessera/core/reductions.hpp>
#include <tessera/quantize/detail/counted_vectors.hpp>
#include <tessera/quantize/detail/unit_vectors.hpp>
#include <tessera/quantize/detail/vector_set.hpp>
#include <tessera/quantize/metric.hpp>
#include <tessera/quantize/nearest.hpp>

namespace tessera {

struct CodebookReportOptions {
  Metric metric = Metric::squared_euclidean;  ///< what the distortion and margins are measured in
  Mask mask = {};                             ///< vectors that count
  /// A token is fragile when the margin of its vector (NearestCode::margins) is at most this; negative: not looked for.
  /// Looking costs a search of two codes per vector.
  double fragile_margin = -1;
  Execution execution = {};  ///< where the work runs
};

/// What is known of a codebook of K codes and N tokens; the codes are listed in ascending order.
struct CodebookReport {
  Index codebook_size = 0;           ///< K
  Index vectors = 0;                 ///< N, the tokens that count
  std::vector<std::int64_t> counts;  ///< (K): tokens of each code
  Index used = 0;                    ///< codes with a token
  double usage = 0;                  ///< used / K
  double entropy_bits = 0;           ///< of the tokens, uncorrected
  double perplexity = 0;             ///< 2^entropy_bits, between 1 and used; 0 without tokens
  double perplexity_corrected = 0;   ///< with the bias of the sample removed; 0 without tokens
  std::vector<Index> dead;           ///< codes without a token
  std::vector<Index> duplicates;     ///< codes equal, bit for bit, to one of a lower index
  std::vector<Index> non_finite;     ///< codes with a NaN or an infinity
  bool has_distortion = false;       ///< vectors were given
  double distortion = 0;             ///< mean of |x - c|^2; cosine: of x and c scaled to length one
  Index fragile = -1;                ///< fragile tokens; -1: not looked for
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class Scalar>
void report_codes(Batch<const Scalar> codes, CodebookReport& report) {
  report.codebook_size = codes.count();
  report.duplicates = duplicate_vectors(codes);
  for (Index k = 0; k < codes.count(); ++k) {
    if (!all_finite(codes[k], codes.dimension())) report.non_finite.push_back(k);
  }
}

/// Counts and what follows from them. Tokens of -1 are passed over.
template <class Token>
void report_tokens(Batch<Token> tokens, Mask mask, CodebookReport& report) {
  report.counts.assign(static_cast<std::size_t>(report.codebook_size), 0);
  for (Index i = 0; i < tokens.count(); ++i) {
    if (!mask[i] || is_masked_token(*tokens[i])) continue;
    const auto token = static_cast<std::int64_t>(*tokens[i]);
    if (token < 0 || token >= report.codebook_size) {
      raise<std::out_of_range>("codebook_report: expected tokens in [0, {}), found {} at vector {}",
                               report.codebook_size, token, i);
    }
    ++report.counts[static_cast<std::size_t>(token)];
    ++report.vectors;
  }
  for (Index k = 0; k < report.codebook_size; ++k) {
    if (report.counts[static_cast<std::size_t>(k)] == 0) report.dead.push_back(k);
  }
  report.used = report.codebook_size - static_cast<Index>(report.dead.size());
  report.usage = static_cast<double>(report.used) / static_cast<double>(std::max<Index>(report.codebook_size, 1));
  if (report.vectors == 0) return;
  report.entropy_bits = entropy_bits(std::span<const std::int64_t>(report.counts));
  report.perplexity = std::exp2(report.entropy_bits);
  report.perplexity_corrected = perplexity_corrected(std::span<const std::int64_t>(report.counts));
}

template <class Token>
void check_report_tokens(Batch<Token> tokens, Mask mask) {
  require(tokens.dimension() == 1 || tokens.empty(), "codebook_report: expected tokens of {} x 1, found {} x {}",
          tokens.count(), tokens.count(), tokens.dimension());
  check_mask("codebook_report", mask, tokens.count());
}

/// 2 - 2 x.c / (|x| |c|), the squared distance of the directions; 2 where either is zero.
template <class Scalar>
double angular_distance(const Scalar* x, const Scalar* c, Index dimension) {
  const InverseNorm of_x = inverse_norm(x, dimension);
  const InverseNorm of_c = inverse_norm(c, dimension);
  double square = 0;
  for (Index d = 0; d < dimension; ++d) {
    const double difference =
        static_cast<double>(x[d]) * of_x.scale * of_x.rest - static_cast<double>(c[d]) * of_c.scale * of_c.rest;
    square += difference * difference;
  }
  return of_x.rest > 0 && of_c.rest > 0 ? square : 2;
}

/// The mean over the vectors that count.
template <class Scalar, class Token>
double mean_distance(Batch<const Scalar> codes, Batch<const Scalar> batch, Batch<Token> tokens, Mask mask,
                     Metric metric) {
  double sum = 0;
  for (Index i = 0; i < batch.count(); ++i) {
    if (!mask[i]) continue;
    const Scalar* code = codes[static_cast<Index>(*tokens[i])];
    sum += metric == Metric::cosine ? angular_distance(batch[i], code, batch.dimension())
                                    : plain_squared_distance(batch[i], code, batch.dimension());
  }
  return sum / static_cast<double>(std::max<Index>(mask.valid_count(batch.count()), 1));
}

}  // namespace detail

/// The codes alone: duplicates and non-finite codes. Any batch is legal. O(K D).
template <class Element>
CodebookReport codebook_report(Batch<Element> codes) {
  CodebookReport report;
  detail::report_codes(Batch<const std::remove_const_t<Element>>(codes), report);
  return report;
}

/// Codes and the (N, 1) tokens of a batch, a matrix or a batch; a token that is masked or -1 is passed over. O(K D +
/// N). Throws std::invalid_argument on wrong shapes, std::out_of_range on a token outside the codebook.
template <class Element, class TokenSource>
CodebookReport codebook_report(Batch<Element> codes, const TokenSource& tokens,
                               const CodebookReportOptions& options = {}) {
  const auto view = detail::token_batch(tokens);
  detail::check_report_tokens(view, options.mask);
  CodebookReport report = codebook_report(codes);
  detail::report_tokens(view, options.mask, report);
  return report;
}

/// Codes, the batch and its tokens: the distortion too, and fragile tokens if asked for. O(K D + N D), fragile tokens
/// N K D more. Throws as above, and std::invalid_argument on another dimension, on non-finite vectors that count, and
/// on non-finite codes when fragile tokens are asked for.
template <class Element, class TokenSource>
CodebookReport codebook_report(Batch<Element> codes,
                               std::type_identity_t<Batch<const std::remove_const_t<Element>>> batch,
                               const TokenSource& token_source, const CodebookReportOptions& options = {}) {
  using Scalar = std::remove_const_t<Element>;
  const auto tokens = detail::token_batch(token_source);
  require(batch.dimension() == codes.dimension() || batch.empty(),
          "codebook_report: expected vectors of dimension {}, found {} (batch of {})", codes.dimension(),
          batch.dimension(), batch.count());
  const detail::CountedVectors<Scalar> counted("codebook_report", batch, tokens, {.mask = options.mask});
  CodebookReport report = codebook_report(codes, tokens, options);
  report.has_distortion = true;
  report.distortion = detail::mean_distance<Scalar>(codes, batch, tokens, counted.mask(), options.metric);
  if (options.fragile_margin >= 0) {
    const RowMatrix<Scalar> vectors = detail::pack_counted(batch, counted.mask());
    const NearestCode<Scalar> search(codes, options.metric);
    const Eigen::VectorXd margins = search.margins(rows(vectors), options.execution);
    report.fragile = static_cast<Index>((margins.array() <= options.fragile_margin).count());
  }
  return report;
}

/// The report as lines of text: `name  value`, aligned.
inline std::string codebook_report_text(const CodebookReport& report) {
  std::string text;
  const auto line = [&](const char* name, const std::string& value) {
    text += fmt::format("{:<22} {}\n", name, value);
  };
  line("codes", fmt::format("{}", report.codebook_size));
  if (!report.counts.empty()) {
    line("tokens", fmt::format("{}", report.vectors));
    line("used codes", fmt::format("{} ({:.1f} %)", report.used, 100 * report.usage));
    line("entropy", fmt::format("{:.3f} bits", report.entropy_bits));
    line("perplexity", fmt::format("{:.1f}", report.perplexity));
    line("perplexity, corrected", fmt::format("{:.1f}", report.perplexity_corrected));
    line("dead codes", fmt::format("{}", report.dead.size()));
  }
  line("duplicate codes", fmt::format("{}", report.duplicates.size()));
  line("non-finite codes", fmt::format("{}", report.non_finite.size()));
  if (report.has_distortion) line("distortion", fmt::format("{:.6g}", report.distortion));
  if (report.fragile >= 0) line("fragile tokens", fmt::format("{}", report.fragile));
  return text;
}

}  // namespace tessera::inline TESSERA_ISA
