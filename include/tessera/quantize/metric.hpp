// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// What "nearest" means for a codebook.

namespace tessera {

/// squared_euclidean: the code c with the smallest |x - c|^2.
/// cosine: the code with the largest x.c / |c|; a zero code counts as 0, the value of a code orthogonal to x.
enum class Metric { squared_euclidean, cosine };

/// The name used in files and messages.
constexpr const char* metric_name(Metric metric) { return metric == Metric::cosine ? "cosine" : "squared_euclidean"; }

}  // namespace tessera
