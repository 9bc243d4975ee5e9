// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/tensor.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <unsupported/Eigen/CXX11/Tensor>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Batch;
using tessera::Index;
using tessera::RowMatrix;
using tessera::Tokens;
using tessera::testing::message_of;
namespace testing = tessera::testing;

constexpr int column_major = Eigen::ColMajor;
constexpr int row_major = Eigen::RowMajor;

template <int order, class Scalar = float>
Eigen::Tensor<Scalar, 4, order> random_tensor(std::array<Index, 4> extents, std::uint64_t seed) {
  Eigen::Tensor<Scalar, 4, order> tensor(extents);
  testing::SplitMix random(seed);
  for (Index i = 0; i < tensor.size(); ++i) tensor.data()[i] = static_cast<Scalar>(random.normal());
  return tensor;
}

/// The vectors along axis k by Eigen's own indexing, the other axes counted up in storage order.
template <class Tensor>
RowMatrix<typename Tensor::Scalar> vectors_oracle(const Tensor& tensor, int k) {
  std::array<int, 3> axes{};  // the other axes, the fastest first
  int found = 0;
  for (int i = 0; i < 4; ++i) {
    const int a = int{Tensor::Layout} == row_major ? 3 - i : i;
    if (a != k) axes[static_cast<std::size_t>(found++)] = a;
  }
  const auto extent = [&](int a) { return tensor.dimension(static_cast<std::size_t>(a)); };
  RowMatrix<typename Tensor::Scalar> vectors(extent(axes[0]) * extent(axes[1]) * extent(axes[2]), extent(k));
  Index n = 0;
  std::array<Index, 4> at{};
  const auto position = [&](int a) -> Index& { return at[static_cast<std::size_t>(a)]; };
  for (position(axes[2]) = 0; position(axes[2]) < extent(axes[2]); ++position(axes[2])) {
    for (position(axes[1]) = 0; position(axes[1]) < extent(axes[1]); ++position(axes[1])) {
      for (position(axes[0]) = 0; position(axes[0]) < extent(axes[0]); ++position(axes[0]), ++n) {
        for (position(k) = 0; position(k) < extent(k); ++position(k)) vectors(n, position(k)) = tensor(at);
      }
    }
  }
  return vectors;
}

template <class A, class B>
bool same_entries(const A& a, const B& b) {
  const bool same_extents = a.dimension(0) == b.dimension(0) && a.dimension(1) == b.dimension(1) &&
                            a.dimension(2) == b.dimension(2) && a.dimension(3) == b.dimension(3);
  return same_extents && std::equal(a.data(), a.data() + a.size(), b.data());
}

constexpr auto row = [](auto... extents) { return Eigen::Tensor<float, sizeof...(extents), row_major>(extents...); };
constexpr auto column = [](auto... extents) { return Eigen::Tensor<float, sizeof...(extents)>(extents...); };

}  // namespace

TEST_CASE("the contiguous axis is viewed in place, the vectors numbered in storage order", "[tensor]") {
  auto image = random_tensor<row_major>({2, 3, 5, 7}, 1);
  const Batch<float> last = tessera::last_axis(image);
  CHECK(last.data() == image.data());
  CHECK(last.count() == 30);
  CHECK(last.dimension() == 7);
  CHECK(last.matrix() == vectors_oracle(image, 3));
  last[(1 * 3 + 2) * 5 + 4][6] = 99;
  CHECK(image(1, 2, 4, 6) == 99);

  auto columns = random_tensor<column_major>({7, 5, 3, 2}, 2);
  const Batch<float> first = tessera::axis(columns, 0);
  CHECK(first.data() == columns.data());
  CHECK(first.count() == 30);
  CHECK(first.matrix() == vectors_oracle(columns, 0));
  first[4 + 5 * (2 + 3 * 1)][6] = 99;
  CHECK(columns(6, 4, 2, 1) == 99);
}

TEST_CASE("constness and element types travel with a view", "[tensor]") {
  auto tensor = random_tensor<row_major>({2, 2, 2, 3}, 3);
  const auto& constant = tensor;
  using Map = Eigen::TensorMap<Eigen::Tensor<float, 4, row_major>>;
  using ConstMap = Eigen::TensorMap<const Eigen::Tensor<float, 4, row_major>>;
  STATIC_REQUIRE(std::is_same_v<decltype(tessera::last_axis(tensor)), Batch<float>>);
  STATIC_REQUIRE(std::is_same_v<decltype(tessera::last_axis(constant)), Batch<const float>>);
  // A temporary map is a view of something that lives.
  const Batch<float> mapped = tessera::last_axis(Map(tensor.data(), tensor.dimensions()));
  const Batch<const float> constant_mapped = tessera::axis(ConstMap(tensor.data(), 4, 2, 1, 3), 3);
  CHECK(mapped.matrix() == vectors_oracle(tensor, 3));
  CHECK(constant_mapped.matrix() == mapped.matrix());
  STATIC_REQUIRE(std::is_same_v<decltype(tessera::last_axis(std::declval<Eigen::Tensor<Eigen::half, 2, row_major>&>())),
                                Batch<Eigen::half>>);

  Eigen::TensorFixedSize<double, Eigen::Sizes<2, 3>, row_major> fixed;
  fixed.setValues({{1, 2, 3}, {4, 5, 6}});
  CHECK(tessera::last_axis(fixed)[1][0] == 4);
}

