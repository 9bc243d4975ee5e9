// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The ring of t^N = i (detail/right_angle.hpp) for as many rows at once as a vector has lanes: lanes are rows, so that
// no lane ever meets another, and the factors of a split are the same for all. Rows change places with samples in
// registers while they are read and written. Short rings gain by it; the work memory of long ones would leave the
// second cache.
//
// Rings are split in four by the powers of a factor, depth first once their parts fit into the first cache. The last
// split, the product and the first merge are one pass.

#include <algorithm>
#include <array>
#include <bit>
#include <complex>
#include <cstddef>
#include <type_traits>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/prefetch.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/complex_lanes.hpp>
#include <tessera/fft/detail/lane_transpose.hpp>
#include <tessera/fft/detail/ring_split.hpp>
#include <tessera/fft/detail/roots.hpp>
#include <tessera/fft/detail/sample_window.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Sources and sinks come as arrays of `rows`. Spectra are 2 length scalars for each row, in an order of their own.
template <class Scalar>
class ChannelRing {
 public:
  using Source = SampleSource<Scalar>;
  using Sink = SampleSink<Scalar>;

  static constexpr int rows = simd::lanes<Scalar>;
  static constexpr Index smallest_length = std::max<Index>(32, 8 * Index{rows});
  static constexpr Index largest_length = 1024;

  ChannelRing() = default;

  /// `length` is a power of two, at least smallest_length.
  explicit ChannelRing(Index length) : length_(length) {
    const int levels = std::countr_zero(static_cast<std::size_t>(length));
    first_levels_ = levels % 2 == 0 ? 2 : 3;
    for (int i = 0; i < (1 << first_levels_) / 2; ++i) append(first_, factor_turn(right_angle, i));
    for (int depth = first_levels_; depth < levels; depth += 2) {
      offsets_[static_cast<std::size_t>((depth - first_levels_) / 2)] = static_cast<Index>(powers_.size());
      for (int r = 0; r < 1 << depth; ++r) {
        for (int q = 1; q < 4; ++q) append(powers_, power_turn(right_angle.child(r, depth), q));
      }
    }
  }

  Index length() const { return length_; }

  /// The spectra of the samples of `sources` before 2 length.
  void transform(const Source* sources, Scalar* spectrum) const {
    read(sources, spectrum);
    for_parts([&](Index begin, Index r, Index size) { descend<true, false>(spectrum + begin, nullptr, size, 0, r); });
  }

  /// Writes length times the products of sources and spectra, or the spectra's complex conjugates. `work` holds as much
  /// as a spectrum.
  void multiply(const Source* sources, const Scalar* spectrum, bool conjugate, const Sink* sinks, Scalar* work) const {
    read(sources, work);
    const Scalar sign = conjugate ? Scalar{-1} : Scalar{1};
    for_parts([&](Index begin, Index r, Index size) {
      descend<true, true>(work + begin, spectrum + begin, size, 0, r, sign);
    });
    write(work, sinks);
  }

  /// length times the samples of spectra, which become scratch.
  void invert(Scalar* spectrum, const Sink* sinks) const {
    for_parts([&](Index begin, Index r, Index size) { descend<false, true>(spectrum + begin, nullptr, size, 0, r); });
    write(spectrum, sinks);
  }

 private:
  using Lanes = ComplexLanes<Scalar>;
  using Vector = simd::Vec<Scalar>;

  static constexpr Turn right_angle{1, 4};
  static constexpr Index number = 2 * Index{rows};  // scalars of a complex number of every row
  static constexpr Index level_by_level = 16384 / (number * static_cast<Index>(sizeof(Scalar)));

  static void append(AlignedVector<Scalar>& table, Turn turn) {
    const std::complex<Scalar> root = unit_root<Scalar>(turn.numerator, turn.denominator);
    table.push_back(root.real());
    table.push_back(root.imag());
  }

  /// The powers for ring r of those that `splits` splits in four leave, after the first one.
  const Scalar* powers(int splits, Index r) const {
    return powers_.data() + offsets_[static_cast<std::size_t>(splits)] + 6 * r;
  }

  template <int count>
  static TESSERA_INLINE void broadcast_factors(Lanes (&factors)[count], const Scalar* table) {
    TESSERA_UNROLL
    for (int i = 0; i < count; ++i) factors[i] = broadcast_complex(table[2 * i], table[2 * i + 1]);
  }

