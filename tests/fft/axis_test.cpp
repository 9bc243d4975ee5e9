// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/fft/axis.hpp>

#include <complex>
#include <stdexcept>
#include <vector>

#include <unsupported/Eigen/CXX11/Tensor>

#include <tessera/core/thread_pool.hpp>

#include "fft/naive_fourier.hpp"
#include "fft/transform_cases.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

using Complex = std::complex<double>;

template <class Tensor>
Tensor random_tensor(Index a, Index b, Index c, std::uint64_t seed) {
  Tensor tensor(a, b, c);
  SplitMix random(seed);
  for (Index i = 0; i < tensor.size(); ++i) {
    if constexpr (std::is_same_v<typename Tensor::Scalar, Complex>) {
      tensor.data()[i] = {random.normal(), random.normal()};
    } else {
      tensor.data()[i] = random.normal();
    }
  }
  return tensor;
}

/// The line of a tensor of rank 3 along axis k through a place (i, j) of the other axes.
template <class Tensor>
std::vector<Complex> line(const Tensor& tensor, Index k, Index i, Index j) {
  std::vector<Complex> result;
  for (Index n = 0; n < tensor.dimension(static_cast<std::size_t>(k)); ++n) {
    result.push_back(k == 0 ? tensor(n, i, j) : k == 1 ? tensor(i, n, j) : tensor(i, j, n));
  }
  return result;
}

template <class Tensor>
void check_axes(const Tensor& tensor) {
  ThreadPool pool(2);
  for (Index k = 0; k < 3; ++k) {
    const Index length = tensor.dimension(static_cast<std::size_t>(k));
    const FourierTransform<double, FourierScale::inverse> plan(length);
    const auto found = forward_along(plan, tensor, k, pool);
    const auto back = inverse_along(plan, found, k);
    for (Index i = 0; i < 3; ++i) {
      const std::vector<Complex> samples = line(tensor, k, i, 1), bins = line(found, k, i, 1);
      CHECK(peak_error(bins.data(), naive_fourier(samples.data(), length, -1, length)) < 1e-14);
    }
    double error = 0;
    for (Index i = 0; i < tensor.size(); ++i) error = std::max(error, std::abs(back.data()[i] - tensor.data()[i]));
    CHECK(error < 1e-14);
  }
}

}  // namespace

TEST_CASE("lines along every axis of tensors of both storage orders are transformed") {
  check_axes(random_tensor<Eigen::Tensor<Complex, 3, Eigen::RowMajor>>(3, 20, 7, 1));
  check_axes(random_tensor<Eigen::Tensor<Complex, 3>>(16, 5, 9, 2));
}

TEST_CASE("real tensors get the bins of a real transform along an axis, and come back") {
  const auto tensor = random_tensor<Eigen::Tensor<double, 3, Eigen::RowMajor>>(4, 10, 6, 3);
  const RealFourierTransform<double, FourierScale::inverse> plan(10);
  const Eigen::Tensor<Complex, 3, Eigen::RowMajor> bins = forward_along(plan, tensor, 1);
  CHECK(bins.dimension(1) == 6);
  const std::vector<Complex> samples = line(tensor, 1, 2, 3), found = line(bins, 1, 2, 3);
  CHECK(peak_error(found.data(), naive_fourier(samples.data(), 10, -1, 6)) < 1e-14);
  const Eigen::Tensor<double, 3, Eigen::RowMajor> back = inverse_along(plan, bins, 1);
  for (Index i = 0; i < tensor.size(); ++i) CHECK(std::abs(back.data()[i] - tensor.data()[i]) < 1e-14);
}

TEST_CASE("the two-dimensional transform is its double sum, in place too, and comes back") {
  constexpr Index height = 12, width = 35;
  const FourierTransform2D<double, FourierScale::inverse> plan(height, width);
  const ComplexRows<double> x = random_complex<double>(height, width, 1);
  const std::vector<LongComplex> of_rows = circle(height, -1), of_columns = circle(width, -1);
  const ComplexRows<double> found = plan.forward(rows(x));
  std::vector<LongComplex> expected;
  for (Index k = 0; k < height; ++k) {
    for (Index l = 0; l < width; ++l) {
      LongComplex sum = 0;
      for (Index m = 0; m < height; ++m) {
        for (Index n = 0; n < width; ++n) {
          sum += LongComplex(x(m, n)) * of_rows[static_cast<std::size_t>(k * m % height)] *
                 of_columns[static_cast<std::size_t>(l * n % width)];
        }
      }
      expected.push_back(sum);
    }
  }
  CHECK(peak_error(found.data(), expected) < 1e-14);
  auto workspace = plan.workspace();
  ComplexRows<double> in_place = x;
  CHECK(allocations_in([&] { plan.forward_into(rows(in_place), rows(in_place), {.workspace = &workspace}); }) == 0);
  CHECK((in_place.array() == found.array()).all());
  CHECK((plan.inverse(rows(found)) - x).cwiseAbs().maxCoeff() < 1e-14);
}

TEST_CASE("backward passes of two-dimensional transforms are their adjoints") {
  const FourierTransform2D<double, FourierScale::unitary> plan(9, 16);
  const ComplexRows<double> x = random_complex<double>(9, 16, 1), w = random_complex<double>(9, 16, 2);
  ComplexRows<double> gradient(9, 16);
  plan.forward_backward_into(rows(w), rows(gradient));
  CHECK(product(plan.forward(rows(x)), w) == Approx(product(x, gradient)).epsilon(1e-12));
  plan.inverse_backward_into(rows(w), rows(gradient));
  CHECK(product(plan.inverse(rows(x)), w) == Approx(product(x, gradient)).epsilon(1e-12));
}

TEST_CASE("an axis of another length, no axis, and another matrix are named") {
  const auto tensor = random_tensor<Eigen::Tensor<Complex, 3, Eigen::RowMajor>>(2, 3, 4, 1);
  const FourierTransform<double, FourierScale::none> plan(4);
  CHECK_THROWS_MESSAGE(std::invalid_argument, forward_along(plan, tensor, 1),
                       "forward_along: expected axis 1 to have the 4 entries of the plan, found 3 in a row-major 2 x 3 "
                       "x 4 tensor");
  CHECK_THROWS_MESSAGE(std::out_of_range, inverse_along(plan, tensor, 3),
                       "inverse_along: expected an axis in [0, 3), found 3");
  const FourierTransform2D<double, FourierScale::none> square(4, 4);
  const ComplexRows<double> x = random_complex<double>(4, 5, 1);
  CHECK_THROWS_MESSAGE(std::invalid_argument, square.forward(rows(x)),
                       "FourierTransform2D: expected input of 4 x 4, found 4 x 5");
  CHECK_THROWS_AS((FourierTransform2D<double, FourierScale::none>(0, 4)), std::invalid_argument);
}
