// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

// Two units that include everything link into one program: nothing is defined twice.

#include <cstdio>
#include <string_view>

#include <tessera/tessera.hpp>

const char* instruction_set_of_second();
tessera::Index vectors_in_second();

int main() {
  const bool same = std::string_view(tessera::instruction_set) == instruction_set_of_second();
  std::printf("tessera %s, %s\n", tessera::version, tessera::instruction_set);
  return same && vectors_in_second() == 3 ? 0 : 1;
}
