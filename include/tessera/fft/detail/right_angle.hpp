// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Products of real polynomials modulo t^N = i, N a power of two: the right-angle convolution. The product of two
// polynomials of at most N coefficients has at most 2N - 1; modulo t^N - i coefficient n keeps the lower half in its
// real part and the upper half, n + N, in its imaginary part. So a transform of N complex numbers does the work of a
// real one of 2N, without padding and without untangling.
//
// The ring is split (detail/ring_split.hpp) into rings of one coefficient, which need one product each, and merged. A
// ring is split, multiplied and merged before the next one of its level is touched: depth first, so that what follows a
// split finds its data in the nearest cache that holds them. Small rings are split level by level, since loops over
// independent short chains keep all execution units busy. A ring of one vector is split by exchanging blocks of lanes
// between four vectors, so that again whole vectors are split, two levels at a time.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <tessera/core/execution.hpp>
#include <tessera/core/prefetch.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/complex_lanes.hpp>
#include <tessera/fft/detail/right_angle_factors.hpp>
#include <tessera/fft/detail/ring_split.hpp>
#include <tessera/fft/detail/sample_window.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The ring of t^length = i. Spectra are 2 length scalars in an order of their own.
template <class Scalar>
class RightAngle {
 public:
  using Source = SampleSource<Scalar>;
  using Sink = SampleSink<Scalar>;
  using Factors = RightAngleFactors<Scalar>;

  static constexpr int rows = 1;  // at once
  static constexpr Index smallest_length = Factors::smallest_length;

  RightAngle() = default;

  /// `length` is a power of two, at least smallest_length.
  explicit RightAngle(Index length) : length_(length), factors_(length) {}

  Index length() const { return length_; }

  /// The spectrum of the samples of `source` before 2 length.
  void transform(const Source& source, Scalar* spectrum) const {
    read(source, spectrum);
    descend_all<true, false>(spectrum, nullptr, {});
  }

  /// Writes length times the product of a source and a spectrum, or the spectrum's complex conjugate: a polynomial in
  /// 1 / t. `work` holds 2 length scalars.
  void multiply(const Source& source, const Scalar* spectrum, bool conjugate, const Sink& sink, Scalar* work) const {
    read(source, work);
    descend_all<true, true>(work, spectrum, {conjugate ? Scalar{-1} : Scalar{1}, work, source.next, sink.data});
    write(work, sink);
  }

  /// length times the samples of a spectrum, which becomes scratch.
  void invert(Scalar* spectrum, const Sink& sink) const {
    descend_all<false, true>(spectrum, nullptr, {});
    write(spectrum, sink);
  }

  // ---- transform and invert in pieces, for work that is spread over time ----

  /// Both go level by level through `passes()` passes, transform from the first and invert from the last. A pass is
  /// `items(pass)` items in any order.
  int passes() const { return 2 + middle_passes(); }
  Index items(int pass) const { return length_ / item_size(pass); }
  /// Multiplications of an item: four in each pair of numbers and level.
  Index item_multiplications(int pass) const {
    const int levels = pass == 0 ? factors_.first_levels() : is_last(pass) ? Factors::lane_levels : middle_levels;
    return 2 * item_size(pass) * levels;
  }

  void transform_items(const Source& source, Scalar* spectrum, int pass, Index begin, Index end) const {
    if (pass == 0) return read(source, spectrum, begin, end);
    if (is_last(pass)) {
      const Index first = begin * item_size(pass), total = (end - begin) * item_size(pass);
      return within<true, false>(spectrum + 2 * first, nullptr, total, first / lanes, {});
    }
    for_columns(pass, begin, end, spectrum, [](auto... arguments) { split_ring(arguments...); });
  }

  void invert_items(Scalar* spectrum, const Sink& sink, int pass, Index begin, Index end) const {
    if (pass == 0) return write(spectrum, sink, begin, end);
    if (is_last(pass)) {
      const Index first = begin * item_size(pass), total = (end - begin) * item_size(pass);
      return within<false, true>(spectrum + 2 * first, nullptr, total, first / lanes, {});
    }
    for_columns(pass, begin, end, spectrum, [](auto... arguments) { merge_ring(arguments...); });
  }

 private:
  using Lanes = ComplexLanes<Scalar>;

  static constexpr int lanes = Factors::lanes;
  static constexpr int middle_levels = Factors::middle_levels;
  static constexpr int middle_radix = Factors::middle_radix;
  static constexpr bool odd_levels = Factors::odd_levels;
  static constexpr Index level_by_level = 4096 / (2 * sizeof(Scalar));  // rings of up to so many coefficients

  /// What a multiplication is done with beside the spectrum.
  struct Product {
    Scalar sign = 1;                 // of the spectrum's imaginary parts
    const Scalar* origin = nullptr;  // where the work memory begins
    const Scalar* next = nullptr;    // samples that will be read next,
    const Scalar* output = nullptr;  // and memory that will be written: both are fetched on the way
  };

