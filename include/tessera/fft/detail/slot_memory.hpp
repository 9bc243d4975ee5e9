// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Work memory for tasks that run at once: a piece for each. A plan says how large a piece is; the caller keeps the
// memory, or a call makes its own.

#include <algorithm>
#include <cstddef>
#include <optional>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

template <class Scalar>
class SlotMemory {
 public:
  SlotMemory() = default;
  /// `who` names the memory in the error for fewer slots than one.
  SlotMemory(const char* who, Index slots, Index slot_size) : slots_(slots), slot_size_(slot_size) {
    require(slots >= 1, "{}: expected at least 1 slot, found {}", who, slots);
    memory_.resize(static_cast<std::size_t>(slots * slot_size));
  }

  Index slots() const { return slots_; }
  Index slot_size() const { return slot_size_; }
  Scalar* slot(Index i) { return memory_.data() + i * slot_size_; }

 private:
  Index slots_ = 0;
  Index slot_size_ = 0;
  AlignedVector<Scalar> memory_;
};

/// body(item, memory) for every item, spread over the slots of `given`, or over slots made for this call.
template <class Scalar, class Body>
void for_items(Index items, Execution execution, SlotMemory<Scalar>* given, Index slot_size, Body&& body) {
  std::optional<SlotMemory<Scalar>> own;
  if (given == nullptr) {
    own.emplace("workspace", std::clamp<Index>(execution.concurrency(), 1, std::max<Index>(items, 1)), slot_size);
    given = &*own;
  }
  const Index grain = std::max<Index>(1, (items + given->slots() - 1) / given->slots());
  execution.for_ranges(items, grain, [&](Index begin, Index end) {
    Scalar* memory = given->slot(begin / grain);
    for (Index i = begin; i < end; ++i) body(i, memory);
  });
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
