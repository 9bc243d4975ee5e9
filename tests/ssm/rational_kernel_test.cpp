// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/ssm/rational_kernel.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include <tessera/core/thread_pool.hpp>
#include <tessera/ssm/transfer_function.hpp>

#include "ssm/rational_cases.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/effort.hpp"
#include "support/gradient.hpp"
#include "support/message.hpp"

using namespace tessera;
using namespace tessera::testing;

namespace {

constexpr KernelMethod exact_methods[] = {KernelMethod::automatic, KernelMethod::recursion,
                                          KernelMethod::block_extension, KernelMethod::newton, KernelMethod::division};
constexpr RationalKernelOptions periodic_options{.truncation = KernelTruncation::periodic};

/// A filter whose taps are a sum of `order` modes exp(+- i angle) at this radius.
DirectForm resonant_filter(Index order, double radius) {
  DirectForm form;
  std::vector<double> angles;
  for (Index i = 0; i < order / 2; ++i) {
    angles.push_back(std::numbers::pi * (static_cast<double>(i) + 0.4) / static_cast<double>(order / 2));
  }
  form.denominator = denominator_of_pairs(angles, radius);
  form.numerator = random_normal<double>(1, order, 4).row(0);
  return form;
}

template <class Scalar>
bool same_bits(const RowMatrix<Scalar>& a, const RowMatrix<Scalar>& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() && (a.array() == b.array()).all();
}

template <class Scalar>
RationalTransferFunction<Scalar> random_model(Index channels, Index groups, Index order, std::uint64_t seed,
                                              double radius = 0.9) {
  TransferFunctionParameters<Scalar> values;
  values.numerator = random_normal<Scalar>(channels, order, seed);
  values.denominator.resize(groups, order);
  for (Index g = 0; g < groups; ++g) {
    values.denominator.row(g) =
        random_denominator(order, radius, seed + 17 * static_cast<std::uint64_t>(g)).template cast<Scalar>();
  }
  values.skip = random_normal<Scalar>(1, channels, seed + 1);
  return RationalTransferFunction<Scalar>(values);
}

/// All parameters in a row, and a model of them.
RowMatrix<double> flat(const TransferFunctionParameters<double>& values) {
  RowMatrix<double> all(1, values.numerator.size() + values.denominator.size() + values.skip.size());
  all << values.numerator.reshaped<Eigen::RowMajor>().transpose(),
      values.denominator.reshaped<Eigen::RowMajor>().transpose(), values.skip;
  return all;
}
TransferFunctionParameters<double> unflat(const RowMatrix<double>& all, TransferFunctionParameters<double> values) {
  const double* at = all.data();
  for (RowMatrix<double>* part : {&values.numerator, &values.denominator, &values.skip}) {
    std::copy_n(at, part->size(), part->data());
    at += part->size();
  }
  return values;
}

}  // namespace

TEST_CASE("an exact kernel has the taps of the recursion, by every method, odd lengths too", "[rational]") {
  for (const Index order : {2, 16, 64, 65, 256}) {
    for (const double radius : {0.5, 0.99, 1.0, 1.02}) {
      const DirectForm filter = random_filter(order, radius, static_cast<std::uint64_t>(order));
      for (const Index length : {Index{1024}, Index{2047}, effort(16384, 3000)}) {
        const std::vector<long double> expected = impulse_of(filter, length);
        const RationalTransferFunction<double> model({filter});
        for (const KernelMethod method : exact_methods) {
          CAPTURE(order, radius, length, static_cast<int>(method));
          if (method == KernelMethod::newton && length > 4000 && order != 16) continue;  // for time
          CHECK(worst_difference(model.kernel(length, {.method = method}).row(0), expected) < 1e-10);
        }
      }
    }
  }
}

TEST_CASE("the periodic kernel is the response wrapped around its length", "[rational]") {
  for (const Index order : {1, 3, 16, 100}) {
    const DirectForm filter = random_filter(order, 0.95, 3 + static_cast<std::uint64_t>(order));
    const RationalTransferFunction<double> model({filter, filter, filter});
    for (const Index length : {1, 2, 3, 5, 16, 17, 31, 64, 97, 99, 100, 101, 255, 256, 257, 1000, 1021, 4096}) {
      CAPTURE(order, length);
      const RowMatrix<double> taps = model.kernel(length, periodic_options);
      CHECK(worst_difference(taps.row(2), wrapped_impulse(filter, length, length + 2000)) < 1e-12);
      CHECK((taps.row(0).array() == taps.row(2).array()).all());
    }
  }
}