  template <int count>
  static TESSERA_INLINE void broadcast_factors(Lanes (&factors)[count], const Scalar* table) {
    TESSERA_UNROLL
    for (int i = 0; i < count; ++i) factors[i] = broadcast_complex(table[2 * i], table[2 * i + 1]);
  }

  // ---- pieces: an item of the last pass is four vectors, one of the others a vector of as many as the radix ----

  int middle_passes() const {
    return (std::countr_zero(static_cast<std::size_t>(length_)) - Factors::lane_levels - factors_.first_levels()) /
           middle_levels;
  }
  bool is_last(int pass) const { return pass == 1 + middle_passes(); }
  Index item_size(int pass) const {
    return Index{lanes} * (pass == 0 ? Index{1} << factors_.first_levels() : is_last(pass) ? 4 : middle_radix);
  }

  /// Columns [begin, end) of a middle pass, which are those of one ring after the other.
  template <class Body>
  void for_columns(int pass, Index begin, Index end, Scalar* work, Body&& body) const {
    const Index size = length_ >> (factors_.first_levels() + (pass - 1) * middle_levels);
    const Index part = size / middle_radix, columns = part / lanes;
    while (begin < end) {
      const Index r = begin / columns, from = begin % columns, to = std::min(columns, from + end - begin);
      body(work + 2 * r * size, part, factors_.middle(pass - 1, r), from * lanes, to * lanes);
      begin += to - from;
    }
  }

  // ---- reading and writing, with the first split and the last merge ----

  /// What most calls ask for, the lower samples as they lie in memory, has a loop without questions.
  void read(const Source& source, Scalar* work) const { read(source, work, 0, items(0)); }
  void read(const Source& source, Scalar* work, Index begin, Index end) const {
    const bool both = source.end > length_;
    const bool plain = source.plain(both ? 2 * length_ : length_);
    dispatch([&](auto radix) {
      if (plain) {
        const auto load = [=](Index n) { return simd::load(source.data + n); };
        return both ? read<radix(), true>(work, begin, end, load) : read<radix(), false>(work, begin, end, load);
      }
      const auto load = [&](Index n) { return source.load(n); };
      return both ? read<radix(), true>(work, begin, end, load) : read<radix(), false>(work, begin, end, load);
    });
  }

  template <int radix, bool both, class Load>
  [[gnu::noinline]] void read(Scalar* work, Index begin, Index end, Load load) const {
    Lanes factors[radix / 2];
    broadcast_factors(factors, factors_.first());
    const Index stride = length_ / radix;
    for (Index n = begin * lanes; n < end * lanes; n += lanes) {
      Lanes v[radix];
      TESSERA_UNROLL
      for (int q = 0; q < radix; ++q) {
        v[q] = {load(n + q * stride), simd::Vec<Scalar>{}};
        if constexpr (both) v[q].im = load(n + q * stride + length_);
      }
      const auto done = [&](int r) { store_complex(work + 2 * (n + r * stride), v[r]); };
      if constexpr (both) {
        split(v, factors, done);
      } else {
        split_real(v, factors, done);
      }
    }
  }

  void write(const Scalar* work, const Sink& sink) const { write(work, sink, 0, items(0)); }
  void write(const Scalar* work, const Sink& sink, Index begin, Index end) const {
    const bool both = sink.end > length_;
    const bool plain = !both && sink.plain(length_);
    dispatch([&](auto radix) {
      using Vector = simd::Vec<Scalar>;
      if (plain) {
        const auto store = [=](Index n, const Vector& v) { simd::store(sink.data + n, v); };
        return write<radix(), false>(work, begin, end, store);
      }
      const auto store = [&](Index n, const Vector& v) { sink.store(n, v); };
      return both ? write<radix(), true>(work, begin, end, store) : write<radix(), false>(work, begin, end, store);
    });
  }

  template <int radix, bool both, class Store>
  [[gnu::noinline]] void write(const Scalar* work, Index begin, Index end, Store store) const {
    Lanes factors[radix / 2];
    broadcast_factors(factors, factors_.first());
    const Index stride = length_ / radix;
    for (Index n = begin * lanes; n < end * lanes; n += lanes) {
      Lanes v[radix];
      merge(v, factors, [&](int r) { v[r] = load_complex(work + 2 * (n + r * stride)); });
      TESSERA_UNROLL
      for (int q = 0; q < radix; ++q) {
        store(n + q * stride, v[q].re);
        if constexpr (both) store(n + q * stride + length_, v[q].im);
      }
    }
  }

