// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Sampled diagonal plus low-rank systems, a sample at a time: for every channel
//
//   x[t] = p x[t-1] + b u[t] - sum over j of s_j e_j,    e_j = 2 Re(w_j x[t-1]),    y[t] = 2 Re(c x[t]) + skip u[t]
//
// in one pass over the modes a sample, which also adds up the e_j of the next. Lanes are modes. The state of a channel
// is m complex numbers; while a call runs, blocks of as many as there are lanes hold the real parts, then the imaginary
// parts.

#include <algorithm>
#include <complex>
#include <cstddef>

#include <Eigen/Core>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/ssm/detail/dplr_channel.hpp>
#include <tessera/ssm/detail/interleaved_lanes.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class Scalar>
class DplrRecurrence {
 public:
  static constexpr Index lanes = simd::lanes<Scalar>;
  static constexpr Index largest_rank = 16;

  DplrRecurrence() = default;
  DplrRecurrence(Index channels, Index modes, Index rank)
      : modes_(modes), rank_(rank), skips_(static_cast<std::size_t>(channels)) {
    coefficients_.resize(static_cast<std::size_t>(channels * channel_size()));
  }

  void set(Index c, const DplrStep<double>& step, const ComplexColumn<double>& output, double skip) {
    skips_[static_cast<std::size_t>(c)] = static_cast<Scalar>(skip);
    const auto place = [&, at = coefficients_.data() + c * channel_size()](Index k, std::complex<double> value,
                                                                           Index n) {
      at[k * pitch() + n] = static_cast<Scalar>(value.real());
      at[(k + 1) * pitch() + n] = static_cast<Scalar>(value.imag());
    };
    for (Index n = 0; n < modes_; ++n) {
      place(0, step.poles[n], n);
      place(2, step.input[n], n);
      place(4, 2.0 * std::conj(output[n]), n);  // 2 Re(c x) is a sum of products of parts
      for (Index j = 0; j < rank_; ++j) {
        place(6 + 4 * j, -step.shift(n, j), n);
        place(8 + 4 * j, 2.0 * std::conj(step.probe(j, n)), n);
      }
    }
  }

  /// Samples of channel c. `output` may be null, for none. With `guard`, samples that are not finite count as 0; their
  /// number is returned.
  template <bool guard>
  Index run(Index c, std::complex<Scalar>* state, const Scalar* input, Scalar* output, Index count) const {
    switch (rank_) {
      case 0:
        return run_rank<guard, 0>(c, state, input, output, count);
      case 1:
        return run_rank<guard, 1>(c, state, input, output, count);
      case 2:
        return run_rank<guard, 2>(c, state, input, output, count);
      default:
        return run_rank<guard, -1>(c, state, input, output, count);
    }
  }

 private:
  using Vector = simd::Vec<Scalar>;

  /// Modes in whole vectors, and with the last one filled up by modes that are 0.
  Index whole() const { return modes_ / lanes * lanes; }
  Index pitch() const { return (modes_ + lanes - 1) / lanes * lanes; }
  Index channel_size() const { return (6 + 4 * rank_) * pitch(); }

  /// The state of a channel while a call runs.
  struct Blocks {
    Scalar* first;  // the whole ones
    Scalar last[2 * lanes] = {};
  };

  /// What a pass adds up: y, and e_j.
  template <int fixed>
  struct Sums {
    static constexpr int capacity = fixed < 0 ? static_cast<int>(largest_rank) : fixed;
    Scalar output = 0;
    Scalar probes[capacity + 1] = {};
  };

  template <bool guard, int fixed>
  Index run_rank(Index c, std::complex<Scalar>* state, const Scalar* input, Scalar* output, Index count) const {
    Blocks blocks{reinterpret_cast<Scalar*>(state)};
    open(blocks, state);
    const Scalar* at = coefficients_.data() + c * channel_size();
    const Scalar skip = skips_[static_cast<std::size_t>(c)];
    Index replaced = 0;
    Sums<fixed> sums;
    pass<fixed, false>(at, blocks, Scalar{0}, sums);
    for (Index t = 0; t < count; ++t) {
      Scalar sample = input[t];
      if (guard && !is_finite(sample)) {
        sample = 0;
        ++replaced;
      }
      pass<fixed, true>(at, blocks, sample, sums);
      if (output != nullptr) output[t] = sums.output + skip * sample;
    }
    close(blocks, state);
    return replaced;
  }

