// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The nearest code as exact arithmetic of the given numbers decides it, written from the definition: the code with the
// smallest |x - c|^2, or with the largest x.c / |c| (a zero code counts as 0), the lowest index on ties. Values are
// first computed in long double, with the bound on their rounding error; what the bound leaves open is decided in
// integers of any size. Numbers are taken apart by their bits, so that no compiler flag changes the answer.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/quantize/metric.hpp>

namespace tessera::testing {

/// An integer of any size: a sign and a magnitude in base 2^32, arithmetic as taught at school.
class Whole {
 public:
  Whole() = default;
  /// +-magnitude * 2^shift, shift >= 0.
  explicit Whole(std::uint64_t magnitude, int shift = 0, bool negative = false)
      : words_(static_cast<std::size_t>(shift / 32), 0u), negative_(negative) {
    const unsigned rest = static_cast<unsigned>(shift % 32);
    words_.push_back(static_cast<std::uint32_t>(magnitude << rest));
    words_.push_back(static_cast<std::uint32_t>((magnitude << rest) >> 32));
    words_.push_back(rest == 0 ? 0u : static_cast<std::uint32_t>(magnitude >> (64 - rest)));
    trim();
  }

  int sign() const { return words_.empty() ? 0 : negative_ ? -1 : 1; }
  /// The magnitude, least significant word first, no zero words on top.
  const std::vector<std::uint32_t>& words() const { return words_; }

  friend Whole operator-(Whole a) {
    a.negative_ = !a.negative_;
    return a;
  }
  friend Whole operator+(const Whole& a, const Whole& b) {
    if (a.negative_ == b.negative_) return Whole(add(a.words_, b.words_), a.negative_);
    const int order = compare_words(a.words_, b.words_);
    if (order == 0) return Whole();
    return order > 0 ? Whole(subtract(a.words_, b.words_), a.negative_)
                     : Whole(subtract(b.words_, a.words_), b.negative_);
  }
  friend Whole operator-(const Whole& a, const Whole& b) { return a + (-b); }
  friend Whole operator*(const Whole& a, const Whole& b) {
    std::vector<std::uint32_t> product(a.words_.size() + b.words_.size(), 0u);
    for (std::size_t i = 0; i < a.words_.size(); ++i) {
      std::uint64_t carry = 0;
      for (std::size_t j = 0; j < b.words_.size(); ++j) {
        carry += std::uint64_t{a.words_[i]} * b.words_[j] + product[i + j];
        product[i + j] = static_cast<std::uint32_t>(carry);
        carry >>= 32;
      }
      product[i + b.words_.size()] = static_cast<std::uint32_t>(carry);
    }
    return Whole(std::move(product), a.negative_ != b.negative_);
  }
  friend bool operator==(const Whole& a, const Whole& b) { return (a - b).sign() == 0; }

 private:
  using Words = std::vector<std::uint32_t>;
  Whole(Words words, bool negative) : words_(std::move(words)), negative_(negative) { trim(); }

  static Words add(const Words& a, const Words& b) {
    Words sum(std::max(a.size(), b.size()) + 1, 0u);
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < sum.size(); ++i) {
      carry += (i < a.size() ? std::uint64_t{a[i]} : 0u) + (i < b.size() ? std::uint64_t{b[i]} : 0u);
      sum[i] = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
    return sum;
  }
  /// a - b, a >= b.
  static Words subtract(const Words& a, const Words& b) {
    Words difference(a.size(), 0u);
    std::int64_t borrow = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const std::int64_t step = std::int64_t{a[i]} - (i < b.size() ? std::int64_t{b[i]} : 0) - borrow;
      borrow = step < 0 ? 1 : 0;
      difference[i] = static_cast<std::uint32_t>(step);
    }
    return difference;
  }
  static int compare_words(const Words& a, const Words& b) {
    if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
    for (std::size_t i = a.size(); i-- > 0;) {
      if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    }
    return 0;
  }
  void trim() {
    while (!words_.empty() && words_.back() == 0) words_.pop_back();
    if (words_.empty()) negative_ = false;
  }

  Words words_;
  bool negative_ = false;
};