  /// body(where it begins, r, its size) for each ring r that the first split leaves.
  template <class Body>
  void for_parts(Body&& body) const {
    const Index size = length_ >> first_levels_;
    for (Index r = 0; r * size < length_; ++r) body(number * r * size, r, size);
  }

  // ---- reading and writing, with the first split and the last merge ----

  template <class Sequence>
  static bool plain(const Sequence* sequences, Index count) {
    return std::all_of(sequences, sequences + rows, [&](const Sequence& s) { return s.plain(count); });
  }
  template <class Sequence>
  bool beyond_length(const Sequence* sequences) const {
    return std::any_of(sequences, sequences + rows, [&](const Sequence& s) { return s.end > length_; });
  }

  void read(const Source* sources, Scalar* work) const {
    const bool both = beyond_length(sources), straight = !both && plain(sources, length_);
    dispatch([&](auto radix) {
      if (straight) {
        return read<radix(), false>(work, [=](int row, Index n) { return simd::load(sources[row].data + n); });
      }
      const auto load = [=](int row, Index n) { return sources[row].load(n); };
      return both ? read<radix(), true>(work, load) : read<radix(), false>(work, load);
    });
  }

  template <int radix, bool both, class Load>
  [[gnu::noinline]] void read(Scalar* work, Load load) const {
    Lanes factors[radix / 2];
    broadcast_factors(factors, first_.data());
    const Index stride = length_ / radix;
    Vector real[radix][rows], imaginary[both ? radix : 1][rows];
    for (Index n = 0; n < stride; n += rows) {
      for (int q = 0; q < radix; ++q) {
        turn([&](int row) { return load(row, n + q * stride); }, real[q]);
        if constexpr (both) turn([&](int row) { return load(row, n + q * stride + length_); }, imaginary[q]);
      }
      for (int i = 0; i < rows; ++i) {
        Lanes v[radix];
        TESSERA_UNROLL
        for (int q = 0; q < radix; ++q) v[q] = {real[q][i], both ? imaginary[both ? q : 0][i] : Vector{}};
        const auto done = [&](int r) { store_complex(work + number * (n + i + r * stride), v[r]); };
        if constexpr (both) {
          split(v, factors, done);
        } else {
          split_real(v, factors, done);
        }
      }
    }
  }

  /// What `load` gives for each row, a vector of samples, as a vector of rows for each sample.
  template <class Load>
  static TESSERA_INLINE void turn(Load&& load, Vector* to) {
    Vector block[rows];
    TESSERA_UNROLL
    for (int row = 0; row < rows; ++row) block[row] = load(row);
    transpose_lanes(block);
    TESSERA_UNROLL
    for (int i = 0; i < rows; ++i) to[i] = block[i];
  }

  void write(const Scalar* work, const Sink* sinks) const {
    const bool both = beyond_length(sinks), straight = !both && plain(sinks, length_);
    dispatch([&](auto radix) {
      if (straight) {
        const auto store = [=](int row, Index n, const Vector& v) { simd::store(sinks[row].data + n, v); };
        return write<radix(), false>(work, store);
      }
      const auto store = [=](int row, Index n, const Vector& v) { sinks[row].store(n, v); };
      return both ? write<radix(), true>(work, store) : write<radix(), false>(work, store);
    });
  }

  template <int radix, bool both, class Store>
  [[gnu::noinline]] void write(const Scalar* work, Store store) const {
    Lanes factors[radix / 2];
    broadcast_factors(factors, first_.data());
    const Index stride = length_ / radix;
    Vector real[radix][rows], imaginary[both ? radix : 1][rows];
    for (Index n = 0; n < stride; n += rows) {
      for (int i = 0; i < rows; ++i) {
        Lanes v[radix];
        merge(v, factors, [&](int r) { v[r] = load_complex(work + number * (n + i + r * stride)); });
        TESSERA_UNROLL
        for (int q = 0; q < radix; ++q) {
          real[q][i] = v[q].re;
          if constexpr (both) imaginary[q][i] = v[q].im;
        }
      }
      for (int q = 0; q < radix; ++q) {
        turn_back(real[q], [&](int row, const Vector& v) { store(row, n + q * stride, v); });
        if constexpr (both)
          turn_back(imaginary[q], [&](int row, const Vector& v) { store(row, n + q * stride + length_, v); });
      }
    }
  }

  template <class Store>
  static TESSERA_INLINE void turn_back(const Vector* from, Store&& store) {
    Vector block[rows];
    TESSERA_UNROLL
    for (int i = 0; i < rows; ++i) block[i] = from[i];
    transpose_lanes(block);
    TESSERA_UNROLL
    for (int row = 0; row < rows; ++row) store(row, block[row]);
  }

