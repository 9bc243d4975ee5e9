// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The version of tessera: the one place where it is written. CMake reads it from here.

#define TESSERA_VERSION_MAJOR 0
#define TESSERA_VERSION_MINOR 1
#define TESSERA_VERSION_PATCH 0

namespace tessera {

inline constexpr int version_major = TESSERA_VERSION_MAJOR;
inline constexpr int version_minor = TESSERA_VERSION_MINOR;
inline constexpr int version_patch = TESSERA_VERSION_PATCH;

/// The version as programs print it and files record it.
inline constexpr const char* version = "0.1.0";

}  // namespace tessera