TEST_CASE("views exist for every rank and for extents of zero and one", "[tensor]") {
  CHECK(tessera::last_axis(Eigen::TensorMap<Eigen::Tensor<float, 1>>(nullptr, 0)).count() == 1);
  auto vector = column(5);
  CHECK(tessera::axis(vector, 0).count() == 1);
  CHECK(tessera::axis(vector, 0).dimension() == 5);
  auto six = row(2, 1, 2, 1, 2, 3);
  CHECK(tessera::last_axis(six).count() == 8);
  // Axes of one entry inside the features' axis, or a single feature, leave nothing between the entries.
  auto inside = row(2, 3, 1, 1);
  CHECK(tessera::axis(inside, 1).count() == 2);
  CHECK(tessera::axis(inside, 1).dimension() == 3);
  auto single = row(2, 1, 5);
  CHECK(tessera::axis(single, 1).count() == 10);
  CHECK(tessera::axis(single, 1).dimension() == 1);
  // An empty batch is valid in any storage order.
  auto none = row(0, 3, 5);
  CHECK(tessera::axis(none, 1).empty());
  CHECK(tessera::axis(none, 1).dimension() == 3);
  CHECK(tessera::pack_axis(none, 1).matrix().cols() == 3);
  auto no_features = row(2, 3, 0);
  CHECK(tessera::last_axis(no_features).count() == 6);
  CHECK(tessera::last_axis(no_features).dimension() == 0);
  Eigen::Tensor<float, 3> nothing;
  CHECK(tessera::axis(nothing, 0).empty());
}

TEMPLATE_TEST_CASE_SIG("any axis packs and unpacks, in either storage order", "[tensor]", ((int order), order),
                       column_major, row_major) {
  testing::SplitMix random(4);
  for (int trial = 0; trial < 60; ++trial) {
    // Zeros, ones, and extents beyond two of the tiles of sixteen that are transposed at a time.
    std::array<Index, 4> extents{};
    for (Index& extent : extents) extent = random.below(trial % 2 == 0 ? 6 : 2);
    extents[static_cast<std::size_t>(random.below(4))] = random.below(40);
    const auto tensor = random_tensor<order>(extents, static_cast<std::uint64_t>(trial));
    for (int k = 0; k < 4; ++k) {
      const auto packed = tessera::pack_axis(tensor, k);
      REQUIRE(packed.matrix() == vectors_oracle(tensor, k));
      const Eigen::Tensor<float, 4, order> back = tessera::unpack_axis(packed.matrix(), tensor, k);
      REQUIRE(same_entries(back, tensor));
    }
  }
}

TEST_CASE("views and copies number the vectors alike", "[tensor]") {
  const auto tensor = random_tensor<column_major>({4, 3, 2, 5}, 5);
  CHECK(tessera::pack_axis(tensor, 0).matrix() == tessera::axis(tensor, 0).matrix());
}

TEST_CASE("half precision is packed as float or double, and unpacked again", "[tensor]") {
  const auto check = [](auto example) {
    using Half = decltype(example);
    const auto tensor = random_tensor<row_major, Half>({2, 3, 4, 5}, 6);
    const RowMatrix<float> expected = vectors_oracle(tensor, 1).template cast<float>();
    CHECK(tessera::pack_axis<float>(tensor, 1).matrix() == expected);
    CHECK(tessera::pack_axis<double>(tensor, 1).matrix() == expected.cast<double>());
    CHECK(same_entries(tessera::unpack_axis<Half>(expected, tensor, 1), tensor));
  };
  check(Eigen::half());
  check(Eigen::bfloat16());
}