TEST_CASE("kernels of edge lengths are right in every method and type", "[rational]") {
  for (const Index length : {1, 2, 3, 7, 8, 9, 13, 31, 32, 33, 63, 64, 65}) {
    for (const Index order : {Index{0}, Index{1}, length - 1, length, length + 1, 3 * length}) {
      const DirectForm filter = random_filter(order, 0.8, 9);
      const std::vector<long double> expected = impulse_of(filter, length);
      for (const KernelMethod method : exact_methods) {
        CAPTURE(length, order, static_cast<int>(method));
        CHECK(worst_difference(RationalTransferFunction<double>({filter}).kernel(length, {.method = method}).row(0),
                               expected) < 1e-12);
        CHECK(worst_difference(RationalTransferFunction<float>({filter}).kernel(length, {.method = method}).row(0),
                               expected) < 1e-5);
      }
      // The response of a filter of radius 0.8 is below 1e-16 after 200 samples beyond its order.
      CHECK(worst_difference(RationalTransferFunction<double>({filter}).kernel(length, periodic_options).row(0),
                             wrapped_impulse(filter, length, 400 + order)) < 1e-12);
    }
  }
}

TEST_CASE("delays and filters without poles are exact", "[rational]") {
  for (const Index length : {16, 33, 1024}) {
    DirectForm delay, fir = random_filter(20, 0.5, 1);
    delay.denominator = delay.numerator = Eigen::VectorXd::Zero(12);
    delay.numerator[11] = 1;
    fir.denominator.setZero();
    const RationalTransferFunction<float> model({delay, fir});
    for (const KernelMethod method : {KernelMethod::automatic, KernelMethod::recursion}) {
      const RowMatrix<float> taps = model.kernel(length, {.method = method});
      for (Index t = 0; t < length; ++t) {
        REQUIRE(taps(0, t) == (t == 12 ? 1.0f : 0.0f));
        const double b = t == 0 ? fir.skip : t <= 20 ? fir.numerator[t - 1] : 0;
        REQUIRE(taps(1, t) == static_cast<float>(b));
      }
    }
    // By transforms: to rounding.
    for (const KernelMethod method : {KernelMethod::division, KernelMethod::block_extension, KernelMethod::newton}) {
      CHECK(worst_difference(model.kernel(length, {.method = method}).row(1), impulse_of(fir, length)) < 1e-6);
    }
  }
}

TEST_CASE("a pole at a node is named, and exact kernels do without the node", "[rational]") {
  DirectForm integrator;
  integrator.numerator = Eigen::VectorXd::Ones(1);
  integrator.denominator = -Eigen::VectorXd::Ones(1);
  const RationalTransferFunction<double> model({integrator});
  for (const KernelMethod method :
       {KernelMethod::automatic, KernelMethod::recursion, KernelMethod::block_extension, KernelMethod::newton}) {
    const RowMatrix<double> taps = model.kernel(3001, {.method = method});
    CHECK(taps(0, 0) == 0);
    CHECK((taps.row(0).tail(3000).array() - 1).abs().maxCoeff() < 1e-12);
  }
  CHECK_THROWS_MESSAGE(
      NumericalError, model.kernel(64, periodic_options),
      "RationalKernel: expected no pole at a node, found |A| = 0.0e+00 at node 0 of 64 for denominator "
      "0");
  CHECK_THROWS_MESSAGE(NumericalError, model.kernel(64, {.method = KernelMethod::division}), "at node 0 of 64");
  // cos(2 pi 5 t / 64), whose poles are nodes 5 and 59, among others in floats: in doubles too nothing is left.
  DirectForm tone;
  tone.denominator = denominator_of_pairs({2 * std::numbers::pi * 5 / 64}, 1);
  tone.numerator = Eigen::VectorXd::Ones(2);
  const RationalTransferFunction<float> tones({random_filter(2, 0.5, 1), tone});
  const std::string message =
      message_of<NumericalError>([&] { RationalTransferFunction<double>({tone}).kernel(64, periodic_options); });
  CHECK(contains(message, "at node 5 of 64 for denominator 0"));
  CHECK(worst_difference(tones.kernel(64).row(1), impulse_of(tones.form(1), 64)) < 1e-6);
  // A length of which the pole is no node.
  CHECK_NOTHROW(tones.kernel(65, periodic_options));
}

