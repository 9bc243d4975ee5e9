// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// As many channels of a modal system as a vector has lanes, in blocks of T = 4 samples. With x the state before a
// block,
//
//   y[t] = sum over s <= t of K[t - s] u[s] + 2 Re sum over n of w_n p_n^(t + 1) x_n        (t for delayed timing),
//   x_n <- p_n^T x_n + sum over s of p_n^(T - 1 - s) u[s]:
//
// 4 + 2 / T multiply-adds a mode and sample, where sample by sample there are 6, and sums that wait less for one
// another. The samples of an unfinished block wait until it is full; its outputs come at once, by the same operations,
// whence results do not depend on how samples are cut into calls.
//
// Rounded to float, p^T is off by a factor 1 + e, e of 1e-7 at most, always the same one: it would add up to 1e-4 and
// more. Every `period` samples the state is therefore multiplied by 1 - e period / T, up to second order; inputs are
// then off by e period / T at most, however long ago they were. At the same moments what is below or beyond all use is
// set to 0: state that decays towards denormal numbers, and what has overflowed.

#include <algorithm>
#include <complex>
#include <cstring>
#include <type_traits>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/ssm/detail/double_lanes.hpp>
#include <tessera/ssm/timing.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Vectors by the bits of their lanes.
template <class Scalar>
struct LaneBits {
  using Vector = simd::Vec<Scalar>;
  using Bits = simd::MaskVec<Scalar>;
  using Word = std::remove_cvref_t<decltype(Bits{}[0])>;

  static TESSERA_INLINE Bits of(const Vector& vector) {
    Bits bits;
    std::memcpy(&bits, &vector, sizeof bits);
    return bits;
  }
  static TESSERA_INLINE Vector keep(const Vector& vector, const Bits& mask) {
    const Bits kept = of(vector) & mask;
    Vector result;
    std::memcpy(&result, &kept, sizeof result);
    return result;
  }
  static TESSERA_INLINE Bits magnitude(const Vector& vector) {
    return of(vector) & simd::broadcast(static_cast<Word>(FiniteBits<Scalar>::magnitude));
  }
  /// All ones where the magnitude is finite.
  static TESSERA_INLINE Bits finite(const Bits& magnitude) {
    return magnitude < simd::broadcast(static_cast<Word>(FiniteBits<Scalar>::infinity));
  }
  /// All ones where the magnitude is at least `least` > 0.
  static TESSERA_INLINE Bits at_least(const Bits& magnitude, Scalar least) {
    return magnitude >= simd::broadcast(static_cast<Word>(FiniteBits<Scalar>::of(least)));
  }
};

/// Tables and state of `lanes` channels.
template <class Scalar>
class ModalStreamGroup {
 public:
  using Vector = simd::Vec<Scalar>;
  static constexpr int lanes = simd::lanes<Scalar>;
  static constexpr int block = 4;
  static constexpr Index period = 64;

  explicit ModalStreamGroup(Index modes)
      : modes_(modes),
        tables_(static_cast<std::size_t>(modes * entry * lanes), Scalar(0)),
        corrections_(static_cast<std::size_t>(modes * 2 * lanes), Scalar(0)),
        state_(static_cast<std::size_t>(modes * 2 * lanes), Scalar(0)),
        taps_(static_cast<std::size_t>(block * lanes), Scalar(0)),
        inputs_(static_cast<std::size_t>(block * lanes), Scalar(0)) {}

