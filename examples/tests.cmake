# Short runs of the examples, as tests. Python drives those that look at what was written.

tessera_example_test(quickstart quickstart)

find_package(Python3 QUIET COMPONENTS Interpreter)
if(NOT Python3_FOUND)
  message(WARNING "tessera: Python 3 was not found, the tests of the examples' results are left out")
  return()
endif()

# tessera_example_check(<test> <program> <script> <arguments>...): runs tests/<script> with the program's path and a folder.
function(tessera_example_check test program script)
  if(NOT TESSERA_BUILD_TESTS OR NOT TARGET ${program})
    return()
  endif()
  add_test(NAME "${TESSERA_TEST_PREFIX}examples/${test}"
    COMMAND "${Python3_EXECUTABLE}" -B "${CMAKE_CURRENT_SOURCE_DIR}/tests/${script}" $<TARGET_FILE:${program}>
            "${CMAKE_CURRENT_BINARY_DIR}/tests/${test}" ${ARGN})
  set_tests_properties("${TESSERA_TEST_PREFIX}examples/${test}" PROPERTIES LABELS "example" TIMEOUT 300)
endfunction()

foreach(case IN ITEMS fsq vq vq-ema vq-rotation all errors)
  tessera_example_check(tokenize_image_${case} tokenize_image tokenize_image_test.py ${case})
endforeach()
tessera_example_check(train_codebook train_codebook train_codebook_test.py)
foreach(case IN ITEMS contract channels files room errors)
  tessera_example_check(reverb_${case} reverb reverb_test.py ${case})
endforeach()

tessera_example_check(long_memory long_memory long_memory_test.py)
if(NOT TESSERA_SANITIZE)  # its pictures take a minute there
  tessera_example_check(kernel_zoo kernel_zoo kernel_zoo_test.py)
endif()

# With no input of ours, on the distribution's photograph and recordings.
if(EXISTS /usr/share/xplanet/images/earth.jpg)
  tessera_example_test(tokenize_image_photograph tokenize_image --quantizer fsq --codebook-size 64 --patch 16 --steps 5
                       --output {OUTPUT})
  tessera_example_test(train_codebook_photograph train_codebook --codebook-size 16 --iterations 2 --output {OUTPUT})
endif()
if(EXISTS /usr/share/sounds/alsa/Front_Left.wav)
  tessera_example_test(reverb_speech reverb --output {OUTPUT})
  if(NOT TESSERA_SANITIZE)
    tessera_example_test(kernel_zoo_speech kernel_zoo --output {OUTPUT})
  endif()
endif()
