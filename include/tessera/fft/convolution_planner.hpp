// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Which convolution to use. From the lengths of kernel and signal, the block in which samples come, the latency that is
// allowed, and the order of a recurrence with the same kernel if there is one, advise_convolution() says which methods
// can do it, what each costs, and why:
//
//   direct       sums over the taps
//   whole        one product of the whole signal: CausalConvolution
//   blocks       products of blocks (overlap-save): CausalConvolution with a kernel_length, OverlapSave
//   partitioned  results without latency, the work spread evenly: StreamingConvolution
//   relaxed      results without latency, the work in bursts: RelaxedConvolution
//   recurrence   a step of `order` states for each sample
//
// Costs are multiplications for a sample of a channel as they are counted in the methods' own schedules, each as dear
// as one in a full vector. Where lanes stay empty, each costs as many as there are lanes; where the next one waits for
// the last, several; and a call costs about 800 (measured: 60 ns where a multiplication takes 0.075 ns).

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <fmt/core.h>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/fft/detail/row_convolution.hpp>
#include <tessera/fft/detail/streaming_schedule.hpp>
#include <tessera/fft/relaxed.hpp>

namespace tessera {

enum class ConvolutionMethod { direct, whole, blocks, partitioned, relaxed, recurrence };

/// What is to be convolved.
struct ConvolutionNeeds {
  Index taps = 1;         // of the kernel, at least 1
  Index length = 0;       // samples of the signal; 0: endless
  Index block = 0;        // samples that come at once, at least 1; 0: the whole signal is there
  Index latency = 0;      // samples by which results may come late, at least 0
  bool feedback = false;  // the next sample depends on the last result; samples then come one by one
  bool even = false;      // no call may take much longer than others of its length
  Index order = 0;        // of a recurrence with the same kernel; 0: there is none
  Index channels = 1;     // at least 1
};

/// One method, for these needs.
struct ConvolutionCandidate {
  ConvolutionMethod method = ConvolutionMethod::direct;
  bool possible = true;
  Index latency = 0;   // samples by which results come late
  double cost = 0;     // multiplications for a sample of a channel
  std::string reason;  // why it is not possible, or what it costs
};

/// All methods, possible ones first, cheap ones first.
struct ConvolutionAdvice {
  std::vector<ConvolutionCandidate> candidates;

  const ConvolutionCandidate& best() const { return candidates.front(); }
  ConvolutionMethod method() const { return best().method; }
};

/// The method's name, as in the enumeration.
inline const char* name(ConvolutionMethod method) {
  constexpr const char* names[] = {"direct", "whole", "blocks", "partitioned", "relaxed", "recurrence"};
  return names[static_cast<int>(method)];
}

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Costs of methods for numbers of type float.
class ConvolutionPlanner {
 public:
  explicit ConvolutionPlanner(const ConvolutionNeeds& needs)
      : needs_(needs), taps_(needs.length == 0 ? needs.taps : std::min(needs.taps, needs.length)) {}

  std::vector<ConvolutionCandidate> candidates() const {
    std::vector<ConvolutionCandidate> result = {direct(), whole(), blocks(), partitioned(), relaxed(), recurrence()};
    std::stable_sort(result.begin(), result.end(), [](const auto& a, const auto& b) {
      return a.possible != b.possible ? a.possible : a.possible && a.cost < b.cost;
    });
    return result;
  }

 private:
  using Candidate = ConvolutionCandidate;
  using Method = ConvolutionMethod;

  static constexpr double call = 800;
  static constexpr double lanes = simd::lanes<float>;
  static constexpr double wait = 4;  // cycles until a result may be used, against vectors started meanwhile

  Index block() const { return needs_.feedback ? 1 : needs_.block; }
  /// What calls add to each sample, if a call is for so many channels.
  double calls(double channels) const { return block() == 0 ? 0 : call / static_cast<double>(block()) / channels; }
  double channels() const { return static_cast<double>(needs_.channels); }
  /// How much dearer a multiplication is where lanes hold channels.
  double empty_lanes() const { return lanes / std::min(lanes, channels()); }

  static Candidate impossible(Method method, std::string reason) { return {method, false, 0, 0, std::move(reason)}; }
  static Candidate possible(Method method, double cost, Index latency, std::string reason) {
    return {method, true, latency, cost, std::move(reason)};
  }

  Candidate direct() const {
    const auto taps = static_cast<double>(taps_);
    // At the beginning of a signal there are fewer samples than taps.
    const double met = needs_.length == 0 ? taps : taps - taps * (taps - 1) / (2 * static_cast<double>(needs_.length));
    return possible(Method::direct, met + calls(1), 0, fmt::format("{} taps, each a multiplication", taps_));
  }

