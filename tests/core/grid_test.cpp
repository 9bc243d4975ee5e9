// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/grid.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera::testing;
using tessera::Grid;
using tessera::Index;
using tessera::RowMatrix;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double largest = std::numeric_limits<double>::max();

/// x / spacing to the nearest integer, ties to even, in long double (whose 64 bits hold every x exactly).
std::int64_t reference_round(double x, double spacing) {
  const long double steps = static_cast<long double>(x) / spacing;
  const long double floor = std::floor(steps), fraction = steps - floor;
  const auto low = static_cast<std::int64_t>(floor);
  if (fraction > 0.5L || (fraction == 0.5L && low % 2 != 0)) return low + 1;
  return low;
}

}  // namespace

TEST_CASE("numbers are rounded to the nearest multiple of the spacing, ties to even") {
  const Grid grid(-2);
  CHECK(grid.spacing() == 0.25);
  CHECK(grid.limit() == 0x1p49);
  const std::vector<std::pair<double, std::int64_t>> cases = {
      {0, 0},     {-0.0, 0},    {0.25, 1}, {-0.25, -1}, {0.125, 0},        {-0.125, 0},
      {0.375, 2}, {-0.375, -2}, {0.13, 1}, {0.12, 0},   {1e9, 4000000000}, {-1e9, -4000000000}};
  for (const auto& [x, steps] : cases) {
    CAPTURE(x);
    CHECK(grid.round(x) == steps);
    CHECK(grid.value(steps) == 0.25 * static_cast<double>(steps));
  }
}

TEST_CASE("rounding agrees with long double on every grid, up to the limit") {
  SplitMix random(1);
  for (const int exponent : {-1000, -301, -40, 0, 17, 640, 950, 972, 1022}) {
    const Grid grid(exponent);
    CAPTURE(exponent);
    for (int i = 0; i < 500; ++i) {
      const double x = std::ldexp(random.uniform(-1, 1), exponent + static_cast<int>(random.below(52)));
      if (!grid.contains(x)) continue;
      REQUIRE(grid.round(x) == reference_round(x, grid.spacing()));
    }
    const double top = exponent + 51 > 1023 ? largest : std::nextafter(grid.limit(), 0.0);
    REQUIRE(grid.contains(top));
    CHECK(grid.round(top) == reference_round(top, grid.spacing()));
    CHECK(grid.round(-top) == -grid.round(top));
  }
}

TEST_CASE("a grid contains the finite numbers below its limit") {
  const Grid grid(-30);
  CHECK(grid.contains(0));
  CHECK(grid.contains(std::nextafter(0x1p21, 0.0)));
  CHECK(grid.contains(-std::nextafter(0x1p21, 0.0)));
  CHECK_FALSE(grid.contains(0x1p21));
  CHECK_FALSE(grid.contains(-0x1p21));
  CHECK_FALSE(grid.contains(not_a_number));
  CHECK_FALSE(grid.contains(infinity));
  CHECK_FALSE(grid.contains(-infinity));
  CHECK(Grid(973).contains(largest));
  CHECK_FALSE(Grid(973).contains(infinity));
  CHECK(Grid() == Grid(-30));
  CHECK(Grid(-29) != Grid(-30));
}

TEST_CASE("a covering grid holds every addend and every sum, and is at most four times coarser than it must be") {
  for (const double magnitude : {1.0, 0.75, 1.5, 3e-7, 1e300, largest, 0x1p-900, 1e-280}) {
    for (const Index addends :
         {Index{1}, Index{2}, Index{1000}, Index{4095}, Index{4096}, Index{1} << 22, (Index{1} << 40) + 1}) {
      CAPTURE(magnitude, addends);
      const Grid grid = Grid::covering(magnitude, addends);
      REQUIRE(grid.contains(magnitude));
      const auto steps = static_cast<double>(grid.round(magnitude));
      CHECK(steps * static_cast<double>(addends) < 0x1p62);
      // Two bits finer, a number would not fit, a sum would not, or the grid would be below the finest of all.
      const bool tight = steps * 4 >= 0x1p51 || steps * 4 * static_cast<double>(addends) >= 0x1p62;
      CHECK((tight || grid.exponent() == -1000));
    }
  }
  CHECK(Grid::covering(0, 1).exponent() == -1000);
  CHECK(Grid::covering(std::numeric_limits<double>::denorm_min(), 10).exponent() == -1000);
  CHECK(Grid::covering(1, std::numeric_limits<Index>::max()).exponent() >= 0);
}

