// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/estimators/rotation_trick.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "reference/rotation_trick.hpp"
#include "support/catch.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

using Row = Eigen::RowVectorXd;

/// J of one pair, column by column: J applied to the unit vectors.
template <class Scalar>
RowMatrix<double> jacobian(const RowMatrix<Scalar>& e, const RowMatrix<Scalar>& q) {
  const Index dimension = e.cols();
  const RowMatrix<Scalar> unit = RowMatrix<Scalar>::Identity(dimension, dimension);
  const RowMatrix<Scalar> inputs = e.replicate(dimension, 1), codes = q.replicate(dimension, 1);
  return rotation_trick(rows(inputs), rows(codes), rows(unit)).transpose().template cast<double>();
}

template <class Scalar>
RowMatrix<double> transposed_jacobian(const RowMatrix<Scalar>& e, const RowMatrix<Scalar>& q) {
  const Index dimension = e.cols();
  const RowMatrix<Scalar> unit = RowMatrix<Scalar>::Identity(dimension, dimension);
  const RowMatrix<Scalar> inputs = e.replicate(dimension, 1), codes = q.replicate(dimension, 1);
  return rotation_trick_backward(rows(inputs), rows(codes), rows(unit)).transpose().template cast<double>();
}

template <class Scalar>
LongVector widened(const RowMatrix<Scalar>& row) {
  return row.row(0).transpose().template cast<long double>();
}

/// The largest entry of J / gain minus the reference.
template <class Scalar>
double jacobian_error(const RowMatrix<Scalar>& e, const RowMatrix<Scalar>& q) {
  const LongMatrix expected = rotation_trick_jacobian(widened(e), widened(q));
  const long double gain = expected.col(0).norm();
  return static_cast<double>(((jacobian(e, q).template cast<long double>() - expected) / gain).cwiseAbs().maxCoeff());
}

double angle(const Row& a, const Row& b) { return std::acos(std::clamp(a.dot(b) / (a.norm() * b.norm()), -1.0, 1.0)); }

/// How far J is from gain times an orthogonal matrix, relative to gain^2.
double orthogonality_error(const RowMatrix<double>& j, double gain) {
  const RowMatrix<double> scaled = j / gain;
  return (scaled.transpose() * scaled - RowMatrix<double>::Identity(j.cols(), j.cols())).cwiseAbs().maxCoeff();
}

RowMatrix<double> row(std::initializer_list<double> values) {
  RowMatrix<double> result(1, static_cast<Index>(values.size()));
  std::copy(values.begin(), values.end(), result.data());
  return result;
}

constexpr double rounding = 1e-14;  // some tens of units of the last place: what sums over 100 dimensions may lose

}  // namespace

TEMPLATE_TEST_CASE("J is the rotation and scaling that carries the input onto its code", "", float, double) {
  // Everything between input and result is in double: a float result is rounded once.
  const double tolerance = std::max(rounding, 2.0 * static_cast<double>(std::numeric_limits<TestType>::epsilon()));
  for (const Index dimension : {2, 3, 4, 5, 8, 17, 64, 101}) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      const RowMatrix<TestType> e = random_normal<TestType>(1, dimension, seed, 3);
      const RowMatrix<TestType> q = random_normal<TestType>(1, dimension, seed + 100, 0.2);
      CAPTURE(dimension, seed);
      CHECK(jacobian_error(e, q) < tolerance);
      CHECK((transposed_jacobian(e, q) - jacobian(e, q).transpose()).cwiseAbs().maxCoeff() < tolerance);
      const RowMatrix<TestType> carried = rotation_trick(rows(e), rows(q), rows(e));
      CHECK((carried - q).template cast<double>().norm() <= 2 * tolerance * q.template cast<double>().norm());
    }
  }
}

TEST_CASE("a quarter turn by hand: e = (2, 0), q = (0, 3)") {
  const RowMatrix<double> j = jacobian<double>(row({2, 0}), row({0, 3}));
  const RowMatrix<double> expected = (RowMatrix<double>(2, 2) << 0, -1.5, 1.5, 0).finished();
  CHECK((j - expected).cwiseAbs().maxCoeff() < rounding);
  const RowMatrix<double> gradient = row({1, 10}), e = row({2, 0}), q = row({0, 3});
  CHECK((rotation_trick_backward(rows(e), rows(q), rows(gradient)) - row({15, -1.5})).cwiseAbs().maxCoeff() < 1e-13);
}

