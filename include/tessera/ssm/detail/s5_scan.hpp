// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The scan of S5, x[t] = p x[t-1] + B u[t] and y[t] = 2 Re(C x[t]) + skip u[t], over many samples: products with B and
// C in sections of a few dozen samples, in the order and precision of core/panel_tile.hpp, and between them the
// recurrence of all modes in double, modes across lanes.
//
// Samples are cut into chunks of one length. With e_c the last state of chunk c when it begins with zeros, chunks begin
// with s_(c+1) = p^length s_c + e_c: all e_c first, in parallel, then the starts one after the other, then all outputs
// in parallel (G. Blelloch, Prefix sums and their applications, 1990). One thread does the same sums in one go, and so
// has the same bits.

#include <algorithm>
#include <complex>
#include <cstring>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/panel_tile.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/ssm/detail/double_lanes.hpp>
#include <tessera/ssm/detail/lane_transpose.hpp>
#include <tessera/ssm/detail/tile_product.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Tables of a model; one object serves any number of threads.
template <class Scalar>
class S5Scan {
  using Tile = TileProduct<Scalar>;
  static constexpr int rows = Tile::rows, width = Tile::width;

 public:
  static constexpr Index section = 16 * rows;
  static constexpr Index chunk = 16 * section;

  S5Scan() = default;

  /// `poles` has `modes` entries, B is (modes, inputs) and C (outputs, modes); skip has as many entries as outputs.
  S5Scan(const Eigen::VectorXcd& poles, const RowMatrix<std::complex<double>>& b,
         const RowMatrix<std::complex<double>>& c, Eigen::VectorXd skip)
      : modes_(poles.size()),
        inputs_(b.cols()),
        outputs_(c.rows()),
        padded_(round_up(modes_, double_lanes)),
        state_columns_(round_up(2 * padded_, width)),
        output_columns_(round_up(outputs_, width)),
        poles_(poles),
        skip_(std::move(skip)) {
    pole_lanes_.assign(static_cast<std::size_t>(2 * padded_), 0);
    into_state_.assign(static_cast<std::size_t>(state_columns_ * inputs_), 0);
    into_output_.assign(static_cast<std::size_t>(output_columns_ * 2 * padded_), 0);
    for (Index n = 0; n < modes_; ++n) {
      put(pole_lanes_, n, poles[n]);
      for (Index i = 0; i < inputs_; ++i) {
        panel(into_state_, inputs_, i, n) = static_cast<Scalar>(b(n, i).real());
        panel(into_state_, inputs_, i, padded_ + n) = static_cast<Scalar>(b(n, i).imag());
      }
      for (Index o = 0; o < outputs_; ++o) {
        panel(into_output_, 2 * padded_, n, o) = static_cast<Scalar>(2 * c(o, n).real());
        panel(into_output_, 2 * padded_, padded_ + n, o) = static_cast<Scalar>(-2 * c(o, n).imag());
      }
    }
  }

  /// From `state` (modes) to the state after the last sample; outputs unless `output` is null.
  void run(std::complex<double>* state, const Signals<const Scalar>& input, const Signals<Scalar>* output,
           Execution execution) const {
    const Index chunks = (input.length() + chunk - 1) / chunk;
    if (chunks == 0) return;
    std::vector<Lanes> starts(static_cast<std::size_t>(chunks), Lanes(static_cast<std::size_t>(2 * padded_), 0));
    for (Index n = 0; n < modes_; ++n) put(starts[0], n, state[n]);
    Lanes last;
    if (execution.concurrency() <= 1) {
      Work work(*this);
      for (Index k = 0; k < chunks; ++k) {
        const bool more = k + 1 < chunks;
        if (more && output == nullptr) {
          run_chunk(work, k, input, nullptr, nullptr, &starts[at(k + 1)]);
        } else {
          last = starts[at(k)];
          run_chunk(work, k, input, output, &last, more ? &starts[at(k + 1)] : nullptr);
        }
        if (more) carry(starts[at(k)], starts[at(k + 1)]);
      }
    } else {
      execution.run(chunks - 1, [&](Index k) {
        Work work(*this);
        run_chunk(work, k, input, nullptr, nullptr, &starts[at(k + 1)]);
      });
      for (Index k = 0; k + 1 < chunks; ++k) carry(starts[at(k)], starts[at(k + 1)]);
      last = starts.back();
      execution.run(chunks, [&](Index k) {
        const bool ends = k + 1 == chunks;
        if (output == nullptr && !ends) return;
        Work work(*this);
        run_chunk(work, k, input, output, ends ? &last : &starts[at(k)], nullptr);
      });
    }
    for (Index n = 0; n < modes_; ++n) state[n] = {last[at(n)], last[at(padded_ + n)]};
  }

