// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The systems x' = A x + B u whose state is the past of u, as coefficients of orthogonal functions (Gu, Dao, Ermon,
// Rudra and Re, HiPPO: Recurrent Memory with Optimal Polynomial Projections, NeurIPS 2020; Gu, Johnson, Timalsina,
// Rudra and Re, How to Train Your HiPPO, 2022). A measure says how much each age of the past counts, a basis how it is
// written down:
//
//   legs          LegS: the whole past, evenly, by T x' = A x + B u, T the time so far; as a system without the 1 / T
//                 (S4 takes it so) the past fades like e^-age. Legendre polynomials P_n
//   legt          LegT: the last `window`, evenly, Legendre polynomials
//   lmu           the same in the coordinates of the Legendre memory unit (Voelker, Kajic and Eliasmith 2019)
//   lagt, glagt   LagT: an exponential weight, Laguerre polynomials L_n; GLagT: their generalisation L_n^(alpha)
//   fout          the last `window`, evenly, 1, sqrt(2) cos and sin; fourier2 is the same with a window of 1
//   foud          the past folded into windows, the m-th of which counts 3^-m, Fourier functions
//   fourier_legs  the whole past, evenly, as LegS does it, Fourier functions
//
// Everything is real. Fourier states are interleaved, cosines of frequency f at 2 f and sines at 2 f + 1, f < order /
// 2; state 1, the sine of frequency 0, stays zero.

#include <cmath>
#include <numbers>

#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>

