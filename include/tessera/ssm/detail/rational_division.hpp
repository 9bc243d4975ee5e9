// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Quotients of polynomials in z^-1 at the M roots of unity, and back: for coefficients b_j at delay j + shift and a_j
// at delay j, a_0 = 1, all delays modulo M since z^M = 1 there,
//
//   k[t] = 1 / M sum over nodes z of z^t B(z) / A(z),      0 <= t < M,
//
// (Parnichkun et al., State-free inference of state-space models, 2024, equation 9). Coefficients are real numbers of
// any length: only their first sums depend on it (detail/split_fourier.hpp). Everything is done in `Work`, whatever the
// parameters' scalar is.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/ssm/detail/interleaved_lanes.hpp>
#include <tessera/ssm/detail/split_fourier.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// A polynomial in z^-1: coefficients[j] at delay first + j, and 1 at delay 0 if `monic`.
template <class Scalar>
struct DelayPolynomial {
  const Scalar* coefficients = nullptr;
  Index count = 0;
  Index first = 1;
  bool monic = false;
};

template <class Work>
class RationalDivision {
 public:
  static constexpr Index lanes = simd::lanes<Work>;

  /// Memory for one task.
  struct Slot {
    AlignedVector<Work> sequence;
    AlignedVector<Work> first;   // rows of as many spectra as are transformed at once
    AlignedVector<Work> second;  // the same, for gradients
    FourierWorkspace<Work> fourier;
  };

  /// `points` >= 1.
  explicit RationalDivision(Index points) : fourier_(points) {}

  Index points() const { return fourier_.points(); }
  /// How many spectra the calls below take at most.
  Index at_once() const { return fourier_.at_once(); }
  /// Scalars of the reciprocal of a denominator.
  Index spectrum_size() const { return 2 * fourier_.rows() * fourier_.pitch(); }

  Slot slot() const {
    Slot slot;
    const auto size = static_cast<std::size_t>(at_once() * spectrum_size());
    slot.sequence.resize(static_cast<std::size_t>(at_once() * fourier_.sequence_size()));
    slot.first.resize(size);
    slot.second.resize(size);
    slot.fourier = fourier_.workspace();
    return slot;
  }

  /// 1 / A of `count` denominators at the nodes, to inverses[i], and the smallest |A| of each.
  template <class Scalar>
  void invert(const DelayPolynomial<Scalar>* denominators, Index count, Work* const* inverses, double* smallest,
              Slot& slot) const {
    read(denominators, count, slot);
    Work least[lanes];
    std::fill_n(least, count, std::numeric_limits<Work>::max());
    for (Index r = 0; r < fourier_.rows(); ++r) {
      transform_row(denominators, count, r, slot.first.data(), slot);
      for (Index i = 0; i < count; ++i) {
        const Work* bins = slot.first.data() + i * spectrum_size() + row(r);
        least[i] = std::min(least[i], invert_row(bins, inverses[i] + row(r)));
      }
    }
    for (Index i = 0; i < count; ++i) smallest[i] = std::sqrt(static_cast<double>(least[i]));
  }

  /// The node, in units of 1 / M turn from z = 1, at which |A| is smallest; of nodes k and M - k the smaller.
  Index weakest_node(const Work* inverse) const {
    Index node = 0;
    Work most = -1;
    for (Index r = 0; r < fourier_.rows(); ++r) {
      for (Index k = 0; k < fourier_.row_length(); ++k) {
        const Work* at = inverse + row(r) + k / lanes * 2 * lanes + k % lanes;
        const Work size = at[0] * at[0] + at[lanes] * at[lanes];
        if (size <= most) continue;
        most = size;
        node = fourier_.bin(r, k);
      }
    }
    return std::min(node, points() - node);
  }

  /// The first `terms` taps of `count` quotients: to outputs[i], given the reciprocals at inverses[i].
  template <class Coefficient, class Scalar>
  void divide(const DelayPolynomial<Coefficient>* numerators, const Work* const* inverses, Index count, Index terms,
              Scalar* const* outputs, Slot& slot) const {
    read(numerators, count, slot);
    for (Index r = 0; r < fourier_.rows(); ++r) {
      transform_row(numerators, count, r, slot.first.data(), slot);
      for (Index i = 0; i < count; ++i)
        multiply_row(slot.first.data() + i * spectrum_size() + row(r), inverses[i] + row(r));
      fourier_.inverse(slot.first.data() + row(r), count, spectrum_size(), slot.fourier);
    }
    for (Index i = 0; i < count; ++i) write_taps(i, terms, outputs[i], slot);
  }

