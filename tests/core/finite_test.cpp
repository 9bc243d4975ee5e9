// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/finite.hpp>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <tessera/core/simd.hpp>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::all_finite;
using tessera::first_non_finite;
using tessera::Index;
using tessera::is_finite;
using tessera::MaskArray;
using tessera::Position;
using tessera::RowMatrix;
using tessera::rows;
namespace testing = tessera::testing;

template <class Scalar>
using BitsOf = std::conditional_t<sizeof(Scalar) == 4, std::uint32_t, std::uint64_t>;

/// Numbers are made from their bits, in memory: under -ffast-math, expressions and functions that give NaN may give
/// anything.
template <class Scalar>
std::vector<Scalar> from_bits(const std::vector<BitsOf<Scalar>>& bits) {
  std::vector<Scalar> values(bits.size());
  std::memcpy(values.data(), bits.data(), bits.size() * sizeof(Scalar));
  return values;
}

template <class Scalar>
inline constexpr BitsOf<Scalar> infinity_bits = static_cast<BitsOf<Scalar>>(sizeof(Scalar) == 4 ? 0x7f800000u
                                                                                                : 0x7ff0000000000000u);
template <class Scalar>
inline constexpr BitsOf<Scalar> sign_bit = static_cast<BitsOf<Scalar>>(BitsOf<Scalar>{1} << (8 * sizeof(Scalar) - 1));

template <class Scalar>
std::vector<Scalar> non_finite() {
  const BitsOf<Scalar> one = 1, infinity = infinity_bits<Scalar>, sign = sign_bit<Scalar>;
  const BitsOf<Scalar> quiet = static_cast<BitsOf<Scalar>>(one << (sizeof(Scalar) == 4 ? 22 : 51));
  return from_bits<Scalar>({infinity, infinity | sign, infinity | one, infinity | one | sign, infinity | quiet,
                            infinity | quiet | sign, static_cast<BitsOf<Scalar>>(~BitsOf<Scalar>{0})});
}

/// Zeros, the smallest subnormal and the largest numbers, of both signs.
template <class Scalar>
std::vector<Scalar> extreme_finite() {
  const BitsOf<Scalar> one = 1, sign = sign_bit<Scalar>, largest = infinity_bits<Scalar> - one;
  return from_bits<Scalar>({0, sign, one, one | sign, largest, largest | sign});
}

}  // namespace

TEMPLATE_TEST_CASE("NaN and infinity are told by their bits, whatever their sign and payload", "[finite]", float,
                   double) {
  for (const TestType& value : non_finite<TestType>()) CHECK_FALSE(is_finite(value));
  for (const TestType& value : extreme_finite<TestType>()) CHECK(is_finite(value));
  SECTION("every exponent") {
    const int shift = sizeof(TestType) == 4 ? 23 : 52;
    const BitsOf<TestType> exponents = static_cast<BitsOf<TestType>>(infinity_bits<TestType> >> shift);
    for (BitsOf<TestType> e = 0; e <= exponents; ++e) {
      const std::vector<TestType> value = from_bits<TestType>({static_cast<BitsOf<TestType>>(e << shift)});
      REQUIRE(is_finite(value[0]) == (e < exponents));
    }
  }
}

TEMPLATE_TEST_CASE("one scalar that is not finite is found at every place", "[finite]", float, double) {
  for (const Index size : {1, 2, 7, tessera::simd::lanes<TestType> + 1, 67}) {
    std::vector<TestType> values(static_cast<std::size_t>(size), extreme_finite<TestType>()[4]);
    REQUIRE(all_finite(values.data(), size));
    for (TestType& value : values) {
      for (const TestType& bad : non_finite<TestType>()) {
        std::memcpy(&value, &bad, sizeof(TestType));
        REQUIRE_FALSE(all_finite(values.data(), size));
      }
      value = 1;
    }
  }
  CHECK(all_finite(static_cast<const TestType*>(nullptr), 0));
}

TEST_CASE("a batch is searched vector by vector, without what lies between them", "[finite]") {
  RowMatrix<float> matrix = testing::random_normal<float>(9, 6, 1);
  matrix.col(5).setConstant(non_finite<float>()[2]);
  auto batch = rows(matrix.leftCols(5));
  CHECK(all_finite(batch));
  CHECK_FALSE(all_finite(rows(matrix)));
  CHECK(first_non_finite(batch) == std::nullopt);
  CHECK(first_non_finite(rows(matrix)) == Position{0, 5});
  matrix(6, 3) = non_finite<float>()[0];
  matrix(8, 0) = non_finite<float>()[2];
  CHECK_FALSE(all_finite(batch));
  CHECK(first_non_finite(batch) == Position{6, 3});
  CHECK(all_finite(batch.slice(0, 6)));
  CHECK(all_finite(batch.slice(2, 2)));
}

TEST_CASE("masked vectors may hold anything", "[finite]") {
  RowMatrix<double> matrix = testing::random_normal<double>(5, 3, 2);
  matrix(1, 2) = non_finite<double>()[1];
  matrix(3, 0) = non_finite<double>()[3];
  MaskArray mask = MaskArray::Constant(5, true);
  mask[1] = false;
  CHECK(first_non_finite(rows(matrix), mask) == Position{3, 0});
  mask[3] = false;
  CHECK(first_non_finite(rows(matrix), mask) == std::nullopt);
  CHECK_NOTHROW(tessera::require_finite("Test", "vectors", rows(matrix), mask));
  mask[4] = false;
  const MaskArray all = tessera::finite_rows(rows(matrix));
  const MaskArray masked = tessera::finite_rows(rows(matrix), mask);
  for (Index i = 0; i < 5; ++i) {
    CHECK(all[i] == (i != 1 && i != 3));
    CHECK(masked[i] == (i == 0 || i == 2));
  }
}

TEST_CASE("the error names value, vector and component", "[finite]") {
  const std::vector<float> values = non_finite<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    RowMatrix<float> matrix = RowMatrix<float>::Zero(20, 5);
    std::memcpy(&matrix(17, 3), &values[i], sizeof(float));
    REQUIRE_THROWS_MESSAGE(std::invalid_argument, tessera::require_finite("VectorQuantizer", "vectors", rows(matrix)),
                           std::string("VectorQuantizer: expected finite vectors, found ") +
                               (i == 0   ? "inf"
                                : i == 1 ? "-inf"
                                         : "nan") +
                               " at vector 17, component 3");
  }
  const RowMatrix<float> finite = RowMatrix<float>::Ones(2, 2);
  CHECK_NOTHROW(tessera::require_finite("VectorQuantizer", "vectors", rows(finite)));
}