  Candidate whole() const {
    if (needs_.feedback) return impossible(Method::whole, "samples depend on results");
    if (needs_.length == 0) return impossible(Method::whole, "the signal has no end");
    const Index latency = block() == 0 || block() >= needs_.length ? 0 : needs_.length - 1;
    if (latency > needs_.latency) return impossible(Method::whole, late(latency));
    const RowConvolution<float>::Method method = RowConvolution<float>::choose(needs_.length, needs_.length);
    const double cost = method.multiplications(needs_.length, taps_);
    return possible(Method::whole, cost, latency, fmt::format("one product for {} samples", needs_.length));
  }

  Candidate blocks() const {
    if (needs_.feedback) return impossible(Method::blocks, "samples depend on results");
    const auto method = RowConvolution<float>::choose(0, std::max(taps_, DirectConvolution<float>::longest + 1));
    const Index size = method.block(taps_, 0), latency = block() == 0 ? 0 : size - 1;
    if (latency > needs_.latency) return impossible(Method::blocks, late(latency));
    if (needs_.length != 0 && size >= needs_.length) {
      return impossible(Method::blocks, fmt::format("a block would have {} samples, as many as the signal", size));
    }
    return possible(Method::blocks, method.multiplications(0, taps_), latency,
                    fmt::format("a product for every {} samples", size));
  }

  Candidate partitioned() const {
    const auto schedule = StreamingSchedule<float>::choose(taps_);
    const auto& levels = schedule.levels();
    std::string reason = "all taps are summed directly";
    if (levels.size() == 1) reason = fmt::format("partitions of {} taps", levels[0].block());
    if (levels.size() == 2) reason = fmt::format("partitions of {} and {} taps", levels[0].block(), levels[1].block());
    return possible(Method::partitioned, schedule.mean_work() + calls(1), 0, std::move(reason));
  }

  Candidate relaxed() const {
    using Relaxed = RelaxedConvolution<float>;
    const bool bursts = taps_ > Relaxed::base;
    if (needs_.even && bursts) return impossible(Method::relaxed, "calls that end long blocks take much longer");
    double cost = (Relaxed::base + 1) / 2.0 * empty_lanes();
    Index size = Relaxed::base;
    for (;; size *= 2) {
      const bool last = size >= taps_ - 1;
      cost += product(size) / static_cast<double>(last ? size : 2 * size);
      if (last) break;
    }
    // However many samples there are, they go one by one, all channels at once.
    return possible(Method::relaxed, cost + call / channels(), 0, fmt::format("products of up to {} samples", size));
  }
  /// A product in a ring: four multiplications in each pair of a level, there and back, and four for each product.
  static double product(Index size) {
    const auto points = static_cast<double>(size);
    return 4 * points * (std::log2(points) + 1);
  }

  Candidate recurrence() const {
    if (needs_.order == 0) return impossible(Method::recurrence, "the kernel is not known to be that of a recurrence");
    // States are read and written for every sample, and a state waits for the last one.
    const double cost = 2 * static_cast<double>(needs_.order) * empty_lanes() + wait * empty_lanes();
    return possible(Method::recurrence, cost + calls(channels()), 0,
                    fmt::format("two multiplications for each of {} states", needs_.order));
  }

  std::string late(Index latency) const {
    return fmt::format("results would come {} samples late, {} are allowed", latency, needs_.latency);
  }

  ConvolutionNeeds needs_;
  Index taps_;
};

}  // namespace detail

/// Which methods can do it, what they cost, and why. Throws std::invalid_argument on needs out of range.
inline ConvolutionAdvice advise_convolution(const ConvolutionNeeds& needs) {
  const auto at_least = [](const char* what, Index least, Index found) {
    require(found >= least, "ConvolutionNeeds: expected {} of at least {}, found {}", what, least, found);
  };
  at_least("taps", 1, needs.taps);
  at_least("length", 0, needs.length);
  at_least("block", 0, needs.block);
  at_least("latency", 0, needs.latency);
  at_least("order", 0, needs.order);
  at_least("channels", 1, needs.channels);
  require(!needs.feedback || needs.block <= 1,
          "ConvolutionNeeds: expected a block of 0 or 1 where samples depend on results, found {}", needs.block);
  require(needs.block > 0 || needs.length > 0 || needs.feedback,
          "ConvolutionNeeds: expected a block or feedback for an endless signal, found neither");
  return {detail::ConvolutionPlanner(needs).candidates()};
}

/// A line for each method: what it costs, when results come, and why.
inline std::string describe(const ConvolutionAdvice& advice) {
  std::string text;
  for (const ConvolutionCandidate& candidate : advice.candidates) {
    if (candidate.possible) {
      text += fmt::format("{:<12} {:>10.1f} multiplications a sample, {} samples late: {}\n", name(candidate.method),
                          candidate.cost, candidate.latency, candidate.reason);
    } else {
      text += fmt::format("{:<12} not possible: {}\n", name(candidate.method), candidate.reason);
    }
  }
  return text;
}

}  // namespace tessera::inline TESSERA_ISA
