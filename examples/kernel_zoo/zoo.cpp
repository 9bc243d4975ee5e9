// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "kernel_zoo/zoo.hpp"

#include <cmath>
#include <complex>

#include <fmt/core.h>

#include <tessera/core/batch.hpp>
#include <tessera/core/random.hpp>
#include <tessera/ssm/diagonal_discretization.hpp>
#include <tessera/ssm/hippo.hpp>
#include <tessera/ssm/hippo_normal_form.hpp>
#include <tessera/ssm/initialization.hpp>
#include <tessera/ssm/s4.hpp>
#include <tessera/ssm/s4d.hpp>
#include <tessera/ssm/transfer_function.hpp>

namespace examples {
namespace {

using tessera::DiagonalPoles;
using tessera::HippoMeasure;
using tessera::RowMatrix;

constexpr HippoMeasure measures[] = {HippoMeasure::legs, HippoMeasure::legt,     HippoMeasure::lmu,
                                     HippoMeasure::lagt, HippoMeasure::glagt,    HippoMeasure::fout,
                                     HippoMeasure::foud, HippoMeasure::fourier2, HippoMeasure::fourier_legs};

struct Diagonal {
  DiagonalPoles poles;
  const char* name;
};
constexpr Diagonal diagonals[] = {{DiagonalPoles::lin, "S4D-Lin"},
                                  {DiagonalPoles::inv, "S4D-Inv"},
                                  {DiagonalPoles::legs, "S4D-LegS"},
                                  {DiagonalPoles::real, "S4D-Real"}};

constexpr double sample_step = 0.01;
constexpr Index kernel_length = 1000;

Eigen::VectorXd lags() { return Eigen::VectorXd::LinSpaced(kernel_length, 0, kernel_length - 1); }

Panel panel_of(const std::string& title, const RowMatrix<double>& taps) {
  Panel panel{title, "set xlabel 'lag'", "lines lw 1.2", {}};
  for (Index c = 0; c < taps.rows(); ++c) panel.curves.push_back({"", lags(), taps.row(c).transpose()});
  return panel;
}

/// Two channels, at the same step.
RowMatrix<double> diagonal_taps(DiagonalPoles poles, Index order, std::uint64_t seed) {
  const auto start = tessera::initialize_diagonal(
      {.poles = poles, .order = order, .channels = 2, .step_low = sample_step, .step_high = sample_step, .seed = seed});
  return tessera::S4D<double>({start.log_step, start.lambda, start.input, start.output, {}}).kernel(kernel_length);
}

RowMatrix<double> low_rank_taps(HippoMeasure measure, Index order, std::uint64_t seed) {
  const auto start = tessera::initialize_low_rank({.measure = measure,
                                                   .order = order,
                                                   .channels = 2,
                                                   .step_low = sample_step,
                                                   .step_high = sample_step,
                                                   .seed = seed});
  return tessera::S4<double>({start.poles, start.low_rank, start.input, start.output, start.dt, {}})
      .kernel(kernel_length);
}

RowMatrix<double> rational_taps(Index order, std::uint64_t seed) {
  tessera::Random random(seed, 7);
  const double bound = 1 / std::sqrt(static_cast<double>(order));
  tessera::TransferFunctionParameters<double> values{RowMatrix<double>(2, order), RowMatrix<double>(2, order),
                                                     RowMatrix<double>::Zero(1, 2)};
  for (Index i = 0; i < values.numerator.size(); ++i) {
    values.numerator.data()[i] = bound * (2 * random.uniform() - 1);
    values.denominator.data()[i] = bound * (2 * random.uniform() - 1);
  }
  return tessera::RationalTransferFunction<double>(std::move(values)).kernel(kernel_length);
}

Curve points(const std::string& name, const Eigen::VectorXcd& poles) { return {name, poles.real(), poles.imag()}; }

/// Where the zero-order hold puts poles of continuous time.
Eigen::VectorXcd sampled(const Eigen::VectorXcd& poles) {
  Eigen::VectorXcd result(poles.size());
  for (Index i = 0; i < poles.size(); ++i) result[i] = std::exp(sample_step * poles[i]);
  return result;
}

Curve unit_circle() {
  const Eigen::VectorXd angle = Eigen::VectorXd::LinSpaced(200, 0, 3.141592653589793);
  return {"", angle.array().cos().matrix(), angle.array().sin().matrix()};
}

}  // namespace

void draw_bases(const std::filesystem::path& path) {
  constexpr Index order = 6, count = 400;
  std::vector<Panel> panels;
  for (const HippoMeasure measure : measures) {
    const bool endless = measure == HippoMeasure::legs || measure == HippoMeasure::lagt ||
                         measure == HippoMeasure::glagt || measure == HippoMeasure::fourier_legs;
    const bool one = measure == HippoMeasure::lmu || measure == HippoMeasure::fourier2;
    const Eigen::VectorXd ages = Eigen::VectorXd::LinSpaced(count, 0, endless ? 6 : one ? 1 : 2);
    Eigen::MatrixXd values(count, order);
    for (Index i = 0; i < count; ++i) values.row(i) = tessera::hippo_basis(measure, order, ages[i]).transpose();
    Panel panel{tessera::hippo_name(measure), "set xlabel 'age'", "lines lw 1.5", {}};
    for (Index n = 0; n < order; ++n) {
      if (values.col(n).cwiseAbs().maxCoeff() > 0) panel.curves.push_back({"", ages, values.col(n)});
    }
    panels.push_back(std::move(panel));
  }
  draw_panels(path, panels, 3);
}

void draw_kernels(const std::filesystem::path& path, Index order, std::uint64_t seed) {
  std::vector<Panel> panels;
  for (const Diagonal& diagonal : diagonals)
    panels.push_back(panel_of(diagonal.name, diagonal_taps(diagonal.poles, order, seed)));
  for (const HippoMeasure measure : {HippoMeasure::legs, HippoMeasure::legt, HippoMeasure::lagt, HippoMeasure::fout})
    panels.push_back(
        panel_of(fmt::format("S4, {}", tessera::hippo_name(measure)), low_rank_taps(measure, order, seed)));
  panels.push_back(panel_of("RTF, random", rational_taps(order, seed)));
  draw_panels(path, panels, 3);
}

void draw_poles(const std::filesystem::path& path, Index order) {
  Panel continuous{
      "S4D: poles in continuous time", "set xlabel 'real'\nset ylabel 'imaginary'", "points pt 7 ps 0.7", {}};
  Panel discrete{fmt::format("the same, sampled at steps of {}", sample_step),
                 "set xrange [-1.1:1.1]\nset yrange [0:1.1]",
                 "points pt 7 ps 0.5",
                 {}};
  discrete.curves.push_back(unit_circle());
  for (const Diagonal& diagonal : diagonals) {
    const Eigen::VectorXcd poles = tessera::diagonal_poles(diagonal.poles, order);
    continuous.curves.push_back(points(diagonal.name, poles));
    discrete.curves.push_back(points(diagonal.name, sampled(poles)));
  }
  Panel normal{"normal parts of HiPPO matrices", "set xlabel 'real'\nset logscale y", "points pt 7 ps 0.7", {}};
  for (const HippoMeasure measure : {HippoMeasure::legs, HippoMeasure::legt, HippoMeasure::lagt, HippoMeasure::fout})
    normal.curves.push_back(points(tessera::hippo_name(measure), tessera::normal_plus_low_rank(measure, order).lambda));
  draw_panels(path, {continuous, normal, discrete}, 3, {520, 460});
}

}  // namespace examples