TEST_CASE("the gradient keeps its angle to the code, its length times the gain, and e.(J^T g) = q.g") {
  for (const Index dimension : {2, 3, 7, 64}) {
    const RowMatrix<double> e = random_normal<double>(30, dimension, 1, 5);
    const RowMatrix<double> q = random_normal<double>(30, dimension, 2);
    const RowMatrix<double> g = random_normal<double>(30, dimension, 3);
    const RowMatrix<double> result = rotation_trick_backward(rows(e), rows(q), rows(g));
    for (Index i = 0; i < 30; ++i) {
      const double gain = q.row(i).norm() / e.row(i).norm();
      CHECK(angle(result.row(i), e.row(i)) == Catch::Approx(angle(g.row(i), q.row(i))).margin(1e-7));
      CHECK(result.row(i).norm() == Catch::Approx(gain * g.row(i).norm()).epsilon(rounding));
      CHECK(e.row(i).dot(result.row(i)) ==
            Catch::Approx(q.row(i).dot(g.row(i))).margin(rounding * q.row(i).norm() * g.row(i).norm()));
    }
  }
}

TEST_CASE("forward and backward are adjoint, with J held constant") {
  const RowMatrix<double> e = random_normal<double>(11, 5, 4), q = random_normal<double>(11, 5, 5);
  const RowMatrix<double> x = random_normal<double>(11, 5, 6), v = random_normal<double>(11, 5, 7);
  const RowMatrix<double> w = random_normal<double>(11, 5, 8);
  const auto forward = [&](const auto& vectors) { return rotation_trick(rows(e), rows(q), rows(vectors)); };
  const auto backward = [&](const auto& g) { return rotation_trick_backward(rows(e), rows(q), rows(g)); };
  CHECK(adjoint_sides(forward, backward, x, v, w, 1).relative_error() < 1e-13);  // J is linear: no step is too long
  CHECK(adjoint_sides(forward, forward, x, v, w, 1).relative_error() > 1e-3);
}

TEST_CASE("vectors of one direction are scaled only") {
  const RowMatrix<double> e = random_normal<double>(1, 9, 9);
  for (const double gain : {1.0, 0.25, 3.7}) {
    const RowMatrix<double> j = jacobian<double>(e, gain * e);
    CHECK((j - gain * RowMatrix<double>::Identity(9, 9)).cwiseAbs().maxCoeff() < 4 * rounding);
  }
}

TEST_CASE("a code opposite to its input: the reflection along the input") {
  for (const Index dimension : {2, 5, 16}) {
    const RowMatrix<double> e = random_normal<double>(1, dimension, 10);
    const RowMatrix<double> q = -2 * e, j = jacobian<double>(e, q);
    const RowMatrix<double> expected =
        2 * (RowMatrix<double>::Identity(dimension, dimension) - 2 / e.squaredNorm() * e.transpose() * e);
    CHECK((j - expected).cwiseAbs().maxCoeff() < 4 * rounding);
    CHECK((j * e.transpose() - q.transpose()).norm() < 4 * rounding * q.norm());
    CHECK(orthogonality_error(j, 2) < rounding);
    const RowMatrix<double> orthogonal = [&] {
      const RowMatrix<double> any = random_normal<double>(1, dimension, 11);
      return RowMatrix<double>(any - any.row(0).dot(e.row(0)) / e.squaredNorm() * e);
    }();
    CHECK((rotation_trick_backward(rows(e), rows(q), rows(orthogonal)) - 2 * orthogonal).norm() < 1e-13);
  }
}

TEST_CASE("nearly opposite vectors: J stays orthogonal, and J e = q as far as the plane of the rotation is known") {
  const Index dimension = 6;
  for (std::uint64_t seed = 20; seed < 25; ++seed) {
    const RowMatrix<double> e = random_normal<double>(1, dimension, seed);
    const RowMatrix<double> noise = random_normal<double>(1, dimension, seed + 100);
    for (const double distance : {1e-1, 1e-3, 1e-5, 1e-6, 1e-7, 3e-8, 1e-8, 1e-9, 1e-12, 1e-16}) {
      const RowMatrix<double> q = -0.5 * e + distance * noise;
      const double gain = q.norm() / e.norm();
      const RowMatrix<double> j = jacobian<double>(e, q);
      CAPTURE(seed, distance);
      // Unit vectors are rounded to 2^-53: relative to their sum of length s, by 2^-53 / s, which moves J e as much.
      // Below s = 2^-26 the reflection along e errs by s itself.
      const double s = (e.normalized() + q.normalized()).norm(), plane = s < 0x1p-26 ? 1.01 * s : 1e-15 / s;
      CHECK((j * e.transpose() - q.transpose()).norm() < (plane + rounding) * q.norm());
      CHECK(orthogonality_error(j, gain) < rounding);
    }
  }
}

