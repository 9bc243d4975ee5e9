// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The maps behind ssm/stable_parametrization.hpp, one row at a time: parameters `t` to a denominator `a` of `order`
// coefficients, the gradient of `a` to that of `t`, and back from `a` to `t`.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/detail/step_up.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

using DoubleRow = std::vector<double>;

inline double sign_of(double x) { return x < 0 ? -1 : 1; }

/// t as from t = limit tanh(t'): its argument, or an error that says what cannot be reached.
inline double inverse_tanh(const char* who, double value, double limit, const char* what, Index channel) {
  require(std::abs(value) < limit, "{}: expected {} of magnitude below {}, found {} at channel {}", who, what, limit,
          value, channel);
  return std::atanh(value / limit);
}

/// a = limit t / (sum |t| + |s| + 1e-6); the slack s is the last parameter.
struct L1Map {
  static constexpr const char* name = "L1Parametrization";
  static constexpr Index extra_parameters = 1;
  static constexpr bool invertible = true;
  static constexpr double epsilon = 1e-6;

  static double divisor(const double* t, Index order) {
    double sum = epsilon;
    for (Index j = 0; j <= order; ++j) sum += std::abs(t[j]);
    return sum;
  }
  static void forward(const double* t, Index order, double limit, double* a) {
    const double scale = limit / divisor(t, order);
    for (Index j = 0; j < order; ++j) a[j] = scale * t[j];
  }
  static void backward(const double* t, Index order, double limit, const double* grad_a, double* grad_t) {
    const double sum = divisor(t, order);
    double product = 0;
    for (Index j = 0; j < order; ++j) product += grad_a[j] * t[j] / sum;
    for (Index j = 0; j <= order; ++j)
      grad_t[j] = limit / sum * ((j < order ? grad_a[j] : 0) - sign_of(t[j]) * product);
  }
  static void inverse(const double* a, Index order, double limit, double* t, Index channel) {
    double norm = 0;
    for (Index j = 0; j < order; ++j) norm += std::abs(a[j]) / limit;
    require(norm < 1, "{}: expected a sum of magnitudes below {}, found {} at channel {}", name, limit, norm * limit,
            channel);
    const double sum = std::max(1.0, epsilon / (1 - norm));  // so large that the slack is not negative
    for (Index j = 0; j < order; ++j) t[j] = sum * a[j] / limit;
    t[order] = std::max(0.0, sum * (1 - norm) - epsilon);
  }
};

/// Onto sum |a| <= limit: magnitudes lowered by the same amount, those that reach 0 stay there.
struct L1ProjectionMap {
  static constexpr const char* name = "L1ProjectionParametrization";
  static constexpr Index extra_parameters = 0;
  static constexpr bool invertible = true;

  /// By how much magnitudes are lowered; 0 inside the ball.
  static double threshold(const double* t, Index order, double limit) {
    DoubleRow magnitudes(static_cast<std::size_t>(order));
    double sum = 0;
    for (Index j = 0; j < order; ++j) sum += magnitudes[static_cast<std::size_t>(j)] = std::abs(t[j]);
    if (sum <= limit) return 0;
    std::sort(magnitudes.begin(), magnitudes.end(), [](double a, double b) { return a > b; });
    double largest = 0, threshold = 0;  // the sum of the largest, and what brings those to the border
    for (std::size_t count = 0; count < magnitudes.size(); ++count) {
      largest += magnitudes[count];
      const double next = (largest - limit) / static_cast<double>(count + 1);
      if (magnitudes[count] <= next) break;
      threshold = next;
    }
    return threshold;
  }
  static void forward(const double* t, Index order, double limit, double* a) {
    const double lower = threshold(t, order, limit);
    for (Index j = 0; j < order; ++j) a[j] = sign_of(t[j]) * std::max(0.0, std::abs(t[j]) - lower);
  }
  static void backward(const double* t, Index order, double limit, const double* grad_a, double* grad_t) {
    const double lower = threshold(t, order, limit);
    double sum = 0, kept = 0;
    for (Index j = 0; j < order; ++j) {
      if (std::abs(t[j]) <= lower) continue;
      sum += sign_of(t[j]) * grad_a[j];
      ++kept;
    }
    const double mean = lower > 0 ? sum / kept : 0;
    for (Index j = 0; j < order; ++j)
      grad_t[j] = lower > 0 && std::abs(t[j]) <= lower ? 0 : grad_a[j] - sign_of(t[j]) * mean;
  }
  static void inverse(const double* a, Index order, double limit, double* t, Index channel) {
    double norm = 0;
    for (Index j = 0; j < order; ++j) norm += std::abs(t[j] = a[j]);
    require(norm <= limit * (1 + 1e-6),  // what rounding to float may add to a projection
            "{}: expected a sum of magnitudes of at most {}, found {} at channel {}", name, limit, norm, channel);
  }
};

/// k = limit tanh t and step-up.
struct ReflectionMap {
  static constexpr const char* name = "ReflectionParametrization";
  static constexpr Index extra_parameters = 0;
  static constexpr bool invertible = true;

