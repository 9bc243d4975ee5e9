// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// Whatever the bytes: parse_safetensors throws FileError, or gives content that survives being written and read again.

#include <cstdint>
#include <cstdlib>

#include <tessera/io/safetensors.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const tessera::Safetensors file = tessera::parse_safetensors({data, size}, "fuzz");
    const tessera::Bytes bytes = format_safetensors(file);
    if (format_safetensors(tessera::parse_safetensors(bytes, "again")) != bytes) std::abort();
  } catch (const tessera::FileError&) {
  }
  return 0;
}
