// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The last step of every discretisation: rounding to the scalar of the system.

#include <utility>

#include <Eigen/Core>

#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/ssm/dense_system.hpp>
#include <tessera/ssm/timing.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// Matrices in double as a system of another scalar. Throws NumericalError where they are out of range.
template <class Scalar, Timing timing>
DenseSystem<Scalar, timing> sampled_system(const char* who, const Eigen::MatrixXd& a, const Eigen::MatrixXd& b,
                                           const Eigen::MatrixXd& c, const Eigen::MatrixXd& d) {
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  Matrix parts[] = {a.template cast<Scalar>(), b.template cast<Scalar>(), c.template cast<Scalar>(),
                    d.template cast<Scalar>()};
  for (const Matrix& part : parts) {
    if (!all_finite(part.data(), part.size())) {
      raise<NumericalError>("{}: expected results within range, found an overflow", who);
    }
  }
  return {std::move(parts[0]), std::move(parts[1]), std::move(parts[2]), std::move(parts[3])};
}

}  // namespace detail
}  // namespace tessera::inline TESSERA_ISA
