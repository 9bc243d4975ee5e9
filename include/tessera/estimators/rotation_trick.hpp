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
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <type_traits>

#include <Eigen/Core>

#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/mask.hpp>
#include <tessera/core/simd.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

using Doubles = simd::Vec<double>;

/// A native vector of doubles from as many scalars at any address.
template <class Scalar>
TESSERA_INLINE Doubles load_doubles(const Scalar* from) {
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  typename simd::detail::VectorOf<Scalar, simd::lanes<double> * sizeof(Scalar)>::type scalars;
  std::memcpy(&scalars, from, sizeof scalars);
  return __builtin_convertvector(scalars, Doubles);
#else
  return Doubles::each([&](int i) { return from[i]; });
#endif
}

/// Rounds a native vector of doubles to as many scalars at any address.
template <class Scalar>
TESSERA_INLINE void store_doubles(Scalar* to, const Doubles& values) {
#if defined(__GNUC__) && !defined(TESSERA_PLAIN_SIMD)
  using Target = typename simd::detail::VectorOf<Scalar, simd::lanes<double> * sizeof(Scalar)>::type;
  const Target scalars = __builtin_convertvector(values, Target);
  std::memcpy(to, &scalars, sizeof scalars);
#else
  for (int i = 0; i < simd::lanes<double>; ++i) to[i] = static_cast<Scalar>(values[i]);
#endif
}

/// Calls use(values, d, count) with components d ... d + count - 1 of each vector, for all of them in turn: native
/// vectors, the last ones padded with zeros.
template <class Scalar, std::size_t vector_count, class Use>
TESSERA_INLINE void for_each_native(const Scalar* const (&vectors)[vector_count], Index size, Use use) {
  constexpr Index lanes = simd::lanes<double>;
  Doubles values[vector_count];
  Index d = 0;
  for (; d + lanes <= size; d += lanes) {
    for (std::size_t v = 0; v < vector_count; ++v) values[v] = load_doubles(vectors[v] + d);
    use(values, d, lanes);
  }
  if (d == size) return;
  Scalar last[lanes] = {};
  for (std::size_t v = 0; v < vector_count; ++v) {
    std::copy_n(vectors[v] + d, size - d, last);
    values[v] = load_doubles(last);
  }
  use(values, d, size - d);
}

/// A vector x as norm 2^exponent times a direction of length one, which is x times `scale` times `inverse_norm`. (The
/// product of the two may overflow.)
struct PolarForm {
  double norm = 0;  // of 2^-exponent x; 0 for the zero vector
  int exponent = 0;
  double scale = 1;  // 2^-exponent
  double inverse_norm = 0;
};

/// The exponent is that of the largest component, kept where 2^exponent and its inverse are normal numbers; 0 for
/// floats, whose squares neither overflow nor vanish in double.
template <class Scalar>
PolarForm polar_form(const Scalar* x, Index dimension) {
  PolarForm form;
  if constexpr (!std::is_same_v<Scalar, float>) {
    double largest = 0;
    for (Index d = 0; d < dimension; ++d) largest = std::max(largest, std::abs(static_cast<double>(x[d])));
    if (largest == 0) return form;
    form.exponent = std::clamp(std::ilogb(largest), -1000, 1000);
    form.scale = std::ldexp(1.0, -form.exponent);
  }
  const Doubles scale = simd::broadcast(form.scale);
  Doubles squares{};
  for_each_native({x}, dimension, [&](const auto& values, Index, Index) {
    const Doubles scaled = values[0] * scale;
    squares += scaled * scaled;
  });
  const double square = simd::reduce_add(squares);
  form.norm = std::sqrt(square);
  form.inverse_norm = square > 0 ? 1 / form.norm : 0;
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
    rotates_ = to_.norm != 0;
  }

  /// J v.
  void multiply(const Scalar* v, Scalar* result) const {
    if (!rotates_) return scale(v, result);
    const Projections p = project(v);
    subtract(v, 2 * p.along_e, p.reflection * (p.along_sum - 2 * p.along_e * p.sum_along_e), result);
  }

  /// J^T g: the two reflections in the other order.
  void multiply_transposed(const Scalar* g, Scalar* result) const {
    if (!rotates_) return scale(g, result);
    const Projections p = project(g);
    const double sums = p.reflection * p.along_sum;
    subtract(g, 2 * (p.along_e - sums * p.sum_along_e), sums, result);
  }

 private:
  struct Projections {
    double reflection;   // 2 / |e^ + q^|^2, or 0 for opposite directions
    double sum_along_e;  // (e^ + q^).e^: half of |e^ + q^|^2, but for the rounding that orthogonality rests on
    double along_e;      // e^.v
    double along_sum;    // (e^ + q^).v
  };

  /// e^ and e^ + q^ of some components. Whoever asks must get the same bits, or the reflections are none: through
  /// registers, no compiler fuses the last product with the sum in one place and not in another.
  struct Directions {
    Doubles e, sum;
  };
  struct Scales {
    Doubles e, e_inverse, q, q_inverse;
  };
  TESSERA_INLINE static Directions directions(const Scales& scales, const Doubles& e, const Doubles& q) {
    Doubles e_direction = e * scales.e * scales.e_inverse, q_direction = q * scales.q * scales.q_inverse;
    simd::keep_in_register(e_direction);
    simd::keep_in_register(q_direction);
    Doubles sum = e_direction + q_direction;
    simd::keep_in_register(sum);
    return {e_direction, sum};
  }
  Scales scales() const {
    return {simd::broadcast(from_.scale), simd::broadcast(from_.inverse_norm), simd::broadcast(to_.scale),
            simd::broadcast(to_.inverse_norm)};
  }

  Projections project(const Scalar* v) const {
    const Scales s = scales();
    Doubles square{}, sum_along_e{}, along_e{}, along_sum{};
    for_each_native({e_, q_, v}, dimension_, [&](const auto& values, Index, Index) {
      const Directions direction = directions(s, values[0], values[1]);
      square += direction.sum * direction.sum;
      sum_along_e += direction.sum * direction.e;
      along_e += direction.e * values[2];
      along_sum += direction.sum * values[2];
    });
    const double length = simd::reduce_add(square);
    return {length < 0x1p-52 ? 0 : 2 / length, simd::reduce_add(sum_along_e), simd::reduce_add(along_e),
            simd::reduce_add(along_sum)};
  }

  /// gain (v - es e^ - sums (e^ + q^))
  void subtract(const Scalar* v, double es, double sums, Scalar* result) const {
    const Scales s = scales();
    const Doubles e_factor = simd::broadcast(es), sum_factor = simd::broadcast(sums), gain = simd::broadcast(gain_);
    for_each_native({e_, q_, v}, dimension_, [&](const auto& values, Index d, Index count) {
      const Directions direction = directions(s, values[0], values[1]);
      const Doubles block = gain * (values[2] - e_factor * direction.e - sum_factor * direction.sum);
      if (count == simd::lanes<double>) return store_doubles(result + d, block);
      Scalar last[simd::lanes<double>];
      store_doubles(last, block);
      std::copy_n(last, count, result + d);
    });
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
