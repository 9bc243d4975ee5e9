// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Transforms of a few points in registers, each lane its own:
//
//   v[k]  becomes  sum over q of v[q] exp(-2 pi i q k / radix)

#include <array>
#include <cstddef>

#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/complex_lanes.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// cos(2 pi k / radix) and sin(2 pi k / radix), k = 1 ... (radix - 1) / 2.
template <int radix>
struct OddCircle;
template <>
struct OddCircle<3> {
  static constexpr long double cosine[] = {-0.5L};
  static constexpr long double sine[] = {0.866025403784438646763723170752936183L};
};
template <>
struct OddCircle<5> {
  static constexpr long double cosine[] = {0.309016994374947424102293417182819059L,
                                           -0.809016994374947424102293417182819059L};
  static constexpr long double sine[] = {0.951056516295153572116439333379382143L,
                                         0.587785252292473129168705954639072769L};
};
template <>
struct OddCircle<7> {
  static constexpr long double cosine[] = {0.623489801858733530525004884004239811L,
                                           -0.222520933956314404288902564496794760L,
                                           -0.900968867902419126236102319507445051L};
  static constexpr long double sine[] = {0.781831482468029808708444526674057750L,
                                         0.974927912181823607018131682993931218L,
                                         0.433883739117558120475768332848358755L};
};

/// An odd number of points: sums and differences of the pairs q and radix - q meet the cosines and the sines.
template <int radix, class Scalar>
TESSERA_INLINE void odd_butterfly(ComplexLanes<Scalar> (&v)[radix]) {
  using Lanes = ComplexLanes<Scalar>;
  constexpr int half = radix / 2;
  Lanes sum[half], difference[half], total = v[0];
  TESSERA_UNROLL
  for (int q = 0; q < half; ++q) {
    sum[q] = v[q + 1] + v[radix - 1 - q];
    difference[q] = v[q + 1] - v[radix - 1 - q];
    total = total + sum[q];
  }
  const Lanes first = v[0];
  v[0] = total;
  TESSERA_UNROLL
  for (int k = 1; k <= half; ++k) {
    Lanes even = first, odd{};
    TESSERA_UNROLL
    for (int q = 1; q <= half; ++q) {
      const int angle = q * k % radix;
      const int at = (angle <= half ? angle : radix - angle) - 1;
      const auto cosine = simd::broadcast(static_cast<Scalar>(OddCircle<radix>::cosine[at]));
      const auto sine = simd::broadcast(
          static_cast<Scalar>(angle <= half ? OddCircle<radix>::sine[at] : -OddCircle<radix>::sine[at]));
      even = {even.re + cosine * sum[q - 1].re, even.im + cosine * sum[q - 1].im};
      odd = {odd.re + sine * difference[q - 1].re, odd.im + sine * difference[q - 1].im};
    }
    v[k] = even + times_minus_i(odd);
    v[radix - k] = even + times_i(odd);
  }
}

template <class Scalar>
TESSERA_INLINE void butterfly(ComplexLanes<Scalar> (&v)[2]) {
  const ComplexLanes<Scalar> difference = v[0] - v[1];
  v[0] = v[0] + v[1];
  v[1] = difference;
}
template <class Scalar>
TESSERA_INLINE void butterfly(ComplexLanes<Scalar> (&v)[3]) {
  odd_butterfly(v);
}
template <class Scalar>
TESSERA_INLINE void butterfly(ComplexLanes<Scalar> (&v)[4]) {
  const ComplexLanes<Scalar> a = v[0] + v[2], b = v[0] - v[2], c = v[1] + v[3], d = v[1] - v[3];
  v[0] = a + c;
  v[2] = a - c;
  v[1] = {b.re + d.im, b.im - d.re};
  v[3] = {b.re - d.im, b.im + d.re};
}
template <class Scalar>
TESSERA_INLINE void butterfly(ComplexLanes<Scalar> (&v)[5]) {
  odd_butterfly(v);
}
template <class Scalar>
TESSERA_INLINE void butterfly(ComplexLanes<Scalar> (&v)[7]) {
  odd_butterfly(v);
}

/// An even number of points as two transforms of half as many: the sums give the even results, the differences, turned
/// by the roots, the odd ones. `roots` are exp(-2 pi i q / radix).
template <int radix, class Scalar>
TESSERA_INLINE void even_butterfly(ComplexLanes<Scalar> (&v)[radix],
                                   const std::array<long double, 2> (&roots)[radix / 2]) {
  using Lanes = ComplexLanes<Scalar>;
  constexpr int half = radix / 2;
  Lanes even[half], odd[half];
  TESSERA_UNROLL
  for (int q = 0; q < half; ++q) {
    even[q] = v[q] + v[q + half];
    odd[q] = v[q] - v[q + half];
    if (q == half / 2) {
      odd[q] = times_minus_i(odd[q]);
    } else if (q > 0) {
      odd[q] = odd[q] * broadcast_complex(static_cast<Scalar>(roots[q][0]), static_cast<Scalar>(roots[q][1]));
    }
  }
  butterfly(even);
  butterfly(odd);
  TESSERA_UNROLL
  for (int q = 0; q < half; ++q) {
    v[2 * q] = even[q];
    v[2 * q + 1] = odd[q];
  }
}

template <class Scalar>
TESSERA_INLINE void butterfly(ComplexLanes<Scalar> (&v)[8]) {
  constexpr long double r = 0.707106781186547524400844362104849039L;
  constexpr std::array<long double, 2> roots[] = {{1, 0}, {r, -r}, {0, -1}, {-r, -r}};
  even_butterfly(v, roots);
}
template <class Scalar>
TESSERA_INLINE void butterfly(ComplexLanes<Scalar> (&v)[16]) {
  constexpr long double r = 0.707106781186547524400844362104849039L;
  constexpr long double c = 0.923879532511286756128183189396788933L, s = 0.382683432365089771728459984030398867L;
  constexpr std::array<long double, 2> roots[] = {{1, 0},  {c, -s},  {r, -r},  {s, -c},
                                                  {0, -1}, {-s, -c}, {-r, -r}, {-c, -s}};
  even_butterfly(v, roots);
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
