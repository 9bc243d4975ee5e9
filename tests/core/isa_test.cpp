// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// What docs/linking.md promises: code is named after the instruction set of its unit, data that crosses library borders
// is not. The linking tests run units built for several instruction sets in one program.

#include <tessera/core/isa.hpp>

#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/mask.hpp>
#include <tessera/core/progress.hpp>
#include <tessera/core/thread_pool.hpp>

#include "support/catch.hpp"
#include "support/message.hpp"

namespace {

using tessera::testing::contains;

/// The length of a name before the name, as the linker's names have it.
const std::string in_namespace =
    std::to_string(std::string_view(tessera::instruction_set).size()) + tessera::instruction_set;

template <class T>
bool named_after_instruction_set() {
  return contains(typeid(T).name(), in_namespace);
}

}  // namespace

TEST_CASE("code is named after the instruction set, data that crosses borders is not", "[isa]") {
  CHECK(named_after_instruction_set<tessera::ThreadPool>());
  CHECK(named_after_instruction_set<tessera::AlignedVector<float>>());
  CHECK_FALSE(named_after_instruction_set<tessera::Batch<const float>>());
  CHECK_FALSE(named_after_instruction_set<tessera::Mask>());
  CHECK_FALSE(named_after_instruction_set<tessera::Execution>());
  CHECK_FALSE(named_after_instruction_set<tessera::TaskRef>());
  CHECK_FALSE(named_after_instruction_set<tessera::Progress>());
  CHECK_FALSE(named_after_instruction_set<tessera::Position>());
  CHECK_FALSE(named_after_instruction_set<tessera::FileError>());
  CHECK_FALSE(named_after_instruction_set<tessera::NumericalError>());
}

TEST_CASE("the namespace is inline: sources never mention it", "[isa]") {
  STATIC_REQUIRE(std::is_same_v<tessera::ThreadPool, tessera::TESSERA_ISA::ThreadPool>);
  CHECK(tessera::instruction_set == tessera::TESSERA_ISA::instruction_set);
}

TEST_CASE("the name tells the level, the lanes and -ffast-math", "[isa]") {
  const std::string_view name = tessera::instruction_set;
  const auto begins = [&](std::string_view start) { return name.substr(0, start.size()) == start; };
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__) && defined(__FMA__)
  CHECK(begins("x86_64_v4"));
#elif defined(__AVX512F__)
  CHECK(contains(name, "_plus"));  // part of a level
#elif defined(__AVX2__) && defined(__FMA__)
  CHECK(begins("x86_64_v3"));
#elif defined(__AVX__)
  CHECK(begins("x86_64_v2_plus"));
#elif defined(__SSE4_2__)
  CHECK(begins("x86_64_v2"));
#elif defined(__x86_64__) && !defined(__SSE3__)
  CHECK((name == "x86_64" || begins("x86_64_plain") || begins("x86_64_fast_math")));
#elif defined(__x86_64__)
  CHECK(begins("x86_64_plus"));
#elif defined(__ARM_NEON)
  CHECK(begins("neon"));
#endif
#if defined(TESSERA_PLAIN_SIMD)
  CHECK(contains(name, "_plain"));
#else
  CHECK_FALSE(contains(name, "_plain"));
#endif
#if defined(__FAST_MATH__)
  CHECK(contains(name, "_fast_math"));
#else
  CHECK_FALSE(contains(name, "_fast_math"));
#endif
}
