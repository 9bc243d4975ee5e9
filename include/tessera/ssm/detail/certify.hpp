// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The certificate of a conversion: both impulse responses in long double, where that is wider than double, so that the
// figure is what the two systems differ by, and not what the recurrence of either loses to rounding.

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <string>
#include <utility>

#include <fmt/core.h>
#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/certificate.hpp>
#include <tessera/ssm/detail/conjugates.hpp>
#include <tessera/ssm/filter_forms.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Throws std::invalid_argument on options out of range.
inline void check_conversion(const char* who, const ConversionOptions& options) {
  require(is_finite(options.tolerance) && options.tolerance >= 0,
          "{}: expected a finite tolerance of at least 0, found {}", who,
          is_finite(options.tolerance) ? fmt::format("{}", options.tolerance) : non_finite_name(options.tolerance));
  require(options.length >= 0, "{}: expected a length of at least 0, found {}", who, options.length);
}

/// How many taps to compare: as many as until the slowest pole has decayed, or a growing one has grown, 1e16 times.
inline Index comparison_length(double radius, Index order, const ConversionOptions& options) {
  if (options.length > 0) return options.length;
  const double rate = radius > 0 ? std::abs(std::log(radius)) : 1e3;
  const double taps = 36.8 / std::max(rate, 1e-6);
  return std::min<Index>(16384, std::max<Index>({64, 4 * order, static_cast<Index>(taps)}));
}

/// What may be said of poles that lie too close together: "64 poles within 0.01 of z = 1".
inline std::string describe_crowd(const Eigen::VectorXcd& poles) {
  const Index n = poles.size();
  if (n < 2) return fmt::format("{} poles", n);
  const Eigen::ArrayXd distance = (poles.array() - 1.0).abs();
  const Index near_one = (distance < 0.3).count();
  if (near_one >= 3 && 2 * near_one >= n) {
    const double width = (distance < 0.3).select(distance, 0).maxCoeff();
    return fmt::format("{} poles within {:.2g} of z = 1", near_one, width);
  }
  Index center = 0;
  double closest = std::abs(poles[1] - poles[0]);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < i; ++j) {
      if (std::abs(poles[i] - poles[j]) >= closest) continue;
      closest = std::abs(poles[i] - poles[j]);
      center = i;
    }
  }
  const Eigen::ArrayXd width = (poles.array() - poles[center]).abs();
  const Eigen::ArrayXd crowd = (width <= 3 * closest).select(width, 0);
  const Index count = (width <= 3 * closest).count();
  if (crowd.maxCoeff() == 0) return fmt::format("{} poles at z = {}", count, describe_value(poles[center]));
  return fmt::format("{} poles within {:.2g} of z = {}", count, crowd.maxCoeff(), describe_value(poles[center]));
}

[[noreturn]] inline void refuse_conversion(const char* who, double tolerance, const double& residual,
                                           const std::string& reason) {
  const std::string found = is_finite(residual) ? fmt::format("{:.2g}", residual) : non_finite_name(residual);
  raise<NumericalError>("{}: expected a residual of at most {}, found {} ({})", who, tolerance, found, reason);
}

/// What is known of a conversion before its certificate.
struct Evidence {
  Index length = 0;
  double condition = 1;
  double tolerance = 1e-6;
};

/// The largest difference relative to the largest tap of the first; not finite when any tap is not.
inline double relative_difference(const TapVector<long double>& given, const TapVector<long double>& made) {
  const Eigen::VectorXd first = given.cast<double>(), second = made.cast<double>();
  if (!all_finite(first.data(), first.size()) || !all_finite(second.data(), second.size()))
    return std::numeric_limits<double>::infinity();
  if (given.size() == 0) return 0;
  const long double peak = given.cwiseAbs().maxCoeff();
  return static_cast<double>((given - made).cwiseAbs().maxCoeff() / (peak > 0 ? peak : 1));
}

/// Compares, and throws NumericalError with `reason()` beyond the tolerance.
template <class Given, class Form, class Reason>
Certified<Form> certify(const char* who, const Given& given, Form form, const Evidence& evidence, Reason&& reason) {
  const double residual = relative_difference(impulse_response<long double>(given, evidence.length),
                                              impulse_response<long double>(form, evidence.length));
  if (!is_finite(residual) || residual > evidence.tolerance)
    refuse_conversion(who, evidence.tolerance, residual, reason());
  const double largest = std::numeric_limits<double>::max();
  return {std::move(form), {residual, is_finite(evidence.condition) ? evidence.condition : largest, evidence.length}};
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
