// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Everything, for convenience. A program that minds its compile time includes what it uses.

#include <tessera/core/aligned_vector.hpp>
#include <tessera/core/batch.hpp>
#include <tessera/core/error.hpp>
#include <tessera/core/execution.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/grid.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/core/mask.hpp>
#include <tessera/core/panel_product.hpp>
#include <tessera/core/panel_tile.hpp>
#include <tessera/core/philox.hpp>
#include <tessera/core/progress.hpp>
#include <tessera/core/random.hpp>
#include <tessera/core/reductions.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/core/thread_pool.hpp>
#include <tessera/core/version.hpp>

#include <tessera/estimators/estimator.hpp>
#include <tessera/estimators/rotation_trick.hpp>
#include <tessera/estimators/straight_through.hpp>

#include <tessera/nn/activation.hpp>
#include <tessera/nn/adam.hpp>
#include <tessera/nn/gradient_clipping.hpp>
#include <tessera/nn/layer_norm.hpp>
#include <tessera/nn/linear.hpp>
#include <tessera/nn/loss.hpp>
#include <tessera/nn/parameters.hpp>
#include <tessera/nn/schedule.hpp>
#include <tessera/nn/weight_average.hpp>

#include <tessera/quantize/concepts.hpp>
#include <tessera/quantize/finite_scalar.hpp>
#include <tessera/quantize/finite_scalar_dialect.hpp>
#include <tessera/quantize/metric.hpp>
#include <tessera/quantize/mixed_radix.hpp>
#include <tessera/quantize/nearest.hpp>
