// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Free parameters, as an optimiser moves them, turned into denominators that are stable whatever the parameters are,
// with the backward pass of each and the way back from a stable denominator where there is one:
//
//   L1Parametrization           a = limit t / (sum |t| + |s| + 1e-6), s a slack that is learned too: sum |a| < 1
//                               (Parnichkun et al., State-Free Inference of State-Space Models, 2024). Not complete:
//                               half of the stable denominators of order 2, a quarter of order 3, 0.09 % of order 8.
//   L1ProjectionParametrization the nearest a with sum |a| <= limit (Duchi et al. 2008). As incomplete.
//   ReflectionParametrization   k = limit tanh t, then a by step-up (Schur-Cohn). Complete: every stable denominator.
//   SectionParametrization      second-order sections, a2 = limit tanh t2, a1 = (1 + a2) limit tanh t1: each its whole
//                               triangle |a2| < 1, |a1| < 1 + a2.
//   PolarParametrization        sections with poles r e^(+-i theta), r = limit exp(-exp(nu)) (Orvieto et al.,
//                               Resurrecting Recurrent Neural Networks for Long Sequences, 2023). Complex pairs only.
//   BiquadProductParametrization, PolarProductParametrization   the last two multiplied out to a polynomial.
//
// `limit` < 1 keeps poles off the circle where tanh and exp round to 1. Complete maps of high order still yield
// polynomials whose poles depend on the last bits of their coefficients: prefer sections (ssm/biquad_cascade.hpp).

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <vector>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/detail/stable_maps.hpp>

namespace tessera {

struct StableParametrizationOptions {
  // How near to the border of what is stable parameters can come, in (0, 1]: the largest sum of magnitudes, reflection
  // coefficient or pole radius. With 1, the published formulas; large parameters then reach the border by rounding.
  double limit = 1 - 0x1p-20;
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// A map of rows of parameters to rows of denominators, channel by channel, in double whatever the scalar is. For
/// sections, a row is a1, a2 of the first, a1, a2 of the second, ...; of an odd order the last is a1 alone.
template <class Map>
class StableParametrization {
 public:
  /// Throws std::invalid_argument on options out of range.
  explicit StableParametrization(const StableParametrizationOptions& options = {}) : limit_(options.limit) {
    require(is_finite(limit_), "{}: expected a finite limit, found {}", Map::name, detail::non_finite_name(limit_));
    require(limit_ > 0 && limit_ <= 1, "{}: expected a limit above 0 and at most 1, found {}", Map::name, limit_);
  }

  double limit() const { return limit_; }
  /// How many parameters a denominator of this order has.
  static Index parameters(Index order) { return order + Map::extra_parameters; }

  /// (channels, parameters(order)) to (channels, order). Throws std::invalid_argument on other shapes and on
  /// parameters that are not finite, before anything is written.
  template <class Sample, class Scalar>
  void forward_into(Batch<Sample> parameters, Batch<Scalar> denominators) const {
    check("parameters", parameters, denominators.count(), denominators.dimension() + Map::extra_parameters);
    Row in, out(static_cast<std::size_t>(denominators.dimension()));
    for (Index c = 0; c < parameters.count(); ++c) {
      read(parameters, c, in);
      Map::forward(in.data(), denominators.dimension(), limit_, out.data());
      write(out, denominators, c);
    }
  }
  template <class Sample>
  RowMatrix<std::remove_const_t<Sample>> forward(Batch<Sample> parameters) const {
    RowMatrix<std::remove_const_t<Sample>> result(parameters.count(), order_of(parameters.dimension()));
    forward_into(parameters, rows(result));
    return result;
  }

