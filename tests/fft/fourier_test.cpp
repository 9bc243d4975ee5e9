// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/fft/fourier.hpp>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <stdexcept>
#include <vector>

#include <tessera/core/thread_pool.hpp>

#include "fft/naive_fourier.hpp"
#include "fft/transform_cases.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/message.hpp"
#include "support/random_matrix.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

template <class Scalar>
using Plain = FourierTransform<Scalar, FourierScale::none>;
template <class Scalar>
bool same_bits(const ComplexRows<Scalar>& a, const ComplexRows<Scalar>& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(*a.data())) == 0;
}

}  // namespace

TEMPLATE_TEST_CASE("the transform of any length is its sum, forward and inverse", "", float, double) {
  for (const Index length : lengths()) {
    const ComplexRows<TestType> x = random_complex<TestType>(length <= 300 ? 3 : 1, length, 17);
    const Index last = x.rows() - 1;
    const std::vector<LongComplex> bins = naive_fourier(&x(last, 0), length, -1, length);
    const ComplexRows<TestType> mirrored = x.conjugate();  // whose sums with the other sign are the conjugates
    std::vector<LongComplex> samples;
    for (const LongComplex& bin : bins) samples.push_back(std::conj(bin));
    for (const FourierLayout layout : layouts) {
      const Plain<TestType> plan(length, {.layout = layout});
      const ComplexRows<TestType> forward = plan.forward(rows(x)), inverse = plan.inverse(rows(mirrored));
      INFO("length " << length << ", across rows: " << (layout == FourierLayout::across_rows));
      CHECK(peak_error(&forward(last, 0), bins) < fourier_tolerance<TestType>(length));
      CHECK(peak_error(&inverse(last, 0), samples) < fourier_tolerance<TestType>(length));
    }
  }
}

TEMPLATE_TEST_CASE("bins of long transforms are their sums", "", float, double) {
  std::vector<Index> long_lengths{Index{1} << 14, 15015, 30000, 32771};
  if (!sanitized) long_lengths.insert(long_lengths.end(), {Index{1} << 16, 3 * (Index{1} << 15), Index{1} << 20});
  for (const Index length : long_lengths) {
    const ComplexRows<TestType> x = random_complex<TestType>(1, length, 5);
    const ComplexRows<TestType> found = Plain<TestType>(length).forward(rows(x));
    const LongCircle sums(length, -1);
    SplitMix random(3);
    std::vector<std::complex<TestType>> bins;
    std::vector<LongComplex> expected;
    for (int i = 0; i < effort(64, 8); ++i) {
      const Index k = random.below(length);
      bins.push_back(found(0, k));
      expected.push_back(sums.bin(x.data(), k));
    }
    INFO("length " << length);
    CHECK(peak_error(bins.data(), expected) < fourier_tolerance<TestType>(length));
  }
}

TEST_CASE("the type of a transform says where its factor goes") {
  constexpr Index length = 12;
  const ComplexRows<double> x = random_complex<double>(1, length, 1);
  const std::vector<LongComplex> forward = naive_fourier(x.data(), length, -1, length);
  const std::vector<LongComplex> inverse = naive_fourier(x.data(), length, 1, length);
  const auto check = [&](const auto& plan, long double f, long double g) {
    CHECK(peak_error(plan.forward(rows(x)).data(), forward, f) < 1e-15);
    CHECK(peak_error(plan.inverse(rows(x)).data(), inverse, g) < 1e-15);
  };
  check(FourierTransform<double, FourierScale::none>(length), 1, 1);
  check(FourierTransform<double, FourierScale::inverse>(length), 1, 1 / 12.0L);
  check(FourierTransform<double, FourierScale::unitary>(length), 1 / std::sqrt(12.0L), 1 / std::sqrt(12.0L));
  check(FourierTransform<double, FourierScale::forward>(length), 1 / 12.0L, 1);
}

TEST_CASE("a unitary transform keeps energies, a round trip keeps rows, a shift turns bins") {
  for (const Index length : {1, 360, 1009, 1024}) {
    const FourierTransform<double, FourierScale::unitary> plan(length);
    const ComplexRows<double> x = random_complex<double>(2, length, 8), spectrum = plan.forward(rows(x));
    CHECK(spectrum.squaredNorm() == Approx(x.squaredNorm()).epsilon(1e-13));
    CHECK((plan.inverse(rows(spectrum)) - x).cwiseAbs().maxCoeff() < 1e-13);

    ComplexRows<double> shifted(2, length);
    for (Index n = 0; n < length; ++n) shifted.col((n + 1) % length) = x.col(n);
    const ComplexRows<double> turned = plan.forward(rows(shifted));
    const std::vector<LongComplex> roots = circle(length, -1);
    for (Index k = 0; k < length; ++k) {
      const auto root = static_cast<std::complex<double>>(roots[static_cast<std::size_t>(k)]);
      CHECK(std::abs(turned(1, k) - root * spectrum(1, k)) < 1e-12);
    }
  }
}

