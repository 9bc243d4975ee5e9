// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Catch2 as the machine has it: version 3 if its headers are there, else version 2 (Debian 12 and Ubuntu 22.04). Tests
// use what both have: TEST_CASE, TEMPLATE_TEST_CASE, SECTION, GENERATE, CAPTURE, INFO, CHECK, REQUIRE and their
// relatives, and Catch::Approx. Texts of errors are compared with the helpers of support/message.hpp instead of the
// matchers, whose names differ between the two versions.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_approx.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_adapters.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#else
#include <catch2/catch.hpp>
namespace Catch {
using Detail::Approx;  // the name it has in version 3
}
#endif
