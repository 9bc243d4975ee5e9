// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Sums of second-order sections, for as many rows at once as a vector has lanes. A section keeps the last two values of
// v[t] = u[t] - a1 v[t-1] - a2 v[t-2] and adds b0 v[t-1] + b1 v[t-2] to the output: four multiply-adds a sample. Three
// sections run over a block at once, their states in registers: v[t] has to wait for v[t-1], and three such chains
// keep the multipliers busy. The order of sums depends on the number of sections alone. Threes of sections alternate
// between two accumulators, lest a single sample be one long chain of additions.
//
// Packed: vector 4 s + j of `c` has coefficient j of section s, of b0, b1, -a1, -a2; then skip. Vectors 2 s and 2 s + 1
// of `state` are v[t-1] and v[t-2] of section s.

#include <algorithm>
#include <cmath>
#include <vector>

#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// a b + c rounded as the vectors round it.
template <class Scalar>
TESSERA_INLINE Scalar scalar_multiply_add(Scalar a, Scalar b, Scalar c) {
#if defined(__FMA__) && defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return std::fma(a, b, c);
#else
  return a * b + c;
#endif
}

template <class Scalar>
struct ParallelLanes {
  using Vector = simd::Vec<Scalar>;
  static constexpr Index width = simd::lanes<Scalar>;
  static constexpr Index coefficients = 4;    // of a section
  static constexpr Index extra = 1;           // of a filter
  static constexpr Index first_feedback = 2;  // coefficients from here on are packed with the other sign
  static constexpr int together = 3;

  /// Vectors of work memory for blocks of `count` samples.
  static Index run_work(Index count) { return count; }
  static Index backward_work(Index, Index count) { return count + 2; }

  /// The next `count` samples, from tile `in` to tile `out`, which differ.
  static void run(const Scalar* c, Index sections, Scalar* state, const Scalar* in, Scalar* out, Scalar* work,
                  Index count) {
    const Vector skip = at(c, coefficients * sections);
    for (Index s = 0; s < sections; s += together) {
      Scalar* sum = s / together % 2 == 0 ? out : work;
      const Vector start = s == 0 ? skip : Vector{};
      const Scalar* here = c + coefficients * s * width;
      Scalar* place = state + 2 * s * width;
      s < 2 * together ? some<true>(sections - s, here, place, in, sum, count, start)
                       : some<false>(sections - s, here, place, in, sum, count, start);
    }
    for (Index t = 0; t < count && sections > together; ++t) put(out, t, at(out, t) + at(work, t));
    for (Index t = 0; t < count && sections == 0; ++t) put(out, t, skip * at(in, t));
  }

  /// One sample of several groups of rows, side by side: group g has its coefficients at c + g c_stride, its state at
  /// state + g state_stride. The same bits as run().
  template <int groups>
  static void step(const Scalar* c, Index c_stride, Index sections, Scalar* state, Index state_stride,
                   const Vector (&in)[groups], Vector (&out)[groups]) {
    Vector sums[groups], others[groups];
    TESSERA_UNROLL
    for (int g = 0; g < groups; ++g) {
      sums[g] = at(c + g * c_stride, coefficients * sections) * in[g];
      others[g] = Vector{} * in[g];
    }
    Index s = 0;
    for (; s + 2 * together <= sections; s += 2 * together) {
      add<together>(c + coefficients * s * width, c_stride, state + 2 * s * width, state_stride, in, sums);
      add<together>(c + coefficients * (s + together) * width, c_stride, state + 2 * (s + together) * width,
                    state_stride, in, others);
    }
    const bool three = s + together <= sections;
    if (three) {
      add<together>(c + coefficients * s * width, c_stride, state + 2 * s * width, state_stride, in, sums);
      s += together;
    }
    const Scalar* here = c + coefficients * s * width;
    Scalar* place = state + 2 * s * width;
    if (sections - s == 2 && three) add<2>(here, c_stride, place, state_stride, in, others);
    if (sections - s == 2 && !three) add<2>(here, c_stride, place, state_stride, in, sums);
    if (sections - s == 1 && three) add<1>(here, c_stride, place, state_stride, in, others);
    if (sections - s == 1 && !three) add<1>(here, c_stride, place, state_stride, in, sums);
    TESSERA_UNROLL
    for (int g = 0; g < groups; ++g) out[g] = sums[g] + others[g];
  }

  /// One sample of one row, from coefficients as the model has them; rounded as the vectors round it.
  static Scalar step_row(const Scalar* c, Index sections, Scalar* state, Scalar u) {
    Scalar sums[2] = {c[coefficients * sections] * u, 0 * u};
    for (Index first = 0; first < sections; first += together) {
      const Index end = first + together < sections ? first + together : sections;
      Scalar& sum = sums[first / together % 2];
      for (Index s = first; s < end; ++s) {
        const Scalar* a = c + coefficients * s;
        const Scalar one = state[2 * s], two = state[2 * s + 1];
        sum = scalar_multiply_add(a[0], one, scalar_multiply_add(a[1], two, sum));
        state[2 * s] = scalar_multiply_add(-a[2], one, scalar_multiply_add(-a[3], two, u));
        state[2 * s + 1] = one;
      }
    }
    return sums[0] + sums[1];
  }

