// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The continuous function b(z) that a dialect rounds, in the units of its codes, and its derivative: what gradients
// pass through in place of the rounding. Unlike tokens these are ordinary floating arithmetic, within a few units of
// the last place.

#include <algorithm>
#include <cmath>
#include <vector>

#include <Eigen/Core>

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
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

/// Multiplies gradients by b'(z), vectors of D scalars at a time. The work is laid out in tiles of whole native
/// vectors, filled up with zeros, so that a scalar's result does not depend on the batch around it.
template <class Scalar>
class FsqDerivative {
 public:
  using Tile = Eigen::Array<Scalar, Eigen::Dynamic, 1>;

  explicit FsqDerivative(const std::vector<FsqBound>& bounds)
      : shape_(bounds.front().shape),
        dimension_(static_cast<Index>(bounds.size())),
        tile_rows_(std::max<Index>(16, 256 / dimension_ / 16 * 16)) {
    const Index size = tile_rows_ * dimension_;
    for (Tile* tile : {&height_, &slope_, &shift_, &inner_height_, &inner_offset_, &z_, &factor_}) tile->setZero(size);
    for (Index i = 0; i < size; ++i) {
      const FsqBound& bound = bounds[static_cast<std::size_t>(i % dimension_)];
      height_[i] = static_cast<Scalar>(bound.height);
      slope_[i] = static_cast<Scalar>(bound.slope);
      shift_[i] = static_cast<Scalar>(bound.shift);
      inner_height_[i] = static_cast<Scalar>(bound.inner_height);
      inner_offset_[i] = static_cast<Scalar>(bound.inner_offset);
    }
  }

  /// gradient[i] *= b'(input[i]) where `valid(i)`, zero elsewhere.
  template <class Valid>
  void multiply(Batch<const Scalar> input, Batch<Scalar> gradient, Valid&& valid) {
    for (Index first = 0; first < input.count(); first += tile_rows_) {
      const Index count = std::min(tile_rows_, input.count() - first);
      z_.setZero();
      for (Index i = 0; i < count; ++i) {
        if (valid(first + i)) std::copy_n(input[first + i], dimension_, z_.data() + i * dimension_);
      }
      differentiate();
      for (Index i = 0; i < count; ++i) {
        const Scalar keep = valid(first + i) ? Scalar(1) : Scalar(0);
        Scalar* g = gradient[first + i];
        for (Index d = 0; d < dimension_; ++d)
          g[d] = keep == Scalar(0) ? Scalar(0) : g[d] * factor_[i * dimension_ + d];
      }
    }
  }

 private:
  /// With E = exp(-2 |u|): tanh |u| = (1 - E) / (1 + E), 1 - tanh^2 u = 4 E / (1 + E)^2.
  template <class U>
  static auto squared_secant(const U& u) {
    return ((u.abs() * Scalar(-2)).exp() * Scalar(4) / ((u.abs() * Scalar(-2)).exp() + Scalar(1)).square()).eval();
  }

  void differentiate() {
    const auto inside = [](const auto& y) { return (y.abs() <= Scalar(1)).template cast<Scalar>(); };
    switch (shape_) {
      case FsqBound::Shape::tanh:
        factor_ = height_ * slope_ * squared_secant(slope_ * z_ + shift_);
        break;
      case FsqBound::Shape::clamped_tanh:
        factor_ = squared_secant(slope_ * z_) * inside((slope_ * z_).tanh() * height_);
        break;
      case FsqBound::Shape::tanh_of_tanh: {
        const Tile inner = (z_ + shift_).tanh() * inner_height_ - inner_offset_ + shift_;
        factor_ = height_ * squared_secant(inner) * inner_height_ * squared_secant(z_ + shift_);
        break;
      }
      case FsqBound::Shape::clamp:
        factor_ = inside(z_);
        break;
      case FsqBound::Shape::normal: {
        const double peak = std::sqrt(6.0 / 3.141592653589793);  // sqrt(12) / sqrt(2 pi)
        factor_ = (z_.square() * Scalar(-0.5)).exp() * static_cast<Scalar>(peak);
        break;
      }
    }
  }

  FsqBound::Shape shape_;
  Index dimension_;
  Index tile_rows_;
  Tile height_, slope_, shift_, inner_height_, inner_offset_, z_, factor_;
};

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
