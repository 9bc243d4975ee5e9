// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The exponential moving average of a model's weights beside any optimiser: after update n = 1, 2, ...
//
//   average <- average + (1 - a_n) (weights - average),   a_n = min(decay, (1 + n) / (10 + n)) with warm-up, else
//   decay,
//
// starting from the weights themselves, so that no bias needs correcting. The optimiser never sees the average: its
// path is the same to the bit. Averages are kept in double: in float, steps of (1 - decay) of a small difference would
// round away.

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/nn/parameters.hpp>

namespace tessera {

struct WeightAverageOptions {
  double decay = 0.999;  // in [0, 1); the weights' half-life is log(2) / -log(decay) updates
  bool warm_up = true;   // averages over a shorter past at first: see a_n above
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// Averages of every tensor of a list. `use(parameters)` puts them into the model for as long as its result lives.
template <class Scalar>
class WeightAverage {
 public:
  /// Starts from the weights as they are. Throws std::invalid_argument unless decay is in [0, 1).
  explicit WeightAverage(const Parameters<Scalar>& parameters, const WeightAverageOptions& options = {})
      : options_(options), average_(parameters.size()) {
    require(options.decay >= 0 && options.decay < 1, "WeightAverage: expected a decay in [0, 1), found {}",
            options.decay);
    for_each(parameters, [](const auto& weights, auto average) { average = weights.template cast<double>(); });
  }

  /// Takes the weights in, after a step of the optimiser. Throws std::invalid_argument when the size differs.
  void update(const Parameters<Scalar>& parameters) {
    require_size(parameters);
    ++updates_;
    const auto n = static_cast<double>(updates_);
    const double decay = options_.warm_up ? std::min(options_.decay, (1 + n) / (10 + n)) : options_.decay;
    for_each(parameters, [rest = 1 - decay](const auto& weights, auto average) {
      average += rest * (weights.template cast<double>() - average);
    });
  }

  /// Updates so far.
  Index updates() const { return updates_; }
  /// The averages of all tensors, in the list's order.
  const Eigen::ArrayXd& values() const { return average_; }

  /// Holds the averages in the model; puts the weights back, to the bit, when it ends.
  class [[nodiscard]] Guard {
   public:
    Guard(Guard&& other) noexcept : backup_(std::move(other.backup_)) { other.backup_.clear(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    Guard& operator=(Guard&&) = delete;
    ~Guard() { restore(); }

    /// Puts the weights back before the end.
    void restore() noexcept {
      for (const auto& [values, weights] : backup_) std::copy(weights.begin(), weights.end(), values.begin());
      backup_.clear();
    }

   private:
    friend class WeightAverage;
    Guard() = default;
    std::vector<std::pair<std::span<Scalar>, std::vector<Scalar>>> backup_;
  };

  /// Swaps the averages in. Do not nest: a second guard would save averages as if they were weights, harmless only if
  /// guards end in reverse order. Throws std::invalid_argument when the size differs.
  Guard use(const Parameters<Scalar>& parameters) const {
    require_size(parameters);
    Guard guard;
    guard.backup_.reserve(static_cast<std::size_t>(parameters.count()));
    for (const auto& tensor : parameters) {
      guard.backup_.emplace_back(tensor.values, std::vector<Scalar>(tensor.values.begin(), tensor.values.end()));
    }
    apply(parameters);
    return guard;
  }

  /// Puts the averages into the model for good. Throws std::invalid_argument when the size differs.
  void apply(const Parameters<Scalar>& parameters) const {
    require_size(parameters);
    Index offset = 0;
    for (const auto& tensor : parameters) {
      for (Scalar& value : tensor.values) value = static_cast<Scalar>(average_[offset++]);
    }
  }

 private:
  void require_size(const Parameters<Scalar>& parameters) const {
    require(parameters.size() == average_.size(), "WeightAverage: expected parameters of {} scalars, found {}",
            average_.size(), parameters.size());
  }

  template <class F>
  void for_each(const Parameters<Scalar>& parameters, F f) {
    Index offset = 0;
    for (const auto& tensor : parameters) {
      const auto size = static_cast<Index>(tensor.values.size());
      f(Eigen::Map<const Eigen::ArrayX<Scalar>>(tensor.values.data(), size), average_.segment(offset, size));
      offset += size;
    }
  }

  WeightAverageOptions options_;
  Eigen::ArrayXd average_;
  Index updates_ = 0;
};

}  // namespace tessera::inline TESSERA_ISA