  /// The channel in lane `lane`.
  template <Timing timing>
  void set_channel(int lane, const std::complex<double>* poles, const std::complex<double>* weights, double skip) {
    double taps[block] = {skip};
    for (Index n = 0; n < modes_; ++n) {
      std::complex<double> power = 1, response = 2.0 * weights[n];
      for (int t = 0; t < block; ++t) {
        if (t < block - 1) put(n, input_weight(block - 1 - (t + 1)), lane, complex_product(power, poles[n]));
        const std::complex<double> next = complex_product(response, poles[n]);
        if (timing == Timing::current) taps[t] += response.real();
        if (timing == Timing::delayed && t + 1 < block) taps[t + 1] += response.real();
        put(n, output_weight(t), lane, std::conj(timing == Timing::current ? next : response));
        power = complex_product(power, poles[n]);
        response = next;
      }
      put(n, 0, lane, power);
      put_correction(n, lane, power);
    }
    for (int t = 0; t < block; ++t) at(taps_, t, lane) = static_cast<Scalar>(taps[t]);
  }

  /// The state of a channel after `filled` samples of the block.
  void read_state(int lane, int filled, const std::complex<double>* poles, std::complex<double>* state) const {
    for (Index n = 0; n < modes_; ++n) {
      std::complex<double> x(static_cast<double>(state_[place(2 * n, lane)]),
                             static_cast<double>(state_[place(2 * n + 1, lane)]));
      for (int s = 0; s < filled; ++s) x = complex_product(poles[n], x) + static_cast<double>(inputs_[place(s, lane)]);
      state[n] = x;
    }
  }

  /// The state of a channel before a block.
  void write_state(int lane, const std::complex<double>* state) {
    for (Index n = 0; n < modes_; ++n) {
      at(state_, 2 * n, lane) = static_cast<Scalar>(state[n].real());
      at(state_, 2 * n + 1, lane) = static_cast<Scalar>(state[n].imag());
    }
  }

  void reset() { std::fill(state_.begin(), state_.end(), Scalar(0)); }

  /// Samples `begin` to `end` of the block, in vectors, and their outputs; moves the state when the block is full.
  void run(const Scalar* input, Scalar* output, int begin, int end) {
    std::copy(input, input + (end - begin) * lanes, inputs_.data() + begin * lanes);
    Vector sums[block];
    outputs(sums);
    TESSERA_UNROLL
    for (int t = 0; t < block; ++t) {
      if (t >= begin && t < end) simd::store(output + (t - begin) * lanes, sums[t]);
    }
    if (end == block) move();
  }

  /// What is due every `period` samples.
  void correct() {
    for (Index n = 0; n < modes_; ++n) {
      Scalar* x = state_.data() + 2 * n * lanes;
      const Scalar* correction = corrections_.data() + 2 * n * lanes;
      const Vector real = simd::load(x), imag = simd::load(x + lanes);
      const Vector a = simd::load(correction), b = simd::load(correction + lanes);
      simd::store(x, useful(simd::multiply_add(-imag, b, simd::multiply_add(real, a, real))));
      simd::store(x + lanes, useful(simd::multiply_add(real, b, simd::multiply_add(imag, a, imag))));
    }
  }

 private:
  // Vectors of the table of a mode: p^T, then p^(T-1-s) for s < T - 1, then the output weights, each in two parts.
  static constexpr int entry = 4 * block;
  static constexpr int input_weight(int s) { return 2 + 2 * s; }
  static constexpr int output_weight(int t) { return 2 * block + 2 * t; }

  static std::size_t place(Index vector, int lane) { return static_cast<std::size_t>(vector * lanes + lane); }
  static Scalar& at(AlignedVector<Scalar>& values, Index vector, int lane) { return values[place(vector, lane)]; }

  void put(Index n, int vector, int lane, const std::complex<double>& value) {
    at(tables_, n * entry + vector, lane) = static_cast<Scalar>(value.real());
    at(tables_, n * entry + vector + 1, lane) = static_cast<Scalar>(value.imag());
  }