/// A finite float or double as +-mantissa * 2^exponent.
struct Dyadic {
  std::uint64_t mantissa = 0;
  int exponent = 0;
  bool negative = false;

  explicit Dyadic(float x) {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    take(bits & 0x7fffffu, static_cast<int>((bits >> 23) & 0xffu), 23, 150, (bits >> 31) != 0);
  }
  explicit Dyadic(double x) {
    const auto bits = std::bit_cast<std::uint64_t>(x);
    take(bits & 0xfffffffffffffu, static_cast<int>((bits >> 52) & 0x7ffu), 52, 1075, (bits >> 63) != 0);
  }

  long double value() const {
    const long double magnitude = std::ldexp(static_cast<long double>(mantissa), exponent);
    return negative ? -magnitude : magnitude;
  }
  /// In units of 2^unit, which must not be above the exponent.
  Whole whole(int unit) const { return mantissa == 0 ? Whole() : Whole(mantissa, exponent - unit, negative); }

 private:
  void take(std::uint64_t fraction, int field, int fraction_bits, int bias, bool minus) {
    mantissa = field == 0 ? fraction : fraction | (std::uint64_t{1} << fraction_bits);
    exponent = std::max(field, 1) - bias;
    negative = minus;
  }
};

/// The order of the codes by their distance from a query.
template <class Scalar>
class ExactNearest {
 public:
  ExactNearest(RowMatrix<Scalar> codes, Metric metric) : codes_(std::move(codes)), metric_(metric) {
    for (Index i = 0; i < codes_.size(); ++i) wide_codes_.push_back(Dyadic(codes_.data()[i]).value());
    for (Index k = 0; k < codes_.rows(); ++k) {
      long double square = 0;
      for (Index d = 0; d < codes_.cols(); ++d) square += wide(k, d) * wide(k, d);
      norms_.push_back(std::sqrt(square));
    }
  }

  Index nearest(const Scalar* x) const {
    const std::vector<Value> values = values_of(x);
    Index best = 0;
    for (Index k = 1; k < codes_.rows(); ++k) {
      if (comes_before(x, values, k, best)) best = k;
    }
    return best;
  }
  Tokens<> nearest(const RowMatrix<Scalar>& queries) const {
    Tokens<> tokens(queries.rows(), 1);
    for (Index i = 0; i < queries.rows(); ++i) tokens(i, 0) = nearest(queries.row(i).data());
    return tokens;
  }

  /// All codes, nearest first.
  std::vector<Index> ranking(const Scalar* x) const {
    const std::vector<Value> values = values_of(x);
    std::vector<Index> order(static_cast<std::size_t>(codes_.rows()));
    std::iota(order.begin(), order.end(), Index{0});
    std::sort(order.begin(), order.end(), [&](Index a, Index b) { return a != b && comes_before(x, values, a, b); });
    return order;
  }

  /// |x - c_k|^2, or the cosine of the angle between x and c_k (0 where either is zero), in long double.
  long double measure(const Scalar* x, Index k) const {
    const long double value = value_of(widened(x), k).value;
    if (metric_ == Metric::squared_euclidean) return value;
    long double square = 0;
    for (const long double component : widened(x)) square += component * component;
    return square > 0 ? -value / std::sqrt(square) : 0;
  }

  /// The sign of (how far a is) - (how far b is), exactly.
  int compare_exactly(const Scalar* x, Index a, Index b) const {
    return metric_ == Metric::squared_euclidean ? compare_distances(x, a, b) : compare_cosines(x, a, b);
  }

 private:
  /// What codes are ordered by, smaller is nearer, and how far it can be from the truth.
  struct Value {
    long double value;
    long double error;
  };

  long double wide(Index k, Index d) const { return wide_codes_[static_cast<std::size_t>(k * codes_.cols() + d)]; }

  std::vector<long double> widened(const Scalar* x) const {
    std::vector<long double> result;
    for (Index d = 0; d < codes_.cols(); ++d) result.push_back(Dyadic(x[d]).value());
    return result;
  }

