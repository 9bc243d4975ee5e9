// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// Whatever the text: parse_csv throws FileError, or gives a matrix that survives being written and read again.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <tessera/io/csv.hpp>

namespace {

template <class T>
void try_as(std::string_view text) {
  try {
    const tessera::CsvTable<T> table = tessera::parse_csv<T>(text, "fuzz");
    if (table.values.rows() > 0 && table.values.cols() == 0) std::abort();
    if (!table.names.empty() && static_cast<tessera::Index>(table.names.size()) != table.values.cols()) std::abort();
    const std::string written = tessera::format_csv(table.values);
    const tessera::CsvTable<T> again = tessera::parse_csv<T>(written, "again");
    if (tessera::format_csv(again.values) != written) std::abort();
  } catch (const tessera::FileError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_as<float>(text);
  try_as<double>(text);
  try_as<std::int8_t>(text);
  return 0;
}
