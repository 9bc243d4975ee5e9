// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Sums over pairs of conjugate poles at many nodes of the unit circle, z = exp(-i theta), without a division by zero:
//
//   rho = sum over n of w_n / delta_n + conj(w_n) / delta'_n,    delta_n = i sigma - kappa lambda_n,
//                                                                delta'_n = i sigma - kappa conj(lambda_n)
//
// with sigma = 2 sin(theta / 2) and kappa = dt cos(theta / 2). Up to the factor exp(-i theta / 2) these are the terms
// (1 - z) - (1 + z) dt / 2 lambda_n of a system under the bilinear rule; kappa is 0 at z = -1, where all is still well.
// A pair needs one reciprocal, and its numerator has real coefficients:
//
//   rho = sum over n of (i sigma v_n - kappa u_n) e_n,    v_n = 2 Re w_n,   u_n = 2 Re(w_n conj(lambda_n)),
//   1 / e_n = kappa^2 |lambda_n|^2 - sigma^2 - 2 i sigma kappa Re lambda_n
//
// Lanes are nodes. The e_n of a tile of nodes are formed once, for all sums and for their gradients: with rho's as
// a + i b, those of the coefficients are
//
//   u_n += -(kappa a Re e_n + kappa b Im e_n),    v_n += sigma b Re e_n - sigma a Im e_n,
//   Re e_n += sigma b v_n - kappa a u_n,          Im e_n += -(sigma a v_n + kappa b u_n),
//   1 / e_n += -conj(e_n^2) e_n's

#include <algorithm>
#include <complex>
#include <cstddef>
#include <limits>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Lane by lane a / b.
template <class V>
TESSERA_INLINE V quotient(const V& a, const V& b) {
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  return a / b;
#else
  V result;
  for (int i = 0; i < static_cast<int>(sizeof(V) / sizeof(a[0])); ++i) result[i] = a[i] / b[i];
  return result;
#endif
}

/// Complex numbers, one a lane.
template <class T>
struct ComplexVector {
  using Vector = simd::Vec<T>;
  Vector re;
  Vector im;

  friend TESSERA_INLINE ComplexVector operator*(const ComplexVector& a, const ComplexVector& b) {
    return {simd::multiply_add(a.re, b.re, -(a.im * b.im)), simd::multiply_add(a.re, b.im, a.im * b.re)};
  }
  friend TESSERA_INLINE ComplexVector operator*(const ComplexVector& a, const Vector& factor) {
    return {a.re * factor, a.im * factor};
  }
  friend TESSERA_INLINE ComplexVector operator-(const ComplexVector& a, const ComplexVector& b) {
    return {a.re - b.re, a.im - b.im};
  }
  friend TESSERA_INLINE ComplexVector operator+(const ComplexVector& a, const ComplexVector& b) {
    return {a.re + b.re, a.im + b.im};
  }
};

template <class T>
TESSERA_INLINE ComplexVector<T> conjugate(const ComplexVector<T>& a) {
  return {a.re, -a.im};
}

/// 1 / a; of 0 something large.
template <class T>
TESSERA_INLINE ComplexVector<T> reciprocal(const ComplexVector<T>& a) {
  const simd::Vec<T> size =
      simd::multiply_add(a.re, a.re, a.im * a.im) + simd::broadcast(std::numeric_limits<T>::min());
  const simd::Vec<T> factor = quotient(simd::broadcast(T{1}), size);
  return {a.re * factor, -(a.im * factor)};
}

/// The poles and the weights of one channel, in the form in which tiles read them.
template <class T>
class RationalTerms {
 public:
  RationalTerms(Index modes, Index sums)
      : modes_(modes),
        sums_(sums),
        poles_(static_cast<std::size_t>(2 * modes)),
        weights_(static_cast<std::size_t>(2 * modes * sums)) {}

  Index modes() const { return modes_; }
  Index sums() const { return sums_; }
  void set_pole(Index n, std::complex<double> pole) {
    poles_[static_cast<std::size_t>(2 * n)] = static_cast<T>(std::norm(pole));
    poles_[static_cast<std::size_t>(2 * n + 1)] = static_cast<T>(-2 * pole.real());
  }
  void set_weight(Index sum, Index n, std::complex<double> weight, std::complex<double> pole) {
    T* at = weights_.data() + 2 * (sum * modes_ + n);
    at[0] = static_cast<T>(2 * (weight.real() * pole.real() + weight.imag() * pole.imag()));
    at[1] = static_cast<T>(2 * weight.real());
  }
  /// |lambda_n|^2 and -2 Re lambda_n.
  const T* pole(Index n) const { return poles_.data() + 2 * n; }
  /// u_n and v_n.
  const T* weight(Index sum, Index n) const { return weights_.data() + 2 * (sum * modes_ + n); }

 private:
  Index modes_;
  Index sums_;
  AlignedVector<T> poles_;
  AlignedVector<T> weights_;
};

/// Gradients of the numbers of RationalTerms; of u negated. A number for each lane, to be added up at the end.
template <class T>
class RationalGradient {
 public:
  static constexpr int lanes = simd::lanes<T>;

  RationalGradient(Index modes, Index sums)
      : pitch_((2 + 2 * sums) * lanes), values_(static_cast<std::size_t>(modes * pitch_), T{0}) {}

  T* mode(Index n) { return values_.data() + n * pitch_; }
  /// Of |lambda_n|^2 and -2 Re lambda_n.
  double squared_size(Index n) const { return total(n, 0); }
  double damping(Index n) const { return total(n, 1); }
  double u(Index sum, Index n) const { return -total(n, 2 + 2 * sum); }
  double v(Index sum, Index n) const { return total(n, 3 + 2 * sum); }

