// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Learning rates as functions of the step, counted from 0. A schedule is anything callable with the step; these three
// are plain values:
//
//   ConstantSchedule   rate
//   StepSchedule       rate * factor^floor(step / every)
//   CosineSchedule     linear warm-up peak (step + 1) / warmup_steps, then half a cosine from peak down to final at
//                      total_steps (Loshchilov and Hutter 2017, "SGDR", equation 5, one period), final from there on

#include <algorithm>
#include <cmath>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>

namespace tessera {

struct CosineScheduleOptions {
  double peak = 1e-3;      // the rate after the warm-up, at least 0
  double final = 0;        // the rate from total_steps on, at least 0
  Index warmup_steps = 0;  // at least 0; the first step already has peak / warmup_steps
  Index total_steps = 1;   // warm-up included, more than warmup_steps
};

struct StepScheduleOptions {
  double rate = 1e-3;   // the rate at the start, at least 0
  double factor = 0.1;  // what each stage multiplies it with, at least 0
  Index every = 1;      // steps in a stage, at least 1
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// The same rate at every step. Throws std::invalid_argument when it is negative.
class ConstantSchedule {
 public:
  explicit ConstantSchedule(double rate) : rate_(rate) {
    require(rate >= 0, "ConstantSchedule: expected a rate of at least 0, found {}", rate);
  }
  double operator()(Index) const { return rate_; }

 private:
  double rate_;
};

/// A rate that falls by a factor every so many steps. Throws std::invalid_argument on options out of range.
class StepSchedule {
 public:
  explicit StepSchedule(const StepScheduleOptions& options) : options_(options) {
    require(options.rate >= 0 && options.factor >= 0,
            "StepSchedule: expected a rate and factor of at least 0, found {} and {}", options.rate, options.factor);
    require(options.every >= 1, "StepSchedule: expected stages of at least 1 step, found {}", options.every);
  }
  double operator()(Index step) const {
    return options_.rate * std::pow(options_.factor, static_cast<double>(step / options_.every));
  }

 private:
  StepScheduleOptions options_;
};

/// Warm-up, then half a cosine. Throws std::invalid_argument on options out of range.
class CosineSchedule {
 public:
  explicit CosineSchedule(const CosineScheduleOptions& options) : options_(options) {
    require(options.peak >= 0 && options.final >= 0, "CosineSchedule: expected rates of at least 0, found {} and {}",
            options.peak, options.final);
    require(options.warmup_steps >= 0 && options.total_steps > options.warmup_steps,
            "CosineSchedule: expected more total steps than the {} of the warm-up, found {}", options.warmup_steps,
            options.total_steps);
  }
  double operator()(Index step) const {
    if (step < options_.warmup_steps) {
      return options_.peak * static_cast<double>(step + 1) / static_cast<double>(options_.warmup_steps);
    }
    const Index decay_steps = options_.total_steps - options_.warmup_steps;
    const double done =
        std::min(1.0, static_cast<double>(step - options_.warmup_steps) / static_cast<double>(decay_steps));
    constexpr double pi = 3.141592653589793;
    return options_.final + (options_.peak - options_.final) * 0.5 * (1 + std::cos(pi * done));
  }

 private:
  CosineScheduleOptions options_;
};

}  // namespace tessera::inline TESSERA_ISA
