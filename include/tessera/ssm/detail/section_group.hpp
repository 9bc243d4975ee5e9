// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What filters of second-order sections have in common, whether these stand one after the other or side by side
// (`Lanes`, detail/cascade_lanes.hpp and detail/parallel_lanes.hpp): coefficients, running, and the way back. Rows of
// all examples and channels fill the lanes of vectors; time goes in blocks, from tile to tile (detail/lane_tile.hpp).

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <utility>

#include <Eigen/Core>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/ssm/detail/lane_tile.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Rows r = example * channels + channel, of which `Lanes<Scalar>::width` from `first` on are one group.
template <class Scalar, template <class> class LanesOf>
class SectionGroup {
 public:
  using Lanes = LanesOf<Scalar>;
  using Tile = LaneTile<Scalar>;
  static constexpr Index width = Lanes::width;
  static constexpr Index block = 128;  // samples of a tile

  /// Packs the coefficients of the group's rows. `Given` may be another scalar than that of the arithmetic.
  template <class Given>
  SectionGroup(const RowMatrix<Given>& coefficients, Index sections, Index first, Index rows)
      : sections_(sections),
        first_(first),
        count_(std::min(width, rows - first)),
        coefficients_(static_cast<std::size_t>(coefficients.cols() * width)),
        state_(static_cast<std::size_t>(2 * sections * width)),
        tiles_(static_cast<std::size_t>((2 * block + Lanes::run_work(block)) * width)) {
    pack(coefficients, sections, first, count_, coefficients_.data());
  }

  static bool feedback(Index j, Index sections) {
    return j < Lanes::coefficients * sections && j % Lanes::coefficients >= Lanes::first_feedback;
  }

  template <class Given>
  static void pack(const RowMatrix<Given>& coefficients, Index sections, Index first, Index count, Scalar* packed) {
    for (Index i = 0; i < count; ++i) {
      const Given* row = coefficients.data() + (first + i) % coefficients.rows() * coefficients.cols();
      for (Index j = 0; j < coefficients.cols(); ++j)
        packed[j * width + i] = static_cast<Scalar>(feedback(j, sections) ? -row[j] : row[j]);
    }
  }

  void load_state(const RowMatrix<Scalar>& states) { load_rows(states, state_.data()); }
  void store_state(RowMatrix<Scalar>& states) const { store_rows(state_.data(), states); }
  void load_rows(const RowMatrix<Scalar>& from, Scalar* packed) const {
    for (Index i = 0; i < count_; ++i)
      for (Index j = 0; j < from.cols(); ++j) packed[j * width + i] = from(first_ + i, j);
  }
  void store_rows(const Scalar* packed, RowMatrix<Scalar>& to) const {
    for (Index i = 0; i < count_; ++i)
      for (Index j = 0; j < to.cols(); ++j) to(first_ + i, j) = packed[j * width + i];
  }

  /// The group's rows of these signals; null for lanes without a row, and for signals that are not there.
  template <class Sample>
  void find_rows(const Signals<Sample>& signals, Sample* (&rows)[width]) const {
    for (Index i = 0; i < width; ++i) {
      const Index row = first_ + i;
      rows[i] = i < count_ && signals.data() != nullptr ? signals(row / signals.channels(), row % signals.channels())
                                                        : nullptr;
    }
  }

  /// Runs over all samples; an output without memory is not wanted.
  void run(const Signals<const Scalar>& input, const Signals<Scalar>& output) {
    const Scalar* in[width];
    Scalar* out[width];
    find_rows(input, in);
    find_rows(output, out);
    for (Index t = 0; t < input.length(); t += block) {
      const Index samples = std::min(block, input.length() - t);
      Tile::load(in, t, samples, tile(0));
      run_block(samples);
      if (output.data() != nullptr) Tile::store(tile(1), samples, out, t);
    }
  }

  /// The impulse response into rows of `taps`, rounded to their scalar.
  template <class Given>
  void impulse(RowMatrix<Given>& taps) {
    for (Index t = 0; t < taps.cols(); t += block) {
      const Index samples = std::min(block, taps.cols() - t);
      std::fill_n(tile(0), samples * width, Scalar{0});
      if (t == 0) std::fill_n(tile(0), width, Scalar{1});
      run_block(samples);
      for (Index i = 0; i < count_; ++i)
        for (Index n = 0; n < samples; ++n) taps(first_ + i, t + n) = static_cast<Given>(tile(1)[n * width + i]);
    }
  }

  /// From the input, the states before and the gradients of output and of the states after, to those of input, states
  /// before and coefficients of each row. States at the start of every block are kept, the rest is computed again.
  void backward(const Signals<const Scalar>& input, const Signals<const Scalar>& grad_output,
                const Signals<Scalar>& grad_input, RowMatrix<Scalar>& grad_states, RowMatrix<Scalar>& grad_rows) {
    const Index blocks = (input.length() + block - 1) / block, state_size = 2 * sections_ * width;
    const Scalar* in[width];
    const Scalar* upstream[width];
    Scalar* out[width];
    find_rows(input, in);
    find_rows(grad_output, upstream);
    find_rows(grad_input, out);
    AlignedVector<Scalar> states(static_cast<std::size_t>(blocks * state_size)), adjoint(state_.size());
    AlignedVector<Scalar> gradient(coefficients_.size());
    AlignedVector<Scalar> more(static_cast<std::size_t>((block + Lanes::backward_work(sections_, block)) * width));
    for (Index b = 0; b < blocks; ++b) {
      std::copy(state_.begin(), state_.end(), states.begin() + b * state_size);
      if (b + 1 == blocks) break;
      Tile::load(in, b * block, block, tile(0));
      run_block(block);
    }
    load_rows(grad_states, adjoint.data());
    for (Index b = blocks - 1; b >= 0; --b) {
      const Index t = b * block, samples = std::min(block, input.length() - t);
      Tile::load(in, t, samples, tile(0));
      Tile::load(upstream, t, samples, tile(1));
      Lanes::backward(coefficients_.data(), sections_, states.data() + b * state_size, adjoint.data(), gradient.data(),
                      tile(0), tile(1), more.data(), more.data() + block * width, samples);
      if (grad_input.data() != nullptr) Tile::store(more.data(), samples, out, t);
    }
    for (Index j = 0; j < grad_rows.cols(); ++j) {
      if (!feedback(j, sections_)) continue;
      for (Index i = 0; i < width; ++i) gradient[static_cast<std::size_t>(j * width + i)] *= -1;
    }
    store_rows(adjoint.data(), grad_states);
    store_rows(gradient.data(), grad_rows);
  }

 private:
  Scalar* tile(Index i) { return tiles_.data() + i * block * width; }
  void run_block(Index samples) {
    Lanes::run(coefficients_.data(), sections_, state_.data(), tile(0), tile(1), tile(2), samples);
  }

  Index sections_;
  Index first_;
  Index count_;
  AlignedVector<Scalar> coefficients_;
  AlignedVector<Scalar> state_;
  AlignedVector<Scalar> tiles_;  // input, output, work
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
