// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/simd.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "support/catch.hpp"
#include "support/random_matrix.hpp"

namespace simd = tessera::simd;
using tessera::testing::SplitMix;

namespace {

#if defined(__FMA__) && !defined(TESSERA_PLAIN_SIMD)
constexpr bool always_fused = true;  // whatever the loop around it: sums rely on it
#else
constexpr bool always_fused = false;
#endif

/// The lanes of a native vector as an array.
template <class T>
using Lanes = std::array<T, static_cast<std::size_t>(simd::lanes<T>)>;
template <class T>
using ShortLanes = std::array<T, static_cast<std::size_t>(simd::short_lanes<T>)>;

template <class T>
auto lanes_of(const simd::Vec<T>& vector) {
  Lanes<T> result;
  simd::store(result.data(), vector);
  return result;
}

/// Values to compare: integers of up to 14 bits, or fractions of both signs.
template <class T>
T any_value(SplitMix& random) {
  const auto integer = static_cast<T>(static_cast<std::int64_t>(random.below(1 << 15)) - (1 << 14));
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(random.uniform(-3, 3)) + integer * static_cast<T>(random.below(2));
  } else {
    return integer;
  }
}

template <class T>
Lanes<T> any_lanes(SplitMix& random) {
  Lanes<T> result;
  for (T& value : result) value = any_value<T>(random);
  return result;
}

template <class T>
simd::Vec<T> vector_of(const Lanes<T>& values) {
  return simd::load(values.data());
}

/// Whether two numbers have the same bits, so that -0 is not +0 and NaN is itself.
template <class T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

/// Not a template, so that the many comparisons below compile quickly.
void check_bytes(const char* what, const void* found, const void* expected, std::size_t lane_bytes) {
  std::size_t lane = 0;
  const auto* a = static_cast<const char*>(found);
  const auto* b = static_cast<const char*>(expected);
  while (lane < simd::native_bytes / lane_bytes &&
         std::memcmp(a + lane * lane_bytes, b + lane * lane_bytes, lane_bytes) == 0)
    ++lane;
  CAPTURE(what, lane);
  REQUIRE(lane == simd::native_bytes / lane_bytes);
}

/// `vector` holds expected(i) in lane i, bit by bit.
template <class T, class Expected>
void check_lanes(const char* what, const simd::Vec<T>& vector, Expected expected) {
  Lanes<T> values;
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(expected(i));
  check_bytes(what, &vector, &values, sizeof(T));
}

/// `mask` is all ones or all zeros in each lane, as expected(i) is.
template <class T, class Expected>
void check_mask(const char* what, const simd::MaskVec<T>& mask, Expected expected) {
  using Integer = simd::detail::SignedOf<T>;
  check_lanes<Integer>(what, mask, [&](std::size_t i) { return expected(i) ? Integer{-1} : Integer{0}; });
}

}  // namespace

TEST_CASE("vectors have the native width, and masks the lanes of what was compared") {
  static_assert(sizeof(simd::Vec<float>) == simd::native_bytes && sizeof(simd::Vec<std::int8_t>) == simd::native_bytes);
  static_assert(sizeof(simd::ShortVec<double>) == 16 && simd::short_lanes<double> == 2);
  static_assert(simd::lanes<float> == 2 * simd::lanes<double> && simd::lanes<std::int8_t> == 4 * simd::lanes<float>);
  static_assert(sizeof(simd::MaskVec<double>{}[0]) == 8 && sizeof(simd::MaskVec<float>{}[0]) == 4);
  static_assert(sizeof(simd::MaskVec<std::int16_t>{}[0]) == 2 && sizeof(simd::MaskVec<std::uint8_t>{}[0]) == 1);
#if defined(__AVX512F__)
  static_assert(simd::native_bytes == 64);
#elif defined(__AVX__)
  static_assert(simd::native_bytes == 32);
#else
  static_assert(simd::native_bytes == 16);
#endif
}

