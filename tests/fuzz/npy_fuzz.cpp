// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// Whatever the bytes: parse_npy throws FileError, or gives an array that survives being written and read again.

#include <cstdint>
#include <cstdlib>

#include <tessera/io/npy.hpp>

namespace {

template <class T>
void try_as(std::span<const std::uint8_t> bytes) {
  try {
    const tessera::NpyArray<T> array = tessera::parse_npy<T>(bytes, "fuzz");
    const tessera::Bytes written = tessera::format_npy<T>(array.values, array.shape);
    const tessera::NpyArray<T> again = tessera::parse_npy<T>(written, "again");
    if (again.shape != array.shape || tessera::format_npy<T>(again.values, again.shape) != written) std::abort();
    if (array.shape.size() == 2 && array.shape[0] < 4096 && array.shape[1] < 4096) {
      const auto matrix = tessera::parse_npy_matrix<T>(bytes, "fuzz");
      if (tessera::format_npy(matrix) != written) std::abort();
    }
  } catch (const tessera::FileError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try_as<float>({data, size});
  try_as<std::int16_t>({data, size});
  return 0;
}
