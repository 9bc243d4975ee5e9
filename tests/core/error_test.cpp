// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors

#include <tessera/core/error.hpp>

#include <string>
#include <type_traits>

#include "support/catch.hpp"
#include "support/message.hpp"

using tessera::FileError;
using tessera::NumericalError;
using tessera::raise;
using tessera::require;

TEST_CASE("require throws std::invalid_argument with the formatted sentence, or does nothing", "[error]") {
  CHECK_NOTHROW(require(true, "Test: expected {}", 1));
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, require(false, "Test: expected {} of {}, found {}", 3, "rows", 2.5),
                         "Test: expected 3 of rows, found 2.5");
  REQUIRE_THROWS_MESSAGE(std::invalid_argument, require(false, "Test: expected more"), "Test: expected more");
}

TEST_CASE("raise throws exactly the type that was asked for", "[error]") {
  REQUIRE_THROWS_MESSAGE(std::out_of_range, raise<std::out_of_range>("Test: index {}", 7), "Test: index 7");
  REQUIRE_THROWS_MESSAGE(FileError, raise<FileError>("{}: truncated", std::string("a.npy")), "a.npy: truncated");
  REQUIRE_THROWS_MESSAGE(NumericalError, raise<NumericalError>("Test: singular"), "Test: singular");
}

TEST_CASE("errors of files and of arithmetic are runtime errors apart from each other", "[error]") {
  STATIC_REQUIRE(std::is_base_of_v<std::runtime_error, FileError>);
  STATIC_REQUIRE(std::is_base_of_v<std::runtime_error, NumericalError>);
  STATIC_REQUIRE_FALSE(std::is_base_of_v<FileError, NumericalError>);
  STATIC_REQUIRE_FALSE(std::is_base_of_v<NumericalError, FileError>);
}
