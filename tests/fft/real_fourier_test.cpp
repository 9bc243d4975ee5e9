// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/fft/real_fourier.hpp>

#include <algorithm>
#include <cmath>
#include <complex>
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
using Plain = RealFourierTransform<Scalar, FourierScale::none>;
/// All bins of a spectrum, with the imaginary parts left out that no real signal has.
template <class Scalar>
std::vector<LongComplex> whole_spectrum(const std::complex<Scalar>* bins, Index length) {
  std::vector<LongComplex> all(static_cast<std::size_t>(length));
  for (Index k = 0; k <= length / 2; ++k) {
    LongComplex bin(bins[k]);
    if (k == 0 || 2 * k == length) bin = bin.real();
    all[static_cast<std::size_t>((length - k) % length)] = std::conj(bin);
    all[static_cast<std::size_t>(k)] = bin;
  }
  return all;
}

}  // namespace

TEMPLATE_TEST_CASE("the real transform of any length is its sum, forward and inverse", "", float, double) {
  for (const Index length : lengths()) {
    const Index bins = length / 2 + 1;
    const RowMatrix<TestType> x = random_normal<TestType>(2, length, 17);
    const ComplexRows<TestType> spectrum = random_complex<TestType>(2, bins, 18);
    const std::vector<LongComplex> all = whole_spectrum(&spectrum(1, 0), length);
    const std::vector<LongComplex> expected = naive_fourier(&x(1, 0), length, -1, bins);
    const std::vector<LongComplex> expected_samples = naive_fourier(all.data(), length, 1, length);
    for (const FourierLayout layout : layouts) {
      const Plain<TestType> plan(length, {.layout = layout});
      CHECK(plan.spectrum_length() == bins);
      const ComplexRows<TestType> found = plan.forward(rows(x));
      const RowMatrix<TestType> samples = plan.inverse(rows(spectrum));
      INFO("length " << length << ", across rows: " << (layout == FourierLayout::across_rows));
      CHECK(peak_error(&found(1, 0), expected) < fourier_tolerance<TestType>(length));
      CHECK(peak_error(&samples(1, 0), expected_samples) < fourier_tolerance<TestType>(length));
      CHECK(found(1, 0).imag() == 0);
    }
  }
}

TEMPLATE_TEST_CASE("bins of long real transforms are their sums", "", float, double) {
  for (const Index length : {Index{1} << 15, Index{30030}, Index{1} << (sanitized ? 12 : 20)}) {
    const RowMatrix<TestType> x = random_normal<TestType>(1, length, 5);
    const ComplexRows<TestType> found = Plain<TestType>(length).forward(rows(x));
    const LongCircle sums(length, -1);
    SplitMix random(3);
    std::vector<std::complex<TestType>> bins;
    std::vector<LongComplex> expected;
    for (int i = 0; i < effort(64, 8); ++i) {
      const Index k = random.below(length / 2 + 1);
      bins.push_back(found(0, k));
      expected.push_back(sums.bin(x.data(), k));
    }
    CHECK(peak_error(bins.data(), expected) < fourier_tolerance<TestType>(length));
  }
}

TEST_CASE("the type of a real transform says where its factor goes, and a round trip keeps rows") {
  for (const Index length : {1, 2, 3, 30, 31, 256}) {
    const RowMatrix<double> x = random_normal<double>(2, length, 1);
    const ComplexRows<double> plain = Plain<double>(length).forward(rows(x));
    const auto check = [&](const auto& plan, double f, double round_trip) {
      const ComplexRows<double> spectrum = plan.forward(rows(x));
      CHECK((spectrum - f * plain).cwiseAbs().maxCoeff() < 1e-13);
      CHECK((plan.inverse(rows(spectrum)) - round_trip * x).cwiseAbs().maxCoeff() < 1e-14 * round_trip * 10);
    };
    const auto n = static_cast<double>(length);
    check(RealFourierTransform<double, FourierScale::none>(length), 1, n);
    check(RealFourierTransform<double, FourierScale::inverse>(length), 1, 1);
    check(RealFourierTransform<double, FourierScale::unitary>(length), 1 / std::sqrt(n), 1);
    check(RealFourierTransform<double, FourierScale::forward>(length), 1 / n, 1);
  }
}

