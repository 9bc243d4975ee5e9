// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Polynomials 1 + a_1 z^-1 + ... + a_n z^-n from reflection coefficients (Levinson's step-up) and back, and from
// second-order sections, with reverse passes; all O(n^2), in double.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <tessera/core/execution.hpp>
#include <tessera/core/isa.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// a^(m)_j = a^(m-1)_j + k_m a^(m-1)_(m-j), in place from degree m - 1 to m.
inline void ascend(double* a, Index m, double k) {
  for (Index j = 0, i = m - 2; j <= i; ++j, --i) {
    const double low = a[j], high = a[i];
    a[j] = low + k * high;
    a[i] = high + k * low;
  }
  a[m - 1] = k;
}

inline void step_up(const double* k, Index order, double* a) {
  for (Index m = 1; m <= order; ++m) ascend(a, m, k[m - 1]);
}

/// The gradient of k from that of a. The polynomials on the way up are kept, O(n^2) numbers: stepping down again would
/// divide by 1 - k^2.
inline void step_up_backward(const double* k, Index order, const double* grad_a, double* grad_k) {
  std::vector<double> rows(static_cast<std::size_t>(order * (order + 1) / 2)), gradient(grad_a, grad_a + order);
  const auto row = [&](Index m) { return rows.data() + m * (m - 1) / 2; };  // of degree m >= 1
  for (Index m = 1; m <= order; ++m) {
    if (m > 1) std::copy(row(m - 1), row(m - 1) + m - 1, row(m));
    ascend(row(m), m, k[m - 1]);
  }
  for (Index m = order; m >= 1; --m) {
    double sum = gradient[static_cast<std::size_t>(m - 1)];
    for (Index j = 0; j < m - 1; ++j) sum += gradient[static_cast<std::size_t>(j)] * row(m - 1)[m - 2 - j];
    grad_k[m - 1] = sum;
    ascend(gradient.data(), m, k[m - 1]);  // its own transpose; entry m - 1 is not looked at any more
  }
}

/// Reflection coefficients of a, and 0; or the largest m whose k_m is not inside (-1, 1), with k_m ... k_n written.
inline Index step_down(const double* a, Index order, double* k) {
  std::vector<double> p(a, a + order);
  for (Index m = order; m >= 1; --m) {
    const double last = k[m - 1] = p[static_cast<std::size_t>(m - 1)];
    if (!(std::abs(last) < 1)) return m;
    const double scale = 1 / ((1 - last) * (1 + last));
    for (Index j = 0, i = m - 2; j <= i; ++j, --i) {
      double& low_place = p[static_cast<std::size_t>(j)];
      double& high_place = p[static_cast<std::size_t>(i)];
      const double low = low_place, high = high_place;
      low_place = (low - last * high) * scale;
      high_place = (high - last * low) * scale;
    }
  }
  return 0;
}

/// From a product of degree d, with its leading 1, to that with 1 + one z^-1 (+ two z^-2).
inline void append_section(double* product, Index degree, bool pair, double one, double two) {
  const auto old = [&](Index j) { return j < 0 || j > degree ? 0 : product[j]; };
  for (Index j = degree + (pair ? 2 : 1); j >= 1; --j) product[j] = old(j) + one * old(j - 1) + two * old(j - 2);
}

/// The products of no section, of one, ..., row by row with leading ones: 1 + c_0 z^-1 + c_1 z^-2 is the first section;
/// of an odd order the last is of first order.
inline std::vector<double> section_products(const double* c, Index order) {
  const Index stride = order + 1, sections = (order + 1) / 2;
  std::vector<double> rows(static_cast<std::size_t>((sections + 1) * stride), 0.0);
  rows[0] = 1;
  for (Index s = 0; s < sections; ++s) {
    double* product = rows.data() + (s + 1) * stride;
    std::copy(product - stride, product, product);
    const bool pair = 2 * s + 1 < order;
    append_section(product, 2 * s, pair, c[2 * s], pair ? c[2 * s + 1] : 0);
  }
  return rows;
}

inline void multiply_sections(const double* c, Index order, double* a) {
  const std::vector<double> rows = section_products(c, order);
  std::copy(rows.end() - order, rows.end(), a);
}

/// The gradient of the sections from that of their product. The products on the way are kept, O(n^2) numbers.
inline void multiply_sections_backward(const double* c, Index order, const double* grad_a, double* grad_c) {
  const std::vector<double> rows = section_products(c, order);
  std::vector<double> gradient(static_cast<std::size_t>(order + 3), 0.0);  // of a_0, ..., a_n, 0, 0
  for (Index j = 0; j < order; ++j) gradient[static_cast<std::size_t>(j + 1)] = grad_a[j];
  for (Index s = (order + 1) / 2 - 1; s >= 0; --s) {
    const double* product = rows.data() + s * (order + 1);
    const bool pair = 2 * s + 1 < order;
    const double one = c[2 * s], two = pair ? c[2 * s + 1] : 0;
    double first = 0, second = 0;
    for (Index j = 0; j <= 2 * s; ++j) {
      double* g = gradient.data() + j;
      first += g[1] * product[j];
      second += g[2] * product[j];
      g[0] += one * g[1] + two * g[2];
    }
    grad_c[2 * s] = first;
    if (pair) grad_c[2 * s + 1] = second;
    gradient[static_cast<std::size_t>(2 * s + 1)] = gradient[static_cast<std::size_t>(2 * s + 2)] = 0;
  }
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