 private:
  double total(Index n, Index which) const {
    const T* from = values_.data() + n * pitch_ + which * lanes;
    double sum = 0;
    for (int i = 0; i < lanes; ++i) sum += static_cast<double>(from[i]);
    return sum;
  }

  Index pitch_;
  AlignedVector<T> values_;
};

/// As many nodes as two vectors have lanes: their sums.
template <class T>
class RationalTile {
 public:
  using Vector = simd::Vec<T>;
  using Complex = ComplexVector<T>;
  static constexpr int vectors = 2;
  static constexpr int lanes = simd::lanes<T>;
  static constexpr int nodes = vectors * lanes;

  explicit RationalTile(Index modes) : factors_(static_cast<std::size_t>(2 * nodes * modes)) {}

  /// The nodes, and e_n at them. `half_sine` and `half_cosine` are those of theta / 2.
  void prepare(const RationalTerms<T>& terms, const T* half_sine, const T* half_cosine, T dt) {
    Vector kappa2[vectors], sigma2[vectors], mixed[vectors];
    TESSERA_UNROLL
    for (int i = 0; i < vectors; ++i) {
      sigma[i] = simd::load(half_sine + i * lanes) * simd::broadcast(T{2});
      kappa[i] = simd::load(half_cosine + i * lanes) * simd::broadcast(dt);
      sigma2[i] = sigma[i] * sigma[i];
      kappa2[i] = kappa[i] * kappa[i];
      mixed[i] = sigma[i] * kappa[i];
    }
    for (Index n = 0; n < terms.modes(); ++n) {
      const Vector size = simd::broadcast(terms.pole(n)[0]), damping = simd::broadcast(terms.pole(n)[1]);
      T* at = factors_.data() + 2 * nodes * n;
      TESSERA_UNROLL
      for (int i = 0; i < vectors; ++i) {
        const Complex e = reciprocal(Complex{simd::multiply_add(kappa2[i], size, -sigma2[i]), mixed[i] * damping});
        simd::store(at + i * lanes, e.re);
        simd::store(at + (vectors + i) * lanes, e.im);
      }
    }
  }

  /// rho of one sum.
  void sum(const RationalTerms<T>& terms, Index index, Complex (&rho)[vectors]) const {
    Vector u[2 * vectors] = {},
                 v[2 * vectors] = {};  // sums of u_n and v_n times the real and the imaginary part of e_n
    const T* at = factors_.data();
    const T* weight = terms.weight(index, 0);
    for (Index n = 0; n < terms.modes(); ++n, at += 2 * nodes, weight += 2) {
      const Vector un = simd::broadcast(weight[0]), vn = simd::broadcast(weight[1]);
      TESSERA_UNROLL
      for (int i = 0; i < 2 * vectors; ++i) {
        const Vector e = simd::load(at + i * lanes);
        u[i] = simd::multiply_add(e, un, u[i]);
        v[i] = simd::multiply_add(e, vn, v[i]);
      }
    }
    TESSERA_UNROLL
    for (int i = 0; i < vectors; ++i) {
      rho[i].re = -(kappa[i] * u[i] + sigma[i] * v[vectors + i]);
      rho[i].im = sigma[i] * v[i] - kappa[i] * u[vectors + i];
    }
  }

  /// Adds to `gradient` what the nodes of vector i give it; `rho` has the gradients of the sums at them, a vector of
  /// real parts and one of imaginary parts for each.
  void accumulate(const RationalTerms<T>& terms, int i, const T* rho, RationalGradient<T>& gradient) const {
    const Vector kappa2 = kappa[i] * kappa[i], mixed = sigma[i] * kappa[i];
    for (Index n = 0; n < terms.modes(); ++n) {
      const T* at = factors_.data() + 2 * nodes * n + i * lanes;
      const Complex e{simd::load(at), simd::load(at + vectors * lanes)};
      const Complex s = e * sigma[i], k = e * kappa[i];
      T* weights = gradient.mode(n) + 2 * lanes;
      const T* from = rho;
      Vector ua{}, ub{}, va{}, vb{};
      for (Index j = 0; j < terms.sums(); ++j, weights += 2 * lanes, from += 2 * lanes) {
        const Vector a = simd::load(from), b = simd::load(from + lanes);
        const Vector u = simd::broadcast(terms.weight(j, n)[0]), v = simd::broadcast(terms.weight(j, n)[1]);
        const Vector less_u = simd::multiply_add(a, k.re, simd::multiply_add(b, k.im, simd::load(weights)));
        const Vector more_v = simd::multiply_add(b, s.re, simd::load(weights + lanes));
        simd::store(weights, less_u);
        simd::store(weights + lanes, simd::multiply_add(a, -s.im, more_v));
        ua = simd::multiply_add(u, a, ua);
        ub = simd::multiply_add(u, b, ub);
        va = simd::multiply_add(v, a, va);
        vb = simd::multiply_add(v, b, vb);
      }
      const Complex of_e{sigma[i] * vb - kappa[i] * ua, sigma[i] * va + kappa[i] * ub};  // the imaginary part negated
      const Complex inverse = e * e * of_e;  // conj, of the negated gradient
      T* poles = gradient.mode(n);
      simd::store(poles, simd::load(poles) - kappa2 * inverse.re);
      simd::store(poles + lanes, simd::multiply_add(mixed, inverse.im, simd::load(poles + lanes)));
    }
  }

  Vector sigma[vectors], kappa[vectors];

 private:
  AlignedVector<T> factors_;  // of each mode: real parts, then imaginary parts
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
