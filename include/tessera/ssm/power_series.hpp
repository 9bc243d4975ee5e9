// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Division of power series by A(z) = 1 + a_1 z + ... + a_n z^n, exact for any a: poles on and outside the unit circle
// only make the results grow.
//
//   ReciprocalSeries   the first terms of g = 1 / A, doubled by Newton's iteration: with m terms known, the next m are
//                      those of -g (A g - 1) / z^m (Sieveking 1972; Kung 1974). O(L log L).
//   SeriesDivision     v = u / A in blocks of m >= n terms: what the block before adds to the right-hand side is a
//                      product with a, the block then a product with the first m terms of g. O(L log m).
//
// Products are causal convolutions (fft/convolution.hpp); nothing wraps around.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/fft/convolution.hpp>
#include <tessera/fft/signal.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Products of series of up to m terms with one that is set before.
template <class Scalar>
class SeriesProduct {
 public:
  explicit SeriesProduct(Index size)
      : plan_(size), workspace_(plan_.workspace()), full_(static_cast<std::size_t>(2 * size)) {
    zeros_.resize(static_cast<std::size_t>(size));
    plan_.spectrum_into({zeros_.data(), 1, size}, {}, factor_, {}, &workspace_);
  }

  Index size() const { return plan_.length(); }

  /// The one factor: `size` terms.
  void set(const Scalar* terms) { plan_.spectrum_into({terms, 1, size()}, {}, factor_, {}, &workspace_); }

  /// The first m terms of the product with m terms, which may be in the same memory.
  void low(const Scalar* terms, Scalar* product) {
    plan_.convolve_into({terms, 1, 1, size()}, factor_, {product, 1, 1, size()}, {.workspace = &workspace_});
  }
  /// All 2 m - 1 terms.
  const Scalar* full(const Scalar* terms) {
    plan_.convolve_into({terms, 1, 1, size()}, factor_, {full_.data(), 1, 1, 2 * size() - 1},
                        {.range = ConvolutionRange::full, .workspace = &workspace_});
    return full_.data();
  }

 private:
  CausalConvolution<Scalar> plan_;
  ConvolutionWorkspace<Scalar> workspace_;
  KernelSpectrum<Scalar> factor_;
  AlignedVector<Scalar> full_;
  AlignedVector<Scalar> zeros_;
};

inline Index power_of_two_from(Index size) {
  return static_cast<Index>(std::bit_ceil(static_cast<std::size_t>(std::max<Index>(size, 1))));
}

}  // namespace detail

/// 1 / A, up to `length` terms. Its memory is its own: calls allocate nothing.
template <class Scalar>
class ReciprocalSeries {
 public:
  /// Throws std::invalid_argument unless length >= 1.
  explicit ReciprocalSeries(Index length) : length_(length) {
    require(length >= 1, "ReciprocalSeries: expected a length of at least 1, found {}", length);
    for (Index size = start; size < length; size *= 2) products_.emplace_back(size);
    const Index size = detail::power_of_two_from(std::max(length, start));
    terms_.resize(static_cast<std::size_t>(size));
    part_.resize(static_cast<std::size_t>(size));
    rest_.resize(static_cast<std::size_t>(size));
  }

  Index length() const { return length_; }

  /// The first `length` terms of 1 / (1 + a_1 z + ... + a_order z^order), from a_1 ... a_order. Throws NumericalError
  /// where they leave the range of Scalar.
  template <class Coefficient>
  void run(const Coefficient* coefficients, Index order, Scalar* terms) {
    const Index first = std::min(length_, start);
    for (Index t = 0; t < first; ++t) {
      Scalar sum = t == 0 ? Scalar{1} : Scalar{0};
      for (Index j = 1; j <= std::min(order, t); ++j) sum -= static_cast<Scalar>(coefficients[j - 1]) * at(t - j);
      at(t) = sum;
    }
    check(first);
    for (detail::SeriesProduct<Scalar>& product : products_) {
      extend(product, coefficients, order);
      check(2 * product.size());
    }
    std::copy_n(terms_.data(), length_, terms);
  }

 private:
  static constexpr Index start = 32;

  void check(Index terms) const {
    if (all_finite(terms_.data(), terms)) return;
    raise<NumericalError>(
        "ReciprocalSeries: expected the first {} terms of 1 / A in the range of the scalar, found them beyond it: A "
        "has "
        "a pole too far outside the unit circle",
        terms);
  }

  Scalar& at(Index t) { return terms_[static_cast<std::size_t>(t)]; }

