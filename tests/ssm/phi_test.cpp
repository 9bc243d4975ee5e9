// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/phi.hpp>

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <utility>
#include <vector>

#include <tessera/core/execution.hpp>

#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

using Complex = std::complex<double>;
using LongComplex = std::complex<long double>;

/// Derivative m of phi_j by its series, in long double: (k + m)! / k! z^k / (k + j + m)!. For |z| < 30 its terms reach
/// 1e12 at most, and what they leave of 64 bits is used where |z| is small only.
LongComplex series(int j, int m, LongComplex z) {
  long double first = 1;
  for (int k = m + 1; k <= j + m; ++k) first /= k;
  LongComplex term(first), sum(first);
  for (int k = 1; k < 120; ++k) {
    term *= z * (static_cast<long double>(k + m) / (static_cast<long double>(k) * (k + j + m)));
    sum += term;
  }
  return sum;
}

/// y - 2 pi k. By hand, as -ffast-math compiles the sine of a long double to an instruction that knows 66 bits of pi.
long double reduced(double y) {
  constexpr long double high = 0x1.921fb54442p+2L;  // 2 pi to 40 bits, and the rest
  constexpr long double low = 2.97741899219464924943545589433879875e-12L;
  const long double turns = std::nearbyint(y / 6.283185307179586);
  const volatile long double first = static_cast<long double>(y) - turns * high;  // exact
  return first - turns * low;
}

/// By the series near zero, by the definition beyond.
struct Exact {
  LongComplex exponential, minus_one, phi1, phi2, phi1_derivative, phi2_derivative, phi1_second_derivative;

  explicit Exact(Complex at) {
    const LongComplex z(at.real(), at.imag());
    const long double y = reduced(at.imag()), half = std::sin(y / 2), growth = std::expm1(z.real());
    exponential = std::exp(z.real()) * LongComplex(std::cos(y), std::sin(y));
    minus_one = {growth * std::cos(y) - 2 * half * half, exponential.imag()};
    if (std::abs(z) < 4) {
      phi1 = series(1, 0, z);
      phi2 = series(2, 0, z);
      phi1_derivative = series(1, 1, z);
      phi2_derivative = series(2, 1, z);
      phi1_second_derivative = series(1, 2, z);
    } else {
      phi1 = minus_one / z;
      phi2 = (phi1 - 1.0L) / z;
      phi1_derivative = (exponential - phi1) / z;
      phi2_derivative = (phi1_derivative - phi2) / z;
      phi1_second_derivative = (exponential - 2.0L * phi1_derivative) / z;
    }
  }
};

/// |found - expected| in units of the last place of a double of the modulus, or of `scale` where that is larger.
double units(Complex found, LongComplex expected, long double scale = 0) {
  const LongComplex difference = LongComplex(found.real(), found.imag()) - expected;
  const long double unit = std::max(std::abs(expected), scale) * std::numeric_limits<double>::epsilon();
  return static_cast<double>(std::abs(difference) / unit);
}

/// Points of the left half plane, 2^-40 to 2^8 from zero; on the axes as well, and near 2 pi i k.
std::vector<Complex> points(Index count) {
  SplitMix random(3);
  std::vector<Complex> result{{-1.75, 1e-9}, {-1.7499999, 0}, {-1.7500001, 0}, {-0.02, 0.02}, {-0.3, 0}, {0, 1.75}};
  for (Index i = 0; i < count; ++i) {
    const double radius = std::exp2(random.uniform(-40, 8));
    const double angle = 1.5707963267948966 * (i % 7 == 0 ? 1 : i % 7 == 1 ? 2 : random.uniform(1, 3));
    result.emplace_back(std::min(0.0, radius * std::cos(angle)), radius * std::sin(angle));
    const double turn = 6.283185307179586 * static_cast<double>(random.below(20) - 10);
    result.emplace_back(-std::exp2(random.uniform(-40, 0)), turn + std::exp2(random.uniform(-40, 0)));
  }
  return result;
}

}  // namespace

