// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The spectrum of one channel of a diagonal plus low-rank system (ssm/detail/dplr_channel.hpp) under the bilinear rule,
// at the L-th roots of unity z = exp(-i theta), theta in [0, pi]:
//
//   K(z) = dt C ((1 - z) I - (1 + z) dt/2 A)^-1 B
//        = dt exp(i theta / 2) (rho_CB - kappa rho_CP (I + kappa rho_QP)^-1 rho_QB),    Q = conj(P),
//
// by Woodbury's identity, with the sums rho of ssm/detail/rational_sums.hpp over the weights C_n B_n, C_n P_n, ... It
// is the formula of Gu, Goel and Re (2022, appendix C.3, lemma C.3) multiplied out, so that nothing is divided by 1 +
// z. I + kappa rho_QP has a Hermitian part of at least I where Re Lambda <= 0: it is eliminated without pivots. With x
// = kappa (I + kappa rho_QP)^-1 rho_QB and y = kappa rho_CP (I + kappa rho_QP)^-1,
//
//   dK = dt exp(i theta / 2) (1, -y) [d rho_CB, d rho_CP; d rho_QB, d rho_QP] (1, -x)^T
//
// Nodes with a pole of Lambda beside them, as those on the axis may be, are left to ssm/detail/dplr_node.hpp.

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <vector>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/ssm/detail/dplr_channel.hpp>
#include <tessera/ssm/detail/dplr_node.hpp>
#include <tessera/ssm/detail/rational_sums.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// A square of complex vectors, a side longer than the rank: I + kappa rho_QP above and to the left of rho_QB,
/// kappa rho_CP and rho_CB.
template <class T>
class WoodburySquare {
 public:
  using Complex = ComplexVector<T>;
  static constexpr Index lanes = simd::lanes<T>;

  explicit WoodburySquare(Index rank) : rank_(rank), entries_(static_cast<std::size_t>(2 * lanes * side() * side())) {}

  Index side() const { return rank_ + 1; }
  Complex get(Index a, Index b) const {
    const T* from = at(a, b);
    return {simd::load(from), simd::load(from + lanes)};
  }
  void set(Index a, Index b, const Complex& value) {
    T* to = entries_.data() + (at(a, b) - entries_.data());
    simd::store(to, value.re);
    simd::store(to + lanes, value.im);
  }

  /// From the sum of row a and column b.
  void set_sum(Index a, Index b, const Complex& rho, const simd::Vec<T>& kappa) {
    Complex value = b < rank_ ? rho * kappa : rho;
    if (a == b && a < rank_) value.re += simd::broadcast(T{1});
    set(a, b, value);
  }

  /// Leaves the Schur complement of the last entry, multipliers below the diagonal and reciprocals on it.
  Complex eliminate() {
    for (Index k = 0; k < rank_; ++k) {
      const Complex pivot = reciprocal(get(k, k));
      set(k, k, pivot);
      for (Index a = k + 1; a <= rank_; ++a) {
        const Complex factor = get(a, k) * pivot;
        set(a, k, factor);
        for (Index b = k + 1; b <= rank_; ++b) set(a, b, get(a, b) - factor * get(k, b));
      }
    }
    return get(rank_, rank_);
  }

  /// After eliminate(): the last column becomes -x, the last row -y, and their common entry 1.
  void solve(const simd::Vec<T>& kappa) {
    for (Index k = rank_ - 1; k >= 0; --k) {
      Complex x = get(k, rank_), y = get(rank_, k);
      for (Index j = k + 1; j < rank_; ++j) {
        x = x - get(k, j) * get(j, rank_);
        y = y - get(rank_, j) * get(j, k);
      }
      set(k, rank_, x * get(k, k));
      set(rank_, k, y);
    }
    for (Index k = 0; k < rank_; ++k) {
      set(k, rank_, get(k, rank_) * -kappa);
      set(rank_, k, get(rank_, k) * simd::broadcast(T{-1}));
    }
    set(rank_, rank_, {simd::broadcast(T{1}), simd::broadcast(T{0})});
  }

