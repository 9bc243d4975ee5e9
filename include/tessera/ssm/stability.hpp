// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Whether all poles of 1 / (1 + a_1 z^-1 + ... + a_n z^-n) lie inside the unit circle, without computing them: exactly
// when all reflection coefficients of the step-down recursion do,
//
//   k_m = a^(m)_m,    a^(m-1)_j = (a^(m)_j - k_m a^(m)_(m-j)) / (1 - k_m^2),    m = n, ..., 1,
//
// in O(n^2) (I. Schur 1917, A. Cohn 1922; E. I. Jury, Theory and Application of the z-Transform Method, 1964). The
// recursion carries a bound on its own rounding errors; where double precision could not tell, it is run once more with
// twice the digits. The much cheaper condition |a_1| + ... + |a_n| < 1 (P. Montel 1923) is sufficient, but few stable
// polynomials meet it.

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>

namespace tessera {

enum class Stability {
  stable,    // every pole inside the circle
  marginal,  // no pole outside, but one on the circle; or a k_m so near to 1, 1e-14, that rounding may have put it
             // there
  unstable   // a pole outside
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// What stability() finds of one polynomial.
struct StabilityReport {
  Stability verdict = Stability::stable;
  Eigen::VectorXd reflection;  // k_1 ... k_n; 0 below failed_degree, where the recursion did not get
  Index failed_degree = 0;     // the m of the first (from n down) k_m that is not surely inside (-1, 1); 0 if all are
  double margin = 1;  // 1 - max |k_m| over those found: not a distance of poles, see pole_radius(); may be <= 0
  double l1 = 0;      // |a_1| + ... + |a_n|: below 1 is enough for stability
};

namespace detail {

/// What decides where double cannot: 113 bits where the compiler has them, else long double.
#if defined(__SIZEOF_FLOAT128__) && defined(__GNUC__)
__extension__ typedef __float128 WideReal;
inline constexpr double wide_epsilon = 0x1p-112;
#else
using WideReal = long double;
inline constexpr double wide_epsilon = static_cast<double>(std::numeric_limits<long double>::epsilon());
#endif

/// One polynomial on its way down, in double or wider, each coefficient with a bound on its error.
template <class Real>
class StepDown {
 public:
  /// How near to 1 a |k_m| counts as 1: what rounding in double has put there, wider arithmetic does not take apart.
  static constexpr double slack = sizeof(Real) == sizeof(double) ? 0 : 1e-14;

  explicit StepDown(const Eigen::VectorXd& a) : value_(a.data(), a.data() + a.size()), error_(value_.size()) {}

  Index degree() const { return static_cast<Index>(value_.size()); }
  double last() const { return static_cast<double>(value_.back()); }
  double last_error() const { return error_.back(); }
  bool inside() const { return magnitude(value_.back()) + Real(last_error() + slack) < 1; }
  bool outside() const { return magnitude(value_.back()) - Real(last_error() + slack) > 1; }

  /// Whether a coefficient is larger than any of a stable polynomial, |a_j| <= binomial(m, j): then it is not stable,
  /// and going on might overflow. Beyond degree 900 nothing is said of numbers above 2^900.
  bool too_large() const {
    const Real limit = static_cast<Real>(std::ldexp(1.0, static_cast<int>(std::min<Index>(degree(), 900))));
    return std::any_of(value_.begin(), value_.end(), [&](const Real& a) { return magnitude(a) > limit; });
  }

  /// From degree m to m - 1; |k_m| plus its error must be below 1.
  void descend() {
    const Real k = value_.back(), scale = (1 - k) * (1 + k);
    const Bound bound{std::abs(last()), last_error(), static_cast<double>(scale)};
    value_.pop_back();
    error_.pop_back();
    for (std::size_t j = 0, end = value_.size(); 2 * j < end; ++j) {
      const std::size_t i = end - 1 - j;
      const Real low = value_[j], high = value_[i];
      const double low_error = error_[j], high_error = error_[i];
      value_[j] = (low - k * high) / scale;
      value_[i] = (high - k * low) / scale;
      error_[j] = bound(low, high, low_error, high_error, value_[j]);
      error_[i] = bound(high, low, high_error, low_error, value_[i]);
    }
  }

  /// Whether a_(m-j) = k a_j for all j within the errors, a_0 = 1 and k = +-1: zeros in pairs z, 1 / z.
  bool self_reciprocal() const {
    const Index m = degree();
    const Real sign = value_.back() < 0 ? -1 : 1;
    const auto error = [&](Index j) { return j == 0 ? 0 : error_[static_cast<std::size_t>(j - 1)]; };
    const auto coefficient = [&](Index j) { return j == 0 ? Real(1) : value_[static_cast<std::size_t>(j - 1)]; };
    for (Index j = 0; j <= m; ++j) {
      const double size = static_cast<double>(magnitude(coefficient(j)));
      const double allowed = error(j) + error(m - j) + (4 * std::numeric_limits<double>::epsilon() + slack) * size;
      if (magnitude(coefficient(m - j) - sign * coefficient(j)) > Real(allowed)) return false;
    }
    return true;
  }

