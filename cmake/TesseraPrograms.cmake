# What tessera's own programs (tests, examples, benchmarks) are built with. Nothing here reaches a user of the library.

option(TESSERA_NATIVE "Build the programs for this machine's processor (-march=native)" OFF)
option(TESSERA_WARNINGS_AS_ERRORS "Treat warnings in the programs as errors" OFF)
option(TESSERA_SANITIZE "Build the programs with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(TESSERA_CCACHE "Use ccache if it is installed" ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# The settings are ccache's own conditions for caching units that use a precompiled header.
find_program(TESSERA_CCACHE_PROGRAM ccache)
mark_as_advanced(TESSERA_CCACHE_PROGRAM)
if(TESSERA_CCACHE AND TESSERA_CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${TESSERA_CCACHE_PROGRAM})
endif()

find_package(Threads REQUIRED)

add_library(tessera_warnings INTERFACE)
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  target_compile_options(tessera_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # Its AVX-512 intrinsics read a register they never set, on purpose; seen from Eigen that looks like a mistake. The
    # other compilers still watch for real ones.
    target_compile_options(tessera_warnings INTERFACE -Wno-uninitialized -Wno-maybe-uninitialized)
    # And it sees strings and vectors of bytes copied beyond what they allocated a line before.
    target_compile_options(tessera_warnings INTERFACE -Wno-error=stringop-overflow -Wno-error=array-bounds -Wno-error=restrict)
  endif()
  if(TESSERA_WARNINGS_AS_ERRORS)
    target_compile_options(tessera_warnings INTERFACE -Werror)
  endif()
endif()

add_library(tessera_sanitizers INTERFACE)
if(TESSERA_SANITIZE)
  set(sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_options(tessera_sanitizers INTERFACE ${sanitizers} -g1)
  target_link_options(tessera_sanitizers INTERFACE ${sanitizers})
endif()

add_library(tessera_program INTERFACE)
target_link_libraries(tessera_program INTERFACE tessera::tessera tessera_warnings tessera_sanitizers Threads::Threads)
if(TESSERA_NATIVE)
  include(CheckCXXCompilerFlag)
  check_cxx_compiler_flag(-march=native TESSERA_HAS_MARCH_NATIVE)
  if(TESSERA_HAS_MARCH_NATIVE)
    target_compile_options(tessera_program INTERFACE -march=native)
  endif()
endif()