  /// The adjoint of divide for all M taps: the gradients of the coefficients of numerators and of denominators,
  ///   b-bar = F^-1(G conj(1 / A)),   a-bar = -F^-1(G conj(B / A^2)),   G = F(grad_taps).
  template <class Scalar>
  void gradients(const DelayPolynomial<Scalar>* numerators, const Work* const* inverses, Index denominator_order,
                 const Scalar* const* grad_taps, Index count, Scalar* const* grad_numerators,
                 Scalar* const* grad_denominators, Slot& slot) const {
    for (Index i = 0; i < count; ++i) {
      Work* sequence = slot.sequence.data();
      for (Index t = 0; t < points(); ++t) sequence[t] = static_cast<Work>(grad_taps[i][t]);
      std::fill_n(sequence + points(), 2 * lanes, Work{0});
      fourier_.spread_all(sequence, slot.second.data() + i * spectrum_size(), 2 * fourier_.pitch());
    }
    read(numerators, count, slot);
    for (Index r = 0; r < fourier_.rows(); ++r) {
      transform_row(numerators, count, r, slot.first.data(), slot);
      fourier_.forward(slot.second.data() + row(r), count, spectrum_size(), slot.fourier);
      for (Index i = 0; i < count; ++i) {
        const Index at = i * spectrum_size() + row(r);
        gradient_row(slot.first.data() + at, slot.second.data() + at, inverses[i] + row(r));
      }
      fourier_.inverse(slot.first.data() + row(r), count, spectrum_size(), slot.fourier);
      fourier_.inverse(slot.second.data() + row(r), count, spectrum_size(), slot.fourier);
    }
    for (Index i = 0; i < count; ++i) {
      write_gradient(slot.second, i, numerators[i].first, numerators[i].count, grad_numerators[i], slot);
      write_gradient(slot.first, i, 1, denominator_order, grad_denominators[i], slot);
    }
  }

 private:
  using Vector = simd::Vec<Work>;
  using Bins = SplitComplex<Work>;

  /// Where row r of a spectrum begins.
  Index row(Index r) const { return 2 * r * fourier_.pitch(); }

  /// Terms of the sequence that a polynomial is, folded where it is longer than the nodes are many.
  template <class Scalar>
  Index terms(const DelayPolynomial<Scalar>& polynomial) const {
    return std::min(points(), std::max<Index>(1, polynomial.first + polynomial.count));
  }

  template <class Scalar>
  void read(const DelayPolynomial<Scalar>* polynomials, Index count, Slot& slot) const {
    for (Index i = 0; i < count; ++i) {
      const DelayPolynomial<Scalar>& polynomial = polynomials[i];
      Work* sequence = slot.sequence.data() + i * fourier_.sequence_size();
      const Index used = terms(polynomial);
      const Index filled = std::min(fourier_.sequence_size(), used + fourier_.pitch() + lanes);
      std::fill_n(sequence, filled, Work{0});
      Index at = polynomial.first % points();
      for (Index j = 0; j < polynomial.count; ++j) {
        sequence[at] += static_cast<Work>(polynomial.coefficients[j]);
        if (++at == points()) at = 0;
      }
      if (polynomial.monic) sequence[0] += Work{1};
    }
  }

  template <class Scalar>
  void transform_row(const DelayPolynomial<Scalar>* polynomials, Index count, Index r, Work* rows, Slot& slot) const {
    for (Index i = 0; i < count; ++i) {
      fourier_.spread(r, slot.sequence.data() + i * fourier_.sequence_size(), terms(polynomials[i]),
                      rows + i * spectrum_size() + row(r));
    }
    fourier_.forward(rows + row(r), count, spectrum_size(), slot.fourier);
  }

