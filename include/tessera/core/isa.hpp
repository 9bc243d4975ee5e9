// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The name of the instruction set this unit is compiled for.
//
// A program may link units built with different flags. Were their template instances called alike, the linker would
// keep one of them for all, and an AVX-512 loop could run on a machine without AVX-512. So every tessera header that
// holds code opens `namespace tessera::inline TESSERA_ISA`: users write `tessera::...`, and the linker sees different
// names. Plain data that crosses library borders (views, options, errors) stays in `namespace tessera` itself.
// docs/linking.md tells the whole story.

// x86-64 levels as the psABI defines them; anything beyond the levels has a name of its own.
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512CD__) && defined(__AVX512DQ__) && \
    defined(__AVX512VL__) && defined(__FMA__)
#define TESSERA_ISA_LEVEL x86_64_v4
#elif defined(__AVX2__) && defined(__FMA__)
#define TESSERA_ISA_LEVEL x86_64_v3
#elif defined(__SSE4_2__)
#define TESSERA_ISA_LEVEL x86_64_v2
#elif defined(__SSE2__)
#define TESSERA_ISA_LEVEL x86_64
#elif defined(__ARM_NEON)
#define TESSERA_ISA_LEVEL neon
#else
#define TESSERA_ISA_LEVEL generic
#endif

// -march=native often allows more than the level (the compiler may use it anywhere), and -ffast-math changes results.
#if defined(__AVX512FP16__) || defined(__AVX512VNNI__) || defined(__AVXVNNI__) || defined(__AVX512VBMI__) || \
    defined(__SHA__) || defined(__GFNI__)
#define TESSERA_ISA_EXTRA _plus
#else
#define TESSERA_ISA_EXTRA
#endif

#if defined(__FAST_MATH__)
#define TESSERA_ISA_MATH _fast_math
#else
#define TESSERA_ISA_MATH
#endif

#define TESSERA_ISA_CONCAT_(a, b, c) a##b##c
#define TESSERA_ISA_CONCAT(a, b, c) TESSERA_ISA_CONCAT_(a, b, c)
#define TESSERA_ISA_STRING_(a) #a
#define TESSERA_ISA_STRING(a) TESSERA_ISA_STRING_(a)

/// The inline namespace of this unit, for example `x86_64_v3`.
#define TESSERA_ISA TESSERA_ISA_CONCAT(TESSERA_ISA_LEVEL, TESSERA_ISA_EXTRA, TESSERA_ISA_MATH)

namespace tessera::inline TESSERA_ISA {

/// The instruction set this unit was built for, in words: programs print it beside their timings.
inline constexpr const char* instruction_set = TESSERA_ISA_STRING(TESSERA_ISA);

}  // namespace tessera::inline TESSERA_ISA
