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
#include <tessera/core/prefetch.hpp>
#include <tessera/core/progress.hpp>
#include <tessera/core/random.hpp>
#include <tessera/core/reductions.hpp>
#include <tessera/core/simd.hpp>
#include <tessera/core/tensor.hpp>
#include <tessera/core/thread_pool.hpp>
#include <tessera/core/version.hpp>

#include <tessera/fft/axis.hpp>
#include <tessera/fft/convolution.hpp>
#include <tessera/fft/convolution_call.hpp>
#include <tessera/fft/convolution_planner.hpp>
#include <tessera/fft/cosine.hpp>
#include <tessera/fft/fourier.hpp>
#include <tessera/fft/mdct.hpp>
#include <tessera/fft/normalization.hpp>
#include <tessera/fft/overlap_save.hpp>
#include <tessera/fft/real_fourier.hpp>
#include <tessera/fft/relaxed.hpp>
#include <tessera/fft/short_time.hpp>
#include <tessera/fft/signal.hpp>
#include <tessera/fft/streaming.hpp>
#include <tessera/fft/window.hpp>

#include <tessera/estimators/estimator.hpp>
#include <tessera/estimators/rotation_trick.hpp>
#include <tessera/estimators/straight_through.hpp>

#include <tessera/io/bit_packing.hpp>
#include <tessera/io/byte_reader.hpp>
#include <tessera/io/byte_writer.hpp>
#include <tessera/io/checksum.hpp>
#include <tessera/io/csv.hpp>
#include <tessera/io/file.hpp>
#include <tessera/io/npy.hpp>
#include <tessera/io/safetensors.hpp>
#include <tessera/io/shape.hpp>

#include <tessera/nn/activation.hpp>
#include <tessera/nn/adam.hpp>
#include <tessera/nn/gradient_clipping.hpp>
#include <tessera/nn/layer_norm.hpp>
#include <tessera/nn/linear.hpp>
#include <tessera/nn/loss.hpp>
#include <tessera/nn/parameters.hpp>
#include <tessera/nn/parameters_io.hpp>
#include <tessera/nn/schedule.hpp>
#include <tessera/nn/weight_average.hpp>

#include <tessera/quantize/codebook.hpp>
#include <tessera/quantize/codebook_report.hpp>
#include <tessera/quantize/codebook_statistics.hpp>
#include <tessera/quantize/concepts.hpp>
#include <tessera/quantize/dialect_detector.hpp>
#include <tessera/quantize/expiry.hpp>
#include <tessera/quantize/finite_scalar.hpp>
#include <tessera/quantize/finite_scalar_dialect.hpp>
#include <tessera/quantize/finite_scalar_entropy.hpp>
#include <tessera/quantize/finite_scalar_levels.hpp>
#include <tessera/quantize/finite_scalar_noise.hpp>
#include <tessera/quantize/kmeans.hpp>
#include <tessera/quantize/metric.hpp>
#include <tessera/quantize/mixed_radix.hpp>
#include <tessera/quantize/nearest.hpp>
#include <tessera/quantize/projected.hpp>
#include <tessera/quantize/token_file.hpp>
#include <tessera/quantize/vector.hpp>
#include <tessera/quantize/vector_file.hpp>
