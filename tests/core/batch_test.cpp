// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/batch.hpp>

#include <type_traits>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Batch;
using tessera::columns;
using tessera::Index;
using tessera::pack_columns;
using tessera::pack_rows;
using tessera::RowMatrix;
using tessera::rows;
using tessera::testing::message_of;
namespace testing = tessera::testing;

using ColumnMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;

/// The batch holds exactly the rows of `expected`, by the pointer to each vector.
template <class Scalar, class Matrix>
bool holds(Batch<Scalar> batch, const Matrix& expected) {
  if (batch.count() != expected.rows() || batch.dimension() != expected.cols()) return false;
  for (Index i = 0; i < batch.count(); ++i) {
    for (Index d = 0; d < batch.dimension(); ++d) {
      if (batch[i][d] != static_cast<std::remove_const_t<Scalar>>(expected(i, d))) return false;
    }
  }
  return true;
}

// Functions as users write them: a Ref takes any matrix of the layout, with whatever distance between vectors.
Batch<const float> rows_of_ref(const Eigen::Ref<const RowMatrix<float>>& matrix) { return rows(matrix); }
Batch<float> columns_of_ref(Eigen::Ref<ColumnMatrix> matrix) { return columns(matrix); }
Batch<const float> take(Batch<const float> batch) { return batch; }

}  // namespace

TEST_CASE("rows of row-major storage are viewed in place", "[batch]") {
  RowMatrix<float> matrix = testing::random_normal<float>(6, 5, 1);
  const Batch<float> batch = rows(matrix);
  CHECK(batch.data() == matrix.data());
  CHECK((batch.count() == 6 && batch.dimension() == 5 && batch.stride() == 5 && batch.contiguous()));
  CHECK(holds(batch, matrix));
  CHECK(batch.matrix() == matrix);
  batch[4][3] = 99;
  CHECK(matrix(4, 3) == 99);
  batch.matrix()(5, 4) = 98;
  CHECK(matrix(5, 4) == 98);
}

TEST_CASE("columns of column-major storage are viewed in place", "[batch]") {
  ColumnMatrix matrix = testing::random_normal<float>(5, 6, 2);
  const Batch<float> batch = columns(matrix);
  CHECK(batch.data() == matrix.data());
  CHECK((batch.count() == 6 && batch.dimension() == 5 && batch.stride() == 5));
  CHECK(holds(batch, matrix.transpose()));
  CHECK(holds(rows(matrix.transpose()), matrix.transpose()));
}

TEST_CASE("maps, refs, blocks, arrays and fixed sizes are viewed like matrices", "[batch]") {
  RowMatrix<float> by_rows = testing::random_normal<float>(7, 9, 3);
  ColumnMatrix by_columns = by_rows.transpose();

  CHECK(holds(rows(by_rows.block(1, 2, 4, 5)), by_rows.block(1, 2, 4, 5)));
  CHECK(rows(by_rows.block(1, 2, 4, 5)).stride() == 9);
  CHECK_FALSE(rows(by_rows.block(1, 2, 4, 5)).contiguous());
  CHECK(holds(columns(by_columns.block(2, 1, 5, 4)), by_rows.block(1, 2, 4, 5)));
  CHECK(holds(rows(by_rows.middleRows(2, 3)), by_rows.middleRows(2, 3)));

  CHECK(holds(rows_of_ref(by_rows), by_rows));
  CHECK(holds(rows_of_ref(by_rows.leftCols(4)), by_rows.leftCols(4)));
  CHECK(rows_of_ref(by_rows.leftCols(4)).data() == by_rows.data());
  CHECK(holds(columns_of_ref(by_columns.topRows(4)), by_rows.leftCols(4)));

  using Strided = Eigen::Map<RowMatrix<float>, 0, Eigen::OuterStride<>>;
  CHECK(holds(rows(Strided(by_rows.data() + 1, 3, 2, Eigen::OuterStride<>(18))),
              by_rows(Eigen::seq(0, 4, 2), Eigen::seqN(1, 2))));
  // Every second row, by way of the distance between them.
  CHECK(rows(Strided(by_rows.data(), 3, 9, Eigen::OuterStride<>(18))).stride() == 18);

  Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> array = by_rows.array();
  CHECK(holds(rows(array), by_rows));
  Eigen::Matrix<float, 2, 3, Eigen::RowMajor> fixed = by_rows.topLeftCorner(2, 3);
  CHECK(holds(rows(fixed), by_rows.topLeftCorner(2, 3)));
}

TEST_CASE("a single row or column is a batch in both readings", "[batch]") {
  Eigen::VectorXf column = testing::random_normal<float>(5, 1, 4);
  CHECK(holds(columns(column), column.transpose()));
  CHECK(holds(rows(column), column));  // five vectors of one feature
  Eigen::RowVectorXf row = column.transpose();
  CHECK(holds(rows(row), row));
  CHECK(holds(columns(row), column));

  ColumnMatrix matrix = testing::random_normal<float>(4, 3, 5);
  CHECK(holds(columns(matrix.col(1)), matrix.col(1).transpose()));
  // The entries of a row of column-major storage lie apart: as vectors of one feature they may.
  CHECK(holds(columns(matrix.row(2)), matrix.row(2).transpose()));
  CHECK_THROWS_AS(rows(matrix.row(2)), std::invalid_argument);
}

