// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The texts of errors are part of the interface: these helpers let a test say what it expects in one line.
//
//   CHECK(message_of([&] { quantizer.encode(rows(x)); }) == "VectorQuantizer: expected vectors of dimension 64, ...");
//   REQUIRE_THROWS_MESSAGE(std::out_of_range, grid.value(9), "expected an index below 8, found 9");

#include <exception>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

namespace tessera::testing {

/// What `action` throws, in words; empty if it throws nothing. With `message_of<std::out_of_range>(...)` an error of
/// another type passes through and fails the test.
template <class Error = std::exception, class Action>
std::string message_of(Action&& action) {
  try {
    std::forward<Action>(action)();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// Whether `action` throws an `Error` (exactly that type, not one derived from it).
template <class Error, class Action>
bool throws_exactly(Action&& action) {
  try {
    std::forward<Action>(action)();
  } catch (const std::exception& error) {
    return typeid(error) == typeid(Error);
  }
  return false;
}

}  // namespace tessera::testing

/// The expression throws exactly `Error` and its text contains `part`. The expression is evaluated once.
#define REQUIRE_THROWS_MESSAGE(Error, expression, part) TESSERA_THROWS_MESSAGE(REQUIRE, Error, expression, part)
#define CHECK_THROWS_MESSAGE(Error, expression, part) TESSERA_THROWS_MESSAGE(CHECK, Error, expression, part)
#define TESSERA_THROWS_MESSAGE(ASSERTION, Error, expression, part)                                                   \
  do {                                                                                                               \
    bool right_type = false;                                                                                         \
    const std::string thrown_message = ::tessera::testing::message_of([&] {                                          \
      try {                                                                                                          \
        static_cast<void>(expression);                                                                               \
      } catch (const std::exception& error) {                                                                        \
        right_type = typeid(error) == typeid(Error);                                                                 \
        throw;                                                                                                       \
      }                                                                                                              \
    });                                                                                                              \
    INFO("message: " << (thrown_message.empty() ? "(nothing thrown)" : thrown_message) << "\nexpected: " << (part)); \
    ASSERTION(right_type);                                                                                           \
    ASSERTION(::tessera::testing::contains(thrown_message, (part)));                                                 \
  } while (false)
