// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/mask.hpp>

#include <array>
#include <span>
#include <vector>

#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

namespace {

using tessera::Index;
using tessera::Mask;
using tessera::MaskArray;
namespace testing = tessera::testing;

}  // namespace

TEST_CASE("without a mask every vector counts", "[mask]") {
  const Mask mask;
  CHECK(mask.all());
  CHECK(mask.count() == 0);
  CHECK(mask[0]);
  CHECK(mask[1000000]);
  CHECK(mask.valid_count(7) == 7);
  CHECK(mask.slice(3, 5).all());
  CHECK_NOTHROW(tessera::check_mask("Test", mask, 7));
}

TEST_CASE("a mask says which vectors count, from an array or from any memory", "[mask]") {
  const MaskArray array = testing::random_mask(101, 1);
  const Mask mask = array;
  CHECK_FALSE(mask.all());
  CHECK(mask.count() == 101);
  Index valid = 0;
  for (Index i = 0; i < 101; ++i) {
    REQUIRE(mask[i] == array[i]);
    valid += array[i];
  }
  CHECK(mask.valid_count(101) == valid);

  const std::array<bool, 3> flags{true, false, true};
  const Mask of_memory = std::span<const bool>(flags);
  CHECK(of_memory.valid_count(3) == 2);
  CHECK_FALSE(of_memory[1]);
}

TEST_CASE("a slice of a mask is the mask of the slice", "[mask]") {
  const MaskArray array = testing::random_mask(20, 2);
  const Mask part = Mask(array).slice(5, 17);
  CHECK(part.count() == 12);
  for (Index i = 0; i < 12; ++i) CHECK(part[i] == array[5 + i]);
  CHECK(Mask(array).slice(20, 20).count() == 0);
  CHECK_FALSE(Mask(array).slice(4, 4).all());
}

TEST_CASE("a mask of no vectors is still a mask", "[mask]") {
  // An empty array has no address, yet it does not mean that there is no mask.
  const MaskArray empty(0);
  CHECK_FALSE(Mask(empty).all());
  CHECK_FALSE(Mask(std::span<const bool>()).all());
  CHECK_FALSE(Mask(empty).slice(0, 0).all());
  CHECK(Mask(empty).valid_count(0) == 0);
  CHECK_NOTHROW(tessera::check_mask("Test", empty, 0));
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, tessera::check_mask("Test", empty, 5),
                         "Test: expected a mask of 5 bools, one per vector, found 0");
}

TEST_CASE("a mask of another length than the batch is refused", "[mask]") {
  const MaskArray array = testing::random_mask(4, 3);
  CHECK_NOTHROW(tessera::check_mask("Test", array, 4));
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, tessera::check_mask("Test", array, 3),
                         "Test: expected a mask of 3 bools, one per vector, found 4");
}

TEST_CASE("lengths of padded sequences make a mask", "[mask]") {
  const std::vector<Index> lengths{2, 0, 3};
  const MaskArray mask = tessera::mask_from_lengths(lengths, 3);
  const std::vector<bool> expected{true, true, false, false, false, false, true, true, true};
  REQUIRE(mask.size() == 9);
  for (Index i = 0; i < 9; ++i) CHECK(mask[i] == expected[static_cast<std::size_t>(i)]);
  CHECK(tessera::mask_from_lengths({}, 5).size() == 0);
  CHECK(tessera::mask_from_lengths(std::vector<Index>{0, 0}, 0).size() == 0);
}

TEST_CASE("lengths that do not fit are refused", "[mask]") {
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, tessera::mask_from_lengths(std::vector<Index>{1, 4}, 3),
                         "mask_from_lengths: expected lengths in [0, 3], found 4 for sequence 1");
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, tessera::mask_from_lengths(std::vector<Index>{-1}, 3),
                         "mask_from_lengths: expected lengths in [0, 3], found -1 for sequence 0");
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, tessera::mask_from_lengths({}, -2),
                         "mask_from_lengths: expected a non-negative max_length, found -2");
}