TEST_CASE("floats are as exact as predicted, and automatically so", "[rational]") {
  struct Case {
    Index order;
    double radius;
    double published;  // error of a division in floats, for other poles of the same radius
  };
  const Index length = 16384;
  for (const Case& c : {Case{2, 0.99, 8e-6}, Case{2, 0.999, 8e-5}, Case{16, 0.99, 1e-5}, Case{16, 0.9999, 4e-3}}) {
    CAPTURE(c.order, c.radius);
    const DirectForm filter = RationalTransferFunction<float>({resonant_filter(c.order, c.radius)}).form(0);
    const RationalTransferFunction<float> model({filter});
    const std::vector<long double> expected = wrapped_impulse(filter, length, 20 * length);
    const auto error = [&](SpectrumPrecision precision) {
      return worst_difference(
          model.kernel(length, {.truncation = KernelTruncation::periodic, .precision = precision}).row(0), expected);
    };
    const double same = error(SpectrumPrecision::same);
    const double predicted = model.node_reports(length)[0].predicted_error;
    CHECK(same < predicted);
    CHECK(same < 4 * c.published);
    CHECK(error(SpectrumPrecision::double_precision) < 1e-7);  // rounded once
    CHECK(error(SpectrumPrecision::automatic) < (predicted > 1e-4 ? 1e-7 : 1e-4));
    CHECK(worst_difference(RationalTransferFunction<double>({filter}).kernel(length, periodic_options).row(0),
                           expected) < 1e-9);
  }
}

TEST_CASE("channels are the same bits whatever is beside them, for any number of threads", "[rational]") {
  ThreadPool pool(3);
  for (const Index order : {5, 70}) {
    for (const Index length : {96, 1024}) {  // lanes are channels, or within them
      const Index channels = 19;
      const RationalTransferFunction<float> model = random_model<float>(channels, channels, order, 5, 0.9999);
      TransferFunctionParameters<float> turned = model.values();
      turned.numerator = turned.numerator.colwise().reverse().eval();
      turned.denominator = turned.denominator.colwise().reverse().eval();
      turned.skip = turned.skip.rowwise().reverse().eval();
      for (const KernelTruncation truncation : {KernelTruncation::exact, KernelTruncation::periodic}) {
        RationalKernelOptions options{.truncation = truncation};
        const RowMatrix<float> taps = model.kernel(length, options);
        const RowMatrix<float> grad = random_normal<float>(channels, length, 3);
        const auto gradient = model.kernel_backward(taps, grad, options);
        CHECK(same_bits<float>(RationalTransferFunction<float>(turned).kernel(length, options).colwise().reverse(),
                               taps));
        options.slots = 2;
        CHECK(same_bits<float>(model.kernel(length, options, pool), taps));
        const auto again = model.kernel_backward(taps, grad, options, pool);
        CHECK(same_bits(again.numerator, gradient.numerator));
        CHECK(same_bits(again.denominator, gradient.denominator));
      }
    }
  }
}

TEST_CASE("channels that share a denominator have the kernels of those that do not", "[rational]") {
  for (const Index length : {96, 1024}) {
    for (const double radius : {0.9, 0.99999}) {  // in floats, and of them some in doubles
      const RationalTransferFunction<float> shared = random_model<float>(12, 3, 8, 2, radius);
      TransferFunctionParameters<float> values = shared.values();
      values.denominator.resize(12, 8);
      for (Index c = 0; c < 12; ++c) values.denominator.row(c) = shared.values().denominator.row(c / 4);
      const RationalTransferFunction<float> apart(values);
      for (const KernelTruncation truncation : {KernelTruncation::exact, KernelTruncation::periodic}) {
        const RationalKernelOptions options{.truncation = truncation};
        const RowMatrix<float> taps = shared.kernel(length, options);
        CHECK(same_bits(taps, apart.kernel(length, options)));
        const RowMatrix<float> grad = random_normal<float>(12, length, 3);
        const auto together = shared.kernel_backward(taps, grad, options);
        const auto each = apart.kernel_backward(taps, grad, options);
        CHECK(same_bits(together.numerator, each.numerator));
        for (Index g = 0; g < 3; ++g) {
          CHECK(largest_difference(together.denominator.row(g), each.denominator.middleRows(4 * g, 4).colwise().sum()) <
                1e-6);
        }
      }
    }
  }
}

