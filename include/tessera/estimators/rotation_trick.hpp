// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The rotation trick (Fifty et al. 2024, "Restructuring Vector Quantization with the Rotation Trick", arXiv:2410.06424,
// section 4.2): write the code q as a rotation and a scaling of the input e and hold both constant in backward,
//
//     q = J e,     J = (|q| / |e|) (I - 2 r r^T + 2 q^ e^^T),     grad_input = J^T grad_code,
//
// where e^ = e / |e|, q^ = q / |q| and r = (e^ + q^) / |e^ + q^|. J^T J = (|q| / |e|)^2 I: the gradient keeps its angle
// to the code, and vectors of one cell receive different gradients, unlike with the straight-through estimator.
//
// It is computed as two reflections, J = (|q| / |e|) (I - 2 r r^T) (I - 2 e^ e^^T), which is the same and orthogonal to
// rounding whatever r is. Only J e = q suffers where e and q are nearly opposite: the plane of rotation is known to
// 2^-53 / |e^ + q^|.
//
// J is defined everywhere:
//   same direction        J = (|q| / |e|) I, as the formula gives;
//   opposite directions   J = (|q| / |e|) (I - 2 e^ e^^T), the formula without r: no plane of rotation is
//   distinguished,
//                         and the reflection along e still has J e = q and J^T J = (|q| / |e|)^2 I. It is taken when
//                         |e^ + q^| < 2^-26, where the direction of r would be rounding noise;
//   q = 0                 J = 0, as the formula gives;
//   e = 0                 J = I, the straight-through estimator: there is no direction to rotate from;
//   one dimension         J = I: there is no angle.
//
// The gain |q| / |e| has no bound of its own; an e far smaller than its code has its gradient enlarged by it (limit it
// where that matters: nn/gradient_clipping.hpp). All arithmetic between input and result is in double, on vectors
// scaled by a power of two, so that neither huge nor tiny numbers overflow or vanish on the way.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/mask.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// The sum of term(0) ... term(count - 1) in four interleaved partial sums: a fixed order that fills the pipeline.
template <class Term>
double interleaved_sum(Index count, Term term) {
  std::array<double, 4> sums{};
  Index d = 0;
  for (; d + 4 <= count; d += 4) {
    for (Index lane = 0; lane < 4; ++lane) sums[static_cast<std::size_t>(lane)] += term(d + lane);
  }
  for (; d < count; ++d) sums[static_cast<std::size_t>(d & 3)] += term(d);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// A vector x as norm 2^exponent times a direction of length one, which is x times both factors. (Their product may
/// overflow.)
struct PolarForm {
  double norm = 0;  // of 2^-exponent x; 0 for the zero vector
  int exponent = 0;
  double scale = 0;
  double inverse_norm = 0;

  template <class Scalar>
  double direction(Scalar component) const {
    return static_cast<double>(component) * scale * inverse_norm;
  }
};

/// The exponent is that of the largest component, kept where 2^exponent and its inverse are normal numbers.
template <class Scalar>
PolarForm polar_form(const Scalar* x, Index dimension) {
  double largest = 0;
  for (Index d = 0; d < dimension; ++d) largest = std::max(largest, std::abs(static_cast<double>(x[d])));
  if (largest == 0) return {};
  PolarForm form;
  form.exponent = std::clamp(std::ilogb(largest), -1000, 1000);
  form.scale = std::ldexp(1.0, -form.exponent);
  form.norm = std::sqrt(interleaved_sum(dimension, [&](Index d) {
    const double scaled = static_cast<double>(x[d]) * form.scale;
    return scaled * scaled;
  }));
  form.inverse_norm = 1 / form.norm;
  return form;
}

/// J and J^T of one pair (e, q) as the header's first paragraphs define them.
template <class Scalar>
class RotationTrick {
 public:
  RotationTrick(const Scalar* e, const Scalar* q, Index dimension)
      : e_(e), q_(q), dimension_(dimension), from_(polar_form(e, dimension)), to_(polar_form(q, dimension)) {
    if (dimension == 1 || from_.norm == 0) return;  // gain 1 and no rotation
    gain_ = std::min(std::ldexp(to_.norm / from_.norm, to_.exponent - from_.exponent),
                     static_cast<double>(std::numeric_limits<Scalar>::max()));
    if (to_.norm == 0) return;
    rotates_ = true;
    const double square = dot([&](Index d) { return sum(d); }, [&](Index d) { return sum(d); });
    reflection_ = square < 0x1p-52 ? 0 : 2 / square;
    sum_along_e_ = dot([&](Index d) { return sum(d); }, [&](Index d) { return e_direction(d); });
  }

  /// J v.
  void multiply(const Scalar* v, Scalar* result) const {
    if (!rotates_) return scale(v, result);
    const auto [along_e, along_sum] = project(v);
    subtract(v, 2 * along_e, reflection_ * (along_sum - 2 * along_e * sum_along_e_), result);
  }

  /// J^T g: the two reflections in the other order.
  void multiply_transposed(const Scalar* g, Scalar* result) const {
    if (!rotates_) return scale(g, result);
    const auto [along_e, along_sum] = project(g);
    const double sums = reflection_ * along_sum;
    subtract(g, 2 * (along_e - sums * sum_along_e_), sums, result);
  }

 private:
  double e_direction(Index d) const { return from_.direction(e_[d]); }
  double q_direction(Index d) const { return to_.direction(q_[d]); }
  double sum(Index d) const { return e_direction(d) + q_direction(d); }

  template <class A, class B>
  double dot(A a, B b) const {
    return interleaved_sum(dimension_, [&](Index d) { return a(d) * b(d); });
  }

  /// e^.v and (e^ + q^).v
  std::pair<double, double> project(const Scalar* v) const {
    const auto value = [&](Index d) { return static_cast<double>(v[d]); };
    return {dot([&](Index d) { return e_direction(d); }, value), dot([&](Index d) { return sum(d); }, value)};
  }

  /// gain (v - es e^ - sums (e^ + q^))
  void subtract(const Scalar* v, double es, double sums, Scalar* result) const {
    for (Index d = 0; d < dimension_; ++d) {
      const double e = e_direction(d);
      result[d] = static_cast<Scalar>(gain_ * (static_cast<double>(v[d]) - es * e - sums * (e + q_direction(d))));
    }
  }

  void scale(const Scalar* v, Scalar* result) const {
    for (Index d = 0; d < dimension_; ++d) result[d] = static_cast<Scalar>(gain_ * static_cast<double>(v[d]));
  }

  const Scalar* e_;
  const Scalar* q_;
  Index dimension_;
  PolarForm from_;
  PolarForm to_;
  bool rotates_ = false;
  double gain_ = 1;
  double reflection_ = 0;   // 2 / |e^ + q^|^2, or 0 for opposite directions
  double sum_along_e_ = 0;  // (e^ + q^).e^, which is |e^ + q^|^2 / 2 but for the rounding that must be shared
};

template <class Scalar>
void check_rotation_shapes(const char* who, Batch<const Scalar> inputs, Batch<const Scalar> codes,
                           Batch<const Scalar> vectors, Batch<Scalar> results, Mask mask) {
  const auto same = [&](const auto& batch) {
    return batch.count() == inputs.count() && batch.dimension() == inputs.dimension();
  };
  require(same(codes) && same(vectors) && same(results),
          "{}: expected four batches of {} x {}, found codes {} x {}, vectors {} x {}, "
          "results {} x {}",
          who, inputs.count(), inputs.dimension(), codes.count(), codes.dimension(), vectors.count(),
          vectors.dimension(), results.count(), results.dimension());
  check_mask(who, mask, inputs.count());
}

/// multiply(trick, i) for each valid vector, zeros for the others.
template <class Scalar, class Multiply>
void for_each_rotation(Batch<const Scalar> inputs, Batch<const Scalar> codes, Batch<Scalar> results, Mask mask,
                       Multiply multiply) {
  for (Index i = 0; i < inputs.count(); ++i) {
    if (mask[i]) {
      multiply(RotationTrick<Scalar>(inputs[i], codes[i], inputs.dimension()), i);
    } else {
      std::fill_n(results[i], results.dimension(), Scalar(0));
    }
  }
}

}  // namespace detail

