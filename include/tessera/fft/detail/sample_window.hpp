// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Where a convolution of one row reads its samples and writes them: pieces of longer sequences that are zero elsewhere,
// with the products that are fused into reading and writing.

#include <algorithm>
#include <array>

#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Sample m of a sequence is data[m - begin], times factor[m - begin] if there is a factor, for begin <= m < end, and 0
/// elsewhere.
template <class Scalar>
struct SampleSource {
  const Scalar* data = nullptr;
  Index begin = 0;
  Index end = 0;
  const Scalar* factor = nullptr;
  const Scalar* next = nullptr;  // what will be read after this sequence, to be fetched early

  /// Samples origin, origin + 1, ... as samples 0 ... size - 1.
  SampleSource from(Index origin, Index size) const {
    SampleSource result;
    result.begin = std::clamp<Index>(begin - origin, 0, size);
    result.end = std::clamp<Index>(end - origin, result.begin, size);
    if (result.begin == result.end) return result;
    const Index skipped = result.begin + origin - begin;
    result.data = data + skipped;
    if (factor != nullptr) result.factor = factor + skipped;
    return result;
  }
  /// Only samples from `first` to the one before `last`.
  SampleSource part(Index first, Index last) const {
    SampleSource result = from(first, std::max<Index>(last - first, 0));
    result.begin += first;
    result.end += first;
    return result;
  }

  /// Whether samples 0 ... count - 1 are just what lies in memory.
  bool plain(Index count) const { return begin == 0 && end >= count && factor == nullptr; }

  /// Samples m, m + 1, ...
  TESSERA_INLINE simd::Vec<Scalar> load(Index m) const {
    if (m < begin || m + simd::lanes < Scalar >> end) [[unlikely]]
      return m + simd::lanes<Scalar> <= begin || m >= end ? simd::Vec<Scalar>{} : load_part(m);
    const simd::Vec<Scalar> samples = simd::load(data + (m - begin));
    return factor == nullptr ? samples : samples * simd::load(factor + (m - begin));
  }

  [[gnu::noinline, gnu::cold]] simd::Vec<Scalar> load_part(Index m) const {
    std::array<Scalar, simd::lanes<Scalar>> lanes{};
    for (Index i = std::max(m, begin); i < std::min(m + simd::lanes<Scalar>, end); ++i) {
      lanes[static_cast<std::size_t>(i - m)] =
          factor == nullptr ? data[i - begin] : data[i - begin] * factor[i - begin];
    }
    return simd::load(lanes.data());
  }
};

/// Sample m of a sequence, for begin <= m < end, goes to data[m - begin], as
///
///   factor[m - begin] sample + skip skipped[m - begin]
///
/// where there is a factor, and something skipped. What is skipped may be the memory that is written.
template <class Scalar>
struct SampleSink {
  Scalar* data = nullptr;
  Index begin = 0;
  Index end = 0;
  const Scalar* factor = nullptr;
  const Scalar* skipped = nullptr;
  Scalar skip = 0;

  /// Samples first to last - 1, which lie within the sequence, with `origin` as sample 0.
  SampleSink part(Index first, Index last, Index origin) const {
    const Index skipped_samples = first - begin;
    SampleSink result{data + skipped_samples, first - origin, last - origin, nullptr, nullptr, skip};
    if (factor != nullptr) result.factor = factor + skipped_samples;
    if (skipped != nullptr) result.skipped = skipped + skipped_samples;
    return result;
  }

  /// Whether samples 0 ... count - 1 go to memory as they are.
  bool plain(Index count) const { return begin == 0 && end >= count && factor == nullptr && skipped == nullptr; }

  /// Samples m, m + 1, ...
  TESSERA_INLINE void store(Index m, simd::Vec<Scalar> samples) const {
    if (m < begin || m + simd::lanes < Scalar >> end) [[unlikely]] {
      if (m + simd::lanes < Scalar >> begin && m < end) store_part(m, samples);
      return;
    }
    if (factor != nullptr) samples = samples * simd::load(factor + (m - begin));
    if (skipped != nullptr) samples = samples + simd::broadcast(skip) * simd::load(skipped + (m - begin));
    simd::store(data + (m - begin), samples);
  }

  [[gnu::noinline, gnu::cold]] void store_part(Index m, const simd::Vec<Scalar>& samples) const {
    std::array<Scalar, simd::lanes<Scalar>> lanes;
    simd::store(lanes.data(), samples);
    for (Index i = std::max(m, begin); i < std::min(m + simd::lanes<Scalar>, end); ++i) {
      Scalar sample = lanes[static_cast<std::size_t>(i - m)];
      if (factor != nullptr) sample *= factor[i - begin];
      if (skipped != nullptr) sample += skip * skipped[i - begin];
      data[i - begin] = sample;
    }
  }
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
