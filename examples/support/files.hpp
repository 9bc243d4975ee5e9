// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Files and folders of the examples.

#include <filesystem>

#include <nlohmann/json.hpp>

namespace examples {

/// Where the distribution's package xplanet-images puts NASA's photograph of the earth.
inline constexpr const char* photograph_path = "/usr/share/xplanet/images/earth.jpg";

/// That path. Throws tessera::FileError, saying what to install, when nothing stands there.
std::filesystem::path photograph();

/// Writes a JSON file, all or nothing.
void write_json(const std::filesystem::path& path, const nlohmann::ordered_json& value);

/// Makes a folder and those it lies in. Throws tessera::FileError when it cannot.
void make_folder(const std::filesystem::path& path);

}  // namespace examples
