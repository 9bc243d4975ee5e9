// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The matrix product whose bits can be relied on: y = W x + b for each row x of a batch, every output one chain of
// multiply-adds that starts at b and runs over the inner dimension in order. A row's result does not depend on the
// batch it is in, on how the batch is split, or on the number of threads. That is what inference and decoding need
// (general matrix products block by batch and cache size, and move the last bits with them).

#include <algorithm>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/panel_tile.hpp>

namespace tessera::inline TESSERA_ISA {

/// A weight matrix (outputs x inputs) with a bias, packed once for products with many rows.
///
/// Cost of a product: N * outputs * inputs multiply-adds at close to the machine's peak, for outputs that fill the
/// panels (64 floats wide with AVX-512). Immutable: one object may serve any number of threads.
template <class Scalar>
class PanelMatrix {
 public:
  PanelMatrix() = default;

  /// Row o of `weights` holds the weights of output o. `bias` is empty (zeros) or has one scalar per output, as a
  /// single vector or as vectors of one scalar. Throws std::invalid_argument when the bias has another shape.
  explicit PanelMatrix(Batch<const Scalar> weights, Batch<const Scalar> bias = {})
      : inputs_(weights.dimension()), outputs_(weights.count()), narrow_(weights.count() <= lanes) {
    const bool row = bias.count() == 1 && bias.dimension() == outputs_;
    const bool column = bias.count() == outputs_ && bias.dimension() == 1;
    require(bias.count() == 0 || row || column,
            "PanelMatrix: expected a bias of {} scalars, one per output, found {} x {}", outputs_, bias.count(),
            bias.dimension());
    const Index panels = (outputs_ + width() - 1) / width();
    panels_.assign(static_cast<std::size_t>(panels * width() * inputs_), Scalar(0));
    bias_.assign(static_cast<std::size_t>(panels * width()), Scalar(0));
    for (Index o = 0; o < outputs_; ++o) {
      const Index first = o / width() * width() * inputs_ + o % width();
      for (Index d = 0; d < inputs_; ++d) panels_[static_cast<std::size_t>(first + d * width())] = weights[o][d];
      if (bias.count() != 0) bias_[static_cast<std::size_t>(o)] = row ? bias[0][o] : bias[o][0];
    }
  }

  Index inputs() const { return inputs_; }
  Index outputs() const { return outputs_; }

  /// Computes `output` (N x outputs) from `input` (N x inputs); the two must not overlap.
  /// Throws std::invalid_argument on other sizes.
  void multiply_into(Batch<const Scalar> input, Batch<Scalar> output, Execution execution = {}) const {
    require(input.dimension() == inputs_, "PanelMatrix: expected rows of dimension {}, found {} (batch of {})", inputs_,
            input.dimension(), input.count());
    require(output.count() == input.count() && output.dimension() == outputs_,
            "PanelMatrix: expected an output of {} x {}, found {} x {}", input.count(), outputs_, output.count(),
            output.dimension());
    execution.for_ranges(input.count(), grain, [&](Index begin, Index end) {
      if (narrow_) {
        multiply_range<2 * Shape::rows, 1>(input, output, begin, end);  // more rows: enough chains in one vector
      } else {
        multiply_range<Shape::rows, Shape::vectors>(input, output, begin, end);
      }
    });
  }

  /// The same, returned.
  RowMatrix<Scalar> multiply(Batch<const Scalar> input, Execution execution = {}) const {
    RowMatrix<Scalar> output(input.count(), outputs_);
    multiply_into(input, rows(output), execution);
    return output;
  }

 private:
  using Shape = PanelShape<Scalar>;
  static constexpr int lanes = simd::lanes<Scalar>;
  static constexpr Index grain = 64 * Shape::rows;  // rows per task: whole tiles

  Index width() const { return narrow_ ? lanes : Shape::width; }

  template <int row_count, int vectors>
  void multiply_range(Batch<const Scalar> input, Batch<Scalar> output, Index begin, Index end) const {
    constexpr Index panel_width = vectors * lanes;
    AlignedVector<Scalar> packed(static_cast<std::size_t>(inputs_ * row_count));
    for (Index first = begin; first < end; first += row_count) {
      const Index count = std::min<Index>(row_count, end - first);
      pack_row_tile<row_count>(input, first, count, packed.data(), [](Scalar value, Index) { return value; });
      for (Index column = 0; column < outputs_; column += panel_width) {
        PanelTile<Scalar, row_count, vectors> tile(bias_.data() + column);
        tile.accumulate(packed.data(), panels_.data() + column * inputs_, inputs_);
        store_tile(tile, output, first, count, column);
      }
    }
  }

  template <int row_count, int vectors>
  static void store_tile(const PanelTile<Scalar, row_count, vectors>& tile, Batch<Scalar> output, Index first,
                         Index count, Index column) {
    constexpr Index panel_width = vectors * lanes;
    const Index columns = std::min<Index>(panel_width, output.dimension() - column);
    Scalar values[row_count][panel_width];
    TESSERA_UNROLL
    for (int r = 0; r < row_count; ++r) {
      TESSERA_UNROLL
      for (int v = 0; v < vectors; ++v) simd::store(values[r] + v * lanes, tile.sum[r][v]);
    }
    for (Index r = 0; r < count; ++r) std::copy_n(values[r], columns, output[first + r] + column);
  }

  Index inputs_ = 0;
  Index outputs_ = 0;
  bool narrow_ = true;  // few outputs: panels one vector wide, so that little is padded
  AlignedVector<Scalar> panels_;
  AlignedVector<Scalar> bias_;
};

}  // namespace tessera::inline TESSERA_ISA
