// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The recurrence of many modes over blocks of T samples, as real matrix products. With x the state before a block,
//
//   y[t] = sum over s <= t of K[t - s] u[s] + 2 Re sum over n of w_n p_n^(t + 1) x_n        (t for delayed timing),
//   x_n <- p_n^T x_n + sum over s of p_n^(T - 1 - s) u[s]:
//
// what inputs add to states, and outputs, are products of (blocks x T) and (blocks x (T + 2N)) matrices with tables;
// between the two runs a short recurrence from block to block. States are in double.

#include <algorithm>
#include <complex>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/panel_tile.hpp>
#include <tessera/ssm/detail/double_lanes.hpp>
#include <tessera/ssm/detail/tile_product.hpp>
#include <tessera/ssm/timing.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Tables of one channel at a time; one object serves one thread at a time.
template <class Scalar, Timing timing>
class ModalBlocks {
  using Tile = TileProduct<Scalar>;
  static constexpr int rows = Tile::rows, width = Tile::width;

 public:
  /// Samples in a block.
  static constexpr Index block = 2 * width;
  /// Fewer samples than these are not worth the tables.
  static constexpr Index worthwhile = 16 * block;

  explicit ModalBlocks(Index modes)
      : modes_(modes), padded_(round_up(modes, double_lanes)), columns_(round_up(2 * padded_, width)) {
    into_state_.assign(static_cast<std::size_t>(columns_ * block), 0);
    into_output_.assign(static_cast<std::size_t>((block + 2 * padded_) * block), 0);
    powers_.assign(static_cast<std::size_t>(2 * padded_), 0);
    state_.assign(static_cast<std::size_t>(2 * padded_), 0);
    packed_.resize(static_cast<std::size_t>(section * inner()));
    sums_.resize(static_cast<std::size_t>(section * columns_));
    states_.resize(static_cast<std::size_t>(section * 2 * padded_));
  }

  void set_channel(const std::complex<double>* poles, const std::complex<double>* weights, double skip) {
    double taps[block + 1] = {};  // 2 Re sum of w p^t
    for (Index n = 0; n < modes_; ++n) fill(n, poles[n], weights[n], taps);
    for (Index s = 0; s < block; ++s) {
      for (Index t = s; t < block; ++t) {
        const Index lag = t - s;
        const double tap = timing == Timing::current ? taps[lag] : lag > 0 ? taps[lag - 1] : 0;
        output_table(s, t) = static_cast<Scalar>(tap + (lag == 0 ? skip : 0));
      }
    }
  }

  /// `blocks` blocks, in place if `output` is `input`; no output where it is null.
  void run(const Scalar* input, Scalar* output, Index blocks, std::complex<double>* state) {
    for (Index n = 0; n < modes_; ++n) {
      state_[static_cast<std::size_t>(n)] = state[n].real();
      state_[static_cast<std::size_t>(padded_ + n)] = state[n].imag();
    }
    for (Index begin = 0; begin < blocks; begin += section) {
      const Index count = std::min<Index>(section, blocks - begin);
      sum_inputs(input + begin * block, count);
      move_states(count);
      if (output != nullptr) write_outputs(output + begin * block, count);
    }
    for (Index n = 0; n < modes_; ++n)
      state[n] = {state_[static_cast<std::size_t>(n)], state_[static_cast<std::size_t>(padded_ + n)]};
  }

 private:
  static constexpr Index section = 8 * rows;  // blocks that are worked on at once

  // Of a row of the product with into_output_: the samples of a block, then the state before it.
  Index inner() const { return block + 2 * padded_; }
  Scalar& output_table(Index row, Index column) {
    return into_output_[static_cast<std::size_t>((column / width * inner() + row) * width + column % width)];
  }

  void fill(Index n, const std::complex<double>& pole, const std::complex<double>& weight, double* taps) {
    std::complex<double> power = 1, response = 2.0 * weight;
    for (Index t = 0; t < block; ++t) {
      for (const Index part : {Index{0}, padded_}) {
        const Index c = part + n;
        Scalar* column = into_state_.data() + c / width * width * block + c % width;
        column[(block - 1 - t) * width] = static_cast<Scalar>(part == 0 ? power.real() : power.imag());
      }
      taps[t] += response.real();
      const std::complex<double> next = complex_product(response, pole);
      const std::complex<double>& heard = timing == Timing::current ? next : response;
      output_table(block + n, t) = static_cast<Scalar>(heard.real());
      output_table(block + padded_ + n, t) = static_cast<Scalar>(-heard.imag());
      power = complex_product(power, pole);
      response = next;
    }
    powers_[static_cast<std::size_t>(n)] = power.real();
    powers_[static_cast<std::size_t>(padded_ + n)] = power.imag();
  }

  void sum_inputs(const Scalar* input, Index count) {
    const Batch<const Scalar> blocks(input, count, block);
    for (Index begin = 0; begin < count; begin += rows) {
      Scalar* packed = packed_.data() + begin * inner();
      pack_row_tile<rows>(blocks, begin, std::min<Index>(rows, count - begin), packed,
                          [](Scalar value, Index) { return value; });
      for (Index column = 0; column < columns_; column += width) {
        Tile::multiply(packed, into_state_.data() + column * block, block, sums_.data() + begin * columns_ + column,
                       columns_, rows * columns_ - column);
      }
    }
  }

  void move_states(Index count) {
    for (Index n = 0; n < padded_; n += double_lanes) {
      ModeLanes state{simd::load(state_.data() + n), simd::load(state_.data() + padded_ + n)};
      const ModeLanes power{simd::load(powers_.data() + n), simd::load(powers_.data() + padded_ + n)};
      for (Index b = 0; b < count; ++b) {
        Scalar* to = states_.data() + b * 2 * padded_ + n;
        store_double(to, state.real);
        store_double(to + padded_, state.imag);
        const Scalar* sum = sums_.data() + b * columns_ + n;
        state = multiply_add(state, power, {load_double(sum), load_double(sum + padded_)});
      }
      simd::store(state_.data() + n, state.real);
      simd::store(state_.data() + padded_ + n, state.imag);
    }
  }

  void write_outputs(Scalar* output, Index count) {
    const Batch<const Scalar> states(states_.data(), count, 2 * padded_);
    for (Index begin = 0; begin < count; begin += rows) {
      Scalar* packed = packed_.data() + begin * inner();
      pack_row_tile<rows>(states, begin, std::min<Index>(rows, count - begin), packed + block * rows,
                          [](Scalar value, Index) { return value; });
      for (Index column = 0; column < block; column += width) {
        const Index from = begin * block + column;
        Tile::multiply(packed, into_output_.data() + column * inner(), inner(), output + from, block,
                       count * block - from);
      }
    }
  }

  Index modes_, padded_, columns_;
  AlignedVector<Scalar> into_state_;   // [panel][block][width], columns: real parts, then imaginary parts
  AlignedVector<Scalar> into_output_;  // [panel][block + 2 padded][width]
  AlignedVector<double> powers_, state_;
  AlignedVector<Scalar> packed_;  // [tile][block + 2 padded][rows]
  AlignedVector<Scalar> sums_;    // [block of the section][columns]
  AlignedVector<Scalar> states_;  // [block of the section][2 padded]
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
