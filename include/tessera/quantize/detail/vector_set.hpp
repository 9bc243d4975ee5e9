// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Which vectors are the same, bit for bit (so that 0 and -0 differ, and a NaN equals itself): a hash table of views.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <tessera/core/batch.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// A set of vectors that live elsewhere, at most `capacity` of them.
template <class Scalar>
class VectorSet {
 public:
  VectorSet(Index dimension, Index capacity) : bytes_(static_cast<std::size_t>(dimension) * sizeof(Scalar)) {
    std::size_t size = 16;
    while (size < 2 * static_cast<std::size_t>(capacity)) size *= 2;
    slots_.assign(size, nullptr);
  }

  /// Adds a vector, which must outlive the set; false when an equal one is there already.
  bool insert(const Scalar* vector) {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t slot = hash(vector) & mask;; slot = (slot + 1) & mask) {
      if (slots_[slot] == nullptr) {
        slots_[slot] = vector;
        return true;
      }
      if (std::memcmp(slots_[slot], vector, bytes_) == 0) return false;
    }
  }

 private:
  std::size_t hash(const Scalar* vector) const {
    const auto* bytes = reinterpret_cast<const unsigned char*>(vector);
    std::uint64_t state = 0x9e3779b97f4a7c15u;
    for (std::size_t i = 0; i < bytes_; i += sizeof(Scalar)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes + i, sizeof(Scalar));
      state = (state ^ word) * 0xff51afd7ed558ccdu;
      state ^= state >> 32;
    }
    return static_cast<std::size_t>(state);
  }

  std::size_t bytes_;
  std::vector<const Scalar*> slots_;  // a power of two of them, at most half filled
};

/// Codes equal to one of a lower index, ascending.
template <class Scalar>
std::vector<Index> duplicate_vectors(Batch<const Scalar> vectors) {
  VectorSet<Scalar> seen(vectors.dimension(), vectors.count());
  std::vector<Index> duplicates;
  for (Index i = 0; i < vectors.count(); ++i) {
    if (!seen.insert(vectors[i])) duplicates.push_back(i);
  }
  return duplicates;
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
