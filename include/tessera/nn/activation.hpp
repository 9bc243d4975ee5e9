// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Activations, each with its derivative:
//
//   gelu(x) = x s(2u),  u = sqrt(2/pi) (x + 0.044715 x^3),  s(t) = 1 / (1 + exp(-t))
//   relu(x) = max(x, 0)
//
// gelu is the tanh form of Hendrycks and Gimpel (2016), "Gaussian error linear units", section 2: x/2 (1 + tanh u).
// It is not x Phi(x): the two differ by up to 5e-4. The exponential is our own polynomial, so that a scalar's bits
// depend neither on its place in a batch nor on a mathematics library; training and inference use the same function.

#include <cstring>
#include <type_traits>

#include <tessera/core/batch.hpp>
#include <tessera/nn/detail/elementwise.hpp>

namespace tessera::inline TESSERA_ISA {
namespace detail {

/// 2^y for |y| <= 126, error a few units in the last place of max(1, |y|): 2^k times the Taylor series of exp on
/// |r| <= log(2)/2, cut where its next term is below half a unit in the last place.
template <class Scalar>
TESSERA_INLINE simd::Vec<Scalar> exp2_bounded(const simd::Vec<Scalar>& y) {
  using Vec = simd::Vec<Scalar>;
  constexpr int degree = sizeof(Scalar) == 4 ? 7 : 13;
  constexpr int mantissa_bits = sizeof(Scalar) == 4 ? 23 : 52;
  constexpr int bias = sizeof(Scalar) == 4 ? 127 : 1023;
  using Integer = std::remove_cvref_t<decltype(simd::MaskVec<Scalar>{}[0])>;
  // k + bias is positive, so that truncation is floor. The bias leaves as an integer: no compiler may fold it into y.
  const auto biased = truncate<Scalar>(y + simd::broadcast(Scalar(bias + 0.5)));
  const Vec k = to_scalar<Scalar>(biased - simd::broadcast(Integer(bias)));
  const Vec r = (y - k) * simd::broadcast(Scalar(0.693147180559945309));
  Scalar factorial = 1;
  for (int i = 2; i <= degree; ++i) factorial *= static_cast<Scalar>(i);
  Scalar coefficient = 1 / factorial;
  Vec sum = simd::broadcast(coefficient);
  TESSERA_UNROLL
  for (int i = degree; i > 0; --i) {
    coefficient *= static_cast<Scalar>(i);
    sum = simd::multiply_add(sum, r, simd::broadcast(coefficient));
  }
  Vec power;
  const auto bits = biased << mantissa_bits;
  static_assert(sizeof bits == sizeof power);
  std::memcpy(&power, &bits, sizeof power);
  return sum * power;
}

/// s(2u) of the formula above.
template <class Scalar>
TESSERA_INLINE simd::Vec<Scalar> gelu_gate(const simd::Vec<Scalar>& x) {
  using Vec = simd::Vec<Scalar>;
  // -2 sqrt(2/pi) log2(e), and the same times 0.044715
  const Vec linear = simd::broadcast(Scalar(-2.302208198144325));
  const Vec cubic = simd::broadcast(Scalar(-0.1029432395800235));
  const Vec limit = simd::broadcast(Scalar(126));
  const Vec exponent = x * simd::multiply_add(cubic, x * x, linear);
  const Vec power = exp2_bounded<Scalar>(simd::max(simd::min(exponent, limit), -limit));
  const Vec one = simd::broadcast(Scalar(1));
  return divide(one, one + power);
}

template <class Scalar>
TESSERA_INLINE simd::Vec<Scalar> gelu_lanes(const simd::Vec<Scalar>& x) {
  // Below -16 the value is 0 to every precision; the bound keeps large x from multiplying a gate that stopped falling.
  return simd::max(simd::broadcast(Scalar(-16)), x) * gelu_gate<Scalar>(x);
}

template <class Scalar>
TESSERA_INLINE simd::Vec<Scalar> gelu_slope_lanes(const simd::Vec<Scalar>& input) {
  using Vec = simd::Vec<Scalar>;
  const Vec bound = simd::broadcast(Scalar(16));
  const Vec x = simd::min(bound, simd::max(-bound, input));  // beyond, the slope is 0 or 1 to every precision
  const Vec gate = gelu_gate<Scalar>(x);
  const Vec two_u_slope = simd::multiply_add(simd::broadcast(Scalar(0.21406444881780076)), x * x,
                                             simd::broadcast(Scalar(1.5957691216057308)));
  return simd::multiply_add(x * gate * (simd::broadcast(Scalar(1)) - gate), two_u_slope, gate);
}

}  // namespace detail

/// The Gaussian error linear unit, tanh form, of every scalar. `output` may be the input.
/// Throws std::invalid_argument when the shapes differ.
template <class Scalar>
void gelu_into(Batch<Scalar> input, Batch<std::remove_const_t<Scalar>> output) {
  using Value = std::remove_const_t<Scalar>;
  detail::require_same_shape("gelu_into", "an output", input, output);
  detail::map_batches(
      output, [](const auto& x) { return detail::gelu_lanes<Value>(x); }, input);
}

/// The same, returned.
template <class Scalar>
RowMatrix<std::remove_const_t<Scalar>> gelu(Batch<Scalar> input) {
  RowMatrix<std::remove_const_t<Scalar>> output(input.count(), input.dimension());
  gelu_into(input, rows(output));
  return output;
}

/// grad_input = grad_output * gelu'(input). `grad_input` may be either of the others.
/// Throws std::invalid_argument when the shapes differ.
template <class Scalar, class Upstream>
void gelu_backward_into(Batch<Scalar> input, Batch<Upstream> grad_output,
                        Batch<std::remove_const_t<Scalar>> grad_input) {
  using Value = std::remove_const_t<Scalar>;
  detail::require_same_shape("gelu_backward_into", "grad_output", input, grad_output);
  detail::require_same_shape("gelu_backward_into", "grad_input", input, grad_input);
  detail::map_batches(
      grad_input, [](const auto& x, const auto& g) { return g * detail::gelu_slope_lanes<Value>(x); }, input,
      grad_output);
}

/// max(x, 0) of every scalar. `output` may be the input. Throws std::invalid_argument when the shapes differ.
template <class Scalar>
void relu_into(Batch<Scalar> input, Batch<std::remove_const_t<Scalar>> output) {
  using Value = std::remove_const_t<Scalar>;
  detail::require_same_shape("relu_into", "an output", input, output);
  detail::map_batches(
      output, [](const auto& x) { return simd::max(simd::broadcast(Value(0)), x); }, input);  // keeps NaN
}

/// The same, returned.
template <class Scalar>
RowMatrix<std::remove_const_t<Scalar>> relu(Batch<Scalar> input) {
  RowMatrix<std::remove_const_t<Scalar>> output(input.count(), input.dimension());
  relu_into(input, rows(output));
  return output;
}

/// grad_input = grad_output where input > 0, else 0 (at 0 the derivative counts as 0).
/// `grad_input` may be either of the others. Throws std::invalid_argument when the shapes differ.
template <class Scalar, class Upstream>
void relu_backward_into(Batch<Scalar> input, Batch<Upstream> grad_output,
                        Batch<std::remove_const_t<Scalar>> grad_input) {
  using Value = std::remove_const_t<Scalar>;
  detail::require_same_shape("relu_backward_into", "grad_output", input, grad_output);
  detail::require_same_shape("relu_backward_into", "grad_input", input, grad_input);
  const auto slope = [](const auto& x, const auto& g) {
    const auto zero = simd::broadcast(Value(0));
    return simd::select(x > zero, g, zero);
  };
  detail::map_batches(grad_input, slope, input, grad_output);
}

}  // namespace tessera::inline TESSERA_ISA