TEST_CASE("codes and tokens of an image come back with its rank", "[tensor]") {
  // Channels first: what most image tensors are.
  const auto image = random_tensor<row_major>({2, 3, 4, 5}, 7);
  const auto vectors = tessera::pack_axis(image, 1);
  Tokens<> tokens(40, 1);  // the index of the largest channel
  for (Index n = 0; n < 40; ++n) vectors.matrix().row(n).maxCoeff(&tokens(n, 0));
  const Eigen::Tensor<std::int64_t, 4, row_major> of_rank_4 = tessera::unpack_axis(tokens, image, 1);
  const Eigen::Tensor<std::int64_t, 3, row_major> grid = tessera::unpack_without_axis(tokens, image, 1);
  CHECK(of_rank_4.dimension(1) == 1);
  CHECK((grid.dimension(0) == 2 && grid.dimension(1) == 4 && grid.dimension(2) == 5));
  for (Index b = 0; b < 2; ++b) {
    for (Index y = 0; y < 4; ++y) {
      for (Index x = 0; x < 5; ++x) {
        const float largest = std::max({image(b, 0, y, x), image(b, 1, y, x), image(b, 2, y, x)});
        REQUIRE(image(b, grid(b, y, x), y, x) == largest);
        REQUIRE(of_rank_4(b, 0, y, x) == grid(b, y, x));
      }
    }
  }
  // Twice as many features as went in, and the last axis of a mapped tensor.
  const RowMatrix<double> wider = testing::random_normal<double>(24, 10, 8);
  const Eigen::TensorMap<const Eigen::Tensor<float, 4, row_major>> map(image.data(), image.dimensions());
  const Eigen::Tensor<double, 4, row_major> wide = tessera::unpack_last_axis(wider, map);
  CHECK(vectors_oracle(wide, 3) == wider);
  const Tokens<> one = Tokens<>::Constant(1, 1, 7);
  const Eigen::Tensor<std::int64_t, 0> scalar = tessera::unpack_without_axis(one, column(5), 0);
  CHECK(scalar() == 7);
}

TEST_CASE("the into forms write to the caller's memory", "[tensor]") {
  const auto tensor = random_tensor<row_major>({2, 3, 4, 5}, 9);
  RowMatrix<double> vectors(1, 1);
  tessera::pack_axis_into(tensor, 2, vectors);
  CHECK(vectors == vectors_oracle(tensor, 2).cast<double>());
  std::vector<float> memory(121, -1.0f);
  Eigen::TensorMap<Eigen::Tensor<float, 4, row_major>> map(memory.data(), 2, 3, 4, 5);
  tessera::unpack_axis_into(vectors, 2, map);
  CHECK(same_entries(map, tensor));
  CHECK(memory[120] == -1.0f);
}

TEST_CASE("tensors: a layout in which features are not contiguous is refused with the right call", "[tensor]") {
  auto rows = row(2, 3, 4, 5);
  auto columns = column(2, 3, 4, 5);
  CHECK(message_of<std::invalid_argument>([&] { tessera::axis(rows, 1); }) ==
        "axis: expected the entries along axis 1 to be contiguous, found them 20 apart in a row-major 2 x 3 x 4 x 5 "
        "tensor; use last_axis(tensor) if its last axis holds the features, or pack_axis(tensor, 1) to copy");
  CHECK(message_of<std::invalid_argument>([&] { tessera::last_axis(columns); }) ==
        "last_axis: expected the entries along axis 3 to be contiguous, found them 24 apart in a column-major "
        "2 x 3 x 4 x 5 tensor; use axis(tensor, 0) if its first axis holds the features, or pack_axis(tensor, 3) to "
        "copy");
}

TEST_CASE("axes out of range, missing data and wrong sizes are refused", "[tensor]") {
  const auto tensor = random_tensor<row_major>({2, 3, 4, 5}, 10);
  REQUIRE_THROWS_MESSAGE(std::out_of_range, tessera::axis(tensor, 4), "axis: expected an axis in [0, 4), found 4");
  REQUIRE_THROWS_MESSAGE(std::out_of_range, tessera::pack_axis(tensor, -1),
                         "pack_axis: expected an axis in [0, 4), found -1");
  const RowMatrix<float> codes = RowMatrix<float>::Zero(39, 3);
  REQUIRE_THROWS_MESSAGE(std::out_of_range, tessera::unpack_axis(codes, tensor, 4),
                         "unpack_axis: expected an axis in [0, 4), found 4");
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, tessera::unpack_axis(codes, tensor, 1),
                         "unpack_axis: expected 40 vectors, one per position of a row-major 2 x 3 x 4 x 5 tensor "
                         "without axis 1, found 39");
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, tessera::unpack_without_axis(codes, tensor, 1),
                         "unpack_without_axis: expected one value for each of 40 positions, found 39 x 3");
  auto kept = tensor;
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, tessera::unpack_axis_into(codes, 1, kept),
                         "unpack_axis: expected 40 vectors of dimension 3 for axis 1 of a row-major 2 x 3 x 4 x 5 "
                         "tensor, found 39 of dimension 3");
  CHECK(same_entries(kept, tensor));
  RowMatrix<float> vectors = codes;
  REQUIRE_THROWS_AS(tessera::pack_axis_into(tensor, 7, vectors), std::out_of_range);
  CHECK(vectors == codes);

  const Eigen::TensorRef<Eigen::Tensor<float, 4, row_major>> lazy(tensor + tensor);
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, tessera::last_axis(lazy),
                         "last_axis: expected a tensor with data, found none");
}