  Value value_of(const std::vector<long double>& x, Index k) const {
    const long double slack =
        static_cast<long double>(4 * codes_.cols() + 32) * std::numeric_limits<long double>::epsilon();
    long double sum = 0, magnitude = 0;
    for (Index d = 0; d < codes_.cols(); ++d) {
      const long double xd = x[static_cast<std::size_t>(d)], c = wide(k, d);
      const long double term = metric_ == Metric::squared_euclidean ? (xd - c) * (xd - c) : -xd * c;
      sum += term;
      magnitude += std::abs(term);
    }
    if (metric_ == Metric::squared_euclidean) return {sum, slack * magnitude};
    const long double norm = norms_[static_cast<std::size_t>(k)];
    return norm > 0 ? Value{sum / norm, slack * magnitude / norm} : Value{0, 0};
  }

  std::vector<Value> values_of(const Scalar* x) const {
    const std::vector<long double> query = widened(x);
    std::vector<Value> values;
    for (Index k = 0; k < codes_.rows(); ++k) values.push_back(value_of(query, k));
    return values;
  }

  bool comes_before(const Scalar* x, const std::vector<Value>& values, Index a, Index b) const {
    const Value left = values[static_cast<std::size_t>(a)], right = values[static_cast<std::size_t>(b)];
    if (left.value + left.error < right.value - right.error) return true;
    if (left.value - left.error > right.value + right.error) return false;
    const int order = compare_exactly(x, a, b);
    return order != 0 ? order < 0 : a < b;
  }

  /// The exponent of the last bit of any scalar of x, a and b.
  int common_unit(const Scalar* x, Index a, Index b) const {
    int unit = 2000;
    for (Index d = 0; d < codes_.cols(); ++d) {
      for (const Scalar value : {x[d], codes_(a, d), codes_(b, d)}) {
        const Dyadic parts(value);
        if (parts.mantissa != 0) unit = std::min(unit, parts.exponent);
      }
    }
    return unit;
  }

  int compare_distances(const Scalar* x, Index a, Index b) const {
    const int unit = common_unit(x, a, b);
    Whole difference;
    for (Index d = 0; d < codes_.cols(); ++d) {
      const Whole query = Dyadic(x[d]).whole(unit);
      const Whole to_a = query - Dyadic(codes_(a, d)).whole(unit), to_b = query - Dyadic(codes_(b, d)).whole(unit);
      difference = difference + to_a * to_a - to_b * to_b;
    }
    return difference.sign();
  }

  /// The sign of x.b / |b| - x.a / |a|: compares s^2 sign(s) over |c|^2 for both, without dividing.
  int compare_cosines(const Scalar* x, Index a, Index b) const {
    const int unit = common_unit(x, a, b);
    Whole xa, xb, aa, bb;
    for (Index d = 0; d < codes_.cols(); ++d) {
      const Whole query = Dyadic(x[d]).whole(unit);
      const Whole in_a = Dyadic(codes_(a, d)).whole(unit), in_b = Dyadic(codes_(b, d)).whole(unit);
      xa = xa + query * in_a;
      xb = xb + query * in_b;
      aa = aa + in_a * in_a;
      bb = bb + in_b * in_b;
    }
    if (xa.sign() != xb.sign()) return xb.sign() < xa.sign() ? -1 : 1;
    if (xa.sign() == 0) return 0;
    const int squares = (xb * xb * aa - xa * xa * bb).sign();
    return xa.sign() > 0 ? squares : -squares;
  }

  RowMatrix<Scalar> codes_;
  Metric metric_;
  std::vector<long double> wide_codes_;
  std::vector<long double> norms_;
};

/// The nearest codes of integer-valued data in 64-bit integers: |x - c|^2 must stay below 2^63.
template <class Scalar>
Tokens<> nearest_of_integers(const RowMatrix<Scalar>& queries, const RowMatrix<Scalar>& codes) {
  Tokens<> tokens(queries.rows(), 1);
  for (Index i = 0; i < queries.rows(); ++i) {
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (Index k = 0; k < codes.rows(); ++k) {
      std::int64_t square = 0;
      for (Index d = 0; d < codes.cols(); ++d) {
        const auto difference = static_cast<std::int64_t>(queries(i, d)) - static_cast<std::int64_t>(codes(k, d));
        square += difference * difference;
      }
      if (square < least) {
        least = square;
        tokens(i, 0) = k;
      }
    }
  }
  return tokens;
}

}  // namespace tessera::testing
