// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/quantize/finite_scalar_entropy.hpp>

#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include <tessera/quantize/finite_scalar.hpp>

#include "reference/finite_scalar.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
namespace fsq = tessera::testing::fsq;
using tessera::testing::random_mask;
using tessera::testing::random_normal;

namespace {

struct Counted {
  double bits = 0;
  Index used = 0;
};

/// -sum p log2 p of the values by a map, in long double.
template <class Value>
Counted count(const std::vector<Value>& values) {
  std::map<Value, int> counts;
  for (const Value& value : values) ++counts[value];
  long double bits = 0;
  for (const auto& [value, n] : counts) {
    const long double p = static_cast<long double>(n) / static_cast<long double>(values.size());
    bits -= p * std::log2(p);
  }
  return {static_cast<double>(bits), static_cast<Index>(counts.size())};
}

double corrected(const Counted& counted, double samples, double largest) {
  return std::min(counted.bits + static_cast<double>(counted.used - 1) / (2 * samples * std::log(2.0)), largest);
}

void check_against_counts(const std::vector<int>& levels, const Tokens<>& tokens, Mask mask = {}) {
  const MixedRadix radix(levels);
  std::vector<std::vector<int>> joint, single(levels.size());
  for (Index i = 0; i < tokens.rows(); ++i) {
    if (!(mask.all() || mask[i]) || tokens(i, 0) == -1) continue;
    std::vector<int> digits(levels.size());
    if (tokens.cols() == 1 && levels.size() > 1) {
      radix.digits(tokens(i, 0), digits.data());
    } else {
      for (std::size_t d = 0; d < levels.size(); ++d) digits[d] = static_cast<int>(tokens(i, static_cast<Index>(d)));
    }
    joint.push_back(digits);
    for (std::size_t d = 0; d < levels.size(); ++d) single[d].push_back(digits[d]);
  }
  const LevelEntropy found = level_entropy(radix, rows(tokens), mask);
  REQUIRE(found.per_dimension.size() == levels.size());
  REQUIRE(found.per_dimension_corrected.size() == levels.size());
  const auto samples = static_cast<double>(joint.size());
  CHECK(found.vectors == static_cast<Index>(joint.size()));
  double sum = 0;
  for (std::size_t d = 0; d < levels.size(); ++d) {
    const Counted counted = count(single[d]);
    CHECK(found.per_dimension[d] == Catch::Approx(counted.bits).margin(1e-12));
    CHECK(found.per_dimension_corrected[d] ==
          Catch::Approx(corrected(counted, samples, std::log2(levels[d]))).margin(1e-12));
    sum += counted.bits;
  }
  const Counted counted = count(joint);
  CHECK(found.used == counted.used);
  CHECK(found.joint == Catch::Approx(counted.bits).margin(1e-12));
  CHECK(found.joint_corrected == Catch::Approx(corrected(counted, samples, radix.bits())).margin(1e-12));
  CHECK(found.shared() == Catch::Approx(sum - counted.bits).margin(1e-12));
}

}  // namespace

TEST_CASE("entropies are those of a count in long double") {
  const std::vector<int> levels = {8, 5, 5, 5};
  const FiniteScalarQuantizer<float> quantizer({.levels = levels});
  const auto z = random_normal<float>(3000, 4, 71);
  const Tokens<> tokens = quantizer.encode(rows(z));
  check_against_counts(levels, tokens);
  const MaskArray mask = random_mask(3000, 72);
  check_against_counts(levels, tokens, mask);
  check_against_counts(levels, quantizer.encode(rows(z), {.mask = mask}));  // tokens of -1 do not count
}

TEST_CASE("entropies of digits beyond 2^63") {
  const std::vector<int> levels(22, 8);
  const FiniteScalarQuantizer<double> quantizer({.levels = levels});
  RowMatrix<double> z = random_normal<double>(400, 22, 73);
  z.bottomRows(200) = z.topRows(200);  // so that joint counts are not all one
  const MaskArray mask = random_mask(400, 74);
  check_against_counts(levels, quantizer.encode(rows(z)));
  check_against_counts(levels, quantizer.encode(rows(z), {.mask = mask}), mask);
}

