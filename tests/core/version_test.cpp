// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/version.hpp>

#include <fmt/core.h>

#include "support/catch.hpp"

TEST_CASE("the version is the same in numbers, in words and for the preprocessor", "[version]") {
  CHECK(fmt::format("{}.{}.{}", tessera::version_major, tessera::version_minor, tessera::version_patch) ==
        tessera::version);
  CHECK(tessera::version_major == TESSERA_VERSION_MAJOR);
  CHECK(tessera::version_minor == TESSERA_VERSION_MINOR);
  CHECK(tessera::version_patch == TESSERA_VERSION_PATCH);
}
