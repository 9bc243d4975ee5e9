// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The pictures of bases, kernels and poles.

#include <cstdint>
#include <filesystem>

#include "kernel_zoo/curves.hpp"

namespace examples {

/// The functions in which each measure writes the past, by age.
void draw_bases(const std::filesystem::path& path);

/// What the models answer to an impulse at their usual starting points.
void draw_kernels(const std::filesystem::path& path, Index order, std::uint64_t seed);

/// The eigenvalues that models start with, in the plane of continuous time, and where sampling puts them.
void draw_poles(const std::filesystem::path& path, Index order);

}  // namespace examples
