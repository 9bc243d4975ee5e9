// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Fixed-point numbers of 64 integer and 192 fraction bits in integer arithmetic, with the three functions whose
// inverses the bounds of scalar quantizers need: the logarithm of a ratio, the tangent, the normal quantile. What is
// computed here has the same bits on every machine and under every compiler flag.
//
// Errors are counted in units u = 2^-192. A product or quotient is truncated: 1 u. No function below errs by more than
// 2^-160, and the callers decide nothing that is closer than `decision_margin` = 2^-150.

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <tessera/core/error.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// A signed number: sign and magnitude, 8 limbs of 32 bits, the lowest first; 6 of them are fraction.
class Fixed {
 public:
  static constexpr int limbs = 8;
  static constexpr int fraction_bits = 192;
  static constexpr int bits = 32 * limbs;
  using Limbs = std::array<std::uint32_t, limbs>;

  Fixed() = default;
  Fixed(std::int64_t value) : negative_(value < 0) {
    const auto magnitude = negative_ ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    limb_[6] = static_cast<std::uint32_t>(magnitude);
    limb_[7] = static_cast<std::uint32_t>(magnitude >> 32);
  }
  static Fixed from_limbs(const Limbs& limb) {
    Fixed result;
    result.limb_ = limb;
    return result;
  }
  /// `value` rounded towards zero to a multiple of 2^-192, for |value| < 2^60: a step of Newton's, say.
  static Fixed near(double value) {
    int exponent = 0;
    const auto mantissa = static_cast<std::int64_t>(std::ldexp(std::frexp(value, &exponent), 53));
    Fixed result(mantissa);
    result.shift(exponent - 53);
    return result;
  }

  bool negative() const { return negative_; }
  bool zero() const { return top_bit() < 0; }
  const Limbs& magnitude() const { return limb_; }
  bool bit(int i) const { return (limb_[static_cast<std::size_t>(i / 32)] >> (i % 32) & 1) != 0; }

  /// The position of the highest bit set, -1 for zero; the bit of value 1 is at `fraction_bits`.
  int top_bit() const {
    for (int i = limbs - 1; i >= 0; --i) {
      const std::uint32_t limb = limb_[static_cast<std::size_t>(i)];
      if (limb != 0) return 32 * i + 31 - std::countl_zero(limb);
    }
    return -1;
  }

  /// Roughly the value.
  double approximate() const {
    double sum = 0;
    for (int i = limbs - 1; i >= 0; --i) {
      sum += std::ldexp(static_cast<double>(limb_[static_cast<std::size_t>(i)]), 32 * i - fraction_bits);
    }
    return negative_ ? -sum : sum;
  }

  /// The magnitude times 2^by; bits that leave at either end are lost.
  void shift(int by) {
    Limbs moved{};
    for (int i = 0; i < limbs; ++i) {
      const int from = 32 * i - by, low = from >> 5;  // the arithmetic shift rounds down
      const std::uint64_t pair = static_cast<std::uint64_t>(limb_or_zero(low + 1)) << 32 | limb_or_zero(low);
      moved[static_cast<std::size_t>(i)] = static_cast<std::uint32_t>(pair >> (from & 31));
    }
    limb_ = moved;
  }

  Fixed operator-() const {
    Fixed result = *this;
    result.negative_ = !negative_;
    return result;
  }
  friend Fixed operator+(const Fixed& a, const Fixed& b) {
    if (a.negative_ == b.negative_) return a.add_magnitude(b);
    return compare_magnitude(a, b) >= 0 ? a.subtract_magnitude(b) : b.subtract_magnitude(a);
  }
  friend Fixed operator-(const Fixed& a, const Fixed& b) { return a + (-b); }

  friend Fixed operator*(const Fixed& a, const Fixed& b) {
    std::array<std::uint32_t, 2 * limbs> wide{};
    for (std::size_t i = 0; i < limbs; ++i) {
      std::uint64_t carry = 0;
      for (std::size_t j = 0; j < limbs; ++j) {
        carry += static_cast<std::uint64_t>(a.limb_[i]) * b.limb_[j] + wide[i + j];
        wide[i + j] = static_cast<std::uint32_t>(carry);
        carry >>= 32;
      }
      wide[i + limbs] = static_cast<std::uint32_t>(carry);
    }
    Fixed result;
    for (std::size_t i = 0; i < limbs; ++i) result.limb_[i] = wide[i + fraction_bits / 32];
    result.negative_ = a.negative_ != b.negative_;
    return result;
  }

  friend Fixed operator/(const Fixed& a, std::uint32_t divisor) {
    Fixed result;
    result.negative_ = a.negative_;
    std::uint64_t rest = 0;
    for (std::size_t i = limbs; i-- > 0;) {
      rest = rest << 32 | a.limb_[i];
      result.limb_[i] = static_cast<std::uint32_t>(rest / divisor);
      rest %= divisor;
    }
    return result;
  }

  /// Long division, bit by bit, of magnitudes below 2^62.
  friend Fixed operator/(const Fixed& a, const Fixed& b) {
    Fixed rest = a, divisor = b, quotient;
    int places = fraction_bits;
    for (; compare_magnitude(rest, divisor) >= 0; ++places) divisor.double_magnitude();
    rest.negative_ = divisor.negative_ = false;
    for (; places > 0; --places) {
      rest.double_magnitude();
      quotient.double_magnitude();
      if (compare_magnitude(rest, divisor) >= 0) {
        rest = rest.subtract_magnitude(divisor);
        quotient.limb_[0] |= 1;
      }
    }
    quotient.negative_ = a.negative_ != b.negative_;
    return quotient;
  }