TEST_CASE("matrices: a layout in which features are not contiguous is refused with the right call", "[batch]") {
  ColumnMatrix by_columns = ColumnMatrix::Zero(3, 4);
  RowMatrix<float> by_rows = RowMatrix<float>::Zero(3, 4);
  CHECK(message_of<std::invalid_argument>([&] { rows(by_columns); }) ==
        "rows: expected the entries of a row to be contiguous, found them 3 apart in a 3 x 4 matrix; use "
        "columns(matrix) if its columns are the vectors, or pack_rows(matrix) to copy");
  CHECK(message_of<std::invalid_argument>([&] { columns(by_rows); }) ==
        "columns: expected the entries of a column to be contiguous, found them 4 apart in a 3 x 4 matrix; use "
        "rows(matrix) if its rows are the vectors, or pack_columns(matrix) to copy");
  Eigen::Map<RowMatrix<float>, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>> gaps(
      by_rows.data(), 2, 2, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>(4, 2));
  CHECK_THROWS_AS(rows(gaps), std::invalid_argument);
  // There is nothing to lie apart in an empty batch.
  ColumnMatrix none(0, 4);
  CHECK((rows(none).count() == 0 && rows(none).dimension() == 4));
  RowMatrix<float> no_column(4, 0);
  CHECK((columns(no_column).count() == 0 && columns(no_column).dimension() == 4));
  CHECK((rows(no_column).count() == 4 && rows(no_column).dimension() == 0));
}

TEST_CASE("constness travels with a view, and mutable views become constant ones", "[batch]") {
  RowMatrix<float> matrix = RowMatrix<float>::Ones(2, 3);
  const RowMatrix<float>& constant = matrix;
  STATIC_REQUIRE(std::is_same_v<decltype(rows(matrix)), Batch<float>>);
  STATIC_REQUIRE(std::is_same_v<decltype(rows(constant)), Batch<const float>>);
  STATIC_REQUIRE(std::is_same_v<decltype(rows(constant.topRows(1))), Batch<const float>>);
  STATIC_REQUIRE(
      std::is_same_v<decltype(rows(std::declval<Eigen::Map<const RowMatrix<float>>>())), Batch<const float>>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Batch<const float>, Batch<float>>);
  STATIC_REQUIRE(std::is_trivially_copyable_v<Batch<float>>);
  CHECK(take(rows(matrix)).data() == matrix.data());
}

TEST_CASE("a slice is the batch of some of its vectors", "[batch]") {
  const RowMatrix<double> matrix = testing::random_normal<double>(10, 4, 6);
  const auto batch = rows(matrix.leftCols(3));
  CHECK(holds(batch.slice(2, 7), matrix.block(2, 0, 5, 3)));
  CHECK(batch.slice(4, 4).empty());
  CHECK(batch.slice(0, 10).stride() == 4);
  CHECK(Batch<float>().slice(0, 0).empty());
}

TEST_CASE("a batch of any memory checks its sizes", "[batch]") {
  std::vector<float> memory{0, 1, 2, 3, 4, 5};
  CHECK(Batch<float>(memory.data(), 2, 2, 3)[1][1] == 4);
  // Backwards: the first vector is the last in memory.
  const Batch<float> backwards(memory.data() + 4, 3, 2, -2);
  CHECK(backwards[2][0] == 0);
  CHECK_FALSE(backwards.contiguous());
  CHECK(Batch<float>(memory.data(), 1, 6, 0).contiguous());  // one vector has no next one
  CHECK(Batch<float>().empty());
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, Batch<float>(memory.data(), -1, 2),
                         "Batch: expected non-negative sizes, found count -1 and dimension 2");
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, Batch<float>(memory.data(), 1, -2),
                         "Batch: expected non-negative sizes, found count 1 and dimension -2");
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, Batch<float>(memory.data(), 2, 3, 2),
                         "Batch: expected a stride of at least the dimension 3, found 2");
}

TEST_CASE("packing copies any layout, expression or array", "[batch]") {
  const ColumnMatrix matrix = testing::random_normal<float>(4, 7, 7);
  const auto packed = pack_rows(matrix);
  CHECK(holds(packed.view(), matrix));
  CHECK(packed.view().data() != matrix.data());
  const auto packed_columns = pack_columns(matrix);
  CHECK(holds(packed_columns.view(), matrix.transpose()));
  CHECK(pack_rows(2 * matrix).matrix() == 2 * matrix);
  CHECK(pack_columns(matrix.array().square()).matrix() == matrix.array().square().matrix().transpose());
  CHECK(pack_rows(matrix.array()).matrix() == matrix);
  CHECK(pack_rows(matrix(Eigen::seq(0, 3, 2), Eigen::all)).matrix() == matrix(Eigen::seq(0, 3, 2), Eigen::all));
  const RowMatrix<float> square = matrix * matrix.transpose();
  CHECK(pack_rows(matrix * matrix.transpose()).matrix().isApprox(square));
  CHECK(take(pack_rows(matrix)).count() == 4);  // a temporary lives until the call returns
  CHECK(take(pack_rows(ColumnMatrix(0, 3))).empty());
  const RowMatrix<float>& moved = pack_rows(matrix).matrix();  // out of a temporary: a matrix of its own
  CHECK(moved == matrix);
}

TEST_CASE("packing converts half precision", "[batch]") {
  const RowMatrix<float> exact = testing::random_integers<float>(5, 3, 8, -64, 64) / 4.0f;  // exact in 8 bits
  const Eigen::Matrix<Eigen::half, Eigen::Dynamic, Eigen::Dynamic> half = exact.cast<Eigen::half>();
  const Eigen::Matrix<Eigen::bfloat16, Eigen::Dynamic, Eigen::Dynamic> brain = exact.cast<Eigen::bfloat16>();
  CHECK(pack_rows<float>(half).matrix() == exact);
  CHECK(pack_rows<double>(brain).matrix() == exact.cast<double>());
  CHECK(pack_columns<float>(brain).matrix() == exact.transpose());
  RowMatrix<Eigen::half> by_rows = half;
  CHECK(static_cast<float>(rows(by_rows)[4][2]) == exact(4, 2));
}
