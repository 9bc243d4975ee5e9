// SPDX-License-Identifier: MIT
// Copyright (c) 2026 the tessera authors
#pragma once

// Whether this build checks every memory access. Needs nothing but the compiler: the main object, which has no Eigen,
// includes it too.

#if defined(__SANITIZE_ADDRESS__)
#define TESSERA_TEST_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TESSERA_TEST_SANITIZED
#endif
#endif

namespace tessera::testing {

#if defined(TESSERA_TEST_SANITIZED)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

}  // namespace tessera::testing
