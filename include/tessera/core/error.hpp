// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// The exceptions of tessera and the one way to raise them. A wrong argument is std::invalid_argument, a wrong index
// std::out_of_range, a bad file FileError, arithmetic that cannot go on NumericalError. Each message is one sentence:
// who speaks, what was expected, what was found, for which argument.

#include <stdexcept>
#include <utility>

#include <fmt/core.h>

#include <tessera/core/isa.hpp>

namespace tessera {

/// A file or stream that cannot be read or written, or whose content is not what it claims to be.
class FileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Arithmetic that cannot go on: a sum that overflowed its grid, an iteration that met a singular system.
class NumericalError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace tessera

namespace tessera::inline TESSERA_ISA {

/// Throws `Error` with a formatted message. Out of the hot path on purpose: callers stay small.
template <class Error, class... Arguments>
[[noreturn, gnu::cold, gnu::noinline]] void raise(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  throw Error(fmt::format(format, std::forward<Arguments>(arguments)...));
}

/// `require(size > 0, "Philox: expected a positive size, found {}", size)` throws std::invalid_argument unless `holds`.
template <class... Arguments>
void require(bool holds, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  if (!holds) [[unlikely]]
    raise<std::invalid_argument>(format, std::forward<Arguments>(arguments)...);
}

}  // namespace tessera::inline TESSERA_ISA