TEMPLATE_TEST_CASE("loads, stores, broadcasts and iota place every lane, at any address", "", float, double,
                   std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint32_t, std::uint64_t) {
  using T = TestType;
  SplitMix random(1);
  constexpr std::size_t lanes = static_cast<std::size_t>(simd::lanes<T>);
  std::vector<T> memory(3 * lanes);
  for (T& value : memory) value = static_cast<T>(any_value<std::int32_t>(random));
  for (std::size_t offset = 0; offset < lanes; ++offset) {
    const simd::Vec<T> vector = simd::load(memory.data() + offset);
    check_lanes<T>("load", vector, [&](std::size_t i) { return memory[offset + i]; });
    std::vector<T> target(3 * lanes, T(1)), expected = target;
    simd::store(target.data() + offset, vector);
    std::copy_n(memory.begin() + static_cast<std::ptrdiff_t>(offset), lanes,
                expected.begin() + static_cast<std::ptrdiff_t>(offset));
    CHECK(target == expected);
    const simd::ShortVec<T> part = simd::load_short(memory.data() + offset);
    for (int i = 0; i < simd::short_lanes<T>; ++i) CHECK(part[i] == memory[offset + static_cast<std::size_t>(i)]);
  }
  check_lanes<T>("broadcast", simd::broadcast(T(7)), [](std::size_t) { return T(7); });
  const simd::ShortVec<T> sevens = simd::broadcast_short(T(7));
  for (int i = 0; i < simd::short_lanes<T>; ++i) CHECK(sevens[i] == T(7));
  check_lanes<T>("iota", simd::iota<T>(), [](std::size_t i) { return static_cast<T>(i); });
  simd::Vec<T> kept = simd::load(memory.data());
  simd::keep_in_register(kept);
  check_lanes<T>("keep_in_register", kept, [&](std::size_t i) { return memory[i]; });
}

TEMPLATE_TEST_CASE("arithmetic and comparisons act lane by lane", "", float, double, std::int32_t, std::int64_t) {
  using T = TestType;
  SplitMix random(2);
  for (int repetition = 0; repetition < 20; ++repetition) {
    const Lanes<T> a = any_lanes<T>(random), c = any_lanes<T>(random);
    Lanes<T> b = any_lanes<T>(random);
    b[static_cast<std::size_t>(random.below(simd::lanes<T>))] = a[0];
    b[0] = a[0];  // an equal pair
    const simd::Vec<T> va = vector_of<T>(a), vb = vector_of<T>(b), vc = vector_of<T>(c);
    check_lanes<T>("+", va + vb, [&](std::size_t i) { return a[i] + b[i]; });
    check_lanes<T>("-", va - vb, [&](std::size_t i) { return a[i] - b[i]; });
    check_lanes<T>("*", va * vb, [&](std::size_t i) { return a[i] * b[i]; });
    check_lanes<T>("negation", -va, [&](std::size_t i) { return -a[i]; });
    simd::Vec<T> sum = va;
    sum += vb;
    check_lanes<T>("+=", sum, [&](std::size_t i) { return a[i] + b[i]; });
    check_mask<T>("<", va < vb, [&](std::size_t i) { return a[i] < b[i]; });
    check_mask<T>("<=", va <= vb, [&](std::size_t i) { return a[i] <= b[i]; });
    check_mask<T>(">", va > vb, [&](std::size_t i) { return a[i] > b[i]; });
    check_mask<T>(">=", va >= vb, [&](std::size_t i) { return a[i] >= b[i]; });
    check_mask<T>("==", va == vb, [&](std::size_t i) { return a[i] == b[i]; });
    const simd::MaskVec<T> mask = va < vb;
    check_lanes<T>("select", simd::select(mask, va, vb), [&](std::size_t i) { return a[i] < b[i] ? a[i] : b[i]; });
    check_lanes<T>("min", simd::min(va, vb), [&](std::size_t i) { return a[i] < b[i] ? a[i] : b[i]; });
    check_lanes<T>("max", simd::max(va, vb), [&](std::size_t i) { return a[i] > b[i] ? a[i] : b[i]; });
    const Lanes<T> product = lanes_of<T>(simd::multiply_add(va, vb, vc));
    for (std::size_t i = 0; i < a.size(); ++i) {
      const T separate = a[i] * b[i];  // stored, so that no compiler fuses it with the addition
      volatile T rounded = separate;
      const T twice = rounded + c[i];
      if constexpr (std::is_floating_point_v<T>) {
        const T fused = std::fma(a[i], b[i], c[i]);
        CHECK((product[i] == fused || (!always_fused && product[i] == twice)));
      } else {
        CHECK(product[i] == twice);
      }
    }
  }
}