  /// Calls `body` with the radix of the first split, a constant.
  template <class Body>
  void dispatch(Body&& body) const {
    if (first_levels_ == 2) return body(std::integral_constant<int, 4>{});
    body(std::integral_constant<int, 8>{});
  }

  // ---- in between: `work` and `spectrum` are where the same ring begins ----

  template <bool forward, bool inverse>
  void descend(Scalar* work, const Scalar* spectrum, Index size, int splits, Index r, Scalar sign = 1) const {
    if (size <= level_by_level) return level_wise<forward, inverse>(work, spectrum, size, 1, splits, r, sign);
    const Index part = size / 4;
    if constexpr (forward) split_ring(work, part, powers(splits, r));
    for (Index i = 0; i < 4; ++i) {
      const Scalar* part_spectrum = forward && inverse ? spectrum + number * i * part : nullptr;
      descend<forward, inverse>(work + number * i * part, part_spectrum, part, splits + 1, 4 * r + i, sign);
    }
    if constexpr (inverse) merge_ring(work, part, powers(splits, r));
  }

  /// `count` rings of `size`, of which the first is ring r.
  template <bool forward, bool inverse>
  void level_wise(Scalar* work, const Scalar* spectrum, Index size, Index count, int splits, Index r,
                  Scalar sign) const {
    if (size == 4) return finish<forward, inverse>(work, spectrum, count, powers(splits, r), sign);
    if constexpr (forward) {
      for (Index i = 0; i < count; ++i) split_ring(work + number * i * size, size / 4, powers(splits, r + i));
    }
    level_wise<forward, inverse>(work, spectrum, size / 4, 4 * count, splits + 1, 4 * r, sign);
    if constexpr (inverse) {
      for (Index i = 0; i < count; ++i) merge_ring(work + number * i * size, size / 4, powers(splits, r + i));
    }
  }

  static TESSERA_INLINE void load_four(Lanes (&v)[4], const Scalar* from, Index stride) {
    TESSERA_UNROLL
    for (int q = 0; q < 4; ++q) v[q] = load_complex(from + q * stride);
  }
  static TESSERA_INLINE void store_four(Scalar* to, Index stride, const Lanes (&v)[4]) {
    TESSERA_UNROLL
    for (int q = 0; q < 4; ++q) store_complex(to + q * stride, v[q]);
  }

  static TESSERA_INLINE void split_ring(Scalar* work, Index part, const Scalar* table) {
    Lanes factors[3];
    broadcast_factors(factors, table);
    for (Scalar *at = work, *end = work + number * part; at < end; at += number) {
      Lanes v[4];
      load_four(v, at, number * part);
      split_powers(v, factors);
      store_four(at, number * part, v);
    }
  }

  static TESSERA_INLINE void merge_ring(Scalar* work, Index part, const Scalar* table) {
    Lanes factors[3];
    broadcast_factors(factors, table);
    for (Scalar *at = work, *end = work + number * part; at < end; at += number) {
      Lanes v[4];
      load_four(v, at, number * part);
      merge_powers(v, factors);
      store_four(at, number * part, v);
    }
  }

  /// Rings of four coefficients, all the way down and up. Spectra stream from far away: what follows 4 KiB later is
  /// fetched.
  template <bool forward, bool inverse>
  static void finish(Scalar* work, const Scalar* spectrum, Index count, const Scalar* table, Scalar sign) {
    const Vector signs = simd::broadcast(sign);
    for (Index i = 0; i < count; ++i, work += 4 * number, table += 6) {
      Lanes factors[3], v[4];
      broadcast_factors(factors, table);
      load_four(v, work, number);
      if constexpr (forward) split_powers(v, factors);
      if constexpr (forward && inverse) {
        prefetch<false>(spectrum + 4096 / sizeof(Scalar), 4 * number);
        TESSERA_UNROLL
        for (int q = 0; q < 4; ++q) {
          Lanes k = load_complex(spectrum + q * number);
          k.im = k.im * signs;
          v[q] = v[q] * k;
        }
        spectrum += 4 * number;
      }
      if constexpr (inverse) merge_powers(v, factors);
      store_four(work, number, v);
    }
  }

  Index length_ = 0;
  int first_levels_ = 0;
  std::array<Index, 16> offsets_{};  // in powers_, of each number of splits
  AlignedVector<Scalar> first_, powers_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
