// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What makes the taps of rational transfer functions and takes their gradients, in one scalar type `Work`, with memory
// for each task: ssm/rational_kernel.hpp says which method and which type, this does it for a few channels.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/ssm/detail/lane_recursion.hpp>
#include <tessera/ssm/detail/lane_tile.hpp>
#include <tessera/ssm/detail/rational_division.hpp>
#include <tessera/ssm/power_series.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Views of the parameters of a transfer function: channel c has denominator c / (channels / groups).
template <class Scalar>
struct RationalParameters {
  Batch<const Scalar> numerator;    // (channels, order)
  Batch<const Scalar> denominator;  // (groups, order)
  const Scalar* skip = nullptr;     // channels

  Index channels() const { return numerator.count(); }
  Index groups() const { return denominator.count(); }
  Index order() const { return numerator.dimension(); }
  Index group(Index channel) const { return channel / (channels() / groups()); }
};

/// Calls body(item, slot) for every item; as many run at once as there are slots.
template <class Body>
void for_slots(Index items, Index slots, Execution execution, Body&& body) {
  const Index grain = std::max<Index>(1, (items + slots - 1) / slots);
  execution.for_ranges(items, grain, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) body(i, begin / grain);
  });
}

/// all_finite by vectors at every optimisation level: it reads every tap, and GCC leaves a loop alone at -O2.
template <class Scalar>
bool lanes_finite(const Scalar* values, Index size) {
  constexpr Index lanes = simd::lanes<Scalar>;
  using Tile = LaneTile<Scalar>;
  typename Tile::Counts found{};
  Index i = 0;
  for (; i + lanes <= size; i += lanes) Tile::finite_or_zero(simd::load(values + i), found);
  return Tile::total(found) == 0 && all_finite(values + i, size - i);
}

/// The parts that a plan of `length` taps and an order needs.
struct EngineParts {
  Index points = 0;  // of divisions at roots of unity; 0: none
  Index length = 1;
  Index order = 0;         // that counts: at most length - 1 where the response is truncated
  bool recursion = false;  // by lanes
  bool series = false;     // by blocks of a series
  bool newton = false;     // by the whole reciprocal series
};

template <class Work>
class RationalEngine {
 public:
  using WorkScalar = Work;
  using Division = RationalDivision<Work>;
  using Recursion = LaneRecursion<Work>;

  struct Slot {
    typename Division::Slot division;
    AlignedVector<Work> inverses;
    typename Recursion::Slot recursion;
    std::optional<SeriesDivision<Work>> series;
    std::optional<ReciprocalSeries<Work>> reciprocal;
    std::optional<SeriesProduct<Work>> product;
    AlignedVector<Work> taps;
    AlignedVector<Work> quotient;  // rows of `length`, as many as a recursion has lanes
  };

  RationalEngine() = default;

  RationalEngine(const EngineParts& parts, Index slots) : parts_(parts) {
    if (parts.points > 0) division_.emplace(parts.points);
    if (parts.recursion) recursion_.emplace(parts.order);
    for (Index i = 0; i < slots; ++i) slots_.push_back(make_slot());
  }

  bool exists() const { return !slots_.empty(); }
  const Division& division() const { return *division_; }
  Slot& slot(Index i) { return slots_[static_cast<std::size_t>(i)]; }

  /// How many channels a task of divisions takes at once; 1 without divisions.
  Index at_once() const { return division_ ? division_->at_once() : 1; }

  /// Memory for the reciprocals of so many denominators: those of a task, and those that channels share.
  void reserve(Index of_task, Index of_all) {
    if (!division_) return;
    shared_.resize(static_cast<std::size_t>(of_all * division_->spectrum_size()));
    for (Slot& slot : slots_) slot.inverses.resize(static_cast<std::size_t>(of_task * division_->spectrum_size()));
  }
  Work* inverse(Slot& slot, Index i) { return slot.inverses.data() + i * division_->spectrum_size(); }
  Work* shared(Index group) { return shared_.data() + group * division_->spectrum_size(); }

  // ---- the first taps of the infinite response, after lag 0: g[t] = h[t + 1], t < length - 1 ----

  static constexpr Index channels_at_once = simd::lanes<Work>;

  template <class Scalar>
  void taps_by_recursion(const RationalParameters<Scalar>& parameters, Index first, Index count, Scalar* const* taps,
                         Slot& slot) const {
    const Scalar* denominators[channels_at_once] = {};
    for (Index i = 0; i < count; ++i) denominators[i] = parameters.denominator[parameters.group(first + i)];
    const auto source = [&](Index i, Index t, Index size, Work* to) {
      const Scalar* numerator = parameters.numerator[first + i];
      for (Index s = 0; s < size; ++s) {
        to[s * channels_at_once] = t + s < parts_.order ? static_cast<Work>(numerator[t + s]) : Work{0};
      }
    };
    const auto sink = [&](Index i, Index t, Index size, const Work* from) {
      for (Index s = 0; s < size; ++s) taps[i][t + s] = static_cast<Scalar>(from[s * channels_at_once]);
    };
    recursion_->divide(denominators, count, parts_.length - 1, source, sink, slot.recursion);
  }

  template <class Scalar>
  void taps_by_blocks(const Scalar* numerator, const Scalar* denominator, Scalar* taps, Slot& slot) const {
    slot.series->set(denominator, parts_.order);
    const auto source = [&](Index t, Index size, Work* to) { copy_padded(numerator, t, size, to); };
    const auto sink = [&](Index t, Index size, const Work* from) {
      for (Index s = 0; s < size; ++s) taps[t + s] = static_cast<Scalar>(from[s]);
    };
    slot.series->run(parts_.length - 1, source, sink);
  }