TEMPLATE_TEST_CASE("integers have bitwise operations and shifts, and keep the sign when shifted down", "", std::int32_t,
                   std::int64_t, std::uint32_t) {
  using T = TestType;
  SplitMix random(3);
  const Lanes<T> a = any_lanes<T>(random), b = any_lanes<T>(random);
  const simd::Vec<T> va = vector_of<T>(a), vb = vector_of<T>(b);
  check_lanes<T>("&", va & vb, [&](std::size_t i) { return a[i] & b[i]; });
  check_lanes<T>("|", va | vb, [&](std::size_t i) { return a[i] | b[i]; });
  check_lanes<T>("^", va ^ vb, [&](std::size_t i) { return a[i] ^ b[i]; });
  check_lanes<T>("~", ~va, [&](std::size_t i) { return ~a[i]; });
  for (const int count : {0, 1, 7, 13}) {
    check_lanes<T>("<<", va << count, [&](std::size_t i) { return a[i] << count; });
    check_lanes<T>(">>", va >> count, [&](std::size_t i) { return a[i] >> count; });
  }
}

#ifndef __FAST_MATH__
TEMPLATE_TEST_CASE("special values: signed zeros, infinities, NaN and the smallest numbers", "", float, double) {
  using T = TestType;
  using Limits = std::numeric_limits<T>;
  const std::vector<T> special = {T(0),
                                  -T(0),
                                  Limits::infinity(),
                                  -Limits::infinity(),
                                  Limits::quiet_NaN(),
                                  T(1),
                                  -T(1),
                                  Limits::denorm_min(),
                                  Limits::min(),
                                  Limits::max(),
                                  -Limits::max(),
                                  -Limits::denorm_min()};
  for (const T x : special) {
    check_lanes<T>("broadcast", simd::broadcast(x), [&](std::size_t) { return x; });
    CHECK(same_bits<T>(simd::broadcast_short(x)[1], x));
    for (const T y : special) {
      CAPTURE(x, y);
      const simd::Vec<T> a = simd::broadcast(x), b = simd::broadcast(y);
      // What does not compare gives the second: NaN on either side, or zeros of two signs.
      check_lanes<T>("min", simd::min(a, b), [&](std::size_t) { return x < y ? x : y; });
      check_lanes<T>("max", simd::max(a, b), [&](std::size_t) { return x > y ? x : y; });
      const simd::ShortVec<T> c = simd::broadcast_short(x), d = simd::broadcast_short(y);
      CHECK(same_bits<T>(simd::min(c, d)[1], x < y ? x : y));
      CHECK(same_bits<T>(simd::max(c, d)[1], x > y ? x : y));
      check_mask<T>("<", a < b, [&](std::size_t) { return x < y; });
      check_mask<T>("<=", a <= b, [&](std::size_t) { return x <= y; });
      check_mask<T>(">", a > b, [&](std::size_t) { return x > y; });
      check_mask<T>(">=", a >= b, [&](std::size_t) { return x >= y; });
      check_mask<T>("==", a == b, [&](std::size_t) { return x == y; });
      check_lanes<T>("select", simd::select(a < b, a, b), [&](std::size_t) { return x < y ? x : y; });
      const T sum = lanes_of<T>(a + b)[0], product = lanes_of<T>(a * b)[0];
      CHECK((same_bits<T>(sum, x + y) || (std::isnan(sum) && std::isnan(x + y))));
      CHECK((same_bits<T>(product, x * y) || (std::isnan(product) && std::isnan(x * y))));
    }
  }
}
#endif

