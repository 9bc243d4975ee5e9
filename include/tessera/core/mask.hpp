// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Which vectors of a batch count. A masked vector takes part in nothing: results, losses and statistics are those of
// the batch without it.

#include <span>

#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>

namespace tessera {

/// An owned mask, one bool per vector.
using MaskArray = Eigen::Array<bool, Eigen::Dynamic, 1>;

/// A non-owning view of one bool per vector, true for a vector that counts. Default-constructed, every vector counts.
class Mask {
 public:
  Mask() = default;
  Mask(std::span<const bool> valid) : Mask(valid.data(), static_cast<Index>(valid.size())) {}
  Mask(const MaskArray& valid) : Mask(valid.data(), valid.size()) {}

  /// True when there is no mask: every vector counts.
  bool all() const { return valid_ == nullptr; }
  /// How many vectors the mask speaks of; 0 when there is none.
  Index count() const { return count_; }
  /// Whether vector i counts.
  bool operator[](Index i) const { return valid_ == nullptr || valid_[i]; }

  /// How many of the `batch_count` vectors of a batch count. Always inlined, as other units share its name.
  [[gnu::always_inline]] Index valid_count(Index batch_count) const {
    if (all()) return batch_count;
    Index valid = 0;
    for (Index i = 0; i < count_; ++i) valid += valid_[i] ? 1 : 0;
    return valid;
  }

  /// The mask of vectors [begin, end).
  Mask slice(Index begin, Index end) const {
    if (all()) return {};
    return {valid_ + begin, end - begin};
  }

 private:
  // An array without entries may have no address; its mask is still one, of no vectors.
  Mask(const bool* valid, Index count) : valid_(valid != nullptr ? valid : &no_entry), count_(count) {}

  static constexpr bool no_entry = true;
  const bool* valid_ = nullptr;
  Index count_ = 0;
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// The mask of padded sequences laid out one after the other, `max_length` vectors each: the first lengths[s] vectors
/// of sequence s count. Throws std::invalid_argument on a length outside [0, max_length].
inline MaskArray mask_from_lengths(std::span<const Index> lengths, Index max_length) {
  require(max_length >= 0, "mask_from_lengths: expected a non-negative max_length, found {}", max_length);
  MaskArray mask(static_cast<Index>(lengths.size()) * max_length);
  for (Index s = 0; s < static_cast<Index>(lengths.size()); ++s) {
    const Index length = lengths[static_cast<std::size_t>(s)];
    require(length >= 0 && length <= max_length,
            "mask_from_lengths: expected lengths in [0, {}], found {} for sequence {}", max_length, length, s);
    for (Index i = 0; i < max_length; ++i) mask[s * max_length + i] = i < length;
  }
  return mask;
}

/// Throws std::invalid_argument unless there is no mask, or one bool per vector of the batch.
inline void check_mask(const char* who, Mask mask, Index batch_count) {
  require(mask.all() || mask.count() == batch_count, "{}: expected a mask of {} bools, one per vector, found {}", who,
          batch_count, mask.count());
}

}  // namespace tessera::inline TESSERA_ISA
