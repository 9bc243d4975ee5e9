// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/aligned_vector.hpp>

#include <cstdint>
#include <limits>
#include <new>
#include <stdexcept>
#include <utility>

#include "support/catch.hpp"

namespace {

template <class T>
bool on_a_cache_line(const tessera::AlignedVector<T>& vector) {
  return reinterpret_cast<std::uintptr_t>(vector.data()) % 64 == 0;
}

}  // namespace

TEMPLATE_TEST_CASE("memory starts on a cache line at every size", "[aligned_vector]", std::int8_t, float, double) {
  tessera::AlignedVector<TestType> growing;
  for (int size = 1; size < 300; ++size) {
    growing.push_back(static_cast<TestType>(size % 100));
    REQUIRE(on_a_cache_line(growing));
  }
  for (std::size_t i = 0; i < growing.size(); ++i) REQUIRE(growing[i] == static_cast<TestType>((i + 1) % 100));
}

TEST_CASE("copies, moves and swaps behave like those of std::vector", "[aligned_vector]") {
  tessera::AlignedVector<float> a(17, 2.0f);
  const float* memory = a.data();
  tessera::AlignedVector<float> copy = a;
  CHECK(copy == a);
  CHECK(copy.data() != memory);
  CHECK(on_a_cache_line(copy));
  tessera::AlignedVector<float> moved = std::move(a);
  CHECK(moved.data() == memory);  // allocators are all equal: memory changes hands
  copy.assign(3, 1.0f);
  std::swap(copy, moved);
  CHECK(copy.data() == memory);
  CHECK(moved.size() == 3);
}

TEST_CASE("a size that no memory can hold is an error", "[aligned_vector]") {
  tessera::AlignedVector<double> vector{1, 2};
  CHECK_THROWS_AS(vector.resize(std::numeric_limits<std::size_t>::max() / 2), std::length_error);
  CHECK(vector.size() == 2);
}