TEST_CASE("a real row has the same bits alone, in a batch, with gaps and with threads") {
  ThreadPool pool(3);
  for (const Index length : {7, 30, 64, 128, 512, 521}) {
    for (const FourierLayout layout : layouts) {
      const Plain<float> plan(length, {.layout = layout});
      const Index bins = plan.spectrum_length();
      RowMatrix<float> x = random_normal<float>(21, length + 1, 2);
      const Batch<const float> input(x.data(), 21, length, length + 1);
      const ComplexRows<float> expected = plan.forward(input);
      const RowMatrix<float> back = plan.inverse(rows(expected));
      ComplexRows<float> found(21, bins + 1);
      const Batch<std::complex<float>> output(found.data(), 21, bins, bins + 1);
      for (Index r = 0; r < 21; ++r) plan.forward_into(input.slice(r, r + 1), output.slice(r, r + 1));
      CHECK((found.leftCols(bins).array() == expected.array()).all());
      plan.forward_into(input, output, {.execution = pool});
      CHECK((found.leftCols(bins).array() == expected.array()).all());
      RowMatrix<float> single(1, length);
      for (Index r = 0; r < 21; ++r) {
        plan.inverse_into(output.slice(r, r + 1), rows(single));
        CHECK((single.array() == back.row(r).array()).all());
      }
    }
  }
}

TEST_CASE("backward passes of real transforms are their adjoints") {
  for (const Index length : {1, 2, 3, 4, 45, 64, 97, 128}) {
    const RealFourierTransform<double, FourierScale::inverse> plan(length);
    const Index bins = plan.spectrum_length();
    const RowMatrix<double> x = random_normal<double>(3, length, 4);
    const ComplexRows<double> w = random_complex<double>(3, bins, 5);
    RowMatrix<double> gradient(3, length);
    plan.forward_backward_into(rows(w), rows(gradient));
    CHECK(product(plan.forward(rows(x)), w) == Approx(x.cwiseProduct(gradient).sum()).epsilon(1e-12).margin(1e-12));
    ComplexRows<double> bin_gradient(3, bins);
    plan.inverse_backward_into(rows(x), rows(bin_gradient));
    CHECK(plan.inverse(rows(w)).cwiseProduct(x).sum() == Approx(product(w, bin_gradient)).epsilon(1e-12).margin(1e-12));
  }
}

TEST_CASE("a real transform with a workspace allocates nothing") {
  for (const Index length : {45, 512}) {
    const Plain<float> plan(length);
    auto workspace = plan.workspace(2);
    const RowMatrix<float> x = random_normal<float>(9, length, 1);
    ComplexRows<float> spectrum(9, plan.spectrum_length());
    RowMatrix<float> back(9, length);
    CHECK(allocations_in([&] {
            plan.forward_into(rows(x), rows(spectrum), {.workspace = &workspace});
            plan.inverse_into(rows(spectrum), rows(back), {.workspace = &workspace});
          }) == 0);
  }
}

TEST_CASE("wrong lengths and shapes of real transforms are named") {
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plain<float>(0),
                       "RealFourierTransform: expected a length of at least 1, found 0");
  CHECK_THROWS_AS(Plain<float>(2, {.layout = FourierLayout::within_row}), std::invalid_argument);
  const Plain<double> plan(8);
  const RowMatrix<double> x = random_normal<double>(2, 8, 1);
  ComplexRows<double> spectrum = ComplexRows<double>::Zero(2, 8);
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.forward_into(rows(x), rows(spectrum)),
                       "RealFourierTransform: expected output of 2 x 5, found 2 x 8");
  spectrum.resize(3, 5);
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.inverse_backward_into(rows(x), rows(spectrum)),
                       "RealFourierTransform: expected grad_input of 2 x 5, found 3 x 5");
  const Batch<const double> none(nullptr, 0, 8);
  CHECK(plan.forward(none).rows() == 0);
}