  /// Calls `body` with the radix of the first split, a constant.
  template <class Body>
  void dispatch(Body&& body) const {
    switch (factors_.first_levels()) {
      case 1:
        return body(std::integral_constant<int, 2>{});
      case 2:
        return body(std::integral_constant<int, 4>{});
      default:
        return body(std::integral_constant<int, 8>{});
    }
  }

  // ---- in between: `work` and `spectrum` are where the same ring begins ----

  template <bool forward, bool inverse>
  void descend_all(Scalar* work, const Scalar* spectrum, const Product& product) const {
    const Index size = length_ >> factors_.first_levels();
    if (length_ <= level_by_level) return level_wise<forward, inverse>(work, spectrum, length_, size, 0, 0, product);
    for (Index r = 0; r * size < length_; ++r) {
      descend<forward, inverse>(work + 2 * r * size, part_of<forward, inverse>(spectrum, r * size), size, 0, r,
                                product);
    }
  }

  /// There is a spectrum when both directions are asked for.
  template <bool forward, bool inverse>
  static const Scalar* part_of(const Scalar* spectrum, Index n) {
    return forward && inverse ? spectrum + 2 * n : nullptr;
  }

  /// Ring r of those that `splits` splits left, of `size` coefficients.
  template <bool forward, bool inverse>
  void descend(Scalar* work, const Scalar* spectrum, Index size, int splits, Index r, const Product& product) const {
    if (size <= level_by_level) return level_wise<forward, inverse>(work, spectrum, size, size, splits, r, product);
    const Index part = size / middle_radix;
    if constexpr (forward) split_ring(work, part, factors_.middle(splits, r), 0, part);
    for (int i = 0; i < middle_radix; ++i) {
      descend<forward, inverse>(work + 2 * i * part, part_of<forward, inverse>(spectrum, i * part), part, splits + 1,
                                r * middle_radix + i, product);
    }
    if constexpr (inverse) merge_ring(work, part, factors_.middle(splits, r), 0, part);
  }

  /// `total` coefficients, in rings of `size`, of which the first is ring r of those that `splits` splits left.
  template <bool forward, bool inverse>
  void level_wise(Scalar* work, const Scalar* spectrum, Index total, Index size, int splits, Index r,
                  const Product& product) const {
    if (size == lanes) return within<forward, inverse>(work, spectrum, total, r, product);
    const Index part = size / middle_radix;
    if constexpr (forward) {
      for (Index i = 0; i * size < total; ++i)
        split_ring(work + 2 * i * size, part, factors_.middle(splits, r + i), 0, part);
    }
    level_wise<forward, inverse>(work, spectrum, total, part, splits + 1, r * middle_radix, product);
    if constexpr (inverse) {
      for (Index i = 0; i * size < total; ++i)
        merge_ring(work + 2 * i * size, part, factors_.middle(splits, r + i), 0, part);
    }
  }

  static TESSERA_INLINE void split_ring(Scalar* work, Index part, const Scalar* table, Index begin, Index end) {
    Lanes factors[middle_radix / 2];
    broadcast_factors(factors, table);
    for (Index n = begin; n < end; n += lanes) {
      Lanes v[middle_radix];
      TESSERA_UNROLL
      for (int q = 0; q < middle_radix; ++q) v[q] = load_complex(work + 2 * (n + q * part));
      split(v, factors);
      TESSERA_UNROLL
      for (int q = 0; q < middle_radix; ++q) store_complex(work + 2 * (n + q * part), v[q]);
    }
  }

  static TESSERA_INLINE void merge_ring(Scalar* work, Index part, const Scalar* table, Index begin, Index end) {
    Lanes factors[middle_radix / 2];
    broadcast_factors(factors, table);
    for (Index n = begin; n < end; n += lanes) {
      Lanes v[middle_radix];
      TESSERA_UNROLL
      for (int q = 0; q < middle_radix; ++q) v[q] = load_complex(work + 2 * (n + q * part));
      merge(v, factors);
      TESSERA_UNROLL
      for (int q = 0; q < middle_radix; ++q) store_complex(work + 2 * (n + q * part), v[q]);
    }
  }

  // ---- rings of one vector each ----

  /// Lanes of `high` change places with lanes of `low`, in blocks of `distance`: what was apart by that many lanes in
  /// one vector is then in the same lanes of the two.
  template <int distance>
  static TESSERA_INLINE void exchange(simd::Vec<Scalar>& low, simd::Vec<Scalar>& high) {
    constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(lanes)>();
    const simd::Vec<Scalar> first = simd::detail::interleave<distance, 0>(low, high, all);
    high = simd::detail::interleave<distance, distance>(low, high, all);
    low = first;
  }
  template <int distance>
  static TESSERA_INLINE void exchange(Lanes& low, Lanes& high) {
    exchange<distance>(low.re, high.re);
    exchange<distance>(low.im, high.im);
  }
  /// The same for four vectors and two levels.
  template <int distance>
  static TESSERA_INLINE void exchange_four(Lanes (&v)[4]) {
    exchange<distance>(v[0], v[2]);
    exchange<distance>(v[1], v[3]);
    exchange<distance / 2>(v[0], v[1]);
    exchange<distance / 2>(v[2], v[3]);
  }