  template <class Scalar>
  void taps_by_newton(const Scalar* numerator, const Scalar* denominator, Scalar* taps, Slot& slot) const {
    slot.reciprocal->run(denominator, parts_.order, slot.quotient.data());
    slot.product->set(slot.quotient.data());
    copy_padded(numerator, 0, parts_.length, slot.taps.data());
    slot.product->low(slot.taps.data(), slot.taps.data());
    for (Index t = 0; t + 1 < parts_.length; ++t) taps[t] = static_cast<Scalar>(slot.taps[static_cast<std::size_t>(t)]);
  }

  // ---- their gradients ----
  // With A g = b as power series, q = (1 / A)^T g-bar is b-bar, and -sum over t of q[t] g[t - j] is a-bar_j. In time
  // reversed, q is a division: v[t] = q[length - 1 - t].

  /// `taps` and `grad_taps` are those of lags 0 ... length - 1; that of lag 0 does not count.
  template <class Scalar>
  void gradients_by_recursion(const RationalParameters<Scalar>& parameters, Index first, Index count,
                              const Scalar* const* taps, const Scalar* const* grad_taps, Scalar* const* grad_numerators,
                              Scalar* const* grad_denominators, Slot& slot) const {
    const Index length = parts_.length;
    const Scalar* denominators[channels_at_once] = {};
    for (Index i = 0; i < count; ++i) denominators[i] = parameters.denominator[parameters.group(first + i)];
    const auto reversed = [&](Index i, Index t, Index size, Work* to) {
      for (Index s = 0; s < size; ++s) to[s * channels_at_once] = static_cast<Work>(grad_taps[i][length - 1 - t - s]);
    };
    const auto sink = [&](Index i, Index t, Index size, const Work* from) {
      Work* q = slot.quotient.data() + i * length;
      for (Index s = 0; s < size; ++s) q[length - 1 - t - s] = from[s * channels_at_once];
    };
    recursion_->divide(denominators, count, length - 1, reversed, sink, slot.recursion);
    const auto source_q = [&](Index i, Index t, Index size, Work* to) {
      const Work* q = slot.quotient.data() + i * length;  // minus the sum is wanted
      for (Index s = 0; s < size; ++s) to[s * channels_at_once] = t + s == 0 ? Work{0} : -q[t + s];
    };
    const auto source_k = [&](Index i, Index t, Index size, Work* to) {
      for (Index s = 0; s < size; ++s) {
        to[s * channels_at_once] = t + s == 0 ? Work{0} : static_cast<Work>(taps[i][t + s]);
      }
    };
    recursion_->correlate(
        count, length, source_q, source_k, [&](Index i) { return grad_denominators[i]; }, slot.recursion);
    for (Index i = 0; i < count; ++i) write_numerator(slot.quotient.data() + i * length, grad_numerators[i]);
  }

  template <class Scalar>
  void gradients_by_series(const Scalar* denominator, const Scalar* taps, const Scalar* grad_taps,
                           Scalar* grad_numerator, Scalar* grad_denominator, Slot& slot) const {
    const Index length = parts_.length;
    Work *v = slot.taps.data(), *q = slot.quotient.data();
    slot.series->set(denominator, parts_.order);
    const auto reversed = [&](Index t, Index size, Work* to) {
      for (Index s = 0; s < size; ++s) to[s] = static_cast<Work>(grad_taps[length - 1 - t - s]);
    };
    slot.series->run(length - 1, reversed,
                     [&](Index t, Index size, const Work* from) { std::copy_n(from, size, v + t); });
    v[length - 1] = 0;
    std::reverse_copy(v, v + length, q);
    write_numerator(q, grad_numerator);
    for (Index t = 0; t < length; ++t) q[t] = t == 0 ? Work{0} : static_cast<Work>(taps[t]);
    slot.product->set(q);
    slot.product->low(v, v);
    for (Index j = 1; j <= parts_.order; ++j) grad_denominator[j - 1] = static_cast<Scalar>(-v[length - 1 - j]);
  }

 private:
  Slot make_slot() const {
    Slot slot;
    const auto length = static_cast<std::size_t>(parts_.length);
    if (division_) slot.division = division_->slot();
    if (recursion_) slot.recursion = recursion_->slot();
    if (parts_.recursion) slot.quotient.resize(length * static_cast<std::size_t>(channels_at_once));
    if (parts_.newton) slot.reciprocal.emplace(parts_.length);
    if (!parts_.series) return slot;
    slot.series.emplace(parts_.order);
    slot.product.emplace(parts_.length);
    slot.taps.resize(length);
    slot.quotient.resize(length);
    return slot;
  }

  template <class Scalar>
  void copy_padded(const Scalar* numerator, Index t, Index size, Work* to) const {
    for (Index s = 0; s < size; ++s) to[s] = t + s < parts_.order ? static_cast<Work>(numerator[t + s]) : Work{0};
  }

  template <class Scalar>
  void write_numerator(const Work* q, Scalar* gradient) const {
    for (Index j = 1; j <= parts_.order; ++j) gradient[j - 1] = static_cast<Scalar>(q[j]);
  }

  EngineParts parts_;
  std::optional<Division> division_;
  std::optional<Recursion> recursion_;
  std::vector<Slot> slots_;
  AlignedVector<Work> shared_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