  /// Backwards over a block: `state` is that before the block, `adjoint` the gradient of the state after it, which
  /// becomes that of the state before it. Adds to `gradient`, packed as `c`; overwrites tile grad_in. v is computed
  /// once more. With q[t] the gradient of v[t],
  ///   q[t] = b0 g[t+1] + b1 g[t+2] - a1 q[t+1] - a2 q[t+2],   grad u = skip g + sum of q,
  ///   grad b0 = sum g[t] v[t-1],   grad b1 = sum g[t] v[t-2],   grad a1 = - sum q[t] v[t-1],   ...
  static void backward(const Scalar* c, Index sections, const Scalar* state, Scalar* adjoint, Scalar* gradient,
                       const Scalar* in, const Scalar* grad_out, Scalar* grad_in, Scalar* work, Index count) {
    const Vector skip = at(c, coefficients * sections);
    Vector grad_skip{};
    for (Index t = 0; t < count; ++t) {
      put(grad_in, t, skip * at(grad_out, t));
      grad_skip = simd::multiply_add(at(grad_out, t), at(in, t), grad_skip);
    }
    put(gradient, coefficients * sections, at(gradient, coefficients * sections) + grad_skip);
    for (Index s = 0; s < sections; ++s)
      backward_section(c + coefficients * s * width, state + 2 * s * width, adjoint + 2 * s * width,
                       gradient + coefficients * s * width, in, grad_out, grad_in, work, count);
  }

  /// The deviation of an output of an impulse, in units of half the last place of 1 and of the largest tap, that
  /// roundings make which are independent of one another: those of v reach the output through the section. 0 for a
  /// filter without taps.
  static double rounding_noise(const double* c, Index sections, Index length) {
    std::vector<double> taps(static_cast<std::size_t>(length), 0.0);
    if (length > 0) taps[0] = c[coefficients * sections];
    double noise = 0, sizes = 0;
    for (Index s = 0; s < sections; ++s, c += coefficients) {
      double one = 0, two = 0, largest = 0, largest_tap = 0, energy = 0;
      for (Index t = 0; t < length; ++t) {
        const double tap = c[0] * one + c[1] * two, next = (t == 0 ? 1 : 0) - c[2] * one - c[3] * two;
        taps[static_cast<std::size_t>(t)] += tap;
        largest = std::max(largest, std::abs(next));
        largest_tap = std::max(largest_tap, std::abs(tap));
        energy += tap * tap;
        two = one;
        one = next;
      }
      const double rounding = (1 + std::abs(c[3])) * largest;
      noise += rounding * rounding * energy;
      sizes += largest_tap * largest_tap * static_cast<double>(sections);
    }
    double peak = 0;
    for (const double tap : taps) peak = std::max(peak, std::abs(tap));
    return peak > 0 ? 0.5 * std::sqrt(noise + sizes + peak * peak) / peak : 0;
  }

 private:
  static TESSERA_INLINE Vector at(const Scalar* tile, Index t) { return simd::load(tile + t * width); }
  static TESSERA_INLINE void put(Scalar* tile, Index t, const Vector& value) { simd::store(tile + t * width, value); }

  /// The coefficients and the state of some sections, in registers as far as there are any.
  template <int count>
  struct Sections {
    Vector b0[count], b1[count], a1[count], a2[count];

    TESSERA_INLINE explicit Sections(const Scalar* c) {
      TESSERA_UNROLL
      for (int k = 0; k < count; ++k) {
        b0[k] = at(c, 4 * k);
        b1[k] = at(c, 4 * k + 1);
        a1[k] = at(c, 4 * k + 2);
        a2[k] = at(c, 4 * k + 3);
      }
    }

    /// Adds the output of a sample, and puts v[t] in the place of v[t-2].
    TESSERA_INLINE Vector advance(const Vector (&one)[count], Vector (&two)[count], Vector u, Vector sum) const {
      simd::keep_in_register(u);
      Vector part[count];
      TESSERA_UNROLL
      for (int k = 0; k < count; ++k) part[k] = simd::multiply_add(a2[k], two[k], u);
      TESSERA_UNROLL
      for (int k = 0; k < count; ++k) {
        sum = simd::multiply_add(b1[k], two[k], sum);
        sum = simd::multiply_add(b0[k], one[k], sum);
        two[k] = simd::multiply_add(a1[k], one[k], part[k]);
      }
      return sum;
    }
  };

