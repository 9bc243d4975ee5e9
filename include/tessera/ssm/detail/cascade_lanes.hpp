// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Second-order sections one after the other, for as many rows at once as a vector has lanes, in transposed direct form
// II,
//
//   y = b0 x + s1,   s1 <- b1 x - a1 y + s2,   s2 <- b2 x - a2 y:
//
// five multiply-adds a sample. Several sections run over a block at once, their states in registers: a section's
// samples wait for one another, and the processor overlaps a section's sample with the next section's earlier one.
//
// Packed: vector 5 s + j of `c` has coefficient j of section s, of b0, b1, b2, -a1, -a2. Vectors 2 s and 2 s + 1 of
// `state` are s1 and s2 of section s.

#include <algorithm>
#include <cmath>
#include <vector>

#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/ssm/detail/parallel_lanes.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class Scalar>
struct CascadeLanes {
  using Vector = simd::Vec<Scalar>;
  static constexpr Index width = simd::lanes<Scalar>;
  static constexpr Index coefficients = 5;    // of a section
  static constexpr Index extra = 0;           // of a filter
  static constexpr Index first_feedback = 3;  // coefficients from here on are packed with the other sign
  static constexpr int together = 4;

  /// Vectors of work memory for blocks of `count` samples.
  static Index run_work(Index) { return 0; }
  static Index backward_work(Index sections, Index count) { return (sections + 1) * count; }

  /// The next `count` samples, from tile `in` to tile `out`, which differ.
  static void run(const Scalar* c, Index sections, Scalar* state, const Scalar* in, Scalar* out, Scalar*, Index count) {
    Index s = 0;
    for (; s + together <= sections; s += together) {
      pass<together>(c + coefficients * s * width, state + 2 * s * width, s == 0 ? in : out, out, count);
    }
    for (; s < sections; ++s)
      pass<1>(c + coefficients * s * width, state + 2 * s * width, s == 0 ? in : out, out, count);
    if (sections > 0) return;
    for (Index t = 0; t < count; ++t) put(out, t, at(in, t));
  }

  /// One sample of several groups of rows, side by side: group g has its coefficients at c + g c_stride, its state at
  /// state + g state_stride. The same bits as run().
  template <int groups>
  static void step(const Scalar* c, Index c_stride, Index sections, Scalar* state, Index state_stride,
                   const Vector (&in)[groups], Vector (&out)[groups]) {
    TESSERA_UNROLL
    for (int g = 0; g < groups; ++g) out[g] = in[g];
    for (Index s = 0; s < sections; ++s) {
      TESSERA_UNROLL
      for (int g = 0; g < groups; ++g) {
        const Scalar* here = c + g * c_stride + coefficients * s * width;
        Scalar* place = state + g * state_stride + 2 * s * width;
        Vector s1 = at(place, 0), s2 = at(place, 1);
        out[g] = advance(at(here, 0), at(here, 1), at(here, 2), at(here, 3), at(here, 4), out[g], s1, s2);
        put(place, 0, s1);
        put(place, 1, s2);
      }
    }
  }

  /// One sample of one row, from coefficients as the model has them; rounded as the vectors round it.
  static Scalar step_row(const Scalar* c, Index sections, Scalar* state, Scalar x) {
    for (Index s = 0; s < sections; ++s, c += coefficients, state += 2) {
      const Scalar y = scalar_multiply_add(c[0], x, state[0]);
      state[0] = scalar_multiply_add(-c[3], y, scalar_multiply_add(c[1], x, state[1]));
      state[1] = scalar_multiply_add(-c[4], y, c[2] * x);
      x = y;
    }
    return x;
  }

  /// Backwards over a block: `state` is that before the block, `adjoint` the gradient of the state after it, which
  /// becomes that of the state before it. Adds to `gradient`, packed as `c`; overwrites tile grad_in. The sections'
  /// outputs are computed once more. For each section from the last to the first, with e the gradient of its output
  /// filtered backwards by 1 / A,
  ///   e[t] = g[t] - a1 e[t+1] - a2 e[t+2],   grad x[t] = b0 e[t] + b1 e[t+1] + b2 e[t+2],
  ///   grad b_j = sum e[t+j] x[t],   grad a_j = - sum e[t+j] y[t],   grad s1 = e[0],   grad s2 = e[1].
  static void backward(const Scalar* c, Index sections, const Scalar* state, Scalar* adjoint, Scalar* gradient,
                       const Scalar* in, const Scalar* grad_out, Scalar* grad_in, Scalar* work, Index count) {
    for (Index t = 0; t < count; ++t) {
      put(work, t, at(in, t));
      put(grad_in, t, at(grad_out, t));
    }
    const Index tile = count * width;
    for (Index s = 0; s < sections; ++s)
      outputs(c + coefficients * s * width, state + 2 * s * width, work + s * tile, work + (s + 1) * tile, count);
    for (Index s = sections - 1; s >= 0; --s)
      backward_section(c + coefficients * s * width, adjoint + 2 * s * width, gradient + coefficients * s * width,
                       work + s * tile, work + (s + 1) * tile, grad_in, count);
  }

