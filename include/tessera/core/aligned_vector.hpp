// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// std::vector whose memory starts on a cache line: native vectors read from it never straddle two lines, which would
// halve the rate of a loop that does one load per multiply-add. The allocator carries the instruction set in its name,
// and so does the code of every vector that uses it.

#include <cstddef>
#include <new>
#include <vector>

#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {
namespace aligned {

/// Allocates on multiples of 64 bytes on every instruction set.
template <class T>
struct Allocator {
  using value_type = T;
  static constexpr std::align_val_t alignment{64};
  static_assert(alignof(T) <= 64, "expected an alignment of at most 64 bytes");

  Allocator() = default;
  template <class U>
  Allocator(const Allocator<U>&) {}

  T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), alignment)); }
  void deallocate(T* memory, std::size_t) { ::operator delete(memory, alignment); }
  friend bool operator==(const Allocator&, const Allocator&) { return true; }
};

}  // namespace aligned

template <class T>
using AlignedVector = std::vector<T, aligned::Allocator<T>>;

}  // namespace tessera::inline TESSERA_ISA