  void gather(const AlignedVector<Work>& rows, Index i, Index terms, Work* values) const {
    const auto factor = static_cast<Work>(1 / static_cast<double>(points()));
    fourier_.gather(rows.data() + i * spectrum_size(), 2 * fourier_.pitch(), terms, factor, values);
  }
  const Work* gathered(const AlignedVector<Work>& rows, Index i, Index terms, Slot& slot) const {
    gather(rows, i, terms, slot.sequence.data());
    return slot.sequence.data();
  }

  template <class Scalar>
  void write_taps(Index i, Index terms, Scalar* taps, Slot& slot) const {
    const Work* values = gathered(slot.first, i, terms, slot);
    if constexpr (std::is_same_v<Scalar, Work>) {
      std::copy_n(values, terms, taps);
    } else {
      for (Index t = 0; t < terms; ++t) taps[t] = static_cast<Scalar>(values[t]);
    }
  }

  template <class Scalar>
  void write_gradient(const AlignedVector<Work>& rows, Index i, Index first, Index count, Scalar* gradient,
                      Slot& slot) const {
    const Work* values = gathered(rows, i, std::min(points(), first + count), slot);
    Index at = first % points();
    for (Index j = 0; j < count; ++j) {
      gradient[j] = static_cast<Scalar>(values[at]);
      if (++at == points()) at = 0;
    }
  }

  /// Reciprocals of bins, vectors of real and imaginary parts alternating; returns the smallest |A|^2.
  Work invert_row(const Work* bins, Work* inverse) const {
    Vector least = simd::broadcast(std::numeric_limits<Work>::max());
    const Vector floor = simd::broadcast(std::numeric_limits<Work>::min());
    const Vector root = simd::broadcast(std::sqrt(std::numeric_limits<Work>::min()));
    for (Index k = 0; k < fourier_.row_length(); k += lanes) {
      Bins a = load_interleaved(bins + 2 * k);
      for (Index i = fourier_.row_length() - k; i < lanes; ++i) {  // lanes after the last bin repeat it
        a.re[static_cast<int>(i)] = a.re[static_cast<int>(fourier_.row_length() - k - 1)];
        a.im[static_cast<int>(i)] = a.im[static_cast<int>(fourier_.row_length() - k - 1)];
      }
      const Vector size = a.re * a.re + a.im * a.im;
      least = simd::min(least, size);
      a.re = simd::select(size < floor, root, a.re);  // a pole at a node is large there, and not NaN
      const Vector scale = one_over<Work>(simd::max(size, floor));
      simd::store(inverse + 2 * k, a.re * scale);
      simd::store(inverse + 2 * k + lanes, -(a.im * scale));
    }
    return simd::reduce_min(least);
  }

  static TESSERA_INLINE Bins load_inverse(const Work* at) { return {simd::load(at), simd::load(at + lanes)}; }

  void multiply_row(Work* bins, const Work* inverse) const {
    for (Index k = 0; k < fourier_.row_length(); k += lanes) {
      const Bins b = load_interleaved(bins + 2 * k), a = load_inverse(inverse + 2 * k);
      store_interleaved(bins + 2 * k, Bins{b.re * a.re - b.im * a.im, b.re * a.im + b.im * a.re});
    }
  }

  /// From B in `bins` and G in `grad`: -G conj(B / A^2) in `bins` and G conj(1 / A) in `grad`.
  void gradient_row(Work* bins, Work* grad, const Work* inverse) const {
    for (Index k = 0; k < fourier_.row_length(); k += lanes) {
      const Bins a = load_inverse(inverse + 2 * k), b = load_interleaved(bins + 2 * k);
      const Bins g = load_interleaved(grad + 2 * k);
      const Bins quotient{b.re * a.re - b.im * a.im, b.re * a.im + b.im * a.re};
      const Bins numerator{g.re * a.re + g.im * a.im, g.im * a.re - g.re * a.im};
      store_interleaved(grad + 2 * k, numerator);
      store_interleaved(bins + 2 * k, Bins{-(numerator.re * quotient.re + numerator.im * quotient.im),
                                           numerator.re * quotient.im - numerator.im * quotient.re});
    }
  }

  SplitFourier<Work> fourier_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