TEST_CASE("a code of zero lets no gradient through, an input of zero all of it") {
  const RowMatrix<double> e = row({1, -2, 3}), zero = RowMatrix<double>::Zero(1, 3), g = row({4, 5, 6});
  CHECK(rotation_trick_backward(rows(e), rows(zero), rows(g)).isZero(0));
  CHECK(rotation_trick_backward(rows(zero), rows(e), rows(g)) == g);
  CHECK(rotation_trick_backward(rows(zero), rows(zero), rows(g)) == g);
  CHECK(rotation_trick(rows(zero), rows(e), rows(g)) == g);
  const RowMatrix<double> negative_zero = -zero;
  CHECK(rotation_trick_backward(rows(negative_zero), rows(e), rows(g)) == g);
}

TEST_CASE("in one dimension the gradient passes unchanged, whatever the signs") {
  const RowMatrix<float> e = random_normal<float>(9, 1, 12), q = random_normal<float>(9, 1, 13);
  const RowMatrix<float> g = random_normal<float>(9, 1, 14);
  CHECK(rotation_trick_backward(rows(e), rows(q), rows(g)) == g);
  CHECK(rotation_trick(rows(e), rows(q), rows(g)) == g);
}

TEST_CASE("norms as small and as large as the type holds are rotated as well as others") {
  const RowMatrix<double> e = random_normal<double>(1, 7, 15), q = random_normal<double>(1, 7, 16);
  const RowMatrix<double> expected = jacobian<double>(e, q);
  // Powers of two change no digit. Where both are scaled alike, J is the same.
  for (const int exponent : {-1018, -900, -500, 500, 1000, 1020}) {
    const RowMatrix<double> j = jacobian<double>(std::ldexp(1.0, exponent) * e, std::ldexp(1.0, exponent) * q);
    CAPTURE(exponent);
    CHECK((j - expected).cwiseAbs().maxCoeff() < rounding);
  }
  // A gain of 2^-600: J v has the digits of the plain one.
  const RowMatrix<double> j = jacobian<double>(0x1p300 * e, 0x1p-300 * q);
  CHECK((0x1p600 * j - expected).cwiseAbs().maxCoeff() < rounding);

  const RowMatrix<float> small = (0x1p-140 * e).cast<float>(), large = (0x1p100 * q).cast<float>();
#ifndef __FAST_MATH__  // which takes numbers below the smallest normal one for zero
  CHECK(jacobian_error<float>(small, (0x1p-130 * q).cast<float>()) < 2.4e-7);
#endif
  CHECK(jacobian_error<float>(large, e.cast<float>()) < 2.4e-7);
}

#ifndef __FAST_MATH__
TEST_CASE("directions survive in numbers below the smallest normal one") {
  const double tiny = std::numeric_limits<double>::denorm_min();
  const RowMatrix<double> e = row({3 * tiny, 4 * tiny}), q = row({-4 * tiny, 3 * tiny});
  const RowMatrix<double> expected = (RowMatrix<double>(2, 2) << 0, -1, 1, 0).finished();
  CHECK((jacobian<double>(e, q) - expected).cwiseAbs().maxCoeff() < rounding);
}
#endif

TEST_CASE("a gain beyond the type's range stops at its largest number") {
  const float top = std::numeric_limits<float>::max();
  const RowMatrix<float> e = (RowMatrix<float>(1, 2) << 1e-30f, 0).finished();
  const RowMatrix<float> q = (RowMatrix<float>(1, 2) << 1e30f, 0).finished();
  const RowMatrix<float> g = (RowMatrix<float>(1, 2) << 0.5f, -0.25f).finished();
  CHECK((rotation_trick_backward(rows(e), rows(q), rows(g)) - top * g).cwiseAbs().maxCoeff() <= 1e-6f * top);
}