TEMPLATE_TEST_CASE("lanes are reduced neighbours first", "", float, double, std::int32_t, std::int64_t) {
  using T = TestType;
  SplitMix random(4);
  for (int repetition = 0; repetition < 20; ++repetition) {
    const Lanes<T> a = any_lanes<T>(random);
    std::vector<T> tree(a.begin(), a.end());
    while (tree.size() > 1) {
      for (std::size_t i = 0; i < tree.size() / 2; ++i) tree[i] = tree[2 * i] + tree[2 * i + 1];
      tree.resize(tree.size() / 2);
    }
    CHECK(simd::reduce_add(vector_of<T>(a)) == tree[0]);
    CHECK(simd::reduce_min(vector_of<T>(a)) == *std::min_element(a.begin(), a.end()));
    for (std::size_t smallest = 0; smallest < a.size(); ++smallest) {
      Lanes<T> b = a;
      b[smallest] = T(-100000);
      CHECK(simd::reduce_min(vector_of<T>(b)) == T(-100000));
    }
  }
}

TEMPLATE_TEST_CASE("vectors fold to 16 bytes by halves, and short vectors are summed each", "", float, double) {
  using T = TestType;
  SplitMix random(5);
  const Lanes<T> a = any_lanes<T>(random);
  std::vector<T> folded(a.begin(), a.end());
  while (folded.size() > static_cast<std::size_t>(simd::short_lanes<T>)) {
    const std::size_t half = folded.size() / 2;
    for (std::size_t i = 0; i < half; ++i) folded[i] += folded[half + i];
    folded.resize(half);
  }
  ShortLanes<T> found;
  simd::store(found.data(), simd::fold_to_short(vector_of<T>(a)));
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == folded[i]);

  std::array<simd::ShortVec<T>, static_cast<std::size_t>(simd::short_lanes<T>)> vectors;
  ShortLanes<T> sums{};
  for (std::size_t v = 0; v < vectors.size(); ++v) {
    ShortLanes<T> values;
    for (T& value : values) sums[v] += value = static_cast<T>(any_value<std::int32_t>(random));  // sums are exact
    vectors[v] = simd::load_short(values.data());
  }
  simd::store(found.data(), simd::sum_each<T>(vectors.data()));
  CHECK(found == sums);
}

TEMPLATE_TEST_CASE("bits of a mask tell which lanes are true, and the first of them", "", float, double, std::int32_t,
                   std::int64_t) {
  using T = TestType;
  using Integer = simd::detail::SignedOf<T>;
  for (unsigned bits = 0; bits < 1u << simd::lanes<T> && bits < 1024; ++bits) {
    Lanes<Integer> mask{};
    int first = -1;
    for (int i = 0; i < simd::lanes<T>; ++i) {
      const bool set = (bits >> i & 1) != 0;
      mask[static_cast<std::size_t>(i)] = set ? -1 : 0;
      if (set && first < 0) first = i;
    }
    const simd::MaskVec<T> vector = simd::load(mask.data());
    REQUIRE(simd::true_bits(vector) == bits);
    if (first < 0) {
      REQUIRE(simd::first_true(vector) >= simd::lanes<T>);
    } else {
      REQUIRE(simd::first_true(vector) == first);
    }
  }
}

TEST_CASE("bits of short masks") {
  using Mask = decltype(simd::ShortVec<float>{} < simd::ShortVec<float>{});
  for (unsigned bits = 0; bits < 16; ++bits) {
    std::array<std::int32_t, 4> lanes{};
    for (unsigned i = 0; i < 4; ++i) lanes[i] = (bits >> i & 1) != 0 ? -1 : 0;
    Mask mask;
    std::memcpy(&mask, lanes.data(), sizeof mask);
    CHECK(simd::true_bits(mask) == bits);
  }
}