TEST_CASE("a row has the same bits alone, in a batch, in place, with gaps and with threads") {
  ThreadPool pool(3);
  for (const Index length : {7, 30, 64, 256, 360, 521}) {
    for (const FourierLayout layout : layouts) {
      const Plain<float> plan(length, {.layout = layout});
      const ComplexRows<float> x = random_complex<float>(21, length, 2);
      const ComplexRows<float> expected = plan.forward(rows(x));
      ComplexRows<float> single(21, length);
      for (Index r = 0; r < 21; ++r) plan.forward_into(rows(x).slice(r, r + 1), rows(single).slice(r, r + 1));
      CHECK(same_bits(single, expected));
      ComplexRows<float> in_place = x;
      plan.forward_into(rows(in_place), rows(in_place), {.execution = pool});
      CHECK(same_bits(in_place, expected));
      ComplexRows<float> wide = ComplexRows<float>::Constant(21, length + 3, std::complex<float>(5, 6));
      wide.leftCols(length) = x;
      plan.forward_into(Batch<const std::complex<float>>(wide.data(), 21, length, length + 3),
                        Batch<std::complex<float>>(wide.data(), 21, length, length + 3));
      CHECK(same_bits<float>(wide.leftCols(length), expected));
      CHECK((wide.rightCols(3).array() == std::complex<float>(5, 6)).all());
    }
  }
}

TEST_CASE("backward passes of complex transforms are their adjoints") {
  for (const Index length : {1, 2, 45, 64, 97}) {
    const FourierTransform<double, FourierScale::forward> plan(length);
    const ComplexRows<double> x = random_complex<double>(3, length, 4), w = random_complex<double>(3, length, 5);
    ComplexRows<double> gradient(3, length);
    plan.forward_backward_into(rows(w), rows(gradient));
    CHECK(product(plan.forward(rows(x)), w) == Approx(product(x, gradient)).epsilon(1e-12).margin(1e-13));
    plan.inverse_backward_into(rows(w), rows(gradient));
    CHECK(product(plan.inverse(rows(x)), w) == Approx(product(x, gradient)).epsilon(1e-12).margin(1e-12));
  }
}

TEST_CASE("a complex transform with a workspace allocates nothing") {
  const Plain<float> plan(120);
  auto workspace = plan.workspace();
  CHECK(workspace.slots() == 1);
  ComplexRows<float> x = random_complex<float>(9, 120, 1);
  CHECK(allocations_in([&] { plan.forward_into(rows(x), rows(x), {.workspace = &workspace}); }) == 0);
  if (!sanitized) CHECK(allocations_in([&] { plan.forward_into(rows(x), rows(x)); }) > 0);
}

TEST_CASE("no rows are a batch, too") {
  const Plain<double> plan(16);
  CHECK(plan.forward(Batch<const std::complex<double>>(nullptr, 0, 16)).rows() == 0);
}

TEST_CASE("wrong lengths, layouts, shapes and workspaces are named") {
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plain<float>(0),
                       "FourierTransform: expected a length of at least 1, found 0");
  constexpr Index lanes = simd::lanes<double>;
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plain<double>(lanes, {.layout = FourierLayout::within_row}),
                       "FourierTransform: expected a multiple of " + std::to_string(lanes) +
                           " complex numbers, at least " + std::to_string(lanes * lanes) +
                           ", for the layout within rows, found " + std::to_string(lanes));
  const Plain<double> plan(8), other(16);
  const ComplexRows<double> x = random_complex<double>(2, 8, 1);
  ComplexRows<double> y = ComplexRows<double>::Zero(2, 7);
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.forward_into(rows(x), rows(y)),
                       "FourierTransform: expected output of 2 x 8, found 2 x 7");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.inverse_into(rows(y), rows(y)),
                       "FourierTransform: expected input of 2 x 8, found 2 x 7");
  CHECK_THROWS_AS(plan.workspace(0), std::invalid_argument);
  auto workspace = other.workspace();
  y.resize(2, 8);
  CHECK_THROWS_AS(plan.forward_into(rows(x), rows(y), {.workspace = &workspace}), std::invalid_argument);
  CHECK(plan.layout() == (8 >= lanes * lanes ? FourierLayout::within_row : FourierLayout::across_rows));
}