TEMPLATE_TEST_CASE("adding vectors is adding rounded numbers one by one, whatever the size", "", float, double) {
  const Grid grid(-20);
  for (const Index size : {0, 1, 2, 3, 4, 5, 8, 9, 16, 17, 31, 101}) {
    const RowMatrix<TestType> x = random_normal<TestType>(3, size + 1, 2, 100);
    std::vector<std::int64_t> sums(static_cast<std::size_t>(size) + 1, 5), expected = sums;
    for (Index row = 0; row < 3; ++row) {
      grid.add(x.row(row).data(), size, sums.data());
      for (Index i = 0; i < size; ++i) {
        expected[static_cast<std::size_t>(i)] += reference_round(static_cast<double>(x(row, i)), grid.spacing());
      }
    }
    CAPTURE(size);
    CHECK(sums == expected);  // the one after the last included
  }
}

TEST_CASE("sums are the same in any order and any grouping, and floating-point sums are not") {
  const Index count = 997, dimension = 7;
  const RowMatrix<float> x = random_normal<float>(count, dimension, 3, 10);
  const Grid grid = Grid::covering(100, count);
  std::vector<Index> order(count);
  std::iota(order.begin(), order.end(), Index{0});
  const auto sum_of = [&](auto begin, auto end) {
    std::vector<std::int64_t> sums(dimension);
    for (auto i = begin; i != end; ++i) grid.add(x.row(*i).data(), dimension, sums.data());
    return sums;
  };
  const auto float_sum_of = [&] {
    float sum = 0;
    for (const Index i : order) sum += x(i, 0);
    return sum;
  };
  const std::vector<std::int64_t> expected = sum_of(order.begin(), order.end());
  const float float_expected = float_sum_of();
  int different = 0;
  SplitMix random(4);
  for (int repetition = 0; repetition < 20; ++repetition) {
    for (std::size_t i = order.size() - 1; i > 0; --i)
      std::swap(order[i], order[static_cast<std::size_t>(random.below(static_cast<Index>(i) + 1))]);
    const auto middle = order.begin() + random.below(count);
    std::vector<std::int64_t> sums = sum_of(middle, order.end());
    const std::vector<std::int64_t> rest = sum_of(order.begin(), middle);
    for (std::size_t d = 0; d < sums.size(); ++d) sums[d] += rest[d];
    CHECK(sums == expected);
    different += float_sum_of() != float_expected ? 1 : 0;
  }
  CHECK(different > 0);
}

TEST_CASE("each addend is wrong by half a spacing at most") {
  const RowMatrix<double> x = random_normal<double>(1, 1000, 5);
  const Grid grid = Grid::covering(8, 1000);
  std::int64_t steps = 0;
  long double exact = 0;
  for (Index i = 0; i < x.size(); ++i) {
    steps += grid.round(x(0, i));
    exact += x(0, i);
  }
  CHECK(std::abs(static_cast<double>(steps * static_cast<long double>(grid.spacing()) - exact)) <=
        1000 * grid.spacing() / 2);
}

TEST_CASE("grids outside the range, and magnitudes no grid covers, are refused") {
  const char* exponents = "Grid: expected an exponent between -1000 and 1022, found ";
  CHECK_THROWS_MESSAGE(std::invalid_argument, Grid(-1001), std::string(exponents) + "-1001");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Grid(1023), std::string(exponents) + "1023");
  const std::string covering = "Grid: expected a finite magnitude and at least one addend, found ";
  CHECK_THROWS_MESSAGE(std::invalid_argument, Grid::covering(not_a_number, 1), covering + "nan and 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Grid::covering(infinity, 1), covering + "inf and 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Grid::covering(-1, 1), covering + "-1 and 1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Grid::covering(1, 0), covering + "1 and 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Grid::covering(largest, Index{1} << 62), exponents);
}
