// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Digits of tokens, and the codes they stand for. A part of a token is below 2^21 (detail/fsq_encode.hpp), so that its
// quotient by a base L is the integer below (n + 1/2) / L computed in float: n + 1/2 is exact, the two roundings move
// the quotient by less than 1 / (4 L), and it is at least 1 / (2 L) from the next integer.

#include <cstdint>
#include <vector>

#include <tessera/core/batch.hpp>
#include <tessera/quantize/detail/fsq_encode.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Codes by level for every dimension. Immutable.
template <class Scalar>
class FsqDecoder {
 public:
  static constexpr Index chunk = 64;  // vectors at a time

  FsqDecoder() = default;
  FsqDecoder(const std::vector<int>& levels, std::vector<FsqPart> parts, const std::vector<std::vector<Scalar>>& codes)
      : levels_(levels), parts_(std::move(parts)), codes_(codes) {}

  /// The codes of at most a chunk of tokens, which are in range.
  template <class Token>
  void decode(Batch<Token> tokens, Batch<Scalar> codes) const {
    std::int32_t rest[chunk] = {}, digits[chunk];
    std::int64_t index[chunk];
    const bool joined = parts_.size() == 1 || parts_.back().weight != 1;
    for (Index i = 0; joined && i < tokens.count(); ++i) index[i] = static_cast<std::int64_t>(tokens[i][0]);
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      if (joined) {
        take_part(p, tokens.count(), index, rest);
      } else {
        for (Index i = 0; i < tokens.count(); ++i)
          rest[i] = static_cast<std::int32_t>(tokens[i][static_cast<Index>(p)]);
      }
      for (Index d = parts_[p].first; d < parts_[p].last; ++d) {
        divide(levels_[static_cast<std::size_t>(d)], rest, digits);
        const Scalar* table = codes_[static_cast<std::size_t>(d)].data();
        Scalar* to = codes.data() + d;
        for (Index i = 0; i < tokens.count(); ++i) to[i * codes.stride()] = table[digits[i]];
      }
    }
  }

 private:
  /// Divides the indices by the size of part p; `rest` gets what is left.
  void take_part(std::size_t p, Index count, std::int64_t* index, std::int32_t* rest) const {
    const std::int64_t size = p + 1 < parts_.size() ? parts_[p].size : 0;
    for (Index i = 0; i < count; ++i) {
      const std::int64_t quotient = size == 0 ? 0 : index[i] / size;
      rest[i] = static_cast<std::int32_t>(index[i] - quotient * size);
      index[i] = quotient;
    }
  }

  /// Whole chunks: the trip count is known, and the compiler makes vectors of it.
  static void divide(std::int32_t base, std::int32_t* rest, std::int32_t* digits) {
    const float inverse = 1.0f / static_cast<float>(base);
    for (Index i = 0; i < chunk; ++i) {
      const auto quotient = static_cast<std::int32_t>((static_cast<float>(rest[i]) + 0.5f) * inverse);
      digits[i] = rest[i] - quotient * base;
      rest[i] = quotient;
    }
  }

  std::vector<int> levels_;
  std::vector<FsqPart> parts_;
  std::vector<std::vector<Scalar>> codes_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