  static DoubleRow reflection(const double* t, Index order, double limit) {
    DoubleRow k(static_cast<std::size_t>(order));
    for (Index j = 0; j < order; ++j) k[static_cast<std::size_t>(j)] = limit * std::tanh(t[j]);
    return k;
  }
  static void forward(const double* t, Index order, double limit, double* a) {
    step_up(reflection(t, order, limit).data(), order, a);
  }
  static void backward(const double* t, Index order, double limit, const double* grad_a, double* grad_t) {
    step_up_backward(reflection(t, order, limit).data(), order, grad_a, grad_t);
    for (Index j = 0; j < order; ++j) {
      const double slope = 1 / std::cosh(std::min(350.0, std::abs(t[j])));  // tanh' = 1 / cosh^2, no cancellation
      grad_t[j] *= limit * slope * slope;
    }
  }
  static void inverse(const double* a, Index order, double limit, double* t, Index channel) {
    const Index failed = step_down(a, order, t);
    require(failed == 0,
            "{}: expected a stable denominator, found the reflection coefficient {} of degree {} at "
            "channel {}",
            name, failed == 0 ? 0 : t[failed - 1], failed, channel);
    for (Index j = 0; j < order; ++j) t[j] = inverse_tanh(name, t[j], limit, "reflection coefficients", channel);
  }
};

/// a2 = limit tanh t2, a1 = (1 + a2) limit tanh t1; t and a alternate, and a last a1 alone has a2 = 0.
struct SectionMap {
  static constexpr const char* name = "SectionParametrization";
  static constexpr const char* product_name = "BiquadProductParametrization";
  static constexpr Index extra_parameters = 0;
  static constexpr bool invertible = true;

  static void forward(const double* t, Index order, double limit, double* a) {
    for (Index j = 0; j < order; j += 2) {
      const double a2 = j + 1 < order ? limit * std::tanh(t[j + 1]) : 0;
      a[j] = (1 + a2) * limit * std::tanh(t[j]);
      if (j + 1 < order) a[j + 1] = a2;
    }
  }
  static void backward(const double* t, Index order, double limit, const double* grad_a, double* grad_t) {
    const auto slope = [limit](double x) {
      const double inverse = 1 / std::cosh(std::min(350.0, std::abs(x)));
      return limit * inverse * inverse;
    };
    for (Index j = 0; j < order; j += 2) {
      const bool pair = j + 1 < order;
      const double a2 = pair ? limit * std::tanh(t[j + 1]) : 0, ratio = limit * std::tanh(t[j]);
      grad_t[j] = grad_a[j] * (1 + a2) * slope(t[j]);
      if (pair) grad_t[j + 1] = (grad_a[j + 1] + grad_a[j] * ratio) * slope(t[j + 1]);
    }
  }
  static void inverse(const double* a, Index order, double limit, double* t, Index channel) {
    for (Index j = 0; j < order; j += 2) {
      const double a2 = j + 1 < order ? a[j + 1] : 0;
      if (j + 1 < order) t[j + 1] = inverse_tanh(name, a2, limit, "a2", channel);
      t[j] = inverse_tanh(name, a[j] / (1 + a2), limit, "a1 / (1 + a2)", channel);
    }
  }
};

/// Poles r e^(+-i theta), r = limit exp(-exp(nu)): a1 = -2 r cos(theta), a2 = r^2. Parameters are nu, theta, nu, ...
struct PolarMap {
  static constexpr const char* name = "PolarParametrization";
  static constexpr const char* product_name = "PolarProductParametrization";
  static constexpr Index extra_parameters = 0;
  static constexpr bool invertible = true;

  static void check_order(Index order) {
    require(order % 2 == 0, "PolarParametrization: expected an even order, found {}", order);
  }
  static void forward(const double* t, Index order, double limit, double* a) {
    check_order(order);
    for (Index j = 0; j < order; j += 2) {
      const double radius = limit * std::exp(-std::exp(std::min(700.0, t[j])));
      a[j] = -2 * radius * std::cos(t[j + 1]);
      a[j + 1] = radius * radius;
    }
  }
  static void backward(const double* t, Index order, double limit, const double* grad_a, double* grad_t) {
    check_order(order);
    for (Index j = 0; j < order; j += 2) {
      const double rate = std::exp(std::min(700.0, t[j])), radius = limit * std::exp(-rate);
      const double grad_radius = 2 * radius * grad_a[j + 1] - 2 * std::cos(t[j + 1]) * grad_a[j];
      grad_t[j] = radius > 0 ? -radius * rate * grad_radius : 0;
      grad_t[j + 1] = 2 * radius * std::sin(t[j + 1]) * grad_a[j];
    }
  }
  static void inverse(const double* a, Index order, double limit, double* t, Index channel) {
    check_order(order);
    for (Index j = 0; j < order; j += 2) {
      const double radius = std::sqrt(std::max(0.0, a[j + 1]));
      require(a[j + 1] > 0 && radius < limit && std::abs(a[j]) <= 2 * radius,
              "{}: expected complex poles of radius below {}, found the section {}, {} at channel {}", name, limit,
              a[j], a[j + 1], channel);
      t[j] = std::log(-std::log(radius / limit));
      t[j + 1] = std::acos(-a[j] / (2 * radius));
    }
  }
};

/// The product of the sections that another map makes.
template <class Sections>
struct ProductMap {
  static constexpr const char* name = Sections::product_name;
  static constexpr Index extra_parameters = 0;
  static constexpr bool invertible = false;

  static void forward(const double* t, Index order, double limit, double* a) {
    DoubleRow sections(static_cast<std::size_t>(order));
    Sections::forward(t, order, limit, sections.data());
    multiply_sections(sections.data(), order, a);
  }
  static void backward(const double* t, Index order, double limit, const double* grad_a, double* grad_t) {
    DoubleRow sections(static_cast<std::size_t>(order)), grad_sections(static_cast<std::size_t>(order));
    Sections::forward(t, order, limit, sections.data());
    multiply_sections_backward(sections.data(), order, grad_a, grad_sections.data());
    Sections::backward(t, order, limit, grad_sections.data(), grad_t);
  }
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