TEST_CASE("the phi functions are good to four units in the last place in the left half plane", "[phi]") {
  double minus_one = 0, one = 0, two = 0, one_slope = 0, two_slope = 0, one_bend = 0;
  for (const Complex& z : points(effort(20000, 1000))) {
    if (z == 0.0) continue;
    const Exact exact(z);
    // the derivatives have zeros, where only an absolute error can be small
    const long double scale = std::abs(exact.phi1) / std::max(1.0L, static_cast<long double>(std::abs(z)));
    minus_one = std::max(minus_one, units(expm1(z), exact.minus_one));
    one = std::max(one, units(phi1(z), exact.phi1));
    two = std::max(two, units(phi2(z), exact.phi2));
    one_slope = std::max(one_slope, units(phi1_derivative(z), exact.phi1_derivative, scale));
    two_slope = std::max(two_slope, units(phi2_derivative(z), exact.phi2_derivative, scale));
    one_bend = std::max(one_bend, units(phi1_second_derivative(z), exact.phi1_second_derivative, scale));
  }
  CAPTURE(minus_one, one, two, one_slope, two_slope, one_bend);
  CHECK(minus_one < 4);
  CHECK(one < 4);
  CHECK(two < 4);
  CHECK(one_slope < 4);
  CHECK(two_slope < 4);
  CHECK(one_bend < 4);
}

TEST_CASE("real arguments and floats give what complex doubles do", "[phi]") {
  SplitMix random(5);
  for (int i = 0; i < 500; ++i) {
    const double x = (i % 2 == 0 ? -1 : 1) * std::exp2(random.uniform(-30, 4));
    // inlined in two places, the same sums may be fused differently
    CHECK(std::abs(phi1(x) - phi1(Complex(x, 0)).real()) <= 4e-16 * phi1(x));
    CHECK(std::abs(phi2(x) - phi2(Complex(x, 0)).real()) <= 4e-16 * phi2(x));
    CHECK(phi1(Complex(x, 0)).imag() == 0);
    const float narrow = static_cast<float>(x);
    const std::complex<float> turned(-std::abs(narrow), narrow);
    const Complex wide(turned.real(), turned.imag());
    const double unit = 0x1p-23;  // one rounding is half of that
    CHECK(std::abs(phi1(narrow) / phi1(static_cast<double>(narrow)) - 1) < unit);
    CHECK(std::abs(phi2_derivative(narrow) / phi2_derivative(static_cast<double>(narrow)) - 1) < unit);
    CHECK(std::abs(Complex(phi1_derivative(turned)) - phi1_derivative(wide)) < unit * std::abs(phi1_derivative(wide)));
    CHECK(std::abs(Complex(phi1_second_derivative(turned)) - phi1_second_derivative(wide)) < unit);
    CHECK(std::abs(Complex(expm1(turned)) - expm1(wide)) < unit * std::abs(expm1(wide)));
  }
}

TEST_CASE("the right half plane is as good relative to its sums, away from zeros", "[phi]") {
  SplitMix random(6);
  double one = 0, two = 0, one_slope = 0, two_slope = 0, one_bend = 0;
  for (Index i = 0; i < effort(5000, 500); ++i) {
    const Complex z(std::exp2(random.uniform(-30, 4)), random.uniform(-30, 30));
    const Exact exact(z);
    const long double scale = std::abs(exact.exponential) / std::max(1.0L, static_cast<long double>(std::norm(z)));
    one = std::max(one, units(phi1(z), exact.phi1));
    two = std::max(two, units(phi2(z), exact.phi2, scale));
    one_slope = std::max(one_slope, units(phi1_derivative(z), exact.phi1_derivative, scale));
    two_slope = std::max(two_slope, units(phi2_derivative(z), exact.phi2_derivative, scale));
    one_bend = std::max(one_bend, units(phi1_second_derivative(z), exact.phi1_second_derivative, scale));
  }
  CAPTURE(one, two, one_slope, two_slope, one_bend);
  CHECK(one < 4);
  CHECK(two < 8);  // where e^z is large its own last places count
  CHECK(one_slope < 8);
  CHECK(two_slope < 8);
  CHECK(one_bend < 8);
}