  /// Up to three sections over a block. The first that add to a tile start it with `start` u.
  template <bool first>
  static void some(Index count, const Scalar* c, Scalar* state, const Scalar* in, Scalar* sum, Index samples,
                   const Vector& start) {
    if (count >= together) return pass<together, first>(c, state, in, sum, samples, start);
    count == 2 ? pass<2, first>(c, state, in, sum, samples, start) : pass<1, first>(c, state, in, sum, samples, start);
  }

  template <int count, bool first>
  static void pass(const Scalar* c, Scalar* state, const Scalar* in, Scalar* sum, Index samples, const Vector& start) {
    Sections<count> sections(c);
    Vector one[count], two[count];
    TESSERA_UNROLL
    for (int k = 0; k < count; ++k) {
      one[k] = at(state, 2 * k);
      two[k] = at(state, 2 * k + 1);
    }
    TESSERA_UNROLL
    for (int k = 0; k < count; ++k) {
      simd::keep_in_register(sections.a1[k]);
      simd::keep_in_register(sections.a2[k]);
    }
    const auto before = [&](Index t) { return first ? start * at(in, t) : at(sum, t); };
    Index t = 0;
    for (; t + 2 <= samples; t += 2) {
      put(sum, t, sections.advance(one, two, at(in, t), before(t)));
      put(sum, t + 1, sections.advance(two, one, at(in, t + 1), before(t + 1)));
    }
    if (t < samples) {
      put(sum, t, sections.advance(one, two, at(in, t), before(t)));
      put_state(state, two, one);
    } else {
      put_state(state, one, two);
    }
  }

  template <int count>
  static TESSERA_INLINE void put_state(Scalar* state, const Vector (&one)[count], const Vector (&two)[count]) {
    TESSERA_UNROLL
    for (int k = 0; k < count; ++k) {
      put(state, 2 * k, one[k]);
      put(state, 2 * k + 1, two[k]);
    }
  }

  /// One sample of some sections of each group, coefficients straight from memory.
  template <int count, int groups>
  static TESSERA_INLINE void add(const Scalar* c, Index c_stride, Scalar* state, Index state_stride,
                                 const Vector (&u)[groups], Vector (&sums)[groups]) {
    TESSERA_UNROLL
    for (int g = 0; g < groups; ++g) {
      const Scalar* here = c + g * c_stride;
      Scalar* place = state + g * state_stride;
      TESSERA_UNROLL
      for (int k = 0; k < count; ++k) {
        Vector one = at(place, 2 * k), two = at(place, 2 * k + 1);
        simd::keep_in_register(one);
        simd::keep_in_register(two);
        sums[g] = simd::multiply_add(at(here, 4 * k + 1), two, sums[g]);
        sums[g] = simd::multiply_add(at(here, 4 * k), one, sums[g]);
        const Vector part = simd::multiply_add(at(here, 4 * k + 3), two, u[g]);
        put(place, 2 * k, simd::multiply_add(at(here, 4 * k + 2), one, part));
        put(place, 2 * k + 1, one);
      }
    }
  }

  static void backward_section(const Scalar* c, const Scalar* state, Scalar* adjoint, Scalar* gradient,
                               const Scalar* in, const Scalar* grad_out, Scalar* grad_in, Scalar* v, Index count) {
    const Vector b0 = at(c, 0), b1 = at(c, 1), a1 = at(c, 2), a2 = at(c, 3);
    put(v, 0, at(state, 1));
    put(v, 1, at(state, 0));
    Vector one = at(state, 0), two = at(state, 1);
    for (Index t = 0; t < count; ++t) {
      const Vector next = simd::multiply_add(a1, one, simd::multiply_add(a2, two, at(in, t)));
      put(v, t + 2, next);
      two = one;
      one = next;
    }
    Vector q = at(adjoint, 0), behind = at(adjoint, 1);  // the gradients of v[t-1] and v[t-2] after sample t
    Vector grad_b0{}, grad_b1{}, grad_a1{}, grad_a2{};
    for (Index t = count - 1; t >= 0; --t) {
      const Vector g = at(grad_out, t), before = at(v, t + 1), earlier = at(v, t);
      put(grad_in, t, at(grad_in, t) + q);
      grad_b0 = simd::multiply_add(g, before, grad_b0);
      grad_b1 = simd::multiply_add(g, earlier, grad_b1);
      grad_a1 = simd::multiply_add(q, before, grad_a1);
      grad_a2 = simd::multiply_add(q, earlier, grad_a2);
      const Vector next = simd::multiply_add(a1, q, simd::multiply_add(b0, g, behind));
      behind = simd::multiply_add(a2, q, b1 * g);
      q = next;
    }
    put(adjoint, 0, q);
    put(adjoint, 1, behind);
    put(gradient, 0, at(gradient, 0) + grad_b0);
    put(gradient, 1, at(gradient, 1) + grad_b1);
    put(gradient, 2, at(gradient, 2) + grad_a1);
    put(gradient, 3, at(gradient, 3) + grad_a2);
  }
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