  /// The derivative in z of z^m + a_1 z^(m-1) + ..., made monic.
  StepDown derivative() const {
    StepDown result = *this;
    result.value_.pop_back();
    result.error_.pop_back();
    for (std::size_t j = 0; j < result.value_.size(); ++j) {
      const Real factor = static_cast<Real>(value_.size() - j - 1) / static_cast<Real>(value_.size());
      result.value_[j] *= factor;
      result.error_[j] += 2 * epsilon * static_cast<double>(magnitude(result.value_[j]));
    }
    return result;
  }

 private:
  static constexpr double epsilon =
      sizeof(Real) == sizeof(double) ? std::numeric_limits<double>::epsilon() : wide_epsilon;

  static Real magnitude(const Real& x) { return x < 0 ? -x : x; }

  /// On (low - k high) / (1 - k^2): what its arguments' errors make, k's errors in the quotient, and rounding.
  struct Bound {
    double k, k_error, scale;

    double operator()(const Real& low, const Real& high, double low_error, double high_error,
                      const Real& result) const {
      constexpr double hopeless = 1e100;         // and no larger, lest errors overflow on the way down
      const double worst = scale - 2 * k_error;  // 1 - k^2 at the most unfavourable k
      if (!(worst > 0)) return hopeless;
      const double a = static_cast<double>(magnitude(low)), b = static_cast<double>(magnitude(high));
      const double c = static_cast<double>(magnitude(result));
      const double arguments = low_error + k * high_error + (b + 2 * c) * k_error + epsilon * (a + 2 * k * b);
      return std::min(hopeless, arguments / worst + 3 * epsilon * c);
    }
  };

