// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/stability.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include <Eigen/Eigenvalues>

#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

/// Magnitudes of the roots of z^n + a_1 z^(n-1) + ..., as eigenvalues.
Eigen::VectorXd root_magnitudes(const Eigen::VectorXd& a) {
  Eigen::MatrixXd companion = Eigen::MatrixXd::Zero(a.size(), a.size());
  companion.row(0) = -a.transpose();
  companion.diagonal(-1).setOnes();
  return companion.eigenvalues().cwiseAbs();
}

/// From reflection coefficients, by the recursion as it is written.
Eigen::VectorXd stepped_up(const Eigen::VectorXd& k) {
  Eigen::VectorXd a(0);
  for (Index m = 1; m <= k.size(); ++m) {
    Eigen::VectorXd next(m);
    for (Index j = 1; j < m; ++j) next[j - 1] = a[j - 1] + k[m - 1] * a[m - j - 1];
    next[m - 1] = k[m - 1];
    a = next;
  }
  return a;
}

Eigen::VectorXd vector(std::initializer_list<double> values) {
  Eigen::VectorXd result(static_cast<Index>(values.size()));
  std::copy(values.begin(), values.end(), result.data());
  return result;
}

/// The product of z - root over real roots and of pairs r e^(+-i angle).
Eigen::VectorXd polynomial(const std::vector<double>& roots, const std::vector<std::pair<double, double>>& pairs) {
  std::vector<double> p = {1};
  const auto multiply = [&](const std::vector<double>& q) {
    std::vector<double> product(p.size() + q.size() - 1, 0.0);
    for (std::size_t i = 0; i < p.size(); ++i)
      for (std::size_t j = 0; j < q.size(); ++j) product[i + j] += p[i] * q[j];
    p = product;
  };
  for (const double root : roots) multiply({1, -root});
  for (const auto& pair : pairs) multiply({1, -2 * pair.first * std::cos(pair.second), pair.first * pair.first});
  return Eigen::Map<Eigen::VectorXd>(p.data() + 1, static_cast<Index>(p.size()) - 1);
}

}  // namespace

TEST_CASE("all reflection coefficients are inside one exactly when all roots are inside the circle", "[stability]") {
  SplitMix random(1);
  const Index trials = effort(100000, 5000);
  Index skipped = 0, stable = 0, wrong = 0;
  for (Index trial = 0; trial < trials; ++trial) {
    Eigen::VectorXd k(1 + random.below(6));
    for (double& value : k) value = random.uniform(-1.15, 1.15);
    const Eigen::VectorXd a = stepped_up(k);
    const double radius = root_magnitudes(a).maxCoeff();
    if (std::abs(radius - 1) < 1e-9) {  // eigenvalues of these companion matrices are good to about 1e-12
      ++skipped;
      continue;
    }
    const StabilityReport report = stability(a);
    const bool inside = radius < 1;
    stable += inside;
    wrong += report.verdict != (inside ? Stability::stable : Stability::unstable);
    wrong += (report.reflection.cwiseAbs().maxCoeff() < 1 && report.failed_degree == 0) != inside;
    wrong += (report.margin > 0) != inside;
  }
  CHECK(wrong == 0);
  CHECK(skipped <= 10);
  CHECK(stable > trials / 3);
  CHECK(stable < 2 * trials / 3);
}

TEST_CASE("step-down recovers the reflection coefficients of a step-up", "[stability]") {
  SplitMix random(2);
  for (const Index order : {0, 1, 2, 7, 32}) {
    Eigen::VectorXd k(order);
    for (double& value : k) value = random.uniform(-0.7, 0.7);
    const StabilityReport report = stability(stepped_up(k));
    CHECK(report.verdict == Stability::stable);
    CHECK(report.failed_degree == 0);
    // Rounding may grow by the product of (1 + |k|) / (1 - |k|), about 1e9 at order 32 with these k.
    CHECK((report.reflection - k).cwiseAbs().sum() < 1e-8);
    if (order > 0) CHECK(report.margin == Catch::Approx(1 - k.cwiseAbs().maxCoeff()).epsilon(1e-8));
    CHECK(report.l1 == Catch::Approx(stepped_up(k).cwiseAbs().sum()));
  }
}

