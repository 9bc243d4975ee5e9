// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What a vector quantizer asks of tokens and of the results it is given back.

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <type_traits>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/mask.hpp>
#include <tessera/quantize/concepts.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// A place for the tokens of `count` vectors in a codebook, and for the -1 of masked ones.
template <class Token>
void check_token_output(const char* who, Batch<Token> tokens, Index count, Index codebook_size, Mask mask) {
  require(tokens.count() == count && (tokens.dimension() == 1 || count == 0),
          "{}: expected tokens of {} x 1, found {} x {}", who, count, tokens.count(), tokens.dimension());
  const bool reserved = std::is_unsigned_v<Token> && !mask.all();  // the largest value, which is -1
  const Index largest = codebook_size - (reserved ? 0 : 1);
  require(static_cast<std::uint64_t>(largest) <= static_cast<std::uint64_t>(std::numeric_limits<Token>::max()),
          "{}: expected a token type that holds {}, found one of {} bits", who, largest, 8 * sizeof(Token));
}

/// The tokens of vectors that count, each in [0, codebook_size).
template <class Token>
void check_tokens(const char* who, Batch<Token> tokens, Index codebook_size, Mask mask) {
  require(tokens.dimension() == 1 || tokens.empty(), "{}: expected tokens of {} x 1, found {} x {}", who,
          tokens.count(), tokens.count(), tokens.dimension());
  for (Index i = 0; i < tokens.count(); ++i) {
    const Token token = *tokens[i];
    if (!mask[i] || (token >= 0 && static_cast<std::uint64_t>(token) < static_cast<std::uint64_t>(codebook_size))) {
      continue;
    }
    raise<std::out_of_range>("{}: expected tokens in [0, {}), found {} at vector {}", who, codebook_size, token, i);
  }
}

/// The result of forward for a batch of that many vectors.
template <class Result, class Scalar>
void check_result(const char* who, const Result& result, const UpstreamGradients<Scalar>& upstream, Index count,
                  Index dimension) {
  require(result.tokens.rows() == count && result.tokens.cols() == 1 && result.codes.rows() == count &&
              result.codes.cols() == dimension,
          "{}: expected the result of forward for a batch of {}, found {} codes and {} tokens", who, count,
          result.codes.rows(), result.tokens.rows());
  require(
      upstream.codes.data() == nullptr || (upstream.codes.count() == count && upstream.codes.dimension() == dimension),
      "{}: expected a gradient of codes of {} x {}, found {} x {}", who, count, dimension, upstream.codes.count(),
      upstream.codes.dimension());
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
