// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What can be said of the modes of one channel in closed form: gradients, energies, roundings, other forms.

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>

#include <Eigen/Core>

#include <tessera/ssm/detail/double_lanes.hpp>
#include <tessera/ssm/filter_forms.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// From S0 (in `weight_gradient`) and S1 (in `pole_gradient`) of the taps' gradient, in place:
/// dL/dw = 2 conj(S0), dL/dp = 2 conj(w S1).
inline void modal_gradient(Index modes, const std::complex<double>* weights, std::complex<double>* weight_gradient,
                           std::complex<double>* pole_gradient) {
  for (Index n = 0; n < modes; ++n) {
    pole_gradient[n] = 2.0 * std::conj(complex_product(weights[n], pole_gradient[n]));
    weight_gradient[n] = 2.0 * std::conj(weight_gradient[n]);
  }
}

/// The sum over t >= first of (2 Re sum of w p^t)^2 = 2 Re sum over pairs of
/// w_i w_j (p_i p_j)^first / (1 - p_i p_j) + w_i conj(w_j) (p_i conj(p_j))^first / (1 - p_i conj(p_j)).
inline double tail_energy(Index modes, const std::complex<double>* poles, const std::complex<double>* weights,
                          Index first) {
  double sum = 0;
  const auto series = [&](const std::complex<double>& weight, const std::complex<double>& ratio) {
    const std::complex<double> start = complex_product(weight, integer_power(ratio, first));
    const double x = 1 - ratio.real(), y = -ratio.imag();
    return 2 * (start.real() * x + start.imag() * y) / (x * x + y * y);
  };
  for (Index i = 0; i < modes; ++i) {
    if (weights[i] != 0.0 && std::norm(poles[i]) >= 1) return std::numeric_limits<double>::max();
    for (Index j = 0; j <= i; ++j) {
      if (weights[i] == 0.0 || weights[j] == 0.0) continue;
      const double twice = i == j ? 1 : 2;
      sum += twice * series(complex_product(weights[i], weights[j]), complex_product(poles[i], poles[j]));
      sum += twice *
             series(complex_product(weights[i], std::conj(weights[j])), complex_product(poles[i], std::conj(poles[j])));
    }
  }
  return std::max(sum, 0.0);
}

/// How far two ways to the same taps may differ, relative to `peak`. Roundings of the scalar: three for every product
/// of a giant and a baby step and, at random, one for each of the 2 N that are added. Roundings of double: about t in
/// p^t, where |t p^t| is largest.
template <class Scalar>
double modal_rounding(Index modes, const std::complex<double>* poles, const std::complex<double>* weights, Index length,
                      double peak) {
  double size = 0, drift = 0;
  for (Index n = 0; n < modes; ++n) {
    const double radius = std::abs(poles[n]), last = static_cast<double>(length - 1);
    const double decay = -std::log(std::max(radius, std::numeric_limits<double>::min()));
    const double where = decay * last > 1 ? 1 / decay : last;  // of the largest t |p|^t
    size += 2 * std::abs(weights[n]) * std::exp(std::max(-decay, 0.0) * last);
    drift += 2 * std::abs(weights[n]) * where * std::exp(-decay * where);
  }
  const double scalar_rounding = 0.5 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());
  const double double_rounding = 0.5 * std::numeric_limits<double>::epsilon();
  const double error =
      scalar_rounding * (3 + std::sqrt(2.0 * static_cast<double>(modes))) * size + double_rounding * drift;
  if (error == 0) return scalar_rounding;
  return peak > error ? std::min(error / peak + scalar_rounding, 1.0) : 1.0;
}

/// The modes as poles and residues of h[t] = sum of r p^(t-1); `current` modes have the taps 2 Re w p^t.
inline ModalForm modal_form(Index modes, const std::complex<double>* poles, const std::complex<double>* weights,
                            double skip, bool current) {
  ModalForm result{skip, Eigen::VectorXcd(modes), Eigen::VectorXcd(modes)};
  for (Index n = 0; n < modes; ++n) {
    const std::complex<double> residue = current ? complex_product(weights[n], poles[n]) : weights[n];
    if (current) result.skip += 2 * weights[n].real();
    const bool real = poles[n].imag() == 0, upper = poles[n].imag() > 0;
    result.poles[n] = upper || real ? poles[n] : std::conj(poles[n]);
    result.residues[n] = real ? 2 * residue.real() : upper ? residue : std::conj(residue);
  }
  return result;
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