 private:
  const T* at(Index a, Index b) const { return entries_.data() + 2 * lanes * (a * side() + b); }

  Index rank_;
  AlignedVector<T> entries_;
};

/// The work of one channel in arithmetic of T. Sum a * (rank + 1) + b has the weights X_a Y_b, with X = conj(P_1), ...,
/// C and Y = P_1, ..., B.
template <class T>
class DplrSpectrum {
 public:
  using Tile = RationalTile<T>;
  using Complex = ComplexVector<T>;
  using Vector = simd::Vec<T>;
  static constexpr int lanes = simd::lanes<T>;

  explicit DplrSpectrum(const DplrChannel<double>& channel)
      : channel_(channel),
        side_(channel.rank() + 1),
        terms_(channel.modes(), side_ * side_),
        tile_(channel.modes()),
        squares_(Tile::vectors, WoodburySquare<T>(channel.rank())) {
    for (Index n = 0; n < channel.modes(); ++n) {
      const std::complex<double> pole = channel.poles[n];
      terms_.set_pole(n, pole);
      for (Index a = 0; a < side_; ++a) {
        for (Index b = 0; b < side_; ++b) terms_.set_weight(a * side_ + b, n, left(a, n) * right(b, n), pole);
      }
    }
  }

  /// All bins.
  template <class Scalar>
  void forward(const UnitNodes& nodes, std::complex<Scalar>* bins) {
    for_tiles(nodes, [&](Index first, int, WoodburySquare<T>& square, const Complex& turn) {
      const Complex value = square.eliminate() * turn;
      const Index count = std::min<Index>(lanes, nodes.count() - first);
      for (int r = 0; r < count; ++r) {
        bins[first + r] = {static_cast<Scalar>(value.re[r]), static_cast<Scalar>(value.im[r])};
      }
    });
  }

  /// Adds to `gradient` what comes from those of the bins.
  template <class Scalar>
  void backward(const UnitNodes& nodes, const std::complex<Scalar>* bins, DplrChannel<double>& gradient) {
    RationalGradient<T> sums(channel_.modes(), side_ * side_);
    AlignedVector<T> rho(static_cast<std::size_t>(2 * lanes * side_ * side_));
    for_tiles(nodes, [&](Index first, int i, WoodburySquare<T>& square, const Complex& turn) {
      square.eliminate();
      square.solve(tile_.kappa[i]);
      const Complex bin = load_bins(bins + first, nodes.count() - first) * conjugate(turn);
      T* to = rho.data();
      for (Index a = 0; a < side_; ++a) {
        for (Index b = 0; b < side_; ++b, to += 2 * lanes) {
          const Complex value = conjugate(square.get(side_ - 1, a)) * (conjugate(square.get(b, side_ - 1)) * bin);
          simd::store(to, value.re);
          simd::store(to + lanes, value.im);
        }
      }
      tile_.accumulate(terms_, i, rho.data(), sums);
    });
    for (Index n = 0; n < channel_.modes(); ++n) add(sums, n, gradient);
  }

 private:
  std::complex<double> left(Index a, Index n) const {
    return a + 1 < side_ ? std::conj(channel_.low_rank(n, a)) : channel_.output[n];
  }
  std::complex<double> right(Index b, Index n) const {
    return b + 1 < side_ ? channel_.low_rank(n, b) : channel_.input[n];
  }

  /// Calls body(first node, which vector, its square, dt exp(i theta / 2)) for each vector of nodes.
  template <class Body>
  void for_tiles(const UnitNodes& nodes, Body&& body) {
    const T* sine = nodes.half_sine<T>();
    const T* cosine = nodes.half_cosine<T>();
    const Vector dt = simd::broadcast(static_cast<T>(channel_.dt));
    for (Index first = 0; first < nodes.count(); first += Tile::nodes) {
      tile_.prepare(terms_, sine + first, cosine + first, static_cast<T>(channel_.dt));
      for (Index a = 0; a < side_; ++a) {
        for (Index b = 0; b < side_; ++b) {
          Complex rho[Tile::vectors];
          tile_.sum(terms_, a * side_ + b, rho);
          for (std::size_t i = 0; i < Tile::vectors; ++i) squares_[i].set_sum(a, b, rho[i], tile_.kappa[i]);
        }
      }
      for (int i = 0; i < Tile::vectors && first + i * lanes < nodes.count(); ++i) {
        const Index at = first + i * lanes;
        const Complex turn{simd::load(cosine + at) * dt, simd::load(sine + at) * dt};
        body(at, i, squares_[static_cast<std::size_t>(i)], turn);
      }
    }
  }