  static TESSERA_INLINE Lanes load_factor(const Scalar* table, int i) { return load_complex(table + 2 * lanes * i); }

  template <int distance = odd_levels ? lanes / 4 : lanes / 2>
  static TESSERA_INLINE void split_fours(Lanes (&v)[4], const Scalar* table) {
    if constexpr (distance >= 2) {
      exchange_four<distance>(v);
      const Lanes factors[2] = {load_factor(table, 0), load_factor(table, 1)};
      split(v, factors);
      split_fours<distance / 4>(v, table + 4 * lanes);
    }
  }
  template <int distance = odd_levels ? lanes / 4 : lanes / 2>
  static TESSERA_INLINE void merge_fours(Lanes (&v)[4], const Scalar* table) {
    if constexpr (distance >= 2) {
      merge_fours<distance / 4>(v, table + 4 * lanes);
      const Lanes factors[2] = {load_factor(table, 0), load_factor(table, 1)};
      merge(v, factors);
      exchange_four<distance>(v);
    }
  }

  static TESSERA_INLINE void split_vectors(Lanes (&v)[4], const Scalar* table) {
    if constexpr (odd_levels) {
      exchange<lanes / 2>(v[0], v[1]);
      exchange<lanes / 2>(v[2], v[3]);
      halve(v[0], v[1], load_factor(table, 0));
      halve(v[2], v[3], load_factor(table, 1));
      table += 4 * lanes;
    }
    split_fours(v, table);
  }

  static TESSERA_INLINE void merge_vectors(Lanes (&v)[4], const Scalar* table) {
    merge_fours(v, table + (odd_levels ? 4 * lanes : 0));
    if constexpr (odd_levels) {
      join(v[0], v[1], load_factor(table, 0));
      join(v[2], v[3], load_factor(table, 1));
      exchange<lanes / 2>(v[0], v[1]);
      exchange<lanes / 2>(v[2], v[3]);
    }
  }

  /// Spectra stream from far away, one after the other: what follows those of these four vectors 4 KiB later is
  /// fetched. So are the samples that this part of the work memory will be read from next time, and what it is written
  /// to.
  static TESSERA_INLINE void fetch_ahead(const Scalar* spectrum, const Scalar* work, const Product& product) {
    prefetch<false>(spectrum + 4096 / sizeof(Scalar), 8 * lanes);
    const Index at = (work - product.origin) / 2;
    if (product.next != nullptr) prefetch<false>(product.next + at, 4 * lanes);
    prefetch<false>(product.output + at, 4 * lanes);
  }

  static TESSERA_INLINE void load_four(Lanes (&v)[4], const Scalar* from) {
    TESSERA_UNROLL
    for (int i = 0; i < 4; ++i) v[i] = load_complex(from + 2 * lanes * i);
  }
  static TESSERA_INLINE void store_four(Scalar* to, const Lanes (&v)[4]) {
    TESSERA_UNROLL
    for (int i = 0; i < 4; ++i) store_complex(to + 2 * lanes * i, v[i]);
  }

  /// Vector r and those that follow, `total` coefficients: two loops, because one would be one long chain.
  template <bool forward, bool inverse>
  void within(Scalar* work, const Scalar* spectrum, Index total, Index r, const Product& product) const {
    const Scalar* first_table = factors_.within(r / 4);
    constexpr Index step = 4 * lanes, table_step = 2 * lanes * Factors::within_factors;
    if constexpr (forward) {
      const Scalar* table = first_table;
      const simd::Vec<Scalar> signs = simd::broadcast(product.sign);
      for (Index n = 0; n < total; n += step, table += table_step) {
        Lanes v[4];
        load_four(v, work + 2 * n);
        split_vectors(v, table);
        if constexpr (inverse) {
          fetch_ahead(spectrum + 2 * n, work + 2 * n, product);
          TESSERA_UNROLL
          for (int i = 0; i < 4; ++i) {
            Lanes k = load_factor(spectrum + 2 * n, i);
            k.im = k.im * signs;
            v[i] = v[i] * k;
          }
        }
        store_four(work + 2 * n, v);
      }
    }
    if constexpr (inverse) {
      const Scalar* table = first_table;
      for (Index n = 0; n < total; n += step, table += table_step) {
        Lanes v[4];
        load_four(v, work + 2 * n);
        merge_vectors(v, table);
        store_four(work + 2 * n, v);
      }
    }
  }

  Index length_ = 0;
  Factors factors_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