  /// Terms m ... 2 m - 1 from those before.
  template <class Coefficient>
  void extend(detail::SeriesProduct<Scalar>& product, const Coefficient* coefficients, Index order) {
    const Index m = product.size();
    product.set(terms_.data());
    const auto part_of_a = [&](Index begin) {  // a_begin ... a_(begin + m - 1), with a_0 = 1
      for (Index i = 0; i < m; ++i) {
        const Index j = begin + i;
        part_[static_cast<std::size_t>(i)] = j == 0       ? Scalar{1}
                                             : j <= order ? static_cast<Scalar>(coefficients[j - 1])
                                                          : Scalar{0};
      }
      return part_.data();
    };
    const Scalar* full = product.full(part_of_a(0));
    for (Index i = 0; i < m; ++i) rest_[static_cast<std::size_t>(i)] = i + 1 < m ? -full[m + i] : Scalar{0};
    if (order >= m) {
      product.low(part_of_a(m), part_.data());
      for (Index i = 0; i < m; ++i) rest_[static_cast<std::size_t>(i)] -= part_[static_cast<std::size_t>(i)];
    }
    product.low(rest_.data(), terms_.data() + m);
  }

  Index length_ = 1;
  std::vector<detail::SeriesProduct<Scalar>> products_;
  AlignedVector<Scalar> terms_;
  AlignedVector<Scalar> part_;
  AlignedVector<Scalar> rest_;
};

/// u / A for series of any length, A of an order up to `order`. Its memory, O(order), is its own: calls allocate
/// nothing.
template <class Scalar>
class SeriesDivision {
 public:
  /// Throws std::invalid_argument unless order >= 0.
  explicit SeriesDivision(Index order)
      : order_(order), block_(block_of(order)), reciprocal_(block_), inverse_(block_), feedback_(block_) {
    part_.resize(static_cast<std::size_t>(block_));
    last_.resize(static_cast<std::size_t>(block_));
  }

  Index order() const { return order_; }
  /// Terms that come at once.
  Index block() const { return block_; }

  /// Takes the denominator of the divisions to come: a_1 ... a_n, n <= order.
  template <class Coefficient>
  void set(const Coefficient* coefficients, Index order) {
    require(order >= 0 && order <= order_, "SeriesDivision: expected an order of at most {}, found {}", order_, order);
    present_ = order;
    reciprocal_.run(coefficients, order, part_.data());
    inverse_.set(part_.data());
    for (Index j = 0; j < block_; ++j) {
      part_[static_cast<std::size_t>(j)] = j < order ? static_cast<Scalar>(coefficients[j]) : Scalar{0};
    }
    feedback_.set(part_.data());
  }

  /// source(t, size, to) puts terms t ... t + size - 1 of u to `to`; sink(t, size, from) takes as many of v.
  template <class Source, class Sink>
  void run(Index length, Source&& source, Sink&& sink) {
    for (Index begin = 0; begin < length; begin += block_) {
      const Index size = std::min(block_, length - begin);
      source(begin, size, part_.data());
      std::fill(part_.begin() + size, part_.end(), Scalar{0});
      if (begin > 0) {
        const Scalar* product = feedback_.full(last_.data()) + block_ - 1;
        for (Index i = 0; i < present_; ++i) part_[static_cast<std::size_t>(i)] -= product[i];
      }
      inverse_.low(part_.data(), last_.data());
      sink(begin, size, static_cast<const Scalar*>(last_.data()));
    }
  }

 private:
  static Index block_of(Index order) {
    require(order >= 0, "SeriesDivision: expected an order of at least 0, found {}", order);
    return detail::power_of_two_from(std::max<Index>(order, 256));
  }

  Index order_ = 0;
  Index present_ = 0;
  Index block_ = 1;
  ReciprocalSeries<Scalar> reciprocal_;
  detail::SeriesProduct<Scalar> inverse_;
  detail::SeriesProduct<Scalar> feedback_;
  AlignedVector<Scalar> part_;
  AlignedVector<Scalar> last_;
};

/// The first `length` terms of 1 / A, from a_1 ... a_n.
template <class Scalar>
Eigen::VectorX<Scalar> reciprocal_series(const Eigen::VectorX<Scalar>& denominator, Index length) {
  Eigen::VectorX<Scalar> terms(length);
  ReciprocalSeries<Scalar>(length).run(denominator.data(), denominator.size(), terms.data());
  return terms;
}

/// As many terms of u / A as u has.
template <class Scalar>
Eigen::VectorX<Scalar> divide_series(const Eigen::VectorX<Scalar>& u, const Eigen::VectorX<Scalar>& denominator) {
  Eigen::VectorX<Scalar> quotient(u.size());
  SeriesDivision<Scalar> division(denominator.size());
  division.set(denominator.data(), denominator.size());
  division.run(
      u.size(), [&](Index t, Index size, Scalar* to) { std::copy_n(u.data() + t, size, to); },
      [&](Index t, Index size, const Scalar* from) { std::copy_n(from, size, quotient.data() + t); });
  return quotient;
}

}  // namespace tessera::inline TESSERA_ISA
