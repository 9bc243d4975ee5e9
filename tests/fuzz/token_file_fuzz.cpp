// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// Whatever the bytes: parse_token_file throws FileError, or gives tokens from which the same bytes are written. Each
// input is tried as it is and with a checksum that fits, since few inputs would come past the checksum otherwise.

#include <cstdint>
#include <cstdlib>

#include <tessera/quantize/token_file.hpp>

namespace {

void try_bytes(const tessera::Bytes& bytes) {
  try {
    if (format_token_file(tessera::parse_token_file(bytes, "fuzz")) != bytes) std::abort();
  } catch (const tessera::FileError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tessera::Bytes bytes(data, data + size);
  try_bytes(bytes);
  if (size < 9) return 0;
  tessera::store(tessera::crc32c(std::span(bytes).first(size - 4)), bytes.data() + (size - 4));
  try_bytes(bytes);
  return 0;
}
