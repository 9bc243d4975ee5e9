// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Training with noise in place of rounding. A decoder that only ever sees codes learns them by heart; shown, now and
// then, the bounded value b(z) with a dither as wide as the step between codes, it learns what lies between them
// (Parker et al. 2024, "Scaling Transformers for Low-Bitrate High-Quality Speech Coding", arXiv 2411.19842,
// section 2.2). Each vector draws what its decoder sees:
//
//   code      with probability p_code       round(b(z)), as without noise
//   dither    with probability p_dither     clamp(b(z) + step u),  u uniform in [-1/2, 1/2), one per dimension
//   raw       otherwise                     b(z)
//
// The step is that of the dimension, and the clamp is to its lowest and highest code. Tokens and losses are always
// those of the clean forward. Backward is the quantizer's own, for all three: the gradient of the codes times b'(z),
// the noise and the clamp taken as constants (with the rotation trick: b(z) rotated onto what the decoder saw).

#include <algorithm>
#include <cstdint>

#include <tessera/core/random.hpp>
#include <tessera/quantize/finite_scalar.hpp>

namespace tessera {

struct ForwardNoise {
  double code = 0.5;        ///< probability, per vector, of the code itself; in [0, 1]
  double dither = 0.5;      ///< probability, per vector, of the dither; in [0, 1], together at most 1; the rest is raw
  std::uint64_t seed = 0;   ///< of the random numbers
  std::uint64_t first = 0;  ///< stream of the first vector; vector i draws from stream first + i. Batches that count on
                            ///< from one another get what one large batch would get
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// forward with noise, into a result that is reused: `codes` hold what the decoder shall see. Pass it to the
/// quantizer's backward like any other. What a vector gets depends on its stream and itself alone, not on the batch,
/// its mask or the threads. Throws std::invalid_argument on probabilities out of range, and as forward does.
template <class Scalar>
void forward_noisy_into(const FiniteScalarQuantizer<Scalar>& quantizer, std::type_identity_t<Batch<const Scalar>> batch,
                        const ForwardNoise& noise, FiniteScalarResult<Scalar>& result, ForwardOptions options = {}) {
  require(noise.code >= 0 && noise.dither >= 0 && noise.code + noise.dither <= 1,
          "forward_noisy: expected probabilities that sum to at most 1, found {} for codes and {} for dither",
          noise.code, noise.dither);
  quantizer.forward_into(batch, result, options);
  options.execution.for_ranges(batch.count(), 512, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      if (result.tokens(i, 0) < 0) continue;
      Random random(noise.seed, noise.first + static_cast<std::uint64_t>(i));
      const double kind = random.uniform();
      if (kind < noise.code) continue;
      const bool dither = kind < noise.code + noise.dither;
      for (Index d = 0; d < batch.dimension(); ++d) {
        const Scalar bounded = quantizer.bound(d, batch[i][d]);
        const auto codes = quantizer.level_codes(d);
        const auto shift = static_cast<Scalar>(random.uniform() - 0.5) * quantizer.step(d);
        result.codes(i, d) = dither ? std::clamp(bounded + shift, codes.front(), codes.back()) : bounded;
      }
    }
  });
}

/// The same, returned.
template <class Scalar>
FiniteScalarResult<Scalar> forward_noisy(const FiniteScalarQuantizer<Scalar>& quantizer,
                                         std::type_identity_t<Batch<const Scalar>> batch, const ForwardNoise& noise,
                                         ForwardOptions options = {}) {
  FiniteScalarResult<Scalar> result;
  forward_noisy_into(quantizer, batch, noise, result, options);
  return result;
}

}  // namespace tessera::inline TESSERA_ISA
