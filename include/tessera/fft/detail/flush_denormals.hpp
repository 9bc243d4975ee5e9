// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Numbers below the smallest normal one take processors a hundred times longer than others, and a decaying sound is
// made of them in the end. While a FlushDenormals lives, its thread takes them for 0 and computes 0 instead of them;
// the thread's floating-point state is then as it was before. On x86 with SSE these are the bits FTZ and DAZ of MXCSR,
// on 64-bit Arm the bit FZ of FPCR; elsewhere nothing happens. The compiler does not know of this state: code that
// depends on it stands in a function of its own that is not inlined.

#include <cstdint>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

class FlushDenormals {
 public:
#if defined(__SSE2__)
  static constexpr bool works = true;
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040u); }
  ~FlushDenormals() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__) && defined(__GNUC__)
  static constexpr bool works = true;
  FlushDenormals() {
    __asm__ volatile("mrs %0, fpcr" : "=r"(before_));
    __asm__ volatile("msr fpcr, %0" : : "r"(before_ | (std::uint64_t{1} << 24)));
  }
  ~FlushDenormals() { __asm__ volatile("msr fpcr, %0" : : "r"(before_)); }

 private:
  std::uint64_t before_ = 0;
#else
  static constexpr bool works = false;
  FlushDenormals() {}
  ~FlushDenormals() {}

 private:
#endif
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