TEST_CASE("rows do not touch each other, and sizes from nothing on are valid") {
  for (const Index count : {0, 1, 7}) {
    for (const Index dimension : {0, 1, 2, 5, 9}) {
      const RowMatrix<double> e = random_normal<double>(count, dimension, 17);
      const RowMatrix<double> q = random_normal<double>(count, dimension, 18);
      const RowMatrix<double> g = random_normal<double>(count, dimension, 19);
      const RowMatrix<double> together = rotation_trick_backward(rows(e), rows(q), rows(g));
      REQUIRE((together.rows() == count && together.cols() == dimension));
      for (Index i = 0; i < count; ++i) {
        const RowMatrix<double> alone =
            rotation_trick_backward(rows(e).slice(i, i + 1), rows(q).slice(i, i + 1), rows(g).slice(i, i + 1));
        CHECK(alone == together.row(i));
      }
    }
  }
}

TEST_CASE("masked rows receive zeros and the others what they would without them") {
  RowMatrix<double> e = random_normal<double>(10, 4, 20), q = random_normal<double>(10, 4, 21);
  const RowMatrix<double> g = random_normal<double>(10, 4, 22);
  const RowMatrix<double> all = rotation_trick_backward(rows(e), rows(q), rows(g));
  const RowMatrix<double> forward = rotation_trick(rows(e), rows(q), rows(g));
  MaskArray mask = random_mask(10, 23);
  mask[0] = false;
  e.row(0).setConstant(std::numeric_limits<double>::quiet_NaN());
  const RowMatrix<double> masked = rotation_trick_backward(rows(e), rows(q), rows(g), mask);
  const RowMatrix<double> masked_forward = rotation_trick(rows(e), rows(q), rows(g), mask);
  for (Index i = 0; i < 10; ++i) {
    CAPTURE(i);
    if (mask[i]) {
      CHECK(masked.row(i) == all.row(i));
      CHECK(masked_forward.row(i) == forward.row(i));
    } else {
      CHECK(masked.row(i) == RowMatrix<double>::Zero(1, 4));
      CHECK(masked_forward.row(i) == RowMatrix<double>::Zero(1, 4));
    }
  }
}

TEST_CASE("the result may take the place of the gradient, and batches may have strides") {
  const RowMatrix<float> e = random_normal<float>(6, 5, 24), q = random_normal<float>(6, 5, 25);
  const RowMatrix<float> g = random_normal<float>(6, 5, 26);
  const RowMatrix<float> expected = rotation_trick_backward(rows(e), rows(q), rows(g));
  RowMatrix<float> in_place = g;
  rotation_trick_backward_into(rows(e), rows(q), rows(in_place), rows(in_place));
  CHECK(in_place == expected);

  RowMatrix<float> wide = RowMatrix<float>::Constant(6, 9, 7), wide_e = wide;
  wide.leftCols(5) = g;
  wide_e.rightCols(5) = e;
  rotation_trick_backward_into(rows(wide_e.rightCols(5)), rows(q), rows(wide.leftCols(5)), rows(wide.leftCols(5)));
  CHECK(wide.leftCols(5) == expected);
  CHECK(wide.rightCols(4) == RowMatrix<float>::Constant(6, 4, 7));
}

TEST_CASE("shapes that differ are refused, and nothing is written") {
  const RowMatrix<double> x = random_normal<double>(4, 3, 27), other = random_normal<double>(4, 2, 28);
  RowMatrix<double> result = RowMatrix<double>::Constant(4, 3, 7);
  const RowMatrix<double> before = result;
  CHECK_THROWS_MESSAGE(std::invalid_argument, rotation_trick_backward_into(rows(x), rows(other), rows(x), rows(result)),
                       "rotation_trick_backward: expected four batches of 4 x 3, found codes 4 x 2, vectors 4 x 3, "
                       "results 4 x 3");
  CHECK_THROWS_MESSAGE(
      std::invalid_argument, rotation_trick_into(rows(x), rows(x), rows(other), rows(result)),
      "rotation_trick: expected four batches of 4 x 3, found codes 4 x 3, vectors 4 x 2, results 4 x 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, rotation_trick_into(rows(other), rows(other), rows(other), rows(result)),
                       "rotation_trick: expected four batches of 4 x 2");
  CHECK_THROWS_MESSAGE(std::invalid_argument, rotation_trick_into(rows(x).slice(0, 3), rows(x), rows(x), rows(result)),
                       "rotation_trick: expected four batches of 3 x 3, found codes 4 x 3");
  const MaskArray mask = MaskArray::Constant(3, true);
  CHECK_THROWS_MESSAGE(std::invalid_argument,
                       rotation_trick_backward_into(rows(x), rows(x), rows(x), rows(result), mask),
                       "rotation_trick_backward: expected a mask of 4 bools, one per vector, found 3");
  CHECK(result == before);
}