  /// The deviation of an output of an impulse, in units of half the last place of 1 and of the largest tap, that
  /// roundings make which are independent of one another: those of a section reach the output through its own poles
  /// and all sections behind it. 0 for a filter without taps.
  static double rounding_noise(const double* c, Index sections, Index length) {
    const auto size = static_cast<std::size_t>(length);
    std::vector<double> taps(size, 0.0), behind(size, 0.0), sizes(static_cast<std::size_t>(sections));
    if (length > 0) taps[0] = behind[0] = 1;
    for (Index s = 0; s < sections; ++s) sizes[static_cast<std::size_t>(s)] = filter_taps(c + coefficients * s, taps);
    double peak = 0, noise = 0;
    for (const double tap : taps) peak = std::max(peak, std::abs(tap));
    for (Index s = sections - 1; s >= 0; --s) {
      const double* section = c + coefficients * s;
      const double recursion[coefficients] = {1, 0, 0, section[3], section[4]};
      std::vector<double> reached = behind;
      filter_taps(recursion, reached);
      double energy = 0;
      for (const double tap : reached) energy += tap * tap;
      noise += sizes[static_cast<std::size_t>(s)] * sizes[static_cast<std::size_t>(s)] * energy;
      filter_taps(section, behind);
    }
    return peak > 0 ? 0.5 * std::sqrt(noise + peak * peak) / peak : 0;
  }

 private:
  /// In place, by one section; the largest number on the way.
  static double filter_taps(const double* c, std::vector<double>& taps) {
    double s1 = 0, s2 = 0, largest = 0;
    for (double& x : taps) {
      const double y = c[0] * x + s1;
      s1 = c[1] * x - c[3] * y + s2;
      s2 = c[2] * x - c[4] * y;
      x = y;
      largest = std::max({largest, std::abs(y), std::abs(s1), std::abs(s2)});
    }
    return largest;
  }

  static TESSERA_INLINE Vector at(const Scalar* tile, Index t) { return simd::load(tile + t * width); }
  static TESSERA_INLINE void put(Scalar* tile, Index t, const Vector& value) { simd::store(tile + t * width, value); }

  static TESSERA_INLINE Vector advance(const Vector& b0, const Vector& b1, const Vector& b2, const Vector& a1,
                                       const Vector& a2, const Vector& x, Vector& s1, Vector& s2) {
    const Vector y = simd::multiply_add(b0, x, s1);
    s1 = simd::multiply_add(a1, y, simd::multiply_add(b1, x, s2));
    s2 = simd::multiply_add(a2, y, b2 * x);
    return y;
  }

  template <int count>
  static void pass(const Scalar* c, Scalar* state, const Scalar* in, Scalar* out, Index samples) {
    Vector b0[count], b1[count], b2[count], a1[count], a2[count], s1[count], s2[count];
    TESSERA_UNROLL
    for (int k = 0; k < count; ++k) {
      b0[k] = at(c, 5 * k);
      b1[k] = at(c, 5 * k + 1);
      b2[k] = at(c, 5 * k + 2);
      a1[k] = at(c, 5 * k + 3);
      a2[k] = at(c, 5 * k + 4);
      s1[k] = at(state, 2 * k);
      s2[k] = at(state, 2 * k + 1);
    }
    for (Index t = 0; t < samples; ++t) {
      Vector x = at(in, t);
      TESSERA_UNROLL
      for (int k = 0; k < count; ++k) x = advance(b0[k], b1[k], b2[k], a1[k], a2[k], x, s1[k], s2[k]);
      put(out, t, x);
    }
    TESSERA_UNROLL
    for (int k = 0; k < count; ++k) {
      put(state, 2 * k, s1[k]);
      put(state, 2 * k + 1, s2[k]);
    }
  }

  /// A section's output, its state left as it is.
  static void outputs(const Scalar* c, const Scalar* state, const Scalar* in, Scalar* out, Index count) {
    const Vector b0 = at(c, 0), b1 = at(c, 1), b2 = at(c, 2), a1 = at(c, 3), a2 = at(c, 4);
    Vector s1 = at(state, 0), s2 = at(state, 1);
    for (Index t = 0; t < count; ++t) put(out, t, advance(b0, b1, b2, a1, a2, at(in, t), s1, s2));
  }

  static void backward_section(const Scalar* c, Scalar* adjoint, Scalar* gradient, const Scalar* in, const Scalar* out,
                               Scalar* grad, Index count) {
    const Vector b0 = at(c, 0), b1 = at(c, 1), b2 = at(c, 2), a1 = at(c, 3), a2 = at(c, 4);
    Vector one = at(adjoint, 0), two = at(adjoint, 1);  // e[t+1] and e[t+2]
    Vector grad_b0{}, grad_b1{}, grad_b2{}, grad_a1{}, grad_a2{};
    for (Index t = count - 1; t >= 0; --t) {
      const Vector x = at(in, t), y = at(out, t);
      const Vector e = simd::multiply_add(a1, one, simd::multiply_add(a2, two, at(grad, t)));
      put(grad, t, simd::multiply_add(b0, e, simd::multiply_add(b1, one, b2 * two)));
      grad_b0 = simd::multiply_add(e, x, grad_b0);
      grad_b1 = simd::multiply_add(one, x, grad_b1);
      grad_b2 = simd::multiply_add(two, x, grad_b2);
      grad_a1 = simd::multiply_add(one, y, grad_a1);
      grad_a2 = simd::multiply_add(two, y, grad_a2);
      two = one;
      one = e;
    }
    put(adjoint, 0, one);
    put(adjoint, 1, two);
    put(gradient, 0, at(gradient, 0) + grad_b0);
    put(gradient, 1, at(gradient, 1) + grad_b1);
    put(gradient, 2, at(gradient, 2) + grad_b2);
    put(gradient, 3, at(gradient, 3) + grad_a1);
    put(gradient, 4, at(gradient, 4) + grad_a2);
  }
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