TEST_CASE("the volume of the stable set and what the sum of magnitudes accepts of it", "[stability][statistical]") {
  CHECK(stable_volume(0) == 1);
  CHECK(stable_volume(1) == Catch::Approx(2));
  CHECK(stable_volume(2) == Catch::Approx(4));  // the triangle
  CHECK(stable_volume(3) == Catch::Approx(16.0 / 3));
  CHECK(stable_volume(4) == Catch::Approx(64.0 / 9));
  CHECK(l1_stable_fraction(1) == Catch::Approx(1));
  CHECK(l1_stable_fraction(2) == Catch::Approx(0.5));
  CHECK(l1_stable_fraction(3) == Catch::Approx(0.25));
  CHECK(l1_stable_fraction(4) == Catch::Approx(0.09375));
  CHECK(l1_stable_fraction(8) == Catch::Approx(0.0009).epsilon(0.05));

  // By rejection in the box |a_j| <= binomial(n, j), which has every stable polynomial.
  SplitMix random(3);
  const std::vector<std::vector<double>> boxes = {{}, {}, {2, 1}, {3, 3, 1}, {4, 6, 4, 1}};
  for (const Index order : {2, 3, 4}) {
    const Index draws = effort(order == 4 ? 400000 : 100000, 40000);
    const std::vector<double>& box = boxes[static_cast<std::size_t>(order)];
    double volume = 1;
    for (const double side : box) volume *= 2 * side;
    Index stable = 0, accepted = 0, too_many = 0;
    Eigen::VectorXd a(order);
    for (Index draw = 0; draw < draws; ++draw) {
      for (Index j = 0; j < order; ++j) a[j] = box[static_cast<std::size_t>(j)] * random.uniform(-1, 1);
      if (stability(a).verdict != Stability::stable) {
        CHECK(a.cwiseAbs().sum() >= 1);  // the condition is sufficient
        continue;
      }
      ++stable;
      accepted += a.cwiseAbs().sum() < 1;
      too_many += a.cwiseAbs().sum() < 1.2;
    }
    // Counts are binomial: 5.2 standard deviations are met by all six but for one seed in a million.
    const auto misses = [](Index count, Index of, double p) {
      const double n = static_cast<double>(of);
      return std::abs(static_cast<double>(count) - n * p) > 5.2 * std::sqrt(n * p * (1 - p)) + 1;
    };
    CAPTURE(order, stable, accepted);
    CHECK_FALSE(misses(stable, draws, stable_volume(order) / volume));
    CHECK_FALSE(misses(accepted, stable, l1_stable_fraction(order)));
    if (!sanitized) CHECK(misses(too_many, stable, l1_stable_fraction(order)));  // a wrong bound is noticed
  }
}

TEST_CASE("poles on the circle are told from poles outside", "[stability]") {
  const auto verdict = [](const Eigen::VectorXd& a) { return stability(a).verdict; };
  CHECK(verdict(vector({-1})) == Stability::marginal);            // an integrator
  CHECK(verdict(vector({-2, 1})) == Stability::marginal);         // a double one
  CHECK(verdict(vector({-1.2, 1})) == Stability::marginal);       // an oscillator
  CHECK(verdict(vector({-2.5, 1})) == Stability::unstable);       // poles 2 and 1/2
  CHECK(verdict(vector({0, 0, 0, -1})) == Stability::marginal);   // the fourth roots of 1
  CHECK(verdict(vector({0.3, 0.2, 1})) == Stability::unstable);   // k_3 = 1, not self-reciprocal
  CHECK(verdict(vector({1.5, 0, 0, 0})) == Stability::unstable);  // behind zeros
  CHECK(verdict(vector({-1, 0, 0})) == Stability::marginal);      // an integrator and poles at 0
  CHECK(verdict(polynomial({1, -1, 0.5}, {})) == Stability::marginal);
  CHECK(verdict(polynomial({0.5}, {{1, 0.7}})) == Stability::marginal);
  CHECK(verdict(polynomial({0.5, 3}, {{1, 0.7}})) == Stability::unstable);
  CHECK(verdict(polynomial({2, 0.5}, {{1, 0.7}})) == Stability::unstable);  // self-reciprocal with a pole outside
  CHECK(verdict(polynomial({}, {{1, 0.7}, {1, 2.1}})) == Stability::marginal);
  CHECK(verdict(Eigen::VectorXd(0)) == Stability::stable);
  CHECK(verdict(vector({1 - 1e-15})) == Stability::stable);
  CHECK(verdict(vector({1 + 1e-15})) == Stability::unstable);
}

TEST_CASE("where the recursion failed is reported, and nothing is NaN", "[stability]") {
  const StabilityReport report = stability(stepped_up(vector({0.3, 1.5, 0.2, -0.1})));
  CHECK(report.verdict == Stability::unstable);
  CHECK(report.failed_degree == 2);
  CHECK(report.reflection[1] == Catch::Approx(1.5));
  CHECK(report.reflection[2] == Catch::Approx(0.2));
  CHECK(report.reflection[0] == 0);
  CHECK(report.margin == Catch::Approx(-0.5));

  SplitMix random(4);
  for (Index trial = 0; trial < 2000; ++trial) {  // enormous, tiny, crowded: every field stays finite
    Eigen::VectorXd a(1 + random.below(40));
    for (double& value : a) value = std::pow(10.0, random.uniform(-320, 308)) * (random.uniform() < 0.5 ? -1 : 1);
    if (trial % 4 == 0) {
      a = polynomial(std::vector<double>(static_cast<std::size_t>(a.size()), random.uniform(0.9, 1.1)), {});
    }
    if (trial % 4 == 1) a *= 1e-300;
    if (trial % 4 == 2) a[a.size() - 1] = 1 - std::pow(10.0, random.uniform(-17, 0));
    const StabilityReport found = stability(a);
    REQUIRE(all_finite(found.reflection.data(), found.reflection.size()));
    REQUIRE(is_finite(found.margin));
    REQUIRE(is_finite(found.l1));
  }
}