TEST_CASE("extremes: uniform, constant, dependent and no tokens") {
  const std::vector<int> levels = {4, 4};
  const MixedRadix radix(levels);
  Tokens<> all(16, 1);
  for (Index i = 0; i < 16; ++i) all(i, 0) = i;
  const LevelEntropy uniform = level_entropy(radix, rows(all));
  CHECK(uniform.joint == Catch::Approx(4));
  CHECK(uniform.joint_corrected == Catch::Approx(4));  // never more than all codes have
  CHECK(uniform.per_dimension[1] == Catch::Approx(2));
  CHECK(uniform.shared() == Catch::Approx(0).margin(1e-12));
  CHECK(uniform.used == 16);

  const Tokens<> constant = Tokens<>::Constant(9, 1, 7);
  const LevelEntropy single = level_entropy(radix, rows(constant));
  CHECK(single.joint == 0);
  CHECK(single.joint_corrected == 0);
  CHECK(single.used == 1);

  Tokens<> diagonal(4, 1);
  for (Index i = 0; i < 4; ++i) diagonal(i, 0) = 5 * i;  // both digits equal
  const LevelEntropy dependent = level_entropy(radix, rows(diagonal));
  CHECK(dependent.joint == Catch::Approx(2));
  CHECK(dependent.shared() == Catch::Approx(2));

  const Tokens<> none(0, 1);
  const LevelEntropy empty = level_entropy(radix, rows(none));
  CHECK(empty.vectors == 0);
  CHECK(empty.used == 0);
  CHECK(empty.joint == 0);
  CHECK(empty.joint_corrected == 0);
  CHECK(empty.per_dimension == std::vector<double>{0, 0});
  const Tokens<> masked = Tokens<>::Constant(5, 1, -1);
  CHECK(level_entropy(radix, rows(masked)).vectors == 0);
}

TEST_CASE("normal latents have the entropies of the dialect within the error of the sample") {
  const std::vector<int> levels = {5, 8};
  const FiniteScalarQuantizer<float> quantizer({.levels = levels});
  const Index samples = 20000;
  const auto z = random_normal<float>(samples, 2, 75);
  const Tokens<> tokens = quantizer.encode(rows(z));
  const LevelEntropy found = level_entropy(quantizer.radix(), rows(tokens));
  // the deviation of an entropy of N samples is sqrt(var(log2 p) / N) < 1 / sqrt(N); five of them: below 1e-6
  for (std::size_t d = 0; d < 2; ++d) {
    const auto masses = fsq::occupancies(fsq::edges(FsqDialect::lucidrains, levels[d]));
    CHECK(std::abs(found.per_dimension_corrected[d] - static_cast<double>(fsq::entropy_bits(masses))) <
          5 / std::sqrt(samples));
  }
  CHECK(std::abs(found.joint_corrected - found.per_dimension_corrected[0] - found.per_dimension_corrected[1]) < 0.01);
}

TEST_CASE("unsigned tokens with all bits set do not count, unless they are tokens") {
  Tokens<std::uint8_t> bytes(4, 1);
  bytes << 3, 255, 7, 255;
  CHECK(level_entropy(MixedRadix(std::vector<int>{4, 5}), rows(bytes)).vectors == 2);
  CHECK(level_entropy(MixedRadix(std::vector<int>{5, 51}), rows(bytes)).vectors == 2);  // 255 codes: 254 is the last
  CHECK(level_entropy(MixedRadix(std::vector<int>{16, 16}), rows(bytes)).vectors == 4);
  bytes(1, 0) = 254;
  CHECK(testing::throws_exactly<std::out_of_range>([&] {
    return level_entropy(MixedRadix(std::vector<int>{2, 127}), rows(bytes));
  }));
  CHECK(level_entropy(MixedRadix(std::vector<int>{5, 51}), rows(bytes)).vectors == 3);
}

TEST_CASE("tokens of other shapes and outside the codebook are errors") {
  const MixedRadix radix(std::vector<int>{4, 5});
  const Tokens<> wide = Tokens<>::Zero(3, 3);
  CHECK_THROWS_MESSAGE(std::invalid_argument, level_entropy(radix, rows(wide)), "3");
  Tokens<> tokens = Tokens<>::Zero(3, 1);
  for (const std::int64_t bad : {20, -2}) {
    tokens(2, 0) = bad;
    CHECK_THROWS_MESSAGE(std::out_of_range, level_entropy(radix, rows(tokens)), std::to_string(bad));
    const MaskArray mask = (MaskArray(3) << true, true, false).finished();
    CHECK(level_entropy(radix, rows(tokens), mask).vectors == 2);  // whatever a masked one holds
  }
  const MaskArray shorter = MaskArray::Constant(2, true);
  CHECK_THROWS_MESSAGE(std::invalid_argument, level_entropy(radix, rows(tokens), shorter), "2");
}
