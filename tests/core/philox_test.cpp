// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/philox.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <set>

#include "support/catch.hpp"
#include "support/random_matrix.hpp"

using tessera::philox;
using tessera::PhiloxCounter;
using tessera::PhiloxKey;

// The known answers that Salmon and others published with the paper's reference implementation.
TEST_CASE("philox 4x32-10 gives its published answers") {
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint32_t ones = 0xffffffff;
  CHECK(philox({ones, ones, ones, ones}, {ones, ones}) ==
        PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("philox can be evaluated at compile time") { static_assert(philox({0, 0, 0, 0}, {0, 0})[0] == 0x6627e8d5); }

namespace {

std::uint32_t modular_inverse(std::uint32_t odd) {
  std::uint32_t inverse = 1;
  for (int i = 0; i < 5; ++i) inverse *= 2 - odd * inverse;  // Newton: the number of right bits doubles
  return inverse;
}

/// The ten rounds backwards, each solved for what went in.
PhiloxCounter philox_inverse(PhiloxCounter counter, PhiloxKey key) {
  const std::uint32_t first = 0xD2511F53, second = 0xCD9E8D57;
  for (std::uint32_t round = 10; round-- > 0;) {
    const std::uint32_t key0 = key[0] + round * 0x9E3779B9u, key1 = key[1] + round * 0xBB67AE85u;
    const std::uint32_t word0 = counter[3] * modular_inverse(first), word2 = counter[1] * modular_inverse(second);
    const auto high0 = static_cast<std::uint32_t>(std::uint64_t{first} * word0 >> 32);
    const auto high2 = static_cast<std::uint32_t>(std::uint64_t{second} * word2 >> 32);
    counter = {word0, counter[0] ^ high2 ^ key0, word2, counter[2] ^ high0 ^ key1};
  }
  return counter;
}

}  // namespace

TEST_CASE("philox is a bijection of counters for every key") {
  tessera::testing::SplitMix random(3);
  const auto word = [&] { return static_cast<std::uint32_t>(random.bits()); };
  for (int i = 0; i < 1000; ++i) {
    const PhiloxCounter counter{word(), word(), word(), word()};
    const PhiloxKey key{word(), word()};
    REQUIRE(philox_inverse(philox(counter, key), key) == counter);
  }
}

TEST_CASE("one flipped bit of counter or key flips half of philox's output bits") {
  // 192 x 128 output bits per pair, each flipped with probability 1/2: the mean of 200 pairs is within 5.5 standard
  // errors (1e-7). Each of the 192 input bits alone is held to the same.
  tessera::testing::SplitMix random(4);
  const auto word = [&] { return static_cast<std::uint32_t>(random.bits()); };
  constexpr int pairs = 200;
  for (unsigned bit = 0; bit < 192; ++bit) {
    double flipped = 0;
    for (int i = 0; i < pairs; ++i) {
      PhiloxCounter counter{word(), word(), word(), word()};
      PhiloxKey key{word(), word()};
      const PhiloxCounter before = philox(counter, key);
      (bit < 128 ? counter[bit / 32] : key[bit / 32 - 4]) ^= 1u << bit % 32;
      const PhiloxCounter after = philox(counter, key);
      for (std::size_t w = 0; w < 4; ++w) flipped += std::popcount(before[w] ^ after[w]);
    }
    CAPTURE(bit);
    CHECK(std::abs(flipped - pairs * 64) < 5.5 * std::sqrt(pairs * 32.0));
  }
}
