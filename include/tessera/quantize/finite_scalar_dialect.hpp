// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// "Finite scalar quantization" (Mentzer, Minnen, Agustsson and Tschannen 2023, arXiv 2309.15505) as published code does
// it: eleven formulas that look alike and give different tokens. Each maps a scalar z to a level k in 0 ... L - 1 and
// the level to a code, the number a decoder sees.
//
// Notation: L levels, w = floor(L / 2), o = 1/2 for even L and 0 for odd, e = 1/1000; round is to the nearest integer,
// ties to even; arithmetic is exact. All dialects join the levels of a vector into one index in the same way, the first
// dimension least significant: index = k_1 + L_1 (k_2 + L_2 (k_3 + ...)).
//
//   dialect               level k                                              code                       levels
//   google                round(h tanh(z + tan(o / h)) - o) + w                (k - w) / w                2 to 1000
//                         h = (L - 1)(1 - e) / 2
//   lucidrains            round(h tanh(z + atanh(o / h)) - o) + w              (k - w) / w                3 to 1000
//                         h = (L - 1)(1 + e) / 2
//   legacy_double_bound   lucidrains of b(z), b(z) = h tanh(z + s) - o         (k - w) / w                3 to 1000
//   symmetric             floor((L - 1)(tanh z + 1) / 2 + 1/2)                 2 k / (L - 1) - 1          2 to 65536
//   stable_codec          round((L - 1)(tanh z + 1) / 2)                       2 k / (L - 1) - 1          2 to 65536
//   hard_clamp            floor((L - 1)(clamp(z, -1, 1) + 1) / 2 + 1/2)        2 k / (L - 1) - 1          2 to 65536
//   residual_hard_clamp   hard_clamp of c tanh(z / c), c = L / (L - 1)         2 k / (L - 1) - 1          2 to 65536
//   cosyvoice             round(0.9990000128746033 tanh z) + 1                 k - 1                      3
//   ifsq                  round((L - 1)(tanh(0.8 z) + 1) / 2)                  2 k / (L - 1) - 1          2 to 65536
//   scale_round           round(s tanh z) + s, s = (L - 1) / 2                 (k - s) / s                odd, 3 to
//   65535 gaussian_cdf          floor(L Phi(z)), Phi the normal distribution         sqrt(12) ((k + 1/2) / L - 1/2)   2
//   to 65536 sigmoid               round((L - 1) / (1 + exp(-z)))                       k                          2 to
//   65536
//
// Who speaks which: google: the notebook of the paper's authors, NVIDIA NeMo. lucidrains: vector-quantize-pytorch,
// Cosmos. legacy_double_bound: X-Codec-2 and NeuCodec, whose library bounded the input twice. symmetric: the option
// preserve_symmetry of vector-quantize-pytorch. stable_codec: Stability AI's. residual_hard_clamp: one stage of
// residual quantization since the same library clamps. cosyvoice: CosyVoice's S3 tokenizer, [3, 3, 3, 3, 3, 3, 3, 3].
// ifsq: Tencent's (published for odd L; the same formula serves even L here). scale_round: BlueMagpie, 19 levels.
// gaussian_cdf: FSP of VP-VAE. sigmoid: codes 0 ... L - 1, the form of the widely read article by Su Jianlin.
//
// Ties. An edge between two levels is a number a float can hold in two cases only (elsewhere it is transcendental):
//   z = 0 for even L in symmetric, residual_hard_clamp, gaussian_cdf: the upper level, k = L / 2;
//   z = 0 for even L in stable_codec, ifsq, sigmoid: the even one of L / 2 - 1 and L / 2;
//   hard_clamp, edges (2 k - L) / (L - 1) that are dyadic: the upper level.
// -0 and +0 are the same number and get the same level.
//
// Limits. With e added (lucidrains) the outermost levels leave the range from L = 1001 on, with e subtracted (google)
// the top becomes unreachable there: both are refused. lucidrains with L = 2 has the shift atanh(1 / 1.001) = 3.8, at
// which nearly every input gets the same level: refused, as by its authors; google with L = 2 gives level 1 to 94 % of
// N(0, 1).

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>

namespace tessera {

/// The formula of a finite scalar quantizer. The numbers are written to files: they never change.
enum class FsqDialect : std::uint8_t {
  google = 0,
  lucidrains = 1,
  legacy_double_bound = 2,
  symmetric = 3,
  stable_codec = 4,
  hard_clamp = 5,
  residual_hard_clamp = 6,
  cosyvoice = 7,
  ifsq = 8,
  scale_round = 9,
  gaussian_cdf = 10,
  sigmoid = 11,
};

/// Every dialect, in the order of the table above the enumeration's numbers.
inline constexpr std::array<FsqDialect, 12> fsq_dialects = {
    FsqDialect::google,       FsqDialect::lucidrains,  FsqDialect::legacy_double_bound, FsqDialect::symmetric,
    FsqDialect::stable_codec, FsqDialect::hard_clamp,  FsqDialect::residual_hard_clamp, FsqDialect::cosyvoice,
    FsqDialect::ifsq,         FsqDialect::scale_round, FsqDialect::gaussian_cdf,        FsqDialect::sigmoid};

/// The name used in files, messages and command lines.
constexpr const char* dialect_name(FsqDialect dialect) {
  constexpr std::array<const char*, 12> names = {"google",       "lucidrains",  "legacy_double_bound", "symmetric",
                                                 "stable_codec", "hard_clamp",  "residual_hard_clamp", "cosyvoice",
                                                 "ifsq",         "scale_round", "gaussian_cdf",        "sigmoid"};
  const auto i = static_cast<std::size_t>(dialect);
  return i < names.size() ? names[i] : "unknown";
}

/// The dialect of that name, if there is one.
constexpr std::optional<FsqDialect> dialect_named(std::string_view name) {
  for (const FsqDialect dialect : fsq_dialects) {
    if (name == dialect_name(dialect)) return dialect;
  }
  return std::nullopt;
}

/// The numbers of levels a dialect is defined for.
struct FsqLevelRange {
  int smallest = 2;
  int largest = 65536;
  bool odd_only = false;
  constexpr bool contains(Index levels) const {
    return levels >= smallest && levels <= largest && (!odd_only || levels % 2 == 1);
  }
};

constexpr FsqLevelRange level_range(FsqDialect dialect) {
  switch (dialect) {
    case FsqDialect::google:
      return {2, 1000, false};
    case FsqDialect::lucidrains:
    case FsqDialect::legacy_double_bound:
      return {3, 1000, false};
    case FsqDialect::cosyvoice:
      return {3, 3, true};
    case FsqDialect::scale_round:
      return {3, 65535, true};
    default:
      return {};
  }
}

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// Throws std::invalid_argument unless there is at least one level count and `dialect` is defined for all of them.
inline void check_levels(const char* who, FsqDialect dialect, std::span<const int> levels) {
  require(static_cast<std::size_t>(dialect) < fsq_dialects.size(), "{}: expected a dialect, found number {}", who,
          static_cast<int>(dialect));
  require(!levels.empty(), "{}: expected at least one dimension, found no levels", who);
  const FsqLevelRange range = level_range(dialect);
  for (std::size_t d = 0; d < levels.size(); ++d) {
    require(range.contains(levels[d]),
            "{}: expected {}levels between {} and {} for dialect {}, found {} in dimension {}", who,
            range.odd_only ? "odd " : "", range.smallest, range.largest, dialect_name(dialect), levels[d], d);
  }
}

}  // namespace tessera::inline TESSERA_ISA
