// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Sums of powers, at every exponent below L at once, as real matrix products in registers. With t = J q + r,
//
//   K[J q + r] = 2 Re sum over n of (w_n p_n^(J q)) p_n^r,            0 <= r < J,
//
// is an (L/J x 2N)(2N x J) product of two small tables, giant steps times baby steps: no power is computed for a single
// (n, t). Its transpose gives the sums that gradients need,
//
//   S0_n = sum over t of g[t] p_n^t,      S1_n = sum over t of t g[t] p_n^(t-1).
//
// For each q a product of g with the baby steps, and with their derivatives, makes U_q = sum over r of g[J q + r] p^r
// and V_q = dU_q/dp; then S0 = sum over q of U_q P^q and S1 = sum over q of V_q P^q + (dS0/dP) J p^(J-1), with P = p^J,
// by Horner's rule. Tables are made in double and rounded once.

#include <algorithm>
#include <complex>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/ssm/detail/double_lanes.hpp>
#include <tessera/ssm/detail/tile_product.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Tables and products for one number of modes and one length; one object serves one thread at a time.
template <class Scalar>
class Vandermonde {
 public:
  /// Both at least 0.
  Vandermonde(Index modes, Index length) : modes_(modes), length_(length) {
    choose_block();
    baby_.resize(static_cast<std::size_t>(2 * modes_ * block_));
    giant_.resize(static_cast<std::size_t>(2 * modes_ * tiles_ * rows));
    steps_.resize(static_cast<std::size_t>(modes_));
  }

  /// taps[t] = 2 Re sum of w p^t, for t < length.
  void taps(const std::complex<double>* poles, const std::complex<double>* weights, Scalar* taps) {
    for (Index n = 0; n < modes_; ++n) steps_[static_cast<std::size_t>(n)] = fill_baby_steps(n, poles[n]);
    for (Index n = 0; n < modes_; ++n) fill_giant_steps(n, 2.0 * weights[n], steps_[static_cast<std::size_t>(n)]);
    const Index inner = 2 * modes_;
    for (Index panel = 0; panel * width < block_; ++panel) {
      for (Index tile = 0; tile < tiles_; ++tile) {
        const Index begin = tile * rows * block_ + panel * width;
        if (begin >= length_) break;
        Tile::multiply(giant_.data() + tile * inner * rows, baby_.data() + panel * inner * width, inner, taps + begin,
                       block_, length_ - begin);
      }
    }
  }

 private:
  using Tile = TileProduct<Scalar>;
  static constexpr int rows = Tile::rows, width = Tile::width;

  // The block J, a multiple of the panel's width, for which products (with what is padded) and tables cost least.
  void choose_block() {
    constexpr Index table_cost = 12;  // of an entry of a table, in multiply-adds of the product
    Index best = 0;
    for (Index block = width; block < length_ + width && block <= 64 * width; block += width) {
      const Index steps = round_up((length_ + block - 1) / block, rows);
      const Index cost = 2 * steps * block + table_cost * (steps + block);
      if (best != 0 && cost >= best) continue;
      best = cost;
      block_ = block;
      tiles_ = steps / rows;
    }
  }

  // Rows 2n and 2n + 1: p^r in panels. Returns p^J.
  std::complex<double> fill_baby_steps(Index n, const std::complex<double>& pole) {
    const Index inner = 2 * modes_;
    return geometric_series(1, pole, block_, [&](Index r, const ModeLanes& power) {
      Scalar* to = baby_.data() + (r / width * inner + 2 * n) * width + r % width;
      store_double(to, power.real);
      store_double(to + width, power.imag);
    });
  }

  // Rows 2n and 2n + 1: 2 w p^(J q) in tiles, the imaginary part with the sign that it has in the product.
  void fill_giant_steps(Index n, const std::complex<double>& weight, const std::complex<double>& step) {
    const Index inner = 2 * modes_;
    geometric_series(weight, step, tiles_ * rows, [&](Index q, const ModeLanes& power) {
      if constexpr (rows == double_lanes) {
        Scalar* to = giant_.data() + q * inner + 2 * n * rows;
        store_double(to, power.real);
        store_double(to + rows, -power.imag);
      } else {
        for (int i = 0; i < double_lanes && q + i < tiles_ * rows; ++i) {
          Scalar* to = giant_.data() + ((q + i) / rows * inner + 2 * n) * rows + (q + i) % rows;
          to[0] = static_cast<Scalar>(power.real[i]);
          to[rows] = static_cast<Scalar>(-power.imag[i]);
        }
      }
    });
  }

  Index modes_, length_, block_ = width, tiles_ = 0;
  AlignedVector<Scalar> baby_;   // [panel][2 modes][width]
  AlignedVector<Scalar> giant_;  // [tile][2 modes][rows]
  AlignedVector<std::complex<double>> steps_;
};

