// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// When a state first meets a sample. Control textbooks and the rational transfer function let the state lag by one
// sample; S4, S4D and S5 do not:
//
//   delayed   x[t+1] = A x[t] + B u[t],    y[t] = C x[t] + D u[t]:   h[0] = D,         h[t] = C A^(t-1) B
//   current   x[t]   = A x[t-1] + B u[t],  y[t] = C x[t] + D u[t]:   h[0] = C B + D,   h[t] = C A^t B
//
// The same numbers A, B, C, D are two systems, of which the delayed one answers one sample later. Systems carry their
// timing in their type, so that the two cannot be mistaken for one another.

namespace tessera {

enum class Timing { delayed, current };

}  // namespace tessera