  std::vector<Real> value_;
  std::vector<double> error_;
};

/// Stops where |k_m| is neither surely below nor surely above 1, with what is known until then.
struct Verdict {
  Stability stability = Stability::stable;
  bool certain = true;
};

/// Of a polynomial whose |k_m| may be 1. A polynomial whose zeros all lie on the circle is self-reciprocal; a
/// self-reciprocal one has them all there exactly when its derivative has none outside (Cohn 1922).
template <class Real>
Verdict verdict_at_one(const StepDown<Real>& polynomial);

template <class Real>
Verdict verdict_of(StepDown<Real> polynomial, StabilityReport* report) {
  while (polynomial.degree() > 0) {
    const Index m = polynomial.degree();
    const bool inside = polynomial.inside(), large = polynomial.too_large(), outside = polynomial.outside() || large;
    if (report != nullptr) {
      report->reflection[m - 1] = polynomial.last();
      report->margin = std::min(report->margin, 1 - std::abs(polynomial.last()));
      report->failed_degree = inside && !large ? 0 : m;
    }
    if (outside) return {m > 900 && large ? Stability::marginal : Stability::unstable, true};
    if (!inside) return verdict_at_one(polynomial);
    polynomial.descend();
  }
  return {};
}

template <class Real>
Verdict verdict_at_one(const StepDown<Real>& polynomial) {
  const double error = polynomial.last_error() + StepDown<Real>::slack;
  const bool exact = error == 0;
  if (error > 1e-3) return {Stability::marginal, false};  // nothing is left to judge by
  // With |k_m| = 1 exactly, a polynomial that is not self-reciprocal has a pole outside; within an error, one may as
  // well be just inside.
  if (!polynomial.self_reciprocal()) return {exact ? Stability::unstable : Stability::marginal, exact};
  if (polynomial.degree() == 1) return {Stability::marginal, exact};
  const Stability derivative = verdict_of(polynomial.derivative(), nullptr).stability;
  return {derivative == Stability::unstable ? Stability::unstable : Stability::marginal, exact};
}

/// In double, and where that is not certain in wider arithmetic.
inline Stability stability_verdict(const Eigen::VectorXd& a, StabilityReport* report) {
  const Verdict verdict = verdict_of(StepDown<double>(a), report);
  if (verdict.certain) return verdict.stability;
  if (report != nullptr) *report = {Stability::marginal, Eigen::VectorXd::Zero(a.size()), 0, 1, report->l1};
  return verdict_of(StepDown<WideReal>(a), report).stability;
}

template <class Scalar>
Eigen::VectorXd finite_denominator(const char* who, const Scalar* denominator, Index order, Index channel) {
  Eigen::VectorXd copy(order);
  for (Index j = 0; j < order; ++j) {
    if (!is_finite(denominator[j])) [[unlikely]]
      raise<std::invalid_argument>("{}: expected finite coefficients, found {} at channel {}, coefficient {}", who,
                                   non_finite_name(denominator[j]), channel, j + 1);
    copy[j] = static_cast<double>(denominator[j]);
  }
  return copy;
}

}  // namespace detail

/// One report for each row a_1 ... a_n of (channels, order). Order 0 is stable. Throws std::invalid_argument on
/// coefficients that are not finite. Nothing in a report is NaN.
template <class Scalar>
std::vector<StabilityReport> stability(Batch<Scalar> denominators) {
  std::vector<StabilityReport> reports;
  reports.reserve(static_cast<std::size_t>(denominators.count()));
  const Index order = denominators.dimension();
  for (Index c = 0; c < denominators.count(); ++c) {
    const Eigen::VectorXd a = detail::finite_denominator("stability", denominators[c], order, c);
    StabilityReport report;
    report.reflection = Eigen::VectorXd::Zero(order);
    report.l1 = a.cwiseAbs().sum();
    report.verdict = detail::stability_verdict(a, &report);
    if (!is_finite(report.l1)) report.l1 = std::numeric_limits<double>::max();
    reports.push_back(std::move(report));
  }
  return reports;
}
/// Of one polynomial.
inline StabilityReport stability(const Eigen::VectorXd& denominator) {
  return stability(Batch<const double>(denominator.data(), 1, denominator.size())).front();
}

/// Of 1 + a1 z^-1 + a2 z^-2: stable inside the triangle |a2| < 1, |a1| < 1 + a2, marginal on its sides.
inline Stability section_stability(double a1, double a2) {
  const double side = 1 + a2 - std::abs(a1);
  if (std::abs(a2) < 1 && side > 0) return Stability::stable;
  return std::abs(a2) <= 1 && side >= 0 ? Stability::marginal : Stability::unstable;
}

/// The largest magnitude of a pole, by bisection on the radius R for which a_1 / R, a_2 / R^2, ... is stable: within a
/// factor of 1 +- 1e-12 where step-down can tell so finely (beyond order 64 in double alone), else the upper end of
/// what it cannot tell. Throws std::invalid_argument on coefficients that are not finite.
inline double pole_radius(const Eigen::VectorXd& denominator) {
  const Index order = denominator.size();
  const Eigen::VectorXd a = detail::finite_denominator("pole_radius", denominator.data(), order, 0);
  double high = 0;  // every pole is below twice the largest |a_j|^(1/j) (Fujiwara 1916)
  for (Index j = 0; j < order; ++j) high = std::max(high, 2 * std::pow(std::abs(a[j]), 1 / static_cast<double>(j + 1)));
  if (high == 0) return 0;
  double low = 0;
  const auto inside = [&](double radius) {
    Eigen::VectorXd scaled(order);
    for (Index j = 0; j < order; ++j) {
      // By logarithms: the power may overflow where the quotient does not.
      const double magnitude =
          a[j] == 0
              ? 0
              : std::exp(std::min(700.0, std::log(std::abs(a[j])) - static_cast<double>(j + 1) * std::log(radius)));
      scaled[j] = a[j] < 0 ? -magnitude : magnitude;
    }
    if (order > 64) return detail::verdict_of(detail::StepDown<double>(scaled), nullptr).stability == Stability::stable;
    return detail::stability_verdict(scaled, nullptr) == Stability::stable;
  };
  while (high - low > 1e-12 * high) {
    const double middle = 0.5 * (low + high);
    (inside(middle) ? high : low) = middle;
    if (low == 0 && high < 1e-300) return 0;
  }
  return high;
}

/// The volume of the set of stable polynomials of an order in its coefficients: 2, 4, 16/3, 64/9, ... The step up from
/// degree m - 1 has the Jacobian (1 + k)^p (1 - k)^q, p = ceil((m - 1) / 2), q = floor((m - 1) / 2).
inline double stable_volume(Index order) {
  require(order >= 0, "stable_volume: expected an order of at least 0, found {}", order);
  double volume = 1;
  for (Index m = 1; m <= order; ++m) {
    const auto p = static_cast<double>(m / 2), q = static_cast<double>((m - 1) / 2);
    volume *= std::exp((p + q + 1) * std::log(2.0) + std::lgamma(p + 1) + std::lgamma(q + 1) - std::lgamma(p + q + 2));
  }
  return volume;
}

/// What part of it the condition |a_1| + ... + |a_n| < 1 accepts, (2^n / n!) / stable_volume(n): 1, 1/2, 1/4, 3/32,
/// ..., 0.0009 at order 8.
inline double l1_stable_fraction(Index order) {
  const auto n = static_cast<double>(order);
  return std::exp(n * std::log(2.0) - std::lgamma(n + 1)) / stable_volume(order);
}

}  // namespace tessera::inline TESSERA_ISA