/// The sums S0 and S1, for one number of modes and one length; one object serves one thread at a time.
template <class Scalar>
class VandermondeTranspose {
 public:
  /// Both at least 0.
  VandermondeTranspose(Index modes, Index length)
      : modes_(modes), padded_(round_up(modes, double_lanes)), columns_(round_up(4 * padded_, width)), length_(length) {
    while (block_ * block_ < length_) block_ += 8;
    block_ = std::min(block_, std::max<Index>(length_, 1));  // no power beyond the length, which could overflow
    steps_ = std::max<Index>((length_ + block_ - 1) / block_, 1);
    tiles_ = (steps_ + rows - 1) / rows;
    baby_.assign(static_cast<std::size_t>(columns_ * block_), Scalar(0));
    packed_.resize(static_cast<std::size_t>(block_ * rows));
    sums_.resize(static_cast<std::size_t>(tiles_ * rows * columns_));
    poles_.assign(static_cast<std::size_t>(2 * padded_), 0);
  }

  /// Writes S0 and S1 of every mode.
  void sums(const std::complex<double>* poles, const Scalar* taps, std::complex<double>* s0, std::complex<double>* s1) {
    fill_poles(poles);
    for (Index n = 0; n < padded_; n += double_lanes) fill_table(n);
    for (Index tile = 0; tile < tiles_; ++tile) {
      pack(taps, tile);
      for (Index panel = 0; panel * width < columns_; ++panel) {
        Tile::multiply(packed_.data(), baby_.data() + panel * block_ * width, block_,
                       sums_.data() + tile * rows * columns_ + panel * width, columns_,
                       rows * columns_ - panel * width);
      }
    }
    for (Index n = 0; n < padded_; n += double_lanes) horner(n, s0, s1);
  }

 private:
  using Tile = TileProduct<Scalar>;
  static constexpr int rows = Tile::rows, width = Tile::width;

  void fill_poles(const std::complex<double>* poles) {
    for (Index n = 0; n < modes_; ++n) {
      poles_[static_cast<std::size_t>(n)] = poles[n].real();
      poles_[static_cast<std::size_t>(padded_ + n)] = poles[n].imag();
    }
  }
  ModeLanes pole(Index n) const { return {simd::load(poles_.data() + n), simd::load(poles_.data() + padded_ + n)}; }

  // Columns n, n + 1, ...: real and imaginary parts of p^r, then of r p^(r-1), each kind `padded_` columns.
  void fill_table(Index n) {
    Scalar* column[4];
    for (Index kind = 0; kind < 4; ++kind) {
      const Index c = kind * padded_ + n;
      column[kind] = baby_.data() + c / width * width * block_ + c % width;
    }
    const ModeLanes base = pole(n);
    ModeLanes power = ModeLanes::all(1), slope = ModeLanes::all(0);
    for (Index r = 0; r < block_; ++r) {
      store_double(column[0] + r * width, power.real);
      store_double(column[1] + r * width, power.imag);
      store_double(column[2] + r * width, slope.real);
      store_double(column[3] + r * width, slope.imag);
      slope = multiply_add(slope, base, power);  // (r + 1) p^r = r p^(r-1) p + p^r
      power = power * base;
    }
  }

  void pack(const Scalar* taps, Index tile) {
    for (int i = 0; i < rows; ++i) {
      const Index begin = std::min((tile * rows + i) * block_, length_), count = std::min(block_, length_ - begin);
      Scalar* to = packed_.data() + i;
      for (Index r = 0; r < count; ++r) to[r * rows] = taps[begin + r];
      for (Index r = count; r < block_; ++r) to[r * rows] = 0;
    }
  }

  void horner(Index n, std::complex<double>* s0, std::complex<double>* s1) const {
    const ModeLanes base = pole(n);
    ModeLanes before = ModeLanes::all(1);  // p^(J-1)
    for (Index r = 1; r < block_; ++r) before = before * base;
    const ModeLanes step = before * base;
    const Scalar* row = sums_.data() + (steps_ - 1) * columns_ + n;
    const auto part = [&](Index kind) {
      return ModeLanes{load_double(row + kind * padded_), load_double(row + (kind + 1) * padded_)};
    };
    ModeLanes value = part(0), derivative = ModeLanes::all(0), inner = part(2);
    for (Index q = 1; q < steps_; ++q) {
      row -= columns_;
      derivative = multiply_add(derivative, step, value);
      value = multiply_add(value, step, part(0));
      inner = multiply_add(inner, step, part(2));
    }
    const DoubleVec size = simd::broadcast(static_cast<double>(block_));
    const ModeLanes slope = multiply_add(derivative, {before.real * size, before.imag * size}, inner);
    for (int i = 0; i < double_lanes && n + i < modes_; ++i) {
      s0[n + i] = {value.real[i], value.imag[i]};
      s1[n + i] = {slope.real[i], slope.imag[i]};
    }
  }

  Index modes_, padded_, columns_, length_, block_ = 8, steps_ = 0, tiles_ = 0;
  AlignedVector<Scalar> baby_;    // [panel][block][width]
  AlignedVector<Scalar> packed_;  // [block][rows]
  AlignedVector<Scalar> sums_;    // [tiles * rows][columns]
  AlignedVector<double> poles_;   // real parts, then imaginary parts
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
