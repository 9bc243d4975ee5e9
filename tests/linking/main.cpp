// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// Runs every unit that this machine can run and compares what they encode with the digests written down here: tokens
// are the same for every instruction set, compiler and flag, so they can be.

#include <cmath>
#include <cstdint>
#include <cstdio>

#include "digests.hpp"

Digests tokens_of_baseline();
Digests tokens_of_v3();
Digests tokens_of_v3_fast_math();
Digests tokens_of_v4();
Digests tokens_of_plain();

namespace {

// The digests of tokens, then the values.
constexpr Digests expected{"",
                           0x9e5bd38aa7be6c9d,
                           0x9e5bd38aa7be6c9d,
                           0xe0301cd8f25b7097,
                           0xf814e1696c100068,
                           0xf814e1696c100068,
                           0x7a64b83e3230206d,
                           84407250.5,
                           17208.8332,
                           884.041313};

bool agrees(const char* unit, const Digests& found) {
  const std::uint64_t pairs[][2] = {
      {found.nearest_float, expected.nearest_float}, {found.nearest_double, expected.nearest_double},
      {found.cosine_float, expected.cosine_float},   {found.scalar_float, expected.scalar_float},
      {found.scalar_double, expected.scalar_double}, {found.vector_float, expected.vector_float}};
  const double values[][2] = {{found.product, expected.product},
                              {found.convolution, expected.convolution},
                              {found.transform, expected.transform}};
  bool right = true;
  std::printf("%-14s %-24s", unit, found.instruction_set);
  for (const auto& [digest, wanted] : pairs) {
    right = right && digest == wanted;
    std::printf(" %016llx", static_cast<unsigned long long>(digest));
  }
  for (const auto& [value, wanted] : values) {
    right = right && std::abs(value - wanted) < 1e-6 * wanted;
    std::printf(" %.9g", value);
  }
  std::printf("%s\n", right ? "" : " <- differs");
  return right;
}

}  // namespace

int main() {
  bool right = true;
#if defined(TESSERA_LEVELS)
  right = agrees("baseline", tokens_of_baseline()) && right;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) {
    right = agrees("v3", tokens_of_v3()) && right;
    right = agrees("v3 -ffast-math", tokens_of_v3_fast_math()) && right;
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd")) {
    right = agrees("v4", tokens_of_v4()) && right;
  }
#else
  right = agrees("plain", tokens_of_plain());
#endif
  return right ? 0 : 1;
}
