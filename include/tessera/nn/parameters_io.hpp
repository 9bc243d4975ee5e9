// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Parameters saved and loaded: every tensor of a list under its name, in a safetensors file. Loading changes all of
// them or, if anything in the file is not as the list wants it, none.

#include <algorithm>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <tessera/core/error.hpp>
#include <tessera/core/finite.hpp>
#include <tessera/core/isa.hpp>
#include <tessera/io/safetensors.hpp>
#include <tessera/nn/parameters.hpp>

namespace tessera::inline TESSERA_ISA {

/// Adds the values of all parameters to the content of a file, which may hold other tensors too. Throws
/// std::invalid_argument, before anything is added, when a value is not finite or a name is taken.
template <class Scalar>
void add_parameters(Safetensors& file, const Parameters<Scalar>& parameters) {
  for (const Parameter<Scalar>& parameter : parameters) {
    const auto size = static_cast<Index>(parameter.values.size());
    require_finite("add_parameters", fmt::format("values of '{}'", parameter.name).c_str(),
                   Batch<const Scalar>(parameter.values.data(), 1, size));
    require(!file.contains(parameter.name), "add_parameters: expected a new name, found '{}' twice", parameter.name);
  }
  for (const Parameter<Scalar>& parameter : parameters)
    file.add(parameter.name, parameter.shape, std::span<const Scalar>(parameter.values));
}

/// Sets all parameters to the tensors of the same names; the file may hold others too. Throws FileError, and changes
/// nothing, when one is missing, is of another scalar type or shape, or has a value that is not finite.
template <class Scalar>
void read_parameters(const Safetensors& file, const Parameters<Scalar>& parameters) {
  std::vector<std::vector<Scalar>> found;
  for (const Parameter<Scalar>& parameter : parameters) {
    const std::vector<Scalar>& values = found.emplace_back(file.values<Scalar>(parameter.name));
    const std::vector<Index>& shape = file.tensor(parameter.name).shape;
    if (shape != parameter.shape) {
      const auto text = [](const std::vector<Index>& extents) {
        std::string result;
        for (const Index extent : extents) result += fmt::format("{}{}", result.empty() ? "" : " x ", extent);
        return "(" + result + ")";
      };
      raise<FileError>("{}: expected '{}' of shape {}, found {}", file.source(), parameter.name, text(parameter.shape),
                       text(shape));
    }
    if (!all_finite(values.data(), static_cast<Index>(values.size())))
      raise<FileError>("{}: expected finite values of '{}', found others", file.source(), parameter.name);
  }
  auto next = found.begin();
  for (const Parameter<Scalar>& parameter : parameters) {
    std::copy(next->begin(), next->end(), parameter.values.begin());
    ++next;
  }
}

/// Saves parameters, and metadata if there is any, as a file of their own: all or nothing.
template <class Scalar>
void save_parameters(const std::filesystem::path& path, const Parameters<Scalar>& parameters,
                     const std::map<std::string, std::string>& metadata = {}) {
  Safetensors file;
  for (const auto& [key, value] : metadata) file.set_metadata(key, value);
  add_parameters(file, parameters);
  write_safetensors(path, file);
}

/// Loads what save_parameters saved. Throws FileError, and changes nothing, when the file is not well-formed, holds a
/// tensor that is not in the list, or fails as in read_parameters.
template <class Scalar>
void load_parameters(const std::filesystem::path& path, const Parameters<Scalar>& parameters) {
  const Safetensors file = read_safetensors(path);
  for (const auto& [name, tensor] : file.tensors()) {
    if (parameters.find(name) == nullptr)
      raise<FileError>("{}: expected the tensors of the model only, found '{}'", file.source(), name);
  }
  read_parameters(file, parameters);
}

}  // namespace tessera::inline TESSERA_ISA
