// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/panel_tile.hpp>

#include <cstdint>
#include <vector>

#include <tessera/core/aligned_vector.hpp>

#include "support/catch.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

/// The sums of a tile of `row_count` x (vectors * lanes), as a matrix.
template <class Scalar, int row_count, int vectors>
RowMatrix<Scalar> tile_product(const RowMatrix<Scalar>& x, const RowMatrix<Scalar>& columns,
                               const RowMatrix<Scalar>& initial) {
  constexpr int width = vectors * simd::lanes<Scalar>;
  REQUIRE((x.rows() == row_count && columns.rows() == width && initial.size() == width));
  AlignedVector<Scalar> panel(static_cast<std::size_t>(columns.size()) + 1),
      packed(static_cast<std::size_t>(x.size()) + 1);
  for (Index d = 0; d < columns.cols(); ++d) {
    for (Index c = 0; c < width; ++c) panel[static_cast<std::size_t>(d * width + c)] = columns(c, d);
  }
  pack_row_tile<row_count>(Batch<const Scalar>(rows(x)), 0, row_count, packed.data(),
                           [](Scalar v, Index) { return v; });
  PanelTile<Scalar, row_count, vectors> tile(initial.data());
  tile.accumulate(packed.data(), panel.data(), x.cols());
  RowMatrix<Scalar> result(row_count, width);
  for (int r = 0; r < row_count; ++r) {
    for (int v = 0; v < vectors; ++v) simd::store(&result(r, v * simd::lanes<Scalar>), tile.sum[r][v]);
  }
  return result;
}

template <class Scalar, int row_count, int vectors>
void check_exact(Index inner, std::uint64_t seed) {
  constexpr int width = vectors * simd::lanes<Scalar>;
  const RowMatrix<Scalar> x = random_integers<Scalar>(row_count, inner, seed, -9, 9);
  const RowMatrix<Scalar> columns = random_integers<Scalar>(width, inner, seed + 1, -9, 9);
  const RowMatrix<Scalar> initial = random_integers<Scalar>(1, width, seed + 2, -9, 9);
  RowMatrix<std::int64_t> expected = initial.template cast<std::int64_t>().replicate(row_count, 1);
  expected += x.template cast<std::int64_t>() * columns.template cast<std::int64_t>().transpose();
  CAPTURE(row_count, vectors, inner);
  CHECK(tile_product<Scalar, row_count, vectors>(x, columns, initial) == expected.template cast<Scalar>());
}

}  // namespace

TEMPLATE_TEST_CASE("a tile is initial values plus rows times columns, exactly for integers", "", float, double) {
  using Shape = PanelShape<TestType>;
  static_assert(Shape::width == Shape::vectors * simd::lanes<TestType>);
  for (const Index inner : {0, 1, 2, 13, 64}) {
    check_exact<TestType, Shape::rows, Shape::vectors>(inner, 1);
    check_exact<TestType, 2 * Shape::rows, 1>(inner, 2);
    check_exact<TestType, 1, 1>(inner, 3);
  }
}

#ifndef __FAST_MATH__  // under which a compiler may sum in another order
TEMPLATE_TEST_CASE("a sum does not depend on the tile it is in", "", float, double) {
  using Shape = PanelShape<TestType>;
  constexpr int lanes = simd::lanes<TestType>;
  const Index inner = 57;
  const RowMatrix<TestType> x = random_normal<TestType>(Shape::rows, inner, 4);
  const RowMatrix<TestType> columns = random_normal<TestType>(Shape::width, inner, 5);
  const RowMatrix<TestType> initial = random_normal<TestType>(1, Shape::width, 6);
  const RowMatrix<TestType> whole = tile_product<TestType, Shape::rows, Shape::vectors>(x, columns, initial);
  for (Index r = 0; r < x.rows(); ++r) {
    for (Index first = 0; first < Shape::width; first += lanes) {
      const RowMatrix<TestType> alone =
          tile_product<TestType, 1, 1>(x.row(r), columns.middleRows(first, lanes), initial.middleCols(first, lanes));
      CHECK(alone == whole.block(r, first, 1, lanes));
    }
  }
}
#endif

TEST_CASE("rows are packed dimension by dimension, transformed, and the last one fills what is missing") {
  RowMatrix<double> memory = random_normal<double>(9, 5, 7);
  const Batch<const double> batch = rows(memory.leftCols(3));
  const auto transform = [](double value, Index d) { return value * 2 + static_cast<double>(d); };
  for (const Index count : {1, 2, 4}) {
    std::vector<double> packed(3 * 4 + 1, 99);
    pack_row_tile<4>(batch, 5, count, packed.data(), transform);
    for (Index d = 0; d < 3; ++d) {
      for (Index r = 0; r < 4; ++r) {
        const double expected = memory(5 + std::min(r, count - 1), d) * 2 + static_cast<double>(d);
        CHECK(packed[static_cast<std::size_t>(d * 4 + r)] == expected);
      }
    }
    CHECK(packed.back() == 99);
  }
}
