// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#include "support/files.hpp"

#include <cstdint>
#include <string>
#include <system_error>

#include <tessera/core/error.hpp>
#include <tessera/io/file.hpp>

namespace examples {

using tessera::FileError;
using tessera::raise;

std::filesystem::path photograph() {
  std::error_code ignored;
  if (!std::filesystem::exists(photograph_path, ignored))
    raise<FileError>("{}: expected the photograph of the package xplanet-images; install it, or use --input",
                     photograph_path);
  return photograph_path;
}

void write_json(const std::filesystem::path& path, const nlohmann::ordered_json& value) {
  const std::string text = value.dump(2) + "\n";
  tessera::write_file(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

void make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored))
    raise<FileError>("{}: cannot make this folder ({})", path.string(),
                     error ? error.message() : "something else stands there");
}

}  // namespace examples