/// Forward: J v for each vector, with the J of its (input, code); zero for masked vectors. With v the inputs themselves
/// this is the codes, to rounding: quantizers return the codes, and use J in backward only. O(N D), no allocation;
/// `results` may be `vectors`. Throws std::invalid_argument when shapes differ.
template <class Scalar>
void rotation_trick_into(std::type_identity_t<Batch<const Scalar>> inputs,
                         std::type_identity_t<Batch<const Scalar>> codes,
                         std::type_identity_t<Batch<const Scalar>> vectors, Batch<Scalar> results, Mask mask = {}) {
  detail::check_rotation_shapes("rotation_trick", inputs, codes, vectors, results, mask);
  detail::for_each_rotation(inputs, codes, results, mask,
                            [&](const auto& trick, Index i) { trick.multiply(vectors[i], results[i]); });
}

/// The same into a new matrix.
template <class Element, class Scalar = std::remove_const_t<Element>>
RowMatrix<Scalar> rotation_trick(Batch<Element> inputs, std::type_identity_t<Batch<const Scalar>> codes,
                                 std::type_identity_t<Batch<const Scalar>> vectors, Mask mask = {}) {
  RowMatrix<Scalar> results(inputs.count(), inputs.dimension());
  rotation_trick_into(inputs, codes, vectors, rows(results), mask);
  return results;
}

/// Backward: J^T g for each vector; zero for masked vectors. O(N D), no allocation; `grad_input` may be `grad_codes`.
/// Throws std::invalid_argument when shapes differ.
template <class Scalar>
void rotation_trick_backward_into(std::type_identity_t<Batch<const Scalar>> inputs,
                                  std::type_identity_t<Batch<const Scalar>> codes,
                                  std::type_identity_t<Batch<const Scalar>> grad_codes, Batch<Scalar> grad_input,
                                  Mask mask = {}) {
  detail::check_rotation_shapes("rotation_trick_backward", inputs, codes, grad_codes, grad_input, mask);
  detail::for_each_rotation(inputs, codes, grad_input, mask, [&](const auto& trick, Index i) {
    trick.multiply_transposed(grad_codes[i], grad_input[i]);
  });
}

/// The same into a new matrix.
template <class Element, class Scalar = std::remove_const_t<Element>>
RowMatrix<Scalar> rotation_trick_backward(Batch<Element> inputs, std::type_identity_t<Batch<const Scalar>> codes,
                                          std::type_identity_t<Batch<const Scalar>> grad_codes, Mask mask = {}) {
  RowMatrix<Scalar> grad_input(inputs.count(), inputs.dimension());
  rotation_trick_backward_into(inputs, codes, grad_codes, rows(grad_input), mask);
  return grad_input;
}

}  // namespace tessera::inline TESSERA_ISA