  void open(Blocks& blocks, const std::complex<Scalar>* state) const {
    for (Index n = 0; n < whole(); n += lanes) {
      const SplitComplex<Scalar> block = load_interleaved(blocks.first + 2 * n);
      simd::store(blocks.first + 2 * n, block.re);
      simd::store(blocks.first + 2 * n + lanes, block.im);
    }
    for (Index n = whole(); n < modes_; ++n) {
      blocks.last[n - whole()] = state[n].real();
      blocks.last[n - whole() + lanes] = state[n].imag();
    }
  }

  void close(const Blocks& blocks, std::complex<Scalar>* state) const {
    for (Index n = 0; n < whole(); n += lanes) {
      Scalar* block = blocks.first + 2 * n;
      store_interleaved<Scalar>(block, {simd::load(block), simd::load(block + lanes)});
    }
    for (Index n = whole(); n < modes_; ++n) state[n] = {blocks.last[n - whole()], blocks.last[n - whole() + lanes]};
  }

  /// Moves the state by a sample, and adds up what the next needs; or only does the latter.
  template <int fixed, bool move>
  TESSERA_INLINE void pass(const Scalar* at, Blocks& blocks, Scalar sample, Sums<fixed>& sums) const {
    constexpr int capacity = Sums<fixed>::capacity;
    const int rank = fixed < 0 ? static_cast<int>(rank_) : fixed;
    const Index m = pitch();
    Vector shifts[capacity + 1], re_sums[capacity + 1] = {}, im_sums[capacity + 1] = {};  // the last: of the output
    for (int j = 0; j < rank; ++j) shifts[j] = simd::broadcast(sums.probes[j]);
    const Vector u = simd::broadcast(sample);
    for (Index n = 0; n < m; n += lanes) {
      Scalar* x = n < whole() ? blocks.first + 2 * n : blocks.last;
      Vector re = simd::load(x), im = simd::load(x + lanes);
      if constexpr (move) {
        const Vector p = simd::load(at + n), q = simd::load(at + m + n);
        Vector next_re = simd::multiply_add(p, re, simd::load(at + 2 * m + n) * u);
        Vector next_im = simd::multiply_add(p, im, simd::load(at + 3 * m + n) * u);
        next_re = simd::multiply_add(-q, im, next_re);
        next_im = simd::multiply_add(q, re, next_im);
        for (int j = 0; j < rank; ++j) {
          const Scalar* shift = at + (6 + 4 * j) * m + n;
          next_re = simd::multiply_add(simd::load(shift), shifts[j], next_re);
          next_im = simd::multiply_add(simd::load(shift + m), shifts[j], next_im);
        }
        re = next_re;
        im = next_im;
        simd::store(x, re);
        simd::store(x + lanes, im);
        re_sums[capacity] = simd::multiply_add(simd::load(at + 4 * m + n), re, re_sums[capacity]);
        im_sums[capacity] = simd::multiply_add(simd::load(at + 5 * m + n), im, im_sums[capacity]);
      }
      for (int j = 0; j < rank; ++j) {
        const Scalar* probe = at + (8 + 4 * j) * m + n;
        re_sums[j] = simd::multiply_add(simd::load(probe), re, re_sums[j]);
        im_sums[j] = simd::multiply_add(simd::load(probe + m), im, im_sums[j]);
      }
    }
    Sums<fixed> next;
    next.output = simd::reduce_add(re_sums[capacity] + im_sums[capacity]);
    for (int j = 0; j < rank; ++j) next.probes[j] = simd::reduce_add(re_sums[j] + im_sums[j]);
    sums = next;
  }

  Index modes_ = 0;
  Index rank_ = 0;
  AlignedVector<Scalar> coefficients_;  // of each channel: parts of p, b and c, then of s_j and w_j
  AlignedVector<Scalar> skips_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