 private:
  using Lanes = AlignedVector<double>;  // real parts of all modes, then imaginary parts

  struct Work {
    explicit Work(const S5Scan& scan)
        : inputs(at(section * scan.inputs_)),
          sums(at(section * scan.state_columns_)),
          states(at(section * 2 * scan.padded_)),
          packed_states(at(rows * 2 * scan.padded_)),
          results(at(section * scan.output_columns_)) {}
    AlignedVector<Scalar> inputs, sums, states, packed_states, results;
  };

  static constexpr int lanes = simd::lanes<Scalar>;
  static_assert(section % lanes == 0, "expected sections of whole vectors");
  static constexpr std::size_t at(Index i) { return static_cast<std::size_t>(i); }

  static Scalar& panel(AlignedVector<Scalar>& panels, Index inner, Index row, Index column) {
    return panels[at((column / width * inner + row) * width + column % width)];
  }
  void put(Lanes& values, Index n, const std::complex<double>& value) const {
    values[at(n)] = value.real();
    values[at(padded_ + n)] = value.imag();
  }

  // next <- p^chunk start + next.
  void carry(const Lanes& start, Lanes& next) const {
    for (Index n = 0; n < modes_; ++n) {
      const std::complex<double> moved =
          complex_product(integer_power(poles_[n], chunk), {start[at(n)], start[at(padded_ + n)]});
      put(next, n, moved + std::complex<double>(next[at(n)], next[at(padded_ + n)]));
    }
  }

  // Chunk k: from `state` with its outputs, where not null, and from zeros, into `from_zeros`, where not null.
  void run_chunk(Work& work, Index k, const Signals<const Scalar>& input, const Signals<Scalar>* output, Lanes* state,
                 Lanes* from_zeros) const {
    const Index end = std::min((k + 1) * chunk, input.length());
    for (Index begin = k * chunk; begin < end; begin += section) {
      const Index count = std::min(section, end - begin);
      multiply_inputs(work, input, begin, count);
      if (from_zeros != nullptr) scan(work, count, *from_zeros, nullptr);
      if (state == nullptr) continue;
      scan(work, count, *state, output == nullptr ? nullptr : work.states.data());
      if (output != nullptr) multiply_states(work, input, *output, begin, count);
    }
  }

  // Signals are read and written a section of a channel at a time: channels may be a power of two apart, and then few
  // of them stay in the cache together.
  void pack(Work& work, const Signals<const Scalar>& input, Index begin, Index count) const {
    for (Index i = 0; i < inputs_; ++i) {
      const Scalar* from = input(0, i) + begin;
      Scalar* to = work.inputs.data() + i * rows;
      Index t = 0;
      for (; t + rows <= count; t += rows) std::memcpy(to + t * inputs_, from + t, rows * sizeof(Scalar));
      if (t < count) std::fill_n(std::copy_n(from + t, count - t, to + t * inputs_), rows - (count - t), Scalar(0));
    }
  }

  void multiply_inputs(Work& work, const Signals<const Scalar>& input, Index begin, Index count) const {
    pack(work, input, begin, count);
    for (Index t = 0; t < count; t += rows) {
      for (Index column = 0; column < state_columns_; column += width) {
        Tile::multiply(work.inputs.data() + t * inputs_, into_state_.data() + column * inputs_, inputs_,
                       work.sums.data() + t * state_columns_ + column, state_columns_, rows * state_columns_ - column);
      }
    }
  }

  void scan(const Work& work, Index count, Lanes& state, Scalar* states) const {
    Index n = 0;
    for (; n + 2 * double_lanes <= padded_; n += 2 * double_lanes) scan_modes<2>(work, n, count, state, states);
    for (; n < padded_; n += double_lanes) scan_modes<1>(work, n, count, state, states);
  }

