// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Which of two codes is nearer to x, in exact arithmetic of the given numbers. First in double with a bound on its
// error; what the bound cannot separate, in integers.

#include <algorithm>
#include <cmath>
#include <cstring>

#include <tessera/core/batch.hpp>
#include <tessera/quantize/detail/exact_sum.hpp>
#include <tessera/quantize/metric.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// A number computed in double and how far it can be from the true one.
struct Bounded {
  double value;
  double error;
};

/// True when a is certainly below b. Values and errors beyond 1e290, where overflow may have struck, are never certain.
inline bool certainly_less(const Bounded& a, const Bounded& b) {
  return a.value < 1e290 && a.value > -1e290 && b.value > -1e290 && a.error < 1e290 && b.error < 1e290 &&
         a.value + a.error < b.value - b.error;
}

/// Relative slack for sums of `terms` rounded terms; generous, so that the bound survives any order of summation.
inline double double_slack(Index terms) { return 1.2 * static_cast<double>(terms + 8) * 0x1p-53; }

/// What treating subnormals as zero (a side effect of linking with -ffast-math) can lose per term.
template <class Scalar>
inline constexpr double flush_slack = sizeof(Scalar) == 4 ? 0x1p-124 : 0x1p-1020;

/// |x - c|^2 over `dimension` scalars. Each difference, square and addition is rounded once.
template <class Scalar>
Bounded squared_distance(const Scalar* x, const Scalar* c, Index dimension) {
  double sum = 0;
  double largest = 0;
  for (Index d = 0; d < dimension; ++d) {
    const double difference = static_cast<double>(x[d]) - static_cast<double>(c[d]);
    sum += difference * difference;
    largest = std::max(largest, std::abs(difference));
  }
  const double flushed = flush_slack<Scalar> * static_cast<double>(dimension) * (1 + largest);
  return {sum, sum * double_slack(dimension) + flushed};
}

/// -x.c / |c| (smaller is nearer), 0 for a zero code.
template <class Scalar>
Bounded negative_cosine(const Scalar* x, const Scalar* c, Index dimension) {
  double dot = 0, x2 = 0, c2 = 0;
  for (Index d = 0; d < dimension; ++d) {
    const double a = static_cast<double>(x[d]);
    const double b = static_cast<double>(c[d]);
    dot += a * b;
    x2 += a * a;
    c2 += b * b;
  }
  // Codes of norm near the ends of the exponent range lose what the bound needs: leave those to the integers.
  constexpr double smallest = sizeof(Scalar) == 4 ? 1e-40 : 1e-200;
  if (!(c2 > smallest && c2 < 1e200 && x2 < 1e200)) return {0, 1e300};
  return {-dot / std::sqrt(c2),
          2 * std::sqrt(x2) * double_slack(dimension) + flush_slack<Scalar> * static_cast<double>(dimension)};
}

/// A power of two near 1 / |largest|, both normal numbers: by bits of the exponent, no division that could flush to 0.
inline double power_scale(double largest) { return std::ldexp(1.0, -std::clamp(std::ilogb(largest), -1000, 1000)); }

/// x.c / (|x| |c|) in double, scaled against overflow; 0 when x or c is zero.
template <class Scalar>
double cosine_similarity(const Scalar* x, const Scalar* c, Index dimension) {
  double largest_x = 0, largest_c = 0;
  for (Index d = 0; d < dimension; ++d) {
    largest_x = std::max(largest_x, std::abs(static_cast<double>(x[d])));
    largest_c = std::max(largest_c, std::abs(static_cast<double>(c[d])));
  }
  if (!(largest_x > 0 && largest_c > 0)) return 0;
  const double scale_x = power_scale(largest_x), scale_c = power_scale(largest_c);
  double dot = 0, x2 = 0, c2 = 0;
  for (Index d = 0; d < dimension; ++d) {
    const double a = static_cast<double>(x[d]) * scale_x;
    const double b = static_cast<double>(c[d]) * scale_c;
    dot += a * b;
    x2 += a * a;
    c2 += b * b;
  }
  return dot / (std::sqrt(x2) * std::sqrt(c2));
}

/// The sign of |x - a|^2 - |x - b|^2 = a.a - b.b + 2 x.b - 2 x.a, exactly.
template <class Scalar>
int compare_distances_exactly(const Scalar* x, const Scalar* a, const Scalar* b, Index dimension) {
  if (std::memcmp(a, b, sizeof(Scalar) * static_cast<std::size_t>(dimension)) == 0) return 0;
  ExactSum sum;
  for (Index d = 0; d < dimension; ++d) {
    sum.add_product(a[d], a[d], 1);
    sum.add_product(b[d], b[d], -1);
    sum.add_product(x[d], b[d], 1, 1);
    sum.add_product(x[d], a[d], -1, 1);
  }
  return sum.sign();
}

template <class Scalar>
ExactSum exact_dot(const Scalar* a, const Scalar* b, Index dimension) {
  ExactSum sum;
  for (Index d = 0; d < dimension; ++d) sum.add_product(a[d], b[d]);
  return sum;
}

/// The sign of x.b / |b| - x.a / |a| (negative when a is nearer), exactly: both sides squared, and cross-multiplied.
template <class Scalar>
int compare_cosines_exactly(const Scalar* x, const Scalar* a, const Scalar* b, Index dimension) {
  if (std::memcmp(a, b, sizeof(Scalar) * static_cast<std::size_t>(dimension)) == 0) return 0;
  const ExactSum xa = exact_dot(x, a, dimension);
  const ExactSum xb = exact_dot(x, b, dimension);
  const int sa = xa.sign();
  const int sb = xb.sign();
  if (sa != sb || sa == 0) return (sb > sa) - (sb < sa);
  const Natural ma = xa.magnitude();
  const Natural mb = xb.magnitude();
  const Natural a2 = exact_dot(a, a, dimension).magnitude();
  const Natural b2 = exact_dot(b, b, dimension).magnitude();
  return sa * compare(multiply(multiply(mb, mb), a2), multiply(multiply(ma, ma), b2));
}

/// The value by which codes are ordered, smaller is nearer.
template <class Scalar>
Bounded order_value(Metric metric, const Scalar* x, const Scalar* c, Index dimension) {
  return metric == Metric::cosine ? negative_cosine(x, c, dimension) : squared_distance(x, c, dimension);
}

template <class Scalar>
int compare_exactly(Metric metric, const Scalar* x, const Scalar* a, const Scalar* b, Index dimension) {
  return metric == Metric::cosine ? compare_cosines_exactly(x, a, b, dimension)
                                  : compare_distances_exactly(x, a, b, dimension);
}

/// A code that may be the nearest.
struct Candidate {
  Index code = -1;
  Bounded order{};
};

/// True when `a` comes before `b`: nearer to x in exact arithmetic, or as near with the lower index.
template <class Scalar>
bool comes_before(Metric metric, const Scalar* x, Batch<const Scalar> codes, const Candidate& a, const Candidate& b) {
  if (certainly_less(a.order, b.order)) return true;
  if (certainly_less(b.order, a.order)) return false;
  const int sign = compare_exactly(metric, x, codes[a.code], codes[b.code], codes.dimension());
  return sign != 0 ? sign < 0 : a.code < b.code;
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
