// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// The unit whose precompiled header (headers.hpp) all test programs use.