TEST_CASE("at zero the phi functions have their limits", "[phi]") {
  for (const Complex& z : {Complex(0), Complex(0, 5e-324), Complex(-1e-300, 1e-310)}) {
    CHECK(std::abs(expm1(z) - z) < 1e-307);  // the imaginary part goes by halves: a subnormal may lose its last bit
    CHECK(phi1(z).real() == 1);
    CHECK(phi2(z).real() == 0.5);
    CHECK(phi1_derivative(z).real() == 0.5);
    CHECK(phi2_derivative(z).real() == 1.0 / 6);
    CHECK(phi1_second_derivative(z).real() == 1.0 / 3);
  }
  CHECK(expm1(Complex(-1e-200, 1e-210)) == Complex(-1e-200, 1e-210));
  CHECK(phi1(0.0f) == 1);
  CHECK(phi2(0.0f) == 0.5f);
  CHECK(phi1_derivative(0.0) == 0.5);
  CHECK(phi2_derivative(0.0) == 1.0 / 6);
  CHECK(phi1_second_derivative(0.0) == 1.0 / 3);
}

TEST_CASE("far to the left the phi functions decay as they should", "[phi]") {
  for (const double x : {-50.0, -1e4, -1e200}) {  // e^x is below the last place, 1 / x^2 may vanish
    CHECK(std::abs(phi1(x) * -x - 1) < 1e-15);
    CHECK(std::abs(phi2(x) * -x - (1 + 1 / x)) < 1e-15);
    CHECK(std::abs(phi1_derivative(x) * x * x - (x == -1e200 ? 0.0 : 1.0)) < 1e-15);
    const Complex z(x, x / 3);
    CHECK(std::abs(phi1(z) * -z - 1.0) < 1e-15);
  }
}

TEST_CASE("what (e^z - 1) / z loses in float", "[phi]") {
  // 5 % at 1e-6: why the functions exist. e^z in float is 1 plus a multiple of 2^-23.
  for (const auto& [z, least] : {std::pair{1e-3f, 5e-6}, std::pair{1e-5f, 1e-4}, std::pair{1e-6f, 1e-2}}) {
    const float exponential = static_cast<float>(std::exp(static_cast<double>(z)));
    const double quotient = static_cast<double>((exponential - 1) / z);
    const double wide = static_cast<double>(z), truth = 1 + wide / 2 + wide * wide / 6;
    CHECK(std::abs(quotient - truth) > least);
    CHECK(std::abs(static_cast<double>(phi1(z)) - truth) < 6e-8);
  }
}

TEST_CASE("the phi functions have the derivatives that central differences give", "[phi]") {
  // differences with h = 1e-4 are off by h^2 / 6 of a third derivative and 1e-16 / h
  for (const Complex& z : {Complex(0), Complex(-0.3, 0.2), Complex(-1.7, 1.8), Complex(-4, 9), Complex(0, -30)}) {
    const double h = 1e-4;
    for (const Complex& way : {Complex(h, 0), Complex(0, h)}) {
      CHECK(std::abs((phi1(z + way) - phi1(z - way)) / (2.0 * way) - phi1_derivative(z)) < 1e-8);
      CHECK(std::abs((phi2(z + way) - phi2(z - way)) / (2.0 * way) - phi2_derivative(z)) < 1e-8);
      CHECK(std::abs((phi1_derivative(z + way) - phi1_derivative(z - way)) / (2.0 * way) - phi1_second_derivative(z)) <
            1e-8);
    }
  }
}