  /// From the parameters and the gradient of the denominators, the gradient of the parameters. Where tanh and |t| have
  /// no derivative, that of the right side of 0 counts as 0.
  template <class Sample, class Upstream, class Scalar>
  void backward_into(Batch<Sample> parameters, Batch<Upstream> grad_denominators, Batch<Scalar> grad_parameters) const {
    const Index order = grad_denominators.dimension();
    check("parameters", parameters, grad_denominators.count(), order + Map::extra_parameters);
    check("grad_denominators", grad_denominators, parameters.count(), order);
    require(grad_parameters.count() == parameters.count() && grad_parameters.dimension() == parameters.dimension(),
            "{}: expected grad_parameters of {} x {}, found {} x {}", Map::name, parameters.count(),
            parameters.dimension(), grad_parameters.count(), grad_parameters.dimension());
    Row in, upstream, out(static_cast<std::size_t>(parameters.dimension()));
    for (Index c = 0; c < parameters.count(); ++c) {
      read(parameters, c, in);
      read(grad_denominators, c, upstream);
      Map::backward(in.data(), order, limit_, upstream.data(), out.data());
      write(out, grad_parameters, c);
    }
  }
  template <class Sample, class Upstream>
  RowMatrix<std::remove_const_t<Sample>> backward(Batch<Sample> parameters, Batch<Upstream> grad_denominators) const {
    RowMatrix<std::remove_const_t<Sample>> result(parameters.count(), parameters.dimension());
    backward_into(parameters, grad_denominators, rows(result));
    return result;
  }

  /// Parameters that forward maps to these denominators. Throws std::invalid_argument, naming the channel, where there
  /// are none; products have no inverse, as it takes roots.
  template <class Sample, class Scalar>
  void inverse_into(Batch<Sample> denominators, Batch<Scalar> parameters) const requires(Map::invertible) {
    check("denominators", denominators, parameters.count(), parameters.dimension() - Map::extra_parameters);
    Row in, out(static_cast<std::size_t>(parameters.dimension()));
    RowMatrix<Scalar> result(parameters.count(), parameters.dimension());  // nothing is written if any has none
    for (Index c = 0; c < denominators.count(); ++c) {
      read(denominators, c, in);
      Map::inverse(in.data(), denominators.dimension(), limit_, out.data(), c);
      write(out, rows(result), c);
    }
    for (Index c = 0; c < result.rows(); ++c) std::copy_n(&result(c, 0), result.cols(), parameters[c]);
  }
  template <class Sample>
  RowMatrix<std::remove_const_t<Sample>> inverse(Batch<Sample> denominators) const requires(Map::invertible) {
    RowMatrix<std::remove_const_t<Sample>> result(denominators.count(), parameters(denominators.dimension()));
    inverse_into(denominators, rows(result));
    return result;
  }

 private:
  using Row = std::vector<double>;

  static Index order_of(Index parameters) {
    require(parameters >= Map::extra_parameters, "{}: expected at least {} parameters, found {}", Map::name,
            Map::extra_parameters, parameters);
    return parameters - Map::extra_parameters;
  }

  template <class Sample>
  static void check(const char* what, Batch<Sample> batch, Index count, Index dimension) {
    require(batch.count() == count && batch.dimension() == dimension, "{}: expected {} of {} x {}, found {} x {}",
            Map::name, what, count, dimension, batch.count(), batch.dimension());
    require_finite(Map::name, what, batch);
  }

  template <class Sample>
  static void read(Batch<Sample> batch, Index row, Row& values) {
    values.assign(batch[row], batch[row] + batch.dimension());
  }
  template <class Scalar>
  static void write(const Row& values, Batch<Scalar> batch, Index row) {
    for (Index j = 0; j < batch.dimension(); ++j)
      batch[row][j] = static_cast<Scalar>(values[static_cast<std::size_t>(j)]);
  }

  double limit_;
};

using L1Parametrization = StableParametrization<detail::L1Map>;
using L1ProjectionParametrization = StableParametrization<detail::L1ProjectionMap>;
using ReflectionParametrization = StableParametrization<detail::ReflectionMap>;
using SectionParametrization = StableParametrization<detail::SectionMap>;
using PolarParametrization = StableParametrization<detail::PolarMap>;
using BiquadProductParametrization = StableParametrization<detail::ProductMap<detail::SectionMap>>;
using PolarProductParametrization = StableParametrization<detail::ProductMap<detail::PolarMap>>;

}  // namespace tessera::inline TESSERA_ISA
