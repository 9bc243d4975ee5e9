// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The continuous function b(z) that a dialect rounds, in the units of its codes, and its derivative: what gradients
// pass through in place of the rounding. Unlike tokens these are ordinary floating arithmetic, within a few units of
// the last place.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/nn/activation.hpp>
#include <tessera/quantize/finite_scalar_dialect.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// b(z) = height tanh(slope z + shift) - offset for most dialects; the others are named.
struct FsqBound {
  enum class Shape { tanh, tanh_of_tanh, clamped_tanh, clamp, normal };
  Shape shape = Shape::tanh;
  double height = 1, slope = 1, shift = 0, offset = 0;
  double inner_height = 0,
         inner_offset = 0;  // tanh_of_tanh: height tanh(inner_height tanh(z + shift) - inner_offset + shift) - offset
  double step = 1;          // the distance of neighbouring codes

  double value(double z) const {
    const double t = std::tanh(slope * z + shift);
    switch (shape) {
      case Shape::tanh:
        return height * t - offset;
      case Shape::tanh_of_tanh:
        return height * std::tanh(inner_height * t - inner_offset + shift) - offset;
      case Shape::clamped_tanh:
        return std::clamp(height * t, -1.0, 1.0);
      case Shape::clamp:
        return std::clamp(z, -1.0, 1.0);
      case Shape::normal:
        return std::sqrt(3.0) * std::erf(z / std::sqrt(2.0));
    }
    return z;
  }

  /// Beyond |z| of this the bound is constant; for the two shapes that clamp.
  double limit() const { return shape == Shape::clamped_tanh ? std::atanh(1 / height) / slope : 1; }
};

inline FsqBound fsq_bound(FsqDialect dialect, int levels) {
  const double L = levels, w = levels / 2, o = levels % 2 == 0 ? 0.5 : 0;
  FsqBound bound{.step = 2 / (L - 1)};
  switch (dialect) {
    case FsqDialect::google:
    case FsqDialect::lucidrains:
    case FsqDialect::legacy_double_bound: {
      const double h = (L - 1) * (dialect == FsqDialect::google ? 0.999 : 1.001) / 2;
      bound = {.height = h / w,
               .shift = dialect == FsqDialect::google ? std::tan(o / h) : std::atanh(o / h),
               .offset = o / w,
               .inner_height = h,
               .inner_offset = o,
               .step = 1 / w};
      if (dialect == FsqDialect::legacy_double_bound) bound.shape = FsqBound::Shape::tanh_of_tanh;
      break;
    }
    case FsqDialect::hard_clamp:
      bound.shape = FsqBound::Shape::clamp;
      break;
    case FsqDialect::residual_hard_clamp:
      bound.shape = FsqBound::Shape::clamped_tanh;
      bound.height = L / (L - 1);
      bound.slope = (L - 1) / L;
      break;
    case FsqDialect::cosyvoice:
      bound = {.height = 0.9990000128746033};
      break;
    case FsqDialect::ifsq:
      bound.slope = 0.8;
      break;
    case FsqDialect::gaussian_cdf:
      bound = {.shape = FsqBound::Shape::normal, .step = std::sqrt(12.0) / L};
      break;
    case FsqDialect::sigmoid:
      bound = {.height = (L - 1) / 2, .slope = 0.5, .offset = -(L - 1) / 2};
      break;
    case FsqDialect::symmetric:
    case FsqDialect::stable_codec:
    case FsqDialect::scale_round:
      break;
  }
  return bound;
}

/// Multiplies gradients by b'(z), W vectors of D scalars at a time, W the lanes: D native vectors, filled up with zeros
/// at the end, so that a scalar's result does not depend on the batch around it.
template <class Scalar>
class FsqDerivative {
 public:
  FsqDerivative() = default;
  explicit FsqDerivative(const std::vector<FsqBound>& bounds)
      : shape_(bounds.front().shape), dimension_(static_cast<Index>(bounds.size())) {
    for (Index i = 0; i < lanes * dimension_; ++i) {
      const FsqBound& bound = bounds[static_cast<std::size_t>(i % dimension_)];
      slope_.push_back(static_cast<Scalar>(bound.slope));
      shift_.push_back(static_cast<Scalar>(bound.shift));
      peak_.push_back(static_cast<Scalar>(bound.height * bound.slope));
      inner_height_.push_back(static_cast<Scalar>(bound.inner_height));
      inner_offset_.push_back(static_cast<Scalar>(bound.inner_offset - bound.shift));
      limit_.push_back(static_cast<Scalar>(bound.limit()));
    }
  }