namespace tessera {

enum class HippoMeasure { legs, legt, lmu, lagt, glagt, fout, foud, fourier2, fourier_legs };

struct HippoOptions {
  double window = 0;  // how much of the past legt, lmu, fout, foud and fourier2 span, > 0; 0: as published, which is 1
                      // for lmu and fourier2 and 2 for the others
  double alpha = 0;   // glagt: the index of the Laguerre polynomials, in (-1, 1)
  double beta = 1;    // lagt: a factor of B; glagt: the past fades like e^(-(1 + beta) age / 2); > 0
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// x' = a x + b u.
struct HippoSystem {
  Eigen::MatrixXd a;  // order x order
  Eigen::VectorXd b;  // order
  Index order() const { return b.size(); }
};

/// "LegS", "LegT", ...
inline const char* hippo_name(HippoMeasure measure) {
  constexpr const char* names[] = {"LegS", "LegT", "LMU", "LagT", "GLagT", "FouT", "FouD", "Fourier2", "Fourier-LegS"};
  return names[static_cast<int>(measure)];
}

namespace detail {

inline bool has_window(HippoMeasure measure) {
  using enum HippoMeasure;
  return measure == legt || measure == lmu || measure == fout || measure == foud || measure == fourier2;
}

inline bool is_fourier(HippoMeasure measure) {
  using enum HippoMeasure;
  return measure == fout || measure == foud || measure == fourier2 || measure == fourier_legs;
}

inline double hippo_window(HippoMeasure measure, const HippoOptions& options) {
  if (options.window > 0) return options.window;
  return measure == HippoMeasure::lmu || measure == HippoMeasure::fourier2 ? 1 : 2;
}

inline void check_hippo(const char* who, HippoMeasure measure, Index order, const HippoOptions& options) {
  require(measure >= HippoMeasure::legs && measure <= HippoMeasure::fourier_legs,
          "{}: expected a measure, found number {}", who, static_cast<int>(measure));
  const char* name = hippo_name(measure);
  require(order >= 1, "{}: expected an order of at least 1, found {}", who, order);
  require(!is_fourier(measure) || order % 2 == 0, "{}: expected an even order for {}, found {}", who, name, order);
  require(is_finite(options.window) && options.window >= 0,
          "{}: expected a positive finite window, or 0 for the published one, found {}", who, options.window);
  require(options.window == 0 || has_window(measure), "{}: expected no window, as {} has none, found {}", who, name,
          options.window);
  require(is_finite(options.alpha) && options.alpha > -1 && options.alpha < 1,
          "{}: expected alpha between -1 and 1, both excluded, found {}", who, options.alpha);
  require(is_finite(options.beta) && options.beta > 0, "{}: expected a positive finite beta, found {}", who,
          options.beta);
}

/// sqrt(2 n + 1): the norms of the Legendre polynomials, inverted.
inline Eigen::VectorXd legendre_scale(Index order) {
  return Eigen::VectorXd::LinSpaced(order, 1, static_cast<double>(2 * order - 1)).cwiseSqrt();
}

/// binomial(n + alpha, n): what the Laguerre polynomials are at 0. Their squared norms are Gamma(1 + alpha) times that.
inline Eigen::VectorXd laguerre_at_zero(Index order, double alpha) {
  Eigen::VectorXd values(order);
  values[0] = 1;
  for (Index n = 1; n < order; ++n)
    values[n] = values[n - 1] * ((static_cast<double>(n) + alpha) / static_cast<double>(n));
  return values;
}

/// 1, 0, sqrt(2), 0, sqrt(2), ...: the Fourier functions at 0.
inline Eigen::VectorXd fourier_at_zero(Index order) {
  Eigen::VectorXd values = Eigen::VectorXd::Zero(order);
  for (Index n = 0; n < order; n += 2) values[n] = n == 0 ? 1 : std::numbers::sqrt2;
  return values;
}

inline HippoSystem legs_system(Index order) {
  const Eigen::VectorXd scale = legendre_scale(order);
  HippoSystem system{Eigen::MatrixXd::Zero(order, order), scale};
  for (Index n = 0; n < order; ++n) {
    for (Index k = 0; k < n; ++k) system.a(n, k) = -scale[n] * scale[k];
    system.a(n, n) = -static_cast<double>(n + 1);
  }
  return system;
}

inline HippoSystem legt_system(Index order, double window) {
  const Eigen::VectorXd scale = legendre_scale(order);
  HippoSystem system{Eigen::MatrixXd(order, order), scale / window};
  for (Index n = 0; n < order; ++n) {
    for (Index k = 0; k < order; ++k)
      system.a(n, k) = (k > n && (k - n) % 2 == 1 ? 1 : -1) * scale[n] * scale[k] / window;
  }
  return system;
}

inline HippoSystem lmu_system(Index order, double window) {
  HippoSystem system{Eigen::MatrixXd(order, order), Eigen::VectorXd(order)};
  for (Index n = 0; n < order; ++n) {
    const double row = static_cast<double>(2 * n + 1) / window;
    for (Index k = 0; k < order; ++k) system.a(n, k) = n < k || (n - k) % 2 == 0 ? -row : row;
    system.b[n] = n % 2 == 0 ? row : -row;
  }
  return system;
}

/// What is below the diagonal is -sqrt(norm of k / norm of n); LagT is the case alpha = 0 with -1/2 on the diagonal.
inline HippoSystem laguerre_system(Index order, double alpha, double diagonal, double scale) {
  const Eigen::VectorXd root = laguerre_at_zero(order, alpha).cwiseSqrt();
  HippoSystem system{Eigen::MatrixXd::Zero(order, order), scale / std::sqrt(std::tgamma(1 + alpha)) * root};
  for (Index n = 0; n < order; ++n) {
    for (Index k = 0; k < n; ++k) system.a(n, k) = -root[k] / root[n];
    system.a(n, n) = diagonal;
  }
  return system;
}

/// (D - feedback B B^T) / window, with D the derivative by age in windows, and feedback B / window as input.
inline HippoSystem fourier_system(Index order, double window, double feedback) {
  const Eigen::VectorXd at_zero = fourier_at_zero(order);
  HippoSystem system{-feedback / window * at_zero * at_zero.transpose(), feedback / window * at_zero};
  for (Index f = 1; f < order / 2; ++f) {
    const double turn = 2 * std::numbers::pi * static_cast<double>(f) / window;
    system.a(2 * f, 2 * f + 1) = -turn;
    system.a(2 * f + 1, 2 * f) = turn;
  }
  return system;
}

/// The real form of A_nk = -n / (n - k), A_nn = i pi n - 1, B_n = 1 over all integer frequencies n, k.
inline HippoSystem fourier_legs_system(Index order) {
  HippoSystem system{Eigen::MatrixXd::Zero(order, order), fourier_at_zero(order)};
  system.a.diagonal().setConstant(-1);
  for (Index f = 1; f < order / 2; ++f) {
    const double frequency = static_cast<double>(f);
    system.a(2 * f, 0) = -std::numbers::sqrt2;
    for (Index h = 1; h < order / 2; ++h) {
      const double sum = frequency / static_cast<double>(f + h);
      const double difference = f == h ? 0 : frequency / static_cast<double>(f - h);
      system.a(2 * f, 2 * h) += -sum - difference;
      system.a(2 * f + 1, 2 * h + 1) += sum - difference;
    }
    system.a(2 * f, 2 * f + 1) = std::numbers::pi * frequency;
    system.a(2 * f + 1, 2 * f) = -std::numbers::pi * frequency;
  }
  return system;
}

/// first P_n(x), n < order.
inline Eigen::VectorXd legendre_values(Index order, double x, double first = 1) {
  Eigen::VectorXd values(order);
  double before = 0, value = first;
  for (Index n = 0; n < order; ++n) {
    values[n] = value;
    const double degree = static_cast<double>(n);
    const double next = ((2 * degree + 1) * x * value - degree * before) / (degree + 1);
    before = value;
    value = next;
  }
  return values;
}

/// first L_n^(alpha)(x), n < order.
inline Eigen::VectorXd laguerre_values(Index order, double alpha, double x, double first) {
  Eigen::VectorXd values(order);
  double before = 0, value = first;
  for (Index n = 0; n < order; ++n) {
    values[n] = value;
    const double degree = static_cast<double>(n);
    const double next = ((2 * degree + 1 + alpha - x) * value - (degree + alpha) * before) / (degree + 1);
    before = value;
    value = next;
  }
  return values;
}

/// 1, 0, sqrt(2) cos(2 pi x), sqrt(2) sin(2 pi x), ...
inline Eigen::VectorXd fourier_values(Index order, double x) {
  Eigen::VectorXd values = fourier_at_zero(order);
  for (Index f = 1; f < order / 2; ++f) {
    const double turns = static_cast<double>(f) * x;
    const double angle = 2 * std::numbers::pi * (turns - std::floor(turns));
    values[2 * f] = std::numbers::sqrt2 * std::cos(angle);
    values[2 * f + 1] = std::numbers::sqrt2 * std::sin(angle);
  }
  return values;
}

/// The published factor of GLagT's B: beta^((1 - alpha) / 2) / sqrt(Gamma(1 - alpha)).
inline double glagt_scale(const HippoOptions& options) {
  return std::pow(options.beta, (1 - options.alpha) / 2) / std::sqrt(std::tgamma(1 - options.alpha));
}

}  // namespace detail

/// The system of a measure. Throws std::invalid_argument unless order >= 1, even for Fourier functions, and on options
/// out of range or without meaning for the measure.
inline HippoSystem hippo(HippoMeasure measure, Index order, const HippoOptions& options = {}) {
  detail::check_hippo("hippo", measure, order, options);
  const double window = detail::hippo_window(measure, options);
  switch (measure) {
    case HippoMeasure::legs:
      return detail::legs_system(order);
    case HippoMeasure::legt:
      return detail::legt_system(order, window);
    case HippoMeasure::lmu:
      return detail::lmu_system(order, window);
    case HippoMeasure::lagt:
      return detail::laguerre_system(order, 0, -0.5, options.beta);
    case HippoMeasure::glagt:
      return detail::laguerre_system(order, options.alpha, -(1 + options.beta) / 2, detail::glagt_scale(options));
    case HippoMeasure::fout:
    case HippoMeasure::fourier2:
      return detail::fourier_system(order, window, 2);
    case HippoMeasure::foud:
      return detail::fourier_system(order, window, 1);
    case HippoMeasure::fourier_legs:
      break;
  }
  return detail::fourier_legs_system(order);
}

/// e^(A time) B, the states' answer to an impulse, in closed form, for time >= 0:
///
///   legs    sqrt(2 n + 1) e^-t P_n(2 e^-t - 1)
///   lagt    beta e^(-t / 2) L_n(t)
///   glagt   beta^((1 - alpha) / 2) / sqrt(Gamma(1 - alpha)) e^(-(1 + beta) t / 2) L_n^(alpha)(t) / norm_n,
///           norm_n^2 = Gamma(n + alpha + 1) / n!
///
/// Throws std::invalid_argument for other measures, whose truncated systems have none, and on a time below 0.
inline Eigen::VectorXd hippo_impulse_response(HippoMeasure measure, Index order, double time,
                                              const HippoOptions& options = {}) {
  detail::check_hippo("hippo_impulse_response", measure, order, options);
  require(is_finite(time) && time >= 0, "hippo_impulse_response: expected a finite time of at least 0, found {}", time);
  if (measure == HippoMeasure::legs) {
    const double age = std::exp(-time);
    return detail::legendre_scale(order).cwiseProduct(detail::legendre_values(order, 2 * age - 1, age));
  }
  if (measure == HippoMeasure::lagt) return detail::laguerre_values(order, 0, time, options.beta * std::exp(-time / 2));
  require(measure == HippoMeasure::glagt, "hippo_impulse_response: expected LegS, LagT or GLagT, found {}",
          hippo_name(measure));
  const double first = detail::glagt_scale(options) * std::exp(-(1 + options.beta) * time / 2);
  const Eigen::VectorXd norm =
      (std::tgamma(1 + options.alpha) * detail::laguerre_at_zero(order, options.alpha)).cwiseSqrt();
  return detail::laguerre_values(order, options.alpha, time, first).cwiseQuotient(norm);
}

/// The functions g_n with u(now - age) = sum over n of x_n g_n(age), as well as the order allows, for the state x of
/// x' = A x + B u. Ages lie in [0, window] for measures with a window. For `foud` the sum is the folded past,
/// (2 / 3) sum over m of 3^-m u(now - age - m window). For the scaled LegS, and fourier_legs, T x' = A x + B u, give
/// the age log(T / s) of the instant s. Throws std::invalid_argument on an age outside, and for glagt with alpha < 0 on
/// the age 0, where its functions have a pole.
inline Eigen::VectorXd hippo_basis(HippoMeasure measure, Index order, double age, const HippoOptions& options = {}) {
  detail::check_hippo("hippo_basis", measure, order, options);
  require(is_finite(age) && age >= 0, "hippo_basis: expected a finite age of at least 0, found {}", age);
  const double window = detail::hippo_window(measure, options);
  require(!detail::has_window(measure) || age <= window,
          "hippo_basis: expected an age within the window of {}, found {}", window, age);
  switch (measure) {
    case HippoMeasure::legs:
      return detail::legendre_scale(order).cwiseProduct(detail::legendre_values(order, 2 * std::exp(-age) - 1));
    case HippoMeasure::legt:
      return detail::legendre_scale(order).cwiseProduct(detail::legendre_values(order, 1 - 2 * age / window));
    case HippoMeasure::lmu:
      return detail::legendre_values(order, 2 * age / window - 1);
    case HippoMeasure::lagt:
      return detail::laguerre_values(order, 0, age, std::exp(-age / 2) / options.beta);
    case HippoMeasure::fourier_legs:
      return detail::fourier_values(order, std::exp(-age));
    case HippoMeasure::fout:
    case HippoMeasure::foud:
    case HippoMeasure::fourier2:
      return detail::fourier_values(order, age / window);
    case HippoMeasure::glagt:
      break;
  }
  require(age > 0 || options.alpha >= 0, "hippo_basis: expected a positive age for GLagT with alpha below 0, found {}",
          age);
  const double weight = std::pow(age, options.alpha) * std::exp((options.beta - 1) * age / 2);
  const Eigen::VectorXd norm =
      (std::tgamma(1 + options.alpha) * detail::laguerre_at_zero(order, options.alpha)).cwiseSqrt();
  return detail::laguerre_values(order, options.alpha, age, weight / detail::glagt_scale(options)).cwiseQuotient(norm);
}

}  // namespace tessera::inline TESSERA_ISA
