# cmake -DCOMPILER=... -DSOURCE=... -DINCLUDES=... -P check.cmake

file(STRINGS "${SOURCE}" expected REGEX "^// expect: " LIMIT_COUNT 1)
string(REPLACE "// expect: " "" expected "${expected}")
if(expected STREQUAL "")
  message(FATAL_ERROR "expected a line `// expect: <regular expression>` in ${SOURCE}")
endif()

list(TRANSFORM INCLUDES PREPEND "-I")
set(command "${COMPILER}" -std=c++20 -fsyntax-only ${INCLUDES} "${SOURCE}")

execute_process(COMMAND ${command} RESULT_VARIABLE status ERROR_VARIABLE output)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "expected the file to compile without the mistake:\n${output}")
endif()

execute_process(COMMAND ${command} -DMISTAKE RESULT_VARIABLE status ERROR_VARIABLE output)
if(status EQUAL 0)
  message(FATAL_ERROR "the mistake compiles")
elseif(NOT output MATCHES "${expected}")
  message(FATAL_ERROR "expected the compiler to say ${expected}, found:\n${output}")
endif()