  /// result[i] = gradient[i] * b'(input[i]) where tokens[i][0] >= 0, zero elsewhere. `result` may be `gradient`.
  void multiply(Batch<const Scalar> input, Batch<const Scalar> gradient, Batch<const std::int64_t> tokens,
                Batch<Scalar> result) const {
    switch (shape_) {
      case FsqBound::Shape::tanh:
        return run<FsqBound::Shape::tanh>(input, gradient, tokens, result);
      case FsqBound::Shape::tanh_of_tanh:
        return run<FsqBound::Shape::tanh_of_tanh>(input, gradient, tokens, result);
      case FsqBound::Shape::clamped_tanh:
        return run<FsqBound::Shape::clamped_tanh>(input, gradient, tokens, result);
      case FsqBound::Shape::clamp:
        return run<FsqBound::Shape::clamp>(input, gradient, tokens, result);
      case FsqBound::Shape::normal:
        return run<FsqBound::Shape::normal>(input, gradient, tokens, result);
    }
  }

 private:
  using Vec = simd::Vec<Scalar>;
  static constexpr Index lanes = simd::lanes<Scalar>;

  template <FsqBound::Shape shape>
  void run(Batch<const Scalar> input, Batch<const Scalar> gradient, Batch<const std::int64_t> tokens,
           Batch<Scalar> result) const {
    const bool free_of_gaps = input.contiguous() && gradient.contiguous() && result.contiguous();
    AlignedVector<Scalar> z(static_cast<std::size_t>(lanes * dimension_)), g(z.size());
    for (Index first = 0; first < input.count(); first += lanes) {
      const Index count = std::min(lanes, input.count() - first);
      std::int64_t signs = 0;
      for (Index i = 0; i < count; ++i) signs |= tokens[first + i][0];
      if (free_of_gaps && count == lanes && signs >= 0) {
        multiply_group<shape>(input[first], gradient[first], result[first]);
        continue;
      }
      std::fill(z.begin(), z.end(), Scalar(0));
      std::fill(g.begin(), g.end(), Scalar(0));
      for (Index i = 0; i < count; ++i) {
        if (tokens[first + i][0] < 0) continue;
        std::copy_n(input[first + i], dimension_, z.data() + i * dimension_);
        std::copy_n(gradient[first + i], dimension_, g.data() + i * dimension_);
      }
      multiply_group<shape>(z.data(), g.data(), g.data());
      for (Index i = 0; i < count; ++i) std::copy_n(g.data() + i * dimension_, dimension_, result[first + i]);
    }
  }

  template <FsqBound::Shape shape>
  void multiply_group(const Scalar* z, const Scalar* g, Scalar* result) const {
    for (Index i = 0; i < lanes * dimension_; i += lanes) {
      simd::store(result + i, simd::load(g + i) * derivative<shape>(simd::load(z + i), i));
    }
  }

  static Vec absolute(const Vec& x) { return simd::max(x, -x); }

  /// exp(-2 |u|), at least 2^-126: derivatives fall to about 1e-38 and no further.
  static Vec decay(const Vec& u) {
    const Vec exponent = absolute(u) * simd::broadcast(Scalar(-2.885390081777927));  // -2 log2(e)
    return exp2_bounded<Scalar>(simd::max(exponent, simd::broadcast(Scalar(-126))));
  }
  /// With E = exp(-2 |u|): 1 - tanh(u)^2 = 4 E / (1 + E)^2.
  static Vec squared_secant(const Vec& e) {
    const Vec sum = e + simd::broadcast(Scalar(1));
    return divide(e * simd::broadcast(Scalar(4)), sum * sum);
  }
  /// tanh |u| = (1 - E) / (1 + E).
  static Vec tangent(const Vec& u, const Vec& e) {
    const Vec one = simd::broadcast(Scalar(1));
    const Vec magnitude = divide(one - e, one + e);
    return simd::select(u < Vec{}, -magnitude, magnitude);
  }

  template <FsqBound::Shape shape>
  Vec derivative(const Vec& z, Index i) const {
    const auto at = [&](const AlignedVector<Scalar>& table) { return simd::load(table.data() + i); };
    if constexpr (shape == FsqBound::Shape::clamp) {
      return simd::select(absolute(z) <= at(limit_), simd::broadcast(Scalar(1)), Vec{});
    } else if constexpr (shape == FsqBound::Shape::normal) {
      const Vec exponent = z * z * simd::broadcast(Scalar(-0.7213475204444817));  // -log2(e) / 2
      const Vec bounded = simd::max(exponent, simd::broadcast(Scalar(-126)));
      return exp2_bounded<Scalar>(bounded) * simd::broadcast(Scalar(1.3819765978853420));  // sqrt(6 / pi)
    } else {
      const Vec u = simd::multiply_add(z, at(slope_), at(shift_));
      const Vec e = decay(u);
      const Vec outer = at(peak_) * squared_secant(e);
      if constexpr (shape == FsqBound::Shape::tanh) return outer;
      if constexpr (shape == FsqBound::Shape::clamped_tanh)
        return simd::select(absolute(z) <= at(limit_), outer, Vec{});
      const Vec inner = tangent(u, e) * at(inner_height_) - at(inner_offset_);
      return outer * at(inner_height_) * squared_secant(decay(inner));
    }
  }

  FsqBound::Shape shape_ = FsqBound::Shape::tanh;
  Index dimension_ = 0;
  AlignedVector<Scalar> slope_, shift_, peak_, inner_height_, inner_offset_, limit_;  // of the scalars of a group
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