TEST_CASE("the gradients of kernels are those of central differences, and adjoint", "[rational]") {
  struct Case {
    Index order, length;
  };
  for (const auto& [order, length] : {Case{1, 1}, Case{3, 2}, Case{3, 8}, Case{4, 17}, Case{6, 5}, Case{5, 64}}) {
    const RationalTransferFunction<double> model = random_model<double>(4, 2, order, 8, 0.7);
    const RowMatrix<double> w = random_normal<double>(4, length, 6), x = flat(model.values());
    const auto check = [&, order = order, length = length](const RationalKernelOptions& options) {
      CAPTURE(order, length, static_cast<int>(options.method), static_cast<int>(options.truncation));
      const auto taps_of = [&](const RowMatrix<double>& all) {
        return RationalTransferFunction<double>(unflat(all, model.values())).kernel(length, options);
      };
      const auto backward = [&](const RowMatrix<double>& grad) {
        return flat(model.kernel_backward(model.kernel(length, options), grad, options));
      };
      const RowMatrix<double> numeric =
          numeric_gradient([&](const RowMatrix<double>& all) { return taps_of(all).cwiseProduct(w).sum(); }, x);
      CHECK(largest_difference(backward(w), numeric) < 1e-7);
      const RowMatrix<double> v = random_normal<double>(1, x.size(), 7);
      CHECK(adjoint_sides(taps_of, backward, x, v, w).relative_error() < 1e-7);
    };
    check(periodic_options);
    for (const KernelMethod method : exact_methods) check({.method = method});
  }
}

TEST_CASE("gradients of long kernels agree between methods, and with the recursion's adjoint", "[rational]") {
  const Index order = 70, length = 3001;
  const DirectForm filter = random_filter(order, 0.999, 12);
  const RationalTransferFunction<double> model({filter});
  const RowMatrix<double> taps = model.kernel(length), grad = random_normal<double>(1, length, 5);
  // q[t] = g[t] - sum of a_j q[t + j];  b-bar_j = q[j], a-bar_j = - sum of q[t] k'[t - j], in long double.
  std::vector<long double> q(static_cast<std::size_t>(length));
  for (Index t = length - 1; t > 0; --t) {
    long double sum = grad(0, t);
    for (Index j = 1; j <= order && t + j < length; ++j)
      sum -= filter.denominator[j - 1] * q[static_cast<std::size_t>(t + j)];
    q[static_cast<std::size_t>(t)] = sum;
  }
  const std::vector<long double> k = impulse_of(filter, length);
  std::vector<long double> numerator, denominator;
  for (Index j = 1; j <= order; ++j) {
    long double sum = 0;
    for (Index t = j + 1; t < length; ++t) sum -= q[static_cast<std::size_t>(t)] * k[static_cast<std::size_t>(t - j)];
    numerator.push_back(q[static_cast<std::size_t>(j)]);
    denominator.push_back(sum);
  }
  for (const KernelMethod method : exact_methods) {
    const auto gradient = model.kernel_backward(taps, grad, {.method = method});
    CHECK(worst_difference(gradient.numerator.row(0), numerator) < 1e-11);
    CHECK(worst_difference(gradient.denominator.row(0), denominator) < 1e-11);
    CHECK(gradient.skip(0, 0) == grad(0, 0));
    const auto floats = RationalTransferFunction<float>({filter}).kernel_backward(
        taps.cast<float>(), grad.cast<float>(), {.method = method});
    // Coefficients rounded to floats: 1e-7 / (1 - radius).
    CHECK(worst_difference(floats.denominator.row(0), denominator) < 1e-3);
  }
}

TEST_CASE("without a numerator the gradient of the denominator is exactly zero", "[rational]") {
  TransferFunctionParameters<float> values = random_model<float>(3, 3, 6, 1).values();
  values.numerator.setZero();
  const RationalTransferFunction<float> model(values);
  for (const KernelTruncation truncation : {KernelTruncation::exact, KernelTruncation::periodic}) {
    const RationalKernelOptions options{.truncation = truncation};
    const RowMatrix<float> taps = model.kernel(512, options);
    const auto gradient = model.kernel_backward(taps, random_normal<float>(3, 512, 2), options);
    CHECK((gradient.denominator.array() == 0).all());
    CHECK((gradient.numerator.array() != 0).all());
  }
}