  template <class Scalar>
  static Complex load_bins(const std::complex<Scalar>* from, Index count) {
    Complex result{};
    for (int r = 0; r < std::min<Index>(lanes, count); ++r) {
      result.re[r] = static_cast<T>(from[r].real());
      result.im[r] = static_cast<T>(from[r].imag());
    }
    return result;
  }

  /// The gradients of mode n's poles and weights, to those of the parameters.
  void add(const RationalGradient<T>& sums, Index n, DplrChannel<double>& gradient) const {
    const std::complex<double> pole = channel_.poles[n];
    gradient.poles[n] += 2 * sums.squared_size(n) * pole - 2 * sums.damping(n);
    for (Index a = 0; a < side_; ++a) {
      for (Index b = 0; b < side_; ++b) {
        const double u = sums.u(a * side_ + b, n), v = sums.v(a * side_ + b, n);
        const std::complex<double> x = left(a, n), y = right(b, n), weight = 2 * v + 2 * u * pole;
        gradient.poles[n] += 2 * u * x * y;
        const std::complex<double> of_x = std::conj(y) * weight, of_y = std::conj(x) * weight;
        (a + 1 < side_ ? gradient.low_rank(n, a) : gradient.output[n]) += a + 1 < side_ ? std::conj(of_x) : of_x;
        (b + 1 < side_ ? gradient.low_rank(n, b) : gradient.input[n]) += of_y;
      }
    }
  }

  const DplrChannel<double>& channel_;
  Index side_;
  RationalTerms<T> terms_;
  Tile tile_;
  std::vector<WoodburySquare<T>> squares_;  // one for each vector of a tile
};

/// Arithmetic in float serves a channel whose terms do not cancel and whose squares of dt |lambda| stay in range.
template <class Scalar>
bool in_double(const DplrChannel<double>& channel, const UnitNodes& nodes) {
  if constexpr (sizeof(Scalar) == 8) return true;
  constexpr double limit = 1 << 14, smallest = 1e-8, largest = 1e8;
  for (Index n = 0; n < channel.modes(); ++n) {
    const double size = channel.dt * std::abs(channel.poles[n]);
    if (size < smallest || size > largest || resonance(channel, nodes, n).strength > limit) return true;
  }
  return false;
}

/// The bins of a kernel.
template <class Scalar>
void dplr_bins(const DplrChannel<double>& channel, const UnitNodes& nodes, std::complex<Scalar>* bins) {
  if (in_double<Scalar>(channel, nodes)) {
    DplrSpectrum<double>(channel).forward(nodes, bins);
  } else {
    DplrSpectrum<Scalar>(channel).forward(nodes, bins);
  }
  for (const Index l : resonant_nodes(channel, nodes)) {
    const std::complex<double> value = DenseNode<double>(channel, nodes, l).value();
    bins[l] = {static_cast<Scalar>(value.real()), static_cast<Scalar>(value.imag())};
  }
}

/// Adds to `gradient` what comes from those of the bins, which may be changed.
template <class Scalar>
void dplr_bins_backward(const DplrChannel<double>& channel, const UnitNodes& nodes, std::complex<Scalar>* bins,
                        DplrChannel<double>& gradient) {
  for (const Index l : resonant_nodes(channel, nodes)) {
    DenseNode<double>(channel, nodes, l).backward(channel, {bins[l].real(), bins[l].imag()}, gradient);
    bins[l] = 0;
  }
  if (in_double<Scalar>(channel, nodes)) {
    DplrSpectrum<double>(channel).backward(nodes, bins, gradient);
  } else {
    DplrSpectrum<Scalar>(channel).backward(nodes, bins, gradient);
  }
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