  // `several` vectors of modes, which need not wait for one another.
  template <int several>
  void scan_modes(const Work& work, Index n, Index count, Lanes& state, Scalar* states) const {
    ModeLanes x[several], pole[several];
    const auto several_lanes = [&](const auto& from, int i) {
      const auto* first = from + n + i * double_lanes;
      return ModeLanes{load_double(first), load_double(first + padded_)};
    };
    TESSERA_UNROLL
    for (int i = 0; i < several; ++i) {
      x[i] = several_lanes(state.data(), i);
      pole[i] = several_lanes(pole_lanes_.data(), i);
    }
    for (Index t = 0; t < count; ++t) {
      TESSERA_UNROLL
      for (int i = 0; i < several; ++i) {
        x[i] = multiply_add(x[i], pole[i], several_lanes(work.sums.data() + t * state_columns_, i));
        if (states == nullptr) continue;
        Scalar* to = states + t * 2 * padded_ + n + i * double_lanes;
        store_double(to, x[i].real);
        store_double(to + padded_, x[i].imag);
      }
    }
    TESSERA_UNROLL
    for (int i = 0; i < several; ++i) {
      simd::store(state.data() + n + i * double_lanes, x[i].real);
      simd::store(state.data() + padded_ + n + i * double_lanes, x[i].imag);
    }
  }

  void multiply_states(Work& work, const Signals<const Scalar>& input, const Signals<Scalar>& output, Index begin,
                       Index count) const {
    const Batch<const Scalar> states(work.states.data(), count, 2 * padded_);
    for (Index t = 0; t < count; t += rows) {
      pack_row_tile<rows>(states, t, std::min<Index>(rows, count - t), work.packed_states.data(),
                          [](Scalar value, Index) { return value; });
      for (Index column = 0; column < output_columns_; column += width) {
        Tile::multiply(work.packed_states.data(), into_output_.data() + column * 2 * padded_, 2 * padded_,
                       work.results.data() + t * output_columns_ + column, output_columns_,
                       rows * output_columns_ - column);
      }
    }
    for (Index o = 0; o < outputs_; o += lanes) {
      for (Index t = 0; t < count; t += lanes)
        write(work, o, t, input, output, begin, std::min<Index>(lanes, count - t));
    }
  }

  // Outputs o, o + 1, ... of samples t, t + 1, ..., `count` of them.
  void write(const Work& work, Index o, Index t, const Signals<const Scalar>& input, const Signals<Scalar>& output,
             Index begin, Index count) const {
    simd::Vec<Scalar> results[lanes];
    TESSERA_UNROLL
    for (int i = 0; i < lanes; ++i) results[i] = simd::load(work.results.data() + (t + i) * output_columns_ + o);
    transpose_lanes<Scalar>(results);
    const Index present = std::min<Index>(lanes, outputs_ - o);
    TESSERA_UNROLL
    for (int i = 0; i < lanes; ++i) {
      if (i < present) write_lane(results[i], o + i, begin + t, count, input, output);
    }
  }

  // `count` lanes are samples `begin`, begin + 1, ... of output o.
  TESSERA_INLINE void write_lane(simd::Vec<Scalar> result, Index o, Index begin, Index count,
                                 const Signals<const Scalar>& input, const Signals<Scalar>& output) const {
    const auto skip = static_cast<Scalar>(skip_[o]);
    Scalar* to = output(0, o) + begin;
    if (count == lanes) {
      if (skip != 0) result = simd::multiply_add(simd::broadcast(skip), simd::load(input(0, o) + begin), result);
      return simd::store(to, result);
    }
    Scalar lane[lanes];
    simd::store(lane, result);
    for (Index r = 0; r < count; ++r) to[r] = skip != 0 ? lane[r] + skip * input(0, o)[begin + r] : lane[r];
  }

  Index modes_ = 0, inputs_ = 0, outputs_ = 0, padded_ = 0, state_columns_ = 0, output_columns_ = 0;
  Eigen::VectorXcd poles_;
  Eigen::VectorXd skip_;
  Lanes pole_lanes_;
  AlignedVector<Scalar> into_state_;   // [panel][inputs][width], columns: real parts of modes, then imaginary parts
  AlignedVector<Scalar> into_output_;  // [panel][2 padded][width]
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