TEST_CASE("a verdict holds however poles crowd", "[stability]") {
  // Rounded coefficients of (1 - r z^-1)^n have poles (1e-16)^(1/n) from r. Judged is what is there: the recurrence of
  // the rounded numbers, in long double, decays or grows accordingly.
  Index stable = 0, unstable = 0;
  for (const double radius : {0.9, 0.95, 0.97, 0.99}) {
    for (const Index order : {6, 9, 12, 16}) {
      const Eigen::VectorXd a = polynomial(std::vector<double>(static_cast<std::size_t>(order), radius), {});
      const Stability verdict = stability(a).verdict;
      std::vector<long double> h(20000, 0);
      h[0] = 1;
      for (std::size_t t = 1; t < h.size(); ++t)
        for (Index j = 1; j <= order && j <= static_cast<Index>(t); ++j)
          h[t] -= static_cast<long double>(a[j - 1]) * h[t - static_cast<std::size_t>(j)];
      CAPTURE(radius, order);
      if (verdict == Stability::stable) CHECK(std::abs(h.back()) < 1);
      if (verdict == Stability::unstable) CHECK(std::abs(h.back()) > 1e10L);
      stable += verdict == Stability::stable;
      unstable += verdict == Stability::unstable;
    }
  }
  CHECK(stable + unstable >= 13);  // some k come to within 1e-14 of 1
  CHECK(stable >= 3);
  CHECK(unstable >= 3);
  CHECK(stability(polynomial(std::vector<double>(16, 0.3), {})).verdict == Stability::stable);
  SplitMix random(5);
  Eigen::VectorXd wide(1000);  // long and harmless
  for (double& value : wide) value = random.uniform(-1, 1) / 600;
  CHECK(stability(wide).verdict == Stability::stable);
}

TEST_CASE("rows of a batch have reports of their own, from float as from double", "[stability]") {
  RowMatrix<float> a(3, 2);
  a << 0.5f, 0.25f, 0, -1, 3, 0.5f;
  const std::vector<StabilityReport> reports = stability(rows(a));
  REQUIRE(reports.size() == 3);
  CHECK(reports[0].verdict == Stability::stable);
  CHECK(reports[1].verdict == Stability::marginal);
  CHECK(reports[2].verdict == Stability::unstable);
  CHECK(stability(rows(RowMatrix<float>(0, 3).topRows(0))).empty());
  a(1, 1) = std::numeric_limits<float>::infinity();
  CHECK_THROWS_MESSAGE(std::invalid_argument, stability(rows(a)),
                       "stability: expected finite coefficients, found inf at channel 1, coefficient 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, stable_volume(-1),
                       "stable_volume: expected an order of at least 0, found -1");
}

TEST_CASE("a section is stable in its triangle", "[stability]") {
  SplitMix random(6);
  for (Index trial = 0; trial < 2000; ++trial) {
    const double a1 = random.uniform(-2.5, 2.5), a2 = random.uniform(-1.5, 1.5);
    CHECK(section_stability(a1, a2) == stability(vector({a1, a2})).verdict);
  }
  CHECK(section_stability(-2, 1) == Stability::marginal);
  CHECK(section_stability(0.5, -0.5) == Stability::marginal);
  CHECK(section_stability(-1, 0) == Stability::marginal);
  CHECK(section_stability(-2.5, 1) == Stability::unstable);
}

TEST_CASE("the radius of the largest pole", "[stability]") {
  SplitMix random(7);
  for (Index trial = 0; trial < 200; ++trial) {
    std::vector<double> roots;
    std::vector<std::pair<double, double>> pairs;
    double largest = 0;
    for (Index i = random.below(3); i > 0; --i) roots.push_back(random.uniform(-1.5, 1.5));
    for (Index i = random.below(3); i > 0; --i) pairs.emplace_back(random.uniform(0, 1.5), random.uniform(0.1, 3));
    for (const double root : roots) largest = std::max(largest, std::abs(root));
    for (const auto& pair : pairs) largest = std::max(largest, pair.first);
    // The polynomial's own rounding moves roots of degree 6 by about 1e-14 relative to their distance.
    CHECK(pole_radius(polynomial(roots, pairs)) == Catch::Approx(largest).epsilon(1e-7));
  }
  CHECK(pole_radius(vector({-0.999})) == Catch::Approx(0.999).epsilon(2e-12));
  CHECK(pole_radius(vector({0, 0, 0, -1e200})) == Catch::Approx(1e50).epsilon(1e-10));
  CHECK(pole_radius(vector({0, 0})) == 0);
  CHECK(pole_radius(Eigen::VectorXd(0)) == 0);
}
