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

// x86-64 levels as the psABI defines them, told by the extensions that loops are made of (every processor with AVX2 and
// FMA has the rest of its level).
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

// Flags may allow part of the next level, or more than any level, as -march=native and -mavx often do; the compiler may
// use it anywhere, so such units are told apart from those of the level itself (though not from one another).
#if defined(__AVX512FP16__) || defined(__AVX512VNNI__) || defined(__AVXVNNI__) || defined(__AVX512VBMI__) ||       \
    defined(__AVX512VBMI2__) || defined(__AVX512IFMA__) || defined(__AVX512BF16__) || defined(__AVX512BITALG__) || \
    defined(__AVX512VPOPCNTDQ__) || defined(__SHA__) || defined(__GFNI__) || defined(__SSE4A__) || defined(__XOP__)
#define TESSERA_ISA_BEYOND_LEVELS
#endif
#if defined(__AVX__) || defined(__FMA__) || defined(__F16C__) || defined(__BMI__) || defined(__BMI2__) || \
    defined(__LZCNT__) || defined(__MOVBE__)
#define TESSERA_ISA_SOME_OF_V3
#endif
#if defined(__SSE3__) || defined(__POPCNT__)
#define TESSERA_ISA_SOME_OF_V2
#endif

#if defined(TESSERA_ISA_BEYOND_LEVELS)
#define TESSERA_ISA_EXTRA _plus
#elif defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512CD__) && defined(__AVX512DQ__) && \
    defined(__AVX512VL__) && defined(__FMA__)
#define TESSERA_ISA_EXTRA
#elif defined(__AVX512F__) || (defined(TESSERA_ISA_SOME_OF_V3) && !(defined(__AVX2__) && defined(__FMA__))) || \
    (defined(TESSERA_ISA_SOME_OF_V2) && !defined(__SSE4_2__))
#define TESSERA_ISA_EXTRA _plus
#else
#define TESSERA_ISA_EXTRA
#endif

// TESSERA_PLAIN_SIMD (core/simd.hpp) gives other code, -ffast-math other results.
#if defined(TESSERA_PLAIN_SIMD)
#define TESSERA_ISA_LANES _plain
#else
#define TESSERA_ISA_LANES
#endif

#if defined(__FAST_MATH__)
#define TESSERA_ISA_MATH _fast_math
#else
#define TESSERA_ISA_MATH
#endif

#define TESSERA_ISA_CONCAT_(a, b, c, d) a##b##c##d
#define TESSERA_ISA_CONCAT(a, b, c, d) TESSERA_ISA_CONCAT_(a, b, c, d)
#define TESSERA_ISA_STRING_(a) #a
#define TESSERA_ISA_STRING(a) TESSERA_ISA_STRING_(a)

/// The inline namespace of this unit, for example `x86_64_v3`.
#define TESSERA_ISA TESSERA_ISA_CONCAT(TESSERA_ISA_LEVEL, TESSERA_ISA_EXTRA, TESSERA_ISA_LANES, TESSERA_ISA_MATH)

namespace tessera::inline TESSERA_ISA {

/// The instruction set this unit was built for, in words: programs print it beside their timings.
inline constexpr const char* instruction_set = TESSERA_ISA_STRING(TESSERA_ISA);

}  // namespace tessera::inline TESSERA_ISA
