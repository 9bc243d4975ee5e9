// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "reverb/room.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <numbers>

#include <tessera/core/error.hpp>
#include <tessera/core/random.hpp>
#include <tessera/fft/real_fourier.hpp>

namespace examples {
namespace {

using tessera::rows;

constexpr double direct_energy = 0.25;  // of the whole
constexpr double gap_seconds = 0.01;    // from the direct sound to the first of the reverberation
constexpr double fade_seconds = 0.05;   // at the end, so that nothing breaks off

using Plan = tessera::RealFourierTransform<double, tessera::FourierScale::inverse>;
using Spectrum = RowMatrix<std::complex<double>>;

/// How much of a frequency belongs to an octave: the shares of all octaves have sum 1.
double share(double frequency, std::size_t octave) {
  const double last = static_cast<double>(room_decays.size() - 1);
  const double place = frequency <= 0 ? 0 : std::clamp(std::log2(frequency / room_decays[0].frequency), 0.0, last);
  return std::max(0.0, 1 - std::abs(place - static_cast<double>(octave)));
}

/// White noise, each octave of it with its own decay: (1, length).
RowMatrix<double> decaying_noise(const Plan& plan, int rate, tessera::Random& random) {
  RowMatrix<double> noise(1, plan.length());
  for (Index n = 0; n < noise.size(); ++n) noise(0, n) = random.normal();
  const Spectrum spectrum = plan.forward(rows(noise));
  noise.setZero();
  for (std::size_t octave = 0; octave < room_decays.size(); ++octave) {
    Spectrum part = spectrum;
    for (Index k = 0; k < part.size(); ++k)
      part(0, k) *= share(static_cast<double>(k) * rate / static_cast<double>(plan.length()), octave);
    const RowMatrix<double> band = plan.inverse(rows(part));
    const double slope = std::log(1e-3) / (room_decays[octave].rt60 * rate);  // 60 dB are a thousandth
    for (Index n = 0; n < noise.size(); ++n) noise(0, n) += band(0, n) * std::exp(slope * static_cast<double>(n));
  }
  return noise;
}

/// Silence where the direct sound stands alone, and a smooth end.
void shape(RowMatrix<double>& noise, int rate) {
  const Index length = noise.cols();
  const auto gap = std::clamp<Index>(static_cast<Index>(gap_seconds * rate), 1, length);
  const auto fade = std::min(length, static_cast<Index>(fade_seconds * rate));
  noise.leftCols(gap).setZero();
  for (Index n = 0; n < fade; ++n)
    noise(0, length - 1 - n) *=
        0.5 - 0.5 * std::cos(std::numbers::pi * static_cast<double>(n) / static_cast<double>(fade));
}

}  // namespace

Sound make_room(int rate, Index channels, std::uint64_t seed) {
  tessera::require(rate >= 1 && rate <= fastest_room,
                   "make_room: expected a rate of 1 to {} samples per second, found {}; use --impulse", fastest_room,
                   rate);
  const Index length = Index{room_seconds} * rate;
  const Plan plan(length);
  Sound room{rate, RowMatrix<float>(channels, length)};
  for (Index c = 0; c < channels; ++c) {
    tessera::Random random(seed, static_cast<std::uint64_t>(c));
    RowMatrix<double> response = decaying_noise(plan, rate, random);
    shape(response, rate);
    const double energy = response.squaredNorm();
    if (energy > 0) response *= std::sqrt((1 - direct_energy) / energy);
    response(0, 0) = energy > 0 ? std::sqrt(direct_energy) : 1;
    room.samples.row(c) = response.row(0).cast<float>();
  }
  return room;
}

}  // namespace examples
