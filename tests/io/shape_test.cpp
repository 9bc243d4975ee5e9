// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/io/shape.hpp>

#include <limits>
#include <vector>

#include "support/catch.hpp"

namespace {
using Shape = std::vector<tessera::Index>;
constexpr tessera::Index largest = std::numeric_limits<tessera::Index>::max();
}  // namespace

TEST_CASE("the size of a shape is the product of its extents, one for no axes", "[shape]") {
  CHECK(tessera::shape_size(Shape{}) == 1);
  CHECK(tessera::shape_size(Shape{7}) == 7);
  CHECK(tessera::shape_size(Shape{2, 3, 4}) == 24);
  CHECK(tessera::shape_size(Shape{largest, 1}) == static_cast<std::uint64_t>(largest));
  CHECK(tessera::shape_size(Shape{largest, largest, 0}) == 0);
}

TEST_CASE("a shape of 2^63 elements or with a negative extent has no size", "[shape]") {
  CHECK_FALSE(tessera::shape_size(Shape{tessera::Index{1} << 32, tessera::Index{1} << 31}).has_value());
  CHECK_FALSE(tessera::shape_size(Shape{2, largest}).has_value());
  CHECK_FALSE(tessera::shape_size(Shape{largest, largest}).has_value());
  CHECK_FALSE(tessera::shape_size(Shape{-1}).has_value());
  CHECK_FALSE(tessera::shape_size(Shape{0, -1}).has_value());
  CHECK_FALSE(tessera::shape_size(Shape{-2, -3}).has_value());
  CHECK(tessera::shape_size(Shape{tessera::Index{1} << 31, tessera::Index{1} << 31}) == std::uint64_t{1} << 62);
}

TEST_CASE("a shape in words", "[shape]") {
  CHECK(tessera::shape_text(Shape{}) == "()");
  CHECK(tessera::shape_text(Shape{5}) == "(5)");
  CHECK(tessera::shape_text(Shape{3, -4, 0}) == "(3, -4, 0)");
}