TEST_CASE("a plan allocates nothing, and its memory does not depend on the order", "[rational]") {
  if (sanitized) return;
  const Index length = 1024, channels = 3;
  for (const KernelTruncation truncation : {KernelTruncation::exact, KernelTruncation::periodic}) {
    for (const Index order : {10, 100}) {
      const RationalTransferFunction<float> model = random_model<float>(channels, channels, order, 4);
      RationalKernel<float> plan(length, order, {.truncation = truncation});
      RowMatrix<float> taps(channels, length), grad = random_normal<float>(channels, length, 5);
      RowMatrix<float> b(channels, order), a(channels, order), h(1, channels);
      const RationalGradients<float> to{rows(b), rows(a), rows(h)};
      CHECK(allocations_in([&] {
              plan.taps_into(model, rows(taps));
              plan.backward_into(model, rows(taps), rows(grad), to);
            }) == 0);
    }
  }
  // One plan of the division serves what is read, folded and divided: its pieces are counted.
  const auto pieces = [&](Index order) {
    return allocations_in([&] { RationalKernel<float>(length, order, periodic_options); });
  };
  CHECK(pieces(4) == pieces(512));
  CHECK(pieces(4) == pieces(100000));
}

TEST_CASE("methods are chosen by order", "[rational]") {
  CHECK(RationalKernel<float>(1000, 64).method() == KernelMethod::recursion);
  CHECK(RationalKernel<float>(1000, 65).method() == KernelMethod::block_extension);
  CHECK(RationalKernel<float>(30, 65).method() == KernelMethod::recursion);  // coefficients after the last tap
  CHECK(RationalKernel<float>(1000, 5, periodic_options).method() == KernelMethod::division);
}

TEST_CASE("taps beyond the range of the scalar are refused", "[rational]") {
  DirectForm filter;
  filter.numerator = Eigen::VectorXd::Ones(1);
  filter.denominator = Eigen::VectorXd::Constant(1, -1.2);
  const RationalTransferFunction<float> model({random_filter(1, 0.5, 1), filter});
  CHECK_NOTHROW(model.kernel(450));
  CHECK_THROWS_MESSAGE(
      NumericalError, model.kernel(1000),
      "RationalKernel: expected taps in the range of the scalar, found tap 488 of channel 1 beyond it");
  for (const KernelMethod method : {KernelMethod::block_extension, KernelMethod::newton, KernelMethod::division}) {
    CHECK_THROWS_AS(model.kernel(1000, {.method = method}), NumericalError);
  }
}

TEST_CASE("plans say what is wrong with their arguments", "[rational]") {
  using Plan = RationalKernel<float>;
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan(0, 3), "RationalKernel: expected a length of at least 1, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan(8, -1), "RationalKernel: expected an order of at least 0, found -1");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan(8, 1, {.slots = 0}),
                       "RationalKernel: expected at least 1 slot, found 0");
  CHECK_THROWS_MESSAGE(std::invalid_argument, Plan(8, 1, {.error_limit = 0}),
                       "RationalKernel: expected a positive error_limit, found 0");
  CHECK_THROWS_MESSAGE(
      std::invalid_argument, Plan(8, 1, {.truncation = KernelTruncation::periodic, .method = KernelMethod::recursion}),
      "RationalKernel: expected the method division for a periodic kernel, found a method for exact ones");
  RationalTransferFunction<float> model = random_model<float>(2, 1, 3, 1);
  Plan plan(8, 3), other(8, 4);
  RowMatrix<float> taps(2, 8), wrong(2, 9);
  CHECK_THROWS_MESSAGE(std::invalid_argument, other.taps_into(model, rows(taps)),
                       "RationalKernel: expected a transfer function of order 4, found 3");
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.taps_into(model, rows(wrong)),
                       "RationalKernel: expected taps of 2 x 8, found 2 x 9");
  RowMatrix<float> b(2, 3), a(2, 3), h(1, 2);
  CHECK_THROWS_MESSAGE(std::invalid_argument,
                       plan.backward_into(model, rows(taps), rows(taps), {rows(b), rows(a), rows(h)}),
                       "RationalKernel: expected grad_denominator of 1 x 3, found 2 x 3");
  model.values().denominator(0, 1) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_MESSAGE(std::invalid_argument, plan.taps_into(model, rows(taps)),
                       "RationalKernel: expected finite denominators, found nan at vector 0, component 1");
}