  // (exact / rounded)^m - 1, with exact / rounded = 1 + e, e tiny.
  void put_correction(Index n, int lane, const std::complex<double>& exact) {
    const std::complex<double> rounded(static_cast<double>(at(tables_, n * entry, lane)),
                                       static_cast<double>(at(tables_, n * entry + 1, lane)));
    const double size = std::norm(rounded);
    if (!(size > 1e-30)) return;
    constexpr double m = static_cast<double>(period / block);
    const std::complex<double> e = complex_product(exact - rounded, std::conj(rounded)) / size;
    const std::complex<double> change = m * e + 0.5 * m * (m - 1) * complex_product(e, e);
    at(corrections_, 2 * n, lane) = static_cast<Scalar>(change.real());
    at(corrections_, 2 * n + 1, lane) = static_cast<Scalar>(change.imag());
  }

  TESSERA_INLINE void outputs(Vector (&sums)[block]) const {
    Vector other[block] = {};
    TESSERA_UNROLL
    for (int t = 0; t < block; ++t) {
      sums[t] = simd::load(taps_.data()) * simd::load(inputs_.data() + t * lanes);
      TESSERA_UNROLL
      for (int s = 0; s < t; ++s)
        sums[t] = simd::multiply_add(simd::load(taps_.data() + (t - s) * lanes), simd::load(inputs_.data() + s * lanes),
                                     sums[t]);
    }
    const Scalar* x = state_.data();
    const Scalar* table = tables_.data();
    for (Index n = 0; n < modes_; ++n, x += 2 * lanes, table += entry * lanes) {
      Vector real = simd::load(x), imag = simd::load(x + lanes);
      simd::keep_in_register(real);
      simd::keep_in_register(imag);
      TESSERA_UNROLL
      for (int t = 0; t < block; ++t) {
        sums[t] = simd::multiply_add(real, simd::load(table + output_weight(t) * lanes), sums[t]);
        other[t] = simd::multiply_add(imag, simd::load(table + (output_weight(t) + 1) * lanes), other[t]);
      }
    }
    TESSERA_UNROLL
    for (int t = 0; t < block; ++t) sums[t] = sums[t] + other[t];
  }

  TESSERA_INLINE void move() {
    Vector u[block];
    TESSERA_UNROLL
    for (int s = 0; s < block; ++s) u[s] = simd::load(inputs_.data() + s * lanes);
    Scalar* x = state_.data();
    const Scalar* table = tables_.data();
    for (Index n = 0; n < modes_; ++n, x += 2 * lanes, table += entry * lanes) {
      const Vector before_real = simd::load(x), before_imag = simd::load(x + lanes);
      const Vector power_real = simd::load(table), power_imag = simd::load(table + lanes);
      Vector real = u[block - 1], imag = before_real * power_imag;
      TESSERA_UNROLL
      for (int s = 0; s < block - 1; ++s) {
        real = simd::multiply_add(u[s], simd::load(table + input_weight(s) * lanes), real);
        imag = simd::multiply_add(u[s], simd::load(table + (input_weight(s) + 1) * lanes), imag);
      }
      real = simd::multiply_add(before_real, power_real, real);
      simd::store(x, simd::multiply_add(-before_imag, power_imag, real));
      simd::store(x + lanes, simd::multiply_add(before_imag, power_real, imag));
    }
  }

  static TESSERA_INLINE Vector useful(const Vector& value) {
    using Lanes = LaneBits<Scalar>;
    constexpr Scalar least = sizeof(Scalar) == 4 ? static_cast<Scalar>(1e-30) : static_cast<Scalar>(1e-290);
    const auto magnitude = Lanes::magnitude(value);
    return Lanes::keep(value, Lanes::finite(magnitude) & Lanes::at_least(magnitude, least));
  }

  Index modes_;
  AlignedVector<Scalar> tables_;       // [mode][entry][lanes]
  AlignedVector<Scalar> corrections_;  // [mode][2][lanes]
  AlignedVector<Scalar> state_;        // [mode][2][lanes], before the block
  AlignedVector<Scalar> taps_;         // [block][lanes]
  AlignedVector<Scalar> inputs_;       // [block][lanes], those of the block that have come
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