  /// -1, 0 or 1 as |a| is below, equal to or above |b|.
  friend int compare_magnitude(const Fixed& a, const Fixed& b) {
    for (std::size_t i = limbs; i-- > 0;) {
      if (a.limb_[i] != b.limb_[i]) return a.limb_[i] < b.limb_[i] ? -1 : 1;
    }
    return 0;
  }

 private:
  Fixed add_magnitude(const Fixed& b) const {
    Fixed sum = *this;
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < limbs; ++i) {
      carry += static_cast<std::uint64_t>(limb_[i]) + b.limb_[i];
      sum.limb_[i] = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
    return sum;
  }
  Fixed subtract_magnitude(const Fixed& b) const {  // |*this| >= |b|
    Fixed difference = *this;
    std::uint64_t borrow = 0;
    for (std::size_t i = 0; i < limbs; ++i) {
      const std::uint64_t part = static_cast<std::uint64_t>(limb_[i]) - b.limb_[i] - borrow;
      difference.limb_[i] = static_cast<std::uint32_t>(part);
      borrow = part >> 63;
    }
    return difference;
  }
  std::uint32_t limb_or_zero(int i) const { return i >= 0 && i < limbs ? limb_[static_cast<std::size_t>(i)] : 0; }
  void double_magnitude() {
    for (std::size_t i = limbs; i-- > 1;) limb_[i] = limb_[i] << 1 | limb_[i - 1] >> 31;
    limb_[0] <<= 1;
  }

  Limbs limb_{};
  bool negative_ = false;
};

/// Numbers closer to a boundary than this are not decided: 2^-150 as a magnitude.
inline Fixed decision_margin() {
  Fixed margin(1);
  margin.shift(-150);
  return margin;
}

/// log(a / b) for a, b > 0, zero exactly when a = b.
///
/// With a / b = 2^e r, r in [3/4, 3/2), the result is e log 2 + 2 atanh(t), t = (r - 1) / (r + 1) in [-1/7, 1/5]. The
/// series of atanh gains 4.6 bits a term: 42 terms of at most 3 u each, doubled, and |e| <= 256 units for log 2.
inline Fixed log_ratio(Fixed a, Fixed b) {
  constexpr int aligned = 252;  // leaves room for 4 a, 3 b and the doubled remainder of the division
  static constexpr Fixed::Limbs log_two{0x7298b62d, 0x40f34326, 0x03f2f6af, 0xc9e3b398, 0xd1cf79ab, 0xb17217f7, 0, 0};
  int exponent = a.top_bit() - b.top_bit();
  a.shift(aligned - a.top_bit());
  b.shift(aligned - b.top_bit());
  if (compare_magnitude(a + a, b + b + b) >= 0) {
    a.shift(-1);
    ++exponent;
  } else if (compare_magnitude(a + a + a + a, b + b + b) < 0) {
    b.shift(-1);
    --exponent;
  }
  const Fixed t = (a - b) / (a + b), square = t * t;
  Fixed power = t, sum = t;
  for (std::uint32_t n = 3; !power.zero(); n += 2) {
    power = power * square;
    sum = sum + power / n;
  }
  return sum + sum + Fixed(exponent) * Fixed::from_limbs(log_two);
}

/// tan(x) for |x| <= 1.1, by the series of sine and cosine: under 60 terms of 2 u each, and cos x > 0.45.
inline Fixed tangent(const Fixed& x) {
  const Fixed square = x * x;
  Fixed sine = x, cosine(1), sine_term = x, cosine_term(1);
  for (std::uint32_t n = 1; !cosine_term.zero(); n += 2) {
    cosine_term = -(cosine_term * square / (n * (n + 1)));
    sine_term = -(sine_term * square / ((n + 1) * (n + 2)));
    cosine = cosine + cosine_term;
    sine = sine + sine_term;
  }
  return sine / cosine;
}

/// sqrt(2 pi) (Phi(z) - 1/2), the integral of exp(-x^2 / 2) from 0 to z, for |z| <= 5. The largest term of the
/// alternating series is below 2^16, fewer than 200 count: the error stays below 2^-168.
inline Fixed normal_integral(const Fixed& z) {
  const Fixed square = z * z;
  Fixed term = z, sum = z;
  for (std::uint32_t n = 1; !term.zero(); ++n) {
    term = -(term * square / (2 * n));
    sum = sum + term / (2 * n + 1);
  }
  return sum;
}

/// The z with Phi(z) = part / whole, for 0 < part < whole <= 2^16 (then |z| < 4.2); zero exactly for a half. Newton's
/// method with a derivative in double: each step gains about 50 bits, the residual alone decides when it ends.
inline Fixed normal_quantile(std::int64_t part, std::int64_t whole) {
  static constexpr Fixed::Limbs root_two_pi{0x16000b50, 0x19f3ea64, 0xe459dc5f, 0xf9483f5c,
                                            0xc4e0b2ca, 0x81b263fe, 2,          0};
  const Fixed target = Fixed(2 * part - whole) * Fixed::from_limbs(root_two_pi) / Fixed(2 * whole);
  Fixed z;
  for (int step = 0; step < 100; ++step) {
    const Fixed residual = target - normal_integral(z);
    if (residual.top_bit() < Fixed::fraction_bits - 172 || target.zero()) return z;
    const double centre = z.approximate();
    z = z + Fixed::near(residual.approximate() * std::exp(centre * centre / 2));
  }
  raise<NumericalError>("normal_quantile: expected convergence for {} / {}", part, whole);
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
